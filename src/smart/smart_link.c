#include "smart/smart_link.h"

#include "base/base_writer.h"

#include <stdio.h>
#include <string.h>

static const char *const names[SMART_LINK_KINDS] = {"job", "file", "page"};

/* The version of what is written: another reads as no link at all. */
#define FORMAT "1"

#define FIELDS    9
#define TEXT_ROOM ((size_t) 512) /* for lengths and numbers */

const char *smart_link_name(smart_link_kind_t kind)
{
    return kind < SMART_LINK_KINDS ? names[kind] : "";
}

/* Netstrings: whatever a field holds, it cannot be taken for the next. */
static void write_field(base_writer_t *w, base_span_t field)
{
    base_writer_uint(w, field.n);
    base_writer_text(w, ":");
    base_writer_raw(w, field);
}

static bool read_field(base_span_t *rest, base_span_t *field)
{
    size_t colon = base_span_find(*rest, ':');
    uint64_t n;

    if (colon == rest->n || !base_span_uint(base_span_sub(*rest, 0, colon), &n) ||
        n > rest->n - colon - 1) {
        return false;
    }
    *field = base_span_sub(*rest, colon + 1, colon + 1 + (size_t) n);
    *rest = base_span_sub(*rest, colon + 1 + (size_t) n, rest->n);
    return true;
}

static bool is_all(const fhir_type_set_t *types, const fhir_definitions_t *definitions)
{
    fhir_type_set_t all = fhir_type_set_all(definitions);

    return memcmp(types, &all, sizeof(all)) == 0;
}

/* Names, for positions change from one release to the next. "*": all there are, also by then. */
static base_span_t write_types(const smart_link_t *link, const fhir_definitions_t *definitions,
                               base_arena_t *arena)
{
    base_writer_t w;
    base_span_t out = {NULL, 0};
    size_t size = (size_t) definitions->n_types * 64;
    unsigned char *memory;
    bool first = true;
    unsigned i;

    if (is_all(&link->types, definitions)) {
        return BASE_SPAN("*");
    }
    memory = base_arena_alloc(arena, size);
    base_writer_init(&w, memory, memory == NULL ? 0 : size);
    for (i = 0; i < definitions->n_types; i++) {
        if (fhir_type_set_has(&link->types, &definitions->types[i])) {
            base_writer_text(&w, first ? "" : ",");
            base_writer_text(&w, definitions->types[i].name);
            first = false;
        }
    }
    (void) base_writer_done(&w, &out);
    return memory == NULL ? base_span_make(NULL, 0) : out;
}

static bool read_types(base_span_t text, const fhir_definitions_t *definitions,
                       fhir_type_set_t *types)
{
    const fhir_type_t *type;

    memset(types, 0, sizeof(*types));
    if (base_span_is(text, "*")) {
        *types = fhir_type_set_all(definitions);
        return true;
    }
    while (text.n > 0) {
        type = fhir_type_find(definitions, base_span_split(&text, ','));
        if (type == NULL) {
            return false;
        }
        fhir_type_set_add(types, type);
    }
    return true;
}

static base_span_t number(char *memory, size_t size, int64_t value)
{
    return base_span_make(memory, (size_t) snprintf(memory, size, "%lld", (long long) value));
}

base_span_t smart_link_write(const smart_link_t *link, const fhir_definitions_t *definitions,
                             base_arena_t *arena)
{
    char expires[32], file[32];
    base_span_t types = write_types(link, definitions, arena), out = {NULL, 0};
    const base_span_t field[FIELDS] = {BASE_SPAN_LIT(FORMAT),
                                       base_span_of(smart_link_name(link->kind)),
                                       number(file, sizeof(file), (int64_t) link->file),
                                       number(expires, sizeof(expires), link->expires),
                                       link->base_path,
                                       link->base_url,
                                       link->issuer,
                                       link->client,
                                       link->target};
    size_t size = TEXT_ROOM + types.n, i;
    unsigned char *memory;
    base_writer_t w;

    for (i = 0; i < FIELDS; i++) {
        size += field[i].n;
    }
    memory = base_arena_alloc(arena, size);
    if (memory == NULL || (types.p == NULL && !fhir_type_set_is_empty(&link->types))) {
        return out;
    }
    base_writer_init(&w, memory, size);
    for (i = 0; i < FIELDS; i++) {
        write_field(&w, field[i]);
    }
    write_field(&w, types);
    (void) base_writer_done(&w, &out);
    return out;
}

static bool read_kind(base_span_t text, smart_link_kind_t *kind)
{
    unsigned i;

    for (i = 0; i < SMART_LINK_KINDS; i++) {
        if (base_span_is(text, names[i])) {
            *kind = (smart_link_kind_t) i;
            return true;
        }
    }
    return false;
}

