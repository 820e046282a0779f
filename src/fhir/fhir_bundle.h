/*
 * fhir_bundle: an answer of a FHIR server as it streams by: one resource, or a Bundle or Parameters with resources inside, down to a few
 * levels. It says where each thing stands, and what is true of each resource; it keeps none of the bytes.
 *
 * Bytes may be cut anywhere, and members come in any order. Where a resource says its type first, it is known at once; else what it
 * holds is walked as if it were a Bundle, and FHIR_BUNDLE_CLOSE says what it was.
 *
 *     while ((event = fhir_bundle_next(&bundle, &in)) != FHIR_BUNDLE_MORE) ...
 *
 * Offsets count from the first byte ever handed in.
 */

#ifndef FHIR_BUNDLE_H
#define FHIR_BUNDLE_H

#include "fhir/fhir_sketch.h"
#include "fhir/fhir_url.h"

#define FHIR_BUNDLE_LEVELS                                                                         \
    4 /* resources inside of each other that are walked into; deeper ones have no type */
#define FHIR_BUNDLE_MEMBERS  24 /* of an entry; with more it is `wrong` */
#define FHIR_BUNDLE_LINK_MAX ((size_t) 16384)

typedef enum {
    FHIR_BUNDLE_MORE,   /* the input is used up: hand in more, or call fhir_bundle_finish */
    FHIR_BUNDLE_MEMBER, /* a member of a Bundle, of Parameters, or of what may be one begins: level->member; the one before it, now
                           level->before, is complete */
    FHIR_BUNDLE_URL, /* fullUrl of an entry, or url of a Bundle's link, once that is complete: bundle->url */
    FHIR_BUNDLE_ITEM, /* an entry, or a parameter, begins: level->item.from; fhir_bundle_enter may be said */
    FHIR_BUNDLE_ITEM_END,  /* it is complete */
    FHIR_BUNDLE_ITEMS_END, /* so are all: the array's ']' came */
    FHIR_BUNDLE_CLOSE, /* the resource of the level is complete. At level 0 nothing but white space may follow */
    FHIR_BUNDLE_ERROR /* bundle->reason: BASE_JSON_*, BASE_NO_MEMORY, BASE_ANSWER_TOO_LARGE (a late type behind too much), or
                         BASE_ANSWER_UNEXPECTED for a member of the wrong shape */
} fhir_bundle_event_t;

/* Members that matter. */
typedef enum {
    FHIR_MEMBER_OTHER, /* none that FHIR knows here */
    FHIR_MEMBER_PLAIN, /* known, and not looked into */
    FHIR_MEMBER_RESOURCE_TYPE,
    FHIR_MEMBER_TYPE,
    FHIR_MEMBER_TOTAL,
    FHIR_MEMBER_LINK,
    FHIR_MEMBER_ENTRY,
    FHIR_MEMBER_PARAMETER,
    FHIR_MEMBER_FULL_URL,
    FHIR_MEMBER_RESOURCE,
    FHIR_MEMBER_SEARCH,
    FHIR_MEMBER_REQUEST,
    FHIR_MEMBER_RESPONSE,
    FHIR_MEMBER_MODE,
    FHIR_MEMBER_METHOD,
    FHIR_MEMBER_URL,
    FHIR_MEMBER_STATUS,
    FHIR_MEMBER_LOCATION,
    FHIR_MEMBER_OUTCOME,
    FHIR_MEMBER_RELATION,
    FHIR_MEMBER_PART
} fhir_member_id_t;

typedef struct {
    fhir_member_id_t id;
    bool wrong;     /* of a shape that cannot be */
    uint64_t from;  /* its name */
    uint64_t value; /* the first byte of its value */
    uint64_t to;
} fhir_bundle_member_t;

/* Where a string stands: from its first quote up to behind its last. */
typedef struct {
    uint64_t from;
    uint64_t to;
    base_span_t text; /* decoded; valid until the next call */
    bool unknown;     /* longer than FHIR_BUNDLE_LINK_MAX: text is absent */
    bool leads_on;    /* of a link to another page: its relation is not self */
} fhir_url_place_t;

