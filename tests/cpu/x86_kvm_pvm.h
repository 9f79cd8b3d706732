/* What kvm_pvm does not tell. It has no hardware below it: user code of 64-bit mode runs on the processor, all else in KVM's
 * instruction emulator, and exceptions are delivered by kvm_pvm itself. Each entry names the rows, the fields of theirs that
 * are not as the manual says (all: the row ends elsewhere), the reason, and where the manual shows that ours are right. A row
 * that is not here must agree; one that is here and agrees is told, as another kernel or processor may know more. */
#ifndef TESTS_CPU_X86_KVM_PVM_H
#define TESTS_CPU_X86_KVM_PVM_H

#include <stdio.h>
#include <string.h>

#include "tests/cpu/x86_kvm.h"

struct kvm_untold {
    const char *why, *section;
    const char *rows;   /* their names, a bar between two */
    const char *fields; /* how the names of the fields begin, a bar between two */
};

#define WHOLE "" /* begins every name */

static const struct kvm_untold kvm_pvm_untold[] = {
    { "the emulator has no call gates, and no far transfer to system descriptors", "SDM 3, 5.8.4",
      "jmp far, LDT descriptor|jmp far, call gate|jmp far, call gate inner|call far, gate|call far, gate with parameters|"
      "call far, 16-bit gate|call far, gate DPL|call far, gate RPL|call far, gate absent|call far, gate to null|"
      "call far, gate to data|call far, gate to absent|call far, gate beyond the limit|call far, to CPL 1|call far, SS1 null|"
      "call far, SS1 RPL|call far, SS1 DPL|call far, SS1 code|call far, SS1 beyond|call far, SS1 absent|call far, SS1 too small|"
      "call far, TSS too short|call far, 64-bit gate|jmp far, TSS in long mode", WHOLE },
    { "the emulator cannot take the load of CS back when the target is beyond its limit", "SDM 2, JMP",
      "jmp far, limit|jmp far 32, real, limit", WHOLE },
    { "the emulator has no far return to an outer level", "SDM 3, 5.8.6",
      "retf, DPL|retf, outer|retf 4, outer|retf, outer, SS null|retf, outer, SS RPL|retf, outer, SS DPL", WHOLE },
    { "the emulator has no INT in protected mode", "SDM 2, INT",
      "int|int from CPL 3|int with TF|int, limit|int, DPL|int, absent|int, absent from CPL 3|int, call gate|int, null CS|int, data|"
      "int, outer|int, CS absent|int, CS beyond|int, 16-bit gate|int, trap gate|int, conforming|int3|no #GP handler|"
      "nothing in the IDT|only #DF|int in 64-bit|int from CPL 3 in 64-bit|int from compatibility mode|"
      "int from compatibility mode, CPL 0|int, IST|int, IST at CPL 0|int, 16-bit gate in long mode|int, 32-bit code in long mode|"
      "int, v86|int, v86, IOPL 3|int3, v86|int, v86, VME|int, v86, VME, IOPL 3|int, v86, VME, bitmap set, IOPL 3|"
      "int, v86, VME, bitmap set|int, v86, IOPL 3, IVT not used|int, v86, conforming|IDT absent", WHOLE },
    { "INT in real mode does not come back from KVM_RUN", "SDM 3, 20.1.4", "int, real|int, real, limit|int, real, no IVT", WHOLE },
    { "the emulator has no IRET in protected mode", "SDM 2, IRET",
      "iret|iret, outer|iret, outer, SS null|iret at CPL 3, flags|iret to v86|iret to v86, EIP too high|iret, v86|iret, v86, VME|"
      "iret, v86, VME, VIP", WHOLE },
    { "the emulator does not know the instruction", "SDM 2",
      "lar code|lar gate|lar outer RPL|lar beyond|lar null|lar conforming from CPL 3|lar 16|lar LDT in long mode|"
      "lar 16-bit TSS in long mode|lar task gate|lsl|lsl small|lsl gate|lsl 64|verr|verr data|verr system|verw|verw data|"
      "arpl raises|arpl does not|xgetbv, off|xgetbv, no such|stac|rdpkru, off|invpcid, type", WHOLE },
    { "there is no virtual-8086 mode: code is executed as that of protected mode", "SDM 3, 20.2",
      "mov ds, v86|sldt, v86|cli, v86|in, v86, IOPL 3, denied|popf, v86, IOPL 3|pushf, v86|cli, VME|sti, VME|sti, VME, VIP|pushf, VME|"
      "pushfd, VME|popf, VME, IF|popf, VME, TF|popf, VME, VIP|INTR in virtual-8086 mode", WHOLE },
    { "the emulator does not stop between instructions when an interrupt could be taken, but at HLT", "SDM 3, 6.8.1",
      "INTR behind STI|INTR behind STI, MOV SS|INTR behind POPF|INTR in real mode, behind STI|INTR behind IRET, real mode|"
      "INTR within REP", "memory 0x8df|memory 0x9ef|memory 0x9f0|rcx|rdi" },
    { "protected-mode virtual interrupts are not emulated", "SDM 3, 20.4", "cli, PVI|sti, PVI", "rflags|memory 0x8f" },
    { "the emulator sees whether the first byte is canonical, only", "SDM 1, 3.3.7.1", "half canonical", WHOLE },
    { "the emulator's single-step does not wait for the instruction behind MOV SS", "SDM 3, 6.8.3", "single step, SS shadow",
      "memory 0x8df4" },
    { "IRETQ to an outer level leaves the data segments alone", "SDM 2, IRET", "iretq, outer|iretq to compatibility mode",
      "es|ds|fs|gs" },
    { "IRETQ does not look at SS", "SDM 2, IRET", "iretq, null SS to compatibility mode", WHOLE },
    { "IRETQ and SYSRET fault after the return, at CPL 3", "SDM 2, IRET, SYSRET", "iretq, not canonical|sysretq, not canonical", WHOLE },
    { "an exception from CPL 3 clears AC", "SDM 3, 6.12.1.3",
      "popf, all, CPL 3|popf, all, CPL 3, IOPL 3|popf, 64-bit|not aligned, AC|not aligned, AC, across pages|"
      "not aligned, 16 bits, AC|stack not aligned, AC", "rflags" },
    { "the emulator has no alignment check", "SDM 3, 6.15", "not aligned, AC, compatibility mode", WHOLE },
    { "LTR takes a 16-bit TSS in long mode", "SDM 3, 3.5", "ltr, 16-bit in long mode", WHOLE },
    { "the upper half of CR0 is ignored", "SDM 2, MOV CR", "mov cr0, upper half", WHOLE },
    { "there is no paging but that of long mode", "SDM 3, 4.1.1", "mov cr0, PAE|mov cr0, 32-bit paging", WHOLE },
    { "there are no process-context identifiers", "SDM 3, 4.10.1", "mov cr4, PCIDE", WHOLE },
    { "there are no pages of 1 GiB without the processor's nested paging", "SDM 3, 4.5.4", "1 GiB", WHOLE },
    { "the emulator has no data breakpoints", "SDM 3, 17.2", "data breakpoint", WHOLE },
    { "the value of IA32_PAT is not looked at", "SDM 2, WRMSR", "wrmsr pat, bad type", WHOLE },
    { "SYSCALL stays at CPL 3 and shows IF of the host", "SDM 2, SYSCALL", "syscall", WHOLE },
    { "SYSRET gives IOPL and NT no value, and is always that of 64 bits", "SDM 2, SYSRET", "sysretq|sysret",
      "rflags|memory 0x8fe8|memory 0x8fe0" },
    { "CR4.FSGSBASE is the host's in user code", "SDM 2, RDFSBASE", "rdfsbase, off", WHOLE },
    { "a page fault while INT is delivered becomes a double fault: INT is benign", "SDM 3, 6.15", "inner stack absent", WHOLE },
    { "a page fault while an event is delivered does not write CR2", "SDM 3, 6.15", "inner stack absent, double fault", "cr2" },
    { "the emulator reads two bytes of the I/O bitmap, and looks at the limit for one", "SDM 1, 19.5.2", "in, beyond", WHOLE },
};

