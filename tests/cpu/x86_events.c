/* Interrupts, exceptions while delivering, tasks, SMM, and what is told of them. */
#include <stdio.h>

#include "base/buf.h"
#include "tests/cpu/x86_world.h"

static struct world w;
static u8 inta_vector;
static unsigned inta_count;

static u8 inta(void *opaque)
{
    inta_count++;
    w.c->cpu.ops->set_irq(&w.c->cpu, X86_LINE_INTR, false);
    return inta_vector;
}

static struct x86 *begin(enum w_mode mode, const void *code, unsigned n)
{
    w_mode(&w, mode);
    w_code(&w, code, n);
    inta_count = 0;
    inta_vector = 0x30;
    w.c->board.inta = inta;
    w.c->n_story = 0;
    w.c->cpu.retired = 0;
    return w.c;
}
#define BEGIN(mode, ...) begin(mode, (const u8[]){ __VA_ARGS__ }, sizeof((const u8[]){ __VA_ARGS__ }))

static void line(enum x86_line l) { w.c->cpu.ops->set_irq(&w.c->cpu, l, true); }

/* --- what comes first ------------------------------------------------------------------------------------------------ */

static void interrupts(void)
{
    struct x86 *c = BEGIN(W_P0, 0x90, 0x90);
    line(X86_LINE_INTR);
    w_run(&w); /* IF=0 */
    CU_ASSERT(w_vector(&w) == -1 && !inta_count);

    c = BEGIN(W_P0, 0x90, 0x90);
    c->rflags |= X86_IF;
    line(X86_LINE_INTR);
    w_run(&w);
    CU_ASSERT(w_vector(&w) == 0x30 && inta_count == 1);
    CU_ASSERT(w_get(&w, c->r[X86_SP], 4) == W_CODE); /* before the first instruction */
    CU_ASSERT(!(c->rflags & X86_IF));

    c = BEGIN(W_P0, 0xfb, 0x90, 0x90); /* STI: one more instruction */
    line(X86_LINE_INTR);
    w_run(&w);
    CU_ASSERT(w_vector(&w) == 0x30 && w_get(&w, c->r[X86_SP], 4) == W_CODE + 2);

    c = BEGIN(W_P0, 0xfb, 0x8e, 0xd0, 0x90, 0x90); /* STI, MOV SS */
    c->r[X86_AX] = S_DATA0;
    line(X86_LINE_INTR);
    w_run(&w);
    CU_ASSERT(w_vector(&w) == 0x30 && w_get(&w, c->r[X86_SP], 4) == W_CODE + 4);

    c = BEGIN(W_P0, 0xfb); /* STI, HLT: wakes */
    line(X86_LINE_INTR);
    w_run(&w);
    CU_ASSERT(w_vector(&w) == 0x30 && w_get(&w, c->r[X86_SP], 4) == W_CODE + 2);

    c = BEGIN(W_P0, 0x90);
    c->rflags |= X86_IF;
    line(X86_LINE_INTR);
    line(X86_LINE_NMI);
    w_run(&w);
    CU_ASSERT(w_vector(&w) == EXC_NMI && c->nmi_blocked && !inta_count);
    line(X86_LINE_NMI); /* waits for IRET */
    CU_ASSERT(!x86_take_pending(c) && c->nmi_pending);
    w_put(&w, W_HANDLERS + 16 * EXC_NMI, 2, 0xf4cf);
    c->activity = X86_RUNNING;
    c->rip = W_HANDLERS + 16 * EXC_NMI;
    c->rflags &= ~(u64)X86_IF;
    w.clock.attention = false;
    c->cpu.ops->run(&c->cpu, 1);
    CU_ASSERT(!c->nmi_blocked && c->rip == W_CODE);

    c = BEGIN(W_P0, 0x90, 0x90); /* single-step before NMI */
    c->rflags |= X86_TF;
    c->cpu.ops->run(&c->cpu, 1);
    line(X86_LINE_NMI);
    CU_ASSERT(c->db_pending == DR6_BS && x86_take_pending(c));
    CU_ASSERT(c->rip == W_HANDLERS + 16 * EXC_DB && (c->dr[6] & DR6_BS));
    CU_ASSERT(x86_take_pending(c) && c->rip == W_HANDLERS + 16 * EXC_NMI);
}

