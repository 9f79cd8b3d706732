/* Blocks: made from a page's bytes, found again by page and offset, dropped when the page is written. */
#include <string.h>

#include "cpu/riscv/engine.h"

/* --- storage ---------------------------------------------------------------------------------------------------- */

static size_t block_bytes(unsigned slots)
{
    size_t n = sizeof(struct rv_block) + slots * (sizeof(struct rv_insn) + sizeof(struct rv_side));
    return (n + 15) & ~(size_t)15;
}

static void drop_stores(void *opaque, struct ram *ram, u64 page) { rv_tlb_drop_stores(opaque, ram, page); }

static void dropped(void *opaque)
{
    struct riscv_engine *e = opaque;
    rv_jumps_flush(e); /* the fetch entries too: they are of the same generation */
    e->want = NULL;
    e->leave = true;
}

static void flushed(void *opaque)
{
    struct riscv_engine *e = opaque;
    rv_jumps_flush(e);
    e->want = NULL;
    if (e->tier)
        e->tier->flushed(e->tier);
}

static bool has_place(const struct cpu_page *page, const struct cpu_places *p)
{
    for (unsigned k = 0; k < CPU_PAGE_BUCKETS; k++)
        for (const struct rv_block *b = page->bucket[k]; b; b = b->next)
            for (unsigned s = 0; s < b->slots; s++)
                if (cpu_place(p, b->side[s].offset))
                    return true;
    return false;
}

void rv_blocks_init(struct riscv_engine *e)
{
    static const struct cpu_pages_user user = {
        .drop_stores = drop_stores, .dropped = dropped, .flushed = flushed, .has_place = has_place,
    };
    cpu_pages_init(&e->pages, e->arena, &user, e, e->tables, RV_CODE_BYTES, block_bytes(RV_BLOCK_SLOTS));
    e->scratch = arena_alloc(e->arena, block_bytes(RV_BLOCK_SLOTS));
    struct rv_insn *pair = ARENA_ARRAY(e->arena, struct rv_insn, 2);
    pair[0].n = (u64)1 << 60;
    pair[1].fn = rv_h_nowhere;
    e->nowhere = &pair[1];
}

void rv_blocks_restop(struct hart *h)
{
    /* compiled code does not tell of CSRs, and hints become something */
    u32 heard = h->cpu.bus ? h->cpu.bus->wanted & (1u << EV_CPU_REGISTER | 1u << EV_CPU_MAGIC) : 0;
    if (cpu_pages_restop(&h->engine->pages, h->cpu.stops, heard))
        h->engine->leave = false;
}

/* --- finding ---------------------------------------------------------------------------------------------------- */

static void **bucket(struct cpu_page *p, unsigned offset)
{
    return &p->bucket[(offset >> 1 ^ offset >> 7) & (CPU_PAGE_BUCKETS - 1)];
}

struct rv_block *rv_block_find(struct cpu_page *p, unsigned offset)
{
    struct rv_block *b = *bucket(p, offset);
    while (b && b->offset != offset)
        b = b->next;
    return b;
}

/* --- building --------------------------------------------------------------------------------------------------- */

struct builder {
    struct hart *h;
    struct rv_insn slot[RV_BLOCK_SLOTS];
    struct rv_side side[RV_BLOCK_SLOTS];
    unsigned slots, n;
    bool fp_on, fp_dirty, ended;
};

static void start(struct builder *b, struct hart *h)
{
    b->h = h;
    b->slots = b->n = 0;
    b->fp_on = b->fp_dirty = b->ended = false;
}

static struct rv_insn *add(struct builder *b, rv_handler *fn, unsigned offset)
{
    struct rv_insn *s = &b->slot[b->slots];
    memset(s, 0, sizeof *s);
    s->fn = fn;
    b->side[b->slots++] = (struct rv_side){ (u16)offset, (u16)b->n, RV_OP_COUNT };
    return s;
}

/* Behind the last instruction: links, and what follows them when the instruction is no branch. */
static void add_links(struct builder *b, unsigned next, bool branch)
{
    struct riscv_engine *e = b->h->engine;
    if (!branch)
        add(b, rv_h_next, next);
    struct rv_insn *s = add(b, NULL, next);
    s->to[0] = s->to[1] = e->nowhere;
}

