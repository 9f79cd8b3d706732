#include "cli/img.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/suggest.h"
#include "host/block/image.h"

/* --- Arguments --- */

struct args {
    const char *f, *F, *O, *o, *b, *r, *c, *a, *d; /* as the options of one letter */
    bool l, U, q, shrink;
    const char *rest[4];
    int n_rest;
};

struct command {
    const char *name, *flags; /* letters that take a value are followed by ':' */
    int (*run)(struct args *a);
    int least, most; /* plain arguments */
    const char *usage, *what, *help;
};

static int fail(const struct err *e, int status)
{
    fprintf(stderr, "orrery img: %s\n", e->text);
    return status;
}

static bool parse_size(const char *text, u64 *out, struct err *e)
{
    static const char units[] = "bkmgtpe";
    char *end;
    unsigned long long v = strtoull(text, &end, 10);
    unsigned shift = 0;
    if (*end) {
        const char *u = strchr(units, *end | 0x20);
        if (!u || end[1])
            end = (char *)text; /* not understood */
        else
            shift = 10 * (unsigned)(u - units);
    }
    if (end == text || text[0] == '-' || text[0] == '+' || v > (u64)INT64_MAX >> shift)
        return err_set(e, "\"%s\" is not a size; write bytes, or with K, M, G, T or P behind: 512, 64K, 10G", text);
    *out = (u64)v << shift;
    return true;
}

static const char *size_text(u64 v, char out[64])
{
    static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    unsigned u = 0;
    u64 whole = v, rest = 0;
    for (; whole >= 1024 && u + 1 < ARRAY_LEN(units); u++) {
        rest = whole % 1024;
        whole /= 1024;
    }
    if (!u)
        snprintf(out, 64, "%llu bytes", (unsigned long long)v);
    else if (rest * 10 / 1024)
        snprintf(out, 64, "%llu.%u %s (%llu bytes)", (unsigned long long)whole, (unsigned)(rest * 10 / 1024), units[u],
                 (unsigned long long)v);
    else
        snprintf(out, 64, "%llu %s (%llu bytes)", (unsigned long long)whole, units[u], (unsigned long long)v);
    return out;
}

/* --- Progress --- */

struct progress {
    const char *what;
    struct timespec start;
    int shown; /* percent; -1: nothing yet */
    bool quiet;
};

static struct progress progress_start(const char *what, bool quiet)
{
    struct progress p = { .what = what, .shown = -1, .quiet = quiet || !isatty(STDERR_FILENO) };
    clock_gettime(CLOCK_MONOTONIC, &p.start);
    return p;
}

static bool progress_step(void *opaque, u64 done, u64 total)
{
    struct progress *p = opaque;
    struct timespec now;
    int percent = total ? (int)((u128)done * 100 / total) : 100;
    if (p->quiet || percent == p->shown)
        return true;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (now.tv_sec - p->start.tv_sec + (now.tv_nsec < p->start.tv_nsec ? -1 : 0) < 1)
        return true;
    p->shown = percent;
    fprintf(stderr, "\r%s: %d%%", p->what, percent);
    return true;
}

static void progress_end(struct progress *p)
{
    if (p->shown >= 0)
        fprintf(stderr, "\r%s: done\n", p->what);
}

/* --- Opening --- */

static struct block_port *open_one(const char *path, const char *format, bool read_only, bool share, struct err *e)
{
    struct image_options o = { .format = format, .read_only = read_only, .share = share };
    return image_open(path, &o, e);
}

static int close_one(struct block_port *b, int status)
{
    struct err e;
    if (image_close(b, &e))
        return status;
    return fail(&e, status ? status : 1);
}

/* --- create --- */

static bool on_off(const char *value, bool *out)
{
    *out = !strcmp(value, "on") || !strcmp(value, "true") || !strcmp(value, "yes");
    return *out || !strcmp(value, "off") || !strcmp(value, "false") || !strcmp(value, "no");
}

