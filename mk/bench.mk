# Measurements. What is measured of the pure rooms are the objects that smartctl links, built as the module's are.

DECIDE_BENCH := $(OUT)/decide_bench

$(DECIDE_BENCH): bench/decide_bench.c $(PURE:src/%.c=$(OUT)/ctl/%.o)
	$(CC) $(WARNINGS) $(HARDENING) -fPIE -pie -Isrc -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc \
	    -o $@ $^ $(PURE_LIBS)

.PHONY: bench
bench: all $(DECIDE_BENCH) | deps-bench ## what a decision costs; what a request costs against the same nginx without the module
	DECIDE_BENCH='$(DECIDE_BENCH)' bench/decide
	bench/run
