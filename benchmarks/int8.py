"""Images per second of a network in 8-bit integers and in fp32, by ONNX Runtime in one process.

    python benchmarks/int8.py                     # ResNet-18 and MobileNetV2 at 224 pixels, untrained
    python benchmarks/int8.py --bundles BUNDLE... # the networks of bundles
    python benchmarks/int8.py --more              # also with convolutions alone in int8
    python benchmarks/int8.py --csv               # the table as results/int8.csv, too; or --csv FILE

The graphs take turns, so that a machine that is busy for a while is busy for all. Threads of ONNX Runtime wait for more
work for some milliseconds, using a core; a pause before each turn keeps those of one graph from the cores of the next.
Speed does not depend on the weights; how accurate a network in int8 is, `skinlesion export` measures. `score` computes
batches of 2 by one thread each. Of the methods of `train.quantize` those are compared that differ in speed.
"""
import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pandas as pd

from common import add_machine, machine
from skinlesion.core import n_cores
from skinlesion.data.prepared import Prepared
from skinlesion.image import InputSpec
from skinlesion.models.export import export_onnx
from skinlesion.models.registry import build_model
from skinlesion.serve.bundle import open_bundle
from skinlesion.serve.predictor import has_exact_bytes, open_session
from skinlesion.synth.sets import sample
from skinlesion.train.quantize import quantize_graph

CALIBRATION_IMAGES = 20
METHODS = (
    'minmax, 7-bit weights', 'minmax', 'minmax, first eighth in fp32', 'minmax, first quarter in fp32',
)
CALM = 0.1 # seconds before a turn
RESULTS = Path(__file__).resolve().parent/'results'/'int8.csv'


def setup():
    "What speed depends on besides the network and the processor, in words"
    exact = 'VNNI or not x86' if has_exact_bytes() else 'no VNNI listed'
    return f'{exact}, ONNX Runtime {ort.__version__}'

def graphs(source, spec, images, folder, more):
    "Name to the .onnx file of each graph of the network in `source`"
    files = {'fp32': source}
    squares = Prepared(images[:CALIBRATION_IMAGES], spec)
    for k, method in enumerate(METHODS):
        files[method] = folder/f'{k}.onnx'
        quantize_graph(source, squares, files[method], method)
    if more:
        files['minmax, convolutions alone'] = folder/'conv.onnx'
        quantize_graph(source, squares, files['minmax, convolutions alone'], 'minmax', operators=('Conv',))
    return files

def milliseconds(files, spec, bs, threads, rounds):
    "Name to the median time of one image, in batches of `bs`"
    sessions = {name: open_session(file, threads) for name, file in files.items()}
    x = np.random.default_rng(0).normal(size=(bs, spec.channels, spec.size, spec.size)).astype(np.float32)
    times = {name: [] for name in files}
    for _ in range(rounds):
        for name, session in sessions.items():
            time.sleep(CALM)
            session.run(None, {'image': x}) # once, for what another graph left in the caches
            began = time.perf_counter()
            session.run(None, {'image': x})
            times[name].append(time.perf_counter() - began)
    return {name: 1000*np.median(values)/bs for name, values in times.items()}

def compare(title, source, spec, images, opts):
    "A row for each graph, batch size and number of threads; printed, too"
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        files = graphs(source, spec, images, Path(folder), opts.more)
        for threads in sorted({1, n_cores()}):
            for bs in opts.bs:
                times = milliseconds(files, spec, bs, threads, opts.rounds)
                for name, ms in times.items():
                    size = Path(files[name]).stat().st_size/1e6
                    row = dict(machine=machine(), setup=setup(), network=title, graph=name)
                    row |= dict(megabytes=round(size, 1), threads=threads, batch=bs)
                    row |= dict(images_per_second=round(1000/ms, 1), of_fp32=round(times['fp32']/ms, 2))
                    rows.append(row)
    print(pd.DataFrame(rows).drop(columns=['machine', 'setup']).to_string(index=False), flush=True)
    return rows

def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--bundles', nargs='*', default=[], help='bundles in fp32')
    parser.add_argument('--archs', nargs='*', default=['resnet18', 'mobilenetv2_100'], help='timm names')
    parser.add_argument('--size', type=int, default=224, help='side of the images, pixels')
    parser.add_argument('--bs', type=int, nargs='*', default=[1, 2, 16], help='images in a batch')
    parser.add_argument('--rounds', type=int, default=15, help='turns of each')
    parser.add_argument('--more', action='store_true', help='also what was tried and is not the default')
    parser.add_argument('--csv', nargs='?', const=RESULTS, type=Path, help='file to write, else results/int8.csv')
    opts = parser.parse_args()
    print(f'{machine()}, {setup()}')
    rows = []
    with tempfile.TemporaryDirectory() as tmp:
        images = sorted(sample(Path(tmp)/'synthetic', n=CALIBRATION_IMAGES, size=opts.size).rglob('*.jpg'))
        for bundle in opts.bundles:
            config = open_bundle(bundle)
            spec = InputSpec(**config['input'])
            title = config['architecture']['name']
            rows += compare(title, Path(bundle)/'model.onnx', spec, images, opts)
        for arch in [] if opts.bundles else opts.archs:
            spec = InputSpec(size=opts.size)
            file = Path(tmp)/f'{arch}.onnx'
            export_onnx(build_model(arch, 2, pretrained=False), spec, file)
            rows += compare(arch, file, spec, images, opts)
    if opts.csv:
        add_machine(opts.csv, rows)
        print(f'written: {opts.csv}')


if __name__ == '__main__': main()
