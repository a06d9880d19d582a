"Sets of near-duplicates in the folder argv[1] by our own search, as JSON in the file argv[2]"
import json
import sys
import time
from pathlib import Path

from skinlesion.data.duplicates import duplicate_groups, find_duplicates
from skinlesion.data.scan import scan_images

files = sorted(Path(sys.argv[1]).iterdir())
began = time.monotonic()
groups = duplicate_groups(find_duplicates(scan_images(files)))
seconds = time.monotonic() - began
names = [[files[row].name for row in group] for group in groups]
Path(sys.argv[2]).write_text(json.dumps(dict(seconds=seconds, groups=names)))
