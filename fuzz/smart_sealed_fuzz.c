/*
 * What an export brings: manifests and files (RULES B9, L21). Input: which of them, two bytes of where to cut, the body. What is released is the same as in
 * one piece; jansson must accept it; a manifest names no file of the FHIR server's own, and a file holds nothing but what is granted.
 */

#include "smart/smart_link.h"
#include "smart/smart_review.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#define OUT_MAX ((size_t) 1 << 22)

enum { MANIFEST, OUTPUT, DELETED, FAILED, KINDS };

static smart_policy_t policy;
static smart_base_t base;
static base_span_t url = BASE_SPAN_LIT("https://p/r4");
static smart_principal_t *principal;
static unsigned char out[2][OUT_MAX];

static bool seal(void *ctx, base_span_t text, base_arena_t *arena, base_span_t *to)
{
    (void) ctx;
    (void) text;
    (void) arena;
    *to = BASE_SPAN("seal");
    return true;
}

static bool open_none(void *ctx, base_span_t text, base_arena_t *arena, base_span_t *to)
{
    (void) ctx;
    (void) text;
    (void) arena;
    (void) to;
    return false;
}

static const smart_sealer_t sealer = {
    .seal = seal, .open = open_none, .now = 1000, .path = BASE_SPAN_LIT("/r4")};

