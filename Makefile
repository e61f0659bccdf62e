# `make` or `make help` lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install run test check lab prove limits bench faults format hooks lock test-system clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-16s %s\n", $$1, $$2}'

install: $(INSTALLED) ## Install into .venv, in the locked versions

$(INSTALLED): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --requirement requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

run: install ## Import the bundled cryoprotectants and 5,000 molecules from the simulator into the embedded PostgreSQL
	$(BIN)/cryoasync run pubchem cryoasync/data/cryoprotectants.csv 1-5000 --simulate
	@echo
	$(BIN)/cryoasync export --simulate --limit 8 --columns cid,title,molecular_formula,molecular_weight,xlogp,smiles

test: install ## Run the tests
	$(BIN)/pytest -n logical --dist loadfile -m "not system" tests

check: install ## Check format, lint, types and the order of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test-system: install ## Run the tests that need programs of the operating system, or the machine to themselves
	tests/system/install-tools
	$(BIN)/pytest -m system tests/system
	$(BIN)/pytest -n auto --pooler session tests/integration/database --ignore-glob="*/test_embedded*"
	$(BIN)/pytest -n auto --pooler transaction tests/integration/database --ignore-glob="*/test_embedded*"

lab: install ## Play the control of the traffic against a model of the source, beside the usual ways
	$(BIN)/python -m benchmarks.laboratory
	$(BIN)/python -m benchmarks.laboratory.troubles
	$(BIN)/python -m benchmarks.laboratory.poison
	$(BIN)/python -m benchmarks.laboratory.diurnal
	$(BIN)/python -m benchmarks.laboratory.sizes
	$(BIN)/python -m benchmarks.laboratory.knee
	$(BIN)/python -m benchmarks.laboratory.crashes

prove: install ## Check what is proved by many random schedules, in full numbers
	$(BIN)/python -m benchmarks.check_circuit
	$(BIN)/python -m benchmarks.laboratory.blame
	$(BIN)/python -m benchmarks.schedules
	$(BIN)/python -m benchmarks.check_lists

limits: install ## Keep to the windows in real time: 10 minutes, a storm of restarts, a database far away
	$(BIN)/python -m benchmarks.bench_limits steady
	$(BIN)/python -m benchmarks.bench_limits storm
	$(BIN)/python -m benchmarks.bench_limits far

bench-libraries: install ## Install what the benchmark of the database compares with
	$(BIN)/uv pip install --quiet --python $(BIN)/python --group benchmarks --constraint requirements.lock

bench: install bench-libraries ## Run the benchmarks in a small form; benchmarks/RESULTS.md has the full one
	$(BIN)/python -m benchmarks.bench_descriptors --rounds 1
	$(BIN)/python -m benchmarks.bench_policy --rounds 1
	$(BIN)/python -m benchmarks.bench_guards --rounds 1
	$(BIN)/python -m benchmarks.bench_checkpoint --entries 300000 --rounds 1
	$(BIN)/python -m benchmarks.bench_pool --waves 10 --rounds 1
	$(BIN)/python -m benchmarks.bench_molecules --molecules 20000 --batches 20
	$(BIN)/python -m benchmarks.bench_publish --molecules 20000 --rounds 1
	$(BIN)/python -m benchmarks.bench_import --compounds 100000 --rounds 1
	$(BIN)/python -m benchmarks.bench_database --rows 100000 --batches 10

faults: install ## Let everything befall the database, a hundred mixes of it, while runs store; some 20 minutes
	$(BIN)/python -m tests.faults.sweep

format: install ## Format and sort imports
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

hooks: install ## Check every commit of this clone before it is made
	$(BIN)/pre-commit install

lock: install ## Write requirements.lock anew from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-header \
		--all-extras --group dev pyproject.toml --output-file requirements.lock

clean: ## Remove the environment and what tools have cached
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
