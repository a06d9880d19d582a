"""How good a model the same minutes give: our default recipe beside stock fastai's `vision_learner` and `fine_tune`.

    python benchmarks/quality.py --weights WEIGHTS_FOLDER --binary MALIGNANT_VS_BENIGN_FOLDER --classes HAM10000_FOLDER
    python benchmarks/quality.py --weights W --classes HAM10000_FOLDER --archs resnet18.tv_hybrid_in1k --size 128 --seeds 0 1 2 3 4

On HAM10000 ours is trained with the adjusted loss of the shipped recipe `ham10000-7`; stock fastai has nothing of the kind. WEIGHTS_FOLDER holds a folder for each network, as timm's `local-dir:` takes it. For each seed ours is trained first, and
fastai gets as many epochs as fit into the minutes that took: its speed is measured before. Both see the same training,
validation and test images; where the source fixes no test part, each seed divides anew, with all images of a lesion on one
side. Printed are each seed's scores, with intervals from resampling the test images by lesion, and the medians.
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
from skinlesion.train.seeding import seed_everything
from skinlesion.train.recipe import make_recipe
from skinlesion.train.run import fit_run, best_epoch_text


def ours(arch, cases, seed, **recipe):
    "Predictions on the test part, and seconds of training"
    with tempfile.TemporaryDirectory() as out:
        run = fit_run(make_recipe(arch=arch, seed=seed, track='none', **recipe), cases, Path(out)/'run')
    probe = run.history.seconds[run.history.phase == 'probe'].sum()
    print(f'  kept is {best_epoch_text(run.history)}; the probe took {probe:.0f} s', flush=True)
    return predictions(run.learn, 'test'),run.history.seconds.sum()

def fastai(arch, cases, seed, limit, size):
    "The same from stock fastai, with as many epochs as fit into `limit` seconds; one at least"
    seed_everything(seed)
    n = max(1, int((limit - epoch_seconds(arch, cases, size, frozen=True))/epoch_seconds(arch, cases, size)))
    learn = stock(arch, cases, size)
    began = time.monotonic()
    with learn.no_logging(): learn.fine_tune(n)
    took = time.monotonic()-began
    print(f'  fastai: {n} epochs after a frozen one', flush=True)
    test,classes = cases[cases.split == 'test'],list(learn.dls.vocab)
    probs,_ = learn.get_preds(dl=learn.dls.test_dl(test.path.tolist()))
    return predictions_table(test, probs.numpy(), classes, cases.positive),took

def stock(arch, cases, size):
    table = cases[cases.split != 'test'].table.assign(held=lambda t: t.split == 'valid')
    dls = ImageDataLoaders.from_df(table, path='/', fn_col='path', label_col='label', valid_col='held', item_tfms=Resize(size),
                                   batch_tfms=aug_transforms(flip_vert=True), bs=32, num_workers=0)
    learn = vision_learner(dls, arch, metrics=accuracy)
    learn.remove_cb(ProgressCallback)
    return learn

def epoch_seconds(arch, cases, size, frozen=False, share=0.15):
    "Of an epoch of fastai with its validation, from a part of one"
    learn = stock(arch, cases, size)
    if not frozen: learn.unfreeze()
    with learn.no_logging():
        began = time.monotonic(); learn.fit(1, 1e-6, cbs=ShortEpochCallback(share, short_valid=False)); part = time.monotonic()-began
        began = time.monotonic(); learn.validate(); valid = time.monotonic()-began
    return (part-valid)/share + valid

def scores(preds, names):
    found = metrics(preds)['metrics']
    return {n: (found[n]['value'], found[n]['low'], found[n]['high']) for n in names}

def measure(data, arch, opts, names, **recipe):
    rows = []
    for seed in opts.seeds:
        with contextlib.redirect_stdout(io.StringIO()): cases = load_cases(Path(data).resolve(), seed=seed) # fastai joins paths to a folder
        print(f'{Path(data).name}, {Path(arch).name}, seed {seed}', flush=True)
        preds,took = ours(arch, cases, seed, size=opts.size, **recipe)
        found = dict(ours=(scores(preds, names), took))
        if not opts.no_fastai:
            preds,its = fastai(arch, cases, seed, took, opts.size)
            found['fastai'] = scores(preds, names),its
        for who,(values,spent) in found.items():
            print(f'  {who:7}' + ', '.join(f'{n} {v:.3f} ({low:.3f} to {high:.3f})' for n,(v,low,high) in values.items()) + f', {spent/60:.1f} minutes', flush=True)
            rows.append(dict(who=who, seed=seed, minutes=spent/60) | {n: v[0] for n,v in values.items()})
    return pd.DataFrame(rows)

def summary(table, names):
    "Medians over the seeds, and the median of the differences seed by seed"
    print(table.groupby('who')[[*names, 'minutes']].median().round(3).to_string())
    if 'fastai' in set(table.who):
        gain = table.pivot(index='seed', columns='who', values=list(names))
        for n in names:
            d = gain[n].ours - gain[n].fastai
            print(f'{n}: ours is better by {d.median():.3f} (seeds: {", ".join(f"{v:+.3f}" for v in np.sort(d))})')
    print(flush=True)

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--weights', help='folder with a folder for each network')
    parser.add_argument('--archs', nargs='*', help='some of them; all if left out')
    parser.add_argument('--binary', help='malignant_vs_benign: AUROC on its own test part')
    parser.add_argument('--classes', help='ham10000: balanced accuracy and AUROC over seven classes')
    parser.add_argument('--seeds', type=int, nargs='*', default=[0, 1, 2])
    parser.add_argument('--size', type=int, default=224, help='side of the images, pixels')
    parser.add_argument('--set', nargs='*', default=[], metavar='FIELD=VALUE', help='fields of the recipe, such as epochs=4 or freeze_norm=false')
    parser.add_argument('--no-fastai', action='store_true', help='only ours')
    opts = parser.parse_args()
    if not opts.weights: return print('Left out: it takes images and weights, see --help')
    warnings.filterwarnings('ignore')
    fields = dict(o.split('=', 1) for o in opts.set)
    for name in opts.archs or sorted(p.name for p in Path(opts.weights).iterdir() if (p/'config.json').exists()):
        arch = f'local-dir:{Path(opts.weights).resolve()/name}'
        if opts.binary: summary(measure(opts.binary, arch, opts, ('auroc',), **fields), ('auroc',))
        if opts.classes:
            names = 'balanced_accuracy', 'macro_auroc'
            summary(measure(opts.classes, arch, opts, names, **(dict(imbalance='logit_adjusted') | fields)), names)


if __name__ == '__main__': main()
