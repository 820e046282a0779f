/*
 * Batches: whatever the bytes, ranges lie inside one another and hold what they say; the strict
 * scanner alone agrees on what is JSON; a request that an entry makes is one that HTTP would make;
 * no conditional reference is missed.
 */

#include "fhir/fhir_batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASHES      ((size_t) 4096)
#define CHECK(cond) check((cond), #cond, __LINE__)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const base_span_t bases[] = {BASE_SPAN_LIT("http://x")};
static uint64_t hashes[HASHES];

static void check(bool holds, const char *what, int line)
{
    if (!holds) {
        (void) fprintf(stderr, "line %d: %s\n", line, what);
        abort();
    }
}

static const fhir_lens_t *lookup(void *ctx, const fhir_type_t *type)
{
    (void) ctx;
    (void) type;
    return NULL;
}

static void check_inside(fhir_range_t inner, fhir_range_t outer)
{
    CHECK(inner.to == 0 ||
          (inner.from > outer.from && inner.to < outer.to && inner.from < inner.to));
}

static void check_string(base_span_t body, const fhir_member_t *member, fhir_range_t outer)
{
    check_inside(member->range, outer);
    CHECK((member->range.to == 0) == (member->text.p == NULL));
    if (member->range.to > 0) {
        CHECK(body.p[member->range.from] == '"' && body.p[member->range.to - 1] == '"');
        CHECK(member->text.n + 2 <= member->range.to - member->range.from);
    }
}

static void check_request(const fhir_batch_entry_t *entry, base_arena_t *arena)
{
    const fhir_definitions_t *defs = fhir_definitions_of(FHIR_R4);
    fhir_request_t req, again;
    fhir_message_t message;

    if (fhir_batch_request(defs, entry, bases, 1, arena, &req) != BASE_OK) {
        return;
    }
    CHECK(req.row != NULL && req.shape != FHIR_SHAPE_BASE && req.path.p[0] == '/');
    message = req.message;
    message.path = req.path;
    message.content_type = BASE_SPAN("application/x-www-form-urlencoded");
    CHECK(fhir_request_parse(defs, &message, arena, &again) == BASE_OK);
    CHECK(again.row == req.row && again.type == req.type && base_span_eq(again.id, req.id));
}

static void check_entry(base_span_t body, const fhir_batch_entry_t *entry, base_arena_t *arena)
{
    check_inside(entry->request, entry->whole);
    check_inside(entry->resource, entry->whole);
    check_string(body, &entry->full_url, entry->whole);
    check_string(body, &entry->method, entry->request);
    check_string(body, &entry->url, entry->request);
    check_string(body, &entry->if_none_exist, entry->request);
    check_string(body, &entry->if_match, entry->request);
    check_string(body, &entry->if_none_match, entry->request);
    for (size_t i = 0; i < entry->links.n; i++) {
        const fhir_link_t *link = &entry->links.rows[i];
        const fhir_member_t as = {link->reference.text, link->range};

        check_string(body, &as, entry->resource);
    }
    check_request(entry, arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    base_span_t body = base_span_make(data, size);
    base_arena_t *arena = base_arena_new((size_t) 16 << 20);
    fhir_batch_t batch;
    fhir_links_t links;
    base_reason_t reason, alone;

    reason = fhir_batch_read(body, 500, fhir_definitions_of(FHIR_R4), lookup, NULL, arena, hashes,
                             HASHES, &batch);
    alone = fhir_links_read(body, 100000, arena, hashes, HASHES, &links);
    CHECK(reason != BASE_OK || alone == BASE_OK);
    if (reason == BASE_OK) {
        size_t at = 0;
        size_t conditional = 0;

        for (size_t i = 0; i < batch.n; i++) {
            const fhir_batch_entry_t *entry = &batch.rows[i];

            CHECK(entry->whole.from > at && entry->whole.from > batch.entries.from);
            CHECK(entry->whole.to < batch.entries.to);
            at = entry->whole.to;
            check_entry(body, entry, arena);
            conditional += entry->links.n_conditional;
        }
        CHECK(conditional <= links.n_conditional);
    }
    base_arena_free(arena);
    return 0;
}
