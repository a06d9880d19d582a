"""AWS Lambda's side of a function, on this computer: the Runtime API that the real runtime client asks for events

`LambdaProcess` starts `python -m awslambdaric`, which is what runs Python functions in AWS, with
[the API that it asks](https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html). It is used in `64_cloud.handler` and in
`benchmarks/handler.py`.
"""
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_ROUTE = '/2018-06-01/runtime'
# With nothing writable but what has a file system of its own, such as /dev/shm
READ_ONLY = ('unshare', '--mount', 'sh', '-c', 'mount --make-rprivate / && mount -o remount,ro,bind / && exec "$@"', 'sh')


def can_be_read_only():
    "Whether this system lets us mount its root as Lambda does"
    if not shutil.which('unshare'): return False
    return subprocess.run([*READ_ONLY, 'true'], capture_output=True).returncode == 0

class FunctionError(Exception):
    "What the function raised"

class _Api(BaseHTTPRequestHandler):
    "The Runtime API of `self.server.process`"
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True # else the body of a response waits for its head to be acknowledged

    def log_message(self, *args): pass

    def do_GET(self):
        request_id,event,deadline = self.server.process.events.get()
        self.answer(200, event, {
            'Lambda-Runtime-Aws-Request-Id': request_id,
            'Lambda-Runtime-Deadline-Ms': str(deadline),
            'Lambda-Runtime-Invoked-Function-Arn': 'arn:aws:lambda:us-east-1:123456789012:function:test',
        })

    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        self.server.process.results.put((self.path.removeprefix(_ROUTE), body))
        self.answer(202, b'{"status": "OK"}', {})

    def answer(self, status, body, headers):
        self.send_response(status)
        headers = headers | {'Content-Type': 'application/json', 'Content-Length': str(len(body))}
        for name,value in headers.items(): self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *args): pass # a process that is ended lets its connection fall

class LambdaProcess:
    "A function in a process of its own, which has only the variables `env`; `seconds` says how long its start took"
    def __init__(self, env, python=sys.executable, before=(), handler='skinlesion.cloud.handler.handler'):
        self.events = queue.Queue()
        self.results = queue.Queue()
        self.server = _Server(('127.0.0.1', 0), _Api)
        self.server.process = self
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        host,port = self.server.server_address
        env = {
            'PATH': os.environ['PATH'],
            'HOME': '/home/sbx_user1051', # which is not there in Lambda either
            'AWS_LAMBDA_RUNTIME_API': f'{host}:{port}',
            'AWS_LAMBDA_FUNCTION_NAME': 'test',
            'AWS_LAMBDA_FUNCTION_MEMORY_SIZE': '2048',
            **env,
        }
        self.log_file = tempfile.TemporaryFile('a+b')
        command = [*before, python, '-m', 'awslambdaric', handler]
        self.process = subprocess.Popen(command, env=env, cwd='/', stdout=self.log_file, stderr=subprocess.STDOUT)

    @property
    def log(self):
        "What the function wrote so far"
        self.log_file.seek(0)
        return self.log_file.read().decode()

    def __enter__(self): return self

    def __exit__(self, *args):
        self.process.terminate()
        self.process.wait()
        self.log_file.close()
        self.server.shutdown()
        self.server.server_close()

    def __call__(self, event, timeout=60):
        "What the function returns for `event`; a `FunctionError` if it raises, or could not be started"
        request_id = str(uuid.uuid4())
        deadline = round(1000*(time.time() + timeout))
        self.events.put((request_id, json.dumps(event).encode(), deadline))
        result = None
        while result is None:
            has_ended = self.process.poll() is not None
            try: result = self.results.get(timeout=0.2)
            except queue.Empty:
                if has_ended: raise FunctionError(f'ended by itself: {self.log}') from None
                if 1000*time.time() > deadline: raise FunctionError(f'no answer in {timeout} seconds') from None
        route,body = result
        result = json.loads(body)
        if route != f'/invocation/{request_id}/response': raise FunctionError(f'{route}: {result["errorType"]}: {result["errorMessage"]}')
        return result
