// The initializers of ONNX files.
