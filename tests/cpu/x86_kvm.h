/* The same state executed by KVM: what the processor of this host does with it. Where there is no /dev/kvm (or the host is no
 * x86) kvm_open() says so, and tests go by their tables alone. */
#ifndef TESTS_CPU_X86_KVM_H
#define TESTS_CPU_X86_KVM_H

#include "tests/cpu/x86_world.h"

struct judge {
    int sys, vm, cpu;
    u8 *ram;
    bool soft; /* this KVM has no hardware to ask: it emulates, and raises #UD at what it cannot (kvm_probe) */
};

#if defined(__x86_64__) && defined(__linux__)
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

static inline void kvm_alarm(int signal) {}

static inline bool kvm_open(struct judge *j, u8 *phys_bits)
{
    memset(j, 0, sizeof *j);
    j->cpu = j->vm = -1;
    struct sigaction a = { .sa_handler = kvm_alarm };
    sigaction(SIGALRM, &a, NULL);
    j->sys = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (j->sys < 0 || (j->vm = ioctl(j->sys, KVM_CREATE_VM, 0)) < 0)
        return false;
    ioctl(j->vm, KVM_SET_TSS_ADDR, 0xfffbd000ul);
    j->ram = mmap(NULL, W_RAM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct kvm_userspace_memory_region r = { .memory_size = W_RAM, .userspace_addr = (u64)(uintptr_t)j->ram };
    if (j->ram == MAP_FAILED || ioctl(j->vm, KVM_SET_USER_MEMORY_REGION, &r) < 0)
        return false;
    j->cpu = ioctl(j->vm, KVM_CREATE_VCPU, 0);
    struct kvm_cpuid2 *id = calloc(1, sizeof *id + 256 * sizeof id->entries[0]);
    id->nent = 256;
    bool ok = j->cpu >= 0 && ioctl(j->sys, KVM_GET_SUPPORTED_CPUID, id) == 0 && ioctl(j->cpu, KVM_SET_CPUID2, id) == 0;
    for (u32 n = 0; ok && n < id->nent; n++)
        if (id->entries[n].function == 0x80000008)
            *phys_bits = (u8)id->entries[n].eax;
    free(id);
    return ok;
}

static inline void kvm_close(struct judge *j)
{
    if (j->cpu >= 0)
        close(j->cpu);
    if (j->vm >= 0)
        close(j->vm);
    if (j->sys >= 0)
        close(j->sys);
    if (j->ram)
        munmap(j->ram, W_RAM);
}

static inline struct kvm_segment kvm_seg(const struct x86_seg *s)
{
    return (struct kvm_segment){ .base = s->base, .limit = s->limit, .selector = s->selector, .type = s->type,
                                 .present = s->present, .dpl = s->dpl, .db = s->db, .s = s->s, .l = s->l, .g = s->g,
                                 .avl = s->avl, .unusable = !s->valid };
}

/* Gives KVM the state and the memory of w. */
static inline bool kvm_load(struct judge *j, const struct world *w)
{
    const struct x86 *c = w->c;
    memcpy(j->ram, w->ram->host, W_RAM);
    struct kvm_sregs s;
    struct kvm_regs r = { 0 };
    if (ioctl(j->cpu, KVM_GET_SREGS, &s) < 0)
        return false;
    struct kvm_segment *const seg[] = { &s.es, &s.cs, &s.ss, &s.ds, &s.fs, &s.gs, &s.ldt, &s.tr };
    for (unsigned n = 0; n < 8; n++)
        *seg[n] = kvm_seg(&c->seg[n]);
    s.gdt.base = c->gdtr.base;
    s.gdt.limit = c->gdtr.limit;
    s.idt.base = c->idtr.base;
    s.idt.limit = c->idtr.limit;
    s.cr0 = c->cr0;
    s.cr2 = c->cr2;
    s.cr3 = c->cr3;
    s.cr4 = c->cr4;
    s.cr8 = 0;
    s.efer = c->efer;
    memset(s.interrupt_bitmap, 0, sizeof s.interrupt_bitmap);
    u64 *const g[] = { (u64 *)&r.rax, (u64 *)&r.rcx, (u64 *)&r.rdx, (u64 *)&r.rbx, (u64 *)&r.rsp, (u64 *)&r.rbp, (u64 *)&r.rsi,
                       (u64 *)&r.rdi, (u64 *)&r.r8, (u64 *)&r.r9, (u64 *)&r.r10, (u64 *)&r.r11, (u64 *)&r.r12, (u64 *)&r.r13,
                       (u64 *)&r.r14, (u64 *)&r.r15 };
    for (unsigned n = 0; n < 16; n++)
        *g[n] = c->r[n];
    r.rip = c->rip;
    r.rflags = x86_flags(c);
    struct kvm_debugregs d = { .dr6 = c->dr[6], .dr7 = c->dr[7] };
    for (unsigned n = 0; n < 4; n++)
        d.db[n] = c->dr[n];
    struct kvm_vcpu_events e;
    memset(&e, 0, sizeof e);
    struct { /* a kvm_msrs */
        u32 nmsrs, pad;
        struct kvm_msr_entry m[7];
    } msrs = { .nmsrs = 7,
               .m = { { 0xC0000081, 0, c->star }, { 0xC0000082, 0, c->lstar }, { 0xC0000084, 0, c->sfmask },
                      { 0x174, 0, c->sysenter_cs }, { 0x175, 0, c->sysenter_esp }, { 0x176, 0, c->sysenter_eip },
                      { 0xC0000102, 0, c->kernel_gs_base } } };
    return ioctl(j->cpu, KVM_SET_SREGS, &s) == 0 && ioctl(j->cpu, KVM_SET_REGS, &r) == 0 &&
           ioctl(j->cpu, KVM_SET_DEBUGREGS, &d) == 0 && ioctl(j->cpu, KVM_SET_VCPU_EVENTS, &e) == 0 &&
           ioctl(j->cpu, KVM_SET_MSRS, &msrs) == 7;
}

/* 0: halted; -2: shut down; -1: KVM could not. */
static inline int kvm_go(struct judge *j)
{
    int size = ioctl(j->sys, KVM_GET_VCPU_MMAP_SIZE, 0);
    struct kvm_run *run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, j->cpu, 0);
    int result = -1;
    for (unsigned n = 0; run != MAP_FAILED && n < 100; n++) {
        alarm(1);
        int r = ioctl(j->cpu, KVM_RUN, 0);
        alarm(0);
        if (r < 0) /* also one that does not come back */
            break;
        if (run->exit_reason == KVM_EXIT_HLT || run->exit_reason == KVM_EXIT_SHUTDOWN) {
            result = run->exit_reason == KVM_EXIT_HLT ? 0 : -2;
            break;
        }
        if (run->exit_reason == KVM_EXIT_IO && run->io.direction == KVM_EXIT_IO_IN)
            memset((u8 *)run + run->io.data_offset, 0xff, run->io.size * run->io.count);
        else if (run->exit_reason != KVM_EXIT_IO)
            break;
    }
    if (run != MAP_FAILED)
        munmap(run, (size_t)size);
    return result;
}

