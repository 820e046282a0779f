/* Claims through a claim map: shapes, pointers, voids (RULES A13, F7, F8), and what a base makes of them (smart_context). */

#include "unit.h"

#include "smart_stage.h"

static base_arena_t *arena;
static smart_claim_map_t map;
static smart_claims_t claims;

static base_reason_t read_claims(const char *json)
{
    base_arena_free(arena);
    arena = base_arena_new(1u << 20);
    return smart_claims_read(&map, base_span_of(json), arena, &claims);
}

static int span_is(base_span_t span, const char *text)
{
    return text == NULL ? span.p == NULL : base_span_is(span, text);
}

static base_arena_t *pointers_arena;

static void set(smart_claim_t claim, const char *pointer)
{
    ok(smart_claim_pointer_set(&map.claim[claim], base_span_of(pointer), pointers_arena),
       "pointer %s", pointer);
}

static void plain_claims(void)
{
    smart_claim_map_default(&map);
    is_int(read_claims(
               "{\"iss\":\"https://as\",\"sub\":\"u\\u0031\",\"jti\":\"t\",\"client_id\":\"app\","
               "\"azp\":\"other\",\"patient\":\"123\",\"encounter\":\"e1\","
               "\"fhirUser\":\"Practitioner/1\",\"intent\":\"i\",\"tenant\":\"t1\","
               "\"smart_style_url\":\"https://s\",\"need_patient_banner\":true,"
               "\"scope\":\"openid patient/*.rs\",\"exp\":17.5,"
               "\"fhirContext\":[ {\"reference\":\"ImagingStudy/9\"} ]}"),
           BASE_OK, "every claim at its default place");
    ok(span_is(claims.issuer, "https://as") && span_is(claims.token_id, "t"), "iss and jti");
    ok(span_is(claims.subject, "u1"), "sub, its escape resolved");
    ok(span_is(claims.client_id, "app"), "client_id goes before azp");
    ok(claims.patient_n == 1 && span_is(claims.patient[0], "123"), "patient");
    ok(span_is(claims.encounter, "e1") && span_is(claims.fhir_user, "Practitioner/1"),
       "encounter and fhirUser");
    ok(span_is(claims.intent, "i") && span_is(claims.tenant, "t1"), "intent and tenant");
    ok(span_is(claims.smart_style_url, "https://s"), "smart_style_url");
    is_int(claims.need_patient_banner, SMART_BANNER_NEEDED, "need_patient_banner");
    ok(span_is(claims.fhir_context, "[ {\"reference\":\"ImagingStudy/9\"} ]"),
       "fhirContext as it was written");
    ok(claims.scope_n == 1 && span_is(claims.scope[0], "openid patient/*.rs"), "scope");
    ok(span_is(smart_claims_extra(&claims, BASE_SPAN("exp")), "17.5"), "a number as written");
    ok(span_is(smart_claims_extra(&claims, BASE_SPAN("sub")), "u1"), "a string");
    ok(span_is(smart_claims_extra(&claims, BASE_SPAN("fhirContext")), NULL), "no array");
}

static void wrong_shapes(void)
{
    static const struct {
        const char *json;
        const char *what;
    } rows[] = {
        {"{\"patient\":[\"1\"]}", "an array"},         {"{\"patient\":[\"1\",\"2\"]}", "several"},
        {"{\"patient\":{\"id\":\"1\"}}", "an object"}, {"{\"patient\":1}", "a number"},
        {"{\"patient\":true}", "a boolean"},           {"{\"patient\":[]}", "an empty array"},
    };
    size_t i;

    smart_claim_map_default(&map);
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        is_int(read_claims(rows[i].json), BASE_OK, "patient as %s is read", rows[i].what);
        ok(claims.patient_void && claims.patient_n == 0, "and void");
    }
    is_int(
        read_claims("{\"encounter\":5,\"fhirUser\":[\"Patient/1\"],\"client_id\":7,\"azp\":\"z\","
                    "\"sub\":null,\"need_patient_banner\":\"true\",\"tenant\":{}}"),
        BASE_OK, "other claims of wrong shapes");
    ok(span_is(claims.encounter, NULL) && span_is(claims.fhir_user, NULL), "are absent");
    ok(claims.fhir_user_void, "and a user was named, though not legibly");
    ok(span_is(claims.client_id, NULL), "azp does not stand in for a broken client_id");
    is_int(claims.need_patient_banner, SMART_BANNER_UNSAID, "a string is no boolean");
    is_int(read_claims("{\"azp\":\"z\"}"), BASE_OK, "azp alone");
    ok(span_is(claims.client_id, "z"), "stands in for client_id");
}

static void broken_json(void)
{
    static const char *const rows[] = {
        "",
        "[]",
        "\"x\"",
        "{",
        "{\"patient\":\"1\"",
        "{\"patient\":\"1\"}x",
        "{\"patient\":\"1\",}",
        "{\"patient\":\"1\",\"patient\":\"2\"}",
        "{\"patient\":\"1\",\"p\\u0061tient\":\"2\"}",
        "{\"a\":{\"x\":1,\"x\":2}}",
        "{\"a\":[{\"x\":1,\"x\":2}]}",
        "{\"patient\":\"\\ud800\"}",
        "{\"patient\":\"\\u0000\"}",
        "{\"patient\":\"\xff\"}",
        "null",
    };
    size_t i;

    smart_claim_map_default(&map);
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        is_int(read_claims(rows[i]), BASE_TOKEN_CLAIMS, "refused: row %zu", i);
    }
    is_int(read_claims("{\"a\":{\"x\":1},\"b\":{\"x\":2}}"), BASE_OK,
           "the same name in two objects is no duplicate");
}

static void scope_shapes(void)
{
    smart_claim_map_default(&map);
    is_int(read_claims("{\"scope\":[\"a\",\"b c\",3,{\"d\":\"e\"}],\"scp\":[\"f\"]}"), BASE_OK,
           "arrays, both claims");
    is_int(claims.scope_n, 3, "strings alone count");
    ok(span_is(claims.scope[0], "a") && span_is(claims.scope[1], "b c") &&
           span_is(claims.scope[2], "f"),
       "in order");
    is_int(read_claims("{\"roles\":\"user/*.cruds\"}"), BASE_OK, "roles");
    ok(claims.scope_n == 0 && !claims.scope_found, "are no scopes");
    is_int(read_claims("{\"scope\":\"\"}"), BASE_OK, "an empty scope");
    ok(claims.scope_found, "was there");
    is_int(read_claims("{\"scope\":7}"), BASE_OK, "a number as scope");
    is_int(claims.scope_n, 0, "grants nothing");
}

static void pointers(void)
{
    smart_claim_pointer_t pointer;
    base_arena_t *keep = base_arena_new(4096);

    pointers_arena = keep;
    smart_claim_map_default(&map);
    set(SMART_CLAIM_PATIENT, "/ext/smart/patient_id");
    set(SMART_CLAIM_TENANT, "/urn:cerner:authorization:claims:version:1/a~1b~0c");
    set(SMART_CLAIM_FHIR_USER, "extension_fhirUser");
    is_int(read_claims(
               "{\"patient\":\"9\",\"ext\":{\"patient_id\":\"8\",\"smart\":{\"x\":[{\"patient_id\":"
               "\"7\"}],\"patient_id\":\"1\"}},\"extension_fhirUser\":\"Patient/1\","
               "\"urn:cerner:authorization:claims:version:1\":{\"a/b~c\":\"t\"}}"),
           BASE_OK, "nested claims");
    ok(claims.patient_n == 1 && span_is(claims.patient[0], "1"), "the place, not the name");
    ok(span_is(claims.tenant, "t"), "escapes of RFC 6901");
    ok(span_is(claims.fhir_user, "Patient/1"), "a bare name is a top-level member");
    is_int(read_claims("{\"ext\":[{\"smart\":{\"patient_id\":\"1\"}}]}"), BASE_OK,
           "an array on the way");
    is_int(claims.patient_n, 0, "is no object");
    ok(!smart_claim_pointer_set(&pointer, BASE_SPAN(""), keep), "no empty pointer");
    ok(!smart_claim_pointer_set(&pointer, BASE_SPAN("/a~2"), keep), "no bad escape");
    ok(!smart_claim_pointer_set(&pointer, BASE_SPAN("/a~"), keep), "no cut escape");
    ok(!smart_claim_pointer_set(&pointer, BASE_SPAN("/1/2/3/4/5/6/7/8/9"), keep),
       "not nine levels");
    ok(smart_claim_pointer_set(&pointer, BASE_SPAN("/1/2/3/4/5/6/7/8"), keep), "eight levels");
    is_int(smart_claim_of(BASE_SPAN("need_patient_banner")), SMART_CLAIM_NEED_PATIENT_BANNER,
           "a name of CONFIG");
    is_int(smart_claim_of(BASE_SPAN("aud")), SMART_CLAIM_COUNT, "no name of CONFIG");
    base_arena_free(keep);
}

