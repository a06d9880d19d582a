"""Write README.md from nbs/index.ipynb, without Quarto; its links are whole addresses, so that they work on the package index too.

    python tools/readme.py           # write it
    python tools/readme.py --check   # exit 1 if it is not current
"""
import argparse
import posixpath
import re
import sys
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath

try: import tomllib
except ImportError: import tomli as tomllib
import mistune
import nbformat
from nbconvert.exporters import MarkdownExporter
from nbconvert.filters import strip_ansi
from nbdev.config import nbpath2html
from nbdev.process import NBProcessor

ROOT = Path(__file__).resolve().parent.parent
SOURCE, README = ROOT/'nbs/index.ipynb', ROOT/'README.md'
URLS = tomllib.loads((ROOT/'pyproject.toml').read_text(encoding='utf-8'))['project']['urls']
IMAGES = URLS['Repository'].replace('https://github.com/', 'https://raw.githubusercontent.com/')
NOTE = '<!-- Made from nbs/index.ipynb by `make readme`: edit the notebook -->\n\n'
WRITTEN = re.compile(r'\[([^\]]+)\]\(<[^>]*>\)') # links of outputs to what a cell wrote, which is not in the repository
LINK = re.compile(r'(\]\(|\b(?:src|href)=")(?![a-z]+:|[/#])([^)"#\s]+)')


def outside_code(fn, text):
    "`text` with `fn` applied to all but its fenced code blocks"
    parts = re.split(r'(^```.*?^```)', text, flags=re.M|re.S)
    return ''.join(part if i % 2 else fn(part) for i, part in enumerate(parts))

def address(link):
    "The relative `link` as a whole address: pages on the site, images and other files in the repository"
    target = posixpath.normpath(posixpath.join('nbs', link[2]))
    if not (ROOT/target).exists(): raise ValueError(f"it links to {link[2]}, which does not exist")
    if target.endswith('.ipynb'): return f'{link[1]}{URLS["Documentation"]}/{nbpath2html(PurePosixPath(target).relative_to("nbs"))}'
    if target.endswith(('.png', '.webp')): return f'{link[1]}{IMAGES}/main/{target}'
    return f'{link[1]}{URLS["Repository"]}/blob/main/{target}'

def relink(text): return outside_code(lambda part: LINK.sub(address, part), text)

class Addresses(HTMLParser):
    "What a page links to and shows"
    def __init__(self, page):
        super().__init__()
        self.urls = []
        self.feed(page)

    def handle_starttag(self, tag, attrs): self.urls += [value for name,value in attrs if name in ('href', 'src')]

def check_addresses(text):
    "On the package index a relative link leads nowhere"
    relative = [url for url in Addresses(mistune.html(text)).urls if not url.startswith(('https://', '#'))]
    if relative: raise ValueError(f'it has {len(relative)} relative links, first {relative[0]}')

def as_text(output):
    "`output` in the one form that GitHub shows well"
    if output['output_type'] == 'stream': return {**output, 'text': strip_ansi(''.join(output['text']))}
    data = {mime: ''.join(text) for mime, text in output.get('data', {}).items() if mime.startswith('text/')}
    if 'text/markdown' in data: shown = {'text/markdown': relink(WRITTEN.sub(r'\1', data['text/markdown']))}
    elif 'text/plain' in data: shown = {'text/plain': strip_ansi(data['text/plain'])}
    else: raise ValueError(f"a cell's output has no text, but is {output['output_type']}")
    return {**output, 'data': shown}

def check_no_image(output):
    if any(mime.startswith('image/') for mime in output.get('data', {})):
        raise ValueError("a cell's output is an image: save it under nbs/images/ and show it in a Markdown cell")

def as_readme(cell):
    "`cell` with links and outputs for GitHub"
    if cell.cell_type == 'markdown': return {**cell, 'source': relink(cell.source)}
    # Standard error holds the progress bars and warnings of one machine
    outputs = [o for o in cell.outputs if o.get('name') != 'stderr' and cell.directives_.get('output') != 'false']
    for o in outputs: check_no_image(o)
    hide_source = cell.directives_.get('echo') == 'false' or not cell.source.strip()
    return {**cell, 'outputs': [as_text(o) for o in outputs], 'metadata': {'transient': {'remove_source': hide_source}}}

def is_shown(cell):
    "Raw cells hold front matter, for the site alone"
    return cell.cell_type != 'raw' and 'hide' not in cell.directives_ and cell.directives_.get('include') != 'false'

def render():
    "The text of README.md"
    cells = [as_readme(cell) for cell in NBProcessor(SOURCE).nb.cells if is_shown(cell)]
    python = {'language_info': {'name': 'python'}} # the language of the code fences
    nb = nbformat.from_dict({'cells': cells, 'metadata': python, 'nbformat': 4, 'nbformat_minor': 5})
    body, _ = MarkdownExporter().from_notebook_node(nb)
    text = NOTE + outside_code(lambda part: re.sub(r'\n{3,}', '\n\n', part), body).strip() + '\n'
    check_addresses(text)
    return text

def write(text):
    "Write README.md whole or not at all"
    draft = README.with_suffix('.tmp')
    draft.write_text(text, encoding='utf-8')
    draft.replace(README)

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--check', action='store_true', help='write nothing, and exit 1 if README.md is not current')
    check = parser.parse_args().check
    try: text = render()
    except ValueError as e: sys.exit(f'nbs/index.ipynb cannot become README.md: {e}')
    if not check: write(text)
    elif not README.exists() or README.read_text(encoding='utf-8') != text:
        sys.exit('README.md differs from nbs/index.ipynb: run `make readme`')


if __name__ == '__main__': main()
