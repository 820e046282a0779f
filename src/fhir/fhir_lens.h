/*
 * fhir_lens: what to look for in a resource of one type. Each watched element is a bit;
 * fhir_resource says what became of it.
 *
 * A lens is built once (where grants are compiled) and never changes while it is in use; many
 * readers share it.
 */

#ifndef FHIR_LENS_H
#define FHIR_LENS_H

#include "base/base_arena.h"
#include "fhir/fhir_definitions.h"
#include "fhir/fhir_test.h"

#define FHIR_LENS_BITS   64 /* one for each path that is watched */
#define FHIR_LENS_STEPS  12 /* FHIR_PATH_STEPS: names in one path */
#define FHIR_LENS_FAILED (-1)

typedef struct fhir_lens_s fhir_lens_t;

/* A lens that watches nothing yet. NULL when memory is short. It lives as long as the arena. */
fhir_lens_t *fhir_lens_new(base_arena_t *arena, const fhir_type_t *type);

/*
 * Watches the Reference at `path`: met when at least one there names `type` and one of `ids` on
 * this server (fhir_reference_is; RULES D2). Spans and arrays must outlive the lens. Returns the
 * bit, or FHIR_LENS_FAILED: 64 bits are in use, the path is not plain (it has "{k=v}" or "[n]"), or
 * memory is short. The caller then must treat the test as void.
 */
int fhir_lens_watch_reference(fhir_lens_t *lens, const fhir_path_t *path, const base_span_t *bases,
                              size_t n_bases, const char *type, const base_span_t *ids,
                              size_t n_ids);

/*
 * Watches for any other of the type at `path` (RULES D4, writes): met when a reference there is
 * neither one of `ids` on this server nor surely of another type. Else as above; whoever asks must
 * insist on NOT_MET.
 */
int fhir_lens_watch_others(fhir_lens_t *lens, const fhir_path_t *path, const base_span_t *bases,
                           size_t n_bases, const char *type, const base_span_t *ids, size_t n_ids);

/* Watches that there is nothing at `path` (RULES D8: Device.patient absent): met without any value
 * there. Else as above. */
int fhir_lens_watch_absent(fhir_lens_t *lens, const fhir_path_t *path);

/*
 * Watches the test at every path of its parameter: one bit, met when any value there meets it. The
 * test must outlive the lens. FHIR_LENS_FAILED as above; the caller then must treat the constraint
 * as void. A test of `_id`, `_tag` ... works on any type.
 */
int fhir_lens_watch_test(fhir_lens_t *lens, const fhir_test_t *test);

/*
 * The name of the top-level element that the i-th watched path begins with ("subject", "meta"), i <
 * fhir_lens_bits(); for _elements (RULES C14). Names repeat.
 */
base_span_t fhir_lens_element(const fhir_lens_t *lens, unsigned i);

const fhir_type_t *fhir_lens_type(const fhir_lens_t *lens);

/* Watched paths: 0 .. FHIR_LENS_BITS. */
unsigned fhir_lens_bits(const fhir_lens_t *lens);

#endif
