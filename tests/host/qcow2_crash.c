/* qcow2 when the host dies in the middle: the image then leaks clusters at worst, and what was flushed is there.
 *
 * This program defines pwrite, fdatasync and fallocate, so the library's calls come here and are recorded. A crash
 * is then any state the disk may be in: all writes before the last sync, and any subset of those after it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/rng.h"
#include "host/block/image.h"
#include "tests/unit.h"

#define DISK (2 << 20)

/* --- The recorder --- */

struct record {
    u64 offset, len;
    u8 *data; /* NULL: a hole is punched */
    unsigned epoch; /* how many syncs came before */
};
static struct record records[200000];
static unsigned n_records, epoch;
static bool recording;
static unsigned fail_one_in; /* writes fail, as on a full disk; 0: none */
static u64 fail_seed = 9;

static void record(off_t offset, size_t len, const void *data)
{
    if (!recording || n_records == ARRAY_LEN(records))
        return;
    struct record *r = &records[n_records++];
    *r = (struct record){ (u64)offset, len, data ? xmalloc(len + 1) : NULL, epoch };
    if (data)
        memcpy(r->data, data, len);
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t offset)
{
    if (fail_one_in && rng_next(&fail_seed) % fail_one_in == 0) {
        errno = ENOSPC;
        return -1;
    }
    record(offset, len, data);
    return syscall(SYS_pwrite64, fd, data, len, offset);
}

int fdatasync(int fd)
{
    epoch++;
    return 0;
}

int fallocate(int fd, int mode, off_t offset, off_t len)
{
    record(offset, (size_t)len, NULL);
    return (int)syscall(SYS_fallocate, fd, mode, offset, len);
}

/* --- The test --- */

static struct err err;
static char dir[64];

static int run(const char *cmd)
{
    char whole[512];
    snprintf(whole, sizeof whole, "cd %s && %s", dir, cmd);
    int r = system(whole);
    return WIFEXITED(r) ? WEXITSTATUS(r) : 255;
}

static void replay(int fd, const struct record *r)
{
    if (r->data) {
        CU_ASSERT_EQUAL(syscall(SYS_pwrite64, fd, r->data, r->len, r->offset), (long)r->len);
        return;
    }
    syscall(SYS_fallocate, fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, r->offset, r->len);
}

/* What the guest may rely on: content as of its last flush, except where it wrote or zeroed since. */
struct promise {
    unsigned epoch;
    u8 *data;
};
static struct promise promises[64];
static unsigned n_promises;
static u8 *touched; /* per promise: bytes written between it and the next one, as one array each */

static void make_crash(unsigned at_record, u64 *seed, const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, O_RDWR);
    unsigned last = at_record ? records[at_record - 1].epoch : 0;
    for (unsigned i = 0; i < at_record; i++)
        if (records[i].epoch < last || (rng_next(seed) & 3))
            replay(fd, &records[i]);
    close(fd);
}

