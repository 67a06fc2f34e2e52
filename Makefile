# `make demo` runs the main job on this machine; `make test` runs every test. Both set up what they need.

.PHONY: demo test format lint unit doc template programs moto browser stack stack-demo fakecloud docker pictures \
	tools deny bench dist

# So many tests of one kind at once, because they mostly wait.
SIDE_BY_SIDE = $$((2 * $$(getconf _NPROCESSORS_ONLN)))

BUILT = $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)

# Beside `make unit`, which has the function where cargo puts it, with the features of the tests.
export ACCOUNT_ASSIGNER_BINARY = $(BUILT)/deployed/account-assigner

demo:
	cargo run --locked --quiet --example demo -- $(EVENT)

# What is fetched comes while the first crates compile. The tests mostly wait, so they run side by side.
test: format
	$(MAKE) --jobs=3 --output-sync=target lint .venv/.installed .venv-stack/.installed
	$(MAKE) doc programs
	$(MAKE) --jobs=5 --output-sync=target unit template browser moto stack

format:
	cargo fmt --all --check

lint:
	cargo clippy --locked --workspace --all-targets -- --deny warnings

# rustdoc would look for the jobs of make, which it is not given.
unit: programs
	MAKEFLAGS= RUST_TEST_THREADS=$(SIDE_BY_SIDE) cargo test --locked

# The examples bring the features of the tests, so that what `make lint` has checked is not checked once more. The programs
# are those that are no library's, whose page would have the same name.
doc:
	RUSTDOCFLAGS='--deny warnings' cargo doc --locked --workspace --no-deps --document-private-items --lib --examples \
		--bin assignctl --bin bench --bin floor --bin import-speed --bin plan-speed

# An environment of Python with what its requirements say, and nothing that they leave out.
define environment
python3 -m venv --clear $(@D)
$(@D)/bin/pip install --quiet --disable-pip-version-check --no-deps --requirement $<
$(@D)/bin/pip check
touch $@
endef

# Linters, moto, the runtime interface emulator and cargo-lambda, at the versions of the requirements.
.venv/.installed: tests/requirements.txt
	$(environment)

tools: .venv/.installed

template: .venv/.installed
	.venv/bin/cfn-lint template.yaml move-account.yaml
	SAM_CLI_TELEMETRY=0 .venv/bin/sam validate --lint
	SAM_CLI_TELEMETRY=0 .venv/bin/sam validate --lint --config-env move-account
	.venv/bin/checkov --quiet --compact --skip-download --framework cloudformation --file template.yaml move-account.yaml

# As the tests of `make unit` have them, so that nothing is compiled twice. The function last and by itself, with its own
# features and nothing of the others', as it is deployed.
programs:
	cargo test --locked --no-run
	cargo build --locked --package account-assigner
	mkdir -p "$(BUILT)/deployed"
	ln -f "$(BUILT)/debug/account-assigner" "$(ACCOUNT_ASSIGNER_BINARY)"

moto: .venv/.installed programs
	.venv/bin/python -m pytest -q --numprocesses=$(SIDE_BY_SIDE) --maxprocesses=16 tests/moto

# The report of `assignctl` in Chromium, from Debian's packages if it is missing; poppler reads what it prints.
browser: .venv/.installed programs
	command -v chromium && command -v pdftotext || tests/browser/install
	.venv/bin/python -m pytest -q tests/browser

# ministack pins other versions of what the AWS SAM CLI and moto need, so it has an environment of its own.
.venv-stack/.installed: tests/stack/requirements.txt
	$(environment)

# The templates, deployed by `sam deploy` onto ministack, and every trigger of them driven to its effect.
stack: .venv/.installed .venv-stack/.installed programs
	.venv/bin/python -m pytest -q tests/stack

# The same, left running, to be tried by hand: it says what to try.
stack-demo: .venv/.installed .venv-stack/.installed programs
	@.venv/bin/python tests/stack/demo.py serve

# A second opinion on Identity Center. fakecloud is under the AGPL: it is run, and never linked. Its first build takes a
# quarter of an hour on two cores, so this is not part of `make test`.
fakecloud: .venv/.installed programs
	CARGO_PROFILE_DEV_DEBUG=false cargo install fakecloud --locked --version 0.51.0 --debug --root .tools
	.venv/bin/python -m pytest -q tests/fakecloud

# In Lambda's own image by `sam local invoke`, and by `cargo lambda watch`. Needs Docker, so it is not part of `make test`.
docker: .venv/.installed programs
	tests/docker/run

# The pictures of the documents, from what the command prints and the browser shows today.
pictures:
	SNAPSHOTS=overwrite cargo test --locked --package assignctl --test command pictures
	$(MAKE) browser
	cp target/report/light.png docs/report.png

.venv-bench/.installed: bench/requirements.txt
	$(environment)

# Measures, and writes the figures of docs/performance.md and its plot. The function alone first, so that it is built as
# it is deployed; the floor and the plan then add no features to what all three are built from. The second function and
# the command last: each has features of its own.
bench: .venv-bench/.installed
	cargo build --locked --release --package account-assigner
	cargo build --locked --release --package account-assigner --package floor --package plan-speed
	cargo build --locked --release --package control-keeper
	cargo build --locked --release --package assignctl
	cargo run --locked --profile bench-driver --package bench

# zig as the linker, which knows every glibc.
.venv-dist/.installed: dist/requirements.txt
	$(environment)

# Archives of `assignctl` for Linux on x86_64 and arm64, and their checksums, into target/dist/.
dist: .venv-dist/.installed
	dist/build

# What the function is built from, and then everything else, which may have a crate twice. `cargo deny` fetches the
# advisory database, so this is not part of `make test`.
deny:
	cargo install cargo-deny --locked --version 0.20.2 --root .tools
	.tools/bin/cargo-deny check
	.tools/bin/cargo-deny --workspace check advisories licenses sources
