"""How good a model the same minutes give: ours, fastai, scikit-learn on frozen features, timm and AutoGluon.

    python benchmarks/peers_quality.py --weights WEIGHTS/resnet18.tv_hybrid_in1k --data MALIGNANT_VS_BENIGN --envs ENVS

All start from the same weights and get the same images, split and size. Ours is trained for `--minutes`; what that took is the limit of the others: fastai and timm
get as many epochs as fit, which is measured before and not counted; AutoGluon gets it as its `time_limit`. Logistic regression takes the time it takes. Scores are
the AUROC on the test images, with intervals by a bootstrap of lesions, or of images where the source names no lesions.

- fastai: `vision_learner` and `fine_tune`, as in `quality.py`.
- scikit-learn: `LogisticRegressionCV` on standardised features of timm's network, with timm's preparation of images; training and validation images.
- timm: its train.py is in neither its wheel nor its source distribution, so that the loop is written here after it, with timm's own functions (`create_loader`,
  `create_optimizer_v2`, `create_scheduler_v2`, label smoothing) and the defaults of the script but for a batch of 32; once with its default, SGD, and once with AdamW. The
  best epoch on the validation images counts.
- AutoGluon: `MultiModalPredictor` with the network as its `timm_image`, in an environment of its own.
"""
import argparse
import contextlib
import io
import json
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image
from sklearn.linear_model import LogisticRegressionCV
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from timm.data import create_transform, resolve_model_data_config

from common import NotRun, command_line, environments, last_line, machine, peer_python, run_alone, version_of, write_csv
from quality import print_scores, train_fastai, train_ours
from skinlesion.data.load import load_cases
from skinlesion.evaluate.metrics import metrics
from skinlesion.evaluate.table import predictions_table

RESULTS = Path(__file__).parent/'results'/'peers_quality.csv'
SCRIPTS = Path(__file__).parent/'peers'
PARTS = ('train', 'valid', 'test')
TIMEOUT = 1800 # seconds of a script


def frozen_features(weights, paths, size):
    "Features of the network in the folder `weights`, without its last layer, of each image"
    model = timm.create_model(f'local-dir:{weights}', pretrained=True, num_classes=0).eval()
    config = resolve_model_data_config(model) | dict(input_size=(3, size, size))
    transform = create_transform(**config, is_training=False)
    images = torch.stack([transform(Image.open(path).convert('RGB')) for path in paths])
    with torch.inference_mode(): return torch.cat([model(batch) for batch in images.split(32)]).numpy()

def train_sklearn(weights, cases, seed, size):
    "Predictions of logistic regression on frozen features, and seconds"
    began = time.monotonic()
    train,test = cases.part('train', 'valid'), cases.part('test')
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    regression = LogisticRegressionCV(Cs=10, cv=folds, scoring='roc_auc', max_iter=5000)
    model = make_pipeline(StandardScaler(), regression)
    model.fit(frozen_features(weights, train.path, size), train.label)
    seconds = time.monotonic() - began
    probabilities = model.predict_proba(frozen_features(weights, test.path, size))
    return predictions_table(test, probabilities, list(model.classes_), cases.positive), seconds

def write_images(cases, folder):
    "The images as timm and AutoGluon take them: links in `train/CLASS` and `validation/CLASS`, and a table for each part"
    for part in PARTS: cases.part(part).table[['path', 'label']].to_csv(folder/f'{part}.csv', index=False)
    for part,name in (('train', 'train'), ('valid', 'validation')):
        table = cases.part(part)
        for number,(path,label) in enumerate(zip(table.path, table.label)):
            link = folder/name/label/f'{number}{Path(path).suffix}'
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path)

