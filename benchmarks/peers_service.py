"""The service under load next to BentoML and LitServe, which serve the same graph to the same clients, in turns.

    python benchmarks/peers_service.py                # MobileNetV2, synthetic images
    python benchmarks/peers_service.py --envs ENVS    # the environments of the peers are kept in ENVS

The clients are those of `service.py`: 32, each of which sends its next request when it has the answer to the last, then 256. Every service decodes,
resizes and normalises the image and answers with the probabilities; ours does more (temperature, out-of-distribution score, prediction set, log). The peers
batch as their documentation shows: BentoML up to 32 images and 1000 ms, LitServe up to 32 images and 10 ms, which decodes in threads. Both run with one worker
process, as is their default, and with one per core.

Before anything is measured, all have to give the same probabilities for the same image. *Start* is the time from starting the command until the first answer.
Processor and memory are those of the service and all of its processes together; memory that processes share is counted once (where the
system tells: PSS in Linux). How many cores other work took at the same time is measured too, for throughput and latency depend on it. After the 256 clients one more client asks, to see whether the service still answers.
"""
import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import numpy as np
import psutil

from common import NotRun, command_line, environments, last_line, machine, peer_python, version_of, write_csv
from service import BOUNDARY, Server, finished, form_request, milliseconds, outcomes, percentile
from skinlesion.core import n_cores

RESULTS = Path(__file__).parent/'results'/'peers_service.csv'
SCRIPTS = Path(__file__).parent/'peers'
PATIENCE = 90 # seconds for a start
REQUIREMENTS = {
    'BentoML': ['bentoml', 'onnxruntime', 'numpy', 'pillow'],
    'LitServe': ['litserve', 'onnxruntime', 'numpy', 'pillow', 'python-multipart'],
}


def free_port():
    with closing(socket.socket()) as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]

class PeerServer(Server):
    "A service in processes of its own; `seconds` is how long it took to the first answer, `probabilities` what that was"
    def __init__(self, name, command, env, target, image):
        self.name = name
        self.target = target
        self.port = free_port()
        self.log_file = tempfile.TemporaryFile('w+')
        command = [str(word).replace('PORT', str(self.port)) for word in command]
        began = time.monotonic()
        self.process = subprocess.Popen(command, stdout=self.log_file, stderr=self.log_file, cwd=SCRIPTS, env=os.environ | env)
        try: self.probabilities = self.first_answer(image)
        except NotRun:
            self.__exit__()
            raise
        self.seconds = time.monotonic() - began

    def first_answer(self, image):
        end = time.monotonic() + PATIENCE
        problem = 'no connection'
        while time.monotonic() < end and self.process.poll() is None:
            try: status,answer = self.ask_once(image)
            except (OSError, HTTPException): status = None
            if status == 200: return probabilities_in(answer)
            if status: problem = f'answers with {status}: {answer[:200]!r}'
            time.sleep(.02)
        self.log_file.seek(0)
        raise NotRun(f'{problem}; {last_line(self.log_file.read())}')

    def ask_once(self, image):
        "Status and body of one answer"
        path,field = self.target or ('/v1/predict', 'image')
        body = form_request(image.read_bytes(), path, field).split(b'\r\n\r\n', 1)[1]
        with closing(HTTPConnection('127.0.0.1', self.port, timeout=30)) as connection:
            connection.request('POST', path, body, {'Content-Type': f'multipart/form-data; boundary={BOUNDARY}'})
            response = connection.getresponse()
            return response.status, response.read().decode()

    def processes(self):
        whole = psutil.Process(self.process.pid)
        return [whole, *whole.children(recursive=True)]

    def cpu(self):
        times = [process.cpu_times() for process in self.processes()]
        return sum(one.user + one.system for one in times)

    def memory(self):
        infos = [process.memory_full_info() for process in self.processes()]
        return sum(getattr(info, 'pss', info.rss) for info in infos)/1e6

    def __exit__(self, *args):
        family = self.processes() if self.process.poll() is None else []
        if family: self.process.send_signal(signal.SIGTERM)
        _,left = psutil.wait_procs(family, timeout=20)
        for process in left: process.kill()
        self.process.wait(timeout=20)

def probabilities_in(answer):
    "Of both classes, in the order of the network, from the JSON of any of the services"
    answer = json.loads(answer)
    if isinstance(answer, list): return answer[0] # BentoML answers for all images of a request
    if 'answers' in answer: return list(answer['answers'][0]['probabilities'].values())
    return answer['probabilities']

def contenders(bundle, envs, names, add):
    "How to start each service: its version, command, environment and the target of its form"
    ours = [sys.executable, '-m', 'skinlesion.cli', 'serve', bundle, '--no-page', '--port', 'PORT']
    starts = {'skinlesion': (version_of('skinlesion'), ours, {}, ())}
    for name in names:
        try: python = peer_python(name.lower(), REQUIREMENTS[name], envs)
        except NotRun as e:
            add(name, '', 'not run', float('nan'), note=str(e))
            continue
        for n_workers in sorted({1, n_cores()}):
            title = name if n_workers == 1 else f'{name}, {n_workers} workers'
            env = dict(WORKERS=str(n_workers), GRAPH=str(bundle/'model.onnx'), BENTOML_DO_NOT_TRACK='True')
            starts[title] = (version_of(name.lower(), python), *start_of_peer(name, python, env))
    return starts

