# Ringfence. `make help` lists what there is. Every target first sets up what it needs.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3.11
VENV   := .venv
RUN    := $(VENV)/bin/python
READY  := $(VENV)/.ready
SERVE  ?= 1
WORKERS ?= 2

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Each test process works on one core; threads of a library would only fight over it.
TEST_THREADS := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(READY)-run ## Make .venv with what running needs

.PHONY: demo
demo: $(READY)-run ## Simulate, train, replay and serve the dashboard (SERVE=0 ends without serving)
	$(RUN) -m fraud demo $(if $(filter 0 no false,$(SERVE)),--no-serve,--serve)

.PHONY: test
test: $(READY)-dev ## Run every test (ARGS="tests/graph -k window" runs some)
	@tests/services
	$(TEST_THREADS) $(RUN) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

.PHONY: check
check: $(READY)-dev ## Check format, lint, types and the table of imports
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

.PHONY: format
format: $(READY)-dev ## Format the code and mend what the linter can mend
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

.PHONY: screenshots
screenshots: $(READY)-dev ## Take the pictures of docs/images anew from a served demonstration (needs Chromium)
	$(RUN) -m tests.dashboard.screenshots

.PHONY: services
services: $(READY)-run ## Start a real Kafka and Neo4j on this machine (docs/services.md)
	$(RUN) -m fraud services up

.PHONY: services-down
services-down: $(READY)-run ## Stop them
	$(RUN) -m fraud services down

.PHONY: bench
bench: $(READY)-run ## Run every benchmark and write benchmarks/RESULTS.md (ONLY=speed runs one)
	$(RUN) -m benchmarks $(ONLY)

.PHONY: stack-env
stack-env: ## Write .env with fresh random secrets, which docker-compose.yml needs
	@if [ -e .env ]; then echo "make stack-env: .env is there already; remove it yourself if its secrets may go" >&2; exit 2; fi
	@command -v openssl > /dev/null || { echo "make stack-env: needs openssl (apt-get install openssl)" >&2; exit 2; }
	@umask 077; { for name in RINGFENCE_TOKEN_KEY NEO4J_PASSWORD POSTGRES_PASSWORD GRAFANA_PASSWORD; do \
		echo "$$name=$$(openssl rand -hex 32)"; done; } > .env.part; mv -n .env.part .env
	@echo "Wrote .env (mode 600). Keep a copy of RINGFENCE_TOKEN_KEY: tokens made with it need it."

.PHONY: clean
clean: ## Remove caches, and var/ with all artefacts and stores
	rm -rf var .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -exec rm -rf {} +

.PHONY: distclean
distclean: clean ## Remove the virtual environment as well
	rm -rf $(VENV)

# Stamps: installed again only when the requirements change.
$(READY)-run: requirements.txt | $(RUN)
	$(RUN) -m pip install --requirement requirements.txt
	@touch $@

$(READY)-dev: requirements-dev.txt requirements.txt | $(RUN)
	$(RUN) -m pip install --requirement requirements-dev.txt
	@touch $(READY)-run $@

$(RUN):
	@command -v $(PYTHON) > /dev/null || { echo "make: needs Python 3.11 as '$(PYTHON)'; install it, or name it: make PYTHON=/path/to/python3.11" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "make: $(PYTHON) is not Python 3.11" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip' || { echo "make: $(PYTHON) lacks venv (Debian: apt-get install python3.11-venv)" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
