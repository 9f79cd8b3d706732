/* The command line is walked here; what its options are stands in four tables of rows (option_rows.h). */
#include "cli/options.h"

#include <stdio.h>
#include <string.h>

#include "base/suggest.h"
#include "cli/option_rows.h"

/* Seconds since 1970 at which a guest's clock starts unless -rtc says otherwise: 2026-01-01 00:00 UTC. The host's
 * date is input that would make two runs differ (docs/decisions/003-fixed-date.md). */
#define DEFAULT_RTC_BASE 1767225600

static bool list_help(const struct options *o, const char *name)
{
    options_help(o->program, o->usage_status == 2);
    return true;
}

static bool list_version(const struct options *o, const char *name)
{
    options_version(o->program);
    return true;
}

static const struct option_row options_of_program[] = {
    { "help", "h", NULL, "this text", .list = list_help },
    { "version", NULL, NULL, "the version", .list = list_version },
    { .name = NULL },
};

static const struct option_row *const tables[] = { options_of_program, options_of_machine, options_of_parts,
                                                   options_of_run, options_of_ours };

/* Every row of every table. */
#define EACH_ROW(r) \
    (const struct option_row *const *table_ = tables; table_ < tables + ARRAY_LEN(tables); table_++) \
        for (const struct option_row *r = *table_; r->name; r++)

/* Options of QEMU that hands and makefiles type, and that this machine has no use for or not yet. */
static const struct {
    const char *name, *why;
} not_here[] = {
    { "enable-kvm", "guest time is virtual, so instructions are interpreted; leave it out" },
    { "usb", "the boards have no USB controller" },
    { "usbdevice", "the boards have no USB controller" },
    { "vnc", "there is no VNC server yet; use -display sdl or -display curses" },
    { "spice", "there is no SPICE server; use -display sdl or -display curses" },
    { "audiodev", "the boards have no sound" },
    { "audio", "the boards have no sound" },
    { "soundhw", "the boards have no sound" },
    { "daemonize", "run it in the background with '&' and -display none -serial file:F" },
    { "numa", "memory is one node" },
    { "sd", "the boards have no SD card; attach the image as a disk: -drive file=FILE,format=raw,if=virtio" },
    { "mtdblock", "write -drive if=pflash,file=FILE" },
    { "pflash", "write -drive if=pflash,file=FILE" },
    { "plugin", "use --trace, '--trace ?' lists the kinds" },
    { "singlestep", "not needed: -d in_asm and -d exec log single instructions" },
};

void options_version(const char *program)
{
    printf("Orrery emulator version %s (%s)\n", PACKAGE_VERSION, program);
    printf("Copyright (c) 2026 The Orrery authors; MIT licence\n");
}

/* Makefiles grep for "-gdb" and "-D " at the beginning of a line. */
void options_help(const char *program, bool ours)
{
    if (ours)
        printf("usage: orrery run|debug|dap|record|replay|trace|test|info|img [options] [KERNEL]\n\n"
               "  run      run a machine\n"
               "  debug    run it under the symbolic debugger\n"
               "  dap      run it for an editor: a debug adapter on standard input and output\n"
               "  record   run and record: orrery record FILE [options]\n"
               "  replay   run a recording again, exactly: orrery replay FILE\n"
               "  trace    run and write a trace: orrery trace KIND:FILE [options]\n"
               "  test     run scripted guests and judge them: orrery test SUITE\n"
               "  info     boards, devices, instructions, CSRs, timing models\n"
               "  img      create, check, convert disk images\n\n");
    else
        printf("usage: %s [options] [KERNEL]\n\n", program);
    printf("Options (one or two dashes):\n");
    for EACH_ROW(r) {
        if (!r->help)
            continue;
        char left[80];
        snprintf(left, sizeof left, "-%s%s%s%s%s", r->name, r->alias ? ", -" : "", r->alias ? r->alias : "",
                 r->arg ? " " : "", r->arg ? r->arg : "");
        if (strlen(left) > 29)
            printf("%s\n%29s %s\n", left, "", r->help);
        else
            printf("%-29s %s\n", left, r->help);
    }
    printf("\nExamples:\n"
           "  %s -nographic -kernel Image -initrd initrd.gz -append 'console=ttyS0'\n"
           "  %s -bios none -kernel kernel.elf -nographic -s -S\n"
           "  orrery debug -bios none kernel.elf -ex 'break main' -ex continue\n"
           "  orrery record run.rec -nographic kernel.elf && orrery replay run.rec\n"
           "\nExit status: 0 pass, 1 or 2 usage, 3 the guest cannot go on, 4 --max-instructions reached, 6 a replay "
           "differs;\na guest that reports failure through the test finisher ends with its own code.\n",
           ours ? "orrery run" : program, ours ? "orrery run" : program);
}

