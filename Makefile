# The commands of everyday work. `setup`, `demo` and `test` install missing tools; all other targets
# only say in one line what is missing.

.DEFAULT_GOAL := help
.PHONY: help setup tools install install-lwt demo test loom stress matrix cohttp lwt-packages tsan asan valgrind bench bench-growth bench-http bench-kv load-http load-kv doc release fmt clean

# What the scripts call themselves in messages.
export GOAL := make $(firstword $(MAKECMDGOALS))

help:
	@echo "make setup       install OCaml, dune, Lwt, ... if they are missing (YES=1: do not ask)"
	@echo "make install     install dlwt and lwt_interop into PREFIX"
	@echo "make install-lwt install dlwt, and a package lwt that is dlwt, into PREFIX; rebuild installed LIBRARIES with it"
	@echo "make demo        build the text indexer and run it on real files"
	@echo "make test        run all tests; FILTER=regex selects steps by name"
	@echo "make loom        check the models of concurrent code in more executions than make test does"
	@echo "make stress      start and terminate domains under load for SECONDS (60); SEED=N repeats a run"
	@echo "make matrix      build and test with newer versions of OCaml and Lwt, in target/matrix; needs root"
	@echo "make cohttp      serve with unmodified cohttp-lwt-unix on several domains"
	@echo "make lwt-packages             rebuild Debian's Lwt libraries, and use them on several domains"
	@echo "make tsan        run the domain tests under ThreadSanitizer; also: make asan, make valgrind"
	@echo "make bench       run the benchmarks; FILTER=regex selects some, COMPARE=results.json shows changes"
	@echo "make bench-growth             measure costs by number of domains, calls, descriptors and messages"
	@echo "make bench-http, bench-kv     compare the example servers with others, under wrk and redis-benchmark"
	@echo "make load-http, load-kv       load the example servers for SECONDS (60) while their domains are replaced"
	@echo "make doc         build the API documentation"
	@echo "make release     write the archive of a release, and try to publish it"
	@echo "make fmt         format the Rust and the OCaml code"
	@echo "make clean       delete all build results"

setup:
	@scripts/setup --tests

install: tools
	@scripts/install '$(PREFIX)'

install-lwt:
	@scripts/install-lwt '$(PREFIX)' $(LIBRARIES)

demo:
	@scripts/setup
	@scripts/demo $(ARGS)

test: setup
	@FILTER='$(value FILTER)' scripts/test

tools:
	@scripts/setup --check

loom: tools
	@scripts/loom

stress: tools
	@STRESS_SECONDS='$(SECONDS)' STRESS_SEED='$(SEED)' scripts/stress $(ARGS)

matrix:
	@FILTER='$(value FILTER)' scripts/matrix $(ARGS)

cohttp: tools
	@scripts/test-cohttp

lwt-packages: tools
	@scripts/test-lwt-packages

tsan asan valgrind: tools
	@FILTER='$(value FILTER)' CASES='$(CASES)' scripts/sanitize $@ $(ARGS)

bench bench-growth: tools
	@scripts/bench $(if $(filter bench-growth,$@),--growth) $(if $(FILTER),--filter '$(value FILTER)') $(if $(COMPARE),--compare '$(COMPARE)') $(ARGS)

bench-http: tools
	@scripts/bench-http $(if $(COMPARE),--compare '$(COMPARE)') $(ARGS)

load-http: tools
	@LOAD_SECONDS='$(SECONDS)' scripts/load-http

bench-kv: tools
	@scripts/bench-kv

load-kv: tools
	@LOAD_SECONDS='$(SECONDS)' scripts/load-kv

doc: tools
	@scripts/doc

release: tools
	@scripts/release

fmt:
	@scripts/fmt

clean:
	rm -rf _build target
