/*
 * smart_review_own: the inside of a review. For smart_review*.c alone.
 */

#ifndef SMART_REVIEW_OWN_H
#define SMART_REVIEW_OWN_H

#include "base/base_cut.h"
#include "fhir/fhir_bundle.h"
#include "smart/smart_grants.h"
#include "smart/smart_link.h"
#include "smart/smart_review.h"

#define SMART_REVIEW_HASHES ((size_t) 4096)

/* What becomes of an entry. */
typedef enum { SMART_ENTRY_KEPT, SMART_ENTRY_DROPPED, SMART_ENTRY_UNDECIDED } smart_entry_fate_t;

/* An entry that was cut out of its place until it is known what it belongs to (L9). */
typedef struct {
    base_span_t text;
    uint64_t about; /* of a DELETE entry: the resource */
    bool deletion;
    bool done;
    uint64_t *targets;
    size_t targets_n;
} smart_undecided_t;

/* Entries and resources that wait for each other, of one Bundle at a time (L9). */
typedef struct {
    bool provenances;              /* are judged by targets of the same Bundle */
    bool deletions;                /* are judged by the version before */
    const fhir_type_t *provenance; /* the type */
    bool capturing;
    bool too_long;
    size_t n;
    unsigned char *bytes; /* of the entry at hand */
    smart_undecided_t *entry;
    size_t entry_n;
    size_t kept_n; /* bytes of all that ever waited */
    uint64_t *released;
    size_t released_n;
} smart_waiting_t;

/* A Bundle, its members and items, and by what these are judged. */
typedef struct {
    const smart_check_t *check[SMART_CHECKS_MAX];
    size_t check_n;
    base_cut_list_t members;
    base_cut_list_t items;
    uint64_t removed;
    bool match_removed;
    bool narrowing_ignored;
    bool confined; /* something was kept whose cover is not true, before the Bundle said its type */
    fhir_text_t total;
    base_reason_t nested;  /* of the open item: whether the Bundle inside may be there */
    bool resource_foreign; /* of the open parameter: a resource inside is not covered */
} smart_review_level_t;

struct smart_review_export_s;

struct smart_review_state_s {
    smart_review_t *review;
    struct smart_review_export_s
        *exports; /* of an export's manifest or file: reads it instead of `bundle` */
    base_cut_t cut;
    smart_review_level_t level[FHIR_BUNDLE_LEVELS];
    unsigned home; /* level of the Bundles that were asked for: 1 inside of a batch's answer */
    const smart_grants_t *grants[SMART_CHECKS_MAX];
    size_t grants_n;
    const smart_watch_t **watch; /* by type, made when one is seen */
    uint64_t *hashes;
    smart_waiting_t waiting;
    base_reason_t reason; /* why nothing more is released */
    uint64_t seen;        /* bytes of the answer */
    size_t next;          /* of a batch: the entry of the request that comes next */
    base_span_t own_entry[BASE_REASON_COUNT]; /* of a batch: what stands for an entry */
    bool no_memory;
    bool plain_public_url; /* needs no escapes in JSON */
    bool
        counts; /* the answer is a number: nothing is released before it is known to be a true one */
    bool complete; /* nothing is taken out: links alone are looked at */
    bool written;  /* of a write: whatever is wrong with the body, the write stands (L15) */
    bool bodiless; /* the whole body goes */
    bool root_closed;
    bool ended;
    fhir_bundle_t bundle; /* last: it begins itself */
};

typedef struct smart_review_state_s smart_review_state_t;

/* smart_review_head: what is known before the body comes. */

smart_review_step_t smart_review_head(smart_review_t *review);

/* Answers that reason instead. */
smart_review_step_t smart_review_replace(smart_review_t *review, base_reason_t reason);

/* Replaces a header of the answer, or, with an absent value, deletes it. */
void smart_review_edit_header(smart_review_t *review, const char *name, base_span_t value);

/* Makes review->_state. `bodiless`: the body goes, whatever it is. */
smart_review_step_t smart_review_stream(smart_review_t *review, bool bodiless);

/* L0: below a base, by whole segments; never below an empty one. */
bool smart_review_is_below(base_span_t url, base_span_t base);

/* An absolute path of this host: not "//host", nor what browsers take for it. */
bool smart_review_is_path(base_span_t url);

