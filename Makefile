# The front door. `make help` lists what there is.
BUILD ?= build
CMAKE_ARGS ?=
export ROOT := $(CURDIR)

.PHONY: all setup setup-build demo test faults power bench fuzz check size cross conformance help clean sanitize
all: setup-build $(BUILD)/build.ninja ## build the command line: build/ferry
	@ninja -C $(BUILD) --quiet ferry

$(BUILD)/build.ninja: CMakeLists.txt
	@cmake -S . -B $(BUILD) -G Ninja $(CMAKE_ARGS) >/dev/null

setup: ## install what building and testing need (Debian packages, Python peers)
	@tools/setup
setup-build:
	@tools/setup build

demo: all ## the main job on the virtual chip: a card with a build folder into a blank ESP32
	@tools/demo

test: setup ## build everything and run all tests
	@cmake -S . -B $(BUILD) -G Ninja $(CMAKE_ARGS) >/dev/null
	@ninja -C $(BUILD) --quiet
	@ctest --test-dir $(BUILD) --output-on-failure -j2 $(CTEST_ARGS)

faults: setup ## one fault at every byte of a session, both directions, and a reset at every step (some minutes)
	@cmake -S . -B $(BUILD) -G Ninja $(CMAKE_ARGS) >/dev/null
	@ninja -C $(BUILD) --quiet regress_test_faults_matrix regress_test_faults_reset
	@tools/faults $(BUILD)/tests

sanitize: setup ## the C tests once more with ASan and UBSan
	@cmake -S . -B $(BUILD)-san -G Ninja -DFERRY_SANITIZE=ON -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS_DEBUG="-O1 -g" >/dev/null
	@ninja -C $(BUILD)-san --quiet
	@ctest --test-dir $(BUILD)-san --output-on-failure -j2 -E '^e2e/' $(CTEST_ARGS)

power: setup ## cut the power at every flash operation of an update, in hundreds of layouts (some minutes)
	@cmake -S . -B $(BUILD) -G Ninja $(CMAKE_ARGS) >/dev/null
	@ninja -C $(BUILD) --quiet power_test_power_cuts
	@FERRY_POWER=all $(BUILD)/tests/power_test_power_cuts

bench: setup ## print the figures and write build/bench/results.json
	@cmake -S . -B $(BUILD) -G Ninja $(CMAKE_ARGS) >/dev/null
	@ninja -C $(BUILD) --quiet
	@tools/bench $(BENCH_ARGS)

fuzz: setup ## run every fuzzer for FUZZ_SECONDS (default 600) each
	@tools/fuzz $${FUZZ_SECONDS:-600}

check: ## layers, format, library purity, function lengths, docs
	@tools/check

size: setup ## code and RAM of the device part, against docs/size.txt
	@tools/size

cross: setup ## the library and the updater compiled for riscv32, and their tests on 32 bits and on a big-endian machine
	@tools/cross

conformance: all ## the end-to-end cases against TARGET=socket://host:port (a real ROM, a board)
	@tests/e2e/conformance.sh $(TARGET)

clean: ## remove the build folders
	rm -rf $(BUILD) $(BUILD)-san $(BUILD)-fuzz

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 22
