/*
 * smart_lines: a file of an export, NDJSON, judged line by line as it streams (RULES L21, B9).
 *
 * What stays is not re-written. Of OUTPUT a line is one resource, and stays when its type is one of those that are granted; exports are granted whole
 * types alone (B8), so nothing else of it is asked. Of DELETED it is a Bundle of deletions, of which those of other types are cut out; of ERROR an
 * OperationOutcome.
 *
 * Bytes may be cut anywhere. A line is at once decided when it is complete; the caller holds it until then.
 */

#ifndef SMART_LINES_H
#define SMART_LINES_H

#include "base/base_cut.h"
#include "base/base_json.h"
#include "fhir/fhir_resource.h"
#include "smart/smart_link.h"

#define SMART_LINES_URL_MAX ((size_t) 256) /* of request.url; a longer one names nothing */

/* Members that begin with an underscore are its own. About 5 KB. */
typedef struct {
    base_reason_t reason;
    uint64_t removed; /* lines, and deletions of a line that stays */
    base_cut_t *_cut;
    const fhir_definitions_t *_definitions;
    fhir_type_set_t _types;
    smart_file_t _file;
    uint64_t *_hashes;
    size_t _hashes_n;
    uint64_t _at;   /* bytes of the file so far */
    uint64_t _line; /* where the line at hand began */
    bool _blank;    /* it has held white space alone */
    bool _wrong;    /* it is not what such a file holds */
    bool _contained;
    unsigned _place;
    unsigned _name; /* the member whose value comes next */
    size_t _key_n;
    unsigned char _key[FHIR_TEXT_MAX];
    fhir_text_t _type_name;
    fhir_text_t _type;   /* Bundle.type */
    fhir_text_t _method; /* of the entry at hand */
    size_t _url_n;       /* one more than fits: too long */
    unsigned char _url[SMART_LINES_URL_MAX];
    uint64_t _entry;
    bool _entry_wrong;
    base_cut_list_t _entries;
    base_json_t _json;
} smart_lines_t;

/* Begins a file. Edits go to `cut`, whose offsets are the file's. Hashes as base_json_init has them. */
void smart_lines_start(smart_lines_t *lines, base_cut_t *cut, const fhir_definitions_t *definitions,
                       const fhir_type_set_t *types, smart_file_t file, uint64_t *hashes,
                       size_t hashes_n);

/* Takes bytes from *in, up to the end of a line at most. BASE_OK, or BASE_ANSWER_BROKEN: a line is no JSON object; that stays so. */
base_reason_t smart_lines_feed(smart_lines_t *lines, base_span_t *in);

/* The file is complete; its last line may lack the newline. */
base_reason_t smart_lines_end(smart_lines_t *lines);

#endif