/* One of -o's name=value. */
static bool create_option(struct image_create *c, const char *name, const char *value, struct err *e)
{
    static const char *const names[] = { "cluster_size", "compat", "refcount_bits", "lazy_refcounts",
                                         "compression_type", "backing_file", "backing_fmt", "size" };
    u64 v;
    if (!strcmp(name, "cluster_size")) {
        if (!parse_size(value, &v, e))
            return false;
        if (v < 512 || v > 2 << 20 || v & (v - 1))
            return err_set(e, "cluster_size=%s: it is a power of two from 512 to 2M", value);
        c->cluster_bits = (unsigned)__builtin_ctzll(v);
    } else if (!strcmp(name, "compat")) {
        bool old = !strcmp(value, "0.10") || !strcmp(value, "v2");
        if (!old && strcmp(value, "1.1") && strcmp(value, "v3"))
            return err_set(e, "compat=%s: it is 0.10 (version 2) or 1.1 (version 3)", value);
        c->version = old ? 2 : 3;
    } else if (!strcmp(name, "refcount_bits")) {
        if (!parse_size(value, &v, e))
            return false;
        if (v < 1 || v > 64 || v & (v - 1))
            return err_set(e, "refcount_bits=%s: it is 1, 2, 4, 8, 16, 32 or 64", value);
        c->refcount_bits = (unsigned)v;
    } else if (!strcmp(name, "lazy_refcounts")) {
        if (!on_off(value, &c->lazy_refcounts))
            return err_set(e, "lazy_refcounts=%s: it is on or off", value);
    } else if (!strcmp(name, "compression_type")) {
        c->compression = value;
    } else if (!strcmp(name, "backing_file")) {
        c->backing = value;
    } else if (!strcmp(name, "backing_fmt")) {
        c->backing_format = value;
    } else if (!strcmp(name, "size")) {
        return parse_size(value, &c->size, e);
    } else {
        const char *best = NULL;
        unsigned score = 0;
        for (unsigned i = 0; i < ARRAY_LEN(names); i++)
            suggest(name, names[i], &best, &score);
        return err_set(e, "-o %s is not known%s%s%s", name, best ? "; did you mean " : "", best ? best : "",
                       best ? "?" : "");
    }
    return true;
}

/* Cuts `list` (a copy that lives on) into name=value pairs. */
static bool create_options(struct image_create *c, char *list, struct err *e)
{
    for (char *save = NULL, *o = list ? strtok_r(list, ",", &save) : NULL; o; o = strtok_r(NULL, ",", &save)) {
        char *eq = strchr(o, '=');
        if (!eq)
            return err_set(e, "-o %s: write name=value", o);
        *eq = 0;
        if (!create_option(c, o, eq + 1, e))
            return false;
    }
    if (c->format && !strcmp(c->format, "raw") &&
        (c->cluster_bits || c->version || c->refcount_bits || c->lazy_refcounts || c->compression))
        return err_set(e, "a raw image has no such options; use -f qcow2");
    return true;
}

static int run_create(struct args *a)
{
    struct err e;
    struct image_create c = { .path = a->rest[0], .format = a->f ? a->f : "raw", .backing = a->b,
                              .backing_format = a->F };
    char *list = a->o ? xstrdup(a->o) : NULL;
    bool ok = create_options(&c, list, &e);
    if (ok && a->n_rest > 1)
        ok = parse_size(a->rest[1], &c.size, &e);
    if (ok && a->n_rest < 2 && !c.size) {
        c.size_of_backing = c.backing != NULL;
        if (!c.backing)
            ok = err_set(&e, "%s: how large is it to be? Add a size: orrery img create %s 10G", c.path, c.path);
    }
    ok = ok && image_create(&c, &e);
    if (ok && !a->q)
        printf("%s: made, %s%s%s\n", c.path, c.format, c.backing ? ", backed by " : "", c.backing ? c.backing : "");
    free(list);
    return ok ? 0 : fail(&e, 1);
}

/* --- info, snapshot -l --- */

