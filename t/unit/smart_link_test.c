/*
 * What a sealed link says (RULES L21): written, read, and for whom it was made.
 */

#include "unit.h"

#include "smart_stage.h"

#include "smart/smart_link.h"

#define CLAIMS "{\"iss\":\"https://a.example\",\"scope\":\"system/*.rs\",\"client_id\":\"b1\"}"

static const smart_grants_t *grants_of(stage_t *s, const char *claims)
{
    (void) stage_claims(s, claims);
    return smart_grants_compile(s->principal, &s->policy, &s->base, s->arena);
}

static smart_link_t link_to(stage_t *s, const char *target)
{
    smart_link_t link;

    smart_link_bind(&link, grants_of(s, CLAIMS), &s->sealer);
    link.kind = SMART_LINK_JOB;
    link.target = base_span_of(target);
    link.expires = 2000;
    link.client = base_arena_copy(s->arena, link.client);
    link.issuer = base_arena_copy(s->arena, link.issuer);
    link.base_url = base_arena_copy(s->arena, link.base_url);
    fhir_type_set_add(&link.types, fhir_type_find(s->policy.definitions, BASE_SPAN("Patient")));
    return link;
}

static void round_trip(void)
{
    stage_t s;
    smart_link_t link, read;
    base_span_t text;
    unsigned char *broken;
    size_t i;

    stage_open(&s);
    stage_sealer(&s, 1000);
    link = link_to(&s, "/$export-poll-status?_jobId=7:3:x&y=%20");
    text = smart_link_write(&link, s.policy.definitions, s.arena);
    if (ok(smart_link_read(text, s.policy.definitions, &read), "what was written is read")) {
        ok(read.kind == SMART_LINK_JOB && read.expires == 2000, "kind and time");
        ok(base_span_eq(read.target, link.target), "the target");
        ok(base_span_is(read.client, "b1") && base_span_is(read.issuer, "https://a.example"),
           "for whom");
        ok(memcmp(&read.types, &link.types, sizeof(read.types)) == 0, "what may come");
    }
    for (i = 0; i < text.n; i++) {
        ok(!smart_link_read(base_span_sub(text, 0, i), s.policy.definitions, &read), "cut at %u",
           (unsigned) i);
    }
    broken = malloc(text.n + 1);
    memcpy(broken, text.p, text.n);
    broken[text.n] = 'x';
    ok(!smart_link_read(base_span_make(broken, text.n + 1), s.policy.definitions, &read),
       "one byte more");
    free(broken);
    link.types = fhir_type_set_all(s.policy.definitions);
    text = smart_link_write(&link, s.policy.definitions, s.arena);
    ok(smart_link_read(text, fhir_definitions_of(FHIR_R5), &read) &&
           memcmp(&read.types, &link.types, sizeof(read.types)) != 0,
       "all types, by any version");
    stage_close(&s);
}

static const struct {
    const char *target;
    bool plain;
} targets[] = {
    {"/Binary/7", true},
    {"/$export-poll-status?_jobId=a-b", true},
    {"?_getpages=1", true},
    {"/?_getpages=1", true},
    {"/bulkfiles/j-88/Patient.ndjson", true},
    {"/x?a=b&c=%2F;d", true},
    {"", false},
    {"/", false},
    {"Binary/7", false},
    {"//Binary/7", false},
    {"/Binary/7/", false},
    {"/Binary//7", false},
    {"/Binary/../Patient/1", false},
    {"/Binary/./7", false},
    {"/Binary/%2e%2e/1", false},
    {"/Binary/7#x", false},
    {"/Binary/7?a#x", false},
    {"/Binary/7?a b", false},
    {"/Binary/7?a\"b", false},
    {"/Binary/\x01", false},
    {"/Binary/\xc3\xa9", false},
    {"/Binary/a\\b", false},
};

static void of_targets(void)
{
    size_t i;

    for (i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        is_int(smart_link_target_is_plain(base_span_of(targets[i].target)), targets[i].plain,
               "target %u", (unsigned) i);
    }
}

/* A link opens for its client, of its issuer, at its base. */
static void for_whom(void)
{
    stage_t s;
    smart_link_t link;
    const smart_grants_t *same;

    stage_open(&s);
    stage_sealer(&s, 1000);
    link = link_to(&s, "/x");
    same = grants_of(&s, "{\"iss\":\"https://a.example\",\"scope\":\"system/"
                         "Patient.rs\",\"client_id\":\"b1\",\"jti\":\"other\"}");
    ok(smart_link_is_of(&link, same, &s.sealer), "another token of the client");
    s.sealer.path = BASE_SPAN("/r5");
    ok(!smart_link_is_of(&link, same, &s.sealer), "at another base");
    s.sealer.path = BASE_SPAN("/r4");
    ok(!smart_link_is_of(
           &link,
           grants_of(
               &s,
               "{\"iss\":\"https://a.example\",\"scope\":\"system/*.rs\",\"client_id\":\"b2\"}"),
           &s.sealer),
       "another client");
    ok(!smart_link_is_of(
           &link,
           grants_of(
               &s,
               "{\"iss\":\"https://b.example\",\"scope\":\"system/*.rs\",\"client_id\":\"b1\"}"),
           &s.sealer),
       "another issuer");
    ok(!smart_link_is_of(&link,
                         grants_of(&s, "{\"iss\":\"https://a.example\",\"scope\":\"system/*.rs\"}"),
                         &s.sealer),
       "no client at all");
    stage_close(&s);
}

static void as_url(void)
{
    stage_t s;
    smart_link_t link;
    base_span_t url;

    stage_open(&s);
    stage_sealer(&s, 1000);
    ok(base_span_is(smart_link_base(&s.sealer, s.urls, 1), STAGE_URL),
       "below the URL that ends as the path does");
    s.sealer.url = BASE_SPAN("https://public.example/fhir");
    ok(base_span_is(smart_link_base(&s.sealer, s.urls, 1), "https://public.example/fhir"),
       "below the one that is said");
    s.sealer.url = BASE_SPAN("");
    s.sealer.path = BASE_SPAN("/elsewhere");
    ok(base_span_is(smart_link_base(&s.sealer, s.urls, 1), "/elsewhere"), "else by its path");
    link = link_to(&s, "/x");
    url = smart_link_seal(&link, &s.sealer, s.policy.definitions, BASE_SPAN(STAGE_URL), s.arena);
    ok(base_span_starts(url, STAGE_URL "/_smart/job/"), "a link");
    link.target = BASE_SPAN("/../x");
    url = smart_link_seal(&link, &s.sealer, s.policy.definitions, BASE_SPAN(STAGE_URL), s.arena);
    ok(url.p == NULL, "not to what is not plain");
    stage_close(&s);
}

int main(void)
{
    UNIT_BEGIN();
    round_trip();
    of_targets();
    for_whom();
    as_url();
    UNIT_END();
}
