"""Images per second of one training step: ours, stock fastai's, and a loop in bare PyTorch, side by side in one process.

    python benchmarks/training.py                                 # ResNet-18 and MobileNetV2 at 224 pixels, drawn images
    python benchmarks/training.py --data FOLDER --rounds 9
    python benchmarks/training.py --more                          # also with bfloat16, frozen statistics, torch.compile

All train the same network on the same images in memory, in batches that are augmented alike. They take turns, a few steps
each, so that a machine that is busy for a while is busy for all; the first step of a turn does not count. A step is what lies
between the beginnings of two: loading from memory, augmentation, forward, backward, optimiser, and the bookkeeping.
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

from skinlesion.train.augment import augmentations
from skinlesion.data.layouts import read_cases
from skinlesion.train.loaders import NormaliseBatch
from skinlesion.data.split import split_cases
from skinlesion.image import InputSpec, fit_image, open_image
from skinlesion.models.registry import build_model
from skinlesion.synth.sets import sample
from skinlesion.train.learner import FreezeNorm, KeepBest, lesion_learner
from skinlesion.train.run import HistoryLogger
from skinlesion.train.tracking import start_tracker


class At(Transform):
    "A number to what stands there in `values`"
    def __init__(self, values): self.values = values
    def encodes(self, i:int): return self.values[i]

def loaders(cases, spec, bs, steps):
    "`steps` batches to train on, and one small one to validate on"
    rows = cases.sample(bs*steps, replace=len(cases) < bs*steps, random_state=0)
    images = [TensorImage(torch.from_numpy(fit_image(open_image(p), spec).transpose(2, 0, 1).copy())) for p in rows.path]
    targets = [TensorCategory(cases.attrs['classes'].index(c)) for c in rows.label]
    dsets = Datasets(range(len(images)), [[At(images)], [At(targets)]], splits=[range(len(images)), range(2)])
    dls = dsets.dataloaders(bs=bs, num_workers=0, after_batch=[IntToFloatTensor(), *augmentations('dermoscopy'), NormaliseBatch(spec)])
    dls.vocab,dls.spec,dls.cases,dls.soft_labels = cases.attrs['classes'],spec,cases,False
    return dls

class Clock(Callback):
    "When each step begins"
    order = -100
    def before_fit(self): self.began = []
    def before_batch(self):
        if self.training: self.began.append(time.perf_counter())
    def after_train(self): self.began.append(time.perf_counter())

def with_fastai(learn, *cbs):
    clock = Clock()
    learn.remove_cb(ProgressCallback)
    learn.add_cbs([clock, *cbs])
    def turn():
        with learn.no_logging(): learn.fit_one_cycle(1)
        return np.diff(clock.began)
    return turn

def bare(dls, model, channels_last=False, autocast=False, compiled=False):
    if channels_last: model = model.to(memory_format=torch.channels_last)
    opt = torch.optim.AdamW(model.parameters(), 1e-3, fused=True)
    forward = torch.compile(model) if compiled else model
    def turn():
        model.train()
        began = []
        for x,y in dls.train:
            began.append(time.perf_counter())
            x,y = x.as_subclass(torch.Tensor),y.as_subclass(torch.Tensor)
            if channels_last: x = x.contiguous(memory_format=torch.channels_last)
            with torch.autocast(x.device.type, torch.bfloat16, enabled=autocast): logits = forward(x)
            loss = torch.nn.functional.cross_entropy(logits.float(), y)
            loss.backward(); opt.step(); opt.zero_grad()
            loss.item()
        return np.diff([*began, time.perf_counter()])
    return turn

def contenders(dls, arch, out, more):
    def model(): return build_model(arch, len(dls.vocab), pretrained=False)
    def ours(*cbs, precision='auto'):
        learn = lesion_learner(dls, model=model(), precision=precision)
        learn.phase = 'all'
        return with_fastai(learn, HistoryLogger(out, start_tracker('none', out, {}, {})), KeepBest(), *cbs)
    found = dict(ours=ours(), fastai=with_fastai(Learner(dls, model(), CrossEntropyLossFlat(), metrics=accuracy)), bare=bare(dls, model()))
    found['bare, channels last'] = bare(dls, model(), channels_last=True)
    if more:
        found['ours, full precision'] = ours(precision='full')
        found['ours, frozen statistics'] = ours(FreezeNorm())
        found['bare, channels last, bfloat16'] = bare(dls, model(), channels_last=True, autocast=True)
        found['bare, channels last, compiled'] = bare(dls, model(), channels_last=True, compiled=True)
    return found

def measure(turns, rounds, bs):
    "Images per second of each: median, and the quartiles"
    for turn in turns.values(): turn() # memory is allocated, kernels are chosen
    seconds = {name: [] for name in turns}
    for _ in range(rounds):
        for name,turn in turns.items(): seconds[name].extend(turn()[1:])
    return {name: bs/np.quantile(s, (0.5, 0.75, 0.25)) for name,s in seconds.items()}

def compare(arch, cases, opts):
    spec = InputSpec(size=opts.size)
    dls = loaders(cases, spec, opts.bs, opts.steps)
    with tempfile.TemporaryDirectory() as out: rates = measure(contenders(dls, arch, out, opts.more), opts.rounds, opts.bs)
    print(f'{arch}, {opts.size} px, batches of {opts.bs}, {torch.get_num_threads()} threads: images per second, median (quartiles)')
    for name,(middle,low,high) in rates.items(): print(f'  {name:32} {middle:6.1f} ({low:.1f} to {high:.1f})')
    ours,best = rates['ours'][0],max(rates[n][0] for n in ('bare', 'bare, channels last'))
    print(f'  ours is {ours/rates["fastai"][0]:.2f} of fastai and {ours/best:.2f} of the best bare loop', flush=True)

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--data', help='folder of images; drawn ones without it')
    parser.add_argument('--archs', nargs='*', default=['resnet18', 'mobilenetv2_100'], help='timm names')
    parser.add_argument('--size', type=int, default=224)
    parser.add_argument('--bs', type=int, default=32)
    parser.add_argument('--steps', type=int, default=4, help='steps of a turn')
    parser.add_argument('--rounds', type=int, default=7, help='turns of each')
    parser.add_argument('--more', action='store_true', help='also what was tried and is not the default')
    opts = parser.parse_args()
    warnings.filterwarnings('ignore', message='the network was pretrained')
    with tempfile.TemporaryDirectory() as tmp:
        cases = split_cases(read_cases(opts.data or sample(Path(tmp)/'drawn', n=opts.bs*opts.steps, size=opts.size)))
        for arch in opts.archs: compare(arch, cases, opts)


if __name__ == '__main__': main()
