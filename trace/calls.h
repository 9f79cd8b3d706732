/* Who called whom, rebuilt from what CPUs execute: callgrind and folded stacks are two texts of it.
 *
 * Each task has a stack of frames, shared by no two tasks: a call pushes one, the return that goes back to where the call
 * came from, with the stack pointer as it was, takes it away with all that is above it. A trap pushes a frame too, and the
 * instruction that ends the trap takes it away. A return, or an end of a trap, that does not fit the stack of its CPU but
 * another one that was left is a switch of tasks: the CPU goes on with that. One that fits none is a longjmp, when the
 * function it goes to is on the stack where the stack pointer says; or a new task, when the stack pointer was moved to
 * another place; or just a jump. Code that goes on in another function without a call (tail calls, entries that fall
 * through) is called by the function before, and both end together. docs/decisions/076 has the reasons.
 *
 * What is known of a stack before the trace began is nothing: its first function is the one that ran. */
#ifndef TRACE_CALLS_H
#define TRACE_CALLS_H

#include "trace/names.h"
#include "trace/places.h"
#include "trace/trace.h"

#define CALLS_MAX_DEPTH 4096    /* frames of a stack; deeper ones count for the deepest */
#define CALLS_MAX_STACKS 4096   /* those left longest ago are forgotten */
#define CALLS_MAX_NODES 1000000 /* after them new ones count for their callers */

/* A function in the context of all its callers. Node 0 is the root, without a function. */
struct call_node {
    u32 parent, function;
    u32 depth;
    u64 site;                  /* address of the call; 0: not one */
    u64 calls, count, ticks;   /* times called; its own instructions and time */
};

struct call_function {
    u32 name;      /* of names */
    u32 file;      /* of files; 0 ("???"): not known */
    int line;
    u64 low, high; /* high == low: not known where it ends */
    bool made_up;  /* "[timer interrupt]": no code */
};

struct calls {
    struct trace *t;
    struct names names, files;
    struct call_function *function;
    u32 n_functions;
    struct call_node *node;
    u32 n_nodes;
    struct places places; /* tag is the function */
    struct call_private *priv;
};

struct calls *calls_new(struct trace *t);
void calls_free(struct calls *c);
void calls_hear(struct calls *c, const struct event *ev);
void calls_retire(struct calls *c, struct cpu *cpu, const struct cpu_retire *r, u64 start, u64 ticks);

#endif
