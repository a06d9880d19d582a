"""How well near-duplicates are found, and how fast: our search, CleanVision and fastdup on the same folder, in turns.

    python benchmarks/peers_audit.py                                # synthetic images
    python benchmarks/peers_audit.py --data HAM10000 --envs ENVS    # one image of each lesion; environments are kept in ENVS

Three of four images get one copy, of the kinds of `duplicates.py` and of five more that change colours. Each tool gets the
folder with all of them, runs with the defaults of its documentation, and answers with sets of files. A copy is detected if it is in
one set with its original; precision is the share of original and copy among all pairs of files that are in one set. The first pairs of images that were not planted
are printed: the set may hold copies of its own. fastdup answers twice: with its connected components, which its guide to duplicates removes, and with all pairs
that it lists as similar.

Peers are installed into a virtual environment each. Times are those of a process from its start to its end, medians over the rounds; the search is what it
takes after the imports; memory is that of the largest process. CleanVision and our search look for duplicates alone, fastdup computes all it knows.
"""
import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
from collections import Counter
from functools import partial
from itertools import combinations
from pathlib import Path
from unittest.mock import patch

import numpy as np
from PIL import Image, ImageEnhance

from common import NotRun, environments, last_line, machine, peer_python, peer_row, run_alone, version_of, write_csv
from duplicates import COPIES, one_of_each_lesion, plant
from skinlesion.synth.sets import sample

RESULTS = Path(__file__).parent/'results'
SCRIPTS = Path(__file__).parent/'peers'
PEERS = dict(cleanvision=['cleanvision'], fastdup=['fastdup'])
TIMEOUT = 900 # seconds of one tool


def white_balance(img, rng):
    "Each channel brighter or darker by up to 15%"
    gains = rng.uniform(.85, 1.15, 3)
    pixels = np.asarray(img)*gains
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))

def saturation(img, rng): return ImageEnhance.Color(img).enhance(rng.choice([.5, 1.5]))

def contrast(img, rng): return ImageEnhance.Contrast(img).enhance(rng.choice([.7, 1.4]))

def gamma(img, rng):
    exponent = rng.choice([.7, 1.4])
    return img.point([round(255*(value/255)**exponent) for value in range(256)]*3)

def greyscale(img, rng): return img.convert('L').convert('RGB')

COLOURS = {
    'white_balance': white_balance,
    'saturation': saturation,
    'contrast': contrast,
    'gamma': gamma,
    'greyscale': greyscale,
}


def make_folder(data, n, tmp):
    "A folder with originals and planted copies, whose names say what they are: KIND_NUMBER.jpg"
    files = one_of_each_lesion(data or sample(tmp/'synthetic', layout='ham10000', n=n, size=224))
    folder = tmp/'planted'
    folder.mkdir()
    plant(files, folder, COPIES | COLOURS)
    for number,file in enumerate(files): shutil.copy(file, folder/f'original_{number}.jpg')
    return folder, files

def kind_and_number(name):
    "`mirrored` and `17` of `mirrored_17.jpg`"
    kind,number = Path(name).stem.rsplit('_', 1)
    return kind, int(number)

def pairs_in(groups):
    "Pairs of file names that are in one set"
    return {pair for group in groups for pair in combinations(sorted(group), 2)}

def evaluate(groups, planted, add):
    "Recall of each kind and precision; the pairs of originals that were not planted, by their numbers"
    pairs = pairs_in(groups)
    is_same = {pair: kind_and_number(pair[0])[1] == kind_and_number(pair[1])[1] for pair in pairs}
    detected = Counter()
    for pair,same in is_same.items():
        kinds = [kind_and_number(name)[0] for name in pair]
        if same: detected.update(kind for kind in kinds if kind != 'original')
    for kind,count in planted.items(): add(f'recall: {kind}', detected[kind]/count, n=count)
    n_true = sum(is_same.values())
    add('precision', n_true/len(pairs) if pairs else float('nan'), n=len(pairs))
    others = {tuple(sorted(kind_and_number(name)[1] for name in pair)) for pair,same in is_same.items() if not same}
    add('images paired and not planted', len(others), 'pairs')
    return sorted(others)

