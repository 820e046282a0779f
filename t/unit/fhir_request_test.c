/*
 * Requests: every row of RULES B2 by every method, the path grammar of B0 under attack, and that
 * what is written is what was read.
 */

#include "fhir/fhir_request.h"
#include "unit.h"

#define NONE    (-1) /* 405 */
#define REFUSED (-2) /* a row of another version */

static base_reason_t parse(fhir_version_t version, const fhir_message_t *message,
                           base_arena_t *arena, fhir_request_t *req)
{
    return fhir_request_parse(fhir_definitions_of(version), message, arena, req);
}

static fhir_message_t message_of(const char *method, const char *path, const char *query)
{
    fhir_message_t message = {0};

    message.method = base_span_of(method);
    message.path = base_span_of(path);
    message.query = base_span_of(query);
    if (base_span_is(message.method, "POST")) {
        message.content_type = BASE_SPAN("application/x-www-form-urlencoded");
    }
    return message;
}

/* For one path and query: the row for each method, NONE: 405. HEAD must always be as GET, OPTIONS
 * always row 29. */
static const struct {
    const char *path, *query;
    int get, post, put, patch, del;
    const char *name; /* of the first method that has a row */
} rows[] = {
    {"", NULL, 22, 25, NONE, NONE, NONE, "search-system"},
    {"/", NULL, 22, 25, NONE, NONE, NONE, "search-system"},
    {"", "", 22, 25, NONE, NONE, NONE, "search-system"},
    {"", "_type=Patient", 22, 25, NONE, NONE, REFUSED, "search-system"},
    {"", "_getpages=x", 32, 25, NONE, NONE, REFUSED, "page"},
    {"", "%5Fgetpages=x", 32, 25, NONE, NONE, REFUSED, "page"},
    {"", "ct=x", 32, 25, NONE, NONE, REFUSED, "page"},
    {"", "_getpages=x&_type=Patient", 22, 25, NONE, NONE, REFUSED, "search-system"},
    {"/Patient", NULL, 17, 15, NONE, NONE, NONE, "search-type"},
    {"/Patient/", NULL, 17, 15, NONE, NONE, NONE, "search-type"},
    {"/Patient", "", 17, 15, NONE, NONE, NONE, "search-type"},
    {"/Patient", "name=x", 17, 15, 4, 6, 8, "search-type"},
    {"/Patient/", "name=x", 17, 15, 4, 6, 8, "search-type"},
    {"/Patient/1", NULL, 1, NONE, 3, 5, 7, "read"},
    {"/Patient/1", "_elements=id", 1, NONE, 3, 5, 7, "read"},
    {"/Patient/a-B.9", NULL, 1, NONE, 3, 5, 7, "read"},
    {"/Patient/metadata", NULL, 1, NONE, 3, 5, 7, "read"},
    {"/Patient/Patient", NULL, 1, NONE, 3, 5, 7, "read"},
    {"/Patient/1/_history/2", NULL, 2, NONE, NONE, NONE, REFUSED, "vread"},
    {"/Patient/1/_history", NULL, 12, NONE, NONE, NONE, REFUSED, "history-instance"},
    {"/Patient/_history", NULL, 13, NONE, NONE, NONE, NONE, "history-type"},
    {"/_history", NULL, 14, NONE, NONE, NONE, NONE, "history-system"},
    {"/Patient/_search", "name=x", 19, 18, NONE, NONE, NONE, "search-type"},
    {"/_search", NULL, NONE, 23, NONE, NONE, NONE, "search-system"},
    {"/Patient/1/Observation", "code=x", 20, NONE, NONE, NONE, NONE, "search-compartment"},
    {"/Encounter/1/Observation", NULL, 20, NONE, NONE, NONE, NONE, "search-compartment"},
    {"/Patient/1/*", NULL, 21, NONE, NONE, NONE, NONE, "search-compartment"},
    {"/metadata", NULL, 24, NONE, NONE, NONE, NONE, "capabilities"},
    {"/metadata", "mode=terminology", 24, NONE, NONE, NONE, NONE, "capabilities"},
    {"/$export", NULL, 27, 27, NONE, NONE, NONE, "operation"},
    {"/%24export", NULL, 27, 27, NONE, NONE, NONE, "operation"},
    {"/Patient/$everything", NULL, 27, 27, NONE, NONE, NONE, "operation"},
    {"/Patient/1/$everything", NULL, 27, 27, NONE, NONE, NONE, "operation"},
    {"/Patient/1/%24everything", "start=2", 27, 27, NONE, NONE, NONE, "operation"},
    {"/Patient/1/_history/2/$validate", NULL, 27, 27, NONE, NONE, NONE, "operation"},
    {"/$bulkdata-status", NULL, 27, 27, NONE, NONE, NONE, "operation"},
    {"/.well-known/smart-configuration", NULL, 30, NONE, NONE, NONE, NONE, "smart-configuration"},
    {"/_smart/job/AbC-_9", NULL, 33, NONE, NONE, NONE, 33, "sealed"},
    {"/_smart/page/x", NULL, 33, NONE, NONE, NONE, 33, "sealed"},
};

