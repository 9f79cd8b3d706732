/* Two mappings of the same memory, and counters in front of the one that runs. */
#include "jit/code.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct mapping {
    void *p;
    size_t size;
};

static void unmap(void *p)
{
    struct mapping *m = p;
    munmap(m->p, m->size);
}

static u8 *keep(struct arena *a, void *p, size_t size)
{
    if (p == MAP_FAILED)
        return NULL;
    struct mapping *m = ARENA_NEW(a, struct mapping);
    *m = (struct mapping){ p, size };
    arena_defer(a, unmap, m);
    return p;
}

/* One mapping, then a second one of its pages at `at`: mremap() of nothing. The kernel gives both the name by which
 * Linux's perf knows code made at run time (/tmp/perf-PID.map); a memfd has a name of its own. */
static u8 *map_twice(struct arena *a, size_t size, u8 *at)
{
    u8 *w = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (w == MAP_FAILED)
        return NULL;
    if (mremap(w, 0, size, MREMAP_MAYMOVE | MREMAP_FIXED, at) != at || mprotect(at, size, PROT_READ | PROT_EXEC)) {
        munmap(w, size);
        return NULL;
    }
    return keep(a, w, size);
}

/* Where that is not to be had (user-mode emulators). */
static u8 *map_file(struct arena *a, size_t size, u8 *at)
{
    int fd = memfd_create("orrery-code", MFD_CLOEXEC);
    if (fd < 0)
        return NULL;
    u8 *w = ftruncate(fd, (off_t)size) ? NULL :
        keep(a, mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), size);
    if (w && mmap(at, size, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED, fd, 0) != at)
        w = NULL;
    int why = errno;
    close(fd);
    errno = why;
    return w;
}

bool code_init(struct code *c, struct arena *a, size_t size, struct err *e)
{
    size = (size + 4095) & ~(size_t)4095;
    const size_t counters = CODE_COUNTERS * sizeof(i32);
    u8 *data = keep(a, mmap(NULL, counters + size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
        counters + size);
    u8 *x = data ? data + counters : NULL, *w = x ? map_twice(a, size, x) : NULL;
    if (x && !w)
        w = map_file(a, size, x);
    if (!w)
        return err_set(e, "cannot map a code cache of %zu KiB: %s; take a smaller --code-cache or -accel interp",
            size >> 10, strerror(errno));
    *c = (struct code){ .write = w, .shift = x - w, .size = size, .counter = (i32 *)(void *)data };
    return true;
}

void code_flush(struct code *c)
{
    c->used = c->kept;
}

void code_written(const struct code *c, const u8 *from, const u8 *end)
{
    __builtin___clear_cache((char *)(uintptr_t)(from + c->shift), (char *)(uintptr_t)(end + c->shift));
}
