/* The software TLB, and every access that missed it. */
#include <string.h>

#include "cpu/riscv/engine.h"

/* --- contexts --------------------------------------------------------------------------------------------- */

static unsigned written_at(u64 host)
{
    u64 page = host >> PAGE_SHIFT;
    return (unsigned)(page ^ page >> RV_WRITTEN_BITS) & ((1u << RV_WRITTEN_BITS) - 1);
}

void rv_tlb_forget(struct rv_ctx *c, struct rv_tlb *t, bool loads, bool stores)
{
    if (UNLIKELY(t->pa & RV_TLB_SITED)) {
        for (unsigned k = 0; k < ARRAY_LEN(c->site); k++)
            if (c->site[k].page == t->rtag || c->site[k].page == t->wtag)
                c->site[k].page = RV_SITE_NEVER;
        t->pa &= ~(u64)RV_TLB_SITED;
    }
    if (loads)
        t->rtag = RV_TLB_NEVER;
    if (stores)
        t->wtag = RV_TLB_NEVER;
}

/* Where the entry (its number plus 1; 0: none) leads for stores on the host; 0: nowhere. */
static u64 stores_to(const struct rv_ctx *c, unsigned entry)
{
    const struct rv_tlb *t = entry ? &c->tlb[entry - 1] : NULL;
    return t && t->wtag != RV_TLB_NEVER ? rv_tlb_stores(t) + t->addend : 0;
}

/* Entry k is going to lead to the host page for stores. Of the pages of one place in `written` at most two may be led to:
 * so what leads to a page is found without a search. */
static void note_written(struct rv_ctx *c, u64 host, unsigned k)
{
    unsigned at = written_at(host);
    u16 *of = c->written[at];
    if (of[0] == k + 1 || of[1] == k + 1)
        return;
    u64 first = stores_to(c, of[0]), second = stores_to(c, of[1]);
    if (first && written_at(first) == at) {
        if (second && written_at(second) == at)
            rv_tlb_forget(c, &c->tlb[of[1] - 1], false, true);
        of[1] = of[0];
    }
    of[0] = (u16)(k + 1);
}

static void flush_data(struct rv_ctx *c)
{
    u64 sited = 0;
    bool all = c->n_used > RV_USED_MAX;
    for (unsigned k = 0; k < (all ? RV_TLB_SIZE : c->n_used); k++) {
        struct rv_tlb *t = &c->tlb[all ? k : c->used[k]];
        sited |= t->pa & RV_TLB_SITED;
        t->pa &= ~(u64)RV_TLB_SITED;
        t->rtag = t->wtag = RV_TLB_NEVER;
    }
    c->n_used = 0;
    for (unsigned k = 0; sited && k < ARRAY_LEN(c->site); k++)
        c->site[k].page = RV_SITE_NEVER;
}

/* --- page-table entries that were written (cpu/tables.h) --- */

static void drop_page(void *opaque, unsigned n, u64 va, u64 mask)
{
    struct riscv_engine *e = opaque;
    struct rv_ctx *c = &e->ctx[n];
    struct rv_tlb *t = &c->tlb[va >> PAGE_SHIFT & (RV_TLB_SIZE - 1)];
    rv_tlb_forget(c, t, !((t->rtag ^ va) & mask & ~PAGE_MASK), !((t->wtag ^ va) & mask & ~PAGE_MASK));
    struct rv_fetch *f = &c->fetch[va >> PAGE_SHIFT & (RV_FETCH_SIZE - 1)];
    if (!((f->vpage ^ va) & mask))
        f->gen = 0;
    if (*rv_executed(c, va) == c->gen) {
        c->gen++;
        e->leave = true;
    }
}

static void drop_range(void *opaque, unsigned ctx, u64 va, u64 bytes, u64 mask)
{
    struct riscv_engine *e = opaque;
    struct rv_ctx *c = &e->ctx[ctx];
    unsigned n = c->n_used > RV_USED_MAX ? RV_TLB_SIZE : c->n_used;
    for (unsigned k = 0; k < n; k++) {
        struct rv_tlb *t = &c->tlb[n == RV_TLB_SIZE ? k : c->used[k]];
        rv_tlb_forget(c, t, ((t->rtag - va) & mask) < bytes, ((t->wtag - va) & mask) < bytes);
    }
    c->gen++;
    e->leave = true;
}

