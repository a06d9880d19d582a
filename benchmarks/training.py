"""Images per second of one training step: ours, stock fastai's, and a loop in bare PyTorch, in one process.

    python benchmarks/training.py              # ResNet-18 and MobileNetV2 at 224 pixels, synthetic images
    python benchmarks/training.py --data FOLDER --rounds 9
    python benchmarks/training.py --more       # also with deterministic algorithms, bfloat16, frozen statistics, torch.compile

All train the same network on the same images in memory, in batches that are augmented alike. They take turns, a
few steps each, so that a machine that is busy for a while is busy for all; the first step of a turn does not count. A
step is what lies between the beginnings of two: loading from memory, augmentation, forward, backward, optimiser, and
the bookkeeping.
"""
import argparse
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from fastai.callback.core import Callback
from fastai.callback.progress import ProgressCallback
from fastai.data.core import Datasets
from fastai.data.transforms import IntToFloatTensor
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from fastai.metrics import accuracy
from fastai.torch_core import TensorCategory, TensorImage
from fasttransform import Transform

from common import command_line, machine, write_csv
from skinlesion.data.layouts import read_cases
from skinlesion.data.split import split_cases
from skinlesion.image import InputSpec, fit_image, open_image
from skinlesion.models.registry import build_model
from skinlesion.synth.sets import sample
from skinlesion.train.augment import augmentations
from skinlesion.train.learner import FreezeNorm, KeepBest, lesion_learner
from skinlesion.train.loaders import NormaliseBatch
from skinlesion.train.run import HistoryLogger
from skinlesion.train.seeding import deterministic_algorithms
from skinlesion.train.tracking import start_tracker

RESULTS = Path(__file__).parent/'results'/'training.csv'


class Lookup(Transform):
    "A number to the value at this place of `values`"
    def __init__(self, values): self.values = values
    def encodes(self, i:int): return self.values[i]

def loaders(cases, spec, bs, steps):
    "`steps` batches to train on, and one small one to validate on"
    n = bs*steps
    rows = cases.table.sample(n, replace=len(cases) < n, random_state=0)
    images = []
    for path in rows.path:
        pixels = fit_image(open_image(path), spec).transpose(2, 0, 1).copy()
        images.append(TensorImage(torch.from_numpy(pixels)))
    targets = [TensorCategory(cases.classes.index(label)) for label in rows.label]
    dsets = Datasets(range(n), [[Lookup(images)], [Lookup(targets)]], splits=[range(n), range(2)])
    after_batch = [IntToFloatTensor(), *augmentations('dermoscopy'), NormaliseBatch(spec)]
    dls = dsets.dataloaders(bs=bs, num_workers=0, after_batch=after_batch)
    dls.vocab = cases.classes
    dls.spec = spec
    dls.cases = cases
    dls.soft_labels = False
    return dls

class StepClock(Callback):
    "When each step begins, and when the last one ends"
    order = -100
    def before_fit(self): self.times = []
    def before_batch(self):
        if self.training: self.times.append(time.perf_counter())
    def after_train(self): self.times.append(time.perf_counter())

def learner_turn(learn, *cbs):
    "A function that trains `learn` for one turn and returns the seconds of each step"
    clock = StepClock()
    learn.remove_cb(ProgressCallback)
    learn.add_cbs([clock, *cbs])
    def turn():
        with learn.no_logging(): learn.fit_one_cycle(1)
        return np.diff(clock.times)
    return turn

def our_turn(dls, model, out, *cbs, precision='auto'):
    "The same for a learner as `skinlesion train` has it"
    learn = lesion_learner(dls, model=model, precision=precision)
    learn.phase = 'all'
    history = HistoryLogger(out, start_tracker('none', out, {}, {}))
    return learner_turn(learn, history, KeepBest(), *cbs)

def deterministic_turn(turn):
    def deterministic():
        with deterministic_algorithms(): return turn()

    return deterministic

def fastai_turn(dls, model):
    "The same for a stock learner"
    return learner_turn(Learner(dls, model, CrossEntropyLossFlat(), metrics=accuracy))