/* IA32_DEBUGCTL.BTF: TF traps behind branches that are taken (SDM 3, 17.4.3), and the trap clears it. */
static void branch_steps(void)
{
    struct x86 *c = BEGIN(W_P0, 0x90, 0x39, 0xc0, 0x75, 0x01, 0x90, 0xf3, 0xaa, 0x74, 0x01, 0x90, 0x90);
    c->rflags |= X86_TF; /* nop; cmp eax,eax; jne; nop; rep stosb; je +1; nop; nop */
    c->debugctl = DEBUGCTL_BTF;
    c->r[X86_CX] = 3;
    c->r[X86_DI] = W_DATA;
    w_run(&w);
    CU_ASSERT(w_vector(&w) == EXC_DB && (c->dr[6] & DR6_BS) && !(c->debugctl & DEBUGCTL_BTF));
    CU_ASSERT_EQUAL(w_get(&w, c->r[X86_SP], 4), W_CODE + 11);
    CU_ASSERT_EQUAL((u32)c->r[X86_CX], 0);

    c = BEGIN(W_P0, 0xeb, 0xfe); /* to itself */
    c->rflags |= X86_TF;
    c->debugctl = DEBUGCTL_BTF;
    w_run(&w);
    CU_ASSERT(w_vector(&w) == EXC_DB && w_get(&w, c->r[X86_SP], 4) == W_CODE);

    c = BEGIN(W_P0, 0x90, 0x90);
    c->rflags |= X86_TF;
    c->debugctl = DEBUGCTL_BTF;
    w_run(&w);
    CU_ASSERT(w_vector(&w) == -1);
}

static void stuck(void)
{
    char why[160] = "";
    struct x86 *c = BEGIN(W_P0, 0x90);
    CU_ASSERT(!x86_stuck(&c->cpu, why, sizeof why));
    w_run(&w);
    CU_ASSERT(c->activity == X86_HALTED && x86_stuck(&c->cpu, why, sizeof why));
    CU_ASSERT_STRING_EQUAL(why, "HLT with interrupts off (IF=0) at 0008:0x6002");
    line(X86_LINE_NMI);
    CU_ASSERT(!x86_stuck(&c->cpu, why, sizeof why));
    c = BEGIN(W_P0, 0xcd, 0x80);
    c->idtr.limit = 0;
    w_run(&w);
    CU_ASSERT(c->activity == X86_SHUTDOWN && w.shutdowns == 1 && x86_stuck(&c->cpu, why, sizeof why));
    line(X86_LINE_NMI);
    CU_ASSERT(!x86_stuck(&c->cpu, why, sizeof why));
}

/* --- the story --------------------------------------------------------------------------------------------------------- */

static void story_is(const char *text)
{
    struct buf b = { 0 };
    x86_tell_story(w.c, NULL, &b);
    if (strcmp(buf_cstr(&b), text))
        printf("\n%s", buf_cstr(&b));
    CU_ASSERT_STRING_EQUAL(buf_cstr(&b), text);
    buf_free(&b);
}

