"""How the work grows with the number of images: core-seconds and memory of each step, each in a process of its own.

    python benchmarks/scale.py                        # synthetic images; about half an hour
    python benchmarks/scale.py --data PHOTOS          # subsets of a folder of real ones
    python benchmarks/scale.py --sizes 100 200        # a short try

The sets of each size are the first images of one, as a table that names them; the largest of `cases` have links to images too. Core-seconds are the time that all cores spent for
the command, as the operating system counts it, so that other work on the machine hardly matters: on n cores a step takes at least an nth of them. The report
is that of a table of predictions alone, without the sections that look at images.
"""
import argparse
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from common import machine, run_alone, write_csv
from predict import image_paths, make_bundle
from skinlesion.core import prob_column
from skinlesion.evaluate.drift import MAX_REFERENCE_IMAGES

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

# How many times as many images as `--sizes` says each step gets: the cheap ones show their growth only with many
FACTORS = {'cases': 64, 'audit': 3, 'start and 1 epoch': 1, 'start and 2 epochs': 1, 'score': 1, 'report': 64, 'drift': 64}

def command_of(step, n, paths, folder):
    "The arguments of Python for `step` with `n` images, where `paths` has so many, and with links to them where it has fewer"
    cli = ('-m', 'skinlesion.cli')
    table = folder/'images.csv'
    if step == 'report':
        write_predictions(n, table)
        return *cli, 'report', table, '--out', folder/'report'
    if step == 'drift':
        reference = folder/'reference.csv'
        write_predictions(MAX_REFERENCE_IMAGES, reference) # as many as a bundle keeps
        write_predictions(n, table)
        return *cli, 'drift', folder.parent/'bundle', table, '--reference', reference
    links = []
    for k in range(len(paths), n):
        links.append(folder/f'{k:07}.jpg')
        links[-1].hardlink_to(paths[k % len(paths)])
    write_table([*paths, *links][:n], table)
    if step in ('cases', 'audit'): return *cli, step, table, '--out', folder/step
    if step == 'score': return *cli, 'score', folder.parent/'bundle', table, '--out', folder/'scores.csv'
    return '-c', TRAIN, table, step.split()[2], folder/'run'

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--data', help='a folder of images; synthetic ones if left out')
    parser.add_argument('--sizes', nargs='*', type=int, default=[250, 500, 1000], help='numbers of images; some steps get more')
    parser.add_argument('--steps', nargs='*', choices=list(FACTORS), default=list(FACTORS), help='only these; the others stay as they are in the csv')
    parser.add_argument('--out', default=RESULTS, help='csv to write')
    opts = parser.parse_args()
    rows = []
    if Path(opts.out).exists():
        before = pd.read_csv(opts.out, dtype=str).to_dict('records')
        rows = [row for row in before if row['step'] not in opts.steps]
    with tempfile.TemporaryDirectory() as tmp:
        tmp = Path(tmp)
        sizes = sorted(opts.sizes)
        n = FACTORS['audit']*sizes[-1]
        photos = image_paths(opts.data, n, tmp/'synthetic')
        if len(photos) < n: raise SystemExit(f'{opts.data}: {len(photos)} images, but --sizes needs {n}')
        paths = [Path(shutil.copy(photo, tmp)) for photo in photos] # links to them need the same file system
        make_bundle('resnet18', paths, tmp/'bundle')
        for step in opts.steps:
            for size in sizes:
                images = FACTORS[step]*size
                folder = tmp/f'{step} {size}'
                folder.mkdir()
                os.environ['SKINLESION_CACHE'] = str(folder/'cache') # an audit that was made before costs nothing
                _,seconds,memory = run_alone(*command_of(step, images, paths, folder))
                row = dict(machine=machine(), images=images, step=step, core_seconds=f'{seconds:.4g}', memory_mb=f'{memory:.4g}')
                rows.append(row)
                print(f'{step:20} {images:8,} images {seconds:9.4g} core-seconds {memory:7.4g} MB', flush=True)
    write_csv(opts.out, rows)


if __name__ == '__main__': main()
