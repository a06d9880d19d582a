"""How well and how fast an audit finds copies: planted in real images, in growing sets, and among a million.

    python benchmarks/duplicates.py --data HAM10000_FOLDER    # all three; without such a folder only the last two
    python benchmarks/duplicates.py --sizes 3000 6000 --million 0

Images of one lesion are the same `lesion_id`, so one of each is taken. What is found among them without having been planted is
printed: look at it before calling it false, for the set holds copies under two ids.
"""
import argparse
import io
import os
import resource
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
from PIL import Image, ImageEnhance, ImageOps

from skinlesion.data import duplicates as dup
from skinlesion.data.audit import audit
from skinlesion.data.scan import scan_images
from skinlesion.synth.sets import sample


def part(img, x0, y0, x1, y1):
    return img.crop((round(x0*img.width), round(y0*img.height), round(x1*img.width), round(y1*img.height)))

def saved_again(img, rng):
    img.save(b := io.BytesIO(), 'JPEG', quality=30)
    return Image.open(b).convert('RGB')

def off_centre(img, rng):
    "Cut 10 to 15% of both sides, more from one edge than from the other"
    c = rng.uniform(.1, .15)
    x,y = rng.uniform(0, c, 2)
    return part(img, x, y, x+1-c, y+1-c)

def corner(img, rng):
    c = rng.uniform(.1, .15)
    x,y = rng.choice([0, c], 2)
    return part(img, x, y, x+1-c, y+1-c)

def one_of(*changes): return lambda img, rng: img.transpose(changes[rng.integers(len(changes))])

