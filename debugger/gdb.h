/* The gdb remote serial protocol ("Debugging with GDB", appendix "GDB Remote Serial Protocol") as an engine without
 * input and output: bytes of one client go in, bytes for it come out, and somebody else runs the machine.
 *
 * A stub lives as long as a client is connected. It is made while the machine is stopped. Threads are harts,
 * numbered from 1. Nothing the client sends can make it fail; what it does not know gets the empty reply. */
#ifndef DEBUGGER_GDB_H
#define DEBUGGER_GDB_H

#include "machine/machine.h"

struct gdb_stub;

enum gdb_leave { GDB_DETACH, GDB_KILL };

struct gdb_stub_host {
    void *opaque;
    void (*write)(void *opaque, const u8 *bytes, size_t n);
    /* The machine is to run (gdb_stub_step() says how) until something calls gdb_stub_stopped(). */
    void (*go)(void *opaque);
    /* The machine is to stop as soon as possible; then gdb_stub_stopped(s, MACHINE_REACHED). */
    void (*interrupt)(void *opaque);
    /* The addresses to arm changed; they stay valid until the next call. NULL: the stub puts them into the machine. */
    void (*arm)(void *opaque, const struct cpu_stops *stops);
    /* One line after `monitor`, about hart c; appends what it has to say. NULL: there are no such commands. */
    void (*monitor)(void *opaque, struct cpu *c, const char *line, struct buf *out);
    /* The client says good-bye: do not free the stub in this call. */
    void (*leave)(void *opaque, enum gdb_leave how);
};

struct gdb_stub *gdb_stub_new(struct machine *m, const struct gdb_stub_host *host);
void gdb_stub_free(struct gdb_stub *s); /* disarms; NULL is allowed */

void gdb_stub_input(struct gdb_stub *s, const u8 *bytes, size_t n);

bool gdb_stub_running(const struct gdb_stub *s); /* between go() and gdb_stub_stopped() */
/* The hart to move by one instruction (others take their turns), or NULL: run. */
struct cpu *gdb_stub_step(const struct gdb_stub *s);
/* It is to go backwards: that step, or to the last stop point that was passed. */
bool gdb_stub_back(const struct gdb_stub *s);
/* As gdb_stub_stopped(MACHINE_REACHED), where the history begins. */
void gdb_stub_at_begin(struct gdb_stub *s);
/* After that step: more of them were asked for (range stepping) and it is not over. */
bool gdb_stub_step_again(const struct gdb_stub *s);
/* The machine stopped: tells the client, who may answer at once with go(). MACHINE_REACHED: a step is done, or it was
 * interrupted. For others m->stop says more. Ignored unless running. */
void gdb_stub_stopped(struct gdb_stub *s, enum machine_stop why);
/* The program is about to end: by itself with `status`, or (killed) by a signal of that number. */
void gdb_stub_exited(struct gdb_stub *s, int status, bool killed);
/* Text on gdb's console; it can be shown only while running. */
void gdb_stub_say(struct gdb_stub *s, const char *text);

/* Whether this line of the debugger's commands would run the machine: not for gdb's `monitor`. */
bool gdb_monitor_runs(const char *line);

#endif
