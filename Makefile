# `make` alone lists what can be done.

# The same flags for check and test, so that both share one build.
CHECKED := --explicit-target-dependency-import-check error
SWIFT_FILES := Sources Tests Package.swift

# A Python that has the packages that tests and measurements compare with. Not for the program itself, which would warn
# of it, as it is no setting.
test check bench: export COGNITIONOS_PEER_PYTHON ?= $(CURDIR)/.build/peers/bin/python

.PHONY: help deps deps-test build demo serve test check format bench clean

help: ## Lists the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

deps: ## Installs the system libraries that are missing (as root), or says which they are
	@Scripts/install-dependencies

deps-test: ## The same, and what the tests compare with
	@Scripts/install-dependencies test

build: deps ## Release build: .build/release/cognitionos
	swift build -c release --product cognitionos

demo: deps ## Runs the example workflow; FOLDER=path takes your own documents, ARGS=… goes to the command
	@echo "Debug build of cognitionos: the first takes about five minutes on two cores, later ones seconds."
	@Scripts/build-with-progress --product cognitionos
	@exec .build/debug/cognitionos demo $(if $(FOLDER),--input "folder=$$FOLDER") $(ARGS)

serve: deps ## Release build, and serves on API_PORT (8100); ARGS=… goes to the command
	@echo "Release build of cognitionos: the first takes a while, later ones seconds."
	@Scripts/build-with-progress -c release --product cognitionos
	@exec .build/release/cognitionos serve $(ARGS)

# One after the other: some tests kill a program at a certain moment, and must not be kept from it by a hundred others.
# The second time with a PostgreSQL server behind the program; all other tests have both databases in one run. By the line,
# so that of a run that was broken off it can be seen where it stood.
test: deps-test ## Runs every test
	stdbuf -oL swift test --no-parallel $(CHECKED)
	COGNITIONOS_TEST_DATABASE=postgres stdbuf -oL swift test --skip-build --no-parallel --filter CognitionServerTests

check: deps-test ## Format, arrows between the modules, declared imports
	swift format lint --strict --parallel --recursive $(SWIFT_FILES)
	Scripts/check-dependencies
	swift build --build-tests $(CHECKED)

format: ## Formats every Swift file
	swift format --in-place --parallel --recursive $(SWIFT_FILES)

bench: deps-test ## Release build of the benchmarks, runs them and records them; ARGS=… goes to them
	@Scripts/install-dependencies bench
	swift build -c release --product cognitionos
	swift build -c release --product cognitionos-bench
	@exec .build/release/cognitionos-bench --record Docs/Benchmarks.md $(ARGS)

clean: ## Removes everything that builds make
	rm -rf .build