static void test_row(const char *method, const char *path, const char *query, int row)
{
    base_arena_t *arena = base_arena_new(65536);
    fhir_message_t message = message_of(method, path, query);
    fhir_request_t req;
    base_reason_t reason = parse(FHIR_R4, &message, arena, &req);

    if (row == NONE) {
        is_int(reason, BASE_METHOD_NOT_ALLOWED, "%s '%s' ?%s: 405", method, path, query);
    } else if (row == REFUSED) {
        is_int(reason, BASE_INTERACTION_REFUSED, "%s '%s' ?%s: not here", method, path, query);
    } else if (ok(reason == BASE_OK && req.row != NULL, "%s '%s' ?%s is read", method, path,
                  query)) {
        is_int(req.row->row, row, "%s '%s' ?%s: row", method, path, query);
    }
    base_arena_free(arena);
}

static void test_rows(void)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        test_row("GET", rows[i].path, rows[i].query, rows[i].get);
        test_row("HEAD", rows[i].path, rows[i].query, rows[i].get);
        test_row("POST", rows[i].path, rows[i].query, rows[i].post);
        test_row("PUT", rows[i].path, rows[i].query, rows[i].put);
        test_row("PATCH", rows[i].path, rows[i].query, rows[i].patch);
        test_row("DELETE", rows[i].path, rows[i].query, rows[i].del);
        test_row("OPTIONS", rows[i].path, rows[i].query, 29);
        test_row("TRACE", rows[i].path, rows[i].query, NONE);
        test_row("get", rows[i].path, rows[i].query, NONE);
    }
    test_row("OPTIONS", "/Foo/1/2/3", NULL, 29);
    test_row("", "/Patient", NULL, NONE);
    test_row("GETT", "/Patient", NULL, NONE);
}

/* Rows that a version does not define, or that no version of ours does. */
static void test_versions(void)
{
    static const struct {
        const char *method, *path, *query;
        fhir_version_t version;
        base_reason_t reason;
        unsigned row;
    } cases[] = {
        {"DELETE", "", "name=x", FHIR_R4, BASE_INTERACTION_REFUSED, 9},
        {"DELETE", "/Patient/1/_history", NULL, FHIR_R5, BASE_INTERACTION_REFUSED, 10},
        {"DELETE", "/Patient/1/_history/1", NULL, FHIR_R4B, BASE_INTERACTION_REFUSED, 11},
        {"POST", "/Patient/1/Observation/_search", NULL, FHIR_R4, BASE_INTERACTION_REFUSED, 20},
        {"POST", "/Patient/1/Observation/_search", NULL, FHIR_R5, BASE_OK, 20},
        {"POST", "/Patient/1/_search", NULL, FHIR_R4B, BASE_INTERACTION_REFUSED, 21},
        {"POST", "/Patient/1/_search", NULL, FHIR_R5, BASE_OK, 21},
        {"GET", "/Media", NULL, FHIR_R4, BASE_OK, 17},
        {"GET", "/Media", NULL, FHIR_R5, BASE_TYPE_UNKNOWN, 0},
        {"GET", "/Ingredient", NULL, FHIR_R4, BASE_TYPE_UNKNOWN, 0},
        {"GET", "/Ingredient", NULL, FHIR_R4B, BASE_OK, 17},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        base_arena_t *arena = base_arena_new(65536);
        fhir_message_t message = message_of(cases[i].method, cases[i].path, cases[i].query);
        fhir_request_t req;

        is_int(parse(cases[i].version, &message, arena, &req), cases[i].reason, "%s %s, version %d",
               cases[i].method, cases[i].path, (int) cases[i].version);
        is_int(req.row == NULL ? 0 : req.row->row, cases[i].row, "and its row is known");
        base_arena_free(arena);
    }
}

