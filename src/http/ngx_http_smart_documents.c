#include "ngx_http_smart_documents.h"

#include <openssl/err.h>

#include "oauth/oauth_metadata.h"
#include "ngx_http_smart_egress.h"
#include "ngx_http_smart_state.h"


#define NGX_HTTP_SMART_DOCUMENTS_ARENA  (64 * 1024)


typedef struct {
    ngx_http_smart_documents_t  *documents;
    base_reason_t                reason;
    int64_t                      max_age;
    ngx_uint_t                   metadata;     /* else the keys */
    ngx_uint_t                   changed;
} ngx_http_smart_documents_change_t;


static ngx_uint_t ngx_http_smart_documents_discovers(
    ngx_http_smart_issuer_t *issuer);
static ngx_uint_t ngx_http_smart_documents_introspects(
    ngx_http_smart_issuer_t *issuer);
static ngx_uint_t ngx_http_smart_documents_due(ngx_http_smart_issuer_t *issuer,
    ngx_http_smart_zone_view_t *view);
static ngx_int_t ngx_http_smart_documents_start(
    ngx_http_smart_documents_t *documents);
static void ngx_http_smart_documents_end(
    ngx_http_smart_documents_t *documents);
static void ngx_http_smart_documents_finish(
    ngx_http_smart_documents_t *documents);
static ngx_int_t ngx_http_smart_documents_fetch(
    ngx_http_smart_documents_t *documents, base_span_t address,
    base_span_t from, ngx_http_smart_fetch_pt handler);

static void ngx_http_smart_documents_metadata(
    ngx_http_smart_documents_t *documents);
static void ngx_http_smart_documents_metadata_handler(
    ngx_http_smart_fetch_t *fetch);
static base_reason_t ngx_http_smart_documents_metadata_take(
    ngx_http_smart_documents_t *documents, ngx_http_smart_fetch_t *fetch);
static base_reason_t ngx_http_smart_documents_metadata_store(
    ngx_http_smart_documents_t *documents, const oauth_endpoints_t *endpoints);
static void ngx_http_smart_documents_metadata_failed(
    ngx_http_smart_documents_t *documents, base_reason_t reason);

static void ngx_http_smart_documents_keys(
    ngx_http_smart_documents_t *documents);
static void ngx_http_smart_documents_keys_handler(
    ngx_http_smart_fetch_t *fetch);
static char *ngx_http_smart_documents_etag(
    ngx_http_smart_documents_t *documents);
static base_reason_t ngx_http_smart_documents_keys_take(
    ngx_http_smart_documents_t *documents, ngx_http_smart_fetch_t *fetch);
static base_reason_t ngx_http_smart_documents_keys_store(
    ngx_http_smart_documents_t *documents, ngx_http_smart_fetch_t *fetch);
static void ngx_http_smart_documents_forget(
    ngx_http_smart_documents_t *documents);
static void ngx_http_smart_documents_keys_failed(
    ngx_http_smart_documents_t *documents, base_reason_t reason);

static base_reason_t ngx_http_smart_documents_answer(
    ngx_http_smart_fetch_t *fetch);
static void ngx_http_smart_documents_log(ngx_http_smart_documents_t *documents,
    const char *what, base_reason_t reason);
static void ngx_http_smart_documents_change(oauth_document_t *metadata,
    oauth_document_t *keys, void *data);


/* Where metadata may be, in the order in which it is looked for (RULES G7). */

typedef struct {
    ngx_uint_t               discovery;
    ngx_uint_t               n;
    oauth_metadata_kind_t    kinds[2];
} ngx_http_smart_places_t;


static const ngx_http_smart_places_t  ngx_http_smart_places[] = {

    { NGX_HTTP_SMART_DISCOVERY_OIDC,  2,
      { OAUTH_METADATA_OIDC, OAUTH_METADATA_OAUTH } },

    { NGX_HTTP_SMART_DISCOVERY_OAUTH, 1, { OAUTH_METADATA_OAUTH } },

    { NGX_HTTP_SMART_DISCOVERY_SMART, 1, { OAUTH_METADATA_SMART } },

    { NGX_HTTP_SMART_DISCOVERY_OFF,   0, { OAUTH_METADATA_OIDC } }
};


