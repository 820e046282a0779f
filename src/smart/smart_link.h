/*
 * smart_link: what a sealed link says (RULES L21), and who seals it.
 *
 * A link to an export's status, to one of its files, or to another page of a search is replaced by one of ours: <base>/_smart/<kind>/<seal>. The seal holds where the
 * link led, for whom it was made, what may come back, and until when. This room knows what is said, not how it is sealed.
 */

#ifndef SMART_LINK_H
#define SMART_LINK_H

#include "base/base_arena.h"
#include "smart/smart_grants.h"

typedef enum {
    SMART_LINK_JOB,
    SMART_LINK_FILE,
    SMART_LINK_PAGE,
    SMART_LINK_KINDS
} smart_link_kind_t;

/* What is in a file of an export. */
typedef enum {
    SMART_FILE_OUTPUT,  /* resources of the types */
    SMART_FILE_DELETED, /* Bundles that say which of them were deleted */
    SMART_FILE_ERROR    /* OperationOutcomes */
} smart_file_t;

/* A job outlives the token by which it was begun, by days; a file's link is made anew each time that the status is asked for. Seconds. */
#define SMART_LINK_JOB_LIFE  ((int64_t) 7 * 86400)
#define SMART_LINK_FILE_LIFE ((int64_t) 86400)
#define SMART_LINK_PAGE_LIFE ((int64_t) 86400)

#define SMART_LINK_TARGET_MAX ((size_t) 4096)

/* Spans are the caller's, or the arena's that it was read into. */
typedef struct smart_link_s {
    smart_link_kind_t kind;
    smart_file_t file;
    base_span_t
        target; /* path and query below the upstream's base, "/Binary/7", "/$status?job=1" */
    base_span_t base_path; /* of the location it was made at */
    base_span_t base_url;  /* likewise; empty where it has none */
    base_span_t issuer;
    base_span_t client; /* client_id; empty: the token did not say */
    fhir_type_set_t
        types; /* that may come back: who opens it must be granted them; of PAGE: none, each entry is judged */
    int64_t expires; /* seconds since 1970 */
} smart_link_t;

/*
 * Who makes a seal of a text and a text of a seal. `now`: seconds since 1970, of the request. Seals are of letters, digits, '-' and '_'. False: no memory, no
 * key; of open: not sealed by any key.
 */
typedef struct smart_sealer_s {
    bool (*seal)(void *ctx, base_span_t text, base_arena_t *arena, base_span_t *seal);
    bool (*open)(void *ctx, base_span_t seal, base_arena_t *arena, base_span_t *text);
    void *ctx;
    int64_t now;
    bool pages;       /* links to other pages are sealed, too (C16) */
    base_span_t path; /* of the base, as this request has it, without a slash at its end */
    base_span_t url;  /* what clients call it (smart_base_url); absent: not said */
} smart_sealer_t;

/* "job", "file", "page". */
const char *smart_link_name(smart_link_kind_t kind);

/* The text that is sealed, in the arena; absent: no memory. */
base_span_t smart_link_write(const smart_link_t *link, const fhir_definitions_t *definitions,
                             base_arena_t *arena);

/* Reads such a text. False: it is none, or names a type that this version has not. */
bool smart_link_read(base_span_t text, const fhir_definitions_t *definitions, smart_link_t *link);

/*
 * True when a path and query can be sent as they are: what is judged, nginx's view and the wire are then one. A path of unreserved characters and
 * "$:@!'()*,;=+", no empty or dot segments; a query of visible characters.
 */
bool smart_link_target_is_plain(base_span_t target);

/* Path and query of a link's target; absent query: none. */
void smart_link_split(base_span_t target, base_span_t *path, base_span_t *query);

/* Fills in for whom and where: issuer, client_id, base. The rest is zeroed. */
void smart_link_bind(smart_link_t *link, const smart_grants_t *grants,
                     const smart_sealer_t *sealer);

/* True when it was made for that client of that issuer, at that base. */
bool smart_link_is_of(const smart_link_t *link, const smart_grants_t *grants,
                      const smart_sealer_t *sealer);

/* Where sealed links lead: the URL that is said, else the own one that ends as the path does, else the path alone. */
base_span_t smart_link_base(const smart_sealer_t *sealer, const base_span_t *urls, size_t urls_n);

/*
 * The URL of a link, "<url>/_smart/job/<seal>", in the arena; absent: it cannot be made (no memory, no key, a target that is not plain or too
 * long). `url`: of the public base, without a slash at its end, or its path alone.
 */
base_span_t smart_link_seal(const smart_link_t *link, const smart_sealer_t *sealer,
                            const fhir_definitions_t *definitions, base_span_t url,
                            base_arena_t *arena);

#endif