static void dropped(void *opaque)
{
    struct riscv_engine *e = opaque;
    e->table_drops++;
    e->want = NULL;
    e->count.tlb_drops++;
}

static void listen(void *opaque, struct ram *ram)
{
    cpu_pages_listen(&((struct riscv_engine *)opaque)->pages, ram);
}

static void flush(void *opaque)
{
    rv_tlb_flush(((struct riscv_engine *)opaque)->hart);
}

static bool kept(struct hart *h, struct rv_ctx *ctx, u64 va, const struct riscv_xlat *x)
{
    struct riscv_engine *e = h->engine;
    return cpu_tables_mark(e->tables, (unsigned)(ctx - e->ctx), va, x->pte, x->n_ptes, x->pte_bytes, x->width);
}

void rv_tlb_init(struct riscv_engine *e)
{
    const struct cpu_tables_user user = { drop_page, drop_range, dropped, listen, flush, e };
    e->tables = cpu_tables_new(e->arena, &user);
    for (unsigned k = 0; k < RV_CTX_COUNT; k++) {
        e->ctx[k].n_used = RV_USED_MAX + 1;
        e->ctx[k].gen = 1;
        e->ctx[k].tlb[0].pa = RV_TLB_SITED; /* so that the sites begin empty */
        flush_data(&e->ctx[k]);
    }
    e->set = &e->ctx[CTX_SETS];
    e->shared.set = e->set;
}

void rv_jumps_flush(struct riscv_engine *e)
{
    for (unsigned k = 0; k < RV_CTX_COUNT; k++)
        if (k < CTX_SETS || (k - CTX_SETS) % SET_COUNT != SET_ROOT)
            e->ctx[k].gen++;
}

static void flush_all(struct riscv_engine *e)
{
    for (unsigned k = 0; k < RV_CTX_COUNT; k++) {
        flush_data(&e->ctx[k]);
        e->ctx[k].gen++;
    }
    cpu_tables_clear(e->tables);
    e->table_drops++;
    e->count.tlb_flushes++;
    e->leave = true;
}

void rv_tlb_flush(struct hart *h)
{
    flush_all(h->engine);
}

/* The contexts of the address space that satp names: those it had before if they are still kept. Translations do not
 * go stale (tables.c), so which ASID it has and what the guest fenced meanwhile does not matter. */
static u64 root_of(const struct riscv_engine *e, u64 satp)
{
    return e->hart->config.xlen == 32 ? satp & 0x803fffff : satp & ~((u64)0xffff << 44);
}

RV_COLD static void change_space(struct riscv_engine *e, u64 satp)
{
    u64 root = root_of(e, satp);
    unsigned k = 0;
    for (unsigned j = 0; j < RV_SETS; j++) {
        if (e->space[j].used && e->space[j].root == root) {
            k = j;
            break;
        }
        if (e->space[j].used < e->space[k].used)
            k = j;
    }
    e->satp = satp;
    e->set = &e->ctx[CTX_SETS + k * SET_COUNT];
    if (!e->space[k].used || e->space[k].root != root) {
        for (unsigned j = 0; j < SET_COUNT; j++) {
            flush_data(&e->set[j]);
            e->set[j].gen++;
        }
        e->space[k].root = root;
        e->count.spaces++;
    }
    e->space[k].used = ++e->satp_changes;
}

static u64 mode_of(const struct riscv_engine *e, u64 satp)
{
    return satp & (e->hart->config.xlen == 32 ? (u64)1 << 31 : (u64)15 << 60);
}

/* The root table that satp names, as a walk finds it; NULL: it cannot be read. */
static struct ram *root_table(const struct hart *h, u64 *at)
{
    u64 pa = (h->satp & (h->config.xlen == 32 ? 0x3fffff : ((u64)1 << 44) - 1)) << PAGE_SHIFT;
    struct region *r = space_find(h->cpu.mem, pa);
    bool whole;
    if (!r || !r->ram || !r->read_direct || r->size - (pa - r->base) < PAGE_SIZE ||
        !riscv_pmp_allows(h, pa, PAGE_SIZE, CPU_READ, PRIV_S, &whole))
        return NULL;
    *at = r->ram_offset + (pa - r->base);
    return r->ram;
}

