/* What every register table must hold, for every device class there is: the rows themselves, and what they promise seen
 * through the device's window. */
#include "base/hash.h"
#include "base/rng.h"
#include "machine/machine.h"
#include "tests/device/pci_rig.h"

static unsigned rows, masks, pokes; /* how much was looked at: a test that looked at nothing proves nothing */

/* One assertion per mistake, with its name: CUnit's own output would only say the line. */
static void check(bool ok, const struct device_class *c, const struct reg_desc *r, const char *what)
{
    if (!ok)
        fprintf(stderr, "%s.%s: %s\n", c->name, r ? r->name : "", what);
    CU_ASSERT_TRUE(ok);
}

static u32 count_of(const struct reg_desc *r) { return r->count ? r->count : 1; }
static u32 stride_of(const struct reg_desc *r) { return r->stride ? r->stride : r->width; }
static u64 end_of(const struct reg_desc *r) { return r->offset + (u64)(count_of(r) - 1) * stride_of(r) + r->width; }

static void check_fields(const struct device_class *c, const struct reg_desc *r)
{
    u64 seen = 0;
    for (const struct reg_field *f = r->fields; f && f->name; f++) {
        check(f->width && f->low + f->width <= 8 * r->width, c, r, "a field lies outside the register");
        u64 mask = bits_set(0, f->low, f->width, ~(u64)0);
        check(!(seen & mask), c, r, "two fields overlap");
        check(f->doc && *f->doc, c, r, "a field has no documentation");
        seen |= mask;
        for (const struct reg_field *g = r->fields; g != f; g++)
            check(strcmp(f->name, g->name), c, r, "two fields have one name");
    }
}

static void check_row(const struct device_class *c, const struct reg_bank *b, const struct reg_desc *r)
{
    u64 mask = size_mask(r->width);
    rows++;
    check(r->width == 1 || r->width == 2 || r->width == 4 || r->width == 8, c, r, "width is not 1, 2, 4 or 8");
    check(b->ports || r->offset % r->width == 0, c, r, "is not aligned");
    check(stride_of(r) >= r->width, c, r, "elements overlap");
    check(!b->size || end_of(r) <= b->size, c, r, "lies outside the window");
    check(r->doc && *r->doc && !strchr(r->doc, '\n'), c, r, "needs one line of documentation");
    check(r->section && *r->section, c, r, "names no section of a specification");
    check(!((r->reset | r->rw | r->w1c | r->rclr) & ~mask), c, r, "a mask is wider than the register");
    check(!(r->rw & r->w1c), c, r, "a bit is both stored and cleared by a write");
    check(r->access != REG_RO || (!r->rw && !r->w1c && !r->write), c, r,
          "is read-only and does something when written");
    check(r->access != REG_WO || (!r->read && !r->rclr), c, r, "is write-only and does something when read");
    check(r->slot == REG_NO_SLOT || r->slot + (u64)count_of(r) * r->width <= c->state_size, c, r,
          "slot outside the state");
    check(r->slot != REG_NO_SLOT || (!r->rw && !r->w1c && !r->rclr && !r->reset), c, r, "has masks and no slot");
    check(r->slot != REG_NO_SLOT || r->get || r->write || r->access == REG_WO, c, r,
          "has neither a slot nor a meaning");
    bool saved = r->slot == REG_NO_SLOT;
    for (const struct state_field *s = c->state; s->name; s++)
        saved |= r->slot >= s->offset && r->slot + (u64)count_of(r) * r->width <= s->offset + (u64)s->size * s->count &&
                 s->size == r->width;
    check(saved, c, r, "its slot is not saved in snapshots");
    check_fields(c, r);
}

/* Rows may share an address when they differ in direction or visibility; and as ports, when they do not begin at the same one
 * (0x1ce and 0x1cf of the Bochs display interface are 16 bits wide both). */
static bool may_share(const struct reg_bank *k, const struct reg_desc *a, const struct reg_desc *b)
{
    return (k->ports && a->offset != b->offset) || a->visible || b->visible || (a->access == REG_RO && b->access == REG_WO) ||
           (a->access == REG_WO && b->access == REG_RO);
}

static bool overlap(const struct reg_desc *a, const struct reg_desc *b)
{
    if (end_of(a) <= b->offset || end_of(b) <= a->offset)
        return false;
    for (u32 i = 0; i < count_of(a); i++)
        for (u32 k = 0; k < count_of(b); k++) {
            u64 x = a->offset + (u64)i * stride_of(a), y = b->offset + (u64)k * stride_of(b);
            if (x < y + b->width && y < x + a->width)
                return true;
        }
    return false;
}

