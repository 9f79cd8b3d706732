/* Memory and port accesses of ops and of handlers that missed the TLB. */
#include <string.h>

#include "cpu/x86/access.h"

/* --- where an address leads ------------------------------------------------------------------------------------- */

struct where {
    u64 pa;
    u8 *host;        /* NULL: a device, or nothing */
    struct ram *ram; /* NULL: through the TLB, nobody needs to be told */
    u64 at;          /* in ram */
    u64 table_drops; /* engine's, at the walk: has a table it went through been written since? */
    bool cacheable, apic, ignored /* a store to ROM */;
};

/* The RAM or ROM at a physical address; NULL: a device, or nothing. */
static struct ram *ram_at(struct x86 *c, u64 pa, unsigned size, bool write, u64 *at, bool *ignored)
{
    struct ram *ram = x86_smram_at(c, pa, at);
    if (ram)
        return ram;
    struct region *r = space_find(c->cpu.mem, pa);
    if (!r || r->size - (pa - r->base) < size)
        return NULL;
    if (write && !r->write_direct && r->ram && r->read_direct && !r->ops)
        *ignored = true;
    if (!r->ram || !(write ? r->write_direct : r->read_direct))
        return NULL;
    *at = r->ram_offset + (pa - r->base);
    return r->ram;
}

/* Of an access that does not cross a page. Loads enter the TLB here, stores after they are done. */
static bool locate(struct x86 *c, struct x86_ctx *ctx, u64 linear, unsigned size, bool write, bool system, struct where *w)
{
    struct x86_tlb *t = &ctx->tlb[linear >> PAGE_SHIFT & (X86_TLB_SIZE - 1)];
    if ((write ? x86_tlb_stores(t) : t->rtag) == (linear & ~PAGE_MASK)) {
        *w = (struct where){ .pa = t->pa | (linear & PAGE_MASK), .host = (u8 *)(uintptr_t)(linear + t->addend) };
        return true;
    }
    struct x86_xlat x;
    u64 rflags = c->rflags;
    if (system) /* SMAP heeds AC in explicit accesses only (SDM 3, 4.6.1) */
        c->rflags &= ~(u64)X86_AC;
    x86_translate(c, linear, write ? CPU_WRITE : CPU_READ, c->cpl == 3 && !system, &x);
    c->rflags = rflags;
    if (!x.ok)
        return x86_fault_page(c, linear, x.error, x.why);
    *w = (struct where){ .pa = x86_a20(c, x.pa) };
    if (UNLIKELY(x86_apic_page(c, w->pa))) {
        w->apic = true;
        return true;
    }
    w->ram = ram_at(c, w->pa, size, write, &w->at, &w->ignored);
    if (!w->ram)
        return true;
    w->host = w->ram->host + w->at;
    /* Pointers are to whole pages that are the same RAM from beginning to end. */
    u64 first;
    bool whole = !((w->at ^ w->pa) & PAGE_MASK) &&
                 ram_at(c, w->pa & ~PAGE_MASK, PAGE_SIZE, write, &first, &w->ignored) == w->ram && first == (w->at & ~PAGE_MASK);
    w->cacheable = whole && x86_kept(c, ctx, linear, &x);
    w->table_drops = c->engine->table_drops;
    if (w->cacheable && !write) {
        cpu_pages_listen(&c->engine->pages, w->ram);
        x86_tlb_fill(c, ctx, linear, w->pa, w->host, false);
    }
    return true;
}

static void stored(struct x86 *c, struct x86_ctx *ctx, u64 linear, unsigned size, const struct where *w)
{
    if (!w->ram)
        return;
    cpu_pages_listen(&c->engine->pages, w->ram);
    ram_written(w->ram, w->at, size);
    if (w->cacheable && w->table_drops == c->engine->table_drops && ram_store_fast(w->ram, w->at >> PAGE_SHIFT))
        x86_tlb_fill(c, ctx, linear, w->pa, w->host, true);
}

X86_COLD static void seen_too(struct x86 *c, u64 linear, u64 pa, unsigned size, unsigned access, u64 old, u64 value)
{
    struct cpu_retire *o = c->engine->obs;
    if (o && o->n_mem < ARRAY_LEN(o->mem)) {
        o->mem[o->n_mem].addr = linear;
        o->mem[o->n_mem].paddr = pa;
        o->mem[o->n_mem].value = value;
        o->mem[o->n_mem].size = (u8)size;
        o->mem[o->n_mem++].access = (u8)access;
    }
    if (cpu_watched(&c->cpu, linear, pa, size, access)) {
        c->cpu.hit = (struct cpu_hit){ .addr = linear, .paddr = pa, .size = (u8)size, .access = (u8)access, .old_value = old,
                                       .value = value };
        c->engine->watch_hit = true;
    }
    if (x86_breakpoints(c))
        x86_data_accessed(c, linear, size, access == CPU_WRITE);
}

