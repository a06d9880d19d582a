"Screenshots of the report and the demo of `skinlesion demo`, for nbs/images: python tools/screenshots.py DEMO_FOLDER"
import shutil
import sys
import threading
from pathlib import Path

from playwright.sync_api import Error, sync_playwright

from skinlesion.serve.api import serve

IMAGES = Path(__file__).resolve().parent.parent/'nbs'/'images'
PORT = 7900
# File, width in pixels, and the sections that have a screenshot of their own
REPORT_SCREENS = (('report', 1200, ('operating', 'errors')), ('report_phone', 390, ('operating',)))
ARGS = '--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync'.split()


def capture_report(browser, demo):
    "The top of the report, and some of its sections, on a desktop and on a phone"
    for name, width, sections in REPORT_SCREENS:
        page = browser.new_page(viewport={'width': width, 'height': 1000})
        page.goto((demo/'run/report/report.html').resolve().as_uri())
        page.screenshot(path=IMAGES/f'{name}.png')
        for section in sections:
            page.evaluate(f'document.getElementById("{section}").scrollIntoView()')
            page.screenshot(path=IMAGES/f'{name}_{section}.png')

def capture_demo(browser, demo):
    "The demo, with the prediction for one of its examples"
    threading.Thread(target=serve, args=(demo/'run/bundle', '127.0.0.1', PORT), daemon=True).start()
    page = browser.new_page(viewport={'width': 1100, 'height': 1000})
    for _ in range(60): # half a minute
        try:
            page.goto(f'http://127.0.0.1:{PORT}')
            break
        except Error: page.wait_for_timeout(500) # not listening yet
    page.locator('#examples button').nth(3).click()
    page.wait_for_timeout(3000)
    page.screenshot(path=IMAGES/'demo.png')

def main():
    demo = Path(sys.argv[1])
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=shutil.which('chromium'), args=ARGS)
        capture_report(browser, demo)
        capture_demo(browser, demo)
        browser.close()


if __name__ == '__main__': main()
