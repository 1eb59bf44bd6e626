# Every target works on a fresh machine with Python 3.11+ and pip: it makes .venv and installs into it first.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: setup demo claims test check format bench crash fuzz mutants soak docs clean
setup: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -c constraints.txt -e ".[dev]"
	touch $@

demo: $(INSTALLED)
	$(BIN)/egoshift demo --out runs/demo

# Goes on from what runs/claims holds; writes docs/claims.json, the plot and the page's tables.
claims: $(INSTALLED)
	$(BIN)/egoshift claims --out runs/claims --write docs

# One process a core, each with one thread: two with two threads each would halve the speed of both.
test: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto

check: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

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
	rm -rf .venv runs site