/* What a resource that is judged by these checks may be to be walked into. */
unsigned smart_review_enter(const smart_check_t *const *check, size_t check_n);

/* True when it lies below the upstream's base, and clients know it by another. */
bool smart_review_is_upstream(const smart_review_t *review, base_span_t url);

/* Such a URL as clients know it, in the arena; absent: no memory. */
base_span_t smart_review_public(const smart_review_t *review, base_span_t url);

/* Takes the grants of a check into account. */
void smart_review_grants(smart_review_state_t *state, const smart_check_t *check);

/* smart_review_entry: what is covered. */

/* The lens for a type, by all covers that may be asked. */
const fhir_lens_t *smart_review_lens(void *data, const fhir_type_t *type);

/* True when the resource is covered by one of the letters, as the check's grants have it. */
bool smart_review_holds(smart_review_state_t *state, const smart_check_t *check, unsigned letters,
                        const fhir_facts_t *facts);

/* L10: it passes, but with nothing inside that would have to be judged. */
bool smart_review_is_outcome(const fhir_facts_t *facts);

/* A resource that is the whole answer, or that of an entry of a batch. */
base_reason_t smart_review_single(smart_review_state_t *state, const smart_check_t *check,
                                  const fhir_facts_t *facts);

/* The entry that is complete at this level. */
smart_entry_fate_t smart_review_entry(smart_review_state_t *state, unsigned at);

/* What an entry without a resource is about, by request.url or else fullUrl; false: nothing of this server. */
bool smart_review_names(const smart_review_state_t *state, unsigned at,
                        const fhir_item_place_t *item, fhir_reference_t *reference);

/* True when it is a match (L8). */
bool smart_review_is_match(const fhir_item_place_t *item);

/* smart_review_bundle: what is cut out of a Bundle, and put in. */

void smart_review_member(smart_review_state_t *state, unsigned at);
void smart_review_url(smart_review_state_t *state);
void smart_review_item(smart_review_state_t *state, unsigned at);
void smart_review_item_end(smart_review_state_t *state, unsigned at);
void smart_review_items_end(smart_review_state_t *state, unsigned at);
base_reason_t smart_review_close(smart_review_state_t *state, unsigned at);

/* Members of the entry that FHIR does not know go, and its resource where that is said. */
void smart_review_cut_members(smart_review_state_t *state, const fhir_item_place_t *item,
                              bool resource);

/* smart_review_batch: entries by index (L15). */

bool smart_review_is_batch(const smart_review_state_t *state);
void smart_review_batch_item(smart_review_state_t *state);
void smart_review_batch_item_end(smart_review_state_t *state);
void smart_review_batch_end(smart_review_state_t *state);

/* smart_review_export: the way of an export, from its kick-off to its files (B9, L21). */

bool smart_review_is_export(const smart_review_t *review);

/* Path and query below the base, by any of the names that it goes by (L0); absent: it leads elsewhere. */
base_span_t smart_review_target(const smart_review_t *review, const smart_check_t *check,
                                base_span_t url);

/* Our own link to there; absent: none can be made. */
base_span_t smart_review_seal(const smart_review_t *review, const smart_check_t *check,
                              smart_link_kind_t kind, smart_file_t file, base_span_t target);
smart_review_step_t smart_review_export_start(smart_review_t *review);
void smart_review_export_feed(smart_review_state_t *state, base_span_t *in);
base_reason_t smart_review_export_end(smart_review_state_t *state);

/* smart_review_waiting: all of it at the level `home`. */

/* Makes room, where any check may need it. False: no memory. */
bool smart_review_waiting_start(smart_review_state_t *state);

/* Another Bundle begins, by the checks of its level. */
void smart_review_waiting_bundle(smart_review_state_t *state);

/* Bytes of the answer, when an entry is open. */
void smart_review_waiting_begin(smart_review_state_t *state);
void smart_review_waiting_bytes(smart_review_state_t *state, base_span_t bytes);

/* The open entry is undecided: it is kept aside. */
void smart_review_waiting_keep(smart_review_state_t *state);

/* The open entry is kept, or dropped: what waited for it comes back, or not. */
void smart_review_waiting_seen(smart_review_state_t *state, bool kept);

/* The end of the entries: what is released after all is appended. */
void smart_review_waiting_end(smart_review_state_t *state);

#endif
