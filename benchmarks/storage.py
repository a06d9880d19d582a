"""How fast `push` and `pull` are, beside boto3's own transfer manager, against moto on this computer.

    python benchmarks/storage.py                 # 3,000 files there and back, and 100,000 that did not change
    python benchmarks/storage.py --files 300 --unchanged 10000

The server runs in a process of its own and competes for the same cores, so only the ratios mean something.
"""
import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

CONCURRENCY = (4, 10, 16, 32)
SERVER = """
import botocore.utils
from functools import lru_cache
from moto.server import ThreadedMotoServer
botocore.utils.parse_timestamp = lru_cache(None)(botocore.utils.parse_timestamp) # most of what moto's lists take
server = ThreadedMotoServer('127.0.0.1', 0, verbose=False)
server.start()
print('http://{}:{}'.format(*server.get_host_and_port()), flush=True)
server._thread.join()
"""


@contextmanager
def store():
    "Address of a moto server in a process of its own"
    server = subprocess.Popen([sys.executable, '-c', SERVER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try: yield server.stdout.readline().strip()
    finally:
        server.kill()
        server.wait()

def draw(folder, n, size):
    "`n` files of about `size` bytes in ten folders"
    rng = random.Random(0)
    for i in range(n):
        file = folder/f'class{i%10}'/f'{i:06}.jpg'
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(rng.randbytes(round(size*rng.uniform(0.8, 1.2))))
    return folder

def timed(do, *args, **kwargs):
    start = time.perf_counter()
    done = do(*args, **kwargs)
    return time.perf_counter() - start, done

def manager(connection, concurrency):
    "boto3's transfer manager, as it is recommended for many files"
    from boto3.s3.transfer import TransferConfig, create_transfer_manager
    client = connection.client('s3', max_pool_connections=concurrency)
    return create_transfer_manager(client, TransferConfig(max_concurrency=concurrency))

def boto3_up(data, prefix, connection, concurrency):
    with manager(connection, concurrency) as m:
        for done in [m.upload(str(f), 'bench', f'{prefix}/{f.relative_to(data)}') for f in sorted(data.rglob('*.jpg'))]: done.result()

def boto3_down(data, prefix, out, connection, concurrency):
    files = [f.relative_to(data) for f in sorted(data.rglob('*.jpg'))]
    for folder in {f.parent for f in files}: (out/folder).mkdir(parents=True)
    with manager(connection, concurrency) as m:
        for done in [m.download('bench', f'{prefix}/{f}', str(out/f)) for f in files]: done.result()

def compare(data, tmp, connection, rounds):
    "Push and pull by both, in turn"
    from skinlesion.store.s3 import pull, push
    best = {}
    for c in CONCURRENCY:
        up,_ = timed(boto3_up, data, f'try{c}', connection, c)
        down,_ = timed(boto3_down, data, f'try{c}', tmp/f'try{c}', connection, c)
        print(f'boto3 with {c} threads: {up:.1f} s up, {down:.1f} s down', flush=True)
        best[c] = up, down
    c_up,c_down = (min(best, key=lambda c: best[c][way]) for way in (0, 1))
    times = {name: [] for name in ('push', 'boto3 up', 'pull', 'boto3 down')}
    for r in range(rounds):
        times['push'].append(timed(push, data, f's3://bench/ours{r}', connection)[0])
        times['boto3 up'].append(timed(boto3_up, data, f'theirs{r}', connection, c_up)[0])
        times['pull'].append(timed(pull, f's3://bench/ours{r}', tmp/f'ours{r}', connection)[0])
        times['boto3 down'].append(timed(boto3_down, data, f'theirs{r}', tmp/f'theirs{r}', connection, c_down)[0])
    middle = {name: statistics.median(t) for name,t in times.items()}
    for name,t in times.items(): print(f'{name}: median {middle[name]:.1f} s of ' + ', '.join(f'{s:.1f}' for s in t))
    print(f"speed of push is {middle['boto3 up']/middle['push']:.2f} of boto3 with {c_up} threads (goal 0.8)")
    print(f"speed of pull is {middle['boto3 down']/middle['pull']:.2f} of boto3 with {c_down} threads (goal 0.8)")

def listed(connection):
    "How many objects boto3 lists"
    pages = connection.client('s3').get_paginator('list_objects_v2').paginate(Bucket='bench', Prefix='many/files/')
    return sum(len(page.get('Contents', [])) for page in pages)

def unchanged(data, connection):
    "Push many files, then again without a change"
    from skinlesion.store.s3 import push
    took,first = timed(push, data, 's3://bench/many', connection)
    print(f'first push of {first.files} files: {took:.1f} s, {first.hashed} hashed', flush=True)
    time.sleep(3) # what was just written is hashed twice
    if first.hashed: push(data, 's3://bench/many', connection)
    took,again = timed(push, data, 's3://bench/many', connection)
    print(f'push of {again.files} files without a change: {took:.1f} s (goal 60), {again.moved} sent, {again.hashed} hashed')
    took,n = timed(listed, connection)
    print(f'of that, the server took about {took:.1f} s to list {n} objects')

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--files', type=int, default=3000, help='files to push and pull')
    parser.add_argument('--size', type=int, default=20_000, help='their size in bytes')
    parser.add_argument('--rounds', type=int, default=3, help='how often each is timed')
    parser.add_argument('--unchanged', type=int, default=100_000, help='small files to push without a change')
    opts = parser.parse_args()
    from skinlesion.store.aws import Connection
    os.environ |= dict(AWS_ACCESS_KEY_ID='testing', AWS_SECRET_ACCESS_KEY='testing', AWS_EC2_METADATA_DISABLED='true')
    with tempfile.TemporaryDirectory() as tmp, store() as endpoint:
        tmp = Path(tmp)
        os.environ['SKINLESION_CACHE'] = str(tmp/'cache')
        connection = Connection(endpoint=endpoint)
        connection.client('s3').create_bucket(Bucket='bench')
        if opts.files: compare(draw(tmp/'few', opts.files, opts.size), tmp, connection, opts.rounds)
        if opts.unchanged: unchanged(draw(tmp/'many', opts.unchanged, 100), connection)


if __name__ == '__main__': main()