static void list_snapshots(struct block_port *b)
{
    struct image_snapshot s;
    printf("%-4s %-24s %12s  %-19s  %s\n", "ID", "NAME", "VM STATE", "TAKEN (UTC)", "VM CLOCK");
    for (unsigned i = 0; image_snapshot_get(b, i, &s); i++) {
        char taken[32];
        time_t at = s.seconds;
        struct tm tm;
        strftime(taken, sizeof taken, "%Y-%m-%d %H:%M:%S", gmtime_r(&at, &tm));
        u64 ms = s.vm_clock_ns / 1000000;
        printf("%-4s %-24s %12llu  %-19s  %02llu:%02llu:%02llu.%03llu\n", s.id, s.name,
               (unsigned long long)s.vm_state_size, taken, (unsigned long long)(ms / 3600000),
               (unsigned long long)(ms / 60000 % 60), (unsigned long long)(ms / 1000 % 60),
               (unsigned long long)(ms % 1000));
    }
}

static int run_info(struct args *a)
{
    struct err e;
    struct block_port *b = open_one(a->rest[0], a->f, true, a->U, &e);
    if (!b)
        return fail(&e, 1);
    struct image_info i;
    char t[64];
    image_get_info(b, &i);
    printf("image: %s\nformat: %s\n", i.path, i.format);
    printf("virtual size: %s\n", size_text(i.size, t));
    printf("disk size: %s\n", size_text(i.disk_size, t));
    if (i.cluster_size) {
        printf("version: %u (compat %s)\n", i.version, i.version == 2 ? "0.10" : "1.1");
        printf("cluster size: %s\n", size_text(i.cluster_size, t));
        printf("refcount bits: %u\nlazy refcounts: %s\ncompression: %s\n", i.refcount_bits,
               i.lazy_refcounts ? "on" : "off", i.compression);
        printf("dirty: %s\ncorrupt: %s\n", i.dirty ? "yes" : "no", i.corrupt ? "yes" : "no");
    }
    if (i.backing)
        printf("backing file: %s (%s), opened as %s\n", i.backing, i.backing_format ? i.backing_format : "guessed",
               i.backing_path);
    if (i.n_snapshots) {
        printf("snapshots:\n");
        list_snapshots(b);
    }
    return close_one(b, 0);
}

/* --- check --- */

static void tell_line(void *opaque, const char *line)
{
    printf("%s\n", line);
}

static int run_check(struct args *a)
{
    struct err e;
    enum image_repair repair = REPAIR_NONE;
    if (a->r) {
        if (strcmp(a->r, "leaks") && strcmp(a->r, "all")) {
            err_set(&e, "-r %s: it is \"leaks\" or \"all\"", a->r);
            return fail(&e, 2);
        }
        repair = !strcmp(a->r, "all") ? REPAIR_ALL : REPAIR_LEAKS;
    }
    struct image_options o = { .format = a->f, .read_only = repair == REPAIR_NONE, .share = a->U, .repairing = true };
    struct block_port *b = image_open(a->rest[0], &o, &e);
    if (!b)
        return fail(&e, 1);
    struct image_info info;
    image_get_info(b, &info);
    if (!info.cluster_size) {
        printf("%s: a %s image has nothing that could be inconsistent\n", a->rest[0], info.format);
        return close_one(b, 0);
    }
    struct image_check r;
    if (!image_check(b, repair, &r, a->q ? NULL : tell_line, NULL, &e)) {
        fail(&e, 1);
        return close_one(b, 1);
    }
    if (!a->q) {
        char t[64];
        if (r.corruptions || r.leaks)
            printf("%llu errors, %llu leaked clusters", (unsigned long long)r.corruptions, (unsigned long long)r.leaks);
        else
            printf("no errors");
        if (repair != REPAIR_NONE && (r.corruptions || r.leaks))
            printf("; repaired: %llu errors, %llu leaks", (unsigned long long)r.corruptions_fixed,
                   (unsigned long long)r.leaks_fixed);
        else if (r.corruptions || r.leaks)
            printf("; \"orrery img check -r %s %s\" repairs (make a copy first)", r.corruptions ? "all" : "leaks",
                   a->rest[0]);
        printf("\n%llu of %llu clusters allocated, %llu compressed; in use up to %s\n", (unsigned long long)r.allocated,
               (unsigned long long)r.total, (unsigned long long)r.compressed, size_text(r.end, t));
    }
    int status = r.corruptions > r.corruptions_fixed ? 2 : r.leaks > r.leaks_fixed ? 3 : 0;
    return close_one(b, status);
}

