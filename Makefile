# Everything a developer runs. `make` alone says what there is.

PYTHON ?= python3
UV     ?= $(BIN)/uv
ARGS   ?=
VENV   := .venv
BIN    := $(VENV)/bin

# Wheels only, each with its hash; the package itself is linked, not copied.
PIP      := $(BIN)/python -m pip --quiet --disable-pip-version-check install
FROM     := --require-hashes --only-binary :all: -r
LINK     := --no-deps --no-build-isolation -e .
COMPILE  := pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header
PACKAGES := domain eventstore projections processes api

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run demo test test-long check format bench lock clean

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/installed ## Install, start PostgreSQL and serve http://127.0.0.1:8000/graphql
	$(BIN)/bitacora up $(ARGS)

demo: $(VENV)/installed ## Load a small generated company to look at
	$(BIN)/bitacora demo $(ARGS)

test: $(VENV)/installed-test ## Run the tests
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

test-long: $(VENV)/installed-test ## Run the tests that take minutes
	$(BIN)/python -m pytest -m long --timeout 1800 $(ARGS)

check: $(VENV)/installed-test ## Check style, types, imports and generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bitacora events --write docs/events.md --check
	$(BIN)/bitacora policies --write docs/policies.md --check
	$(BIN)/bitacora export-schema --check

format: $(VENV)/installed-test ## Put the code into the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/installed-test ## Measure, side by side, what the README promises
	$(BIN)/python -m tests.benchmarks $(ARGS)

lock: $(BIN)/python ## Resolve pyproject.toml into the two lock files again
	@test -x $(UV) || command -v $(UV) > /dev/null || $(PIP) uv
	$(UV) $(COMPILE) --extra build pyproject.toml -o requirements.lock > /dev/null
	$(UV) $(COMPILE) --extra build --extra test pyproject.toml -o requirements-test.lock > /dev/null

clean: ## Remove the virtual environment and the caches; your data in .bitacora stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist *.egg-info
	find $(PACKAGES) tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
	  echo "Bitácora needs Python 3.11, 3.12 or 3.13. Name one, for example: make PYTHON=python3.12 run" >&2; exit 1; }
	@if $(PYTHON) -c 'import ensurepip' 2> /dev/null; then $(PYTHON) -m venv $(VENV); \
	elif $(PYTHON) -c 'import virtualenv' 2> /dev/null; then $(PYTHON) -m virtualenv --quiet $(VENV); \
	elif command -v virtualenv > /dev/null; then virtualenv --quiet --python $(PYTHON) $(VENV); \
	else echo "This Python cannot make virtual environments. On Debian or Ubuntu: apt install python3-venv; then run make again." >&2; exit 1; fi

$(VENV)/installed: requirements.lock pyproject.toml | $(BIN)/python
	$(PIP) $(FROM) requirements.lock
	$(PIP) $(LINK)
	@touch $@

$(VENV)/installed-test: requirements-test.lock pyproject.toml | $(BIN)/python
	$(PIP) $(FROM) requirements-test.lock
	$(PIP) $(LINK)
	@touch $@
