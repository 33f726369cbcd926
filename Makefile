# Everything a person or a machine does with this tree. Needs python3 (3.11 or newer), make, network.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

# the first Python on the path that is new enough; `make PYTHON=/some/python install` overrides it
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$name"; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
INSTALLED := $(VENV)/.installed
INSTALLED_DEV := $(VENV)/.installed-dev

.PHONY: help install install-dev demo test deep check conformance books worlds model sweep chaos sim mutants audit bench month contract first-run clean

help:  ## say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: $(INSTALLED)  ## the program, into .venv, from requirements.lock

install-dev: $(INSTALLED_DEV)  ## the same with what tests and checks need

demo: $(INSTALLED)  ## watch twin accounts go through a sell-off; no keys, no network
	@$(BIN)/watcher demo $(ARGS)

test: $(INSTALLED_DEV)  ## all tests
	@$(BIN)/python -m pytest -n auto --dist worksteal -q $(ARGS)

deep: $(INSTALLED_DEV)  ## the long forms of tests, minutes
	@$(BIN)/python -m pytest -n auto --dist worksteal -q -m deep $(ARGS)

check: $(INSTALLED_DEV)  ## style, types, floors, tidiness
	@$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/test_tidy.py

conformance: $(INSTALLED_DEV)  ## every published example beside our figures; fails on one that is off
	@$(BIN)/python -m tests.examples.conformance $(ARGS)

books: $(INSTALLED_DEV)  ## random accounts of each family against brute force; ten minutes or more
	@$(BIN)/python -m tests.reference.measure $(ARGS)

worlds: $(INSTALLED_DEV)  ## random practice worlds read through the adapters; half an hour
	@$(BIN)/python -m tests.contract.measure $(ARGS)

model: $(INSTALLED_DEV)  ## every way the top-up protocol can go, two workers and all accidents; minutes
	@$(BIN)/python -m tests.model $(ARGS)

sweep: $(INSTALLED_DEV)  ## the money loop killed at every call of a port, and at two; minutes
	@$(BIN)/python -m tests.sweep $(ARGS)

sim: $(INSTALLED)  ## storms and known crashes in virtual time, judged by the truth; a quarter of an hour
	@$(BIN)/watcher sim --json $(ARGS)

mutants: $(INSTALLED_DEV)  ## faults planted in the code, and what notices each; half an hour
	@$(BIN)/python -m tests.mutants $(ARGS)

chaos: $(INSTALLED_DEV)  ## wires, disk and process of the real daemon broken in turn; rewrites the table; ten minutes
	@$(BIN)/python -m tests.chaos.table

audit: $(INSTALLED_DEV)  ## the locks, and known holes in what they pin where pip-audit is on the path
	@$(BIN)/python -m pytest -q tests/unit/test_supply.py
	if command -v pip-audit >/dev/null; then
		pip-audit --disable-pip --require-hashes -r requirements.lock -r requirements-dev.lock
	else
		echo "make: pip-audit is not on the path: known holes were not looked up"
	fi

bench: $(INSTALLED_DEV)  ## measure against the targets, five minutes; fails on a missed one
	@$(BIN)/python -m bench $(ARGS)

first-run: $(INSTALLED_DEV)  ## a newcomer typed through, from a fresh clone; rewrites docs/first-run.md
	@$(BIN)/python -m tests.first_run $(ARGS)

month: $(INSTALLED_DEV)  ## thirty days of ten accounts in virtual time: does memory grow; half an hour
	@$(BIN)/python -m bench.month $(ARGS)

contract: $(INSTALLED_DEV)  ## the venues' adapters against bodies and worlds; the gate before a newer ccxt
	@$(BIN)/python -m pytest -q tests/contract tests/unit/test_ccxt_traps.py tests/unit/test_venues_*.py tests/unit/test_*_wire.py tests/unit/test_binance_adapter.py tests/unit/test_money_client.py tests/e2e/test_replay.py $(ARGS)

clean:  ## remove what was installed and built
	@rm -rf $(VENV) build dist ./*.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

$(VENV)/.python:
	@if [[ -z "$(PYTHON)" ]]; then
		echo "make: no Python 3.11 or newer found; install one, or say make PYTHON=/path/to/python" >&2
		exit 1
	fi
	echo "make: creating $(VENV) with $$($(PYTHON) --version)"
	$(PYTHON) -m venv $(VENV)
	touch $@

# pyproject.toml counts: it names the command and the package; the code itself is installed in place
$(INSTALLED): requirements.lock pyproject.toml | $(VENV)/.python
	@echo "make: installing requirements.lock (hashes checked)"
	$(PIP) --require-hashes --only-binary :all: -r requirements.lock
	$(PIP) --no-deps --no-build-isolation --editable .
	touch $@

$(INSTALLED_DEV): requirements-dev.lock $(INSTALLED)
	@echo "make: installing requirements-dev.lock (hashes checked)"
	$(PIP) --require-hashes --only-binary :all: -r requirements-dev.lock
	touch $@
