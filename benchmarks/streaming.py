"""Training on a set that stays in S3 compared with the same files on the disk: seconds of the first and the second epoch.

    python benchmarks/streaming.py                           # synthetic photographs, a server of moto on this computer
    python benchmarks/streaming.py --data HAM10000/images    # photographs from a folder, resized to 600 x 450

Half of the free disk would hold all of these images, so what may be kept is set to a tenth of the set. Each round trains from the disk and
from the store, in turn, each in a process and with a cache of its own, so that what else the machine does falls on both; ratios are of
medians over the rounds. In the first epoch each image is opened; in the second all squares are in memory (`squares: memory`), or nothing is
kept but a tenth of the files, so that nine of ten images are downloaded and decoded again (`squares: none`). The weights have to be equal to the bit.
The server runs on the same cores, and takes a part of them that a real one would not.
"""
import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from common import machine, write_csv

SERVER = """
import sys, time
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer('127.0.0.1', 0, verbose=False)
server.start()
print('{}:{}'.format(*server.get_host_and_port()), flush=True)
time.sleep(1e6)
"""
CREDENTIALS = dict(AWS_ACCESS_KEY_ID='test', AWS_SECRET_ACCESS_KEY='test', AWS_EC2_METADATA_DISABLED='true',
                   AWS_CONFIG_FILE='none', AWS_SHARED_CREDENTIALS_FILE='none')


def make_set(out, n, source=None):
    "`n` different photographs of 600 x 450 pixels in two class folders; how many bytes they have"
    from skinlesion.synth.sets import sample
    with tempfile.TemporaryDirectory() as tmp:
        if not source: sample(Path(tmp)/'synthetic', n=min(n, 60), size=450)
        files = sorted(Path(source or tmp).rglob('*.jpg'))
        def save(i):
            folder = out/('benign', 'malignant')[i%2]
            folder.mkdir(parents=True, exist_ok=True)
            img = Image.open(files[i%len(files)]).convert('RGB').resize((600, 450), Image.Resampling.BICUBIC)
            noise = np.random.default_rng(i).normal(0, 6, (450, 600, 3)) # no two images are copies, and their files as large as real ones
            pixels = np.clip(np.asarray(img) + noise, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder/f'{i:05}.jpg', quality=95)
        with ThreadPoolExecutor() as pool: list(pool.map(save, range(n)))
    return sum(path.stat().st_size for path in out.rglob('*.jpg'))

def train_once(source, gigabytes, cache, num_workers, arch, size):
    "Seconds to read the cases and of two epochs, and the SHA-256 of the weights; prints them as JSON"
    import torch
    from fastai.callback.core import Callback
    from skinlesion.data.layouts import read_cases
    from skinlesion.data.split import split_cases
    from skinlesion.image import InputSpec
    from skinlesion.store.cache import cache_dir
    from skinlesion.train.learner import lesion_learner
    from skinlesion.train.loaders import lesion_dls
    from skinlesion.train.seeding import seed_everything

    class EpochTimer(Callback):
        def before_epoch(self): self.began = time.perf_counter()
        def after_epoch(self): seconds.append(time.perf_counter() - self.began)

    seconds = []
    began = time.perf_counter()
    cases = split_cases(read_cases(source, stream=gigabytes), seed=1)
    reading = time.perf_counter() - began
    seed_everything(1)
    dls = lesion_dls(cases, InputSpec(size=size), bs=16, cache=cache, num_workers=num_workers)
    learn = lesion_learner(dls, arch, pretrained=False)
    with learn.no_bar(), learn.no_logging(): learn.fit(2, 1e-3, cbs=EpochTimer())
    digest = hashlib.sha256()
    for value in learn.model.state_dict().values(): digest.update(value.cpu().contiguous().numpy().tobytes())
    kept = sum(path.stat().st_size for path in cache_dir().glob('images-in-S3-*/[!.]*'))
    print(json.dumps(dict(reading=reading, seconds=seconds, weights=digest.hexdigest(), kept=kept, n=len(dls.train_ds) + len(dls.valid_ds))))

def measure(source, gigabytes, squares, args, environment):
    "What `train_once` prints, in a process with an empty cache"
    with tempfile.TemporaryDirectory() as cache:
        command = [sys.executable, __file__, '--once', source, '--gigabytes', str(gigabytes), '--squares', squares,
                   '--workers', str(args.workers), '--arch', args.arch, '--size', str(args.size)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment | dict(SKINLESION_CACHE=cache, SKINLESION_QUIET='1'))
    if done.returncode: raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])

def compare(args, data, nbytes, url, environment):
    "A row for each way to keep squares"
    rows = []
    for squares in ('memory', 'none'):
        results = {'disk': [], 'store': []}
        for _ in range(args.rounds):
            results['disk'].append(measure(str(data), 0, squares, args, environment))
            results['store'].append(measure(url, nbytes/10/1e9, squares, args, environment))
        weights = {result['weights'] for of_source in results.values() for result in of_source}
        if len(weights) != 1: raise SystemExit('the weights differ')
        if max(result['kept'] for result in results['store']) > nbytes/10: raise SystemExit('more was kept than the limit')
        median = {source: [statistics.median(result['seconds'][epoch] for result in of_source) for epoch in range(2)]
                  for source,of_source in results.items()}
        reading = {source: statistics.median(result['reading'] for result in of_source) for source,of_source in results.items()}
        row = dict(squares=squares, arch=args.arch, size=args.size, images=args.n, megabytes=round(nbytes/1e6, 1), workers=args.workers)
        for epoch in range(2):
            row[f'disk_epoch_{epoch+1}_s'] = round(median['disk'][epoch], 2)
            row[f'store_epoch_{epoch+1}_s'] = round(median['store'][epoch], 2)
            row[f'ratio_epoch_{epoch+1}'] = round(median['disk'][epoch]/median['store'][epoch], 2)
        row |= dict(disk_reading_s=round(reading['disk'], 2), store_reading_s=round(reading['store'], 2), equal_weights=True,
                    rounds=args.rounds, machine=machine())
        print(row, flush=True)
        rows.append(row)
    return rows

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--data', help='a folder of photographs')
    parser.add_argument('--n', type=int, default=480, help='images')
    parser.add_argument('--arch', default='resnet18')
    parser.add_argument('--size', type=int, default=128)
    parser.add_argument('--workers', type=int, default=0, help='worker processes of the loaders')
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--out', default='benchmarks/results/streaming.csv')
    parser.add_argument('--once', help=argparse.SUPPRESS)
    parser.add_argument('--gigabytes', type=float, help=argparse.SUPPRESS)
    parser.add_argument('--squares', help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.once: return train_once(args.once, args.gigabytes, args.squares, args.workers, args.arch, args.size)
    from skinlesion.store.aws import Connection
    from skinlesion.store.s3 import push
    server = subprocess.Popen([sys.executable, '-c', SERVER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        address = server.stdout.readline().strip()
        os.environ |= CREDENTIALS | dict(AWS_ENDPOINT_URL=f'http://{address}')
        with tempfile.TemporaryDirectory() as tmp:
            data = Path(tmp)/'photos'
            nbytes = make_set(data, args.n, args.data)
            Connection().client('s3').create_bucket(Bucket='photos')
            os.environ['SKINLESION_CACHE'] = f'{tmp}/cache'
            push(data, 's3://photos/set')
            rows = compare(args, data, nbytes, 's3://photos/set', dict(os.environ))
    finally: server.kill()
    write_csv(args.out, rows)


if __name__ == '__main__': main()