/* Does the root table lead where CTX_S came from, as far as anything was used of it? From then on that is watched. */
static bool same_roots(struct riscv_engine *e)
{
    u64 at, mode = mode_of(e, e->satp);
    if (!mode || mode != e->shared.mode || e->shared.n > RV_ROOTS_MAX)
        return false;
    struct riscv_xlat x = { .n_ptes = 1, .pte_bytes = e->shared.pte_bytes, .width = e->shared.width };
    x.pte[0].ram = root_table(e->hart, &at);
    x.pte[0].shift = e->shared.shift;
    if (!x.pte[0].ram)
        return false;
    for (unsigned k = 0; k < e->shared.n; k++) {
        u64 unit = e->shared.root[k].unit;
        x.pte[0].at = at + unit * x.pte_bytes;
        if (load_le(x.pte[0].ram->host + x.pte[0].at, x.pte_bytes) != e->shared.root[k].value ||
            !kept(e->hart, &e->set[SET_ROOT], unit << x.pte[0].shift, &x))
            return false;
    }
    return true;
}

/* CTX_S comes to the address space of satp, or something was written to this one's root table. */
RV_COLD static void share(struct riscv_engine *e)
{
    u64 flushes = e->count.tlb_flushes;
    if (same_roots(e) && flushes == e->count.tlb_flushes) {
        e->count.shared++;
    } else {
        flush_data(&e->ctx[CTX_S]);
        e->ctx[CTX_S].gen++;
        e->shared.n = 0;
    }
    e->shared.set = e->set;
    e->shared.mode = mode_of(e, e->satp);
    e->shared.gen = e->set[SET_ROOT].gen;
}

static void used_root(struct riscv_engine *e, const struct riscv_xlat *x)
{
    u64 unit = (x->pte[0].at & PAGE_MASK) / x->pte_bytes;
    for (unsigned k = 0; k < e->shared.n && k < RV_ROOTS_MAX; k++)
        if (e->shared.root[k].unit == unit)
            return;
    e->shared.pte_bytes = x->pte_bytes;
    e->shared.width = x->width;
    e->shared.shift = x->pte[0].shift;
    if (e->shared.n >= RV_ROOTS_MAX || x->n_ptes == 1) { /* that of a page itself has bits that walks change */
        e->shared.n = RV_ROOTS_MAX + 1;
        return;
    }
    e->shared.root[e->shared.n].unit = unit;
    e->shared.root[e->shared.n++].value = load_le(x->pte[0].ram->host + x->pte[0].at, x->pte_bytes);
}

/* Of a walk that something is kept of: kept(), but what CTX_S took from the root table concerns it only while
 * it is for that address space. */
static bool mark(struct hart *h, struct rv_ctx *ctx, u64 va, const struct riscv_xlat *x)
{
    struct riscv_engine *e = h->engine;
    if (ctx != &e->ctx[CTX_S] || !x->n_ptes)
        return kept(h, ctx, va, x);
    struct riscv_xlat root = *x, rest = *x;
    root.n_ptes = 1;
    rest.n_ptes--;
    for (unsigned k = 0; k < rest.n_ptes; k++) {
        rest.pte[k] = x->pte[k + 1];
        if (rest.pte[k].ram == x->pte[0].ram && (rest.pte[k].at ^ x->pte[0].at) >> PAGE_SHIFT == 0)
            return false;
    }
    u64 flushes;
    do {
        flushes = e->count.tlb_flushes;
        if (!kept(h, ctx, va, &rest) || !kept(h, &e->set[SET_ROOT], va, &root))
            return false;
    } while (flushes != e->count.tlb_flushes);
    used_root(e, x);
    return true;
}