static const ngx_http_smart_places_t *
ngx_http_smart_documents_places(ngx_http_smart_issuer_t *issuer)
{
    const ngx_http_smart_places_t  *places;

    places = ngx_http_smart_places;

    while (places->discovery != issuer->discovery
           && places->discovery != NGX_HTTP_SMART_DISCOVERY_OFF)
    {
        places++;
    }

    return places;
}


static ngx_inline base_span_t
ngx_http_smart_documents_span(ngx_str_t *text)
{
    return base_span_make(text->data, text->len);
}


void
ngx_http_smart_documents_tick(ngx_http_smart_documents_t *documents,
    ngx_http_smart_zone_view_t *view)
{
    ngx_http_smart_issuer_t  *issuer;

    issuer = documents->issuer;

    if (documents->active
        || !ngx_http_smart_documents_due(issuer, view)
        || ngx_http_smart_zone_lease(documents->zone, issuer->digest,
                                     ngx_current_msec + issuer->timeout + 2000)
           != NGX_OK)
    {
        return;
    }

    if (ngx_http_smart_documents_start(documents) != NGX_OK) {
        ngx_http_smart_documents_end(documents);
        return;
    }

    /* metadata is asked again when it is due, and when its key set cannot be had */

    if (ngx_http_smart_documents_discovers(issuer)
        && (oauth_document_due(&view->metadata, ngx_current_msec)
            || !oauth_document_usable(&view->metadata, ngx_current_msec)
            || view->keys.failures))
    {
        ngx_http_smart_documents_metadata(documents);
        return;
    }

    ngx_http_smart_documents_keys(documents);
}


void
ngx_http_smart_documents_stop(ngx_http_smart_documents_t *documents)
{
    if (documents->active) {
        ngx_http_smart_fetch_cancel(&documents->fetch);
        ngx_http_smart_documents_end(documents);
    }
}


static ngx_uint_t
ngx_http_smart_documents_discovers(ngx_http_smart_issuer_t *issuer)
{
    return (issuer->jwks_uri.len == 0
            || ngx_http_smart_documents_introspects(issuer))
           && issuer->discovery != NGX_HTTP_SMART_DISCOVERY_OFF;
}


/* True when the metadata must say where to ask about tokens. */

static ngx_uint_t
ngx_http_smart_documents_introspects(ngx_http_smart_issuer_t *issuer)
{
    return issuer->introspection != NGX_HTTP_SMART_INTROSPECTION_OFF
           && issuer->introspection_uri.len == 0;
}


/* An issuer that is only asked about opaque tokens, at a configured place, has no documents. */

static ngx_uint_t
ngx_http_smart_documents_due(ngx_http_smart_issuer_t *issuer,
    ngx_http_smart_zone_view_t *view)
{
    if (!ngx_http_smart_documents_discovers(issuer)
        && issuer->jwks_uri.len == 0)
    {
        return 0;
    }

    return oauth_document_due(&view->keys, ngx_current_msec)
           || (ngx_http_smart_documents_introspects(issuer)
               && oauth_document_due(&view->metadata, ngx_current_msec));
}


static ngx_int_t
ngx_http_smart_documents_start(ngx_http_smart_documents_t *documents)
{
    documents->active = 1;
    documents->attempt = 0;

    documents->pool = ngx_create_pool(4096, ngx_cycle->log);
    documents->arena = base_arena_new(NGX_HTTP_SMART_DOCUMENTS_ARENA);

    return documents->pool && documents->arena ? NGX_OK : NGX_ERROR;
}