def start_of_peer(name, python, env):
    "Command, environment and target of the form"
    if name == 'LitServe': return [python, 'service_litserve.py', 'PORT'], env, ('/predict', 'image')
    command = [python, '-m', 'bentoml', 'serve', 'service_bentoml:Classifier', '--host', '127.0.0.1', '--port', 'PORT']
    return command, env, ('/predict', 'images')

def one_round(server, paths, seconds):
    "Measures of one service, 32 clients and then 256"
    measures = {'start': server.seconds}
    finished(server.start_clients(32, 2, paths)) # what is slow the first time, and what batches are fitted to
    busy_before,cpu_before = busy(), server.cpu()
    result = finished(server.start_clients(32, seconds, paths))
    busy_after,cpu_after = busy(), server.cpu()
    cpu = cpu_after - cpu_before
    measures |= load_measures('32 clients', result)
    measures['32 clients: processor'] = 1000*cpu/len(result['exchanges'])
    measures['32 clients: cores of the service'] = cpu/result['seconds']
    measures['32 clients: cores of other work'] = max(0, busy_after-busy_before-cpu-result['cpu'])/result['seconds']
    measures['32 clients: memory'] = server.memory()
    result = finished(server.start_clients(256, seconds, paths))
    measures |= load_measures('256 clients', result)
    measures['256 clients: memory'] = server.memory()
    measures['256 clients: answers after it'] = int(server.ask_once(paths[0])[0] == 200)
    return measures

def busy():
    "Core-seconds that the machine has worked since it started"
    times = psutil.cpu_times()
    return sum(times) - times.idle - getattr(times, 'iowait', 0) - getattr(times, 'guest', 0) # a guest's are among those of users

def load_measures(title, result):
    taken = milliseconds(result, 200)
    counts = outcomes(result)
    n = sum(counts.values())
    refused = counts.get(503, 0) + counts.get(429, 0)
    waits = milliseconds(result, 503) + milliseconds(result, 429)
    return {
        f'{title}: throughput': len(taken)/result['seconds'],
        f'{title}: median': percentile(taken, 50),
        f'{title}: p99': percentile(taken, 99),
        f'{title}: refused': refused/n,
        f'{title}: failed': (n - refused - len(taken))/n,
        f'{title}: time until refused, median': percentile(waits, 50),
    }

def unit_of(measure):
    for end,unit in UNITS.items():
        if measure.endswith(end): return unit
    return ''

UNITS = {'start': 's', 'throughput': 'images/s', 'median': 'ms', 'p99': 'ms', 'processor': 'ms/request', 'memory': 'MB'}

def measure(starts, paths, opts, add):
    "All services in turns; one that does not start is left out from then on"
    measured = {title: [] for title in starts}
    expected = None
    for _ in range(opts.rounds):
        for title,(version,command,env,target) in list(starts.items()):
            try:
                with PeerServer(title, command, env, target, paths[0]) as server:
                    if expected is None: expected = server.probabilities
                    if not np.allclose(server.probabilities, expected, atol=.01):
                        raise NotRun(f'answers {server.probabilities}, not {expected}')
                    measured[title].append(one_round(server, paths, opts.seconds))
            except NotRun as e:
                add(title, version, 'not run', float('nan'), note=str(e))
                del starts[title]
    for title,(version,*_) in starts.items():
        for what in measured[title][0]:
            value = statistics.median(values[what] for values in measured[title])
            add(title, version, what, value, unit_of(what))

def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--data', help='a folder of images; synthetic ones if left out')
    parser.add_argument('--arch', default='mobilenetv2_100')
    parser.add_argument('--n', type=int, default=256, help='images')
    parser.add_argument('--seconds', type=float, default=10, help='of 32 clients, and of 256')
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--peers', nargs='*', default=list(REQUIREMENTS), choices=list(REQUIREMENTS))
    parser.add_argument('--envs', help='folder of the environments, to use again; temporary ones if left out')
    parser.add_argument('--out', default=RESULTS, help='csv to write')
    return parser.parse_args()

def main():
    opts = options()
    from predict import image_paths, make_bundle # here, for they import torch
    rows = []
    def add(tool, version, what, value, unit='', note=''):
        entry = dict(machine=machine(), arch=opts.arch, tool=tool, version=version, measure=what, value=f'{value:.4g}', unit=unit)
        rows.append(entry | dict(note=note, command=command_line()))
        print(f'{tool:20} {what:40} {value:9.4g} {unit} {note}', flush=True)

    with tempfile.TemporaryDirectory() as tmp, environments(opts.envs) as envs:
        paths = image_paths(opts.data, opts.n, Path(tmp)/'synthetic')
        print(f'{machine()}; {opts.arch}, {len(paths)} images, {opts.rounds} rounds')
        bundle = make_bundle(opts.arch, paths, Path(tmp)/'bundle')[0]
        starts = contenders(bundle, envs, opts.peers, add)
        measure(starts, paths, opts, add)
    write_csv(opts.out, rows)


if __name__ == '__main__': main()
