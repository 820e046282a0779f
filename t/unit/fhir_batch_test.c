/*
 * Batches and transactions: what is read of each entry and where it stands, and the request that it
 * makes.
 */

#include "fhir/fhir_batch.h"
#include "unit.h"

#include <stdlib.h>

#define HASHES 2048

static const base_span_t bases[] = {BASE_SPAN_LIT("https://fhir.example.org/r4")};
static const base_span_t ids[] = {BASE_SPAN_LIT("1")};
static uint64_t hashes[HASHES];
static base_arena_t *arena;
static fhir_lens_t *lens;

static const fhir_lens_t *lookup(void *ctx, const fhir_type_t *type)
{
    (void) ctx;
    return fhir_lens_type(lens) == type ? lens : NULL;
}

static base_reason_t read_max(const char *body, size_t max, fhir_batch_t *batch)
{
    return fhir_batch_read(base_span_of(body), max, fhir_definitions_of(FHIR_R4), lookup, NULL,
                           arena, hashes, HASHES, batch);
}

static int is_range(const char *body, fhir_range_t range, const char *expected, const char *what)
{
    return is_mem(body + range.from, range.to - range.from, expected, strlen(expected), "%s", what);
}

static const char full[] =
    "{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":["
    "{\"fullUrl\":\"urn:uuid:a\",\"resource\":{\"id\":\"x\",\"status\":\"final\",\"subject\":"
    "{\"reference\":\"Patient/1\"},\"resourceType\":\"Observation\"},"
    "\"request\":{\"method\":\"POST\",\"url\":\"Observation\",\"ifNoneExist\":\"identifier=a\"}},"
    "{\"request\":{\"method\":\"PUT\",\"url\":\"Pati\\u0065nt/1\",\"ifMatch\":\"W/\\\"3\\\"\","
    "\"ifNoneMatch\":\"*\",\"ifModifiedSince\":\"2024\"},\"resource\":{\"resourceType\":"
    "\"Patient\","
    "\"id\":\"1\",\"link\":[{\"other\":{\"reference\":\"Patient?identifier=q\"}}],"
    "\"contained\":[{\"a\":{\"reference\":\"urn:uuid:a\"}}],\"photo\":[{\"url\":\"Binary\\/7\"}]}},"
    "{\"request\":{}},"
    "{}]}";

static void test_full(void)
{
    fhir_batch_t batch;
    const fhir_batch_entry_t *e;

    is_int(read_max(full, 500, &batch), BASE_OK, "a transaction is read");
    is_int(batch.kind, FHIR_BATCH_TRANSACTION, "it is one");
    is_int(batch.n, 4, "of four entries");
    is_int(full[batch.entries.from], '[', "the array begins");
    is_int(full[batch.entries.to - 1], ']', "and ends");
    e = &batch.rows[0];
    ok(base_span_is(e->full_url.text, "urn:uuid:a"), "fullUrl");
    is_range(full, e->full_url.range, "\"urn:uuid:a\"", "and its place");
    ok(base_span_is(e->method.text, "POST"), "method");
    is_range(full, e->method.range, "\"POST\"", "and its place");
    is_range(full, e->url.range, "\"Observation\"", "the place of the url");
    ok(base_span_is(e->if_none_exist.text, "identifier=a"), "ifNoneExist");
    is_range(full, e->if_none_exist.range, "\"identifier=a\"", "and its place");
    ok(e->if_match.text.p == NULL && e->if_match.range.to == 0, "no ifMatch");
    is_range(full, e->request,
             "{\"method\":\"POST\",\"url\":\"Observation\",\"ifNoneExist\":\"identifier=a\"}",
             "the request");
    ok(!e->request_is_empty, "it has members");
    is_int(full[e->whole.from], '{', "the entry");
    is_int(full[e->resource.from], '{', "the resource");
    is_int(full[e->resource.to - 1], '}', "to its end");
    ok(e->facts.type == fhir_lens_type(lens), "its type, said late");
    is_int(fhir_facts_bit(&e->facts, 0), FHIR_MET, "its facts all the same");
    is_int(e->links.n, 1, "one reference");
    is_range(full, e->links.rows[0].range, "\"Patient/1\"", "and its place");

    e = &batch.rows[1];
    ok(base_span_is(e->url.text, "Patient/1"), "an escaped url");
    is_range(full, e->url.range, "\"Pati\\u0065nt/1\"", "and its place");
    ok(base_span_is(e->if_match.text, "W/\"3\""), "ifMatch");
    is_range(full, e->if_match.range, "\"W/\\\"3\\\"\"", "and its place");
    ok(base_span_is(e->if_none_match.text, "*"), "ifNoneMatch");
    ok(base_span_is(e->if_modified_since.text, "2024"), "ifModifiedSince");
    is_int(e->links.n, 3, "three links");
    is_int(e->links.n_conditional, 1, "one of them a search");
    is_int(e->links.rows[0].reference.kind, FHIR_REFERENCE_CONDITIONAL, "the first");
    ok(base_span_is(e->links.rows[0].reference.type, "Patient"), "of patients");
    is_int(e->links.rows[1].reference.kind, FHIR_REFERENCE_URN, "the second, contained");
    is_int(e->links.rows[2].kind, FHIR_LINK_URL, "a url");
    ok(base_span_is(e->links.rows[2].reference.type, "Binary"), "that names a Binary");
    is_range(full, e->links.rows[2].range, "\"Binary\\/7\"", "and its place");
    ok(batch.rows[2].request_is_empty, "an empty request");
    ok(batch.rows[3].request.to == 0 && batch.rows[3].resource.to == 0, "an empty entry");
}

static const struct {
    const char *body;
    base_reason_t reason;
    fhir_batch_kind_t kind;
    size_t n;
} bodies[] = {
    {"{\"resourceType\":\"Bundle\",\"type\":\"batch\"}", BASE_OK, FHIR_BATCH_BATCH, 0},
    {"{\"type\":\"batch\",\"entry\":[{}],\"resourceType\":\"Bundle\"}", BASE_OK, FHIR_BATCH_BATCH,
     1},
    {"{\"resourceType\":\"Bundle\",\"type\":\"history\"}", BASE_OK, FHIR_BATCH_OTHER, 0},
    {"{\"resourceType\":\"Bundle\"}", BASE_OK, FHIR_BATCH_OTHER, 0},
    {"{\"resourceType\":\"bundle\",\"type\":\"batch\"}", BASE_BODY_TYPE, FHIR_BATCH_OTHER, 0},
    {"{\"resourceType\":\"Patient\"}", BASE_BODY_TYPE, FHIR_BATCH_OTHER, 0},
    {"{}", BASE_BODY_TYPE, FHIR_BATCH_OTHER, 0},
    {"[]", BASE_BODY_TYPE, FHIR_BATCH_OTHER, 0},
    {"", BASE_JSON_TRUNCATED, FHIR_BATCH_OTHER, 0},
    {"{\"resourceType\":\"Bundle\"", BASE_JSON_TRUNCATED, FHIR_BATCH_OTHER, 0},
    {"{\"resourceType\":\"Bundle\"}x", BASE_JSON_SYNTAX, FHIR_BATCH_OTHER, 0},
    {"{\"resourceType\":7}", BASE_BODY_TYPE, FHIR_BATCH_OTHER, 0},
    {"{\"resourceType\":\"Bundle\",\"type\":null}", BASE_BODY_TYPE, FHIR_BATCH_OTHER, 0},
    {"{\"resourceType\":\"Bundle\",\"entry\":{}}", BASE_BODY_TYPE, FHIR_BATCH_OTHER, 0},
    {"{\"resourceType\":\"Bundle\",\"entry\":[[]]}", BASE_BODY_TYPE, FHIR_BATCH_OTHER, 0},
    {"{\"resourceType\":\"Bundle\",\"entry\":[null]}", BASE_BODY_TYPE, FHIR_BATCH_OTHER, 0},
    {"{\"resourceType\":\"Bundle\",\"entry\":[{\"request\":[]}]}", BASE_BODY_TYPE, FHIR_BATCH_OTHER,
     0},
    {"{\"resourceType\":\"Bundle\",\"entry\":[{\"request\":{\"url\":7}}]}", BASE_BODY_TYPE,
     FHIR_BATCH_OTHER, 0},
    {"{\"resourceType\":\"Bundle\",\"entry\":[{\"resource\":[]}]}", BASE_BODY_TYPE,
     FHIR_BATCH_OTHER, 0},
    {"{\"resourceType\":\"Bundle\",\"entry\":[{\"fullUrl\":{}}]}", BASE_BODY_TYPE, FHIR_BATCH_OTHER,
     0},
    {"{\"resourceType\":\"Bundle\",\"entry\":[{\"request\":{\"url\":\"a\",\"url\":\"b\"}}]}",
     BASE_JSON_DUPLICATE, FHIR_BATCH_OTHER, 0},
    {"{\"resourceType\":\"Bundle\",\"entry\":[{\"request\":{\"url\":\"a\",\"u\\u0072l\":\"b\"}}]}",
     BASE_JSON_DUPLICATE, FHIR_BATCH_OTHER, 0},
    {"{\"resourceType\":\"Bundle\",\"entry\":[{\"resource\":{\"a\":{\"b\":1,\"b\":2}}}]}",
     BASE_JSON_DUPLICATE, FHIR_BATCH_OTHER, 0},
    {"{\"resourceType\":\"Bundle\",\"entry\":[],\"entry\":[{}]}", BASE_JSON_DUPLICATE,
     FHIR_BATCH_OTHER, 0},
    {"{\"resourceType\":\"Bundle\",\"x\":[[{\"url\":\"a\"}]],"
     "\"a\\u006ename\\u006ethat\\u006eis\\u006elonger\\u006ethan\\u006eany\\u006ename\\u006ethat\\u"
     "006e"
     "anybody\\u006ereads\\u006eor\\u006ewrites\\u006ein\\u006eFHIR\":{\"url\":[]},\"type\":"
     "\"batch\"}",
     BASE_OK, FHIR_BATCH_BATCH, 0},
};

static void test_bodies(void)
{
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        fhir_batch_t batch;

        is_int(read_max(bodies[i].body, 500, &batch), bodies[i].reason, "%s", bodies[i].body);
        is_int(batch.kind, bodies[i].kind, "its kind");
        is_int(batch.n, bodies[i].n, "its entries");
    }
}

