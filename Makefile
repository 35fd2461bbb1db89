# make lab     open the quick-start notebook in JupyterLab (LAB_ARGS=--no-browser, NOTEBOOK=notebooks/...)
# make test    everything that must pass: format, lint, types, tests (with a real browser)
# make docs    lessons, API reference and catalogue as one site to be read offline, in site/
# The first run makes a virtual environment in .venv, which takes some minutes; PYTHON=... names the Python to use.

VENV := .venv
VENV_PYTHON := $(VENV)/bin/python
NOTEBOOK ?= notebooks/01_quickstart.ipynb
LAB_ARGS ?=
PYTEST_ARGS ?=
export PYTHON

.PHONY: help lab test test-full bench tables docs lint format clean
.DEFAULT_GOAL := help

help:
	@echo "make lab        open the quick-start notebook in JupyterLab"
	@echo "make test       format, lint, types and tests; what must pass"
	@echo "make test-full  the same with the slow sweeps"
	@echo "make bench      speed and memory beside other tools, one table; make tables  README's other tables"
	@echo "make docs       lessons, API reference and catalogue as one site to be read offline, in site/"
	@echo "make lint       format, lint and types alone;  make format  to mend what can be mended"
	@echo "make clean      remove the environment, caches and what tests left behind"

# Stamps: a file for each finished step, so that the second run starts at once and a broken-off one starts again.
$(VENV)/made: .ci/python
	@python=$$(.ci/python) && echo "making $(VENV) with $$python" && "$$python" -m venv --clear $(VENV)
	@touch $@

$(VENV)/ready-to-run: pyproject.toml $(VENV)/made
	$(VENV_PYTHON) -m pip install --disable-pip-version-check --editable .
	@touch $@

$(VENV)/ready-to-test: pyproject.toml $(VENV)/made
	$(VENV_PYTHON) -m pip install --disable-pip-version-check --editable '.[test]'
	@touch $(VENV)/ready-to-run $@

$(VENV)/ready-for-docs: pyproject.toml $(VENV)/made
	$(VENV_PYTHON) -m pip install --disable-pip-version-check --editable '.[docs]'
	@touch $(VENV)/ready-to-run $@

lab: $(VENV)/ready-to-run
	@exec $(VENV_PYTHON) .ci/lab.py $(NOTEBOOK) $(LAB_ARGS)

lint: $(VENV)/ready-to-test
	$(VENV_PYTHON) -m ruff format --check
	$(VENV_PYTHON) -m ruff check
	$(VENV_PYTHON) -m mypy

format: $(VENV)/ready-to-test
	$(VENV_PYTHON) -m ruff format
	$(VENV_PYTHON) -m ruff check --fix

# The browser comes first: a missing one is said before ten minutes of tests, not after.
# All cores share what needs no browser; what is dragged and looked at comes after it, alone.
PYTEST = WORKBENCH_BROWSER="$$(cat $(VENV)/browser)" $(VENV_PYTHON) -m pytest
test: SELECTION :=
test-full: SELECTION := -m ""
test test-full: $(VENV)/ready-to-test
	@$(VENV_PYTHON) tests/browser/find_browser.py --install >$(VENV)/browser
	@echo "browser: $$(cat $(VENV)/browser)"
	@$(MAKE) --no-print-directory lint
ifeq ($(PYTEST_ARGS),)
	$(PYTEST) $(SELECTION) tests --ignore tests/browser --numprocesses auto --dist loadfile
	$(PYTEST) $(SELECTION) tests/browser
else
	$(PYTEST) $(SELECTION) $(PYTEST_ARGS)
endif

bench: $(VENV)/ready-to-test
	$(VENV_PYTHON) -m pytest tests/benchmarks/speed -m "" $(PYTEST_ARGS)

# What formats do to real networks: nothing is timed, and the folder that WORKBENCH_TEST_ASSETS names is needed.
tables: $(VENV)/ready-to-test
	$(VENV_PYTHON) -m pytest tests/benchmarks/tables -m "" $(PYTEST_ARGS)

# The generator is installed here and nowhere else; every lesson is run once for what its cells answer.
docs: $(VENV)/ready-for-docs
	$(VENV_PYTHON) docs/build.py site

clean:
	rm -rf $(VENV) build site dist *.egg-info test-artifacts .benchmarks .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
