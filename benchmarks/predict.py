"""One image and many, from a bundle and by fastai, on the same files, cores and random weights.

    python benchmarks/predict.py                    # synthetic images; about five minutes
    python benchmarks/predict.py --data PHOTOS      # a folder of real ones
    python benchmarks/predict.py --n 32 --rounds 1 --memory 0    # a short try

Every round runs each of them in turn, so that what else the machine does falls on all; ratios are of the medians over rounds.
*Bare* is what cannot be avoided: Pillow that decodes and resizes a file, and ONNX Runtime on a ready batch. The limit of `score` is
what all cores would do with nothing but these two, from the time each takes on one core. fastai resizes as we do (`squish`), and has as
many worker processes and threads as there are cores. The memory of `score` for 1,000 and 50,000 images is measured with a small input, for it
depends on the number of images only by what is kept of each.
"""
import argparse
import statistics
import tempfile
import time
from itertools import islice
from pathlib import Path

import fastai.callback.progress # gives Learner `no_bar`
import numpy as np
import onnxruntime as ort
import torch
from fastai.data.transforms import Normalize
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from fastai.vision.augment import Resize, ResizeMethod
from fastai.vision.core import imagenet_stats
from fastai.vision.data import ImageDataLoaders
from PIL import Image

from common import add_machine, machine, run_alone
from skinlesion.core import n_cores
from skinlesion.image import InputSpec, prepare
from skinlesion.models.inference import run_model
from skinlesion.models.registry import build_model
from skinlesion.postprocess import embedding_reference
from skinlesion.serve.batch import score
from skinlesion.serve.bundle import save_bundle
from skinlesion.serve.predictor import BATCH_SIZE, Predictor
from skinlesion.serve.sources import source_images
from skinlesion.synth.sets import sample

ARCHS = ('resnet18', 'mobilenetv2_100')
SPEC = InputSpec(size=224)
SMALL = InputSpec(size=32)
RESULTS = Path(__file__).parent/'results'/'predict.csv'
CALM = 0.5 # seconds between two ways


def seconds(function, *args):
    began = time.perf_counter()
    function(*args)
    return time.perf_counter() - began

def decode(path):
    "Decode and resize with Pillow alone"
    return np.asarray(Image.open(path).convert('RGB').resize((SPEC.size, SPEC.size), Image.Resampling.BILINEAR))

def session(bundle, threads=None):
    "ONNX Runtime on the graph of `bundle`, as it comes or with a number of threads"
    options = ort.SessionOptions()
    if threads: options.intra_op_num_threads = threads
    return ort.InferenceSession(str(bundle/'model.onnx'), options, providers=['CPUExecutionProvider'])

def image_paths(data, n, folder):
    "`n` images of the folder `data`, or synthetic ones in `folder`"
    if not data: data = sample(folder, n=n, size=224)
    return [Path(image.path) for image in islice(source_images(data), n)]

def make_bundle(arch, paths, out, spec=SPEC):
    "A bundle with random weights, and its network"
    torch.manual_seed(0)
    model = build_model(arch, pretrained=False).eval()
    few = paths[:12]
    _,embeddings = run_model(model, few, spec)
    reference = embedding_reference(embeddings, [k%2 for k in range(len(few))], embeddings)
    return save_bundle(model, out, ['benign', 'malignant'], spec, reference, 'malignant'), model

def make_learner(model, paths):
    "The same network for fastai"
    labels = {path: str(k%2) for k,path in enumerate(paths)} # any two classes
    dls = ImageDataLoaders.from_path_func(
        paths[0].parent,
        paths,
        labels.get,
        item_tfms=Resize(SPEC.size, ResizeMethod.Squish),
        batch_tfms=Normalize.from_stats(*imagenet_stats, cuda=False),
        bs=32,
        num_workers=n_cores(),
        device='cpu',
    )
    return Learner(dls, model, loss_func=CrossEntropyLossFlat())

def one_image(bundle, learn, paths, rounds):
    "Median milliseconds for one image, of each way"
    predictor = Predictor(bundle)
    bare = session(bundle, threads=n_cores()) # as the predictor has; fewer are what comes without asking
    x = prepare(paths[0], SPEC)[None]
    ways = {
        'fastai learn.predict': learn.predict,
        'Predictor.predict': predictor.predict,
        'bare decode and resize': decode,
        'bare ONNX Runtime': lambda path: bare.run(None, {'image': x}),
    }
    times = {way: [] for way in ways}
    with learn.no_bar(), learn.no_logging():
        for _ in range(rounds):
            for way,function in ways.items():
                time.sleep(CALM) # threads of the way before, which wait for more work, would take a core from this one
                function(paths[0]) # once, for what another way left in the caches
                for path in paths[:20]: times[way].append(1000*seconds(function, path))
    return {way: statistics.median(values) for way,values in times.items()}

