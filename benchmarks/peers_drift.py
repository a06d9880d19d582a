"""How often drift is reported where there is none, and where there is some: `skinlesion drift` and Evidently on the same pairs of tables.

    python benchmarks/peers_drift.py                                             # synthetic predictions
    python benchmarks/peers_drift.py --predictions PUBLISHED_PREDICTIONS --envs ENVS    # of published models, see nbs/explain/11_published

Each pair is a reference and new answers of the same classes, all of them probabilities of one model for images of two halves of the lesions or patients, at random:

- *no change*: the halves as they are. Whatever is reported is a false positive.
- *no change, few images*: the new half has images of 40 lesions or patients.
- *more of one class*: in the new half lesions of other classes are left out until the positive one is three times as common.
- *another model*: the new half is predicted by another model.

Evidently runs its `DataDriftPreset` with its defaults on the columns of probabilities; ours gets the lesion or patient of each image as well. A comparison reports drift if a column has
drifted; Evidently's verdict on the whole table, that half of the columns have, is counted next to it. Times are those of one comparison of 10,000 rows, a process from its start to its end, medians over the rounds.
"""
import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from common import NotRun, environments, last_line, peer_python, peer_row, run_alone, version_of, write_csv
from skinlesion.core import prob_column
from skinlesion.evaluate.table import as_predictions, read_predictions
from skinlesion.synth.predictions import synthetic_predictions

RESULTS = Path(__file__).parent/'results'
SCRIPTS = Path(__file__).parent/'peers'
REQUIREMENTS = ['evidently', 'pandas<3'] # version 0.7.23 fails to import with pandas 3
TIMEOUT = 1800 # seconds of one tool
MODELS = ('PanDerm', 'CLIP-Large')
FEW = 40 # lesions or patients
MORE = 3 # times as common


def published(folder, name, positive, metadata=None):
    "Tables of two published models for the same images, by `path`, and the class that becomes more common"
    tables = []
    for model in MODELS:
        source = folder/f'{name}_linear_probe'/f'{model}.csv'
        preds = read_predictions(source, metadata=metadata, classes=folder/f'{name}_linear_probe'/'classes.csv')
        table = preds.table
        if metadata is None: table = table.assign(group=table.path.str.extract(r'(PAT_\d+)', expand=False)) # of PAD-UFES-20
        tables.append(table.set_index('path').sort_index())
    return tables, positive

def synthetic():
    "The same of synthetic predictions"
    tables = []
    for skill in (1.5, 4.):
        preds = as_predictions(synthetic_predictions(lesions=700, skill=skill))
        tables.append(preds.table.set_index('path').sort_index())
    return tables, 'malignant'

def rarer_others(table, positive, rng):
    "`table` without lesions at random, so that the class `positive` is `MORE` times as common"
    label = table.groupby('group').label.first()
    n_positive = (label == positive).sum()
    proportion = min(MORE*n_positive/len(label), 0.9)
    others = label.index[label != positive]
    n_others = round(n_positive*(1-proportion)/proportion)
    groups = [*label.index[label == positive], *rng.choice(others, n_others, replace=False)]
    return table[table.group.isin(groups)]

def pair_tables(tables, positive, rng):
    "By kind: reference and new answers"
    first,other = tables
    groups = rng.permutation(first.group.unique())
    reference = first[first.group.isin(groups[::2])]
    new = first[first.group.isin(groups[1::2])]
    return {
        'no change': (reference, new),
        'no change, few images': (reference, new[new.group.isin(rng.choice(new.group.unique(), FEW, replace=False))]),
        'more of one class': (reference, rarer_others(new, positive, rng)),
        'another model': (reference, other.loc[new.index]),
    }

def write_pair(folder, name, reference, new):
    for kind,table in dict(reference=reference, new=new).items():
        columns = ['group', *(column for column in table if column.startswith('p_'))]
        table[columns].to_csv(folder/f'{name}.{kind}.csv', index=False)

def write_pairs(folder, sets, repeats):
    "`repeats` pairs of each kind and set"
    folder.mkdir()
    for name,(tables,positive) in sets.items():
        for number in range(repeats):
            rng = np.random.default_rng(number)
            for kind,pair in pair_tables(tables, positive, rng).items():
                write_pair(folder, f'{name}; {kind}; {number}', *pair)

