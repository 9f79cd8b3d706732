/* Two mappings of one anonymous file, and counters in front of the one that runs. */
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

/* Anonymous memory when there is no file. */
static u8 *map(struct arena *a, void *at, int fd, size_t size, int protection)
{
    struct mapping *m = ARENA_NEW(a, struct mapping);
    m->p = mmap(at, size, protection, (fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED) | (at ? MAP_FIXED : 0), fd, 0);
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
    const size_t counters = CODE_COUNTERS * sizeof(i32);
    u8 *w = NULL, *data = NULL, *x = NULL;
    if (!ftruncate(fd, (off_t)size)) {
        w = map(a, NULL, fd, size, PROT_READ | PROT_WRITE);
        data = map(a, NULL, -1, counters + size, PROT_READ | PROT_WRITE);
        x = data ? map(a, data + counters, fd, size, PROT_READ | PROT_EXEC) : NULL;
    }
    int why = errno;
    close(fd);
    if (!w || !x)
        return err_set(e, "cannot map a code cache of %zu KiB: %s; take a smaller --code-cache or -accel interp",
            size >> 10, strerror(why));
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
