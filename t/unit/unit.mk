# One program for each t/unit/*_test.c, linked with its own room and what that room stands on:
# what a room may not know, its tests cannot link. Other names get all pure rooms.

UNIT_TESTS    := $(sort $(wildcard t/unit/*_test.c))
UNIT          ?= $(UNIT_TESTS:t/unit/%.c=%)
UNIT_PROGRAMS  = $(UNIT:%=$(BUILD)/unit/%)
UNIT_FLAGS    := $(WARNINGS) -g -O1 -fno-omit-frame-pointer -Isrc -It/unit
SANITIZE      := -fsanitize=address,undefined -fno-sanitize-recover=all

export ASAN_OPTIONS  ?= detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1
export UBSAN_OPTIONS ?= halt_on_error=1:print_stacktrace=1

unit_room    = $(firstword $(filter $(ROOMS),$(subst _, ,$(1))) all)
unit_rooms   = $(if $(USES_$(1)),$(USES_$(1)),$(ROOMS))
unit_objects = $(foreach room,$(2),$(patsubst src/%.c,$(OUT)/$(1)/%.o,$(call SOURCES_OF,$(room))))

.PHONY: unit unit-programs valgrind

unit-programs: $(UNIT_PROGRAMS)

unit: | deps-test ## unit tests alone (ASan and UBSan)
	@status=0; $(MAKE) -k unit-programs || status=$$?; \
	SMART_BUILD='$(OUT)' perl -It/lib t/run.pl --build-status $$status --jobs 2 $(UNIT_PROGRAMS)

valgrind: $(UNIT:%=$(OUT)/plain/%) | deps-test ## unit tests without sanitizers under valgrind
	@SMART_BUILD='$(OUT)' perl -It/lib t/run.pl --valgrind --jobs 2 $^

$(OUT)/unit/%.o: src/%.c | deps-build
	@mkdir -p $(@D)
	$(CC) $(UNIT_FLAGS) $(SANITIZE) -MMD -MP -c -o $@ $<

$(OUT)/unit/%_test.o: t/unit/%_test.c | deps-build
	@mkdir -p $(@D)
	$(CC) $(UNIT_FLAGS) $(SANITIZE) -MMD -MP -c -o $@ $<

$(OUT)/plain/%.o: src/%.c | deps-build
	@mkdir -p $(@D)
	$(CC) $(UNIT_FLAGS) -MMD -MP -c -o $@ $<

$(OUT)/plain/%_test.o: t/unit/%_test.c | deps-build
	@mkdir -p $(@D)
	$(CC) $(UNIT_FLAGS) -MMD -MP -c -o $@ $<

# $(1) test program, $(2) its rooms
define UNIT_RULES
$(BUILD)/unit/$(1): $(OUT)/unit/$(1).o $(call unit_objects,unit,$(2))
	$$(CC) $$(SANITIZE) -o $$@ $$^ $$(PURE_LIBS)

$(OUT)/plain/$(1): $(OUT)/plain/$(1).o $(call unit_objects,plain,$(2))
	$$(CC) -o $$@ $$^ $$(PURE_LIBS)
endef

$(foreach test,$(UNIT_TESTS:t/unit/%.c=%),$(eval $(call \
    UNIT_RULES,$(test),$(call unit_rooms,$(call unit_room,$(firstword $(subst _, ,$(test))))))))

-include $(wildcard $(OUT)/unit/*.d $(OUT)/unit/*/*.d $(OUT)/plain/*.d $(OUT)/plain/*/*.d)
