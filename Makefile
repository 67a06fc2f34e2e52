# `make demo` runs the main job on this machine; `make test` runs every test. Both set up what they need.

.PHONY: demo test format lint unit doc template moto browser pictures tools deny bench

# The operator's command is an optional feature; everything is tested with it, and the function as deployed without.
WITH_ASSIGNCTL = --features account-assigner/assignctl

demo:
	cargo run --locked --quiet --example demo -- $(EVENT)

test: format lint unit doc template moto browser

format:
	cargo fmt --all --check

lint:
	cargo clippy --locked --workspace --all-targets $(WITH_ASSIGNCTL) -- --deny warnings
	cargo clippy --locked --lib --bins -- --deny warnings

unit:
	cargo test --locked --workspace $(WITH_ASSIGNCTL)

doc:
	RUSTDOCFLAGS='--deny warnings' cargo doc --locked --workspace $(WITH_ASSIGNCTL) --no-deps --document-private-items

# Linters, moto, the runtime interface emulator and cargo-lambda, at the versions of the requirements.
.venv/.installed: tests/requirements.txt
	python3 -m venv --clear .venv
	.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --requirement tests/requirements.txt
	.venv/bin/pip check
	touch $@

tools: .venv/.installed

template: .venv/.installed
	.venv/bin/cfn-lint template.yaml move-account.yaml
	SAM_CLI_TELEMETRY=0 .venv/bin/sam validate --lint
	SAM_CLI_TELEMETRY=0 .venv/bin/sam validate --lint --config-env move-account
	.venv/bin/checkov --quiet --compact --skip-download --framework cloudformation --file template.yaml move-account.yaml

# Apart, so that the function is built with its own features and nothing of the others'.
moto: .venv/.installed
	cargo build --locked $(WITH_ASSIGNCTL) --bin assignctl
	cargo build --locked
	cargo build --locked --package stand-in
	.venv/bin/python -m pytest -q tests/moto

# The report of `assignctl` in Chromium, from Debian's packages where it is missing; poppler reads what it prints.
browser: .venv/.installed
	command -v chromium && command -v pdftotext || tests/browser/install
	cargo build --locked $(WITH_ASSIGNCTL) --bin assignctl
	.venv/bin/python -m pytest -q tests/browser

# The pictures of the README, from what the command prints and the browser shows today.
pictures:
	SNAPSHOTS=overwrite cargo test --locked $(WITH_ASSIGNCTL) --test assignctl pictures
	$(MAKE) browser
	cp target/report/light.png docs/report.png

.venv-bench/.installed: bench/requirements.txt
	python3 -m venv --clear .venv-bench
	.venv-bench/bin/pip install --quiet --disable-pip-version-check --no-deps --requirement bench/requirements.txt
	.venv-bench/bin/pip check
	touch $@

# Measures, and writes the figures of docs/performance.md and its plot. The function alone first, so that it is built as
# it is deployed; the floor and the plan then add no features to what all three are built from.
bench: .venv-bench/.installed
	cargo build --locked --release
	cargo build --locked --release --package account-assigner --package floor --package plan-speed
	cargo run --locked --profile bench-driver --package bench

# What the function is built from, and then the operator's command, which may have a crate twice. The advisory database is fetched by `cargo deny`, so this is not part of `make test`.
deny:
	cargo install cargo-deny --locked --version 0.20.2 --root .tools
	.tools/bin/cargo-deny --workspace check
	.tools/bin/cargo-deny --workspace --all-features check advisories licenses sources