bool smart_link_read(base_span_t text, const fhir_definitions_t *definitions, smart_link_t *link)
{
    base_span_t field[FIELDS + 1];
    uint64_t file, expires;
    size_t i;

    for (i = 0; i < FIELDS + 1; i++) {
        if (!read_field(&text, &field[i])) {
            return false;
        }
    }
    memset(link, 0, sizeof(*link));
    if (text.n != 0 || !base_span_is(field[0], FORMAT) || !read_kind(field[1], &link->kind) ||
        !base_span_uint(field[2], &file) || file > SMART_FILE_ERROR ||
        !base_span_uint(field[3], &expires) || expires > INT64_MAX) {
        return false;
    }
    link->file = (smart_file_t) file;
    link->expires = (int64_t) expires;
    link->base_path = field[4];
    link->base_url = field[5];
    link->issuer = field[6];
    link->client = field[7];
    link->target = field[8];
    return read_types(field[9], definitions, &link->types) &&
           smart_link_target_is_plain(link->target);
}

static bool is_among(unsigned char c, const char *others)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr(others, c) != NULL);
}

/* Neither empty nor dots, and nothing that a proxy would write otherwise. */
static bool segment_is_plain(base_span_t segment)
{
    size_t i;

    for (i = 0; i < segment.n; i++) {
        if (!is_among(segment.p[i], "-._~$:@!'()*,;=+")) {
            return false;
        }
    }
    return segment.n > 0 && !base_span_is(segment, ".") && !base_span_is(segment, "..");
}

void smart_link_split(base_span_t target, base_span_t *path, base_span_t *query)
{
    size_t at = base_span_find(target, '?');

    *path = base_span_sub(target, 0, at);
    *query = at < target.n ? base_span_sub(target, at + 1, target.n) : base_span_make(NULL, 0);
}

bool smart_link_target_is_plain(base_span_t target)
{
    base_span_t path, query;
    size_t i;

    if (target.n > SMART_LINK_TARGET_MAX) {
        return false;
    }
    smart_link_split(target, &path, &query);
    for (i = 0; i < query.n; i++) {
        if (query.p[i] <= 0x20 || query.p[i] >= 0x7f || strchr("#\"<>", query.p[i]) != NULL) {
            return false;
        }
    }
    if (path.n == 0) {
        return query.n > 0;
    }
    if (path.p[0] != '/') {
        return false;
    }
    (void) base_span_split(&path, '/');
    if (path.n == 0) {
        return query.n > 0;
    }
    while (path.p != NULL) {
        if (!segment_is_plain(base_span_split(&path, '/'))) {
            return false;
        }
    }
    return true;
}

/* The token's own word, else (of some introspections) the name of its smart_issuer block. */
static base_span_t issuer_of(const smart_principal_t *principal)
{
    base_span_t issuer = smart_principal_claims(principal)->issuer;

    return issuer.n > 0 ? issuer : smart_principal_issuer(principal);
}

void smart_link_bind(smart_link_t *link, const smart_grants_t *grants, const smart_sealer_t *sealer)
{
    const smart_principal_t *principal = smart_grants_principal(grants);
    const smart_base_t *base = smart_grants_base(grants);

    memset(link, 0, sizeof(*link));
    link->issuer = issuer_of(principal);
    link->client = smart_principal_claims(principal)->client_id;
    link->base_path = sealer->path;
    link->base_url = base->urls_n > 0 ? base->urls[0] : base_span_make(NULL, 0);
}

bool smart_link_is_of(const smart_link_t *link, const smart_grants_t *grants,
                      const smart_sealer_t *sealer)
{
    smart_link_t own;

    smart_link_bind(&own, grants, sealer);
    return base_span_eq(link->issuer, own.issuer) && base_span_eq(link->client, own.client) &&
           base_span_eq(link->base_path, own.base_path) &&
           base_span_eq(link->base_url, own.base_url);
}

static bool ends_with(base_span_t url, base_span_t path)
{
    return url.n > path.n && (path.n == 0 || memcmp(url.p + url.n - path.n, path.p, path.n) == 0);
}

base_span_t smart_link_base(const smart_sealer_t *sealer, const base_span_t *urls, size_t urls_n)
{
    size_t i;

    if (sealer->url.n > 0) {
        return sealer->url;
    }
    for (i = 0; i < urls_n; i++) {
        if (ends_with(urls[i], sealer->path)) {
            return urls[i];
        }
    }
    return sealer->path;
}

base_span_t smart_link_seal(const smart_link_t *link, const smart_sealer_t *sealer,
                            const fhir_definitions_t *definitions, base_span_t url,
                            base_arena_t *arena)
{
    base_span_t text, seal, out = {NULL, 0};
    unsigned char *memory;
    base_writer_t w;
    size_t size;

    if (!smart_link_target_is_plain(link->target)) {
        return out;
    }
    text = smart_link_write(link, definitions, arena);
    if (text.p == NULL || !sealer->seal(sealer->ctx, text, arena, &seal)) {
        return out;
    }
    size = url.n + seal.n + 32;
    memory = base_arena_alloc(arena, size);
    if (memory == NULL) {
        return out;
    }
    base_writer_init(&w, memory, size);
    base_writer_raw(&w, url);
    base_writer_text(&w, "/_smart/");
    base_writer_text(&w, smart_link_name(link->kind));
    base_writer_text(&w, "/");
    base_writer_raw(&w, seal);
    (void) base_writer_done(&w, &out);
    return out;
}
