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

# uv must not fetch an interpreter: only PyPI may be reachable. A link between file systems costs
# a warning for every package, a copy costs nothing that matters.
export UV_PYTHON_DOWNLOADS := never
export UV_LINK_MODE := copy

.PHONY: help setup run test lint format bench bench-list sim compat clean

help:
	@sed -n 's/^#   //p' Makefile

setup: $(READY)

# The stamp makes a second `make run` start at once; a change of the lock or the project renews it.
$(READY): pyproject.toml uv.lock
	@set -eu; \
	command -v cc >/dev/null 2>&1 || command -v gcc >/dev/null 2>&1 || command -v clang >/dev/null 2>&1 || { \
	  echo "atoll: no C compiler found; install cc (Debian: apt install build-essential)" >&2; exit 1; }; \
	python=""; \
	for candidate in $(PYTHON) python3 python3.13 python3.12 python3.11 python; do \
	  if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
	    python=$$("$$candidate" -c 'import sys; print(sys.executable)'); break; fi; \
	done; \
	[ -n "$$python" ] || { \
	  echo "atoll: Python 3.11 or newer is needed and none was found; set PYTHON=/path/to/python" >&2; exit 1; }; \
	if [ -e $(VENV) ] && ! $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
	  echo "atoll: $(VENV) is not usable, making it anew"; rm -rf $(VENV); fi; \
	if uv --version >/dev/null 2>&1; then uv=uv; \
	else \
	  echo "atoll: uv is absent, installing it from PyPI into $(VENV)"; \
	  [ -x $(BIN)/python ] || "$$python" -m venv $(VENV) || { \
	    echo "atoll: $$python cannot make a virtual environment (Debian: apt install python3-venv)" >&2; exit 1; }; \
	  [ -x $(BIN)/uv ] || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv; \
	  uv=$(BIN)/uv; \
	fi; \
	[ -x $(BIN)/python ] || "$$uv" venv --quiet --python "$$python" $(VENV); \
	UV_PROJECT_ENVIRONMENT=$(VENV) "$$uv" sync --frozen --quiet --inexact --python $(BIN)/python; \
	touch $@

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
