/*
 * An issuer: whom we trust (configuration), its documents (shared zone), its keys (this worker), and the requests that wait for them.
 */

#ifndef _NGX_HTTP_SMART_ISSUER_H_INCLUDED_
#define _NGX_HTTP_SMART_ISSUER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "base/base_arena.h"
#include "base/base_reason.h"
#include "jose/jose_jwt.h"
#include "oauth/oauth_document.h"
#include "smart/smart_claims.h"
#include "ngx_http_smart_secret.h"
#include "ngx_http_smart_zone.h"


typedef struct ngx_http_smart_keeper_s  ngx_http_smart_keeper_t;
typedef struct ngx_http_smart_introspector_s  ngx_http_smart_introspector_t;


typedef enum {
    NGX_HTTP_SMART_DISCOVERY_UNSET,
    NGX_HTTP_SMART_DISCOVERY_OIDC,      /* then RFC 8414 */
    NGX_HTTP_SMART_DISCOVERY_OAUTH,
    NGX_HTTP_SMART_DISCOVERY_SMART,
    NGX_HTTP_SMART_DISCOVERY_OFF
} ngx_http_smart_discovery_e;


/* RFC 7662: who is asked about which tokens, and as whom. */
typedef enum {
    NGX_HTTP_SMART_INTROSPECTION_UNSET,
    NGX_HTTP_SMART_INTROSPECTION_OFF,
    NGX_HTTP_SMART_INTROSPECTION_OPAQUE,
    NGX_HTTP_SMART_INTROSPECTION_ALWAYS     /* JWTs, too, after they were verified */
} ngx_http_smart_introspection_e;

typedef enum {
    NGX_HTTP_SMART_CLIENT_NONE,
    NGX_HTTP_SMART_CLIENT_BASIC,
    NGX_HTTP_SMART_CLIENT_BEARER,
    NGX_HTTP_SMART_CLIENT_PRIVATE_KEY
} ngx_http_smart_client_e;


typedef struct ngx_http_smart_issuer_s  ngx_http_smart_issuer_t;

/*
 * `smart_issuer name { ... }`, immutable after configuration except for `keeper`, `introspector`, `secret` and `state_bad`, this worker's state. Strings that go to libcurl or the file system are
 * NUL-terminated behind len.
 */
struct ngx_http_smart_issuer_s {
    ngx_str_t                    name;
    ngx_str_t                    uri;              /* the token's iss, exact */

    ngx_array_t                  audiences;        /* of ngx_str_t */
    ngx_uint_t                   audience_off;

    ngx_uint_t                   discovery;        /* ngx_http_smart_discovery_e */
    ngx_str_t                    fhir_base;        /* discovery smart */
    ngx_str_t                    jwks_uri;
    ngx_str_t                    jwks_file;        /* full path */
    ngx_str_t                    jwks;             /* the file as it was read */

    time_t                       leeway;
    time_t                       max_token_age;    /* 0: off */

    ngx_msec_t                   refresh_min;
    ngx_msec_t                   refresh_max;
    ngx_msec_t                   stale;
    ngx_msec_t                   cooldown;
    ngx_msec_t                   timeout;
    size_t                       max_size;

    ngx_str_t                    trusted_certificate;
    ngx_str_t                    trusted;          /* the file as it was read */
    ngx_str_t                    crl;
    ngx_str_t                    state_file;
    ngx_uint_t                   state_bad;        /* this worker could not write it */
    ngx_str_t                    proxy;
    ngx_flag_t                   insecure_http;
    ngx_flag_t                   private_addresses;

    ngx_uint_t                   keyless;          /* opaque tokens alone */
    ngx_uint_t                   introspection;    /* ngx_http_smart_introspection_e */
    ngx_str_t                    introspection_uri;
    ngx_msec_t                   introspection_cache;
    ngx_int_t                    introspection_max;
    ngx_uint_t                   client;           /* ngx_http_smart_client_e */
    ngx_str_t                    client_id;
    ngx_http_smart_secret_t      secret;           /* password, token or private key */
    ngx_str_t                    client_alg;
    ngx_str_t                    client_kid;

