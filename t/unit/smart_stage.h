/*
 * The stage of the smart tests: one policy, one base, a token's claims, a request; played through smart_judge without nginx.
 */

#ifndef SMART_STAGE_H
#define SMART_STAGE_H

#include "base/base_base64url.h"
#include "smart/smart_judge.h"
#include "smart/smart_review.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define STAGE_URL    "https://fhir.example.org/r4"
#define STAGE_STORED 16

/* What a read before judging finds: "/Observation/1", or "/Observation?code=x". */
typedef struct {
    const char *target; /* NULL: any search */
    unsigned status;    /* 0: 200 */
    const char *etag;   /* NULL: none */
    const char *body;
} stage_stored_t;

typedef struct {
    base_arena_t *arena;
    smart_policy_t policy;
    smart_base_t base;
    base_span_t urls[2];
    smart_claim_map_t map;
    smart_principal_t *principal;
    smart_judge_t judge;
    smart_step_t step;
    char error[256];
    size_t review_limit;                 /* bytes of the arena of a review; 0: plenty */
    stage_stored_t stored[STAGE_STORED]; /* what is not there: 404 */
    size_t stored_n;
    size_t reads;        /* of what was last played */
    char asked[512];     /* the last of them */
    base_reason_t ended; /* how reads end: BASE_OK */
    uint64_t removed;    /* entries that the last review took out */
    smart_sealer_t sealer;
    bool seals; /* there is one */
} stage_t;

/* A seal that hides nothing: its text, readable for tests. */
static inline bool stage_seal(void *ctx, base_span_t text, base_arena_t *arena, base_span_t *seal)
{
    unsigned char *out = base_arena_alloc(arena, BASE_BASE64URL_ENCODED(text.n));

    (void) ctx;
    if (out != NULL) {
        *seal = base_span_make(out, base_base64url_encode(text, out));
    }
    return out != NULL;
}

static inline bool stage_unseal(void *ctx, base_span_t seal, base_arena_t *arena, base_span_t *text)
{
    unsigned char *out = base_arena_alloc(arena, BASE_BASE64URL_DECODED(seal.n));
    size_t n;

    (void) ctx;
    if (out == NULL || !base_base64url_decode(seal, out, &n)) {
        return false;
    }
    *text = base_span_make(out, n);
    return true;
}

/* Links can be sealed and opened, at this time. */
static inline void stage_sealer(stage_t *s, int64_t now)
{
    s->sealer = (smart_sealer_t){
        .seal = stage_seal, .open = stage_unseal, .now = now, .path = BASE_SPAN_LIT("/r4")};
    s->seals = true;
}

static inline void stage_open(stage_t *s)
{
    memset(s, 0, sizeof(*s));
    s->arena = base_arena_new(1u << 23);
    smart_policy_default(&s->policy);
    smart_claim_map_default(&s->map);
    s->urls[0] = BASE_SPAN(STAGE_URL);
    s->base.path = BASE_SPAN("/r4");
    s->base.urls = s->urls;
    s->base.urls_n = 1;
}

static inline void stage_close(stage_t *s)
{
    smart_principal_release(s->principal);
    base_arena_free(s->arena);
}

/* "membership strict": one policy entry. */
static inline bool stage_policy(stage_t *s, const char *text)
{
    base_span_t rest = base_span_of(text), argv[16];
    size_t argc = 0;

    while (rest.p != NULL && argc < 16) {
        argv[argc++] = base_span_split(&rest, ' ');
    }
    return smart_policy_set(&s->policy, argv, argc, s->arena, s->error, sizeof(s->error)) &&
           smart_policy_finish(&s->policy, s->arena, NULL, s->error, sizeof(s->error));
}

static inline base_reason_t stage_claims(stage_t *s, const char *json)
{
    smart_principal_release(s->principal);
    s->principal = NULL;
    return smart_principal_new(&s->map, base_span_of(json), BASE_SPAN("test"), &s->principal);
}