static const struct {
    const char *path;
    base_reason_t reason;
} paths[] = {
    /* controls */
    {"/Patient/1", BASE_OK},
    {"/Patient", BASE_OK},
    {"/Patient/...", BASE_OK},
    {"/Patient/1.", BASE_OK},
    {"/Patient/0123456789012345678901234567890123456789012345678901234567890123", BASE_OK},
    /* the base */
    {"Patient/1", BASE_NOT_BELOW_BASE},
    {"x", BASE_NOT_BELOW_BASE},
    {"%2fPatient", BASE_PATH_ENCODED},
    /* slashes */
    {"//", BASE_PATH_SYNTAX},
    {"//Patient/1", BASE_PATH_SYNTAX},
    {"/Patient//1", BASE_PATH_SYNTAX},
    {"/Patient//", BASE_PATH_SYNTAX},
    {"/Patient/1/", BASE_PATH_SYNTAX},
    {"/Patient/1//", BASE_PATH_SYNTAX},
    {"/metadata/", BASE_PATH_SYNTAX},
    {"/_history/", BASE_PATH_SYNTAX},
    {"/$export/", BASE_PATH_SYNTAX},
    {"/Patient/_search/", BASE_PATH_SYNTAX},
    {"/.well-known/smart-configuration/", BASE_PATH_SYNTAX},
    /* encodings: even of what could stand raw */
    {"/Patient%2F1", BASE_PATH_ENCODED},
    {"/Patient%2f1", BASE_PATH_ENCODED},
    {"/Patient/%31", BASE_PATH_ENCODED},
    {"/%50atient/1", BASE_PATH_ENCODED},
    {"/Patient/1%00", BASE_PATH_ENCODED},
    {"/Patient/1%", BASE_PATH_ENCODED},
    {"/Patient/%252e%252e/1", BASE_PATH_ENCODED},
    {"/Patient/%2e%2e/Observation", BASE_PATH_ENCODED},
    {"/Patient/1/%2524everything", BASE_PATH_ENCODED},
    {"/Patient/1/x%24everything", BASE_PATH_ENCODED},
    {"/Patient/1/%24every%24thing", BASE_PATH_ENCODED},
    {"/Patient/1%3f_x", BASE_PATH_ENCODED},
    {"%24export", BASE_PATH_ENCODED},
    {"/Patient/%c0%af", BASE_PATH_ENCODED},
    {"/Patient/%u0031", BASE_PATH_ENCODED},
    /* dots */
    {"/.", BASE_PATH_SYNTAX},
    {"/..", BASE_PATH_SYNTAX},
    {"/../Patient", BASE_PATH_SYNTAX},
    {"/Patient/.", BASE_PATH_SYNTAX},
    {"/Patient/..", BASE_PATH_SYNTAX},
    {"/Patient/../Observation/1", BASE_PATH_SYNTAX},
    {"/Patient/./1", BASE_PATH_SYNTAX},
    {"/Patient/1/_history/..", BASE_PATH_SYNTAX},
    {"/Patient/1/..", BASE_PATH_SYNTAX},
    /* alphabet */
    {"/Patient;x/1", BASE_PATH_SYNTAX},
    {"/Patient/1;v=1", BASE_PATH_SYNTAX},
    {"/Patient/;", BASE_PATH_SYNTAX},
    {"/Patient\\1", BASE_PATH_SYNTAX},
    {"/Patient/1\\..\\2", BASE_PATH_SYNTAX},
    {"/Patient/1 ", BASE_PATH_SYNTAX},
    {"/Patient/1\t", BASE_PATH_SYNTAX},
    {"/Patient/1\n", BASE_PATH_SYNTAX},
    {"/Patient/1\x7f", BASE_PATH_SYNTAX},
    {"/Patient/\xc3\xa4", BASE_PATH_SYNTAX},
    {"/P\xd0\xb0tient/1", BASE_PATH_SYNTAX},
    {"/Patient/1?x", BASE_PATH_SYNTAX},
    {"/Patient/1#x", BASE_PATH_SYNTAX},
    {"/Patient/a:b", BASE_PATH_SYNTAX},
    {"/Patient/a+b", BASE_PATH_SYNTAX},
    {"/Patient/a|b", BASE_PATH_SYNTAX},
    {"/Patient/a,b", BASE_PATH_SYNTAX},
    {"/Patient/a=b", BASE_PATH_SYNTAX},
    {"/Patient/a&b", BASE_PATH_SYNTAX},
    {"/Patient/a~b", BASE_PATH_SYNTAX},
    {"/Patient/@b", BASE_PATH_SYNTAX},
    {"http://other/Patient/1", BASE_NOT_BELOW_BASE},
    {"/http://other/Patient/1", BASE_PATH_SYNTAX},
    /* types */
    {"/patient/1", BASE_TYPE_UNKNOWN},
    {"/PATIENT/1", BASE_TYPE_UNKNOWN},
    {"/patient", BASE_TYPE_UNKNOWN},
    {"/Patients", BASE_TYPE_UNKNOWN},
    {"/Patien", BASE_TYPE_UNKNOWN},
    {"/Patient.", BASE_TYPE_UNKNOWN},
    {"/Patient-1", BASE_TYPE_UNKNOWN},
    {"/Patient$everything", BASE_TYPE_UNKNOWN},
    {"/Resource/1", BASE_TYPE_UNKNOWN},
    {"/DomainResource", BASE_TYPE_UNKNOWN},
    {"/Metadata", BASE_TYPE_UNKNOWN},
    {"/metadata/x", BASE_TYPE_UNKNOWN},
    {"/fhir/Patient/1", BASE_TYPE_UNKNOWN},
    {"/Patient/1/observation", BASE_TYPE_UNKNOWN},
    {"/Patient/1/Foo", BASE_TYPE_UNKNOWN},
    {"/Foo/", BASE_TYPE_UNKNOWN},
    /* ids */
    {"/Patient/01234567890123456789012345678901234567890123456789012345678901234",
     BASE_INTERACTION_REFUSED},
    {"/Patient/a_b", BASE_INTERACTION_REFUSED},
    {"/Patient/*", BASE_INTERACTION_REFUSED},
    {"/Patient/$", BASE_INTERACTION_REFUSED},
    {"/Patient/1/_history/a_b", BASE_INTERACTION_REFUSED},
    /* shapes */
    {"/Observation/1/Patient", BASE_INTERACTION_REFUSED},
    {"/Observation/1/*", BASE_INTERACTION_REFUSED},
    {"/Patient/1/Observation/2", BASE_INTERACTION_REFUSED},
    {"/Patient/1/Observation/_history", BASE_INTERACTION_REFUSED},
    {"/Patient/1/_history/2/3", BASE_INTERACTION_REFUSED},
    {"/Patient/1/_history/2/_history", BASE_INTERACTION_REFUSED},
    {"/Patient/_history/2", BASE_INTERACTION_REFUSED},
    {"/_history/2", BASE_INTERACTION_REFUSED},
    {"/Patient/_History", BASE_INTERACTION_REFUSED},
    {"/Patient/1/_HISTORY/1", BASE_INTERACTION_REFUSED},
    {"/_foo", BASE_INTERACTION_REFUSED},
    {"/*", BASE_INTERACTION_REFUSED},
    {"/$", BASE_INTERACTION_REFUSED},
    {"/$$export", BASE_INTERACTION_REFUSED},
    {"/$_export", BASE_INTERACTION_REFUSED},
    {"/$*", BASE_INTERACTION_REFUSED},
    {"/$export/x", BASE_INTERACTION_REFUSED},
    {"/Patient/$everything/1", BASE_INTERACTION_REFUSED},
    {"/Patient/1/2/3/4/5/6/7", BASE_PATH_SYNTAX},
    {"/_smart", BASE_INTERACTION_REFUSED},
    {"/_smart/job", BASE_INTERACTION_REFUSED},
    {"/_smart/other/x", BASE_INTERACTION_REFUSED},
    {"/_smart/job/a.b", BASE_INTERACTION_REFUSED},
    {"/_smart/job/x/y", BASE_INTERACTION_REFUSED},
    {"/.well-known", BASE_INTERACTION_REFUSED},
    {"/.well-known/openid-configuration", BASE_INTERACTION_REFUSED},
    {"/.well-known/Smart-configuration", BASE_INTERACTION_REFUSED},
    {"/.well-known/smart-configurations", BASE_WELL_KNOWN_SPELLING},
};

static void test_paths(void)
{
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        base_arena_t *arena = base_arena_new(65536);
        fhir_message_t message = message_of("GET", paths[i].path, NULL);
        fhir_request_t req;
        base_reason_t reason = parse(FHIR_R4, &message, arena, &req);

        is_str(base_reason_info(reason)->name, base_reason_info(paths[i].reason)->name, "GET %s",
               paths[i].path);
        base_arena_free(arena);
    }
}

/* A NUL, or anything behind one, cannot hide from a counted path. */
static void test_path_nul(void)
{
    static const char path[] = "/Patient/1\0/../2";
    base_arena_t *arena = base_arena_new(65536);
    fhir_message_t message = message_of("GET", "", NULL);
    fhir_request_t req;

    message.path = base_span_make(path, 10);
    is_int(parse(FHIR_R4, &message, arena, &req), BASE_OK, "path without the NUL");
    message.path = base_span_make(path, 11);
    is_int(parse(FHIR_R4, &message, arena, &req), BASE_PATH_SYNTAX, "path with a NUL");
    message.path = base_span_make(path, sizeof(path) - 1);
    is_int(parse(FHIR_R4, &message, arena, &req), BASE_PATH_SYNTAX, "path with more behind a NUL");
    base_arena_free(arena);
}

static void is_span(base_span_t got, const char *expected, const char *name)
{
    is_mem(got.p, got.n, expected, expected == NULL ? 0 : strlen(expected), "%s", name);
    ok((got.p == NULL) == (expected == NULL), "%s: present or not", name);
}

