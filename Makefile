# Needs Python 3.11 or newer and make; everything else goes into .venv.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: demo test check generate bench clean

# Sets up and runs the main job: a recipe, who set one of its values, and a bundle to deploy it.
demo: $(VENV)/.core
	@mkdir -p build
	$(BIN)/aicr recipe --service eks --accelerator h100 --intent training --os ubuntu --platform any --format table
	@echo
	$(BIN)/aicr explain components.kube-prometheus-stack.values.prometheus.prometheusSpec.storageSpec --service eks --accelerator h100 --intent training --os ubuntu --platform any
	@echo
	$(BIN)/aicr recipe --service eks --accelerator h100 --intent training --os ubuntu --platform any -o build/recipe.yaml
	$(BIN)/aicr bundle --recipe build/recipe.yaml --output build/stack --accelerated-node-selector nvidia.com/gpu.present=true --workload-selector app=training
	$(BIN)/aicr verify build/stack

# Sets up and passes everything that CI asks for.
test: check
	$(BIN)/python -m pytest -q -n auto

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Files that are made from the code: schemas/, docs/cli.md and docs/openapi.json.
generate: $(VENV)/.dev
	$(BIN)/python -m aicr.references
	$(BIN)/python -m controlplane.references

# Ratios against something in the same run, of the wheel as users install it.
bench: $(VENV)/.dev
	$(BIN)/python -m build --wheel -o $(VENV)/wheel .
	$(PYTHON) -m venv $(VENV)/bench
	$(VENV)/bench/bin/python -m pip install --quiet --force-reinstall $(VENV)/wheel/*.whl
	$(VENV)/bench/bin/python benchmarks/startup.py $(VENV)/bench/bin/aicr
	$(VENV)/bench/bin/python benchmarks/bundle.py $(VENV)/bench/bin/aicr
	PYTHONPATH=. $(BIN)/python benchmarks/hostile.py
	PYTHONPATH=. $(BIN)/python benchmarks/access.py
	PYTHONPATH=. $(BIN)/python benchmarks/runtime.py

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis
