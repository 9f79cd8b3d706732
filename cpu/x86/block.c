/* Blocks: made from a page's bytes, found again by page, offset and mode, dropped when the page is written. */
#include <string.h>

#include "cpu/x86/engine.h"
#include "cpu/x86/sys.h"

#define CODE_BYTES ((size_t)64 << 20)

/* --- storage ------------------------------------------------------------------------------------------------------ */

static size_t block_bytes(unsigned slots)
{
    return (sizeof(struct x86_block) + slots * sizeof(struct x86_insn) + 63) & ~(size_t)63;
}

static u8 kind_of(const struct x86_row *row)
{
    u8 k = strstr(row->encoding, " cb") || strstr(row->encoding, " cz") ? X86_KIND_BRANCH : 0;
    k |= row->flags & X_END ? X86_KIND_END : 0;
    k |= row->flags & X_REP ? X86_KIND_REP : 0;
    k |= row->flags & X_CPL0 ? X86_KIND_CPL0 : 0;
    k |= row->flags & X_VEC ? X86_KIND_VEC : 0;
    k |= row->flags & X_AVX ? X86_KIND_AVX : 0;
    k |= row->flags & X_X87 ? X86_KIND_X87 : 0;
    k |= row->flags & X_MMX ? X86_KIND_MMX : 0;
    return k;
}

static void drop_stores(void *opaque, struct ram *ram, u64 page) { x86_drop_stores(opaque, ram, page); }

static void dropped(void *opaque)
{
    struct x86_engine *e = opaque;
    x86_jumps_flush(e); /* the fetch entries too: they are of the same generation */
    e->want = NULL;
    e->leave = true;
}

static void flushed(void *opaque)
{
    struct x86_engine *e = opaque;
    x86_jumps_flush(e);
    e->want = NULL;
    if (e->tier)
        e->tier->flushed(e->tier);
}

static bool has_place(const struct cpu_page *page, const struct cpu_places *p)
{
    for (unsigned k = 0; k < CPU_PAGE_BUCKETS; k++)
        for (const struct x86_block *b = page->bucket[k]; b; b = b->next)
            for (unsigned s = 0; s < b->slots; s++)
                if (cpu_place(p, b->side[s].offset))
                    return true;
    return false;
}

void x86_blocks_init(struct x86_engine *e)
{
    static const struct cpu_pages_user user = {
        .drop_stores = drop_stores, .dropped = dropped, .flushed = flushed, .has_place = has_place,
    };
    cpu_pages_init(&e->pages, e->arena, &user, e, e->tables, CODE_BYTES, block_bytes(X86_SLOTS_MAX));
    e->scratch = arena_alloc(e->arena, block_bytes(X86_SLOTS_MAX));
    struct x86_insn *pair = ARENA_ARRAY(e->arena, struct x86_insn, 2);
    pair[0].imm = (u64)1 << 60;
    pair[1].fn = x86_h_nowhere;
    e->nowhere = &pair[1];
    for (unsigned k = 0; k < X86_OP_COUNT; k++)
        e->kind[k] = kind_of(&x86_rows[k]);
}

void x86_blocks_restop(struct x86 *c)
{
    u32 heard = c->cpu.bus ? c->cpu.bus->wanted & 1u << EV_CPU_MAGIC : 0;
    if (cpu_pages_restop(&c->engine->pages, c->cpu.stops, heard))
        c->engine->leave = false;
}

/* --- finding -------------------------------------------------------------------------------------------------------- */

static void **bucket(struct cpu_page *p, unsigned offset)
{
    return &p->bucket[(offset ^ offset >> 6) & (CPU_PAGE_BUCKETS - 1)];
}

struct x86_block *x86_block_find(struct cpu_page *p, unsigned offset, u8 key)
{
    struct x86_block *b = *bucket(p, offset);
    while (b && (b->offset != offset || b->key != key))
        b = b->next;
    return b;
}

/* --- building --------------------------------------------------------------------------------------------------------- */

