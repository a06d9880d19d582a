"Training with fastai"
import warnings

from ..core import need

need('fastai', extra='train')

# As it is imported, fastai compiles two functions by what torch is going to remove. Whoever trains can do nothing
# about that, and in a notebook it would be a red box under the first cell
with warnings.catch_warnings():
    warnings.filterwarnings('ignore', r'`torch\.jit\.script` is', FutureWarning)
    import fastai.layers