static const struct option_row *row_named(const char *name)
{
    for EACH_ROW(r)
        if (!strcmp(r->name, name) || (r->alias && !strcmp(r->alias, name)))
            return r;
    return NULL;
}

static enum options_result bad(const struct options *o, const char *option, const char *why)
{
    fprintf(stderr, option ? "%s: -%s: %s\n" : "%s: %s%s\n", o->program, option ? option : "", why);
    return OPTIONS_BAD;
}

static enum options_result unknown(const struct options *o, const char *word, const char *name)
{
    for (unsigned k = 0; k < ARRAY_LEN(not_here); k++)
        if (!strcmp(name, not_here[k].name))
            return bad(o, name, arena_printf(o->arena, "not supported: %s", not_here[k].why));
    const char *best = NULL;
    unsigned score = 0;
    for EACH_ROW(r)
        suggest(name, r->name, &best, &score);
    return bad(o, NULL, arena_printf(o->arena, "there is no option '%s'%s%s%s; -help lists them", word,
                                     best ? " (did you mean '-" : "", best ? best : "", best ? "'?)" : ""));
}

/* Does the argument, or the last word of a list, ask what there is? *name: the first word of the list. */
static bool asks(const struct options *o, const char *arg, const char **name)
{
    const char *comma = strrchr(arg, ','), *last = comma ? comma + 1 : arg;
    *name = comma ? arena_printf(o->arena, "%.*s", (int)strcspn(arg, ","), arg) : NULL;
    return !strcmp(last, "?") || !strcmp(last, "help");
}

static bool apply(struct options *o, const struct option_row *r, const char *arg, struct err *e)
{
    void *field = (char *)o + r->field;
    switch (r->kind) {
    case OPTION_IGNORED: return true;
    case OPTION_TEXT: *(const char **)field = arg; return true;
    case OPTION_FLAG: *(bool *)field = true; return true;
    case OPTION_NUMBER: return option_number(arg, field, e);
    case OPTION_LIST:
        return option_list_add(o->arena, field, (unsigned *)((char *)o + r->count), arg, r->first, e);
    case OPTION_CALL: return r->call(o, arg, e);
    }
    return false;
}

enum options_result options_parse(struct options *o, int argc, char **argv)
{
    o->machine_props = "";
    o->cpus = 1;
    o->seed = 1;
    o->rtc_base = DEFAULT_RTC_BASE;
    o->stop_at = o->max_instructions = o->at = CLOCK_NEVER;
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (word[0] != '-' || !word[1]) {
            if (o->kernel)
                return bad(o, NULL, arena_printf(o->arena, "two kernels were given: '%s' and '%s'", o->kernel, word));
            o->kernel = word;
            continue;
        }
        const char *name = word + (word[1] == '-' ? 2 : 1), *arg = NULL, *asked = NULL;
        const struct option_row *r = row_named(name);
        const char *equals = strchr(name, '=');
        if (!r && equals && word[1] == '-') { /* --option=value */
            r = row_named(arena_printf(o->arena, "%.*s", (int)(equals - name), name));
            arg = equals + 1;
        }
        if (!r)
            return unknown(o, word, name);
        if (r->arg && !arg && ++i == argc)
            return bad(o, r->name, arena_printf(o->arena, "it needs %s behind it", r->arg));
        if (r->arg && !arg)
            arg = argv[i];
        if (r->list && (!r->arg || asks(o, arg, &asked)) && r->list(o, asked))
            return OPTIONS_DONE;
        struct err e = { "" };
        if (!apply(o, r, r->arg ? arg : NULL, &e))
            return bad(o, r->name, e.text);
    }
    return OPTIONS_RUN;
}
