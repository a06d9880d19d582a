"The network as a service of BentoML, in adaptive batches: `bentoml serve service_bentoml:Classifier`"
import bentoml
import numpy as np
from PIL.Image import Image

from images import N_WORKERS, open_session, prepare, probabilities


@bentoml.service(workers=N_WORKERS, traffic={'timeout': 60})
class Classifier:
    def __init__(self): self.session = open_session()

    # The size and the latency of its documentation
    @bentoml.api(batchable=True, max_batch_size=32, max_latency_ms=1000)
    def predict(self, images: list[Image]) -> list[list[float]]:
        batch = np.stack([prepare(image) for image in images])
        return probabilities(self.session, batch).tolist()
