# A machine with Python 3.10 or newer and make is enough; uv is used where it is present.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help demo test test-data-sets test-commands test-reliability check lint types test-versions test-destinations test-browser test-wheel bench reliability messages lock audit sbom clean

help:  ## Show what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 19

demo: $(READY)  ## Start a local Brightspace, load it into DuckDB, print what was loaded
	$(BIN)/d2l-brightspace demo

test: $(READY)  ## Run the tests, but for data sets, commands and what may go wrong
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) $(foreach one,$(SUITES),--ignore $(one))

test-data-sets: $(READY)  ## Run the tests of Brightspace Data Sets
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) tests/data_sets

test-commands: $(READY)  ## Run the tests of the commands, as they are typed
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) tests/cli

test-reliability: $(READY)  ## Run the tests of what may go wrong: faults, secrets, persons, files
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) tests/hostile tests/security

check: lint types test test-data-sets test-commands test-reliability  ## Style, types and all tests that need nothing but Python

test-versions: .venv-lowest/.ready newest  ## Canaries and whole flows with the lowest and the newest versions allowed
	.venv-lowest/bin/python -m pytest -n 2 $(VERSION_TESTS)
	.venv-newest/bin/python -m pytest -n 2 $(VERSION_TESTS)

test-destinations: $(READY)  ## Load into a PostgreSQL of its own, which has to be installed
	$(call install,$(VENV),--group destinations)
	$(BIN)/python -m pytest -m destinations tests/destinations

test-wheel: $(READY)  ## Install what is published into an environment of its own, and follow README
	$(BIN)/python -m pytest tests/wheel

test-browser: .venv-browser/.ready  ## Log in with a headless Chromium, which has to be installed
	.venv-browser/bin/python -m pytest -m browser tests/browser

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
	$(BIN)/python -m tests.reliability

messages: $(READY)  ## Write docs/messages.md from the tests
	$(BIN)/python -m tests.cli.messages

lock:  ## Write uv.lock anew: the versions that uv installs here; needs uv
	uv lock --default-index https://pypi.org/simple

audit: $(READY)  ## Look for known vulnerabilities in what is installed; says so where it cannot
	-@$(MAKE) --silent .venv-tools/.ready
	$(BIN)/python scripts/audit.py .venv-tools/bin/pip-audit

sbom: .venv-tools/.ready  ## Write build/sbom.json: all that an installation consists of (CycloneDX)
	@rm -rf build/installed
	$(call install,build/installed,'.[sandbox$(COMMA)service-user$(COMMA)pandas]')
	@rm -rf build/installed/lib/python*/site-packages/d2l_brightspace*  # pyproject.toml tells it
	.venv-tools/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
		--output-file build/sbom.json build/installed/bin/python

clean:  ## Remove the environments and what runs left behind
	rm -rf $(VENV) .venv-browser .venv-lowest .venv-newest .venv-tools build dist .mypy_cache .pytest_cache .ruff_cache

SUITES := tests/browser tests/cli tests/data_sets tests/hostile tests/security tests/wheel
SIDE_BY_SIDE := -n 3 --dist worksteal
VERSION_TESTS := tests/dlt_compat tests/flows/test_full_load.py
PACKAGE := --editable '.[sandbox,service-user]'

COMMA := ,

# $(call install,environment,what): make an environment, or bring it up to date
define install
	@if command -v uv >/dev/null 2>&1; then \
		uv venv --quiet --allow-existing $(1) && \
		uv pip install --quiet --python $(1)/bin/python $(2); \
	else \
		{ [ -x $(1)/bin/pip ] || $(PYTHON) -m venv $(1); } && \
		$(1)/bin/python -m pip install --quiet --upgrade 'pip>=25.1' && \
		$(1)/bin/python -m pip install --quiet $(2); \
	fi
endef

# with uv, the versions of uv.lock; where its index is not to be had, as without uv: the newest
define sync
	@if command -v uv >/dev/null 2>&1 && UV_PROJECT_ENVIRONMENT=$(VENV) \
		uv sync --quiet --frozen --extra sandbox --extra service-user --group dev; then :; else \
		$(MAKE) --silent unlocked; \
	fi
endef

.PHONY: unlocked
unlocked:
	$(call install,$(VENV),$(PACKAGE) --group dev)

$(READY): pyproject.toml uv.lock
	$(sync)
	@touch $(READY)

.venv-tools/.ready: pyproject.toml
	$(call install,.venv-tools,--group tools)
	@touch $@

.venv-browser/.ready: pyproject.toml
	$(call install,.venv-browser,$(PACKAGE) --group browser)
	@touch $@

.venv-lowest/.ready: pyproject.toml $(READY)
	@rm -rf .venv-lowest
	$(call install,.venv-lowest,$(PACKAGE) --group test $$($(BIN)/python scripts/lowest.py))
	@touch $@

.PHONY: newest
newest:
	$(call install,.venv-newest,--upgrade $(PACKAGE) --group test)
