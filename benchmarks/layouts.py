"""Time and peak memory of `skinlesion cases` on many empty files, in three layouts.

    python benchmarks/layouts.py                   # 100,000 images as in HAM10000
    python benchmarks/layouts.py --kind folders    # split/class/patient/image
    python benchmarks/layouts.py --kind table      # a csv table of ids with other columns than ours, images in five folders
    python benchmarks/layouts.py --n 10000

The command should take at most 10 s and 500 MB.
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


def write_folders(root, n):
    "Folders of splits, in them of classes, in them of patients with four images each"
    for i in range(n):
        split = ('train', 'val', 'test')[i//4 % 3]
        label = 'mel' if i % 3 == 0 else 'nv'
        folder = root/split/label/f'patient_{i//4:06}'
        folder.mkdir(parents=True, exist_ok=True)
        (folder/f'img_{i:07}.jpg').touch()

def write_table(root, n):
    "A table of ids with patients, lesions and a split, and images in five folders"
    for part in range(5): (root/f'images_{part:03}').mkdir(parents=True)
    lines = ['image_id,dx,Patient ID,lesion_id,Split,age']
    for i in range(n):
        label = 'mel' if i % 3 == 0 else 'nv'
        split = ('train', 'val', 'test')[i//4 % 3]
        (root/f'images_{i % 5:03}'/f'IMG_{i:07}.jpg').touch()
        lines.append(f'IMG_{i:07},{label},P{i//4},L{i//2},{split},{20 + i % 70}')
    (root/'labels.csv').write_text('\n'.join(lines) + '\n')

def write_ham10000(root, n):
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
    kinds = dict(ham10000=write_ham10000, folders=write_folders, table=write_table)
    parser.add_argument('--kind', choices=kinds, default='ham10000', help='how the images are laid out')
    args = parser.parse_args()
    n = args.n
    with tempfile.TemporaryDirectory() as tmp:
        kinds[args.kind](Path(tmp), n)
        start = time.monotonic()
        subprocess.run([sys.executable, '-m', 'skinlesion.cli', 'cases', tmp], check=True)
        seconds = time.monotonic() - start
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss/1024
    print(f'{args.kind}, {n} images: {seconds:.1f} s, peak memory {peak:.0f} MB')


if __name__ == '__main__': main()
