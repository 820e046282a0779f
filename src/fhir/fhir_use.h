/*
 * fhir_use: what one item of a query does, and which types it reaches (RULES C1-C15, C18).
 *
 * Nothing is decided here; nothing is looked at but the definitions and the item.
 */

#ifndef FHIR_USE_H
#define FHIR_USE_H

#include "fhir/fhir_definitions.h"
#include "fhir/fhir_query.h"
#include "fhir/fhir_reference.h"

#define FHIR_USE_HOPS 8 /* of a chain or _has; more: FHIR_USE_BROKEN */

typedef enum {
    FHIR_USE_FILTER,     /* a parameter of the type: use->parameter, use->modifier */
    FHIR_USE_CHAIN,      /* its first hop goes along a reference: use->hops */
    FHIR_USE_HAS,        /* its first hop goes against one: use->hops */
    FHIR_USE_INCLUDE,    /* use->include */
    FHIR_USE_REVINCLUDE, /* use->include */
    FHIR_USE_RESULT,     /* shapes the answer: use->result */
    FHIR_USE_SPECIAL,    /* _filter _query _list _in _text _content: use->special */
    FHIR_USE_PAGE,       /* a page parameter (RULES C1) */
    FHIR_USE_UNKNOWN,    /* a name that the type does not define; the item says if chained */
    FHIR_USE_RESERVED,   /* unknown, and it begins with '_' */
    /* Known by its name, but not of its form: a chain over what is no reference or to nowhere, an
     * unknown type, modifier or include value, too many hops. */
    FHIR_USE_BROKEN
} fhir_use_kind_t;

typedef enum {
    FHIR_MODIFIER_NONE,
    FHIR_MODIFIER_MISSING,
    FHIR_MODIFIER_NOT,
    FHIR_MODIFIER_EXACT,
    FHIR_MODIFIER_CONTAINS,
    FHIR_MODIFIER_IN,
    FHIR_MODIFIER_NOT_IN,
    FHIR_MODIFIER_ABOVE,
    FHIR_MODIFIER_BELOW,
    FHIR_MODIFIER_OF_TYPE,
    FHIR_MODIFIER_TEXT, /* and R5's text-advanced, code-text */
    FHIR_MODIFIER_IDENTIFIER,
    FHIR_MODIFIER_TYPE,    /* :[Type]: use->restriction */
    FHIR_MODIFIER_ITERATE, /* of includes: :iterate and :recurse */
    FHIR_MODIFIER_OTHER    /* none of them; the item is then FHIR_USE_BROKEN */
} fhir_modifier_t;

typedef enum {
    FHIR_RESULT_NONE,
    FHIR_RESULT_SORT,
    FHIR_RESULT_COUNT,
    FHIR_RESULT_TOTAL,
    FHIR_RESULT_SUMMARY,
    FHIR_RESULT_ELEMENTS,
    FHIR_RESULT_CONTAINED,
    FHIR_RESULT_CONTAINED_TYPE,
    FHIR_RESULT_TYPE, /* _type */
    FHIR_RESULT_FORMAT,
    FHIR_RESULT_PRETTY,
    FHIR_RESULT_MAXRESULTS,
    FHIR_RESULT_SCORE,
    FHIR_RESULT_SINCE, /* of histories (RULES B3) */
    FHIR_RESULT_AT,
    FHIR_RESULT_GRAPH
} fhir_result_t;

typedef enum {
    FHIR_SPECIAL_NONE,
    FHIR_SPECIAL_FILTER,
    FHIR_SPECIAL_QUERY,
    FHIR_SPECIAL_LIST,
    FHIR_SPECIAL_IN,
    FHIR_SPECIAL_TEXT,
    FHIR_SPECIAL_CONTENT
} fhir_special_t;

/*
 * From the types in `from` over the reference parameter `name` to those in `to`. Forwards: `name`
 * is of `from`. Reverse (_has): it is of the types in `to` and refers to `from`.
 */
typedef struct {
    bool reverse;
    base_span_t name;
    const fhir_type_t *restriction; /* forwards: of :[Type], NULL without; reverse: the Type */
    fhir_type_set_t from;           /* those that can take part */
    fhir_type_set_t
        to; /* never empty; of an untyped hop all targets that define what comes next (RULES C5) */
} fhir_hop_t;

typedef struct {
    bool iterate;
    bool wildcard;             /* "*", "*:*" or "Source:*" */
    const fhir_type_t *source; /* NULL: "*" */
    base_span_t name;          /* of the parameter; absent with a wildcard */
    const fhir_type_t *target; /* the third part; NULL without */
    fhir_type_set_t returned;  /* of _include: the target types; of _revinclude: the source */
} fhir_include_t;

typedef struct {
    fhir_use_kind_t kind;
    base_span_t
        name; /* of the parameter that is compared in the end, bare; for FILTER the item's code */
    const fhir_parameter_t
        *parameter; /* FILTER: on the type searched. CHAIN, HAS: on one of the last `to` */
    fhir_modifier_t modifier;       /* of the parameter that is compared in the end */
    const fhir_type_t *restriction; /* with FHIR_MODIFIER_TYPE */
    fhir_result_t result;
    fhir_special_t special;
    unsigned n_hops;
    fhir_include_t include;         /* set for includes alone */
    fhir_hop_t hops[FHIR_USE_HOPS]; /* n_hops of them are set */
} fhir_use_t;

/*
 * Reads an item of a search on `type` (NULL: on the whole system, with the common parameters only;
 * call it for each type of `_type` instead where that matters). Always gives a kind. Spans point
 * into the item.
 */
void fhir_use_read(const fhir_definitions_t *defs, const fhir_type_t *type, const fhir_item_t *item,
                   fhir_use_t *use);

/* One item of _sort's value. */
typedef struct {
    bool descending;
    bool chained;                      /* it has a '.' or ':' : as a chain (RULES C5) */
    base_span_t name;                  /* without '-' */
    const fhir_parameter_t *parameter; /* of the type; NULL: unknown or chained */
} fhir_sort_t;

/* Takes the next item off *rest as base_span_split does. */
void fhir_use_sort(const fhir_definitions_t *defs, const fhir_type_t *type, base_span_t *rest,
                   fhir_sort_t *sort);

/* The types of a comma list (_type, _containedType); false when one of them is no concrete type. */
bool fhir_use_types(const fhir_definitions_t *defs, base_span_t value, fhir_type_set_t *types);

#endif
