# fuzz/<room>_<noun>_fuzz.c: one libFuzzer target for each parser. FUZZ chooses, FUZZ_SECONDS runs.
# Seeds: fuzz/corpus/<name>/, where it exists; what a run finds grows in $(BUILD)/fuzz/corpus/<name>/.

FUZZ_TESTS   := $(sort $(wildcard fuzz/*_fuzz.c))
FUZZ         ?= $(FUZZ_TESTS:fuzz/%.c=%)
FUZZ_SECONDS ?=
# gcc is the judge of conversions: clang's -Wconversion means more.
FUZZ_FLAGS   := -std=c11 -Wall -Wextra -Wshadow -Werror -g -O1 -fno-omit-frame-pointer -Isrc -Ifuzz \
                -fsanitize=address,undefined -fno-sanitize-recover=all
FUZZ_OBJECTS := $(PURE:src/%.c=$(OUT)/fuzz/%.o)

.PHONY: fuzz fuzz-programs fuzz-corpus
fuzz-programs: $(FUZZ:%=$(OUT)/fuzz/%)

fuzz: fuzz-programs ## build the fuzz targets; FUZZ_SECONDS=600 runs each that long
ifneq ($(FUZZ_SECONDS),)
	@for name in $(FUZZ); do \
	    mkdir -p $(OUT)/fuzz/corpus/$$name; seeds=; \
	    [ ! -d fuzz/corpus/$$name ] || seeds=fuzz/corpus/$$name; \
	    $(OUT)/fuzz/$$name -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 \
	        -artifact_prefix=$(OUT)/fuzz/$$name- -print_final_stats=1 \
	        $(OUT)/fuzz/corpus/$$name $$seeds || exit 1; \
	done
endif

fuzz-corpus: fuzz-programs ## each fuzz target over its seeds, once
	@for name in $(FUZZ); do \
	    $(OUT)/fuzz/$$name -runs=0 fuzz/corpus/$$name > $(OUT)/fuzz/$$name.log 2>&1 \
	        || { cat $(OUT)/fuzz/$$name.log; exit 1; }; \
	done

$(OUT)/fuzz/%_fuzz: fuzz/%_fuzz.c $(FUZZ_OBJECTS) | deps-fuzz
	$(CLANG) $(FUZZ_FLAGS) -fsanitize=fuzzer -MMD -MP -o $@ $< $(FUZZ_OBJECTS) $(PURE_LIBS)

$(OUT)/fuzz/%.o: src/%.c | deps-fuzz
	@mkdir -p $(@D)
	$(CLANG) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

-include $(wildcard $(OUT)/fuzz/*.d $(OUT)/fuzz/*/*.d)