static void story(void)
{
    struct x86 *c = BEGIN(W_L3, 0x8b, 0x08);
    c->r[X86_AX] = 0x207008;
    w_put(&w, W_PT + 0x2008, 8, 0);
    w_put(&w, W_IDT + 16 * EXC_PF + 5, 1, 0x0e); /* not present */
    w_put(&w, W_IDT + 16 * EXC_DF + 2, 2, S_CODE0);
    w_run(&w);
    CU_ASSERT(c->activity == X86_SHUTDOWN);
    story_is("  1. #PF page fault, error code 0x0004: a load by CPL 3, a page that is not present\n"
             "      not present in the page directory (PDE.P=0)\n"
             "      at 005b:0x6000: mov ecx,DWORD PTR [rax]\n"
             "      CPL 3, SS:RSP 0023:0xa000, flags 0x2, instruction 0\n"
             "      CR2 0x207008, CR3 0x10000\n"
             "      level 4: entry at 0x10000 is 0x11027 (P RW US A address 0x11000)\n"
             "      level 3: entry at 0x11000 is 0x12027 (P RW US A address 0x12000)\n"
             "      level 2: entry at 0x12008 is 0x0 (not present address 0x0)\n"
             "      PDE at 0x12008 is 0x0: not present in the page directory (PDE.P=0)\n"
             "      IDT entry 0x0e at 0x20e0: 64-bit interrupt gate, 0050:0x40e0, DPL 0, not present\n"
             "      that entry is wrong: its P is 0\n"
             "  2. #NP segment not present, error code 0x0073: vector 0x0e of the IDT (while delivering another event)\n"
             "      the IDT gate is not present (P=0)\n"
             "  3. #DF double fault, error code 0x0000: no selector\n"
             "      a second exception while the first was delivered\n"
             "      IDT entry 0x08 at 0x2080: 64-bit interrupt gate, 0008:0x4080, DPL 0, present\n"
             "      that entry is wrong: its selector names no 64-bit code segment\n"
             "  4. #GP general protection fault, error code 0x0009: selector 0x0008 of the GDT (while delivering another event)\n"
             "      the IDT gate names no 64-bit code segment\n"
             "     The processor shut down: an exception came while #DF was delivered (triple fault).\n"
             "     IDTR: who wrote it last is not known (before a snapshot?)\n"
             "     CR3: who wrote it last is not known (before a snapshot?)\n"
             "     RSP: who wrote it last is not known (before a snapshot?)\n");
    c = BEGIN(W_P0, 0xcd, 0x42);
    c->idtr.limit = 0x41 * 8 + 7;
    w_run(&w);
    CU_ASSERT(w_vector(&w) == EXC_GP);
    story_is("  1. INT 0x42\n"
             "      at 0008:0x6002, before hlt\n"
             "      CPL 0, SS:RSP 0010:0x8e00, flags 0x2, instruction 0\n"
             "      IDT entry 0x42 lies beyond the limit of the IDT: base 0x2000, limit 0x20f\n"
             "  2. #GP general protection fault, error code 0x0212: vector 0x42 of the IDT\n"
             "      the vector is beyond the limit of the IDT\n"
             "      at 0008:0x6000: int 0x42\n"
             "      CPL 0, SS:RSP 0010:0x8e00, flags 0x2, instruction 0\n"
             "      IDT entry 0x0d at 0x2068: 32-bit interrupt gate, 0008:0x40d0, DPL 0, present\n"
             "     IDTR: who wrote it last is not known (before a snapshot?)\n"
             "     RSP: who wrote it last is not known (before a snapshot?)\n");
}

/* --- events on the bus ---------------------------------------------------------------------------------------------------- */

static char heard[512];
static void hear(void *opaque, const struct event *ev)
{
    snprintf(heard, sizeof heard, "%s %llu pc=%llx tval=%llx %s>%s: %s", ev->value[0].s, (unsigned long long)ev->value[1].u,
             (unsigned long long)ev->value[2].u, (unsigned long long)ev->value[3].u, ev->value[4].s, ev->value[5].s,
             ev->value[6].s);
}

static void events(void)
{
    struct event_listener l = { .prefix = "cpu.trap", .hear = hear };
    struct x86 *c = BEGIN(W_P3, 0x8b, 0x08);
    event_listen(&w.bus, &l);
    w_pages(&w, false, false);
    c->cr0 |= CR0_PG | CR0_WP;
    w_put(&w, W_PT + 0x3000 + 4 * 7, 4, 0x7000 | 3);
    c->r[X86_AX] = 0x7010;
    w_run(&w);
    CU_ASSERT(w_vector(&w) == EXC_PF);
    CU_ASSERT_STRING_EQUAL(heard, "#PF page fault 14 pc=6000 tval=7010 CPL 3>CPL 0: a supervisor page (U/S=0) used from CPL 3; "
                                  "a load by CPL 3, a page that is present");
    c = BEGIN(W_P3, 0xcd, 0x80);
    w_run(&w);
    CU_ASSERT_STRING_EQUAL(heard, "INT 0x80 128 pc=6002 tval=0 CPL 3>CPL 0: ");
    event_unlisten(&w.bus, &l);
}

/* --- tasks ----------------------------------------------------------------------------------------------------------------- */

#define FAR(op, selector) op, 0, 0, 0, 0, (selector) & 0xff, (selector) >> 8
static u8 type_of(u16 selector) { return w_get(&w, W_GDT + selector + 5, 1) & 15; }