/* Does it write a general or floating-point register that is told of? */
bool rv_looked_at(const struct riscv_engine *e, unsigned op, unsigned rd)
{
    if (LIKELY(!e->pages.armed.regs) || op == RV_OP_COUNT)
        return false;
    const struct rv_row *row = &e->decoder->row[op];
    if (riscv_insns[op].flags & F_FW)
        return e->pages.armed.regs >> 32 >> rd & 1;
    return (row->d_w || row->d_fix) && rd < 32 && (e->pages.armed.regs >> rd & 1);
}

rv_handler *rv_plain_handler(const struct riscv_engine *e, unsigned op, unsigned rd)
{
    return UNLIKELY(rv_looked_at(e, op, rd)) ? rv_h_look : e->handlers[op];
}

static void add_insn(struct builder *b, u32 bits, unsigned offset)
{
    struct riscv_engine *e = b->h->engine;
    const struct rv_decoded d = *rv_decode_again(e, bits);

    if (UNLIKELY(b->h->cpu.stops) && cpu_place(&e->pages.armed.places, offset))
        add(b, rv_h_stop, offset);
    unsigned next = offset + d.len;
    if (d.op == RV_OP_COUNT) {
        add(b, rv_h_illegal, offset);
        b->n++;
        add_links(b, next, false);
        b->ended = true;
        return;
    }
    const struct riscv_insn *insn = &riscv_insns[d.op];
    if (insn->flags & F_FP) {
        if ((insn->flags & F_FW) && !b->fp_dirty) {
            add(b, rv_h_fp_dirty, offset);
            b->fp_on = b->fp_dirty = true;
        } else if (!b->fp_on) {
            add(b, rv_h_fp_on, offset);
            b->fp_on = true;
        }
    }
    u8 rd = d.rd || (insn->flags & F_FW) ? d.rd : 32;
    struct rv_insn *s = add(b, rv_plain_handler(e, d.op, rd), offset);
    b->side[b->slots - 1].op = d.op;
    s->rd = rd;
    s->rs1 = d.rs1;
    s->rs2 = d.rs2;
    s->aux = d.rs3;
    s->imm = (i32)d.imm;
    if (UNLIKELY(e->pages.armed.heard >> EV_CPU_MAGIC & 1) && (bits & 0xfffff) == 0x2013) /* slti x0, x0, N */
        s->fn = rv_h_magic;
    if (insn->flags & F_PC)
        s->imm += (i32)offset;
    if (e->decoder->row[d.op].m_w)
        s->imm = d.rm;
    if (insn->cls == RV_CLASS_JUMP || insn->cls == RV_CLASS_JUMPR)
        s->link = (u16)next;
    b->n++;
    if (insn->flags & F_END) {
        add_links(b, next, insn->cls == RV_CLASS_BRANCH || insn->cls == RV_CLASS_JUMP);
        b->ended = true;
    }
}

static struct rv_block *finish(struct builder *b, struct rv_block *out, const u8 *host, unsigned offset)
{
    out->next = NULL;
    out->page = NULL;
    out->host = host;
    out->straddle = out->unit = 0;
    out->offset = (u16)offset;
    out->slots = (u16)b->slots;
    out->head.fn = NULL;
    out->head.n = b->n;
    memcpy(out->slot, b->slot, b->slots * sizeof *b->slot);
    out->side = (struct rv_side *)(void *)(out->slot + b->slots);
    memcpy(out->side, b->side, b->slots * sizeof *b->side);
    return out;
}

/* Adds up to max instructions; stops before one that crosses into the next page. */
static void add_run(struct builder *b, const u8 *host, unsigned offset, unsigned max)
{
    while (!b->ended) {
        u32 bits = offset < PAGE_SIZE ? (u32)load_le(host + offset, 2) : 0;
        bool crosses = offset == PAGE_SIZE - 2 && rv_insn_length(bits) == 4;
        if (offset >= PAGE_SIZE || crosses || b->n >= max) {
            add_links(b, offset, false);
            b->ended = true;
            break;
        }
        unsigned len = rv_insn_length(bits);
        if (len == 4)
            bits = (u32)load_le(host + offset, 4);
        add_insn(b, bits, offset);
        offset += len;
    }
}

static bool plain(const struct builder *b, unsigned k) { return b->slot[k].fn == b->h->engine->handlers[b->side[k].op]; }

