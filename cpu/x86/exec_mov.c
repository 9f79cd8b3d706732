/* Handlers of moves and of the stack. */
#include "cpu/x86/alu.h"
#include "cpu/x86/fast.h"
#include "cpu/x86/regs.h"

#define TEXTS "cpu/x86/sem_mov.def"
#include "cpu/x86/readings.h"
