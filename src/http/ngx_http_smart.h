/*
 * What the files of this room share: the configuration, and the record of one
 * request.
 */

#ifndef _NGX_HTTP_SMART_H_INCLUDED_
#define _NGX_HTTP_SMART_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "smart/smart_answer.h"
#include "smart/smart_judge.h"
#include "smart/smart_review.h"
#include "ngx_http_smart_issuer.h"
#include "ngx_http_smart_token.h"


/* header lists are linked, arrays of typed headers are gone */
#define NGX_HTTP_SMART_LINKED  (nginx_version >= 1023000)

/* a 103 of the upstream goes to the client by filters of its own */
#define NGX_HTTP_SMART_EARLY_HINTS  (nginx_version >= 1029000)


/*
 * F9: what a launch context header carries, and its default name. CONFIG
 * smart_context_header renames them by the first column.
 */
#define NGX_HTTP_SMART_CONTEXT_HEADERS(X)                                     \
    X(PATIENT,     "patient",             "X-SMART-Patient")                  \
    X(ENCOUNTER,   "encounter",           "X-SMART-Encounter")                \
    X(FHIR_USER,   "fhirUser",            "X-SMART-FHIR-User")                \
    X(TENANT,      "tenant",              "X-SMART-Tenant")                   \
    X(INTENT,      "intent",              "X-SMART-Intent")                   \
    X(BANNER,      "need_patient_banner", "X-SMART-Need-Patient-Banner")      \
    X(STYLE_URL,   "smart_style_url",     "X-SMART-Style-URL")                \
    X(FHIR_CONTEXT, "fhirContext",        "X-SMART-FHIR-Context")             \
    X(SCOPES,      "scopes",              "X-SMART-Scopes")                   \
    X(CLIENT_ID,   "client_id",           "X-SMART-Client-ID")                \
    X(SUBJECT,     "subject",             "X-SMART-Subject")                  \
    X(ISSUER,      "issuer",              "X-SMART-Issuer")                   \
    X(TOKEN_ID,    "token_id",            "X-SMART-Token-ID")

#define NGX_HTTP_SMART_CONTEXT_ENUM(id, name, header)                         \
    NGX_HTTP_SMART_CONTEXT_##id,
typedef enum {
    NGX_HTTP_SMART_CONTEXT_HEADERS(NGX_HTTP_SMART_CONTEXT_ENUM)
    NGX_HTTP_SMART_CONTEXT_COUNT
} ngx_http_smart_context_e;
#undef NGX_HTTP_SMART_CONTEXT_ENUM

/* of a header's name, by which folded names are compared */
#define NGX_HTTP_SMART_NAME_MAX  63


typedef struct {
    ngx_str_t                   name;
    smart_policy_t              policy;
} ngx_http_smart_policy_block_t;


typedef struct {
    ngx_http_smart_issuers_t    issuers;
    ngx_array_t                 policies;    /* of blocks, by pointer */
    smart_policy_t              policy;      /* without smart_policy */
    base_arena_t               *arena;       /* of the configuration */
    ngx_module_t               *proxy;       /* NULL: built without it */
} ngx_http_smart_main_conf_t;


typedef struct {
    ngx_uint_t                  enabled;     /* some location has smart */
    ngx_uint_t                  enforcing;   /* ... and no dry run */
    ngx_uint_t                  dynamic;     /* some smart_base has variables */
    ngx_uint_t                  recursive;   /* ... recursive_error_pages */
    ngx_array_t                 paths;       /* ngx_str_t: the constant bases */
    ngx_array_t                 strip;       /* folded names, renamed ones */
} ngx_http_smart_srv_conf_t;