/* Neighbours that belong together: only in blocks that run whole. */
static void fuse(struct builder *b)
{
    for (unsigned k = 0; k + 1 < b->slots; k++) {
        unsigned one = b->side[k].op, two = b->side[k + 1].op;
        if (one != RV_OP_COUNT && two != RV_OP_COUNT && plain(b, k) && plain(b, k + 1) &&
            rv_pair(b->h->engine, &b->slot[k], one, two))
            k++;
    }
}

static bool crosses(const struct cpu_page *p, unsigned offset)
{
    return offset == PAGE_SIZE - 2 && rv_insn_length((u32)load_le(p->host + offset, 2)) == 4;
}

/* An instruction across two pages is a block of its own, which looks at the second half each time it runs. */
static void add_straddling(struct builder *b, unsigned offset, u32 bits)
{
    add(b, rv_h_straddle, offset);
    add_insn(b, bits, offset);
    if (!b->ended)
        add_links(b, offset + rv_insn_length(bits), false);
}

struct rv_block *rv_block_build(struct hart *h, struct cpu_page *p, unsigned offset)
{
    struct riscv_engine *e = h->engine;
    struct builder b;
    start(&b, h);
    u32 bits = 0;
    if (crosses(p, offset)) {
        if (!rv_fetch_bits(h, h->pc, &bits))
            return NULL;
        add_straddling(&b, offset, bits);
    } else {
        if (e->tier)
            add(&b, rv_h_hot, offset);
        add_run(&b, p->host, offset, RV_BLOCK_MAX);
        fuse(&b);
    }
    struct rv_block *out = finish(&b, cpu_pages_alloc(&e->pages, block_bytes(b.slots)), p->host, offset);
    void **head = bucket(p, offset);
    out->page = p;
    out->straddle = bits;
    out->next = *head;
    *head = out;
    u64 room = PAGE_SIZE - offset, length = b.side[b.slots - 1].offset - offset; /* to where it goes on */
    ram_mark_code(p->ram, (p->index << PAGE_SHIFT) + offset, length < room ? length : room);
    e->count.blocks++;
    return out;
}

struct rv_block *rv_block_once(struct hart *h, struct cpu_page *p, unsigned offset, unsigned max)
{
    struct builder b;
    start(&b, h);
    u32 bits = 0;
    if (crosses(p, offset)) {
        if (!rv_fetch_bits(h, h->pc, &bits))
            return NULL;
        return rv_block_single(h, p, offset, bits);
    }
    add_run(&b, p->host, offset, max < RV_BLOCK_MAX ? max : RV_BLOCK_MAX);
    return finish(&b, h->engine->scratch, p->host, offset);
}

struct rv_block *rv_block_part(struct hart *h, const struct rv_block *whole, unsigned max)
{
    unsigned from = h->engine->tier && !whole->straddle; /* the first slot is the tier's: see rv_block_build */
    unsigned to = from;
    while (whole->side[to].count < max)
        to++;
    return rv_block_slots(h, whole, from, to);
}

struct rv_block *rv_block_slots(struct hart *h, const struct rv_block *whole, unsigned from, unsigned to)
{
    struct builder b;
    start(&b, h);
    unsigned before = whole->side[from].count;
    for (unsigned k = from; k < to; k++) {
        struct rv_insn *s = add(&b, NULL, whole->side[k].offset);
        struct rv_side *side = &b.side[b.slots - 1];
        *s = whole->slot[k];
        *side = whole->side[k];
        side->count = (u16)(side->count - before);
        if (side->op != RV_OP_COUNT && s->fn != rv_h_magic)
            s->fn = rv_plain_handler(h->engine, side->op, s->rd);
    }
    b.n = (to < whole->slots ? whole->side[to].count : whole->head.n) - before;
    if (to < whole->slots)
        add_links(&b, whole->side[to].offset, false);
    else /* the links came too */
        b.slot[b.slots - 1].to[0] = b.slot[b.slots - 1].to[1] = h->engine->nowhere;
    return finish(&b, h->engine->scratch, whole->host, whole->offset);
}

struct rv_block *rv_block_single(struct hart *h, struct cpu_page *p, unsigned offset, u32 bits)
{
    struct builder b;
    start(&b, h);
    add_insn(&b, bits, offset);
    if (!b.ended)
        add_links(&b, offset + rv_insn_length(bits), false);
    struct rv_block *out = finish(&b, h->engine->scratch, NULL, offset);
    out->straddle = bits;
    return out;
}
