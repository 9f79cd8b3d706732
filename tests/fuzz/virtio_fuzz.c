/* Throws everything a guest, a network or a snapshot can throw at the virtio devices: pokes at registers, rings and
 * descriptor chains of any quality, packets, resets, and state that lies.
 *
 *   virtio_fuzz [SECONDS [SEED [CASES]]]
 *
 * A case is a number; from it everything follows. The cases run in a child process which notes the number first, so
 * that after a crash, a sanitizer's report or a hang the number is printed. To repeat one: virtio_fuzz 60 NUMBER 1 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/rng.h"
#include "iodev/block/virtio-blk.h"
#include "iodev/char/virtio-console.h"
#include "iodev/misc/virtio-rng.h"
#include "iodev/net/virtio-net.h"
#include "tests/device/virtio_rig.h"

#define HANG_SECONDS 30
#define DISK_SMALL ((u64)64 << 10) /* so that its end is often met */
#define DISK_LARGE ((u64)4 << 20) /* so that requests take several events */

struct shared { /* between the child and who watches it */
    volatile u64 number, done;
};

struct fuzz {
    struct rig *r;
    u64 rng;
};

static void wrong(const char *what)
{
    fprintf(stderr, "virtio_fuzz: %s\n", what);
    abort();
}

static u64 any(struct fuzz *f, u64 below)
{
    return rng_next(&f->rng) % below;
}

static bool one_in(struct fuzz *f, u64 n)
{
    return any(f, n) == 0;
}

/* Numbers at which things go wrong. */
static u64 value(struct fuzz *f)
{
    static const u64 special[] = {
        0, 1, 2, 3, 7, 8, 16, 255, 256, 511, 512, 1023, 1024, 1025, 4096, 65535, 65536, 0x7fffffff, 0x80000000,
        0xfffffffe, 0xffffffff, 0x100000000, UINT64_MAX, UINT64_MAX - 1, (u64)1 << 63,
        RIG_RAM, RIG_DATA, RIG_RAM + RIG_RAM_SIZE - 1, RIG_RAM + RIG_RAM_SIZE, RIG_ROM, RIG_MMIO,
    };
    switch (any(f, 4)) {
    case 0: return rng_next(&f->rng);
    case 1: return any(f, 64);
    case 2: return RIG_RAM + any(f, RIG_RAM_SIZE);
    default: return special[any(f, ARRAY_LEN(special))];
    }
}

/* --- the disk must be used within its size, which is the device's promise ----------------------------------- */

static void disk_check(struct block_port *b, u64 offset, u64 len)
{
    if (offset > b->size || len > b->size - offset)
        wrong("the device used the disk outside its size");
}

static bool strict_read(struct block_port *b, u64 offset, void *out, size_t len, struct err *e)
{
    disk_check(b, offset, len);
    return rig_disk_read(b, offset, out, len, e);
}

static bool strict_write(struct block_port *b, u64 offset, const void *in, size_t len, struct err *e)
{
    disk_check(b, offset, len);
    if (b->read_only)
        wrong("the device wrote to a read-only disk");
    return rig_disk_write(b, offset, in, len, e);
}

static bool strict_zero(struct block_port *b, u64 offset, u64 len, struct err *e)
{
    disk_check(b, offset, len);
    if (b->read_only)
        wrong("the device zeroed a read-only disk");
    return rig_disk_zero(b, offset, len, e);
}

static const struct block_ops strict_disk = { .read = strict_read, .write = strict_write, .flush = rig_disk_flush,
                                               .zero = strict_zero };

/* --- the things that can happen ---------------------------------------------------------------------------- */

static unsigned some_queue(struct fuzz *f)
{
    return (unsigned)(one_in(f, 20) ? value(f) : any(f, virtio_link(f->r->dev)->ops->queues(f->r->dev)));
}

static void set_up(struct fuzz *f)
{
    struct rig *r = f->r;
    u64 features = one_in(f, 8) ? rng_next(&f->rng) : rig_offered(r);
    features &= one_in(f, 2) ? rng_next(&f->rng) | VIRTIO_F_VERSION_1 : UINT64_MAX;
    rig_negotiate(r, features);
    for (unsigned q = 0; q < VIRTIO_MAX_QUEUES; q++)
        if (!one_in(f, 16))
            rig_queue(r, q, (u16)(one_in(f, 8) ? 1 + any(f, 1024) : 1u << any(f, 7)));
    if (!one_in(f, 16))
        rig_ok(r);
}

static void poke_register(struct fuzz *f)
{
    unsigned size = 1u << any(f, 4);
    u64 offset = one_in(f, 2) ? any(f, VIRTIO_MMIO_SIZE / 4) * 4 : any(f, VIRTIO_MMIO_SIZE);
    if (offset + size > VIRTIO_MMIO_SIZE || (offset == R_STATUS && !one_in(f, 10)))
        return;
    if (one_in(f, 2))
        space_write(f->r->env.mem, RIG_MMIO + offset, one_in(f, 4) ? size : 4, value(f));
    else
        rig_read(f->r, (u32)offset, size);
}

