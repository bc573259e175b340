"""A saved model as one ONNX file, put together from bytes."""
