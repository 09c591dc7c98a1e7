# Each target is a thin line over a real tool; `make` alone lists them.
SHELL := bash -eu -o pipefail
PYTHON ?= python3
UV := .tools/bin/uv
# Tests start some hundred processes, which would each compile all that they import.
unexport PYTHONDONTWRITEBYTECODE
# pip's folder of wheels, where there is one, is uv's too; else PyTorch's own index of CPU builds.
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
ifeq ($(UV_FIND_LINKS),)
export UV_TORCH_BACKEND ?= cpu
endif

BACKEND := apps/backend
TRAINER := apps/trainer-ultralytics
CLI := apps/cli
FRONTEND := apps/frontend
DATASETS := libs/datasets
MANIFEST := libs/manifest
APPS := $(BACKEND) $(TRAINER) $(CLI)
ENVS := $(APPS) $(DATASETS) tests demo
env = $(1)/.venv/installed
# On a slow machine a training in a cluster takes minutes; waits inside a test end sooner, and say for what.
cluster_pytest := tests/.venv/bin/python -m pytest --timeout 600

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-19s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(foreach d,$(APPS) demo,$(call env,$d)) $(if $(KEEP),page) $(if $(MLFLOW),.tools/mlflow) ## Train a real detector on this machine, from nothing to a picture; KEEP=1 leaves it up, MLFLOW=1 registers it
	KEEP=$(KEEP) MLFLOW=$(MLFLOW) demo/run.sh

.PHONY: dev
dev: $(foreach d,$(APPS),$(call env,$d)) page ## Run the platform on this machine: yard dev
	$(CLI)/.venv/bin/yard dev

.PHONY: page
page: ## Build the web page that yard dev serves; without npm there is none, and all else works
	@if ! command -v npm > /dev/null; then echo "── without npm there is no web page; yard shows the same in the terminal"; \
	elif ! $(MAKE) --no-print-directory $(FRONTEND)/dist/index.html; then echo "── the web page was not built; all else works"; fi

$(FRONTEND)/dist/index.html: $(FRONTEND)/node_modules/.package-lock.json $(shell find $(FRONTEND)/src $(FRONTEND)/public -type f) $(FRONTEND)/index.html
	@echo "── building the web page"
	cd $(FRONTEND) && npm run --silent build -- --logLevel warn

.PHONY: cli
cli: $(call env,$(CLI)) $(call env,$(TRAINER)) ## Install yard, for a platform that runs elsewhere

.PHONY: test
test: lint test-datasets test-backend test-trainer test-cli test-frontend test-chart test-parity test-conformance ## Run every test that needs no cluster

.PHONY: test-datasets
test-datasets: $(call env,$(DATASETS))
	cd $(DATASETS) && .venv/bin/python -m pytest -n 2

.PHONY: test-backend
test-backend: $(foreach d,$(BACKEND) $(CLI),$(call env,$d)) .tools/postgres .tools/mlflow
	cd $(BACKEND) && .venv/bin/python -m pytest -n 3 --dist loadgroup

.PHONY: test-trainer
test-trainer: $(call env,$(TRAINER)) .tools/mlflow
	cd $(TRAINER) && .venv/bin/python -m pytest -n 2

.PHONY: test-cli
test-cli: $(foreach d,$(APPS),$(call env,$d)) .tools/mlflow
	cd $(CLI) && .venv/bin/python -m pytest -n 2 --dist worksteal

.PHONY: test-frontend
test-frontend: $(FRONTEND)/node_modules/.package-lock.json $(foreach d,$(APPS),$(call env,$d)) .tools/chromium .tools/mlflow
	cd $(FRONTEND) && npm run --silent lint && npm run --silent test && npm run --silent test:browser

.PHONY: test-chart
test-chart: $(call env,tests)
	tests/.venv/bin/python -m pytest -n 2 tests/ci tests/render tests/policy

.PHONY: test-parity
test-parity: $(foreach d,$(TRAINER) $(DATASETS) tests,$(call env,$d))
	tests/.venv/bin/python -m pytest tests/parity