static void
ngx_http_smart_documents_end(ngx_http_smart_documents_t *documents)
{
    if (documents->pool) {
        ngx_destroy_pool(documents->pool);
        documents->pool = NULL;
    }

    base_arena_free(documents->arena);
    documents->arena = NULL;
    documents->active = 0;

    ngx_http_smart_zone_release(documents->zone, documents->issuer->digest);
}


static void
ngx_http_smart_documents_finish(ngx_http_smart_documents_t *documents)
{
    ngx_http_smart_documents_end(documents);
    documents->done(documents->data);
}


/* `from`: the configured URL that `address` is, or that it was found from. */

static ngx_int_t
ngx_http_smart_documents_fetch(ngx_http_smart_documents_t *documents,
    base_span_t address, base_span_t from, ngx_http_smart_fetch_pt handler)
{
    ngx_http_smart_fetch_t   *fetch;
    ngx_http_smart_issuer_t  *issuer;

    issuer = documents->issuer;
    fetch = &documents->fetch;

    if (ngx_http_smart_egress(issuer, address, from, fetch) != BASE_OK) {
        return NGX_ERROR;
    }

    fetch->handler = handler;
    fetch->data = documents;

    /* each step has its own time */

    ngx_http_smart_zone_renew(documents->zone, issuer->digest,
                              ngx_current_msec + issuer->timeout + 2000);

    return NGX_OK;
}


static void
ngx_http_smart_documents_metadata(ngx_http_smart_documents_t *documents)
{
    base_span_t                     from, address;
    const ngx_http_smart_places_t  *places;

    from = ngx_http_smart_egress_from(documents->issuer);
    places = ngx_http_smart_documents_places(documents->issuer);

    address = oauth_metadata_address(places->kinds[documents->attempt], from,
                                     documents->arena);

    if (address.p == NULL
        || ngx_http_smart_documents_fetch(documents, address, from,
                                    ngx_http_smart_documents_metadata_handler)
           != NGX_OK
        || ngx_http_smart_fetch_start(&documents->fetch) != NGX_OK)
    {
        ngx_http_smart_documents_metadata_failed(documents,
                                                 BASE_DOCUMENT_URL);
    }
}


static void
ngx_http_smart_documents_metadata_handler(ngx_http_smart_fetch_t *fetch)
{
    base_reason_t                       reason;
    ngx_http_smart_documents_t         *documents;
    ngx_http_smart_documents_change_t   change;

    documents = fetch->data;

    reason = ngx_http_smart_documents_metadata_take(documents, fetch);

    if (reason != BASE_OK) {
        ngx_http_smart_documents_metadata_failed(documents, reason);
        return;
    }

    change.documents = documents;
    change.reason = BASE_OK;
    change.max_age = fetch->max_age;
    change.metadata = 1;
    change.changed = 1;

    (void) ngx_http_smart_zone_change(documents->zone,
                                      documents->issuer->digest,
                                      ngx_http_smart_documents_change,
                                      &change);

    ngx_http_smart_documents_keys(documents);
}


static base_reason_t
ngx_http_smart_documents_metadata_take(ngx_http_smart_documents_t *documents,
    ngx_http_smart_fetch_t *fetch)
{
    base_reason_t                   reason;
    oauth_endpoints_t               endpoints;
    ngx_http_smart_issuer_t        *issuer;
    const ngx_http_smart_places_t  *places;

    issuer = documents->issuer;

    reason = ngx_http_smart_documents_answer(fetch);
    if (reason != BASE_OK) {
        return reason;
    }

    places = ngx_http_smart_documents_places(issuer);

    reason = oauth_metadata_read(places->kinds[documents->attempt],
                                 ngx_http_smart_documents_span(&issuer->uri),
                                 base_span_make(fetch->body, fetch->len),
                                 documents->arena, &endpoints);
    if (reason != BASE_OK) {
        return reason;
    }

    return ngx_http_smart_documents_metadata_store(documents, &endpoints);
}