static void poke_memory(struct fuzz *f)
{
    const struct rig_queue *k = &f->r->q[any(f, VIRTIO_MAX_QUEUES)];
    u64 where[] = { k->desc + any(f, 1024), k->avail + any(f, 64), k->used + any(f, 64), RIG_DATA + any(f, 0x10000) };
    rig_ram_set(f->r, where[any(f, 4)], 1u << any(f, 4), value(f));
}

/* What the first bytes of a request may sensibly be, for every kind of device. */
static void request_head(struct fuzz *f, u64 at)
{
    static const u8 types[] = { 0, 1, 4, 8, 11, 13 };
    u8 b[40];
    for (unsigned i = 0; i < sizeof b; i++)
        b[i] = (u8)(one_in(f, 2) ? any(f, 4) : 0);
    if (one_in(f, 2)) {
        store_le(b, 4, types[any(f, sizeof types)]);
        u64 sectors = f->r->disk.port.size / 512;
        store_le(b + 8, 8, any(f, sectors + 4));
        store_le(b + 16, 8, any(f, sectors + 4));
        store_le(b + 24, 4, any(f, 64));
    }
    rig_put(f->r, at, b, sizeof b);
    if (one_in(f, 6)) { /* the network card's address tables: two counts with addresses after each */
        u64 n = any(f, 70);
        rig_ram_set(f->r, at, 2, 1);
        rig_ram_set(f->r, at + 2, 4, n);
        rig_ram_set(f->r, at + 6 + 6 * n, 4, any(f, 70));
    }
}

static void chain(struct fuzz *f)
{
    struct rig *r = f->r;
    unsigned q = (unsigned)any(f, virtio_link(r->dev)->ops->queues(r->dev));
    struct rig_queue *k = &r->q[q];
    if (!k->num)
        return;
    bool indirect = one_in(f, 3), sane = !one_in(f, 3), large = indirect && one_in(f, 4);
    u32 n = (u32)(1 + any(f, indirect ? 40 : k->num < 12 ? k->num : 12)), max = indirect ? n : k->num;
    u32 outs = (u32)any(f, n + 1), first = indirect ? 0 : (u32)any(f, max);
    u64 table = indirect ? RIG_RAM + 0x180000 + 16 * any(f, 4096) : k->desc, data = RIG_DATA + 0x1000 * any(f, 256);
    request_head(f, data);
    for (u32 i = 0; i < n; i++) {
        bool write = i >= outs;
        u64 addr = i == 0 || one_in(f, 4) ? data : RIG_DATA + any(f, 0x100000);
        u32 len = (u32)(one_in(f, 3) ? 512 * (1 + any(f, 16)) : one_in(f, 2) ? 1 + any(f, 2000) : i == 0 ? 16 : 1);
        if (large && i && i + 1 < n)
            len = 65536;
        u16 flags = (u16)((write ? D_WRITE : 0) | (i + 1 < n ? D_NEXT : 0)), next = (u16)((first + i + 1) % max);
        if (!sane && one_in(f, 4))
            addr = value(f);
        if (!sane && one_in(f, 4))
            len = (u32)value(f);
        if (!sane && one_in(f, 6))
            flags = (u16)any(f, 16);
        if (!sane && one_in(f, 6))
            next = (u16)any(f, max + 2);
        rig_desc_at(r, table, (first + i) % max, addr, len, flags, next);
    }
    if (indirect) {
        first = (u32)any(f, k->num);
        rig_desc(r, q, first, table, (u32)(one_in(f, 12) ? value(f) : 16 * n), D_INDIRECT, 0);
    }
    rig_avail(r, q, (u16)(one_in(f, 60) ? value(f) : first));
    if (!one_in(f, 4))
        rig_kick(r, q);
}

static void from_outside(struct fuzz *f)
{
    u8 bytes[4096];
    for (struct input_channel *ch = f->r->env.channels; ch; ch = ch->next) {
        size_t room = ch->room(ch->opaque);
        if (room > sizeof bytes)
            wrong("room() is larger than it ever should be");
        if (!room)
            continue;
        size_t n = 1 + any(f, room);
        for (size_t i = 0; i < n; i++)
            bytes[i] = (u8)rng_next(&f->rng);
        if (one_in(f, 2))
            memcpy(bytes, "\x52\x54\x00\x12\x34\x56", n < 6 ? n : 6);
        ch->deliver(ch->opaque, bytes, n);
    }
}

/* Looking must not change anything. */
static void look(struct fuzz *f)
{
    u8 window[VIRTIO_MMIO_SIZE];
    u64 before = rig_hash(f->r);
    space_peek(f->r->env.mem, RIG_MMIO, window, sizeof window);
    for (struct input_channel *ch = f->r->env.channels; ch; ch = ch->next)
        ch->room(ch->opaque);
    struct buf text = { 0 };
    f->r->dev->cls->describe(f->r->dev, &text);
    f->r->slot->cls->describe(f->r->slot, &text);
    buf_free(&text);
    if (rig_hash(f->r) != before)
        wrong("looking changed the state");
}

