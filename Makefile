# Short commands for who works on macstate; `make` alone lists them. The first one sets everything up.
run := .venv/bin/python -m uv run -q --group test

help: ## these lines
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile

setup: ## the tools and tests in .venv
	python3 -m venv .venv && .venv/bin/python -m pip install -q uv==0.13.9 && $(run) python --version

lint: ## what .ci/run demands before a test runs: ruff, mypy, import-linter, shellcheck
	$(run) .ci/gates

test: ## less than three minutes
	$(run) python -m pytest -n 2

slow: ## what takes whole runs, too
	$(run) python -m pytest -n 2 --slow

lab: ## all of it, with real daemons on loopback; as root, on Linux
	$(run) python -m pytest -n 2 --lab

long: ## all of the random examples: hours
	$(run) python -m pytest -n 2 --lab --long

generated: ## write the schema and the reference of all fields again
	$(run) macstate schema >group_data/macs.schema.json
	$(run) macstate explain --reference >docs/reference.md

golden: generated ## renew what is compared byte for byte: these two, the screens, the recorded terminal
	MACSTATE_WRITE_SCREENS=1 $(run) python -m pytest -n 0 --lab tests/test_screen.py tests/test_docs.py -k "screen or terminal_looks"

bench: ## what macstate's own work costs; ends with 1 where a bound is not kept
	$(run) python benchmarks/kernel.py

peers: ## macstate beside plain pyinfra and Ansible, over SSH with a delay: half an hour; as root, on Linux
	$(run) python benchmarks/peers.py

.PHONY: help setup lint test slow lab long generated golden bench peers
