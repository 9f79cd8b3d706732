/* Image ports without qemu-img: raw files, -snapshot overlays, records of changes, locks, hashes; files, firmware. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/rng.h"
#include "host/block/image.h"
#include "host/file/file.h"
#include "tests/unit.h"

static struct err err;
static char dir[64], names[8][128];

/* The path of a file of the test; a few are valid at a time. */
static const char *at(const char *name)
{
    static unsigned turn;
    char *p = names[turn++ % 8];
    snprintf(p, sizeof names[0], "%s/%s", dir, name);
    return p;
}

static void make(const char *name, const char *format, u64 size)
{
    struct image_create c = { .path = at(name), .format = format, .size = size, .replace = true };
    CU_ASSERT_TRUE(image_create(&c, &err));
}

static struct block_port *open_as(const char *name, struct image_options o)
{
    o.cache = "unsafe";
    struct block_port *b = image_open(at(name), &o, &err);
    if (!b)
        printf("\n  %s\n", err.text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    return b;
}

static void fill(struct block_port *b, u8 *model, u64 seed, int steps)
{
    u8 *buf = xmalloc(200000);
    for (int i = 0; i < steps; i++) {
        u64 r = rng_next(&seed), o = rng_next(&seed) % b->size, n = rng_next(&seed) % (r & 8 ? 200000 : 3000);
        n = n < b->size - o ? n : b->size - o;
        if (r % 5 == 0) {
            CU_ASSERT_TRUE(b->ops->zero(b, o, n, &err));
            memset(model + o, 0, n);
        } else if (r % 5 == 1) {
            CU_ASSERT_TRUE(b->ops->read(b, o, buf, n, &err));
            CU_ASSERT_EQUAL(memcmp(buf, model + o, n), 0);
        } else {
            memset(model + o, (int)(r >> 16) | 1, n);
            CU_ASSERT_TRUE(b->ops->write(b, o, model + o, n, &err));
        }
    }
    free(buf);
}

static bool same(struct block_port *b, const u8 *model)
{
    u8 *buf = xmalloc(b->size + 1);
    bool ok = b->ops->read(b, 0, buf, b->size, &err) && !memcmp(buf, model, b->size);
    free(buf);
    return ok;
}

static void test_raw(void)
{
    make("a.img", "raw", 1000003); /* not whole sectors: the guest sees the last one filled up */
    struct block_port *b = open_as("a.img", (struct image_options){ .format = "raw" });
    CU_ASSERT_EQUAL(b->size, 1000448);
    u8 *model = xcalloc(1, b->size), x[8];
    CU_ASSERT_TRUE(same(b, model));
    fill(b, model, 1, 200);
    CU_ASSERT_TRUE(same(b, model));
    CU_ASSERT_FALSE(b->ops->read(b, b->size - 4, x, 8, &err));
    CU_ASSERT_FALSE(b->ops->write(b, UINT64_MAX - 3, x, 8, &err));
    CU_ASSERT_FALSE(b->ops->zero(b, 0, UINT64_MAX, &err));
    CU_ASSERT_TRUE(b->ops->flush(b, &err));
    CU_ASSERT_TRUE(image_resize(b, 2000384, &err));
    CU_ASSERT_EQUAL(b->size, 2000384);
    CU_ASSERT_TRUE(image_close(b, &err));
    b = open_as("a.img", (struct image_options){ .read_only = true });
    CU_ASSERT_FALSE(b->ops->write(b, 0, x, 8, &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "read-only"));
    b->size = 1000448;
    CU_ASSERT_TRUE(same(b, model));
    image_close(b, NULL);
    free(model);
}

static void test_sparse(void)
{
    make("s.img", "raw", 64 << 20);
    struct block_port *b = open_as("s.img", (struct image_options){ .format = "raw" });
    u8 *data = xmalloc(8 << 20);
    memset(data, 7, 8 << 20);
    struct image_info i;
    CU_ASSERT_TRUE(b->ops->write(b, 1 << 20, data, 8 << 20, &err));
    image_get_info(b, &i);
    u64 before = i.disk_size;
    CU_ASSERT_TRUE(b->ops->zero(b, 2 << 20, 6 << 20, &err));
    image_get_info(b, &i);
    if (before > 4 << 20) /* a file system with holes */
        CU_ASSERT_TRUE(i.disk_size <= before - (5 << 20));
    CU_ASSERT_TRUE(image_close(b, &err));
    free(data);
}

static void test_guessed_format(void)
{
    /* A guest must not turn a raw image, opened without a format, into a qcow2 one. */
    static const u8 magic[8] = { 'Q', 'F', 'I', 0xfb, 0, 0, 0, 3 };
    make("g.img", "raw", 65536);
    struct block_port *b = open_as("g.img", (struct image_options){ 0 });
    CU_ASSERT_FALSE(b->ops->write(b, 0, magic, 8, &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "format=raw"));
    CU_ASSERT_TRUE(b->ops->write(b, 0, magic, 3, &err));
    CU_ASSERT_FALSE(b->ops->write(b, 3, magic + 3, 1, &err));
    CU_ASSERT_TRUE(image_close(b, &err));
    b = open_as("g.img", (struct image_options){ .format = "raw" });
    CU_ASSERT_TRUE(b->ops->write(b, 0, magic, 8, &err));
    CU_ASSERT_TRUE(image_close(b, &err));
}

static void test_locks(void)
{
    for (unsigned i = 0; i < 2; i++) {
        make("l.img", i ? "qcow2" : "raw", 1 << 20);
        struct block_port *w = open_as("l.img", (struct image_options){ 0 });
        struct image_options o = { .read_only = true };
        CU_ASSERT_PTR_NULL(image_open(at("l.img"), NULL, &err));
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "another process"));
        CU_ASSERT_PTR_NULL(image_open(at("l.img"), &o, &err));
        struct image_create c = { .path = at("l.img"), .format = "raw", .size = 1, .replace = true };
        CU_ASSERT_FALSE(image_create(&c, &err)); /* nor is it emptied under its user */
        o.share = true;
        struct block_port *r = image_open(at("l.img"), &o, &err);
        CU_ASSERT_PTR_NOT_NULL(r);
        image_close(r, NULL);
        if (system("qemu-img --version >/dev/null 2>&1") == 0) { /* QEMU takes the same locks */
            char cmd[300];
            snprintf(cmd, sizeof cmd, "qemu-img resize -q -f %s %s 2M 2>/dev/null", i ? "qcow2" : "raw", at("l.img"));
            CU_ASSERT_NOT_EQUAL(system(cmd), 0);
        }
        image_close(w, NULL);
        /* Many may read, also as the base of an overlay. */
        o.share = false;
        r = image_open(at("l.img"), &o, &err);
        struct image_options s = { .snapshot = true };
        struct block_port *p = image_open(at("l.img"), &s, &err), *q = image_open(at("l.img"), &s, &err);
        CU_ASSERT(r && p && q);
        CU_ASSERT_PTR_NULL(image_open(at("l.img"), NULL, &err));
        image_close(r, NULL);
        image_close(p, NULL);
        image_close(q, NULL);
    }
}

