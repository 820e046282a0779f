# Finds what compilers let pass. Each part can be run by itself: make lint-arrows.

FORMATTED := $(sort $(wildcard $(ROOMS:%=src/%/*.[ch]) t/unit/*.[ch] tools/*.[ch] fuzz/*.[ch]))
GENERATED := $(wildcard src/fhir/fhir_definitions_r*.c)
TIDY_C     = $(sort $(filter-out $(GENERATED),$(PURE)) $(UNIT_TESTS) $(TOOL_C) $(FUZZ_TESTS))

.PHONY: lint format lint-tidy lint-cppcheck lint-format lint-house

lint: lint-format lint-house lint-cppcheck lint-tidy ## clang-tidy, cppcheck, format, arrows, lengths
	@echo "lint: clean"

# Findings come on standard output; standard error only counts them. One file at a time: version 14
# takes every va_list of a second file for uninitialized.
lint-tidy: | deps-lint
	@mkdir -p $(BUILD)
	@printf '%s\n' $(TIDY_C) | xargs -P 2 -n 1 sh -c \
	    'clang-tidy --quiet "$$@" -- -std=c11 -Isrc -It/unit -Ifuzz' tidy 2> $(BUILD)/tidy.log

lint-cppcheck: | deps-lint
	@cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr \
	    --error-exitcode=1 --suppress=missingIncludeSystem --suppress=resourceLeak:t/unit/* -Isrc -It/unit -j 2 \
	    $(filter-out $(GENERATED),$(PURE)) $(UNIT_TESTS) $(TOOL_C) $(FUZZ_TESTS)

lint-format: | deps-lint
	@clang-format --dry-run -Werror $(filter-out $(GENERATED),$(FORMATTED))

lint-house: | deps-lint
	@perl tools/lint-house.pl --cc '$(CC)'

format: | deps-lint ## rewrite the pure code in its layout
	clang-format -i $(filter-out $(GENERATED),$(FORMATTED))
