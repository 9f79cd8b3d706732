/* The software TLB: contexts, what fills and empties them, and fetching. Accesses are in mem.c. */
#include <stdlib.h>
#include <string.h>

#include "cpu/x86/access.h"

/* --- entries ---------------------------------------------------------------------------------------------------- */

static unsigned written_at(u64 host)
{
    u64 page = host >> PAGE_SHIFT;
    return (unsigned)(page ^ page >> X86_WRITTEN_BITS) & ((1u << X86_WRITTEN_BITS) - 1);
}

/* Entry k leads to the host page for stores. An entry that was counted and has been replaced since stays counted. */
static void count_written(struct x86_ctx *ctx, u64 host, unsigned k)
{
    unsigned at = written_at(host);
    if (ctx->written[at].n && ctx->written[at].entry == k)
        return;
    ctx->written[at].n++;
    ctx->written[at].entry = (u16)k;
}

static void flush_data(struct x86_ctx *ctx)
{
    bool all = ctx->n_used > X86_USED_MAX;
    memset(ctx->written, 0, sizeof ctx->written);
    for (unsigned k = 0; k < (all ? X86_TLB_SIZE : ctx->n_used); k++) {
        struct x86_tlb *t = &ctx->tlb[all ? k : ctx->used[k]];
        t->rtag = t->wtag = X86_TLB_NEVER;
    }
    ctx->n_used = 0;
}

/* Jump and fetch entries of the context are void. */
static void next_gen(struct x86_ctx *ctx) { ctx->gen += X86_KEYS; }

void x86_jumps_flush(struct x86_engine *e)
{
    for (unsigned k = 0; k < X86_CTX_COUNT; k++)
        next_gen(&e->ctx[k]);
}

void x86_tlb_flush(struct x86 *c)
{
    struct x86_engine *e = c->engine;
    for (unsigned k = 0; k < X86_CTX_COUNT; k++) {
        flush_data(&e->ctx[k]);
        next_gen(&e->ctx[k]);
    }
    cpu_tables_clear(e->tables);
    e->table_drops++;
    e->count.tlb_flushes++;
    e->leave = true;
}

static void forget(struct x86_tlb *t, bool loads, bool stores)
{
    if (loads)
        t->rtag = X86_TLB_NEVER;
    if (stores)
        t->wtag = X86_TLB_NEVER;
}

/* Forgets pointers for stores (and, when a window changes its meaning, all pointers) into a page. */
void x86_drop_stores(struct x86_engine *e, struct ram *ram, u64 page)
{
    if (page == RAM_ALL_PAGES) {
        x86_tlb_flush(e->c);
        return;
    }
    u64 host = (u64)(uintptr_t)ram->host + (page << PAGE_SHIFT);
    for (unsigned k = 0; k < X86_CTX_COUNT; k++) {
        struct x86_ctx *ctx = &e->ctx[k];
        unsigned at = written_at(host), counted = ctx->written[at].n;
        if (!counted)
            continue;
        if (counted == 1) {
            struct x86_tlb *t = &ctx->tlb[ctx->written[at].entry];
            if (t->wtag != X86_TLB_NEVER && x86_tlb_stores(t) + t->addend == host) {
                forget(t, false, true);
                ctx->written[at].n = 0;
            }
            continue;
        }
        memset(ctx->written, 0, sizeof ctx->written);
        unsigned n = ctx->n_used > X86_USED_MAX ? X86_TLB_SIZE : ctx->n_used;
        for (unsigned j = 0; j < n; j++) {
            unsigned entry = ctx->n_used > X86_USED_MAX ? j : ctx->used[j];
            struct x86_tlb *t = &ctx->tlb[entry];
            if (t->wtag == X86_TLB_NEVER)
                continue;
            u64 leads = x86_tlb_stores(t) + t->addend;
            if (leads == host)
                forget(t, false, true);
            else
                count_written(ctx, leads, entry);
        }
    }
}

