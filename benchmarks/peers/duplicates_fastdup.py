"Sets of near-duplicates in the folder argv[1] by fastdup with its defaults, as JSON in the file argv[2]"
import json
import sys
import tempfile
import time
from pathlib import Path

import fastdup

if __name__ == '__main__':
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as work:
        fd = fastdup.create(input_dir=sys.argv[1], work_dir=work)
        fd.run()
        components,_ = fd.connected_components()
        similar = fd.similarity() # from its default threshold, 0.9
    seconds = time.monotonic() - began
    groups = components.groupby('component_id').filename.apply(list)
    names = [[Path(file).name for file in group] for group in groups]
    pairs = [[Path(a).name, Path(b).name] for a,b in zip(similar.filename_from, similar.filename_to)]
    answer = dict(seconds=seconds, groups=names, others={'pairs from 0.9': pairs})
    Path(sys.argv[2]).write_text(json.dumps(answer))