/* The usual token: NULL members are left out. */
static inline base_reason_t stage_token(stage_t *s, const char *scope, const char *patient,
                                        const char *user)
{
    json_t *claims = json_object();
    char *text;
    base_reason_t reason;

    if (scope != NULL) {
        json_object_set_new(claims, "scope", json_string(scope));
    }
    if (patient != NULL) {
        json_object_set_new(claims, "patient", json_string(patient));
    }
    if (user != NULL) {
        json_object_set_new(claims, "fhirUser", json_string(user));
    }
    text = json_dumps(claims, 0);
    reason = stage_claims(s, text);
    free(text);
    json_decref(claims);
    return reason;
}

/* "GET /Observation?code=x" into a message. The text must live as long as the judge. */
static inline smart_message_t stage_message(const char *line)
{
    smart_message_t message;
    base_span_t rest = base_span_of(line), target;
    size_t question;

    memset(&message, 0, sizeof(message));
    message.fhir.method = base_span_split(&rest, ' ');
    target = rest;
    question = base_span_find(target, '?');
    message.fhir.path = base_span_sub(target, 0, question);
    if (question < target.n) {
        message.fhir.query = base_span_sub(target, question + 1, target.n);
    }
    return message;
}

static inline void stage_store(stage_t *s, const char *target, unsigned status, const char *etag,
                               const char *body)
{
    s->stored[s->stored_n++] = (stage_stored_t){target, status, etag, body};
}

static inline const stage_stored_t *stage_find(stage_t *s)
{
    static const stage_stored_t missing = {"", 404, NULL, ""};
    const smart_read_t *read = smart_judge_read(&s->judge);
    size_t i;

    (void) snprintf(s->asked, sizeof(s->asked), "%.*s%s%.*s", (int) read->path.n,
                    (const char *) read->path.p, read->query.p == NULL ? "" : "?",
                    (int) read->query.n, read->query.p == NULL ? "" : (const char *) read->query.p);
    for (i = 0; i < s->stored_n; i++) {
        if (s->stored[i].target == NULL ? strchr(s->asked, '?') != NULL
                                        : strcmp(s->stored[i].target, s->asked) == 0) {
            return &s->stored[i];
        }
    }
    return &missing;
}

/* Answers WANT_READ by the table, in two parts. */
static inline void stage_read(stage_t *s)
{
    const stage_stored_t *stored = stage_find(s);
    base_span_t body = base_span_of(stored->body == NULL ? "" : stored->body);
    smart_read_head_t head = {.status = stored->status == 0 ? 200 : stored->status,
                              .content_type = BASE_SPAN_LIT("application/fhir+json")};

    head.etag = base_span_of(stored->etag);
    s->reads++;
    if (smart_judge_read_head(&s->judge, &head) &&
        smart_judge_read_feed(&s->judge, base_span_sub(body, 0, body.n / 2))) {
        (void) smart_judge_read_feed(&s->judge, base_span_sub(body, body.n / 2, body.n));
    }
    smart_judge_read_end(&s->judge, s->ended);
}

/* Plays a message to its end. `body`: what WANT_BODY gets; NULL: nothing. */
static inline smart_step_t stage_play(stage_t *s, const smart_message_t *message, const char *body)
{
    smart_judge_start(&s->judge, s->arena, &s->policy, &s->base, message);
    if (s->seals) {
        smart_judge_sealer(&s->judge, &s->sealer);
    }
    if (smart_judge_needs_principal(&s->judge) && s->principal != NULL) {
        smart_judge_principal(&s->judge, s->principal);
    }
    s->step = smart_judge_next(&s->judge);
    s->reads = 0;
    if (s->step == SMART_WANT_BODY) {
        smart_judge_body(&s->judge, base_span_of(body));
        s->step = smart_judge_next(&s->judge);
    }
    while (s->step == SMART_WANT_READ && s->reads < 100) {
        stage_read(s);
        s->step = smart_judge_next(&s->judge);
    }
    return s->step;
}

static inline smart_step_t stage_line(stage_t *s, const char *line)
{
    smart_message_t message = stage_message(line);

    return stage_play(s, &message, NULL);
}

static inline const char *stage_reason(const stage_t *s)
{
    return base_reason_info(smart_judge_verdict(&s->judge)->reason)->name;
}

