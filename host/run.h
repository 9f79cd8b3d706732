/* Runs a machine in the outside world: slices of machine_run(), and between them what came in and how time passes.
 *
 * The outside is looked at only at positions that are functions of the guest's own run: every poll_every ticks, and
 * whenever all harts begin to wait. So input that is there already (a file or a full pipe on standard input)
 * arrives at the same position in every run, whatever the host is doing. */
#ifndef HOST_RUN_H
#define HOST_RUN_H

#include "host/loop.h"
#include "machine/machine.h"

#define HOST_POLL_EVERY 1000000 /* ticks: 1 ms of guest time at 1 GHz */

enum host_pacing {
    HOST_REALTIME, /* while all harts wait, guest time passes as real time does */
    HOST_UNPACED,  /* waiting takes no time */
};

struct host_run_options {
    u64 until;      /* position; CLOCK_NEVER: no limit */
    enum host_pacing pacing;
    u64 poll_every; /* ticks; 0: HOST_POLL_EVERY */
};

enum host_stop {
    HOST_STOP_MACHINE, /* `machine` says why; never MACHINE_IDLE */
    HOST_STOP_REQUEST, /* `request`, `signal`; see loop.h. It has been taken. */
    HOST_STOP_STUCK,   /* all harts wait, no timer is armed, and nothing outside could bring input */
};

struct host_result {
    enum host_stop why;
    enum machine_stop machine;
    enum host_request request;
    int signal;
};

/* In a replay nothing is delivered and nothing waits. */
struct host_result host_run(struct host_loop *l, struct machine *m, const struct host_run_options *o);
/* One more instruction of `cpu`, as machine_step(), but with the outside looked at where host_run() would. */
struct host_result host_step(struct host_loop *l, struct machine *m, struct cpu *cpu, const struct host_run_options *o);

#endif
