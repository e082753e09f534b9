# setup demo test check build deploy. What a target needs, it installs into .venv and .tools.

# A python3 that is none of 3.11 to 3.13 does not count, nor one that does not really run.
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& echo $$python && break; done)
# Lambda's own version makes the layer's bytecode; pyenv may have it without offering it.
PYTHON_3_13 ?= $(shell for python in python3.13 $${PYENV_ROOT:-$$HOME/.pyenv}/versions/3.13.*/bin/python3.13; do \
	$$python -c 1 2>/dev/null && command -v $$python && break; done)

PIP_INSTALL = -m pip install --quiet --disable-pip-version-check --no-deps
WITHOUT_AWS = env $$(env | sed -n 's/^\(AWS_[A-Z0-9_]*\)=.*/-u \1/p') \
	AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_EC2_METADATA_DISABLED=true

export SAM_CLI_TELEMETRY = 0

.PHONY: setup demo test check build deploy
.DELETE_ON_ERROR:

setup: .venv/.ready

.venv/.ready: requirements/dev.txt pyproject.toml
	@$(if $(PYTHON),,echo "missing: Python 3.11, 3.12 or 3.13. Install one, or name it: make setup PYTHON=/path/to/python3"; exit 1)
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
		echo "missing: the modules venv and ensurepip of $(PYTHON). On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "setting up .venv with $$($(PYTHON) --version); this takes about a minute"
	@$(PYTHON) -m venv --clear .venv
	@.venv/bin/python $(PIP_INSTALL) --require-hashes -r requirements/dev.txt
	@.venv/bin/python $(PIP_INSTALL) --no-build-isolation --editable .
	@.venv/bin/python -m pip check
	@touch $@

demo: setup
	@$(WITHOUT_AWS) .venv/bin/sentinel demo

test: setup
	$(WITHOUT_AWS) .venv/bin/python -m pytest -n 2 --dist loadscope --no-loadscope-reorder

check: setup .tools/sam/.ready .tools/checkov/.ready
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/sentinel generate --check
	$(WITHOUT_AWS) .tools/sam/bin/cfn-lint
	$(WITHOUT_AWS) .tools/sam/bin/sam validate --lint --template-file template.yaml
	$(WITHOUT_AWS) .tools/checkov/bin/checkov --quiet --compact --skip-download --config-file .checkov.yaml

build: .tools/sam/.ready
	@$(if $(PYTHON_3_13),,echo "missing: Python 3.13, for which Lambda's functions are built. Install it (uv python install 3.13, pyenv install 3.13, or your distribution's python3.13), or name it: make build PYTHON_3_13=/path/to/python3.13"; exit 1)
	PATH="$(dir $(PYTHON_3_13)):$$PATH" .tools/sam/bin/sam build

deploy: build
	.tools/sam/bin/sam deploy --guided

.tools/%/.ready: requirements/%.txt | setup
	@echo "setting up .tools/$*"
	@$(PYTHON) -m venv --clear .tools/$*
	@.tools/$*/bin/python $(PIP_INSTALL) --require-hashes -r requirements/$*.txt
	@touch $@

# What Lambda's Python 3.13 has of its own, for the tests on the built artifact: pytest -m built.
.tools/runtime/.ready: private PYTHON = $(or $(PYTHON_3_13),$(error missing: Python 3.13, in which the built \
	functions run. Install it, or name it: make $@ PYTHON_3_13=/path/to/python3.13))