void x86_tlb_fill(struct x86 *c, struct x86_ctx *ctx, u64 linear, u64 pa, u8 *host, bool write)
{
    struct x86_engine *e = c->engine;
    u64 vpage = linear & ~PAGE_MASK;
    bool watched = cpu_watched(&c->cpu, vpage, pa & ~PAGE_MASK, PAGE_SIZE, write ? CPU_WRITE : CPU_READ);
    if (UNLIKELY(ctx == &e->ctx[X86_CTX_OBSERVED]) || (watched && !write))
        return;
    unsigned k = linear >> PAGE_SHIFT & (X86_TLB_SIZE - 1);
    struct x86_tlb *t = &ctx->tlb[k];
    u64 addend = (u64)(uintptr_t)host - linear;
    if (t->rtag == X86_TLB_NEVER && t->wtag == X86_TLB_NEVER) {
        if (ctx->n_used < X86_USED_MAX)
            ctx->used[ctx->n_used++] = (u16)k;
        else
            ctx->n_used = X86_USED_MAX + 1;
    }
    if (t->addend != addend || (t->rtag != vpage && x86_tlb_stores(t) != vpage))
        forget(t, true, true);
    t->addend = addend;
    t->pa = pa & ~PAGE_MASK;
    if (write) {
        count_written(ctx, vpage + addend, k);
        t->wtag = vpage | (watched ? X86_TLB_WATCHED : 0);
    } else {
        t->rtag = vpage;
    }
    e->count.tlb_fills++;
}

/* --- page-table entries that were written (cpu/tables.h) --------------------------------------------------------- */

static void drop_page(void *opaque, unsigned n, u64 linear, u64 mask)
{
    struct x86_engine *e = opaque;
    struct x86_ctx *ctx = &e->ctx[n];
    struct x86_tlb *t = &ctx->tlb[linear >> PAGE_SHIFT & (X86_TLB_SIZE - 1)];
    forget(t, !((t->rtag ^ linear) & mask & ~PAGE_MASK), !((t->wtag ^ linear) & mask & ~PAGE_MASK));
    struct x86_fetch *f = &ctx->fetch[linear >> PAGE_SHIFT & (X86_FETCH_SIZE - 1)];
    if (!((f->vpage ^ linear) & mask))
        f->gen = 0;
    if (*x86_executed(ctx, linear) == ctx->gen >> 8) {
        next_gen(ctx);
        e->leave = true;
    }
}

static void drop_range(void *opaque, unsigned n, u64 linear, u64 bytes, u64 mask)
{
    struct x86_engine *e = opaque;
    struct x86_ctx *ctx = &e->ctx[n];
    bool all = ctx->n_used > X86_USED_MAX;
    for (unsigned k = 0; k < (all ? X86_TLB_SIZE : ctx->n_used); k++) {
        struct x86_tlb *t = &ctx->tlb[all ? k : ctx->used[k]];
        forget(t, ((t->rtag - linear) & mask) < bytes, ((t->wtag - linear) & mask) < bytes);
    }
    next_gen(ctx);
    e->leave = true;
}

static void dropped(void *opaque)
{
    struct x86_engine *e = opaque;
    e->table_drops++;
    e->want = NULL;
    e->count.tlb_drops++;
}

static void listen(void *opaque, struct ram *ram) { cpu_pages_listen(&((struct x86_engine *)opaque)->pages, ram); }
static void flush(void *opaque) { x86_tlb_flush(((struct x86_engine *)opaque)->c); }

bool x86_kept(struct x86 *c, struct x86_ctx *ctx, u64 linear, const struct x86_xlat *x)
{
    struct x86_engine *e = c->engine;
    return ctx != &e->ctx[X86_CTX_OBSERVED] &&
           (!x->n_ptes || cpu_tables_mark(e->tables, (unsigned)(ctx - e->ctx), linear, x->pte, x->n_ptes, x->pte_bytes, x->width));
}

/* --- contexts --------------------------------------------------------------------------------------------------- */

void x86_tlb_init(struct x86_engine *e)
{
    const struct cpu_tables_user user = { drop_page, drop_range, dropped, listen, flush, e };
    e->tables = cpu_tables_new(e->arena, &user);
    for (unsigned k = 0; k < X86_CTX_COUNT; k++) {
        e->ctx[k].n_used = X86_USED_MAX + 1;
        e->ctx[k].gen = ((u64)k << 48) + X86_KEYS; /* no two contexts ever have the same */
        e->ctx[k].ea_mask = 0xffffffff;
        flush_data(&e->ctx[k]);
    }
    e->set = &e->ctx[X86_CTX_SETS];
    e->new_space = true;
}

/* What all translations depend on, but for the address space. */
static void rights_now(const struct x86 *c, struct x86_rights *r)
{
    memset(r, 0, sizeof *r);
    r->cr0 = c->cr0 & (CR0_PG | CR0_WP);
    r->cr4 = c->cr4 & (CR4_PSE | CR4_PAE | CR4_LA57 | CR4_SMEP | CR4_SMAP | CR4_PKE);
    r->efer = c->efer & (EFER_LMA | EFER_NXE);
    r->apic_base = c->board.apic.base ? c->board.apic.base(c->board.apic.opaque) : 0;
    r->smbase = c->smm ? 1 : 0;
    r->pkru = c->cr4 & CR4_PKE ? c->pkru : 0;
    r->a20 = c->a20;
    r->smm = c->smm;
}