static void tasks(void)
{
    struct x86 *c = BEGIN(W_P0, FAR(0xea, S_TSS2)); /* JMP */
    c->r[X86_SI] = 0x12345678;
    w_put(&w, W_TSS2 + 64, 4, 0xabcdef01); /* ESI */
    w_run(&w);
    CU_ASSERT(w_vector(&w) == -1 && c->rip == W_TARGET + 1 && c->r[X86_SI] == 0xabcdef01 && c->r[X86_SP] == W_STACK1);
    CU_ASSERT(c->seg[X86_TR].selector == S_TSS2 && type_of(S_TSS2) == 11 && type_of(S_TSS) == 9 && (c->cr0 & CR0_TS));
    CU_ASSERT(w_get(&w, W_TSS + 32, 4) == W_CODE + 7 && w_get(&w, W_TSS + 64, 4) == 0x12345678 && !(c->rflags & X86_NT));

    c = BEGIN(W_P0, FAR(0x9a, S_TSS2)); /* CALL, then IRET of the other task */
    w_put(&w, W_TARGET, 1, 0xcf);
    w_run(&w);
    CU_ASSERT(c->rip == W_CODE + 8 && c->seg[X86_TR].selector == S_TSS && type_of(S_TSS) == 11 && type_of(S_TSS2) == 9);
    CU_ASSERT(w_get(&w, W_TSS2, 2) == S_TSS && w_get(&w, W_TSS2 + 32, 4) == W_TARGET + 1 &&
              !(w_get(&w, W_TSS2 + 36, 4) & X86_NT));

    c = BEGIN(W_P0, FAR(0x9a, S_TASK_GATE));
    w_run(&w);
    CU_ASSERT(c->rip == W_TARGET + 1 && type_of(S_TSS) == 11 && type_of(S_TSS2) == 11 && (c->rflags & X86_NT));

    c = BEGIN(W_P0, FAR(0xea, S_TSS16)); /* a 16-bit TSS */
    w_run(&w);
    CU_ASSERT(c->rip == W_TARGET + 1 && c->r[X86_SP] == (0xffff0000u | W_STACK1) && c->seg[X86_TR].selector == S_TSS16);

    c = BEGIN(W_P0, 0xcd, 0x0e); /* a task gate for #PF with an error code */
    w_put(&w, W_IDT + 8 * EXC_PF, 8, w_gate(S_TSS2, 0, 0xe5, 0));
    w_pages(&w, false, false);
    w_put(&w, W_TSS2 + 28, 4, c->cr3);
    c->cr0 |= CR0_PG;
    w_code(&w, (const u8[]){ 0x8b, 0x08 }, 2);
    c->r[X86_AX] = 0x300000;
    w_run(&w);
    CU_ASSERT(c->rip == W_TARGET + 1 && w_get(&w, c->r[X86_SP], 4) == 0 && c->r[X86_SP] == W_STACK1 - 4 && c->cr2 == 0x300000);
    CU_ASSERT(w_get(&w, W_TSS + 32, 4) == W_CODE); /* the faulting instruction */

    static const struct { /* a bad task: the fault is the new task's, and what it pushes is of it */
        u16 at, value;
        int vector;
        u32 error;
    } bad[] = { { 76, S_DATA0, EXC_TS, S_DATA0 }, { 76, 0, EXC_TS, 0 }, { 76, S_CODE_ABSENT, EXC_NP, S_CODE_ABSENT },
                { 84, S_TSS, EXC_TS, S_TSS }, { 84, S_ABSENT, EXC_NP, S_ABSENT }, { 96, S_DATA0, EXC_TS, S_DATA0 } };
    for (unsigned n = 0; n < ARRAY_LEN(bad); n++) {
        c = BEGIN(W_P0, FAR(0xea, S_TSS2));
        w_put(&w, W_TSS2 + bad[n].at, 2, bad[n].value);
        /* The handler runs in a task of its own: the new one may have no stack. */
        w_gdt(&w, S_LD, w_desc(W_DATA, 0x67, 0x89, 0));
        memcpy(w.ram->host + W_DATA, w.ram->host + W_TSS2, 0x68);
        w_put(&w, W_DATA + bad[n].at, 2, bad[n].at == 96 ? 0 : bad[n].at == 76 ? S_CODE0 : S_DATA0);
        w_put(&w, W_IDT + 8 * (u64)bad[n].vector, 8, w_gate(S_LD, 0, 0xe5, 0));
        w_run(&w);
        CU_ASSERT(c->seg[X86_TR].selector == S_LD && c->rip == W_TARGET + 1);
        CU_ASSERT(w_get(&w, c->r[X86_SP], 4) == bad[n].error);
        CU_ASSERT(w_get(&w, W_TSS2 + 32, 4) == W_TARGET); /* nothing of it was executed */
    }

    static const struct { /* refused before anything changes */
        u32 limit;
        u8 access;
        int vector;
    } refused[] = { { 0x66, 0x89, EXC_TS }, { 0x67, 0x8b, EXC_GP }, { 0x67, 0x09, EXC_NP } };
    for (unsigned n = 0; n < ARRAY_LEN(refused); n++) {
        c = BEGIN(W_P0, FAR(0xea, S_TSS2));
        w_gdt(&w, S_TSS2, w_desc(W_TSS2, refused[n].limit, refused[n].access, 0));
        w_run(&w);
        CU_ASSERT(w_vector(&w) == refused[n].vector && w_get(&w, c->r[X86_SP], 4) == S_TSS2);
        CU_ASSERT(c->seg[X86_TR].selector == S_TSS && !(c->cr0 & CR0_TS));
    }
}

