"""Pseudonymous patients and their cases: findings, consent, care team, outcome."""