/* Translations do not go stale (cpu/tables.c), so which address space was fenced or reloaded meanwhile does not matter. */
X86_COLD static void change_space(struct x86 *c)
{
    struct x86_engine *e = c->engine;
    struct x86_rights now;
    rights_now(c, &now);
    if (memcmp(&now, &e->rights, sizeof now)) {
        e->rights = now;
        x86_tlb_flush(c);
        for (unsigned j = 0; j < X86_SPACES; j++)
            e->space[j].used = 0;
    }
    struct x86_space_key key = { .root = ~(u64)0 }; /* no paging */
    if (c->cr0 & CR0_PG) {
        bool pae = (c->cr4 & CR4_PAE) && !(c->efer & EFER_LMA);
        key.root = c->cr3 & ~(pae ? (u64)0x1f : PAGE_MASK);
        if (pae)
            memcpy(key.pdpte, c->pdpte, sizeof key.pdpte);
    }
    unsigned k = 0;
    for (unsigned j = 0; j < X86_SPACES; j++) {
        if (e->space[j].used && !memcmp(&e->space[j].key, &key, sizeof key)) {
            k = j;
            break;
        }
        if (e->space[j].used < e->space[k].used)
            k = j;
    }
    e->set = &e->ctx[X86_CTX_SETS + k * X86_SET_COUNT];
    if (!e->space[k].used || memcmp(&e->space[k].key, &key, sizeof key)) {
        for (unsigned j = 0; j < X86_SET_COUNT; j++) {
            flush_data(&e->set[j]);
            next_gen(&e->set[j]);
            bool wide = (c->efer & EFER_LMA) && j != X86_SET_U32;
            e->set[j].ea_mask = wide ? ~(u64)0 : 0xffffffff;
        }
        e->space[k].key = key;
        e->count.spaces++;
    }
    e->space[k].used = ++e->space_changes;
    e->space_cr3 = c->cr3;
    e->new_space = false;
}

void x86_flush_translations(struct x86 *c)
{
    c->engine->new_space = true;
    c->engine->leave = true;
}

/* #AC is to be raised at CPL 3 (SDM 3, 6.15). */
static bool alignment_checked(const struct x86 *c)
{
    return c->cpl == 3 && (c->cr0 & CR0_AM) && (c->rflags & X86_AC);
}

struct x86_ctx *x86_context_for(struct x86 *c, bool system)
{
    struct x86_engine *e = c->engine;
    if (UNLIKELY(e->new_space || c->cr3 != e->space_cr3))
        change_space(c);
    bool user = c->cpl == 3 && !system;
    if (UNLIKELY(e->obs || (c->dr[7] & 0xff) || alignment_checked(c))) {
        e->ctx[X86_CTX_OBSERVED].ea_mask = c->code_bits == 64 ? ~(u64)0 : 0xffffffff;
        return &e->ctx[X86_CTX_OBSERVED];
    }
    if (user)
        return &e->set[c->code_bits == 64 || !(c->efer & EFER_LMA) ? X86_SET_U : X86_SET_U32];
    bool ac = !system && (c->cr4 & CR4_SMAP) && (c->rflags & X86_AC);
    if (UNLIKELY((c->efer & EFER_LMA) && c->code_bits != 64 && !system)) { /* compatibility mode below CPL 3 */
        struct x86_ctx *ctx = &e->ctx[X86_CTX_OTHER];
        u64 key = (u64)(e->set - e->ctx) << 1 | ac | (u64)1 << 32;
        if (ctx->key != key || e->other_changes != e->space_changes) {
            flush_data(ctx);
            next_gen(ctx);
            ctx->key = key;
            e->other_changes = e->space_changes;
        }
        return ctx;
    }
    return &e->set[ac ? X86_SET_S_AC : X86_SET_S];
}

static bool flat_segment(const struct x86 *c, unsigned n)
{
    const struct x86_fast_seg *f = &c->fast[n];
    return !f->base && f->read_max >= 0xffffffff && f->write_max >= 0xffffffff;
}

