"""Targets that are networks: PyTorch, Keras, ONNX."""
