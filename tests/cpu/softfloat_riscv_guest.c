/* Runs under qemu-riscv64, without a C library: writes a struct riscv_result for each round, operation and rounding
 * mode to standard output. Compiled by softfloat_riscv.c with -DROUNDS= and -DSEED=. */
#include "tests/cpu/softfloat_riscv.h"

static long ecall(long number, long a, long b, long c)
{
    register long a0 __asm__("a0") = a;
    register long a1 __asm__("a1") = b;
    register long a2 __asm__("a2") = c;
    register long a7 __asm__("a7") = number;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
    return a0;
}

static struct riscv_result results[RISCV_MODES * RISCV_OPS_PER_FORMAT];

static void put(unsigned n)
{
    const char *p = (const char *)results;
    for (unsigned long left = n * sizeof(results[0]); left;) {
        long done = ecall(64 /* write */, 1, (long)p, (long)left);
        if (done <= 0)
            ecall(93 /* exit */, 1, 0, 0);
        p += done;
        left -= (unsigned long)done;
    }
}

/* `MOVE_OUT` is "fmv.x.w t0, ft0" or nothing: an empty OUT makes it a comment. */
#define EXECUTE(name, FMT, OUT, BITS, INSN, ours)                                                              \
    {                                                                                                          \
        unsigned long value, flags;                                                                            \
        __asm__ volatile(".option push\n .option arch, +zfh\n"                                                 \
                         "fmv." FMT ".x ft0, %[a]\n fmv." FMT ".x ft1, %[b]\n fmv." FMT ".x ft2, %[c]\n"       \
                         "mv t0, %[n]\n fsflags x0\n" INSN "\n frflags %[flags]\n"                             \
                         ".ifnc " #OUT ",\"\"\n fmv.x." OUT " t0, ft0\n .endif\n"                              \
                         "mv %[value], t0\n .option pop\n"                                                     \
                         : [value] "=r"(value), [flags] "=&r"(flags)                                           \
                         : [a] "r"(v[0]), [b] "r"(v[1]), [c] "r"(v[2]), [n] "r"(r.n)                           \
                         : "t0", "ft0", "ft1", "ft2");                                                         \
        results[count].value = value;                                                                          \
        results[count++].flags = flags;                                                                        \
    }

void _start(void);
void _start(void)
{
    u64 rng = SEED;
    for (unsigned long i = 0; i < ROUNDS; i++) {
        struct riscv_round r;
        riscv_round_make(&rng, &r);
        for (int format = 0; format < 3; format++) {
            const u64 *v = r.f[format];
            unsigned count = 0;
            for (unsigned long mode = 0; mode < RISCV_MODES; mode++) {
                __asm__ volatile("fsrm %0" : : "r"(mode));
                if (format == 0) {
                    RISCV_F16_OPS(EXECUTE)
                } else if (format == 1) {
                    RISCV_F32_OPS(EXECUTE)
                } else {
                    RISCV_F64_OPS(EXECUTE)
                }
            }
            put(count);
        }
    }
    ecall(93, 0, 0, 0);
    for (;;)
        ;
}
