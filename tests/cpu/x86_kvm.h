/* The same state executed by KVM: what the processor of this host does with it. Where there is no /dev/kvm (or the host is no
 * x86, or ORRERY_KVM names another file) kvm_open() says so, and tests go by their tables alone. A KVM without hardware to ask
 * (kvm_pvm) emulates what is privileged: what it does not tell is in tests/cpu/x86_kvm_pvm.h, with the reasons. */
#ifndef TESTS_CPU_X86_KVM_H
#define TESTS_CPU_X86_KVM_H

#include "tests/cpu/x86_world.h"

enum kvm_end {
    KVM_HALTED,
    KVM_CANNOT = -1, /* it exits with an error: its emulator does not know the instruction */
    KVM_DEAD = -2,   /* shut down */
    KVM_STUCK = -3,  /* still at it after a fifth of a second of processor time */
};

/* Something that is not the same. */
struct kvm_diff {
    char field[24]; /* "rax", "cs limit", "memory 0x8fe8" */
    u64 ours, theirs;
};
struct kvm_diffs {
    struct kvm_diff d[64]; /* as many are told */
    unsigned n;
};

struct judge {
    int sys, vm, cpu;
    u8 *ram;
    u8 *tables; /* the page tables that KVM has seen last */
    bool soft;  /* this KVM has no hardware to ask: it emulates, and raises #UD at what it cannot (kvm_probe) */
    u8 phys_bits;
    bool gbpages;
    char why[160]; /* there is none: the reason */
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
#include <sys/time.h>
#include <unistd.h>

enum { KVM_TABLES = 5 * 4096 }; /* at W_PT */

static inline void kvm_alarm(int signal) {}

/* The RAM of the VM, anew: KVM forgets what it made of page tables, which it only watches for writes by the guest. */
static inline bool kvm_map(struct judge *j)
{
    struct kvm_userspace_memory_region r = { .userspace_addr = (u64)(uintptr_t)j->ram };
    if (ioctl(j->vm, KVM_SET_USER_MEMORY_REGION, &r) < 0)
        return false;
    r.memory_size = W_RAM;
    return ioctl(j->vm, KVM_SET_USER_MEMORY_REGION, &r) == 0;
}

static inline bool kvm_open(struct judge *j)
{
    const char *path = getenv("ORRERY_KVM") ? getenv("ORRERY_KVM") : "/dev/kvm";
    memset(j, 0, sizeof *j);
    j->cpu = j->vm = -1;
    struct sigaction a = { .sa_handler = kvm_alarm };
    sigaction(SIGPROF, &a, NULL);
    j->sys = open(path, O_RDWR | O_CLOEXEC);
    if (j->sys < 0 || (j->vm = ioctl(j->sys, KVM_CREATE_VM, 0)) < 0) {
        snprintf(j->why, sizeof j->why, "%s: %s", path, strerror(errno));
        return false;
    }
    ioctl(j->vm, KVM_SET_TSS_ADDR, 0xfffbd000ul);
    j->ram = mmap(NULL, W_RAM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct kvm_cpuid2 *id = calloc(1, sizeof *id + 256 * sizeof id->entries[0]);
    j->tables = calloc(1, KVM_TABLES);
    struct kvm_userspace_memory_region r = { .memory_size = W_RAM, .userspace_addr = (u64)(uintptr_t)j->ram };
    bool ok = id && j->tables && j->ram != MAP_FAILED && ioctl(j->vm, KVM_SET_USER_MEMORY_REGION, &r) == 0;
    j->cpu = ok ? ioctl(j->vm, KVM_CREATE_VCPU, 0) : -1;
    if (id)
        id->nent = 256;
    ok = j->cpu >= 0 && ioctl(j->sys, KVM_GET_SUPPORTED_CPUID, id) == 0 && ioctl(j->cpu, KVM_SET_CPUID2, id) == 0;
    for (u32 n = 0; ok && n < id->nent; n++) {
        if (id->entries[n].function == 0x80000008)
            j->phys_bits = (u8)id->entries[n].eax;
        if (id->entries[n].function == 0x80000001)
            j->gbpages = id->entries[n].edx >> 26 & 1;
    }
    free(id);
    if (!ok)
        snprintf(j->why, sizeof j->why, "%s: no virtual CPU can be made: %s", path, strerror(errno));
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
    if (j->ram && j->ram != MAP_FAILED)
        munmap(j->ram, W_RAM);
    free(j->tables);
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
    if (memcmp(j->tables, j->ram + W_PT, KVM_TABLES)) {
        memcpy(j->tables, j->ram + W_PT, KVM_TABLES);
        if (!kvm_map(j))
            return false;
    }
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

/* Is there an exception that has yet to be delivered: a trap behind HLT? */
static inline bool kvm_trap_due(struct judge *j)
{
    struct kvm_vcpu_events e;
    return ioctl(j->cpu, KVM_GET_VCPU_EVENTS, &e) == 0 && (e.exception.injected || e.exception.pending);
}

static inline enum kvm_end kvm_go(struct judge *j)
{
    const struct itimerval soon = { .it_value = { 0, 200000 } }, never = { .it_value = { 0, 0 } };
    int size = ioctl(j->sys, KVM_GET_VCPU_MMAP_SIZE, 0);
    struct kvm_run *run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, j->cpu, 0);
    enum kvm_end end = KVM_CANNOT;
    for (unsigned n = 0; run != MAP_FAILED && n < 100; n++) {
        setitimer(ITIMER_PROF, &soon, NULL);
        int r = ioctl(j->cpu, KVM_RUN, 0);
        setitimer(ITIMER_PROF, &never, NULL);
        if (r < 0)
            end = errno == EINTR ? KVM_STUCK : KVM_CANNOT;
        else if (run->exit_reason == KVM_EXIT_HLT && kvm_trap_due(j))
            continue;
        else if (run->exit_reason == KVM_EXIT_HLT)
            end = KVM_HALTED;
        else if (run->exit_reason == KVM_EXIT_SHUTDOWN)
            end = KVM_DEAD;
        else if (run->exit_reason == KVM_EXIT_IO) {
            if (run->io.direction == KVM_EXIT_IO_IN)
                memset((u8 *)run + run->io.data_offset, 0xff, run->io.size * run->io.count);
            continue;
        }
        break;
    }
    if (run != MAP_FAILED)
        munmap(run, (size_t)size);
    return end;
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
    j->soft = kvm_load(j, &w) && (kvm_go(j) != KVM_HALTED || kvm_said_ud(j));
    w_free(&w);
}

static inline void kvm_differ(struct kvm_diffs *l, const char *field, u64 ours, u64 theirs)
{
    if (ours == theirs || l->n == ARRAY_LEN(l->d))
        return;
    struct kvm_diff *d = &l->d[l->n++];
    snprintf(d->field, sizeof d->field, "%s", field);
    d->ours = ours;
    d->theirs = theirs;
}

static inline u64 kvm_rights(const struct kvm_segment *k)
{
    return k->type | k->s << 4 | k->dpl << 5 | k->present << 7 | k->l << 8 | k->db << 9 | k->g << 10;
}

/* What differs between w, which has run, and KVM, which has too. */
static inline void kvm_compare(struct judge *j, const struct world *w, struct kvm_diffs *l)
{
    static const char *const names[] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11",
                                         "r12", "r13", "r14", "r15" };
    static const char *const segs[] = { "es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr" };
    const struct x86 *c = w->c;
    struct kvm_sregs s;
    struct kvm_regs r;
    struct kvm_debugregs d;
    l->n = 0;
    if (ioctl(j->cpu, KVM_GET_SREGS, &s) < 0 || ioctl(j->cpu, KVM_GET_REGS, &r) < 0 || ioctl(j->cpu, KVM_GET_DEBUGREGS, &d) < 0) {
        kvm_differ(l, "(KVM does not say)", 0, 1);
        return;
    }
    const u64 g[] = { r.rax, r.rcx, r.rdx, r.rbx, r.rsp, r.rbp, r.rsi, r.rdi, r.r8, r.r9, r.r10, r.r11, r.r12, r.r13, r.r14, r.r15 };
    for (unsigned n = 0; n < 16; n++)
        kvm_differ(l, names[n], c->r[n], g[n]);
    kvm_differ(l, "rip", c->rip, r.rip);
    kvm_differ(l, "rflags", x86_flags(c), r.rflags);
    const struct kvm_segment *const seg[] = { &s.es, &s.cs, &s.ss, &s.ds, &s.fs, &s.gs, &s.ldt, &s.tr };
    for (unsigned n = 0; n < 8; n++) {
        char name[24];
        kvm_differ(l, segs[n], c->seg[n].selector, seg[n]->selector);
        snprintf(name, sizeof name, "%s usable", segs[n]);
        bool ss64 = n == X86_SS && is_null(c->seg[n].selector); /* "unusable" says nothing there */
        if (!ss64)
            kvm_differ(l, name, c->seg[n].valid, !seg[n]->unusable);
        if (!c->seg[n].valid || seg[n]->unusable)
            continue;
        struct kvm_segment k = kvm_seg(&c->seg[n]);
        snprintf(name, sizeof name, "%s base", segs[n]);
        kvm_differ(l, name, c->seg[n].base, seg[n]->base);
        snprintf(name, sizeof name, "%s limit", segs[n]);
        kvm_differ(l, name, c->seg[n].limit, seg[n]->limit);
        snprintf(name, sizeof name, "%s rights", segs[n]);
        kvm_differ(l, name, kvm_rights(&k), kvm_rights(seg[n]));
    }
    kvm_differ(l, "cr0", c->cr0, s.cr0);
    kvm_differ(l, "cr2", c->cr2, s.cr2);
    kvm_differ(l, "cr3", c->cr3, s.cr3);
    kvm_differ(l, "cr4", c->cr4, s.cr4);
    kvm_differ(l, "efer", c->efer, s.efer);
    kvm_differ(l, "gdtr base", c->gdtr.base, s.gdt.base);
    kvm_differ(l, "gdtr limit", c->gdtr.limit, s.gdt.limit);
    kvm_differ(l, "idtr base", c->idtr.base, s.idt.base);
    kvm_differ(l, "idtr limit", c->idtr.limit, s.idt.limit);
    for (unsigned n = 0; n < 4; n++)
        kvm_differ(l, (const char *const[]){ "dr0", "dr1", "dr2", "dr3" }[n], c->dr[n], d.db[n]);
    kvm_differ(l, "dr6", c->dr[6], d.dr6);
    kvm_differ(l, "dr7", c->dr[7], d.dr7);
    for (u64 page = 0; page < W_RAM; page += 4096)
        if (memcmp(j->ram + page, w->ram->host + page, 4096))
            for (u64 at = page; at < page + 4096; at += 4)
                if (memcmp(j->ram + at, w->ram->host + at, 4)) {
                    char name[24];
                    snprintf(name, sizeof name, "memory 0x%llx", (unsigned long long)at);
                    kvm_differ(l, name, w_get(w, at, 4), load_le(j->ram + at, 4));
                }
    memcpy(j->tables, j->ram + W_PT, KVM_TABLES);
}
#else
static inline bool kvm_open(struct judge *j)
{
    *j = (struct judge){ .why = "this host is no x86" };
    return false;
}
static inline void kvm_close(struct judge *j) {}
static inline bool kvm_load(struct judge *j, const struct world *w) { return false; }
static inline enum kvm_end kvm_go(struct judge *j) { return KVM_CANNOT; }
static inline void kvm_compare(struct judge *j, const struct world *w, struct kvm_diffs *l) {}
static inline bool kvm_said_ud(struct judge *j) { return false; }
static inline void kvm_probe(struct judge *j) {}
#endif

#endif
