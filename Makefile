# The front door. `make help` lists what there is.
BUILD ?= build
SANITIZE ?= 0
ifeq ($(SANITIZE),1)
BUILD := build-asan
SETUP := -Db_sanitize=address,undefined -Dbuildtype=debugoptimized
endif
ifeq ($(SANITIZE),thread)
BUILD := build-tsan
SETUP := -Db_sanitize=thread -Db_lundef=false -Dbuildtype=debugoptimized
export TSAN_OPTIONS := suppressions=$(CURDIR)/tests/tsan.supp history_size=4
endif
ifdef WERROR
SETUP += -Dwerror=true
endif

.PHONY: help deps build test demo interop bench bench-peers fuzz check check-long format clean install

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{ printf "  make %-12s %s\n", $$1, $$2 }'

deps: ## install the Debian packages that are missing (root or sudo)
	@tools/install-deps

build: deps ## build everything into build/, programs into build/bin/
	@[ -f $(BUILD)/build.ninja ] || meson setup $(BUILD) $(SETUP)
	@ninja -C $(BUILD)

demo: build ## a server, a service and a client on this machine: real calls over WebRTC
	@tools/demo $(BUILD)

test: build ## build and run all tests (SANITIZE=1: address and undefined, SANITIZE=thread: races)
	@tools/run-tests $(BUILD)

interop: build ## exchange with the original (Rust, published crates): both directions
	@ACTR_BUILD=$(BUILD) tests/interop/run.sh

nat: build ## nodes behind NATs, in network namespaces (root; installs nftables and coturn)
	@tests/nat/run.sh $(BUILD)

bench: build ## measure: one JSON line each
	@tools/run-bench $(BUILD)

fuzz: deps ## fuzz every parser of foreign bytes with clang's libFuzzer (SECONDS=60 each, TARGETS="sdp stun")
	@tools/run-fuzz $(or $(SECONDS),60) $(TARGETS)

bench-peers: build ## ours beside NATS and gRPC, the same work in one run (installs them, as root)
	@tools/bench-peers $(BUILD)

check: ## rules of rooms and style; pages and package list against the code
	@tools/check-rooms.py
	@tools/check-style.py
	@tools/defects.py --check
	@tools/check-seed.py
	@tools/check-config.py
	@tools/check-packages.py

check-long: build nat ## what takes longer than the tests; nodes behind NATs
	@tools/run-tests $(BUILD) long

format: ## clang-format all sources
	@command -v clang-format >/dev/null || { echo 'make format: no clang-format; apt-get install clang-format' >&2; exit 1; }
	@git ls-files '*.c' '*.h' | grep -v unicode_table | xargs clang-format -i

install: build ## install library, headers and programs (PREFIX=/usr/local, DESTDIR=)
	@$(if $(PREFIX),meson configure $(BUILD) --prefix $(abspath $(PREFIX)))
	@DESTDIR=$(DESTDIR) ninja -C $(BUILD) install

clean: ## remove the builds
	@rm -rf build build-asan build-tsan build-fuzz
