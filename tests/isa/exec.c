/* The engine by hand-made programs: what random user programs cannot show. */
#include <stdlib.h>
#include <string.h>

#include "tests/isa/rig.h"
#include "tests/unit.h"

#define RAM_BYTES 0x8000u
#define HANDLER (RAM + 0x7000)

static enum mem_result dev_read(void *o, u64 offset, unsigned size, u64 *value)
{
    struct rig *r = o;
    if (offset >= 8)
        return MEM_FAULT;
    r->seen_now = r->clock.now;
    *value = r->device_value;
    return MEM_OK;
}
static enum mem_result dev_write(void *o, u64 offset, unsigned size, u64 value)
{
    struct rig *r = o;
    r->seen_now = r->clock.now;
    r->device_value = value;
    if (offset == 4)
        r->c->ops->set_irq(r->c, 7, value & 1);
    if (r->kick)
        clock_kick(&r->clock);
    return MEM_OK;
}
static const struct io_ops dev_ops = { .read = dev_read, .write = dev_write };

static struct rig *rig(const char *model, unsigned xlen)
{
    struct rig *r = rig_new(&(struct rig_setup){ model, xlen, 0, RAM_BYTES, RAM, &dev_ops });
    r->h->mtvec = HANDLER;
    return r;
}

static u32 enc(struct rig *r, unsigned op, unsigned rd, unsigned rs1, unsigned rs2, i64 imm)
{
    return rig_encode(r->d, op, rd, rs1, rs2, imm);
}

#define OP(name, rd, rs1, rs2, imm) rig_put(r, enc(r, RV_OP_##name, rd, rs1, rs2, imm))
#define RUN(n) r->c->ops->run(r->c, n)
#define X(n) r->h->x[n]

static u64 mem(struct rig *r, u64 at, unsigned size)
{
    u8 b[8] = { 0 };
    space_peek(r->s, at, b, size);
    return load_le(b, size);
}

static void by_hand(void)
{
    struct rig *r = rig("max", 64);
    OP(ctzw, 5, 6, 0, 0);
    OP(czero_eqz, 7, 6, 8, 0);
    OP(czero_eqz, 9, 6, 0, 0);
    OP(czero_nez, 10, 6, 8, 0);
    OP(czero_nez, 11, 6, 0, 0);
    OP(addi, 0, 6, 0, 5);
    OP(add, 12, 0, 0, 0);
    X(6) = 0x123400000000;
    X(8) = 1;
    X(12) = 9;
    CU_ASSERT_EQUAL(RUN(7), CPU_BUDGET);
    CU_ASSERT_EQUAL(X(5), 32);
    CU_ASSERT_EQUAL(X(7), X(6));
    CU_ASSERT_EQUAL(X(9), 0);
    CU_ASSERT_EQUAL(X(10), 0);
    CU_ASSERT_EQUAL(X(11), X(6));
    CU_ASSERT_EQUAL(X(0), 0);
    CU_ASSERT_EQUAL(X(12), 0);
    CU_ASSERT_EQUAL(r->clock.now, 7);
    CU_ASSERT_EQUAL(r->h->pc, r->at);
    rig_free(r);
}

/* A store into the instruction that follows is seen by it. */
static void self_modifying(void)
{
    struct rig *r = rig("max", 64);
    OP(addi, 7, 7, 0, 1);
    OP(sw, 0, 6, 5, 8);
    OP(addi, 7, 7, 0, 100); /* becomes addi x7, x7, 10 */
    OP(jal, 0, 0, 0, -12);
    X(5) = enc(r, RV_OP_addi, 7, 7, 0, 10);
    X(6) = RAM;
    RUN(8);
    CU_ASSERT_EQUAL(X(7), 22);
    CU_ASSERT_EQUAL(r->h->pc, RAM);
    rig_free(r);
}

static void straddling(void)
{
    struct rig *r = rig("max", 64);
    r->at = RAM + 0xffe;
    OP(addi, 7, 7, 0, 1);
    OP(jal, 0, 0, 0, -4);
    r->c->ops->set_pc(r->c, RAM + 0xffe);
    RUN(10);
    CU_ASSERT_EQUAL(X(7), 5);
    u8 half[2];
    store_le(half, 2, enc(r, RV_OP_addi, 7, 7, 0, 0x20) >> 16);
    space_poke(r->s, RAM + 0x1000, half, 2); /* only the second half changes */
    RUN(10);
    CU_ASSERT_EQUAL(X(7), 5 + 5 * 0x20);
    CU_ASSERT_EQUAL(r->c->retired, 20);
    rig_free(r);
}

