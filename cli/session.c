/* A session from its options: the machine, what sees it, and the end of it all. */
#include "cli/session_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/dap.h"
#include "cli/gdbserver.h"
#include "cli/media.h"
#include "cli/qmp.h"
#include "cli/tui.h"
#include "debugger/debugger.h"
#include "host/block/image.h"
#include "host/char/mux.h"
#include "host/file/file.h"
#include "host/input.h"
#include "host/net/net.h"
#include "jit/jit.h"
#include "machine/board.h"
#include "machine/build.h"
#include "machine/history.h"
#include "machine/record.h"

static bool collect_devices(struct session *s, struct err *e)
{
    for (unsigned i = 0; i < s->o->n_devices; i++) {
        const struct option_list *l = &s->o->devices[i];
        if (s->mc.n_devices == MACHINE_MAX_DEVICES)
            return err_set(e, "there are more than %d devices", MACHINE_MAX_DEVICES);
        unsigned k = s->mc.n_devices++;
        for (const struct device_class *const *c = machine_device_classes; *c; c++)
            if (!strcmp((*c)->name, option_prop(l, "driver")))
                s->mc.device[k].cls = *c;
        s->mc.device[k].id = option_prop(l, "id");
        struct prop_value **end = &s->mc.device[k].props;
        for (const struct prop_value *p = l->props; p; p = p->next) {
            /* rng= names a host source of randomness: the guest's comes from the seed. */
            if (!strcmp(p->name, "driver") || !strcmp(p->name, "id") || !strcmp(p->name, "rng"))
                continue;
            *end = arena_memdup(s->arena, p, sizeof *p);
            (*end)->next = NULL;
            end = &(*end)->next;
        }
    }
    return true;
}

static void report_hash(void *opaque, u64 position, u64 hash)
{
    printf("%llu %016llx\n", (unsigned long long)position, (unsigned long long)hash);
}

static bool debugger_read_file(void *opaque, const char *path, struct buf *out, struct err *e)
{
    return host_file_load(path, out, e);
}

static bool debugger_read_shipped(void *opaque, const char *name, struct buf *out, struct err *e)
{
    return host_shipped_load(name, out, e);
}

static bool debugger_save(void *opaque, struct machine *m, const char *path, struct err *e)
{
    return session_save(opaque, path, e);
}

static bool debugger_load(void *opaque, struct machine *m, const char *path, struct err *e)
{
    return session_load(opaque, path, e);
}

static bool debugger_append(void *opaque, const char *path, const void *text, size_t n, struct err *e)
{
    FILE *f = fopen(path, "a");
    bool ok = f && fwrite(text, 1, n, f) == n;
    if (f && fclose(f))
        ok = false;
    return ok ? true : err_set(e, "%s: it cannot be written: %m", path);
}

static void debugger_write_out(void *opaque, const char *text, size_t n)
{
    const struct session *s = opaque;
    if (tui_terminal_say(s->screen, text, n) || dap_server_say(s->dap, text, n))
        return;
    fwrite(text, 1, n, stdout);
    fflush(stdout);
}

/* By default what this host can. */
bool session_compiles(const struct session *s)
{
    return s->o->accel == ACCEL_JIT || (s->o->accel == ACCEL_BEST && (s->o->check_jit || jit_possible(s->m->cpus[0])));
}

static bool install_jit(struct session *s, struct err *e)
{
    const struct options *o = s->o;
    struct jit_options jit = { .tier = o->jit_tier ? (unsigned)o->jit_tier : 2,
                               .threshold = o->jit_threshold ? o->jit_threshold : JIT_THRESHOLD,
                               .region_threshold = o->jit_regions ? o->jit_regions : JIT_REGION_THRESHOLD,
                               .cache_bytes = (o->code_cache ? o->code_cache : JIT_CACHE_BYTES) / s->m->n_cpus,
                               .check = o->check_jit };
    if (!session_watch_compiled(s, &jit.watch, e))
        return false;
    if (o->check_jit && !session_compiles(s))
        return err_set(e, "--check-jit: the interpreter compiles nothing; leave out -accel interp");
    if (!session_compiles(s))
        return true;
    for (unsigned i = 0; i < s->m->n_cpus; i++)
        if (!jit_install(s->m->arena, s->m->cpus[i], &jit, e))
            return false;
    return true;
}

