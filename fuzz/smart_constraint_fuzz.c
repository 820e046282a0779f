/*
 * What follows the '?' of a scope (A17-A24): whatever the text, it compiles or says why not. What compiles grants a read and a search; what does
 * not grants nothing. Under it the order and the repetition of its items change nothing, and an item more never shows more. What a search is
 * narrowed to is the constraint, said once, however often it is judged.
 *
 * Input: the constraint, a newline, the members of an Observation.
 */

#include "smart/smart_constraint.h"
#include "smart/smart_judge.h"
#include "smart/smart_review.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX    ((size_t) 2048)
#define CHECK(cond) check((cond), #cond, __LINE__)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static smart_policy_t policy;
static smart_base_t base;
static base_span_t url = BASE_SPAN_LIT("https://fhir.example.org/r4");

static void check(bool holds, const char *what, int line)
{
    if (!holds) {
        (void) fprintf(stderr, "line %d: %s\n", line, what);
        abort();
    }
}

/* Printable, and a token of a scope string; JSON needs no escapes then. */
static bool is_scope_text(base_span_t text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] <= ' ' || text.p[i] >= 0x7f || text.p[i] == '"' || text.p[i] == '\\') {
            return false;
        }
    }
    return text.n > 0;
}

static smart_principal_t *principal_of(base_span_t constraint)
{
    static char claims[2 * TEXT_MAX];
    smart_principal_t *principal = NULL;
    smart_claim_map_t map;
    int n = snprintf(claims, sizeof(claims), "{\"scope\":\"system/Observation.rs?%.*s\"}",
                     (int) constraint.n, (const char *) constraint.p);

    smart_claim_map_default(&map);
    CHECK(smart_principal_new(&map, base_span_make(claims, (size_t) n), BASE_SPAN("i"),
                              &principal) == BASE_OK);
    return principal;
}

static smart_step_t ask(smart_judge_t *judge, base_arena_t *arena, smart_principal_t *principal,
                        base_span_t path, base_span_t query)
{
    smart_message_t message = {0};

    message.fhir.method = BASE_SPAN("GET");
    message.fhir.path = path;
    message.fhir.query = query;
    smart_judge_start(judge, arena, &policy, &base, &message);
    smart_judge_principal(judge, principal);
    return smart_judge_next(judge);
}

/* Whether the body comes back to who reads it under this constraint. */
static bool is_shown(base_arena_t *arena, base_span_t constraint, base_span_t body, size_t cut)
{
    smart_principal_t *principal = principal_of(constraint);
    smart_head_t head = {.status = 200, .content_type = BASE_SPAN_LIT("application/fhir+json")};
    smart_judge_t judge;
    smart_review_t review;
    base_splice_t splice;
    base_reason_t reason = BASE_OK;
    base_span_t in;

    CHECK(ask(&judge, arena, principal, BASE_SPAN("/Observation/1"), base_span_make(NULL, 0)) ==
          SMART_SEND);
    CHECK(smart_review_start(&review, arena, smart_judge_verdict(&judge), &policy, &head) ==
          SMART_REVIEW_STREAM);
    base_splice_init(&splice);
    for (size_t fed = 0; fed < body.n && reason == BASE_OK; fed += in.n) {
        size_t to = fed < cut ? cut : body.n;

        in = base_span_sub(body, fed, to);
        for (base_span_t rest = in; rest.n > 0 && reason == BASE_OK;) {
            reason = smart_review_feed(&review, &rest, &splice);
            while (base_splice_next(&splice) != BASE_SPLICE_WAIT) {
            }
        }
    }
    reason = reason == BASE_OK ? smart_review_end(&review, &splice) : reason;
    smart_principal_release(principal);
    return reason == BASE_OK;
}

/* a&b as b&a, the last of them once more. */
static base_span_t turned(base_arena_t *arena, base_span_t text)
{
    size_t at = base_span_find(text, '&'), n = text.n;
    unsigned char *out;

    if (at == n) {
        out = base_arena_alloc(arena, 2 * n + 1);
        memcpy(out, text.p, n);
        out[n] = '&';
        memcpy(out + n + 1, text.p, n);
        return base_span_make(out, 2 * n + 1);
    }
    out = base_arena_alloc(arena, n);
    memcpy(out, text.p + at + 1, n - at - 1);
    out[n - at - 1] = '&';
    memcpy(out + n - at, text.p, at);
    return base_span_make(out, n);
}

