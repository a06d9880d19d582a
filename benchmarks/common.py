"What several benchmarks share: the machine they name, and the table they write."
import csv
import platform
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

def write_csv(out, rows):
    "Write `rows`, dictionaries with the same keys, to the file `out`"
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    with open(out, 'w', newline='', encoding='utf-8') as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
