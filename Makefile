# make demo          everything set up, then a made-up wire runs through the real pipeline on this machine
# make test          everything set up, then lint, types, import rules and all tests
# make help          the rest
#
# Needed: GNU make and Python 3.11, 3.12 or 3.13 (PYTHON=… names one). Everything else goes into .venv.

VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime-ready
DEV := $(VENV)/.dev-ready
INPUTS := pyproject.toml constraints.txt deploy/setup.sh deploy/install-torch.sh

# Further options of `slugline up`, such as ARGS="--until-idle --json".
ARGS ?=
FEEDS ?= seeds/feeds.opml
PYTEST_ARGS ?=
# Processes that share the tests; JOBS=0 runs them all in one.
JOBS ?= 2
PYTEST = $(BIN)/python -m pytest -n $(JOBS) --no-loadscope-reorder $(PYTEST_ARGS)
export PYTHON SLUGLINE_TORCH

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo up test lint types imports tests audit chaos format clean screenshots docs/events.md

help:
	@echo 'make demo [ARGS="--until-idle --json"]   the made-up wire, live; ends with Ctrl-C'
	@echo 'make up   [FEEDS=my.opml] [ARGS=…]       the real pipeline on the feeds of an OPML file'
	@echo 'make test [JOBS=2] [PYTEST_ARGS=…]       lint, types, import rules, all tests'
	@echo 'make lint | types | imports | tests      one of these'
	@echo 'make audit                               ask for known vulnerabilities of every pinned package'
	@echo 'make format                              let ruff lay out the code'
	@echo 'make chaos [ARGS="--seed 7"]             break everything under a running wire, count what was lost'
	@echo 'make screenshots                         pictures of the pages over the demo, into docs/img (needs chromium)'
	@echo 'make docs/events.md                      write it anew from the declarations'
	@echo 'make setup | setup-dev                   only install, into .venv'
	@echo 'make clean                               remove .venv and caches (never your data)'

# The stamps are written at the very end of a set-up, so that an interrupted one is done again.
$(RUNTIME): $(INPUTS)
	@sh deploy/setup.sh runtime

$(DEV): $(RUNTIME)
	@sh deploy/setup.sh dev

# A tree that was moved needs its .venv made anew; deploy/setup.sh knows how.
ifneq ($(wildcard $(VENV)/.made-in),)
ifneq ($(shell cat $(VENV)/.made-in),$(CURDIR))
.PHONY: $(RUNTIME)
endif
endif

setup: $(RUNTIME)
setup-dev: $(DEV)

# exec: a signal that is sent to make reaches slugline itself, not a shell in between.
demo: $(RUNTIME)
	@exec $(BIN)/slugline up --demo $(ARGS)

up: $(RUNTIME)
	@exec $(BIN)/slugline up --feeds "$(FEEDS)" $(ARGS)

# In this order whatever -j says: what is quick to fail comes first, and pytest's closing line last.
test: $(DEV)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(PYTEST)

lint: $(DEV)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(DEV)
	@$(BIN)/mypy

imports: $(DEV)
	@$(BIN)/lint-imports

tests: $(DEV)
	@$(PYTEST)

audit: $(DEV)
	@PYTHON=$(BIN)/python sh deploy/audit.sh

chaos: $(DEV)
	@exec $(BIN)/python -m tests.chaos $(ARGS)

screenshots: $(DEV)
	@exec $(BIN)/python -m tests.screenshots docs/img

docs/events.md: $(RUNTIME)
	@$(BIN)/python -m pipeline.alerts.describe $@

format: $(DEV)
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist *.egg-info
