# Every target sets up what it needs: .venv is made on first use from requirements.lock and refreshed when that changes.
# Only Python 3.11 or newer is needed; uv is used where it is installed, a C compiler where there is one.

SHELL := /bin/sh
PY := .venv/bin/python
READY := .venv/.ready
# Two test processes suit the smallest machine; raise it on a larger one: make test WORKERS=8
WORKERS ?= 2
# How long `make soak` tries new examples.
MINUTES ?= 60
PYTEST := $(PY) -m pytest
NATIVE := $(wildcard src/plait/native/*.c src/plait/native/*.h)

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-unit test-peers test-properties test-golden \
	lint lint-style lint-types lint-layers lint-dependencies bench sanitize soak docs format lock clean

help: ## show the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

setup: $(READY) ## make .venv with everything that development needs

$(READY): requirements.lock pyproject.toml setup.py scripts/setup.sh $(NATIVE)
	@echo "setting up .venv"
	@./scripts/setup.sh
	@touch $@

demo: $(READY) ## see mirrors made, local and S3, on this machine only
	@$(PY) scripts/demo.py

test: $(READY) ## run every test
	$(PYTEST) -n $(WORKERS)

test-unit: $(READY) ## pure and fast tests
	$(PYTEST) tests/unit

test-peers: $(READY) ## against real programs and servers
	$(PYTEST) -n $(WORKERS) tests/peers

test-properties: $(READY) ## Hypothesis
	$(PYTEST) -n $(WORKERS) tests/properties

test-golden: $(READY) ## recorded vectors
	$(PYTEST) tests/golden

lint: lint-style lint-types lint-layers lint-dependencies ## style, types, layers and dependencies

lint-style: $(READY)
	$(PY) -m ruff check
	$(PY) -m ruff format --check

lint-types: $(READY)
	$(PY) -m mypy

lint-layers: $(READY)
	@.venv/bin/lint-imports --no-logo

lint-dependencies: $(READY)
	.venv/bin/deptry src

bench: $(READY) ## measure against rclone, rsync, cp and s5cmd; BENCH="small big --rounds 3" chooses
	$(PY) -m bench $(BENCH)

sanitize: $(READY) ## test the C extension with the sanitizers of gcc
	./scripts/sanitize.sh

soak: $(READY) ## properties with ever new examples for MINUTES, then as many replications killed again and again
	$(PY) scripts/soak.py --minutes $(MINUTES) --workers $(WORKERS)
	$(PY) scripts/soak_replication.py --runs $(MINUTES)

docs: $(READY) ## build the documentation into site/; any warning fails it
	$(PY) -m sphinx -q -W --keep-going -b html docs site
	@echo "site/index.html"

format: $(READY) ## let ruff fix and format
	$(PY) -m ruff check --fix
	$(PY) -m ruff format

lock: ## resolve pyproject.toml anew into uv.lock and requirements.lock (needs uv)
	./scripts/lock.sh

clean: ## remove everything that is made
	rm -rf .venv build dist site .hypothesis .pytest_cache .mypy_cache .ruff_cache .import_linter_cache src/*.egg-info
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -f src/plait/native/*.so
