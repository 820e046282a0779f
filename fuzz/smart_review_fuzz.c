/*
 * Answers as they stream by, under a patient/ token. Input: which request, two bytes of where to cut, the answer's body. What is released is
 * the same as in one piece; jansson must accept it, and each resource in it must, by jansson's reading, be the own patient's, an
 * OperationOutcome, or (L9) wait for one that is released beside it.
 */

#include "smart/smart_judge.h"
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

#define OUT_MAX ((size_t) 1 << 21)

static const char *const lines[] = {
    "/Observation/1",
    "/Observation?_include=Observation:subject&_revinclude=Provenance:target",
    "/Observation?_count=0",
    "/Observation/1/_history",
    "/?_getpages=x",
    "/Patient/p1/$everything",
};

#define LINES   (sizeof(lines) / sizeof(lines[0]))
#define WRITTEN LINES
#define BATCH   (LINES + 1)
#define KINDS   (LINES + 2)

static smart_policy_t policy;
static smart_base_t base;
static smart_principal_t *principal;
static smart_entry_check_t entry[LINES + 2];
static unsigned char out[2][OUT_MAX];

static smart_verdict_t judge(base_arena_t *arena, const char *line)
{
    smart_message_t message;
    smart_judge_t one;
    base_span_t path = base_span_of(line);
    size_t question = base_span_find(path, '?');

    memset(&message, 0, sizeof(message));
    message.fhir.method = BASE_SPAN("GET");
    message.fhir.path = base_span_sub(path, 0, question);
    if (question < path.n) {
        message.fhir.query = base_span_sub(path, question + 1, path.n);
    }
    smart_judge_start(&one, arena, &policy, &base, &message);
    smart_judge_principal(&one, principal);
    CHECK(smart_judge_next(&one) == SMART_SEND);
    return *smart_judge_verdict(&one);
}

/* A batch of all the others: one that was refused, and a write, among them. */
static smart_verdict_t verdict_of(base_arena_t *arena, size_t kind)
{
    smart_verdict_t verdict = judge(arena, kind < LINES ? lines[kind] : lines[0]);
    size_t i;

    if (kind >= LINES) {
        verdict.check[0].kind = SMART_CHECK_WRITTEN;
    }
    if (kind != BATCH) {
        return verdict;
    }
    memset(entry, 0, sizeof(entry));
    entry[1].refused = BASE_SCOPE_MISSING;
    entry[LINES + 1].check = verdict.check[0];
    entry[LINES + 1].write = true;
    for (i = 0; i < LINES; i++) {
        entry[i == 0 ? 0 : i + 1].check = judge(arena, lines[i]).check[0];
    }
    verdict.check[0].kind = SMART_CHECK_ENTRIES;
    verdict.check[0].id = base_span_make(NULL, 0);
    verdict.check[0].entry = entry;
    verdict.check[0].entry_n = LINES + 2;
    return verdict;
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text == NULL ? "" : text;
}

static bool is_own(const json_t *resource)
{
    char *text;
    bool own;

    if (strcmp(text_of(resource, "resourceType"), "OperationOutcome") == 0) {
        return true;
    }
    if (strcmp(text_of(resource, "resourceType"), "Patient") == 0) {
        return strcmp(text_of(resource, "id"), "p1") == 0;
    }
    text = json_dumps(resource, JSON_ENCODE_ANY);
    own = text != NULL && strstr(text, "Patient/p1") != NULL;
    free(text);
    return own;
}

/* Whether the Bundle shows a resource that ends so: "Observation/1". */
static bool shows(const json_t *bundle, const char *reference)
{
    const json_t *one;
    const char *slash;
    size_t i, n;

    json_array_foreach(json_object_get(bundle, "entry"), i, one)
    {
        const json_t *resource = json_object_get(one, "resource");
        const char *type = text_of(resource, "resourceType"), *id = text_of(resource, "id");

        n = strlen(type);
        slash = strstr(reference, type);
        if (n > 0 && slash != NULL && slash[n] == '/' &&
            strncmp(slash + n + 1, id, strlen(id)) == 0) {
            return true;
        }
    }
    return false;
}

static bool shows_target(const json_t *bundle, const json_t *provenance)
{
    const json_t *target;
    size_t i;

    json_array_foreach(json_object_get(provenance, "target"), i, target)
    {
        if (shows(bundle, text_of(target, "reference"))) {
            return true;
        }
    }
    return false;
}

static void check_bundle(const json_t *bundle);

static void check_resource(const json_t *bundle, const json_t *resource)
{
    const char *type = text_of(resource, "resourceType");

    if (strcmp(type, "Bundle") == 0) {
        check_bundle(resource);
    } else if (strcmp(type, "Provenance") != 0 || !shows_target(bundle, resource)) {
        CHECK(is_own(resource));
    }
}