FLIP = Image.Transpose
COPIES = dict(
    resized=lambda img, rng: img.resize((img.width//2, img.height//2), Image.Resampling.LANCZOS), saved_again=saved_again,
    squashed=lambda img, rng: img.resize((img.width, img.height*3//4)), cropped=lambda img, rng: part(img, .05, .05, .95, .95),
    mirrored=one_of(FLIP.FLIP_LEFT_RIGHT, FLIP.FLIP_TOP_BOTTOM), quarter=one_of(FLIP.ROTATE_90, FLIP.ROTATE_180, FLIP.ROTATE_270),
    brightness=lambda img, rng: ImageEnhance.Brightness(img).enhance(rng.choice([.85, 1.15])),
    off_centre=off_centre, corner=corner, turned=lambda img, rng: img.rotate(rng.choice([-10, 10]), Image.Resampling.BICUBIC))
HARD = ('off_centre', 'corner', 'turned') # counted apart

def save(img, to):
    img.save(to, quality=90)
    return to

def plant(files, out):
    "Three of four images get one copy of the next kind; (file of the original, copy, kind)"
    rng,kinds = np.random.default_rng(0),list(COPIES)
    chosen = [(f, kinds[i%len(kinds)]) for i,f in enumerate(files) if i%4]
    return [(f, save(COPIES[k](Image.open(f).convert('RGB'), rng), out/f'{k}_{i}.jpg'), k) for i,(f,k) in enumerate(chosen)]

def found_in(files, planted, similar):
    pairs = dup.find_duplicates(scan_images(files + [c for _,c,_ in planted]), min_similarity=similar)
    n = {f: i for i,f in enumerate(files)}
    source = list(range(len(files))) + [n[f] for f,_,_ in planted] # which image each row shows
    return pairs.assign(a=[source[i] for i in pairs.i], b=[source[j] for j in pairs.j])

def score(pairs, planted, n, similar):
    "Recall by kind, precision, and the pairs not planted, at a threshold"
    pairs = pairs[pairs.similarity >= similar]
    hits = set(pairs.j[pairs.a == pairs.b])
    recall = pd.Series([n+k in hits for k in range(len(planted))]).groupby([k for _,_,k in planted]).mean()
    return recall,(pairs.a == pairs.b).mean(),pairs[pairs.a != pairs.b]

def quality(data):
    table = pd.read_csv(Path(data)/'HAM10000_metadata.csv').drop_duplicates('lesion_id').sample(frac=1, random_state=0)
    files = [Path(data)/'images'/f'{i}.jpg' for i in table.image_id]
    with tempfile.TemporaryDirectory() as tmp:
        halves = []
        for k in (0, 1):
            (out := Path(tmp)/str(k)).mkdir()
            half = files[k::2]
            planted = plant(half, out)
            halves.append((found_in(half, planted, 0.4), planted, len(half), half))
    pairs,planted,n,_ = halves[0]
    grid = np.arange(0.45, 0.9, 0.05).round(2)
    scores = {float(s): score(pairs, planted, n, s)[:2] for s in grid}
    recalls = {s: recall.mean() for s,(recall,_) in scores.items()}
    similar = max(s for s,r in recalls.items() if r >= max(recalls.values()) - 0.002) # the fewest false positives that cost no recall
    print(f'first half: threshold {similar:.2f} (module: {dup.MIN_SIMILARITY})')
    for s,(recall,precision) in scores.items(): print(f'  {s:.2f}: recall {recall.mean():.4f}, least of a kind {recall.min():.4f}, precision {precision:.4f}')
    pairs,planted,n,half = halves[1]
    for s in sorted({similar, dup.MIN_SIMILARITY}):
        recall,precision,wrong = score(pairs, planted, n, s)
        easy = [k for k in recall.index if k not in HARD]
        print(f'second half, {n} images and {len(planted)} copies, at {s:.2f}: recall {recall[easy].mean():.4f}, precision {precision:.4f}')
        print(recall.round(4).to_string())
    print('not planted:')
    for w in wrong.drop_duplicates(['a', 'b']).itertuples(): print(f'  {half[w.a].stem} {half[w.b].stem} {w.similarity:.2f}')
    prepared(half[:400])

def prepared(files):
    "Two sets from 4:3 images: one cropped to the square in the middle, one squashed to a square"
    with tempfile.TemporaryDirectory() as tmp:
        ways = dict(crop=lambda o: ImageOps.fit(o, (168, 168)), squash=lambda o: o.resize((168, 168)))
        sets = [[save(way(part(Image.open(f).convert('RGB'), 0, .125, 1, .875)), Path(tmp)/f'{name}_{f.name}') for f in files] for name,way in ways.items()]
        one,two = (scan_images(s) for s in sets)
        pairs = dup.find_duplicates(one, two)
    right = pairs.i == pairs.j
    print(f'two sets of {len(files)}, cropped and squashed: recall {right.sum()/len(files):.4f}, precision {right.mean():.4f}')

def blends(files, n, out):
    "`n` different images: blends of two images, 224 pixels a side"
    rng = np.random.default_rng(0)
    def one(i, a, b, share):
        x,y = (Image.open(files[k]).convert('RGB').resize((224, 224)) for k in (a, b))
        save(Image.blend(x, y.transpose(FLIP(i%7)), share), out/f'{i:06}.jpg')
    with ThreadPoolExecutor() as pool:
        list(pool.map(one, range(n), *rng.integers(len(files), size=(2, n)), rng.uniform(.2, .8, n)))
    return sorted(out.iterdir())

def growth(files, sizes):
    "Seconds and memory of each part of an audit, a row for each of `sizes`"
    with tempfile.TemporaryDirectory() as tmp:
        blended = [str(f) for f in blends(files, max(sizes), Path(tmp))]
        return pd.DataFrame([audit_times(blended[:n]) for n in sizes])

def audit_times(files):
    cases = pd.DataFrame(dict(path=files, label=np.random.default_rng(0).choice(['nv', 'mel'], len(files)), group=files, split=''))
    with tempfile.TemporaryDirectory() as cache, patch.dict(os.environ, SKINLESION_CACHE=cache): # nothing is cached from a smaller set
        steps = dict(reading=lambda: scan_images(files), duplicates=lambda: dup.find_duplicates(scan_images(files)), rest=lambda: audit(cases), again=lambda: audit(cases))
        seconds = {k: timed(step) for k,step in steps.items()} # each step remembers what the one before worked out
    whole = sum(seconds.values()) - seconds['again']
    row = dict(images=len(files)) | {k: round(v, 1) for k,v in seconds.items()} | dict(ms_per_image=round(1000*whole/len(files), 2), peak_MB=round(peak()))
    print(row, flush=True)
    return row

def timed(step):
    start = time.monotonic()
    step()
    return time.monotonic() - start

def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/1024

def million(files, n):
    "Search for copies among the harmonics of `n` images, each with all its crops; one in ten is a rotated, slightly different copy"
    rng,own = np.random.default_rng(0),dup.circular_harmonics(dup.texture(scan_images(files).greys))
    whole = np.empty((n, *own.shape[1:]), np.complex64)
    for rows in dup._blocks(np.arange(n)):
        a,b = rng.integers(len(own), size=(2, len(rows)))
        share = rng.uniform(.2, .8, (len(rows), 1, 1))
        whole[rows] = turned(own[a], rng)*share + turned(own[b], rng)*(1-share)
    copies = rng.permutation(n)[:n//10].reshape(2, -1)
    noise = rng.normal(size=(2, *whole[copies[0]].shape)).astype(np.float32)
    whole[copies[1]] = turned(whole[copies[0]], rng) + (noise[0] + 1j*noise[1])*np.abs(whole).mean()*0.2
    start = time.monotonic()
    index = dup._nearest_neighbours(whole)
    built = time.monotonic() - start
    partner,found = np.full(n, -2),np.zeros(n, bool)
    partner[copies[0]] = copies[1]
    for rows in dup._blocks(np.arange(n)):
        every = np.tile(dup.rotation_invariants(whole[rows]), (len(dup.CROPS), 1)) # as many as there are crops
        near = index.search(every, dup._NEIGHBOURS)[1][:len(rows)]
        found[rows] = (near == partner[rows][:,None]).any(1)
    print(f'{n} descriptors: index {built:.0f} s, search {time.monotonic()-start-built:.0f} s, {found[copies[0]].mean():.4f} of the copies are candidates, peak memory {peak():.0f} MB')

def turned(a, rng): return a*np.exp(1j*rng.uniform(0, 2*np.pi, (len(a), 1, 1))*np.arange(a.shape[2])).astype(np.complex64)

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--data', help='folder of HAM10000: the images and HAM10000_metadata.csv')
    parser.add_argument('--sizes', type=int, nargs='*', default=[3000, 6000, 10_000], help='how many images to time')
    parser.add_argument('--million', type=int, default=1_000_000, help='descriptors to search among; 0 leaves it out')
    parser.add_argument('--no-quality', action='store_true', help='only time and memory')
    opts = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache, patch.dict(os.environ, SKINLESION_CACHE=cache): measure(opts) # nothing is cached from an earlier run

def measure(opts):
    if opts.data and not opts.no_quality: quality(opts.data)
    with tempfile.TemporaryDirectory() as tmp:
        if not opts.data: sample(Path(tmp)/'synthetic', n=400, size=224)
        files = sorted((Path(opts.data)/'images' if opts.data else Path(tmp)/'synthetic').rglob('*.jpg'))
        if opts.sizes: growth(files, opts.sizes)
        if opts.million: million(files[:3000], opts.million)


if __name__ == '__main__': main()
