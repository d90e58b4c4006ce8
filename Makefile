# The only definition of each check. Every recipe makes what it needs: see `make help`.

PYTHON  ?= python3
VENV    := .venv
BIN     := $(VENV)/bin
PORT    ?= 8420
SERVE   ?= 1
IMAGES  ?=
MODEL   ?= efficientnet-lite0
LOOKALIKE_MODELS  ?= $(CURDIR)/.cache/models
LOOKALIKE_LIBRARY ?= $(CURDIR)/demo-library$(if $(IMAGES),-own)
export LOOKALIKE_MODELS

.DEFAULT_GOAL := help
.PHONY: help bundle demo test test-slow lint check bench format models browser nginx openapi-client helm clean

help:  ## what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/lookalike: pyproject.toml scripts/make-venv
	@scripts/make-venv $(PYTHON) $(VENV)
	@touch $@

$(VENV)/.dev: $(BIN)/lookalike
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group dev
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group compiled 2>/dev/null || \
	  echo "annoy could not be built (is there a C++ compiler, and python3-dev?): its tests will be skipped"
	@touch $@

$(VENV)/.bench: $(VENV)/.dev
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group bench
	@touch $@

BUNDLE := src/lookalike/serving/page/bundle.json

bundle: $(BUNDLE)  ## bundle the page, so that it loads in a few requests (needs Node.js)

$(BUNDLE): scripts/bundle_page.py $(shell find src/lookalike/serving/page -name '*.js' -o -name '*.css' -o -name index.html | grep -v /bundle)
	@$(PYTHON) scripts/bundle_page.py --optional

demo: $(BIN)/lookalike $(BUNDLE)  ## index pictures, search, draw a sheet, serve the page  [IMAGES=~/Pictures] [SERVE=0] [MODEL=clip-vit-b16]
	@LOOKALIKE_LIBRARY="$(LOOKALIKE_LIBRARY)" $(BIN)/lookalike demo $(if $(IMAGES),"$(IMAGES)") --model $(MODEL) --port $(PORT) $(if $(filter 0,$(SERVE)),--no-serve,--serve)

models: $(BIN)/lookalike  ## fetch the models that tests use
	@scripts/pull-models $(BIN)/lookalike

browser:  ## fetch the browser that the page's tests drive
	@scripts/get-browser

openapi-client: $(BIN)/lookalike  ## fetch the generator of HTTP clients that the API is tested with
	@scripts/get-openapi-client $(BIN)/python .cache/openapi-client

helm: $(BIN)/lookalike  ## fetch Helm and the schemas of Kubernetes, which deploy/helm is tested with
	@scripts/get-helm $(BIN)/python .cache/helm

nginx:  ## fetch the web server that the examples of docs/deploy.md are tested with
	@scripts/get-nginx

test: $(VENV)/.dev models browser nginx openapi-client helm  ## every test but the slow ones
	@$(BIN)/python -m pytest -m "not slow" -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

test-slow: $(VENV)/.dev models browser nginx openapi-client helm  ## the tests that take minutes, and property tests with new examples
	@HYPOTHESIS_PROFILE=new $(BIN)/python -m pytest -m "slow or hypothesis" $(ARGS)

lint: $(VENV)/.dev  ## style, types, layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(VENV)/.dev  ## rewrite in the project's format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

check: lint test  ## lint and test

bench: $(VENV)/.bench models  ## the benchmarks; results go to benchmarks/results
	@for benchmark in $(filter-out benchmarks/neighbors_%,$(wildcard benchmarks/*.py)); do echo "== $$benchmark"; $(BIN)/python $$benchmark || exit 1; done

clean:  ## remove what was made here, but for libraries
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