/* --- system management mode ------------------------------------------------------------------------------------------------- */

static void smm(void)
{
    for (unsigned k = 0; k < 2; k++) {
        if (k) {
            w_free(&w);
            w_new(&w, "pentium3");
        }
        struct x86 *c = BEGIN(k ? W_P0 : W_L0, 0x90, 0x90);
        c->r[X86_BX] = 0x1122334455667788u >> (k ? 32 : 0);
        struct x86 before = *c;
        /* mov byte [ebx... at SMBASE + 8000H: RSM */
        w_put(&w, 0x38000, 2, 0xaa0f);
        line(X86_LINE_SMI);
        CU_ASSERT(x86_take_pending(c) && c->smm && c->rip == 0x8000 && c->seg[X86_CS].base == 0x30000 && !c->cr4 &&
                  c->seg[X86_CS].selector == 0x3000 && !(c->cr0 & (CR0_PE | CR0_PG)) && c->nmi_blocked);
        CU_ASSERT(w_get(&w, 0x3fefc, 4) == (k ? 0x20000 : 0x20064));
        w_put(&w, k ? 0x3fef8 : 0x3ff00, 4, 0x40000); /* a new SMBASE */
        c->cpu.ops->run(&c->cpu, 1);
        CU_ASSERT(!c->smm && c->smbase == 0x40000 && c->rip == W_CODE && c->cr0 == before.cr0 && c->cr3 == before.cr3 &&
                  c->cr4 == before.cr4 && c->efer == before.efer && c->cpl == 0 && !c->nmi_blocked);
        CU_ASSERT(!memcmp(c->r, before.r, 16 * sizeof c->r[0]));
        for (unsigned n = 0; n < X86_SEGS; n++)
            CU_ASSERT(c->seg[n].selector == before.seg[n].selector && c->seg[n].base == before.seg[n].base &&
                      c->seg[n].limit == before.seg[n].limit && c->seg[n].type == before.seg[n].type &&
                      c->seg[n].l == before.seg[n].l && c->seg[n].db == before.seg[n].db);
        w_run(&w);
        CU_ASSERT(w_vector(&w) == -1 && c->rip == W_CODE + 3);
        CU_ASSERT(!x86_stuck(&c->cpu, (char[80]){ 0 }, 80) || !(c->rflags & X86_IF));
    }
    w_free(&w);
    w_new(&w, "max");
}

/* INIT of the boot CPU: from the reset vector, after RSM in system management mode, after the instruction that sent it to itself. */
static void send_init(void *opaque, bool level) { x86_init_signal(opaque); }