.PHONY: test-conformance
test-conformance: $(foreach d,$(APPS) tests,$(call env,$d)) .tools/postgres
	tests/.venv/bin/python -m pytest -n 2 tests/contract tests/strict_s3 tests/conformance

.PHONY: lint
lint: $(foreach d,$(APPS) $(DATASETS) tests,$(call env,$d)) ## ruff, mypy --strict, import-linter, yamllint, shellcheck
	tests/.venv/bin/ruff check .
	tests/.venv/bin/ruff format --check .
	printf '%s\n' $(APPS) $(DATASETS) tests | xargs -P 2 -I PART sh -c 'cd PART && .venv/bin/mypy'
	for part in libs/trainer libs/client libs/manifest; do (cd $$part && $(CURDIR)/tests/.venv/bin/mypy); done
	for part in $(BACKEND) $(TRAINER) tests; do (cd $$part && PYTHONPATH=src $(CURDIR)/tests/.venv/bin/lint-imports --no-cache --no-logo); done
	tests/.venv/bin/yamllint --strict .
	git ls-files -z | xargs -0 grep -lZE '^#!.*\b(ba)?sh$$' | xargs -0 tests/.venv/bin/shellcheck

.PHONY: bench
bench: $(foreach d,$(APPS) demo tests,$(call env,$d)) .tools/mlflow .tools/postgres ## Measure the design's numbers, as ratios in one run
	bench/run.sh

.PHONY: docs
docs: $(foreach d,$(APPS) tests,$(call env,$d)) ## Write what is generated from the chart, the training contract and the commands of yard
	PYTHONPATH=tests tests/.venv/bin/python ci/chart_docs.py
	tests/.venv/bin/python ci/contract_docs.py
	tests/.venv/bin/python ci/cli_docs.py

.PHONY: screenshots
screenshots: page .tools/chromium .tools/mlflow ## Write pictures of every page into docs/pages, with the job of an earlier make demo MLFLOW=1
	$(CLI)/.venv/bin/yard dev --state .trainyard/demo --mlflow -- node $(FRONTEND)/scripts/screenshots.js docs/pages

.PHONY: manifest
manifest: $(call env,$(TRAINER)) ## Write what follows from the trainer's trainer.json: the child's types, the chart's copy
	$(TRAINER)/generate_config.sh
	cp $(TRAINER)/trainer.json charts/platform/files/trainers/ultralytics.json
	for work in evaluate export predict; do cp $(TRAINER)/trainers/$$work.json charts/platform/files/trainers/ultralytics-$$work.json; done

.PHONY: client
client: $(foreach d,$(BACKEND) tests,$(call env,$d)) ## Write the generated half of the Python client from the API
	libs/client/generate.sh

.PHONY: render
render: $(call env,tests) ## Write TIER's manifests as plain YAML: make render TIER=tier3
	@tests/.venv/bin/python ci/render.py render $(TIER)

.PHONY: diff
diff: $(call env,tests) ## Show what changed in each tier's manifests since BASE (default HEAD)
	@tests/.venv/bin/python ci/render.py diff $(or $(BASE),HEAD)

.PHONY: scan
scan: $(call env,tests) ## A second opinion on the manifests: checkov
	ci/scan.sh

.PHONY: tools
tools: $(call env,tests) ## Find or bring helm, kubectl, kind and kustomize
	tests/.venv/bin/python ci/tools.py

.PHONY: images
images: ## Build the images of backend, frontend and trainer
	ci/build_images.sh

.PHONY: tier1
tier1: tools images ## Tier 1 in a kind cluster: training as subprocesses beside the backend
	ci/cluster.sh up
	ci/cluster.sh load
	ci/install.sh tier1

.PHONY: tier2
tier2: tools images ## Tier 2 in a kind cluster: training as Kubernetes Jobs
	ci/cluster.sh up
	ci/cluster.sh load
	ci/install.sh tier2

.PHONY: smoke
ifneq ($(TIER),tier3)
smoke: $(call env,tests) ## Test the platform in the kind cluster; TIER=tier2; TIER=tier3 rehearses it from nothing
	$(cluster_pytest) tests/smoke/every_tier tests/smoke/$(or $(TIER),tier1)
