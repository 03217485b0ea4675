"""Retraining: asked for or scheduled, watched, and registered as a candidate that a person must activate."""
