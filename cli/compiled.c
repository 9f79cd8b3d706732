/* What is written about compiled code while it is made: --dump-jit to stderr, and the two files that tell Linux's perf
 * which guest function a piece of host code is: -perfmap (/tmp/perf-PID.map: address, size, name) and -jitdump
 * (jit-PID.dump in this directory, with the code itself and source lines; format: Linux,
 * tools/perf/Documentation/jitdump-specification.txt). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "cli/session.h"
#include "debugger/debugger.h"
#include "jit/jit.h"

struct session_compiled {
    struct session *s;
    struct jit_watch watch[3];
    bool resolved; /* low and high are known */
    u64 low, high; /* --dump-jit: units with an instruction in [low, high) */
    FILE *map, *dump;
    char map_name[64], dump_name[64];
    void *marker;  /* perf finds the dump by this mapping of it */
    u64 dumped;
};

static void name_address(void *opaque, u64 addr, char *out, size_t cap)
{
    symbols_format(opaque, addr, out, cap);
}

/* --- --dump-jit ------------------------------------------------------------------------------------------------- */

/* A symbol stands for all of its code, any other expression for one address. */
static bool resolve(struct session_compiled *c, struct err *e)
{
    const char *text = c->s->o->dump_jit;
    session_symbols(c->s);
    const struct symbol *sym = symbols_named(c->s->debugger->syms, text);
    c->resolved = true;
    if (sym) {
        c->low = sym->addr;
        c->high = sym->addr + (sym->size ? sym->size : 1);
        return true;
    }
    if (!debugger_eval(c->s->debugger, text, &c->low, e))
        return err_prefix(e, "--dump-jit");
    c->high = c->low + 1;
    return true;
}

static void dump(void *opaque, const struct jit_view *u)
{
    struct session_compiled *c = opaque;
    struct err e;
    if (!c->resolved && !resolve(c, &e)) /* under the debugger symbols may come later */
        fprintf(stderr, "%s: %s\n", c->s->o->program, e.text);
    if (!jit_view_has(u, c->low, c->high))
        return;
    const struct jit_names names = { name_address, c->s->debugger->syms };
    struct buf out = { 0 };
    jit_view_print(u, &names, &out);
    fwrite(out.data, 1, out.len, stderr);
    buf_free(&out);
}

/* --- perf ------------------------------------------------------------------------------------------------------- */

static void unit_name(struct session_compiled *c, const struct jit_view *u, char *out, size_t cap)
{
    u64 offset;
    const struct symbol *sym = symbols_at(c->s->debugger->syms, u->insn[0].pc, &offset);
    if (sym)
        snprintf(out, cap, "%s", sym->name);
    else
        snprintf(out, cap, "guest:0x%" PRIx64, u->insn[0].pc);
}

static void add_to_map(void *opaque, const struct jit_view *u)
{
    struct session_compiled *c = opaque;
    char name[256];
    unit_name(c, u, name, sizeof name);
    fprintf(c->map, "%" PRIx64 " %" PRIx64 " %s\n", u->runs_at, jit_view_size(u), name);
}

static u64 timestamp(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t); /* what `perf record -k mono` takes */
    return (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec;
}

enum { JIT_CODE_LOAD = 0, JIT_CODE_DEBUG_INFO = 2, JIT_CODE_CLOSE = 3 };

static void put_record(struct session_compiled *c, u32 id, const struct buf *body)
{
    struct buf head = { 0 };
    buf_put_le(&head, id, 4);
    buf_put_le(&head, 16 + body->len, 4);
    buf_put_le(&head, timestamp(), 8);
    fwrite(head.data, 1, head.len, c->dump);
    fwrite(body->data, 1, body->len, c->dump);
    buf_free(&head);
}

/* Source lines of the guest, for the host code of each instruction. */
static void put_lines(struct session_compiled *c, const struct jit_view *u)
{
    struct buf lines = { 0 }, body = { 0 };
    u64 n = 0;
    unsigned last = u->n_insns;
    for (u32 k = 0; k < u->ir->n; k++) {
        struct source_pos p;
        unsigned at = u->ir->insn[k].at;
        if (at == last || u->at_op[k] == u->at_op[k + 1])
            continue;
        last = at;
        if (!symbols_line_at(c->s->debugger->syms, u->insn[at].pc, &p) || !p.file)
            continue;
        buf_put_le(&lines, u->runs_at + u->at_op[k], 8);
        buf_put_le(&lines, (u64)p.line, 4);
        buf_put_le(&lines, 0, 4);
        buf_put(&lines, p.file, strlen(p.file) + 1);
        n++;
    }
    if (n) {
        buf_put_le(&body, u->runs_at, 8);
        buf_put_le(&body, n, 8);
        buf_put(&body, lines.data, lines.len);
        put_record(c, JIT_CODE_DEBUG_INFO, &body);
    }
    buf_free(&lines);
    buf_free(&body);
}

