"""The loop of timm's train.py with its functions and defaults: `train_timm.py FOLDER OUT WEIGHTS SECONDS SEED SIZE OPTIMIZER`

FOLDER holds `train/CLASS`, `validation/CLASS` and test.csv. SECONDS decide the number of epochs: one of another network of the kind is timed before.
"""
import copy
import json
import random
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import timm
import torch
from PIL import Image
from timm.data import create_dataset, create_loader, create_transform, resolve_data_config
from timm.loss import LabelSmoothingCrossEntropy
from timm.optim import create_optimizer_v2
from timm.scheduler import create_scheduler_v2

BATCH_SIZE = 32 # the script's own 128 would leave five steps an epoch
OPTIMIZERS = {
    'sgd': dict(opt='sgd', lr=0.1*BATCH_SIZE/256, momentum=0.9, weight_decay=2e-5), # the script's defaults
    'adamw': dict(opt='adamw', lr=5e-4, weight_decay=0.05),
}
AUGMENTATION = dict(scale=(0.08, 1), ratio=(3/4, 4/3), hflip=0.5, color_jitter=0.4, interpolation='random') # the script's defaults
WARMUP = dict(warmup_epochs=5, warmup_lr=1e-5) # the script's defaults


def loaders(folder, config, n_workers):
    "Of the training and of the validation images"
    common = dict(input_size=config['input_size'], batch_size=BATCH_SIZE, mean=config['mean'], std=config['std'], num_workers=n_workers,
                  use_prefetcher=False, persistent_workers=True)
    train = create_dataset('', root=folder, split='train')
    valid = create_dataset('', root=folder, split='validation')
    train_loader = create_loader(train, is_training=True, **AUGMENTATION, **common)
    valid_loader = create_loader(valid, is_training=False, interpolation=config['interpolation'], crop_pct=config['crop_pct'], **common)
    return train_loader, valid_loader

def train_epoch(model, loader, optimizer, loss_function):
    model.train()
    for images,labels in loader:
        loss = loss_function(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

def accuracy(model, loader):
    model.eval()
    with torch.inference_mode(): hits = [(model(images).argmax(1) == labels).float() for images,labels in loader]
    return torch.cat(hits).mean().item()

def train(model, train_loader, valid_loader, n_epochs, options):
    "The weights of the epoch with the best accuracy on the validation images"
    optimizer = create_optimizer_v2(model, **options)
    scheduler,n_epochs = create_scheduler_v2(optimizer, sched='cosine', num_epochs=n_epochs, min_lr=0, **WARMUP)
    loss_function = LabelSmoothingCrossEntropy(0.1)
    best = -1
    for epoch in range(n_epochs):
        scheduler.step(epoch)
        train_epoch(model, train_loader, optimizer, loss_function)
        score = accuracy(model, valid_loader)
        if score > best: best,weights = score,copy.deepcopy(model.state_dict())
    return weights

def predict(model, paths, transform):
    model.eval()
    images = [transform(Image.open(path).convert('RGB')) for path in paths]
    with torch.inference_mode(): return torch.cat([model(batch) for batch in torch.stack(images).split(BATCH_SIZE)]).softmax(1).tolist()

def main():
    folder,out,weights,limit,seed,size,optimizer = sys.argv[1:]
    random.seed(int(seed))
    np.random.seed(int(seed))
    torch.manual_seed(int(seed))
    folder = Path(folder)
    classes = sorted(path.name for path in (folder/'train').iterdir()) # as timm numbers them
    def new_model(): return timm.create_model(f'local-dir:{weights}', pretrained=True, num_classes=len(classes))
    model = new_model()
    config = resolve_data_config(dict(input_size=(3, int(size), int(size))), model=model)
    train_loader,valid_loader = loaders(folder, config, n_workers=torch.get_num_threads())
    times = [time.monotonic()]
    for _ in range(2): # the first one starts processes
        train(new_model(), train_loader, valid_loader, 1, OPTIMIZERS[optimizer])
        times.append(time.monotonic())
    n_epochs = max(1, int(float(limit)/(times[2] - times[1])))
    began = time.monotonic()
    model.load_state_dict(train(model, train_loader, valid_loader, n_epochs, OPTIMIZERS[optimizer]))
    seconds = time.monotonic() - began
    paths = pd.read_csv(folder/'test.csv').path
    probabilities = predict(model, paths, create_transform(**config, is_training=False))
    Path(out).write_text(json.dumps(dict(seconds=seconds, n_epochs=n_epochs, classes=classes, probabilities=probabilities)))


if __name__ == '__main__': main()
