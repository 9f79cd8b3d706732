/* Which part of what happens a trace is about. One grammar for all formats:
 *
 *   from=POSITION,to=POSITION   master clock: from <= position < to
 *   addr=LOW..HIGH              instructions in [LOW, HIGH]; addr=ADDRESS; addr=FUNCTION
 *   process=NAME                while that process runs: its name, its number, or the address of its page table
 *   privilege=U|S|M|0|1|2|3     instructions executed there; U is CPL 3 of x86, S is CPL 0
 *   cpu=N                       instructions and events of that CPU
 *   device=PATH                 events of that device, or of those below that path
 *
 * Together they must all hold. */
#ifndef TRACE_FILTER_H
#define TRACE_FILTER_H

#include "machine/machine.h"

struct trace_symbols;

struct trace_filter {
    u64 from, to; /* to == 0: no end */
    bool has_addr, has_privilege, has_cpu;
    u64 low, high; /* both inclusive */
    unsigned privilege, cpu;
    char device[64];  /* "": all */
    char process[64]; /* "": all */
    const struct trace_symbols *symbols; /* who knows of processes */
    const struct cpu_reg *root_reg;      /* satp, CR3 */
    struct {          /* what was found out last: it is asked again when the page table or the privilege is another */
        u64 root;
        u8 privilege;
        bool known, yes;
    } is[MACHINE_MAX_CPUS];
};

/* One word of the grammar. symbols may be NULL. */
bool trace_filter_add(struct trace_filter *f, struct machine *m, const struct trace_symbols *symbols, const char *word,
                      struct err *e);
bool trace_filter_now(const struct trace_filter *f, u64 position); /* is it in its time? */
/* Of an instruction at `start`. The process is the one after the instruction. */
bool trace_filter_takes(struct trace_filter *f, struct cpu *c, const struct cpu_retire *r, u64 start);
bool trace_filter_hears(const struct trace_filter *f, const struct machine *m, const struct event *ev);

#endif
