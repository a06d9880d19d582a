"""Check what the folders promise: layers, no circle of imports, no public name and no constant twice, the field's words, tutorials that
open in Colab, pages that the README and the site's sidebar have, few names for notebooks, and annotated parameters.

    python tools/structure.py            # prints each problem, exits 1 if there is one
"""
import ast
import json
import re
import sys
from collections import defaultdict
from fnmatch import fnmatch
from pathlib import Path

try: import tomllib
except ImportError: import tomli as tomllib
import yaml

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT/'skinlesion'

# From the ground up: a module imports from its own layer and from those before it. The longest name that fits a module counts.
LAYERS = (
    ('core',),
    ('bombs', 'dicom', 'image', 'postprocess', 'shipped', 'templates', 'score_names'),
    ('store', 'synth', 'domains'),
    ('data',),
    ('models',),
    ('train',),
    ('evaluate',),
    ('serve',),
    ('train.outputs', 'train.fold_runs', 'train.finish', 'train.sweep', 'train.quantize'), # what ends a run joins training, evaluation and bundle
    ('serve.demo',),
    ('serve.api',), # joins the page and what programs ask
    ('evaluations', 'monitoring'),
    ('commands', 'cloud', 'study'),
    ('cli',),
)

# Home-made expressions for things that have a name: pattern -> what to write (see also CONTRIBUTING.md)
WORDS = {
    r'judg(e|es|ed|ing|ement)s?': 'evaluate, classifier',
    r'named rightly|answered as': 'classified correctly, predicted as',
    r'false alarms?': 'false positives, FPR',
    r'positive from': 'threshold',
    r'within \d+% certainty': 'prediction set',
    r'holds? the truth': 'coverage, contains the true class',
    r'ask(ing)? a person|(to|by) a person|abstention': 'refer for human review, selective prediction',
    r'pictures?': 'image',
    r'worse (images|copies)': 'corrupted images',
    r'drawn': 'synthetic, sampled, bootstrapped',
    r'tiers?': 'model families',
    r'too scarce': 'class too small',
    r'taken as independent': 'treated as independent',
    r'one group only': 'only one lesion or patient',
    r'speaks? for (the|it|what|an?)\b': 'evidence for',
    r'scores lie': 'leakage, shortcuts and corrupt files',
    r'makes of (an )?images': 'predicts',
    r'what (the|a|an|each) (model|body|network) makes of': 'features, embeddings, predicts',
    r'unlike the training images': 'out of distribution',
    r'labels to doubt|to doubt a label': 'possible label errors',
    r'tears? apart|torn': 'splits a group across train and test',
    r'(lies )?beside': 'next to, in the same folder',
    r'read so': 'assumed',
    r'by (lot|coin)': 'at random, permuted',
    r'where (a|the) heat map lies': 'whether heat maps are faithful',
}
# Names that say that something was found, not what it is
VAGUE_NAMES = {'told', 'said', 'seen', 'kept', 'found', 'looks', 'of_all', 'share', 'shares', 'sure', 'shuffles'}
# Where one of these is right: file (or its end) -> the words. Keys of files stay as they are, or files of earlier versions
# could not be read: in metrics.json `beside` (attention), `share` (errors) and `shuffles` (subgroups); in a bundle `sure` and
# `answered` (refer) and `share` (ood); in history.csv `kept`
EXCEPTIONS = {
    'tools/structure.py': {*WORDS, *VAGUE_NAMES},
    'data/prepared.py': {'share'}, # the images of one thread
    '48_evaluate.attention.ipynb': {r'(lies )?beside'}, # a key of metrics.json
    'metrics.schema.json': {r'(lies )?beside'},
}


def modules():
    "Name below the package -> path, without `all`, which gathers everything"
    paths = {p.relative_to(PACKAGE).with_suffix('').as_posix().replace('/', '.'): p for p in PACKAGE.rglob('*.py')}
    return {name: p for name, p in paths.items() if name not in ('all', '_modidx') and not name.endswith('__init__')}

def imported(name, path, known):
    "The modules of the package that the module `name` imports, at its top or inside a function"
    here = ['skinlesion', *name.split('.')]
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import): targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = here[:-node.level] if node.level else []
            module = '.'.join([*base, *([node.module] if node.module else [])])
            targets = [module, *(f'{module}.{alias.name}' for alias in node.names)]
        else: continue
        for target in targets:
            module = target.removeprefix('skinlesion.')
            if target.startswith('skinlesion.') and module in known: yield module

def layer(name):
    "The number of the layer of the module `name`"
    fitting = [(len(part), i) for i, parts in enumerate(LAYERS) for part in parts if f'{name}.'.startswith(f'{part}.')]
    if not fitting: raise SystemExit(f'skinlesion/{name}: in no layer of tools/structure.py; add it where it belongs')
    return max(fitting)[1]