static void test_overlay(void)
{
    for (unsigned i = 0; i < 2; i++) {
        make("o.img", i ? "qcow2" : "raw", 1000448);
        struct block_port *b = open_as("o.img", (struct image_options){ 0 });
        u8 *model = xcalloc(1, b->size);
        fill(b, model, 5, 60);
        CU_ASSERT_TRUE(image_close(b, &err));
        char before[HOST_HASH_TEXT], after[HOST_HASH_TEXT];
        CU_ASSERT_TRUE(host_file_hash(at("o.img"), before, &err));
        chmod(at("o.img"), 0444); /* it needs no right to write */
        b = open_as("o.img", (struct image_options){ .snapshot = true });
        CU_ASSERT_FALSE(b->read_only);
        CU_ASSERT_TRUE(same(b, model));
        fill(b, model, 6, 300);
        CU_ASSERT_TRUE(same(b, model));
        CU_ASSERT_TRUE(image_close(b, &err));
        CU_ASSERT_TRUE(host_file_hash(at("o.img"), after, &err));
        CU_ASSERT_STRING_EQUAL(before, after);
        chmod(at("o.img"), 0644);
        free(model);
    }
}

/* State A is saved, the guest goes on to B, A is loaded: exactly A, whatever kind of port it is. */
static void test_changes(void)
{
    for (unsigned i = 0; i < 4; i++) {
        bool snapshot = i & 1;
        make("c.img", i & 2 ? "qcow2" : "raw", 2000384);
        struct block_port *b = open_as("c.img", (struct image_options){ 0 });
        u8 *base = xcalloc(1, b->size), *a = xmalloc(b->size), *model = xmalloc(b->size);
        fill(b, base, 10 + i, 60);
        CU_ASSERT_TRUE(image_close(b, &err));
        b = open_as("c.img", (struct image_options){ .snapshot = snapshot });
        CU_ASSERT_TRUE(image_track_writes(b, &err));
        struct buf none = { 0 }, saved = { 0 }, later = { 0 };
        CU_ASSERT_TRUE(image_changes_save(b, &none, &err));
        memcpy(model, base, b->size);
        fill(b, model, 20 + i, 8);
        CU_ASSERT_TRUE(image_changes_save(b, &saved, &err));
        memcpy(a, model, b->size);
        fill(b, model, 30 + i, 40);
        CU_ASSERT_TRUE(image_changes_save(b, &later, &err));
        CU_ASSERT(none.len < saved.len && saved.len < later.len);

        struct reader r = { saved.data, saved.len, 0, false };
        CU_ASSERT_TRUE(image_changes_load(b, &r, &err));
        CU_ASSERT_EQUAL(r.pos, saved.len);
        CU_ASSERT_TRUE(same(b, a));
        struct buf again = { 0 };
        CU_ASSERT_TRUE(image_changes_save(b, &again, &err));
        CU_ASSERT(again.len == saved.len && !memcmp(again.data, saved.data, saved.len));
        r = (struct reader){ later.data, later.len, 0, false };
        CU_ASSERT_TRUE(image_changes_load(b, &r, &err));
        CU_ASSERT_TRUE(same(b, model));
        r = (struct reader){ none.data, none.len, 0, false };
        CU_ASSERT_TRUE(image_changes_load(b, &r, &err));
        CU_ASSERT_TRUE(same(b, base));

        /* Damaged records change nothing. */
        u64 seed = 40 + i;
        for (size_t cut = 0; cut < saved.len; cut += 1 + saved.len / 50) {
            r = (struct reader){ saved.data, cut, 0, false };
            CU_ASSERT_FALSE(image_changes_load(b, &r, &err));
        }
        for (unsigned k = 0; k < 24; k++) { /* the head, and the first index */
            u8 old = saved.data[k];
            saved.data[k] ^= (u8)(1u << (rng_next(&seed) % 7 + 1));
            r = (struct reader){ saved.data, saved.len, 0, false };
            CU_ASSERT_FALSE(image_changes_load(b, &r, &err));
            saved.data[k] = old;
        }
        CU_ASSERT_TRUE(same(b, base));
        CU_ASSERT_TRUE(image_close(b, &err));
        buf_free(&again);

        /* A port that keeps no changes takes a record without any, and refuses to write another into the image. */
        b = open_as("c.img", (struct image_options){ 0 });
        r = (struct reader){ none.data, none.len, 0, false };
        CU_ASSERT_TRUE(b->ops->changes_load(b, &r, &err));
        r = (struct reader){ saved.data, saved.len, 0, false };
        CU_ASSERT_FALSE(b->ops->changes_load(b, &r, &err));
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "-snapshot"));
        CU_ASSERT_TRUE(same(b, base));
        CU_ASSERT_TRUE(image_close(b, &err));

        /* In another process: the base as it was, the changes on top. */
        b = open_as("c.img", (struct image_options){ .snapshot = true });
        r = (struct reader){ saved.data, saved.len, 0, false };
        CU_ASSERT_TRUE(b->ops->changes_load(b, &r, &err));
        CU_ASSERT_TRUE(same(b, a));
        again = (struct buf){ 0 };
        b->ops->changes_save(b, &again);
        CU_ASSERT(again.len == saved.len && !memcmp(again.data, saved.data, saved.len));
        image_close(b, NULL);
        buf_free(&none);
        buf_free(&saved);
        buf_free(&later);
        buf_free(&again);
        free(base);
        free(a);
        free(model);
    }
}