static void tables(void)
{
    for (const struct device_class *const *p = machine_device_classes; *p; p++) {
        const struct device_class *c = *p;
        check(c->name && c->doc && *c->doc, c, NULL, "the class has no documentation");
        for (const struct device_class *const *q = machine_device_classes; q != p; q++)
            check(strcmp(c->name, (*q)->name), c, NULL, "two classes have one name");
        for (unsigned n = 0; n < DEVICE_BANKS; n++) {
            static const struct reg_bank configuration = { .size = 0x100, .min_access = 1, .max_access = 4 };
            const struct reg_bank *b = n < DEVICE_MAX_BANKS ? c->banks[n] : &configuration;
            if (!b)
                continue;
            check(b->min_access && b->min_access <= b->max_access && b->max_access <= 8, c, NULL, "odd access sizes");
            const struct reg_desc *first = device_rows(c, n);
            for (const struct reg_desc *r = first; r && r->name; r++) {
                check_row(c, b, r);
                for (const struct reg_desc *s = first; s != r; s++) {
                    check(strcmp(r->name, s->name), c, r, "two registers have one name");
                    check(may_share(b, r, s) || !overlap(r, s), c, r, "overlaps an earlier register");
                }
            }
        }
        for (const struct prop_desc *d = c->props; d && d->name; d++)
            check(d->doc && *d->doc, c, NULL, "a property has no documentation");
        for (const struct state_field *s = c->state; s && s->name; s++)
            check(s->offset + (u64)s->size * s->count <= c->state_size, c, NULL,
                  "a saved member lies outside the state");
    }
    CU_ASSERT(rows > 50);
}

/* Classes that stand alone on a board (-device ones need their bus; their own tests drive them). A PCI function gets a
 * bus. All banks are asked at their offsets, wherever they are mapped. */
struct bench {
    struct rig *r;     /* one of the two */
    struct pc *p;
    struct device *d;
};

enum { BENCH_DEVFN = PCI_DEVFN(2, 0) };

static bool built(const struct device_class *c, struct bench *b)
{
    *b = (struct bench){ 0 };
    if ((c->bus && strcmp(c->bus, "isa") && strcmp(c->bus, "pci")) || !c->banks[0])
        return false;
    if (!c->pci) {
        b->r = rig_begin(c, NULL);
        b->d = b->r->d;
        b->d->chr = &b->r->chr;
        rig_finish(b->r);
        return true;
    }
    b->p = pci_rig_new();
    b->d = c == &i440fx_class ? b->p->bridge : pci_rig_plug(b->p, c, BENCH_DEVFN, NULL);
    return true;
}

static void bench_free(struct bench *b)
{
    if (b->r)
        rig_free(b->r);
    else
        pc_free(b->p);
}

static u64 bench_hash(const struct bench *b) { return b->r ? rig_hash(b->r) : pc_hash(b->p); }
static bool bench_snapshot(struct bench *b) { return b->r ? rig_snapshot(b->r) : pc_snapshot(b->p); }

static void bench_run(struct bench *b, u64 ticks)
{
    if (b->r)
        rig_run(b->r, ticks);
    else
        pc_run(b->p, ticks);
}

static bool is_configuration(unsigned bank) { return bank >= DEVICE_MAX_BANKS; }
static unsigned bench_devfn(const struct bench *b) { return b->d == b->p->bridge ? 0 : BENCH_DEVFN; }

static u64 bench_read(struct bench *b, unsigned bank, u64 at, unsigned size)
{
    u64 v;
    if (is_configuration(bank))
        return pci_config_read(b->p->bridge, bench_devfn(b), (unsigned)at, size);
    return device_bank_read(b->d, bank, at, size, &v) == MEM_OK ? v : 0xbadbadbadu;
}

static void bench_write(struct bench *b, unsigned bank, u64 at, unsigned size, u64 v)
{
    if (is_configuration(bank))
        pci_config_write(b->p->bridge, bench_devfn(b), (unsigned)at, size, (u32)v);
    else
        (void)device_bank_write(b->d, bank, at, size, v);
}

static u64 bank_bytes(const struct bench *b, unsigned bank)
{
    if (is_configuration(bank))
        return 0x100;
    const struct reg_bank *k = b->d->cls->banks[bank];
    return !k ? 0 : k->size ? k->size : b->d->bank_size[bank];
}

/* After reset each slot holds its row's value; peeking anything changes nothing. */
static void reset_and_peek(void)
{
    for (const struct device_class *const *p = machine_device_classes; *p; p++) {
        struct bench b;
        if (!built(*p, &b))
            continue;
        u64 before = bench_hash(&b);
        for (unsigned bank = 0; bank < DEVICE_BANKS; bank++) {
            for (const struct reg_desc *g = device_rows(*p, bank); g && g->name; g++)
                for (u32 i = 0; i < count_of(g); i++)
                    if (g->slot != REG_NO_SLOT && !g->get)
                        check(device_reg_get(b.d, g, i) == g->reset, *p, g,
                              "has another value after reset than its row says");
            u64 size = bank_bytes(&b, bank), v;
            for (u64 at = 0; !is_configuration(bank) && at < size && at < 0x10000; at++)
                for (unsigned n = 1; n <= 8; n *= 2)
                    if (at + n <= size)
                        (void)device_bank_peek(b.d, bank, at, n, &v);
        }
        check(bench_hash(&b) == before, *p, NULL, "peeking changed its state");
        check(bench_snapshot(&b), *p, NULL, "its state does not survive a snapshot");
        bench_free(&b);
    }
}