struct builder {
    struct x86 *c;
    u8 key;
    u8 usable; /* X86_KIND_USABLE that was already looked for */
    bool ended;
    unsigned slots, n;
    struct x86_side side[X86_SLOTS_MAX];
    struct x86_insn slot[X86_SLOTS_MAX];
};

static void start(struct builder *b, struct x86 *c, u8 key)
{
    b->c = c;
    b->key = key;
    b->usable = 0;
    b->slots = b->n = 0;
    b->ended = false;
}

static struct x86_insn *add(struct builder *b, const struct x86_insn *insn, x86_handler *fn, unsigned offset)
{
    struct x86_insn *s = &b->slot[b->slots];
    if (insn)
        *s = *insn;
    else
        *s = (struct x86_insn){ .op = X86_OP_COUNT, .base = X86_NONE, .index = X86_NONE };
    s->fn = (void *)fn;
    s->flags = (u16)((s->flags & ((1u << X86_SLOT_SHIFT) - 1)) | b->slots << X86_SLOT_SHIFT);
    b->side[b->slots] = (struct x86_side){ .offset = (u16)offset, .count = (u8)b->n, .length = insn ? insn->length : 0 };
    b->slots++;
    return s;
}

/* Behind the last instruction: links, and what follows them when the instruction is no branch. */
static void add_links(struct builder *b, unsigned next, bool branch)
{
    if (!branch)
        add(b, NULL, x86_h_next, next);
    struct x86_insn *s = add(b, NULL, NULL, next);
    s->fn = b->c->engine->nowhere;
    s->imm = (u64)(uintptr_t)b->c->engine->nowhere;
    b->ended = true;
}

/* Behind an indirect jump with a fast handler: the ways it goes, none yet. */
static void add_ways(struct builder *b, unsigned next)
{
    const struct x86_ways none = { .gen = ~(u64)0 };
    struct x86_insn *first = &b->slot[b->slots];
    for (unsigned k = 0; k < X86_WAYS_SLOTS; k++)
        add(b, NULL, NULL, next);
    memcpy(first, &none, sizeof none);
    b->ended = true;
}

static bool stop_possible(const struct x86 *c, unsigned offset)
{
    return cpu_place(&c->engine->pages.armed.places, offset);
}

/* Which column of x86_fast[]. */
static unsigned form_of(const struct x86_insn *i, u8 key)
{
    unsigned size = i->sizes & 15, form = size & 3;
    bool flat = key & X86_KEY_FLAT;
    if (i->flags & X86_I_MEM) {
        unsigned seg = x86_segno(i), natural = key & X86_KEY_64 ? 3 : 2;
        form |= X86_FORM_MEM;
        flat = flat && i->sizes >> 4 == natural && (seg == X86_DS || seg == X86_SS || seg == X86_ES || (seg == X86_CS && natural == 3));
    }
    return form | (flat ? 0 : X86_FORM_SEG);
}

/* Does it give the stack pointer another value than a bit more or less, or that of the frame pointer? Stories tell of it. */
static bool sets_sp(const struct x86_insn *i)
{
    switch (i->op) {
    case X86_OP_mov_ev_gv: return !(i->flags & X86_I_MEM) && i->rm == X86_SP && i->reg != X86_BP;
    case X86_OP_mov_zv_iv:
    case X86_OP_mov_ev_iz: return !(i->flags & X86_I_MEM) && i->rm == X86_SP;
    case X86_OP_mov_gv_ev: return i->reg == X86_SP && ((i->flags & X86_I_MEM) || i->rm != X86_BP);
    case X86_OP_lea: return i->reg == X86_SP && i->base != X86_SP && i->base != X86_BP;
    default: return false;
    }
}

x86_handler *x86_fast_handler(const struct x86_insn *i, u8 key)
{
    x86_handler *const *by_form = x86_fast[i->op];
    return by_form && !(i->flags & X86_I_RIP) ? by_form[form_of(i, key)] : NULL;
}

static x86_handler *fast_handler(const struct x86_insn *i, u8 key)
{
    x86_handler *fn = x86_fast_handler(i, key);
    return fn && UNLIKELY(sets_sp(i)) ? x86_h_set_sp : fn;
}

