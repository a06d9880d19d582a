"""Processor time of each augmentation preset, as a share of a ResNet-18 training step on the same batch.

    python benchmarks/augment.py              # 16 images of 224 pixels
    python benchmarks/augment.py --bs 32 --size 128
"""
import argparse
import importlib.util
import statistics
import time

import timm
import torch
from fastai.torch_core import TensorImage
from fasttransform import Pipeline

from skinlesion.train.augment import BACKENDS, PRESETS, augmentations


def training_step(x):
    "A function that trains ResNet-18 on the batch `x` once"
    model = timm.create_model('resnet18', num_classes=2).to(memory_format=torch.channels_last).train()
    opt, x = torch.optim.SGD(model.parameters(), lr=1e-3), x.contiguous(memory_format=torch.channels_last)
    def step():
        opt.zero_grad()
        model(x).sum().backward()
        opt.step()
    return step

def contenders(x):
    "Name to what is timed"
    tried = {'ResNet-18 step': training_step(x)}
    for backend in BACKENDS:
        if not importlib.util.find_spec(backend): continue
        for preset in PRESETS:
            tfms = Pipeline(augmentations(preset, backend), split_idx=0)
            tried[f'{preset}, {backend}'] = lambda tfms=tfms: tfms(TensorImage(x.clone()))
    return tried

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--bs', type=int, default=16, help='images in a batch')
    parser.add_argument('--size', type=int, default=224, help='side, in pixels')
    parser.add_argument('--rounds', type=int, default=5, help='times that each is done, by turns')
    opts = parser.parse_args()
    tried = contenders(torch.rand(opts.bs, 3, opts.size, opts.size))
    spent = {name: [] for name in tried}
    for _ in range(opts.rounds):
        for name, f in tried.items():
            start = time.process_time()
            f()
            spent[name].append(time.process_time() - start)
    middle = {name: statistics.median(t) for name, t in spent.items()}
    for name, t in middle.items(): print(f'{name:20} {1000*t:6.0f} ms  {t/middle["ResNet-18 step"]:6.1%}')


if __name__ == '__main__': main()
