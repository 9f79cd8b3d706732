/* Single instructions on the host, in one of two ways. A child process lives in its signal handler: sigreturn loads all registers of a shot
 * and sets TF; the trap behind the instruction, or what it raised, brings the state back as the next signal's context. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "tests/isa/x86_state.h"

#include <stdio.h>
#include <string.h>

void user_pattern(u8 data[DATA_BYTES])
{
    u64 x = 0x9e3779b97f4a7c15;
    for (size_t k = 0; k < DATA_BYTES; k += 8) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        store_le(data + k, 8, x);
    }
}

void user_shot_changes(struct user_shot *s, const u8 before[DATA_BYTES], const u8 after[DATA_BYTES])
{
    s->n_changes = 0;
    for (size_t at = 0; at < DATA_BYTES; at += 8) {
        if (at % 256 == 0 && !memcmp(before + at, after + at, 256)) {
            at += 256 - 8;
            continue;
        }
        u64 was = load_le(before + at, 8), is = load_le(after + at, 8);
        if (was != is && s->n_changes < MAX_CHANGES) {
            s->change[s->n_changes].at = (u16)at;
            s->change[s->n_changes++].value = is;
        }
    }
}

const struct user_segment user_ldt[L_ENTRIES] = {
    [L_DATA32] = { 0, 0xfffff, 0, true, true, false, false },
    [L_CODE32] = { CODE_AT, 0xfff, 2, true, false, false, false },
    [L_CODE16] = { CODE_AT, 0xfff, 2, false, false, false, false },
    [L_DATA16] = { DATA_AT, 0x1fff, 0, false, false, false, false },
    [L_SMALL] = { DATA_AT + 0x100, 0x1234, 0, true, false, false, false },
    [L_DOWN] = { DATA_AT, 0xfff, 1, true, false, false, false },
    [L_READ_ONLY] = { DATA_AT, 0x1fff, 0, true, false, true, false },
    [L_ABSENT] = { DATA_AT, 0x1fff, 0, true, false, false, true },
    [L_EXEC_ONLY] = { CODE_AT, 0xfff, 2, true, false, true, false },
    [L_CODE_SHORT] = { CODE_AT, 0x7ff, 2, true, false, false, false },
    [L_DOWN16] = { DATA_AT - 0x8000, 0x8fff, 1, false, false, false, false },
};

u64 user_descriptor(const struct user_segment *s)
{
    u64 type = 0x11 | (u64)!s->read_only << 1 | (u64)s->contents << 2; /* S, accessed */
    u64 access = type | 3 << 5 | (u64)!s->absent << 7;
    return (s->limit & 0xffff) | (u64)(s->base & 0xffffff) << 16 | access << 40 | (u64)(s->limit >> 16 & 15) << 48 |
           (u64)s->big << 54 | (u64)s->pages << 55 | (u64)(s->base >> 24) << 56;
}

u64 user_segment_base(u16 selector)
{
    return (selector & 4) && selector >> 3 < L_ENTRIES ? user_ldt[selector >> 3].base : 0;
}

#ifdef __x86_64__
#include <asm/ldt.h>
#include <cpuid.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

/* Of the child; there is one at a time. A test may keep what a signal handler needs in statics. */
static struct user_shot *shot, *shot_end, *prepared;
#define FOR_ASSEMBLY __attribute__((used)) static volatile u64
FOR_ASSEMBLY own_fs __asm__("x86_native_own_fs");
FOR_ASSEMBLY next_fs __asm__("x86_native_next_fs");
FOR_ASSEMBLY shot_fs __asm__("x86_native_shot_fs");
FOR_ASSEMBLY next_gs __asm__("x86_native_next_gs");
/* ES, DS, FS, GS: the kernel leaves them as they are. */
FOR_ASSEMBLY next_seg[4] __asm__("x86_native_next_seg"), seg[4] __asm__("x86_native_seg");
FOR_ASSEMBLY next_bases __asm__("x86_native_next_bases"); /* in 64-bit mode, FS and GS have bases of their own */
static u8 pattern[DATA_BYTES];

