"""Estimators, their parameters, and the command that trains, exports and checks a model."""
