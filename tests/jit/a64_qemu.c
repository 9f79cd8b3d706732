/* For the cross-compiled tests: the emulator of user programs in Debian 12 (QEMU 7.2) translates code it finds at an
 * address once, and does not notice when that changes through another mapping: the instructions that tell it (IC IVAU)
 * it ignores before version 8.1. It forgets what it translated from a page that becomes writable. Linked with
 * --wrap=code_written, so that what is tested is what is shipped, and this besides. */
#include <stdlib.h>
#include <sys/mman.h>

#include "jit/code.h"

void __real_code_written(const struct code *c, const u8 *from, const u8 *end);
void __wrap_code_written(const struct code *c, const u8 *from, const u8 *end);

void __wrap_code_written(const struct code *c, const u8 *from, const u8 *end)
{
    __real_code_written(c, from, end);
    uintptr_t first = (uintptr_t)(from + c->shift) & ~(uintptr_t)4095, after = (uintptr_t)(end + c->shift);
    void *page = (void *)first;
    if (mprotect(page, after - first, PROT_READ | PROT_WRITE) || mprotect(page, after - first, PROT_READ | PROT_EXEC))
        abort();
}