static void test_bounds(void)
{
    static char body[200000];
    size_t at = 0;
    fhir_batch_t batch;

    at += (size_t) snprintf(body, sizeof(body),
                            "{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[{}");
    for (unsigned i = 1; i < FHIR_BATCH_ENTRIES; i++) {
        at += (size_t) snprintf(body + at, sizeof(body) - at, ",{\"fullUrl\":\"%u\"}", i);
    }
    (void) snprintf(body + at, sizeof(body) - at, "]}");
    is_int(read_max(body, FHIR_BATCH_ENTRIES, &batch), BASE_OK, "500 entries");
    is_int(batch.n, FHIR_BATCH_ENTRIES, "all of them");
    ok(base_span_is(batch.rows[499].full_url.text, "499"), "the last, too");
    is_int(read_max(body, FHIR_BATCH_ENTRIES - 1, &batch), BASE_BODY_TOO_LARGE, "one too many");
    is_int(batch.n, 0, "none of them");

    at = (size_t) snprintf(
        body, sizeof(body),
        "{\"resourceType\":\"Bundle\",\"entry\":[{\"resource\":{\"x\":[{\"url\":\"\"}");
    for (unsigned i = 1; i < 4096; i++) {
        at += (size_t) snprintf(body + at, sizeof(body) - at, ",{\"reference\":\"%u\"}", i);
    }
    (void) snprintf(body + at, sizeof(body) - at, "]}}]}");
    is_int(read_max(body, 500, &batch), BASE_OK, "4096 links");
    is_int(batch.rows[0].links.n, 4096, "all of them");
    (void) snprintf(body + at, sizeof(body) - at, ",{\"url\":\"\"}]}}]}");
    is_int(read_max(body, 500, &batch), BASE_BODY_TOO_LARGE, "one too many");
}

