#include "debugger/stop_kinds.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "debugger/commands.h"

const struct stop_kind stop_kinds[] = {
    { .name = "code", .usage = "[LOCATION | phys ADDRESS]", .bare = true, .parse = stop_parse_code,
      .arm = stop_arm_code,
      .help = "before the code at LOCATION is executed: a function, FILE:LINE, LINE, *EXPR or 0xADDRESS; the "
              "kind need not be named",
      .example = "break trap if ticks > 3" },
    { .name = "execute", .usage = "ADDRESS[,LENGTH]", .parse = stop_parse_execute, .arm = stop_arm_code,
      .help = "before any instruction of a range is executed", .example = "break execute 0x80000000,4096" },
    { .name = "write", .usage = "[phys] EXPR[,LENGTH] [== VALUE]", .parse = stop_parse_write, .arm = stop_arm_memory,
      .begin = stop_begin_memory, .judge = stop_judge_memory,
      .help = "after a store into EXPR, which must be in memory; == != < <= > >= compare what is there then",
      .example = "break write counter == 5" },
    { .name = "read", .usage = "[phys] EXPR[,LENGTH] [== VALUE]", .parse = stop_parse_read, .arm = stop_arm_memory,
      .begin = stop_begin_memory, .judge = stop_judge_memory, .help = "after a load of it",
      .example = "trace read ticks" },
    { .name = "access", .usage = "[phys] EXPR[,LENGTH] [== VALUE]", .parse = stop_parse_access, .arm = stop_arm_memory,
      .begin = stop_begin_memory, .judge = stop_judge_memory, .help = "after either",
      .example = "break access phys 0x80200000,64" },
    { .name = "io", .usage = "PORT[,N] [in|out] [== VALUE]", .parse = stop_parse_io, .arm = stop_arm_io,
      .judge = stop_judge_io,
      .help = "after IN or OUT at an I/O port (x86)", .example = "trace io 0x80 out" },
    { .name = "exception", .usage = "[NUMBER | CAUSE] [from PRIVILEGE] [to PRIVILEGE]", .bare = true,
      .parse = stop_parse_trap, .event = "cpu.trap", .hears = stop_hears_exception,
      .help = "when an instruction raises one; CAUSE is a part of its name, privileges are U S M, or 0 3 real v86",
      .example = "break exception page fault from U" },
    { .name = "interrupt", .usage = "[NUMBER | CAUSE] [from PRIVILEGE] [to PRIVILEGE]", .bare = true,
      .parse = stop_parse_trap,
      .event = "cpu.trap", .hears = stop_hears_interrupt,
      .help = "when one is taken, at the first instruction of its handler; of x86 INT N too",
      .example = "break interrupt timer" },
    { .name = "mode", .usage = "[from PRIVILEGE] [to PRIVILEGE]", .bare = true, .parse = stop_parse_trap,
      .event = "cpu.mode",
      .hears = stop_hears_mode, .help = "when the privilege changes, or real, protected and virtual-8086 mode",
      .example = "trace mode from S to U" },
    { .name = "csr", .aliases = "msr cr dr", .usage = "NAME | NUMBER [read|write|change] [== VALUE]",
      .parse = stop_parse_csr,
      .event = "cpu.register", .hears = stop_hears_csr,
      .help = "after an instruction or a trap has written a CSR, a control or debug register or an MSR; quick",
      .example = "break csr mtvec" },
    { .name = "register", .aliases = "reg", .usage = "NAME [== VALUE]", .parse = stop_parse_register,
      .event = "cpu.general", .arm = stop_arm_register, .begin = stop_begin_register, .hears = stop_hears_register,
      .help = "after an instruction has changed a general or floating-point register; of others (flags, pc) every "
              "instruction is looked at, which is slow",
      .example = "break reg a0 == 0" },
    { .name = "pte", .usage = "ADDRESS", .parse = stop_parse_pte, .begin = stop_begin_pte, .arm = stop_arm_pte,
      .judge = stop_judge_pte,
      .help = "when a store changes any page-table entry that translates ADDRESS in this address space",
      .example = "break pte 0x1000" },
    { .name = "tlb", .usage = "[ADDRESS]", .bare = true, .parse = stop_parse_tlb, .event = "cpu.tlb",
      .hears = stop_hears_tlb,
      .help = "after an instruction that flushes translations: sfence.vma, INVLPG, MOV to CR3; or only those "
              "that name the page of ADDRESS",
      .example = "trace tlb" },
    { .name = "magic", .usage = "[N]", .bare = true, .parse = stop_parse_magic, .event = "cpu.magic",
      .hears = stop_hears_magic,
      .help = "after a hint that is nothing otherwise: slti x0, x0, N on RISC-V, xchg bx, bx on x86",
      .example = "break magic" },
    { .name = "device", .aliases = "dev", .usage = "DEVICE[.REGISTER[.FIELD]] [read|write|change] [== VALUE]",
      .parse = stop_parse_device, .begin = stop_begin_device, .event = "device.", .hears = stop_hears_device,
      .help = "after the guest has read or written a register of a device; change: when its value, or that of "
              "a field, is another one after that or after the device drove an interrupt",
      .example = "break device uart0.LCR.DLAB change" },
    { .name = "dma", .usage = "[ADDRESS[,LENGTH]] [read|write]", .bare = true, .parse = stop_parse_dma, .event = "dma.",
      .hears = stop_hears_dma, .help = "when a device by itself reads or writes physical memory",
      .example = "break dma 0x80200000,4096 write" },
    { .name = "irq", .usage = "[DEVICE[.LINE]] [high|low]", .bare = true, .parse = stop_parse_irq, .event = "irq.",
      .hears = stop_hears_irq, .help = "when an interrupt output of a device changes",
      .example = "trace irq /uart0 high" },
    { .name = "console", .usage = "\"TEXT\" [DEVICE]", .parse = stop_parse_console, .event = "console.",
      .hears = stop_hears_console,
      .help = "when the guest has said TEXT on a serial line or console", .example = "run-until console \"login:\"" },
    { .name = "time", .usage = "[+]N s|ms|us|ns", .parse = stop_parse_time, .arm = stop_arm_cycles,
      .begin = stop_begin_cycles, .judge = stop_judge_cycles, .passed = stop_passed, .help = "at guest time N since power-on, or with + from now",
      .example = "run-until time 3s" },
    { .name = "cycles", .usage = "[+]N", .parse = stop_parse_cycles, .arm = stop_arm_cycles, .begin = stop_begin_cycles,
      .judge = stop_judge_cycles, .passed = stop_passed,
      .help = "at position N (see `position`), or with + so many from now",
      .example = "run-until cycles +1000" },
    { .name = "instructions", .usage = "[+]N", .parse = stop_parse_instructions, .arm = stop_arm_instructions,
      .begin = stop_begin_instructions, .judge = stop_judge_instructions, .passed = stop_passed,
      .help = "when all CPUs together have executed N instructions, or with + so many more",
      .example = "run-until instructions +1000000" },
    { 0 },
};
const struct stop_kind *const stop_kind_code = &stop_kinds[0], *const stop_kind_memory = &stop_kinds[2],
    *const stop_kind_io = &stop_kinds[5], *const stop_kind_register = &stop_kinds[10];
