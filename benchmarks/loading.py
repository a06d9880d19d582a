"""Our loader compared with fastai's and with bare decoding, on the same files and cores, and its memory.

    python benchmarks/loading.py                           # synthetic images
    python benchmarks/loading.py --data HAM10000           # a folder of real ones, resized to 600 x 450
    python benchmarks/loading.py --data DATA --weights DIR # and how decoding at a fraction changes probabilities

Every round runs each of them once, so that what else the machine does falls on all; ratios are of the medians
over rounds. fastai resizes as we do (`squish`), and neither augments, which costs both the same. We use all cores
by threads, fastai by worker processes; without them it uses one.
"""
import argparse
import io
import multiprocessing
import os
import resource
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from common import command_line, machine, write_csv
from skinlesion.core import n_cores, plural
from skinlesion.data.cases import as_cases
from skinlesion.data.layouts import read_cases
from skinlesion.data.split import split_cases
from skinlesion.image import InputSpec, fit_image, from_square, open_image, square
from skinlesion.models.registry import build_model
from skinlesion.synth.sets import sample
from skinlesion.train.loaders import lesion_dls

IMAGE_SIZE = 224 # side of the model's square, pixels
BATCH_SIZE = 32
RESULTS = Path(__file__).parent/'results'/'loading.csv'


def make_photos(out, n, source=None, size=(600, 450)):
    "`n` JPEG files of `size` from the images below `source`, or from synthetic ones, in one folder"
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as tmp:
        if not source: sample(Path(tmp)/'synthetic', n=min(n, 200), size=size[1])
        files = sorted(Path(source or tmp).rglob('*.jpg'))
        def save(i):
            img = Image.open(files[i%len(files)]).convert('RGB')
            img.resize(size, Image.Resampling.BICUBIC).save(out/f'{i:06}.jpg', quality=90)
        with ThreadPoolExecutor() as pool: list(pool.map(save, range(n)))
    return sorted(out.glob('*.jpg'))

def photo_cases(files):
    "Cases with two classes in turn and a split: every eighth image is for validation"
    paths = [str(f) for f in files]
    labels = ['ab'[i%2] for i in range(len(files))]
    splits = ['valid' if i%8 == 7 else 'train' for i in range(len(files))]
    return as_cases(pd.DataFrame(dict(path=paths, label=labels, group=paths, split=splits)))

def our_dls(cases, cache):
    return lesion_dls(cases, InputSpec(IMAGE_SIZE), BATCH_SIZE, augment='none', cache=cache)

def fastai_dls(cases, num_workers):
    "The loaders of stock fastai"
    from fastai.vision.all import ImageDataLoaders, Normalize, Resize, ResizeMethod, imagenet_stats
    return ImageDataLoaders.from_df(
        cases.table.assign(is_valid=cases.split == 'valid'),
        path='/',
        fn_col='path',
        label_col='label',
        valid_col='is_valid',
        bs=BATCH_SIZE,
        num_workers=num_workers,
        item_tfms=Resize(IMAGE_SIZE, ResizeMethod.Squish),
        batch_tfms=Normalize.from_stats(*imagenet_stats),
    )

def decode(file):
    with Image.open(file) as img: img.load()

def decode_all(cases):
    with ThreadPoolExecutor(n_cores()) as pool: list(pool.map(decode, cases.path))

def run_epoch(dls):
    "An epoch as training has it: all training batches, then all validation ones"
    for dl in (dls.train, dls.valid):
        for _ in dl: pass

def processor_seconds():
    "Processor time so far, of this process and of its workers that have ended"
    total = 0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        total += usage.ru_utime + usage.ru_stime
    return total

def timed(function, *args):
    "Seconds of wall and of processor time"
    wall = time.perf_counter()
    processor = processor_seconds()
    function(*args)
    return time.perf_counter() - wall, processor_seconds() - processor

def speed(cases, rounds=5):
    "Milliseconds an image, wall and processor time: our epochs, fastai's, and decoding alone"
    by_fastai = {f'fastai, {plural(n, "worker")}': fastai_dls(cases, n) for n in (n_cores(), 0)}
    seconds = {}
    for _ in range(rounds):
        ours = our_dls(cases, 'memory')
        calls = {'ours, first epoch': (run_epoch, ours), 'ours, second epoch': (run_epoch, ours)}
        for name, dls in by_fastai.items(): calls[name] = (run_epoch, dls)
        calls['decoding alone'] = (decode_all, cases)
        for name, call in calls.items(): seconds.setdefault(name, []).append(timed(*call))
    rows = {}
    for name, values in seconds.items():
        wall, processor = (statistics.median(column) for column in zip(*values))
        rows[name] = {'wall ms': 1000*wall/len(cases), 'processor ms': 1000*processor/len(cases)}
    return pd.DataFrame(rows).T

def ratios(table):
    "How many times as long as our epochs the others take; `table` from `speed`"
    others = [name for name in table.index if not name.startswith('ours')]
    rows = {}
    for epoch in ('first', 'second'):
        for other in others:
            rows[f'{other} / ours, {epoch} epoch'] = table.loc[other]/table.loc[f'ours, {epoch} epoch']
    return pd.DataFrame(rows).T

def memory(files, sizes, caches=('none', 'memory')):
    "Peak memory in MB of a process that loads so many images twice, by where it caches them"
    rows = {n: {} for n in sizes}
    with tempfile.TemporaryDirectory(dir=files[0].parent) as tmp:
        links = [Path(tmp)/f'{i:06}.jpg' for i in range(max(sizes))]
        for i, link in enumerate(links):
            os.link(files[i%len(files)], link) # by its path, each is another image
        for n in sizes:
            for cache in caches: rows[n][cache] = _peak_in_own_process(links[:n], cache)
    return pd.DataFrame(rows).T.rename_axis('images')

def _peak_in_own_process(files, cache):
    context = multiprocessing.get_context('spawn')
    receiver, sender = context.Pipe()
    process = context.Process(target=_load_twice, args=(photo_cases(files), cache, sender))
    process.start()
    peak = receiver.recv()
    process.join()
    return peak

def _load_twice(cases, cache, sender):
    dls = our_dls(cases, cache)
    for _ in range(2): run_epoch(dls)
    sender.send(peak_memory())

def peak_memory():
    "Most memory that this process ever had, MB"
    status = Path('/proc/self/status') # `getrusage` includes the memory of the process which started this one
    if not status.exists(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/1024
    line, = (line for line in status.read_text().splitlines() if line.startswith('VmHWM'))
    return int(line.split()[1])/1024

def probability_changes(cases, model, side=56):
    "Largest and mean change of a probability, and AUROC, by how JPEG files are decoded"
    spec = replace(model.input_spec, size=side)
    ways = {
        'whole': lambda path: whole_square(path, spec),
        'at a fraction': lambda path: square(path, spec),
        'saved again, quality 90': lambda path: whole_square(saved_again(path), spec),
    }
    is_train = (cases.split == 'train').to_numpy()
    is_test = (cases.split == 'test').to_numpy()
    y = (cases.label == cases.positive).to_numpy()
    x = {name: features(model, [make(path) for path in cases.path], spec) for name, make in ways.items()}
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=.01, max_iter=500))
    probe.fit(x['whole'][is_train], y[is_train])
    probs = {name: probe.predict_proba(x[name][is_test])[:, 1] for name in ways}
    rows = {}
    for name, p in probs.items():
        change = np.abs(p - probs['whole'])
        auroc = roc_auc_score(y[is_test], p)
        rows[name] = {'largest change': change.max(), 'mean change': change.mean(), 'AUROC': auroc}
    return pd.DataFrame(rows).T

def whole_square(source, spec):
    "The square of `source` from the image decoded whole"
    return fit_image(open_image(source), spec).transpose(2, 0, 1)

def saved_again(path):
    "The image as a JPEG file of quality 90"
    file = io.BytesIO()
    open_image(path).save(file, 'JPEG', quality=90)
    return file

def features(model, squares, spec):
    "Embeddings of the squares"
    batches = []
    model.eval()
    with torch.no_grad():
        for start in range(0, len(squares), 64):
            x = torch.from_numpy(from_square(np.stack(squares[start:start+64]), spec))
            maps = model.forward_features(x)
            batches.append(model.forward_head(maps, pre_logits=True).numpy())
    return np.concatenate(batches)

def csv_rows(table, unit):
    "The numbers in `table` as rows of the csv"
    rows = []
    for name,values in table.iterrows():
        for column,value in values.items():
            rows.append(dict(machine=machine(), what=name, measure=column, unit=unit, value=f'{value:.4g}', command=command_line()))
    return rows

def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--data', help='a folder of real images; synthetic ones if left out')
    parser.add_argument('--weights', help='a folder of pretrained weights, for the change of probabilities')
    parser.add_argument('--n', type=int, default=480, help='images to time')
    parser.add_argument('--rounds', type=int, default=5, help='how often each is timed')
    sizes = [1000, 5000, 10_000]
    parser.add_argument('--sizes', type=int, nargs='*', default=sizes, help='numbers of images in memory')
    parser.add_argument('--out', default=RESULTS, help='csv to write')
    opts = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as tmp:
        files = make_photos(tmp, opts.n, opts.data)
        table = speed(photo_cases(files), opts.rounds)
        print(table.round(2), ratios(table).round(2), sep='\n\n')
        rows = csv_rows(table, 'ms/image')
        if opts.sizes:
            peaks = memory(files, opts.sizes)
            print('\npeak memory, MB', peaks.round(0), sep='\n')
            rows += csv_rows(peaks.add_prefix('cache ').rename(lambda n: f'{n} images'), 'MB')
    write_csv(opts.out, rows)
    if opts.weights and opts.data:
        cases = split_cases(read_cases(opts.data, target='binary'))
        model = build_model(f'local-dir:{opts.weights}', 2)
        print('\nprobabilities of the test images', probability_changes(cases, model).round(4), sep='\n')


if __name__ == '__main__': main()