static x86_handler *op_handler(const struct x86_insn *i, u8 kind)
{
    if (!x86_ops[i->op])
        return x86_h_bad;
    if (kind & X86_KIND_END)
        return x86_h_op_end;
    return (kind & X86_KIND_REP) && (i->flags & (X86_I_REP | X86_I_REPNE)) ? x86_h_op_rep : x86_h_op;
}

static bool magic(const struct x86_engine *e, const struct x86_insn *i)
{
    return UNLIKELY(e->pages.armed.heard) && i->op == X86_OP_xchg_ev_gv && !(i->flags & X86_I_MEM) && x86_osize(i) == 2 &&
           i->reg == X86_BX && i->rm == X86_BX;
}

x86_handler *x86_plain_handler(const struct x86_engine *e, const struct x86_insn *i, u8 key)
{
    if (magic(e, i))
        return x86_h_magic;
    x86_handler *fn = fast_handler(i, key);
    return fn ? fn : op_handler(i, e->kind[i->op]);
}

/* Behind an instruction that ends its block: what its handler finds there. */
static void add_end(struct builder *b, bool fast, unsigned next)
{
    u8 kind = b->c->engine->kind[b->slot[b->slots - 1].op];
    bool branch = fast && (kind & X86_KIND_BRANCH);
    if (fast && !branch)
        add_ways(b, next);
    else
        add_links(b, next, branch);
}

static void add_insn(struct builder *b, const struct x86_insn *decoded, unsigned offset)
{
    struct x86_engine *e = b->c->engine;
    struct x86_insn d = *decoded;
    u8 kind = e->kind[d.op];

    if (UNLIKELY(b->c->cpu.stops) && stop_possible(b->c, offset))
        add(b, NULL, x86_h_stop, offset);
    u8 usable = kind & X86_KIND_USABLE & ~b->usable;
    if (usable) {
        add(b, NULL, x86_h_usable, offset)->imm = usable;
        b->usable |= usable;
    }
    if (d.flags & X86_I_RIP) {
        i64 disp = (i64)d.disp + (i64)offset + d.length;
        if (disp == (i32)disp) {
            d.disp = (i32)disp;
            d.base = X86_R_PAGE;
            d.flags &= (u16)~X86_I_RIP;
        }
    }
    x86_handler *fn = fast_handler(&d, b->key);
    if (fn && !(d.flags & X86_I_VEX))
        d.vreg = (u8)(1u << x86_scale(&d));
    bool branch = fn && (kind & X86_KIND_BRANCH);
    if (branch)
        d.imm += offset + d.length;
    add(b, &d, magic(e, &d) ? x86_h_magic : fn ? fn : op_handler(&d, kind), offset);
    b->n++;
    if (kind & X86_KIND_END)
        add_end(b, fn != NULL, offset + d.length);
}

/* What the decoder refused: 0 for #UD, 1 for #GP. */
static void add_bad(struct builder *b, unsigned offset, bool too_long)
{
    if (UNLIKELY(b->c->cpu.stops) && stop_possible(b->c, offset))
        add(b, NULL, x86_h_stop, offset);
    add(b, NULL, x86_h_bad, offset)->imm = too_long;
    b->n++;
    add_links(b, offset + 1, false);
}

static struct x86_block *finish(struct builder *b, struct x86_block *out, const u8 *host, unsigned offset)
{
    out->next = NULL;
    out->page = NULL;
    out->host = host;
    out->unit = 0;
    out->offset = (u16)offset;
    out->end = b->side[b->slots - 1].offset;
    out->slots = (u8)b->slots;
    out->key = b->key;
    out->straddle_len = 0;
    memcpy(out->side, b->side, b->slots * sizeof *b->side);
    out->head = (struct x86_insn){ .op = X86_OP_COUNT, .imm = b->n };
    memcpy(out->slot, b->slot, b->slots * sizeof *b->slot);
    return out;
}

