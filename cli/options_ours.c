/* Options that QEMU has not: timing models, recordings, snapshots, traces, limits, debugger commands. */
#include <stdio.h>
#include <string.h>

#include "cli/option_rows.h"
#include "cpu/timing/timing.h"
#include "trace/trace.h"

static bool on_quantum(struct options *o, const char *arg, struct err *e)
{
    return option_number(arg, &o->quantum, e) && (o->quantum || err_set(e, "a quantum of 0 instructions runs nothing"));
}

static bool list_timing_models(const struct options *o, const char *name)
{
    if (name)
        return false;
    printf("%-16s %-10s %s\n", "none", "none", "one instruction is one tick");
    for (const struct timing_model *const *t = timing_models; *t; t++)
        printf("%-16s %-10s %s\n", (*t)->name, timing_badge_name((*t)->badge), (*t)->doc);
    return true;
}

static bool on_timing(struct options *o, const char *arg, struct err *e)
{
    o->timing = arg;
    return !strcmp(arg, "none") || timing_model_named(arg, e);
}

static bool on_pace(struct options *o, const char *arg, struct err *e)
{
    if (!strcmp(arg, "real"))
        o->pace = PACE_REAL;
    else if (!strcmp(arg, "none"))
        o->pace = PACE_NONE;
    else
        return err_set(e, "'%s' is not known: 'real' waits while the guest idles, 'none' skips idle time", arg);
    return true;
}

static bool list_trace_kinds(const struct options *o, const char *name)
{
    if (name)
        return false;
    for (const struct trace_format *const *t = trace_formats; *t; t++)
        printf("%-10s %s\n", (*t)->name, (*t)->doc);
    return true;
}

static bool on_trace(struct options *o, const char *arg, struct err *e)
{
    if (o->n_traces == MAX_OF_EACH)
        return err_set(e, "at most %d traces are possible", MAX_OF_EACH);
    if (!strchr(arg, ':'))
        return err_set(e, "write KIND:FILE, not '%s'; '--trace ?' lists the kinds", arg);
    if (!trace_format_named(arena_printf(o->arena, "%.*s", (int)strcspn(arg, ":"), arg), e))
        return false;
    o->traces[o->n_traces++] = arg;
    return true;
}

static bool add_command(struct options *o, const char *text, bool file, struct err *e)
{
    if (o->n_commands == ARRAY_LEN(o->commands))
        return err_set(e, "at most %zu are possible; put them into a file and use -x", ARRAY_LEN(o->commands));
    o->commands[o->n_commands].text = text;
    o->commands[o->n_commands++].file = file;
    return true;
}

static bool on_ex(struct options *o, const char *arg, struct err *e) { return add_command(o, arg, false, e); }
static bool on_x(struct options *o, const char *arg, struct err *e) { return add_command(o, arg, true, e); }

static bool on_history(struct options *o, const char *arg, struct err *e)
{
    o->no_history = !strcmp(arg, "off");
    return o->no_history || option_size(arg, (u64)1 << 20, &o->history, e);
}

const struct option_row options_of_ours[] = {
    { "seed", NULL, "N", "seed of everything random in the machine (default 1)", SETS_NUMBER(seed) },
    { "quantum", NULL, "N", "instructions a hart executes before the next one's turn (default 4000)",
      CALLS(on_quantum) },
    { "schedule", NULL, "N", "turns of random length up to a quantum, drawn from N: another interleaving of the harts",
      SETS_NUMBER(schedule) },
    { "timing", NULL, "MODEL", "cycle model; '?' lists with badges (default: none)", CALLS(on_timing),
      .list = list_timing_models },
    { "pace", NULL, "real|none", "while the guest idles: wait as long as it does, or skip the time (default: real)",
      CALLS(on_pace) },
    { "record", NULL, "FILE", "record the run for 'orrery replay FILE' (disk writes stay in memory)",
      SETS_TEXT(record) },
    { "load", "loadvm", "FILE", "start from a snapshot file", SETS_TEXT(load) },
    { "save", NULL, "FILE", "write a snapshot at the end of the run", SETS_TEXT(save) },
    { "trace", NULL, "KIND:FILE[,FILTER...]", "write a trace; '?' lists the kinds", CALLS(on_trace), .list = list_trace_kinds },
    { "dump-jit", NULL, "SYMBOL|ADDR", "print what is compiled there: guest, operations, host code",
      SETS_TEXT(dump_jit) },
    { "state-hash", NULL, NULL, "print the hash of the whole guest state at the end", SETS_FLAG(state_hash) },
    { "hash-every", NULL, "N", "print 'position hash' each N instructions", SETS_NUMBER(hash_every) },
    { "stop-at", NULL, "POSITION", "end there (exit status 0)", SETS_NUMBER(stop_at) },
    { "at", NULL, "POSITION", "`orrery debug RECORDING` begins there, not where the recording ends", SETS_NUMBER(at) },
    { "max-instructions", NULL, "N", "end after N instructions of this run with exit status 4",
      SETS_NUMBER(max_instructions) },
    { "ex", NULL, "COMMAND", "debugger command at the start (repeatable)", CALLS(on_ex) },
    { "x", NULL, "FILE", "debugger commands from a file", CALLS(on_x) },
    { "history", NULL, "SIZE|off", "memory for going back in `orrery debug` (default 512M)", CALLS(on_history) },
    { "dap", NULL, "PORT|unix:PATH", "wait there for an editor that attaches to the machine while it runs", SETS_TEXT(dap) },
    { "tui", NULL, NULL, "`orrery debug` on the full screen", SETS_FLAG(tui) },
    { "batch", NULL, NULL, "end after the -ex and -x commands", SETS_FLAG(batch) },
    { .name = NULL },
};
