"""A classifier by colour that is fitted in a second: for pages that need a model, and no training

The pages on evaluation need what a network gives for an image: logits, heat maps and embeddings. Training one would take minutes, so
they use a logistic regression on colours. It has the parts of `serve.predictor.Predictor` that those pages use (`run`, `spec`, `classes`,
`config`, `reference`), and it is no more than a toy, tested in `46_evaluate.activations`.

The image is divided into 8 x 8 cells. The features of a cell are the mean of each channel (what is above zero and what is below, apart),
its square, and the standard deviation. The mean of the features over the cells is the embedding. As in a network with global average
pooling, each logit is then the mean of a map of the cells, so its class activation maps are exact.
"""
import numpy as np
import pandas as pd

from skinlesion.image import InputSpec, from_square, square
from skinlesion.postprocess import embedding_reference


class ColourClassifier:
    "A logistic regression on the colours of an image, with the parts of a `Predictor`"
    CELLS = 8 # along a side

    def __init__(self,
        cases:pd.DataFrame, # Images to fit it on: `path` and `label`
        spec:InputSpec=InputSpec(size=64), # Its input; the size is a multiple of 8
    ):
        from sklearn.linear_model import LogisticRegression
        self.spec = spec
        self.classes = sorted(cases.label.unique())
        self.config = dict(temperature=1.)
        squares = [square(path, spec) for path in cases.path]
        x = from_square(np.stack(squares), spec)
        features = self._cell_features(x)
        spread = features.mean((2, 3)).std(0)
        self.scale = spread[:, None, None] + 1e-6
        embeddings = self._embed(features)
        model = LogisticRegression(max_iter=2000)
        model.fit(embeddings, cases.label)
        self.weights = model.coef_
        self.bias = model.intercept_
        if len(self.classes) == 2: # scikit-learn keeps the difference of the logits alone
            halves = np.array([-0.5, 0.5])
            self.weights = halves[:, None]*self.weights
            self.bias = halves*self.bias
        self.reference = embedding_reference(embeddings, cases.label, embeddings)

    def _cell_features(self, x):
        "Features of the cells of a batch: images x features x cells x cells"
        n_images,n_channels,size,_ = x.shape
        cell_size = size//self.CELLS
        shape = (n_images, n_channels, self.CELLS, cell_size, self.CELLS, cell_size)
        cells = x.reshape(shape)
        mean = cells.mean((3, 5))
        std = cells.std((3, 5))
        above = np.maximum(mean, 0)
        below = np.maximum(-mean, 0)
        return np.concatenate([above, below, std, mean**2], 1)

    def _embed(self, features):
        scaled = features/self.scale
        embeddings = scaled.mean((2, 3))
        return embeddings.astype(np.float32)

    def run(self,
        x:np.ndarray, # Batch from `image.prepare`: images x channels x size x size
    )->tuple: # logits (images x classes), maps (images x classes x 8 x 8), embeddings (images x features)
        "What a network gives for the batch `x`; the maps are class activation maps"
        features = self._cell_features(x)
        scaled = features/self.scale
        maps = np.einsum('kf,nfhw->nkhw', self.weights, scaled)
        logits = maps.mean((2, 3)) + self.bias
        return logits, maps, self._embed(features)