def train_alone(script, python, cases, *arguments):
    "Predictions of a script of `peers/`, and seconds of its training"
    with tempfile.TemporaryDirectory() as tmp:
        folder = Path(tmp)/'images'
        folder.mkdir()
        write_images(cases, folder)
        answer_file = Path(tmp)/'answer.json'
        try: run_alone(SCRIPTS/script, folder, answer_file, *arguments, python=python, timeout=TIMEOUT)
        except RuntimeError as e: raise NotRun(last_line(str(e))) from None
        answer = json.loads(answer_file.read_text())
    if 'n_epochs' in answer: print(f'  {script}: {answer["n_epochs"]} epochs', flush=True)
    preds = predictions_table(cases.part('test'), np.array(answer['probabilities']), answer['classes'], cases.positive)
    return preds, answer['seconds']

def contenders(weights, cases, seed, opts, envs):
    "By name: a function that trains within a limit of seconds"
    arch = f'local-dir:{weights}'
    def loop_of_timm(optimizer):
        return lambda limit: train_alone('train_timm.py', sys.executable, cases, weights, limit, seed, opts.size, optimizer)

    def autogluon(limit):
        python = peer_python('autogluon', ['autogluon.multimodal'], envs)
        return train_alone('train_autogluon.py', python, cases, weights, limit, seed, opts.size)

    return {
        'skinlesion': lambda limit: train_ours(arch, cases, seed, size=opts.size, minutes=limit/60),
        'fastai': lambda limit: train_fastai(arch, cases, seed, limit, opts.size),
        'scikit-learn': lambda limit: train_sklearn(weights, cases, seed, opts.size),
        'timm': loop_of_timm('sgd'),
        'timm, AdamW': loop_of_timm('adamw'),
        'AutoGluon': autogluon,
    }

def version_of_contender(name, envs):
    if name == 'AutoGluon': return version_of('autogluon.multimodal', Path(envs)/'autogluon'/'bin'/'python')
    return version_of(name.split(',')[0])

def measure_seed(weights, seed, opts, envs, add):
    "A row for each contender"
    with contextlib.redirect_stdout(io.StringIO()): cases = load_cases(Path(opts.data).resolve(), seed=seed)
    limit = 60*opts.minutes
    print(f'{Path(opts.data).name}, {weights.name}, seed {seed}', flush=True)
    for name,train in contenders(weights, cases, seed, opts, envs).items():
        if opts.only and name not in opts.only: continue
        try: preds,seconds = train(limit)
        except NotRun as e:
            add(name, '', seed, note=str(e))
            continue
        if name == 'skinlesion': limit = seconds
        score = metrics(preds)['metrics']['auroc']
        print_scores(name, dict(auroc=score), seconds)
        add(name, version_of_contender(name, envs), seed, score, seconds/60)

def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--weights', help='folder of a network, as timm reads it')
    parser.add_argument('--data', help='malignant_vs_benign, or another set of two classes')
    parser.add_argument('--minutes', type=float, default=2.5)
    parser.add_argument('--seeds', type=int, nargs='*', default=[0, 1])
    parser.add_argument('--size', type=int, default=128, help='side of the images, pixels')
    parser.add_argument('--only', nargs='*', help='names of contenders')
    parser.add_argument('--envs', help='folder of the environments, to use again; temporary ones if left out')
    parser.add_argument('--out', default=RESULTS, help='csv to write')
    return parser.parse_args()

def main():
    opts = options()
    if not (opts.weights and opts.data):
        print('Left out: it takes images and weights, see --help')
        return
    warnings.filterwarnings('ignore')
    weights = Path(opts.weights).resolve()
    rows = []
    def add(tool, version, seed, score=None, minutes=float('nan'), note=''):
        about = dict(machine=machine(), data=Path(opts.data).name, arch=weights.name, size=opts.size, tool=tool, version=version, seed=seed)
        scores = {key: round(score[key], 4) if score else '' for key in ('value', 'low', 'high')}
        rows.append(about | scores | dict(minutes=f'{minutes:.3g}', note=note, command=command_line()))
        if note: print(f'  {tool}: {note}', flush=True)

    with environments(opts.envs) as envs:
        for seed in opts.seeds: measure_seed(weights, seed, opts, envs, add)
    write_csv(opts.out, rows)


if __name__ == '__main__': main()
