/*
 * fhir_interaction: the interaction table of RULES B2, one row one line.
 */

#ifndef FHIR_INTERACTION_H
#define FHIR_INTERACTION_H

#include "fhir/fhir_definitions.h"

typedef enum {
    FHIR_GET = 1,
    FHIR_HEAD = 2,
    FHIR_POST = 4,
    FHIR_PUT = 8,
    FHIR_PATCH_METHOD = 16,
    FHIR_DELETE_METHOD = 32,
    FHIR_OPTIONS = 64
} fhir_method_t;

typedef enum {
    FHIR_READ,
    FHIR_VREAD,
    FHIR_UPDATE,
    FHIR_UPDATE_CONDITIONAL,
    FHIR_PATCH,
    FHIR_PATCH_CONDITIONAL,
    FHIR_DELETE,
    FHIR_DELETE_CONDITIONAL,
    FHIR_DELETE_SYSTEM,
    FHIR_DELETE_HISTORY,
    FHIR_DELETE_VERSION,
    FHIR_HISTORY_INSTANCE,
    FHIR_HISTORY_TYPE,
    FHIR_HISTORY_SYSTEM,
    FHIR_CREATE,
    FHIR_CREATE_CONDITIONAL,
    FHIR_SEARCH_TYPE,
    FHIR_SEARCH_COMPARTMENT,
    FHIR_SEARCH_COMPARTMENT_ALL,
    FHIR_SEARCH_SYSTEM,
    FHIR_CAPABILITIES,
    FHIR_BATCH, /* or transaction, or another Bundle: the body says */
    FHIR_OPERATION,
    FHIR_PREFLIGHT,
    FHIR_SMART_CONFIGURATION,
    FHIR_PAGE,
    FHIR_SEALED
} fhir_interaction_t;

/* The shapes a path can have; T a type, C one of the five compartment types. */
typedef enum {
    FHIR_SHAPE_BASE,                   /* "" or "/" */
    FHIR_SHAPE_TYPE,                   /* /T or /T/ */
    FHIR_SHAPE_INSTANCE,               /* /T/id */
    FHIR_SHAPE_VERSION,                /* /T/id/_history/vid */
    FHIR_SHAPE_HISTORY_INSTANCE,       /* /T/id/_history */
    FHIR_SHAPE_HISTORY_TYPE,           /* /T/_history */
    FHIR_SHAPE_HISTORY_SYSTEM,         /* /_history */
    FHIR_SHAPE_SEARCH_TYPE,            /* /T/_search */
    FHIR_SHAPE_SEARCH_SYSTEM,          /* /_search */
    FHIR_SHAPE_COMPARTMENT,            /* /C/id/T */
    FHIR_SHAPE_COMPARTMENT_SEARCH,     /* /C/id/T/_search */
    FHIR_SHAPE_COMPARTMENT_ALL,        /* /C/id/[*] */
    FHIR_SHAPE_COMPARTMENT_ALL_SEARCH, /* /C/id/_search */
    FHIR_SHAPE_OPERATION,              /* $op at any level */
    FHIR_SHAPE_METADATA,               /* /metadata */
    FHIR_SHAPE_SMART_CONFIGURATION,    /* /.well-known/smart-configuration */
    FHIR_SHAPE_SEALED,                 /* /_smart/(job|file|page)/seal */
    FHIR_SHAPE_OTHER                   /* of no known shape; only OPTIONS has a row for it */
} fhir_shape_t;

/* What a row asks of the rest of the request. */
typedef enum {
    FHIR_IF_ANY,
    FHIR_IF_CRITERIA,   /* a query with at least one parameter */
    FHIR_IF_NONE_EXIST, /* an If-None-Exist header */
    FHIR_IF_PAGE        /* a page parameter of RULES C1 and no _type */
} fhir_condition_t;

typedef struct {
    unsigned row; /* of RULES B2 */
    unsigned methods;
    fhir_shape_t shape;
    fhir_condition_t condition;
    fhir_interaction_t interaction;
    const char *name; /* the code of FHIR's restful-interaction where it has one: "search-type" */
    const char *letters; /* scope letters needed on the type, in cruds order; "" none or decided
                            otherwise */
    unsigned versions;   /* bit 1 << fhir_version_t; in others the interaction is not defined */
    bool decided;        /* false: recognised, to be refused with BASE_INTERACTION_REFUSED */
} fhir_interaction_row_t;

/*
 * The first row that fits, or NULL. HEAD fits where GET does (RULES row 28). `has_*` as their
 * conditions say.
 */
const fhir_interaction_row_t *fhir_interaction_match(fhir_method_t method, fhir_shape_t shape,
                                                     bool has_criteria, bool has_none_exist,
                                                     bool has_page);

/* All rows, for explaining and for tests. */
const fhir_interaction_row_t *fhir_interaction_rows(size_t *n);

/* The method of that exact name (methods are case-sensitive, RFC 9110 9.1); false when FHIR has
 * none such. */
bool fhir_method_find(base_span_t name, fhir_method_t *method);

/* "GET" ... ; never NULL. */
const char *fhir_method_name(fhir_method_t method);

#endif
