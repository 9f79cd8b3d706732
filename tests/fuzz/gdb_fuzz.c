/* Bytes of a hostile gdb client: random ones, packets put together from words of the protocol, and mutations of a good
 * session, against a machine of either kind that runs in between. It must neither crash nor hang, and a client that comes after it
 * must be served. Build with -fsanitize=address,undefined.
 *
 *   gdb_fuzz [SECONDS [SEED]]; default 3, 1 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/rng.h"
#include "tests/debugger/gdb_rig.h"

#define HANG_SECONDS 30
#define ROUND 400 /* inputs for one machine */

static u64 below(u64 *rng, u64 n) { return rng_next(rng) % n; }

static const char *const good[] = {
    "?", "g", "G0102030405060708", "p20", "p381", "P5=0100000000000000", "P381=ffffffffffffffff",
    "P225=ffffffffffffffff",
    "P1041=0100000000000000", "m80000000,20", "m0,10", "M80001000,2:abcd", "M80000000,4:93824200", "X80001000,2:ab",
    "c", "s",
    "c80000000", "s80000004", "C05", "S05;80000000", "vCont;c", "vCont;s:1", "vCont;s:2;c",
    "vCont;r80000000,80000010:1",
    "vCont?", "vCont;t", "Z0,80000008,4", "z0,80000008,4", "Z1,8000000c,2", "Z2,80001000,4", "Z3,80001000,8",
    "Z4,80000000,ffffffffffffffff",
    "z2,80001000,4", "Z0,ffffffffffffffff,1", "Hg0", "Hc-1", "Hg2", "Hgp1.1", "T1", "T2", "qC", "qfThreadInfo",
    "qsThreadInfo",
    "qThreadExtraInfo,1", "qSupported:multiprocess+;swbreak+;hwbreak+;error-message+", "QStartNoAckMode",
    "qXfer:features:read:target.xml:0,ffb", "qXfer:features:read:target.xml:fffffffffffffff0,20", "qAttached",
    "qOffsets", "qSymbol::",
    "qRcmd,68656c70", "qRcmd,696e666f20726567697374657273", "qRcmd,782f34786720307838303030303030303030",
    "qRcmd,7870202f3878672030", "qRcmd,627265616b202a30783830303030303130", "qRcmd,64656c657465", "D", "k", "vKill;1",
    "!",
    "vMustReplyEmpty", "Qqemu.PhyMemMode:1", "Qqemu.PhyMemMode:0", "qqemu.PhyMemMode", "bs", "bc",
    "qXfer:memory-map:read::0,ffb", "qXfer:memory-map:read::10,20",
    /* of a PC: rip, eflags, selectors, x87, vectors, segments, tables, control and debug registers */
    "p10", "p11", "p18", "p20", "p28", "p50", "p60", "m7000,20", "mffff0,20", "m5ff0,100", "M7000,2:ebfe", "M7010,4:0f22c0f4",
    "P10=0270000000000000", "P10=0000f00000000000", "P11=d70a0300", "P12=00600000", "P12=08000000", "P14=00000000", "P18=00000000000000c00040",
    "P20=7f030000", "P22=ffff0000", "P28=ffffffff", "P30=78563412", "P31=000102030405060708090a0b0c0d0e0f",
    "P52=0060000000000000", "P5a=ff", "P60=1100008000000000", "P61=0000000000000000", "P62=0060000000000000", "P63=2006000000000000",
    "P64=0005000000000000", "P70=ffffffffffffffff", "c7000", "s7002", "vCont;r7000,700c:1", "Z0,7007,1", "z0,7007,1", "Z1,700c,1",
    "Z2,6000,4", "Z3,6002,1", "Z4,0,ffffffffffffffff", "z4,0,ffffffffffffffff", "z2,6000,4",
};
static const char *const words[] = {
    ",", ";", ":", "=", "-1", "0", "1", "ffffffffffffffff", "80000000", "7fffffffffffffff", "4", "p1.2", "#", "$",
    "}", "*", "\x03", "+",
    "-", "s", "c", "r", "Z", "z", "m", "X", "vCont", "qXfer:features:read:target.xml:", "qRcmd,", "zz", "00",
};

