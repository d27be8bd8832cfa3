# `make demo` and `make test` each do everything on a machine that has Python 3.11, pip and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MINUTES ?= 60

.PHONY: demo test nightly torture lint bench bench-quick docs site clean
.DEFAULT_GOAL := demo

# A Python without ensurepip (Debian parts it off) cannot put pip into the environment; then
# its own pip installs from outside.
$(BIN)/python:
	$(PYTHON) -m venv $(VENV) 2>/dev/null || $(PYTHON) -m venv --without-pip --clear $(VENV)

define install
	@echo "installing iidindex$(1) into $(VENV)"
	@if $(BIN)/python -m pip --version >/dev/null 2>&1; \
	then $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.$(1)'; \
	else $(PYTHON) -m pip --python $(BIN)/python install --quiet --disable-pip-version-check --editable '.$(1)'; \
	fi
	@touch $@
endef

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(call install,)

$(VENV)/.installed-test: pyproject.toml | $(BIN)/python
	$(call install,[test])

$(VENV)/.installed-lint: pyproject.toml | $(BIN)/python
	$(call install,[lint])

$(VENV)/.installed-docs: pyproject.toml | $(BIN)/python
	$(call install,[docs])

$(VENV)/.installed-bench: pyproject.toml | $(BIN)/python
	$(call install,[bench])

demo: $(VENV)/.installed  ## build a small archive, index it, ask it and draw it
	$(BIN)/iidindex demo demo
	@echo "To go on: . $(BIN)/activate"

test: $(VENV)/.installed-test  ## run all tests
	$(BIN)/python -m pytest -n auto

nightly: $(VENV)/.installed-test  ## run all tests, with other draws each time
	$(BIN)/python -m pytest -n auto --hypothesis-profile nightly

torture: $(VENV)/.installed-test  ## try every fault for so many minutes: make torture MINUTES=60
	IIDINDEX_TORTURE=$(MINUTES) $(BIN)/python -m pytest -n auto --dist worksteal -o faulthandler_timeout=0 tests/torture

lint: $(VENV)/.installed-lint  ## check style, types and the order of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.installed-bench  ## measure, and write docs/benchmarks.md and docs/growth.md
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.growth --large

bench-quick: $(VENV)/.installed-bench  ## measure a little, and compare with benchmarks/baseline.json
	$(BIN)/python -m benchmarks.quick $(ARGS)

docs: $(VENV)/.installed-test  ## write docs/cli.md, docs/api.md and docs/http.md
	$(BIN)/python docs/reference.py
	$(BIN)/python docs/api.py
	$(BIN)/python docs/http_reference.py

site: $(VENV)/.installed-docs  ## make a site of all pages, to be opened at site/index.html
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet -c docs . site

clean:
	rm -rf $(VENV) demo dist build site
