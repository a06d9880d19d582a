"""Our loader beside fastai's and beside bare decoding, on the same files and cores; memory by the number of images.

    python benchmarks/loading.py                              # drawn images
    python benchmarks/loading.py --data HAM10000_FOLDER       # real ones, resized to 600 x 450 as the published set has them
    python benchmarks/loading.py --data DATA --weights DIR    # and what decoding at a fraction does to probabilities

Every round runs each of them once, so that what else the machine does falls on all; ratios are of the medians over rounds. fastai
resizes as we do (`squish`), and neither augments, which costs both the same. We use all cores by threads, fastai by worker
processes; without them it uses one.
"""
import argparse
import io
import itertools
import multiprocessing
import os
import platform
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

from skinlesion.core import plural
from skinlesion.data.layouts import read_cases
from skinlesion.train.loaders import lesion_dls
from skinlesion.data.split import split_cases
from skinlesion.image import InputSpec, fit_image, from_square, open_image, square
from skinlesion.models.registry import build_model
from skinlesion.synth.sets import sample

SIZE,BS = 224,32


def machine():
    "The processor, and how many cores of it"
    info = Path('/proc/cpuinfo')
    names = [l.split(':')[1].strip() for l in info.read_text().splitlines() if l.startswith('model name')] if info.exists() else []
    return f'{names[0] if names else platform.processor()}, {cores()} cores'

def cores(): return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()

def photos(out, n, source=None, size=(600, 450)):
    "`n` JPEG files of `size` from the images below `source`, or from drawn ones, in one folder"
    with tempfile.TemporaryDirectory() as tmp:
        if not source: sample(Path(tmp)/'drawn', n=min(n, 200), size=size[1])
        files = sorted(Path(source or tmp).rglob('*.jpg'))
        Path(out).mkdir(parents=True, exist_ok=True)
        def one(i): Image.open(files[i%len(files)]).convert('RGB').resize(size, Image.Resampling.BICUBIC).save(Path(out)/f'{i:06}.jpg', quality=90)
        with ThreadPoolExecutor() as pool: list(pool.map(one, range(n)))
    return sorted(Path(out).glob('*.jpg'))

def as_cases(files):
    "Cases with a split: every eighth image is for validation"
    labels,splits = (['a', 'b']*len(files))[:len(files)],['valid' if k%8 == 7 else 'train' for k in range(len(files))]
    return pd.DataFrame(dict(path=[str(f) for f in files], label=labels, group=[str(f) for f in files], split=splits))

def our_dls(cases, cache): return lesion_dls(cases, InputSpec(SIZE), BS, augment='none', cache=cache)

def fastai_dls(cases, num_workers):
    "The loaders of stock fastai"
    from fastai.vision.all import ImageDataLoaders, Normalize, Resize, ResizeMethod, imagenet_stats
    frame = cases.table.assign(is_valid=cases.split == 'valid')
    return ImageDataLoaders.from_df(frame, path='/', fn_col='path', label_col='label', valid_col='is_valid', bs=BS, num_workers=num_workers,
                                    item_tfms=Resize(SIZE, ResizeMethod.Squish), batch_tfms=Normalize.from_stats(*imagenet_stats))

def decode(file):
    with Image.open(file) as img: img.load()

def decode_all(cases):
    with ThreadPoolExecutor(cores()) as pool: list(pool.map(decode, cases.path))

def epoch(dls):
    "An epoch as training has it: all training batches, then all validation ones"
    for dl in (dls.train, dls.valid):
        for _ in dl: pass

def spent(work, *args):
    "Seconds of wall and of processor time, with that of worker processes"
    def busy(): return sum(getattr(resource.getrusage(who), k) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN) for k in ('ru_utime', 'ru_stime'))
    wall,cpu = time.perf_counter(),busy()
    work(*args)
    return time.perf_counter() - wall, busy() - cpu

def speed(cases, rounds=5):
    "Milliseconds an image, wall and processor time: our epochs, fastai's with and without workers, and decoding alone"
    times,theirs = {},{f'fastai, {plural(w, "worker")}': fastai_dls(cases, w) for w in (cores(), 0)}
    for _ in range(rounds):
        ours = our_dls(cases, 'memory')
        works = {f'ours, {k} epoch': (epoch, ours) for k in ('first', 'second')} | {k: (epoch, v) for k,v in theirs.items()}
        for name,(work,arg) in (works | {'decoding alone': (decode_all, cases)}).items(): times.setdefault(name, []).append(spent(work, arg))
    n = 1000/len(cases)
    return pd.DataFrame({k: [statistics.median(o)*n for o in zip(*v)] for k,v in times.items()}, index=['wall ms', 'processor ms']).T

def ratios(table):
    "How many times as long as our epochs the others take"
    others = [k for k in table.index if not k.startswith('ours')]
    return pd.DataFrame({f'{o} / ours, {k} epoch': table.loc[o]/table.loc[f'ours, {k} epoch'] for k in ('first', 'second') for o in others}).T

def memory(files, sizes, caches=('none', 'memory')):
    "Peak memory in MB of a process that goes through so many images twice, by where it keeps them"
    context,rows = multiprocessing.get_context('spawn'),{}
    with tempfile.TemporaryDirectory(dir=files[0].parent) as tmp:
        many = [Path(tmp)/f'{k:06}.jpg' for k in range(max(sizes))]
        for k,f in enumerate(many): os.link(files[k%len(files)], f) # by its path, each is another image
        for n,cache in itertools.product(sizes, caches):
            here,there = context.Pipe()
            process = context.Process(target=_peak, args=(as_cases(many[:n]), cache, there))
            process.start(); rows.setdefault(n, {})[cache] = here.recv(); process.join()
    return pd.DataFrame(rows).T.rename_axis('images')

def _peak(cases, cache, pipe):
    dls = our_dls(cases, cache)
    for _ in range(2): epoch(dls)
    pipe.send(peak())

def peak():
    "Most memory that this process ever had, MB; what `getrusage` says includes that of the process which started it"
    status = Path('/proc/self/status')
    if not status.exists(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/1024
    return next(int(l.split()[1]) for l in status.read_text().splitlines() if l.startswith('VmHWM'))/1024

def probabilities_moved(cases, model, side=56):
    "Largest and mean change of a probability, and AUROC, when JPEG files are decoded at a fraction, or saved once more before"
    spec = replace(model.input_spec, size=side)
    ways = {'whole': lambda p: whole(p, spec), 'at a fraction': lambda p: square(p, spec), 'saved again, quality 90': lambda p: whole(saved_again(p), spec)}
    train,test = ((cases.split == s).to_numpy() for s in ('train', 'test'))
    y = (cases.label == cases.positive).to_numpy()
    found = {name: features(model, [make(p) for p in cases.path], spec) for name,make in ways.items()}
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=.01, max_iter=500)).fit(found['whole'][train], y[train])
    p = {name: probe.predict_proba(x[test])[:, 1] for name,x in found.items()}
    moved = {name: np.abs(o - p['whole']) for name,o in p.items()}
    return pd.DataFrame({k: [moved[k].max(), moved[k].mean(), roc_auc_score(y[test], p[k])] for k in p}, index=['largest change', 'mean change', 'AUROC']).T

def whole(source, spec): return fit_image(open_image(source), spec).transpose(2, 0, 1)

def saved_again(path):
    open_image(path).save(file := io.BytesIO(), 'JPEG', quality=90)
    return file

def features(model, squares, spec):
    "What the network makes of the squares, before its last layer"
    found = []
    with torch.no_grad():
        for k in range(0, len(squares), 64):
            x = torch.from_numpy(from_square(np.stack(squares[k:k+64]), spec))
            found.append(model.eval().forward_head(model.forward_features(x), pre_logits=True).numpy())
    return np.concatenate(found)

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--data', help='a folder of real images; drawn ones if left out')
    parser.add_argument('--weights', help="a folder of pretrained weights, for what decoding at a fraction does to probabilities")
    parser.add_argument('--n', type=int, default=480, help='images to time')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--sizes', type=int, nargs='*', default=[1000, 5000, 10_000], help='numbers of images to take the memory of')
    opts = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as tmp:
        files = photos(tmp, opts.n, opts.data)
        table = speed(as_cases(files), opts.rounds)
        print(table.round(2), ratios(table).round(2), sep='\n\n')
        if opts.sizes: print('\npeak memory, MB', memory(files, opts.sizes).round(0), sep='\n')
    if opts.weights and opts.data:
        model = build_model(f'local-dir:{opts.weights}', 2)
        print('\nprobabilities of the test images', probabilities_moved(split_cases(read_cases(opts.data, target='binary')), model).round(4), sep='\n')


if __name__ == '__main__': main()