#define PATIENT "{\"resourceType\":\"Patient\",\"id\":\"1\"}"
#define BINARY  "{\"resourceType\":\"Binary\"}"
#define PARAMS  "{\"resourceType\":\"Parameters\"}"

static const struct {
    const char *method, *url, *resource;
    base_reason_t reason;
    const char *interaction, *path, *query;
} requests[] = {
    {"GET", "Patient/1", NULL, BASE_OK, "read", "/Patient/1", NULL},
    {"HEAD", "Patient/1", NULL, BASE_OK, "read", "/Patient/1", NULL},
    {"GET", "/Patient/1", NULL, BASE_OK, "read", "/Patient/1", NULL},
    {"GET", "https://fhir.example.org/r4/Patient/1", NULL, BASE_OK, "read", "/Patient/1", NULL},
    {"GET", "Patient?name=a", NULL, BASE_OK, "search-type", "/Patient", "name=a"},
    {"GET", "Patient/1/_history/2", NULL, BASE_OK, "vread", "/Patient/1/_history/2", NULL},
    {"GET", "Patient/1/Observation", NULL, BASE_OK, "search-compartment", "/Patient/1/Observation",
     NULL},
    {"GET", "_history", NULL, BASE_OK, "history-system", "/_history", NULL},
    {"GET", "metadata", NULL, BASE_OK, "capabilities", "/metadata", NULL},
    {"GET", "Patient/1/$everything", NULL, BASE_OK, "operation", "/Patient/1/$everything", NULL},
    {"GET", "Patient/1/%24everything", NULL, BASE_OK, "operation", "/Patient/1/$everything", NULL},
    {"POST", "Patient/$match", PARAMS, BASE_OK, "operation", "/Patient/$match", NULL},
    {"POST", "Patient", PATIENT, BASE_OK, "create", "/Patient", NULL},
    {"POST", "Bundle", "{\"resourceType\":\"Bundle\"}", BASE_OK, "create", "/Bundle", NULL},
    {"PUT", "Patient/1", PATIENT, BASE_OK, "update", "/Patient/1", NULL},
    {"PUT", "Patient?name=a", PATIENT, BASE_OK, "update-conditional", "/Patient", "name=a"},
    {"PATCH", "Patient/1", PARAMS, BASE_OK, "patch", "/Patient/1", NULL},
    {"PATCH", "Patient/1", BINARY, BASE_OK, "patch", "/Patient/1", NULL},
    {"DELETE", "Patient/1", NULL, BASE_OK, "delete", "/Patient/1", NULL},
    {"DELETE", "Patient?name=a", NULL, BASE_OK, "delete-conditional", "/Patient", "name=a"},
    {"POST", "Patient/_search?name=a", NULL, BASE_OK, "search-type", "/Patient/_search", "name=a"},
    /* somewhere else */
    {"GET", "//other.example.org/Patient/1", NULL, BASE_PATH_SYNTAX, NULL, NULL, NULL},
    {"GET", "https://other.example.org/r4/Patient/1", NULL, BASE_PATH_SYNTAX, NULL, NULL, NULL},
    {"GET", "https://fhir.example.org/r4x/Patient/1", NULL, BASE_PATH_SYNTAX, NULL, NULL, NULL},
    {"GET", "HTTPS://fhir.example.org/r4/Patient/1", NULL, BASE_PATH_SYNTAX, NULL, NULL, NULL},
    {"GET", "https://fhir.example.org/r4//Patient/1", NULL, BASE_PATH_SYNTAX, NULL, NULL, NULL},
    {"GET", "https://fhir.example.org/r4", NULL, BASE_PATH_SYNTAX, NULL, NULL, NULL},
    {"GET", "https://fhir.example.org/r4/", NULL, BASE_INTERACTION_REFUSED, NULL, NULL, NULL},
    {"GET", "Patient/1#a", NULL, BASE_PATH_SYNTAX, NULL, NULL, NULL},
    {"GET", "#a", NULL, BASE_PATH_SYNTAX, NULL, NULL, NULL},
    {"GET", "Patient/../Observation", NULL, BASE_PATH_SYNTAX, NULL, NULL, NULL},
    {"GET", "../Patient/1", NULL, BASE_PATH_SYNTAX, NULL, NULL, NULL},
    {"GET", "Patient//1", NULL, BASE_PATH_SYNTAX, NULL, NULL, NULL},
    {"GET", "Patient/1/", NULL, BASE_PATH_SYNTAX, NULL, NULL, NULL},
    {"GET", "Patient%2F1", NULL, BASE_PATH_ENCODED, NULL, NULL, NULL},
    {"GET", "", NULL, BASE_PATH_SYNTAX, NULL, NULL, NULL},
    {"GET", NULL, NULL, BASE_PATH_SYNTAX, NULL, NULL, NULL},
    {NULL, "Patient/1", NULL, BASE_PATH_SYNTAX, NULL, NULL, NULL},
    {"GET", "urn:uuid:a", NULL, BASE_PATH_SYNTAX, NULL, NULL, NULL},
    /* the base itself: no nesting */
    {"POST", "/", "{\"resourceType\":\"Bundle\"}", BASE_INTERACTION_REFUSED, NULL, NULL, NULL},
    {"GET", "/", NULL, BASE_INTERACTION_REFUSED, NULL, NULL, NULL},
    {"GET", "?_type=Patient", NULL, BASE_INTERACTION_REFUSED, NULL, NULL, NULL},
    {"GET", "/?_getpages=a", NULL, BASE_INTERACTION_REFUSED, NULL, NULL, NULL},
    /* other ways to be wrong */
    {"get", "Patient/1", NULL, BASE_METHOD_NOT_ALLOWED, NULL, NULL, NULL},
    {"OPTIONS", "Patient/1", NULL, BASE_INTERACTION_REFUSED, NULL, NULL, NULL},
    {"TRACE", "Patient/1", NULL, BASE_METHOD_NOT_ALLOWED, NULL, NULL, NULL},
    {"PUT", "Patient", PATIENT, BASE_METHOD_NOT_ALLOWED, NULL, NULL, NULL},
    {"GET", "Foo/1", NULL, BASE_TYPE_UNKNOWN, NULL, NULL, NULL},
    {"GET", "Patient?a=%zz", NULL, BASE_QUERY_SYNTAX, NULL, NULL, NULL},
    {"GET", "Patient?access_token=a", NULL, BASE_CREDENTIALS_IN_QUERY, NULL, NULL, NULL},
    {"GET", "Patient/1", PATIENT, BASE_BODY_UNEXPECTED, NULL, NULL, NULL},
    {"DELETE", "Patient/1", PATIENT, BASE_BODY_UNEXPECTED, NULL, NULL, NULL},
    {"POST", "Patient/_search", PARAMS, BASE_BODY_UNEXPECTED, NULL, NULL, NULL},
    {"POST", "Patient", NULL, BASE_BODY_TYPE, NULL, NULL, NULL},
    {"POST", "Observation", PATIENT, BASE_BODY_TYPE, NULL, NULL, NULL},
    {"POST", "Patient", "{\"id\":\"1\"}", BASE_BODY_TYPE, NULL, NULL, NULL},
    {"PUT", "Patient/2", PATIENT, BASE_BODY_TYPE, NULL, NULL, NULL},
    {"PUT", "Patient/1", "{\"resourceType\":\"Patient\"}", BASE_BODY_TYPE, NULL, NULL, NULL},
    {"PUT", "Observation/1", PATIENT, BASE_BODY_TYPE, NULL, NULL, NULL},
    {"PUT", "Patient/1", NULL, BASE_BODY_TYPE, NULL, NULL, NULL},
    {"PUT", "Observation?name=a", PATIENT, BASE_BODY_TYPE, NULL, NULL, NULL},
    {"PATCH", "Patient/1", PATIENT, BASE_BODY_TYPE, NULL, NULL, NULL},
    {"PATCH", "Patient/1", NULL, BASE_BODY_TYPE, NULL, NULL, NULL},
};

