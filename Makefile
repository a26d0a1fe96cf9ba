# Like for Like. `make` prints this table; every target installs what it needs into .venv first.

PYTHON ?= $(firstword $(foreach p,python3 python3.11 python3.12 python3.13,$(shell $(p) -c \
	'import sys; print("$(p)" if (3, 11) <= sys.version_info < (3, 14) else "")' 2>/dev/null)))
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
BENCHMARKS := $(notdir $(basename $(wildcard benchmarks/*.toml)))
RUN := $(BIN)/python -m benchmarks
ARGS ?=
EXTRAS ?= dev

.DEFAULT_GOAL := help
.PHONY: help install bench bench-quick bench-all bench-all-quick audit certify certify-architectures report reproduce data speed cell-speed windowing test test-slow check format lock \
	clean $(addprefix bench-,$(BENCHMARKS))

help: ## print this table
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do \
		printf '  make %-20s %s\n' "$$name" "$$text"; done
	@for name in $(BENCHMARKS); do printf '  make %-20s %s\n' "bench-$$name" \
		"$$(sed -n 's/^title = "\(.*\)"/\1/p' benchmarks/$$name.toml)"; done
	@echo 'More options go through ARGS: make bench ARGS="--seeds 1,2 --backends pytorch,flax"'

install: $(INSTALLED) ## create .venv and install the pinned packages

bench: bench-co2 ## run the default benchmark, co2, and say where its report is

bench-quick: $(INSTALLED) ## the default benchmark in its small form: does everything work here?
	@$(RUN) run co2 --quick $(ARGS)

bench-all: $(INSTALLED) ## every benchmark below, then one page with every published value audited
	@$(RUN) all $(ARGS)

bench-all-quick: $(INSTALLED) ## the same in their small forms: does everything work here?
	@$(RUN) all --quick $(ARGS)

audit: $(INSTALLED) ## rebuild that page from the newest runs' records
	@$(RUN) audit $(ARGS)

$(addprefix bench-,$(BENCHMARKS)): bench-%: $(INSTALLED)
	@$(RUN) run $* $(ARGS)

certify: $(INSTALLED) ## hold all five backends against the oracle, without timing anything
	@$(RUN) certify co2 $(ARGS)

certify-architectures: $(INSTALLED) ## the same for every cell and layer of the lessons
	@$(RUN) certify architectures $(ARGS)

report: $(INSTALLED) ## rebuild the latest co2 report from its records
	@$(RUN) report co2 $(ARGS)

reproduce: $(INSTALLED) ## repeat the latest co2 run: does every trial come out the same? ARGS="--sample 4" for a few
	@$(RUN) reproduce co2 $(ARGS)

data: $(INSTALLED) ## the series that can be forecast, and which are here
	@$(RUN) data $(ARGS)

speed: $(INSTALLED) ## each backend's epoch against the best bare loop in the same framework, in turn
	@$(BIN)/python -m benchmarks.microbenchmarks.harness_overhead $(ARGS)

cell-speed: $(INSTALLED) ## what a cell written by hand costs beside the same framework's own GRU, in turn
	@$(BIN)/python -m benchmarks.microbenchmarks.cell_speed $(ARGS)

windowing: $(INSTALLED) ## the windowing's time and memory against a list-append loop, in turn
	@$(BIN)/python -m benchmarks.microbenchmarks.windowing $(ARGS)

test: $(INSTALLED) ## the tests, without those marked slow
	@$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder -m 'not slow' $(ARGS)

test-slow: $(INSTALLED) ## the tests marked slow
	@$(BIN)/python -m pytest -n auto --dist worksteal -m slow tests/conformance tests/[!c]* $(ARGS) # the longest first

check: $(INSTALLED) ## ruff, mypy and the architecture tests
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q tests/test_architecture.py

format: $(INSTALLED) ## let ruff mend what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: $(INSTALLED) ## renew constraints.txt from pyproject.toml, for every system and Python
	@$(BIN)/uv pip compile --universal --python-version 3.11 --all-extras --upgrade --quiet \
		--no-annotate --no-header pyproject.toml --output-file constraints.txt
	@echo "constraints.txt renewed; make test shows whether the new versions still agree"

clean: ## remove .venv and caches; results stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info

$(INSTALLED): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11, 3.12 or 3.13 found; name one: make PYTHON=/path/to/python3.11" >&2; exit 2; }
	@echo "installing into $(VENV) (some minutes the first time)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(EXTRAS)]'
	@touch $@