static void test_parts(void)
{
    base_arena_t *arena = base_arena_new(65536);
    fhir_message_t message = message_of("GET", "/Patient/1/_history/2", NULL);
    fhir_request_t req;

    is_int(parse(FHIR_R4, &message, arena, &req), BASE_OK, "vread");
    is_str(req.type->name, "Patient", "type");
    is_span(req.id, "1", "id");
    is_span(req.vid, "2", "vid");
    is_int(req.level, FHIR_LEVEL_VERSION, "level");
    ok(req.compartment == NULL && !req.head && !req.conditional, "nothing else");

    message = message_of("HEAD", "/Encounter/e1/Observation", "code=x");
    is_int(parse(FHIR_R4, &message, arena, &req), BASE_OK, "compartment search");
    is_str(req.type->name, "Observation", "type");
    is_str(req.compartment->name, "Encounter", "compartment");
    is_span(req.compartment_id, "e1", "compartment id");
    is_span(req.id, NULL, "no id");
    ok(req.head && req.method == FHIR_HEAD, "HEAD is told apart");

    message = message_of("GET", "/Patient/1/%24every-thing", NULL);
    is_int(parse(FHIR_R4, &message, arena, &req), BASE_OK, "operation");
    is_span(req.operation, "every-thing", "operation name");
    is_span(req.path, "/Patient/1/$every-thing", "canonical path");
    is_int(req.level, FHIR_LEVEL_INSTANCE, "operation level");

    message = message_of("GET", "/_smart/file/abc", NULL);
    is_int(parse(FHIR_R4, &message, arena, &req), BASE_OK, "sealed");
    is_span(req.seal_kind, "file", "seal kind");
    is_span(req.seal, "abc", "seal");

    message = message_of("GET", "/Patient/1/Foo", NULL);
    (void) parse(FHIR_R4, &message, arena, &req);
    ok(req.type == NULL && req.id.p == NULL && req.compartment == NULL,
       "a refused path leaves no parts behind");
    base_arena_free(arena);
}

