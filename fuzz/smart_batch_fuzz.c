/*
 * Batches and transactions of a patient's app, judged (B5, D10, L13, L15): whatever the Bundle, what is sent of it is JSON by jansson's reading, changes
 * and deletes nothing but what is stored of the own patient, pinned to the version that was judged, and writes nothing that does not name that
 * patient.
 *
 * Input: the Bundle. Observation/1 is the patient's, Observation/2 another's; any search finds both; nothing else is there.
 */

#include "smart/smart_judge.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(cond) check((cond), #cond, __LINE__)
#define OF(id, patient)                                                                            \
    "{\"resourceType\":\"Observation\",\"id\":\"" id                                               \
    "\",\"meta\":{\"versionId\":\"1\"},\"subject\":{\"reference\":\"Patient/" patient "\"}}"
#define FOUND                                                                                      \
    "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"entry\":[{\"resource\":" OF(            \
        "1", "p1") "},{\"resource\":" OF("2", "p2") "}]}"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static smart_policy_t policy;
static smart_base_t base;
static smart_principal_t *principal;

static void check(bool holds, const char *what, int line)
{
    if (!holds) {
        (void) fprintf(stderr, "line %d: %s\n", line, what);
        abort();
    }
}

static void read_stored(smart_judge_t *judge)
{
    const smart_read_t *read = smart_judge_read(judge);
    smart_read_head_t head = {.status = 404,
                              .content_type = BASE_SPAN_LIT("application/fhir+json")};
    base_span_t body = BASE_SPAN("");

    if (read->query.p != NULL) {
        body = BASE_SPAN(FOUND);
    } else if (base_span_is(read->path, "/Observation/1")) {
        body = BASE_SPAN(OF("1", "p1"));
    } else if (base_span_is(read->path, "/Observation/2")) {
        body = BASE_SPAN(OF("2", "p2"));
    }
    if (body.n > 0) {
        head.status = 200;
        head.etag = BASE_SPAN("W/\"1\"");
    }
    if (smart_judge_read_head(judge, &head)) {
        (void) smart_judge_read_feed(judge, body);
    }
    smart_judge_read_end(judge, BASE_OK);
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text == NULL ? "" : text;
}

/* A Provenance is the patient's by what it is about (D6). */
static bool names_patient(const json_t *resource)
{
    char *text = json_dumps(resource, JSON_ENCODE_ANY);
    bool named =
        text != NULL && (strstr(text, "Patient/p1") != NULL ||
                         (strcmp(text_of(resource, "resourceType"), "Provenance") == 0 &&
                          (strstr(text, "Observation/1") != NULL || strstr(text, "urn:") != NULL)));

    free(text);
    return named || (strcmp(text_of(resource, "resourceType"), "Patient") == 0 &&
                     strcmp(text_of(resource, "id"), "p1") == 0);
}

static void check_entry(const json_t *entry)
{
    const json_t *request = json_object_get(entry, "request");
    const json_t *resource = json_object_get(entry, "resource");
    const char *method = text_of(request, "method"), *url = text_of(request, "url");
    const char *match = text_of(request, "ifMatch"), *none = text_of(request, "ifNoneMatch");

    if (strcmp(method, "GET") == 0) {
        CHECK(url[0] != '\0');
        return;
    }
    CHECK(strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
          strcmp(method, "PATCH") == 0 || strcmp(method, "DELETE") == 0);
    if (method[1] == 'O') {
        CHECK(json_object_get(request, "ifNoneExist") == NULL ||
              strstr(text_of(request, "ifNoneExist"), "=p1") != NULL ||
              strstr(text_of(request, "ifNoneExist"), "Patient%2Fp1") != NULL ||
              strstr(text_of(request, "ifNoneExist"), "Patient/p1") != NULL);
    } else if (strcmp(method, "PUT") == 0 && match[0] == '\0') {
        CHECK(strcmp(none, "*") == 0);
        CHECK(strcmp(url, "Observation/1") != 0 && strcmp(url, "Observation/2") != 0);
    } else {
        CHECK(strcmp(url, "Observation/1") == 0 && strcmp(match, "W/\"1\"") == 0);
    }
    CHECK(method[0] == 'D' || resource != NULL);
    /* a patch comes as a Binary */
    CHECK(method[0] == 'D' || method[1] == 'A' || strchr(url, '$') != NULL ||
          strstr(url, "_search") != NULL || names_patient(resource));
}

static void check_sent(base_span_t body)
{
    json_error_t error;
    json_t *bundle = json_loadb((const char *) body.p, body.n, JSON_REJECT_DUPLICATES, &error);
    const json_t *entry;
    size_t i;

    /* A number beyond what jansson can hold is JSON all the same. */
    if (bundle == NULL) {
        CHECK(json_error_code(&error) == json_error_numeric_overflow);
        return;
    }
    CHECK(strcmp(text_of(bundle, "resourceType"), "Bundle") == 0);
    CHECK(strcmp(text_of(bundle, "type"), "batch") == 0 ||
          strcmp(text_of(bundle, "type"), "transaction") == 0);
    json_array_foreach(json_object_get(bundle, "entry"), i, entry)
    {
        check_entry(entry);
    }
    json_decref(bundle);
}

static void start(void)
{
    static const char token[] = "{\"scope\":\"patient/*.cruds\",\"patient\":\"p1\"}";
    smart_claim_map_t map;

    smart_policy_default(&policy);
    smart_claim_map_default(&map);
    CHECK(smart_principal_new(&map, base_span_of(token), BASE_SPAN("i"), &principal) == BASE_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    base_arena_t *arena = base_arena_new((size_t) 1 << 24);
    smart_message_t message = {0};
    smart_judge_t judge;
    smart_step_t step;

    if (principal == NULL) {
        start();
    }
    message.fhir.method = BASE_SPAN("POST");
    message.fhir.path = BASE_SPAN("/");
    message.fhir.has_body = true;
    message.fhir.content_type = BASE_SPAN("application/fhir+json");
    smart_judge_start(&judge, arena, &policy, &base, &message);
    smart_judge_principal(&judge, principal);
    step = smart_judge_next(&judge);
    if (step == SMART_WANT_BODY) {
        smart_judge_body(&judge, base_span_make(data, size));
        step = smart_judge_next(&judge);
    }
    while (step == SMART_WANT_READ) {
        read_stored(&judge);
        step = smart_judge_next(&judge);
    }
    if (step == SMART_SEND) {
        CHECK(smart_judge_edits(&judge)->body_changed);
        check_sent(smart_edits_body(smart_judge_edits(&judge), arena));
    }
    base_arena_free(arena);
    return 0;
}
