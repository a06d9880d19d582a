"Training with fastai"
from ..core import need

need('fastai', extra='train')
