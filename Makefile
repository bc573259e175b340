# make demo   set up the core (no PyTorch) and run the main job on texts that are on every machine
# make digits the same on images that come with scikit-learn
# make test   set up everything and run the tests
# make lint   ruff and the type checker         make slow   the longer claims on real data
# make docs   build the documentation into site/
# make core   build the wheel, install it alone beside nothing else, and use it
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CORE := $(VENV)/.core
READY := $(VENV)/.ready
PIP = $(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt

.PHONY: demo digits test lint slow core docs

$(CORE): pyproject.toml setup.py constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	touch $(CORE)

$(READY): $(CORE)
	$(PIP) --quiet --editable '.[dev]'
	touch $(READY)

demo: $(CORE)
	$(BIN)/python examples/docstrings.py demo/docstrings.csv
	$(BIN)/transferium fit demo/docstrings.csv --text text --label area --test-size 0.5 --out runs/docstrings
	@echo "Open runs/docstrings/report.html in a browser."

digits: $(CORE)
	$(BIN)/python examples/digits.py demo/digits
	$(BIN)/transferium fit demo/digits --out runs/digits
	@echo "Open runs/digits/report.html in a browser."

# Two workers of one thread each: with more threads than cores they only wait for one another.
test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist worksteal

slow: $(READY)
	$(BIN)/python -m pytest -m slow --timeout 1800

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "Open site/index.html in a browser."

core:
	rm -rf build dist .core
	$(PYTHON) -m venv .core
	.core/bin/python -m pip wheel --disable-pip-version-check --quiet --no-deps --wheel-dir dist .
	.core/bin/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt dist/*.whl
	cd .core && bin/python ../tests/core_install.py
