/* What is stored, as its bytes come: kept whole while it fits, abridged where it does not (smart_stored). */

#include "unit.h"

#include "smart/smart_stored.h"

#include <stdio.h>
#include <string.h>

#define MANY ((size_t) 1 << 20)

static const smart_read_head_t found = {.status = 200,
                                        .content_type = BASE_SPAN_LIT("application/fhir+json"),
                                        .etag = BASE_SPAN_LIT("W/\"3\"")};

/* A Patient whose photo is `n` bytes of base64, with what reads differently from how it is written. */
static base_span_t patient(size_t n)
{
    static char text[1 << 15];
    size_t at = (size_t) snprintf(text, sizeof(text), "{ \"photo\" : [{\"data\":\"");

    memset(text + at, 'A', n);
    at += n;
    at += (size_t) snprintf(text + at, sizeof(text) - at,
                            "\"}],\"resourceType\":\"Patient\",\"id\":\"p1\",\"n\\u0061me\":[{"
                            "\"text\":\"a\\\"b\\\\\\u00e4\"}],\"x\":[1.50,-0e1,true,null,{},[]]}");
    return base_span_make(text, at);
}

/* Feeds it in pieces of `step` bytes. */
static void feed(smart_stored_t *stored, base_arena_t *arena, base_span_t body, size_t keep_max,
                 size_t step)
{
    size_t at;

    ok(smart_stored_start(stored, arena, fhir_definitions_of(FHIR_R4), NULL, NULL, NULL, keep_max),
       "started");
    (void) smart_stored_head(stored, &found);
    for (at = 0; at < body.n && smart_stored_feed(stored, base_span_sub(body, at, at + step));
         at += step) {
    }
    smart_stored_end(stored, BASE_OK);
}

/* What is kept does not depend on how it comes. */
static void pieces(void)
{
    static const size_t photos[] = {0, 100, 2048, 2049, 20000};
    static const size_t steps[] = {1, 2, 3, 7, 64, 1000, 1 << 20};
    size_t i, j;

    for (i = 0; i < sizeof(photos) / sizeof(photos[0]); i++) {
        base_span_t body = patient(photos[i]), text;
        base_arena_t *arena = base_arena_new(MANY);

        text = smart_stored_abridge(body, arena, 4096);
        ok(text.p != NULL && text.n <= 2500, "abridged: %zu", text.n);
        for (j = 0; j < sizeof(steps) / sizeof(steps[0]); j++) {
            base_arena_t *other = base_arena_new(MANY);
            smart_stored_t stored = {0};

            feed(&stored, other, body, MANY, steps[j]);
            ok(stored.state == SMART_STORED_FOUND && !stored.abridged &&
                   base_span_eq(stored.body, body),
               "%zu bytes by %zu: whole", body.n, steps[j]);
            feed(&stored, other, body, 4096, steps[j]);
            ok(stored.state == SMART_STORED_FOUND && stored.abridged == (body.n > 4096) &&
                   base_span_eq(stored.body, stored.abridged ? text : body),
               "%zu bytes by %zu: in 4096", body.n, steps[j]);
            ok(base_span_is(fhir_text_span(&stored.facts.id), "p1") &&
                   base_span_is(stored.version, "W/\"3\""),
               "and read all the same");
            base_arena_free(other);
        }
        base_arena_free(arena);
    }
}

/* Even abridged too large; broken behind what is kept; used again. */
static void bounds(void)
{
    base_arena_t *arena = base_arena_new(MANY);
    smart_stored_t stored = {0};
    base_span_t body = patient(3000);

    feed(&stored, arena, body, 1000, 10);
    ok(stored.state == SMART_STORED_FOUND && stored.too_large && stored.body.p == NULL,
       "too large: found, and nothing is kept");
    feed(&stored, arena, base_span_sub(body, 0, body.n - 1), 1000, 10);
    ok(stored.state == SMART_STORED_FAILED && stored.reason == BASE_PREREAD_FAILED, "cut");
    feed(&stored, arena, body, MANY, 10);
    ok(stored.state == SMART_STORED_FOUND && !stored.too_large && !stored.abridged &&
           base_span_eq(stored.body, body),
       "again, where it fits");
    base_arena_free(arena);
}

/* Without memory: no answer is better than half of one. */
static void memory(void)
{
    base_span_t body = patient(3000);
    size_t limit;

    for (limit = 0; limit < MANY / 4; limit += 512) {
        base_arena_t *arena = base_arena_new(limit);
        smart_stored_t stored = {0};

        if (smart_stored_start(&stored, arena, fhir_definitions_of(FHIR_R4), NULL, NULL, NULL,
                               2900)) {
            (void) smart_stored_head(&stored, &found);
            (void) smart_stored_feed(&stored, base_span_sub(body, 0, 1500));
            (void) smart_stored_feed(&stored, base_span_sub(body, 1500, body.n));
            smart_stored_end(&stored, BASE_OK);
        }
        if (stored.state == SMART_STORED_FOUND && !stored.too_large && !stored.abridged) {
            ok(0, "%zu: whole in less than it is", limit);
        }
        base_arena_free(arena);
    }
    ok(1, "no memory");
}

int main(void)
{
    UNIT_BEGIN();
    pieces();
    bounds();
    memory();
    UNIT_END();
}