static int decode(const struct x86 *c, u8 key, const u8 *bytes, size_t n, struct x86_insn *out)
{
    unsigned bits = key & X86_KEY_64 ? 64 : key & X86_KEY_32 ? 32 : 16;
    return x86_decode(c->engine->decoder, bits, key & X86_KEY_LEGACY, bytes, n < 15 ? n : 15, out);
}

/* Adds up to max instructions; stops before one that crosses into the next page. False: the first one does. */
static bool add_run(struct builder *b, const u8 *host, unsigned offset, unsigned max)
{
    while (!b->ended) {
        struct x86_insn d;
        int length = 0;
        if (b->n < max && b->slots + 4 + X86_WAYS_SLOTS < X86_SLOTS_MAX && offset < PAGE_SIZE)
            length = decode(b->c, b->key, host + offset, PAGE_SIZE - offset, &d);
        if (length > 0) {
            add_insn(b, &d, offset);
            offset += (unsigned)length;
        } else if (length < 0) {
            add_bad(b, offset, length == X86_DECODE_LONG);
        } else if (!b->n) {
            return false;
        } else {
            add_links(b, offset, false);
        }
    }
    return true;
}

/* A jump to nowhere: pages of zeros are ADD [rAX],AL for ever. So many of them, one behind the other, are no program
 * (docs/decisions/058). */
static void see_zeros(struct x86 *c, const struct x86_block *b, u64 pc)
{
    enum { ENOUGH = 128 };
    u64 length = (u64)b->end - b->offset;
    const u8 *p = b->host + b->offset;
    if (b->straddle_len || !length || p[0] || memcmp(p, p + 1, length - 1))
        return;
    c->zeros = c->zeros_end == pc ? c->zeros + length : length;
    c->zeros_end = pc + length;
    if (c->zeros >= ENOUGH && c->cpl < 3)
        x86_lost(c, "a jump to nowhere: it executes zeros, which are ADD [rAX],AL, one after the other", true);
}

/* Neighbours that belong together: only in blocks that run whole. */
static void fuse(struct builder *b)
{
    for (unsigned k = 0; k + 1 < b->slots; k++) {
        struct x86_insn *one = &b->slot[k], *two = &b->slot[k + 1];
        if (one->op == X86_OP_COUNT || two->op == X86_OP_COUNT)
            continue;
        x86_handler *fn = x86_fuse(one, two, b->key & X86_KEY_FLAT);
        if (fn) {
            one->fn = (void *)fn;
            k++;
        }
    }
}

/* The bytes of one instruction from wherever they are. False: c->fault. Not more of them are touched than it has, nor beyond the
 * limit of CS. */
static bool one_insn(struct x86 *c, u64 pc, u8 key, u8 bytes[16], struct x86_insn *d, int *length)
{
    u64 rip = x86_rip_of(c, pc), limit = c->code_bits == 64 ? ~(u64)0 : c->seg[X86_CS].limit;
    for (unsigned n = 0; n < 15;) {
        unsigned more = (unsigned)(PAGE_SIZE - ((pc + n) & PAGE_MASK));
        if (more > 15 - n)
            more = 15 - n;
        if (rip + n > limit)
            return x86_gp0(c, "the next instruction is beyond the limit of CS");
        if (more > limit - (rip + n) && limit - (rip + n) < 15)
            more = (unsigned)(limit - (rip + n)) + 1 < more ? (unsigned)(limit - (rip + n)) + 1 : more;
        if (!x86_fetch_bytes(c, pc + n, bytes + n, more))
            return false;
        n += more;
        *length = decode(c, key, bytes, n, d);
        if (*length != X86_DECODE_MORE)
            return true;
    }
    *length = X86_DECODE_LONG;
    return true;
}

static bool add_one(struct builder *b, u64 pc, u8 bytes[16], unsigned *n)
{
    struct x86_insn d;
    int length;
    if (!one_insn(b->c, pc, b->key, bytes, &d, &length))
        return false;
    if (length > 0)
        add_insn(b, &d, pc & PAGE_MASK);
    else
        add_bad(b, pc & PAGE_MASK, length == X86_DECODE_LONG);
    *n = length > 0 ? (unsigned)length : 1;
    if (!b->ended)
        add_links(b, (unsigned)(pc & PAGE_MASK) + *n, false);
    return true;
}

