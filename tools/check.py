"""Run each notebook as a test, then check that all that is made from the notebooks is current.

    python tools/check.py                      # everything
    python tools/check.py split 40_            # only notebooks whose path contains one of these
    python tools/check.py --flags "slow net"   # cells with these flags run too
"""
import argparse
import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from importlib.util import find_spec
from pathlib import Path

from nbdev.doclinks import nbglob

ROOT = Path(__file__).resolve().parent.parent
NBS = ROOT/'nbs'
BIN = Path(sys.executable).parent
# Tests show no window and send nothing; as many run at once as there are cores, so each has one thread
ENV = {'OMP_NUM_THREADS': '1'} | os.environ | {'MPLBACKEND': 'agg', 'WANDB_MODE': 'offline'}
NO_CHROMIUM = "No Chromium: run `.venv/bin/playwright install --with-deps chromium`, or install your system's package"
# What most notebooks import takes seconds: each is a fork of a process that has imported it once. What changes
# other libraries when it is imported, as fastai does, is left to the notebooks
PRELOADED = ['execnb.shell', 'matplotlib.pyplot', 'nbdev.test', 'onnxruntime', 'pandas', 'scipy.stats', 'sklearn.metrics',
             'timm', 'torchvision']
EXTRA_FLAGS = {'dicom': 'pydicom', 'ray': 'ray'} # cells with the flag run where the module of the extra is installed
SLOW_CELL_S = 3600 # after which a cell is stopped where flagged ones run, on a busy machine too


def report(name, check, *args):
    "Print how `check` went, which returns its problem or '', and return whether it passed"
    start = time.time()
    problem = check(*args)
    line = f"{'FAILED' if problem else 'ok'} {time.time() - start:.0f}s {name}"
    print('\n'.join([line, problem] if problem else [line]), flush=True)
    return not problem