/* Most are near no watch. Not inline: what nobody looks at is not to pay for it. */
__attribute__((noinline)) static bool seen_by_some(const struct x86 *c, u64 linear, u64 pa, unsigned size)
{
    return c->engine->obs || x86_breakpoints(c) || cpu_watch_near(&c->cpu, linear, pa, size);
}

static inline void seen(struct x86 *c, u64 linear, u64 pa, unsigned size, unsigned access, u64 old, u64 value, bool system)
{
    if (UNLIKELY(c->engine->obs || (c->cpu.stops && c->cpu.stops->n_watch) || x86_breakpoints(c)) && !system &&
        seen_by_some(c, linear, pa, size))
        seen_too(c, linear, pa, size, access, old, value);
}

/* --- devices ------------------------------------------------------------------------------------------------------ */

/* What nobody answers reads as all ones and swallows stores; what is too wide for a device, or crosses its boundaries,
 * becomes halves, as the bus does with them. */
static u64 bus_read(struct space *s, u64 addr, unsigned size)
{
    u64 value = 0;
    if (!(addr & (size - 1)) && space_read(s, addr, size, &value) == MEM_OK)
        return value & size_mask(size);
    if (size == 1 || (!space_find(s, addr) && !space_find(s, addr + size - 1)))
        return size_mask(size);
    value = bus_read(s, addr, size / 2);
    return value | bus_read(s, addr + size / 2, size / 2) << (4 * size);
}

static void bus_write(struct space *s, u64 addr, unsigned size, u64 value)
{
    if (!(addr & (size - 1)) && space_write(s, addr, size, value) == MEM_OK)
        return;
    if (size == 1 || (!space_find(s, addr) && !space_find(s, addr + size - 1)))
        return;
    bus_write(s, addr, size / 2, value);
    bus_write(s, addr + size / 2, size / 2, value >> (4 * size));
}

/* Registers of the APIC are 32 bits wide, 16 bytes apart (SDM 3, 11.4.1); narrower loads get a part. */
static u64 apic_read(struct x86 *c, u64 pa, unsigned size)
{
    u32 v = 0;
    u64 value = 0;
    for (unsigned k = 0; k < size; k += 4) {
        if (!c->board.apic.read || !c->board.apic.read(c->board.apic.opaque, (u32)((pa + k) & 0xffc), &v))
            v = ~0u;
        value |= (u64)(v >> (8 * (pa & 3))) << (8 * k);
    }
    return value & size_mask(size);
}

static void apic_write(struct x86 *c, u64 pa, unsigned size, u64 value)
{
    for (unsigned k = 0; k < size && size >= 4; k += 4)
        if (c->board.apic.write)
            c->board.apic.write(c->board.apic.opaque, (u32)((pa + k) & 0xffc), (u32)(value >> (8 * k)));
}

/* The board's registers may look at the clock. */
static u64 device_read(struct x86 *c, const struct where *w, unsigned size)
{
    return w->apic ? apic_read(c, w->pa, size) : bus_read(c->cpu.mem, w->pa, size);
}

static void device_write(struct x86 *c, const struct where *w, unsigned size, u64 value)
{
    if (w->apic)
        apic_write(c, w->pa, size, value);
    else if (!w->ignored)
        bus_write(c->cpu.mem, w->pa, size, value);
}

/* The largest power of two that fits, at most 8. */
static unsigned piece(unsigned n) { return n >= 8 ? 8 : n >= 4 ? 4 : n >= 2 ? 2 : 1; }

static void part_read(struct x86 *c, const struct where *w, u8 *out, unsigned n)
{
    if (LIKELY(w->host != NULL)) {
        memcpy(out, w->host, n);
        return;
    }
    struct where p = *w;
    for (unsigned k; n; n -= k, out += k, p.pa += k) {
        k = piece(n);
        store_le(out, k, device_read(c, &p, k));
    }
}

static void part_write(struct x86 *c, struct x86_ctx *ctx, u64 linear, const struct where *w, const u8 *in, unsigned n)
{
    if (LIKELY(w->host != NULL)) {
        memcpy(w->host, in, n);
        stored(c, ctx, linear, n, w);
        return;
    }
    struct where p = *w;
    for (unsigned k; n; n -= k, in += k, p.pa += k) {
        k = piece(n);
        device_write(c, &p, k, load_le(in, k));
    }
}

/* --- linear accesses ------------------------------------------------------------------------------------------------ */

/* Bytes up to the page's end; size when it is not crossed. */
static unsigned first_part(u64 linear, unsigned size)
{
    u64 room = PAGE_SIZE - (linear & PAGE_MASK);
    return room < size ? (unsigned)room : size;
}