def upward(graph):
    "Imports from a higher layer"
    return [f'{name} imports {other}, which is above it' for name, others in graph.items() for other in others
            if layer(other) > layer(name)]

def circles(graph):
    "Modules that import each other, by removing again and again those that import nothing that is left"
    left = {name: set(others) for name, others in graph.items()}
    while free := [name for name, others in left.items() if not others & left.keys()]:
        for name in free: del left[name]
    return [f'a circle of imports goes through {", ".join(sorted(left))}'] if left else []

def public_names(path):
    "What `__all__` of the module lists"
    for node in ast.parse(path.read_text(encoding='utf-8')).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], 'id', '') == '__all__': return ast.literal_eval(node.value)
    return []

def twice(paths):
    "Public names that two modules have"
    homes = defaultdict(list)
    for name, path in paths.items():
        for public in public_names(path): homes[public].append(name)
    return [f'`{public}` is public in {" and in ".join(names)}' for public, names in homes.items() if len(names) > 1]

def constants(path):
    "The upper-case names that the module defines, public or not"
    for node in ast.parse(path.read_text(encoding='utf-8')).body:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        for target in targets:
            if isinstance(target, ast.Name) and target.id.isupper(): yield target.id

def constants_twice(paths):
    "Constants that two modules define: one name, two meanings, or one value in two places"
    homes = defaultdict(list)
    for name, path in paths.items():
        for constant in constants(path): homes[constant].append(name)
    return [f'`{constant}` is a constant of {" and of ".join(names)}: rename one, or import it' for constant, names in homes.items()
            if len(names) > 1]

def texts():
    "(file, place, text) of all that people read: notebooks cell by cell, with what they print, templates, tables of texts, tools"
    for path in sorted((ROOT/'nbs').rglob('*.ipynb')):
        if '.ipynb_checkpoints' in path.parts: continue
        for i, cell in enumerate(json.loads(path.read_text(encoding='utf-8'))['cells']):
            yield path, f'cell {i}', ''.join(cell['source'])
            for output in cell.get('outputs', []):
                shown = {'text': output.get('text', '')} | output.get('data', {})
                for kind,text in shown.items():
                    if kind.startswith('text'): yield path, f'output of cell {i}', ''.join(text)
    more = [*PACKAGE.rglob('*.j2'), *PACKAGE.rglob('*.toml'), *PACKAGE.rglob('*.css'), *PACKAGE.rglob('*.json'), *(ROOT/'benchmarks').glob('*.py'), *(ROOT/'tools').glob('*.py'),
            ROOT/'README.md', ROOT/'CONTRIBUTING.md', ROOT/'CHANGELOG.md', ROOT/'Makefile', ROOT/'pyproject.toml', PACKAGE/'all.py']
    for path in sorted(more): yield path, '', path.read_text(encoding='utf-8')

def excepted(path, word):
    name = path.relative_to(ROOT).as_posix()
    return any(name.endswith(end) and word in words for end, words in EXCEPTIONS.items())

def words():
    "Home-made expressions in what people read"
    for path, place, text in texts():
        for pattern, right in WORDS.items():
            for match in re.finditer(rf'\b(?:{pattern})\b', text, re.I):
                if not excepted(path, pattern):
                    yield f'{path.relative_to(ROOT)} {place}: "{match[0]}", write: {right}'

def vague_names(paths):
    "Names in the code that do not say what they hold"
    for name, path in paths.items():
        tree = ast.parse(path.read_text(encoding='utf-8'))
        stored = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        stored |= {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}
        for vague in sorted(stored & VAGUE_NAMES):
            if not excepted(path, vague): yield f'skinlesion/{name}: call `{vague}` what it holds'

def without_colab_link():
    "Tutorials that do not begin with a badge that opens them in Colab, or whose installation there is of another repository"
    repository = tomllib.loads((ROOT/'pyproject.toml').read_text(encoding='utf-8'))['project']['urls']['Repository']
    colab = repository.replace('https://github.com/', 'https://colab.research.google.com/github/')
    for path in sorted((ROOT/'nbs/tutorials').glob('*.ipynb')):
        cells = json.loads(path.read_text(encoding='utf-8'))['cells']
        badge,install = (''.join(cell['source']) for cell in cells[1:3])
        name = path.relative_to(ROOT).as_posix()
        link = f'[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({colab}/blob/main/{name})'
        if badge != link: yield f'{name}: make its second cell {link}'
        if f"@ git+{repository}'" not in install: yield f'{name}: let its third cell install git+{repository} in Colab'