static void check_entry(const json_t *bundle, const json_t *one, bool answers)
{
    static const char *const known[] = {"fullUrl", "resource",  "search",
                                        "request", "response",  "link",
                                        "id",      "extension", "modifierExtension"};
    const json_t *resource = json_object_get(one, "resource"), *value;
    const json_t *outcome = json_object_get(json_object_get(one, "response"), "outcome");
    const char *name;
    size_t i;

    json_object_foreach((json_t *) one, name, value)
    {
        for (i = 0; i < sizeof(known) / sizeof(known[0]) && strcmp(known[i], name) != 0; i++) {
        }
        CHECK(i < sizeof(known) / sizeof(known[0]));
    }
    CHECK(outcome == NULL || strcmp(text_of(outcome, "resourceType"), "OperationOutcome") == 0);
    if (resource != NULL) {
        check_resource(bundle, resource);
    } else if (!answers) {
        CHECK(strcmp(text_of(json_object_get(one, "request"), "method"), "DELETE") == 0);
        CHECK(shows(bundle, text_of(json_object_get(one, "request"), "url")));
    }
}

static void check_bundle(const json_t *bundle)
{
    const char *type = text_of(bundle, "type");
    const json_t *one;
    size_t i;

    json_array_foreach(json_object_get(bundle, "entry"), i, one)
    {
        check_entry(bundle, one, strcmp(type, "batch-response") == 0);
    }
}

static void check_parameter(const json_t *parameter)
{
    const json_t *part;
    size_t i;

    if (json_object_get(parameter, "resource") != NULL) {
        check_resource(NULL, json_object_get(parameter, "resource"));
    }
    json_array_foreach(json_object_get(parameter, "part"), i, part)
    {
        check_parameter(part);
    }
}

static void check_released(base_span_t body)
{
    json_error_t error;
    json_t *json = json_loadb((const char *) body.p, body.n, JSON_REJECT_DUPLICATES, &error);
    const json_t *parameter;
    size_t i;

    /* A number beyond what jansson can hold is JSON all the same. */
    if (json == NULL) {
        CHECK(json_error_code(&error) == json_error_numeric_overflow);
        return;
    }
    if (strcmp(text_of(json, "resourceType"), "Parameters") == 0) {
        json_array_foreach(json_object_get(json, "parameter"), i, parameter)
        {
            check_parameter(parameter);
        }
    } else {
        check_resource(NULL, json);
    }
    json_decref(json);
}

/* Put together as the mover of bytes does. */
static base_reason_t review(base_arena_t *arena, const smart_verdict_t *verdict, base_span_t body,
                            size_t cut, unsigned char *to, size_t *n)
{
    smart_head_t head = {.status = 200,
                         .content_type = BASE_SPAN_LIT("application/fhir+json"),
                         .bases = {.upstream = BASE_SPAN_LIT("http://u/f"),
                                   .public_url = BASE_SPAN_LIT("https://p/r4")}};
    smart_review_t one;
    base_splice_t splice;
    base_splice_op_t op;
    base_span_t in, text;
    base_reason_t reason = BASE_OK;
    size_t fed = 0;
    bool ended = false;

    CHECK(smart_review_start(&one, arena, verdict, &policy, &head) == SMART_REVIEW_STREAM);
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
    static const char token[] = "{\"scope\":\"patient/*.cruds\",\"patient\":\"p1\"}";
    base_arena_t *arena, *first, *second;
    smart_claim_map_t map;
    smart_verdict_t verdict;
    base_reason_t whole, parts;
    base_span_t body;
    size_t n, m;

    if (principal == NULL) {
        smart_policy_default(&policy);
        policy.history_own = true;
        smart_claim_map_default(&map);
        CHECK(smart_principal_new(&map, base_span_of(token), BASE_SPAN("i"), &principal) ==
              BASE_OK);
    }
    if (size < 4 || size > 1u << 18) {
        return 0;
    }
    arena = base_arena_new(1u << 22);
    first = base_arena_new(1u << 24);
    second = base_arena_new(1u << 24);
    body = base_span_make(data + 3, size - 3);
    verdict = verdict_of(arena, data[0] % KINDS);
    whole = review(first, &verdict, body, body.n, out[0], &n);
    parts = review(second, &verdict, body, ((size_t) data[1] << 8 | data[2]) % body.n, out[1], &m);
    /* where a string that is broken stands in a wrong place, which of the two is seen first depends on the cut */
    CHECK((whole == BASE_OK) == (parts == BASE_OK));
    CHECK(whole != BASE_OK || (n == m && memcmp(out[0], out[1], n) == 0));
    if (whole == BASE_OK && n > 0) {
        check_released(base_span_make(out[0], n));
    }
    base_arena_free(second);
    base_arena_free(first);
    base_arena_free(arena);
    return 0;
}
