# Finds what compilers let pass. Each part can be run by itself: make lint-arrows.

FORMATTED := $(sort $(wildcard $(ROOMS:%=src/%/*.[ch]) t/unit/*.[ch] tools/*.[ch] fuzz/*.[ch]))
GENERATED := $(wildcard src/fhir/fhir_definitions_r*.c)
TIDY_C     = $(sort $(filter-out $(GENERATED),$(PURE)) $(UNIT_TESTS) $(TOOL_C) $(FUZZ_TESTS))

.PHONY: lint format lint-tidy lint-cppcheck lint-format lint-house

lint: lint-format lint-house lint-cppcheck lint-tidy ## clang-tidy, cppcheck, format, arrows, lengths
	@echo "lint: clean"

lint-tidy: | deps-lint
	@printf '%s\n' $(TIDY_C) | xargs -P 2 -n 4 clang-tidy --quiet 2> $(BUILD)/tidy.log \
	    --warnings-as-errors='*' \
	    --extra-arg=-std=c11 --extra-arg=-Isrc --extra-arg=-It/unit --extra-arg=-Ifuzz -p /dev/null \
	    || { grep -v 'warnings generated' $(BUILD)/tidy.log | tail -n 20; exit 1; }

lint-cppcheck: | deps-lint
	@cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr \
	    --error-exitcode=1 --suppress=missingIncludeSystem -Isrc -It/unit -j 2 \
	    $(filter-out $(GENERATED),$(PURE)) $(UNIT_TESTS) $(TOOL_C) $(FUZZ_TESTS)

lint-format: | deps-lint
	@clang-format --dry-run -Werror $(filter-out $(GENERATED),$(FORMATTED))

lint-house: | deps-lint
	@perl tools/lint-house.pl --cc '$(CC)'

format: | deps-lint ## rewrite the pure code in its layout
	clang-format -i $(filter-out $(GENERATED),$(FORMATTED))
