#include "cli/option_values.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "machine/build.h"

bool option_number(const char *text, u64 *value, struct err *e)
{
    char *end;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 0);
    if (errno || end == text || *end || *text == '-')
        return err_set(e, "'%s' is not a number", text);
    *value = v;
    return true;
}

bool option_size(const char *text, u64 unit, u64 *bytes, struct err *e)
{
    static const char letters[] = "bkmgt";
    char *end;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    const char *letter = *end ? strchr(letters, *end | 0x20) : NULL;
    if (letter) {
        unit = (u64)1 << (10 * (letter - letters));
        end++;
    }
    if ((*end == 'i' && end[1] == 'B') || *end == 'B')
        end += *end == 'i' ? 2 : 1;
    if (errno || end == text || *end || *text == '-' || !v || v > UINT64_MAX / unit)
        return err_set(e, "'%s' is not a size; write 128M or 2G", text);
    *bytes = v * unit;
    return true;
}

bool option_list_add(struct arena *a, struct option_list *lists, unsigned *n, const char *text, const char *first,
                     struct err *e)
{
    if (*n == MAX_OF_EACH)
        return err_set(e, "it was given more than %d times", MAX_OF_EACH);
    struct err none = { "" };
    struct option_list l = { text, props_parse(a, text, &none) };
    if (!l.props)
        return err_set(e, "'%s' is not a list of name=value", text);
    if (first && text[strcspn(text, ",=")] != '=') {
        l.props->text = l.props->name;
        l.props->name = first;
    }
    const char *id = option_prop(&l, "id");
    for (unsigned i = 0; i < *n && id; i++) {
        const char *other = option_prop(&lists[i], "id");
        if (other && !strcmp(other, id))
            return err_set(e, "the id '%s' was given twice, to '%s' and to '%s'", id, lists[i].text, text);
    }
    lists[*n] = l;
    ++*n;
    return true;
}

const char *option_prop(const struct option_list *l, const char *name)
{
    const char *text = NULL;
    for (const struct prop_value *p = l->props; p; p = p->next)
        if (!strcmp(p->name, name))
            text = p->text;
    return text;
}

bool option_prop_on(const struct option_list *l, const char *name)
{
    static const char *const yes[] = { "on", "true", "yes", NULL };
    const char *t = option_prop(l, name);
    return t && option_word_in(t, yes);
}

bool option_prop_number(const char *option, const struct option_list *l, const char *name, u64 *out, struct err *e)
{
    const char *t = option_prop(l, name);
    char *end;
    if (!t)
        return true;
    *out = strtoull(t, &end, 0);
    return (*t && !*end) || err_set(e, "-%s %s: %s takes a number, not '%s'", option, l->text, name, t);
}

bool option_check_names(const char *option, const struct option_list *l, const char *const *known, struct err *e)
{
    for (const struct prop_value *p = l->props; p; p = p->next) {
        if (option_word_in(p->name, known))
            continue;
        const char *best = NULL;
        unsigned score = 0;
        for (const char *const *k = known; *k; k++)
            suggest(p->name, *k, &best, &score);
        return err_set(e, "-%s %s: there is no property '%s'%s%s%s", option, l->text, p->name, DID_YOU_MEAN(best));
    }
    return true;
}

bool option_word_in(const char *word, const char *const *words)
{
    while (*words && strcmp(*words, word))
        words++;
    return *words != NULL;
}
