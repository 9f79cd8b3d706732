/* The handlers of the fast rows: xf_<meaning>[form], one table for each text. */
#ifndef CPU_X86_FAST_H
#define CPU_X86_FAST_H

#include "cpu/x86/engine.h"

#define SEM(name, ...) extern x86_handler *const xf_##name[X86_FORMS];
#define SEMV(name, ...) SEM(name, )
#define SEMR(name, ...) SEM(name, )
#define SEM1(name, ...) SEM(name, )
#define SEMS(name, ...) SEM(name, )
#define SEMX(name, ...) SEM(name, )
#include "cpu/x86/sem_int.def"
#include "cpu/x86/sem_mov.def"
#include "cpu/x86/sem_jump.def"
#include "cpu/x86/sem_vec.def"
#include "cpu/x86/sem_pack.def"
#define PACKED_INT
#define PACKED_SHUFFLE
#define PACKED(name) SEM(name, )
#include "cpu/x86/packed.def"
#undef PACKED_INT
#undef PACKED_SHUFFLE
#undef SEM
#undef SEMV
#undef SEMR
#undef SEM1
#undef SEMS
#undef SEMX

/* Of vector instructions: a register, memory at a flat address; memory elsewhere is the ops'. */
#define FAST_TABLE(name)                                                                            \
    x86_handler *const xf_##name[X86_FORMS] = {                                                     \
        [0 ... 3] = xh_##name##_r, [X86_FORM_MEM ... X86_FORM_MEM + 3] = xh_##name##_m,             \
        [X86_FORM_SEG ... X86_FORM_SEG + 3] = xh_##name##_r,                                        \
    };

#endif
