# make demo   a rollout you can watch, on a cluster inside the program; ARGS=--flagger for three Canaries
# make test   every test that needs nothing but Rust
# make lint   format, clippy, tidy
# make e2e    every suite that can on a real kube-apiserver, real traffic through Traefik: e2e/run.sh names the parts
# make bench  a whole controller under load, on a real API server: bench/controller --help; Canaries: ARGS=istio:300

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo test lint e2e bench rust

TARGET := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
# The e2e crate starts the real binary; naming it here saves a second build.
export SERIN_BIN ?= $(TARGET)/debug/serin

help:
	@sed -n 's/^# make/  make/p' Makefile

rust:
	@command -v cargo > /dev/null || { echo "missing: cargo (https://rustup.rs; rust-toolchain.toml names the version)"; exit 1; }
	@command -v cc > /dev/null || { echo "missing: cc, a C compiler and linker (Debian: apt-get install gcc libc6-dev)"; exit 1; }

# The development profile builds in a third of the time of the release one, and the demo needs no speed.
demo: rust
	@cargo run -p serin -- demo $(ARGS)

# Binaries and tests are built in one go, so that both see the same features of the dependencies and nothing is built twice;
# those of `make demo` are the same too, which a tidy test holds.
test: rust
	@cargo build --workspace --bins --tests
	@cargo test --workspace --no-fail-fast

# Licences, banned packages and the version knot are held by the tidy test of `make test` from the same deny.toml, on every
# machine; cargo-deny adds the list of known vulnerabilities, which must be fetched. The one crate that knows whether there are
# pictures is looked at without them: the workspace always has them.
lint: rust
	@cargo fmt --all --check && echo "fmt: clean"
	@cargo clippy --workspace --all-targets --quiet -- -D warnings && echo "clippy: clean"
	@cargo clippy -p serin-picture --quiet -- -D warnings && echo "clippy: clean without pictures, too"
	@cargo test --quiet -p xtask --test tidy
	@if command -v cargo-deny > /dev/null; then cargo deny --log-level error check && echo "deny: clean"; \
	else echo "skipped: known vulnerabilities (cargo install --locked cargo-deny; licences and bans are held by tidy)"; fi

e2e: rust
	@e2e/run.sh $(ARGS)

bench: rust
	@bench/controller $(ARGS)
