"""How the work grows with the number of images: core-seconds and memory of each step, each in a process of its own.

    python benchmarks/scale.py                        # 500 to 4,000 synthetic images; about half an hour
    python benchmarks/scale.py --data PHOTOS          # subsets of a folder of real ones
    python benchmarks/scale.py --sizes 100 200        # a short try

The sets of each size are the first images of one, as a table that names them. Core-seconds are the time that all cores spent for
the command, as the operating system counts it, so that other work on the machine hardly matters: on n cores a step takes at least an nth of them. The report
is that of a table of predictions alone, without the sections that look at images.
"""
import argparse
import os
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from common import machine, run_alone, write_csv
from predict import image_paths, make_bundle
from skinlesion.core import prob_column

RESULTS = Path(__file__).parent/'results'/'scale.csv'
CLASSES = ('benign', 'malignant')
TRAIN = '''
import sys
from skinlesion.data.layouts import read_cases
from skinlesion.data.split import split_cases
from skinlesion.train.recipe import make_recipe
from skinlesion.train.run import fit_run
table,epochs,out = sys.argv[1:]
recipe = make_recipe(arch='resnet18', pretrained=False, size=128, epochs=int(epochs), precision='full', cache='none')
fit_run(recipe, split_cases(read_cases(table)), out)
'''


def write_table(paths, file):
    "A table of cases; each image is of a lesion of its own, and every third is malignant"
    rows = dict(
        path=[path.absolute() for path in paths],
        label=[CLASSES[k % 3 == 0] for k in range(len(paths))],
        lesion_id=[f'lesion-{k}' for k in range(len(paths))],
    )
    pd.DataFrame(rows).to_csv(file, index=False)

def write_predictions(n, file):
    "A table of `n` predictions that are better than chance"
    rng = np.random.default_rng(0)
    is_malignant = rng.random(n) < 1/3
    logits = rng.normal(2*is_malignant - 1, 1.5)
    p = 1/(1 + np.exp(-logits))
    rows = dict(path=[f'{k:07}.jpg' for k in range(n)], label=np.where(is_malignant, CLASSES[1], CLASSES[0]))
    table = pd.DataFrame(rows)
    for label,values in zip(CLASSES, (1-p, p)): table[prob_column(label)] = values
    table.to_csv(file, index=False)

def measure(n, paths, folder, add):
    "Each step with the first `n` of `paths`"
    table = folder/'images.csv'
    predictions = folder/'predictions.csv'
    write_table(paths[:n], table)
    write_predictions(n, predictions)
    cli = ('-m', 'skinlesion.cli')
    steps = {
        'cases': (*cli, 'cases', table, '--out', folder/'cases.csv'),
        'audit': (*cli, 'audit', table, '--out', folder/'audit'),
        'start and 1 epoch': ('-c', TRAIN, table, 1, folder/'one'),
        'start and 2 epochs': ('-c', TRAIN, table, 2, folder/'two'),
        'score': (*cli, 'score', folder.parent/'bundle', table, '--out', folder/'scores.csv'),
        'report': (*cli, 'report', predictions, '--out', folder/'report'),
    }
    os.environ['SKINLESION_CACHE'] = str(folder/'cache') # an audit that was made before costs nothing
    for step,command in steps.items(): add(step, n, *run_alone(*command)[1:])

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--data', help='a folder of images; synthetic ones if left out')
    parser.add_argument('--sizes', nargs='*', type=int, default=[500, 1000, 2000, 4000], help='numbers of images')
    parser.add_argument('--out', default=RESULTS, help='csv to write')
    opts = parser.parse_args()
    rows = []
    def add(step, n, seconds, size):
        rows.append(dict(machine=machine(), images=n, step=step, core_seconds=f'{seconds:.4g}', memory_mb=f'{size:.4g}'))
        print(f'{step:20} {n:8,} images {seconds:9.4g} core-seconds {size:7.4g} MB', flush=True)

    with tempfile.TemporaryDirectory() as tmp:
        tmp = Path(tmp)
        n = max(opts.sizes)
        paths = image_paths(opts.data, n, tmp/'synthetic')
        if len(paths) < n: raise SystemExit(f'{opts.data}: {len(paths)} images, but --sizes asks for {n}')
        make_bundle('resnet18', paths, tmp/'bundle')
        for size in sorted(opts.sizes):
            folder = tmp/str(size)
            folder.mkdir()
            measure(size, paths, folder, add)
    write_csv(opts.out, rows)


if __name__ == '__main__': main()
