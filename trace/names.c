#include "trace/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

static u32 *slot_of(const struct names *s, const char *text)
{
    u64 h = 14695981039346656037u;
    for (const char *p = text; *p; p++)
        h = (h ^ (u8)*p) * 1099511628211u;
    for (u32 i = (u32)(h >> 20);; i++) {
        u32 *slot = &s->slots[i & (s->size - 1)];
        if (!*slot || !strcmp(s->text[*slot - 1], text))
            return slot;
    }
}

u32 names_add(struct names *s, const char *text)
{
    if (s->n * 2 >= s->size) {
        free(s->slots);
        s->size = s->size ? s->size * 2 : 256;
        s->slots = xcalloc(s->size, sizeof *s->slots);
        s->text = xrealloc(s->text, s->size * sizeof *s->text);
        for (u32 i = 0; i < s->n; i++)
            *slot_of(s, s->text[i]) = i + 1;
    }
    u32 *slot = slot_of(s, text);
    if (!*slot) {
        s->text[s->n] = xstrdup(text);
        *slot = ++s->n;
    }
    return *slot - 1;
}

void names_free(struct names *s)
{
    for (u32 i = 0; i < s->n; i++)
        free(s->text[i]);
    free(s->text);
    free(s->slots);
    *s = (struct names){ 0 };
}
