# A machine with Python 3.10 or newer and make is enough; uv is used where it is present.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help demo test check lint types bench reliability clean

help:  ## Show what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 13

demo: $(READY)  ## Start a local Brightspace, load it into DuckDB, print what was loaded
	$(BIN)/d2l-brightspace demo

test: $(READY)  ## Run the tests
	$(BIN)/python -m pytest -n 3

check: lint types test  ## Everything CI decides on

lint: $(READY)  ## Style, formatting and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(READY)  ## Types
	$(BIN)/mypy

bench: $(READY)  ## Measure against plain dlt and against the limit of the wire
	$(BIN)/python -m pip --version >/dev/null 2>&1 && $(BIN)/python -m pip install --quiet --group bench || uv pip install --quiet --python $(BIN)/python --group bench
	$(BIN)/python -m benchmarks --write docs

reliability: $(READY)  ## Write docs/reliability.md from the tests
	$(BIN)/python -m tests.hostile.reliability

clean:  ## Remove the environment and what runs left behind
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache

$(READY): pyproject.toml
	@if command -v uv >/dev/null 2>&1; then \
		uv venv --quiet --allow-existing $(VENV) && \
		uv pip install --quiet --python $(BIN)/python --editable '.[sandbox,service-user]' --group dev; \
	else \
		$(PYTHON) -m venv $(VENV) && \
		$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1' && \
		$(BIN)/python -m pip install --quiet --editable '.[sandbox,service-user]' --group dev; \
	fi
	@touch $(READY)
