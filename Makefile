# make lab    opens the course in JupyterLab (CRMLAB_NO_BROWSER=1 prints the address only)
# make test   proves it all
# make bench  measures speed and memory against the peers
# make nbgrader  installs the real nbgrader, for the tests (in CI by itself) and a benchmark
# make notes  writes docs/teaching.md from the lessons' metadata
# make clean  takes away what the others made
# Each sets up .venv by itself; PYTHON=python3.12 chooses another Python (3.11 or newer).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PINS := constraints.txt pyproject.toml
INSTALL = if command -v uv >/dev/null 2>&1; then set -- uv pip install --python $(BIN)/python; \
	else set -- $(BIN)/python -m pip install --quiet --disable-pip-version-check; fi; "$$@" -c constraints.txt -e

.PHONY: lab test bench notes nbgrader clean

lab: $(VENV)/.lab
	@set -- notebooks/en; \
	if [ "$$CRMLAB_NO_BROWSER" = 1 ]; then set -- "$$@" --no-browser; fi; \
	if [ "$$(id -u)" = 0 ]; then set -- "$$@" --allow-root; fi; \
	exec $(BIN)/python -m jupyterlab "$$@"

# matrices are small: threads inside one product only get in each other's way where tests run side by side
test: export OMP_NUM_THREADS ?= 1
test: $(VENV)/.test $(if $(filter true,$(CI)),.venv-nbgrader/.done)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest --cov
	$(BIN)/python -m pytest --nbval --nbval-current-env notebooks/en

bench: $(VENV)/.test .venv-nbgrader/.done
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.questionnaire
	$(BIN)/python -m benchmarks.assignments

notes: $(VENV)/.lab
	$(BIN)/python -m crmlab.course.lessons > docs/teaching.md

clean:
	rm -rf $(VENV) .venv-nbgrader dist build .coverage .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis spark-warehouse

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("crmlab needs Python 3.11 or newer: make PYTHON=python3.12 ..." \
	if sys.version_info < (3, 11) else 0)'
	if command -v uv >/dev/null 2>&1; then uv venv --seed --python "$$(command -v $(PYTHON))" $(VENV); \
	else $(PYTHON) -m venv $(VENV); fi

# a peer, apart, since it has dependencies of its own
nbgrader: .venv-nbgrader/.done

.venv-nbgrader/.done: constraints.txt | $(BIN)/python
	$(PYTHON) -m venv .venv-nbgrader
	.venv-nbgrader/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt nbgrader==0.9.6
	@touch $@

# stamps: the second time is quick, and new pins or dependencies are installed at once
$(VENV)/.lab: $(PINS) | $(BIN)/python
	$(INSTALL) '.[course]'
	$(BIN)/python -m ipykernel install --sys-prefix --name python3 --display-name "Python 3 (crmlab)"
	@touch $@

$(VENV)/.test: $(PINS) | $(BIN)/python
	$(INSTALL) '.[course,spark,dev]'
	$(BIN)/python -m ipykernel install --sys-prefix --name python3 --display-name "Python 3 (crmlab)"
	@touch $@
