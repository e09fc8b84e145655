# What one types here. What the program does is in README.md.

CARGO_TARGET_DIR ?= target
FUZZ_SECONDS ?= 20

.PHONY: help demo test report-check bless mutation bench bench-quick bench-micro lint fuzz clean

help:
	@echo 'make demo   build, and run the main job on fixtures/rent'
	@echo 'make test   run every test, installing what is missing'
	@echo 'make report-check  a report of 100,000 rows in a browser and in LibreOffice, installing it when missing'
	@echo 'make bless  rewrite the expected outputs of the tests'
	@echo 'make mutation  plant random faults and write docs/mutation.md; SEED=2 FAULTS=1000 for others'
	@echo 'make bench  tieout beside other loaders on the same files, a million bills and 100,000 JSON files; half an hour'
	@echo 'make bench-quick  the same with small sizes, for every day'
	@echo 'make bench-micro  parse, assemble and reconcile alone'
	@echo 'make lint   format, clippy and documentation, warnings refused'
	@echo 'make fuzz   run every fuzz target for FUZZ_SECONDS ($(FUZZ_SECONDS)) each, installing cargo-fuzz when missing'
	@echo 'make clean  remove what was built'

demo:
	cargo build --release
	$(CARGO_TARGET_DIR)/release/tieout run fixtures/rent

test:
	sh tests/install
	cargo test --workspace --locked

report-check:
	sh tests/install
	command -v soffice > /dev/null || apt-get install --yes --no-install-recommends libreoffice-calc-nogui
	cargo test --release --locked --test main report::large -- --ignored --nocapture

bless:
	BLESS=1 INSTA_UPDATE=always cargo test --workspace

# What was planted, and what became of it, is printed; as JSON it goes into a file beside what was built.
mutation:
	SEED=$(SEED) FAULTS=$(FAULTS) MUTATION_JSON=$(CARGO_TARGET_DIR)/mutation.json cargo test --quiet --locked --test mutation

# What it measures and with whom is in benches/run.py; what it measured is in bench.json beside what was built.
bench:
	python3 benches/run.py $(BENCH)

bench-quick:
	python3 benches/run.py --quick $(BENCH)

bench-micro:
	cargo bench --locked --package tieout-bench --bench micro

lint:
	cargo fmt --all --check
	rustfmt --edition 2024 --check parsers/src/formats/*.rs
	cargo fmt --manifest-path fuzz/Cargo.toml --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked

# `--sanitizer none` is what makes it run on stable Rust: the address sanitizer, which cargo-fuzz would use, needs nightly. The
# coverage that guides the fuzzer does not; and what the sanitizer would find is ruled out where unsafe code is forbidden.
# What is found new goes to fuzz/corpus; the samples and fuzz/seeds are only read.
fuzz:
	cargo fuzz --version > /dev/null 2>&1 || cargo install cargo-fuzz --locked
	cargo fuzz build --sanitizer none
	@set -e; for target in $$(cargo fuzz list); do \
		echo "== $$target"; \
		mkdir -p fuzz/corpus/$$target; \
		seeds=fixtures/formats/$${target%-known}; \
		if [ -d fuzz/seeds/$$target ]; then seeds="$$seeds fuzz/seeds/$$target"; fi; \
		cargo fuzz run --sanitizer none $$target fuzz/corpus/$$target $$seeds -- \
			-max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -print_final_stats=1; \
	done

clean:
	cargo clean