/* The context of the hart's state. Combinations that are rare share one, emptied when it changes hands. */
struct rv_ctx *rv_context(struct hart *h)
{
    struct riscv_engine *e = h->engine;
    if (UNLIKELY(e->obs))
        return &e->ctx[CTX_OBSERVED];
    unsigned data = riscv_data_priv(h);
    bool mxr = h->mstatus & MSTATUS_MXR, sum = h->mstatus & MSTATUS_SUM;
    if (data == h->priv) {
        if (data == PRIV_M)
            return &e->ctx[CTX_M];
        if (!mxr) {
            if (UNLIKELY(h->satp != e->satp || !e->satp_changes))
                change_space(e, h->satp);
            if (data == PRIV_U || sum)
                return &e->set[data == PRIV_U ? SET_U : SET_S_SUM];
            if (UNLIKELY(e->shared.set != e->set || e->shared.gen != e->set[SET_ROOT].gen))
                share(e);
            return &e->ctx[CTX_S];
        }
    }
    u64 key = 1u | (u32)h->priv << 1 | data << 3 | (u32)mxr << 5 | (u32)sum << 6;
    struct rv_ctx *c = &e->ctx[CTX_OTHER];
    if (c->key != key || c->satp != h->satp) {
        flush_data(c);
        c->gen++;
        c->key = key;
        c->satp = h->satp;
    }
    return c;
}

/* Forgets pointers for stores (and, when a window changes its meaning, all pointers) into a page. */
void rv_tlb_drop_stores(struct riscv_engine *e, struct ram *ram, u64 page)
{
    if (page == RAM_ALL_PAGES) {
        flush_all(e);
        return;
    }
    u64 host = (u64)(uintptr_t)ram->host + (page << PAGE_SHIFT);
    unsigned at = written_at(host);
    for (unsigned k = 0; k < RV_CTX_COUNT; k++)
        for (unsigned n = 0; n < 2; n++) {
            struct rv_ctx *c = &e->ctx[k];
            if (stores_to(c, c->written[at][n]) == host)
                rv_tlb_forget(c, &c->tlb[c->written[at][n] - 1], false, true);
        }
}

static void fill(struct hart *h, struct rv_ctx *ctx, u64 va, u64 pa, u8 *host, bool write)
{
    struct riscv_engine *e = h->engine;
    u64 vpage = va & ~PAGE_MASK;
    bool watched = cpu_watched(&h->cpu, vpage, pa & ~PAGE_MASK, PAGE_SIZE, write ? CPU_WRITE : CPU_READ);
    if (UNLIKELY(e->obs) || (watched && !write))
        return;
    unsigned k = va >> PAGE_SHIFT & (RV_TLB_SIZE - 1);
    struct rv_tlb *t = &ctx->tlb[k];
    u64 addend = (u64)(uintptr_t)host - va;
    if (t->rtag == RV_TLB_NEVER && t->wtag == RV_TLB_NEVER) {
        if (ctx->n_used < RV_USED_MAX)
            ctx->used[ctx->n_used++] = (u16)k;
        else
            ctx->n_used = RV_USED_MAX + 1;
    }
    if (t->addend != addend || (t->rtag != vpage && rv_tlb_stores(t) != vpage))
        rv_tlb_forget(ctx, t, true, true);
    t->addend = addend;
    t->pa = (pa & ~PAGE_MASK) | (t->pa & RV_TLB_SITED);
    if (write) {
        note_written(ctx, vpage + addend, k);
        t->wtag = vpage | (watched ? RV_TLB_WATCHED : 0);
    } else {
        t->rtag = vpage;
    }
    e->count.tlb_fills++;
}

/* --- where an address leads --------------------------------------------------------------------------------- */

struct where {
    u64 pa;
    u8 *host;        /* NULL: a device, or nothing */
    struct ram *ram; /* NULL: through the TLB, nobody needs to be told */
    u64 at;          /* in ram */
    u64 table_drops; /* engine's, at the walk: has a table it went through been written since? */
    bool cacheable;
};

static bool fault(struct hart *h, unsigned cause, u64 va)
{
    h->engine->cause = (u8)cause;
    h->engine->tval = va;
    return false;
}

/* Of an access that does not cross a page. Loads enter the TLB here, stores after they are done. */
static bool locate(struct hart *h, struct rv_ctx *ctx, u64 va, unsigned size, unsigned access, struct where *w)
{
    struct rv_tlb *t = &ctx->tlb[va >> PAGE_SHIFT & (RV_TLB_SIZE - 1)];
    u64 vpage = va & ~PAGE_MASK;
    if ((access == CPU_WRITE ? rv_tlb_stores(t) : t->rtag) == vpage) {
        *w = (struct where){ .pa = rv_tlb_pa(t, va), .host = (u8 *)(uintptr_t)(va + t->addend) };
        return true;
    }
    struct riscv_xlat x;
    riscv_translate(h, va, size, (enum cpu_access)access, riscv_data_priv(h), &x);
    if (x.cause != CAUSE_NONE)
        return fault(h, x.cause, va);
    *w = (struct where){ .pa = x.pa, .cacheable = x.cacheable && !h->engine->obs };
    struct region *r = space_find(h->cpu.mem, x.pa);
    if (!r || !r->ram || !(access == CPU_WRITE ? r->write_direct : r->read_direct) || r->size - (x.pa - r->base) < size)
        return true;
    w->ram = r->ram;
    w->at = r->ram_offset + (x.pa - r->base);
    w->host = r->ram->host + w->at;
    /* Pointers are to whole pages. */
    if ((w->at ^ x.pa) & PAGE_MASK)
        w->cacheable = false;
    w->cacheable = w->cacheable && mark(h, ctx, va, &x);
    w->table_drops = h->engine->table_drops;
    if (w->cacheable && access == CPU_READ) {
        cpu_pages_listen(&h->engine->pages, r->ram);
        fill(h, ctx, va, x.pa, w->host, false);
    }
    return true;
}

static void stored(struct hart *h, struct rv_ctx *ctx, u64 va, unsigned size, const struct where *w)
{
    if (!w->ram)
        return;
    cpu_pages_listen(&h->engine->pages, w->ram);
    ram_written(w->ram, w->at, size);
    if (w->cacheable && w->table_drops == h->engine->table_drops && ram_store_fast(w->ram, w->at >> PAGE_SHIFT))
        fill(h, ctx, va, w->pa, w->host, true);
}

static void seen(struct hart *h, u64 va, u64 pa, unsigned size, unsigned access, u64 old, u64 value)
{
    struct cpu_retire *o = h->engine->obs;
    if (UNLIKELY(o) && o->n_mem < ARRAY_LEN(o->mem)) {
        o->mem[o->n_mem].addr = va;
        o->mem[o->n_mem].paddr = pa;
        o->mem[o->n_mem].value = value;
        o->mem[o->n_mem].size = (u8)size;
        o->mem[o->n_mem++].access = (u8)access;
    }
    if (UNLIKELY(cpu_watched(&h->cpu, va, pa, size, access))) {
        h->cpu.hit = (struct cpu_hit){ .addr = va, .paddr = pa, .size = (u8)size, .access = (u8)access, .old_value = old,
                                       .value = value };
        h->engine->watch_hit = true;
    }
}

/* --- loads and stores ----------------------------------------------------------------------------------------- */

/* Bytes up to the page's end; size when it is not crossed. */
static unsigned first_part(u64 va, unsigned size)
{
    u64 room = PAGE_SIZE - (va & PAGE_MASK);
    return room < size ? (unsigned)room : size;
}

bool rv_load(RV_ARGS, u64 va, unsigned size)
{
    u64 *value = &h->engine->value;
    struct where w, w2 = { 0 };
    unsigned first = first_part(va, size);
    u64 va2 = rv_addr(h, va + first);
    if (!locate(h, ctx, va, first, CPU_READ, &w) || (first < size && !locate(h, ctx, va2, size - first, CPU_READ, &w2)))
        return false;
    if (LIKELY(w.host && (first == size || w2.host))) {
        *value = load_le(w.host, first);
        if (first < size)
            *value |= load_le(w2.host, size - first) << (8 * first);
    } else if (va & (size - 1)) {
        return fault(h, CAUSE_LOAD_MISALIGNED, va); /* only RAM takes these */
    } else {
        rv_sync(h, i, budget);
        if (space_read(h->cpu.mem, w.pa, size, value) != MEM_OK)
            return fault(h, CAUSE_LOAD_ACCESS, va);
    }
    seen(h, va, w.pa, size, CPU_READ, 0, *value);
    return true;
}

