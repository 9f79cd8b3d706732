/* Monitor commands about addresses, memory and ports. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/monitor_rows.h"
#include "debugger/debugger.h"

#define MOST_SUM ((u64)1 << 32)

static bool eval(struct session *s, const char *text, u64 *v, struct err *e)
{
    session_symbols(s);
    return debugger_eval(s->debugger, text, v, e);
}

/* The first `n` words of args as numbers; *rest is what follows. */
static bool numbers(struct session *s, const char *name, const char *args, u64 *v, unsigned n, const char **rest, struct err *e)
{
    for (unsigned i = 0; i < n; i++) {
        char word[256];
        size_t len = strcspn(args, " ");
        if (!len || len >= sizeof word)
            return err_set(e, "%s: it needs %u numbers", name, n);
        snprintf(word, sizeof word, "%.*s", (int)len, args);
        if (!eval(s, word, &v[i], e))
            return false;
        args += len;
        args += strspn(args, " ");
    }
    *rest = args;
    return true;
}

/* --- addresses ---------------------------------------------------------------------------------------------------------- */

MONITOR(gva2gpa)
{
    u64 va;
    if (!eval(s, args, &va, e))
        return false;
    struct cpu *c = s->debugger->cpu;
    struct cpu_walk w = { 0 };
    c->ops->walk(c, va, CPU_READ, &w);
    if (w.ok)
        buf_printf(out, "gpa: 0x%llx\n", (unsigned long long)w.pa);
    else
        buf_printf(out, "Unmapped\n");
    return true;
}

MONITOR(gpa2hva)
{
    return err_set(e, "gpa2hva: where the host keeps guest memory is not told: it is another place in every run, and writing there "
                      "would pass the machine by. 'xp' reads, 'pmemsave' saves, gdb (-s) writes");
}

/* --- memory to files -------------------------------------------------------------------------------------------------------- */

/* Virtual addresses of the CPU that is looked at, or physical ones. */
static u64 peek(struct session *s, bool virtual, u64 at, void *to, u64 n)
{
    return virtual ? cpu_peek(s->debugger->cpu, at, to, n) : space_peek(s->m->mem, at, to, n);
}

static bool save(struct session *s, bool virtual, const char *name, const char *args, struct err *e)
{
    u64 v[2];
    const char *path;
    if (!numbers(s, name, args, v, 2, &path, e))
        return false;
    size_t len = strlen(path);
    char *file = xprintf("%.*s", (int)(len > 1 && *path == '"' && path[len - 1] == '"' ? len - 2 : len), path + (*path == '"'));
    FILE *f = *file ? fopen(file, "wb") : NULL;
    bool ok = f || (*file ? err_set(e, "%s: %s cannot be written: %m", name, file) : err_set(e, "%s: it needs a file name", name));
    u8 piece[4096];
    for (u64 done = 0, n; ok && done < v[1]; done += n) {
        n = v[1] - done < sizeof piece ? v[1] - done : sizeof piece;
        if (peek(s, virtual, v[0] + done, piece, n) != n)
            ok = err_set(e, "%s: no memory can be read at 0x%llx; %llu bytes were written", name, (unsigned long long)(v[0] + done),
                         (unsigned long long)done);
        else if (fwrite(piece, 1, n, f) != n)
            ok = err_set(e, "%s: %s cannot be written: %m", name, file);
    }
    if (f && fclose(f) && ok)
        ok = err_set(e, "%s: %s cannot be written: %m", name, file);
    free(file);
    return ok;
}

MONITOR(memsave) { return save(s, true, "memsave", args, e); }
MONITOR(pmemsave) { return save(s, false, "pmemsave", args, e); }

/* The checksum of BSD's sum. */
MONITOR(sum)
{
    u64 v[2];
    const char *rest;
    u16 total = 0;
    if (!numbers(s, "sum", args, v, 2, &rest, e))
        return false;
    if (v[1] > MOST_SUM)
        return err_set(e, "sum: at most 4 GiB at once");
    for (u64 at = 0; at < v[1]; at++) {
        u8 b = 0;
        space_peek(s->m->mem, v[0] + at, &b, 1);
        total = (u16)((total >> 1 | total << 15) + b);
    }
    buf_printf(out, "%05u\n", total);
    return true;
}

/* --- ports ---------------------------------------------------------------------------------------------------------------- */

/* `i r` is gdb's info registers. */
static bool has_port(struct session *s, const char *args) { return *args == '/' || (*args >= '0' && *args <= '9'); }

static bool port_size(const char **args, unsigned *size, struct err *e)
{
    *size = 1;
    if (**args != '/')
        return true;
    char c = (*args)[1];
    *size = c == 'b' ? 1 : c == 'h' ? 2 : c == 'w' || c == 'l' ? 4 : 0;
    *args += 2;
    *args += strspn(*args, " ");
    return *size || err_set(e, "a port has the size /b, /h (2 bytes) or /w (4 bytes)");
}

/* As in x, /h is 2 bytes and /w is 4. */
static bool port(struct session *s, const char *args, bool store, struct buf *out, struct err *e)
{
    unsigned size;
    u64 v[2] = { 0 };
    const char *rest, *name = store ? "o" : "i";
    if (!port_size(&args, &size, e) || !numbers(s, name, args, v, store ? 2 : 1, &rest, e))
        return false;
    if (!s->m->io)
        return err_set(e, "%s: this machine has no I/O ports", name);
    const char *why = machine_untouchable(s->m);
    if (why)
        return err_set(e, "%s: a port may do something when it is read or written, and %s; 'info device' looks without touching", name, why);
    machine_edit(s->m);
    v[0] &= 0xffff;
    if (store) {
        space_write(s->m->io, v[0], size, v[1]);
        return true;
    }
    u64 value = 0;
    if (space_read(s->m->io, v[0], size, &value) != MEM_OK)
        value = ~(u64)0;
    buf_printf(out, "port%c[0x%04x] = 0x%0*llx\n", size == 1 ? 'b' : size == 2 ? 'w' : 'l', (unsigned)v[0], (int)(2 * size),
               (unsigned long long)(value & (((u64)1 << 8 * size) - 1)));
    return true;
}

MONITOR(in) { return port(s, args, false, out, e); }
MONITOR(outp) { return port(s, args, true, out, e); }

const struct monitor_row monitor_memory[] = {
    { "gva2gpa", gva2gpa, "ADDRESS", "the physical address of a virtual one", NULL },
    { "gpa2hva", gpa2hva, "ADDRESS", "why there is no such command", NULL },
    { "memsave", memsave, "ADDRESS SIZE FILE", "virtual memory to a file", NULL },
    { "pmemsave", pmemsave, "ADDRESS SIZE FILE", "physical memory to a file", NULL },
    { "sum", sum, "ADDRESS SIZE", "the checksum of physical memory", NULL },
    { "i", in, "[/b|h|w] PORT", "read an I/O port, as the CPU would", has_port },
    { "o", outp, "[/b|h|w] PORT VALUE", "write an I/O port, as the CPU would", has_port },
    { 0 },
};
