"""Model versions, which of them is running, and the predictor that serves it."""
