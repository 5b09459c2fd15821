# make demo    set up, audit a real model on real data, say where the report is
# make test    set up, run the tests (the fast ones; make slow runs the long ones)
# make check   format, lint, types, layers
# make docs    the documentation as a site, in build/site
# make dist    the wheel and the source, the same for the same commit, and the bill of materials
# make licenses  of everything that divulge depends on, and whether each is allowed
# make bench   every benchmark at its quick size

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help demo test slow check docs bench dist licenses clean

help:
	@sed -n 's/^# //p' Makefile

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "divulge needs Python 3.11 or newer, this is " + sys.version.split()[0] + ": make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	@touch $@

# The library alone: small, enough for `make demo`.
$(VENV)/.core: $(VENV)/.made pyproject.toml constraints.txt
	$(PIP) --editable .
	@touch $@

# Everything.  torch goes first: asked for later, a range would be answered by a build with CUDA of several gigabytes.
$(VENV)/.dev: $(VENV)/.core
	$(PIP) torch==2.13.0
	$(PIP) --editable '.[dev]'
	@touch $@

demo: $(VENV)/.core
	$(BIN)/divulge demo patients

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder -m 'not slow'

slow: $(VENV)/.dev
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder -m slow

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.dev
	$(BIN)/python -m mkdocs build --strict --quiet

bench: $(VENV)/.dev
	for file in benchmarks/[a-z]*.py; do echo "== $$file"; $(BIN)/python $$file --quick || exit 1; done

dist: export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct)
dist: $(VENV)/.dev
	$(BIN)/python -m hatchling build
	$(BIN)/python .ci/bom.py dist/*.whl

licenses: $(VENV)/.dev
	$(BIN)/python .ci/licenses.py

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
