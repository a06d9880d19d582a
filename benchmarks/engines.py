"""`skinlesion score` by Ray and on its own: the same images, cores and bundle, and the same table to the bit.

    python benchmarks/engines.py                     # 20,000 images by a ResNet-18; about 18 minutes on two calm cores
    python benchmarks/engines.py --arch mobilenetv2_100    # a faster network, next to whose time the start of the cluster counts for more
    python benchmarks/engines.py --n 2000            # a short try

A table names some hundred synthetic images of 64 to 224 pixels again and again. Each round runs one after the other, so that what else
the machine does falls on all; ratios are of the medians over rounds. `ray` starts a cluster for the command. *Whole* is the command from its start to its end, *steady* from the first part that is written on. Needs the extras `train` and `ray`.
"""
import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import torch

from common import machine, write_csv
from skinlesion.image import InputSpec
from skinlesion.models.inference import run_model
from skinlesion.models.registry import build_model
from skinlesion.postprocess import embedding_reference
from skinlesion.serve.batch import PART_IMAGES
from skinlesion.serve.bundle import save_bundle
from skinlesion.synth.lesion import draw_lesion

ENGINES = ('local', 'ray')
SIZES = (64, 96, 128, 160, 192, 224)
RESULTS = Path(__file__).parent/'results'/'engines.csv'


def make_images(folder, n):
    "`n` synthetic images"
    folder.mkdir()
    paths = []
    for k in range(n):
        paths.append(folder/f'{k:04}.jpg')
        draw_lesion(k%2 == 1, size=SIZES[k % len(SIZES)], rng=k).save(paths[-1])
    return paths

def make_bundle(arch, paths, out):
    "A bundle with random weights"
    torch.manual_seed(0)
    model = build_model(arch, pretrained=False).eval()
    spec = InputSpec(size=224)
    _,embeddings = run_model(model, paths, spec)
    reference = embedding_reference(embeddings, [k%2 for k in range(len(paths))], embeddings)
    return save_bundle(model, out, ['benign', 'malignant'], spec, reference, 'malignant')

def has_part(out):
    "Whether a part of the table `out` is written, by either engine"
    folder = Path(f'{out}.parts')
    return any(folder.glob('0*.csv')) or any('.pending' not in file.name for file in (folder/'checkpoint').glob('*.parquet'))

def timed(engine, bundle, table, out, n):
    "Images per second of the whole command, and from its first part on"
    command = [sys.executable, '-m', 'skinlesion.cli', 'score', bundle, table, '--out', out, '--engine', engine, '--quiet']
    began = time.perf_counter()
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL)
    first = None
    while process.poll() is None:
        if first is None and has_part(out): first = time.perf_counter()
        time.sleep(0.05)
    if process.returncode: raise SystemExit(f'--engine {engine} ended with {process.returncode}')
    ended = time.perf_counter()
    return n/(ended - began), (n - PART_IMAGES)/(ended - first)

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--n', type=int, default=20_000, help='images; at least some thousand')
    parser.add_argument('--files', type=int, default=300, help='image files among them')
    parser.add_argument('--arch', default='resnet18', help='the rows of others stay in the csv')
    parser.add_argument('--rounds', type=int, default=1)
    parser.add_argument('--out', default=RESULTS, help='csv to write')
    opts = parser.parse_args()
    rows = []
    if Path(opts.out).exists():
        before = pd.read_csv(opts.out, dtype=str).to_dict('records')
        rows = [row for row in before if row['arch'] != opts.arch]
    def add(measure, value, unit):
        rows.append(dict(machine=machine(), arch=opts.arch, images=opts.n, measure=measure, value=f'{value:.4g}', unit=unit))
        print(f'{measure:32} {value:9.4g} {unit}', flush=True)

    with tempfile.TemporaryDirectory() as tmp:
        folder = Path(tmp)
        paths = make_images(folder/'images', opts.files)
        bundle = make_bundle(opts.arch, paths[:12], folder/'bundle')
        table = folder/'table.csv'
        table.write_text('\n'.join(['path,patient', *(f'{paths[k % len(paths)]},{k}' for k in range(opts.n))]))
        whole = {engine: [] for engine in ENGINES}
        steady = {engine: [] for engine in ENGINES}
        for number in range(opts.rounds):
            order = ENGINES if number%2 == 0 else ENGINES[::-1]
            for engine in order:
                out = folder/f'{engine}.csv'
                out.unlink(missing_ok=True)
                in_all,later = timed(engine, bundle, table, out, opts.n)
                whole[engine].append(in_all)
                steady[engine].append(later)
                print(f'round {number+1}, {engine}: {in_all:.4g} images/s, {later:.4g} from the first part on', flush=True)
            tables = {(folder/f'{engine}.csv').read_bytes() for engine in ENGINES}
            if len(tables) != 1: raise SystemExit('the tables differ')
        for name,measured in (('whole', whole), ('steady', steady)):
            medians = {engine: statistics.median(measured[engine]) for engine in ENGINES}
            for engine in ENGINES: add(f'{engine}, {name}', medians[engine], 'images/s')
            add(f'ray / local, {name}', medians['ray']/medians['local'], 'x')
    write_csv(opts.out, rows)


if __name__ == '__main__': main()