struct user_shot *user_shots_new(size_t n)
{
    void *p = mmap(NULL, n * sizeof(struct user_shot), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

static const int gregs[16] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                               REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15 };

static void load_fpu(u8 *x, const struct user_state *s)
{
    u64 bv = load_le(x + 512, 8) | 7;
    store_le(x + 512, 8, bv);
    store_le(x, 2, s->fpu.cw);
    store_le(x + 2, 2, s->fpu.sw);
    store_le(x + 4, 2, s->fpu.valid);
    store_le(x + 6, 2, s->fpu.fop);
    store_le(x + 8, 8, s->fpu.fip);
    store_le(x + 16, 8, s->fpu.fdp);
    store_le(x + 24, 4, s->mxcsr);
    unsigned top = s->fpu.sw >> 11 & 7;
    for (unsigned k = 0; k < 8; k++) {
        const struct x86_f80 *f = &s->fpu.st[(top + k) & 7];
        store_le(x + 32 + 16 * k, 8, f->m);
        store_le(x + 40 + 16 * k, 2, f->se);
    }
    for (unsigned k = 0; k < 16; k++) {
        memcpy(x + 160 + 16 * k, s->v[k].b, 16);
        memcpy(x + 576 + 16 * k, s->v[k].b + 16, 16);
    }
}

static void save_fpu(const u8 *x, struct user_state *s)
{
    u64 bv = load_le(x + 512, 8);
    memset(&s->fpu, 0, sizeof s->fpu);
    memset(s->v, 0, sizeof s->v);
    s->fpu.cw = 0x37f;
    if (bv & 1) {
        s->fpu.cw = (u16)load_le(x, 2);
        s->fpu.sw = (u16)load_le(x + 2, 2);
        s->fpu.valid = x[4];
        s->fpu.fop = (u16)load_le(x + 6, 2);
        s->fpu.fip = load_le(x + 8, 8);
        s->fpu.fdp = load_le(x + 16, 8);
        unsigned top = s->fpu.sw >> 11 & 7;
        for (unsigned k = 0; k < 8; k++) {
            s->fpu.st[(top + k) & 7].m = load_le(x + 32 + 16 * k, 8);
            s->fpu.st[(top + k) & 7].se = (u16)load_le(x + 40 + 16 * k, 2);
        }
    }
    s->mxcsr = (u32)load_le(x + 24, 4);
    for (unsigned k = 0; k < 16; k++) {
        if (bv & 2)
            memcpy(s->v[k].b, x + 160 + 16 * k, 16);
        if (bv & 4)
            memcpy(s->v[k].b + 16, x + 576 + 16 * k, 16);
    }
}

static void find_changes(struct user_shot *s)
{
    u8 before[DATA_BYTES];
    memcpy(before, pattern, DATA_BYTES);
    memcpy(before + s->patch_at, s->patch, PATCH_BYTES);
    user_shot_changes(s, before, (const u8 *)(uintptr_t)DATA_AT);
}

/* Called with our own FS base; the next shot's is loaded by the caller. */
static void on_signal(int sig, siginfo_t *info, void *context) __asm__("x86_native_on_signal");
__attribute__((used)) static void on_signal(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    greg_t *g = uc->uc_mcontext.gregs;
    u8 *x = (u8 *)uc->uc_mcontext.fpregs, *data = (u8 *)(uintptr_t)DATA_AT;

    if (prepared) { /* what became of it */
        struct user_state *o = &prepared->out;
        for (unsigned k = 0; k < 16; k++)
            o->r[k] = (u64)g[gregs[k]];
        o->rip = (u64)g[REG_RIP];
        o->rflags = (u64)g[REG_EFL];
        u64 csgsfs = (u64)g[REG_CSGSFS];
        __asm__ volatile("rdgsbase %0" : "=r"(o->gs_base));
        o->fs_base = shot_fs;
        o->seg[X86_CS] = (u16)csgsfs;
        o->seg[X86_SS] = (u16)(csgsfs >> 48);
        o->seg[X86_ES] = (u16)seg[0];
        o->seg[X86_DS] = (u16)seg[1];
        o->seg[X86_FS] = (u16)seg[2];
        o->seg[X86_GS] = (u16)seg[3];
        save_fpu(x, o);
        prepared->vector = (u8)g[REG_TRAPNO];
        prepared->error = (u32)g[REG_ERR];
        prepared->cr2 = (u64)g[REG_CR2];
        find_changes(prepared);
        memset((u8 *)(uintptr_t)CODE_AT, 0xf4, CODE_BYTES);
        prepared->done = true;
        shot++;
    }
    if (shot == shot_end)
        _exit(0);
    prepared = shot;
    const struct user_state *in = &shot->in;
    memcpy(data, pattern, DATA_BYTES);
    memcpy(data + shot->patch_at, shot->patch, PATCH_BYTES);
    u64 at = in->rip + user_segment_base(in->seg[X86_CS]) - CODE_AT;
    if (at < CODE_BYTES)
        memcpy((u8 *)(uintptr_t)(CODE_AT + at), shot->bytes, CODE_BYTES - at < 15 ? CODE_BYTES - at : 15);
    for (unsigned k = 0; k < 16; k++)
        g[gregs[k]] = (greg_t)in->r[k];
    g[REG_RIP] = (greg_t)in->rip;
    g[REG_EFL] = (greg_t)(in->rflags | X86_TF);
    g[REG_CSGSFS] = (greg_t)((u64)in->seg[X86_CS] | (u64)in->seg[X86_SS] << 48);
    uc->uc_flags |= 4; /* UC_STRICT_RESTORE_SS */
    next_seg[0] = in->seg[X86_ES];
    next_seg[1] = in->seg[X86_DS];
    next_seg[2] = in->seg[X86_FS];
    next_seg[3] = in->seg[X86_GS];
    next_bases = shot->bits == 64;
    load_fpu(x, in);
    next_fs = in->fs_base;
    next_gs = in->gs_base;
}

/* The entry of the handler: FS is still the shot's. */
__attribute__((naked)) static void signal_entry(void)
{
    __asm__("mov %es, x86_native_seg(%rip)\n\t"
            "mov %ds, x86_native_seg+8(%rip)\n\t"
            "mov %fs, x86_native_seg+16(%rip)\n\t"
            "mov %gs, x86_native_seg+24(%rip)\n\t"
            "rdfsbase %rax\n\t"
            "mov %rax, x86_native_shot_fs(%rip)\n\t"
            "mov x86_native_own_fs(%rip), %rax\n\t"
            "wrfsbase %rax\n\t"
            "push %rbp\n\t"
            "call x86_native_on_signal\n\t"
            "pop %rbp\n\t"
            "mov x86_native_next_seg(%rip), %es\n\t"
            "mov x86_native_next_seg+8(%rip), %ds\n\t"
            "mov x86_native_next_seg+16(%rip), %fs\n\t"
            "mov x86_native_next_seg+24(%rip), %gs\n\t"
            "cmpl $0, x86_native_next_bases(%rip)\n\t"
            "je 1f\n\t"
            "mov x86_native_next_gs(%rip), %rax\n\t"
            "wrgsbase %rax\n\t"
            "mov x86_native_next_fs(%rip), %rax\n\t"
            "wrfsbase %rax\n\t"
            "1: ret\n\t");
}

/* --- at speed --- */

/* What the stub below loads and stores: at the offsets that it knows. */
static struct direct {
    u64 r[16], flags, target;             /* 0, 128, 136: in */
    u64 out[16], out_flags, out_fs, out_gs; /* 144, 272, 280, 288 */
    u64 own_sp, own_fs, seg_in[4], seg_out[6]; /* 296, 304, 312, 344 */
    u32 own_mxcsr;                        /* 392 */
    u64 fs, gs;                           /* 400, 408: in */
    u64 faulted;                          /* 416 */
} direct __asm__("x86_direct");
static u8 direct_in[1024] __asm__("x86_direct_in") __attribute__((aligned(64)));
static u8 direct_out[1024] __asm__("x86_direct_out") __attribute__((aligned(64)));

#define OF_16(what, at)                                                                                                          \
    what(rax, at) what(rcx, at + 8) what(rdx, at + 16) what(rbx, at + 24) what(rbp, at + 40) what(rsi, at + 48)                   \
    what(rdi, at + 56) what(r8, at + 64) what(r9, at + 72) what(r10, at + 80) what(r11, at + 88) what(r12, at + 96)               \
    what(r13, at + 104) what(r14, at + 112) what(r15, at + 120) what(rsp, at + 32)
#define LOAD(r, at) "mov x86_direct+" #at "(%rip), %" #r "\n\t"
#define STORE(r, at) "mov %" #r ", x86_direct+" #at "(%rip)\n\t"

__attribute__((naked, noinline)) static void direct_call(void)
{
    __asm__("push %rbx\n\tpush %rbp\n\tpush %r12\n\tpush %r13\n\tpush %r14\n\tpush %r15\n\t"
            STORE(rsp, 296)
            "mov x86_direct+312(%rip), %es\n\t"
            "mov x86_direct+320(%rip), %ds\n\t"
            "mov x86_direct+328(%rip), %fs\n\t"
            "mov x86_direct+336(%rip), %gs\n\t"
            LOAD(rax, 400) "wrfsbase %rax\n\t"
            LOAD(rax, 408) "wrgsbase %rax\n\t"
            "mov $7, %eax\n\txor %edx, %edx\n\txrstor64 x86_direct_in(%rip)\n\t"
            "push x86_direct+128(%rip)\n\tpopfq\n\t"
            OF_16(LOAD, 0)
            "jmp *x86_direct+136(%rip)\n\t"
            ".globl x86_direct_leave\n.hidden x86_direct_leave\nx86_direct_leave:\n\t"
            OF_16(STORE, 144)
            LOAD(rsp, 296)
            "pushfq\n\tpop x86_direct+272(%rip)\n\tpush $2\n\tpopfq\n\t"
            "rdfsbase %rax\n\t" STORE(rax, 280)
            "rdgsbase %rax\n\t" STORE(rax, 288)
            "mov %es, x86_direct+344(%rip)\n\t"
            "mov %ds, x86_direct+368(%rip)\n\t"
            "mov %fs, x86_direct+376(%rip)\n\t"
            "mov %gs, x86_direct+384(%rip)\n\t"
            "mov %ss, x86_direct+360(%rip)\n\t"
            "mov $7, %eax\n\txor %edx, %edx\n\txsave64 x86_direct_out(%rip)\n\t"
            ".globl x86_direct_resume\n.hidden x86_direct_resume\nx86_direct_resume:\n\t" /* a fault comes back here */
            "fninit\n\tldmxcsr x86_direct+392(%rip)\n\tvzeroupper\n\t"
            LOAD(rax, 304) "wrfsbase %rax\n\t"
            "pop %r15\n\tpop %r14\n\tpop %r13\n\tpop %r12\n\tpop %rbp\n\tpop %rbx\n\tret\n\t");
}
extern const u8 x86_direct_leave[], x86_direct_resume[];

static void keep_segments(struct user_state *o)
{
    static const u8 at[] = { X86_ES, X86_DS, X86_FS, X86_GS };
    for (unsigned k = 0; k < 4; k++)
        o->seg[at[k]] = (u16)direct.seg_out[at[k]];
}

static void on_fault(int sig, siginfo_t *info, void *context) __asm__("x86_native_on_fault");
__attribute__((used)) static void on_fault(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    greg_t *g = uc->uc_mcontext.gregs;
    u8 *x = (u8 *)uc->uc_mcontext.fpregs;
    struct user_state *o = &shot->out;
    for (unsigned k = 0; k < 16; k++)
        o->r[k] = (u64)g[gregs[k]];
    o->rip = (u64)g[REG_RIP];
    o->rflags = (u64)g[REG_EFL];
    o->seg[X86_CS] = (u16)g[REG_CSGSFS];
    o->seg[X86_SS] = (u16)((u64)g[REG_CSGSFS] >> 48);
    keep_segments(o);
    o->fs_base = direct.out_fs;
    o->gs_base = direct.out_gs;
    save_fpu(x, o);
    shot->vector = (u8)g[REG_TRAPNO];
    shot->error = (u32)g[REG_ERR];
    shot->cr2 = (u64)g[REG_CR2];
    direct.faulted = true;
    g[REG_RIP] = (greg_t)(uintptr_t)x86_direct_resume;
    g[REG_RSP] = (greg_t)direct.own_sp;
    g[REG_EFL] = 0x202;
    g[REG_CSGSFS] = (greg_t)((u64)USER_CS64 | (u64)USER_DS << 48);
    uc->uc_flags |= 4; /* UC_STRICT_RESTORE_SS */
    store_le(x, 2, 0x37f);
    store_le(x + 2, 2, 0); /* nothing pending */
}

__attribute__((naked)) static void fault_entry(void)
{
    __asm__("mov %es, x86_direct+344(%rip)\n\t"
            "mov %ds, x86_direct+368(%rip)\n\t"
            "mov %fs, x86_direct+376(%rip)\n\t"
            "mov %gs, x86_direct+384(%rip)\n\t"
            "rdfsbase %rax\n\t" STORE(rax, 280)
            "rdgsbase %rax\n\t" STORE(rax, 288)
            LOAD(rax, 304) "wrfsbase %rax\n\t"
            "push %rbp\n\t"
            "call x86_native_on_fault\n\t"
            "pop %rbp\n\t"
            "ret\n\t");
}

static void direct_run(struct user_shot *s)
{
    const struct user_state *in = &s->in;
    struct user_state *o = &s->out;
    u8 *data = (u8 *)(uintptr_t)DATA_AT, *code = (u8 *)(uintptr_t)in->rip;
    memcpy(data, pattern, DATA_BYTES);
    memcpy(data + s->patch_at, s->patch, PATCH_BYTES);
    memcpy(code, s->bytes, s->length);
    memcpy(code + s->length, "\xff\x25\0\0\0\0", 6); /* JMP [behind] */
    store_le(code + s->length + 6, 8, (u64)(uintptr_t)x86_direct_leave);
    memcpy(direct.r, in->r, sizeof direct.r);
    direct.flags = in->rflags & ~(u64)X86_TF;
    direct.target = in->rip;
    direct.fs = in->fs_base;
    direct.gs = in->gs_base;
    static const u8 at[] = { X86_ES, X86_DS, X86_FS, X86_GS };
    for (unsigned k = 0; k < 4; k++)
        direct.seg_in[k] = in->seg[at[k]];
    direct.faulted = false;
    load_fpu(direct_in, in);
    direct_call();
    if (!direct.faulted) {
        memcpy(o->r, direct.out, sizeof o->r);
        o->rip = in->rip + s->length;
        o->rflags = direct.out_flags;
        o->fs_base = direct.out_fs;
        o->gs_base = direct.out_gs;
        o->seg[X86_CS] = in->seg[X86_CS];
        o->seg[X86_SS] = (u16)direct.seg_out[X86_SS];
        keep_segments(o);
        save_fpu(direct_out, o);
        s->vector = EXC_DB;
        s->error = 0;
        s->cr2 = 0;
    }
    find_changes(s);
    memset(code, 0xf4, (size_t)s->length + 14);
    s->done = true;
}

static _Noreturn void child(bool at_speed)
{
    static const int signals[] = { SIGTRAP, SIGSEGV, SIGBUS, SIGILL, SIGFPE };
    void *code = mmap((void *)(uintptr_t)CODE_AT, CODE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    void *data = mmap((void *)(uintptr_t)DATA_AT, DATA_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (code == MAP_FAILED || data == MAP_FAILED)
        _exit(2);
    memset(code, 0xf4, CODE_BYTES);
    cpu_set_t first; /* LSL of Linux's last segment tells the CPU's number */
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    sched_setaffinity(0, sizeof first, &first);
    for (unsigned k = 0; k < L_ENTRIES; k++) {
        const struct user_segment *u = &user_ldt[k];
        struct user_desc d = { .entry_number = k, .base_addr = u->base, .limit = u->limit, .seg_32bit = u->big,
                               .contents = u->contents, .read_exec_only = u->read_only, .limit_in_pages = u->pages,
                               .seg_not_present = u->absent };
        if (syscall(SYS_modify_ldt, 0x11, &d, sizeof d))
            _exit(4);
    }
    stack_t stack = { .ss_size = 1 << 18 };
    stack.ss_sp = mmap(NULL, stack.ss_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct sigaction sa = { .sa_flags = SA_SIGINFO | SA_ONSTACK };
    sa.sa_sigaction = (void (*)(int, siginfo_t *, void *))(void (*)(void))(at_speed ? fault_entry : signal_entry);
    sigfillset(&sa.sa_mask);
    for (size_t k = 0; k < ARRAY_LEN(signals); k++) {
        sigaction(signals[k], &sa, NULL);
        sigdelset(&sa.sa_mask, signals[k]);
    }
    if (sigaltstack(&stack, NULL))
        _exit(2);
    u64 fs;
    alarm(120);
    __asm__ volatile("rdfsbase %0" : "=r"(fs));
    own_fs = direct.own_fs = fs;
    direct.own_mxcsr = 0x1f80;
    if (at_speed) {
        for (; shot < shot_end; shot++)
            direct_run(shot);
        _exit(0);
    }
    __asm__ volatile("vxorps %%ymm0, %%ymm0, %%ymm0\n\tint3" ::: "memory");
    _exit(3);
}

bool native_supported(const char **why)
{
    unsigned a, b, c, d;
    *why = NULL;
    if (!(getauxval(AT_HWCAP2) & 2)) /* HWCAP2_FSGSBASE */
        *why = "the kernel does not let programs use WRFSBASE";
    else if (!__get_cpuid(1, &a, &b, &c, &d) || !(c >> 27 & 1) || !(c >> 28 & 1))
        *why = "the host has no AVX";
    return !*why;
}

static bool run_all(struct user_shot *shots, size_t n, bool at_speed, const char **why)
{
    user_pattern(pattern);
    shot = shots;
    shot_end = shots + n;
    for (size_t k = 0; k < n; k++)
        shots[k].done = false;
    while (shot < shot_end) {
        prepared = NULL;
        fflush(stdout);
        pid_t pid = fork();
        if (pid == 0)
            child(at_speed);
        int status;
        if (pid < 0 || waitpid(pid, &status, 0) < 0) {
            *why = "cannot start a child process";
            return false;
        }
        if (WIFEXITED(status) && WEXITSTATUS(status)) {
            *why = WEXITSTATUS(status) == 2   ? "cannot map the pages of the test"
                   : WEXITSTATUS(status) == 4 ? "the kernel has no modify_ldt()"
                                              : "the child process got no signal";
            return false;
        }
        while (shot < shot_end && shot->done)
            shot++;
        if (shot < shot_end && !(WIFEXITED(status))) { /* it died of this one */
            shot->vector = 255;
            shot++;
        }
    }
    return true;
}

bool native_run(struct user_shot *shots, size_t n, const char **why) { return run_all(shots, n, false, why); }
bool native_run_at_speed(struct user_shot *shots, size_t n, const char **why) { return run_all(shots, n, true, why); }
#else
struct user_shot *user_shots_new(size_t n) { return NULL; }
bool native_supported(const char **why)
{
    *why = "the host is not x86-64";
    return false;
}
bool native_run(struct user_shot *shots, size_t n, const char **why) { return native_supported(why); }
bool native_run_at_speed(struct user_shot *shots, size_t n, const char **why) { return native_supported(why); }
#endif