/* What blocks are made for. */
u8 x86_mode_key(const struct x86 *c)
{
    if (c->code_bits == 64)
        return X86_KEY_64 | X86_KEY_CS_FLAT | X86_KEY_FLAT | 2 * X86_KEY_STACK;
    u8 key = c->code_bits == 32 ? X86_KEY_32 : 0;
    const struct x86_seg *cs = &c->seg[X86_CS];
    key |= x86_real_or_v86(c) ? X86_KEY_LEGACY : 0;
    key |= c->stack_size == 4 ? X86_KEY_STACK : 0;
    if (c->code_bits == 32 && !cs->base && cs->limit == 0xffffffff) {
        key |= X86_KEY_CS_FLAT;
        if (c->stack_size == 4 && flat_segment(c, X86_DS) && flat_segment(c, X86_ES) && flat_segment(c, X86_SS))
            key |= X86_KEY_FLAT;
    } else {
        key |= X86_KEY_CHECKED;
    }
    return key;
}

/* The context to execute in. */
struct x86_ctx *x86_context(struct x86 *c)
{
    struct x86_ctx *ctx = x86_context_for(c, false);
    u8 key = x86_mode_key(c);
    if (UNLIKELY((u8)ctx->gen != key))
        ctx->gen = (ctx->gen & ~(u64)(X86_KEYS - 1)) | key;
    return ctx;
}

/* --- fetching ----------------------------------------------------------------------------------------------------- */

static bool translate_fetch(struct x86 *c, u64 pc, struct x86_xlat *x)
{
    if (x86_long(c) && (u64)sign_extend(pc, c->cr4 & CR4_LA57 ? 57 : 48) != pc)
        return x86_gp0(c, "the next instruction is at an address that is not canonical");
    x86_translate(c, pc, CPU_EXEC, c->cpl == 3, x);
    if (!x->ok)
        return x86_fault_page(c, pc, x->error, x->why);
    x->pa = x86_a20(c, x->pa);
    return true;
}

/* RAM or ROM that is fetched from at a physical address; *at is within it. NULL: something else, read byte by byte. */
static struct ram *fetch_ram(struct x86 *c, u64 pa, u64 *at)
{
    struct ram *ram = x86_smram_at(c, pa, at);
    if (ram)
        return ram;
    if (x86_apic_page(c, pa))
        return NULL;
    struct region *r = space_find(c->cpu.mem, pa);
    if (!r || !r->ram || !r->read_direct)
        return NULL;
    *at = r->ram_offset + (pa - r->base);
    return r->size - (pa - r->base) >= PAGE_SIZE - (pa & PAGE_MASK) ? r->ram : NULL;
}

bool x86_fetch_page(struct x86 *c, struct x86_ctx *ctx, u64 pc, struct cpu_page **page)
{
    struct x86_fetch *f = &ctx->fetch[pc >> PAGE_SHIFT & (X86_FETCH_SIZE - 1)];
    u64 vpage = pc & ~PAGE_MASK;
    if (f->vpage == vpage && f->gen == ctx->gen) {
        *page = f->page;
        return true;
    }
    struct x86_xlat x;
    *page = NULL;
    if (!translate_fetch(c, pc, &x))
        return false;
    u64 at;
    struct ram *ram = fetch_ram(c, x.pa, &at);
    if (!ram || ((at ^ x.pa) & PAGE_MASK))
        return true;
    bool kept = x86_kept(c, ctx, pc, &x);
    if (!kept && ctx != &c->engine->ctx[X86_CTX_OBSERVED])
        return true;
    cpu_pages_listen(&c->engine->pages, ram);
    *page = cpu_pages_get(&c->engine->pages, ram, at >> PAGE_SHIFT);
    if (*page && kept)
        *f = (struct x86_fetch){ vpage, ctx->gen, *page };
    return true;
}

bool x86_fetch_bytes(struct x86 *c, u64 pc, u8 *out, unsigned n)
{
    struct x86_xlat x = { 0 };
    for (unsigned k = 0; k < n; k++) {
        u64 linear = pc + k, at, value;
        if (c->code_bits != 64)
            linear = (u32)linear;
        if (!k || !(linear & PAGE_MASK)) {
            if (!translate_fetch(c, linear, &x))
                return false;
        } else {
            x.pa++;
        }
        struct ram *ram = fetch_ram(c, x.pa, &at);
        if (ram)
            out[k] = ram->host[at];
        else
            out[k] = x86_apic_page(c, x.pa) || space_read(c->cpu.mem, x.pa, 1, &value) != MEM_OK ? 0xff : (u8)value;
    }
    return true;
}
