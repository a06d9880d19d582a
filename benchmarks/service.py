"""The service under load from another process: its throughput, its tail, what it refuses, and whether it loses anything.

    python benchmarks/service.py                    # MobileNetV2, synthetic images; about three minutes
    python benchmarks/service.py --data PHOTOS      # a folder of real ones
    python benchmarks/service.py --seconds 5 --ends 2    # a short try

`skinlesion serve BUNDLE --no-page` answers forms with one image each, first of 32 clients, each of which sends its next request when it
has the answer to the last. `score` answers the same images just before and just after, so that what else the machine does falls on both.
Then 256 clients, more than may wait, which come again after one to two seconds when they are refused. Then SIGTERM while 32 clients ask, again and
again: whoever was let in must be answered. A request is lost if its connection was accepted and ends without an answer; not if it ends
between two requests, which a client may send again by what HTTP says.

Times are from the moment the request is written until the answer is read. When 256 clients begin, all of them connect at the same moment, which is work for them as for
the service; the time to connect is given on its own, and the time until a refusal also without the first second.

The clients are this script in another process: sockets of asyncio that read no more of an answer than its length. Its share of the
processor is printed, and comes on top of the service's: on two cores both have to share.
"""
import argparse
import asyncio
import json
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.request import urlopen

from common import add_machine, machine

RESULTS = Path(__file__).parent/'results'/'service.csv'
BOUNDARY = 'benchmark'


def form_request(content, path='/v1/predict', field='image'):
    "The bytes of a request with one image"
    disposition = f'Content-Disposition: form-data; name="{field}"; filename="image.jpg"\r\nContent-Type: image/jpeg'
    part = f'--{BOUNDARY}\r\n{disposition}\r\n\r\n'.encode()
    body = part + content + f'\r\n--{BOUNDARY}--\r\n'.encode()
    head = f'POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}\r\n'
    return head.encode() + f'Content-Length: {len(body)}\r\n\r\n'.encode() + body


# The clients: `python benchmarks/service.py --clients ...` in a process of its own

class Clients:
    "Clients that ask at a port, each again and again"
    def __init__(self, port, requests):
        self.port = port
        self.requests = requests
        self.exchanges = [] # (second, status or what happened instead, milliseconds)
        self.connecting = [] # milliseconds

    async def exchange(self, reader, writer, request):
        "Status of one answer"
        writer.write(request)
        head = await reader.readuntil(b'\r\n\r\n')
        length = re.search(rb'(?i)content-length: *(\d+)', head)
        await reader.readexactly(int(length[1]))
        return int(head[9:12]), b'connection: close' in head.lower()

    async def ask(self, number, end):
        "Ask until `end`, or until nobody is there"
        connection = None
        while time.monotonic() < end:
            is_new = connection is None
            began = time.monotonic()
            try:
                if is_new: connection = await asyncio.open_connection('127.0.0.1', self.port)
            except OSError:
                self.exchanges.append((began, 'gone', 0))
                return
            if is_new: self.connecting.append(1000*(time.monotonic()-began))
            began = time.monotonic() # as k6 counts the duration of a request
            try: status,closes = await self.exchange(*connection, self.requests[number % len(self.requests)])
            except asyncio.IncompleteReadError as e: status,closes = 'lost' if is_new or e.partial else 'closed', True
            except OSError: status,closes = 'lost' if is_new else 'closed', True
            self.exchanges.append((began, status, 1000*(time.monotonic()-began)))
            number += 1
            if closes:
                connection[1].close()
                connection = None
            if status == 503: await asyncio.sleep(random.uniform(1, 2)) # Retry-After is 1 or more
        if connection: connection[1].close()

def run_clients(port, n, seconds, paths, target=()):
    "Ask with `n` clients, and print what happened as JSON; `target` is the path and the field, if not ours"
    requests = [form_request(path.read_bytes(), *target) for path in paths]
    clients = Clients(port, requests)
    async def ask_all():
        end = time.monotonic()+seconds
        await asyncio.gather(*[clients.ask(7*number, end) for number in range(n)])

    began = time.monotonic()
    cpu = time.process_time()
    asyncio.run(ask_all())
    print(json.dumps(dict(
        exchanges=clients.exchanges,
        connecting=clients.connecting,
        seconds=time.monotonic()-began,
        cpu=time.process_time()-cpu,
    )))