static void init(void)
{
    struct x86 *c = BEGIN(W_P0, 0x90, 0x90);
    x86_init_signal(c);
    CU_ASSERT(!c->init_pending && c->rip == 0xfff0 && c->seg[X86_CS].base == 0xffff0000 && !(c->cr0 & CR0_PE) && c->rflags == 2);
    c = BEGIN(W_L0, 0x90, 0x90);
    w_put(&w, c->smbase + 0x8000, 2, 0xaa0f); /* RSM */
    line(X86_LINE_SMI);
    CU_ASSERT(x86_take_pending(c) && c->smm);
    x86_init_signal(c);
    CU_ASSERT(c->smm && c->init_pending && c->rip == 0x8000 && !x86_take_pending(c));
    c->cpu.ops->run(&c->cpu, 1);
    CU_ASSERT(!c->smm && x86_take_pending(c) && !c->init_pending && c->rip == 0xfff0 && !(c->cr0 & (CR0_PE | CR0_PG)));
    c = BEGIN(W_P0, 0xd8, 0xf1, 0x90); /* FDIV by an empty register raises FERR#, which is wired to INIT here */
    c->cr0 &= ~(u64)(CR0_NE | CR0_EM | CR0_TS);
    c->fpu.cw = 0;
    c->board.ferr = send_init;
    c->board.ferr_opaque = c;
    c->cpu.ops->run(&c->cpu, 1);
    CU_ASSERT(c->init_pending && c->rip == W_CODE + 2);
    CU_ASSERT(x86_take_pending(c) && c->rip == 0xfff0);
    c->board.ferr = NULL;
}

/* --- paging that KVM is not asked about ---------------------------------------------------------------------------------------- */

static void walks(void)
{
    struct cpu_walk t;
    struct x86_xlat x;
    struct x86 *c = BEGIN(W_P0, 0x90);
    w_pages(&w, false, false);
    c->cr0 |= CR0_PG;
    x86_translate(c, 0x7123, CPU_WRITE, true, &x);
    CU_ASSERT(x.ok && x.pa == 0x7123 && x.n_ptes == 2 && x.dirty && x.writable && x.user && x.executable);
    CU_ASSERT(w_get(&w, W_PT + 0x3000 + 4 * 7, 4) == 0x7067 && (w_get(&w, W_PT + 0x2000, 4) & 0x60) == 0x20);
    /* PSE-36 */
    c->cr4 |= CR4_PSE;
    c->config.phys_bits = 40;
    w_put(&w, W_PT + 0x2004, 4, 0x00c00000 | 0x80 | 7 | 0x5a << 13);
    x86_translate(c, 0x412345, CPU_READ, false, &x);
    CU_ASSERT(x.ok && x.pa == (0x5a00000000u | 0xc12345));
    w_put(&w, W_PT + 0x2004, 4, 0x00c00000 | 0x80 | 7 | 1 << 21);
    x86_translate(c, 0x412345, CPU_READ, false, &x);
    CU_ASSERT(!x.ok && x.error == (PF_P | PF_RSVD));
    c->cr4 &= ~(u64)CR4_PSE; /* PS is ignored: a pointer to a table elsewhere */
    x86_walk(&c->cpu, 0x412345, CPU_READ, &t);
    CU_ASSERT(t.n_levels == 2 && t.level[1].pte_addr == (0xc00000 | 1 << 21 | 0x12 * 4));
    CU_ASSERT(t.ok && t.pa == 0xfffff345); /* nothing is there: it reads as ones */
    /* PAE: NX, reserved bits */
    c->cr4 |= CR4_PAE;
    c->efer |= EFER_NXE;
    w_pages(&w, false, true);
    x86_walk(&c->cpu, 0x7000, CPU_WRITE, &t);
    CU_ASSERT(t.ok && t.pa == 0x7000 && t.n_levels == 3 && !strcmp(t.mode, "PAE"));
    CU_ASSERT(w_get(&w, W_PT + 0x3000 + 8 * 7, 8) == 0x7007); /* people change nothing */
    w_put(&w, W_PT + 0x3000 + 8 * 7, 8, 0x7007 | BIT64(62));
    x86_walk(&c->cpu, 0x7000, CPU_WRITE, &t);
    CU_ASSERT(!t.ok && strstr(t.why, "PTE at 0x13038 is 0x4000000000007007: reserved bits are set"));
    x86_walk(&c->cpu, 0x40000000, CPU_READ, &t);
    CU_ASSERT(!t.ok && strstr(t.why, "PDPTE") && t.n_levels == 1);
    /* 5 levels */
    c = BEGIN(W_L0, 0x90);
    w_put(&w, 0x20000 + 8 * 3, 8, W_PT + 7);
    c->cr3 = 0x20000;
    c->cr4 |= CR4_LA57;
    x86_walk(&c->cpu, (u64)3 << 48 | 0x7000, CPU_READ, &t);
    CU_ASSERT(t.ok && t.pa == 0x7000 && t.n_levels == 5 && t.level[0].level == 5);
    x86_walk(&c->cpu, (u64)1 << 57, CPU_READ, &t);
    CU_ASSERT(!t.ok && !strcmp(t.fault, "#GP general protection fault"));
    /* A20 */
    c = BEGIN(W_P0, 0x90);
    c->a20 = false;
    x86_translate(c, 0x107000, CPU_READ, false, &x);
    CU_ASSERT(x.ok && x.pa == 0x7000);
    c->a20 = true;
    /* protection keys */
    c = BEGIN(W_L3, 0x90);
    c->cr4 |= CR4_PKE;
    w_put(&w, W_PT + 0x3000 + 8 * 7, 8, 0x7007 | (u64)5 << 59);
    c->pkru = 2u << 10;
    x86_translate(c, 0x7000, CPU_READ, true, &x);
    CU_ASSERT(x.ok && !x.dirty);
    x86_translate(c, 0x7000, CPU_WRITE, true, &x);
    CU_ASSERT(!x.ok && x.error == (PF_P | PF_W | PF_U | PF_PK));
    x86_translate(c, 0x7000, CPU_EXEC, true, &x);
    CU_ASSERT(x.ok);
}