/* --- convert, compare --- */

#define STEP (1 << 20)

static bool all_zero(const u8 *p, size_t n)
{
    return !n || (!p[0] && !memcmp(p, p + 1, n - 1));
}

/* The next piece of at most STEP bytes at `at`, and whether it is known to be zero without reading it. */
static bool piece(struct block_port *b, u64 at, u64 *n, bool *zero, struct err *e)
{
    struct image_extent x;
    if (!image_extent_at(b, at, &x, e))
        return false;
    *zero = x.kind == EXTENT_ZERO || x.kind == EXTENT_UNALLOCATED;
    *n = *zero || x.len < STEP ? x.len : STEP;
    return true;
}

static bool copy_all(struct block_port *from, struct block_port *to, struct progress *p, struct err *e)
{
    u8 *buf = xmalloc(STEP);
    bool ok = true;
    for (u64 at = 0, n; ok && at < from->size; at += n) {
        bool zero;
        ok = piece(from, at, &n, &zero, e);
        if (ok && !zero) {
            /* Small holes are left out too: 4 KiB at a time. */
            ok = from->ops->read(from, at, buf, n, e);
            for (u64 k = 0, run; ok && k < n; k += run) {
                u64 unit = n - k < 4096 ? n - k : 4096;
                bool blank = all_zero(buf + k, unit);
                for (run = unit; k + run < n; run += unit) {
                    unit = n - k - run < 4096 ? n - k - run : 4096;
                    if (all_zero(buf + k + run, unit) != blank)
                        break;
                }
                ok = blank || to->ops->write(to, at + k, buf + k, run, e);
            }
        }
        progress_step(p, at, from->size);
    }
    free(buf);
    return ok;
}

static int run_convert(struct args *a)
{
    struct err e;
    struct block_port *from = open_one(a->rest[0], a->f, true, a->U, &e), *to = NULL;
    if (!from)
        return fail(&e, 1);
    struct stat s, d;
    struct image_create c = { .path = a->rest[1], .format = a->O ? a->O : "raw", .size = from->size, .replace = true,
                              .backing = a->b, .backing_format = a->F };
    char *list = a->o ? xstrdup(a->o) : NULL;
    bool ok = create_options(&c, list, &e);
    if (ok && c.backing)
        ok = err_set(&e, "convert makes a whole image; to keep a backing file use create -b");
    if (ok && stat(a->rest[0], &s) == 0 && stat(a->rest[1], &d) == 0 && s.st_dev == d.st_dev && s.st_ino == d.st_ino)
        ok = err_set(&e, "%s and %s are the same file; convert to another name", a->rest[0], a->rest[1]);
    ok = ok && image_create(&c, &e);
    if (ok) {
        struct image_options o = { .format = c.format };
        to = image_open(a->rest[1], &o, &e);
        struct progress p = progress_start("converting", a->q);
        ok = to && copy_all(from, to, &p, &e);
        progress_end(&p);
        if (to && !image_close(to, ok ? &e : NULL))
            ok = false;
        if (!ok)
            unlink(a->rest[1]); /* half an image is worse than none */
    }
    free(list);
    image_close(from, NULL);
    return ok ? 0 : fail(&e, 1);
}

