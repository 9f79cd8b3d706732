/* Stop points: breakpoints and watchpoints with their conditions, counts and commands, and how they become the armed
 * addresses of the machine. */
#ifndef DEBUGGER_STOPS_H
#define DEBUGGER_STOPS_H

#include "cpu/cpu.h"
#include "debugger/expr.h"

struct machine;

enum stop_kind { STOP_BREAK, STOP_WATCH };

#define STOP_MAX_PLACES 256 /* a line inlined in many functions */
#define WATCH_MAX_BYTES 64

struct stop_point {
    int number;
    enum stop_kind kind;
    bool enabled, temporary, pending_delete;
    char *spec; /* as typed: "kernel.c:12", "counter" */
    u64 *addrs; /* of a breakpoint */
    size_t n_addrs;
    int hart; /* -1: any */
    char *condition_text;
    struct expr *condition;
    u64 ignore, hits;
    char **commands;
    unsigned n_commands;
    /* Watchpoints. */
    u8 access; /* CPU_READ | CPU_WRITE */
    bool port; /* addr and len are I/O ports */
    bool only_changes;
    u64 addr, len;
    struct type *type;
    u8 old[WATCH_MAX_BYTES];
    struct stop_point *next;
};

struct stops {
    struct stop_point *list; /* by number */
    int last_number;
    /* Addresses for the run in progress (finish, next): armed as well, not listed. */
    u64 internal[STOP_MAX_PLACES];
    size_t n_internal;
    const struct cpu_stops *also; /* of another owner (a gdb client), armed as well; NULL: none */
    u64 *code; /* what machine->stops points to */
    struct cpu_watch *watch, *port;
};

struct stop_point *stops_add(struct stops *s, enum stop_kind kind, const char *spec);
struct stop_point *stops_find(struct stops *s, int number);
void stops_delete(struct stops *s, struct stop_point *p);
void stops_fini(struct stops *s);
void stop_commands_clear(struct stop_point *p);
bool stop_has_addr(const struct stop_point *p, u64 addr);
/* Puts all enabled ones into the machine. Call after any change. */
void stops_arm(struct stops *s, struct machine *m);
/* Takes everything out of the machine: before another debugger or the end. */
void stops_disarm(struct stops *s, struct machine *m);
bool stops_internal_add(struct stops *s, u64 addr);

#endif
