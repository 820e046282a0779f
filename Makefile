# ngx_http_smart_module: build, test, install. `make help` lists the targets.
#
# make NGINX_SRC=<dir>           build against an unpacked nginx instead of Debian's nginx-dev
# make BUILD=build/<name> ...    build into another directory; JOBS=<n> at a time; V=1 shows the commands
# make unit UNIT=base_json_test  one unit test; make test TESTS="t/a.t t/b.t": these files only

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
SHELL := /bin/bash

BUILD ?= build
JOBS  ?= $(shell n=$$(nproc 2>/dev/null || echo 1); echo $$((n > 4 ? 4 : n)))
CLANG ?= clang
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(JOBS)
endif
MAKEFLAGS += --no-print-directory --no-builtin-rules
ifndef V
MAKEFLAGS += --silent
endif

TOP := $(abspath .)
OUT := $(abspath $(BUILD))

# What each room may stand on (checked by `make lint`), and the files of each.
ROOMS := base fhir jose oauth smart
USES_base  := base
USES_fhir  := base fhir
USES_jose  := base jose
USES_oauth := base jose oauth
USES_smart := base fhir smart

SOURCES_OF  = $(wildcard src/$(1)/*.c)
PURE        := $(foreach room,$(ROOMS),$(call SOURCES_OF,$(room)))
HEADERS     := $(wildcard src/*/*.h)
MODULE_C    := $(wildcard ngx_http_smart_module.c src/*/*.c)
TOOL_C      := $(wildcard tools/smartctl.c tools/smartctl_*.c)
PURE_LIBS   := -ljansson -ljwt -lcrypto

WARNINGS  := -std=c11 -Wall -Wextra -Wshadow -Wconversion -Werror
HARDENING := -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection \
             -Wformat -Werror=format-security
RELRO     := -Wl,-z,relro -Wl,-z,now

include mk/nginx.mk
include mk/smartctl.mk
include t/unit/unit.mk
include mk/fuzz.mk
include mk/bench.mk
include mk/lint.mk
include mk/install.mk

.PHONY: all test demo deps clean help

all: module $(if $(TOOL_C),smartctl) ## the module and smartctl (the default)

# Asks quickly whether anything is missing, and installs only then.
.PHONY: deps-build deps-test deps-lint deps-fuzz deps-bench deps-demo
deps-build deps-test deps-lint deps-fuzz deps-bench deps-demo:
	@tools/deps.sh $(@:deps-%=%)

deps: ## install what Debian and npm must provide, as far as it is missing
	@tools/deps.sh build test lint fuzz bench demo

TESTS ?= $(UNIT_PROGRAMS) $(sort $(wildcard t/*.t)) $(sort $(wildcard t/e2e/*.t))

# A build that fails is a failed test, not the end of the run: the last line tells all.
test: | deps-build deps-test ## unit tests, t/*.t and t/e2e; last line: N passed, N failed
	@status=0; $(MAKE) -k all unit-programs || status=$$?; \
	SMART_BUILD='$(OUT)' perl -It/lib t/run.pl --build-status $$status --jobs 2 $(TESTS)

demo: all | deps-demo ## real parts, telling requests; ONCE=1 ends instead of staying up
	ONCE='$(ONCE)' demo/run

clean: ## remove everything built
	rm -rf '$(OUT)'

help: ## this list
	@sed -n 's/^\([a-z][a-z-]*\):[^#]*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | sort \
	    | while IFS='|' read -r name text; do printf '  make %-10s %s\n' "$$name" "$$text"; done
	@sed -n '2,/^$$/s/^# \{0,1\}//p' Makefile | sed 's/^make/  make/'
