/* Monitor commands about the machine as a whole and what it is connected to on the host. */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/monitor_rows.h"
#include "debugger/debugger.h"
#include "host/net/net.h"
#include "machine/board.h"
#include "machine/isa.h"

/* --- running ---------------------------------------------------------------------------------------------------- */

MONITOR(quit)
{
    host_loop_quit(s->loop);
    return true;
}

MONITOR(stop)
{
    s->paused = true;
    host_loop_ask(s->loop);
    return true;
}

MONITOR(cont)
{
    if (s->paused && s->debugger->cpu)
        cpu_skip_stop(s->debugger->cpu);
    s->paused = false;
    return true;
}

static bool control(struct session *s, u8 what)
{
    machine_input(s->m, &s->m->control, &what, 1);
    return true;
}

MONITOR(system_reset) { return control(s, MACHINE_CONTROL_RESET); }
MONITOR(system_powerdown) { return control(s, MACHINE_CONTROL_POWEROFF); }
MONITOR(nmi)
{
    return s->m->board->isa->nmi ? control(s, MACHINE_CONTROL_NMI)
                                 : err_set(e, "nmi: the CPUs of this machine have no such interrupt");
}

/* --- snapshots: files of ours ----------------------------------------------------------------------------------------- */

MONITOR(savevm) { return *args ? session_save(s, args, e) : err_set(e, "savevm: it needs the name of a file"); }

MONITOR(loadvm)
{
    bool ok = *args ? session_load(s, args, e) : err_set(e, "loadvm: it needs the name of a file");
    debugger_changed(s->debugger);
    return ok;
}

static bool is_snapshot(const char *path)
{
    char begin[sizeof MACHINE_SNAPSHOT_MAGIC - 1];
    FILE *f = fopen(path, "rb");
    bool ok = f && fread(begin, 1, sizeof begin, f) == sizeof begin && !memcmp(begin, MACHINE_SNAPSHOT_MAGIC, sizeof begin);
    if (f)
        fclose(f);
    return ok;
}

/* Nothing but snapshots: a slip of the finger must not cost a disk. */
MONITOR(delvm)
{
    if (!*args)
        return err_set(e, "delvm: it needs the name of a file");
    if (access(args, F_OK))
        return err_set(e, "delvm: %s: %m", args);
    if (!is_snapshot(args))
        return err_set(e, "delvm: %s is not a snapshot of ours, and stays", args);
    return !unlink(args) || err_set(e, "delvm: %s: %m", args);
}

MONITOR(info_snapshots)
{
    DIR *dir = opendir(".");
    unsigned n = 0;
    for (struct dirent *d; dir && (d = readdir(dir));) {
        struct stat st;
        char when[32];
        if (stat(d->d_name, &st) || !S_ISREG(st.st_mode) || !is_snapshot(d->d_name))
            continue;
        if (!n++)
            buf_printf(out, "List of snapshots, which are files in this directory:\n%-24s %10s  %s\n", "TAG", "SIZE", "DATE");
        strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", gmtime(&st.st_mtime));
        buf_printf(out, "%-24s %10" PRIu64 "  %s\n", d->d_name, (u64)st.st_size, when);
    }
    if (dir)
        closedir(dir);
    if (!n)
        buf_printf(out, "There is no snapshot available in this directory: savevm FILE makes one.\n");
    return true;
}

/* --- what it boots from -------------------------------------------------------------------------------------------------- */

/* Through the machine's door: a recording has it. */
MONITOR(boot_set)
{
    if (!s->m->board->boot_order)
        return err_set(e, "boot_set: machine '%s' has no boot order; its firmware decides, or -kernel", s->m->board->name);
    if (!*args)
        return err_set(e, "boot_set: it needs letters: a and b are floppies, c disks, d CDs, n the network");
    if (!s->m->board->boot_order(s->m, args, false, e))
        return err_prefix(e, "boot_set");
    if (machine_replaying(s->m))
        return err_set(e, "boot_set: the machine replays a recording, and its boot order is in that");
    machine_input(s->m, &s->m->boot, (const u8 *)args, strlen(args));
    return true;
}

/* --- characters, networks, names ---------------------------------------------------------------------------------------- */

MONITOR(info_chardev)
{
    for (unsigned i = 0; i < s->n_chars; i++)
        buf_printf(out, "%s: %s\n", host_char_id(s->chars[i]), host_char_describe(s->chars[i]));
    return true;
}

MONITOR(info_network)
{
    for (unsigned i = 0; i < s->n_nets; i++) {
        char *text = host_net_info(s->nets[i]);
        buf_put(out, text, strlen(text));
        free(text);
    }
    return true;
}

