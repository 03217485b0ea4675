"""Telling people at once what the audit trail says should alarm them."""