struct x86_block *x86_block_build(struct x86 *c, struct cpu_page *p, u64 pc, u8 key)
{
    struct x86_engine *e = c->engine;
    struct builder b;
    unsigned offset = pc & PAGE_MASK, n = 0;
    u8 bytes[16] = { 0 };
    start(&b, c, key);
    if (e->tier)
        add(&b, NULL, x86_h_hot, offset);
    if (add_run(&b, p->host, offset, X86_BLOCK_MAX)) {
        fuse(&b);
    } else { /* an instruction across two pages is a block of its own, which looks at its bytes each time it runs */
        start(&b, c, key);
        add(&b, NULL, x86_h_straddle, offset);
        if (!add_one(&b, pc, bytes, &n))
            return NULL;
    }
    struct x86_block *out = finish(&b, cpu_pages_alloc(&e->pages, block_bytes(b.slots)), p->host, offset);
    void **head = bucket(p, offset);
    out->page = p;
    out->straddle_len = (u8)n;
    memcpy(out->straddle, bytes, sizeof out->straddle);
    out->next = *head;
    *head = out;
    u64 room = PAGE_SIZE - offset, length = out->end - offset;
    ram_mark_code(p->ram, (p->index << PAGE_SHIFT) + offset, length < room ? length : room);
    e->count.blocks++;
    see_zeros(c, out, pc);
    return out;
}

struct x86_block *x86_block_once(struct x86 *c, struct cpu_page *p, u64 pc, u8 key, unsigned max)
{
    struct builder b;
    u8 bytes[16];
    unsigned n;
    start(&b, c, key);
    if (p && !(key & X86_KEY_CHECKED) && add_run(&b, p->host, pc & PAGE_MASK, max < X86_BLOCK_MAX ? max : X86_BLOCK_MAX)) {
        struct x86_block *out = finish(&b, c->engine->scratch, p->host, pc & PAGE_MASK);
        see_zeros(c, out, pc);
        return out;
    }
    start(&b, c, key);
    if (!add_one(&b, pc, bytes, &n))
        return NULL;
    return finish(&b, c->engine->scratch, NULL, pc & PAGE_MASK);
}

struct x86_block *x86_block_slots(struct x86 *c, const struct x86_block *whole, unsigned from, unsigned to)
{
    struct x86_engine *e = c->engine;
    struct builder b;
    unsigned k = from;
    const u8 before = whole->side[from].count;
    start(&b, c, whole->key);
    for (; k < to && !b.ended; k++) {
        const struct x86_insn *s = &whole->slot[k];
        const struct x86_side *side = &whole->side[k];
        if (s->op == X86_OP_COUNT && (x86_handler *)s->fn == x86_h_next)
            break;
        bool insn = s->op != X86_OP_COUNT; /* not fused, nor a tier's */
        b.n = (unsigned)(side->count - before);
        add(&b, s, insn ? x86_plain_handler(e, s, whole->key) : (x86_handler *)s->fn, side->offset);
        b.side[b.slots - 1].length = side->length;
        if (insn && (e->kind[s->op] & X86_KIND_END)) {
            b.n++;
            add_end(&b, x86_fast_handler(s, whole->key) != NULL, side->offset + side->length);
        }
    }
    if (!b.ended) {
        b.n = (unsigned)(whole->side[k].count - before);
        add_links(&b, whole->side[k].offset, false);
    }
    struct x86_block *out = finish(&b, e->scratch, whole->host, whole->offset);
    out->straddle_len = whole->straddle_len;
    memcpy(out->straddle, whole->straddle, sizeof out->straddle);
    return out;
}

struct x86_block *x86_block_part(struct x86 *c, const struct x86_block *whole, unsigned max)
{
    unsigned from = c->engine->tier && !whole->straddle_len; /* the first slot is the tier's: see x86_block_build */
    unsigned to = from;
    while (whole->side[to].count < max)
        to++;
    return x86_block_slots(c, whole, from, to);
}
