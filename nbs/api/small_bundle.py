"""A bundle that is made in a tenth of a second, without torch: for pages that need answers, and no training

Exporting a network takes seconds, so pages on serving use this one, whose weights are random. It has the three outputs of every bundle: the
features of one convolution, their mean as the embedding, and logits that are the mean of a class activation map. `64_cloud.handler` and others
use it.
"""
from functools import partial
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file

from skinlesion.image import InputSpec
from skinlesion.postprocess import embedding_reference
from skinlesion.serve.bundle import INTENDED_USE, write_bundle

SPEC = InputSpec(size=64)
CLASSES = ['benign', 'malignant']
N_FEATURES = 8


def weights(rng):
    "Name to array"
    return {
        'kernel': rng.normal(size=(N_FEATURES, 3, 8, 8)).astype(np.float32)/8,
        'head': rng.normal(size=(len(CLASSES), N_FEATURES, 1, 1)).astype(np.float32),
    }

def network(arrays):
    "The ONNX model of these weights"
    nodes = [
        helper.make_node('Conv', ['image', 'kernel'], ['convolved'], strides=[8, 8]),
        helper.make_node('Relu', ['convolved'], ['features']),
        helper.make_node('Conv', ['features', 'head'], ['cam']),
        helper.make_node('ReduceMean', ['features'], ['embedding'], axes=[2, 3], keepdims=0),
        helper.make_node('ReduceMean', ['cam'], ['logits'], axes=[2, 3], keepdims=0),
    ]
    def value(name, *shape): return helper.make_tensor_value_info(name, TensorProto.FLOAT, ['n', *shape])

    graph = helper.make_graph(
        nodes,
        'small',
        [value('image', 3, SPEC.size, SPEC.size)],
        [value('logits', 2), value('cam', 2, 8, 8), value('embedding', N_FEATURES)],
        [numpy_helper.from_array(array, name) for name,array in arrays.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)

def small_bundle(out, seed=0):
    "Write the bundle to the folder `out`"
    rng = np.random.default_rng(seed)
    arrays = weights(rng)
    embeddings = rng.random((20, N_FEATURES)).astype(np.float32)
    reference = embedding_reference(embeddings, [0, 1]*10, embeddings)
    config = dict(
        architecture=dict(name='small'),
        classes=CLASSES,
        positive='malignant',
        domain='skin',
        input=SPEC.to_dict(),
        temperature=1.,
        vector=None,
        thresholds={},
        conformal=None,
        refer=None,
        metrics=None,
        map_exact=True,
        intended_use=INTENDED_USE,
        versions=dict(skinlesion='0'),
    )
    parts = {
        'model.onnx': partial(onnx.save, network(arrays)),
        'reference.npz': lambda file: np.savez(file, **reference),
        'model.safetensors': partial(save_file, arrays),
    }
    write_bundle(out, config, parts)
    return Path(out)
