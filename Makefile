# `make run` and `make test` need Python 3.11 to 3.13 and make, and nothing else. `make help` lists the rest.

PYTHON ?= python3
PORT ?= 8000
VAR ?= var
ARGS ?=
export PORT VAR
# Images set it for what they ship compiled. Here every process would compile all that it imports, again and again.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
LOCAL := $(BIN)/python -m config.local
# Checks that read the settings get a database, a broker and a key of their own.
BESIDE_SERVERS := $(LOCAL) python --
PAGES := $(wildcard templates)

.PHONY: help setup run test audit lint lint-code lint-floors lint-types lint-migrations lint-templates lint-knowledge format lock
.DEFAULT_GOAL := help

help:
	@echo 'make run     bring everything up at http://127.0.0.1:8000 (PORT=8000, state in VAR=var), until Ctrl-C'
	@echo 'make test    the whole test suite; ARGS="-k words" goes to pytest'
	@echo 'make setup   only install the locked packages into .venv'
	@echo 'make lint    every static check; make format mends what a tool can mend'
	@echo 'make audit   locked packages against published advisories; ARGS=--strict fails when they could not be asked'
	@echo 'make lock    renew requirements/lock.txt after a change in pyproject.toml'

# Does nothing, in a moment, when .venv holds what the lock says.
setup:
	@$(PYTHON) -I config/local/install.py

run: setup
	@exec $(LOCAL) run

test: setup
	@exec $(LOCAL) test -- --numprocesses 3 $(ARGS)

audit: setup
	@$(BIN)/python -m config.advisories $(ARGS)

# `make --keep-going lint` goes on after a failed one.
lint: lint-code lint-floors lint-types lint-migrations lint-templates lint-knowledge

lint-code: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

lint-floors: setup
	$(BIN)/lint-imports

lint-types: setup
	$(BESIDE_SERVERS) -m mypy

lint-migrations: setup
	$(BESIDE_SERVERS) manage.py makemigrations --check --dry-run

lint-templates: setup
	$(BIN)/djlint --lint --check --quiet $(PAGES)

# The common diseases that clinicians review: ids, labels, frequencies and a reference in each row.
lint-knowledge: setup
	$(BIN)/python -m ml.knowledge.common.validate

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/djlint --reformat --quiet $(PAGES)

# runtime.txt: the same versions without the development tools, for the container image. Both hold the extras, so that
# nobody has to build an image of his own for a setting.
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header
lock: setup
	$(COMPILE) pyproject.toml --all-extras --group dev -o requirements/lock.txt
	$(COMPILE) pyproject.toml --all-extras --constraint requirements/lock.txt -o requirements/runtime.txt
