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
#undef SEM
#undef SEMV
#undef SEMR
#undef SEM1
#undef SEMS
#undef SEMX

#endif
