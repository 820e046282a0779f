/*
 * Requests: whatever is accepted is written as it was read, reads the same when read again, and is
 * free of what RULES B0 and C1 refuse.
 *
 * Input: method, path, query, form, If-None-Exist, one a line; a line that is "-" is absent.
 */

#include "fhir/fhir_reference.h"
#include "fhir/fhir_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(cond) check((cond), #cond, __LINE__)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds, const char *what, int line)
{
    if (!holds) {
        (void) fprintf(stderr, "line %d: %s\n", line, what);
        abort();
    }
}

static base_span_t line_of(base_span_t *rest)
{
    base_span_t line = base_span_make(NULL, 0);

    if (rest->p != NULL) {
        line = base_span_split(rest, '\n');
    }
    return base_span_is(line, "-") ? base_span_make(NULL, 0) : line;
}

static void check_path(base_span_t path)
{
    for (size_t i = 0; i < path.n; i++) {
        unsigned char c = path.p[i];

        CHECK(c > 0x20 && c < 0x7f && c != '%' && c != ';' && c != '\\' && c != '?' && c != '#');
        CHECK(c != '/' || i + 1 == path.n || path.p[i + 1] != '/');
        CHECK(c != '/' || i + 1 == path.n || path.p[i + 1] != '.' ||
              !(i + 2 == path.n || path.p[i + 2] == '/'));
    }
    CHECK(path.n == 0 || path.p[0] == '/');
}

static void check_request(const fhir_request_t *req)
{
    check_path(req->path);
    CHECK(req->row != NULL);
    CHECK(req->id.p == NULL || fhir_id_is_valid(req->id));
    CHECK(req->vid.p == NULL || fhir_id_is_valid(req->vid));
    CHECK(req->compartment_id.p == NULL || fhir_id_is_valid(req->compartment_id));
    CHECK(req->id.p == NULL || req->type != NULL);
    CHECK(req->level != FHIR_LEVEL_INSTANCE || req->id.p != NULL);
    CHECK(req->query.n <= FHIR_QUERY_ITEMS_MAX);
    CHECK(!fhir_query_has_credentials(&req->query));
}

/* What is sent is what was judged: the written request is the read one, and reads the same. */
static void check_written(const fhir_definitions_t *defs, const fhir_message_t *message,
                          const fhir_request_t *req, base_arena_t *arena)
{
    fhir_message_t again = *message;
    fhir_request_t twin;
    base_span_t form;

    CHECK(fhir_request_write(req, arena, &again.path, &again.query, &form) == BASE_OK);
    CHECK(base_span_eq(again.query, message->query));
    CHECK((again.query.p == NULL) == (message->query.p == NULL));
    if (form.p != NULL) {
        CHECK(base_span_eq(form, message->form));
    }
    CHECK(fhir_request_parse(defs, &again, arena, &twin) == BASE_OK);
    CHECK(twin.row == req->row && twin.type == req->type && twin.compartment == req->compartment);
    CHECK(base_span_eq(twin.id, req->id) && base_span_eq(twin.operation, req->operation));
    CHECK(twin.query.n == req->query.n);
}

/* A narrowed request says what it said and what was added. */
static void check_narrowed(fhir_request_t *req, base_arena_t *arena)
{
    fhir_query_t again;
    base_span_t url, form;
    size_t n = req->query.n;

    CHECK(fhir_query_append(&req->query, FHIR_FROM_URL, BASE_SPAN("patient"),
                            BASE_SPAN("a&b=c%+ ,")) == BASE_OK);
    CHECK(fhir_query_write(&req->query, FHIR_FROM_URL, arena, &url) == BASE_OK);
    CHECK(fhir_query_write(&req->query, FHIR_FROM_FORM, arena, &form) == BASE_OK);
    if (n == FHIR_QUERY_ITEMS_MAX || url.n + form.n > FHIR_QUERY_BYTES_MAX) {
        return;
    }
    CHECK(fhir_query_parse(url, form, arena, &again) == BASE_OK);
    CHECK(again.n == n + 1);
    CHECK(fhir_query_says(&again, BASE_SPAN("patient"), BASE_SPAN("a&b=c%+ ,")));
    for (size_t i = 0; i < n; i++) {
        const fhir_item_t *item = &req->query.items[i];

        CHECK(item->value.p == NULL || fhir_query_says(&again, item->name, item->value));
    }
}

static void check_references(const fhir_query_t *query)
{
    for (size_t i = 0; i < query->n; i++) {
        base_span_t rest = query->items[i].value;

        while (rest.p != NULL) {
            fhir_reference_t ref;
            base_span_t base = BASE_SPAN("https://fhir.example.org/r4");

            fhir_reference_parse(fhir_query_split(&rest), &ref);
            CHECK(ref.id.p == NULL || fhir_id_is_valid(ref.id));
            if (fhir_reference_is(&ref, &base, 1, BASE_SPAN("Patient"), BASE_SPAN("1"))) {
                CHECK(base_span_starts(ref.text, "Patient/1") ||
                      base_span_starts(ref.text, "https://fhir.example.org/r4/Patient/1"));
            }
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const fhir_definitions_t *defs = fhir_definitions_of((fhir_version_t) (size % 3));
    base_span_t rest = base_span_make(data, size);
    fhir_message_t message = {0};
    base_arena_t *arena = base_arena_new((size_t) 1 << 22);
    fhir_request_t req;

    if (arena == NULL) {
        return 0;
    }
    message.method = line_of(&rest);
    message.path = line_of(&rest);
    message.query = line_of(&rest);
    message.form = line_of(&rest);
    message.if_none_exist = line_of(&rest);
    message.content_type = BASE_SPAN("application/x-www-form-urlencoded");
    message.has_body = message.form.p != NULL;
    if (fhir_request_parse(defs, &message, arena, &req) == BASE_OK) {
        check_request(&req);
        check_written(defs, &message, &req, arena);
        check_references(&req.query);
        check_narrowed(&req, arena);
    }
    base_arena_free(arena);
    return 0;
}