/* An entry, or a parameter with all its parts. */
typedef struct {
    uint64_t from;
    uint64_t to;
    bool wrong;        /* something in it has no shape that FHIR allows */
    bool has_resource; /* one that is no container: facts */
    bool has_container;
    bool
        other_outcome; /* response.outcome is no OperationOutcome: from outcome_from to outcome_to */
    bool other_member; /* the entry has one that FHIR does not know */
    uint64_t outcome_from;
    uint64_t outcome_to;
    unsigned enter;
    fhir_facts_t facts;
    fhir_text_t mode;
    fhir_text_t method;
    fhir_text_t status;
    uint64_t status_from; /* the value of response.status */
    uint64_t status_to;
    fhir_url_t full_url;
    fhir_url_t url; /* request.url */
    size_t member_n;
    fhir_bundle_member_t member[FHIR_BUNDLE_MEMBERS]; /* of the entry itself */
} fhir_item_place_t;

#define FHIR_ENTER_BUNDLE     1u
#define FHIR_ENTER_PARAMETERS 2u

typedef struct {
    uint64_t from;
    uint64_t to;
    unsigned enter;        /* what would be walked into here */
    fhir_member_id_t role; /* what it is to its entry: RESOURCE or OUTCOME */
    bool known;            /* its type is */
    bool late;             /* but came late, or not at all */
    bool is_container;     /* known, and walked into */
    bool wrong;
    fhir_text_t type_name;
    fhir_text_t type; /* Bundle.type */
    base_span_t
        link_self; /* url of the one link whose relation is self; absent when there are several; in the arena */
    unsigned selves;
    bool has_next;       /* a link leads to another page */
    fhir_text_t total;   /* as written */
    uint64_t items_open; /* offset behind the '[' of entry or parameter; 0: not there */
    fhir_bundle_member_t member;
    fhir_bundle_member_t before;
    bool has_before;
    fhir_facts_t facts; /* at CLOSE, of what is no container */
    fhir_item_place_t item;
    fhir_sketch_t _sketch;
} fhir_bundle_level_t;

#define FHIR_BUNDLE_FRAMES 24

/* One open object or array of the walk. */
typedef struct {
    unsigned char kind;
    unsigned char depth; /* of the scanner inside */
    bool item;           /* its elements are items */
    bool first;
} fhir_bundle_frame_t;

/* Some 40 KB. Members that begin with an underscore are the reader's own. */
typedef struct {
    base_reason_t reason;
    fhir_bundle_level_t level[FHIR_BUNDLE_LEVELS];
    unsigned level_n; /* the event belongs to level[level_n - 1] */
    fhir_url_place_t url;

    base_json_t _json;
    fhir_resource_t _resource;
    const fhir_definitions_t *_defs;
    fhir_lens_lookup_pt _lookup;
    void *_ctx;
    base_arena_t *_arena;
    size_t _sketch_max;
    fhir_bundle_frame_t _frame[FHIR_BUNDLE_FRAMES];
    unsigned _frame_n;
    unsigned _state;
    bool _pop;           /* the level was closed */
    bool _close;         /* an array's item is to be closed */
    fhir_sketch_t *_tee; /* every event goes there, too */
    fhir_member_id_t _id;
    unsigned _shape;
    unsigned _inner;
    bool _known;    /* the name that was read is one of the table's */
    uint64_t _from; /* of the name */
    uint64_t _value;
    uint64_t _link_from;
    fhir_text_t _relation;
    base_span_t _link_url;
    fhir_url_place_t _link_place; /* to 0: the link has no url */
    unsigned char *_link;         /* room for it, made when one is seen */
    size_t _text_n;
    bool _text_long;
    size_t _name_n;
    unsigned char _name[FHIR_TEXT_MAX];
    unsigned char _text[FHIR_BUNDLE_LINK_MAX];
} fhir_bundle_t;

/*
 * Begins an answer. `enter`: what its root may be to be walked into. A resource that says its type late may need up to `sketch_max` bytes
 * (fhir_sketch). Hashes as base_json_init has them. What is passed in must outlive the bundle.
 */
void fhir_bundle_start(fhir_bundle_t *bundle, unsigned enter, const fhir_definitions_t *defs,
                       fhir_lens_lookup_pt lookup, void *ctx, base_arena_t *arena, uint64_t *hashes,
                       size_t hashes_max, size_t sketch_max);

/* Consumes from *in (which is moved forward) up to the next event. */
fhir_bundle_event_t fhir_bundle_next(fhir_bundle_t *bundle, base_span_t *in);

/* Right after ITEM: what its resource may be to be walked into, else it is read as any other. */
void fhir_bundle_enter(fhir_bundle_t *bundle, unsigned enter);

/* Says that no more comes. BASE_OK after a whole resource. */
base_reason_t fhir_bundle_finish(fhir_bundle_t *bundle);

#endif
