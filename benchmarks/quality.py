"""How good a model the same minutes give, by our default recipe and by stock fastai's `fine_tune`.

    python benchmarks/quality.py --weights WEIGHTS --binary MALIGNANT_VS_BENIGN --classes HAM10000
    python benchmarks/quality.py --weights WEIGHTS --classes HAM10000 --archs resnet18.tv_hybrid_in1k --seeds 0 1

These are folders. WEIGHTS holds a folder for each network, as timm's `local-dir:` takes it. On HAM10000 ours is
trained with the adjusted loss of the shipped recipe `ham10000-7`; stock fastai has nothing of the kind.

For each seed ours is trained first, and fastai gets as many epochs as fit into the minutes that took: its speed
is measured before. Both get the same training, validation and test images; where the source fixes no test part,
each seed splits anew, by lesion. Printed are each seed's scores, with intervals from a bootstrap of the test
images by lesion, and the medians.
"""
import argparse
import contextlib
import io
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from fastai.callback.progress import ProgressCallback
from fastai.callback.training import ShortEpochCallback
from fastai.metrics import accuracy
from fastai.vision.augment import Resize, aug_transforms
from fastai.vision.data import ImageDataLoaders
from fastai.vision.learner import vision_learner

from skinlesion.data.load import load_cases
from skinlesion.evaluate.metrics import metrics
from skinlesion.evaluate.table import predictions, predictions_table
from skinlesion.train.recipe import make_recipe
from skinlesion.train.run import best_epoch_text, fit_run
from skinlesion.train.seeding import seed_everything


def train_ours(arch, cases, seed, **fields):
    "Predictions on the test part, and seconds of training"
    recipe = make_recipe(arch=arch, seed=seed, track='none', **fields)
    with tempfile.TemporaryDirectory() as out: run = fit_run(recipe, cases, Path(out)/'run')
    history = run.history
    probe = history.seconds[history.phase == 'probe'].sum()
    print(f'  best: {best_epoch_text(history)}; the probe took {probe:.0f} s', flush=True)
    return predictions(run.learner, 'test'), history.seconds.sum()

def train_fastai(arch, cases, seed, limit, size):
    "The same from stock fastai, with as many epochs as fit into `limit` seconds; one at least"
    seed_everything(seed)
    frozen = epoch_seconds(arch, cases, size, frozen=True)
    n = max(1, int((limit - frozen)/epoch_seconds(arch, cases, size)))
    learn = fastai_learner(arch, cases, size)
    start = time.monotonic()
    with learn.no_logging(): learn.fine_tune(n)
    seconds = time.monotonic() - start
    print(f'  fastai: {n} epochs after a frozen one', flush=True)
    test = cases.part('test')
    probs, _ = learn.get_preds(dl=learn.dls.test_dl(test.path.tolist()))
    return predictions_table(test, probs.numpy(), list(learn.dls.vocab), cases.positive), seconds

def fastai_learner(arch, cases, size):
    table = cases.part('train', 'valid').table
    table['is_valid'] = table.split == 'valid'
    dls = ImageDataLoaders.from_df(
        table,
        path='/',
        fn_col='path',
        label_col='label',
        valid_col='is_valid',
        item_tfms=Resize(size),
        batch_tfms=aug_transforms(flip_vert=True),
        bs=32,
        num_workers=0,
    )
    learn = vision_learner(dls, arch, metrics=accuracy)
    learn.remove_cb(ProgressCallback)
    return learn

def epoch_seconds(arch, cases, size, frozen=False, warm_up=0.15):
    "Of an epoch of fastai with its validation, after a proportion of another one, for the first batches are slow"
    learn = fastai_learner(arch, cases, size)
    if not frozen: learn.unfreeze()
    with learn.no_logging():
        learn.fit(1, 1e-6, cbs=ShortEpochCallback(warm_up, short_valid=False))
        start = time.monotonic()
        learn.fit(1, 1e-6)
        return time.monotonic() - start

def print_scores(name, scores, seconds):
    texts = []
    for score, entry in scores.items():
        interval = f'{entry["low"]:.3f} to {entry["high"]:.3f}'
        texts.append(f'{score} {entry["value"]:.3f} ({interval})')
    print(f'  {name:7}{", ".join(texts)}, {seconds/60:.1f} minutes', flush=True)

def measure(data, arch, opts, score_names, **fields):
    "A row for each seed and contender: `who`, `seed`, `minutes` and the scores"
    rows = []
    for seed in opts.seeds:
        with contextlib.redirect_stdout(io.StringIO()):
            cases = load_cases(Path(data).resolve(), seed=seed) # fastai joins paths to a folder
        print(f'{Path(data).name}, {Path(arch).name}, seed {seed}', flush=True)
        results = {'ours': train_ours(arch, cases, seed, size=opts.size, **fields)}
        if not opts.no_fastai:
            limit = results['ours'][1]
            results['fastai'] = train_fastai(arch, cases, seed, limit, opts.size)
        for name, (preds, seconds) in results.items():
            values = metrics(preds)['metrics']
            scores = {score: values[score] for score in score_names}
            print_scores(name, scores, seconds)
            row = dict(who=name, seed=seed, minutes=seconds/60)
            for score, entry in scores.items(): row[score] = entry['value']
            rows.append(row)
    return pd.DataFrame(rows)

def print_summary(table, score_names):
    "Medians over the seeds, and the median of the differences seed by seed"
    print(table.groupby('who')[[*score_names, 'minutes']].median().round(3).to_string())
    if 'fastai' in set(table.who):
        by_seed = table.pivot(index='seed', columns='who', values=list(score_names))
        for score in score_names:
            gain = by_seed[score].ours - by_seed[score].fastai
            each = ', '.join(f'{v:+.3f}' for v in np.sort(gain))
            print(f'{score}: ours is better by {gain.median():.3f} (seeds: {each})')
    print(flush=True)

def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--weights', help='folder with a folder for each network')
    parser.add_argument('--archs', nargs='*', help='names of these folders; all if left out')
    parser.add_argument('--binary', help='malignant_vs_benign: AUROC on its own test part')
    parser.add_argument('--classes', help='ham10000: balanced accuracy and AUROC over seven classes')
    parser.add_argument('--seeds', type=int, nargs='*', default=[0, 1, 2])
    parser.add_argument('--size', type=int, default=224, help='side of the images, pixels')
    parser.add_argument('--set', nargs='*', default=[], metavar='FIELD=VALUE',
                        help='fields of the recipe, such as epochs=4 or freeze_norm=false')
    parser.add_argument('--no-fastai', action='store_true', help='only ours')
    opts = parser.parse_args()
    if not opts.weights:
        print('Left out: it takes images and weights, see --help')
        return
    warnings.filterwarnings('ignore')
    fields = dict(option.split('=', 1) for option in opts.set)
    weights = Path(opts.weights).resolve()
    for name in opts.archs or sorted(p.name for p in weights.iterdir() if (p/'config.json').exists()):
        arch = f'local-dir:{weights/name}'
        if opts.binary:
            score_names = ['auroc']
            print_summary(measure(opts.binary, arch, opts, score_names, **fields), score_names)
        if opts.classes:
            score_names = ['balanced_accuracy', 'macro_auroc']
            with_loss = dict(imbalance='logit_adjusted') | fields
            print_summary(measure(opts.classes, arch, opts, score_names, **with_loss), score_names)


if __name__ == '__main__': main()
