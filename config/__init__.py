"""Wires the clinical system together: settings, URLs, the API's router, Celery."""
