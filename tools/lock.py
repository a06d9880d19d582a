"""Write the requirements of the containers, with versions and hashes, from settings.ini.

    python tools/lock.py           # the files deploy/*.lock (needs the network)
    python tools/lock.py --check   # do they still fulfil what settings.ini and pyproject.toml ask for?
"""
import argparse
import re
import subprocess
import sys
import tempfile
from configparser import ConfigParser
from pathlib import Path

try: import tomllib
except ImportError: import tomli as tomllib
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
EXTRAS = ['serve', 'aws', 'dicom'] # what the image of the service can do
LAMBDA_EXTRAS = ['lambda', 'dicom'] # what the function can do
TRAIN_EXTRAS = ['train', 'wandb', 'aws', 'dicom'] # what the image that trains can do, in addition to the base
TARGET = ['--python-version', '3.12', '--python-platform', 'x86_64-manylinux_2_28'] # what the images start from


def wanted():
    "Lock file to the requirements that it is made from"
    settings = ConfigParser()
    settings.read_string((ROOT/'settings.ini').read_text(encoding='utf-8'))
    project = tomllib.loads((ROOT/'pyproject.toml').read_text(encoding='utf-8'))
    train = [settings['requirements']['base'], *(settings['extras'][name] for name in TRAIN_EXTRAS)]
    lists = {
        'serve.lock': '\n'.join(settings['extras'][name] for name in EXTRAS).split('\n'),
        'lambda.lock': '\n'.join(settings['extras'][name] for name in LAMBDA_EXTRAS).split('\n'),
        'train.lock': '\n'.join(train).split('\n'),
        'build.lock': project['build-system']['requires'],
    }
    # of our own extras `train` alone is named in another, and it is in the list anyway
    return {name: [line for line in lines if line and line != 'skinlesion[train]'] for name,lines in lists.items()}

def write_lock(file, requirements):
    "Resolve `requirements` and write versions and hashes to `file`"
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder)/'requirements.in'
        source.write_text('\n'.join(requirements), encoding='utf-8')
        command = ['uv', 'pip', 'compile', '--quiet', '--generate-hashes', '--no-annotate', '--no-header', '--upgrade',
                   '--no-emit-index-url', '--no-emit-find-links', *TARGET, str(source)]
        locked = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout
    file.write_text('# made by tools/lock.py from settings.ini and pyproject.toml\n' + locked, encoding='utf-8')

def problems(file, requirements):
    "What the lock `file` lacks, a line each"
    pinned = re.findall(r'^([\w.-]+)==([\w.!+]+)', file.read_text(encoding='utf-8'), re.MULTILINE)
    versions = {canonicalize_name(name): version for name,version in pinned}
    for requirement in map(Requirement, requirements):
        if requirement.marker and not requirement.marker.evaluate(dict(python_version=TARGET[1])): continue
        version = versions.get(canonicalize_name(requirement.name))
        if version is None: yield f'{file.name}: has no {requirement.name}'
        elif version not in requirement.specifier: yield f'{file.name}: {requirement.name} {version}, but {requirement}'

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--check', action='store_true', help='change nothing')
    only_check = parser.parse_args().check
    found = []
    for name,requirements in wanted().items():
        file = ROOT/'deploy'/name
        if not only_check: write_lock(file, requirements)
        found += problems(file, requirements)
    if found: sys.exit('\n'.join([*found, 'run `make lock`']))


if __name__ == '__main__': main()
