# Everything a newcomer types. Each target but help and clean first makes sure that
# the tools are there, which takes no time when they are.

.DEFAULT_GOAL := help
.PHONY: help setup demo test stress tsan asan valgrind bench bench-growth bench-http bench-kv load-http load-kv doc fmt clean

help:
	@echo "make demo    build the text indexer and run it on real files"
	@echo "make test    run every test; FILTER=regex picks steps by name"
	@echo "make stress  domains come and go for SECONDS (60) while everything is in flight"
	@echo "make tsan    the domain tests under ThreadSanitizer; also: make asan, make valgrind"
	@echo "make setup   install OCaml, dune, Lwt, ... if they are missing (YES=1: do not ask)"
	@echo "make bench   run the benchmarks; FILTER=regex picks some, COMPARE=results.json shows changes"
	@echo "make bench-growth  measure how costs grow with domains, calls, descriptors and messages"
	@echo "make bench-http, make bench-kv  the example servers beside others, under wrk and redis-benchmark"
	@echo "make load-http, make load-kv    load them for SECONDS (60), while their domains are replaced"
	@echo "make doc     build the API documentation"
	@echo "make fmt     format the Rust and the OCaml code"
	@echo "make clean   delete what was built"

setup:
	@scripts/setup

demo: setup
	@scripts/demo $(ARGS)

test: setup
	@FILTER='$(FILTER)' scripts/test

stress: setup
	@STRESS_SECONDS='$(SECONDS)' STRESS_SEED='$(SEED)' scripts/stress $(ARGS)

tsan asan valgrind: setup
	@FILTER='$(FILTER)' CASES='$(CASES)' scripts/sanitize $@ $(ARGS)

bench bench-growth: setup
	@scripts/bench $(if $(filter bench-growth,$@),--growth) $(if $(FILTER),--filter '$(value FILTER)') $(if $(COMPARE),--compare '$(COMPARE)') $(ARGS)

bench-http: setup
	@scripts/bench-http $(if $(COMPARE),--compare '$(COMPARE)') $(ARGS)

load-http: setup
	@LOAD_SECONDS='$(SECONDS)' scripts/load-http

bench-kv: setup
	@scripts/bench-kv

load-kv: setup
	@LOAD_SECONDS='$(SECONDS)' scripts/load-kv

doc: setup
	@scripts/doc

fmt: setup
	@scripts/fmt

clean:
	rm -rf _build target