static base_reason_t
ngx_http_smart_documents_metadata_store(ngx_http_smart_documents_t *documents,
    const oauth_endpoints_t *endpoints)
{
    ngx_str_t                 text, before;
    ngx_http_smart_issuer_t  *issuer;

    issuer = documents->issuer;

    text.data = (u_char *) endpoints->introspection_endpoint.p;
    text.len = endpoints->introspection_endpoint.n;

    /* also while nobody needs it: a reload may */

    if (ngx_http_smart_zone_store(documents->zone, issuer->digest,
                                  NGX_HTTP_SMART_ZONE_INTROSPECTION_URI, &text)
        != NGX_OK
        && ngx_http_smart_documents_introspects(issuer))
    {
        return BASE_NO_MEMORY;
    }

    /* who only has opaque tokens has no keys to publish */

    if (endpoints->jwks_uri.p == NULL && issuer->jwks_uri.len == 0
        && !(ngx_http_smart_documents_introspects(issuer) && text.len))
    {
        return BASE_DOCUMENT_NO_JWKS;
    }

    text.data = (u_char *) endpoints->jwks_uri.p;
    text.len = endpoints->jwks_uri.n;

    (void) ngx_http_smart_zone_text(documents->zone, issuer->digest,
                                    NGX_HTTP_SMART_ZONE_JWKS_URI,
                                    documents->pool, &before);

    if (!base_span_eq(endpoints->jwks_uri,
                      ngx_http_smart_documents_span(&before)))
    {
        /* an ETag says nothing at another place */

        ngx_http_smart_documents_forget(documents);
    }

    if (ngx_http_smart_zone_store(documents->zone, issuer->digest,
                                  NGX_HTTP_SMART_ZONE_JWKS_URI, &text)
        != NGX_OK)
    {
        return BASE_NO_MEMORY;
    }

    return BASE_OK;
}


static void
ngx_http_smart_documents_metadata_failed(
    ngx_http_smart_documents_t *documents, base_reason_t reason)
{
    ngx_http_smart_zone_view_t          view;
    ngx_http_smart_documents_change_t   change;

    ngx_http_smart_documents_log(documents, "metadata", reason);

    if (++documents->attempt
        < ngx_http_smart_documents_places(documents->issuer)->n)
    {
        ngx_http_smart_documents_metadata(documents);
        return;
    }

    change.documents = documents;
    change.reason = reason;
    change.metadata = 1;

    (void) ngx_http_smart_zone_change(documents->zone,
                                      documents->issuer->digest,
                                      ngx_http_smart_documents_change,
                                      &change);

    /* what was said before still holds for a while */

    if (documents->issuer->jwks_uri.len
        || (ngx_http_smart_zone_view(documents->zone,
                                     documents->issuer->digest, &view)
            == NGX_OK
            && oauth_document_usable(&view.metadata, ngx_current_msec)))
    {
        ngx_http_smart_documents_keys(documents);
        return;
    }

    ngx_http_smart_documents_keys_failed(documents, reason);
}


static void
ngx_http_smart_documents_keys(ngx_http_smart_documents_t *documents)
{
    ngx_str_t                 uri;
    base_span_t               from;
    ngx_http_smart_issuer_t  *issuer;

    issuer = documents->issuer;
    uri = issuer->jwks_uri;
    from = ngx_http_smart_documents_span(&uri);

    if (uri.len == 0) {
        from = ngx_http_smart_egress_from(issuer);

        (void) ngx_http_smart_zone_text(documents->zone, issuer->digest,
                                        NGX_HTTP_SMART_ZONE_JWKS_URI,
                                        documents->pool, &uri);

        if (uri.len == 0) {
            ngx_http_smart_documents_log(documents, "jwks_uri",
                                         BASE_DOCUMENT_NO_JWKS);
            ngx_http_smart_documents_keys_failed(documents,
                                                 BASE_DOCUMENT_NO_JWKS);
            return;
        }
    }

    if (ngx_http_smart_documents_fetch(documents,
                                       ngx_http_smart_documents_span(&uri),
                                       from,
                                       ngx_http_smart_documents_keys_handler)
        != NGX_OK)
    {
        ngx_http_smart_documents_log(documents, "jwks_uri", BASE_DOCUMENT_URL);
        ngx_http_smart_documents_keys_failed(documents, BASE_DOCUMENT_URL);
        return;
    }

    documents->fetch.etag = ngx_http_smart_documents_etag(documents);
    documents->fetch.accept = "application/json, application/jwk-set+json";

    if (ngx_http_smart_fetch_start(&documents->fetch) != NGX_OK) {
        ngx_http_smart_documents_log(documents, "key set", BASE_NO_MEMORY);
        ngx_http_smart_documents_keys_failed(documents, BASE_NO_MEMORY);
    }
}


