"What several benchmarks share: the machine they name, commands measured on their own, peers in environments of their own, and the table they write."
import contextlib
import csv
import os
import platform
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from skinlesion.core import n_cores


def machine():
    "The processor, and how many cores of it"
    info = Path('/proc/cpuinfo')
    name = platform.processor()
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith('model name'): name = line.split(':')[1].strip()
    return f'{name}, {n_cores()} cores'

# A process that is started by a large one counts its memory as its own, so a small one starts it
STARTER = """import os, subprocess, sys, time
began = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=sys.stderr)
_, status, usage = os.wait4(process.pid, 0)
print(time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, status)"""

def run_alone(*command, python=sys.executable, timeout=None):
    "Seconds, core-seconds (of its own processes too), and megabytes at most, of `python COMMAND`"
    starter = [sys.executable, '-c', STARTER, python, *command]
    process = subprocess.Popen(list(map(str, starter)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try: printed,errors = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL) # it and what it started
        process.communicate()
        raise RuntimeError(f'not done after {timeout:.0f} s: {" ".join(map(str, command))}') from None
    if process.returncode: raise RuntimeError(f'failed: {errors[-2000:]}')
    wall,core,size,status = map(float, printed.split())
    if status: raise RuntimeError(f'failed: {" ".join(map(str, command))}\n{errors[-2000:]}')
    return wall, core, size*(1 if sys.platform == 'darwin' else 1024)/1e6

class NotRun(Exception):
    "Why a peer was not measured, in a line"

def last_line(text):
    "The last line of `text` that says something, at most 300 characters"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else 'no message'

def peer_python(name, requirements, envs):
    "Python of the virtual environment `envs/name` with `requirements`, which is made if it is not there"
    folder = Path(envs).resolve()/name
    python = folder/'bin'/'python'
    complete = folder/'complete' # written when all is installed
    if complete.exists(): return python
    uv = [sys.executable, '-m', 'uv']
    subprocess.run([*uv, 'venv', '--quiet', '--clear', '--python', sys.executable, folder], check=True)
    install = [*uv, 'pip', 'install', '--quiet', '--python', python, *requirements]
    done = subprocess.run(install, capture_output=True, text=True)
    if done.returncode: raise NotRun(f'does not install: {" ".join(done.stderr.split())[:300]}')
    complete.touch()
    return python

def version_of(package, python=sys.executable):
    "Of an installed package"
    code = f'from importlib.metadata import version; print(version({package!r}))'
    return subprocess.run([python, '-c', code], capture_output=True, text=True, check=True).stdout.strip()

@contextlib.contextmanager
def environments(folder):
    "`folder`, to use again, or a temporary one"
    if folder: yield Path(folder)
    else:
        with tempfile.TemporaryDirectory() as tmp: yield Path(tmp)

def command_line():
    "The command that runs, with the names of its script and folders only"
    words = [Path(word).name if os.sep in word else word for word in sys.argv[1:]]
    return ' '.join(['python', f'benchmarks/{Path(sys.argv[0]).name}', *words])

def peer_row(data, tool, version, what, value, unit='', n='', note=''):
    "A row of the csv of one tool: `value` in `unit`, of `n` cases; or why it was not measured"
    about = dict(machine=machine(), data=Path(data).name if data else 'synthetic', tool=tool, version=version)
    return about | dict(measure=what, value=f'{value:.4g}', unit=unit, n=n, note=note, command=command_line())

def add_machine(out, rows):
    "Write `rows`, all of this machine, to the file `out`; what is there of other machines stays"
    others = []
    if Path(out).exists():
        with open(out, newline='', encoding='utf-8') as file: others = [row for row in csv.DictReader(file) if row['machine'] != machine()]
    write_csv(out, [*others, *rows])

def write_csv(out, rows):
    "Write `rows`, dictionaries with the same keys, to the file `out`"
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    with open(out, 'w', newline='', encoding='utf-8') as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
