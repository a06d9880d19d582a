"What a real browser finds on pages that are one file: at the width of a desk and of a phone, light and dark, printed"
from concurrent.futures import ThreadPoolExecutor

from playwright.sync_api import sync_playwright

from skinlesion.evaluate.pdf import find_browser

FLAGS = '--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync'.split()
SCREENS = ((1280, 'light'), (1280, 'dark'), (390, 'light'), (390, 'dark'))
MEASURE = """() => ({
  width: document.documentElement.scrollWidth,
  height: document.documentElement.scrollHeight,
  background: getComputedStyle(document.body).backgroundColor,
  images: [...document.images].every(o => o.complete && o.naturalWidth > 0),
  blank: [...document.querySelectorAll('section, figcaption, summary, h2, h3')].filter(o => !o.textContent.trim()).length,
  sections: [...document.querySelectorAll('section[id], dt[id]')].filter(o => o.offsetHeight > 20).map(o => o.id),
  dead: [...document.querySelectorAll('a[href^="#"]')].filter(o => !document.getElementById(o.hash.slice(1))).map(o => o.hash),
})"""
UNFOLD = """() => {
  const box = document.getElementById('all'); if (box) box.click();
  const scrolled = [...document.querySelectorAll('.scroll')].filter(o => o.scrollWidth > o.clientWidth + 1);
  return {unfolded_width: document.documentElement.scrollWidth, scrolled: scrolled.map(o => o.ariaLabel)} }"""


def visit(file, browser, width, scheme):
    "What a browser finds on the page `file`"
    page = browser.new_page(viewport=dict(width=width, height=800), color_scheme=scheme)
    requests, messages = [], []
    page.on('request', lambda request: requests.append(request.url))
    page.on('console', lambda message: messages.append(message.text))
    page.on('pageerror', lambda error: messages.append(str(error)))
    page.goto(file.as_uri())
    found = page.evaluate(MEASURE)
    found |= page.evaluate(UNFOLD)
    found['requests'] = [url for url in requests if not url.startswith('data:') and url != file.as_uri()]
    found['messages'] = messages
    page.close()
    return found

def visit_all(files):
    "Name of a file, width and colour scheme -> what a browser finds"
    def work(): # Playwright's plain interface wants a thread without an event loop
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)
            found = {(name, *screen): visit(file, browser, *screen) for name,file in files.items() for screen in SCREENS}
            browser.close()
            return found
    with ThreadPoolExecutor(1) as pool: return pool.submit(work).result()

def check_page(found, width):
    "Nothing is loaded, nothing is complained of, nothing is wider than the screen, and no link leads nowhere"
    assert not found['requests'] and not found['messages'], (found['requests'], found['messages'])
    assert found['images'] and not found['blank'], 'an image or a heading is blank'
    assert not found['dead'], f'links to nowhere: {found["dead"]}'
    widest = max(found['width'], found['unfolded_width'])
    assert widest <= width, f'{widest} pixels wide on a screen of {width}'

def pdf_pages(file):
    "The text of each page of a PDF file"
    from pypdfium2 import PdfDocument
    return [page.get_textpage().get_text_range() for page in PdfDocument(file)]
