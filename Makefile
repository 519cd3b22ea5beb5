# Everything runs from the project's own .venv; `make demo` and `make test` install what is missing by themselves.
PYTHON ?= python3
PY := .venv/bin/python
UV := .venv/bin/uv
export PYTHONPATH := functions:media_fargate:.
export UV_SYSTEM_CERTS := 1
# AWS's own checker of SAM templates pins its dependencies exactly, so it lives beside ours, inside .venv too.
SAM := .venv/tools/bin/sam
SAM_ENV := SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1

.PHONY: help setup demo local test check format build validate soak bench-campaigns bench-imports bench-house bench media-bench clean

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

setup:
	@$(PYTHON) infra/bootstrap.py

demo: setup ## the main job, once, on real audio
	@$(PY) -m infra.local.demo

local: setup ## the house on this machine, until Ctrl-C: SPEECH=real|scripted
	@exec $(PY) -m infra.local

test: setup ## all tests
	$(PY) -m pytest

soak: setup ## the fault suite at size
	$(PY) -m tests.soak

bench-campaigns: setup ## slot utilisation, cost a call, a million rows
	@$(PY) -m tests.benchmarks.campaign_utilisation

check: setup validate ## style, types, laws, templates
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports
	.venv/bin/cfn-lint template.yaml infra/*.yaml

$(SAM): infra/bootstrap.py | setup
	@UV_TOOL_DIR=.venv/tools UV_TOOL_BIN_DIR=.venv/tools/bin $(UV) tool install --quiet --force --python $(PYTHON) aws-sam-cli==1.170.0
	@touch $@

validate: setup $(SAM)
	@$(SAM_ENV) $(SAM) validate --lint

format: setup ## put the code into its form
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

build: setup $(SAM) ## the Lambda artifact: arm64, Python 3.13, from uv.lock
	@$(SAM_ENV) $(SAM) build

bench-imports: setup ## CPU seconds of a cold start of each Lambda
	@$(PY) -m tests.benchmarks.cold_start

bench-house: setup ## campaigns on the house of this machine: first dial, how full the cap is kept
	@$(PY) -m tests.benchmarks.house_campaign

# A load generator that speaks Twilio Media Streams lies in the folder BENCH, as bench.py, and brings scripted providers.
PORT ?= 8765
FAKES ?= 9100
CALLS ?= 1 10 50
DURATION ?= 60
BENCH_OPTIONS ?=

bench: setup ## conversations under load: BENCH=<folder> CALLS="1 10 50" DURATION=60 BENCH_OPTIONS="--script slow"
	@mkdir -p .build && $(PY) $(BENCH)/bench.py --url ws://127.0.0.1:$(PORT)/ws --port $(PORT) \
		--server "$(PY) -m tests.benchmarks.media_bench" --server-env MEDIA_PORT=$(PORT) --server-log .build/bench-server.log \
		--fakes $(FAKES) --ca-dir .build/bench-ca -n $(CALLS) --duration $(DURATION) $(BENCH_OPTIONS)

media-bench: setup ## the media server alone, in memory, for a load generator: PORT=8765
	@MEDIA_PORT=$(PORT) exec $(PY) -m tests.benchmarks.media_bench

clean: ## forget what was built and run here (keeps .venv)
	rm -rf .aws-sam .build .local .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
