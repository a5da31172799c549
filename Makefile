# Everything a developer or a newcomer does, by name; `make` alone lists it.
#
# Two environments, each with exactly what its file in requirements/ names:
#   .venv           the orchestrator (this package, editable) and what tests, docs and checks need
#   .venv-lstchain  the tools; the orchestrator runs them as commands and never imports them

PYTHON ?= python3
BASE ?= demo
DATE ?= 2024-03-02
PYTEST_ARGS ?=

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

BIN := .venv/bin
# command=package of Debian, for what the tests call and PyPI does not have.
SYSTEM := pdftoppm=poppler-utils dot=graphviz chromium=chromium munged=munge slurmctld=slurmctld slurmd=slurmd \
	sbatch=slurm-client slurmdbd=slurmdbd mariadbd=mariadb-server-core mariadb=mariadb-client-core \
	cron=cron sshd=openssh-server rsync=rsync openssl=openssl systemd-analyze=systemd
# config/luigi.cfg names demo; another base gets a copy of it that names that base.
CONFIG := $(if $(filter-out demo,$(BASE)),$(BASE)/luigi.cfg,config/luigi.cfg)
WITH_VENV := PATH="$(CURDIR)/$(BIN):$$PATH" LUIGI_CONFIG_PATH="$(CONFIG)"
NIGHT := luigi --module lstosa_luigi NightlyClose --date $(DATE)

step = @printf '\n== %s\n' "$(1)"

.PHONY: help night slurm-night test lint types docs wheel pytest bench format lock clean clean-demo \
	.venv .venv-lstchain

help:  ## Lists what make can do
	@echo "Usage: make TARGET [PYTHON=python3.11] [BASE=demo] [DATE=2024-03-02]"; echo
	@awk -F ':.*## ' '/^[a-z.-]+:.*## / {printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

night: .venv .venv-lstchain $(CONFIG)  ## Makes a demonstration night of raw data and processes it to closed
	$(call step,A night of raw data below $(BASE))
	@$(WITH_VENV) lstosa simulate-night --base $(BASE) --date $(DATE)
	$(call step,Luigi's scheduler)
	@$(WITH_VENV) lstosa luigid
	$(call step,The night)
	@echo 'export PATH="$(BIN):$$PATH" LUIGI_CONFIG_PATH="$(CONFIG)"'
	@echo '$(NIGHT)'
	@$(WITH_VENV) $(NIGHT)
	$(call step,What there is now)
	@$(WITH_VENV) lstosa show --date $(DATE)

slurm-night: .venv .venv-lstchain  ## The same below demo-slurm, on a Slurm cluster made for it and thrown away
	@scripts/system_packages.sh $(SYSTEM)
	@$(BIN)/python scripts/slurm_night.py demo-slurm $(DATE)

test: lint types docs wheel pytest  ## Runs all checks and tests, the real night among them
	@echo; echo "All checks and tests passed."

lint: .venv  ## Checks style and format (ruff)
	$(call step,ruff)
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check

types: .venv  ## Checks the types (mypy)
	$(call step,mypy)
	@$(BIN)/mypy

docs: .venv  ## Builds the documentation below build/docs; a warning is an error
	$(call step,sphinx)
	@$(BIN)/sphinx-build -W --keep-going -q -b html -d build/doctrees docs build/docs
	@echo "build/docs/index.html"

wheel: .venv  ## Builds the wheel and tries it in an empty directory
	$(call step,wheel)
	@$(BIN)/python scripts/check_wheel.py

pytest: .venv .venv-lstchain  ## Runs the tests (PYTEST_ARGS='-m "not night"' for the quick ones)
	$(call step,pytest)
	@scripts/system_packages.sh $(SYSTEM)
	@PATH="$(CURDIR)/$(BIN):$$PATH" LSTOSA_TOOLS_ENVIRONMENT="$(abspath .venv-lstchain)" \
	    $(BIN)/python -m pytest -n 2 --no-loadscope-reorder $(PYTEST_ARGS)

bench: .venv .venv-lstchain  ## Runs what prints ratios, in benchmarks/
	$(call step,A night of raw data below demo)
	@PATH="$(CURDIR)/$(BIN):$$PATH" LUIGI_CONFIG_PATH=config/luigi.cfg \
	    lstosa simulate-night --base demo --date 2024-03-02
	@for script in benchmarks/[a-z]*.py; do \
	    printf '\n== %s\n' "$$script"; \
	    PATH="$(CURDIR)/$(BIN):$$PATH" LSTOSA_TOOLS_ENVIRONMENT="$(abspath .venv-lstchain)" \
	        $(BIN)/python "$$script"; \
	done

format: .venv  ## Puts the code into shape (ruff)
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

lock:  ## Writes requirements/ anew with the versions of today
	@scripts/lock.sh $(PYTHON) test,docs,dev requirements/orchestrator.txt
	@scripts/lock.sh $(PYTHON) lstchain requirements/lstchain.txt

clean:  ## Removes environments, builds and caches; leaves the demonstration night
	rm -rf .venv .venv-lstchain build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find lstosa_luigi tests docs benchmarks scripts -name __pycache__ -prune -exec rm -rf {} +

clean-demo:  ## Removes the demonstration nights
	-@[ ! -d demo ] || [ ! -x $(BIN)/lstosa ] || LUIGI_CONFIG_PATH=config/luigi.cfg $(BIN)/lstosa luigid --stop
	rm -rf demo demo-slurm

ifneq ($(CONFIG),config/luigi.cfg)
$(CONFIG): config/luigi.cfg
	@mkdir -p $(@D)
	@sed 's|= demo|= $(BASE)|' $< > $@
	@echo "$@: config/luigi.cfg for $(BASE)"
endif

.venv: .venv/installed.txt  ## Makes the orchestrator's environment

.venv-lstchain: .venv-lstchain/locked.txt  ## Makes the tools' environment

.venv/locked.txt: requirements/orchestrator.txt
	@scripts/make_environment.sh $(PYTHON) .venv $< "the orchestrator"

.venv/installed.txt: .venv/locked.txt setup.cfg pyproject.toml
	@echo "Installing lstosa-luigi itself in .venv, editable"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --root-user-action=ignore \
	    --no-deps --no-build-isolation -e .
	@touch $@

.venv-lstchain/locked.txt: requirements/lstchain.txt
	@scripts/make_environment.sh $(PYTHON) .venv-lstchain $< "the tools"
