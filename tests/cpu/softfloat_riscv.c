/* Soft float against the RISC-V instructions of qemu-riscv64: every operation of binary16, 32 and 64, all five
 * rounding modes, results and flags. Skipped (exit status 77) without a RISC-V compiler or qemu-riscv64.
 * SOFTFLOAT_COUNT is the number of rounds of 330 results, SOFTFLOAT_SEED where they begin. */
#include "tests/unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cpu/softfloat/softfloat.h"
#include "tests/cpu/softfloat_riscv.h"

typedef u64 ours_fn(struct sf_env *e, u64 a, u64 b, u64 c, u64 n);

#define DEFINE(name, FMT, OUT, BITS, INSN, ours)                                                               \
    static u64 do_##name(struct sf_env *e, u64 a, u64 b, u64 c, u64 n) { return ours; }
RISCV_F16_OPS(DEFINE)
RISCV_F32_OPS(DEFINE)
RISCV_F64_OPS(DEFINE)

static const struct row {
    const char *name;
    unsigned bits;
    ours_fn *ours;
} rows[3][RISCV_OPS_PER_FORMAT] = {
#define ROW(name, FMT, OUT, BITS, INSN, ours) { #name, BITS, do_##name },
    { RISCV_F16_OPS(ROW) },
    { RISCV_F32_OPS(ROW) },
    { RISCV_F64_OPS(ROW) },
};

static u64 number(const char *name, u64 otherwise)
{
    const char *s = getenv(name);
    return s ? strtoull(s, NULL, 0) : otherwise;
}

static char dir[] = "/tmp/softfloat-XXXXXX";
static FILE *guest;
static u64 rounds, seed;

/* Returns NULL when the guest runs, else why not. */
static const char *start(void)
{
    const char *srcdir = getenv("srcdir") ? getenv("srcdir") : ".";
    char command[2048];
    if (system("command -v riscv64-linux-gnu-gcc >/dev/null 2>&1"))
        return "no riscv64-linux-gnu-gcc (Debian: gcc-riscv64-linux-gnu)";
    if (system("command -v qemu-riscv64 >/dev/null 2>&1"))
        return "no qemu-riscv64 (Debian: qemu-user)";
    if (!mkdtemp(dir))
        return "no temporary folder in /tmp";
    snprintf(command, sizeof(command),
             "riscv64-linux-gnu-gcc -std=gnu11 -O1 -ffreestanding -fno-stack-protector -nostdlib -static -march=rv64gc"
             " -mabi=lp64d -I'%s' -DROUNDS=%" PRIu64 " -DSEED=%" PRIu64 " '%s/tests/cpu/softfloat_riscv_guest.c'"
             " -o %s/guest", srcdir, rounds, seed, srcdir, dir);
    if (system(command))
        return "the guest does not compile (binutils before 2.38 do not know Zfh)";
    snprintf(command, sizeof(command), "qemu-riscv64 -cpu rv64,Zfh=true %s/guest", dir);
    guest = popen(command, "r");
    return guest ? NULL : "qemu-riscv64 does not start";
}

static void test_all(void)
{
    static struct riscv_result results[RISCV_MODES][RISCV_OPS_PER_FORMAT];
    u64 rng = seed, failures = 0;
    for (u64 i = 0; i < rounds; i++) {
        struct riscv_round r;
        riscv_round_make(&rng, &r);
        for (unsigned format = 0; format < 3; format++) {
            if (fread(results, sizeof(results), 1, guest) != 1) {
                CU_FAIL("the guest ended early");
                return;
            }
            for (unsigned mode = 0; mode < RISCV_MODES; mode++)
                for (unsigned op = 0; op < RISCV_OPS_PER_FORMAT; op++) {
                    const struct row *row = &rows[format][op];
                    const struct riscv_result *want = &results[mode][op];
                    const u64 *v = r.f[format], mask = ~(u64)0 >> (64 - row->bits);
                    struct sf_env e = { .rounding = (u8)mode, .default_nan = true };
                    u64 got = row->ours(&e, v[0], v[1], v[2], r.n);
                    if (LIKELY(((got ^ want->value) & mask) == 0 && e.flags == want->flags))
                        continue;
                    if (failures++ < 20)
                        printf("\n%s, rounding %u: %#" PRIx64 " %#" PRIx64 " %#" PRIx64 " (integer %#" PRIx64
                               ") gives %#" PRIx64 " flags %#x, qemu %#" PRIx64 " flags %#" PRIx64, row->name, mode,
                               v[0], v[1], v[2], r.n, got, e.flags, want->value & mask, want->flags);
                }
        }
    }
    CU_ASSERT_EQUAL(failures, 0);
}

int main(void)
{
    rounds = number("SOFTFLOAT_COUNT", 30000);
    seed = number("SOFTFLOAT_SEED", 1);
    const char *why = start();
    int status = 77;
    if (why)
        printf("skipped: %s\n", why);
    else
        status = unit_main("soft float against qemu-riscv64", (CU_TestInfo[]){
            { "every operation and rounding mode", test_all }, CU_TEST_INFO_NULL });
    if (guest && pclose(guest) && status == 0)
        status = 1;
    char path[64];
    snprintf(path, sizeof(path), "%s/guest", dir);
    unlink(path);
    rmdir(dir);
    return status;
}