static void add_to_dump(void *opaque, const struct jit_view *u)
{
    struct session_compiled *c = opaque;
    char name[256];
    unit_name(c, u, name, sizeof name);
    put_lines(c, u); /* before the code it speaks of */
    struct buf body = { 0 };
    buf_put_le(&body, (u64)getpid(), 4);
    buf_put_le(&body, (u64)syscall(SYS_gettid), 4);
    buf_put_le(&body, u->runs_at, 8);
    buf_put_le(&body, u->runs_at, 8);
    buf_put_le(&body, jit_view_size(u), 8);
    buf_put_le(&body, c->dumped++, 8);
    buf_put(&body, name, strlen(name) + 1);
    buf_put(&body, u->host, jit_view_size(u));
    put_record(c, JIT_CODE_LOAD, &body);
    buf_free(&body);
}

static bool open_map(struct session_compiled *c, struct err *e)
{
    snprintf(c->map_name, sizeof c->map_name, "/tmp/perf-%d.map", (int)getpid());
    c->map = fopen(c->map_name, "w");
    return c->map || err_set(e, "-perfmap: %s cannot be written: %m", c->map_name);
}

static bool open_dump(struct session_compiled *c, struct err *e)
{
    snprintf(c->dump_name, sizeof c->dump_name, "jit-%d.dump", (int)getpid());
    c->dump = fopen(c->dump_name, "w+");
    if (!c->dump)
        return err_set(e, "-jitdump: %s cannot be written: %m", c->dump_name);
    struct buf head = { 0 };
    buf_put_le(&head, 0x4a695444, 4); /* "JiTD" */
    buf_put_le(&head, 1, 4);
    buf_put_le(&head, 40, 4);
#ifdef __aarch64__
    buf_put_le(&head, 183, 4); /* EM_AARCH64 */
#else
    buf_put_le(&head, 62, 4); /* EM_X86_64 */
#endif
    buf_put_le(&head, 0, 4);
    buf_put_le(&head, (u64)getpid(), 4);
    buf_put_le(&head, timestamp(), 8);
    buf_put_le(&head, 0, 8);
    bool ok = fwrite(head.data, 1, head.len, c->dump) == head.len && !fflush(c->dump);
    buf_free(&head);
    if (ok)
        c->marker = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fileno(c->dump), 0);
    if (!ok || c->marker == MAP_FAILED) {
        c->marker = NULL;
        return err_set(e, "-jitdump: %s cannot be written and mapped: %m", c->dump_name);
    }
    return true;
}

/* --- all of it -------------------------------------------------------------------------------------------------- */

bool session_watch_compiled(struct session *s, const struct jit_watch **first, struct err *e)
{
    const struct options *o = s->o;
    *first = NULL;
    if (!o->dump_jit && !o->perfmap && !o->jitdump)
        return true;
    if (!session_compiles(s))
        return err_set(e, "%s: nothing is compiled by the interpreter; leave out -accel interp",
                       o->dump_jit ? "--dump-jit" : o->jitdump ? "-jitdump" : "-perfmap");
    struct session_compiled *c = s->compiled = ARENA_NEW(s->arena, struct session_compiled);
    unsigned n = 0;
    c->s = s;
    session_symbols(s);
    if (o->dump_jit)
        c->watch[n++] = (struct jit_watch){ dump, c, NULL };
    if (o->perfmap)
        c->watch[n++] = (struct jit_watch){ add_to_map, c, NULL };
    if (o->jitdump)
        c->watch[n++] = (struct jit_watch){ add_to_dump, c, NULL };
    for (unsigned k = 0; k + 1 < n; k++)
        c->watch[k].next = &c->watch[k + 1];
    *first = c->watch;
    return (!o->dump_jit || o->debug || resolve(c, e)) && (!o->perfmap || open_map(c, e)) &&
        (!o->jitdump || open_dump(c, e));
}

void session_compiled_end(struct session *s)
{
    struct session_compiled *c = s->compiled;
    if (!c)
        return;
    if (c->map && fclose(c->map))
        fprintf(stderr, "%s: -perfmap: %s: %m\n", s->o->program, c->map_name);
    if (c->dump) {
        struct buf none = { 0 };
        put_record(c, JIT_CODE_CLOSE, &none);
        if (fclose(c->dump))
            fprintf(stderr, "%s: -jitdump: %s: %m\n", s->o->program, c->dump_name);
    }
    if (c->marker)
        munmap(c->marker, 4096);
}
