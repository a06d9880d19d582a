"""How well an audit detects planted duplicates, and how fast it is in growing sets and among a million.

    python benchmarks/duplicates.py --data HAM10000    # all three; without such a folder only the last two
    python benchmarks/duplicates.py --sizes 3000 6000 --million 0

Images of one lesion have the same `lesion_id`, so one of each is taken. Pairs that are detected without having
been planted are printed: inspect them before calling them false positives, for the set holds copies under two ids.
"""
import argparse
import io
import os
import resource
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
from PIL import Image, ImageEnhance, ImageOps

from skinlesion.data import duplicates as dup
from skinlesion.data.audit import audit
from skinlesion.data.scan import scan_images
from skinlesion.synth.sets import sample

THRESHOLDS = np.arange(0.45, 0.9, 0.05).round(2) # similarities from which a pair counts as duplicates
FLIP = Image.Transpose


def crop_to(img, x0, y0, x1, y1):
    "The part of `img` between these proportions of its width and height"
    box = x0*img.width, y0*img.height, x1*img.width, y1*img.height
    return img.crop([round(edge) for edge in box])

def resized(img, rng): return img.resize((img.width//2, img.height//2), Image.Resampling.LANCZOS)

def saved_again(img, rng):
    file = io.BytesIO()
    img.save(file, 'JPEG', quality=30)
    return Image.open(file).convert('RGB')

def squashed(img, rng): return img.resize((img.width, img.height*3//4))

def cropped(img, rng): return crop_to(img, .05, .05, .95, .95)

def mirrored(img, rng):
    ways = FLIP.FLIP_LEFT_RIGHT, FLIP.FLIP_TOP_BOTTOM
    return img.transpose(ways[rng.integers(len(ways))])

def quarter(img, rng):
    "Rotated by one, two or three quarters"
    ways = FLIP.ROTATE_90, FLIP.ROTATE_180, FLIP.ROTATE_270
    return img.transpose(ways[rng.integers(len(ways))])

def brightness(img, rng): return ImageEnhance.Brightness(img).enhance(rng.choice([.85, 1.15]))

def off_centre(img, rng):
    "Cut 10 to 15% of both sides, more from one edge than from the other"
    cut = rng.uniform(.1, .15)
    x, y = rng.uniform(0, cut, 2)
    return crop_to(img, x, y, x+1-cut, y+1-cut)

def corner(img, rng):
    cut = rng.uniform(.1, .15)
    x, y = rng.choice([0, cut], 2)
    return crop_to(img, x, y, x+1-cut, y+1-cut)

def turned(img, rng): return img.rotate(rng.choice([-10, 10]), Image.Resampling.BICUBIC)

COPIES = {
    'resized': resized,
    'saved_again': saved_again,
    'squashed': squashed,
    'cropped': cropped,
    'mirrored': mirrored,
    'quarter': quarter,
    'brightness': brightness,
    'off_centre': off_centre,
    'corner': corner,
    'turned': turned,
}
HARD = ('off_centre', 'corner', 'turned') # left out of the total

def save(img, path):
    img.save(path, quality=90)
    return path

def plant(files, out, copies=COPIES):
    "Three of four images get one copy of the next kind; (file of the original, copy, kind)"
    rng = np.random.default_rng(0)
    kinds = list(copies)
    planted = []
    for i, file in enumerate(files):
        if i%4 == 0: continue
        kind = kinds[i%len(kinds)]
        copy = copies[kind](Image.open(file).convert('RGB'), rng)
        planted.append((file, save(copy, out/f'{kind}_{i}.jpg'), kind))
    return planted

def detected_pairs(files, planted, min_similarity):
    "Pairs among the files and the planted copies; `a` and `b` are the rows of `files` that the two show"
    copies = [copy for _, copy, _ in planted]
    pairs = dup.find_duplicates(scan_images(files + copies), min_similarity=min_similarity)
    row_of = {file: i for i, file in enumerate(files)}
    shown = [*range(len(files)), *(row_of[original] for original, _, _ in planted)]
    return pairs.assign(a=[shown[i] for i in pairs.i], b=[shown[j] for j in pairs.j])

def evaluate(pairs, planted, n, threshold):
    "Recall by kind, precision, and the pairs not planted, at a threshold"
    pairs = pairs[pairs.similarity >= threshold]
    is_planted = pairs.a == pairs.b
    detected = set(pairs.j[is_planted])
    is_detected = pd.Series([n+k in detected for k in range(len(planted))])
    kinds = [kind for _, _, kind in planted]
    return is_detected.groupby(kinds).mean(), is_planted.mean(), pairs[~is_planted]

def choose_threshold(pairs, planted, n):
    "The one with the fewest false positives that costs no recall; prints the scores of all"
    scores = {float(t): evaluate(pairs, planted, n, t)[:2] for t in THRESHOLDS}
    recalls = {t: recall.mean() for t, (recall, _) in scores.items()}
    best = max(recalls.values())
    threshold = max(t for t, recall in recalls.items() if recall >= best - 0.002)
    print(f'first half: threshold {threshold:.2f} (module: {dup.MIN_SIMILARITY})')
    for t, (recall, precision) in scores.items():
        recalls_text = f'recall {recall.mean():.4f}, least of a kind {recall.min():.4f}'
        print(f'  {t:.2f}: {recalls_text}, precision {precision:.4f}')
    return threshold

def one_of_each_lesion(data):
    "Files of one image of each lesion of HAM10000, in random order"
    table = pd.read_csv(Path(data)/'HAM10000_metadata.csv')
    table = table.drop_duplicates('lesion_id').sample(frac=1, random_state=0)
    file_of = {file.stem: file for file in Path(data).rglob('*.jpg')}
    return [file_of[name] for name in table.image_id]

def quality(data):
    "Choose a threshold on one half of HAM10000, and print recall and precision on the other"
    files = one_of_each_lesion(data)
    first, second = files[::2], files[1::2]
    with tempfile.TemporaryDirectory() as tmp:
        planted = plant(first, Path(tmp))
        threshold = choose_threshold(detected_pairs(first, planted, 0.4), planted, len(first))
    with tempfile.TemporaryDirectory() as tmp:
        planted = plant(second, Path(tmp))
        pairs = detected_pairs(second, planted, 0.4)
    for t in sorted({threshold, dup.MIN_SIMILARITY}):
        recall, precision, not_planted = evaluate(pairs, planted, len(second), t)
        easy = [kind for kind in recall.index if kind not in HARD]
        print(f'second half, {len(second)} images and {len(planted)} copies, at {t:.2f}: '
              f'recall {recall[easy].mean():.4f}, precision {precision:.4f}')
        print(recall.round(4).to_string())
    print('not planted:')
    for pair in not_planted.drop_duplicates(['a', 'b']).itertuples():
        print(f'  {second[pair.a].stem} {second[pair.b].stem} {pair.similarity:.2f}')
    quality_across_sets(first[:400])

def quality_across_sets(files):
    "Two sets from 4:3 images: one cropped to the square in the middle, one squashed to a square"
    with tempfile.TemporaryDirectory() as tmp:
        crops, squashes = [], []
        for file in files:
            img = crop_to(Image.open(file).convert('RGB'), 0, .125, 1, .875)
            crops.append(save(ImageOps.fit(img, (168, 168)), Path(tmp)/f'crop_{file.name}'))
            squashes.append(save(img.resize((168, 168)), Path(tmp)/f'squash_{file.name}'))
        pairs = dup.find_duplicates(scan_images(crops), scan_images(squashes))
    is_true = pairs.i == pairs.j
    recall = is_true.sum()/len(files)
    precision = is_true.mean()
    print(f'two sets of {len(files)}, cropped and squashed: recall {recall:.4f}, precision {precision:.4f}')

def make_blends(files, n, out):
    "`n` different images: blends of two images, 224 pixels a side"
    def small(k): return Image.open(files[k]).convert('RGB').resize((224, 224))
    def blend(i, a, b, alpha):
        flipped = small(b).transpose(FLIP(i%7))
        save(Image.blend(small(a), flipped, alpha), out/f'{i:06}.jpg')
    rng = np.random.default_rng(0)
    firsts, seconds = rng.integers(len(files), size=(2, n))
    alphas = rng.uniform(.2, .8, n)
    with ThreadPoolExecutor() as pool: list(pool.map(blend, range(n), firsts, seconds, alphas))
    return sorted(out.iterdir())

def growth(files, sizes):
    "Seconds and memory of each step of an audit, a row for each of `sizes`"
    with tempfile.TemporaryDirectory() as tmp:
        blends = [str(f) for f in make_blends(files, max(sizes), Path(tmp))]
        return pd.DataFrame([audit_times(blends[:n]) for n in sizes])

def audit_times(files):
    labels = np.random.default_rng(0).choice(['nv', 'mel'], len(files))
    cases = pd.DataFrame(dict(path=files, label=labels, group=files, split=''))
    row = dict(images=len(files))
    with empty_cache(): # each step finds in it what the one before computed
        row['reading'] = seconds_of(lambda: scan_images(files))
        row['duplicates'] = seconds_of(lambda: dup.find_duplicates(scan_images(files)))
        row['rest'] = seconds_of(lambda: audit(cases))
        row['again'] = seconds_of(lambda: audit(cases))
    total = row['reading'] + row['duplicates'] + row['rest']
    row = {name: round(value, 1) for name, value in row.items()}
    row['ms_per_image'] = round(1000*total/len(files), 2)
    row['peak_MB'] = round(peak_memory())
    print(row, flush=True)
    return row

@contextmanager
def empty_cache():
    with tempfile.TemporaryDirectory() as cache, patch.dict(os.environ, SKINLESION_CACHE=cache): yield

def seconds_of(step):
    start = time.monotonic()
    step()
    return time.monotonic() - start

def peak_memory(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/1024 # MB

def random_rotation(harmonics, rng):
    angles = rng.uniform(0, 2*np.pi, (len(harmonics), 1, 1))
    order = np.arange(harmonics.shape[2])
    return harmonics*np.exp(1j*angles*order).astype(np.complex64)

def mixed_harmonics(files, n, rng):
    "Harmonics of `n` images that do not exist: mixtures of those of two of `files`"
    real = dup.circular_harmonics(dup.texture(scan_images(files).greys))
    mixed = np.empty((n, *real.shape[1:]), np.complex64)
    for rows in dup._blocks(np.arange(n)):
        a, b = rng.integers(len(real), size=(2, len(rows)))
        alpha = rng.uniform(.2, .8, (len(rows), 1, 1))
        mixed[rows] = random_rotation(real[a], rng)*alpha + random_rotation(real[b], rng)*(1-alpha)
    return mixed

def plant_rotated(harmonics, rng):
    "Make some rows rotated, slightly different copies of others; the rows of the originals and of the copies"
    n = len(harmonics)
    originals, copies = rng.permutation(n)[:n//10].reshape(2, -1)
    noise = rng.normal(size=(2, *harmonics[originals].shape)).astype(np.float32)
    scale = np.abs(harmonics).mean()*0.2
    harmonics[copies] = random_rotation(harmonics[originals], rng) + (noise[0] + 1j*noise[1])*scale
    return originals, copies

def million(files, n):
    "Search for copies among the harmonics of `n` images, each with all its crops"
    rng = np.random.default_rng(0)
    harmonics = mixed_harmonics(files, n, rng)
    originals, copies = plant_rotated(harmonics, rng)
    start = time.monotonic()
    index = dup.nearest_neighbours(harmonics)
    built = time.monotonic()
    copy_of = np.full(n, -2) # no row
    copy_of[originals] = copies
    is_candidate = np.zeros(n, bool)
    for rows in dup._blocks(np.arange(n)):
        invariants = dup.rotation_invariants(harmonics[rows])
        crops = np.tile(invariants, (len(dup.CROPS), 1)) # the search takes the time of one for each crop
        _, neighbours = index.search(crops, dup._NEIGHBOURS)
        neighbours = neighbours[:len(rows)]
        is_candidate[rows] = (neighbours == copy_of[rows][:,None]).any(1)
    end = time.monotonic()
    recall = is_candidate[originals].mean()
    print(f'{n} descriptors: index {built-start:.0f} s, search {end-built:.0f} s, '
          f'{recall:.4f} of the copies are candidates, peak memory {peak_memory():.0f} MB')

def measure(opts):
    if opts.data and not opts.no_quality: quality(opts.data)
    with tempfile.TemporaryDirectory() as tmp:
        if opts.data: folder = Path(opts.data)/'images'
        else: folder = sample(Path(tmp)/'synthetic', n=400, size=224)
        files = sorted(folder.rglob('*.jpg'))
        if opts.sizes: growth(files, opts.sizes)
        if opts.million: million(files[:3000], opts.million)

def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--data', help='folder of HAM10000: the images and HAM10000_metadata.csv')
    sizes = [3000, 6000, 10_000]
    parser.add_argument('--sizes', type=int, nargs='*', default=sizes, help='numbers of images to time')
    parser.add_argument('--million', type=int, default=1_000_000, help='size of the last search; 0 for none')
    parser.add_argument('--no-quality', action='store_true', help='only time and memory')
    with empty_cache(): measure(parser.parse_args()) # nothing is cached from an earlier run


if __name__ == '__main__': main()
