"""How fast `push` and `pull` are compared with boto3's own transfer manager, against moto on this computer.

    python benchmarks/storage.py                 # 3,000 files up and down, and 100,000 unchanged ones
    python benchmarks/storage.py --files 300 --unchanged 10000

The server runs in its own process and competes for the same cores, so only the ratios mean something.
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

CONCURRENCY = (4, 10, 16, 32) # threads of boto3 that are tried
SERVER = """
import botocore.utils
from functools import lru_cache
from moto.server import ThreadedMotoServer
# most of what moto's lists take
botocore.utils.parse_timestamp = lru_cache(None)(botocore.utils.parse_timestamp)
server = ThreadedMotoServer('127.0.0.1', 0, verbose=False)
server.start()
print('http://{}:{}'.format(*server.get_host_and_port()), flush=True)
server._thread.join()
"""


@contextmanager
def moto_server():
    "Address of a moto server in its own process"
    command = [sys.executable, '-c', SERVER]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try: yield server.stdout.readline().strip()
    finally:
        server.kill()
        server.wait()

def write_files(folder, n, size):
    "`n` files of about `size` bytes in ten folders"
    rng = random.Random(0)
    for i in range(n):
        file = folder/f'class{i%10}'/f'{i:06}.jpg'
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(rng.randbytes(round(size*rng.uniform(0.8, 1.2))))
    return folder

def timed(function, *args):
    "Seconds that a call took, and its result"
    start = time.perf_counter()
    result = function(*args)
    return time.perf_counter() - start, result

def transfer_manager(connection, concurrency):
    "boto3's transfer manager, as it is recommended for many files"
    from boto3.s3.transfer import TransferConfig, create_transfer_manager
    client = connection.client('s3', max_pool_connections=concurrency)
    return create_transfer_manager(client, TransferConfig(max_concurrency=concurrency))

def relative_files(data): return [f.relative_to(data) for f in sorted(data.rglob('*.jpg'))]

def boto3_up(data, prefix, connection, concurrency):
    with transfer_manager(connection, concurrency) as manager:
        files = relative_files(data)
        transfers = [manager.upload(str(data/f), 'bench', f'{prefix}/{f}') for f in files]
        for transfer in transfers: transfer.result()

def boto3_down(data, prefix, out, connection, concurrency):
    files = relative_files(data)
    for folder in {f.parent for f in files}: (out/folder).mkdir(parents=True)
    with transfer_manager(connection, concurrency) as manager:
        transfers = [manager.download('bench', f'{prefix}/{f}', str(out/f)) for f in files]
        for transfer in transfers: transfer.result()

def best_concurrency(data, tmp, connection):
    "How many threads boto3 is fastest with, up and down"
    up, down = {}, {}
    for n in CONCURRENCY:
        up[n], _ = timed(boto3_up, data, f'try{n}', connection, n)
        down[n], _ = timed(boto3_down, data, f'try{n}', tmp/f'try{n}', connection, n)
        print(f'boto3 with {n} threads: {up[n]:.1f} s up, {down[n]:.1f} s down', flush=True)
    return min(up, key=up.get), min(down, key=down.get)

def compare(data, tmp, connection, rounds):
    "Push and pull by both, in turn"
    from skinlesion.store.s3 import pull, push
    n_up, n_down = best_concurrency(data, tmp, connection)
    seconds = {name: [] for name in ('push', 'boto3 up', 'pull', 'boto3 down')}
    for r in range(rounds):
        calls = {
            'push': (push, data, f's3://bench/ours{r}', connection),
            'boto3 up': (boto3_up, data, f'theirs{r}', connection, n_up),
            'pull': (pull, f's3://bench/ours{r}', tmp/f'ours{r}', connection),
            'boto3 down': (boto3_down, data, f'theirs{r}', tmp/f'theirs{r}', connection, n_down),
        }
        for name, call in calls.items(): seconds[name].append(timed(*call)[0])
    median = {name: statistics.median(values) for name, values in seconds.items()}
    for name, values in seconds.items():
        all_values = ', '.join(f'{s:.1f}' for s in values)
        print(f'{name}: median {median[name]:.1f} s of {all_values}')
    push_speed = median['boto3 up']/median['push']
    pull_speed = median['boto3 down']/median['pull']
    print(f'speed of push is {push_speed:.2f} of boto3 with {n_up} threads (goal 0.8)')
    print(f'speed of pull is {pull_speed:.2f} of boto3 with {n_down} threads (goal 0.8)')

def count_objects(connection):
    "How many objects boto3 lists"
    paginator = connection.client('s3').get_paginator('list_objects_v2')
    pages = paginator.paginate(Bucket='bench', Prefix='many/files/')
    return sum(len(page.get('Contents', [])) for page in pages)

def push_unchanged(data, connection):
    "Push many files, then again without a change"
    from skinlesion.store.s3 import push
    seconds, first = timed(push, data, 's3://bench/many', connection)
    print(f'first push of {first.files} files: {seconds:.1f} s, {first.hashed} hashed', flush=True)
    time.sleep(3) # what was just written is hashed twice
    if first.hashed: push(data, 's3://bench/many', connection)
    seconds, again = timed(push, data, 's3://bench/many', connection)
    counts = f'{again.moved} sent, {again.hashed} hashed'
    print(f'push of {again.files} unchanged files: {seconds:.1f} s (goal 60), {counts}')
    seconds, n = timed(count_objects, connection)
    print(f'of that, the server took about {seconds:.1f} s to list {n} objects')

def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--files', type=int, default=3000, help='files to push and pull; 0 leaves it out')
    parser.add_argument('--size', type=int, default=20_000, help='their size in bytes')
    parser.add_argument('--rounds', type=int, default=3, help='how often each is timed')
    parser.add_argument('--unchanged', type=int, default=100_000,
                        help='small files to push unchanged; 0 leaves it out')
    opts = parser.parse_args()
    from skinlesion.store.aws import Connection
    os.environ['AWS_ACCESS_KEY_ID'] = 'testing'
    os.environ['AWS_SECRET_ACCESS_KEY'] = 'testing'
    os.environ['AWS_EC2_METADATA_DISABLED'] = 'true'
    with tempfile.TemporaryDirectory() as tmp, moto_server() as endpoint:
        tmp = Path(tmp)
        os.environ['SKINLESION_CACHE'] = str(tmp/'cache')
        connection = Connection(endpoint=endpoint)
        connection.client('s3').create_bucket(Bucket='bench')
        if opts.files:
            few = write_files(tmp/'few', opts.files, opts.size)
            compare(few, tmp, connection, opts.rounds)
        if opts.unchanged:
            many = write_files(tmp/'many', opts.unchanged, 100)
            push_unchanged(many, connection)


if __name__ == '__main__': main()