/* "[NETDEV] RULE", as QEMU's. */
static bool forward(struct session *s, const char *args, bool (*fn)(struct host_net *n, const char *rule, struct err *e),
                    struct err *e)
{
    const char *rule = strrchr(args, ' ');
    size_t id = rule ? strcspn(args, " ") : 0;
    bool ok = err_set(e, "there is no such netdev; 'info network' shows them");
    for (unsigned i = 0; i < s->n_nets && !ok; i++) {
        const char *name = host_net_id(s->nets[i]);
        if (!rule || (strlen(name) == id && !strncmp(name, args, id)))
            ok = fn(s->nets[i], rule ? rule + 1 : args, e);
    }
    return ok;
}

MONITOR(hostfwd_add) { return forward(s, args, host_net_forward, e); }
MONITOR(hostfwd_remove) { return forward(s, args, host_net_unforward, e); }

MONITOR(info_status)
{
    buf_printf(out, "VM status: %s\n", s->paused ? "paused" : "running");
    return true;
}

MONITOR(info_version)
{
    buf_printf(out, "%s\n", PACKAGE_VERSION);
    return true;
}

MONITOR(info_name)
{
    if (s->o->name)
        buf_printf(out, "%s\n", s->o->name);
    return true;
}

MONITOR(info_uuid)
{
    buf_printf(out, "00000000-0000-0000-0000-000000000000\n"); /* none is given to the guest */
    return true;
}

MONITOR(info_kvm)
{
    buf_printf(out, "kvm support: disabled\n"); /* a host's CPU cannot be played again */
    return true;
}

MONITOR(info_usb)
{
    buf_printf(out, "USB support not enabled: this machine has no USB controller\n");
    return true;
}

static void image(const char *role, const struct blob *b, struct buf *out)
{
    if (b->size)
        buf_printf(out, "%s size=0x%06llx name=\"%s\"\n", role, (unsigned long long)b->size, b->name);
}

MONITOR(info_roms)
{
    image("bios", &s->mc.bios, out);
    image("kernel", &s->mc.kernel, out);
    image("initrd", &s->mc.initrd, out);
    for (unsigned i = 0; i < s->mc.n_roms; i++)
        image("rom", &s->mc.roms[i].file, out);
    for (unsigned i = 0; i < s->mc.n_loaders; i++)
        image("loader", &s->mc.loaders[i].file, out);
    return true;
}

/* --- -d and -D, later ----------------------------------------------------------------------------------------------------- */

MONITOR(log_items) { return *args ? session_log_items(s, args, e) : err_set(e, "log: it takes items as -d does, or none"); }
MONITOR(logfile) { return *args ? session_log_file(s, args, e) : err_set(e, "logfile: it needs the name of a file"); }

const struct monitor_row monitor_host[] = {
    { "quit", quit, "", "end the emulator", NULL },
    { "q", quit, "", NULL, NULL },
    { "stop", stop, "", "stop the machine", NULL },
    { "cont", cont, "", "let it go on", NULL },
    { "c", cont, "", NULL, NULL },
    { "continue", cont, "", NULL, NULL },
    { "system_reset", system_reset, "", "reset the machine", NULL },
    { "system_powerdown", system_powerdown, "", "switch the machine off", NULL },
    { "nmi", nmi, "", "send a non-maskable interrupt to the CPUs that run", NULL },
    { "savevm", savevm, "FILE", "write a snapshot", NULL },
    { "loadvm", loadvm, "FILE", "go to a snapshot", NULL },
    { "delvm", delvm, "FILE", "remove a snapshot", NULL },
    { "boot_set", boot_set, "LETTERS", "what to boot from after the next reset: a b floppies, c disks, d CDs, n network", NULL },
    { "hostfwd_add", hostfwd_add, "[NETDEV] RULE", "forward a port of this host: tcp|udp::PORT-:GUESTPORT", NULL },
    { "hostfwd_remove", hostfwd_remove, "[NETDEV] RULE", "no longer: tcp|udp::PORT", NULL },
    { "log", log_items, "ITEMS|none", "log these from here on, as -d does", NULL },
    { "logfile", logfile, "FILE", "to this file, as -D does", NULL },
    { "info status", info_status, "", "running or paused", NULL },
    { "info chardev", info_chardev, "", "character streams", NULL },
    { "info network", info_network, "", "networks, their connections and forwarded ports", NULL },
    { "info usernet", info_network, "", NULL, NULL },
    { "info snapshots", info_snapshots, "", "snapshots in this directory", NULL },
    { "info roms", info_roms, "", "firmware, kernel and ROMs that were loaded", NULL },
    { "info name", info_name, "", "what -name said", NULL },
    { "info uuid", info_uuid, "", "of the machine: none", NULL },
    { "info kvm", info_kvm, "", "is the host's CPU used? no", NULL },
    { "info usb", info_usb, "", "USB devices", NULL },
    { "info version", info_version, "", "of this program", NULL },
    { 0 },
};