static void test_conditional(void)
{
    base_arena_t *arena = base_arena_new(65536);
    fhir_message_t message = message_of("POST", "/Patient", NULL);
    fhir_request_t req;

    is_int(parse(FHIR_R4, &message, arena, &req), BASE_OK, "create");
    ok(!req.conditional && req.row->row == 15, "is plain");
    message.if_none_exist = BASE_SPAN("identifier=x");
    is_int(parse(FHIR_R4, &message, arena, &req), BASE_OK, "create with If-None-Exist");
    ok(req.conditional && req.row->row == 16 && req.row->decided, "is conditional, decided");
    message.if_none_exist = BASE_SPAN("");
    is_int(parse(FHIR_R4, &message, arena, &req), BASE_OK, "create with an empty If-None-Exist");
    ok(req.conditional, "is conditional as well");
    message = message_of("PUT", "/Patient", "identifier=x");
    is_int(parse(FHIR_R4, &message, arena, &req), BASE_OK, "update by criteria");
    ok(req.conditional, "is conditional");
    message = message_of("PUT", "/Patient/1", "identifier=x");
    is_int(parse(FHIR_R4, &message, arena, &req), BASE_OK, "update by id");
    ok(!req.conditional, "is plain, whatever the query");
    base_arena_free(arena);
}

static void test_bodies(void)
{
    static const struct {
        const char *method, *path, *type;
        bool body;
        base_reason_t reason;
    } cases[] = {
        {"GET", "/Patient", NULL, false, BASE_OK},
        {"GET", "/Patient", NULL, true, BASE_BODY_UNEXPECTED},
        {"HEAD", "/Patient", NULL, true, BASE_BODY_UNEXPECTED},
        {"DELETE", "/Patient/1", NULL, true, BASE_BODY_UNEXPECTED},
        {"DELETE", "/Patient/1", NULL, false, BASE_OK},
        {"OPTIONS", "/Patient/1", NULL, true, BASE_BODY_UNEXPECTED},
        {"POST", "/Patient", "application/fhir+json", true, BASE_OK},
        {"PUT", "/Patient/1", "application/fhir+json", true, BASE_OK},
        {"PATCH", "/Patient/1", "application/json-patch+json", true, BASE_OK},
        {"POST", "/Patient/_search", "application/x-www-form-urlencoded", true, BASE_OK},
        {"POST", "/Patient/_search", "Application/X-WWW-Form-URLencoded", true, BASE_OK},
        {"POST", "/Patient/_search", "application/x-www-form-urlencoded; charset=UTF-8", true,
         BASE_OK},
        {"POST", "/Patient/_search", "application/x-www-form-urlencoded;charset=\"utf-8\"", true,
         BASE_OK},
        {"POST", "/Patient/_search", "application/x-www-form-urlencoded;charset=latin1", true,
         BASE_CONTENT_TYPE},
        {"POST", "/Patient/_search", "application/x-www-form-urlencoded;charset=utf-8;x=y", true,
         BASE_CONTENT_TYPE},
        {"POST", "/Patient/_search", "application/x-www-form-urlencoded;", true, BASE_CONTENT_TYPE},
        {"POST", "/Patient/_search", "application/x-www-form-urlencoded, text/plain", true,
         BASE_CONTENT_TYPE},
        {"POST", "/Patient/_search", "application/fhir+json", true, BASE_CONTENT_TYPE},
        {"POST", "/Patient/_search", "multipart/form-data", true, BASE_CONTENT_TYPE},
        {"POST", "/Patient/_search", NULL, true, BASE_CONTENT_TYPE},
        {"POST", "/Patient/_search", NULL, false, BASE_CONTENT_TYPE},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        base_arena_t *arena = base_arena_new(65536);
        fhir_message_t message = message_of(cases[i].method, cases[i].path, NULL);
        fhir_request_t req;

        message.content_type = base_span_of(cases[i].type);
        message.has_body = cases[i].body;
        is_int(parse(FHIR_R4, &message, arena, &req), cases[i].reason, "%s %s %s %s",
               cases[i].method, cases[i].path, cases[i].type == NULL ? "" : cases[i].type,
               cases[i].body ? "with a body" : "without a body");
        base_arena_free(arena);
    }
}

