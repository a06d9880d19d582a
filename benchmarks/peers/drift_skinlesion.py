"How many columns `skinlesion drift` calls drifted, of each pair of tables in the folder argv[1], as JSON in the file argv[2]"
import json
import sys
import time
from pathlib import Path

import pandas as pd

from skinlesion.evaluate.drift import DriftReference, compare_answers

answers = {}
seconds = 0.
for file in sorted(Path(sys.argv[1]).glob('*.reference.csv')):
    reference,new = (pd.read_csv(path) for path in (file, str(file).replace('.reference.', '.new.')))
    classes = [column.removeprefix('p_') for column in new if column.startswith('p_')]
    began = time.monotonic()
    result = compare_answers(new, DriftReference('a reference', reference), classes)
    statuses = [entry['status'] for entry in result.measures]
    answers[file.name.removesuffix('.reference.csv')] = statuses.count('drift'), len(statuses)
    seconds += time.monotonic() - began
Path(sys.argv[2]).write_text(json.dumps(dict(seconds=seconds, answers=answers)))
