"The network as a service of LitServe, in batches, at the port argv[1]"
import io
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import litserve as ls
import numpy as np

from images import N_WORKERS, open_session, prepare, probabilities


class Classifier(ls.LitAPI):
    def setup(self, device):
        self.session = open_session()
        self.pool = ThreadPoolExecutor(os.cpu_count())

    def decode_request(self, request): return request['image'].file.read()

    def batch(self, inputs): return np.stack(list(self.pool.map(prepare, map(io.BytesIO, inputs)))) # as its guide to speed decodes

    def predict(self, batch): return probabilities(self.session, batch)

    def unbatch(self, output): return list(output)

    def encode_response(self, output): return {'probabilities': output.tolist()}


if __name__ == '__main__':
    api = Classifier(max_batch_size=32, batch_timeout=0.01)
    server = ls.LitServer(api, accelerator='cpu', workers_per_device=N_WORKERS)
    server.run(host='127.0.0.1', port=int(sys.argv[1]), generate_client_file=False, log_level='warning')
