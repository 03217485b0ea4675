"""From a fitted ranker to the served bundle: ONNX graph, parity with the estimator, manifest."""
