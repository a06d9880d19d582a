"""Time and memory of a whole report by the number of predictions, which are synthetic, without images.

    python benchmarks/report.py
    python benchmarks/report.py --sizes 1000000 --classes 2

Each report is made in its own process. One lesion in two has a second image. Printed are seconds of wall
time, processor seconds of all cores together, and peak memory.
"""
import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def report_cost(n, n_classes):
    "What a report of `n` synthetic predictions takes in this process"
    from skinlesion.data.cases import write_cases
    from skinlesion.synth.predictions import synthetic_predictions
    if n_classes == 2: classes = 'benign', 'malignant'
    else: classes = tuple(f'class{k}' for k in range(n_classes))
    positive = 'malignant' if n_classes == 2 else None
    with tempfile.TemporaryDirectory() as tmp:
        csv = Path(tmp)/'predictions.csv'
        out = Path(tmp)/'report'
        splits = ('valid', 'test', 'test', 'test', 'test')
        table = synthetic_predictions(n//2 + 1, 2, classes, splits=splits, overconfident=1.3)
        write_cases(table.iloc[:n], csv)
        del table
        wall_start = time.monotonic()
        processor_start = time.process_time()
        from skinlesion.evaluations import report_file
        report_file(csv, out, positive)
        wall = time.monotonic() - wall_start
        processor = time.process_time() - processor_start
        size = sum(f.stat().st_size for f in out.rglob('*') if f.name != 'predictions.csv')
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/2**20
    return dict(
        rows=n,
        classes=n_classes,
        seconds=round(wall, 1),
        processor=round(processor, 1),
        GiB=round(memory, 2),
        report_MB=round(size/1e6, 1),
    )

def in_own_process(n, n_classes):
    "The line that this script prints for one report, or its last error"
    command = [sys.executable, __file__, '--one', '--sizes', str(n), '--classes', str(n_classes)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode: return done.stderr[-2000:]
    return done.stdout.strip().splitlines()[-1]

def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    sizes = [10_000, 100_000, 1_000_000]
    parser.add_argument('--sizes', type=int, nargs='*', default=sizes, help='numbers of predictions')
    parser.add_argument('--classes', type=int, nargs='*', default=[2, 7], help='numbers of classes')
    parser.add_argument('--one', action='store_true', help=argparse.SUPPRESS)
    opts = parser.parse_args()
    if opts.one:
        print(json.dumps(report_cost(opts.sizes[0], opts.classes[0])))
        return
    for n in opts.sizes:
        for n_classes in opts.classes: print(in_own_process(n, n_classes), flush=True)


if __name__ == '__main__': main()
