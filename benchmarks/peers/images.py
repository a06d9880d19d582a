"What the services of the peers do with an image, in Pillow and NumPy, and with a graph"
import os

import numpy as np
import onnxruntime as ort
from PIL import Image

SIDE = 224
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)
N_WORKERS = int(os.environ['WORKERS'])

def prepare(source):
    "The image file or image `source` as the input of the network: channels x side x side"
    image = source if isinstance(source, Image.Image) else Image.open(source)
    square = image.convert('RGB').resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    pixels = np.asarray(square, np.float32)/255
    return ((pixels-MEAN)/STD).transpose(2, 0, 1)

def open_session():
    "ONNX Runtime on the graph, with its share of the cores"
    options = ort.SessionOptions()
    options.intra_op_num_threads = max(1, os.cpu_count()//N_WORKERS)
    return ort.InferenceSession(os.environ['GRAPH'], options, providers=['CPUExecutionProvider'])

def probabilities(session, batch):
    "Of each class, for the prepared images of `batch`"
    logits, = session.run(['logits'], {'image': batch})
    odds = np.exp(logits - logits.max(1, keepdims=True))
    return odds/odds.sum(1, keepdims=True)
