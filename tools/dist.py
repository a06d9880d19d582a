"""Build what a release publishes, the source archive and from it the wheel, and check that it is whole.

    python tools/dist.py
"""
import shutil
import subprocess
import sys
import tempfile
import zipfile
from configparser import ConfigParser
from email import message_from_bytes
from pathlib import Path

from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ['setup.py', 'pyproject.toml', 'settings.ini', 'README.md', 'LICENSE', 'MANIFEST.in']


def build(out):
    "The wheel that is made of a copy of the sources, in the folder `out`; offline, with the setuptools that is installed"
    with tempfile.TemporaryDirectory() as copy:
        for name in SOURCES: shutil.copy(ROOT/name, copy)
        shutil.copytree(ROOT/'skinlesion', Path(copy)/'skinlesion', ignore=shutil.ignore_patterns('__pycache__'))
        command = [sys.executable, '-m', 'build', '--no-isolation', '--outdir', str(out), copy]
        done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode: sys.exit(f'{done.stdout}\nthe wheel cannot be built')
    wheel, = Path(out).glob('*.whl')
    return wheel

def problems(wheel):
    "What is missing in the `wheel`, or too much, a line each"
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
        metadata_name, = [name for name in packed if name.endswith('.dist-info/METADATA')]
        metadata = message_from_bytes(archive.read(metadata_name))
    sources = {p.relative_to(ROOT).as_posix() for p in (ROOT/'skinlesion').rglob('*') if p.is_file() and '__pycache__' not in p.parts}
    packed = {name for name in packed if '.dist-info/' not in name}
    for name in sorted(sources - packed): yield f'{name}: is not in the wheel; name its kind in [tool.setuptools.package-data] of pyproject.toml'
    for name in sorted(packed - sources): yield f'{name}: is in the wheel, and not in the package'
    if 'skinlesion/py.typed' not in packed: yield 'skinlesion/py.typed: is missing; without it type checkers ignore all annotations'
    if metadata.get_payload().strip() != (ROOT/'README.md').read_text(encoding='utf-8').strip(): yield 'the description is not README.md'
    settings = ConfigParser()
    settings.read(ROOT/'settings.ini', encoding='utf-8')
    extras = set(map(canonicalize_name, settings['extras']))
    if set(metadata.get_all('Provides-Extra')) != extras: yield 'the extras are not those of settings.ini'

def main():
    with tempfile.TemporaryDirectory() as out: missing = list(problems(build(out)))
    if missing: sys.exit('\n'.join(missing))


if __name__ == '__main__': main()
