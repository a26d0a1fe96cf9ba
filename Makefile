# Like for Like. `make` prints the targets; every target first installs what it needs into .venv.

PYTHON ?= $(firstword $(foreach p,python3 python3.11 python3.12 python3.13,$(shell $(p) -c \
	'import sys; print("$(p)" if (3, 11) <= sys.version_info < (3, 14) else "")' 2>/dev/null)))
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
BENCHMARKS := $(notdir $(basename $(wildcard benchmarks/*.toml)))
RUN := $(BIN)/python -m benchmarks
ARGS ?=
EXTRAS ?= dev

unexport PYTHONDONTWRITEBYTECODE # a run starts dozens of processes: they compile the modules once

.DEFAULT_GOAL := help
.PHONY: help install bench null-test bench-quick bench-all bench-all-quick bench-differences published certify certify-architectures report \
	reproduce data speed cell-speed windowing test test-slow check format lock clean \
	$(addprefix bench-,$(BENCHMARKS))

##@ Run
install: $(INSTALLED) ## create .venv and install the pinned packages

bench: bench-co2 ## run the default benchmark, co2, and print the path of its report

bench-quick: $(INSTALLED) ## run the small form of co2, to see whether the installation works
	@$(RUN) run co2 --quick $(ARGS)

bench-all: $(INSTALLED) ## run every benchmark, then write the page of published values
	@$(RUN) all $(ARGS)

bench-all-quick: $(INSTALLED) ## run the small form of every benchmark
	@$(RUN) all --quick $(ARGS)

$(addprefix bench-,$(BENCHMARKS)): bench-%: $(INSTALLED)
	@$(RUN) run $* $(ARGS)

bench-differences: $(INSTALLED) ## measure why one model gives different results by default; ARGS=--quick for a small form
	@$(RUN) differences $(ARGS)

null-test: bench-null-test ## compare each program with itself: the smallest difference that this machine can show

data: $(INSTALLED) ## list the series, and which of them are in the cache
	@$(RUN) data $(ARGS)

speed: $(INSTALLED) ## harness overhead: epoch time relative to a hand-written loop in the same framework
	@$(BIN)/python -m benchmarks.microbenchmarks.harness_overhead $(ARGS)

cell-speed: $(INSTALLED) ## time of hand-written cells and of masks relative to the framework's own layer
	@$(BIN)/python -m benchmarks.microbenchmarks.cell_speed $(ARGS)

windowing: $(INSTALLED) ## time and memory of windowing relative to a list-append loop
	@$(BIN)/python -m benchmarks.microbenchmarks.windowing $(ARGS)

##@ Results
report: $(INSTALLED) ## write the report of the latest co2 run again
	@$(RUN) report co2 $(ARGS)

reproduce: $(INSTALLED) ## repeat the latest co2 run and compare each trial; ARGS="--sample 4" repeats four trials
	@$(RUN) reproduce co2 $(ARGS)

published: $(INSTALLED) ## compare every published value with the newest runs
	@$(RUN) published $(ARGS)

##@ Check
certify: $(INSTALLED) ## compare PyTorch, Flax and Keras (on each of its engines) with the reference implementation
	@$(RUN) certify co2 $(ARGS)

certify-architectures: $(INSTALLED) ## the same for every kind of cell and layer
	@$(RUN) certify architectures $(ARGS)

test: $(INSTALLED) ## run the tests that are not marked slow
	@$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder -m 'not slow' $(ARGS)

test-slow: $(INSTALLED) ## run the tests that are marked slow
	@$(BIN)/python -m pytest -n auto --dist worksteal -m slow tests/conformance tests/[!c]* $(ARGS) # the longest first

check: $(INSTALLED) ## run ruff, mypy and the architecture tests
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q tests/test_architecture.py

format: $(INSTALLED) ## let ruff fix and format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: $(INSTALLED) ## renew constraints.txt from pyproject.toml for every system and Python version
	@$(BIN)/uv pip compile --universal --python-version 3.11 --all-extras --upgrade --quiet \
		--no-annotate --no-header pyproject.toml --output-file constraints.txt
	@echo "constraints.txt renewed; run make install and make test to check the new versions"

clean: ## remove .venv and caches, and keep the results
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info

help: ## print this list
	@awk -F ':.*## ' '/^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  make %-22s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@printf '\nBenchmarks\n'
	@for name in $(BENCHMARKS); do printf '  make %-22s %s\n' "bench-$$name" \
		"$$(sed -n 's/^title = "\(.*\)"/\1/p' benchmarks/$$name.toml)"; done
	@printf '\nMore options are passed in ARGS: make bench ARGS="--seeds 1,2 --backends pytorch,flax"\n'

# Without --no-compile, pip compiles 20,000 modules, of which few are ever imported; Python compiles those at first import.
$(INSTALLED): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11, 3.12 or 3.13 was found; name one with: make PYTHON=/path/to/python3.11" >&2; exit 2; }
	@echo "installing into $(VENV) (this takes some minutes)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt -e '.[$(EXTRAS)]'
	@touch $@
