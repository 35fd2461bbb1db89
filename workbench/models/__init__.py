"""What a network is: onnx and onnxruntime, nothing of quantization."""
