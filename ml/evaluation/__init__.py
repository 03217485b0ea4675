"""How good a model is: ranks, protocols of leaving publications out, calibration."""