static void many_patients(void)
{
    stage_t s;
    base_span_t ids[SMART_PATIENTS_MAX];

    stage_open(&s);
    smart_claim_map_default(&map);
    map.patients_many = true;
    is_int(read_claims("{\"patient\":[\"1\",\"Patient/2\",\"1\"]}"), BASE_OK, "patients many");
    is_int(smart_context_patients(&claims, &s.base, ids), 2, "without repeats");
    is_int(read_claims("{\"patient\":\"1 2\"}"), BASE_OK, "a list in a string");
    is_int(smart_context_patients(&claims, &s.base, ids), 2, "is split");
    is_int(read_claims("{\"patient\":[\"1\",2]}"), BASE_OK, "one of a wrong shape");
    is_int(smart_context_patients(&claims, &s.base, ids), 0, "voids the whole");
    is_int(read_claims("{\"patient\":[\"1\",\"Group/2\"]}"), BASE_OK, "one of another type");
    is_int(smart_context_patients(&claims, &s.base, ids), 0, "voids the whole");
    is_int(read_claims("{\"patient\":[\"1\",[\"2\"]]}"), BASE_OK, "a nested list");
    is_int(smart_context_patients(&claims, &s.base, ids), 0, "voids the whole");
    is_int(read_claims("{\"patient\":[]}"), BASE_OK, "an empty list");
    ok(claims.patient_void, "names nobody, and was there (L22)");
    is_int(read_claims("{\"patient\":\" \"}"), BASE_OK, "an empty list in a string");
    ok(claims.patient_void, "likewise");
    is_int(read_claims("{\"patient\":null}"), BASE_OK, "null");
    ok(!claims.patient_void, "is no claim");
    map.patients_many = false;
    is_int(read_claims("{\"patient\":\"1 2\"}"), BASE_OK, "with `patients one`");
    is_int(smart_context_patients(&claims, &s.base, ids), 0, "a list names nobody");
    stage_close(&s);
}

static void patient_spellings(void)
{
    static const struct {
        const char *value;
        const char *id;
    } rows[] = {
        {"123", "123"},
        {"a-B.9", "a-B.9"},
        {"Patient/123", "123"},
        {STAGE_URL "/Patient/123", "123"},
        {"https://other.example.org/r4/Patient/123", NULL},
        {"https://fhir.example.org/r4x/Patient/123", NULL},
        {STAGE_URL "Patient/123", NULL},
        {STAGE_URL "xPatient/123", NULL},
        {STAGE_URL "/Patient/123/", NULL},
        {STAGE_URL "/Patient/123/_history/1", NULL},
        {"Group/123", NULL},
        {"patient/123", NULL},
        {"/Patient/123", NULL},
        {"Patient/", NULL},
        {"Patient/1/2", NULL},
        {"", NULL},
        {"1,2", NULL},
        {"1&patient=2", NULL},
        {"1%2C2", NULL},
        {"..", NULL},
        {"1\\n2", NULL},
        {"0123456789012345678901234567890123456789012345678901234567890123", ""},
        {"01234567890123456789012345678901234567890123456789012345678901234", NULL},
    };
    stage_t s;
    size_t i;
    base_span_t id;

    stage_open(&s);
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        id = smart_context_id(base_span_of(rows[i].value), "Patient", &s.base);
        if (rows[i].id != NULL && rows[i].id[0] == '\0') {
            is_int(id.n, 64, "64 characters are an id");
        } else {
            ok(span_is(id, rows[i].id), "patient %s", rows[i].value);
        }
    }
    stage_close(&s);
}

