"""Time and peak memory of `skinlesion cases` on a HAM10000 layout of many empty files.

    python benchmarks/layouts.py              # 100,000 images
    python benchmarks/layouts.py --n 10000
"""
import argparse
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CLASSES = { # images of each in HAM10000
    'nv': 6705,
    'mel': 1113,
    'bkl': 1099,
    'bcc': 514,
    'akiec': 327,
    'vasc': 142,
    'df': 115,
}


def write_layout(root, n):
    "A table, and `n` empty files in two folders; every fourth image shows the lesion of the one before"
    for part in (1, 2): (root/f'HAM10000_images_part_{part}').mkdir(parents=True)
    rng = random.Random(0)
    labels = rng.choices(list(CLASSES), CLASSES.values(), k=n)
    lines = ['lesion_id,image_id,dx,dx_type,age,sex,localization']
    lesion = 0
    for i in range(n):
        if i % 4: lesion = i
        age = rng.randrange(20, 90)
        lines.append(f'HAM_{lesion:07},ISIC_{i:07},{labels[lesion]},histo,{age},female,back')
        folder = root/f'HAM10000_images_part_{1 + i%2}'
        (folder/f'ISIC_{i:07}.jpg').touch()
    (root/'HAM10000_metadata.csv').write_text('\n'.join(lines) + '\n')

def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--n', type=int, default=100_000, help='number of images')
    n = parser.parse_args().n
    with tempfile.TemporaryDirectory() as tmp:
        write_layout(Path(tmp), n)
        start = time.monotonic()
        subprocess.run([sys.executable, '-m', 'skinlesion.cli', 'cases', tmp], check=True)
        seconds = time.monotonic() - start
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss/1024
    print(f'{n} images: {seconds:.1f} s, peak memory {peak:.0f} MB')


if __name__ == '__main__': main()