/* Is a piece of `list` the whole of `name`, or its beginning? */
static inline bool kvm_listed(const char *list, const char *name, bool whole)
{
    while (list) {
        size_t n = strcspn(list, "|");
        if (!strncmp(list, name, n) && (!whole || !name[n]))
            return true;
        list = list[n] ? list + n + 1 : NULL;
    }
    return false;
}

static inline const struct kvm_untold *kvm_untold_of(const char *row)
{
    for (size_t n = 0; n < ARRAY_LEN(kvm_pvm_untold); n++)
        if (kvm_listed(kvm_pvm_untold[n].rows, row, true))
            return &kvm_pvm_untold[n];
    return NULL;
}

struct kvm_score {
    unsigned asked, agree, untold;
};

static inline void kvm_say(const char *row, const struct kvm_diff *d)
{
    printf("\n    %s: %s is 0x%llx here, 0x%llx in KVM", row, d->field, (unsigned long long)d->ours, (unsigned long long)d->theirs);
}

/* Counts the row; false: it differs where KVM can tell. */
static inline bool kvm_verdict(const struct judge *j, struct kvm_score *score, const char *row, const struct kvm_diffs *l)
{
    const struct kvm_untold *u = j->soft ? kvm_untold_of(row) : NULL;
    unsigned bad = 0, known = 0;
    score->asked++;
    score->agree += l->n == 0;
    score->untold += u != NULL;
    for (unsigned n = 0; n < l->n; n++)
        if (u && kvm_listed(u->fields, l->d[n].field, false)) {
            known++;
        } else {
            bad++;
            kvm_say(row, &l->d[n]);
        }
    if (u && !known)
        printf("\n    %s: KVM tells it after all: take it out of tests/cpu/x86_kvm_pvm.h (%s)", row, u->why);
    return !bad;
}

/* Are all names of the table names of rows? */
static inline bool kvm_all_asked(const struct kvm_score *score)
{
    unsigned names = 0;
    for (size_t n = 0; n < ARRAY_LEN(kvm_pvm_untold); n++) {
        names++;
        for (const char *s = kvm_pvm_untold[n].rows; *s; s++)
            names += *s == '|';
    }
    if (names != score->untold)
        printf("\n    tests/cpu/x86_kvm_pvm.h names %u rows, %u of them are rows of the test", names, score->untold);
    return names == score->untold;
}

#endif