_Static_assert(ARRAY_LEN(stop_kinds) <= STOP_KINDS, "an ear for each kind");

void stop_kinds_help(struct debugger *d)
{
    debug_printf(d, "\nWhat can be waited for, by break, tbreak, trace, log and run-until:\n\n");
    for (const struct stop_kind *k = stop_kinds; k->name; k++) {
        debug_printf(d, "%s %s -- %s.\n", k->name, k->usage, k->help);
        debug_printf(d, "    %s\n", k->example);
    }
    debug_printf(d, "\nWithout a kind it is code. The name of a kind that stands alone is a function if there is one of that "
                 "name.\n");
}

static const struct stop_kind *named(const char *name, size_t n)
{
    for (const struct stop_kind *k = stop_kinds; k->name; k++) {
        if (strlen(k->name) == n && !strncmp(k->name, name, n))
            return k;
        for (const char *a = k->aliases; a; a = strchr(a, ' ')) {
            a += *a == ' ';
            if (strcspn(a, " ") == n && !strncmp(a, name, n))
                return k;
        }
    }
    return NULL;
}

const struct stop_kind *stop_kind_take(struct debugger *d, const char **text)
{
    size_t n = strcspn(*text, " \t");
    const struct stop_kind *k = named(*text, n);
    const char *rest = skip_space(*text + n);
    char word[32];
    if (!k || n >= sizeof word)
        return NULL;
    memcpy(word, *text, n);
    word[n] = 0;
    if (!*rest && symbols_named(d->syms, word)) /* `break time`: the function */
        return NULL;
    *text = rest;
    return k;
}