/* A header edit of that name: the value's text (static buffer), "" when it is deleted, NULL when it is left alone. */
static inline const char *stage_header(const stage_t *s, const char *name)
{
    static char text[512];
    const smart_edits_t *edits = smart_judge_edits(&s->judge);
    size_t i;

    for (i = 0; i < edits->header_n; i++) {
        if (strcmp(edits->header[i].name, name) == 0) {
            (void) snprintf(
                text, sizeof(text), "%.*s", (int) edits->header[i].value.n,
                edits->header[i].value.p == NULL ? "" : (const char *) edits->header[i].value.p);
            return text;
        }
    }
    return NULL;
}

/* What a review lets through of a body that comes in two parts, cut at `at`, or (0) byte by byte. To be freed; BASE_OK: `out` is all of it. */
static inline base_reason_t stage_review(smart_review_t *review, base_span_t body, size_t at,
                                         char **out, size_t *out_n)
{
    base_splice_t splice;
    base_span_t in;
    base_reason_t reason = BASE_OK;
    base_splice_op_t op;
    size_t fed = 0, room = 2 * body.n + (1u << 20), to;
    bool ended = false;

    base_splice_init(&splice);
    *out = malloc(room);
    *out_n = 0;
    while (reason == BASE_OK && (!ended || base_splice_taken(&splice) < body.n)) {
        to = at == 0 ? fed + 1 : fed < at ? at : body.n;
        in = base_span_sub(body, fed, to > body.n ? body.n : to);
        if (fed < body.n) {
            to = fed + in.n;
            reason = smart_review_feed(review, &in, &splice);
            fed = to - in.n;
        } else {
            reason = smart_review_end(review, &splice);
            ended = true;
        }
        while ((op = base_splice_next(&splice)) != BASE_SPLICE_WAIT) {
            base_span_t text = op == BASE_SPLICE_INSERT ? splice.text
                               : op == BASE_SPLICE_COPY
                                   ? base_span_sub(body, base_splice_taken(&splice) - splice.n,
                                                   base_splice_taken(&splice))
                                   : base_span_make("", 0);

            if (text.n >= room - *out_n || base_splice_taken(&splice) > fed) {
                abort();
            }
            memcpy(*out + *out_n, text.p, text.n);
            *out_n += text.n;
        }
    }
    (*out)[*out_n] = '\0';
    return reason;
}

/*
 * The answer to what was last played: BASE_OK when it is released, *out (to be freed, may be NULL) then what the client sees. *shown: the
 * status, s->removed: how many entries went. `at` as stage_review has it.
 */
static inline base_reason_t stage_shows(stage_t *s, unsigned status, const char *type,
                                        const char *body, size_t at, unsigned *shown, char **out)
{
    smart_review_t review;
    smart_head_t head = {.status = status, .content_type = base_span_of(type)};
    base_span_t text = base_span_of(body == NULL ? "" : body);
    base_reason_t reason = BASE_OK;
    base_arena_t *arena = base_arena_new(s->review_limit != 0 ? s->review_limit : 1u << 24);
    size_t n = text.n;

    *out = NULL;
    switch (smart_review_start(&review, arena, smart_judge_verdict(&s->judge), &s->policy, &head)) {
    case SMART_REVIEW_PASS:
        *out = malloc(text.n + 1);
        memcpy(*out, text.p, text.n + 1);
        break;
    case SMART_REVIEW_REPLACE:
        reason = review.reason;
        break;
    default:
        reason = stage_review(&review, text, at, out, &n);
        if (review.bodiless || review.not_modified) {
            (*out)[0] = '\0';
        }
    }
    s->removed = review.removed;
    *shown = reason == BASE_OK    ? status
             : review.status != 0 ? review.status
                                  : base_reason_info(reason)->status;
    base_arena_free(arena);
    return reason;
}

static inline base_reason_t stage_answer(stage_t *s, unsigned status, const char *type,
                                         const char *body, unsigned *shown)
{
    char *out;
    base_reason_t reason =
        stage_shows(s, status, type, body, body == NULL ? 1 : strlen(body), shown, &out);

    free(out);
    return reason;
}

#endif
