/* Reads the texts in TEXTS for every operand size and form; then a table of handlers of each. */
#define W 8
#include "cpu/x86/readings_of_size.h"
#undef W
#define W 16
#include "cpu/x86/readings_of_size.h"
#undef W
#define W 32
#include "cpu/x86/readings_of_size.h"
#undef W
#define W 64
#include "cpu/x86/readings_of_size.h"
#undef W

#undef SEM
#undef SEMV
#undef SEMR
#undef SEM1
#undef SEMS
#define SEM(name, ...)                                                                                       \
    x86_handler *const xf_##name[X86_FORMS] = {                                                              \
        xh_##name##_8r, xh_##name##_16r, xh_##name##_32r, xh_##name##_64r, xh_##name##_8m, xh_##name##_16m,  \
        xh_##name##_32m, xh_##name##_64m, xh_##name##_8r, xh_##name##_16r, xh_##name##_32r, xh_##name##_64r, \
        xh_##name##_8ms, xh_##name##_16ms, xh_##name##_32ms, xh_##name##_64ms,                               \
    };
#define SEMV(name, ...)                                                                                      \
    x86_handler *const xf_##name[X86_FORMS] = {                                                              \
        NULL, xh_##name##_16r, xh_##name##_32r, xh_##name##_64r, NULL, xh_##name##_16m, xh_##name##_32m,     \
        xh_##name##_64m, NULL, xh_##name##_16r, xh_##name##_32r, xh_##name##_64r, NULL, xh_##name##_16ms,    \
        xh_##name##_32ms, xh_##name##_64ms,                                                                  \
    };
#define SEMS(name, ...)                                                                                      \
    x86_handler *const xf_##name[X86_FORMS] = {                                                              \
        NULL, xh_##name##_16r, xh_##name##_32r, xh_##name##_64r, NULL, xh_##name##_16m, xh_##name##_32m,     \
        xh_##name##_64m, NULL, xh_##name##_16rs, xh_##name##_32rs, xh_##name##_64rs, NULL,                   \
        xh_##name##_16ms, xh_##name##_32ms, xh_##name##_64ms,                                                \
    };
#define SEMR(name, ...)                                                                                      \
    x86_handler *const xf_##name[X86_FORMS] = {                                                              \
        xh_##name##_8r, xh_##name##_16r, xh_##name##_32r, xh_##name##_64r, xh_##name##_8r, xh_##name##_16r,  \
        xh_##name##_32r, xh_##name##_64r, xh_##name##_8r, xh_##name##_16r, xh_##name##_32r, xh_##name##_64r, \
        xh_##name##_8r, xh_##name##_16r, xh_##name##_32r, xh_##name##_64r,                                   \
    };
#define SEM1(name, ...)                                                                                      \
    x86_handler *const xf_##name[X86_FORMS] = {                                                              \
        xh_##name##_64r, xh_##name##_64r, xh_##name##_64r, xh_##name##_64r, xh_##name##_64r, xh_##name##_64r, \
        xh_##name##_64r, xh_##name##_64r, xh_##name##_64r, xh_##name##_64r, xh_##name##_64r, xh_##name##_64r, \
        xh_##name##_64r, xh_##name##_64r, xh_##name##_64r, xh_##name##_64r,                                  \
    };
#include TEXTS
