"""The engine: knowledge, features, training, evaluation, export and serving.

A plain Python library and command line (`python -m ml`). It knows nothing of Django, Celery or SQL, so that the
same code runs on a laptop, in a worker and on a Spark executor. `ml.serving` needs numpy and onnxruntime only.
"""
