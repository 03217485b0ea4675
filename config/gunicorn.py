"""How gunicorn serves: `gunicorn --config python:config.gunicorn config.wsgi:application --bind ...`."""

from typing import Any

worker_class = "gthread"
workers = 2
threads = 4
timeout = 60
graceful_timeout = 8
control_socket_disable = True
# Django is imported once, before the workers fork, not once in each; connections and the predictor come after that.
preload_app = True


def on_starting(_server: Any) -> None:
    """Refuse to start when a system check fails. It imports every URL and view, so the workers need not either."""
    from django.core.management import call_command

    call_command("check")
