# Needs GNU make 3.81 or later, and Python 3.11 or later with venv. Everything else comes from requirements.lock.

PORT ?= 8000
DATA ?=
RESET ?=
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
# The environment is complete when this file is newer than what it was made from.
READY := $(VENV)/.ready
# The first Python that is new enough; PYTHON=… chooses another.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$python; break; fi; done)

.PHONY: help setup demo test check format bench growth crowd kills trials fuzz residue peers types lock clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' Makefile | expand -t 10

setup: $(READY) ## the environment in .venv, from the lock file

# Python compiles a module when it is first used; to compile all of them here would take two thirds longer.
$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "This needs Python 3.11 or later (Debian: apt-get install python3 python3-venv)."; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "$(PYTHON) cannot make environments: venv is missing. Debian: apt-get install python3-venv"; exit 1; }
	@test -x $(BIN)/python || { echo "Making $(VENV) with $$("$(PYTHON)" --version)"; "$(PYTHON)" -m venv $(VENV); }
	@echo "Installing what requirements.lock names (about a minute the first time)"
	@$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
	@touch $(READY)

# RESET=1 forgets an earlier demo; a folder that is not a demo's stays as it is.
demo: setup ## the demo shop: make demo [PORT=8000] [DATA=folder] [RESET=1]
ifneq ($(RESET),)
	@folder="$(or $(DATA),data/demo)"; \
	if [ -f "$$folder/demo.json" ]; then rm -rf "$$folder"; \
	elif [ -d "$$folder" ]; then echo "$$folder is not a demo's data; it stays as it is." >&2; exit 1; fi
endif
	@exec $(BIN)/ecrm demo --port $(PORT) $(if $(DATA),--data-dir "$(DATA)")

# Three at once, because each waits a third of its time; whole files, in their order, those of the browser last (tests/conftest.py).
test: setup ## everything that is tested: make test [ARGS="-k gate"]
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

check: setup ## format, lint, strict types, who may import whom, tidiness
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@NO_COLOR=1 $(BIN)/lint-imports --no-logo
	@$(BIN)/python -m pytest -q tests/house

format: setup ## lay the source out as `make check` wants it
	@$(BIN)/ruff check --quiet --fix . ; $(BIN)/ruff format .

bench: setup ## the benchmarks, each beside its own limit in the same run
	@exec $(BIN)/ecrm bench

growth: setup ## answers in a log of a million entries beside an empty one (some minutes)
	@exec $(BIN)/ecrm bench growth

crowd: setup ## the gate among a million people beside ten thousand, and what a million costs (some twenty minutes)
	@exec $(BIN)/ecrm bench crowd

kills: setup ## 50 seeded kills under load: make kills [ARGS="--seed 7"]; `make test` runs 5
	@exec $(BIN)/python -m tests.faults.kills --rounds 50 $(ARGS)

trials: setup ## 100,000 requests after withdrawals, asked of four workers; `make test` runs 1,000
	@exec $(BIN)/python -m tests.faults.trials $(ARGS)

fuzz: setup ## each call with 50 made-up requests that fit and 50 that do not (some minutes); `make test` sends 2
	@ECRM_TESTS=long exec $(BIN)/python -m pytest -q tests/integration/surface/test_fuzzed.py $(ARGS)

residue: setup ## what the files of a stopped service still hold of those who were erased: make residue DATA=folder
	@exec $(BIN)/python -m tests.integration.privacy.residue "$(or $(DATA),data/demo)"

# Of others, from their own packages, into build/, which nobody commits.
PEERS := vanilla-cookieconsent@3.1.0 klaro@0.7.22 tarteaucitronjs@1.34.0
C15T := @c15t/backend@2.2.1 @hono/node-server@2.1.8 kysely@0.28.18 pg@8.23.1

peers: ## the banners of others and a backend, for `ecrm bench script` and `ecrm bench c15t` (needs npm)
	@mkdir -p build/peers
	@cd build/peers && for package in $(PEERS); do \
		name=$${package%@*}; archive=$$(npm pack --silent "$$package") || exit 1; \
		rm -rf "$$name" && mkdir "$$name" && tar -xzf "$$archive" -C "$$name" --strip-components 1 && rm "$$archive" || exit 1; \
	done
	@npm install --silent --no-save --no-package-lock --no-audit --no-fund --prefix build/peers/c15t $(C15T)

types: ## compile a page against the types of the script (needs npm)
	@npm install --silent --no-save --no-package-lock --prefix build/types typescript@5
	@build/types/node_modules/.bin/tsc --noEmit --strict --target es2022 --lib es2022,dom,dom.iterable tests/types/page.ts

lock: setup ## resolve requirements.lock anew, for every platform (needs uv)
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --all-extras --upgrade \
		--no-emit-index-url --no-emit-find-links --no-annotate --no-header --output-file requirements.lock pyproject.toml

clean: ## remove the environment and every cache; data stays
	@rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find ecrm_privacy personalization tests -name __pycache__ -type d -prune -exec rm -rf {} +
