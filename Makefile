# The front door. What a target does beyond one or two lines stands in .ci/ and in CMake.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build
MAKEFLAGS += --no-print-directory

PACKAGES := g++ cmake ninja-build ccache pkg-config git libboost1.81-dev libboost-test1.81-dev libpq-dev libssl-dev \
    libcurl4-openssl-dev rapidjson-dev prometheus-cpp-dev libspdlog-dev libcli11-dev postgresql postgresql-client
LINT_PACKAGES := clang-format clang-tidy
# promtool, which checks what docs/monitoring has for Prometheus; a pooler to put before PostgreSQL; groff for the manual pages,
# zsh for what it completes.
TEST_PACKAGES := prometheus pgbouncer groff-base zsh
SUITES := unit_suites integration_suites fault_suites
# The suite with the most threads and stages, for the sanitizers.
SANITIZED_SUITE ?= integration/serve

PACKAGE_PACKAGES := dpkg-dev file
.PHONY: help build run deps deps-lint deps-test deps-package package test-package test test-unit test-integration test-fault test-pgbouncer fault lint format asan tsan bench schema configuration commands check clean

help: ## Lists these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-18s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: deps build/release/build.ninja ## Builds build/release/pgcourier
	@cmake --build build/release --target pgcourier

run: build ## Builds, then runs everything on this machine: PostgreSQL, a simulated Twilio, a demo tenant
	@exec build/release/pgcourier dev

test: deps deps-test build/release/build.ninja ## Runs all tests; ONLY=pattern runs one suite or the cases with that in their names
ifdef ONLY
	@suites=$$(.ci/suites '$(ONLY)' | tr / _); \
	if [ -z "$$suites" ]; then echo "No suite and no case has $(ONLY) in its name" >&2; exit 2; fi; \
	cmake --build build/release --target $$suites
else
	@cmake --build build/release --target pgcourier $(SUITES)
endif
	@.ci/test build/release

test-unit test-integration test-fault: test-%: deps deps-test build/release/build.ninja
	@cmake --build build/release --target $*_suites
	@.ci/test build/release '^$*/'

test-unit: ## Runs the tests that need no database
test-integration: ## Runs the tests on a private PostgreSQL
test-fault: ## Runs the tests that kill, cut and stall things

test-pgbouncer: deps deps-test build/release/build.ninja ## Runs the integration tests with PgBouncer before PostgreSQL
	@cmake --build build/release --target integration_suites
	@TEST_POOLER=pgbouncer .ci/test build/release '^integration/'

fault: deps build/release/build.ninja ## Kills and breaks it some 500 times, with a table of what was lost; half an hour
	@cmake --build build/release --target pgcourier fault_suites
	@.ci/fault build/release

lint: deps deps-lint ## Checks format, includes, SQL in C++ and, on changed files, what clang-tidy finds
	@.ci/files | xargs clang-format --dry-run --Werror
	@.ci/includes
	@.ci/inline-sql
	@.ci/tidy

format: deps-lint ## Formats all C++ files
	@.ci/files | xargs clang-format -i

asan tsan: %: deps build/%/build.ninja
	@cmake --build build/$* --target pgcourier unit_suites $(subst /,_,$(SANITIZED_SUITE))
	@.ci/test build/$* '^(unit/.*|$(SANITIZED_SUITE))$$'

asan: ## Unit tests and one integration suite under AddressSanitizer and UBSan
tsan: ## Unit tests and one integration suite under ThreadSanitizer

bench: deps build/release/build.ninja ## Builds and runs the programs of bench/
	@cmake --build build/release --target pgcourier bench_programs
	@.ci/bench build/release

schema: deps build/release/build.ninja ## Writes tests/schema.sql anew from the migrations
	@cmake --build build/release --target integration_migrate_schema
	@PGCOURIER_WRITE_SCHEMA=1 build/release/tests/integration_migrate_schema

configuration: build ## Writes docs/configuration.md anew from the program
	@build/release/pgcourier config --markdown >docs/configuration.md

commands: build ## Writes docs/commands.md anew from the program
	@build/release/pgcourier commands --markdown >docs/commands.md

check: lint test ## What CI runs: lint and test

package: deps deps-package build/release/build.ninja ## Makes a Debian package: build/release/pgcourier_*.deb
	@cmake --build build/release --target pgcourier
	@cd build/release && rm -f pgcourier_*.deb && cpack -G DEB >cpack.log || { cat cpack.log >&2; exit 1; }
	@ls build/release/pgcourier_*.deb

test-package: package ## Installs, starts, upgrades and removes the package in a clean Debian root
	@.ci/deps debootstrap
	@.ci/test-package build/release/pgcourier_*.deb

clean: ## Removes what was built; the data of `make run` stays in .pgcourier/
	@rm -rf build

deps: ## Installs the Debian packages that are missing
	@.ci/deps $(PACKAGES)

deps-package: deps
	@.ci/deps $(PACKAGE_PACKAGES)

deps-lint:
	@.ci/deps $(LINT_PACKAGES)

deps-test:
	@.ci/deps $(TEST_PACKAGES)

build/%/build.ninja: | deps
	@cmake --preset $*
