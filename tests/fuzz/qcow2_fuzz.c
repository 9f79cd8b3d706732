/* Damaged qcow2 images: whatever the bytes are, opening, reading, writing, snapshots, resizing, checking and repairing
 * end with an answer. Build with -fsanitize=address,undefined. Usage: qcow2_fuzz [SECONDS [SEED]]; default 3;
 * 0 seconds is the one round of SEED. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/rng.h"
#include "host/block/image.h"
#include "host/file/file.h"

#define SEEDS_MAX 16
#define ROUND_SECONDS 20 /* longer is a hang */

static struct buf seeds[SEEDS_MAX];
static unsigned n_seeds;
static char dir[64], path[128], base[128];
static u64 rng, current; /* the second: which round it is, for the report of a crash */

static void say_round(int sig)
{
    char text[100];
    int n = snprintf(text, sizeof text, "qcow2_fuzz: %s; again with: qcow2_fuzz 0 %llu\n",
                     sig == SIGALRM ? "a hang" : "a crash", (unsigned long long)current);
    if (write(2, text, (size_t)n) < 0)
        _exit(99);
    signal(sig, SIG_DFL);
    raise(sig == SIGALRM ? SIGABRT : sig);
}

static u64 any(u64 below)
{
    return below ? rng_next(&rng) % below : 0;
}

static void keep_seed(const char *file)
{
    struct err e;
    if (n_seeds < SEEDS_MAX && host_file_load(file, &seeds[n_seeds], &e))
        n_seeds++;
}

static void make_seeds(void)
{
    struct err e;
    static const struct image_create kinds[] = {
        { .size = 200000, .cluster_bits = 9 },
        { .size = 200000, .cluster_bits = 9, .refcount_bits = 64 },
        { .size = 300000, .cluster_bits = 10, .refcount_bits = 1 },
        { .size = 300000, .cluster_bits = 9, .version = 2 },
        { .size = 900000, .cluster_bits = 12, .lazy_refcounts = true, .backing = "base.raw", .backing_format = "raw" },
        { .size = 900000, .cluster_bits = 16, .refcount_bits = 4 },
    };
    struct image_create raw = { .path = base, .format = "raw", .size = 100000 };
    u8 data[3000];
    memset(data, 0x5a, sizeof data);
    if (!image_create(&raw, &e))
        abort();
    for (unsigned i = 0; i < ARRAY_LEN(kinds); i++) {
        struct image_create c = kinds[i];
        c.path = path;
        c.format = "qcow2";
        unlink(path);
        struct image_options o = { .cache = "unsafe" };
        struct block_port *b = image_create(&c, &e) ? image_open(path, &o, &e) : NULL;
        if (!b) {
            printf("%s\n", e.text);
            abort();
        }
        for (unsigned k = 0; k < 12; k++)
            b->ops->write(b, any(b->size - sizeof data), data, sizeof data, &e);
        image_snapshot_create(b, "one", 1, 1, &e);
        b->ops->write(b, 1000, data, sizeof data, &e);
        image_snapshot_create(b, "two", 1, 1, &e);
        b->ops->zero(b, 5000, 60000, &e);
        if (!image_close(b, &e))
            abort();
        keep_seed(path);
    }
    /* Compressed clusters and bitmaps only QEMU writes. */
    char cmd[512];
    static const char *const made[] = {
        "seq 1 30000 >t.raw && qemu-img convert -q -c -O qcow2 -o cluster_size=4K t.raw f.qcow2",
        "qemu-img convert -q -c -O qcow2 -o cluster_size=64K,compression_type=zstd t.raw f.qcow2",
        "qemu-img convert -q -O qcow2 -o cluster_size=4K t.raw f.qcow2 && qemu-img bitmap --add f.qcow2 b0",
    };
    for (unsigned i = 0; i < ARRAY_LEN(made); i++) {
        snprintf(cmd, sizeof cmd, "cd %s && (%s) >/dev/null 2>&1", dir, made[i]);
        if (system(cmd) == 0)
            keep_seed(path);
    }
}

/* A number that means something in such a file. */
static u64 telling(u64 size)
{
    u64 v = any(size + 4096) & ~(u64)511;
    switch (any(12)) {
    case 0: return 0;
    case 1: return ~(u64)0;
    case 2: return v;
    case 3: return v | (u64)1 << 63;
    case 4: return v | (u64)1 << 62 | any(4) << 61 | any(512);
    case 5: return v | 1;
    case 6: return (u64)1 << any(64);
    case 7: return ((u64)1 << any(64)) - 1;
    case 8: return v << 32 | any(64);
    case 9: return (u64)1 << 63 | 1;
    case 10: return rng_next(&rng) >> any(64);
    default: return v + any(1024);
    }
}

