/* Stop points: `break`, `trace` or `log` on something of a kind (stop_kinds.h), with conditions, counts and commands, and how
 * they become what is armed in the machine. */
#ifndef DEBUGGER_STOPS_H
#define DEBUGGER_STOPS_H

#include "base/event.h"
#include "cpu/cpu.h"
#include "debugger/expr.h"

struct debugger;
struct device;
struct machine;
struct reg_desc;
struct stop_kind;

enum stop_verb {
    VERB_BREAK, /* the machine stops */
    VERB_TRACE, /* a line says so, and it goes on */
    VERB_LOG,   /* the same to a file, or in words of one's own */
};

enum stop_test { TEST_NONE, TEST_EQ, TEST_NE, TEST_LT, TEST_LE, TEST_GT, TEST_GE };

#define STOP_MAX_PLACES 256 /* a line inlined in many functions */
#define WATCH_MAX_BYTES 64

struct stop_point {
    int number;
    const struct stop_kind *kind;
    enum stop_verb verb;
    bool enabled, temporary;
    bool until;   /* of `run-until`: it goes at the next stop, whatever that is */
    char *spec;   /* as typed, without the kind: "kernel.c:12", "counter" */
    int hart;     /* -1: any */
    char *process; /* NULL: any */
    char *condition_text;
    struct expr *condition;
    u64 ignore, hits;
    char **commands;
    unsigned n_commands;
    char *format, *file; /* of `log`: what printf takes, and where it goes; NULL: the usual line, the terminal */

    /* What it looks for; which of these, its kind says. */
    u64 *addrs; /* of code */
    size_t n_addrs;
    bool physical;
    u8 access;         /* CPU_READ | CPU_WRITE | CPU_EXEC */
    bool only_changes;
    u64 addr, len;     /* of memory, ports; of time: addr is where it is due */
    struct type *type; /* of memory that has one */
    u8 old[WATCH_MAX_BYTES];
    char *name, *from, *to; /* of a trap: part of its cause, privileges; of a console: its text */
    bool has_code;
    u64 code;          /* number of a trap, a line, a magic instruction */
    const struct device *device; /* NULL: any */
    const struct reg_desc *reg;
    u32 index;
    const struct reg_field *field;
    const struct cpu_reg *cpu_reg;
    enum stop_test test;
    u64 value;         /* to compare with */

    u64 root;          /* of a page-table walk: where it began */
    unsigned n_entries;
    u64 entry[6];      /* where the entries of the walk are; old has what is there */

    bool happened;     /* heard, and not judged yet */
    u64 seen;          /* the number that was heard of: a value written */
    char what[200];    /* what happened, in words */
    struct stop_point *next;
};

/* One listener a kind. */
struct stop_ear {
    struct event_listener listener;
    struct stops *stops;
    const struct stop_kind *kind;
    bool on;
    struct stop_point **points; /* that are enabled */
    size_t n, cap;
};
#define STOP_KINDS 24

struct stops {
    struct debugger *d;
    struct stop_point *list, *last; /* by number */
    int last_number;
    /* Addresses for the run in progress (finish, next): armed as well, not listed. */
    u64 internal[STOP_MAX_PLACES];
    size_t n_internal;
    const struct cpu_stops *also; /* of another owner (a gdb client), armed as well; NULL: none */
    bool stale;     /* something else is to be armed: before the machine runs, and when a command of a person is over */
    struct cpu_observer observer; /* looks at registers after each instruction, while a stop point is on one no CPU tells of */
    const struct cpu_observer *inner; /* who looked before */
    struct stop_ear ear[STOP_KINDS];
    /* What is armed, sorted. */
    struct stop_code {
        u64 addr;
        struct stop_point *point;
    } *codes, *physes; /* virtual, physical */
    size_t n_codes, cap_codes, n_physes, cap_physes;
    struct stop_watch {
        struct cpu_watch watch;
        struct stop_point *point;
    } *watches, *ports;
    size_t n_watches, cap_watches, n_ports, cap_ports;
    struct cpu_reg_watch *reg;
    size_t n_regs, cap_regs;
    u64 *code, *phys, *reach; /* what machine->stops points to */
    struct cpu_watch *watch, *port;
};

struct stop_point *stops_add(struct stops *s, const struct stop_kind *kind, const char *spec);
struct stop_point *stops_find(struct stops *s, int number);
bool stops_has(const struct stops *s, const struct stop_point *p); /* p may be NULL, or deleted long ago */
void stops_delete(struct stops *s, struct stop_point *p);
void stops_fini(struct stops *s);
void stop_commands_clear(struct stop_point *p);
/* Is it a breakpoint at this code? */
bool stop_has_addr(const struct stop_point *p, u64 addr);
/* Puts all enabled ones into the machine. Call after any change. */
void stops_arm(struct stops *s, struct machine *m);
/* After a stop in time: what is due next. */
void stops_arm_soon(struct stops *s, struct machine *m);
/* Takes everything out of the machine: before another debugger or the end. */
void stops_disarm(struct stops *s, struct machine *m);
bool stops_internal_add(struct stops *s, u64 addr);
/* For kinds, while stops_arm() asks them. */
void stops_arm_code(struct stops *s, struct stop_point *p, u64 addr, bool physical);
void stops_arm_watch(struct stops *s, struct stop_point *p, struct cpu_watch w);
void stops_arm_register(struct stops *s, struct cpu_reg_watch w);
void stops_arm_port(struct stops *s, struct stop_point *p, struct cpu_watch w);
/* The armed ones at a code address: the first of *n of them. */
const struct stop_code *stops_at_code(const struct stops *s, u64 addr, bool physical, size_t *n);

#endif