static bool load_at(struct x86 *c, u64 linear, void *out, unsigned n, bool system)
{
    struct x86_ctx *ctx = x86_context_for(c, system);
    struct where w, w2;
    unsigned first = first_part(linear, n);
    u64 second = x86_wrap(c, linear + first);
    if (!locate(c, ctx, linear, first, false, system, &w) || (first < n && !locate(c, ctx, second, n - first, false, system, &w2)))
        return false;
    part_read(c, &w, out, first);
    if (UNLIKELY(first < n))
        part_read(c, &w2, (u8 *)out + first, n - first);
    seen(c, linear, w.pa, n, CPU_READ, 0, load_le(out, n < 8 ? n : 8), system);
    return true;
}

static bool store_at(struct x86 *c, u64 linear, const void *in, unsigned n, bool system)
{
    struct x86_ctx *ctx = x86_context_for(c, system);
    struct where w, w2;
    unsigned first = first_part(linear, n);
    u64 second = x86_wrap(c, linear + first);
    if (!locate(c, ctx, linear, first, true, system, &w) || (first < n && !locate(c, ctx, second, n - first, true, system, &w2)))
        return false;
    u64 old = w.host && first == n ? load_le(w.host, n < 8 ? n : 8) : 0;
    part_write(c, ctx, linear, &w, in, first);
    if (UNLIKELY(first < n))
        part_write(c, ctx, second, &w2, (const u8 *)in + first, n - first);
    seen(c, linear, w.pa, n, CPU_WRITE, old, load_le(in, n < 8 ? n : 8), system);
    return true;
}

bool x86_load_linear(struct x86 *c, u64 linear, unsigned size, bool system, u64 *value)
{
    u8 b[8] = { 0 };
    if (x86_long(c) && (u64)sign_extend(linear + size - 1, c->cr4 & CR4_LA57 ? 57 : 48) != linear + size - 1)
        return x86_gp0(c, "a table's address is not canonical");
    if (!load_at(c, x86_long(c) ? linear : (u32)linear, b, size, system))
        return false;
    *value = load_le(b, size);
    return true;
}

bool x86_store_linear(struct x86 *c, u64 linear, unsigned size, bool system, u64 value)
{
    u8 b[8];
    store_le(b, size, value);
    if (x86_long(c) && (u64)sign_extend(linear + size - 1, c->cr4 & CR4_LA57 ? 57 : 48) != linear + size - 1)
        return x86_gp0(c, "a table's address is not canonical");
    return store_at(c, x86_long(c) ? linear : (u32)linear, b, size, system);
}

/* --- accesses within segments ----------------------------------------------------------------------------------------- */

/* An 8086 has no limits: the second byte of a word at offset 0xffff is at offset 0. */
static bool wraps_8086(const struct x86 *c, u64 offset, unsigned n)
{
    return !x86_has_feature(&c->config, X86_F_286) && offset + n > 0x10000;
}

/* Segment, canonical form, alignment; then *linear. */
static bool check(struct x86 *c, unsigned seg, u64 offset, unsigned n, enum cpu_access access, u64 *linear)
{
    bool fast = c->code_bits != 64 && (access == CPU_WRITE ? x86_seg_write_ok(c, seg, offset, n) : x86_seg_read_ok(c, seg, offset, n));
    if (!fast && !x86_seg_check(c, seg, offset, n, access))
        return false;
    *linear = x86_wrap(c, c->fast[seg].base + offset);
    if (UNLIKELY(c->cpl == 3 && (c->rflags & X86_AC) && (c->cr0 & CR0_AM))) {
        unsigned align = n == 10 ? 8 : n;
        if (align <= 8 && !(align & (align - 1)) && (*linear & (align - 1)))
            return x86_fault_code(c, EXC_AC, 0, "the address is not aligned and alignment is checked (CR0.AM, AC)");
    }
    return true;
}

bool x86_load_bytes(struct x86 *c, unsigned seg, u64 offset, void *out, unsigned n)
{
    u64 linear;
    if (UNLIKELY(wraps_8086(c, offset, n))) {
        for (unsigned k = 0; k < n; k++)
            if (!x86_load_bytes(c, seg, (u16)(offset + k), (u8 *)out + k, 1))
                return false;
        return true;
    }
    return check(c, seg, offset, n, CPU_READ, &linear) && load_at(c, linear, out, n, false);
}

bool x86_store_bytes(struct x86 *c, unsigned seg, u64 offset, const void *in, unsigned n)
{
    u64 linear;
    if (UNLIKELY(wraps_8086(c, offset, n))) {
        for (unsigned k = 0; k < n; k++)
            if (!x86_store_bytes(c, seg, (u16)(offset + k), (const u8 *)in + k, 1))
                return false;
        return true;
    }
    return check(c, seg, offset, n, CPU_WRITE, &linear) && store_at(c, linear, in, n, false);
}