static int run_compare(struct args *a)
{
    struct err e;
    struct block_port *x = open_one(a->rest[0], a->f, true, a->U, &e);
    struct block_port *y = x ? open_one(a->rest[1], a->F, true, a->U, &e) : NULL;
    if (!y) {
        image_close(x, NULL);
        return fail(&e, 2);
    }
    /* Beyond the end of the shorter one only zeroes are equal to nothing. */
    u64 size = x->size > y->size ? x->size : y->size;
    u8 *p = xmalloc(STEP), *q = xmalloc(STEP);
    int status = 0;
    struct progress shown = progress_start("comparing", a->q);
    for (u64 at = 0, n; !status && at < size; at += n) {
        u64 nx = size - at, ny = size - at;
        bool zx = true, zy = true;
        if ((at < x->size && !piece(x, at, &nx, &zx, &e)) || (at < y->size && !piece(y, at, &ny, &zy, &e))) {
            status = 2;
            break;
        }
        n = nx < ny ? nx : ny;
        if (zx && zy)
            continue;
        n = n < STEP ? n : STEP;
        memset(p, 0, n);
        memset(q, 0, n);
        if ((!zx && !x->ops->read(x, at, p, n, &e)) || (!zy && !y->ops->read(y, at, q, n, &e))) {
            status = 2;
            break;
        }
        for (u64 k = 0; k < n && !status; k++)
            if (p[k] != q[k]) {
                status = 1;
                if (!a->q)
                    printf("they differ first at byte %llu: 0x%02x and 0x%02x\n", (unsigned long long)(at + k), p[k],
                           q[k]);
            }
        progress_step(&shown, at, size);
    }
    progress_end(&shown);
    if (!status && !a->q)
        printf("the contents are equal%s\n", x->size != y->size ? " (one is longer, with zeroes)" : "");
    if (status == 2)
        fail(&e, 2);
    free(p);
    free(q);
    image_close(x, NULL);
    image_close(y, NULL);
    return status;
}

/* --- snapshot, resize, map --- */

static int run_snapshot(struct args *a)
{
    struct err e;
    if ((a->c != NULL) + (a->a != NULL) + (a->d != NULL) + a->l > 1) {
        err_set(&e, "one of -l, -c, -a and -d at a time");
        return fail(&e, 2);
    }
    bool change = a->c || a->a || a->d;
    struct block_port *b = open_one(a->rest[0], a->f, !change, a->U, &e);
    if (!b)
        return fail(&e, 1);
    bool ok = true;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (a->c)
        ok = image_snapshot_create(b, a->c, (u32)now.tv_sec, (u32)now.tv_nsec, &e);
    else if (a->a)
        ok = image_snapshot_apply(b, a->a, &e);
    else if (a->d)
        ok = image_snapshot_delete(b, a->d, &e);
    else
        list_snapshots(b);
    return close_one(b, ok ? 0 : fail(&e, 1));
}

static int run_resize(struct args *a)
{
    struct err e;
    struct block_port *b = open_one(a->rest[0], a->f, false, false, &e);
    if (!b)
        return fail(&e, 1);
    const char *text = a->rest[1];
    char t[64];
    u64 v;
    bool ok = parse_size(text + (*text == '+' || *text == '-'), &v, &e);
    if (ok && *text == '+')
        v = v > INT64_MAX - b->size ? INT64_MAX : b->size + v;
    if (ok && *text == '-')
        ok = v <= b->size || err_set(&e, "%s: has only %s", a->rest[0], size_text(b->size, t));
    if (ok && *text == '-')
        v = b->size - v;
    if (ok && v < b->size && !a->shrink)
        ok = err_set(&e, "%s: shrinking to %s cuts off its end for good; add --shrink if that is meant", a->rest[0],
                     size_text(v, t));
    ok = ok && image_resize(b, v, &e);
    if (ok && !a->q)
        printf("%s: now %s\n", a->rest[0], size_text(b->size, t));
    return close_one(b, ok ? 0 : fail(&e, 1));
}

static int run_map(struct args *a)
{
    static const char *const kinds[] = { "data", "zero", "compressed", "unallocated" };
    struct err e;
    struct block_port *b = open_one(a->rest[0], a->f, true, a->U, &e);
    if (!b)
        return fail(&e, 1);
    printf("%-18s %-18s %-12s %5s  %s\n", "OFFSET", "LENGTH", "KIND", "DEPTH", "IN THE FILE");
    struct image_extent last = { 0 };
    for (u64 at = 0; at <= b->size;) {
        struct image_extent x = { 0 };
        if (at < b->size && !image_extent_at(b, at, &x, &e)) {
            fail(&e, 1);
            return close_one(b, 1);
        }
        bool joins = last.len && x.len && x.kind == last.kind && x.depth == last.depth && x.has_host == last.has_host &&
                     (!x.has_host || x.host == last.host + last.len);
        if (joins) {
            last.len += x.len;
        } else {
            if (last.len) {
                printf("0x%-16llx 0x%-16llx %-12s %5u", (unsigned long long)last.offset, (unsigned long long)last.len,
                       kinds[last.kind], last.depth);
                if (last.has_host && last.kind == EXTENT_DATA)
                    printf("  0x%llx", (unsigned long long)last.host);
                printf("\n");
            }
            last = x;
        }
        if (!x.len)
            break;
        at += x.len;
    }
    return close_one(b, 0);
}

