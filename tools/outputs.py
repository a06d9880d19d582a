"""Run notebooks and save what they print and plot, without what belongs to one machine.

    python tools/outputs.py                # all
    python tools/outputs.py index split    # only notebooks whose path contains one of these
"""
import argparse
import os
import subprocess
import sys
from pathlib import Path

import nbformat
from nbdev.doclinks import nbglob

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
# Warnings name files of this machine, and are no part of a page
ENV = os.environ | {'PYTHONWARNINGS': 'ignore', 'WANDB_MODE': 'offline'}


def tidy(notebook):
    "Remove progress from the outputs of `notebook`: standard error, and all of cells whose output is not shown"
    nb = nbformat.read(notebook, 4)
    for cell in nb.cells:
        if 'outputs' not in cell: continue
        is_hidden = '#| output: false' in cell.source
        cell.outputs = [o for o in cell.outputs if not is_hidden and o.get('name') != 'stderr']
    nbformat.write(nb, notebook)

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('only', nargs='*', default=[''], help='parts of notebook paths')
    only = parser.parse_args().only
    os.chdir(ROOT) # where nbdev looks for its configuration
    notebooks = [nb for nb in sorted(nbglob('nbs', as_path=True)) if any(part in str(nb) for part in only)]
    if not notebooks: sys.exit(f"No notebook in nbs/ matches {' or '.join(only)}")
    for notebook in notebooks:
        done = subprocess.run([BIN/'nbdev-test', notebook, '--save', '--n-workers', '0'], cwd=ROOT, env=ENV)
        if done.returncode: sys.exit(done.returncode)
        tidy(notebook)
    subprocess.run([BIN/'nbdev-clean'], cwd=ROOT, check=True)


if __name__ == '__main__': main()
