"How many columns Evidently's preset calls drifted, of each pair of tables in the folder argv[1], as JSON in the file argv[2]"
import json
import sys
import time
from pathlib import Path

import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset


def columns_drifted(reference, new):
    "How many columns have drifted, and how many there are"
    result = Report([DataDriftPreset()]).run(new, reference).dict()
    counted, = (metric['value'] for metric in result['metrics'] if metric['metric_name'].startswith('DriftedColumnsCount'))
    return int(counted['count']), len(new.columns)

answers = {}
seconds = 0.
for file in sorted(Path(sys.argv[1]).glob('*.reference.csv')):
    tables = [pd.read_csv(path).filter(regex='^p_') for path in (file, str(file).replace('.reference.', '.new.'))]
    began = time.monotonic()
    answers[file.name.removesuffix('.reference.csv')] = columns_drifted(*tables)
    seconds += time.monotonic() - began
Path(sys.argv[2]).write_text(json.dumps(dict(seconds=seconds, answers=answers)))
