/* `orrery info`: what this binary knows, straight from the tables it runs by. */
#include <stdio.h>
#include <string.h>

#include "base/suggest.h"
#include "cli/session.h"
#include "cpu/riscv/insn.h"
#include "cpu/x86/insn.h"
#include "machine/board.h"
#include "machine/isa.h"

static void info_boards(void)
{
    for (const struct board *const *b = machine_boards; *b; b++) {
        printf("%-12s %s\n", (*b)->name, (*b)->doc);
        for (const struct board_part *p = (*b)->parts; p->name; p++) {
            printf("    %-14s %-22s", p->name, p->cls->name);
            if (p->base[0])
                printf(" 0x%08llx", (unsigned long long)p->base[0]);
            if (p->count)
                printf(" x%u", p->count);
            putchar('\n');
        }
    }
}

static void print_reg(const struct reg_desc *r)
{
    static const char *const access[] = { "rw", "ro", "wo" };
    char name[64];
    snprintf(name, sizeof name, r->count > 1 ? "%s[%u]" : "%s", r->name, r->count);
    printf("  0x%06x %u %-2s %-22s %s", r->offset, r->width, access[r->access], name, r->doc ? r->doc : "");
    printf(r->section ? " (%s)\n" : "\n", r->section);
    for (const struct reg_field *f = r->fields; f && f->name; f++)
        printf("             %2u:%-2u %-16s %s\n", f->low + f->width - 1, f->low, f->name, f->doc ? f->doc : "");
}

static void info_devices(void)
{
    for (const struct device_class *const *c = machine_device_classes; *c; c++) {
        printf("\n%s: %s\n", (*c)->name, (*c)->doc);
        for (unsigned b = 0; b < DEVICE_PCI_HEADER; b++) /* (the header is the same for all) */
            for (const struct reg_desc *r = device_rows(*c, b); r && r->name; r++)
                print_reg(r);
    }
}

static void info_instructions(void)
{
    for (unsigned i = 0; i < RV_OP_COUNT; i++) {
        const struct riscv_insn *r = &riscv_insns[i];
        printf("%-16s %-40s %-14s %-6s %s\n", r->mnemonic, r->picture, r->args, r->section, r->doc);
    }
    for (unsigned i = 0; i < X86_OP_COUNT; i++) {
        const struct x86_row *r = &x86_rows[i];
        printf("%-16s %-40s %-14s %-24s %s\n", r->mnemonic, r->encoding, r->operands, r->section, r->doc);
    }
}

/* The registers a CPU has depend on its model: those of the largest one, from a machine that is made and never run. */
static void control_registers(const char *board)
{
    static const u8 rom[0x10000]; /* a PC is not built without firmware */
    struct machine_config mc = { .board = board, .board_props = "", .cpu = "max", .xlen = 64, .cpus = 1,
                                 .bios = { "no firmware", rom, sizeof rom } };
    struct err e;
    struct machine *m = machine_new(&mc, &e);
    if (!m) {
        fprintf(stderr, "orrery info: %s\n", e.text);
        return;
    }
    for (const struct cpu_reg *r = m->cpus[0]->ops->regs(m->cpus[0]); r->name; r++) {
        if (!strcmp(r->group, "general") || !strcmp(r->group, "float") || !strcmp(r->group, "vector"))
            continue;
        printf("0x%03x %-16s %s\n", r->number, r->name, r->doc ? r->doc : "");
        for (const struct reg_field *f = r->fields; f && f->name; f++)
            printf("             %2u:%-2u %-16s %s\n", f->low + f->width - 1, f->low, f->name, f->doc ? f->doc : "");
    }
    machine_free(m);
}

static void info_csrs(void)
{
    control_registers("virt");
    control_registers("pc");
}

static void info_traces(void)
{
    for (const struct trace_format *const *t = trace_formats; *t; t++)
        printf("%-10s %s\n", (*t)->name, (*t)->doc);
}

static void info_timing(void)
{
    printf("%-16s %-10s one instruction is one tick of the clock; no timing model\n", "none", "none");
    for (const struct timing_model *const *t = timing_models; *t; t++)
        printf("%-16s %-10s %s\n%27s core: %s\n%27s shown by: %s\n%27s not proven: %s\n", (*t)->name,
               timing_badge_name((*t)->badge), (*t)->doc, "", (*t)->core, "", (*t)->proof, "", (*t)->unproven);
}

static void info_cpus(void)
{
    struct buf b = { 0 };
    for (const struct isa *const *i = machine_isas; *i; i++)
        for (unsigned xlen = 64; xlen >= 32; xlen -= 32)
            (*i)->cpu_list(&b, xlen);
    fputs(buf_cstr(&b), stdout);
    buf_free(&b);
}

static const struct {
    const char *name, *help;
    void (*fn)(void);
} topics[] = {
    { "boards", "boards with their parts and addresses", info_boards },
    { "devices", "every device register with its fields", info_devices },
    { "cpus", "CPU models", info_cpus },
    { "instructions", "every instruction of RISC-V and x86: bits, operands, section of the manual", info_instructions },
    { "csrs", "every CSR, control register and MSR with its fields", info_csrs },
    { "traces", "what --trace writes", info_traces },
    { "timing", "cycle models, their badges and proofs", info_timing },
};

int info_main(int argc, char **argv)
{
    for (unsigned i = 0; argc == 2 && i < ARRAY_LEN(topics); i++)
        if (!strcmp(argv[1], topics[i].name)) {
            topics[i].fn();
            return EXIT_PASS;
        }
    bool help = argc == 2 && strstr(argv[1], "help");
    FILE *f = help ? stdout : stderr;
    const char *best = NULL;
    unsigned score = 0;
    for (unsigned i = 0; argc >= 2 && !help && i < ARRAY_LEN(topics); i++)
        suggest(argv[1], topics[i].name, &best, &score);
    if (argc == 2 && !help)
        fprintf(f, "orrery info: there is no topic '%s'%s%s%s\n", argv[1], best ? " (did you mean '" : "",
                best ? best : "", best ? "'?)" : "");
    else if (argc > 2)
        fprintf(f, "orrery info: it takes one topic\n");
    fprintf(f, "usage: orrery info TOPIC\n");
    for (unsigned i = 0; i < ARRAY_LEN(topics); i++)
        fprintf(f, "  %-14s %s\n", topics[i].name, topics[i].help);
    return help ? EXIT_PASS : EXIT_USAGE;
}
