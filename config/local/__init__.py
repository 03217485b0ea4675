"""One machine without Docker: embedded PostgreSQL and Valkey, the bootstrap, the supervisor of it all.

`python -m config.local run` is behind `make run`, `python -m config.local test` behind `make test`.
"""