else
smoke: tools images .tools/postgres .tools/chromium $(FRONTEND)/node_modules/.package-lock.json
	PYTHONPATH=tests tests/.venv/bin/python ci/rehearse_tier3.py
endif

.PHONY: smoke-argocd
smoke-argocd: $(call env,tests) ## Test the GitOps path in a kind cluster with an Argo CD (see tests/smoke/argocd)
	@: "$${ARGOCD_REPO_URL:?address of a repository, as Argo CD reads it}"
	@: "$${GITOPS_WORKTREE:?folder of that repository, a clone of this one on branch main: the tests commit there}"
	$(cluster_pytest) tests/smoke/argocd

.PHONY: smoke-restore
smoke-restore: $(call env,tests) ## Test backup and restore on the running tier 2: it loses everything in between
	ci/find-tool.sh rclone rclone
	$(cluster_pytest) tests/smoke/restore

.PHONY: smoke-gpu
smoke-gpu: $(UV) ## Test the trainer on the NVIDIA GPUs of this machine: one, or several by NCCL; 3 GB of torch
	ci/install-gpu-env.sh
	cd $(TRAINER) && $(CURDIR)/.tools/gpu/bin/python -m pytest --timeout 600 -rs tests/gpu_smoke.py

.PHONY: conformance-cluster
conformance-cluster: $(foreach d,$(CLI) $(TRAINER) tests,$(call env,$d)) ## What any executor must pass, on the running tier 2: it kills services there
	$(cluster_pytest) tests/conformance --cluster

.PHONY: down
down: ## Delete the kind cluster with all that is in it
	ci/cluster.sh down

.PHONY: lock
lock: $(UV) ## Resolve every lock file anew
	ci/lock.sh

.PHONY: clean
clean: ## Remove what make installed here; jobs and data under .trainyard stay
	rm -rf .tools $(addsuffix /.venv,$(ENVS)) $(FRONTEND)/node_modules $(FRONTEND)/dist

$(UV): ci/requirements.lock
	@echo "── installing uv into .tools"
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Trainyard needs Python 3.11 or newer: make PYTHON=python3.11 …")'
	$(PYTHON) -m venv .tools
	.tools/bin/pip install --quiet --require-hashes -r $<
	@touch $@

$(call env,$(BACKEND)): $(BACKEND)/requirements-dev.lock $(DATASETS)/pyproject.toml $(MANIFEST)/pyproject.toml
$(call env,$(TRAINER)): $(TRAINER)/requirements-dev.lock
$(call env,$(CLI)): $(CLI)/requirements-dev.lock $(DATASETS)/pyproject.toml $(MANIFEST)/pyproject.toml
$(call env,$(DATASETS)): $(DATASETS)/requirements-dev.lock
$(call env,tests): tests/requirements.lock
$(call env,demo): demo/requirements.lock

%/.venv/installed: $(UV)
	@echo "── installing what $* needs into $*/.venv"
	ci/install-env.sh $* $(filter %.lock,$^) $(patsubst %/pyproject.toml,%,$(filter %/pyproject.toml,$^))
	@touch $@

$(FRONTEND)/node_modules/.package-lock.json: $(FRONTEND)/package-lock.json
	@echo "── installing what $(FRONTEND) needs into $(FRONTEND)/node_modules"
	cd $(FRONTEND) && npm ci --no-audit --no-fund
	@touch $@

.tools/postgres: $(UV)
	command -v initdb || ci/install-debian.sh '/usr/lib/postgresql/*/bin/initdb' postgresql
	@touch $@

.tools/chromium: $(UV)
	ci/install-debian.sh "$${CHROMIUM:-/usr/bin/chromium}" chromium fonts-dejavu-core
	@touch $@

.tools/mlflow: $(UV) ci/mlflow/requirements.lock
	@echo "── installing MLflow into .tools/mlflow"
	$(UV) venv --quiet --allow-existing --python $(PYTHON) $@
	$(UV) pip sync --quiet --require-hashes --python $@/bin/python ci/mlflow/requirements.lock
	@touch $@