typedef struct {
    ngx_flag_t                  enabled;
    ngx_array_t                *names;       /* ngx_str_t: issuers as written */
    ngx_http_complex_value_t   *variable;    /* instead of names */
    ngx_http_smart_issuer_t   **issuers;
    ngx_uint_t                  issuers_n;
    ngx_str_t                   policy_name;
    const smart_policy_t       *policy;
    ngx_str_t                   at;          /* where `smart` is written */

    ngx_http_complex_value_t   *base;
    ngx_str_t                   path;        /* constant, without last '/' */
    ngx_http_complex_value_t   *base_url;
    smart_base_t               *bases;       /* one per issuer */
    ngx_array_t                *requires;    /* smart_require's; NULL: none */

    ngx_str_t                   header[NGX_HTTP_SMART_CONTEXT_COUNT];
    ngx_flag_t                  forward_token;
    ngx_flag_t                  withhold;    /* "smart_forward_token off" */
    ngx_http_complex_value_t   *authorization;

    ngx_flag_t                  dry_run;
    ngx_array_t                *bypass;      /* ngx_http_complex_value_t */
    ngx_array_t                *cors;        /* ngx_str_t: origins; NULL: off */
    ngx_flag_t                  seal_links;  /* those to other pages, too */
    ngx_array_t                *seal_keys;   /* jose_seal_key_t, newest first */

    size_t                      max_token;
    size_t                      body_buffer;
    size_t                      response_buffer;
    size_t                      response_max;
    u_char                     *ignored;     /* L6, by type, of this worker */
    ngx_int_t                   bundle_max;
    ngx_int_t                   preread_max;
    ngx_msec_t                  preread_timeout;
    smart_limits_t              limits;      /* the judge's, of these */

    unsigned                    own:1;       /* `smart` is written here */
    unsigned                    explicit:1;  /* the path is smart_base's */
} ngx_http_smart_loc_conf_t;


typedef enum {
    NGX_HTTP_SMART_START,
    NGX_HTTP_SMART_TOKEN,       /* the principal is wanted */
    NGX_HTTP_SMART_JUDGE,       /* the judge says what is next */
    NGX_HTTP_SMART_READING,     /* the body is being read */
    NGX_HTTP_SMART_PREREAD,     /* what is stored is being read */
    NGX_HTTP_SMART_PASSED,
    NGX_HTTP_SMART_DENIED
} ngx_http_smart_state_e;


typedef enum {
    NGX_HTTP_SMART_UNSEEN,      /* no header has come yet */
    NGX_HTTP_SMART_PASS,
    NGX_HTTP_SMART_HOLD,
    NGX_HTTP_SMART_DONE         /* answered, what else comes is dropped */
} ngx_http_smart_answer_e;


/* A header of ours as it must arrive upstream: exactly once. */
typedef struct {
    ngx_str_t                   name;
    u_char                     *folded;      /* name.len bytes */
    ngx_str_t                   value;       /* data NULL: must not be there */
    ngx_uint_t                  yields;      /* to a proxy_set_header */
} ngx_http_smart_header_t;


/* What was judged and therefore must be sent. */
typedef struct {
    ngx_str_t                   method;
    ngx_str_t                   path;        /* below the base */
    ngx_str_t                   args;        /* data NULL: no '?' */
    ngx_array_t                 headers;     /* ngx_http_smart_header_t */
} ngx_http_smart_sent_t;


/*
 * The record of one request, main or sub. It hangs on a pool cleanup, since
 * internal redirects wipe r->ctx: the verdict is sticky (DESIGN). Obligations
 * only add up.
 */
typedef struct ngx_http_smart_ctx_s  ngx_http_smart_ctx_t;
typedef struct ngx_http_smart_preread_s  ngx_http_smart_preread_t;
typedef struct ngx_http_smart_stream_s  ngx_http_smart_stream_t;
typedef struct ngx_http_smart_count_s  ngx_http_smart_count_t;

struct ngx_http_smart_ctx_s {
    ngx_http_request_t         *request;
    ngx_http_smart_loc_conf_t  *conf;        /* of who judged last */
    ngx_uint_t                  state;       /* ngx_http_smart_state_e */
    base_reason_t               reason;      /* why it was denied */
    base_reason_t               would;       /* L18: why it would have been */
    base_arena_t               *arena;