static void member(char *body, size_t room, const char *name, const char *value)
{
    size_t n = strlen(body);

    if (value != NULL) {
        (void) snprintf(body + n, room - n, "%s\"%s\":\"%s\"", body[n - 1] == '{' ? "" : ",", name,
                        value);
    }
}

static base_reason_t request_of(size_t i, fhir_request_t *req)
{
    char *body = base_arena_alloc(arena, 1024);
    fhir_batch_t batch;
    size_t n;

    (void) snprintf(body, 1024,
                    "{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[{\"request\":{");
    member(body, 1024, "method", requests[i].method);
    member(body, 1024, "url", requests[i].url);
    n = strlen(body);
    (void) snprintf(body + n, 1024 - n,
                    requests[i].resource != NULL ? "},\"resource\":%s}]}" : "}%s}]}",
                    requests[i].resource != NULL ? requests[i].resource : "");
    if (read_max(body, 500, &batch) != BASE_OK || batch.n != 1) {
        return BASE_INTERNAL;
    }
    return fhir_batch_request(fhir_definitions_of(FHIR_R4), &batch.rows[0], bases, 1, arena, req);
}

static void test_requests(void)
{
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        fhir_request_t req;
        base_reason_t reason = request_of(i, &req);
        base_span_t path, query, form;

        is_int(reason, requests[i].reason, "%s %s: %s",
               requests[i].method != NULL ? requests[i].method : "no method",
               requests[i].url != NULL ? requests[i].url : "no url",
               base_reason_info(reason)->name);
        if (reason != BASE_OK || requests[i].interaction == NULL) {
            continue;
        }
        is_str(req.row->name, requests[i].interaction, "as %s", requests[i].interaction);
        (void) fhir_request_write(&req, arena, &path, &query, &form);
        ok(base_span_is(path, requests[i].path), "the path");
        ok(requests[i].query == NULL ? query.p == NULL : base_span_is(query, requests[i].query),
           "the query");
        ok(form.p == NULL && !req.form_pending, "no form");
    }
}

