# The front door. What a target does beyond one or two lines stands in .ci/ and in CMake.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build
MAKEFLAGS += --no-print-directory

PACKAGES := g++ cmake ninja-build ccache pkg-config git libboost1.81-dev libboost-test1.81-dev libpq-dev libssl-dev \
    libcurl4-openssl-dev rapidjson-dev prometheus-cpp-dev libspdlog-dev libcli11-dev postgresql postgresql-client
LINT_PACKAGES := clang-format clang-tidy
# promtool, which checks what docs/monitoring has for Prometheus; a pooler to put before PostgreSQL, and a proxy to put before
# the server; groff for the manual pages, zsh and fish for what they complete; curl for the pages' commands; faketime for processes that
# believe another time.
TEST_PACKAGES := prometheus pgbouncer nginx-light groff-base zsh fish curl faketime
SUITES := unit_suites integration_suites fault_suites
# For the sanitizers: all, or (CI) some of them.
SANITIZED ?= $(SUITES)
space := $(subst ,, )

PACKAGE_PACKAGES := dpkg-dev file
# Fonts: the pictures of its tests have letters of all scripts, and emoji.
CONSOLE_PACKAGES := chromium fonts-noto-core fonts-noto-color-emoji
FUZZ_PACKAGES := clang libclang-rt-14-dev
.PHONY: help build run deps deps-lint deps-test deps-console deps-package package test-package test-image test test-unit test-integration test-fault test-pgbouncer test-console test-sql-mutations fault fault-long fault-without fuzz test-signature lint cppcheck format asan tsan coverage bench bench-peers bench-smoke bench-charts schema configuration commands check clean

help: ## Lists these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-18s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: deps build/release/build.ninja ## Builds build/release/pgcourier
	@cmake --build build/release --target pgcourier

run: build ## Builds, then runs everything on this machine: PostgreSQL, a simulated Twilio, a demo tenant
	@exec build/release/pgcourier dev

test: deps deps-test build/release/build.ninja ## Runs unit and integration tests; ONLY=pattern: any suite or the cases with that in their names
ifdef ONLY
	@suites=$$(.ci/suites '$(ONLY)' | tr / _); \
	if [ -z "$$suites" ]; then echo "No suite and no case has $(ONLY) in its name" >&2; exit 2; fi; \
	cmake --build build/release --target $$suites
else
	@cmake --build build/release --target pgcourier unit_suites integration_suites
endif
	@.ci/test build/release '^(unit|integration)/'

test-unit test-integration test-fault: test-%: deps deps-test build/release/build.ninja
	@cmake --build build/release --target $*_suites
	@.ci/test build/release '^$*/'

test-unit: ## Runs the tests that need no database
test-integration: ## Runs the tests on a private PostgreSQL
test-fault: ## Runs the short form of the tests that kill, cut and stall things

test-pgbouncer: deps deps-test build/release/build.ninja ## Runs the integration tests with PgBouncer before PostgreSQL
	@cmake --build build/release --target integration_suites
	@TEST_POOLER=pgbouncer .ci/test build/release '^integration/'

fault: deps deps-test build/release/build.ninja ## Kills and breaks it some 900 times, and says what was lost; an hour and more
	@cmake --build build/release --target pgcourier fault_suites
	@.ci/fault build/release

fault-long: ## The same a night long: 1,000 kills, 10,000 lost replies to COMMIT, 100 crashes of PostgreSQL
	@FAULT_LONG=1 FAULT_ROUNDS=50 FAULT_KILLS=1000 $(MAKE) fault

fault-without: build deps-test ## Takes the protections against faults out of a copy, one at a time, and sees that their cases fail; ONLY=word for some; half an hour
	@.ci/without build

fuzz: deps ## Fuzzes each parser for FUZZ_SECONDS (60), with a table of what was run; ONLY=target for one
	@.ci/deps $(FUZZ_PACKAGES)
	@if [ ! -f build/fuzz/build.ninja ]; then cmake --preset fuzz >/dev/null; fi
	@.ci/quiet cmake --build build/fuzz --target fuzz_targets
	@.ci/fuzz build/fuzz $(ONLY)

test-console: deps deps-test deps-console build/release/build.ninja ## Drives the operations console in Chromium, on a private PostgreSQL; ONLY=words for some cases
	@cmake --build build/release --target pgcourier
	@ONLY='$(ONLY)' .ci/test-console build/release