static void damage(struct buf *b)
{
    for (u64 n = 1 + any(any(4) ? 4 : 40); n; n--) {
        u64 at = any(3) ? any(b->len / 8) * 8 : any(16) * 8; /* anywhere, or in the header */
        u64 v = telling(b->len);
        unsigned bytes = any(4) ? 8 : 1u << any(3);
        if (at + 8 > b->len)
            continue;
        if (!any(8))
            b->data[at + any(8)] ^= (u8)(1u << any(8));
        else if (!any(6) && b->len > 2048)
            memmove(b->data + any(b->len - 512), b->data + any(b->len - 512), 512);
        else
            store_be(b->data + at, bytes, v);
    }
    if (!any(20))
        b->len = any(b->len);
}

static void use(struct block_port *b)
{
    struct err e;
    static u8 data[70000];
    struct image_info info;
    image_get_info(b, &info);
    for (unsigned i = 0, n = (unsigned)any(25); i < n; i++) {
        u64 at = any(8) ? any(b->size < 2000000 ? b->size : 2000000) : any(b->size);
        u64 len = any(any(3) ? 5000 : sizeof data);
        len = len < b->size - at ? len : b->size - at;
        struct image_extent x;
        struct image_check found;
        switch (any(14)) {
        case 0: case 1: case 2: b->ops->read(b, at, data, len, &e); break;
        case 3: case 4: case 5: case 6: b->ops->write(b, at, data, len, &e); break;
        case 7: b->ops->zero(b, at, len, &e); break;
        case 8: b->ops->flush(b, &e); break;
        case 9: image_snapshot_create(b, any(2) ? "x" : "y", 0, 0, &e); break;
        case 10: image_snapshot_apply(b, any(2) ? "1" : "x", &e); break;
        case 11: image_snapshot_delete(b, any(2) ? "2" : "x", &e); break;
        case 12:
            if (b->size && image_extent_at(b, at, &x, &e) && (!x.len || x.len > b->size - at))
                abort();
            break;
        case 13:
            if (any(2))
                image_resize(b, any(2000000), &e);
            else
                image_check(b, REPAIR_NONE, &found, NULL, NULL, &e);
            break;
        }
    }
}

static void round_of(u64 seed)
{
    struct err e;
    rng = seed;
    const struct buf *s = &seeds[any(n_seeds)];
    struct buf b = { 0 };
    buf_put(&b, s->data, s->len);
    damage(&b);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (fd < 0 || write(fd, b.data, b.len) != (ssize_t)b.len)
        abort();
    close(fd);
    buf_free(&b);
    struct image_options o = { .cache = "unsafe", .format = "qcow2", .repairing = !any(3), .read_only = !any(6),
                               .snapshot = !any(10) };
    struct block_port *p = image_open(path, &o, &e);
    if (p) {
        use(p);
        struct image_check found, again;
        char hash[IMAGE_HASH_TEXT];
        if (p->size < 4000000)
            image_hash(p, hash, NULL, NULL, &e);
        if (!any(2) && image_check(p, (enum image_repair)any(3), &found, NULL, NULL, &e) && o.repairing &&
            image_check(p, REPAIR_ALL, &found, NULL, NULL, &e) && found.corruptions == found.corruptions_fixed &&
            found.leaks == found.leaks_fixed && image_check(p, REPAIR_NONE, &again, NULL, NULL, &e) &&
            (again.corruptions || again.leaks)) {
            printf("repaired, but %llu errors and %llu leaks are left\n", (unsigned long long)again.corruptions,
                   (unsigned long long)again.leaks);
            abort();
        }
        use(p);
        image_close(p, &e);
    }
}

int main(int argc, char **argv)
{
    unsigned seconds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 3;
    u64 first = argc > 2 ? strtoull(argv[2], NULL, 10) : 1, n = 0;
    snprintf(dir, sizeof dir, "/tmp/orrery-fuzz-XXXXXX");
    if (!mkdtemp(dir))
        return 99;
    snprintf(path, sizeof path, "%s/f.qcow2", dir);
    snprintf(base, sizeof base, "%s/base.raw", dir);
    rng = 1;
    signal(SIGALRM, say_round);
    signal(SIGABRT, say_round);
    make_seeds();
    for (time_t end = time(NULL) + seconds; seconds ? time(NULL) < end : n < 1; n++) {
        current = first + n;
        alarm(ROUND_SECONDS);
        round_of(current);
        alarm(0);
    }
    printf("qcow2_fuzz: %llu damaged images from %u seeds, no crash, no hang\n", (unsigned long long)n, n_seeds);
    char cmd[100];
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    for (unsigned i = 0; i < n_seeds; i++)
        buf_free(&seeds[i]);
    return system(cmd) == 0 ? 0 : 99;
}