bool x86_load(struct x86 *c, unsigned seg, u64 offset, unsigned size, u64 *value)
{
    u8 b[8] = { 0 };
    if (!x86_load_bytes(c, seg, offset, b, size))
        return false;
    *value = load_le(b, size);
    return true;
}

bool x86_store(struct x86 *c, unsigned seg, u64 offset, unsigned size, u64 value)
{
    u8 b[8];
    store_le(b, size, value);
    return x86_store_bytes(c, seg, offset, b, size);
}

bool x86_store_check(struct x86 *c, unsigned seg, u64 offset, unsigned size)
{
    u64 linear;
    struct where w;
    if (UNLIKELY(wraps_8086(c, offset, size)))
        return true;
    if (!check(c, seg, offset, size, CPU_WRITE, &linear))
        return false;
    struct x86_ctx *ctx = x86_context_for(c, false);
    unsigned first = first_part(linear, size);
    return locate(c, ctx, linear, first, true, false, &w) &&
           (first == size || locate(c, ctx, x86_wrap(c, linear + first), size - first, true, false, &w));
}

u64 x86_ea(const struct x86 *c, const struct x86_insn *i)
{
    u64 o = c->r[i->base] + (c->r[i->index] << x86_scale(i)) + (u64)(i64)i->disp + (i->flags & X86_I_RIP ? c->next_rip : 0);
    unsigned size = i->sizes >> 4;
    return size == 3 ? o : size == 2 ? (u32)o : (u16)o;
}

static u64 stack_add(const struct x86 *c, u64 d) { return (c->r[X86_SP] + d) & size_mask(c->stack_size); }

static void set_sp(struct x86 *c, u64 sp)
{
    c->r[X86_SP] = c->stack_size == 2 ? (c->r[X86_SP] & ~(u64)0xffff) | sp : sp;
}

bool x86_push(struct x86 *c, unsigned size, u64 value)
{
    u64 sp = stack_add(c, -(u64)size);
    if (!x86_store(c, X86_SS, sp, size, value))
        return false;
    set_sp(c, sp);
    return true;
}

bool x86_pop(struct x86 *c, unsigned size, u64 *value)
{
    if (!x86_load(c, X86_SS, stack_add(c, 0), size, value))
        return false;
    set_sp(c, stack_add(c, size));
    return true;
}

/* --- for slow handlers ---------------------------------------------------------------------------------------------- */

bool x86_slow_load(X86_ARGS, unsigned seg, u64 offset, unsigned size)
{
    x86_at(X86_PASS);
    return x86_load(c, seg, offset, size, &c->engine->value);
}

bool x86_slow_store(X86_ARGS, unsigned seg, u64 offset, unsigned size, u64 value)
{
    x86_at(X86_PASS);
    return x86_store(c, seg, offset, size, value);
}

bool x86_slow_rmw(X86_ARGS, unsigned seg, u64 offset, unsigned size)
{
    struct x86_engine *e = c->engine;
    x86_at(X86_PASS);
    e->rmw.seg = (u8)seg;
    e->rmw.offset = offset;
    e->rmw.size = (u8)size;
    return x86_store_check(c, seg, offset, size) && x86_load(c, seg, offset, size, &e->value);
}

void x86_slow_rmw_store(struct x86 *c, u64 value)
{
    struct x86_engine *e = c->engine;
    x86_store(c, e->rmw.seg, e->rmw.offset, e->rmw.size, value);
}

unsigned x86_span(struct x86 *c, unsigned seg, u64 offset, unsigned n, enum cpu_access access, u8 **host)
{
    u64 linear = x86_wrap(c, c->fast[seg].base + offset);
    u64 room = PAGE_SIZE - (linear & PAGE_MASK);
    if (n > room)
        n = (unsigned)room;
    if (!n || !(access == CPU_WRITE ? x86_seg_write_ok(c, seg, offset, n) : x86_seg_read_ok(c, seg, offset, n)))
        return 0;
    const struct x86_tlb *t = x86_tlb_at(x86_context_for(c, false), linear);
    if ((access == CPU_WRITE ? t->wtag : t->rtag) != (linear & ~PAGE_MASK))
        return 0;
    *host = (u8 *)(uintptr_t)(linear + t->addend);
    return n;
}

/* --- ports ---------------------------------------------------------------------------------------------------------- */

u64 x86_in(struct x86 *c, u16 port, unsigned size)
{
    return c->board.io ? bus_read(c->board.io, port, size) : size_mask(size);
}

void x86_out(struct x86 *c, u16 port, unsigned size, u64 value)
{
    if (c->board.io)
        bus_write(c->board.io, port, size, value & size_mask(size));
}