/* In a page with a watchpoint: others may store there all the time. */
static bool store_watched(struct hart *h, struct rv_ctx *ctx, u64 va, unsigned size, u64 value)
{
    const struct rv_tlb *t = &ctx->tlb[va >> PAGE_SHIFT & (RV_TLB_SIZE - 1)];
    if (t->wtag != (((va + (size - 1)) & ~PAGE_MASK) | RV_TLB_WATCHED))
        return false;
    u8 *host = (u8 *)(uintptr_t)(va + t->addend);
    u64 old;
#define SIZE(n) case n: old = load_le(host, n); store_le(host, n, value); break
    switch (size) { /* constants: single accesses */
    SIZE(8);
    SIZE(4);
    SIZE(2);
    SIZE(1);
    default: return false;
    }
#undef SIZE
    seen(h, va, rv_tlb_pa(t, va), size, CPU_WRITE, old, value);
    return true;
}

bool rv_store(RV_ARGS, u64 va, unsigned size, u64 value)
{
    if (store_watched(h, ctx, va, size, value & size_mask(size)))
        return true;
    struct where w, w2 = { 0 };
    unsigned first = first_part(va, size);
    u64 va2 = rv_addr(h, va + first), old = 0;
    if (!locate(h, ctx, va, first, CPU_WRITE, &w) ||
        (first < size && !locate(h, ctx, va2, size - first, CPU_WRITE, &w2)))
        return false;
    value &= size_mask(size);
    if (LIKELY(w.host && (first == size || w2.host))) {
        old = load_le(w.host, first);
        store_le(w.host, first, value);
        if (first < size) {
            old |= load_le(w2.host, size - first) << (8 * first);
            store_le(w2.host, size - first, value >> (8 * first));
            stored(h, ctx, va2, size - first, &w2);
        }
        stored(h, ctx, va, first, &w);
    } else if (va & (size - 1)) {
        return fault(h, CAUSE_STORE_MISALIGNED, va);
    } else {
        rv_sync(h, i, budget);
        if (space_write(h->cpu.mem, w.pa, size, value) != MEM_OK)
            return fault(h, CAUSE_STORE_ACCESS, va);
    }
    seen(h, va, w.pa, size, CPU_WRITE, old, value);
    return true;
}

/* Aligned and to RAM, or the exceptions of volume I, 14.4. */
static bool locate_atomic(struct hart *h, struct rv_ctx *ctx, u64 va, unsigned size, unsigned access, struct where *w)
{
    bool load = access == CPU_READ;
    if (va & (size - 1))
        return fault(h, load ? CAUSE_LOAD_MISALIGNED : CAUSE_STORE_MISALIGNED, va);
    if (!locate(h, ctx, va, size, access, w))
        return false;
    return w->host || fault(h, load ? CAUSE_LOAD_ACCESS : CAUSE_STORE_ACCESS, va);
}

bool rv_amo_load(RV_ARGS, u64 va, unsigned size)
{
    struct riscv_engine *e = h->engine;
    struct where w;
    if (!locate_atomic(h, ctx, va, size, CPU_WRITE, &w))
        return false;
    e->value = load_le(w.host, size);
    seen(h, va, w.pa, size, CPU_READ, 0, e->value);
    e->amo.host = w.host;
    e->amo.ram = w.ram;
    e->amo.at = w.at;
    e->amo.va = va;
    e->amo.pa = w.pa;
    e->amo.cacheable = w.cacheable;
    e->amo.table_drops = w.table_drops;
    e->amo.ctx = ctx;
    return true;
}

void rv_amo_store(struct hart *h, unsigned size, u64 value)
{
    struct riscv_engine *e = h->engine;
    struct where w = { .pa = e->amo.pa, .host = e->amo.host, .ram = e->amo.ram, .at = e->amo.at,
                       .table_drops = e->amo.table_drops, .cacheable = e->amo.cacheable };
    u64 old = load_le(w.host, size);
    value &= size_mask(size);
    store_le(w.host, size, value);
    stored(h, e->amo.ctx, e->amo.va, size, &w);
    seen(h, e->amo.va, w.pa, size, CPU_WRITE, old, value);
}

bool rv_lr(RV_ARGS, u64 va, unsigned size)
{
    u64 *value = &h->engine->value;
    struct where w;
    if (!locate_atomic(h, ctx, va, size, CPU_READ, &w))
        return false;
    *value = load_le(w.host, size);
    h->lr_valid = true;
    h->lr_addr = w.pa;
    seen(h, va, w.pa, size, CPU_READ, 0, *value);
    return true;
}