/* Ctrl-A s. */
static void on_commit(void *opaque)
{
    struct session *s = opaque;
    struct err e;
    if (session_commit(s, &e))
        fprintf(stderr, "\r\n%s: disk changes were written to the image files\r\n", s->o->program);
    else
        fprintf(stderr, "\r\n%s: %s\r\n", s->o->program, e.text);
}

/* What will be needed at the end, and what cannot be meant. Better now than after an hour. */
static bool check_options(struct session *s, struct err *e)
{
    const struct options *o = s->o;
    if (o->save) {
        char *dir = arena_strdup(s->arena, o->save), *slash = strrchr(dir, '/');
        if (slash)
            slash[slash == dir] = 0;
        if (access(slash ? dir : ".", W_OK))
            return err_set(e, "--save %s: %s cannot be written: %m", o->save, slash ? dir : "this directory");
    }
    if (o->debug && o->gdb)
        return err_set(e, "-gdb: one machine cannot obey two debuggers; use 'orrery run' with it");
    const struct board *b = options_board(o->machine);
    bool boot = o->boot_order || o->boot_once || o->boot_menu || o->boot_strict;
    if (boot && b && !b->boot_order)
        return err_set(e, "-boot: machine '%s' has no boot order; firmware decides, or -kernel", b->name);
    bool program = o->kernel || o->n_loaders || o->load || o->dumpdtb || o->start_stopped || o->gdb || o->debug;
    for (unsigned i = 0; i < o->n_drives && !program; i++)
        program = option_prop(&o->drives[i], "if") && !strcmp(option_prop(&o->drives[i], "if"), "pflash");
    if (!program && !s->mc.bios.size)
        fprintf(stderr, "%s: warning: memory is empty: there is no kernel, firmware, loader or flash image to run\n",
                o->program);
    return true;
}

/* The first one, where the machine begins, belongs to a recording as its images do. */
static bool load_snapshot(struct session *s, const char *path, bool first, struct err *e)
{
    struct buf b = { 0 };
    char hash[HOST_HASH_TEXT];
    if (!host_file_load(path, &b, e))
        return false;
    u64 limit = s->m->executed_limit, left = limit - machine_executed(s->m);
    bool ok = (machine_snapshot_media(b.data, b.len, media_needed, s, e) && machine_load(s->m, b.data, b.len, e)) || err_prefix(e, "snapshot %s", path);
    if (limit) /* the snapshot's own count is of another run */
        s->m->executed_limit = machine_executed(s->m) + left;
    if (ok && first && s->want_hashes) {
        host_bytes_hash(b.data, b.len, hash);
        session_note_image(s, "snapshot", path, b.len, hash);
    }
    buf_free(&b);
    return ok;
}