static bool is_granted(const char *type)
{
    return type != NULL && (strcmp(type, "Patient") == 0 || strcmp(type, "Observation") == 0);
}

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static void check_manifest(base_span_t text)
{
    static const char *const lists[] = {"output", "deleted", "error", "link"};
    json_t *json = json_loadb((const char *) text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
    const json_t *item;
    size_t i, l, sealed = 0, elsewhere = 0;

    CHECK(json != NULL);
    for (l = 0; l < 4; l++) {
        json_array_foreach(json_object_get(json, lists[l]), i, item)
        {
            const char *link = text_of(item, "url");

            if (link != NULL) {
                CHECK(strncmp(link, "http://u/f/", 11) != 0);
                sealed += strncmp(link, "https://p/r4/_smart/", 20) == 0;
                elsewhere += strncmp(link, "https://p/r4/_smart/", 20) != 0;
            }
        }
    }
    CHECK(sealed == 0 || elsewhere == 0);
    CHECK(sealed == 0 || json_is_true(json_object_get(json, "requiresAccessToken")));
    CHECK(elsewhere == 0 || json_is_false(json_object_get(json, "requiresAccessToken")));
    json_decref(json);
}

static void check_deleted(const json_t *line)
{
    const json_t *item;
    size_t i;

    CHECK(strcmp(text_of(line, "resourceType"), "Bundle") == 0);
    json_array_foreach(json_object_get(line, "entry"), i, item)
    {
        const char *what = text_of(json_object_get(item, "request"), "url");

        CHECK(json_object_size(item) == 1 && what != NULL &&
              (strstr(what, "Patient/") != NULL || strstr(what, "Observation/") != NULL));
    }
}

static void check_line(int kind, base_span_t text)
{
    json_t *line;
    size_t i;

    for (i = 0; i < text.n && strchr(" \t\r", text.p[i]) != NULL; i++) {
    }
    if (i == text.n) {
        return;
    }
    line = json_loadb((const char *) text.p, text.n, 0, NULL);
    CHECK(line != NULL);
    if (kind == OUTPUT) {
        CHECK(is_granted(text_of(line, "resourceType")));
    } else if (kind == DELETED) {
        check_deleted(line);
    } else {
        CHECK(strcmp(text_of(line, "resourceType"), "OperationOutcome") == 0 &&
              json_object_get(line, "contained") == NULL);
    }
    json_decref(line);
}

static void check_released(int kind, base_span_t text)
{
    if (kind == MANIFEST) {
        check_manifest(text);
        return;
    }
    while (text.p != NULL) {
        check_line(kind, base_span_split(&text, '\n'));
    }
}

static base_reason_t review(base_arena_t *arena, int kind, base_span_t body, size_t cut,
                            unsigned char *to, size_t *n)
{
    static const char *const types[] = {"application/json", "application/fhir+ndjson"};
    smart_head_t head = {.status = 200,
                         .content_type = base_span_of(types[kind == MANIFEST ? 0 : 1]),
                         .bases = {.upstream = BASE_SPAN_LIT("http://u/f"),
                                   .public_url = BASE_SPAN_LIT("https://p/r4")}};
    smart_verdict_t verdict;
    smart_link_t link;
    smart_review_t one;
    base_splice_t splice;
    base_splice_op_t op;
    base_span_t in, text;
    base_reason_t reason = BASE_OK;
    const smart_grants_t *grants = smart_grants_compile(principal, &policy, &base, arena);
    size_t fed = 0;
    bool ended = false;

    CHECK(grants != NULL);
    smart_link_bind(&link, grants, &sealer);
    link.types = smart_grants_exportable(grants);
    link.file = kind == DELETED  ? SMART_FILE_DELETED
                : kind == FAILED ? SMART_FILE_ERROR
                                 : SMART_FILE_OUTPUT;
    smart_verdict_init(&verdict);
    memset(&verdict.check[0], 0, sizeof(verdict.check[0]));
    verdict.reason = BASE_OK;
    verdict.obligations = SMART_RESPONSE | SMART_SEAL;
    verdict.check_n = 1;
    verdict.check[0].kind = kind == MANIFEST ? SMART_CHECK_JOB : SMART_CHECK_FILE;
    verdict.check[0].grants = grants;
    verdict.check[0].types = link.types;
    verdict.check[0].link = &link;
    verdict.check[0].sealer = &sealer;
    CHECK(smart_review_start(&one, arena, &verdict, &policy, &head) == SMART_REVIEW_STREAM);
    base_splice_init(&splice);
    for (*n = 0; !ended || base_splice_taken(&splice) < body.n;) {
        in = base_span_sub(body, fed, fed < cut ? cut : body.n);
        ended = in.n == 0;
        fed += in.n;
        reason = ended ? smart_review_end(&one, &splice) : smart_review_feed(&one, &in, &splice);
        if (reason != BASE_OK) {
            return reason;
        }
        fed -= ended ? 0 : in.n;
        while ((op = base_splice_next(&splice)) != BASE_SPLICE_WAIT) {
            size_t taken = (size_t) base_splice_taken(&splice);

            text = op == BASE_SPLICE_INSERT ? splice.text
                   : op == BASE_SPLICE_COPY ? base_span_sub(body, taken - (size_t) splice.n, taken)
                                            : BASE_SPAN("");
            CHECK(taken <= fed && text.n <= OUT_MAX - *n);
            memcpy(to + *n, text.p, text.n);
            *n += text.n;
        }
    }
    return reason;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char token[] =
        "{\"scope\":\"system/Patient.rs system/Observation.rs\",\"client_id\":\"b\"}";
    base_arena_t *first, *second;
    smart_claim_map_t map;
    base_reason_t whole, parts;
    base_span_t body;
    size_t n, m;
    int kind;

    if (principal == NULL) {
        smart_policy_default(&policy);
        smart_claim_map_default(&map);
        base.urls = &url;
        base.urls_n = 1;
        CHECK(smart_principal_new(&map, base_span_of(token), BASE_SPAN("i"), &principal) ==
              BASE_OK);
    }
    if (size < 4 || size > 1u << 18) {
        return 0;
    }
    kind = data[0] % KINDS;
    first = base_arena_new(1u << 24);
    second = base_arena_new(1u << 24);
    body = base_span_make(data + 3, size - 3);
    whole = review(first, kind, body, body.n, out[0], &n);
    parts = review(second, kind, body, ((size_t) data[1] << 8 | data[2]) % body.n, out[1], &m);
    CHECK((whole == BASE_OK) == (parts == BASE_OK));
    CHECK(whole != BASE_OK || (n == m && memcmp(out[0], out[1], n) == 0));
    if (whole == BASE_OK && n > 0) {
        check_released(kind, base_span_make(out[0], n));
    }
    base_arena_free(second);
    base_arena_free(first);
    return 0;
}
