#include "jit/check.h"

#include <string.h>

enum { ENOUGH = 3000, FULL = 3600 }; /* bytes of a report: no more differences, no more code */

static void check_free(void *p) { buf_free(&((struct jit_check *)p)->report); }

void jit_check_init(struct jit_check *k, struct arena *a, struct jit_env *env, unsigned stores, const void *entered,
    const void *left)
{
    k->log = ARENA_ARRAY(a, struct jit_stored, stores);
    arena_defer(a, check_free, k);
    env->check_enter = (u64)(uintptr_t)entered;
    env->check_left = (u64)(uintptr_t)left;
    env->check_log = &k->next;
}

void jit_check_undo(const struct jit_check *k)
{
    for (const struct jit_stored *s = k->next; s-- > k->log;)
        store_le((void *)(uintptr_t)s->host, (unsigned)s->size, s->old);
}

void jit_check_differs(struct jit_check *k, const char *what, u64 compiled, u64 interpreted)
{
    if (k->report.len < ENOUGH)
        buf_printf(&k->report, "\n  %s: compiled 0x%llx, interpreted 0x%llx", what, (unsigned long long)compiled,
            (unsigned long long)interpreted);
}

void jit_check_rows(struct jit_check *k, const struct jit_check_row *row, unsigned n, const void *compiled,
    const void *interpreted)
{
    for (; n--; row++) {
        if (!row->stride && !memcmp((const u8 *)compiled + row->at, (const u8 *)interpreted + row->at, (size_t)row->n * row->size))
            continue;
        for (unsigned i = 0; i < row->n; i++) {
            size_t at = row->at + i * (row->stride ? row->stride : row->size);
            u64 one = load_le((const u8 *)compiled + at, row->size), two = load_le((const u8 *)interpreted + at, row->size);
            if (one != two)
                jit_check_differs(k, row->names ? row->names[i] : row->name, one, two);
        }
    }
}

bool jit_check_done(struct jit_check *k, const struct cpu *c, u64 pc, u64 instructions)
{
    k->count.entries++;
    k->count.instructions += instructions;
    k->count.stores += (u64)(k->next - k->log);
    if (LIKELY(!k->report.len))
        return false;
    struct buf what = k->report;
    k->report = (struct buf){ 0 };
    buf_printf(&k->report, "compiled code differs from the interpreter: %s at 0x%llx, after %llu instructions:%s\n"
        "the block, from there on:", c->name, (unsigned long long)pc, (unsigned long long)instructions, buf_cstr(&what));
    buf_free(&what);
    return true;
}

void jit_check_code(struct jit_check *k, struct cpu *c, u64 pc, const u8 *bytes, unsigned length)
{
    char text[128];
    if (k->report.len >= FULL)
        return;
    c->ops->disasm(c, pc, bytes, length, text, sizeof text);
    buf_printf(&k->report, "\n  0x%llx: %s", (unsigned long long)pc, text);
}

void jit_check_describe(const struct jit_check *k, struct buf *out)
{
    buf_printf(out, "JIT: checked %llu entries of compiled code, %llu instructions, %llu stores\n",
        (unsigned long long)k->count.entries, (unsigned long long)k->count.instructions,
        (unsigned long long)k->count.stores);
}