static void check_search(base_arena_t *arena, base_span_t text,
                         const smart_constraint_t *constraint)
{
    smart_principal_t *principal = principal_of(text);
    smart_judge_t first, second;
    fhir_query_t query;

    CHECK(ask(&first, arena, principal, BASE_SPAN("/Observation"), base_span_make(NULL, 0)) ==
          SMART_SEND);
    CHECK(fhir_query_parse(smart_judge_edits(&first)->query, base_span_make(NULL, 0), arena,
                           &query) == BASE_OK);
    for (size_t i = 0; i < constraint->n; i++) {
        CHECK(fhir_query_says(&query, constraint->item[i].name, constraint->item[i].value));
    }
    CHECK(query.n <= constraint->n);
    CHECK(ask(&second, arena, principal, BASE_SPAN("/Observation"),
              smart_judge_edits(&first)->query) == SMART_SEND);
    CHECK(base_span_eq(smart_judge_edits(&first)->query, smart_judge_edits(&second)->query));
    smart_principal_release(principal);
}

static void check_void(base_arena_t *arena, base_span_t text)
{
    smart_principal_t *principal = principal_of(text);
    smart_judge_t judge;

    CHECK(ask(&judge, arena, principal, BASE_SPAN("/Observation/1"), base_span_make(NULL, 0)) ==
          SMART_REFUSE);
    CHECK(ask(&judge, arena, principal, BASE_SPAN("/Observation"), base_span_make(NULL, 0)) ==
          SMART_REFUSE);
    smart_principal_release(principal);
}

static base_span_t observation(base_arena_t *arena, base_span_t members)
{
    static const char head[] = "{\"resourceType\":\"Observation\",\"id\":\"1\"";
    size_t n = sizeof(head) - 1;
    unsigned char *out = base_arena_alloc(arena, n + members.n + 2);

    memcpy(out, head, n);
    if (members.n > 0) {
        out[n++] = ',';
        memcpy(out + n, members.p, members.n);
        n += members.n;
    }
    out[n++] = '}';
    return base_span_make(out, n);
}

static void check_shown(base_arena_t *arena, base_span_t text, base_span_t members)
{
    static const char more[] = "&status=final";
    base_span_t body = observation(arena, members);
    bool shown = is_shown(arena, text, body, body.n);
    unsigned char *narrower = base_arena_alloc(arena, text.n + sizeof(more));

    CHECK(is_shown(arena, text, body, members.n % (body.n + 1)) == shown);
    if (text.n < TEXT_MAX / 2) {
        CHECK(is_shown(arena, turned(arena, text), body, body.n) == shown);
    }
    memcpy(narrower, text.p, text.n);
    memcpy(narrower + text.n, more, sizeof(more) - 1);
    CHECK(shown ||
          !is_shown(arena, base_span_make(narrower, text.n + sizeof(more) - 1), body, body.n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    base_span_t rest = base_span_make(data, size), text;
    const fhir_type_t *type;
    base_arena_t *arena;
    smart_scope_t scope;
    smart_constraint_t constraint;
    char written[TEXT_MAX + 32];

    if (size == 0 || size > TEXT_MAX) {
        return 0;
    }
    if (base.urls_n == 0) {
        smart_policy_default(&policy);
        base = (smart_base_t){BASE_SPAN_LIT("/r4"), &url, 1};
    }
    text = base_span_split(&rest, '\n');
    if (!is_scope_text(text)) {
        return 0;
    }
    (void) snprintf(written, sizeof(written), "system/Observation.rs?%.*s", (int) text.n,
                    (const char *) text.p);
    smart_scope_parse(base_span_of(written), &scope);
    arena = base_arena_new((size_t) 1 << 24);
    type = fhir_type_find(policy.definitions, BASE_SPAN("Observation"));
    if (scope.state != SMART_SCOPE_GOOD ||
        smart_constraint_compile(scope.constraint, policy.definitions, type, &base, arena,
                                 &constraint) != SMART_SCOPE_GOOD) {
        check_void(arena, text);
    } else {
        CHECK(constraint.n > 0 && constraint.n <= SMART_CONSTRAINT_ITEMS);
        check_search(arena, text, &constraint);
        /* one item more would be one too many */
        if (constraint.n < SMART_CONSTRAINT_ITEMS) {
            check_shown(arena, text, rest);
        }
    }
    base_arena_free(arena);
    return 0;
}