static void users(void)
{
    static const struct {
        const char *value;
        const char *type;
        int foreign;
    } rows[] = {
        {"Practitioner/1", "Practitioner", 0},
        {STAGE_URL "/Patient/1", "Patient", 0},
        {"https://other/fhir/Patient/1", "Patient", 1},
        {"https://other/fhir/Practitioner/1", "Practitioner", 1},
        {"Patient", NULL, 0},
        {"alice", NULL, 0},
        {"https://other/Patient/", NULL, 0},
        {"https://other/Patient/1?x=y", NULL, 0},
        {"fhir/Patient/1", NULL, 0},
        {"", NULL, 0},
    };
    stage_t s;
    smart_user_t user;
    size_t i;
    bool known;

    stage_open(&s);
    memset(&claims, 0, sizeof(claims));
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        claims.fhir_user = base_span_of(rows[i].value);
        known = smart_context_user(&claims, &s.base, &user);
        ok(known == (rows[i].type != NULL) && span_is(user.type, rows[i].type) &&
               user.foreign == (rows[i].foreign != 0),
           "fhirUser %s", rows[i].value);
    }
    stage_close(&s);
}

static void context_items(void)
{
    stage_t s;

    stage_open(&s);
    memset(&claims, 0, sizeof(claims));
    claims.fhir_context =
        BASE_SPAN("[\"Task/3\",{\"role\":\"Task/0\",\"reference\":\"EpisodeOfCare/7\"},"
                  "{\"x\":{\"reference\":\"List/1\"}},[\"List/2\"],"
                  "{\"x\\nreference\":\"List/4\"},"
                  "{\"reference\":\"x\\/List/5\"},{\"reference\":\"" STAGE_URL "/List/6\"}]");
    ok(span_is(smart_context_item(&claims, &s.base, BASE_SPAN("EpisodeOfCare")), "7"), "an object");
    ok(span_is(smart_context_item(&claims, &s.base, BASE_SPAN("Task")), "3"), "a string");
    ok(span_is(smart_context_item(&claims, &s.base, BASE_SPAN("List")), "6"),
       "only a whole reference at its place");
    ok(span_is(smart_context_item(&claims, &s.base, BASE_SPAN("Device")), NULL), "none");
    stage_close(&s);
}

static void wildcards(char *json, size_t n)
{
    size_t at = (size_t) sprintf(json, "{\"scope\":\"user/Observation.rs?code=x"), i;

    for (i = 0; i < n; i++) {
        at += (size_t) sprintf(json + at, " user/*.rs?code=%zu", i);
    }
    (void) sprintf(json + at, "\"}");
}

static void principals(void)
{
    stage_t s;
    size_t n;
    const smart_scope_t *scopes;
    char many[4096] = "{\"scope\":\"";
    int i;

    stage_open(&s);
    is_int(stage_token(&s, " openid  patient/Observation.rs ", "1", NULL), BASE_OK, "a principal");
    scopes = smart_principal_scopes(s.principal, &n);
    ok(n == 2 && span_is(scopes[1].text, "patient/Observation.rs"), "runs of spaces");
    ok(span_is(smart_principal_scope_text(s.principal), "openid patient/Observation.rs"), "joined");
    ok(span_is(smart_principal_issuer(s.principal), "test"), "issuer");
    ok(smart_principal_size(s.principal) < 32768, "costs %zu bytes",
       smart_principal_size(s.principal));
    smart_principal_release(smart_principal_hold(s.principal));
    ok(span_is(smart_principal_issuer(s.principal), "test"), "held as often as it is released");
    for (i = 0; i < 257; i++) {
        strcat(many, "a ");
    }
    strcat(many, "\"}");
    is_int(stage_claims(&s, many), BASE_TOKEN_SCOPES, "257 scopes");
    many[strlen(many) - 4] = ' ';
    is_int(stage_claims(&s, many), BASE_OK, "256 scopes");
    wildcards(many, SMART_WILDCARDS_MAX);
    is_int(stage_claims(&s, many), BASE_OK, "as many constraints of every type as may be");
    wildcards(many, SMART_WILDCARDS_MAX + 1);
    is_int(stage_claims(&s, many), BASE_TOKEN_SCOPES,
           "one more: each would be compiled for each type, for each request");
    is_int(stage_claims(&s, "{"), BASE_TOKEN_CLAIMS, "no principal of broken claims");
    ok(s.principal == NULL, "none");

    s.map.scope_prefix = BASE_SPAN("api://app/");
    s.map.scope_separator = BASE_SPAN(".%");
    is_int(stage_token(&s, "api://app/patient/A.rs user.B.r system%2fC.s patientx.D.r user%2x",
                       NULL, NULL),
           BASE_OK, "vendor spellings where they are configured");
    scopes = smart_principal_scopes(s.principal, &n);
    ok(span_is(scopes[0].type, "A") && span_is(scopes[1].type, "B") && span_is(scopes[2].type, "C"),
       "are read");
    ok(scopes[3].state == SMART_SCOPE_OTHER && scopes[4].state == SMART_SCOPE_OTHER,
       "others are not");
    ok(span_is(scopes[0].text, "api://app/patient/A.rs"), "and kept as written");
    stage_close(&s);
}