/* A snapshot from a stranger: the right shape, any contents. */
static void lie(struct fuzz *f)
{
    struct device *d = one_in(f, 4) ? f->r->slot : f->r->dev;
    u64 rate = one_in(f, 2) ? 4 : 20; /* little enough that what is left still works */
    for (const struct state_field *s = d->cls->state; s->name; s++)
        if (one_in(f, rate))
            for (u32 i = 0; i < s->count; i++) {
                u64 v = one_in(f, 3) ? 0 : one_in(f, 2) ? any(f, 70) : value(f);
                u8 le[8];
                store_le(le, 8, v);
                memcpy((u8 *)d->state + s->offset + (size_t)i * s->size, le, s->size);
            }
    if (d->cls->loaded)
        d->cls->loaded(d);
    f->r->irq = rig_get(f->r, R_ISR) != 0; /* the receiver's state would come with the rest */
}

static void act(struct fuzz *f)
{
    switch (any(f, 40)) {
    case 0: set_up(f); break;
    case 1: look(f); break;
    case 2:
        if (one_in(f, 2))
            lie(f);
        break;
    case 3:
        if (one_in(f, 3))
            device_reset(f->r->slot);
        break;
    case 4: case 5: case 6: poke_register(f); break;
    case 7: case 8: poke_memory(f); break;
    case 9: case 10: case 11: from_outside(f); break;
    case 12: case 13: case 14: rig_kick(f->r, some_queue(f)); break;
    case 15: case 16: case 17: rig_run(f->r, any(f, 100000)); break;
    default: chain(f); break;
    }
    if (virtio_state(f->r->dev)->broken && one_in(f, 3))
        set_up(f);
    u32 isr = ((u32)rig_read(f->r, R_ISR, 4));
    if (!isr != !f->r->irq)
        wrong("the interrupt line and InterruptStatus disagree");
    if (isr && one_in(f, 2))
        rig_set(f->r, R_ACK, isr);
}

static struct rig *bench(struct fuzz *f)
{
    static const struct device_class *const kinds[] = {
        &virtio_blk_class, &virtio_net_class, &virtio_rng_class, &virtio_serial_class,
    };
    const struct device_class *cls = kinds[any(f, ARRAY_LEN(kinds))];
    struct rig *r = rig_new(cls, NULL, one_in(f, 2), one_in(f, 2) ? DISK_SMALL : DISK_LARGE);
    r->disk.port.ops = &strict_disk;
    r->disk.port.read_only = one_in(f, 8);
    r->disk.fails = one_in(f, 16);
    for (u64 n = cls == &virtio_serial_class ? any(f, 4) : 0; n; n--) {
        struct err e = { "" };
        char path[32];
        snprintf(path, sizeof path, "/port%u", (unsigned)n);
        struct device *port = device_new(&r->env, one_in(f, 2) ? &virtconsole_class : &virtserialport_class, path,
                                         one_in(f, 2) ? rig_props(r, "name=org.orrery.fuzz") : NULL, &e);
        rig_must(port && port->cls->build(port, &e) && virtio_plug(r->dev, port, &e), &e);
    }
    return r;
}

static u64 run_case(u64 number)
{
    struct fuzz f = { .rng = number };
    f.r = bench(&f);
    set_up(&f);
    for (u64 n = 50 + any(&f, 400); n; n--)
        act(&f);
    rig_run(f.r, 10000000);
    look(&f);
    u64 hash = rig_hash(f.r);
    rig_free(f.r);
    return hash;
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int child(struct shared *sh, double until, u64 seed, u64 cases)
{
    for (u64 i = 0; i < cases && (!i || seconds() < until); i++) {
        sh->number = seed + i;
        u64 hash = run_case(seed + i);
        if (i % 16 == 0 && run_case(seed + i) != hash)
            wrong("the same case ended in another state");
        sh->done++;
    }
    return 0;
}

int main(int argc, char **argv)
{
    double limit = argc > 1 ? atof(argv[1]) : 3;
    u64 seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1, cases = argc > 3 ? strtoull(argv[3], NULL, 0) : UINT64_MAX;
    struct shared *sh = mmap(NULL, sizeof *sh, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (sh == MAP_FAILED)
        return 99;
    double start = seconds();
    pid_t pid = fork();
    if (pid < 0)
        return 99;
    if (!pid)
        exit(child(sh, start + limit, seed, cases));
    int status = 0;
    u64 last = UINT64_MAX;
    double moved = start;
    while (waitpid(pid, &status, WNOHANG) == 0) {
        double now = seconds();
        if (sh->done != last) {
            last = sh->done;
            moved = now;
        } else if (now - moved > HANG_SECONDS) {
            kill(pid, SIGKILL);
            fprintf(stderr, "virtio_fuzz: hangs in case %llu\n", (unsigned long long)sh->number);
            return 1;
        }
        usleep(10000);
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status)) {
        fprintf(stderr, "virtio_fuzz: failed in case %llu; repeat it with: %s 60 %llu 1\n",
                (unsigned long long)sh->number, argv[0], (unsigned long long)sh->number);
        return 1;
    }
    printf("virtio_fuzz: %llu cases from %llu on, %.1f s\n", (unsigned long long)sh->done, (unsigned long long)seed,
           seconds() - start);
    return 0;
}
