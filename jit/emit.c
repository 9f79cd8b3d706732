/* Which emitter is the host's. All of them are compiled everywhere: they only write bytes. */
#include "jit/emit.h"
#include "jit/jit.h"

const struct emitter_kind *emitter_host(void)
{
#if defined __x86_64__
    return &emitter_x64;
#elif defined __aarch64__
    return &emitter_a64;
#else
    return NULL;
#endif
}
