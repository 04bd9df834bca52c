# Everything is done by scripts/setup.py, which also runs where there is no make: py scripts\setup.py demo
PYTHON ?= python3

.DEFAULT_GOAL := help
.PHONY: help demo test check clean

help: ## Say what there is to make
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-6s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## Set up, and run the whole story on photos of adult public figures
	@$(PYTHON) scripts/setup.py demo

test: ## Set up, and check format, lint, layers, types and all tests
	@$(PYTHON) scripts/setup.py test

check: ## Format, lint, layers and types only
	@$(PYTHON) scripts/setup.py check

clean: ## Remove what was set up and built; weights and registries stay
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