/* NULL where there are no keys that a 304 could stand for. */

static char *
ngx_http_smart_documents_etag(ngx_http_smart_documents_t *documents)
{
    ngx_str_t                    etag;
    ngx_http_smart_zone_view_t   view;

    if (ngx_http_smart_zone_view(documents->zone, documents->issuer->digest,
                                 &view)
        != NGX_OK
        || view.keys.generation == 0)
    {
        return NULL;
    }

    (void) ngx_http_smart_zone_text(documents->zone, documents->issuer->digest,
                                    NGX_HTTP_SMART_ZONE_KEYS_ETAG,
                                    documents->pool, &etag);

    return (char *) etag.data;
}


static void
ngx_http_smart_documents_keys_handler(ngx_http_smart_fetch_t *fetch)
{
    base_reason_t                       reason;
    ngx_http_smart_documents_t         *documents;
    ngx_http_smart_documents_change_t   change;

    documents = fetch->data;

    reason = ngx_http_smart_documents_keys_take(documents, fetch);

    if (reason != BASE_OK) {
        ngx_http_smart_documents_log(documents, "key set", reason);
        ngx_http_smart_documents_keys_failed(documents, reason);
        return;
    }

    change.documents = documents;
    change.reason = BASE_OK;
    change.max_age = fetch->max_age;
    change.metadata = 0;
    change.changed = 0;     /* storing them has said so */

    (void) ngx_http_smart_zone_change(documents->zone,
                                      documents->issuer->digest,
                                      ngx_http_smart_documents_change,
                                      &change);

    ngx_http_smart_state_save(documents->issuer, documents->zone);

    ngx_http_smart_documents_finish(documents);
}


/* A good set is never replaced by a bad one: it is read before it is stored. */

static base_reason_t
ngx_http_smart_documents_keys_take(ngx_http_smart_documents_t *documents,
    ngx_http_smart_fetch_t *fetch)
{
    size_t           usable, ignored;
    base_reason_t    reason;
    jose_jwk_set_t  *set;

    if (fetch->error == NULL && fetch->status == NGX_HTTP_NOT_MODIFIED
        && fetch->etag)
    {
        return BASE_OK;
    }

    reason = ngx_http_smart_documents_answer(fetch);
    if (reason != BASE_OK) {
        return reason;
    }

    reason = jose_jwk_set_read(base_span_make(fetch->body, fetch->len), &set);
    ERR_clear_error();
    if (reason != BASE_OK) {
        return reason;
    }

    usable = jose_jwk_set_count(set);
    ignored = jose_jwk_set_ignored(set, NULL);
    jose_jwk_set_free(set);

    /* an empty set revokes all keys, a set of nothing but strange ones is a mistake */

    if (usable == 0 && ignored) {
        return BASE_DOCUMENT_NO_KEYS;
    }

    return ngx_http_smart_documents_keys_store(documents, fetch);
}


/* An ETag stands for the keys that are stored or for none: it goes before they do, and a zone without room for it is no matter. */

