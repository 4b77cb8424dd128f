# `make serve` and `make test` do all of their set-up; nothing is done again that has not changed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: serve test test-fast check sbom index evaluate bench messages browser lock clean

serve: index            ## set up, build what changed, serve on http://127.0.0.1:8000
	$(BIN)/practices serve

index: $(READY)         ## build and publish the release of the shipped catalogue if anything changed
	@$(BIN)/practices index

test: check browser     ## set up and run all tests, those that need weights or a browser too
	$(BIN)/python -m pytest

test-fast: $(READY)     ## the tests that need neither weights nor a browser
	$(BIN)/python -m pytest -m "not model and not browser"

browser:                ## Chromium for the tests of the pages, from Debian's packages where this user may install them
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
	    || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core; } >/dev/null 2>&1 \
	    || printf '\n  NO BROWSER: chromium is not here and cannot be installed by this user.\n  The tests in tests/test_browser.py will be SKIPPED: the pages are not tried in a browser.\n\n' >&2

check: $(READY)         ## style, types, architecture, documentation, licences, what is locked and known to be vulnerable
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@mkdir -p build
	$(BIN)/pip-licenses --output-file=build/licences.txt
	$(BIN)/python -m pytest -q -m "not model" tests/test_architecture.py tests/test_docs.py tests/test_supply_chain.py

sbom: $(READY)          ## what is in the image, as CycloneDX: build/sbom.json
	@mkdir -p build
	$(BIN)/cyclonedx-py requirements --pyproject=pyproject.toml --output-reproducible --output-file=build/sbom.json requirements.lock

evaluate: $(READY)      ## measure all judged collections; COLLECTIONS is the folder of the public ones
	$(BIN)/python -m tests.benchmarks.quality $(COLLECTIONS)

bench: $(READY)         ## what each stage of an answer takes, beside the bound it cannot beat
	$(BIN)/python -m tests.benchmarks.stages

messages: $(READY)      ## bring the catalogues of translations in line with the texts of the interface
	$(BIN)/python -m service.messages

lock: $(READY)          ## write the exact versions of this environment, and the hashes of those that serve; takes some minutes
	$(BIN)/pip freeze --exclude-editable | sed 's/^\(torch==[0-9.]*\)+cpu/\1/' > constraints.txt
	$(BIN)/pip-compile --extra=edit --constraint=constraints.txt --output-file=requirements.lock pyproject.toml
	$(BIN)/pip-compile --build-deps-for=wheel --only-build-deps --output-file=requirements-build.lock pyproject.toml

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[build,evaluate,ray,test]'
	touch $@

clean:                  ## remove everything that was made, but not the releases
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache
