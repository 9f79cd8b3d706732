/* A guest made of instruction words, put together here so that its tests need no compiler: harts in user mode compute,
 * store over many pages, count in shared memory with AMOs and LR/SC, rewrite their own code, wait, send each other
 * interrupts; machine mode serves timers, IPIs and the UART (interrupts through the PLIC), and echoes what is typed.
 * Whatever happens at another position leaves another number somewhere. */
#ifndef TESTS_MACHINE_GUEST_H
#define TESTS_MACHINE_GUEST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/rng.h"
#include "bios/riscv_virt.h"
#include "machine/machine.h"

#define GUEST_MAX 512
enum { /* labels */
    L_NONE, L_TRAP, L_LOOP, L_RETRY, L_NO_WAIT, L_NO_IPI, L_NO_PATCH, L_PATCHED, L_HART0, L_TIMER, L_IPI, L_EXTERNAL,
    L_RX, L_RX_DONE, L_ECALL, L_DO_IPI, L_OUT, L_UNKNOWN, L_COUNT
};
enum { ZERO, RA, SP, GP, TP, T0, T1, T2, S0, S1, A0, A1, A2, A3, A4, A5, A6, A7, S2, S3, S4, S5, S6, S7, S8, S9,
       S10, S11, T3, T4, T5, T6 };

struct guest {
    u32 w[GUEST_MAX];
    unsigned n;
    unsigned label[L_COUNT];
    struct {
        unsigned at, label;
        char kind; /* b, j or a (the addi of an auipc pair) */
    } fix[64];
    unsigned n_fix;
};

static inline void g_word(struct guest *g, u32 w) { g->w[g->n++] = w; }
static inline void g_label(struct guest *g, unsigned l) { g->label[l] = g->n; }
static inline void g_fix(struct guest *g, unsigned l, char kind)
{
    g->fix[g->n_fix].at = g->n;
    g->fix[g->n_fix].label = l;
    g->fix[g->n_fix++].kind = kind;
}
static inline void g_i(struct guest *g, u32 op, u32 f3, u32 rd, u32 rs1, i32 imm)
{
    g_word(g, (u32)imm << 20 | rs1 << 15 | f3 << 12 | rd << 7 | op);
}
static inline void g_r(struct guest *g, u32 op, u32 f7, u32 f3, u32 rd, u32 rs1, u32 rs2)
{
    g_word(g, f7 << 25 | rs2 << 20 | rs1 << 15 | f3 << 12 | rd << 7 | op);
}
static inline void g_s(struct guest *g, u32 f3, u32 rs2, i32 imm, u32 rs1)
{
    g_word(g, ((u32)imm >> 5 & 127) << 25 | rs2 << 20 | rs1 << 15 | f3 << 12 | ((u32)imm & 31) << 7 | 0x23);
}
static inline void g_b(struct guest *g, u32 f3, u32 rs1, u32 rs2, unsigned label)
{
    g_fix(g, label, 'b');
    g_word(g, rs2 << 20 | rs1 << 15 | f3 << 12 | 0x63);
}
static inline void g_j(struct guest *g, unsigned label)
{
    g_fix(g, label, 'j');
    g_word(g, 0x6f);
}
static inline void g_la(struct guest *g, u32 rd, unsigned label)
{
    g_word(g, rd << 7 | 0x17); /* auipc rd, 0 */
    g_fix(g, label, 'a');
    g_i(g, 0x13, 0, rd, rd, 0);
}
static inline void g_addi(struct guest *g, u32 rd, u32 rs1, i32 imm) { g_i(g, 0x13, 0, rd, rs1, imm); }
static inline void g_andi(struct guest *g, u32 rd, u32 rs1, i32 imm) { g_i(g, 0x13, 7, rd, rs1, imm); }
static inline void g_slli(struct guest *g, u32 rd, u32 rs1, i32 n) { g_i(g, 0x13, 1, rd, rs1, n); }
static inline void g_srli(struct guest *g, u32 rd, u32 rs1, i32 n) { g_i(g, 0x13, 5, rd, rs1, n); }
static inline void g_add(struct guest *g, u32 rd, u32 a, u32 b) { g_r(g, 0x33, 0, 0, rd, a, b); }
static inline void g_xor(struct guest *g, u32 rd, u32 a, u32 b) { g_r(g, 0x33, 0, 4, rd, a, b); }
static inline void g_ld(struct guest *g, u32 rd, i32 imm, u32 rs1) { g_i(g, 0x03, 3, rd, rs1, imm); }
static inline void g_lw(struct guest *g, u32 rd, i32 imm, u32 rs1) { g_i(g, 0x03, 2, rd, rs1, imm); }
static inline void g_lbu(struct guest *g, u32 rd, i32 imm, u32 rs1) { g_i(g, 0x03, 4, rd, rs1, imm); }
static inline void g_sd(struct guest *g, u32 rs2, i32 imm, u32 rs1) { g_s(g, 3, rs2, imm, rs1); }
static inline void g_sw(struct guest *g, u32 rs2, i32 imm, u32 rs1) { g_s(g, 2, rs2, imm, rs1); }
static inline void g_sb(struct guest *g, u32 rs2, i32 imm, u32 rs1) { g_s(g, 0, rs2, imm, rs1); }
static inline void g_csrr(struct guest *g, u32 rd, i32 csr) { g_i(g, 0x73, 2, rd, 0, csr); }
static inline void g_csrw(struct guest *g, i32 csr, u32 rs1) { g_i(g, 0x73, 1, 0, rs1, csr); }
/* A constant: hi << 12 + lo, shifted left. */
static inline void g_li(struct guest *g, u32 rd, u64 v)
{
    unsigned shift = 0;
    while (v > 0x7ffff000 && !(v & 1)) {
        v >>= 1;
        shift++;
    }
    u32 hi = (u32)((v + 0x800) >> 12);
    g_word(g, hi << 12 | rd << 7 | 0x37);
    g_i(g, 0x1b, 0, rd, rd, (i32)(v & 0xfff));
    if (shift)
        g_slli(g, rd, rd, (i32)shift);
}

static inline void g_resolve(struct guest *g)
{
    for (unsigned k = 0; k < g->n_fix; k++) {
        unsigned at = g->fix[k].at;
        i32 d = ((i32)g->label[g->fix[k].label] - (i32)at) * 4;
        u32 u = (u32)d;
        switch (g->fix[k].kind) {
        case 'b':
            g->w[at] |= (u >> 12 & 1) << 31 | (u >> 5 & 63) << 25 | (u >> 1 & 15) << 8 | (u >> 11 & 1) << 7;
            break;
        case 'j':
            g->w[at] |= (u >> 20 & 1) << 31 | (u >> 1 & 1023) << 21 | (u >> 11 & 1) << 20 | (u >> 12 & 255) << 12;
            break;
        default: g->w[at] |= (u32)(d + 4) << 20; break; /* from the auipc before it */
        }
    }
}

#define GUEST_BASE 0x80000000ull
#define GUEST_PRIVATE 0x80100000ull /* 64 KiB a hart */
#define GUEST_SHARED 0x80200000ull
#define GUEST_PAGES 0x80300000ull /* Sv39 root */
#define GUEST_RAM ((u64)8 << 20)

enum { C_MSTATUS = 0x300, C_MIE = 0x304, C_MTVEC = 0x305, C_MEPC = 0x341, C_MCAUSE = 0x342, C_MCYCLE = 0xb00,
       C_MINSTRET = 0xb02, C_MHARTID = 0xf14, C_PMPADDR0 = 0x3b0, C_PMPCFG0 = 0x3a0, C_SATP = 0x180 };

static inline void guest_make(struct guest *g, unsigned harts)
{
    memset(g, 0, sizeof *g);
    g_csrr(g, S8, C_MHARTID);
    g_li(g, S0, GUEST_PRIVATE);
    g_slli(g, T0, S8, 16);
    g_add(g, S0, S0, T0);
    g_li(g, S6, GUEST_SHARED);
    g_li(g, S9, VIRT_CLINT);
    g_li(g, S10, VIRT_PLIC);
    g_li(g, S11, VIRT_UART);
    g_addi(g, S7, ZERO, (i32)harts);
    g_addi(g, S1, S8, 77);
    g_la(g, T0, L_TRAP);
    g_csrw(g, C_MTVEC, T0);
    g_addi(g, T0, ZERO, -1);
    g_csrw(g, C_PMPADDR0, T0);
    g_addi(g, T0, ZERO, 0x1f);
    g_csrw(g, C_PMPCFG0, T0);
    /* One gigapage at 0x80000000 for user mode: D A U X W R V. */
    g_li(g, T0, GUEST_PAGES);
    g_li(g, T1, (0x80000000ull >> 12) << 10);
    g_addi(g, T1, T1, 0xdf);
    g_sd(g, T1, 16, T0);
    g_srli(g, T0, T0, 12);
    g_addi(g, T1, ZERO, 8);
    g_slli(g, T1, T1, 60);
    g_add(g, T0, T0, T1);
    g_csrw(g, C_SATP, T0);
    /* mtimecmp = mtime + 10 + 3 * hart */
    g_slli(g, A0, S8, 3);
    g_add(g, A0, A0, S9);
    g_li(g, T0, 0x4000);
    g_add(g, A0, A0, T0); /* a0: mtimecmp of this hart */
    g_li(g, A1, 0xbff8);
    g_add(g, A1, A1, S9); /* a1: mtime */
    g_ld(g, T0, 0, A1);
    g_addi(g, T0, T0, 10);
    g_add(g, T0, T0, S8);
    g_sd(g, T0, 0, A0);
    /* Hart 0 owns the UART: FIFOs, receive interrupts, PLIC source 10 into its machine-mode context. */
    g_b(g, 1, S8, ZERO, L_HART0);
    g_addi(g, T0, ZERO, 1);
    g_sb(g, T0, 2, S11);
    g_sb(g, T0, 1, S11);
    g_sw(g, T0, 40, S10);
    g_li(g, T1, 0x2000);
    g_add(g, T1, T1, S10);
    g_addi(g, T0, ZERO, 1 << VIRT_IRQ_UART);
    g_sw(g, T0, 0, T1);
    g_label(g, L_HART0);
    g_li(g, A2, 0x200004);
    g_add(g, A2, A2, S10); /* a2: claim/complete of hart 0, machine mode */
    g_li(g, T0, 0x888);
    g_csrw(g, C_MIE, T0);
    g_li(g, T0, 0x2080); /* FS = initial, MPIE; MPP = U */
    g_csrw(g, C_MSTATUS, T0);
    g_la(g, T0, L_LOOP);
    g_csrw(g, C_MEPC, T0);
    g_word(g, 0x30200073); /* mret */

    /* --- user mode ----------------------------------------------------------------------------------------- */
    g_label(g, L_LOOP);
    g_slli(g, T0, S1, 13); /* xorshift64 */
    g_xor(g, S1, S1, T0);
    g_srli(g, T0, S1, 7);
    g_xor(g, S1, S1, T0);
    g_slli(g, T0, S1, 17);
    g_xor(g, S1, S1, T0);
    g_slli(g, T0, S1, 48); /* a store somewhere into 64 KiB */
    g_srli(g, T0, T0, 48);
    g_andi(g, T0, T0, -8);
    g_add(g, T0, T0, S0);
    g_sd(g, S1, 0, T0);
    g_addi(g, T1, ZERO, 1);
    g_r(g, 0x2f, 0, 3, T2, S6, T1); /* amoadd.d t2, t1, (s6) */
    g_addi(g, T0, S6, 64);
    g_label(g, L_RETRY);
    g_r(g, 0x2f, 0x08, 3, T1, T0, ZERO); /* lr.d */
    g_add(g, T1, T1, S1);
    g_r(g, 0x2f, 0x0c, 3, T2, T0, T1); /* sc.d */
    g_b(g, 1, T2, ZERO, L_RETRY);
    g_r(g, 0x53, 0x69, 7, 1, S1, 2);  /* fcvt.d.l f1, s1 */
    g_r(g, 0x53, 0x01, 7, 2, 2, 1);   /* fadd.d f2, f2, f1 */
    g_r(g, 0x53, 0x0d, 7, 3, 2, 1);   /* fdiv.d f3, f2, f1 */
    g_srli(g, T0, S1, 9);
    g_andi(g, T0, T0, 0x3f);
    g_b(g, 1, T0, ZERO, L_NO_WAIT);
    g_addi(g, A7, ZERO, 0); /* wait for an interrupt */
    g_word(g, 0x73);
    g_label(g, L_NO_WAIT);
    g_srli(g, T0, S1, 20);
    g_andi(g, T0, T0, 0x7f);
    g_b(g, 1, T0, ZERO, L_NO_IPI);
    g_addi(g, A7, ZERO, 1); /* wake the next hart */
    g_word(g, 0x73);
    g_label(g, L_NO_IPI);
    g_srli(g, T0, S1, 30);
    g_andi(g, T0, T0, 0x1f);
    g_b(g, 1, T0, ZERO, L_NO_PATCH);
    g_srli(g, T0, S1, 40); /* L_PATCHED: addi s3, s3, (7 random bits) */
    g_andi(g, T0, T0, 0x7f);
    g_slli(g, T0, T0, 20);
    g_li(g, T1, 0x98993);
    g_xor(g, T0, T0, T1);
    g_la(g, T1, L_PATCHED);
    g_sw(g, T0, 0, T1);
    g_word(g, 0x100f); /* fence.i */
    g_label(g, L_NO_PATCH);
    g_label(g, L_PATCHED);
    g_addi(g, S3, S3, 0);
    g_j(g, L_LOOP);

    /* --- machine mode: t3 to t6 are its own ---------------------------------------------------------------- */
    g_label(g, L_TRAP);
    g_csrr(g, T3, C_MCAUSE);
    g_andi(g, T4, T3, 0xff);
    g_b(g, 5, T3, ZERO, L_ECALL); /* bge: an exception */
    g_addi(g, T5, ZERO, 7);
    g_b(g, 0, T4, T5, L_TIMER);
    g_addi(g, T5, ZERO, 3);
    g_b(g, 0, T4, T5, L_IPI);
    g_label(g, L_EXTERNAL);
    g_lw(g, T4, 0, A2);
    g_b(g, 0, T4, ZERO, L_OUT);
    g_label(g, L_RX);
    g_lbu(g, T5, 5, S11);
    g_andi(g, T5, T5, 1);
    g_b(g, 0, T5, ZERO, L_RX_DONE);
    g_lbu(g, T5, 0, S11);
    g_sb(g, T5, 0, S11); /* echo */
    g_slli(g, T6, S4, 5);
    g_add(g, S4, S4, T6);
    g_add(g, S4, S4, T5);
    g_csrr(g, T6, C_MCYCLE); /* when it came counts too */
    g_xor(g, S4, S4, T6);
    g_j(g, L_RX);
    g_label(g, L_RX_DONE);
    g_sw(g, T4, 0, A2);
    g_j(g, L_OUT);

    g_label(g, L_TIMER);
    g_ld(g, T5, 0, A1);
    g_add(g, S2, S2, T5);
    g_csrr(g, T6, C_MINSTRET);
    g_add(g, S2, S2, T6);
    g_andi(g, T6, S1, 31);
    g_add(g, T5, T5, T6);
    g_addi(g, T5, T5, 4);
    g_sd(g, T5, 0, A0);
    g_j(g, L_OUT);

    g_label(g, L_IPI);
    g_slli(g, T5, S8, 2);
    g_add(g, T5, T5, S9);
    g_sw(g, ZERO, 0, T5);
    g_addi(g, S5, S5, 1);
    g_j(g, L_OUT);

    g_label(g, L_ECALL);
    g_addi(g, T5, ZERO, 8);
    g_b(g, 1, T4, T5, L_UNKNOWN);
    g_csrr(g, T5, C_MEPC);
    g_addi(g, T5, T5, 4);
    g_csrw(g, C_MEPC, T5);
    g_b(g, 1, A7, ZERO, L_DO_IPI);
    g_word(g, 0x10500073); /* wfi */
    g_j(g, L_OUT);
    g_label(g, L_DO_IPI);
    g_addi(g, T5, S8, 1);
    g_r(g, 0x33, 1, 7, T5, T5, S7); /* remu */
    g_slli(g, T5, T5, 2);
    g_add(g, T5, T5, S9);
    g_addi(g, T6, ZERO, 1);
    g_sw(g, T6, 0, T5);
    g_label(g, L_OUT);
    g_word(g, 0x30200073);
    g_label(g, L_UNKNOWN); /* a mistake of ours: the test fails by it */
    g_li(g, T5, VIRT_TEST);
    g_li(g, T6, 0x3333);
    g_sw(g, T6, 0, T5);
    g_j(g, L_UNKNOWN);
    g_resolve(g);
}