MUTATED_SUITES := $(shell sed -n '/kSuites\[\]/,/};/s/.*/&/p' tests/mutations/main.cpp | grep -o '"[a-z_]*"' | tr -d '"')
test-sql-mutations: deps build/release/build.ninja ## Takes each condition out of the SQL on a message's way and sees that a test fails; ONLY=words for some; half an hour
	@cmake --build build/release --target sql_mutations $(MUTATED_SUITES:%=integration_%)
	@build/release/tests/sql_mutations build/release tests/mutations/equivalent.txt

test-signature: deps build/release/build.ninja ## Compares 100,000 signatures with Twilio's own library (npm)
	@cmake --build build/release --target signature_lines
	@.ci/signature build/release

lint: deps deps-lint ## Checks format, includes, SQL in C++, that the patches of fault-without fit and, on changed files, what clang-tidy finds
	@.ci/files | xargs clang-format --dry-run --Werror
	@.ci/includes
	@.ci/inline-sql
	@for patch in tests/fault/without/*.patch; do git -c safe.directory='*' apply --check "$$patch" || exit 1; done
	@.ci/tidy

cppcheck: deps ## Checks src/ with cppcheck
	@.ci/deps cppcheck
	@.ci/cppcheck

format: deps-lint ## Formats all C++ files
	@.ci/files | xargs clang-format -i

asan tsan: %: deps deps-test build/%/build.ninja
	@cmake --build build/$* --target pgcourier $(SANITIZED)
	@.ci/test build/$* '^($(subst $(space),|,$(patsubst integration_%,integration/%,$(patsubst fault_%,fault/%,$(SANITIZED:%_suites=%/.*)))))$$'

asan: ## All tests under AddressSanitizer and UBSan; SANITIZED=unit_suites for some; half an hour
tsan: ## All tests under ThreadSanitizer; SANITIZED=unit_suites for some; half an hour

coverage: deps deps-test build/coverage/build.ninja ## Which lines of src/ the unit and integration tests run; fails below 85 % outside cli and console
	@cmake --build build/coverage --target pgcourier unit_suites integration_suites
	@.ci/coverage build/coverage

bench: deps build/release/build.ninja ## Builds and runs the programs of bench/
	@cmake --build build/release --target pgcourier bench_programs
	@.ci/bench build/release

bench-peers: deps build/release/build.ninja ## Compares it with what else there is, in turns; installs Redis, PgQ and npm's packages
	@cmake --build build/release --target pgcourier bench_peers
	@.ci/bench-peers build/release

bench-smoke: deps build/release/build.ninja ## Fails when claiming or routing takes a half more of the processors' time beside SQL alone than it did
	@cmake --build build/release --target bench_smoke
	@build/release/bench/bench_smoke

bench-charts: ## Draws docs/benchmarks/ from what the benches last wrote
	@.ci/bench-charts build/release

schema: deps build/release/build.ninja ## Writes tests/schema.sql anew from the migrations
	@cmake --build build/release --target integration_migrate_schema
	@PGCOURIER_WRITE_SCHEMA=1 build/release/tests/integration_migrate_schema

configuration: build ## Writes docs/configuration.md anew from the program
	@build/release/pgcourier config --markdown >docs/configuration.md

commands: build ## Writes docs/commands.md anew from the program
	@build/release/pgcourier commands --markdown >docs/commands.md

check: lint cppcheck deps deps-test deps-console build/release/build.ninja ## What CI runs: lint, cppcheck, bench-smoke, all tests, the console in a browser, a short form of the faults
	@cmake --build build/release --target pgcourier $(SUITES) bench_smoke
	@build/release/bench/bench_smoke
	@.ci/test build/release

package: deps deps-package build/release/build.ninja ## Makes a Debian package: build/release/pgcourier_*.deb
	@cmake --build build/release --target pgcourier
	@cd build/release && rm -f pgcourier_*.deb && cpack -G DEB >cpack.log || { cat cpack.log >&2; exit 1; }
	@ls build/release/pgcourier_*.deb

test-package: package ## Installs, starts, upgrades and removes the package in a clean Debian root
	@.ci/deps debootstrap
	@.ci/test-package build/release/pgcourier_*.deb

test-image: deps deps-test ## Builds the Dockerfile without a daemon and runs its image on a private PostgreSQL
	@.ci/deps debootstrap buildah
	@.ci/test-image

clean: ## Removes what was built; the data of `make run` stays in .pgcourier/
	@rm -rf build

deps: ## Installs the Debian packages that are missing
	@.ci/deps $(PACKAGES)

deps-package: deps
	@.ci/deps $(PACKAGE_PACKAGES)

deps-lint:
	@.ci/deps $(LINT_PACKAGES)

deps-console:
	@.ci/deps $(CONSOLE_PACKAGES)

deps-test:
	@.ci/deps $(TEST_PACKAGES)

build/%/build.ninja: | deps
	@cmake --preset $*
