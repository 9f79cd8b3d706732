/* Two mappings of the same anonymous memory. */
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

/* One mapping, then a second one of its pages: mremap() of nothing. The kernel gives both the name that Linux's perf
 * takes for code made at run time (/tmp/perf-PID.map); a memfd has a name of its own. */
static bool map_twice(struct arena *a, size_t size, u8 **w, u8 **x)
{
    *w = keep(a, mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), size);
    *x = *w ? keep(a, mremap(*w, 0, size, MREMAP_MAYMOVE), size) : NULL;
    return *x && !mprotect(*x, size, PROT_READ | PROT_EXEC);
}

/* Where that is not to be had (user-mode emulators). */
static bool map_file(struct arena *a, size_t size, u8 **w, u8 **x)
{
    int fd = memfd_create("orrery-code", MFD_CLOEXEC);
    if (fd < 0)
        return false;
    if (!ftruncate(fd, (off_t)size)) {
        *w = keep(a, mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), size);
        *x = keep(a, mmap(NULL, size, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0), size);
    }
    int why = errno;
    close(fd);
    errno = why;
    return *w && *x;
}

bool code_init(struct code *c, struct arena *a, size_t size, struct err *e)
{
    size = (size + 4095) & ~(size_t)4095;
    u8 *w = NULL, *x = NULL;
    if (!map_twice(a, size, &w, &x) && (w = x = NULL, !map_file(a, size, &w, &x)))
        return err_set(e, "cannot map a code cache of %zu KiB: %s; take a smaller --code-cache or -accel interp",
            size >> 10, strerror(errno));
    *c = (struct code){ .write = w, .shift = x - w, .size = size };
    return true;
}

void code_flush(struct code *c)
{
    c->used = c->kept;
}
