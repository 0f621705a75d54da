# On a machine with Python 3.11 or newer, `make demo` and `make test` do everything.
# Another Python: make test PYTHON=python3.13

PYTHON ?= python3
VENV ?= .venv
JOBS ?= 2
MINUTES ?= 180
BIN := $(VENV)/bin
CODE := barhouse/__init__.py barhouse/__main__.py store coordinator migrations tests docs/conf.py .ci
INSTALLED := $(VENV)/.installed
LOWEST := .venv-lowest
ORCHESTRATOR := .venv-orchestrator
CLIENTS := .venv-clients
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help demo test test-lowest test-cluster test-orchestrator test-clients soak lint format format-check types imports check docs docs-write bench bench-report clean

help: ## show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-18s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(INSTALLED) ## set up, and run the main job on real data into demo.duckdb
	@PATH="$(abspath $(BIN)):$$PATH" sh sample/demo.sh

test: $(INSTALLED) ## set up, and run the tests
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(ARGS)

test-lowest: $(LOWEST)/.installed ## the same on the lowest dependencies, those of .ci/lowest.txt
	$(LOWEST)/bin/python -m pytest -n $(JOBS) --dist worksteal $(ARGS)

test-cluster: $(LOWEST)/.installed ## jobs over many stores and their lake, for which DuckDB's extensions are of 1.5.5
	$(LOWEST)/bin/python -m pytest tests/cluster -n $(JOBS) --dist worksteal -rs $(ARGS)

test-orchestrator: $(ORCHESTRATOR)/.installed ## run a job inside a real orchestrator, in an environment of its own
	$(ORCHESTRATOR)/bin/python -m pytest tests/integration/test_orchestrator.py -rs $(ARGS)

test-clients: $(INSTALLED) $(CLIENTS)/ibis/.installed $(CLIENTS)/sqlalchemy/.installed $(CLIENTS)/superset/.installed ## read a snapshot with other clients, each in an environment of its own
	BARHOUSE_CLIENTS=$(CLIENTS) $(BIN)/python -m pytest tests/integration/test_clients.py -rs $(ARGS)

soak: $(INSTALLED) $(LOWEST)/.installed ## random tests in their long form, new seeds, for MINUTES=180; ARGS="--help" says more
	$(BIN)/python -m tests.soak $(MINUTES) --jobs $(JOBS) --lowest $(LOWEST)/bin/python $(ARGS)

lint: $(INSTALLED) ## look for mistakes
	$(BIN)/ruff check $(CODE)

format: $(INSTALLED) ## lay the code out
	$(BIN)/ruff format $(CODE)

format-check: $(INSTALLED) ## say where `make format` would change something
	$(BIN)/ruff format --check --diff $(CODE)

types: $(INSTALLED) ## check the types
	$(BIN)/mypy

imports: $(INSTALLED) ## check that imports point down
	$(BIN)/lint-imports --no-logo

check: format-check lint types imports ## all checks but the tests

docs: $(VENV)/.docs-installed ## build the documentation as a site, into build/site; a broken link fails
	$(BIN)/python -m sphinx -W --keep-going -q -c docs . build/site
	@echo "open build/site/index.html"

docs-write: $(INSTALLED) ## renew what the documentation shows: outputs of examples, and the reference
	$(BIN)/python -m tests.docs --write

bench: $(VENV)/.bench-installed ## measure it beside its peers, a quarter of an hour; ARGS="--help" says what else
	$(BIN)/python -m tests.benchmarks $(ARGS)

bench-report: $(VENV)/.bench-installed ## the same with ten times the history too, into docs/benchmarks.md
	$(BIN)/python -m tests.benchmarks --scale 10 --report $(ARGS)

clean: ## remove what make made, the demo's store included
	rm -rf $(VENV) $(LOWEST) $(ORCHESTRATOR) $(CLIENTS) build dist demo.duckdb* .pytest_cache .hypothesis .mypy_cache .ruff_cache
	rm -rf .import_linter_cache .grimp_cache
	find store coordinator migrations tests -name __pycache__ -prune -exec rm -rf {} +

# Done again only when pyproject.toml changes.
$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "Barhouse needs Python 3.11 or newer, and '$(PYTHON)' is `$(PYTHON) --version 2>&1 | head -n 1`;" \
	        "name another with: make PYTHON=python3.13" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }
	@echo "Installing Barhouse and what it needs into $(VENV); this takes a minute or two." >&2
	@$(BIN)/python $(PIP_INSTALL) --editable '.[dev]'
	@touch $@

$(LOWEST)/.installed: pyproject.toml .ci/lowest.txt
	@test -x $(LOWEST)/bin/python || $(PYTHON) -m venv $(LOWEST)
	@$(LOWEST)/bin/python $(PIP_INSTALL) --constraint .ci/lowest.txt --editable '.[test,attach,cluster]'
	@touch $@

$(ORCHESTRATOR)/.installed: pyproject.toml
	@test -x $(ORCHESTRATOR)/bin/python || $(PYTHON) -m venv $(ORCHESTRATOR)
	@$(ORCHESTRATOR)/bin/python $(PIP_INSTALL) --editable '.[test,orchestrator]'
	@touch $@

# The versions that docs/guides/clients.md names: what each of them can read with.
$(CLIENTS)/ibis/.installed: CLIENT := 'ibis-framework[duckdb]>=12,<13' 'duckdb>=1.5.5,<2'
$(CLIENTS)/sqlalchemy/.installed: CLIENT := 'duckdb-sqlalchemy>=1.5,<2' 'sqlalchemy>=2.1,<2.2' 'duckdb>=2.0,<3' pytz
$(CLIENTS)/superset/.installed: CLIENT := 'duckdb-engine>=0.17,<0.18' 'sqlalchemy>=1.4.54,<2' 'duckdb>=1.5.5,<2' pytz
$(CLIENTS)/%/.installed: Makefile
	@mkdir -p $(@D)
	@test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	@$(@D)/bin/python $(PIP_INSTALL) $(CLIENT)
	@touch $@

$(VENV)/.docs-installed: $(INSTALLED)
	@$(BIN)/python $(PIP_INSTALL) --editable '.[docs]'
	@touch $@

# A peer that cannot be had on this machine is reported in the table; the others are measured.
PEERS := import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["bench"])
$(VENV)/.bench-installed: $(INSTALLED)
	@for peer in `$(BIN)/python -c '$(PEERS)'`; do \
	    $(BIN)/python $(PIP_INSTALL) "$$peer" || \
	        echo "$$peer cannot be installed here" >&2; \
	done
	@touch $@