/* Only what is configured, exactly; with it, its own words. */
static void scope_maps(void)
{
    static const base_span_t role[] = {BASE_SPAN_LIT("system/*.rs"), BASE_SPAN_LIT("user/*.r")};
    static const base_span_t robot[] = {BASE_SPAN_LIT("system/Patient.s")};
    static const smart_scope_map_t rows[] = {
        {BASE_SPAN_LIT("Fhir.Read"), false, role, 2},
        {BASE_SPAN_LIT("robot"), true, robot, 1},
    };
    stage_t s;
    char many[2048] = "{\"scope\":\"";
    int i;

    stage_open(&s);
    s.map.scope_map = rows;
    s.map.scope_map_n = 2;
    is_int(stage_claims(&s, "{\"scope\":\"openid Fhir.Read fhir.read robot\"}"), BASE_OK, "a role");
    ok(span_is(smart_principal_scope_text(s.principal),
               "openid system/*.rs user/*.r fhir.read robot"),
       "stands for its scopes, and nothing else does");
    is_int(stage_claims(&s, "{\"client_id\":\"robot\"}"), BASE_OK, "a client without scopes");
    ok(span_is(smart_principal_scope_text(s.principal), "system/Patient.s"), "has the map's");
    is_int(stage_claims(&s, "{\"client_id\":\"Fhir.Read\",\"scope\":\"a\"}"), BASE_OK,
           "a client with a role's name");
    ok(span_is(smart_principal_scope_text(s.principal), "a"), "has not");
    for (i = 0; i < 128; i++) {
        strcat(many, "Fhir.Read ");
    }
    strcat(many, "\"}");
    is_int(stage_claims(&s, many), BASE_OK, "256 scopes by the map");
    many[strlen(many) - 2] = 'a';
    many[strlen(many) - 1] = '"';
    strcat(many, "}");
    is_int(stage_claims(&s, many), BASE_TOKEN_SCOPES, "257");
    stage_close(&s);
}

/* Whatever allocation fails, the answer is a value. */
static void out_of_memory(void)
{
    size_t limit;
    base_reason_t reason = BASE_NO_MEMORY;

    smart_claim_map_default(&map);
    for (limit = 0; limit < 8192 && reason != BASE_OK; limit += 16) {
        base_arena_free(arena);
        arena = base_arena_new(limit);
        reason = smart_claims_read(
            &map, BASE_SPAN("{\"patient\":\"1\",\"scope\":[\"a\",\"b\"],\"x\":\"y\"}"), arena,
            &claims);
        if (reason != BASE_OK && reason != BASE_NO_MEMORY && reason != BASE_TOKEN_CLAIMS) {
            break;
        }
    }
    is_int(reason, BASE_OK, "works at last, with %zu bytes", limit);
}

int main(void)
{
    UNIT_BEGIN();
    plain_claims();
    wrong_shapes();
    broken_json();
    scope_shapes();
    pointers();
    many_patients();
    patient_spellings();
    users();
    context_items();
    principals();
    scope_maps();
    out_of_memory();
    base_arena_free(arena);
    UNIT_END();
}
