/* The benchmark loops. One source for the bare guest (start.S, result on the UART), for the host (-DHOST) and for a Linux
 * program (linux.c includes it with LINUX). Each loop returns 0 when its result is right and leaves a checksum, which must
 * be the same everywhere. PHASE chooses one loop for the first two. */
#include <stddef.h>
#include <stdint.h>
#ifdef HOST
#include <stdio.h>
#include <string.h>
#endif

#ifndef HOST
void *memcpy(void *restrict d, const void *restrict s, size_t n);
void *memmove(void *d, const void *s, size_t n);
void *memset(void *d, int c, size_t n);
__attribute__((noinline)) void *memcpy(void *restrict d, const void *restrict s, size_t n)
{
    uint8_t *a = d;
    const uint8_t *b = s;
    for (; n >= 8; n -= 8, a += 8, b += 8)
        *(uint64_t *)a = *(const uint64_t *)b;
    while (n--)
        *a++ = *b++;
    return d;
}
__attribute__((noinline)) void *memmove(void *d, const void *s, size_t n)
{
    volatile uint8_t *a = d; /* volatile: else the compiler makes a call of memmove of it */
    const volatile uint8_t *b = s;
    if ((uintptr_t)d - (uintptr_t)s >= n) {
        while (n--)
            *a++ = *b++;
        return d;
    }
    for (; n >= 8; n -= 8)
        *(volatile uint64_t *)(a + n - 8) = *(const volatile uint64_t *)(b + n - 8);
    while (n--)
        a[n] = b[n];
    return d;
}
void *memset(void *d, int c, size_t n)
{
    volatile uint8_t *a = d;
    while (n--)
        *a++ = (uint8_t)c;
    return d;
}
#endif

#define SEED 88172645463325252u
static uint64_t seed = SEED, checksum;
static uint64_t rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* Folds what a loop computed into the checksum; n in words of 8 bytes. */
__attribute__((unused)) static void fold(const void *p, size_t n)
{
    const char *at = p;
    for (uint64_t w; n--; at += 8) {
        __builtin_memcpy(&w, at, 8);
        checksum = (checksum ^ w) * 0x9e3779b97f4a7c15u;
        checksum ^= checksum >> 29;
    }
}

__attribute__((unused)) static int empty(void) { return 0; }

#define SIEVE 2000000
static uint8_t composite[SIEVE];
__attribute__((unused)) static int sieve(void)
{
    unsigned n = 0;
    for (int round = 0; round < 12; round++) {
        n = 0;
        for (unsigned i = 0; i < SIEVE; i++)
            composite[i] = 0;
        for (unsigned i = 2; i < SIEVE; i++) {
            if (composite[i])
                continue;
            n++;
            for (unsigned k = 2 * i; k < SIEVE; k += i)
                composite[k] = 1;
        }
    }
    checksum = n;
    return n != 148933;
}