/* Any budgets lead to the same place. */
static void budgets(void)
{
    u64 end[4][3];
    for (unsigned k = 0; k < 4; k++) {
        static const u64 slice[] = { 1000, 1, 7, 13 };
        struct rig *r = rig("max", 64);
        OP(addi, 5, 5, 0, 1);
        OP(slli, 6, 5, 0, 3);
        OP(add, 7, 7, 6, 0);
        OP(csrrs, 8, 0, 0, 0xb02); /* minstret */
        OP(csrrs, 9, 0, 0, 0xb00); /* mcycle */
        OP(add, 10, 10, 8, 0);
        OP(ecall, 0, 0, 0, 0);
        OP(jal, 0, 0, 0, -28);
        r->at = HANDLER;
        OP(csrrs, 11, 0, 0, 0x341);
        OP(addi, 11, 11, 0, 4);
        OP(csrrw, 0, 11, 0, 0x341);
        OP(mret, 0, 0, 0, 0);
        while (r->clock.now < 1000) {
            u64 n = 1000 - r->clock.now < slice[k] ? 1000 - r->clock.now : slice[k];
            CU_ASSERT_EQUAL(RUN(n), CPU_BUDGET);
        }
        end[k][0] = state_hash(r->c->ops->state, r->h, 0);
        end[k][1] = r->c->retired;
        end[k][2] = X(9);
        CU_ASSERT_EQUAL(memcmp(end[0], end[k], sizeof end[0]), 0);
        rig_free(r);
    }
    CU_ASSERT(end[0][1] < 1000); /* the ecalls took ticks and did not retire */
}

static void illegal(void)
{
    struct rig *r = rig("max", 64);
    OP(addi, 5, 0, 0, 1);
    rig_put(r, 0xffffffff);
    RUN(2);
    CU_ASSERT_EQUAL(r->h->mcause, CAUSE_ILLEGAL);
    CU_ASSERT_EQUAL(r->h->mtval, 0xffffffff);
    CU_ASSERT_EQUAL(r->h->mepc, RAM + 4);
    CU_ASSERT_EQUAL(r->h->pc, HANDLER);
    CU_ASSERT_EQUAL(r->c->retired, 1);
    CU_ASSERT_EQUAL(r->clock.now, 2);
    rig_free(r);

    r = rig("max", 64); /* FS off; then a reserved dynamic rounding mode */
    rig_put(r, enc(r, RV_OP_fadd_d, 1, 2, 3, 0) | 7 << 12);
    RUN(1);
    CU_ASSERT_EQUAL(r->h->mcause, CAUSE_ILLEGAL);
    r->h->mcause = 0;
    r->h->mstatus |= 1 << 13;
    r->c->ops->set_pc(r->c, RAM);
    RUN(1);
    CU_ASSERT_EQUAL(r->h->mcause, 0);
    CU_ASSERT_EQUAL(r->h->mstatus >> 13 & 3, 3); /* dirty */
    r->h->frm = 5;
    r->c->ops->set_pc(r->c, RAM);
    RUN(1);
    CU_ASSERT_EQUAL(r->h->mcause, CAUSE_ILLEGAL);
    rig_free(r);
}

static void memory(void)
{
    struct rig *r = rig("max", 64);
    OP(sd, 0, 5, 6, 0);
    OP(ld, 7, 5, 0, 0);
    OP(lw, 8, 5, 0, 3);
    X(5) = RAM + 0x2ffd; /* over a page's end */
    X(6) = 0x1122334455667788;
    RUN(3);
    CU_ASSERT_EQUAL(X(7), X(6));
    CU_ASSERT_EQUAL(X(8), 0x22334455);
    r->c->ops->set_pc(r->c, RAM); /* half of it is not there: nothing is written */
    X(5) = RAM + RAM_BYTES - 4;
    X(6) = ~(u64)0;
    RUN(1);
    CU_ASSERT_EQUAL(r->h->mcause, CAUSE_STORE_MISALIGNED);
    CU_ASSERT_EQUAL(mem(r, RAM + RAM_BYTES - 4, 4), 0);
    r->at = RAM; /* a device: the clock is exact, faults are access faults */
    OP(addi, 9, 0, 0, 1);
    OP(lw, 7, 5, 0, 0);
    OP(addi, 9, 0, 0, 2);
    OP(lw, 7, 5, 0, 16);
    r->c->ops->set_pc(r->c, RAM);
    X(5) = DEVICE;
    r->device_value = 0x80000000;
    u64 t = r->clock.now;
    RUN(4);
    CU_ASSERT_EQUAL(r->seen_now, t + 1);
    CU_ASSERT_EQUAL(X(7), 0xffffffff80000000);
    CU_ASSERT_EQUAL(r->h->mcause, CAUSE_LOAD_ACCESS);
    CU_ASSERT_EQUAL(r->h->mtval, DEVICE + 16);
    CU_ASSERT_EQUAL(r->h->mepc, RAM + 12);
    rig_free(r);
}

/* An interrupt raised by a store, and attention, both at the next instruction. */
static void boundaries(void)
{
    struct rig *r = rig("max", 64);
    OP(sw, 0, 5, 6, 4);
    OP(addi, 7, 7, 0, 1);
    r->at = HANDLER;
    OP(addi, 8, 8, 0, 1);
    X(5) = DEVICE;
    X(6) = 1;
    r->h->mie = 1 << 7;
    r->h->mstatus |= 1 << 3;
    RUN(2);
    CU_ASSERT_EQUAL(X(7), 0);
    CU_ASSERT_EQUAL(X(8), 1);
    CU_ASSERT_EQUAL(r->h->mepc, RAM + 4);
    CU_ASSERT_EQUAL(r->h->mcause, (u64)1 << 63 | 7);
    rig_free(r);
    r = rig("max", 64);
    OP(sw, 0, 5, 6, 0);
    OP(addi, 7, 7, 0, 1);
    X(5) = DEVICE;
    r->kick = true;
    CU_ASSERT_EQUAL(RUN(100), CPU_ATTENTION);
    CU_ASSERT_EQUAL(r->h->pc, RAM + 4);
    CU_ASSERT_EQUAL(r->clock.now, 1);
    rig_free(r);
}

static void atomics(void)
{
    struct rig *r = rig("max", 64);
    OP(lr_d, 7, 5, 0, 0);
    OP(sc_d, 8, 5, 6, 0);
    OP(sc_d, 9, 5, 6, 0);
    X(5) = RAM + 0x3000;
    X(6) = 42;
    RUN(3);
    CU_ASSERT_EQUAL(X(8), 0);
    CU_ASSERT_EQUAL(X(9), 1);
    CU_ASSERT_EQUAL(mem(r, X(5), 8), 42);
    r->c->ops->set_pc(r->c, RAM);
    RUN(1);
    riscv_quantum_end(r->c);
    RUN(1);
    CU_ASSERT_EQUAL(X(8), 1);
    r->at = RAM;
    OP(amoadd_d, 7, 5, 6, 0);
    r->c->ops->set_pc(r->c, RAM);
    X(5)++;
    RUN(1);
    CU_ASSERT_EQUAL(r->h->mcause, CAUSE_STORE_MISALIGNED);
    CU_ASSERT_EQUAL(r->h->mtval, X(5));
    rig_free(r);
}

static void waiting(void)
{
    struct rig *r = rig("max", 64);
    OP(wfi, 0, 0, 0, 0);
    OP(addi, 7, 7, 0, 1);
    CU_ASSERT_EQUAL(RUN(10), CPU_IDLE);
    CU_ASSERT_EQUAL(r->clock.now, 1);
    CU_ASSERT_EQUAL(r->c->retired, 1);
    CU_ASSERT(!r->c->ops->has_work(r->c));
    CU_ASSERT_EQUAL(RUN(10), CPU_IDLE);
    r->h->mie = 1 << 7;
    r->c->ops->set_irq(r->c, 7, true); /* not enabled in mstatus: it wakes all the same */
    CU_ASSERT(r->c->ops->has_work(r->c));
    CU_ASSERT_EQUAL(RUN(1), CPU_BUDGET);
    CU_ASSERT_EQUAL(X(7), 1);
    rig_free(r);
}

static void stopping(void)
{
    struct rig *r = rig("max", 64);
    u64 code[] = { RAM + 4 };
    struct cpu_watch watch = { .addr = RAM + 0x3004, .len = 4, .access = CPU_WRITE };
    struct cpu_stops stops = { .code = code, .n_code = 1, .watch = &watch, .n_watch = 1 };
    OP(addi, 7, 7, 0, 1);
    OP(addi, 7, 7, 0, 1);
    OP(sd, 0, 5, 7, 0);
    OP(jal, 0, 0, 0, -12);
    X(5) = RAM + 0x3000;
    RUN(4); /* blocks and TLB exist before anything is armed */
    r->c->stops = &stops;
    r->c->ops->stops_changed(r->c);
    CU_ASSERT_EQUAL(RUN(100), CPU_BREAK);
    CU_ASSERT_EQUAL(r->c->hit.addr, RAM + 4);
    CU_ASSERT_EQUAL(r->h->pc, RAM + 4);
    CU_ASSERT_EQUAL(X(7), 3);
    X(7) = 0x500000003;
    CU_ASSERT_EQUAL(RUN(100), CPU_WATCH);
    CU_ASSERT_EQUAL(r->c->hit.old_value, 2);
    CU_ASSERT_EQUAL(r->c->hit.value, 0x500000004);
    CU_ASSERT_EQUAL(r->h->pc, RAM + 12);
    CU_ASSERT_EQUAL(RUN(100), CPU_BREAK);
    r->c->stops = NULL;
    r->c->ops->stops_changed(r->c);
    CU_ASSERT_EQUAL(RUN(100), CPU_BUDGET);
    rig_free(r);
}

