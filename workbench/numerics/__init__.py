"""What a number format does to a distribution: numpy, numba and ml_dtypes alone, nothing of ONNX."""