#define ROTR(x, n) ((x) >> (n) | (x) << (32 - (n)))
static uint32_t K[64];
static void sha_block(uint32_t *h, const uint8_t *p)
{
    uint32_t w[64], s[8];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16 | (uint32_t)p[4 * i + 2] << 8 | p[4 * i + 3];
    for (int i = 16; i < 64; i++) {
        uint32_t a = ROTR(w[i - 15], 7) ^ ROTR(w[i - 15], 18) ^ w[i - 15] >> 3;
        uint32_t b = ROTR(w[i - 2], 17) ^ ROTR(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + a + w[i - 7] + b;
    }
    for (int i = 0; i < 8; i++)
        s[i] = h[i];
    for (int i = 0; i < 64; i++) {
        uint32_t e1 = ROTR(s[4], 6) ^ ROTR(s[4], 11) ^ ROTR(s[4], 25), ch = (s[4] & s[5]) ^ (~s[4] & s[6]);
        uint32_t t1 = s[7] + e1 + ch + K[i] + w[i];
        uint32_t e0 = ROTR(s[0], 2) ^ ROTR(s[0], 13) ^ ROTR(s[0], 22), maj = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
        for (int k = 7; k > 0; k--)
            s[k] = s[k - 1];
        s[4] += t1;
        s[0] = t1 + e0 + maj;
    }
    for (int i = 0; i < 8; i++)
        h[i] += s[i];
}
__attribute__((unused)) static int sha256(void)
{
    static uint8_t block[64];
    _Alignas(8) uint32_t h[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
    for (int i = 0; i < 64; i++)
        K[i] = (uint32_t)rnd();
    for (int n = 0; n < 240000; n++) {
        block[n & 63] = (uint8_t)n;
        sha_block(h, block);
    }
    fold(h, 4);
    return h[0] == 0;
}

#define SORT 200000
static _Alignas(8) uint32_t numbers[SORT];
static void quicksort(uint32_t *a, long lo, long hi)
{
    while (lo < hi) {
        uint32_t pivot = a[(lo + hi) / 2];
        long i = lo, j = hi;
        while (i <= j) {
            while (a[i] < pivot)
                i++;
            while (a[j] > pivot)
                j--;
            if (i <= j) {
                uint32_t t = a[i];
                a[i++] = a[j];
                a[j--] = t;
            }
        }
        if (j - lo < hi - i) {
            quicksort(a, lo, j);
            lo = i;
        } else {
            quicksort(a, i, hi);
            hi = j;
        }
    }
}
__attribute__((unused)) static int qsort_(void)
{
    for (int round = 0; round < 12; round++) {
        for (int i = 0; i < SORT; i++)
            numbers[i] = (uint32_t)rnd();
        quicksort(numbers, 0, SORT - 1);
        for (int i = 1; i < SORT; i++)
            if (numbers[i - 1] > numbers[i])
                return 1;
    }
    fold(numbers, SORT / 2);
    return 0;
}

/* A small register machine, dispatched by switch, that counts the Collatz steps of 1..limit. */
__attribute__((unused)) static int bytecode(void)
{
    enum { R_SET, R_ADD, R_ADDI, R_MULI, R_SHRI, R_ANDI, R_BEQ, R_BLT, R_JMP, R_END };
    static const struct { uint8_t op, d, s; int32_t imm; } p[] = {
        { R_SET, 0, 0, 1 },      /* 0: i = 1 */
        { R_SET, 5, 0, 0 },      /* 1: steps = 0 */
        { R_ADDI, 1, 0, 0 },     /* 2: x = i */
        { R_BEQ, 1, 4, 11 },     /* 3: x == 1 -> 11 */
        { R_ADDI, 5, 5, 1 },     /* 4: steps++ */
        { R_ANDI, 2, 1, 1 },     /* 5: t = x & 1 */
        { R_BEQ, 2, 3, 10 },     /* 6: even -> 10 */
        { R_MULI, 1, 1, 3 },     /* 7 */
        { R_ADDI, 1, 1, 1 },     /* 8 */
        { R_JMP, 0, 0, 3 },      /* 9 */
        { R_SHRI, 1, 1, 1 },     /* 10: x /= 2, falls through to the jump at 12 */
        { R_BEQ, 1, 4, 13 },     /* 11 */
        { R_JMP, 0, 0, 3 },      /* 12 */
        { R_ADDI, 0, 0, 1 },     /* 13: i++ */
        { R_BLT, 0, 6, 2 },      /* 14: i < limit -> 2 */
        { R_END, 0, 0, 0 },
    };
    int64_t r[8] = { 0, 0, 0, 0, 1, 0, 50000, 0 };
    for (unsigned pc = 0;; pc++) {
        switch (p[pc].op) {
        case R_SET: r[p[pc].d] = p[pc].imm; break;
        case R_ADD: r[p[pc].d] += r[p[pc].s]; break;
        case R_ADDI: r[p[pc].d] = r[p[pc].s] + p[pc].imm; break;
        case R_MULI: r[p[pc].d] = r[p[pc].s] * p[pc].imm; break;
        case R_SHRI: r[p[pc].d] = r[p[pc].s] >> p[pc].imm; break;
        case R_ANDI: r[p[pc].d] = r[p[pc].s] & p[pc].imm; break;
        case R_BEQ: if (r[p[pc].d] == r[p[pc].s]) pc = (unsigned)p[pc].imm - 1; break;
        case R_BLT: if (r[p[pc].d] < r[p[pc].s]) pc = (unsigned)p[pc].imm - 1; break;
        case R_JMP: pc = (unsigned)p[pc].imm - 1; break;
        default: checksum = (uint64_t)r[5]; return r[5] == 0;
        }
    }
}

static __attribute__((noinline)) unsigned fibonacci(unsigned n)
{
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}
__attribute__((unused)) static int fib(void)
{
    checksum = fibonacci(35);
    return checksum != 9227465;
}

#define DIM 160
static double A[DIM][DIM], B[DIM][DIM], C[DIM][DIM];
__attribute__((unused)) static int matmul(void)
{
    for (int i = 0; i < DIM; i++)
        for (int k = 0; k < DIM; k++) {
            A[i][k] = i + k;
            B[i][k] = i - k;
        }
    for (int round = 0; round < 4; round++)
        for (int i = 0; i < DIM; i++)
            for (int k = 0; k < DIM; k++) {
                double s = 0;
                for (int n = 0; n < DIM; n++)
                    s += A[i][n] * B[n][k];
                C[i][k] = s;
            }
    fold(C, DIM * DIM);
    return C[3][4] == 0;
}

__attribute__((unused)) static int nbody(void)
{
    static double x[5][3] = { { 0, 0, 0 }, { 4.8, -1.1, -0.1 }, { 8.3, 4.1, -0.4 }, { 12.8, -15.1, -0.2 }, { 15.3, -25.9, 0.1 } };
    static double v[5][3] = { { 0, 0, 0 }, { 0.6, 2.8, 0 }, { -1.0, 1.8, 0 }, { 1.0, 0.8, 0 }, { 0.9, 0.6, 0 } };
    static const double m[5] = { 39.4, 0.037, 0.011, 0.0017, 0.002 };
    for (int step = 0; step < 300000; step++) {
        for (int i = 0; i < 5; i++)
            for (int k = i + 1; k < 5; k++) {
                double d[3], d2 = 0;
                for (int c = 0; c < 3; c++) {
                    d[c] = x[i][c] - x[k][c];
                    d2 += d[c] * d[c];
                }
                double mag = 0.001 / (d2 * __builtin_sqrt(d2));
                for (int c = 0; c < 3; c++) {
                    v[i][c] -= d[c] * m[k] * mag;
                    v[k][c] += d[c] * m[i] * mag;
                }
            }
        for (int i = 0; i < 5; i++)
            for (int c = 0; c < 3; c++)
                x[i][c] += 0.001 * v[i][c];
    }
    fold(x, 15);
    return x[0][0] == 0;
}

#define NODES (1 << 19)
static uint32_t next_node[NODES];
__attribute__((unused)) static int chase(void)
{
    for (uint32_t i = 0; i < NODES; i++)
        next_node[i] = (i * 40503u + 12345u) & (NODES - 1);
    uint32_t at = 0;
    for (int i = 0; i < 20000000; i++)
        at = next_node[at];
    checksum = at;
    return at >= NODES;
}

/* A third each: aligned, source and destination at odd addresses, overlapping to a higher address (memmove). */
static _Alignas(64) uint8_t from[(1 << 18) + 8], to[(1 << 18) + 8];
__attribute__((unused)) static int memcpy_(void)
{
    for (int i = 0; i < 1000; i++) {
        from[i] = (uint8_t)i;
        memcpy(to, from, 1 << 18);
        from[i + 1] ^= to[i];
        memcpy(to + 5, from + 3, (1 << 18) - 8);
        from[i + 2] ^= to[i + 5];
        memmove(from + 8, from, 1 << 18);
    }
    fold(to, (1 << 18) / 8);
    return to[5] == 0;
}

#ifndef LINUX
int run(void);
int run(void)
{
    int wrong = PHASE();
    const char *hex = "0123456789abcdef";
    for (int i = 60; i >= -4; i -= 4) {
        char c = i < 0 ? '\n' : hex[checksum >> i & 15];
#ifdef HOST
        putchar(c);
#else
        *(volatile char *)0x10000000 = c;
#endif
    }
    return wrong;
}
#endif
#ifdef HOST
int main(void) { return run(); }
#endif
