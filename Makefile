# `make serve` and `make test` do all of their set-up; nothing is done again that has not changed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: serve test test-fast check index evaluate lock clean

serve: index            ## set up, build what changed, serve on http://127.0.0.1:8000
	$(BIN)/practices serve

index: $(READY)         ## build and publish the release of the shipped catalogue if anything changed
	@$(BIN)/practices index

test: check             ## set up and run all tests, those that need weights too
	$(BIN)/python -m pytest

test-fast: $(READY)     ## the tests that need no weights
	$(BIN)/python -m pytest -m "not model"

check: $(READY)         ## style, types, architecture, documentation
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_architecture.py tests/test_docs.py

evaluate: $(READY)      ## measure all judged collections; COLLECTIONS is the folder of the public ones
	$(BIN)/python -m tests.benchmarks.quality $(COLLECTIONS)

lock: $(READY)          ## write the exact versions of this environment to constraints.txt
	$(BIN)/pip freeze --exclude-editable | sed 's/^\(torch==[0-9.]*\)+cpu/\1/' > constraints.txt

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[build,evaluate,test]'
	touch $@

clean:                  ## remove everything that was made, but not the releases
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache
