/* The Debug Adapter Protocol (microsoft.github.io/debug-adapter-protocol, "Specification") as an engine
 * without input and output: bytes of one client go in, bytes for it come out.
 *
 * An engine lives as long as its client is connected. Requests wait in a queue; dap_work() does the first one, which may run
 * the machine for a long time. Meanwhile dap_input() may be called from whatever the machine's run looks at outside: what can
 * be answered while the machine runs is answered then, between two instructions. Nothing a client sends can make it fail: what
 * it does not understand is answered with a sentence, and what came before and after it counts. */
#ifndef DEBUGGER_DAP_H
#define DEBUGGER_DAP_H

#include "debugger/debugger.h"

struct dap;

struct dap_launch { /* the arguments of `launch` or `attach`; valid during the call */
    const char *program, *cwd, *script, *history; /* NULL: not given */
    const char *recording, *snapshot; /* of `attach`: one of them, files */
    const char *const *args; /* options as on the command line of `orrery debug` */
    size_t n_args;
};

struct dap_host {
    void *opaque;
    void (*write)(void *opaque, const void *bytes, size_t n);
    /* A new machine with its debugger, after the one before was freed, at its beginning; NULL: it cannot be, and the error says
     * why. */
    struct debugger *(*launch)(void *opaque, const struct dap_launch *l, struct err *e);
    /* Whatever the machine executes now is to stop as soon as possible, as somebody asked. */
    void (*interrupt)(void *opaque);
    /* To the guest's console; NULL: there is none. */
    void (*type)(void *opaque, const void *bytes, size_t n);
};

struct dap *dap_new(const struct dap_host *host);
void dap_free(struct dap *p); /* while the debugger is still there; NULL is allowed */

void dap_input(struct dap *p, const void *bytes, size_t n);
void dap_gone(struct dap *p); /* the client is: what runs ends soon, and dap_over() */
bool dap_work(struct dap *p); /* false: there was nothing to do */
bool dap_over(const struct dap *p);

/* The machine begins to run forwards, or came back: the debugger's host says so around each of its runs and steps. */
void dap_runs(struct dap *p, bool on);
/* What the guest or the program says: category "stdout", "stderr", "console" (a constant). A line that is not whole waits for its rest or
 * dap_flush(). */
void dap_output(struct dap *p, const char *category, const void *bytes, size_t n);
void dap_flush(struct dap *p);
/* The past is executed, and it takes long: at a position on the way. */
void dap_progress(struct dap *p, u64 from, u64 now, u64 to);

#endif