bool rv_sc(RV_ARGS, u64 va, unsigned size, u64 value)
{
    struct where w;
    if (!locate_atomic(h, ctx, va, size, CPU_WRITE, &w))
        return false;
    bool done = h->lr_valid && h->lr_addr == w.pa;
    h->lr_valid = false;
    h->engine->value = !done;
    if (done) {
        u64 old = load_le(w.host, size);
        value &= size_mask(size);
        store_le(w.host, size, value);
        stored(h, ctx, va, size, &w);
        seen(h, va, w.pa, size, CPU_WRITE, old, value);
    }
    return true;
}

/* Volume I, 19.3: management instructions need read or write permission, zeroing needs write permission; faults are
 * those of stores. */
bool rv_cbo(RV_ARGS, u64 va, bool zero)
{
    struct where w;
    u64 block = va & ~(u64)(RISCV_CBO_BLOCK - 1);
    if (!zero) {
        if (locate(h, ctx, va, 1, CPU_READ, &w))
            return true;
        unsigned cause = h->engine->cause;
        return fault(h, cause == CAUSE_LOAD_PAGE ? CAUSE_STORE_PAGE : CAUSE_STORE_ACCESS, va);
    }
    if (!locate(h, ctx, block, RISCV_CBO_BLOCK, CPU_WRITE, &w)) {
        h->engine->tval = va;
        return false;
    }
    if (!w.host)
        return fault(h, CAUSE_STORE_ACCESS, va);
    u64 old = load_le(w.host, 8);
    memset(w.host, 0, RISCV_CBO_BLOCK);
    stored(h, ctx, block, RISCV_CBO_BLOCK, &w);
    seen(h, block, w.pa, RISCV_CBO_BLOCK, CPU_WRITE, old, 0);
    return true;
}

/* --- fetching ------------------------------------------------------------------------------------------------- */

static struct region *fetch_region(struct hart *h, u64 pa, unsigned size)
{
    struct region *r = space_find(h->cpu.mem, pa);
    return r && r->ram && r->read_direct && r->size - (pa - r->base) >= size ? r : NULL;
}

bool rv_fetch_page(struct hart *h, struct rv_ctx *ctx, u64 pc, struct cpu_page **page)
{
    struct rv_fetch *f = &ctx->fetch[pc >> PAGE_SHIFT & (RV_FETCH_SIZE - 1)];
    u64 vpage = pc & ~PAGE_MASK;
    if (f->vpage == vpage && f->gen == ctx->gen) {
        *page = f->page;
        return true;
    }
    struct riscv_xlat x;
    riscv_translate(h, pc, 2, CPU_EXEC, h->priv, &x);
    if (x.cause != CAUSE_NONE)
        return fault(h, x.cause, pc);
    struct region *r = fetch_region(h, x.pa, 2);
    if (!r)
        return fault(h, CAUSE_FETCH_ACCESS, pc);
    u64 at = r->ram_offset + (x.pa - r->base);
    *page = NULL;
    if (!x.cacheable || ((at ^ x.pa) & PAGE_MASK) || !mark(h, ctx, pc, &x))
        return true;
    cpu_pages_listen(&h->engine->pages, r->ram);
    *page = cpu_pages_get(&h->engine->pages, r->ram, at >> PAGE_SHIFT);
    if (*page)
        *f = (struct rv_fetch){ vpage, ctx->gen, *page };
    return true;
}

bool rv_fetch_bits(struct hart *h, u64 pc, u32 *bits)
{
    *bits = 0;
    for (unsigned k = 0; k < 4; k += 2) {
        struct riscv_xlat x;
        u64 va = rv_addr(h, pc + k);
        riscv_translate(h, va, 2, CPU_EXEC, h->priv, &x);
        if (x.cause != CAUSE_NONE)
            return fault(h, x.cause, va);
        struct region *r = fetch_region(h, x.pa, 2);
        if (!r)
            return fault(h, CAUSE_FETCH_ACCESS, va);
        *bits |= (u32)load_le(r->ram->host + r->ram_offset + (x.pa - r->base), 2) << (8 * k);
        if (!k && rv_insn_length(*bits) == 2)
            break;
    }
    return true;
}