static void sum_lengths(void *opaque, u64 offset, u64 len)
{
    u64 *sum = opaque;
    sum[0] += len;
    sum[1]++;
}

static void test_changed_ranges(void)
{
    make("t.img", "raw", 1000448);
    struct block_port *b = open_as("t.img", (struct image_options){ .format = "raw" });
    u8 x[4] = { 1 };
    u64 sum[2] = { 0 };
    CU_ASSERT_TRUE(b->ops->write(b, 0, x, 4, &err)); /* before tracking */
    CU_ASSERT_TRUE(image_track_writes(b, &err));
    CU_ASSERT_TRUE(b->ops->write(b, 65536 * 3 - 2, x, 4, &err)); /* two chunks */
    CU_ASSERT_TRUE(b->ops->write(b, 1000444, x, 4, &err));       /* the last, short one */
    image_changes_each(b, sum_lengths, sum);
    CU_ASSERT_EQUAL(sum[1], 2);
    CU_ASSERT_EQUAL(sum[0], 2 * 65536 + 1000448 % 65536);
    CU_ASSERT_TRUE(image_close(b, &err));
}

static bool cancel(void *opaque, u64 done, u64 total)
{
    return false;
}

static void test_hash(void)
{
    char h[3][IMAGE_HASH_TEXT];
    static const char *const formats[] = { "raw", "qcow2", "qcow2" };
    for (unsigned i = 0; i < 3; i++) {
        make("h.img", formats[i], 40 << 20);
        struct block_port *b = open_as("h.img", (struct image_options){ .format = formats[i], .snapshot = i == 2 });
        u8 *model = xcalloc(1, b->size);
        fill(b, model, 77, 100);
        CU_ASSERT_TRUE(image_hash(b, h[i], NULL, NULL, &err));
        char other[IMAGE_HASH_TEXT];
        CU_ASSERT_FALSE(image_hash(b, other, cancel, NULL, &err));
        model[12345678] ^= 1;
        CU_ASSERT_TRUE(b->ops->write(b, 12345678, model + 12345678, 1, &err));
        CU_ASSERT_TRUE(image_hash(b, other, NULL, NULL, &err));
        CU_ASSERT_STRING_NOT_EQUAL(other, h[i]);
        image_close(b, NULL);
        free(model);
    }
    CU_ASSERT_STRING_EQUAL(h[0], h[1]);
    CU_ASSERT_STRING_EQUAL(h[0], h[2]);
    /* An enormous empty disk takes no time. */
    struct image_create c = { .path = at("huge.qcow2"), .format = "qcow2", .size = (u64)1 << 50, .cluster_bits = 21 };
    CU_ASSERT_TRUE(image_create(&c, &err));
    struct block_port *b = open_as("huge.qcow2", (struct image_options){ 0 });
    CU_ASSERT_TRUE(image_hash(b, h[0], NULL, NULL, &err));
    CU_ASSERT_TRUE(b->ops->zero(b, 0, b->size, &err));
    CU_ASSERT_TRUE(image_close(b, &err));
    /* Nor does discarding all of a large one while changes are recorded: what is zero already has not changed. */
    for (unsigned i = 0; i < 2; i++) {
        make("large.img", "raw", (u64)64 << 30);
        b = open_as("large.img", (struct image_options){ .format = "raw", .snapshot = i });
        u8 x[3] = { 1, 2, 3 };
        u64 sum[2] = { 0 };
        CU_ASSERT_TRUE(b->ops->write(b, (u64)50 << 30, x, 3, &err));
        CU_ASSERT_TRUE(image_track_writes(b, &err));
        CU_ASSERT_TRUE(b->ops->zero(b, 0, b->size, &err));
        CU_ASSERT_TRUE(b->ops->read(b, (u64)50 << 30, x, 3, &err));
        CU_ASSERT(!x[0] && !x[1] && !x[2]);
        image_changes_each(b, sum_lengths, sum);
        CU_ASSERT_EQUAL(sum[0], 65536);
        CU_ASSERT_TRUE(image_close(b, &err));
    }
}