static void test_form(void)
{
    base_arena_t *arena = base_arena_new(65536);
    fhir_message_t message = message_of("POST", "/Patient/_search", "a=1");
    fhir_request_t req;

    message.has_body = true;
    is_int(parse(FHIR_R4, &message, arena, &req), BASE_OK, "_search before its form");
    ok(req.form_pending, "the form is still to come");
    message.form = BASE_SPAN("b=2");
    is_int(parse(FHIR_R4, &message, arena, &req), BASE_OK, "_search with its form");
    ok(!req.form_pending, "the form is there");
    is_int(req.query.n, 2, "one multiset of both");
    message.form = BASE_SPAN("access_token=x");
    is_int(parse(FHIR_R4, &message, arena, &req), BASE_CREDENTIALS_IN_QUERY, "token in the form");
    message.form = BASE_SPAN("b=%");
    is_int(parse(FHIR_R4, &message, arena, &req), BASE_QUERY_SYNTAX, "broken form");
    message = message_of("GET", "/Patient", "access_token=x");
    is_int(parse(FHIR_R4, &message, arena, &req), BASE_CREDENTIALS_IN_QUERY, "token in the query");
    message = message_of("GET", "/Patient", "ACCESS%5ftoken:x=y");
    is_int(parse(FHIR_R4, &message, arena, &req), BASE_CREDENTIALS_IN_QUERY, "token in disguise");
    message = message_of("GET", "/Patient", "access_tokens=x");
    is_int(parse(FHIR_R4, &message, arena, &req), BASE_OK, "another name");
    base_arena_free(arena);
}

static void test_write(void)
{
    base_arena_t *arena = base_arena_new(65536);
    fhir_message_t message = message_of("GET", "/Observation/", "code=a%7Cb&date=ge2020");
    fhir_request_t req;
    base_span_t path, query, form;

    is_int(parse(FHIR_R4, &message, arena, &req), BASE_OK, "search");
    is_int(fhir_request_write(&req, arena, &path, &query, &form), BASE_OK, "is written");
    is_span(path, "/Observation/", "path as it came");
    is_span(query, "code=a%7Cb&date=ge2020", "query as it came");
    is_span(form, NULL, "no form");
    (void) fhir_query_append(&req.query, FHIR_FROM_URL, BASE_SPAN("patient"), BASE_SPAN("1"));
    is_int(fhir_request_write(&req, arena, &path, &query, &form), BASE_OK, "is written narrowed");
    is_span(query, "code=a%7Cb&date=ge2020&patient=1", "narrowed query");

    message = message_of("GET", "/Patient/1", NULL);
    (void) parse(FHIR_R4, &message, arena, &req);
    (void) fhir_request_write(&req, arena, &path, &query, &form);
    is_span(query, NULL, "no query stays none");
    message = message_of("GET", "/Patient/1", "");
    (void) parse(FHIR_R4, &message, arena, &req);
    (void) fhir_request_write(&req, arena, &path, &query, &form);
    is_span(query, "", "an empty query stays one");
    base_arena_free(arena);
}

/* Running out of memory at any point is told, and nothing else happens. */
static void test_memory(void)
{
    fhir_message_t message = message_of("GET", "/Patient/1/%24everything", "a=1&b=%32&c:d.e=f");
    size_t refused = 0;
    base_reason_t reason = BASE_NO_MEMORY;

    for (size_t limit = 0; limit < 65536 && reason == BASE_NO_MEMORY; limit += 8) {
        base_arena_t *arena = base_arena_new(limit);
        fhir_request_t req;

        reason = arena == NULL ? BASE_NO_MEMORY : parse(FHIR_R4, &message, arena, &req);
        refused += reason == BASE_NO_MEMORY ? 1 : 0;
        base_arena_free(arena);
    }
    is_int(reason, BASE_OK, "with enough memory it is read");
    ok(refused > 2, "with less it is refused");
}

int main(void)
{
    UNIT_BEGIN();
    test_rows();
    test_versions();
    test_paths();
    test_path_nul();
    test_parts();
    test_conditional();
    test_bodies();
    test_form();
    test_write();
    test_memory();
    UNIT_END();
}
