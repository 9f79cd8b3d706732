/* qcow2 against a model in memory and against qemu-img: whatever is done to an image, `qemu-img check` finds nothing
 * and `qemu-img compare` finds the model. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/rng.h"
#include "host/block/image.h"
#include "tests/unit.h"

static struct err err;
static char dir[64];

#define OK(x)                                                  \
    do {                                                       \
        bool ok_ = (x);                                        \
        if (!ok_)                                              \
            printf("\n  %s:%d: %s\n  %s\n", __FILE__, __LINE__, #x, err.text); \
        CU_ASSERT_TRUE(ok_);                                   \
    } while (0)

static int run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The exit status of a shell command run in the test's directory. */
static int run(const char *fmt, ...)
{
    char cmd[2048], whole[2200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(cmd, sizeof cmd, fmt, ap);
    va_end(ap);
    snprintf(whole, sizeof whole, "cd %s && %s", dir, cmd);
    int r = system(whole);
    return WIFEXITED(r) ? WEXITSTATUS(r) : 255;
}

static char *path_of(const char *name, char out[128])
{
    snprintf(out, 128, "%s/%s", dir, name);
    return out;
}

/* cache=unsafe: what is tested here is what is written, not when it is on the platter (see qcow2_crash.c). */
static struct block_port *open_image(const char *name, bool read_only)
{
    char path[128];
    struct image_options o = { .cache = "unsafe", .read_only = read_only };
    struct block_port *b = image_open(path_of(name, path), &o, &err);
    if (!b)
        printf("\n  %s\n", err.text);
    CU_ASSERT_PTR_NOT_NULL(b);
    return b;
}

struct model {
    u8 *data;
    u64 size;
};

static struct model model_of(struct block_port *b)
{
    struct model m = { xcalloc(1, b->size + 1), b->size };
    OK(b->ops->read(b, 0, m.data, m.size, &err));
    return m;
}

static struct model model_copy(const struct model *m)
{
    struct model c = { xmalloc(m->size + 1), m->size };
    memcpy(c.data, m->data, m->size);
    return c;
}

static void model_write(const struct model *m, const char *name)
{
    char path[128];
    int fd = open(path_of(name, path), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    CU_ASSERT_EQUAL(write(fd, m->data, m->size), (ssize_t)m->size);
    close(fd);
}

static bool model_same(struct block_port *b, const struct model *m)
{
    u8 *now = xmalloc(m->size + 1);
    bool same = b->size == m->size && b->ops->read(b, 0, now, m->size, &err) && !memcmp(now, m->data, m->size);
    free(now);
    return same;
}

static bool clean(const char *name)
{
    int r = run("qemu-img check -q %s >check.txt 2>&1 || { head -5 check.txt; false; }", name);
    return r == 0;
}

/* By qemu-img: consistent, and equal to the model. */
static void verify(const char *name, const struct model *m)
{
    CU_ASSERT_TRUE(clean(name));
    model_write(m, "model.raw");
    CU_ASSERT_EQUAL(run("qemu-img compare -q -F raw %s model.raw", name), 0);
    struct block_port *b = open_image(name, true);
    struct image_check found;
    if (!b)
        return;
    OK(model_same(b, m));
    OK(image_check(b, REPAIR_NONE, &found, NULL, NULL, &err));
    CU_ASSERT_EQUAL(found.corruptions, 0);
    CU_ASSERT_EQUAL(found.leaks, 0);
    image_close(b, NULL);
}

#define KEPT 3

/* Random reads, writes, zeroing, flushes, reopenings and, if asked, snapshots; *m follows along. */
static void churn(const char *name, struct model *m, u64 seed, int steps, bool snapshots)
{
    struct model kept[KEPT] = { 0 };
    struct block_port *b = open_image(name, false);
    if (!b)
        return;
    u8 *out = xmalloc(m->size + 1);
    for (int i = 0; i < steps; i++) {
        u64 r = rng_next(&seed), at = rng_next(&seed) % m->size, len = rng_next(&seed);
        len %= r & 64 ? 400000 : r & 128 ? 65536 : 3000;
        if (r & 0x100)
            at &= ~(u64)65535;
        len = len < m->size - at ? len : m->size - at;
        unsigned slot = (unsigned)(r >> 60) % KEPT;
        char snap[16];
        snprintf(snap, sizeof snap, "s%u", slot);
        switch ((r >> 32) % 16) {
        case 0:
        case 1:
            OK(b->ops->zero(b, at, len, &err));
            memset(m->data + at, 0, len);
            break;
        case 2:
        case 3:
            OK(b->ops->read(b, at, out, len, &err));
            CU_ASSERT_EQUAL(memcmp(out, m->data + at, len), 0);
            break;
        case 4:
            OK(b->ops->flush(b, &err));
            break;
        case 5:
            if ((r >> 50) % 8)
                break;
            OK(image_close(b, &err));
            b = open_image(name, false);
            if (!b)
                goto out;
            break;
        case 6:
            if (!snapshots || (r >> 50) % 4)
                break;
            if (kept[slot].data) {
                OK(image_snapshot_delete(b, snap, &err));
                free(kept[slot].data);
                kept[slot].data = NULL;
            } else {
                /* Narrow refcounts may refuse another reference, and then nothing must have changed. */
                bool made = image_snapshot_create(b, snap, 1000000000, 5, &err);
                OK(made || strstr(err.text, "as many references"));
                if (made)
                    kept[slot] = model_copy(m);
            }
            break;
        case 7:
            if (!snapshots || (r >> 50) % 8 || !kept[slot].data)
                break;
            OK(image_snapshot_apply(b, snap, &err));
            memcpy(m->data, kept[slot].data, m->size);
            break;
        default:
            for (u64 k = 0; k < len; k++)
                m->data[at + k] = (u8)((r >> 16) + k * (r >> 40 & 7));
            OK(b->ops->write(b, at, m->data + at, len, &err));
        }
    }
    OK(model_same(b, m));
    OK(image_close(b, &err));
    /* What is left of the snapshots, as qemu-img sees it. */
    for (unsigned s = 0; s < KEPT; s++)
        if (kept[s].data) {
            model_write(&kept[s], "kept.raw");
            CU_ASSERT_EQUAL(run("qemu-img convert -l snapshot.name=s%u %s -O raw was.raw && cmp -s was.raw kept.raw", s,
                                name), 0);
        }
out:
    for (unsigned s = 0; s < KEPT; s++)
        free(kept[s].data);
    free(out);
}

static void churn_and_verify(const char *name, u64 seed, int steps, bool snapshots)
{
    struct block_port *b = open_image(name, true);
    if (!b)
        return;
    struct model m = model_of(b);
    image_close(b, NULL);
    churn(name, &m, seed, steps, snapshots);
    verify(name, &m);
    free(m.data);
}

static void test_made_by_qemu(void)
{
    static const char *const options[] = {
        "cluster_size=512", "cluster_size=1K", "cluster_size=2K", "cluster_size=4K", "cluster_size=8K",
        "cluster_size=16K", "cluster_size=32K", "cluster_size=64K", "cluster_size=128K", "cluster_size=256K",
        "cluster_size=512K", "cluster_size=1M", "cluster_size=2M",
        "refcount_bits=1", "refcount_bits=2", "refcount_bits=4", "refcount_bits=8", "refcount_bits=16",
        "refcount_bits=32", "refcount_bits=64", "refcount_bits=64,cluster_size=512", "refcount_bits=1,cluster_size=512",
        "compat=0.10", "compat=0.10,cluster_size=512", "lazy_refcounts=on", "preallocation=metadata",
        "preallocation=full,cluster_size=4K", "compression_type=zstd",
    };
    for (unsigned i = 0; i < ARRAY_LEN(options); i++) {
        run("rm -f a.qcow2; qemu-img create -q -f qcow2 -o %s a.qcow2 6M", options[i]);
        churn_and_verify("a.qcow2", 100 + i, 250, !strstr(options[i], "refcount_bits=1,") &&
                         strcmp(options[i], "refcount_bits=1"));
    }
}

static void test_made_here(void)
{
    char path[128];
    for (unsigned bits = 9; bits <= 21; bits++) {
        unlink(path_of("b.qcow2", path));
        struct image_create c = { .path = path, .format = "qcow2", .size = 5000000, .cluster_bits = bits,
                                  .refcount_bits = 1u << (bits % 6 + 1), .lazy_refcounts = bits & 1,
                                  .compression = bits & 2 ? "zstd" : NULL };
        OK(image_create(&c, &err));
        CU_ASSERT_TRUE(clean("b.qcow2"));
        churn_and_verify("b.qcow2", 200 + bits, 150, true);
    }
    unlink(path);
    struct image_create old = { .path = path, .format = "qcow2", .size = 3000000, .version = 2 };
    OK(image_create(&old, &err));
    CU_ASSERT_FALSE(image_create(&old, &err)); /* it is there already */
    churn_and_verify("b.qcow2", 250, 200, true);
    /* Large: tables of many clusters before anything is written. */
    unlink(path);
    struct image_create large = { .path = path, .format = "qcow2", .size = (u64)64 << 30, .cluster_bits = 9,
                                  .refcount_bits = 64 };
    OK(image_create(&large, &err));
    CU_ASSERT_TRUE(clean("b.qcow2"));
    struct block_port *b = open_image("b.qcow2", false);
    u8 x[8] = "orrery!";
    OK(b->ops->write(b, ((u64)63 << 30) + 13, x, 8, &err));
    OK(image_snapshot_create(b, "large", 1, 1, &err)); /* a run of clusters longer than a refcount block counts */
    OK(b->ops->write(b, ((u64)63 << 30) + 15, x, 8, &err));
    OK(image_close(b, &err));
    CU_ASSERT_TRUE(clean("b.qcow2"));
}

static void test_compressed(void)
{
    static const char *const options[] = {
        "cluster_size=64K", "compression_type=zstd", "compat=0.10", "cluster_size=512", "cluster_size=2M",
        "cluster_size=4K,compression_type=zstd",
    };
    run("{ seq 1 200000; head -c 300000 /dev/urandom; seq 1 300000; } >text.raw; truncate -s 5M text.raw");
    for (unsigned i = 0; i < ARRAY_LEN(options); i++) {
        CU_ASSERT_EQUAL(run("rm -f c.qcow2; qemu-img convert -q -c -O qcow2 -o %s text.raw c.qcow2", options[i]), 0);
        struct block_port *b = open_image("c.qcow2", true), *t = open_image("text.raw", true);
        char h1[IMAGE_HASH_TEXT], h2[IMAGE_HASH_TEXT];
        OK(image_hash(b, h1, NULL, NULL, &err) && image_hash(t, h2, NULL, NULL, &err));
        CU_ASSERT_STRING_EQUAL(h1, h2);
        image_close(b, NULL);
        image_close(t, NULL);
        churn_and_verify("c.qcow2", 300 + i, 200, true);
    }
}

static void test_backing(void)
{
    run("mkdir -p sub; head -c 3M /dev/urandom >sub/base.raw; truncate -s 4M sub/base.raw");
    static const struct {
        const char *make; /* in sub/, ends with top.qcow2 */
    } chains[] = {
        { "qemu-img create -q -f qcow2 -F raw -b base.raw top.qcow2" },
        { "qemu-img create -q -f qcow2 -o compat=0.10,cluster_size=4K -F raw -b base.raw top.qcow2" },
        { "qemu-img create -q -f qcow2 -F raw -b base.raw top.qcow2 7M" },
        { "qemu-img create -q -f qcow2 -F raw -b base.raw top.qcow2 2M" },
        { "qemu-img create -q -f qcow2 -F raw -b base.raw -o cluster_size=512 m.qcow2 && "
          "qemu-io -c 'write -P 9 100k 300k' -c 'write -z 1M 1M' m.qcow2 >/dev/null && "
          "qemu-img convert -q -c -O qcow2 m.qcow2 n.qcow2 && "
          "qemu-img create -q -f qcow2 -F qcow2 -b $PWD/n.qcow2 o.qcow2 6M && "
          "qemu-img create -q -f qcow2 -F qcow2 -b o.qcow2 top.qcow2" },
    };
    for (unsigned i = 0; i < ARRAY_LEN(chains); i++) {
        CU_ASSERT_EQUAL(run("cd sub && rm -f *.qcow2 && %s && md5sum base.raw >sum", chains[i].make), 0);
        churn_and_verify("sub/top.qcow2", 400 + i, 300, true);
        CU_ASSERT_EQUAL(run("cd sub && md5sum --status -c sum"), 0); /* the base never changes */
    }
    /* Made here: size and format of the base are taken over, relative names are the image's. */
    char path[128];
    run("rm -f sub/t.qcow2");
    struct image_create c = { .path = path_of("sub/t.qcow2", path), .format = "qcow2", .backing = "base.raw",
                              .backing_format = "raw", .size_of_backing = true };
    OK(image_create(&c, &err));
    CU_ASSERT_EQUAL(run("qemu-img compare -q sub/t.qcow2 sub/base.raw"), 0);
    churn_and_verify("sub/t.qcow2", 490, 100, false);
}

static void test_snapshots_of_qemu(void)
{
    run("rm -f d.qcow2; qemu-img create -q -f qcow2 d.qcow2 4M; qemu-io -c 'write -P 1 0 1M' d.qcow2 >/dev/null;"
        "qemu-img snapshot -c one d.qcow2; qemu-io -c 'write -P 2 512k 1M' d.qcow2 >/dev/null;"
        "qemu-img snapshot -c two d.qcow2; qemu-io -c 'write -P 3 0 64k' d.qcow2 >/dev/null;"
        "qemu-img resize -q d.qcow2 5M");
    struct block_port *b = open_image("d.qcow2", false);
    struct image_snapshot s;
    CU_ASSERT_EQUAL(image_snapshot_count(b), 2);
    CU_ASSERT_TRUE(image_snapshot_get(b, 1, &s));
    CU_ASSERT_STRING_EQUAL(s.name, "two");
    CU_ASSERT_EQUAL(s.disk_size, 4 << 20);
    CU_ASSERT_FALSE(image_snapshot_get(b, 2, &s));
    CU_ASSERT_FALSE(image_snapshot_apply(b, "three", &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "three"));
    CU_ASSERT_FALSE(image_snapshot_create(b, "one", 0, 0, &err));
    OK(image_snapshot_apply(b, "one", &err));
    CU_ASSERT_EQUAL(b->size, 4 << 20);
    u8 *x = xmalloc(1 << 20), *y = xmalloc(1 << 20);
    memset(y, 1, 1 << 20);
    OK(b->ops->read(b, 0, x, 1 << 20, &err));
    CU_ASSERT_EQUAL(memcmp(x, y, 1 << 20), 0);
    OK(image_snapshot_create(b, "three", 0, 0, &err));
    OK(image_snapshot_delete(b, "one", &err));
    OK(image_close(b, &err));
    CU_ASSERT_TRUE(clean("d.qcow2"));
    CU_ASSERT_EQUAL(run("qemu-img snapshot -a two d.qcow2 && qemu-io -r -c 'read -P 2 512k 1M' d.qcow2 | grep -q fail"),
                    1);
    CU_ASSERT_EQUAL(run("qemu-img snapshot -d three d.qcow2 && qemu-img snapshot -d two d.qcow2"), 0);
    CU_ASSERT_TRUE(clean("d.qcow2"));
    free(x);
    free(y);
    /* Counts of one bit cannot hold a second reference: refused, and nothing has changed. */
    run("rm -f e.qcow2; qemu-img create -q -f qcow2 -o refcount_bits=1 e.qcow2 1M;"
        "qemu-io -c 'write 0 1M' e.qcow2 >/dev/null");
    b = open_image("e.qcow2", false);
    CU_ASSERT_FALSE(image_snapshot_create(b, "no", 0, 0, &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "1 bits"));
    OK(image_close(b, &err));
    CU_ASSERT_TRUE(clean("e.qcow2"));
}

static void test_resize(void)
{
    static const char *const options[] = { "cluster_size=64K", "cluster_size=512", "compat=0.10,cluster_size=1K" };
    for (unsigned i = 0; i < ARRAY_LEN(options); i++)
        for (unsigned based = 0; based < 2; based++) {
            run("rm -f r.qcow2; head -c 3M /dev/urandom >rb.raw; qemu-img create -q -f qcow2 %s -o %s r.qcow2 1000448",
                based ? "-F raw -b rb.raw" : "", options[i]);
            struct block_port *b = open_image("r.qcow2", true);
            struct model m = model_of(b);
            image_close(b, NULL);
            u64 sizes[] = { 4000256, 100352, 2500096, 512, (u64)5 << 20 };
            for (unsigned k = 0; k < ARRAY_LEN(sizes); k++) {
                churn("r.qcow2", &m, i * 10 + k, 30, false);
                b = open_image("r.qcow2", false);
                OK(image_resize(b, sizes[k], &err));
                CU_ASSERT_EQUAL(b->size, sizes[k]);
                OK(image_close(b, &err));
                m.data = xrealloc(m.data, sizes[k] + 1);
                if (sizes[k] > m.size)
                    memset(m.data + m.size, 0, sizes[k] - m.size);
                m.size = sizes[k];
                verify("r.qcow2", &m);
            }
            free(m.data);
        }
}

/* --- Damage --- */

static void poke(const char *name, u64 at, u64 value, unsigned bytes)
{
    char path[128];
    u8 b[8];
    store_be(b, bytes, value);
    int fd = open(path_of(name, path), O_WRONLY);
    CU_ASSERT_EQUAL(pwrite(fd, b, bytes, (off_t)at), (ssize_t)bytes);
    close(fd);
}

static u64 peek(const char *name, u64 at)
{
    char path[128];
    u8 b[8] = { 0 };
    int fd = open(path_of(name, path), O_RDONLY);
    CU_ASSERT_EQUAL(pread(fd, b, 8, (off_t)at), 8);
    close(fd);
    return load_be(b, 8);
}

static void count_line(void *opaque, const char *line)
{
    ++*(unsigned *)opaque;
}

static void test_repair(void)
{
    run("rm -f g.qcow2; qemu-img create -q -f qcow2 -o cluster_size=4K g.qcow2 4M;"
        "qemu-io -c 'write -P 5 0 1M' -c 'write -P 6 2M 1M' g.qcow2 >/dev/null; qemu-img snapshot -c s g.qcow2;"
        "qemu-io -c 'write -P 7 512k 64k' g.qcow2 >/dev/null");
    struct block_port *b = open_image("g.qcow2", true);
    struct model m = model_of(b);
    image_close(b, NULL);
    u64 reft = peek("g.qcow2", 48), block = peek("g.qcow2", reft), l1 = peek("g.qcow2", 40);
    u64 l2 = peek("g.qcow2", l1) & 0x00fffffffffffe00u;
    struct {
        const char *what;
        u64 at, value;
        unsigned bytes;
        bool leak;
    } harms[] = {
        { "a refcount of a used cluster is 0", block + 2 * 20, 0, 2, false },
        { "a refcount is too high", block + 2 * 20, 9, 2, true },
        { "a free cluster counts as used", block + 2 * 1500, 1, 2, true },
        { "no refcount block", reft, 0, 8, false },
        { "a refcount block outside of the file", reft, (u64)1 << 40, 8, false },
        { "a refcount block between clusters", reft, block + 512, 8, false },
        { "a refcount block on the header's neighbour", reft, l2, 8, false },
        { "a copied flag is missing", l1, l2, 8, false },
        { "the dirty bit", 72, 1, 8, false },
        { "the corrupt bit", 72, 2, 8, false },
    };
    for (unsigned i = 0; i < ARRAY_LEN(harms); i++) {
        unsigned lines = 0;
        struct image_check found;
        char path[128];
        run("cp g.qcow2 h.qcow2");
        poke("h.qcow2", harms[i].at, harms[i].value, harms[i].bytes);
        struct image_options o = { .cache = "unsafe", .repairing = true };
        b = image_open(path_of("h.qcow2", path), &o, &err);
        CU_ASSERT_PTR_NOT_NULL_FATAL(b);
        OK(image_check(b, REPAIR_NONE, &found, count_line, &lines, &err));
        bool bits = harms[i].at == 72 || !strcmp(harms[i].what, "a copied flag is missing");
        if (harms[i].leak) {
            CU_ASSERT(found.leaks && !found.corruptions && lines);
            OK(image_check(b, REPAIR_LEAKS, &found, NULL, NULL, &err));
            CU_ASSERT_EQUAL(found.leaks, found.leaks_fixed);
        } else {
            CU_ASSERT((found.corruptions && lines) || bits);
            OK(image_check(b, REPAIR_ALL, &found, NULL, NULL, &err));
            if (found.corruptions != found.corruptions_fixed)
                printf("\n  not repaired: %s\n", harms[i].what);
            CU_ASSERT_EQUAL(found.corruptions, found.corruptions_fixed);
        }
        OK(image_close(b, &err));
        verify("h.qcow2", &m);
        churn_and_verify("h.qcow2", 600 + i, 40, true);
    }
    /* A dirty image repairs itself when opened to be written; a corrupt one is refused then. */
    run("cp g.qcow2 h.qcow2");
    poke("h.qcow2", 72, 1, 8);
    poke("h.qcow2", block + 2 * 20, 0, 2);
    churn_and_verify("h.qcow2", 700, 20, true);
    CU_ASSERT_EQUAL(peek("h.qcow2", 72), 0);
    poke("h.qcow2", 72, 2, 8);
    char path[128];
    CU_ASSERT_PTR_NULL(image_open(path_of("h.qcow2", path), NULL, &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "marked corrupt"));
    b = open_image("h.qcow2", true);
    image_close(b, NULL);
    free(m.data);
}

static void refused(const char *name, const char *word)
{
    char path[128];
    struct image_options o = { .read_only = true };
    struct block_port *b = image_open(path_of(name, path), &o, &err);
    CU_ASSERT_PTR_NULL(b);
    if (b || !strstr(err.text, word))
        printf("\n  %s, expected \"%s\", got: %s\n", name, word, b ? "(it opened)" : err.text);
    CU_ASSERT(!b && strstr(err.text, word));
    image_close(b, NULL);
}

static void test_refused(void)
{
    run("qemu-img create -q -f qcow2 x.qcow2 1M");
    run("cp x.qcow2 y.qcow2");
    poke("y.qcow2", 32, 2, 4);
    refused("y.qcow2", "LUKS");
    run("qemu-img create -q -f qcow2 -o data_file=ext.raw z.qcow2 1M");
    refused("z.qcow2", "data file");
    run("rm -f z.qcow2; qemu-img create -q -f qcow2 -o extended_l2=on z.qcow2 1M");
    refused("z.qcow2", "xtended L2");
    run("cp x.qcow2 y.qcow2");
    poke("y.qcow2", 72, (u64)1 << 40, 8);
    refused("y.qcow2", "bit 40");
    run("cp x.qcow2 y.qcow2");
    poke("y.qcow2", 4, 1, 4);
    refused("y.qcow2", "version 1");
    run("qemu-img create -q -u -f qcow2 -b l2.qcow2 -F qcow2 l1.qcow2 1M;"
        "qemu-img create -q -u -f qcow2 -b l1.qcow2 -F qcow2 l2.qcow2 1M");
    refused("l1.qcow2", "loop");
    run("qemu-img create -q -u -f qcow2 -b nowhere.raw -F raw l3.qcow2 1M");
    refused("l3.qcow2", "nowhere.raw");
    run("qemu-img create -q -u -f qcow2 -b nbd://localhost/x -F raw l4.qcow2 1M");
    refused("l4.qcow2", "only files");
    CU_ASSERT_EQUAL(run("cp x.qcow2 y.qcow2; truncate -s 40 y.qcow2"), 0);
    refused("y.qcow2", "qcow2");
}

int main(void)
{
    if (system("qemu-img --version >/dev/null 2>&1") != 0) {
        printf("skipped: qemu-img is not installed (Debian: apt-get install qemu-utils)\n");
        return 77;
    }
    snprintf(dir, sizeof dir, "%s/orrery-qcow2-XXXXXX", getenv("TMPDIR") && strlen(getenv("TMPDIR")) < 30
                                                            ? getenv("TMPDIR") : "/tmp");
    if (!mkdtemp(dir))
        return 99;
    CU_TestInfo tests[] = {
        { "made by qemu-img, all cluster sizes and refcount widths", test_made_by_qemu },
        { "made here", test_made_here },
        { "compressed clusters", test_compressed },
        { "backing files", test_backing },
        { "snapshots shared with qemu-img", test_snapshots_of_qemu },
        { "resize", test_resize },
        { "check and repair", test_repair },
        { "refused with a reason", test_refused },
        CU_TEST_INFO_NULL,
    };
    int r = unit_main("qcow2", tests);
    char cmd[100];
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    return system(cmd) == 0 ? r : 99;
}