static void test_options(void)
{
    make("p.img", "raw", 4096);
    struct image_options o = { .format = "qcow" };
    CU_ASSERT_PTR_NULL(image_open(at("p.img"), &o, &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "did you mean \"qcow2\""));
    o = (struct image_options){ .cache = "writebak" };
    CU_ASSERT_PTR_NULL(image_open(at("p.img"), &o, &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "writeback"));
    CU_ASSERT_PTR_NULL(image_open(dir, NULL, &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "directory"));
    CU_ASSERT_PTR_NULL(image_open(at("nothing.img"), NULL, &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "no such image"));
    CU_ASSERT_EQUAL(mkfifo(at("fifo"), 0600), 0);
    CU_ASSERT_PTR_NULL(image_open(at("fifo"), NULL, &err)); /* and does not wait for a writer */
    CU_ASSERT_TRUE(image_close(NULL, &err));
}

static void test_files(void)
{
    struct buf b = { 0 };
    CU_ASSERT_TRUE(host_file_save(at("f"), "hello", 5, &err));
    CU_ASSERT_TRUE(host_file_load(at("f"), &b, &err));
    CU_ASSERT(b.len == 5 && !memcmp(b.data, "hello", 5));
    chmod(at("f"), 0640);
    CU_ASSERT_TRUE(host_file_save(at("f"), "", 0, &err));
    struct stat st;
    CU_ASSERT_EQUAL(stat(at("f"), &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 0777, 0640);
    CU_ASSERT_TRUE(host_file_load(at("f"), &b, &err));
    CU_ASSERT_EQUAL(b.len, 0);
    CU_ASSERT_TRUE(host_file_load("/proc/self/status", &b, &err)); /* says size 0 */
    CU_ASSERT_TRUE(b.len > 100);
    size_t kept = b.len;
    CU_ASSERT_FALSE(host_file_load(at("missing"), &b, &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "no such file"));
    CU_ASSERT_EQUAL(b.len, kept);
    CU_ASSERT_FALSE(host_file_load(dir, &b, &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "directory"));
    CU_ASSERT_FALSE(host_file_load(at("f/g"), &b, &err));
    CU_ASSERT_FALSE(host_file_save(dir, "x", 1, &err));
    CU_ASSERT_FALSE(host_file_save(at("no/such/dir"), "x", 1, &err));
    if (geteuid() != 0) {
        chmod(at("f"), 0);
        CU_ASSERT_FALSE(host_file_load(at("f"), &b, &err));
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "not allowed"));
    }
    CU_ASSERT_EQUAL(symlink("target", at("link")), 0);
    CU_ASSERT_TRUE(host_file_save(at("target"), "1", 1, &err));
    CU_ASSERT_TRUE(host_file_save(at("link"), "two", 3, &err));
    CU_ASSERT(lstat(at("link"), &st) == 0 && S_ISLNK(st.st_mode));
    char h[HOST_HASH_TEXT];
    CU_ASSERT_TRUE(host_file_save(at("empty"), "", 0, &err) && host_file_hash(at("empty"), h, &err));
    CU_ASSERT_STRING_EQUAL(h, "99aa06d3014798d86001c324468d497f"); /* XXH3-128 of nothing, seed 0 */
    buf_free(&b);
}

