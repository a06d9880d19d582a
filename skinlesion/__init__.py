import os

__version__ = "0.1.0"

# ONNX Runtime sends events to its maker unless told otherwise before it starts:
# from a hospital nothing goes out unasked
os.environ.setdefault('ORT_DISABLE_TELEMETRY', '1')