/* Did it say #UD? */
static inline bool kvm_said_ud(struct judge *j)
{
    struct kvm_regs r;
    return ioctl(j->cpu, KVM_GET_REGS, &r) == 0 && r.rip == W_HANDLERS + 16 * EXC_UD + 1;
}

/* INT at CPL 3 is done by hardware where there is any; KVM's own emulator does not know it. */
static inline void kvm_probe(struct judge *j)
{
    struct world w;
    w_new(&w, "max");
    w_mode(&w, W_P3);
    w_code(&w, (const u8[]){ 0xcd, 0x80 }, 2);
    j->soft = kvm_load(j, &w) && (kvm_go(j) != 0 || kvm_said_ud(j));
    w_free(&w);
}

static inline unsigned kvm_differ(const char *test, const char *what, u64 ours, u64 theirs)
{
    if (ours == theirs)
        return 0;
    printf("\n    %s: %s is 0x%llx here, 0x%llx in KVM", test, what, (unsigned long long)ours, (unsigned long long)theirs);
    return 1;
}

/* How many things differ between w, which has run, and KVM, which has too. */
static inline unsigned kvm_compare(struct judge *j, const struct world *w, const char *test, u64 ignore_flags)
{
    static const char *const names[] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11",
                                         "r12", "r13", "r14", "r15" };
    static const char *const segs[] = { "es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr" };
    const struct x86 *c = w->c;
    struct kvm_sregs s;
    struct kvm_regs r;
    struct kvm_debugregs d;
    unsigned bad = 0;
    if (ioctl(j->cpu, KVM_GET_SREGS, &s) < 0 || ioctl(j->cpu, KVM_GET_REGS, &r) < 0 || ioctl(j->cpu, KVM_GET_DEBUGREGS, &d) < 0)
        return 1;
    const u64 g[] = { r.rax, r.rcx, r.rdx, r.rbx, r.rsp, r.rbp, r.rsi, r.rdi, r.r8, r.r9, r.r10, r.r11, r.r12, r.r13, r.r14, r.r15 };
    for (unsigned n = 0; n < 16; n++)
        bad += kvm_differ(test, names[n], c->r[n], g[n]);
    bad += kvm_differ(test, "rip", c->rip, r.rip);
    bad += kvm_differ(test, "rflags", x86_flags(c) & ~ignore_flags, r.rflags & ~ignore_flags);
    const struct kvm_segment *const seg[] = { &s.es, &s.cs, &s.ss, &s.ds, &s.fs, &s.gs, &s.ldt, &s.tr };
    for (unsigned n = 0; n < 8; n++) {
        char name[16];
        snprintf(name, sizeof name, "%s", segs[n]);
        bad += kvm_differ(test, name, c->seg[n].selector, seg[n]->selector);
        snprintf(name, sizeof name, "%s usable", segs[n]);
        bool ss64 = n == X86_SS && is_null(c->seg[n].selector); /* "unusable" says nothing there */
        if (!ss64)
            bad += kvm_differ(test, name, c->seg[n].valid, !seg[n]->unusable);
        if (!c->seg[n].valid || seg[n]->unusable)
            continue;
        snprintf(name, sizeof name, "%s base", segs[n]);
        bad += kvm_differ(test, name, c->seg[n].base, seg[n]->base);
        snprintf(name, sizeof name, "%s limit", segs[n]);
        bad += kvm_differ(test, name, c->seg[n].limit, seg[n]->limit);
        struct kvm_segment k = kvm_seg(&c->seg[n]);
        snprintf(name, sizeof name, "%s rights", segs[n]);
        bad += kvm_differ(test, name, k.type | k.s << 4 | k.dpl << 5 | k.present << 7 | k.l << 8 | k.db << 9 | k.g << 10,
                          seg[n]->type | seg[n]->s << 4 | seg[n]->dpl << 5 | seg[n]->present << 7 | seg[n]->l << 8 |
                              seg[n]->db << 9 | seg[n]->g << 10);
    }
    bad += kvm_differ(test, "cr0", c->cr0, s.cr0) + kvm_differ(test, "cr2", c->cr2, s.cr2) +
           kvm_differ(test, "cr3", c->cr3, s.cr3) + kvm_differ(test, "cr4", c->cr4, s.cr4) +
           kvm_differ(test, "efer", c->efer, s.efer) + kvm_differ(test, "gdtr", c->gdtr.base + c->gdtr.limit, s.gdt.base + s.gdt.limit) +
           kvm_differ(test, "idtr", c->idtr.base + c->idtr.limit, s.idt.base + s.idt.limit) +
           kvm_differ(test, "dr6", c->dr[6], d.dr6) + kvm_differ(test, "dr7", c->dr[7], d.dr7);
    unsigned told = 0;
    for (u64 at = 0; at < W_RAM; at += 4)
        if (memcmp(j->ram + at, w->ram->host + at, 4) && told++ < 4) {
            char name[32];
            snprintf(name, sizeof name, "memory at 0x%llx", (unsigned long long)at);
            bad += kvm_differ(test, name, w_get(w, at, 4), load_le(j->ram + at, 4));
        }
    return bad;
}
#else
static inline bool kvm_open(struct judge *j, u8 *phys_bits) { return false; }
static inline void kvm_close(struct judge *j) {}
static inline bool kvm_load(struct judge *j, const struct world *w) { return false; }
static inline int kvm_go(struct judge *j) { return -1; }
static inline unsigned kvm_compare(struct judge *j, const struct world *w, const char *test, u64 ignore_flags) { return 0; }
static inline bool kvm_said_ud(struct judge *j) { return false; }
static inline void kvm_probe(struct judge *j) {}
#endif

#endif
