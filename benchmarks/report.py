"""Time and memory of a whole report, for tables of several sizes: a process of its own each, drawn predictions, no images.

    python benchmarks/report.py
    python benchmarks/report.py --sizes 1000000 --classes 2

One lesion in two has a second image. Printed are seconds one waits, seconds of all cores together, and peak memory.
"""
import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def judge(n, classes):
    "In a process of its own: a report of `n` drawn predictions, and what it took"
    from skinlesion.data.cases import write_cases
    from skinlesion.synth.predictions import synthetic_predictions
    with tempfile.TemporaryDirectory() as tmp:
        names = ('benign', 'malignant') if classes == 2 else tuple(f'class{k}' for k in range(classes))
        table = synthetic_predictions(n//2 + 1, 2, names, splits=('valid', 'test', 'test', 'test', 'test'), overconfident=1.3).iloc[:n]
        write_cases(table, f'{tmp}/predictions.csv')
        del table
        began,used = time.monotonic(),time.process_time()
        from skinlesion.commands import report_file
        report_file(f'{tmp}/predictions.csv', f'{tmp}/report', names[-1] if classes == 2 else None)
        size = sum(f.stat().st_size for f in Path(f'{tmp}/report').rglob('*') if f.name != 'predictions.csv')
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/2**20
    return dict(rows=n, classes=classes, seconds=round(time.monotonic()-began, 1), processor=round(time.process_time()-used, 1), GiB=round(memory, 2), report_MB=round(size/1e6, 1))

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--sizes', type=int, nargs='*', default=[10_000, 100_000, 1_000_000])
    parser.add_argument('--classes', type=int, nargs='*', default=[2, 7])
    parser.add_argument('--one', action='store_true', help=argparse.SUPPRESS)
    opts = parser.parse_args()
    if opts.one: return print(json.dumps(judge(opts.sizes[0], opts.classes[0])))
    for n in opts.sizes:
        for k in opts.classes:
            done = subprocess.run([sys.executable, __file__, '--one', '--sizes', str(n), '--classes', str(k)], capture_output=True, text=True)
            print(done.stdout.strip().splitlines()[-1] if not done.returncode else done.stderr[-2000:], flush=True)


if __name__ == '__main__': main()
