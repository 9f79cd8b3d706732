/* Handlers of arithmetic, bits and flags. */
#include "cpu/x86/alu.h"
#include "cpu/x86/fast.h"
#include "cpu/x86/regs.h"

X86_COLD static i64 xh_divide_error(X86_ARGS)
{
    x86_fault(c, EXC_DE, "the divisor is 0, or the quotient does not fit");
    X86_TAIL x86_raise(X86_PASS);
}

#define TEXTS "cpu/x86/sem_int.def"
#include "cpu/x86/readings.h"
