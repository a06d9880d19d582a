PYTHON ?= python3
FLAGS ?=
VENV := .venv
BIN := $(VENV)/bin

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/demo.stamp ## sample data, training, report, browser demo (SERVE=0: no browser)
	@$(BIN)/skinlesion demo $(if $(filter 0,$(SERVE)),--no-serve)

notebook: $(VENV)/notebook.stamp ## JupyterLab, with the tutorials
	@$(BIN)/jupyter lab nbs/tutorials

test: ## every notebook as a test, and that what is made from them is current
test-slow: ## the same, with the cells marked `slow`
test-browser: ## the same, with the cells marked `browser` (needs Chromium)
test-net: ## the same, with the cells marked `net` (installs packages)
test-slow: override FLAGS += slow
test-net: override FLAGS += net
test-browser: override FLAGS += browser
test test-slow test-browser test-net: $(VENV)/dev.stamp
	@$(BIN)/python tools/check.py --flags "$(FLAGS)"

bench: $(VENV)/dev.stamp ## time and memory, side by side with what one would use otherwise
	@for b in benchmarks/*.py; do $(BIN)/python $$b || exit 1; done

prepare: export ## export, clean, README, test: before each commit
	@$(BIN)/nbdev-clean
	@$(MAKE) --no-print-directory readme
	@$(MAKE) --no-print-directory test

export: $(VENV)/dev.stamp ## notebooks -> skinlesion/
	@$(BIN)/nbdev-export

readme: $(VENV)/dev.stamp ## nbs/index.ipynb -> README.md
	@$(BIN)/python tools/readme.py

outputs: $(VENV)/dev.stamp ## run the notebooks and save their outputs
	@$(BIN)/python tools/outputs.py

screenshots: $(VENV)/dev.stamp ## the screenshots of the README, from skinlesion-demo/ (needs Chromium)
	@$(BIN)/python tools/screenshots.py skinlesion-demo

docs: $(VENV)/dev.stamp ## the site, in _docs/ (needs Quarto)
	@command -v quarto >/dev/null \
		|| { echo "The site needs Quarto: install it from https://quarto.org, then try again."; exit 1; }
	@$(BIN)/nbdev-docs
	@cp skinlesion/evaluate/metrics.schema.json skinlesion/serve/answer.schema.json _docs/ # where their $$id says they are

lock: $(VENV)/dev.stamp ## versions and hashes of what the container holds, from settings.ini
	@PATH=$(BIN):$$PATH $(BIN)/python tools/lock.py

image: ## the container of the service (needs Docker)
	@docker build --tag skinlesion:local .

image-train: ## the container of training jobs in SageMaker (needs Docker)
	@docker build --file Dockerfile.train --tag skinlesion-train:local .

dist: $(VENV)/dev.stamp ## wheel and source archive, in dist/
	@$(BIN)/python -m build

clean: ## remove what the targets built, but not .venv
	rm -rf _docs _proc build dist *.egg-info nbs/nbdev.yml

# A stamp is newer than the requirements that were installed, so that only a change installs again; `dev` has all that the others have
STAMPS := demo notebook dev
$(VENV)/demo.stamp: EXTRAS := demo
$(VENV)/notebook.stamp: EXTRAS := demo,aws,notebook
$(VENV)/dev.stamp: EXTRAS := dev
$(VENV)/notebook.stamp: ALSO := demo
$(VENV)/dev.stamp: ALSO := demo notebook
$(STAMPS:%=$(VENV)/%.stamp): settings.ini pyproject.toml setup.py | $(BIN)/python
	@echo "Installing skinlesion[$(EXTRAS)] into $(VENV): the first time takes minutes, for PyTorch is several GB (log: $(VENV)/install.log)"
	@$(BIN)/python -m pip install -e '.[$(EXTRAS)]' >$(VENV)/install.log 2>&1 || { cat $(VENV)/install.log; exit 1; }
	@touch $(ALSO:%=$(VENV)/%.stamp) $@

# Debian packs `ensurepip`, without which a virtual environment has no pip, separately
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
		|| { echo "skinlesion needs Python 3.10 or newer: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "$(PYTHON) cannot make virtual environments: install its venv package (Debian: apt install python3-venv)"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

# A half-made environment must not pass for a whole one
.DELETE_ON_ERROR:
.PHONY: help demo notebook test test-slow test-browser test-net bench screenshots prepare export readme outputs docs lock image image-train dist clean