    ngx_http_smart_issuer_t   **issuers;
    ngx_uint_t                  issuers_n;
    ngx_http_smart_identity_t   identity;
    base_span_t                 credentials[2];  /* Authorization as it came */
    ngx_uint_t                  credentials_n;   /* how many there were */
    ngx_str_t                   uri;         /* as judged, to see a change */
    ngx_str_t                   query;
    size_t                      base_len;    /* of uri, what is the base */
    smart_base_t               *base;
    smart_message_t             message;
    smart_judge_t               judge;
    smart_sealer_t              sealer;      /* the judge's */
    smart_verdict_t             verdict;     /* of all judgements, joined */
    ngx_http_smart_preread_t   *preread;     /* on its way; NULL: none */

    ngx_http_smart_sent_t       sent;
    ngx_str_t                   host;        /* as sent; of no request: empty */
    ngx_str_t                   prefix;      /* as sent, before the path */
    ngx_http_handler_pt         content_handler;
    ngx_int_t                 (*create_request)(ngx_http_request_t *r);
    ngx_int_t                 (*create_key)(ngx_http_request_t *r);
    void                      (*finalize_request)(ngx_http_request_t *r,
                                                  ngx_int_t rc);

    ngx_uint_t                  answer;      /* ngx_http_smart_answer_e */
    smart_review_t              review;
    ngx_http_smart_stream_t    *stream;      /* while HOLD */
    ngx_http_smart_count_t     *count;       /* L18: nothing is taken out */

    unsigned                    reading:1;   /* a read waits for the body */
    unsigned                    judged:1;    /* the verdict is in force */
    unsigned                    guarded:1;   /* content handler wrapped */
    unsigned                    verified:1;  /* what is sent was compared */
    unsigned                    answering:1; /* our own answer passes */
    unsigned                    captured:1;  /* credentials were looked for */
    unsigned                    header_only:1; /* r's, while held */
    unsigned                    logged:1;
    unsigned                    enforced:1;  /* some location enforces: sticky */
    unsigned                    open:1;      /* dry run or bypass here */
    unsigned                    counts:1;    /* its answer would be checked */
    unsigned                    counted:1;   /* and was, to its end */
    unsigned                    bypassed:1;
};


/* Spans and strings are the same thing under two names. */
static ngx_inline base_span_t
ngx_http_smart_span(ngx_str_t *s)
{
    base_span_t  span;

    span.p = s->data;
    span.n = s->len;

    return span;
}

static ngx_inline ngx_str_t
ngx_http_smart_str(base_span_t span)
{
    ngx_str_t  s;

    s.len = span.n;
    s.data = (u_char *) span.p;

    return s;
}


