"""Retention: what is past its time is deleted, and the deletion is recorded."""
