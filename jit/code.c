/* Two mappings of one anonymous file. */
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

static u8 *map(struct arena *a, int fd, size_t size, int protection)
{
    struct mapping *m = ARENA_NEW(a, struct mapping);
    m->p = mmap(NULL, size, protection, MAP_SHARED, fd, 0);
    m->size = size;
    if (m->p == MAP_FAILED)
        return NULL;
    arena_defer(a, unmap, m);
    return m->p;
}

bool code_init(struct code *c, struct arena *a, size_t size, struct err *e)
{
    size = (size + 4095) & ~(size_t)4095;
    int fd = memfd_create("orrery-code", MFD_CLOEXEC);
    if (fd < 0)
        return err_set(e, "the code cache needs memfd_create(): %s; run with -accel interp", strerror(errno));
    u8 *w = NULL, *x = NULL;
    if (!ftruncate(fd, (off_t)size)) {
        w = map(a, fd, size, PROT_READ | PROT_WRITE);
        x = map(a, fd, size, PROT_READ | PROT_EXEC);
    }
    int why = errno;
    close(fd);
    if (!w || !x)
        return err_set(e, "cannot map a code cache of %zu KiB: %s; take a smaller --code-cache or -accel interp",
            size >> 10, strerror(why));
    *c = (struct code){ .write = w, .shift = x - w, .size = size };
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
