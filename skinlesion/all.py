"Everything public, for notebooks: `from skinlesion.all import *`"
from .core import *
from .image import *
from .answer import *
from .aws import *
<<<<<<< HEAD
from .draw.paint import *
from .draw.lesion import *
from .draw.diagnosis import *
from .draw.tissue import *
from .draw.xray import *
from .synth import *
from .data.files import *
from .data.readers import *
from .data.archive import *
from .data.fetch import *
from .data.storage import *
=======
from .synth import *
from .data.cache import *
>>>>>>> ad895afc4796d19a4bc394c4888b2be180b6f023
from .data.layouts import *
from .data.storage import *
from .data.split import *
from .data.augment import *
from .data.loaders import *
from .models.pooled import *
from .models.baseline import *
from .models.residual import *
from .models.registry import *
from .models.export import *
from .train.recipe import *
from .train.learner import *
from .train.tracking import *
from .train.run import *
from .evaluate.predictions import *
from .evaluate.metrics import *
from .evaluate.report import *
from .serve.bundle import *
from .serve.predictor import *
from .serve.demo import *
from .cloud.stacks import *
from .commands import *
