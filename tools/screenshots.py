"Screenshots of the pages that `skinlesion demo` makes, for nbs/images: python tools/screenshots.py DEMO_FOLDER"
import io
import shutil
import sys
import threading
from pathlib import Path

from PIL import Image
from playwright.sync_api import Error, sync_playwright
from pypdfium2 import PdfDocument

from skinlesion.serve.api import serve

IMAGES = Path(__file__).resolve().parent.parent/'nbs'/'images'
MAX_BYTES = 150_000 # of one screenshot
PORT = 7900
DESK = (1280, 900)
PHONE = (390, 844)
# Name of the screenshot: page in the folder of the report, screen, colours, id of what is at the top, whether all is unfolded
SCREENS = {
    'report': ('report.html', DESK, 'light', '', False),
    'report_dark': ('report.html', DESK, 'dark', 'curves', False),
    'report_errors': ('report.html', DESK, 'light', 'errors', True),
    'report_phone': ('report.html', PHONE, 'light', '', False),
    'report_phone_operating': ('report.html', PHONE, 'dark', 'operating', False),
    'audit': ('audit.html', DESK, 'light', '', False),
    'audit_phone': ('audit.html', PHONE, 'dark', '', False),
    'checklist': ('checklist.html', DESK, 'light', '', False),
}
DEMO_SCREENS = {'demo': (DESK, 'light'), 'demo_dark': (DESK, 'dark'), 'demo_phone': (PHONE, 'dark')}
ARGS = '--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync'.split()


def save(image, name):
    "Save `image` as WebP, in the best quality that is small enough"
    for quality in (85, 75, 60, 45):
        file = io.BytesIO()
        image.convert('RGB').save(file, 'WEBP', quality=quality, method=6)
        if file.tell() <= MAX_BYTES: break
    else: raise RuntimeError(f'{name}: {file.tell():,} bytes')
    (IMAGES/f'{name}.webp').write_bytes(file.getvalue())

def capture(page, name): save(Image.open(io.BytesIO(page.screenshot())), name)

def open_page(browser, screen, scheme):
    width, height = screen
    return browser.new_page(viewport={'width': width, 'height': height}, color_scheme=scheme)

def capture_pages(browser, folder):
    "The report, its checklists and the audit, on a desk and on a phone, and the first two printed pages"
    for name, (file, screen, scheme, section, is_unfolded) in SCREENS.items():
        page = open_page(browser, screen, scheme)
        page.goto((folder/file).resolve().as_uri())
        if is_unfolded: page.locator('#all').check()
        if section: page.evaluate(f'document.getElementById("{section}").scrollIntoView()')
        capture(page, name)
        page.close()
    page = browser.new_page()
    page.goto((folder/'report.html').resolve().as_uri())
    printed = PdfDocument(page.pdf(prefer_css_page_size=True, print_background=True))
    sheets = [printed[i].render(scale=1.1).to_pil() for i in (0, 1)]
    both = Image.new('RGB', (sheets[0].width*2 + 20, sheets[0].height), 'grey')
    for i,sheet in enumerate(sheets): both.paste(sheet, (i*(sheet.width + 20), 0))
    save(both, 'report_printed')

def capture_demo(browser, bundle):
    "The demo, with the prediction for one of its examples"
    threading.Thread(target=serve, args=(bundle, '127.0.0.1', PORT), daemon=True).start()
    for name, (screen, scheme) in DEMO_SCREENS.items():
        page = open_page(browser, screen, scheme)
        for _ in range(120): # a minute
            try:
                page.goto(f'http://127.0.0.1:{PORT}')
                break
            except Error: page.wait_for_timeout(500) # not listening yet
        page.locator('#examples button').nth(3).click()
        page.locator('#heat img').wait_for()
        page.wait_for_timeout(3000) # while it scrolls and fades in
        capture(page, name)
        page.close()

def main():
    run = Path(sys.argv[1])/'run'
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=shutil.which('chromium'), args=ARGS)
        capture_pages(browser, run/'report')
        capture_demo(browser, run/'bundle')
        browser.close()


if __name__ == '__main__': main()
