/* Options that say which machine it is: board, CPU, memory, and what is loaded into it. */
#include <stdio.h>
#include <string.h>

#include "cli/option_rows.h"
#include "machine/build.h"

const struct board *options_board(const char *name)
{
    for (const struct board *const *b = machine_boards; *b; b++)
        if (!strcmp((*b)->name, name))
            return *b;
    return NULL;
}

static void list_machine_properties(const struct board *b)
{
    printf("%s options:\n", b->name);
    for (const struct prop_desc *p = b->props; p && p->name; p++) {
        const char *kind = p->kind == PROP_BOOL ? "bool" : p->kind == PROP_U64 ? "number" : "str";
        printf("  %s=<%s> - %s", p->name, kind, p->doc);
        printf(p->fallback ? " (default: %s)\n" : "\n", p->fallback);
    }
    printf("  quantum=<number> - instructions a hart executes before the next one's turn (default: 4000)\n");
    printf("  dumpdtb=<str> - write the device tree to this file and end\n");
}

static const char *default_board(const struct options *o)
{
    return o->machine ? o->machine : o->isa ? o->isa->default_board : "virt";
}

static bool list_machines(const struct options *o, const char *name)
{
    if (name) { /* "virt,?", "type=virt,?", or a property of the board named before */
        const char *board = !strncmp(name, "type=", 5) ? name + 5 : strchr(name, '=') ? default_board(o) : name;
        const struct board *b = options_board(board);
        if (b)
            list_machine_properties(b);
        return b != NULL;
    }
    printf("Supported machines are:\n");
    for (const struct board *const *b = machine_boards; *b; b++)
        if (!o->isa || (*b)->isa == o->isa)
            printf("%-20s %s%s\n", (*b)->name, (*b)->doc,
                   strcmp((*b)->name, o->isa ? o->isa->default_board : "virt") ? "" : " (default)");
    return true;
}

static bool on_machine(struct options *o, const char *arg, struct err *e)
{
    struct prop_value *p = props_parse(o->arena, arg, e);
    if (!p)
        return false;
    struct buf rest = { 0 };
    if ((!strcmp(p->text, "on") && !strchr(arg, '=')) || strcspn(arg, ",") < strcspn(arg, "=")) {
        o->machine = p->name; /* the first word alone */
        p = p->next;
    }
    for (; p; p = p->next) {
        if (!strcmp(p->name, "type"))
            o->machine = p->text;
        else if (!strcmp(p->name, "dumpdtb"))
            o->dumpdtb = p->text;
        else if (!strcmp(p->name, "quantum")) {
            if (!option_number(p->text, &o->quantum, e) || !o->quantum)
                return buf_free(&rest), err_set(e, "quantum takes a number of instructions above 0");
        } else if (!strcmp(p->name, "accel")) {
            if (!option_accel(o, p->text, e))
                return buf_free(&rest), err_prefix(e, "accel");
        } else if (strcmp(p->name, "usb") && strcmp(p->name, "graphics")) { /* those two: nothing here to switch */
            buf_printf(&rest, "%s%s=%s", rest.len ? "," : "", p->name, p->text);
        }
    }
    o->machine_props = arena_strdup(o->arena, buf_cstr(&rest));
    buf_free(&rest);
    return true;
}

static bool list_cpus(const struct options *o, const char *name)
{
    if (name)
        return false;
    struct buf b = { 0 };
    if (o->isa)
        o->isa->cpu_list(&b, o->xlen);
    else /* our own face has them all: session_choose_target() */
        for (const struct isa *const *i = machine_isas; *i; i++)
            for (unsigned xlen = 64; xlen >= 32; xlen -= 32)
                (*i)->cpu_list(&b, xlen);
    fputs(buf_cstr(&b), stdout);
    buf_free(&b);
    return true;
}

/* Whether the model is there is asked when the ISA is known; then the message of the last one asked is shown. */
static bool on_cpu(struct options *o, const char *arg, struct err *e)
{
    o->cpu = arg;
    if (o->isa)
        return o->isa->cpu_check(arg, o->xlen, e);
    struct err other;
    bool first = true;
    for (const struct isa *const *i = machine_isas; *i; i++)
        for (unsigned xlen = 64; xlen >= 32; xlen -= 32, first = false)
            if ((*i)->cpu_check(arg, xlen, first ? e : &other))
                return true;
    return false;
}

