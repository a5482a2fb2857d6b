# Everything from a fresh clone with nothing but Python 3.11+.  make demo | make test | make check
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DOCS := $(VENV)/docs

.PHONY: setup demo test check types lint console-types docs acceptance lock clean

setup: $(STAMP)
	@$(BIN)/python hatch_build.py

$(STAMP): requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Leadhub needs Python 3.11 or newer; found: $$($(PYTHON) --version 2>&1). Try: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { echo "Could not make a virtual environment. On Debian or Ubuntu: apt-get install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

demo: setup
	$(BIN)/leadhub demo

test: setup check
	$(BIN)/pytest -n 2 --dist worksteal

check: setup lint types console-types

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

console-types: setup
	@mkdir -p console/generated
	$(BIN)/leadhub openapi > console/generated/openapi.json
	$(BIN)/python hatch_build.py --types

docs: $(DOCS)/.installed
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --strict

$(DOCS)/.installed: requirements/docs.lock | $(STAMP)
	@test -x $(DOCS)/bin/python || $(BIN)/python -m venv $(DOCS)
	$(DOCS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/docs.lock
	@touch $@

acceptance: setup
	$(BIN)/python -m tests.acceptance

lock:
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --extra postgres pyproject.toml -o requirements/runtime.lock
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --extra postgres --group dev pyproject.toml -o requirements/dev.lock
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --group docs -o requirements/docs.lock

clean:
	rm -rf $(VENV) dist site console/node_modules console/generated hub/web/static/console