static void crash_with(const char *make, u64 seed)
{
    char path[128];
    run("rm -f start.qcow2 work.qcow2");
    CU_ASSERT_EQUAL(run(make), 0);
    run("cp start.qcow2 work.qcow2");
    snprintf(path, sizeof path, "%s/work.qcow2", dir);
    n_records = epoch = n_promises = 0;
    recording = true;
    struct block_port *b = image_open(path, NULL, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    u8 *model = xmalloc(DISK), *now = xmalloc(DISK);
    touched = xcalloc(ARRAY_LEN(promises), DISK);
    CU_ASSERT_TRUE(b->ops->read(b, 0, model, DISK, &err));
    for (int i = 0; i < 120; i++) {
        u64 r = rng_next(&seed), at = rng_next(&seed) % DISK, len = rng_next(&seed) % ((r & 16) ? 100000 : 3000);
        len = len < DISK - at ? len : DISK - at;
        if (r % 8 == 0) {
            CU_ASSERT_TRUE(b->ops->flush(b, &err));
            if (n_promises < ARRAY_LEN(promises)) {
                promises[n_promises] = (struct promise){ epoch, xmalloc(DISK) };
                memcpy(promises[n_promises++].data, model, DISK);
            }
            continue;
        }
        if (r % 8 == 1) {
            memset(model + at, 0, len);
            CU_ASSERT_TRUE(b->ops->zero(b, at, len, &err));
        } else {
            memset(model + at, (int)(r >> 20), len);
            CU_ASSERT_TRUE(b->ops->write(b, at, model + at, len, &err));
        }
        if (n_promises)
            memset(touched + (u64)(n_promises - 1) * DISK + at, 1, len);
    }
    CU_ASSERT_TRUE(image_close(b, &err));
    recording = false;
    CU_ASSERT_TRUE(n_records < ARRAY_LEN(records));
    CU_ASSERT_EQUAL(run("qemu-img check -q work.qcow2 >/dev/null 2>&1"), 0);

    for (int i = 0; i < 40; i++) {
        unsigned at = (unsigned)(rng_next(&seed) % (n_records + 1));
        run("cp start.qcow2 crash.qcow2");
        make_crash(at, &seed, "crash.qcow2");
        int r = run("qemu-img check -q crash.qcow2 >check.txt 2>&1");
        if (r != 0 && r != 3) { /* 3: leaks only */
            printf("\n  after write %u of %u of \"%s\":\n", at, n_records, make);
            run("head -3 check.txt");
        }
        CU_ASSERT(r == 0 || r == 3);
        /* Bytes of the last promise that were not touched after it. */
        unsigned last = at ? records[at - 1].epoch : 0;
        int p = (int)n_promises - 1;
        while (p >= 0 && promises[p].epoch > last)
            p--;
        struct image_options o = { .read_only = true };
        snprintf(path, sizeof path, "%s/crash.qcow2", dir);
        b = p >= 0 ? image_open(path, &o, &err) : NULL;
        if (!b)
            continue;
        CU_ASSERT_TRUE(b->ops->read(b, 0, now, DISK, &err));
        u64 lost = 0;
        for (u64 k = 0; k < DISK; k++)
            lost += now[k] != promises[p].data[k] && !touched[(u64)p * DISK + k];
        CU_ASSERT_EQUAL(lost, 0);
        image_close(b, NULL);
    }
    for (unsigned i = 0; i < n_records; i++)
        free(records[i].data);
    for (unsigned i = 0; i < n_promises; i++)
        free(promises[i].data);
    free(touched);
    free(model);
    free(now);
}

static void test_plain(void)
{
    crash_with("qemu-img create -q -f qcow2 start.qcow2 2M", 1);
    crash_with("qemu-img create -q -f qcow2 -o cluster_size=4K start.qcow2 2M", 2);
}

static void test_growth(void) /* of the refcount table, of tables of L2 */
{
    crash_with("qemu-img create -q -f qcow2 -o cluster_size=512,refcount_bits=64 start.qcow2 2M", 3);
    crash_with("qemu-img create -q -f qcow2 -o cluster_size=512,compat=0.10 start.qcow2 2M", 4);
}

static void test_shared(void) /* with clusters that a snapshot shares, compressed ones, a backing file */
{
    crash_with("qemu-img create -q -f qcow2 -o cluster_size=4K start.qcow2 2M && "
               "qemu-io -c 'write -P 3 0 2M' start.qcow2 >/dev/null && qemu-img snapshot -c s start.qcow2", 5);
    crash_with("seq 1 400000 >t.raw && truncate -s 2M t.raw && qemu-img convert -q -c -O qcow2 t.raw start.qcow2", 6);
    crash_with("head -c 2M /dev/urandom >b.raw && qemu-img create -q -f qcow2 -o cluster_size=1K -F raw -b b.raw "
               "start.qcow2", 7);
}

/* The host's disk is full now and then. What the guest was told is written is there; the image leaks at worst. */
static void full_disk(const char *make, u64 seed)
{
    char path[128];
    run("rm -f start.qcow2");
    CU_ASSERT_EQUAL(run(make), 0);
    snprintf(path, sizeof path, "%s/start.qcow2", dir);
    struct block_port *b = image_open(path, NULL, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    u8 *model = xmalloc(DISK), *unsure = xcalloc(1, DISK), *now = xmalloc(DISK);
    CU_ASSERT_TRUE(b->ops->read(b, 0, model, DISK, &err));
    unsigned failures = 0;
    for (int i = 0; i < 600; i++) {
        u64 r = rng_next(&seed), at = rng_next(&seed) % DISK, len = rng_next(&seed) % ((r & 16) ? 60000 : 3000);
        len = len < DISK - at ? len : DISK - at;
        fail_one_in = i < 580 ? 15 : 0;
        memset(now, (int)(r >> 20), len);
        bool ok;
        if (r % 8 == 0) {
            ok = b->ops->flush(b, &err);
            len = 0;
        } else if (r % 8 == 1) {
            memset(now, 0, len);
            ok = b->ops->zero(b, at, len, &err);
        } else {
            ok = b->ops->write(b, at, now, len, &err);
        }
        failures += !ok;
        memset(unsure + at, !ok, len);
        memcpy(model + at, now, len);
    }
    CU_ASSERT_TRUE(failures > 10);
    fail_one_in = 0;
    CU_ASSERT_TRUE(image_close(b, &err));
    int r = run("qemu-img check -q start.qcow2 >check.txt 2>&1");
    if (r != 0 && r != 3)
        run("head -3 check.txt");
    CU_ASSERT(r == 0 || r == 3);
    struct image_options o = { .read_only = true };
    b = image_open(path, &o, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    CU_ASSERT_TRUE(b->ops->read(b, 0, now, DISK, &err));
    u64 lost = 0;
    for (u64 k = 0; k < DISK; k++)
        lost += now[k] != model[k] && !unsure[k];
    CU_ASSERT_EQUAL(lost, 0);
    image_close(b, NULL);
    free(model);
    free(unsure);
    free(now);
}

static void test_full(void)
{
    full_disk("qemu-img create -q -f qcow2 start.qcow2 2M", 11);
    full_disk("qemu-img create -q -f qcow2 -o cluster_size=512,refcount_bits=64 start.qcow2 2M", 12);
    full_disk("qemu-img create -q -f qcow2 -o cluster_size=4K start.qcow2 2M && "
              "qemu-io -c 'write -P 3 0 2M' start.qcow2 >/dev/null && qemu-img snapshot -c s start.qcow2", 13);
}

int main(void)
{
    if (system("qemu-img --version >/dev/null 2>&1") != 0) {
        printf("skipped: qemu-img is not installed (Debian: apt-get install qemu-utils)\n");
        return 77;
    }
    snprintf(dir, sizeof dir, "/tmp/orrery-crash-XXXXXX");
    if (!mkdtemp(dir))
        return 99;
    CU_TestInfo tests[] = {
        { "allocation", test_plain },
        { "growing tables", test_growth },
        { "copy on write", test_shared },
        { "full disk", test_full },
        CU_TEST_INFO_NULL,
    };
    int r = unit_main("qcow2_crash", tests);
    char cmd[100];
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    return system(cmd) == 0 ? r : 99;
}