static void send_framed(struct rig *r, u64 *rng, const u8 *bytes, size_t n)
{
    u8 sum = 0;
    char tail[8];
    for (size_t i = 0; i < n; i++)
        sum = (u8)(sum + bytes[i]);
    if (!below(rng, 50))
        sum++;
    snprintf(tail, sizeof tail, "#%02x", sum);
    rig_bytes(r, "$", 1);
    rig_bytes(r, bytes, n);
    if (below(rng, 50))
        rig_bytes(r, tail, 3);
}

static void mutate(u64 *rng, u8 *bytes, size_t *n, size_t cap)
{
    for (u64 k = below(rng, 4); k--;) {
        size_t at = *n ? below(rng, *n) : 0;
        switch (below(rng, 5)) {
        case 0:
            if (*n)
                bytes[at] = (u8)rng_next(rng);
            break;
        case 1: *n = at; break;
        case 2:
            if (*n)
                bytes[at] = (u8)"0123456789abcdef"[below(rng, 16)];
            break;
        default: {
            const char *w = words[below(rng, ARRAY_LEN(words))];
            size_t len = strlen(w);
            if (*n + len <= cap) {
                memmove(bytes + at + len, bytes + at, *n - at);
                memcpy(bytes + at, w, len);
                *n += len;
            }
        }
        }
    }
}

static void one_input(struct rig *r, u64 *rng)
{
    u8 bytes[512];
    size_t n = 0;
    switch (below(rng, 12)) {
    case 0: /* noise */
        n = below(rng, sizeof bytes);
        for (size_t i = 0; i < n; i++)
            bytes[i] = (u8)rng_next(rng);
        rig_bytes(r, bytes, n);
        break;
    case 1: /* words */
        for (u64 k = below(rng, 12); k--;)
            mutate(rng, bytes, &n, sizeof bytes);
        send_framed(r, rng, bytes, n);
        break;
    case 2: rig_bytes(r, "\x03", 1); break;
    case 3: { /* long */
        static u8 digits[40000];
        memset(digits, '0' + (int)below(rng, 10), sizeof digits);
        memcpy(digits, "M80001000,2000:", 15);
        send_framed(r, rng, digits, below(rng, 2) ? 15 + 0x2000 : below(rng, sizeof digits));
        break;
    }
    default: {
        const char *p = good[below(rng, ARRAY_LEN(good))];
        n = strlen(p);
        memcpy(bytes, p, n);
        if (below(rng, 2))
            mutate(rng, bytes, &n, sizeof bytes);
        send_framed(r, rng, bytes, n);
    }
    }
}

/* A client that behaves gets what it asks for. */
static bool sane(struct rig *r)
{
    rig_detach(r);
    rig_attach(r);
    rig_bytes(r, "$qC#b4", 6);
    return r->out.len == 9 && !memcmp(r->out.data, "+$QC0", 5);
}

int main(int argc, char **argv)
{
    double limit = argc > 1 ? atof(argv[1]) : 3;
    u64 seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1, inputs = 0;
    struct timespec start, now;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (;; seed++) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        if ((double)(now.tv_sec - start.tv_sec) + (double)(now.tv_nsec - start.tv_nsec) / 1e9 >= limit)
            break;
        struct rig r;
        u64 rng = seed;
        alarm(HANG_SECONDS);
        printf("seed %llu\n", (unsigned long long)seed); /* on the screen when an alarm or a sanitizer ends it */
        fflush(stdout);
        if (seed & 2)
            rig_open_x86(&r, seed & 1 ? "max" : "486", seed & 1 ? 64 : 32, 2);
        else
            rig_open(&r, NULL, seed & 1 ? 64 : 32, 2);
        for (unsigned i = 0; i < ROUND; i++, inputs++) {
            one_input(&r, &rng);
            if (r.out.len > 1 << 24) {
                printf("gdb_fuzz: seed %llu: one input was answered with %zu bytes\n", (unsigned long long)seed,
                       r.out.len);
                return 1;
            }
            r.out.len = 0;
            if (r.left) {
                rig_detach(&r);
                rig_attach(&r);
            }
            rig_run(&r, 1 + below(&rng, 500));
        }
        if (!sane(&r)) {
            printf("gdb_fuzz: seed %llu: the next client is not served\n", (unsigned long long)seed);
            return 1;
        }
        rig_close(&r);
    }
    printf("gdb_fuzz: %llu inputs\n", (unsigned long long)inputs);
    return 0;
}
