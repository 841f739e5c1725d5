# Everything a person or a CI job runs. Needs GNU make, Python 3.11 or newer, a C compiler, and PyPI.
#
#   make setup     prepare .venv from the committed lock; nothing else
#   make run       setup, then serve S3 on LISTEN with the drives in DRIVES
#   make test      setup, then the whole test suite but for live clients
#   make lint      style, types, layers, tidy
#   make bench     Atoll and the peer on the same drives (needs Go); BENCH_ARGS=--quick for minutes
#   make sim       the simulation with SEEDS seeds
#   make compat    the compatibility suite with live clients
#   make clean     remove what the targets above made, but never data

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

DRIVES ?= ./data/d{1...4}
LISTEN ?= 127.0.0.1:9000
SERVE_ARGS ?=
JOBS ?= 2
TEST_ARGS ?=
TEST_SECONDS_MAX ?= 660
BENCH_ARGS ?=
SEEDS ?= 200

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
CODE := src tests

.PHONY: help setup run test lint format bench bench-list sim compat clean

help:
	@sed -n 's/^#   //p' Makefile

setup: $(READY)

# The stamp makes a second `make run` start at once; a change of the lock or the project renews it.
$(READY): pyproject.toml uv.lock setup.sh
	@PYTHON='$(PYTHON)' ./setup.sh
	@touch $@

# Each drive is quoted: the braces of d{1...4} are Atoll's, not the shell's.
run: setup
	$(BIN)/atoll serve $(foreach drive,$(DRIVES),'$(drive)') --listen '$(LISTEN)' $(SERVE_ARGS)

test: setup
	@timeout --kill-after=20 $(TEST_SECONDS_MAX) $(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m 'not live' $(TEST_ARGS)

# All checks run, so that one failure does not hide the others.
lint: setup
	@failed=""; \
	for check in 'ruff check $(CODE)' 'ruff format --check $(CODE)' 'mypy' 'lint-imports' \
	  'python -m pytest -q tests/tidy'; do \
	  echo "── $$check"; \
	  $(BIN)/$$check || failed="$$failed, $${check%% $(CODE)}"; \
	done; \
	[ -z "$$failed" ] || { echo "lint failed: $${failed#, }" >&2; exit 1; }

format: setup
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

bench: setup
	$(BIN)/python tests/bench/compare.py $(BENCH_ARGS)

bench-list: setup
	$(BIN)/python tests/bench/compare.py --list-million --drives 4 $(BENCH_ARGS)

sim: setup
	ATOLL_SIM_SEEDS=$(SEEDS) $(BIN)/python -m pytest tests/sim -n $(JOBS)

compat: setup
	$(BIN)/python -m pytest tests/compat $(TEST_ARGS)

clean:
	rm -rf $(VENV) build .bench .compat .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -rf src/*.egg-info
