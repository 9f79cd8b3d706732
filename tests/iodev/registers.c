/* What every register table must hold, for every device class there is: the rows themselves, and what they promise seen
 * through the device's window. */
#include "base/hash.h"
#include "base/rng.h"
#include "machine/machine.h"
#include "tests/device/rig.h"

static unsigned rows, masks; /* how much was looked at: a test that looked at nothing proves nothing */

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
    check(r->offset % r->width == 0, c, r, "is not aligned");
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

/* Rows may share an address when they differ in direction or visibility. */
static bool may_share(const struct reg_desc *a, const struct reg_desc *b)
{
    return a->visible || b->visible || (a->access == REG_RO && b->access == REG_WO) ||
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
                    check(may_share(r, s) || !overlap(r, s), c, r, "overlaps an earlier register");
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

/* Classes that stand alone on a board (-device ones need their bus; their own tests drive them). */
static struct rig *built(const struct device_class *c)
{
    if (c->bus || !c->banks[0])
        return NULL;
    struct rig *r = rig_begin(c, NULL);
    r->d->chr = &r->chr;
    rig_finish(r);
    return r;
}

/* After reset each slot holds its row's value; peeking anything changes nothing. */
static void reset_and_peek(void)
{
    for (const struct device_class *const *p = machine_device_classes; *p; p++) {
        struct rig *r = built(*p);
        if (!r)
            continue;
        u64 before = rig_hash(r);
        for (const struct reg_desc *g = (*p)->banks[0]->regs; g && g->name; g++)
            for (u32 i = 0; i < count_of(g); i++)
                if (g->slot != REG_NO_SLOT && !g->get)
                    check(device_reg_get(r->d, g, i) == g->reset, *p, g,
                          "has another value after reset than its row says");
        u64 size = r->d->window[0].size < 0x10000 ? r->d->window[0].size : 0x10000;
        u8 *bytes = malloc(size);
        for (unsigned k = 0; k < 8; k++)
            space_peek(r->env.mem, RIG_BASE + k, bytes, size - k);
        free(bytes);
        check(rig_hash(r) == before, *p, NULL, "peeking changed its state");
        check(rig_snapshot(r), *p, NULL, "its state does not survive a snapshot");
        rig_free(r);
    }
}

/* Rows do what their masks say, seen through the window. A hook may change what is stored, but only bits a write may
 * touch; with hooks on reading there is nothing general to say. */
static void mask_holds(struct rig *r, const struct reg_desc *g, u32 i, u64 v)
{
    const struct device_class *c = r->d->cls;
    u64 at = g->offset + (u64)i * stride_of(g), old = device_reg_get(r->d, g, i);
    u64 want = g->access == REG_RO ? old : ((old & ~g->rw) | (v & g->rw)) & ~(v & g->w1c);
    rig_write(r, at, g->width, v);
    u64 now = device_reg_get(r->d, g, i);
    check(g->write ? !((now ^ old) & ~(g->rw | g->w1c)) : now == want, c, g, "a write did not follow its masks");
    masks++;
    if (g->read || (g->visible && !g->visible(r->d)))
        return;
    check(rig_read(r, at, g->width) == now, c, g, "reads another value than it holds");
    check(device_reg_get(r->d, g, i) == (now & ~g->rclr), c, g, "a read did not clear what its row says");
}

static void masks_hold(void)
{
    for (const struct device_class *const *p = machine_device_classes; *p; p++) {
        struct rig *r = built(*p);
        const struct reg_bank *b = (*p)->banks[0];
        u64 seed = 1, v;
        for (const struct reg_desc *g = r ? b->regs : NULL; g && g->name; g++) {
            if (g->get || g->slot == REG_NO_SLOT || g->access == REG_WO || g->width < b->min_access ||
                g->width > b->max_access || (b->read && b->read(r->d, g->offset, g->width, &v, true) == MEM_OK))
                continue; /* (the last: the bank answers there itself) */
            for (unsigned n = 0; n < 20; n++) {
                if (!g->visible || g->visible(r->d))
                    mask_holds(r, g, (u32)(rng_next(&seed) % count_of(g)), rng_next(&seed) & size_mask(g->width));
            }
        }
        if (r)
            rig_free(r);
    }
    CU_ASSERT(masks > 200);
}

/* Anything a guest may do to a device alone on its bus: no crash, the same twice, and a reset that is one. */
static u64 poke_at_random(const struct device_class *c, u64 seed)
{
    struct rig *r = built(c);
    u64 answers = 0;
    for (unsigned n = 0; n < 20000; n++) {
        u64 x = rng_next(&seed);
        unsigned size = 1u << (x & 3);
        u64 window = r->d->window[0].size, at = x >> 8;
        const struct reg_desc *g = c->banks[0]->regs;
        if (g && g->name && (x & 0x70)) { /* mostly where something is */
            unsigned len = 0;
            while (g[len].name)
                len++;
            g += (x >> 32) % len;
            at = g->offset + (x >> 40) % count_of(g) * stride_of(g) + (x & 0x80 ? (x >> 8) % 8 : 0);
        }
        at %= window;
        if (window < size || at > window - size)
            continue;
        if (x & 4)
            rig_write(r, at, size, rng_next(&seed) >> (rng_next(&seed) % 64));
        else
            answers = hash_u64(rig_read(r, at, size), answers);
        if (!(x >> 56))
            rig_run(r, rng_next(&seed) % 1000000);
    }
    answers ^= rig_hash(r);
    check(rig_snapshot(r), c, NULL, "its state does not survive a snapshot");
    device_reset(r->d);
    u64 once = state_hash(c->state, r->d->state, 0);
    device_reset(r->d);
    check(state_hash(c->state, r->d->state, 0) == once, c, NULL, "a second reset gives another state");
    rig_free(r);
    return answers;
}

static void random_pokes(void)
{
    for (const struct device_class *const *p = machine_device_classes; *p; p++) {
        struct rig *r = built(*p);
        if (!r)
            continue;
        rig_free(r);
        for (u64 seed = 1; seed <= 3; seed++)
            check(poke_at_random(*p, seed) == poke_at_random(*p, seed), *p, NULL,
                  "the same accesses gave other answers");
    }
}

int main(void)
{
    return unit_main("registers", (CU_TestInfo[]){
        { "tables", tables }, { "reset values, peeking, snapshots", reset_and_peek }, { "masks", masks_hold },
        { "random accesses", random_pokes }, CU_TEST_INFO_NULL });
}
