"""The function for AWS Lambda under AWS's own runtime client: how long it takes to start, and what it adds to the predictor.

    python benchmarks/handler.py                                  # the function has this environment
    python benchmarks/handler.py --python PYTHON --path FOLDERS   # or one of its own, as Dockerfile.lambda makes it

The client asks an API of this computer for events (`nbs/api/lambda_runtime.py`), the root is mounted read-only where the system allows it,
and the environment has a home that is not there, as in Lambda. *Cold start* is the time from the start of the process to the first answer:
Python, imports, the bundle with its checksums, and one image; its processor time is what is left of that on a machine with nothing else to do.
*Warm* is the time from an event to its answer, next to `Predictor.predict` in this process on the same bytes, one after the other in random
order, so that what else the machine does falls on both. Lambda gives a function of 1,769 MB one core; what its network adds is not here.

A folder of its own, without Docker, from what the image installs:

    python3.12 -m pip install --require-hashes --target FOLDER -r deploy/lambda.lock
    python3.12 -m pip install --no-deps --target FOLDER .
    python3.12 -m pip install --target RUNTIME awslambdaric
    python3.12 -m compileall -q FOLDER
    python benchmarks/handler.py --python python3.12 --path FOLDER:RUNTIME
"""
import argparse
import base64
import io
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

from common import machine, write_csv
from predict import image_paths, make_bundle

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT/'nbs'/'api'))
from lambda_runtime import READ_ONLY, LambdaProcess, can_be_read_only
from skinlesion.serve.predictor import Predictor

RESULTS = Path(__file__).parent/'results'/'handler.csv'


def jpeg(path, side):
    "An image as a telephone might send it"
    file = io.BytesIO()
    Image.open(path).convert('RGB').resize((side, side), Image.Resampling.BICUBIC).save(file, 'JPEG', quality=90)
    return file.getvalue()

def processor_seconds(pid):
    "That the process has used"
    fields = Path(f'/proc/{pid}/stat').read_text().rsplit(')')[1].split()
    return (int(fields[11]) + int(fields[12]))/os.sysconf('SC_CLK_TCK')

def peak_megabytes(pid):
    lines = Path(f'/proc/{pid}/status').read_text().splitlines()
    kilobytes = next(line.split()[1] for line in lines if line.startswith('VmHWM'))
    return int(kilobytes)/1000

def megabytes(folder):
    "Of the files in `folder`"
    files = [file for file in Path(folder).rglob('*') if file.is_file() and not file.is_symlink()]
    return sum(file.stat().st_size for file in files)/2**20

def requests(content):
    "Events with the image `content`"
    text = base64.b64encode(content).decode()
    http = dict(method='POST', path='/v1/predict', sourceIp='192.0.2.1')
    gateway = dict(
        version='2.0',
        rawQueryString='',
        requestContext=dict(http=http),
        headers={'content-type': 'image/jpeg'},
        body=text,
        isBase64Encoded=True,
    )
    return {'HTTP API': gateway, 'direct invocation': dict(image=text)}

def milliseconds(function, *args):
    time.sleep(0.02) # until the threads of ONNX Runtime, of this process and of the other, wait without using a core
    began = time.perf_counter()
    function(*args)
    return 1000*(time.perf_counter() - began)

class Function:
    "How the function is started"
    def __init__(self, python, path, bundle, temporary):
        self.python = shutil.which(python)
        self.before = READ_ONLY if can_be_read_only() else ()
        self.env = dict(
            PYTHONPATH=path,
            PYTHONDONTWRITEBYTECODE='1',
            SKINLESION_BUNDLE=str(bundle),
            TMPDIR=str(temporary),
        )

    def start(self): return LambdaProcess(self.env, self.python, self.before)

def cold_starts(function, event, rounds, add):
    "Start the function again and again"
    walls = []
    processor = []
    for _ in range(rounds):
        began = time.perf_counter()
        with function.start() as process:
            process(event)
            walls.append(time.perf_counter() - began)
            processor.append(processor_seconds(process.process.pid))
            memory = peak_megabytes(process.process.pid)
    add('cold start, median', statistics.median(walls), 's')
    add('cold start, shortest', min(walls), 's')
    add('cold start, longest', max(walls), 's')
    add('cold start, processor time, median', statistics.median(processor), 's')
    add('memory after the first answer', memory, 'MB')

def warm(function, bundle, content, n, add):
    "Events and the predictor, in turn"
    predictor = Predictor(bundle)
    ways = requests(content)
    times = {way: [] for way in ['Predictor.predict', *ways]}
    rng = random.Random(0)
    with function.start() as process:
        for event in ways.values(): process(event)
        calls = {'Predictor.predict': (predictor.predict, content)}
        for way,event in ways.items(): calls[way] = process, event
        for _ in range(n):
            # at random, for whatever comes after another process finds the caches of the processor filled by that
            for way in rng.sample(list(calls), len(calls)): times[way].append(milliseconds(*calls[way]))
    for way,values in times.items(): add(f'warm: {way}, median', statistics.median(values), 'ms')
    for way in ways:
        gaps = [mine-bare for mine,bare in zip(times[way], times['Predictor.predict'])]
        add(f'warm: {way} over the predictor, median', statistics.median(gaps), 'ms')
        quiet = min(times[way])-min(times['Predictor.predict'])
        add(f'warm: {way} over the predictor, of the shortest', quiet, 'ms')

def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--arch', default='mobilenetv2_100')
    parser.add_argument('--python', default=sys.executable, help='Python of the function')
    parser.add_argument('--path', default=os.pathsep.join(filter(None, sys.path)), help='its PYTHONPATH')
    parser.add_argument('--side', type=int, default=600, help='of the image, in pixels')
    parser.add_argument('--rounds', type=int, default=9, help='starts')
    parser.add_argument('--n', type=int, default=200, help='warm events of each kind')
    parser.add_argument('--out', default=RESULTS, help='csv to write')
    return parser.parse_args()

def main():
    opts = options()
    rows = []
    def add(measure, value, unit):
        rows.append(dict(machine=machine(), arch=opts.arch, measure=measure, value=f'{value:.4g}', unit=unit))
        print(f'{measure:62} {value:9.4g} {unit}', flush=True)

    shm = '/dev/shm' if Path('/dev/shm').is_dir() else None # can be written when the root cannot
    with tempfile.TemporaryDirectory() as tmp, tempfile.TemporaryDirectory(dir=shm) as temporary:
        paths = image_paths(None, 24, Path(tmp)/'synthetic')
        bundle = make_bundle(opts.arch, paths, Path(tmp)/'bundle')[0]
        content = jpeg(paths[0], opts.side)
        function = Function(opts.python, opts.path, bundle, temporary)
        print(f'{machine()}; {opts.arch}, image of {len(content)/1000:.0f} kB; root {"read-only" if function.before else "writable"}')
        if opts.python != sys.executable: add('environment of the function', megabytes(opts.path.split(os.pathsep)[0]), 'MB')
        cold_starts(function, requests(content)['direct invocation'], opts.rounds, add)
        warm(function, bundle, content, opts.n, add)
    write_csv(opts.out, rows)


if __name__ == '__main__': main()
