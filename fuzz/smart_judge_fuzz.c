/*
 * The whole way: any request and any answer under a patient/ token. Input: request line, '\n', form or body, '\n', the answer's body. What is
 * released under a check must, by jansson's reading, hold the own patient's reference, or be the own Patient or an OperationOutcome.
 */

#include "smart/smart_judge.h"
#include "smart/smart_review.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static smart_policy_t policy;
static smart_base_t base;
static smart_principal_t *principal;

static bool is_own(const json_t *resource)
{
    const char *type = json_string_value(json_object_get(resource, "resourceType"));
    const char *id = json_string_value(json_object_get(resource, "id"));
    char *text;
    bool own;

    /* CapabilityStatements are shown by operations that any token may call (B6) */
    if (type != NULL &&
        (strcmp(type, "OperationOutcome") == 0 || strcmp(type, "CapabilityStatement") == 0)) {
        return true;
    }
    if (type != NULL && strcmp(type, "Patient") == 0) {
        return id != NULL && strcmp(id, "p1") == 0;
    }
    text = json_dumps(resource, JSON_ENCODE_ANY);
    own = text != NULL && strstr(text, "Patient/p1") != NULL;
    free(text);
    return own;
}

static void check_released(const smart_verdict_t *verdict, base_span_t body)
{
    json_t *json = NULL, *entry;
    size_t i;

    /* B4: the body may go, and status and headers stay */
    if (verdict->check[0].kind == SMART_CHECK_WRITTEN && body.n == 0) {
        return;
    }
    json = json_loadb((const char *) body.p, body.n, JSON_REJECT_DUPLICATES, NULL);

    if (json == NULL) {
        abort();
    }
    if (verdict->check[0].kind == SMART_CHECK_INSTANCE ||
        verdict->check[0].kind == SMART_CHECK_WRITTEN) {
        if (!is_own(json)) {
            abort();
        }
    } else {
        json_array_foreach(json_object_get(json, "entry"), i, entry)
        {
            if (!is_own(json_object_get(entry, "resource"))) {
                abort();
            }
        }
    }
    json_decref(json);
}

/* Cut somewhere; what is dropped and put in again is put together as the mover of bytes does. */
static void answer(base_arena_t *arena, const smart_judge_t *judge, base_span_t body)
{
    static unsigned char out[1u << 21];
    const smart_verdict_t *verdict = smart_judge_verdict(judge);
    smart_head_t head = {.status = 200, .content_type = BASE_SPAN_LIT("application/fhir+json")};
    smart_review_t review;
    base_splice_t splice;
    base_splice_op_t op;
    base_span_t in, text;
    size_t fed = 0, n = 0, cut = body.n > 0 ? body.p[0] % body.n + body.n / 2 : 0;
    bool ended = false;

    if (smart_review_start(&review, arena, verdict, &policy, &head) != SMART_REVIEW_STREAM) {
        return;
    }
    base_splice_init(&splice);
    while (!ended || base_splice_taken(&splice) < body.n) {
        in = base_span_sub(body, fed, fed < cut ? cut : body.n);
        ended = in.n == 0;
        fed += in.n;
        if ((ended ? smart_review_end(&review, &splice)
                   : smart_review_feed(&review, &in, &splice)) != BASE_OK) {
            return;
        }
        fed -= ended ? 0 : in.n;
        while ((op = base_splice_next(&splice)) != BASE_SPLICE_WAIT) {
            size_t to = (size_t) base_splice_taken(&splice);

            text = op == BASE_SPLICE_INSERT ? splice.text
                   : op == BASE_SPLICE_COPY ? base_span_sub(body, to - (size_t) splice.n, to)
                                            : BASE_SPAN("");
            if (to > fed || text.n > sizeof(out) - n) {
                abort();
            }
            memcpy(out + n, text.p, text.n);
            n += text.n;
        }
    }
    check_released(verdict, base_span_make(out, n));
}

/* What is stored is as random as what comes back. */
static void read_stored(smart_judge_t *judge, base_span_t stored)
{
    smart_read_head_t head = {.status = 200,
                              .content_type = BASE_SPAN_LIT("application/fhir+json"),
                              .etag = BASE_SPAN_LIT("W/\"1\"")};

    if (smart_judge_read_head(judge, &head)) {
        (void) smart_judge_read_feed(judge, base_span_sub(stored, 0, stored.n / 3));
        (void) smart_judge_read_feed(judge, base_span_sub(stored, stored.n / 3, stored.n));
    }
    smart_judge_read_end(judge, BASE_OK);
}

static void ask(base_arena_t *arena, base_span_t line, base_span_t body, base_span_t answered)
{
    /* every other time what is stored is larger than is kept */
    smart_limits_t limits = {500, 50, body.n % 2 == 0 ? (size_t) 1 << 20 : 40, (size_t) 1 << 20};
    smart_message_t message;
    smart_judge_t judge;
    smart_step_t step;
    size_t question;

    memset(&message, 0, sizeof(message));
    message.fhir.method = base_span_split(&line, ' ');
    question = base_span_find(line, '?');
    message.fhir.path = base_span_sub(line, 0, question);
    if (question < line.n) {
        message.fhir.query = base_span_sub(line, question + 1, line.n);
    }
    message.fhir.has_body = base_span_is(message.fhir.method, "POST") ||
                            base_span_is(message.fhir.method, "PUT") ||
                            base_span_is(message.fhir.method, "PATCH");
    message.fhir.content_type = BASE_SPAN("application/x-www-form-urlencoded");
    if (base_span_find(message.fhir.path, '_') == message.fhir.path.n) {
        message.fhir.content_type = base_span_is(message.fhir.method, "PATCH")
                                        ? BASE_SPAN("application/json-patch+json")
                                        : BASE_SPAN("application/fhir+json");
    }
    smart_judge_start(&judge, arena, &policy, &base, &message);
    smart_judge_limits(&judge, &limits);
    smart_judge_principal(&judge, principal);
    step = smart_judge_next(&judge);
    if (step == SMART_WANT_BODY) {
        smart_judge_body(&judge, body);
        step = smart_judge_next(&judge);
    }
    while (step == SMART_WANT_READ) {
        read_stored(&judge, answered);
        step = smart_judge_next(&judge);
    }
    if (step == SMART_SEND) {
        answer(arena, &judge, answered);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char token[] = "{\"scope\":\"patient/*.cruds\",\"patient\":\"p1\"}";
    base_span_t rest = base_span_make(data, size), line, body;
    smart_claim_map_t map;
    base_arena_t *arena;

    if (principal == NULL) {
        smart_policy_default(&policy);
        smart_claim_map_default(&map);
        if (smart_principal_new(&map, base_span_of(token), BASE_SPAN("i"), &principal) != BASE_OK) {
            abort();
        }
    }
    if (size == 0) {
        return 0;
    }
    line = base_span_split(&rest, '\n');
    body = rest.p == NULL ? rest : base_span_split(&rest, '\n');
    arena = base_arena_new(1u << 23);
    ask(arena, line, body, rest);
    base_arena_free(arena);
    return 0;
}
