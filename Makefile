# setup demo test check build deploy. Everything that a target needs, it installs into .venv and .tools.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; done)
PIP_INSTALL = -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes
WITHOUT_AWS = env -u AWS_PROFILE -u AWS_DEFAULT_PROFILE -u AWS_REGION -u AWS_DEFAULT_REGION \
	-u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY -u AWS_SESSION_TOKEN -u AWS_ENDPOINT_URL \
	-u AWS_CONFIG_FILE -u AWS_SHARED_CREDENTIALS_FILE

.PHONY: setup demo test check build deploy

setup: .venv/.ready

.venv/.ready: requirements/dev.txt pyproject.toml
	@$(if $(PYTHON),,echo "missing: Python 3.11, 3.12 or 3.13. Install one, or name it: make setup PYTHON=/path/to/python3"; exit 1)
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
		echo "missing: the modules venv and ensurepip of $(PYTHON). On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "setting up .venv with $$($(PYTHON) --version); this takes about a minute"
	@$(PYTHON) -m venv --clear .venv
	@.venv/bin/python $(PIP_INSTALL) -r requirements/dev.txt
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@.venv/bin/python -m pip check
	@touch $@

demo: setup
	@$(WITHOUT_AWS) .venv/bin/sentinel demo

test: setup
	$(WITHOUT_AWS) .venv/bin/python -m pytest -n 2 --dist loadgroup

check: setup .tools/sam/.ready .tools/checkov/.ready
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/sentinel generate --check
	.tools/sam/bin/cfn-lint --append-rules cfn_lint_serverless.rules -- template.yaml member.yaml
	SAM_CLI_TELEMETRY=0 .tools/sam/bin/sam validate --lint --template-file template.yaml
	.tools/checkov/bin/checkov --quiet --compact --skip-download --config-file .checkov.yaml \
		--file template.yaml --file member.yaml

build: .tools/sam/.ready
	SAM_CLI_TELEMETRY=0 .tools/sam/bin/sam build

deploy: build
	SAM_CLI_TELEMETRY=0 .tools/sam/bin/sam deploy --guided

.tools/%/.ready: requirements/%.txt | setup
	@echo "setting up .tools/$*"
	@$(PYTHON) -m venv --clear .tools/$*
	@.tools/$*/bin/python $(PIP_INSTALL) -r requirements/$*.txt
	@touch $@