/* --- The table --- */

#define EXIT_1 "Exit status: 0 done, 1 failed, 2 usage.\n"

static const struct command commands[] = {
    { "create", "f:o:b:F:q", run_create, 1, 2, "[-f FORMAT] [-o NAME=VALUE,...] [-b BASE [-F FORMAT]] FILE [SIZE]",
      "make an empty image, or one on top of another",
      "  -f FORMAT  raw (default) or qcow2\n"
      "  -o LIST    for qcow2: cluster_size=512..2M, compat=0.10|1.1, refcount_bits=1..64, lazy_refcounts=on|off,\n"
      "             compression_type=zlib|zstd\n"
      "  -b BASE    what the new image does not have is read from BASE, which never changes\n"
      "  -F FORMAT  the format of BASE\n\n"
      "Examples:\n"
      "  orrery img create -f qcow2 disk.qcow2 10G\n"
      "  orrery img create -f qcow2 -b debian.qcow2 -F qcow2 mine.qcow2\n" EXIT_1 },
    { "info", "f:U", run_info, 1, 1, "[-f FORMAT] [-U] FILE", "say what an image is",
      "  -U         look even while another process uses it\n\n"
      "Example:\n  orrery img info disk.qcow2\n" EXIT_1 },
    { "check", "f:r:qU", run_check, 1, 1, "[-f FORMAT] [-r leaks|all] FILE", "look for damage, and repair it",
      "  -r leaks   give back clusters that nothing uses\n"
      "  -r all     also mend references that are wrong (make a copy first)\n\n"
      "Examples:\n  orrery img check disk.qcow2\n  orrery img check -r all disk.qcow2\n"
      "Exit status: 0 consistent (now), 1 could not check, 2 damaged, 3 clusters leaked.\n" },
    { "convert", "f:O:o:qUb:F:", run_convert, 2, 2, "[-f FORMAT] [-O FORMAT] [-o NAME=VALUE,...] FROM TO",
      "copy an image into another format",
      "  -f FORMAT  of FROM (default: looks)\n"
      "  -O FORMAT  of TO: raw (default) or qcow2\n"
      "  -o LIST    as for create\n\n"
      "Examples:\n  orrery img convert -O qcow2 disk.img disk.qcow2\n  orrery img convert disk.qcow2 disk.img\n"
      EXIT_1 },
    { "snapshot", "f:lc:a:d:U", run_snapshot, 1, 1, "[-l | -c NAME | -a NAME | -d NAME] FILE",
      "list, make, apply or delete snapshots inside an image",
      "  -l         list (default)\n  -c NAME    make one of the present contents\n"
      "  -a NAME    go back to it; what is there now is lost\n  -d NAME    delete it\n\n"
      "Examples:\n  orrery img snapshot -c before-lab3 disk.qcow2\n  orrery img snapshot -a before-lab3 disk.qcow2\n"
      EXIT_1 },
    { "compare", "f:F:qU", run_compare, 2, 2, "[-f FORMAT] [-F FORMAT] A B", "is what a guest sees in both the same?",
      "  -f, -F     the formats of A and B\n\n"
      "Example:\n  orrery img compare disk.img disk.qcow2\n"
      "Exit status: 0 equal, 1 different, 2 could not compare.\n" },
    { "resize", "f:q", run_resize, 2, 2, "[-f FORMAT] [--shrink] FILE [+|-]SIZE", "make an image larger or smaller",
      "  --shrink   allow to cut off its end\n\n"
      "Examples:\n  orrery img resize disk.qcow2 +5G\n  orrery img resize --shrink disk.img 1G\n" EXIT_1 },
    { "map", "f:U", run_map, 1, 1, "[-f FORMAT] FILE", "show which parts hold data, and where",
      "  DEPTH is 0 for the image itself, 1 for its backing file, and so on.\n\n"
      "Example:\n  orrery img map disk.qcow2\n" EXIT_1 },
};