def many_images(bundle, learn, paths, rounds):
    "Median images per second of each way, and the limit by what decoding and ONNX Runtime take on one core"
    one_thread = session(bundle, threads=1)
    batch = np.repeat(prepare(paths[0], SPEC)[None], BATCH_SIZE, 0)
    some = paths[:64]
    rates = {'fastai learn.get_preds': [], 'score': [], 'limit': []}
    with tempfile.TemporaryDirectory() as tmp, learn.no_bar(), learn.no_logging():
        table = Path(tmp)/'table.csv'
        table.write_text('\n'.join(['path,number', *(f'{path},{k}' for k,path in enumerate(paths))]))
        for _ in range(rounds):
            dl = learn.dls.test_dl(paths, num_workers=n_cores())
            rates['fastai learn.get_preds'].append(len(paths)/seconds(lambda: learn.get_preds(dl=dl)))
            rates['score'].append(len(paths)/seconds(score, bundle, table, Path(tmp)/'out.csv'))
            decoding = seconds(lambda: [decode(path) for path in some])/len(some)
            running = seconds(lambda: [one_thread.run(None, {'image': batch}) for _ in range(4)])/(4*BATCH_SIZE)
            rates['limit'].append(n_cores()/(decoding + running))
    return {way: statistics.median(values) for way,values in rates.items()}

def memory(bundle, paths, n):
    "Megabytes that `score` takes at most for `n` images, and how many of them it scores per second"
    with tempfile.TemporaryDirectory() as tmp:
        table = Path(tmp)/'table.csv'
        lines = [f'{paths[k % len(paths)]},{k}' for k in range(n)]
        table.write_text('\n'.join(['path,number', *lines]))
        wall,_,size = run_alone('-m', 'skinlesion.cli', 'score', bundle, table, '--out', Path(tmp)/'out.csv')
        return size, n/wall

def memory_rows(arch, n, folder, add):
    "What `score` takes for 1,000 and for `n` small images"
    paths = [Path(image.path) for image in source_images(sample(folder/'small', n=64, size=SMALL.size))]
    bundle,_ = make_bundle(arch, paths, folder/'small_input', SMALL)
    before,_ = memory(bundle, paths, 1000)
    after,rate = memory(bundle, paths, n)
    add(arch, 'score of 1,000 images, memory', before, 'MB')
    add(arch, f'score of {n:,} images, memory', after, 'MB')
    add(arch, f'score of {n:,} images, memory / of 1,000', after/before, 'x')
    add(arch, f'score of {n:,} images of {SMALL.size} pixels', rate, 'images/s')

def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--data', help='a folder of images; synthetic ones if left out')
    parser.add_argument('--n', type=int, default=512, help='images; few give the start of `score` too much weight')
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--memory', type=int, default=50_000, metavar='N', help='score N images too, and 1,000, for the memory; 0: not')
    parser.add_argument('--out', default=RESULTS, help='csv to write')
    return parser.parse_args()

def main():
    opts = options()
    torch.set_num_threads(n_cores())
    rows = []
    def add(arch, measure, value, unit):
        rows.append(dict(machine=machine(), arch=arch, measure=measure, value=f'{value:.4g}', unit=unit))
        print(f'{arch:16} {measure:44} {value:9.4g} {unit}', flush=True)

    with tempfile.TemporaryDirectory() as tmp:
        paths = image_paths(opts.data, opts.n, Path(tmp)/'synthetic')
        print(f'{machine()}; {len(paths)} images, {opts.rounds} rounds')
        for arch in ARCHS:
            bundle,model = make_bundle(arch, paths, Path(tmp)/arch)
            learn = make_learner(model, paths)
            one = one_image(bundle, learn, paths, opts.rounds)
            for way,value in one.items(): add(arch, way, value, 'ms')
            bare = one['bare decode and resize'] + one['bare ONNX Runtime']
            add(arch, 'one image: Predictor / fastai', one['Predictor.predict']/one['fastai learn.predict'], 'x')
            add(arch, 'one image: Predictor / bare', one['Predictor.predict']/bare, 'x')
            many = many_images(bundle, learn, paths, opts.rounds)
            for way,value in many.items(): add(arch, way, value, 'images/s')
            add(arch, 'many images: score / fastai', many['score']/many['fastai learn.get_preds'], 'x')
            add(arch, 'many images: score / limit', many['score']/many['limit'], 'x')
            alone = [run_alone('-m', 'skinlesion.cli', 'predict', bundle, paths[0]) for _ in range(opts.rounds)]
            add(arch, 'skinlesion predict, cold', statistics.median(wall for wall,_,_ in alone), 's')
            add(arch, 'skinlesion predict, memory', max(size for _,_,size in alone), 'MB')
        if opts.memory: memory_rows(ARCHS[-1], opts.memory, Path(tmp), add)
    add_machine(opts.out, rows)


if __name__ == '__main__': main()