bool session_open(struct session *s, const struct options *o, struct err *e)
{
    s->arena = arena_new();
    s->o = o;
    s->loop = host_loop_new(e);
    if (!s->loop || !dap_server_opened(s->dap, s, e))
        return false;
    s->mc = (struct machine_config){
        .board = o->machine, .board_props = o->machine_props, .cpu = o->cpu, .xlen = o->xlen, .cpus = o->cpus,
        .ram_size = o->ram_size, .append = o->append, .seed = o->seed, .rtc_base = o->rtc_base, .quantum = o->quantum,
        .schedule = o->schedule,
        .timing = o->timing, .semihosting = o->semihosting, .no_reboot = o->no_reboot, .globals = o->globals,
        .boot = { .order = o->boot_order, .once = o->boot_once, .menu = o->boot_menu, .strict = o->boot_strict,
                  .no_floppy_check = o->no_floppy_check, .has_splash_time = o->has_splash_time,
                  .has_reboot_timeout = o->has_reboot_timeout, .splash_time = (u32)o->splash_time,
                  .reboot_timeout = (u32)o->reboot_timeout },
    };
    if (!session_open_files(s, e) || !check_options(s, e) || !session_open_drives(s, e) || !collect_devices(s, e) ||
        !session_open_roms(s, e) || !session_choose_display(s, e) || !session_open_chars(s, e) ||
        !session_open_nets(s, e) || !session_open_objects(s, e) || !session_open_debugcon(s, e) ||
        !session_open_loaders(s, e))
        return false;
    s->m = machine_new(&s->mc, e);
    if (!s->m)
        return false;
    for (unsigned i = 0; i < s->n_nets; i++)
        host_net_clock(s->nets[i], &s->m->clock);
    s->m->hashes.every = o->hash_every;
    s->m->hashes.next = o->hash_every;
    s->m->hashes.report = report_hash;
    struct debugger_host host = { .opaque = s, .write = debugger_write_out, .resume = session_resume,
                                  .step = session_step, .read_file = debugger_read_file,
                                  .save = debugger_save, .load = debugger_load, .append = debugger_append,
                                  .screen = session_screen_command, .trace = session_trace_command,
                                  .read_shipped = debugger_read_shipped };
    s->input = host_input_new(s->loop, s->m);
    s->debugger = debugger_new(s->m, &host);
    s->m->names = (struct machine_names){ session_name_code, s };
    if (!install_jit(s, e) || !session_log(s, e) || !session_open_traces(s, e) || !session_open_monitor(s, e))
        return false;
    for (unsigned i = 0; i < s->n_chars; i++)
        if (host_char_mux(s->chars[i]))
            mux_on_commit(host_char_mux(s->chars[i]), on_commit, s);
    s->paused = o->start_stopped;
    if (s->paused && !o->gdb && !s->monitor && !s->qmp && !o->debug)
        fprintf(stderr, "%s: warning: -S without -gdb and without a monitor: nothing can start the machine\n",
                o->program);
    if (o->gdb && !(s->gdb = gdb_server_new(s, o->gdb, e)))
        return false;
    if (o->load && !load_snapshot(s, o->load, true, e))
        return false;
    if (!session_open_display(s, e))
        return false;
    if (o->max_instructions < CLOCK_NEVER)
        s->m->executed_limit = machine_executed(s->m) + o->max_instructions;
    return true;
}

bool session_save(struct session *s, const char *path, struct err *e)
{
    struct buf b = { 0 };
    machine_save(s->m, &b);
    bool ok = host_file_save(path, b.data, b.len, e);
    buf_free(&b);
    return ok;
}

bool session_load(struct session *s, const char *path, struct err *e)
{
    const char *why = machine_untouchable(s->m);
    return why ? err_set(e, "snapshot %s: %s", path, why) : load_snapshot(s, path, false, e);
}

void session_close(struct session *s)
{
    session_close_display(s);
    for (unsigned i = 0; s->n_nets && i < 10; i++)
        host_loop_poll(s->loop, 2000000); /* what the guest sent last still goes out */
    session_close_traces(s);
    if (s->record_file)
        fclose(s->record_file);
    session_log_end(s);
    session_compiled_end(s);
    monitor_free(s->monitor);
    qmp_free(s->qmp);
    gdb_server_free(s->gdb);
    debugger_free(s->debugger);
    history_free(s->history);
    tui_terminal_free(s->screen);
    host_input_free(s->input);
    machine_free(s->m);
    for (unsigned i = 0; i < s->n_chars; i++)
        host_char_close(s->chars[i]);
    for (unsigned i = 0; i < s->n_nets; i++)
        host_net_close(s->nets[i]);
    struct err e;
    for (unsigned i = 0; i < s->mc.n_drives; i++)
        if (s->mc.drives[i] && !image_close(s->mc.drives[i], &e))
            fprintf(stderr, "%s: %s\n", s->o->program, e.text);
    host_loop_free(s->loop);
    arena_free(s->arena);
}