static bool on_smp(struct options *o, const char *arg, struct err *e)
{
    static const char form[] = "it takes N[,sockets=N][,cores=N][,threads=N]";
    static const char *const levels[] = { "sockets", "dies", "clusters", "cores", "threads", NULL };
    u64 n = 0, product = 1, most = 0;
    const char *rest = arg;
    if (strcspn(arg, ",") < strcspn(arg, "=") || !strchr(arg, '=')) { /* the first word is a plain number */
        const char *word = arena_printf(o->arena, "%.*s", (int)strcspn(arg, ","), arg);
        if (!option_number(word, &n, e))
            return err_set(e, "'%s' is not a number of harts; %s", word, form);
        rest = arg + strlen(word);
        rest += *rest == ',';
    }
    for (struct prop_value *p = *rest ? props_parse(o->arena, rest, e) : NULL; p; p = p->next) {
        u64 v;
        bool level = option_word_in(p->name, levels);
        if (!level && strcmp(p->name, "cpus") && strcmp(p->name, "maxcpus"))
            return err_set(e, "'%s' is not known; %s", p->name, form);
        if (!option_number(p->text, &v, e) || !v || v > 1024)
            return err_set(e, "%s=%s: it takes a number from 1 on", p->name, p->text);
        if (level)
            product *= v;
        else if (p->name[0] == 'c')
            n = v;
        else
            most = v;
    }
    if (!n && rest == arg)
        n = product;
    if (n < 1 || n > 8)
        return err_set(e, "1 to 8 harts are possible, not '%s'", arg);
    if (product > 1 && (most ? most : n) % product)
        return err_set(e, "'%s': %llu harts are not a multiple of sockets*cores*threads=%llu", arg,
                       (unsigned long long)n, (unsigned long long)product);
    o->cpus = (unsigned)n;
    return true;
}

static bool on_memory(struct options *o, const char *arg, struct err *e)
{
    if (!strncmp(arg, "size=", 5))
        arg += 5;
    const char *size = arena_printf(o->arena, "%.*s", (int)strcspn(arg, ","), arg);
    return option_size(size, (u64)1 << 20, &o->ram_size, e); /* a plain number is MiB */
}

/* --- -boot ------------------------------------------------------------------------------------------------- */

static bool boot_ms(const struct prop_value *p, u64 most, bool *has, u64 *value, struct err *e)
{
    *has = true;
    if (!option_number(p->text, value, e) || *value > most)
        return err_set(e, "%s=%s: it takes milliseconds, up to %llu", p->name, p->text, (unsigned long long)most);
    return true;
}

static bool boot_flag(const struct prop_value *p, bool *flag, struct err *e)
{
    *flag = !strcmp(p->text, "on");
    return *flag || !strcmp(p->text, "off") || err_set(e, "%s=%s: it is on or off", p->name, p->text);
}

static bool on_boot(struct options *o, const char *arg, struct err *e)
{
    struct prop_value *p = props_parse(o->arena, arg, e);
    if (p && arg[strcspn(arg, ",=")] != '=') { /* the first word alone */
        o->boot_order = p->name;
        p = p->next;
    }
    for (; p; p = p->next) {
        bool ok = true;
        if (!strcmp(p->name, "order"))
            o->boot_order = p->text;
        else if (!strcmp(p->name, "once"))
            o->boot_once = p->text;
        else if (!strcmp(p->name, "menu"))
            ok = boot_flag(p, &o->boot_menu, e);
        else if (!strcmp(p->name, "strict"))
            ok = boot_flag(p, &o->boot_strict, e);
        else if (!strcmp(p->name, "splash-time"))
            ok = boot_ms(p, 65535, &o->has_splash_time, &o->splash_time, e);
        else if (!strcmp(p->name, "reboot-timeout"))
            ok = !strcmp(p->text, "-1") ? (o->has_reboot_timeout = true, o->reboot_timeout = UINT32_MAX, true)
                                        : boot_ms(p, 65535, &o->has_reboot_timeout, &o->reboot_timeout, e);
        else if (!strcmp(p->name, "splash"))
            ok = err_set(e, "splash=: pictures are not shown at the start; leave it out");
        else
            ok = err_set(e, "'%s' is not known; it takes order=, once=, menu=, strict=, splash-time=, reboot-timeout=",
                         p->name);
        if (!ok)
            return false;
    }
    return true;
}

const struct option_row options_of_machine[] = {
    { "machine", "M", "NAME[,prop=value]", "board; '?' lists; dumpdtb=FILE writes the device tree and ends",
      CALLS(on_machine), .list = list_machines },
    { "cpu", NULL, "MODEL[,ext=on|off]", "CPU model; '?' lists", CALLS(on_cpu), .list = list_cpus },
    { "smp", NULL, "N", "number of harts, 1 to 8", CALLS(on_smp) },
    { "m", NULL, "SIZE", "guest memory, MiB unless a suffix says otherwise", CALLS(on_memory) },
    { "bios", NULL, "FILE|default|none", "firmware entered first", SETS_TEXT(bios) },
    { "kernel", NULL, "FILE", "ELF, Linux Image, gzip of one, or raw", SETS_TEXT(kernel) },
    { "initrd", NULL, "FILE", "initial RAM disk", SETS_TEXT(initrd) },
    { "append", NULL, "TEXT", "kernel command line", SETS_TEXT(append) },
    { "boot", NULL, "[order=]LETTERS[,...]", "PCs: a floppy, c disk, d CD, n network; once=, menu=on, splash-time=MS",
      CALLS(on_boot) },
    { "no-fd-bootchk", NULL, NULL, "PCs: boot floppies without the signature 55 aa too", SETS_FLAG(no_floppy_check) },
    { "dtb", NULL, "FILE", "device tree instead of the board's own", SETS_TEXT(dtb) },
    { .name = NULL },
};
