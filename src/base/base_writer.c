#include "base/base_writer.h"
#include "base/base_utf8.h"

#include <string.h>

void base_writer_init(base_writer_t *w, void *memory, size_t size)
{
    *w = (base_writer_t){._p = memory, ._size = size};
}

void base_writer_raw(base_writer_t *w, base_span_t bytes)
{
    if (w->_failed || bytes.n > w->_size - w->_n) {
        w->_failed = true;
        return;
    }
    if (bytes.n != 0) {
        memcpy(w->_p + w->_n, bytes.p, bytes.n);
        w->_n += bytes.n;
    }
}

static void put(base_writer_t *w, unsigned char c)
{
    base_writer_raw(w, base_span_make(&c, 1));
}

void base_writer_text(base_writer_t *w, const char *text)
{
    base_writer_raw(w, base_span_of(text));
}

void base_writer_uint(base_writer_t *w, uint64_t value)
{
    unsigned char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (unsigned char) ('0' + value % 10);
        value /= 10;
    } while (value != 0);
    base_writer_raw(w, base_span_make(digits + at, sizeof(digits) - at));
}

/* Before anything that is an element: the comma that the one before it asked for. */
static void comma(base_writer_t *w)
{
    if (w->_comma) {
        put(w, ',');
    }
    w->_comma = true;
}

static void open_level(base_writer_t *w, unsigned char bracket)
{
    comma(w);
    put(w, bracket);
    w->_comma = false;
}

static void close_level(base_writer_t *w, unsigned char bracket)
{
    put(w, bracket);
    w->_comma = true;
}

void base_writer_object(base_writer_t *w)
{
    open_level(w, '{');
}

void base_writer_object_end(base_writer_t *w)
{
    close_level(w, '}');
}

void base_writer_array(base_writer_t *w)
{
    open_level(w, '[');
}

void base_writer_array_end(base_writer_t *w)
{
    close_level(w, ']');
}

void base_writer_member(base_writer_t *w, const char *name)
{
    comma(w);
    put(w, '"');
    base_writer_text(w, name);
    base_writer_text(w, "\":");
    w->_comma = false;
}

/* RFC 8259 section 7: '"', '\\' and controls; each control has a form, some a short one. */
static void escape(base_writer_t *w, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char letters[0x20] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r',
    };

    put(w, '\\');
    if (c >= 0x20) {
        put(w, c);
    } else if (letters[c] != 0) {
        put(w, (unsigned char) letters[c]);
    } else {
        base_writer_text(w, "u00");
        put(w, (unsigned char) hex[c >> 4]);
        put(w, (unsigned char) hex[c & 0x0f]);
    }
}

/* Length of the valid character at p, or 0. */
static size_t character(const unsigned char *p, const unsigned char *end)
{
    unsigned state = base_utf8_lead(*p);
    size_t n = 1;

    while (state != BASE_UTF8_DONE) {
        if (state == BASE_UTF8_BAD || (size_t) (end - p) == n) {
            return 0;
        }
        state = base_utf8_more(state, p[n++]);
    }
    return n;
}

void base_writer_string(base_writer_t *w, base_span_t value)
{
    const unsigned char *p = value.p, *end = value.n == 0 ? p : p + value.n;
    size_t n;

    comma(w);
    put(w, '"');
    for (; p != end; p += n) {
        n = character(p, end);
        if (n == 0) {
            base_writer_text(w, "\xef\xbf\xbd");
            n = 1;
        } else if (*p < 0x20 || *p == '"' || *p == '\\') {
            escape(w, *p);
        } else {
            base_writer_raw(w, base_span_make(p, n));
        }
    }
    put(w, '"');
}

void base_writer_string_of(base_writer_t *w, const char *value)
{
    base_writer_string(w, base_span_of(value));
}

void base_writer_number(base_writer_t *w, uint64_t value)
{
    comma(w);
    base_writer_uint(w, value);
}

void base_writer_bool(base_writer_t *w, bool value)
{
    comma(w);
    base_writer_text(w, value ? "true" : "false");
}

bool base_writer_done(const base_writer_t *w, base_span_t *out)
{
    if (w->_failed) {
        return false;
    }
    *out = base_span_make(w->_p, w->_n);
    return true;
}
