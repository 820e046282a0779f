#include "oauth/oauth_metadata.h"

#include <jansson.h>
#include <string.h>

#include "base/base_writer.h"

static const char *const well_known[] = {
    [OAUTH_METADATA_OIDC] = "/.well-known/openid-configuration",
    [OAUTH_METADATA_OAUTH] = "/.well-known/oauth-authorization-server",
    [OAUTH_METADATA_SMART] = "/.well-known/smart-configuration",
};

/* Both discovery standards: a "/" that ends the issuer goes before the well-known part is put in. */
static base_span_t without_slash(base_span_t text)
{
    while (text.n > 0 && text.p[text.n - 1] == '/') {
        text.n--;
    }
    return text;
}

base_span_t oauth_metadata_address(oauth_metadata_kind_t kind, base_span_t from,
                                   base_arena_t *arena)
{
    base_span_t none = {NULL, 0};
    base_span_t out = none;
    base_writer_t w;
    oauth_url_t url;
    base_span_t head;
    base_span_t path;
    size_t size = from.n + 64;
    char *memory;

    if (!oauth_url_parse(from, &url) || base_span_find(url.path, '?') < url.path.n) {
        return none;
    }
    memory = base_arena_alloc(arena, size + 1);
    if (memory == NULL) {
        return none;
    }
    head = base_span_sub(from, 0, from.n - url.path.n);
    path = without_slash(url.path);
    base_writer_init(&w, memory, size);
    base_writer_raw(&w, head);
    if (kind == OAUTH_METADATA_OAUTH) {
        base_writer_text(&w, well_known[kind]);
        base_writer_raw(&w, path);
    } else {
        base_writer_raw(&w, path);
        base_writer_text(&w, well_known[kind]);
    }
    return base_writer_done(&w, &out) && out.n <= OAUTH_URL_MAX ? out : none;
}

static base_span_t text_of(const json_t *value)
{
    return base_span_make(json_string_value(value), json_string_length(value));
}

static base_reason_t issuer_check(oauth_metadata_kind_t kind, base_span_t issuer,
                                  const json_t *root)
{
    const json_t *value = json_object_get(root, "issuer");

    if (value == NULL) {
        return kind == OAUTH_METADATA_SMART ? BASE_OK : BASE_DOCUMENT_ISSUER;
    }
    if (!json_is_string(value) || !base_span_eq(text_of(value), issuer)) {
        return BASE_DOCUMENT_ISSUER;
    }
    return BASE_OK;
}

static base_reason_t endpoint_read(const json_t *root, const char *name, base_arena_t *arena,
                                   base_span_t *out)
{
    const json_t *value = json_object_get(root, name);
    oauth_url_t url;

    *out = base_span_make(NULL, 0);
    if (value == NULL) {
        return BASE_OK;
    }
    if (!json_is_string(value) || !oauth_url_parse(text_of(value), &url)) {
        return BASE_DOCUMENT_URL;
    }
    *out = base_arena_copy(arena, text_of(value));
    return out->p != NULL ? BASE_OK : BASE_NO_MEMORY;
}

static base_reason_t root_read(oauth_metadata_kind_t kind, base_span_t issuer, const json_t *root,
                               base_arena_t *arena, oauth_endpoints_t *endpoints)
{
    base_reason_t reason;

    if (!json_is_object(root)) {
        return BASE_DOCUMENT_SYNTAX;
    }
    reason = issuer_check(kind, issuer, root);
    if (reason != BASE_OK) {
        return reason;
    }
    reason = endpoint_read(root, "jwks_uri", arena, &endpoints->jwks_uri);
    if (reason != BASE_OK) {
        return reason;
    }
    return endpoint_read(root, "introspection_endpoint", arena, &endpoints->introspection_endpoint);
}

base_reason_t oauth_metadata_read(oauth_metadata_kind_t kind, base_span_t issuer, base_span_t json,
                                  base_arena_t *arena, oauth_endpoints_t *endpoints)
{
    base_reason_t reason;
    json_t *root;

    memset(endpoints, 0, sizeof(*endpoints));
    root = json_loadb((const char *) json.p, json.n, JSON_REJECT_DUPLICATES, NULL);
    if (root == NULL) {
        return BASE_DOCUMENT_SYNTAX;
    }
    reason = root_read(kind, issuer, root, arena, endpoints);
    json_decref(root);
    return reason;
}
