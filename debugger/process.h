/* The guest's processes, as far as they are known.
 *
 * Without knowledge of the operating system a process is an address space: the page table the CPU uses now. A profile
 * of the operating system (Lua's, os profiles) puts its table of functions here, and processes get names and numbers.
 *
 * A process is named in commands (`break main process sh`, `symbols add FILE --process 42`) by its name, its number in
 * decimal, or the physical address of its page table in hexadecimal (0x80223000; satp's and CR3's whole value do too). */
#ifndef DEBUGGER_PROCESS_H
#define DEBUGGER_PROCESS_H

#include "cpu/cpu.h"

struct debugger;

struct process {
    u64 root;      /* physical address of the page table's root, 0: not known (a thread of the kernel) */
    u64 pid;       /* valid with has_pid; a thread's own number where the profile tells threads apart */
    bool has_pid;
    char name[64]; /* "": not known */
    u64 object;    /* where the guest describes it: Linux' struct task_struct, xv6's struct proc; 0: not known */
};

/* What a profile knows. Nothing here may move the machine or write to it. Calls may come at any stop, also inside of
 * stop points' conditions; none of them may call debugger_changed(). */
struct process_provider {
    void *opaque;
    /* The process that runs on the CPU now; false: cannot be told (early in a boot, in firmware). */
    bool (*current)(void *opaque, struct cpu *c, struct process *out);
    /* Calls `to` with each process until it returns false. NULL: cannot be listed. */
    void (*each)(void *opaque, bool (*to)(void *arg, const struct process *p), void *arg);
};

/* Puts the provider in place; NULL: none. Copied. */
void process_provide(struct debugger *d, const struct process_provider *p);
bool process_has_provider(const struct debugger *d);

/* Physical address of the root of the page table in use: satp's PPN (Privileged, 10.1.11), CR3 without its flags or PCID
 * (SDM 3, 2.5; Linux with page-table isolation has two of them for a process, the user's 4 KiB behind). 0: paging is off. */
u64 process_root(struct cpu *c);
/* The process on a CPU; always something, if only a root. False: not even that (no paging, no profile). */
bool process_current(struct debugger *d, struct cpu *c, struct process *out);
/* Does `text` name the process that runs on the CPU? */
bool process_matches(struct debugger *d, struct cpu *c, const char *text);
/* Can `text` ever match? False with what to do, for a name where no profile knows names. */
bool process_nameable(struct debugger *d, const char *text, struct err *e);
/* Symbol files of processes are seen while theirs runs on the selected CPU; debugger_frame() sees to that at every stop.
 * process_see() shows those of the process `text` instead, so that its names can be resolved (`break main process sh`),
 * until process_see(d, NULL) shows those of the one that runs again. */
void process_see(struct debugger *d, const char *text);
void process_each(struct debugger *d, bool (*to)(void *arg, const struct process *p), void *arg);
/* "sh (42)", "0x80223000" */
void process_format(const struct process *p, char *out, size_t cap);

#endif
