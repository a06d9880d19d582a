"Sets of near-duplicates in the folder argv[1] by CleanVision with its defaults, as JSON in the file argv[2]"
import json
import sys
import time
from pathlib import Path

from cleanvision import Imagelab

if __name__ == '__main__': # it starts processes
    began = time.monotonic()
    lab = Imagelab(data_path=sys.argv[1])
    lab.find_issues({'exact_duplicates': {}, 'near_duplicates': {}})
    seconds = time.monotonic() - began
    groups = [group for kind in ('exact_duplicates', 'near_duplicates') for group in lab.info[kind]['sets']]
    names = [[Path(file).name for file in group] for group in groups]
    Path(sys.argv[2]).write_text(json.dumps(dict(seconds=seconds, groups=names)))
