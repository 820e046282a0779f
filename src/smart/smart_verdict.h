/*
 * smart_verdict: what was decided, why, and what must be done for the "yes" to be true.
 *
 * A verdict is sticky: when a request is judged again (another location after an internal redirect), the verdicts are joined, and
 * obligations only add up.
 */

#ifndef SMART_VERDICT_H
#define SMART_VERDICT_H

#include "base/base_reason.h"
#include "smart/smart_narrowing.h"
#include "smart/smart_scope.h"

/* Obligations (DESIGN "Oblige"), bits. */
#define SMART_NARROW   1u  /* search parameters were appended (C19) */
#define SMART_BODY     2u  /* the request body is read and judged */
#define SMART_PREREAD  4u  /* the stored resource is read and judged first (D10) */
#define SMART_RESPONSE 8u  /* the answer is judged before it is released (D9, L3) */
#define SMART_MINIMAL  16u /* no representation may come back (B4) */
#define SMART_FILTER   32u /* ungranted includes are taken out (C2) */
#define SMART_SEAL     64u /* links of the answer are sealed (L21) */

/* The scope whose absence explains a refusal (I3); letter 0: none is named. Or the policy entry: `operation`, absent where it is none. */
typedef struct {
    smart_context_t context;
    base_span_t type; /* constant text */
    unsigned letter;
    base_span_t
        operation; /* the client's word for it, letters, digits and "-_." alone; points into the request (B6) */
    const char *level; /* of the operation: "system", "type", "instance" */
    size_t entry; /* of the Bundle that is refused for it as a whole, counted from 1; 0: none */
} smart_missing_t;

/* What a read or search must look at first, bits (smart_lookup). */
#define SMART_LOOKUP_CURRENT  1u /* the current version of the instance (D11) */
#define SMART_LOOKUP_INSTANCE 2u /* the instance whose $everything is asked for (B6, L16) */
#define SMART_LOOKUP_COMPARTMENT                                                                   \
    4u                           /* the instance whose compartment is searched: whose it is (D7) */
#define SMART_LOOKUP_LISTS   8u  /* what _list and _in name (C9) */
#define SMART_LOOKUP_TARGETS 16u /* what `target` of a Provenance search names (L9) */
#define SMART_LOOKUP_PROVENANCE                                                                    \
    32u /* the Provenance, then its targets, until one is covered (D6) */
#define SMART_LOOKUP_BINARY                                                                        \
    64u /* documents that refer to the Binary, and its security context (B11) */
#define SMART_LOOKUP_CHANGED                                                                       \
    256u /* the instance that an operation changes, by u without a constraint (B6) */
#define SMART_LOOKUP_OPERATED                                                                      \
    512u /* the instance that an operation reads, by r without a constraint (B6) */
#define SMART_LOOKUP_CONTEXT                                                                       \
    128u /* security contexts of the Binary that is written, and of the one stored (B11) */

struct smart_grants_s;
struct smart_link_s;
struct smart_sealer_s;

/* One header to replace (all its occurrences by this one), or, with an absent value, to delete. Names in lower case, constant. */
typedef struct {
    const char *name;
    base_span_t value;
} smart_header_edit_t;

/* What an answer under RESPONSE must be. */
typedef enum {
    SMART_CHECK_NONE,
    SMART_CHECK_INSTANCE,  /* this resource, covered by r */
    SMART_CHECK_SEARCHSET, /* matches covered by s, included resources on their own merit (L8) */
    SMART_CHECK_HISTORY,   /* versions of this instance by r, or of any type by s */
    SMART_CHECK_PAGE,      /* of a searchset or history: each entry by r or s (L20) */
    SMART_CHECK_OPERATION, /* an outcome, Parameters without resources, a resource or entries of a Bundle by r or s (B6) */
    SMART_CHECK_WRITTEN, /* of a write: an outcome, or what was written, which r must cover, else the body goes and status and headers stay (B4, L3) */
    SMART_CHECK_ENTRIES, /* of a batch or transaction, by index (L15) */
    SMART_CHECK_KICKOFF, /* of an export that begins: where its status is, for `types` (B8, B9) */
    SMART_CHECK_JOB,     /* of its status: not yet, or what it made (B9) */
    SMART_CHECK_CANCEL,  /* of a DELETE of it: nothing comes back */
    SMART_CHECK_FILE     /* of one of its files, line by line (L21) */
} smart_check_kind_t;

struct smart_entry_check_s;