def bare_turn(dls, model, channels_last=False, bfloat16=False, compiled=False):
    "The same for a loop in PyTorch alone"
    if channels_last: model = model.to(memory_format=torch.channels_last)
    opt = torch.optim.AdamW(model.parameters(), 1e-3, fused=True)
    forward = torch.compile(model) if compiled else model
    def step(x, y):
        if channels_last: x = x.contiguous(memory_format=torch.channels_last)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=bfloat16): logits = forward(x)
        loss = torch.nn.functional.cross_entropy(logits.float(), y)
        loss.backward()
        opt.step()
        opt.zero_grad()
        loss.item()
    def turn():
        model.train()
        times = []
        for x, y in dls.train:
            times.append(time.perf_counter())
            step(x.as_subclass(torch.Tensor), y.as_subclass(torch.Tensor))
        times.append(time.perf_counter())
        return np.diff(times)
    return turn

def contenders(dls, arch, out, more):
    "Name to the function that trains for one turn"
    def model(): return build_model(arch, len(dls.vocab), pretrained=False)
    turns = {
        'ours': our_turn(dls, model(), out),
        'fastai': fastai_turn(dls, model()),
        'bare': bare_turn(dls, model()),
        'bare, channels last': bare_turn(dls, model(), channels_last=True),
    }
    if more:
        turns['ours, full precision'] = our_turn(dls, model(), out, precision='full')
        turns['ours, deterministic'] = deterministic_turn(turns['ours'])
        turns['ours, frozen statistics'] = our_turn(dls, model(), out, FreezeNorm())
        turns['bare, channels last, bfloat16'] = bare_turn(dls, model(), channels_last=True, bfloat16=True)
        turns['bare, channels last, compiled'] = bare_turn(dls, model(), channels_last=True, compiled=True)
    return turns

def images_per_second(turns, rounds, bs):
    "Name to median and lower and upper quartile"
    for turn in turns.values(): turn() # memory is allocated, kernels are chosen
    seconds = {name: [] for name in turns}
    for _ in range(rounds):
        for name, turn in turns.items(): seconds[name].extend(turn()[1:])
    return {name: bs/np.quantile(values, (0.5, 0.75, 0.25)) for name, values in seconds.items()}

def compare(arch, cases, opts):
    "A row of the csv for each contender; all is printed"
    dls = loaders(cases, InputSpec(size=opts.size), opts.bs, opts.steps)
    with tempfile.TemporaryDirectory() as out:
        turns = contenders(dls, arch, out, opts.more)
        rates = images_per_second(turns, opts.rounds, opts.bs)
    setting = f'{arch}, {opts.size} px, batches of {opts.bs}, {torch.get_num_threads()} threads'
    print(f'{setting}: images per second, median (quartiles)')
    for name, (median, low, high) in rates.items():
        print(f'  {name:32} {median:6.1f} ({low:.1f} to {high:.1f})')
    medians = {name: rate[0] for name, rate in rates.items()}
    best_bare = max(medians['bare'], medians['bare, channels last'])
    of_fastai = medians['ours']/medians['fastai']
    of_bare = medians['ours']/best_bare
    print(f'  ours is {of_fastai:.2f} of fastai and {of_bare:.2f} of the best bare loop', flush=True)
    about = dict(machine=machine(), arch=arch, size=opts.size, batch=opts.bs, threads=torch.get_num_threads())
    rows = []
    for name,rate in rates.items():
        median,low,high = (f'{value:.4g}' for value in rate)
        rows.append(about | dict(loop=name, unit='images/s', median=median, quartile_1=low, quartile_3=high, command=command_line()))
    return rows

def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--data', help='folder of images; synthetic ones if left out')
    parser.add_argument('--archs', nargs='*', default=['resnet18', 'mobilenetv2_100'], help='timm names')
    parser.add_argument('--size', type=int, default=224, help='side of the images, pixels')
    parser.add_argument('--bs', type=int, default=32, help='images in a batch')
    parser.add_argument('--steps', type=int, default=4, help='steps of a turn')
    parser.add_argument('--rounds', type=int, default=7, help='turns of each')
    parser.add_argument('--more', action='store_true', help='also what was tried and is not the default')
    parser.add_argument('--out', default=RESULTS, help='csv to write')
    opts = parser.parse_args()
    warnings.filterwarnings('ignore', message='the network was pretrained')
    with tempfile.TemporaryDirectory() as tmp:
        n = max(20, opts.bs*opts.steps) # the smallest synthetic set has 20 images
        data = opts.data or sample(Path(tmp)/'synthetic', n=n, size=opts.size)
        cases = split_cases(read_cases(data))
        rows = []
        for arch in opts.archs: rows += compare(arch, cases, opts)
    write_csv(opts.out, rows)


if __name__ == '__main__': main()