static base_reason_t
ngx_http_smart_documents_keys_store(ngx_http_smart_documents_t *documents,
    ngx_http_smart_fetch_t *fetch)
{
    u_char                 *digest;
    ngx_str_t               text, before, etag;
    ngx_http_smart_zone_t  *zone;

    zone = documents->zone;
    digest = documents->issuer->digest;

    text.data = fetch->body;
    text.len = fetch->len;

    ngx_http_smart_documents_forget(documents);

    (void) ngx_http_smart_zone_text(zone, digest, NGX_HTTP_SMART_ZONE_KEYS,
                                    documents->pool, &before);

    if ((before.len != text.len
         || ngx_memcmp(before.data, text.data, text.len) != 0)
        && ngx_http_smart_zone_store(zone, digest, NGX_HTTP_SMART_ZONE_KEYS,
                                     &text)
           != NGX_OK)
    {
        return BASE_NO_MEMORY;
    }

    etag.data = (u_char *) fetch->new_etag;
    etag.len = ngx_strlen(fetch->new_etag);

    (void) ngx_http_smart_zone_store(zone, digest,
                                     NGX_HTTP_SMART_ZONE_KEYS_ETAG, &etag);

    return BASE_OK;
}


/* The next fetch of keys is without a condition. */

static void
ngx_http_smart_documents_forget(ngx_http_smart_documents_t *documents)
{
    ngx_str_t  none;

    ngx_str_null(&none);

    (void) ngx_http_smart_zone_store(documents->zone,
                                     documents->issuer->digest,
                                     NGX_HTTP_SMART_ZONE_KEYS_ETAG, &none);
}


static void
ngx_http_smart_documents_keys_failed(ngx_http_smart_documents_t *documents,
    base_reason_t reason)
{
    ngx_http_smart_documents_change_t  change;

    change.documents = documents;
    change.reason = reason;
    change.metadata = 0;

    (void) ngx_http_smart_zone_change(documents->zone,
                                      documents->issuer->digest,
                                      ngx_http_smart_documents_change,
                                      &change);

    ngx_http_smart_documents_finish(documents);
}


/* Only 200 counts: a 206 is a part, a 204 is nothing, and a redirect is somebody else's word. */

static base_reason_t
ngx_http_smart_documents_answer(ngx_http_smart_fetch_t *fetch)
{
    if (fetch->too_large) {
        return BASE_DOCUMENT_TOO_LARGE;
    }

    if (fetch->error || fetch->status != NGX_HTTP_OK) {
        return BASE_KEYS_UNAVAILABLE;
    }

    return BASE_OK;
}


static void
ngx_http_smart_documents_log(ngx_http_smart_documents_t *documents,
    const char *what, base_reason_t reason)
{
    ngx_http_smart_fetch_t  *fetch;

    fetch = &documents->fetch;

    if (fetch->error) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "smart_issuer \"%V\": no %s from \"%s\": %s",
                      &documents->issuer->name, what,
                      fetch->url ? fetch->url : "", fetch->error);
        return;
    }

    if (fetch->status != NGX_HTTP_OK) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "smart_issuer \"%V\": no %s from \"%s\": status %ui",
                      &documents->issuer->name, what,
                      fetch->url ? fetch->url : "", fetch->status);
        return;
    }

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "smart_issuer \"%V\": bad %s from \"%s\": %s",
                  &documents->issuer->name, what,
                  fetch->url ? fetch->url : "",
                  base_reason_info(reason)->name);
}


static void
ngx_http_smart_documents_change(oauth_document_t *metadata,
    oauth_document_t *keys, void *data)
{
    ngx_http_smart_documents_change_t  *change = data;

    unsigned           jitter;
    oauth_document_t  *document;

    jitter = (unsigned) ngx_random() % (OAUTH_DOCUMENT_JITTER + 1);
    document = change->metadata ? metadata : keys;

    if (change->reason != BASE_OK) {
        oauth_document_failed(document, ngx_current_msec, change->reason,
                              jitter);
        return;
    }

    oauth_document_fetched(document, &change->documents->issuer->life,
                           ngx_current_msec, change->max_age, jitter,
                           change->changed);
}
