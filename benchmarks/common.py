"What several benchmarks share: the machine they name, commands measured on their own, and the table they write."
import csv
import platform
import subprocess
import sys
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

def run_alone(*command):
    "Seconds, core-seconds (of its own processes too), and megabytes at most, of `python COMMAND`"
    command = [sys.executable, '-c', STARTER, sys.executable, *map(str, command)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    wall,core,size,status = map(float, done.stdout.split())
    if status: raise RuntimeError(f'failed: {" ".join(command[4:])}\n{done.stderr[-2000:]}')
    return wall, core, size*(1 if sys.platform == 'darwin' else 1024)/1e6

def write_csv(out, rows):
    "Write `rows`, dictionaries with the same keys, to the file `out`"
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    with open(out, 'w', newline='', encoding='utf-8') as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