/* --- models ------------------------------------------------------------------------------------------------------------------- */

static void models(void)
{
    static const struct {
        const char *model;
        u64 cs_base, rip, cr0, dx;
    } row[] = { { "8086", 0xffff0, 0, 0, 0 }, { "286", 0xff0000, 0xfff0, 0, 0 }, { "386", 0xffff0000, 0xfff0, 0, 1 },
                { "486", 0xffff0000, 0xfff0, 0x60000010, 1 }, { "qemu64", 0xffff0000, 0xfff0, 0x60000010, 1 } };
    for (unsigned n = 0; n < ARRAY_LEN(row); n++) {
        struct world v;
        w_new(&v, row[n].model);
        const struct x86 *c = v.c;
        CU_ASSERT(c->seg[X86_CS].base == row[n].cs_base && c->rip == row[n].rip && c->cr0 == row[n].cr0);
        CU_ASSERT(!row[n].dx || c->r[X86_DX] == c->config.signature);
        CU_ASSERT(c->code_bits == 16 && c->stack_size == 2 && c->rflags == 2);
        w_free(&v);
    }
    struct world v;
    w_new(&v, "8086");
    w_mode(&v, W_REAL);
    w_code(&v, (const u8[]){ 0x9c, 0x58 }, 2); /* PUSHF, POP AX: the upper four bits are ones */
    w_run(&v);
    CU_ASSERT((v.c->r[X86_AX] & 0xf000) == 0xf000);
    w_free(&v);
    w_new(&v, "286");
    w_mode(&v, W_REAL);
    w_code(&v, (const u8[]){ 0x68, 0, 0x70, 0x9d, 0x9c, 0x58 }, 6); /* PUSH 7000H, POPF, PUSHF, POP AX: they stay 0 */
    w_run(&v);
    CU_ASSERT(!(v.c->r[X86_AX] & 0xf000));
    w_free(&v);
}

int main(void)
{
    CU_TestInfo tests[] = { { "interrupts and their order", interrupts }, { "branch steps", branch_steps },
                            { "CPUs that are stuck", stuck },
                            { "the story", story },                       { "events", events },
                            { "tasks", tasks },                           { "SMM", smm },
                            { "INIT", init },
                            { "page walks", walks },                      { "models", models },
                            CU_TEST_INFO_NULL };
    w_new(&w, "max");
    int status = unit_main("x86 events", tests);
    w_free(&w);
    return status;
}
