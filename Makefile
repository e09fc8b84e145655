# What one types here. What the program does is in README.md.

CARGO_TARGET_DIR ?= target

.PHONY: help demo test bless mutation lint clean

help:
	@echo 'make demo      build, and run the main job on fixtures/rent'
	@echo 'make test      run every test, installing what is missing'
	@echo 'make bless     rewrite the expected outputs of the tests'
	@echo 'make mutation  plant random faults and write docs/mutation.md; SEED=2 FAULTS=1000 for others'
	@echo 'make lint      format, clippy and documentation, warnings refused'
	@echo 'make clean     remove what was built'

demo:
	cargo build --release
	$(CARGO_TARGET_DIR)/release/tieout run fixtures/rent

test:
	sh tests/install
	cargo test --workspace --locked

bless:
	BLESS=1 INSTA_UPDATE=always cargo test --workspace

# What was planted, and what became of it, is printed; as JSON it goes into a file beside what was built.
mutation:
	SEED=$(SEED) FAULTS=$(FAULTS) MUTATION_JSON=$(CARGO_TARGET_DIR)/mutation.json cargo test --quiet --locked --test mutation

lint:
	cargo fmt --all --check
	rustfmt --edition 2024 --check parsers/src/formats/*.rs
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked

clean:
	cargo clean