    /* compiled from the above and from algorithms, typ, claim, scope_*, patients */
    jose_jwt_rules_t             rules;
    smart_claim_map_t            map;
    oauth_document_rules_t       life;
    u_char                       digest[NGX_HTTP_SMART_DIGEST_LEN];
    ngx_http_smart_issuer_t     *twin;             /* the next of the same digest, in a ring */

    u_char                       introspection_digest[NGX_HTTP_SMART_DIGEST_LEN];

    ngx_http_smart_keeper_t     *keeper;           /* ngx_http_smart_issuer.c's */
    ngx_http_smart_introspector_t  *introspector;  /* ngx_http_smart_introspection.c's */
};


/* All issuers, and what they share. Embedded in the main conf. */
typedef struct {
    ngx_array_t                  issuers;          /* of ngx_http_smart_issuer_t * */
    ngx_http_smart_zone_t        zone;
    size_t                       token_cache;      /* bytes per worker, 0: off */
    ngx_int_t                    verify_budget;
} ngx_http_smart_issuers_t;


/* create_main_conf: everything unset. */
ngx_int_t ngx_http_smart_issuers_create(ngx_conf_t *cf,
    ngx_http_smart_issuers_t *issuers);

/* init_main_conf: defaults, and the shared zone when there is an issuer. */
char *ngx_http_smart_issuers_init(ngx_conf_t *cf,
    ngx_http_smart_issuers_t *issuers);

/* The issuer of that name, or NULL. To be called when all blocks were read (postconfiguration). */
ngx_http_smart_issuer_t *ngx_http_smart_issuer_find(
    ngx_http_smart_issuers_t *issuers, ngx_str_t *name);

/* init_process and exit_process of the module; nothing happens in helper processes. */
ngx_int_t ngx_http_smart_issuers_init_process(ngx_cycle_t *cycle,
    ngx_http_smart_issuers_t *issuers);
void ngx_http_smart_issuers_exit_process(ngx_cycle_t *cycle,
    ngx_http_smart_issuers_t *issuers);


/*
 * The keys in this worker, and which generation of them it is. NULL when there are none that may be used; otherwise they live until control returns to the
 * event loop. No lock is taken.
 */
jose_jwk_set_t *ngx_http_smart_issuer_keys(ngx_http_smart_issuer_t *issuer,
    uint64_t *generation);

/*
 * There are no keys. NGX_AGAIN: some are being fetched, the request waits (see ngx_http_smart_wait). NGX_DECLINED: the issuer was asked
 * and has none for us now, or too many wait: *reason.
 */
ngx_int_t ngx_http_smart_issuer_cold(ngx_http_request_t *r,
    ngx_http_smart_issuer_t *issuer, base_reason_t *reason);

/*
 * The token names a key that the set does not hold, or no key of the set verifies it. NGX_OK: another worker brought new keys, look again. NGX_AGAIN: the issuer is
 * asked, the request waits. NGX_DECLINED: BASE_TOKEN_KEY_UNKNOWN, or a reason why nobody could ask.
 */
ngx_int_t ngx_http_smart_issuer_miss(ngx_http_request_t *r,
    ngx_http_smart_issuer_t *issuer, base_reason_t *reason);

/*
 * Where to ask about tokens, in the request's pool. NGX_AGAIN: metadata is being fetched, the request waits. NGX_DECLINED: *reason.
 */
ngx_int_t ngx_http_smart_issuer_endpoint(ngx_http_request_t *r,
    ngx_http_smart_issuer_t *issuer, ngx_str_t *uri, base_reason_t *reason);

/*
 * How many usable keys the bytes of a file hold, 0 for a set that is empty (which revokes all keys); NGX_ERROR when they are no set, or one
 * of nothing but keys that cannot be used.
 */
ngx_int_t ngx_http_smart_issuer_file_keys(ngx_str_t *text);


#endif /* _NGX_HTTP_SMART_ISSUER_H_INCLUDED_ */