static void test_firmware(void)
{
    char *p;
    CU_ASSERT_EQUAL(mkdir(at("fw"), 0700), 0);
    CU_ASSERT_TRUE(host_file_save(at("fw/fw_dynamic.bin"), "x", 1, &err));
    CU_ASSERT_TRUE(host_file_save(at("fw/mine.bin"), "x", 1, &err));
    char *path = xprintf("/nonexistent:%s/fw", dir);
    setenv("ORRERY_FIRMWARE_PATH", path, 1);
    free(path);
    p = host_firmware_find("default", &err);
    CU_ASSERT(p && !strcmp(p, at("fw/fw_dynamic.bin")));
    free(p);
    p = host_firmware_find("mine.bin", &err);
    CU_ASSERT(p && !strcmp(p, at("fw/mine.bin")));
    free(p);
    CU_ASSERT_PTR_NULL(host_firmware_find("theirs.bin", &err));
    CU_ASSERT(strstr(err.text, "theirs.bin") && strstr(err.text, "/nonexistent"));
    CU_ASSERT_PTR_NULL(host_firmware_find("./none.bin", &err));
    unsetenv("ORRERY_FIRMWARE_PATH");
    static const char *const known[] = { "default", "u-boot" };
    for (unsigned i = 0; i < 2; i++) {
        p = host_firmware_find(known[i], &err); /* with Debian's packages a file, without a hint */
        CU_ASSERT(p ? access(p, R_OK) == 0 : strstr(err.text, "apt-get install") != NULL);
        free(p);
    }
}

int main(void)
{
    snprintf(dir, sizeof dir, "/tmp/orrery-block-XXXXXX");
    if (!mkdtemp(dir))
        return 99;
    CU_TestInfo tests[] = {
        { "raw", test_raw },
        { "sparse", test_sparse },
        { "guessed format", test_guessed_format },
        { "locks", test_locks },
        { "overlay", test_overlay },
        { "changes saved and loaded", test_changes },
        { "changed ranges", test_changed_ranges },
        { "hash", test_hash },
        { "options", test_options },
        { "files", test_files },
        { "firmware", test_firmware },
        CU_TEST_INFO_NULL,
    };
    int r = unit_main("block", tests);
    char cmd[100];
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    return system(cmd) == 0 ? r : 99;
}