def write_large(folder, n=10_000, n_classes=7):
    "One pair of `n` rows"
    folder.mkdir()
    rng = np.random.default_rng(0)
    columns = [prob_column(f'class {k}') for k in range(n_classes)]
    pair = [pd.DataFrame(rng.dirichlet(np.ones(n_classes), n), columns=columns).assign(group=np.arange(n)) for _ in range(2)]
    write_pair(folder, 'large', *pair)

def run_tool(python, name, folder, out):
    "What one tool answers, and seconds, core-seconds and megabytes of its process"
    measured = run_alone(SCRIPTS/f'drift_{name}.py', folder, out, python=python, timeout=TIMEOUT)
    return json.loads(out.read_text()), measured

def add_rates(answers, add):
    "How often each kind was reported"
    rows = [(*name.rsplit('; ', 1)[0].split('; ', 1), *counts) for name,counts in answers.items()]
    table = pd.DataFrame(rows, columns=['set', 'kind', 'n_drifted', 'n_columns'])
    for (name,kind),part in table.groupby(['set', 'kind'], sort=False):
        add(f'{name}: {kind}', (part.n_drifted > 0).mean(), 'reported', len(part))
        add(f'{name}: {kind}, half of the columns', (part.n_drifted >= part.n_columns/2).mean(), 'reported', len(part))

def measure(tools, pairs, large, rounds, tmp, add):
    "All tools in turns"
    times = {name: [] for name in tools}
    for name,(python,version) in tools.items():
        def add_one(*values, name=name, version=version): add(name, version, *values)
        add_rates(run_tool(python, name, pairs, tmp/'answer.json')[0]['answers'], add_one)
    for _ in range(rounds):
        for name,(python,_) in tools.items():
            answer,measured = run_tool(python, name, large, tmp/'answer.json')
            times[name].append((*measured, answer['seconds']))
    for name,(_,version) in tools.items():
        wall,core,megabytes,comparison = (statistics.median(values) for values in zip(*times[name]))
        for what,value,unit in (('process', wall, 's'), ('comparison', comparison, 's'), ('processor', core, 's'), ('memory', megabytes, 'MB')):
            add(name, version, what, value, unit, rounds)

def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--predictions', help='folder of published predictions and ham10000_metadata.csv; synthetic ones if left out')
    parser.add_argument('--repeats', type=int, default=100, help='pairs of each kind')
    parser.add_argument('--rounds', type=int, default=3, help='for times')
    parser.add_argument('--envs', help='folder of the environments, to use again; temporary ones if left out')
    parser.add_argument('--out', help='csv to write; peers_drift.csv in results/, of synthetic predictions peers_drift_synthetic.csv')
    return parser.parse_args()

def main():
    opts = options()
    rows = []
    def add(*facts, **more):
        row = peer_row(opts.predictions, *facts, **more)
        rows.append(row)
        print(f'{row["tool"]:12} {row["measure"]:60} {row["value"]:>9} {row["unit"]} {row["note"]}', flush=True)

    sets = {'synthetic': synthetic()}
    if opts.predictions:
        folder = Path(opts.predictions)
        ham = published(folder, 'ham10000', 'melanoma', folder/'ham10000_metadata.csv')
        sets = {'HAM10000': ham, 'PAD-UFES-20': published(folder, 'pad', 'NEV')}
    with tempfile.TemporaryDirectory() as tmp, environments(opts.envs) as envs:
        tmp = Path(tmp)
        write_pairs(tmp/'pairs', sets, opts.repeats)
        write_large(tmp/'large')
        tools = {'skinlesion': (sys.executable, version_of('skinlesion'))}
        try:
            python = peer_python('evidently', REQUIREMENTS, envs)
            tools['evidently'] = python, version_of('evidently', python)
        except (NotRun, RuntimeError) as e: add('evidently', '', 'not run', float('nan'), note=last_line(str(e)))
        measure(tools, tmp/'pairs', tmp/'large', opts.rounds, tmp, add)
    write_csv(opts.out or RESULTS/('peers_drift.csv' if opts.predictions else 'peers_drift_synthetic.csv'), rows)


if __name__ == '__main__': main()
