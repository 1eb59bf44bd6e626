# Every target works on a fresh machine with Python 3.11+ and pip: it makes .venv and installs into it first.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
TOOLS := .venv-tools

.PHONY: setup lock audit sbom demo claims results test check format bench crash fuzz mutants soak docs clean
setup: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --no-deps --require-hashes -r constraints.txt
	$(BIN)/pip install --quiet torch==2.13.0  # takes a build that lies on the machine; why without hashes: .ci/lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	$(BIN)/pip check
	touch $@

$(TOOLS)/.installed: tools.txt
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/pip install --quiet --no-deps --require-hashes -r tools.txt
	touch $@

# Versions and hashes of what is tested, from pyproject.toml; the newest with `.ci/lock --upgrade`.
lock: $(TOOLS)/.installed
	.ci/lock

# Known vulnerabilities of what is tested; those that are let pass stand with their reasons in trust/audit.py.
audit: $(INSTALLED) $(TOOLS)/.installed
	$(BIN)/python -m trust.audit

# CycloneDX, of what is installed.
sbom: $(INSTALLED) $(TOOLS)/.installed
	mkdir -p dist
	$(TOOLS)/bin/cyclonedx-py environment --output-reproducible --pyproject pyproject.toml -o dist/sbom.cdx.json $(BIN)/python

demo: $(INSTALLED)
	$(BIN)/egoshift demo --out runs/demo

# Goes on from what runs/claims holds; writes docs/claims.json, the plot and the page's tables.
claims: $(INSTALLED)
	$(BIN)/egoshift claims --out runs/claims --write docs

# Every number of README and pages: runs the demonstrations, then rewrites tables and sentences.
results: $(INSTALLED)
	$(BIN)/python -m trust.results

# One process a core, each with one thread: two with two threads each would halve the speed of both.
test: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto

check: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m trust.audit --where-reachable

format: $(INSTALLED)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(INSTALLED)
	$(BIN)/python -m benchmarks.run

# These four add their figures to docs/trust.json and the table of docs/trust.md.
crash fuzz mutants soak: $(INSTALLED)
	$(BIN)/python -m trust.$@

# Into site/; a warning is an error. To read it: python -m http.server -d site
docs: $(INSTALLED)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean:
	rm -rf .venv .venv-tools dist runs site