def run(*cmd, cwd=ROOT):
    "Run `cmd` and return what it printed if it failed, else ''"
    done = subprocess.run(cmd, cwd=cwd, env=ENV, text=True, errors='replace',
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return f'{done.stdout}\n(exit status {done.returncode})'.strip() if done.returncode else ''

def run_notebook(notebook, flags, log):
    "Run the cells of `notebook` in this process, and end it; what they print goes to the file `log`"
    from nbdev.config import get_config
    from nbdev.test import test_nb
    multiprocessing.set_start_method(None, force=True) # the platform's own again
    for stream in sys.stdout, sys.stderr: os.dup2(os.open(log, os.O_WRONLY | os.O_APPEND), stream.fileno())
    cfg = get_config()
    limit = SLOW_CELL_S if flags else cfg.cell_timeout
    skipped = [*cfg.tst_flags, *missing_extras()]
    passed,_ = test_nb(notebook, skip_flags=skipped, force_flags=flags, basepath=cfg.config_path, cell_timeout=limit)
    sys.exit(not passed)

def missing_extras():
    "The flags of `EXTRA_FLAGS` whose module is not installed"
    return [flag for flag,module in EXTRA_FLAGS.items() if find_spec(module) is None]

def test(notebook, flags, processes):
    "A process for each notebook, so that none depends on what another left, and a crash is one failure"
    with tempfile.NamedTemporaryFile() as log:
        process = processes.Process(target=run_notebook, args=(notebook, flags, log.name))
        process.start()
        process.join()
        output = log.read().decode(errors='replace')
    return f'{output}\n(exit status {process.exitcode})'.strip() if process.exitcode else ''

def test_all(notebooks, flags, checks):
    "Whether each of `checks` and `notebooks` passed, in the order in which they end; the long ones, which are the last, begin"
    processes = multiprocessing.get_context('forkserver')
    processes.set_forkserver_preload(PRELOADED)
    os.environ.update(ENV)
    with ThreadPoolExecutor(min(os.cpu_count(), 8)) as pool:
        runs = [pool.submit(report, *check) for check in checks]
        runs += [pool.submit(report, str(nb.relative_to(NBS)), test, nb, flags, processes) for nb in reversed(notebooks)]
        return [done.result() for done in as_completed(runs)]

def visible(folder):
    "Files under `folder` outside hidden folders and caches, relative to it"
    files = (p.relative_to(folder) for p in folder.rglob('*') if p.is_file())
    return {f for f in files if not any(part.startswith('.') or part == '__pycache__' for part in f.parts)}

def snapshot(folder):
    "A digest for each file under `folder`"
    return {f: hashlib.sha256((folder/f).read_bytes()).digest() for f in visible(folder)}

def differences(before, after, folder, advice):
    "The files that differ between two snapshots of `folder`, with `advice`, or ''"
    names = sorted(str(f) for f in before.keys() | after.keys() if before.get(f) != after.get(f))
    return '\n'.join([f'differs: {folder}/{name}' for name in names] + [advice]) if names else ''

def copy_sources(to):
    "What nbdev needs, without exported modules: one whose notebook is gone must not survive"
    for folder in 'nbs', 'skinlesion': shutil.copytree(ROOT/folder, to/folder)
    shutil.copy(ROOT/'pyproject.toml', to)
    for py in to.glob('skinlesion/**/*.py'):
        if '# AUTOGENERATED! DO NOT EDIT!' in py.read_text(encoding='utf-8'): py.unlink()

def check_made(tool, folder, copy):
    "Does nbdev's `tool` leave `folder` in the `copy` as it is in the checkout?"
    failed = run(str(BIN/tool), cwd=copy)
    return failed or differences(snapshot(ROOT/folder), snapshot(copy/folder), folder,
                                 'run `make prepare`, and remove modules whose notebook is gone')

def check_outputs(notebooks):
    "Outputs hold no standard error, which is progress and warnings, and no path of this machine"
    local_folders = {str(ROOT), str(Path.home()), tempfile.gettempdir() + '/'}
    def bad(cell):
        outputs = cell.get('outputs', [])
        if outputs and '#| output: false' in ''.join(cell['source']): return True
        if any(o.get('name') == 'stderr' for o in outputs): return True
        text = json.dumps(outputs)
        return any(folder in text for folder in local_folders)
    untidy = []
    for nb in notebooks:
        cells = json.loads(nb.read_text(encoding='utf-8'))['cells']
        if any(map(bad, cells)): untidy.append(f'untidy: nbs/{nb.relative_to(NBS)}')
    return '\n'.join([*untidy, 'run `make outputs`']) if untidy else ''

def check_all(before, notebooks):
    "Whether each check passed; `before` is how nbs/ was before the tests"
    yield report('tests leave nbs/ as it was', differences, before, snapshot(NBS), 'nbs', 'write to a temporary folder')
    with tempfile.TemporaryDirectory() as tmp:
        copy_sources(Path(tmp))
        yield report('nbdev-export leaves no difference', check_made, 'nbdev-export', 'skinlesion', Path(tmp))
        yield report('notebooks are clean', check_made, 'nbdev-clean', 'nbs', Path(tmp))
    yield report('outputs hold no progress and no local path', check_outputs, notebooks)
    yield report('README.md equals nbs/index.ipynb', run, sys.executable, 'tools/readme.py', '--check')
    yield report('the wheel holds the whole package', run, sys.executable, 'tools/dist.py')
    yield report('layers, names and words are as promised', run, sys.executable, 'tools/structure.py')

def has_chromium():
    "Is there a browser for cells marked `browser`?"
    if any(map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))): return True
    from playwright.sync_api import sync_playwright
    with sync_playwright() as p: return Path(p.chromium.executable_path).exists()

def chosen(only):
    "Notebooks whose path in nbs/ contains one of `only`; all if it is empty"
    notebooks = sorted(nbglob(NBS, as_path=True))
    return [nb for nb in notebooks if any(part in str(nb.relative_to(NBS)) for part in only or [''])]

def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('only', nargs='*', help='parts of notebook paths')
    parser.add_argument('--flags', default='', help='flags whose cells run too')
    return parser.parse_args()

def main():
    signal.signal(signal.SIGINT, signal.SIG_DFL) # Ctrl-C ends the notebooks and this at once
    os.chdir(ROOT) # where nbdev looks for its configuration
    opts = options()
    only, flags = [o.removeprefix('nbs/') for o in opts.only], opts.flags.split()
    if 'browser' in flags and not has_chromium(): sys.exit(NO_CHROMIUM)
    for flag in missing_extras(): print(f'{EXTRA_FLAGS[flag]} is not installed: cells marked {flag} are skipped', flush=True)
    notebooks = chosen(only)
    if not notebooks: sys.exit(f"No notebook in nbs/ matches {' or '.join(only)}")
    before = snapshot(NBS)
    checks = [] if only else [('types fit, says mypy', run, sys.executable, '-m', 'mypy')]
    with tempfile.TemporaryDirectory() as ENV['SKINLESION_CACHE']: # nothing is cached from an earlier run
        passed = test_all(notebooks, flags, checks) + ([] if only else list(check_all(before, notebooks)))
    print(f'{sum(passed)} passed, {passed.count(False)} failed')
    sys.exit(not all(passed))


if __name__ == '__main__': main()