/* What the guest echoed. */
struct sink {
    struct char_port port; /* first */
    struct buf got;
};

static inline void sink_write(struct char_port *c, const u8 *bytes, size_t n)
{
    buf_put(&((struct sink *)c)->got, bytes, n);
}

/* A configuration with the storage it points to. */
struct guest_machine {
    struct machine_config config;
    struct guest guest;
    struct sink sink;
    struct machine *m;
};

static inline void guest_config(struct guest_machine *g, unsigned harts)
{
    memset(g, 0, sizeof *g);
    guest_make(&g->guest, harts);
    g->config = (struct machine_config){ .board = "virt", .xlen = 64, .cpus = harts, .ram_size = GUEST_RAM, .seed = 1,
                                         .rtc_base = 1767225600, .no_reboot = true };
    g->config.kernel = (struct blob){ "guest", (const u8 *)g->guest.w, g->guest.n * 4 };
    g->sink.port = (struct char_port){ .write = sink_write, .id = "serial0" };
    g->config.serial[0] = &g->sink.port;
}

static inline struct machine *guest_start(struct guest_machine *g)
{
    struct err e = { "" };
    g->m = machine_new(&g->config, &e);
    if (!g->m) {
        fprintf(stderr, "no machine: %s\n", e.text);
        exit(99);
    }
    return g->m;
}

static inline void guest_end(struct guest_machine *g)
{
    machine_free(g->m);
    g->m = NULL;
    buf_free(&g->sink.got);
}

/* Typing by position: what is due before `until` is delivered on the way there. */
struct typed {
    u64 at;
    u8 bytes[20];
    size_t n;
};

static inline void typed_make(struct typed *t, unsigned n, u64 end, u64 seed)
{
    u64 at = 0;
    for (unsigned i = 0; i < n; i++) {
        at += 1 + rng_next(&seed) % (2 * end / n);
        t[i] = (struct typed){ .at = at, .n = 1 + rng_next(&seed) % sizeof t->bytes };
        for (size_t k = 0; k < t[i].n; k++)
            t[i].bytes[k] = (u8)rng_next(&seed);
    }
}

static inline void type_now(struct machine *m, const struct typed *t)
{
    struct input_channel *ch = machine_channel(m, "/uart0");
    size_t room = input_room(ch), n = t->n < room ? t->n : room;
    if (n)
        machine_input(m, ch, t->bytes, n);
}

#endif