# The service, and what is asked of it

class Server:
    "`skinlesion serve` in a process of its own"
    target = () # path and field of the form, if not those of `form_request`

    def __init__(self, bundle):
        self.log_file = tempfile.TemporaryFile('w+')
        command = [sys.executable, '-m', 'skinlesion.cli', 'serve', str(bundle), '--no-page']
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log_file, text=True)
        self.port = int(re.search(r'http://[^ ]+:(\d+)', self.process.stdout.readline())[1])

    def __enter__(self): return self

    def __exit__(self, *args):
        if self.process.poll() is None: self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)

    def metric(self, name):
        "A number that the service tells of itself"
        with urlopen(f'http://127.0.0.1:{self.port}/metrics') as response: text = response.read().decode()
        return float(re.search(rf'^{name} (.*)$', text, re.MULTILINE)[1])

    def cpu(self): return self.metric('process_cpu_seconds_total')

    def memory(self): return self.metric('process_resident_memory_bytes')/1e6

    def milliseconds(self, status):
        "Of the requests that were answered with `status`, by its own log"
        self.log_file.seek(0)
        lines = [json.loads(line) for line in self.log_file if line.startswith('{')]
        return [line['milliseconds'] for line in lines if line.get('status') == status]

    def start_clients(self, n, seconds, paths):
        "Clients in a process of their own, which lists what they saw when it ends"
        command = [sys.executable, __file__, '--clients', str(self.port), str(n), str(seconds), *map(str, paths)]
        if self.target: command += ['--target', *self.target]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

def finished(clients):
    "What the process `clients` saw"
    printed = clients.communicate()[0]
    if clients.returncode: raise RuntimeError('the clients failed')
    return json.loads(printed)

def outcomes(result):
    "How many exchanges had each outcome"
    statuses = [status for _,status,_ in result['exchanges']]
    return {status: statuses.count(status) for status in sorted(set(statuses), key=str)}

def milliseconds(result, status):
    return [taken for _,outcome,taken in result['exchanges'] if outcome == status]

def percentile(values, percent):
    values = sorted(values)
    return values[min(len(values)-1, int(len(values)*percent/100))] if values else float('nan')

def score_rate(bundle, table, n):
    "Images per second of `score`"
    from skinlesion.serve.batch import score
    with tempfile.TemporaryDirectory() as tmp:
        began = time.perf_counter()
        score(bundle, table, Path(tmp)/'out.csv')
        return n/(time.perf_counter() - began)

def steady_load(bundle, paths, seconds, add):
    "32 clients"
    with tempfile.TemporaryDirectory() as tmp, Server(bundle) as server:
        table = Path(tmp)/'table.csv'
        listed = paths*4 # so that its start does not count
        table.write_text('\n'.join(['path,number', *[f'{path},{k}' for k,path in enumerate(listed)]]))
        finished(server.start_clients(32, 1, paths)) # what is slow the first time
        rates = [score_rate(bundle, table, len(listed))]
        cpu = server.cpu()
        result = finished(server.start_clients(32, seconds, paths))
        cpu = server.cpu()-cpu
        rates.append(score_rate(bundle, table, len(listed)))
    taken = milliseconds(result, 200)
    n_requests = len(result['exchanges'])
    rate = len(taken)/result['seconds']
    median = statistics.median(taken)
    add('32 clients: requests', n_requests, '')
    add('32 clients: not answered with 200', n_requests-len(taken), '')
    add('32 clients: throughput', rate, 'images/s')
    add('score', statistics.mean(rates), 'images/s')
    add('32 clients: throughput / score', rate/statistics.mean(rates), 'x')
    add('32 clients: median', median, 'ms')
    add('32 clients: p99', percentile(taken, 99), 'ms')
    add('32 clients: p99 / median', percentile(taken, 99)/median, 'x')
    add('32 clients: processor, of the service', 1000*cpu/n_requests, 'ms/request')
    add('32 clients: processor, of the clients', 1000*result['cpu']/n_requests, 'ms/request')