def run_tool(python, script, folder):
    "What one tool answers, and seconds, core-seconds and megabytes of its process"
    with tempfile.TemporaryDirectory() as tmp, patch.dict(os.environ, SKINLESION_CACHE=tmp): # nothing is known from before
        out = Path(tmp)/'answer.json'
        measured = run_alone(SCRIPTS/script, folder, out, python=python, timeout=TIMEOUT)
        return json.loads(out.read_text()), measured

def available_tools(names, envs, add):
    "Python and version of each tool that can be installed"
    tools = {'skinlesion': (sys.executable, version_of('skinlesion'))}
    for name in names:
        try:
            python = peer_python(name, PEERS[name], envs)
            tools[name] = python, version_of(name, python)
        except NotRun as e: add(name, '', 'not run', float('nan'), note=str(e))
    return tools

def measure(folder, files, tools, rounds, add):
    "All tools in turns; a tool that fails is left out from then on"
    names = sorted(path.name for path in folder.iterdir())
    planted = Counter(kind_and_number(name)[0] for name in names)
    del planted['original']
    measured = {name: [] for name in tools}
    answers = {}
    for _ in range(rounds):
        for name,(python,version) in list(tools.items()):
            try: answers[name],values = run_tool(python, f'duplicates_{name}.py', folder)
            except RuntimeError as e:
                add(name, version, 'not run', float('nan'), note=last_line(str(e)))
                del tools[name]
            else: measured[name].append((*values, answers[name]['seconds']))
    for name,(_,version) in tools.items():
        def add_one(what, value, unit='', n=len(names), title=name): add(title, version, what, value, unit, n)
        report(name, evaluate(answers[name]['groups'], planted, add_one), files)
        wall,core,megabytes,search = (statistics.median(values) for values in zip(*measured[name]))
        add_one('process', wall, 's')
        add_one('search', search, 's')
        add_one('processor', core, 's')
        add_one('memory', megabytes, 'MB')
        for more,groups in answers[name].get('others', {}).items():
            title = f'{name}, {more}'
            report(title, evaluate(groups, planted, partial(add_one, title=title)), files)

def report(title, pairs, files):
    "Print pairs that were not planted"
    names = [f'{Path(files[a]).stem} {Path(files[b]).stem}' for a,b in pairs[:20]]
    print(f'{title}: {len(pairs)} pairs of images that were not planted', *names, sep='\n  ', flush=True)

def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--data', help='folder of HAM10000: the images and HAM10000_metadata.csv; synthetic ones if left out')
    parser.add_argument('--n', type=int, default=400, help='synthetic images')
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--peers', nargs='*', default=list(PEERS), choices=list(PEERS))
    parser.add_argument('--envs', help='folder of the environments, to use again; temporary ones if left out')
    parser.add_argument('--out', help='csv to write; peers_audit.csv in results/, of synthetic images peers_audit_synthetic.csv')
    return parser.parse_args()

def main():
    opts = options()
    rows = []
    def add(*facts, **more):
        row = peer_row(opts.data, *facts, **more)
        rows.append(row)
        print(f'{row["tool"]:24} {row["measure"]:24} {row["value"]:>9} {row["unit"]} {row["note"]}', flush=True)

    with tempfile.TemporaryDirectory() as tmp, environments(opts.envs) as envs:
        folder,files = make_folder(opts.data, opts.n, Path(tmp))
        print(f'{machine()}; {len(list(folder.iterdir()))} files, {opts.rounds} rounds')
        tools = available_tools(opts.peers, envs, add)
        measure(folder, files, tools, opts.rounds, add)
    write_csv(opts.out or RESULTS/('peers_audit.csv' if opts.data else 'peers_audit_synthetic.csv'), rows)


if __name__ == '__main__': main()
