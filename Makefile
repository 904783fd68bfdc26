# Oui Post: `make run` for a running product, `make test` for a passing suite.
PYTHON ?= python3
BIN := .venv/bin
export OUIPOST_HOME ?= $(CURDIR)/var
unexport PYTHONDONTWRITEBYTECODE  # hundreds of processes load the same code
SHELL := bash
.SHELLFLAGS := -o pipefail -c

.PHONY: setup run test check lint types collect fast crash soak fuzz bench screenshots messages

setup: .venv/embedded  ## The virtual environment with what the product runs on.

.venv/embedded: requirements.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make setup PYTHON=python3.12")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

.venv/development: .venv/embedded requirements-dev.txt requirements-mysql.txt requirements-s3.txt requirements-observability.txt
	$(BIN)/python tests/services.py headers
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

run: setup  ## Web and worker on this machine, with a demo workspace.
	$(BIN)/python manage.py serve --demo

check: .venv/development  ## Format, lint, layers, Django's own checks; types; and whether all tests can be collected.
	$(MAKE) --jobs 2 types lint collect

types: .venv/development
	$(BIN)/mypy .

collect: .venv/development  # while another core looks at the types: pytest's processes then load what this has compiled
	$(BIN)/python -m pytest --collect-only -qq | grep -v '^tests/.*: [0-9]*$$'

lint: .venv/development
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run
	ENVIRONMENT=production SECRET_KEY=$$(printf 'k%.0s' $$(seq 64))0aZ- TOKEN_KEYS=k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= \
	  ALLOWED_HOSTS=example.com PUBLIC_BASE_URL=https://example.com $(BIN)/python manage.py check --deploy --fail-level WARNING

fast: .venv/development  ## The suite on SQLite alone, the first case of each test, without processes, browsers, races and what takes minutes.
	$(BIN)/python tests/services.py sqlite -n 3 -m "not crash and not browser and not thorough and not on_servers and not further_case"

test: check  ## Everything: the suite on SQLite, and on MariaDB.
	$(BIN)/python tests/services.py all

crash: .venv/development  ## Every kill, loss and outage at full size, about three hours; prints the numbers. See docs/reliability.md.
	$(BIN)/python -m tests.crash

soak: .venv/development  ## Half an hour of requests, posts and webhooks with a worker killed every minute; SOAK_MINUTES.
	$(BIN)/python -m tests.crash --soak $${SOAK_MINUTES:-30}

fuzz: .venv/development  ## Both APIs asked for half an hour in every way that their descriptions allow, and many that they do not.
	FUZZ_MINUTES=$${FUZZ_MINUTES:-30} $(BIN)/python tests/services.py mariadb tests/processes/test_fuzz.py -rP

bench: .venv/development  ## Figures beside their baselines; see docs/performance.md.
	$(BIN)/python -m bench

screenshots: .venv/development  ## Pictures of the console into docs/images, taken of a running demo.
	$(BIN)/python -m tests.browser.screenshots

messages: .venv/development  ## The console's texts into locale/, for translators, and what they translated into what is read.
	$(BIN)/python manage.py makemessages --locale fr --no-location --no-obsolete --ignore '.venv/*' --ignore 'var/*' --ignore 'tests/*'
	$(BIN)/python manage.py compilemessages --locale fr --ignore '.venv'
