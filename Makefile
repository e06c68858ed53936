# make demo   builds sumac and runs its main job on a real model
# make test   runs all tests
# make install PREFIX=/usr/local
# Debian packages and Python modules that are missing are installed on the way.

SHELL := /bin/bash
PREFIX ?= /usr/local
SWIFT ?= swift
JOBS ?= $(shell nproc)
# The flags that every file is compiled with, for the program and for tests alike.
COMPILE := $(SWIFT) build -c release --static-swift-stdlib -j $(JOBS) -Xswiftc -Xclang-linker -Xswiftc -static-libgcc
# All libraries except the C library are linked statically, so that the program runs on machines without them.
STATIC := $(CURDIR)/.build/static
RELEASE := $(COMPILE) --product sumac -Xlinker -L"$(STATIC)"
MODEL := Fixtures/models/base
DEMO := .build/demo

.PHONY: peers demo test build install uninstall format lint bench fuzz fuzz-minute oracles cluster browser packages python-modules

build: packages
	@Scripts/static-libraries "$(STATIC)"
	$(RELEASE)

packages:
	@Scripts/install-packages

python-modules:
	@Scripts/install-python-modules numpy safetensors

demo: build
	@Scripts/demo "$$($(RELEASE) --show-bin-path)/sumac" $(MODEL) $(DEMO)

test: packages python-modules
	@Scripts/static-libraries "$(STATIC)"
	@Scripts/testing-library "$$($(RELEASE) --show-bin-path)"
	$(COMPILE) --build-tests
	$(RELEASE)
	$(SWIFT) test -c release --skip-build --parallel --num-workers $(JOBS)
	@$(MAKE) --no-print-directory fuzz-minute
	@$(MAKE) --no-print-directory oracles
	@$(MAKE) --no-print-directory cluster
	@$(MAKE) --no-print-directory browser

# Each fuzz target for some seconds, on mutated seeds: make fuzz-minute FUZZ_SECONDS=60
FUZZ_SECONDS ?= 2
fuzz-minute:
	@Scripts/fuzz-minute "$$($(RELEASE) --show-bin-path)/sumac-fuzz" Tests/Fuzzing/Corpus .build/fuzz $(JOBS) $(FUZZ_SECONDS)

# The built program on mutated inputs, with kills and several writers: make oracles ORACLES="--seconds 3600 --seed 9"
ORACLES ?= --seconds 30
oracles:
	@python3 Tests/Fuzzing/Oracles/oracles.py "$$($(RELEASE) --show-bin-path)/sumac" $(ORACLES)

# A plan on a real Slurm with two nodes on this machine, one of which dies in the middle.
cluster: python-modules
	@Scripts/install-packages cluster
	@PATH="$$PATH:/usr/sbin" python3 Tests/Cluster/slurm_test.py "$$($(RELEASE) --show-bin-path)/sumac"

# Reports in headless Chromium.
browser:
	@Scripts/install-packages browser
	@python3 Tests/Browser/browser_test.py "$$($(RELEASE) --show-bin-path)/sumac"

# One target led by coverage: make fuzz TARGET=file SECONDS=3600
TARGET ?= file
SECONDS ?= 60
fuzz: packages
	$(SWIFT) build -c release --scratch-path .build-fuzz --product sumac-fuzz \
	  -Xswiftc -sanitize=fuzzer -Xcc -fsanitize=fuzzer-no-link -j $(JOBS)
	@mkdir -p .build-fuzz/corpus-$(TARGET)
	SUMAC_FUZZ=$(TARGET) .build-fuzz/release/sumac-fuzz -max_total_time=$(SECONDS) -rss_limit_mb=2500 \
	  -artifact_prefix=.build-fuzz/ .build-fuzz/corpus-$(TARGET) Tests/Fuzzing/Corpus/$(TARGET)

# Perplexity of pruned, merged and lengthened models by a forward pass outside of sumac, and merges beside mergekit where it
# is installed (PYTHON says in which Python); figures for the docs. Takes 5 GB of disk.
PYTHON ?= python3
peers: build python-modules
	$(PYTHON) Tests/Peers/perplexity.py "$$($(RELEASE) --show-bin-path)/sumac"
	$(PYTHON) Tests/Peers/merges.py "$$($(RELEASE) --show-bin-path)/sumac"
	$(PYTHON) Tests/Peers/contexts.py "$$($(RELEASE) --show-bin-path)/sumac"
	$(PYTHON) Tests/Peers/caches.py "$$($(RELEASE) --show-bin-path)/sumac"
	$(PYTHON) Tests/Peers/adapters.py "$$($(RELEASE) --show-bin-path)/sumac"
	$(PYTHON) Tests/Peers/formats.py "$$($(RELEASE) --show-bin-path)/sumac"
	$(PYTHON) Tests/Peers/merge_speed.py "$$($(RELEASE) --show-bin-path)/sumac"
	$(PYTHON) Tests/Peers/pytorch.py "$$($(RELEASE) --show-bin-path)/sumac"
	$(PYTHON) Tests/Peers/engines.py "$$($(RELEASE) --show-bin-path)/sumac"

lint: packages
	$(SWIFT) format lint --strict --recursive --parallel Package.swift Sources Tests
	Scripts/lint-conversions Sources

format:
	$(SWIFT) format --in-place --recursive --parallel Package.swift Sources Tests

install: build
	@Scripts/install "$$($(RELEASE) --show-bin-path)/sumac" "$(DESTDIR)$(PREFIX)"

uninstall:
	rm -f "$(DESTDIR)$(PREFIX)/bin/sumac" "$(DESTDIR)$(PREFIX)/share/man/man1"/sumac*.1
	rm -f "$(DESTDIR)$(PREFIX)/share/bash-completion/completions/sumac"
	rm -f "$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_sumac"
	rm -f "$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/sumac.fish"

bench: build
	@Scripts/install-python-modules numpy safetensors
	python3 Tests/Benchmarks/bench.py "$$($(RELEASE) --show-bin-path)/sumac"