static void semihosting(void)
{
    struct rig *r = rig("max", 64);
    rig_put(r, 0x01f01013);
    rig_put(r, 0x00100073);
    rig_put(r, 0x40705013);
    r->c->semihosting = true;
    CU_ASSERT_EQUAL(RUN(100), CPU_SEMIHOST);
    CU_ASSERT_EQUAL(r->h->pc, RAM + 4);
    CU_ASSERT_EQUAL(r->clock.now, 1);
    r->c->ops->set_pc(r->c, RAM + 8);
    CU_ASSERT_EQUAL(RUN(1), CPU_BUDGET);
    r->c->semihosting = false;
    r->c->ops->set_pc(r->c, RAM);
    RUN(2);
    CU_ASSERT_EQUAL(r->h->mcause, CAUSE_BREAKPOINT);
    rig_free(r);
}

static u64 observe(void *o, struct cpu *c, const struct cpu_retire *t)
{
    struct rig *r = o;
    if (r->n_log < ARRAY_LEN(r->log))
        r->log[r->n_log++] = *t;
    return 3;
}

static void observed(void)
{
    struct rig *r = rig("max", 64);
    struct cpu_observer obs = { observe, r };
    OP(addi, 7, 5, 0, 1);
    OP(sw, 0, 5, 7, 4);
    OP(bne, 0, 7, 5, 4); /* taken, to the next instruction */
    OP(csrrw, 6, 7, 0, 0x340);
    rig_put(r, 0xffffffff);
    X(5) = RAM + 0x3000;
    r->c->observer = &obs;
    r->c->ops->stops_changed(r->c);
    CU_ASSERT_EQUAL(RUN(15), CPU_BUDGET);
    CU_ASSERT_EQUAL(r->clock.now, 15);
    CU_ASSERT_EQUAL(r->c->retired, 4);
    CU_ASSERT_EQUAL_FATAL(r->n_log, 5);
    CU_ASSERT_EQUAL(r->log[0].op, RV_OP_addi);
    CU_ASSERT_EQUAL(r->log[0].n_writes, 1);
    CU_ASSERT_STRING_EQUAL(r->log[0].write[0].reg->name, "t2");
    CU_ASSERT_EQUAL(r->log[0].write[0].value, RAM + 0x3001);
    CU_ASSERT_EQUAL(r->log[0].rs1, RAM + 0x3000);
    CU_ASSERT_EQUAL(r->log[1].n_mem, 1);
    CU_ASSERT_EQUAL(r->log[1].mem[0].addr, RAM + 0x3004);
    CU_ASSERT_EQUAL(r->log[1].mem[0].access, CPU_WRITE);
    CU_ASSERT_EQUAL(r->log[1].mem[0].value, RAM + 0x3001);
    CU_ASSERT(r->log[2].taken);
    CU_ASSERT_EQUAL(r->log[2].next_pc, RAM + 12);
    CU_ASSERT_EQUAL(r->log[3].n_writes, 2);
    CU_ASSERT_STRING_EQUAL(r->log[3].write[1].reg->name, "mscratch");
    CU_ASSERT(r->log[4].trapped);
    CU_ASSERT_EQUAL(r->log[4].next_pc, HANDLER);
    rig_free(r);
}

static void without_c(void)
{
    struct rig *r = rig("max,c=off", 64);
    OP(jalr, 1, 5, 0, 0);
    X(5) = RAM + 6;
    X(1) = 77;
    RUN(1);
    CU_ASSERT_EQUAL(r->h->mcause, CAUSE_FETCH_MISALIGNED);
    CU_ASSERT_EQUAL(r->h->mtval, RAM + 6);
    CU_ASSERT_EQUAL(r->h->mepc, RAM);
    CU_ASSERT_EQUAL(X(1), 77);
    r->at = RAM;
    OP(jal, 1, 0, 0, 6);
    r->h->mcause = 99;
    r->c->ops->set_pc(r->c, RAM);
    RUN(1);
    CU_ASSERT_EQUAL(r->h->mcause, CAUSE_FETCH_MISALIGNED);
    CU_ASSERT_EQUAL(X(1), 77);
    CU_ASSERT_EQUAL(r->c->retired, 0);
    rig_free(r);
}