def patterns(contents):
    "The patterns of pages in a part of the sidebar of Quarto"
    if isinstance(contents, str): return [contents]
    if isinstance(contents, list): return [pattern for part in contents for pattern in patterns(part)]
    return patterns(contents.get('contents') or contents.get('auto') or contents.get('href') or [])

def outside_sidebar():
    "Pages that no section of the sidebar has, or more than one"
    site = yaml.safe_load((ROOT/'_quarto.yml').read_text(encoding='utf-8'))
    sections = patterns(site['website']['sidebar'])
    for path in sorted((ROOT/'nbs').rglob('*.ipynb')):
        name = path.relative_to(ROOT/'nbs').as_posix()
        fitting = [pattern for pattern in sections if fnmatch(name, pattern)]
        if '.ipynb_checkpoints' in path.parts or len(fitting) == 1: continue
        yield f'nbs/{name}: is in {len(fitting)} sections of the sidebar in _quarto.yml'

def not_in_readme():
    "Tutorials and explanations that the README does not link to"
    readme = json.dumps(json.loads((ROOT/'nbs/index.ipynb').read_text(encoding='utf-8'))['cells'])
    for folder in ('tutorials', 'explain'):
        for path in sorted((ROOT/'nbs'/folder).glob('*.ipynb')):
            if f']({folder}/{path.name})' not in readme: yield f'nbs/index.ipynb: link to {folder}/{path.name}'

def unused_imports(paths):
    "Imports that the module does not use; one that is for its effect says so in a comment on its line"
    for name, path in paths.items():
        text = path.read_text(encoding='utf-8')
        tree = ast.parse(text)
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        for node in ast.walk(tree): # annotations in quotation marks
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and ' ' not in node.value:
                used.update(re.findall(r'\w+', node.value))
        for node in ast.walk(tree):
            if not isinstance(node, (ast.Import, ast.ImportFrom)) or '#' in text.splitlines()[node.end_lineno-1]: continue
            for alias in node.names:
                imported_name = (alias.asname or alias.name).split('.')[0]
                if imported_name not in used: yield f'skinlesion/{name}: `{imported_name}` is imported and not used'

MAX_CHOSEN = 70 # as many as one can know; the page nbs/tutorials/00_cheatsheet.ipynb checks that none is a name of fastai's

def chosen_names():
    "What is wrong with the names that `from skinlesion.all import *` brings"
    chosen = public_names(PACKAGE/'all.py')
    if len(chosen) > MAX_CHOSEN: yield f'skinlesion/all.py: {len(chosen)} names, at most {MAX_CHOSEN}; leave the others to their modules'

def public_functions(path):
    "(name, definition) of the public functions of a module, and of the public methods of its public classes"
    public = public_names(path)
    for node in ast.parse(path.read_text(encoding='utf-8')).body:
        if isinstance(node, ast.FunctionDef):
            is_patch = any(ast.unparse(decorator).startswith('patch') for decorator in node.decorator_list)
            if node.name in public or is_patch and not node.name.startswith('_'): yield node.name, node
        if isinstance(node, ast.ClassDef) and node.name in public:
            for method in node.body:
                if not isinstance(method, ast.FunctionDef): continue
                if method.name in ('__init__', '__call__') or not method.name.startswith('_'):
                    yield f'{node.name}.{method.name}', method

def not_annotated(function):
    "Parameters without an annotation, or with one that does not say that they may be `None`; and `return`"
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    n_required = len(positional) - len(arguments.defaults)
    defaults = [*[None]*n_required, *arguments.defaults, *arguments.kw_defaults]
    for parameter,default in zip([*positional, *arguments.kwonlyargs], defaults):
        if parameter.arg in ('self', 'cls'): continue
        annotation = ast.unparse(parameter.annotation) if parameter.annotation else ''
        is_none = isinstance(default, ast.Constant) and default.value is None
        if not annotation or is_none and not re.search(r'\b(None|Any|object)\b', annotation): yield parameter.arg
    if function.returns is None and function.name != '__init__': yield 'return'

def unannotated(paths):
    "Public functions whose parameters or answer have no type"
    for name, path in paths.items():
        for function, definition in public_functions(path):
            missing = list(not_annotated(definition))
            if missing: yield f'skinlesion/{name}: annotate {", ".join(missing)} of `{function}`'

def main():
    paths = modules()
    graph = {name: set(imported(name, path, paths.keys())) - {name} for name, path in paths.items()}
    problems = [*upward(graph), *circles(graph), *twice(paths), *constants_twice(paths), *words(), *vague_names(paths),
                *without_colab_link(), *outside_sidebar(), *not_in_readme(), *chosen_names(),
                *unannotated(paths), *unused_imports(paths)]
    for problem in problems: print(problem)
    sys.exit(1 if problems else 0)


if __name__ == '__main__': main()
