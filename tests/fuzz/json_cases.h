/* What fuzzers of JSON protocols share: messages by template, and changed. */
#ifndef TESTS_FUZZ_JSON_CASES_H
#define TESTS_FUZZ_JSON_CASES_H

#include <jansson.h>

#include "tests/fuzz/cases.h"

/* Another value for this one; NULL: it stays, or what is in it changes. */
typedef json_t *json_changer(u64 *rng, const json_t *o);

static inline json_t *json_changed(u64 *rng, json_t *o, json_changer *other)
{
    const char *key;
    json_t *value, *out = other(rng, o);
    size_t i;
    if (out)
        return out;
    if (json_is_object(o)) {
        out = json_object();
        json_object_foreach(o, key, value)
            if (!one_in(rng, 20))
                json_object_set_new(out, key, json_changed(rng, value, other));
        return out;
    }
    if (json_is_array(o)) {
        out = json_array();
        json_array_foreach(o, i, value)
            for (u64 k = one_in(rng, 10) ? any(rng, 4) : 1; k--;)
                json_array_append_new(out, json_changed(rng, value, other));
        return out;
    }
    return json_incref(o);
}

/* Of JSON with ' for ". */
static inline json_t *json_template(const char *quoted)
{
    char *text = xstrdup(quoted);
    for (char *s = text; *s; s++)
        if (*s == '\'')
            *s = '"';
    json_t *o = json_loads(text, 0, NULL);
    if (!o) {
        fprintf(stderr, "no JSON: %s\n", text);
        abort();
    }
    free(text);
    return o;
}

#endif
