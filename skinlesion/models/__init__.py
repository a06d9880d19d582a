"Networks, in plain torch and timm"
from ..core import need

need('torch', extra='train')
