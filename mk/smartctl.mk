# smartctl links the pure rooms just as the module does: its decisions are the module's.

SMARTCTL := $(OUT)/smartctl
CTL_OBJECTS := $(PURE:src/%.c=$(OUT)/ctl/%.o) $(TOOL_C:tools/%.c=$(OUT)/ctl/tools/%.o)

.PHONY: smartctl
smartctl: $(SMARTCTL)

$(SMARTCTL): $(CTL_OBJECTS)
	$(CC) $(RELRO) -pie -o $@ $^ $(PURE_LIBS)

$(OUT)/ctl/%.o: src/%.c | deps-build
	@mkdir -p $(@D)
	$(CC) $(WARNINGS) $(HARDENING) -fPIE -Isrc -MMD -MP -c -o $@ $<

$(OUT)/ctl/tools/%.o: tools/%.c | deps-build
	@mkdir -p $(@D)
	$(CC) $(WARNINGS) $(HARDENING) -fPIE -Isrc -MMD -MP -c -o $@ $<

-include $(CTL_OBJECTS:.o=.d)
