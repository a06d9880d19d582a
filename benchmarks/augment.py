"""Processor time of each augmentation preset, as a percentage of a ResNet-18 training step on the same batch.

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

BASELINE = 'ResNet-18 step'


def training_step(batch):
    "A function that trains ResNet-18 on `batch` once"
    model = timm.create_model('resnet18', num_classes=2)
    model = model.to(memory_format=torch.channels_last).train()
    batch = batch.contiguous(memory_format=torch.channels_last)
    opt = torch.optim.SGD(model.parameters(), lr=1e-3)
    def step():
        opt.zero_grad()
        model(batch).sum().backward()
        opt.step()
    return step

def augmentation(preset, backend, batch):
    "A function that augments a copy of `batch`"
    tfms = Pipeline(augmentations(preset, backend), split_idx=0)
    return lambda: tfms(TensorImage(batch.clone()))

def contenders(batch):
    "Name to the function that is timed"
    functions = {BASELINE: training_step(batch)}
    for backend in BACKENDS:
        if not importlib.util.find_spec(backend): continue
        for preset in PRESETS: functions[f'{preset}, {backend}'] = augmentation(preset, backend, batch)
    return functions

def processor_seconds(functions, rounds):
    "Median processor time of each of `functions`; in each round all take their turn"
    seconds = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            start = time.process_time()
            function()
            seconds[name].append(time.process_time() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}

def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--bs', type=int, default=16, help='images in a batch')
    parser.add_argument('--size', type=int, default=224, help='side of the images, pixels')
    parser.add_argument('--rounds', type=int, default=5, help='how often each is timed')
    opts = parser.parse_args()
    batch = torch.rand(opts.bs, 3, opts.size, opts.size)
    seconds = processor_seconds(contenders(batch), opts.rounds)
    for name, value in seconds.items():
        print(f'{name:20} {1000*value:6.0f} ms  {value/seconds[BASELINE]:6.1%}')


if __name__ == '__main__': main()