/* Rows do what their masks say, seen through the window. A hook may change what is stored, but only bits a write may
 * touch; with hooks on reading there is nothing general to say. */
static void mask_holds(struct bench *b, unsigned bank, const struct reg_desc *g, u32 i, u64 v)
{
    const struct device_class *c = b->d->cls;
    u64 at = g->offset + (u64)i * stride_of(g), old = device_reg_get(b->d, g, i);
    u64 want = g->access == REG_RO ? old : ((old & ~g->rw) | (v & g->rw)) & ~(v & g->w1c);
    bench_write(b, bank, at, g->width, v);
    u64 now = device_reg_get(b->d, g, i);
    check(g->write ? !((now ^ old) & ~(g->rw | g->w1c)) : now == want, c, g, "a write did not follow its masks");
    masks++;
    if (g->read || (g->visible && !g->visible(b->d)))
        return;
    check(bench_read(b, bank, at, g->width) == now, c, g, "reads another value than it holds");
    check(device_reg_get(b->d, g, i) == (now & ~g->rclr), c, g, "a read did not clear what its row says");
}

/* A row that accesses do not simply reach: the bank answers there itself, or an earlier row does. */
static bool is_hidden(const struct bench *b, unsigned bank, const struct reg_desc *g)
{
    u32 index;
    if (is_configuration(bank))
        return bank == DEVICE_PCI_HEADER && device_reg_at(b->d, DEVICE_PCI_BANK, g->offset, false, &index);
    const struct reg_bank *k = b->d->cls->banks[bank];
    u64 v;
    return g->width < k->min_access || g->width > k->max_access ||
           (k->read && k->read(b->d, g->offset, g->width, &v, true) == MEM_OK);
}

static void masks_hold(void)
{
    for (const struct device_class *const *p = machine_device_classes; *p; p++) {
        struct bench b;
        u64 seed = 1;
        if (!built(*p, &b))
            continue;
        for (unsigned bank = 0; bank < DEVICE_BANKS; bank++)
            for (const struct reg_desc *g = device_rows(*p, bank); g && g->name; g++) {
                if (g->get || g->slot == REG_NO_SLOT || g->access == REG_WO || is_hidden(&b, bank, g))
                    continue;
                for (unsigned n = 0; n < 20; n++) {
                    if (!g->visible || g->visible(b.d))
                        mask_holds(&b, bank, g, (u32)(rng_next(&seed) % count_of(g)), rng_next(&seed) & size_mask(g->width));
                }
            }
        bench_free(&b);
    }
    CU_ASSERT(masks > 3000);
}

/* Anything a guest may do to a device alone on its bus: no crash, the same twice, and a reset that is one. */
static u64 poke_at_random(const struct device_class *c, u64 seed)
{
    struct bench b;
    u64 answers = 0;
    if (!built(c, &b))
        return 0;
    for (unsigned n = 0; n < 20000; n++) {
        u64 x = rng_next(&seed);
        unsigned size = 1u << (x & 3), bank = (unsigned)(rng_next(&seed) % DEVICE_BANKS);
        while (is_configuration(bank) ? !c->pci : !c->banks[bank])
            bank = (bank + 1) % DEVICE_BANKS;
        const struct reg_desc *g = device_rows(c, bank);
        u64 window = bank_bytes(&b, bank), at = x >> 8;
        if (is_configuration(bank) && size > 4)
            continue;
        if (g && g->name && (x & 0x70)) { /* mostly where something is */
            unsigned len = 0;
            while (g[len].name)
                len++;
            g += (x >> 32) % len;
            at = g->offset + (x >> 40) % count_of(g) * stride_of(g) + (x & 0x80 ? (x >> 8) % 8 : 0);
        }
        at %= window;
        if (at > window - size)
            continue;
        pokes++;
        if (x & 4)
            bench_write(&b, bank, at, size, rng_next(&seed) >> (rng_next(&seed) % 64));
        else
            answers = hash_u64(bench_read(&b, bank, at, size), answers);
        if (!(x >> 56))
            bench_run(&b, rng_next(&seed) % 1000000);
    }
    answers ^= bench_hash(&b);
    check(bench_snapshot(&b), c, NULL, "its state does not survive a snapshot");
    device_reset(b.d);
    u64 once = state_hash(c->state, b.d->state, 0);
    device_reset(b.d);
    check(state_hash(c->state, b.d->state, 0) == once, c, NULL, "a second reset gives another state");
    bench_free(&b);
    return answers;
}

static void random_pokes(void)
{
    for (const struct device_class *const *p = machine_device_classes; *p; p++)
        for (u64 seed = 1; seed <= 3; seed++)
            check(poke_at_random(*p, seed) == poke_at_random(*p, seed), *p, NULL,
                  "the same accesses gave other answers");
    CU_ASSERT(pokes > 1000000);
}

int main(void)
{
    return unit_main("registers", (CU_TestInfo[]){
        { "tables", tables }, { "reset values, peeking, snapshots", reset_and_peek }, { "masks", masks_hold },
        { "random accesses", random_pokes }, CU_TEST_INFO_NULL });
}