/* --- for parsers ------------------------------------------------------------------------------------------------- */

char *stop_trimmed(const char *text)
{
    text = skip_space(text);
    char *s = xstrdup(text);
    size_t n = strlen(s);
    while (n && isspace((u8)s[n - 1]))
        s[--n] = 0;
    return s;
}

static void cut(char *s, size_t n)
{
    while (n && isspace((u8)s[n - 1]))
        n--;
    s[n] = 0;
}

bool stop_take_test(struct debugger *d, struct stop_point *p, char *text, struct err *e)
{
    static const struct {
        char text[3];
        enum stop_test test;
    } ops[] = { { "==", TEST_EQ }, { "!=", TEST_NE }, { "<=", TEST_LE }, { ">=", TEST_GE }, { "<", TEST_LT }, { ">", TEST_GT } };
    int depth = 0;
    for (char *s = text; *s; s++) {
        depth += (*s == '(' || *s == '[') - (*s == ')' || *s == ']');
        if (depth)
            continue;
        if ((*s == '-' && s[1] == '>') || (*s == '<' && s[1] == '<') || (*s == '>' && s[1] == '>')) {
            s++;
            continue;
        }
        for (unsigned k = 0; k < ARRAY_LEN(ops); k++) {
            size_t n = strlen(ops[k].text);
            if (strncmp(s, ops[k].text, n))
                continue;
            p->test = ops[k].test;
            bool ok = debugger_eval(d, s + n, &p->value, e);
            cut(text, (size_t)(s - text));
            return ok;
        }
    }
    return true;
}

bool stop_test_holds(const struct stop_point *p, u64 v)
{
    u64 mask = p->len && p->len < 8 ? size_mask((unsigned)p->len) : UINT64_MAX, w = p->value & mask;
    v &= mask;
    switch (p->test) {
    case TEST_EQ: return v == w;
    case TEST_NE: return v != w;
    case TEST_LT: return v < w;
    case TEST_LE: return v <= w;
    case TEST_GT: return v > w;
    case TEST_GE: return v >= w;
    default: return true;
    }
}

int stop_take_last(char *text, const char *const *words)
{
    size_t n = strlen(text), at = n;
    while (at && !isspace((u8)text[at - 1]))
        at--;
    for (int k = 0; words[k]; k++)
        if (!strcmp(text + at, words[k])) {
            cut(text, at);
            return k;
        }
    return -1;
}

bool stop_parse_range(struct debugger *d, char *text, u64 *addr, u64 *len, bool *physical, struct err *e)
{
    *physical = !strncmp(text, "phys ", 5);
    char *at = text + (*physical ? 5 : 0), *comma = NULL;
    int depth = 0;
    for (char *s = at; *s; s++) {
        depth += (*s == '(' || *s == '[') - (*s == ')' || *s == ']');
        if (*s == ',' && !depth)
            comma = s;
    }
    *len = 0;
    if (comma) {
        *comma = 0;
        if (!debugger_eval(d, comma + 1, len, e))
            return false;
        if (!*len)
            return err_set(e, "%s: a range has at least one byte", at);
    }
    return debugger_eval(d, *skip_space(at) == '*' ? skip_space(at) + 1 : at, addr, e);
}