static void usage_all(FILE *to)
{
    fprintf(to, "usage: orrery img COMMAND ...\n\nDisk images: raw and qcow2.\n\n");
    for (unsigned i = 0; i < ARRAY_LEN(commands); i++)
        fprintf(to, "  %-9s %s\n", commands[i].name, commands[i].what);
    fprintf(to, "\n\"orrery img COMMAND --help\" says more, with examples.\n");
}

static void usage_one(FILE *to, const struct command *c)
{
    fprintf(to, "usage: orrery img %s %s\n\n%s\n", c->name, c->usage, c->help);
}

static bool set_flag(struct args *a, char letter, const char *value)
{
    const struct {
        char letter;
        const char **text;
        bool *flag;
    } rows[] = {
        { 'f', &a->f, NULL }, { 'F', &a->F, NULL }, { 'O', &a->O, NULL }, { 'o', &a->o, NULL }, { 'b', &a->b, NULL },
        { 'r', &a->r, NULL }, { 'c', &a->c, NULL }, { 'a', &a->a, NULL }, { 'd', &a->d, NULL }, { 'l', NULL, &a->l },
        { 'U', NULL, &a->U }, { 'q', NULL, &a->q },
    };
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].letter == letter) {
            if (rows[i].text)
                *rows[i].text = value;
            else
                *rows[i].flag = true;
            return true;
        }
    return false;
}

/* -1: go on; else the exit status. */
static int parse(const struct command *c, int argc, char **argv, struct args *a)
{
    bool plain = false;
    for (int i = 1; i < argc; i++) {
        const char *s = argv[i];
        if (!plain && (!strcmp(s, "--help") || !strcmp(s, "-h"))) {
            usage_one(stdout, c);
            return 0;
        }
        if (!plain && !strcmp(s, "--")) {
            plain = true;
            continue;
        }
        if (!plain && !strcmp(s, "--shrink") && c->run == run_resize) {
            a->shrink = true;
            continue;
        }
        /* "-5G" is a size, for resize. */
        if (plain || s[0] != '-' || !s[1] || (c->run == run_resize && s[1] >= '0' && s[1] <= '9')) {
            if (a->n_rest >= c->most) {
                fprintf(stderr, "orrery img %s: \"%s\" is one argument too many; see orrery img %s --help\n", c->name,
                        s, c->name);
                return 2;
            }
            a->rest[a->n_rest++] = s;
            continue;
        }
        const char *known = strchr(c->flags, s[1]);
        if (!known || s[1] == ':' || (known[1] != ':' && s[2])) {
            fprintf(stderr, "orrery img %s: option %s is not known; see orrery img %s --help\n", c->name, s, c->name);
            return 2;
        }
        const char *value = known[1] == ':' ? (s[2] ? s + 2 : ++i < argc ? argv[i] : NULL) : "";
        if (!value) {
            fprintf(stderr, "orrery img %s: option %s needs a value; see orrery img %s --help\n", c->name, s, c->name);
            return 2;
        }
        set_flag(a, s[1], value);
    }
    if (a->n_rest < c->least) {
        fprintf(stderr, "orrery img %s: an argument is missing\nusage: orrery img %s %s\n", c->name, c->name, c->usage);
        return 2;
    }
    return -1;
}

int img_main(int argc, char **argv)
{
    if (argc < 2) {
        usage_all(stderr);
        return 2;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
        usage_all(stdout);
        return 0;
    }
    const char *best = NULL;
    unsigned score = 0;
    for (unsigned i = 0; i < ARRAY_LEN(commands); i++) {
        const struct command *c = &commands[i];
        if (!strcmp(argv[1], c->name)) {
            struct args a = { 0 };
            int status = parse(c, argc - 1, argv + 1, &a);
            return status >= 0 ? status : c->run(&a);
        }
        suggest(argv[1], c->name, &best, &score);
    }
    fprintf(stderr, "orrery img: command \"%s\" is not known%s%s%s; see orrery img --help\n", argv[1],
            best ? "; did you mean " : "", best ? best : "", best ? "?" : "");
    return 2;
}
