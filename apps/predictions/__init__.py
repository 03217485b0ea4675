"""Differential diagnoses: made, stored, explained, and what clinicians said of them."""
