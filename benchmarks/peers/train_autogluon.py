"AutoGluon's MultiModalPredictor on tables of images: `train_autogluon.py FOLDER OUT WEIGHTS SECONDS SEED SIZE`; FOLDER holds train.csv, valid.csv and test.csv"
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import torch
from autogluon.multimodal import MultiModalPredictor
from safetensors.torch import load_file

def local_weights(weights, folder):
    "The folder of weights of timm as AutoGluon reads one: with the weights in PyTorch's own format"
    shutil.copy(Path(weights)/'config.json', folder)
    state = load_file(Path(weights)/'model.safetensors')
    state = {name: values for name,values in state.items() if not name.startswith(('fc.', 'classifier.'))} # it loads no head
    torch.save(state, Path(folder)/'pytorch_model.bin')
    return str(folder)

if __name__ == '__main__':
    folder,out,weights,limit,seed,size = sys.argv[1:]
    train,valid,test = (pd.read_csv(Path(folder)/f'{part}.csv') for part in ('train', 'valid', 'test'))
    with tempfile.TemporaryDirectory() as local, tempfile.TemporaryDirectory() as work:
        hyperparameters = {
            'model.names': ['timm_image'],
            'model.timm_image.checkpoint_name': local_weights(weights, local),
            'model.timm_image.image_size': int(size),
        }
        predictor = MultiModalPredictor(label='label', problem_type='binary', eval_metric='roc_auc', path=str(Path(work)/'model'))
        began = time.monotonic()
        predictor.fit(train, tuning_data=valid, time_limit=float(limit), seed=int(seed), hyperparameters=hyperparameters)
        seconds = time.monotonic() - began
        probabilities = predictor.predict_proba(test[['path']])
    answer = dict(seconds=seconds, classes=list(probabilities.columns), probabilities=probabilities.to_numpy().tolist())
    Path(out).write_text(json.dumps(answer))
