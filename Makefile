# make demo   set up and run the main job on images that come with scikit-learn
# make test   set up and run the tests
# make lint   ruff and the type checker         make slow   the longer claims on real data
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test lint slow

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $(READY)

demo: $(READY)
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
