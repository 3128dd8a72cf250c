# Works with python3 (3.11 or later) and its venv module; uv does the same faster where it is installed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
UV := $(shell command -v uv 2>/dev/null)
DEMO := build/demo
OLDEST := (3, 11)

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow check lint types architecture table coverage format docs clean
.NOTPARALLEL:

help: ## What can be made.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

setup: $(READY) ## The environment in .venv; made again when pyproject.toml changes.

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < $(OLDEST))' 2>/dev/null || { \
		echo "mlxkit needs Python 3.11 or later: '$(PYTHON)' is $$($(PYTHON) --version 2>&1 | head -n 1)." \
			"Name another one: make PYTHON=python3.12." >&2; exit 1; }
	@test -e $(READY) || rm -rf $(VENV)
ifneq ($(UV),)
	@test -d $(VENV) || "$(UV)" venv --quiet --python "$(PYTHON)" $(VENV)
	"$(UV)" pip install --quiet --python $(BIN)/python -e '.[dev]'
else
	@test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
endif
	@touch $(READY)

demo: $(READY) ## The main job, offline: a release of tiny, each variant judged and gated, and what scaling down costs.
	@set -e; PATH="$(CURDIR)/$(BIN):$$PATH"; HF_HUB_OFFLINE=1; \
	MLXKIT_LEDGER="$(CURDIR)/$(DEMO)/ledger.sqlite3"; MLXKIT_CACHE="$(CURDIR)/$(DEMO)/cache"; \
	export PATH HF_HUB_OFFLINE MLXKIT_LEDGER MLXKIT_CACHE; \
	mkdir -p $(DEMO)/answers; cd $(DEMO); \
	is_kept() { test -e "$$1" && test -z "$$(find build/tiny/lock.json -newer "$$1")"; }; \
	show() { echo; echo "$$ $$1"; eval "$$1" </dev/null; }; \
	show 'mlxkit build ../../recipes/tiny.toml'; \
	page="mlxkit report ../../recipes/tiny.toml --format html -o report.html"; \
	if is_kept report.html; then echo; echo "$$ $$page"; echo "(kept: nothing was built since)"; else show "$$page"; fi; \
	echo "$(DEMO)/report.html is the page."; \
	for variant in 8bit 2.5bpw; do \
		question="mlxkit run build/tiny/tiny-$$variant 'Today is Wednesday. What day is tomorrow?' -q"; \
		answer="answers/$$variant.txt"; echo; echo "$$ $$question"; \
		if is_kept "$$answer"; then echo "(kept: nothing was built since)"; \
		else eval "$$question" </dev/null >"$$answer.part"; mv "$$answer.part" "$$answer"; fi; \
		cat "$$answer"; done

test: $(READY) ## The tests.
	$(BIN)/python -m pytest -n 2 -m 'not slow'

test-slow: $(READY) ## The tests that take minutes.
	$(BIN)/python -m pytest -m slow

check: lint types architecture table coverage ## All that CI runs: lint, types, architecture, docs, tests with coverage.

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(READY)
	$(BIN)/python -m mypy

architecture: $(READY)
	$(BIN)/lint-imports --no-logo

table: $(READY)
	$(BIN)/python -m mlxkit.cli.reference README.md --check

coverage: $(READY)
	$(BIN)/python -m pytest -n 2 -m 'not slow' --cov --cov-report=term:skip-covered

format: $(READY) ## The code laid out, and what can be mended mended.
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(READY) ## The command table in README.md, made from the commands, and the page of the recipes, made from them.
	$(BIN)/python -m mlxkit.cli.reference README.md
	$(BIN)/python -m benchmarks.recipes recipes/README.md

clean: ## Everything gone that was made here.
	rm -rf $(VENV) build dist .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
