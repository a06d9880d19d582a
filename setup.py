"Requirements come from settings.ini; all other metadata is in pyproject.toml"
from configparser import ConfigParser
from pathlib import Path

from setuptools import setup

settings = ConfigParser()
settings.read_string(Path(__file__).with_name('settings.ini').read_text(encoding='utf-8'))
setup(
    install_requires=settings['requirements']['base'].strip().splitlines(),
    extras_require={name: reqs.strip().splitlines() for name, reqs in settings['extras'].items()},
)