/* One check of the answer. What it points to belongs to a principal's grants: whoever keeps a verdict holds the principal. */
typedef struct {
    smart_check_kind_t kind;
    smart_cover_t cover; /* of the instance, or of each match; its type is expected; NULL: any */
    base_span_t id;      /* expected, of INSTANCE and HISTORY, or absent; points into the request */
    const struct smart_grants_s *grants;
    unsigned letters; /* by one of these each entry must be covered */
    fhir_type_set_t
        types; /* to be said by _type (C11); empty: none. KICKOFF to FILE: what the job may hold */
    bool includes;               /* SEARCHSET: entries of mode include may be there */
    fhir_type_set_t included;    /* types that an _include names: r suffices for them (L3) */
    smart_narrowing_t narrowing; /* SEARCHSET: what was appended, or said already */
    bool counts; /* SEARCHSET: a count was asked for, and it must be a true one (C13, L6) */
    bool page;   /* SEARCHSET: of a page, whose total is not told (L20) */
    bool
        complete; /* PAGE: all that may come is granted: nothing is taken out, links alone are looked at */
    base_span_t if_none_match; /* INSTANCE: the client's, answered at the edge (D9); absent: none */
    base_span_t if_modified_since; /* likewise */
    bool
        pinned; /* WRITTEN, and ENTRIES of a transaction: the precondition is ours alone, so a 412 is a lost race: BASE_CONFLICT (L13) */
    bool
        by_targets; /* INSTANCE, a Provenance: its targets were found covered, if it is still of this version (D6) */
    base_span_t version_id; /* with it; absent: it has none */
    const base_span_t *
        target; /* SEARCHSET of Provenance: "Type/id" of covered targets, one of which each match must have (L9) */
    size_t target_n;
    const struct smart_entry_check_s *entry; /* ENTRIES: of each entry that the client sent */
    size_t entry_n;
    bool transaction;     /* ENTRIES: of a transaction, else of a batch */
    fhir_type_set_t open; /* OPERATION: types that the operation shows whoever may call it (B6) */
    const struct smart_link_s *
        link; /* with SEAL: what all sealed links say alike; of a Bundle those to other pages are (C16) */
    const struct smart_sealer_s *sealer; /* with it; both belong to the request */
} smart_check_t;

/* What one entry of a batch or transaction must be answered with (L15). */
typedef struct smart_entry_check_s {
    base_reason_t
        refused; /* else than BASE_OK: it was not sent, and is answered with this (B5 split) */
    smart_missing_t missing; /* of a refused one */
    bool write;          /* committed by then: its resource may go, its status and location stay */
    smart_check_t check; /* kind NONE: nothing is to be checked */
} smart_entry_check_t;

#define SMART_CHECKS_MAX 4

typedef struct {
    base_reason_t reason;    /* BASE_OK: allowed, if the obligations are met */
    const char *rule;        /* the rule behind it, "D9"; never NULL */
    smart_missing_t missing; /* when refused for a scope */
    unsigned obligations;    /* bits */
    unsigned lookups;        /* with PREREAD, of what is no write: SMART_LOOKUP_* */
    const char *interaction; /* "search-type"; "" when the request was not understood */
    base_span_t type;        /* resource type, constant text; absent at system level */
    bool
        takes_parameters; /* with BODY, of an operation: its Parameters join the query, then it is decided anew (B6) */
    bool body_is_resource; /* with BODY, of an operation: it must be a resource of the type */
    bool submits;          /* and is judged as that of a create (B6) */
    bool is_public;        /* needs no token */
    bool is_preflight;     /* answered at the edge, nothing is sent (B10) */
    size_t check_n;
    smart_check_t check
        [SMART_CHECKS_MAX]; /* last, and set up one by one: those beyond check_n hold nothing */
} smart_verdict_t;

/* The rule behind a reason that was found before anything could be decided: credentials, tokens, keys. "L" for all others; never NULL. */
const char *smart_verdict_rule(base_reason_t reason);

/* A verdict that allows nothing yet: reason BASE_INTERNAL, so that a forgotten decision refuses. */
void smart_verdict_init(smart_verdict_t *verdict);

/*
 * Adds what `more` decided: the first refusal stays, obligations and checks add up, nothing is taken away. More than
 * SMART_CHECKS_MAX different checks: refused, BASE_INTERNAL.
 */
void smart_verdict_join(smart_verdict_t *verdict, const smart_verdict_t *more);

/* True when allowed and the obligation is due. */
bool smart_verdict_obliges(const smart_verdict_t *verdict, unsigned obligation);

#endif