/* configuration, directives, policy_block */
void *ngx_http_smart_create_main_conf(ngx_conf_t *cf);
char *ngx_http_smart_init_main_conf(ngx_conf_t *cf, void *conf);
void *ngx_http_smart_create_srv_conf(ngx_conf_t *cf);
void *ngx_http_smart_create_loc_conf(ngx_conf_t *cf);
char *ngx_http_smart_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child);
char *ngx_http_smart_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_smart_base_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_smart_base_url_set(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_smart_context_header_set(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
ngx_str_t *ngx_http_smart_client_variable(ngx_str_t *text);
char *ngx_http_smart_authorization_set(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_smart_policy_block(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
smart_base_t *ngx_http_smart_base(ngx_http_request_t *r,
    ngx_http_smart_loc_conf_t *slcf, ngx_http_smart_issuer_t *issuer);

/* strip */
ngx_int_t ngx_http_smart_strip_handler(ngx_http_request_t *r);

/* judge: the PRECONTENT handler; the record of a request, NULL for none */
ngx_int_t ngx_http_smart_handler(ngx_http_request_t *r);
ngx_http_smart_ctx_t *ngx_http_smart_find(ngx_http_request_t *r);
ngx_http_smart_ctx_t *ngx_http_smart_record(ngx_http_request_t *r);
ngx_http_smart_ctx_t *ngx_http_smart_inherit(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *from);

/*
 * preread: what the judge wants to read before it says more. The other three
 * are for requests that are such reads
 */
ngx_int_t ngx_http_smart_preread(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx);
void ngx_http_smart_preread_cleanup(ngx_http_smart_preread_t *pr);
ngx_uint_t ngx_http_smart_is_preread(ngx_http_request_t *r);
ngx_int_t ngx_http_smart_preread_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_smart_preread_header(ngx_http_request_t *r);
ngx_int_t ngx_http_smart_preread_body(ngx_http_request_t *r, ngx_chain_t *in);

/* body: NGX_DONE: being read, the phases run again afterwards */
ngx_int_t ngx_http_smart_body_read(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx);
ngx_int_t ngx_http_smart_body_whole(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx, base_span_t *body);
ngx_int_t ngx_http_smart_body_replace(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx, const base_span_t *piece, size_t n);

/* slip: past our phase; `path` below `base`, *rest being what follows */
ngx_uint_t ngx_http_smart_slipped(ngx_http_request_t *r);
ngx_uint_t ngx_http_smart_below(base_span_t path, ngx_str_t *base,
    base_span_t *rest);

/* open: dry run and bypass (L18); what is let through unchanged */
void ngx_http_smart_open_begin(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx, ngx_http_smart_loc_conf_t *slcf);
ngx_int_t ngx_http_smart_open_pass(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx, base_reason_t reason);
char *ngx_http_smart_bypass_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* guard */
ngx_int_t ngx_http_smart_guard(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx, ngx_http_smart_loc_conf_t *slcf);

/*
 * answer: our own, header and body. `replace`: instead of what a content
 * handler sends; `status` 0: the reason's own
 */
ngx_int_t ngx_http_smart_deny(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    base_reason_t reason);
ngx_int_t ngx_http_smart_preflight(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx);
ngx_int_t ngx_http_smart_replace(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx, base_reason_t reason, ngx_uint_t status);

/*
 * response; encoded: by a coding other than identity; begun: bytes of the
 * answer that is checked are on their way to the client
 */
ngx_int_t ngx_http_smart_response_init(ngx_conf_t *cf);
ngx_uint_t ngx_http_smart_stream_begun(ngx_http_smart_stream_t *st);
ngx_uint_t ngx_http_smart_is_encoded(ngx_http_request_t *r);

/* L0: scheme, host and path prefix that were sent; left as it is where they are not known */
ngx_int_t ngx_http_smart_upstream_base(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx, base_span_t *base);
ngx_int_t ngx_http_smart_next_header(ngx_http_request_t *r);
ngx_int_t ngx_http_smart_next_body(ngx_http_request_t *r, ngx_chain_t *in);

/* cors (B10): headers of an answer that goes to the client */
char *ngx_http_smart_cors_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
ngx_int_t ngx_http_smart_cors(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx);

/* variables */
ngx_int_t ngx_http_smart_add_variables(ngx_conf_t *cf);

/*
 * log: one line for a denial, for an answer that ends before its end, for one
 * that is held in a file; what the operator's configuration did. `what` is a constant
 */
void ngx_http_smart_log_denial(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx, base_reason_t reason);
void ngx_http_smart_log_cut(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx, base_reason_t reason);
void ngx_http_smart_log_spill(ngx_http_request_t *r);
void ngx_http_smart_log_ignored(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx);
void ngx_http_smart_log_fault(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    const char *what);


extern ngx_module_t  ngx_http_smart_module;


#endif /* _NGX_HTTP_SMART_H_INCLUDED_ */
