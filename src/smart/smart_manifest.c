#include "smart/smart_manifest.h"

#include <string.h>

enum { AT_START, AT_ROOT, AT_LIST, AT_ITEM, AT_ERROR };

enum {
    NAME_NONE,
    NAME_OUTPUT,
    NAME_DELETED,
    NAME_FAILED,
    NAME_LINK,
    NAME_ASKED,
    NAME_TOKEN,
    NAME_URL
};

static const struct {
    unsigned place;
    const char *key;
    unsigned name;
} members[] = {
    {AT_ROOT, "output", NAME_OUTPUT}, {AT_ROOT, "deleted", NAME_DELETED},
    {AT_ROOT, "error", NAME_FAILED},  {AT_ROOT, "link", NAME_LINK},
    {AT_ROOT, "request", NAME_ASKED}, {AT_ROOT, "requiresAccessToken", NAME_TOKEN},
    {AT_ITEM, "url", NAME_URL},
};

void smart_manifest_start(smart_manifest_t *manifest, uint64_t *hashes, size_t hashes_n)
{
    memset(manifest, 0, offsetof(smart_manifest_t, _text));
    base_json_init(&manifest->_json, BASE_JSON_STRICT, BASE_JSON_DEPTH_MAX, hashes, hashes_n);
}

static smart_manifest_event_t fail(smart_manifest_t *manifest)
{
    manifest->_place = AT_ERROR;
    return SMART_MANIFEST_ERROR;
}

static unsigned name_of(const smart_manifest_t *manifest)
{
    base_span_t key = base_span_make(manifest->_key, manifest->_key_n);
    size_t i;

    for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (members[i].place == manifest->_place && base_span_is(key, members[i].key)) {
            return members[i].name;
        }
    }
    return NAME_NONE;
}

static smart_manifest_event_t take_key(smart_manifest_t *manifest)
{
    base_span_t part = manifest->_json.text;

    manifest->_name = NAME_NONE;
    if (part.n > sizeof(manifest->_key) - manifest->_key_n) {
        base_json_skip(&manifest->_json);
    } else {
        memcpy(manifest->_key + manifest->_key_n, part.p, part.n);
        manifest->_key_n += part.n;
        if (!manifest->_json.last) {
            return SMART_MANIFEST_MORE;
        }
        manifest->_name = name_of(manifest);
        if (manifest->_name == NAME_NONE) {
            base_json_skip(&manifest->_json);
        }
    }
    manifest->_key_n = 0;
    manifest->_text_n = 0;
    return SMART_MANIFEST_MORE;
}

static smart_manifest_event_t take_string(smart_manifest_t *manifest)
{
    base_span_t part = manifest->_json.text;

    if ((manifest->_name != NAME_URL && manifest->_name != NAME_ASKED) ||
        part.n > sizeof(manifest->_text) - manifest->_text_n) {
        return fail(manifest);
    }
    memcpy(manifest->_text + manifest->_text_n, part.p, part.n);
    manifest->_text_n += part.n;
    if (!manifest->_json.last) {
        return SMART_MANIFEST_MORE;
    }
    manifest->text = base_span_make(manifest->_text, manifest->_text_n);
    manifest->from = manifest->_json.start;
    manifest->to = base_json_offset(&manifest->_json);
    return manifest->_name == NAME_URL ? SMART_MANIFEST_URL : SMART_MANIFEST_ASKED;
}

static smart_manifest_event_t take_bool(smart_manifest_t *manifest, bool value)
{
    if (manifest->_name != NAME_TOKEN) {
        return fail(manifest);
    }
    manifest->requires = value;
    manifest->from = manifest->_json.start;
    manifest->to = base_json_offset(&manifest->_json);
    return SMART_MANIFEST_TOKEN;
}

static smart_manifest_event_t take_open(smart_manifest_t *manifest, base_json_event_t event)
{
    if (event == BASE_JSON_OBJECT &&
        (manifest->_place == AT_START || manifest->_place == AT_LIST)) {
        manifest->_place++;
        return SMART_MANIFEST_MORE;
    }
    if (event == BASE_JSON_ARRAY && manifest->_place == AT_ROOT && manifest->_name >= NAME_OUTPUT &&
        manifest->_name <= NAME_LINK) {
        manifest->list = (smart_manifest_list_t) (manifest->_name - NAME_OUTPUT);
        manifest->_place = AT_LIST;
        return SMART_MANIFEST_MORE;
    }
    return fail(manifest);
}

static smart_manifest_event_t take(smart_manifest_t *manifest, base_json_event_t event)
{
    switch (event) {
    case BASE_JSON_KEY:
        return take_key(manifest);
    case BASE_JSON_STRING:
        return take_string(manifest);
    case BASE_JSON_TRUE:
    case BASE_JSON_FALSE:
        return take_bool(manifest, event == BASE_JSON_TRUE);
    case BASE_JSON_OBJECT:
    case BASE_JSON_ARRAY:
        return take_open(manifest, event);
    case BASE_JSON_OBJECT_END:
    case BASE_JSON_ARRAY_END:
        manifest->_place--;
        manifest->from = manifest->_json.start;
        return manifest->_place == AT_START ? SMART_MANIFEST_END : SMART_MANIFEST_MORE;
    default:
        return fail(manifest);
    }
}

smart_manifest_event_t smart_manifest_next(smart_manifest_t *manifest, base_span_t *in)
{
    smart_manifest_event_t event = SMART_MANIFEST_MORE;
    base_json_event_t one;

    if (manifest->_place == AT_ERROR) {
        return SMART_MANIFEST_ERROR;
    }
    while (event == SMART_MANIFEST_MORE &&
           (one = base_json_next(&manifest->_json, in)) != BASE_JSON_MORE) {
        event = take(manifest, one);
    }
    return event;
}

bool smart_manifest_finish(smart_manifest_t *manifest)
{
    return manifest->_place == AT_START && base_json_finish(&manifest->_json) == BASE_OK;
}