/* Sv39: a page moves; after sfence.vma loads and fetches go to the new place. */
static void paging(void)
{
    struct rig *r = rig("max", 64);
    u64 root = RAM + 0x4000, pte;
    u8 b[8];
    pte = (u64)RAM >> 12 << 10 | 0xcf; /* 1 GiB leaf at its own address: V R W X A D */
    store_le(b, 8, pte);
    space_poke(r->s, root + 8 * (RAM >> 30), b, 8);
    pte = (u64)(RAM + 0x5000) >> 12 << 10 | 1;
    store_le(b, 8, pte);
    space_poke(r->s, root, b, 8); /* VA 0.. : two more levels */
    pte = (u64)(RAM + 0x6000) >> 12 << 10 | 1;
    store_le(b, 8, pte);
    space_poke(r->s, RAM + 0x5000, b, 8);
    pte = (u64)(RAM + 0x2000) >> 12 << 10 | 0xcf;
    store_le(b, 8, pte);
    space_poke(r->s, RAM + 0x6008, b, 8); /* VA 0x1000 */
    OP(ld, 7, 5, 0, 0);
    OP(sd, 0, 8, 9, 0);
    OP(sfence_vma, 0, 0, 0, 0);
    OP(ld, 10, 5, 0, 0);
    OP(ld, 11, 12, 0, 0); /* unmapped */
    X(5) = 0x1000;
    X(8) = RAM + 0x6008;
    X(9) = (u64)(RAM + 0x3000) >> 12 << 10 | 0xcf;
    X(12) = 0x5008;
    store_le(b, 8, 111);
    space_poke(r->s, RAM + 0x2000, b, 8);
    store_le(b, 8, 222);
    space_poke(r->s, RAM + 0x3000, b, 8);
    r->h->pmpcfg[0] = 0x1f; /* everything, NAPOT */
    r->h->pmpaddr[0] = ~(u64)0 >> 10;
    r->h->satp = (u64)8 << 60 | root >> 12;
    r->h->priv = PRIV_S;
    r->c->ops->state_loaded(r->c);
    RUN(5);
    CU_ASSERT_EQUAL(X(7), 111);
    CU_ASSERT_EQUAL(X(10), 222);
    CU_ASSERT_EQUAL(r->h->mcause, CAUSE_LOAD_PAGE);
    CU_ASSERT_EQUAL(r->h->mtval, 0x5008);
    CU_ASSERT_EQUAL(r->h->mepc, RAM + 16);
    CU_ASSERT_EQUAL(r->h->priv, PRIV_M);
    rig_free(r);
}

/* Millions of slow instructions in one chain: continuations must not pile up on the host's stack. */
static void deep(void)
{
    struct rig *r = rig("max", 64);
    OP(lw, 7, 5, 0, 0);
    OP(lh, 7, 6, 0, 0); /* misaligned: always slow */
    OP(sh, 0, 6, 7, 0);
    OP(csrrs, 8, 8, 0, 0x340);
    OP(amoadd_w, 9, 10, 7, 0);
    OP(lr_w, 9, 10, 0, 0);
    OP(sc_w, 9, 10, 7, 0);
    rig_put(r, enc(r, RV_OP_fadd_h, 1, 1, 2, 0));
    OP(cbo_zero, 0, 10, 0, 0);
    OP(jal, 0, 0, 0, -36);
    X(5) = DEVICE;
    X(6) = RAM + 0x3001;
    X(10) = RAM + 0x3080;
    r->h->mstatus |= 1 << 13;
    CU_ASSERT_EQUAL(RUN(3000000), CPU_BUDGET);
    CU_ASSERT_EQUAL(r->c->retired, 3000000);
    CU_ASSERT_EQUAL(r->h->mcause, 0);
    rig_free(r);
}

int main(void)
{
    CU_TestInfo tests[] = {
        { "instructions by hand", by_hand },
        { "stores to code", self_modifying },
        { "an instruction across two pages", straddling },
        { "budgets do not show", budgets },
        { "illegal instructions", illegal },
        { "memory and devices", memory },
        { "instruction boundaries", boundaries },
        { "atomics", atomics },
        { "WFI", waiting },
        { "break and watch points", stopping },
        { "semihosting", semihosting },
        { "observer", observed },
        { "jumps without C", without_c },
        { "paging", paging },
        { "no stack growth", deep },
        CU_TEST_INFO_NULL,
    };
    return unit_main("RISC-V engine", tests);
}