def overload(bundle, paths, seconds, add):
    "256 clients, of whom 128 find room"
    with Server(bundle) as server:
        finished(server.start_clients(32, 1, paths))
        n_before = len(server.milliseconds(200))
        memory = server.memory()
        result = finished(server.start_clients(256, seconds, paths))
        has_crashed = server.process.poll() is not None
        add('256 clients: memory before', memory, 'MB')
        add('256 clients: memory after', server.memory(), 'MB')
        n_accepted = len(server.milliseconds(200)) - n_before
        in_service = server.milliseconds(503)
    counts = outcomes(result)
    n_requests = sum(counts.values())
    add('256 clients: crashed', int(has_crashed), '')
    for status,count in counts.items(): add(f'256 clients: share of {status}', count/n_requests, '')
    add('256 clients: accepted and not answered', n_accepted-counts.get(200, 0), '')
    add('256 clients: throughput of 200', counts.get(200, 0)/result['seconds'], 'images/s')
    first = min(began for began,_,_ in result['exchanges'])
    later = [taken for began,status,taken in result['exchanges'] if status == 503 and began > first+1]
    add('256 clients: time to connect, p99', percentile(result['connecting'], 99), 'ms')
    add('256 clients: time until 503, median', percentile(milliseconds(result, 503), 50), 'ms')
    add('256 clients: time until 503, p99, after the first second', percentile(later, 99), 'ms')
    add('256 clients: time until 503, p99', percentile(milliseconds(result, 503), 99), 'ms')
    add('256 clients: time until 503 in the service, p99', percentile(in_service, 99), 'ms')

def end_under_load(bundle, paths):
    "Outcomes of 32 clients of a service that SIGTERM ends, and how many it answered by its own log"
    with Server(bundle) as server:
        clients = server.start_clients(32, 60, paths)
        time.sleep(2)
        server.process.send_signal(signal.SIGTERM)
        counts = outcomes(finished(clients))
        server.process.wait(timeout=60)
        return counts, len(server.milliseconds(200))

def ends(bundle, paths, n, add):
    "SIGTERM, `n` times"
    n_answered = 0
    n_lost = 0
    n_closed = 0
    for _ in range(n):
        counts,n_logged = end_under_load(bundle, paths)
        n_answered += counts.get(200, 0)
        n_lost += counts.get('lost', 0) + n_logged-counts.get(200, 0)
        n_closed += counts.get('closed', 0)
    add('SIGTERM under 32 clients: repetitions', n, '')
    add('SIGTERM under 32 clients: answered', n_answered, '')
    add('SIGTERM under 32 clients: accepted and lost', n_lost, '')
    add('SIGTERM under 32 clients: found a kept connection closed', n_closed, '')

def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--data', help='a folder of images; synthetic ones if left out')
    parser.add_argument('--arch', default='mobilenetv2_100')
    parser.add_argument('--n', type=int, default=256, help='images')
    parser.add_argument('--seconds', type=float, default=60, help='of 32 clients; 256 clients have a third')
    parser.add_argument('--ends', type=int, default=10, help='how often SIGTERM is sent')
    parser.add_argument('--out', default=RESULTS, help='csv to write')
    parser.add_argument('--clients', nargs='+', help=argparse.SUPPRESS)
    parser.add_argument('--target', nargs=2, default=(), help=argparse.SUPPRESS)
    return parser.parse_args()

def main():
    opts = options()
    if opts.clients:
        port,n,seconds,*paths = opts.clients
        return run_clients(int(port), int(n), float(seconds), list(map(Path, paths)), opts.target)
    from predict import image_paths, make_bundle # here, for they import torch
    rows = []
    def add(measure, value, unit):
        rows.append(dict(machine=machine(), arch=opts.arch, measure=measure, value=f'{value:.4g}', unit=unit))
        print(f'{measure:58} {value:9.4g} {unit}', flush=True)

    with tempfile.TemporaryDirectory() as tmp:
        paths = image_paths(opts.data, opts.n, Path(tmp)/'synthetic')
        print(f'{machine()}; {opts.arch}, {len(paths)} images')
        bundle = make_bundle(opts.arch, paths, Path(tmp)/'bundle')[0]
        steady_load(bundle, paths, opts.seconds, add)
        overload(bundle, paths, opts.seconds/3, add)
        ends(bundle, paths, opts.ends, add)
    add_machine(opts.out, rows)


if __name__ == '__main__': main()