/* The headers of an entry are those of its request. */
static void test_headers(void)
{
    fhir_batch_t batch;
    fhir_request_t req;

    (void) read_max(full, 500, &batch);
    is_int(fhir_batch_request(fhir_definitions_of(FHIR_R4), &batch.rows[0], bases, 1, arena, &req),
           BASE_OK, "a conditional create");
    is_int(req.row->interaction, FHIR_CREATE_CONDITIONAL, "is one");
    ok(base_span_is(req.message.if_none_exist, "identifier=a"), "with its criteria");
    is_int(fhir_batch_request(fhir_definitions_of(FHIR_R4), &batch.rows[1], bases, 1, arena, &req),
           BASE_OK, "an update");
    ok(base_span_is(req.message.if_match, "W/\"3\""), "with its version");
    ok(base_span_is(req.message.if_none_match, "*"), "and what it must not match");
}

static void test_memory(void)
{
    unsigned failed = 0;
    size_t limit;

    for (limit = 64; limit < 200000; limit += 64) {
        base_arena_t *small = base_arena_new(limit);
        fhir_batch_t batch;
        fhir_request_t req;
        base_reason_t reason =
            fhir_batch_read(base_span_of(full), 500, fhir_definitions_of(FHIR_R4), lookup, NULL,
                            small, hashes, HASHES, &batch);

        if (reason == BASE_OK) {
            reason = fhir_batch_request(fhir_definitions_of(FHIR_R4), &batch.rows[0], bases, 1,
                                        small, &req);
        }
        base_arena_free(small);
        if (reason != BASE_NO_MEMORY) {
            is_int(reason, BASE_OK, "with enough it goes");
            break;
        }
        failed++;
    }
    ok(failed > 10, "without it does not, %u times", failed);
}

int main(void)
{
    const fhir_path_t subject = {"subject", "Reference", NULL};

    UNIT_BEGIN();
    arena = base_arena_new((size_t) 64 << 20);
    lens = fhir_lens_new(arena,
                         fhir_type_find(fhir_definitions_of(FHIR_R4), BASE_SPAN("Observation")));
    (void) fhir_lens_watch_reference(lens, &subject, bases, 1, "Patient", ids, 1);
    test_full();
    test_bodies();
    test_bounds();
    test_requests();
    test_headers();
    test_memory();
    base_arena_free(arena);
    UNIT_END();
}
