"""The engine: knowledge, features, training, evaluation, export and serving.

A plain Python library and command line (`python -m ml`). It knows nothing of Django, Celery or SQL, so that the
same code runs on a laptop, in a worker and on a Spark executor. `ml.serving` needs numpy and onnxruntime only.
"""

import os

# onnxruntime reports usage to its maker unless told otherwise; a clinical system reports to nobody. Set before anything
# below imports it.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
