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
#include "host/block/image.h"
#include "host/net/net.h"
#include "iodev/block/i82077.h"
#include "iodev/block/ide.h"
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

/* --- disks ------------------------------------------------------------------------------------------------------------- */

MONITOR(commit) { return session_commit(s, e); }

/* A drive whose medium can be changed, by its path, by the id of what is in it, or by QEMU's names: floppy0, ide1-cd0 (when it is
 * the only one). */
static struct device *removable(struct session *s, const char *name)
{
    struct device *cd = NULL, *floppy[4] = { NULL };
    unsigned cds = 0, floppies = 0, bus, unit;
    char end;
    for (struct device *d = s->m->devices; d; d = d->next) {
        if (d->cls != &ide_cd_class && d->cls != &floppy_class)
            continue;
        if (!strcmp(d->path, name) || !strcmp(d->path + 1, name) || (d->drive && d->drive->id && !strcmp(d->drive->id, name)))
            return d;
        if (d->cls == &ide_cd_class && !cds++)
            cd = d;
        else if (d->cls == &floppy_class && floppies < ARRAY_LEN(floppy))
            floppy[floppies++] = d;
    }
    if (cds == 1 && sscanf(name, "ide%u-cd%u%c", &bus, &unit, &end) == 2)
        return cd;
    return sscanf(name, "floppy%u%c", &unit, &end) == 1 && unit < floppies ? floppy[unit] : NULL;
}

static const char *attached(struct session *s, const struct block_port *b)
{
    for (const struct device *d = s->m->devices; d; d = d->next)
        if (d->drive == b)
            return d->path;
    return NULL;
}

MONITOR(info_block)
{
    for (unsigned i = 0; i < s->mc.n_drives; i++) {
        struct image_info info;
        const struct block_port *b = s->mc.drives[i];
        if (!b)
            continue;
        image_get_info(s->mc.drives[i], &info);
        buf_printf(out, "%s%s: %s (%s%s%s), %llu bytes\n", i ? "\n" : "", b->id, info.path, info.format,
                   b->read_only ? ", read-only" : "", s->drive[i].snapshot ? ", writes stay in memory" : "",
                   (unsigned long long)info.size);
        const char *where = attached(s, b);
        if (where)
            buf_printf(out, "    Attached to:      %s\n", where);
        if (removable(s, b->id))
            buf_printf(out, "    Removable device: %s\n", removable(s, b->id)->cls == &floppy_class ? "floppy disk" : "CD with a tray");
        if (info.backing_path)
            buf_printf(out, "    Backing file:     %s\n", info.backing_path);
    }
    return true;
}

/* Through the machine's door: a recording has it. */
static bool media(struct session *s, struct device *d, const char *suffix, u8 what, struct err *e)
{
    char name[128];
    snprintf(name, sizeof name, "%s.%s", d->path, suffix);
    struct input_channel *ch = machine_channel(s->m, name);
    if (!ch)
        return err_set(e, "%s: nobody can reach its medium", d->path);
    machine_input(s->m, ch, &what, 1);
    return true;
}

static struct device *drive_of(struct session *s, const char *name, const char *command, struct err *e)
{
    struct device *d = removable(s, name);
    if (!d)
        err_set(e, "%s: no CD or floppy drive is called '%s'; 'info block' shows them", command, name);
    return d;
}

/* -f: also out of a locked drive. */
MONITOR(eject)
{
    bool force = !strncmp(args, "-f ", 3);
    const char *name = force ? args + 3 + strspn(args + 3, " ") : args;
    struct device *d = drive_of(s, name, "eject", e);
    if (!d)
        return false;
    if (d->cls == &floppy_class)
        return err_set(e, "eject: a floppy drive has no motor for that, and its disk stays; 'change %s' says that the disk was taken "
                          "out and put in again", name);
    return media(s, d, "tray", force ? 'o' : 'b', e);
}

MONITOR(change)
{
    char name[128];
    size_t n = strcspn(args, " ");
    snprintf(name, sizeof name, "%.*s", (int)n, args);
    struct device *d = drive_of(s, name, "change", e);
    if (!d)
        return false;
    if (args[n + strspn(args + n, " ")])
        return err_set(e, "change: a machine keeps the images it was started with, or a recording of it could not be replayed; start it "
                          "with another drive for the other image. Without a file 'change %s' takes the medium out and puts it in again",
                       name);
    return d->cls == &floppy_class ? media(s, d, "media", 'm', e) : media(s, d, "tray", 'm', e);
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
    { "commit", commit, "[all]", "write what -snapshot kept in memory to the image files", NULL },
    { "eject", eject, "[-f] DRIVE", "press the button of a CD drive; -f opens a locked one", NULL },
    { "change", change, "DRIVE", "take the medium out and put it in again", NULL },
    { "hostfwd_add", hostfwd_add, "[NETDEV] RULE", "forward a port of this host: tcp|udp::PORT-:GUESTPORT", NULL },
    { "hostfwd_remove", hostfwd_remove, "[NETDEV] RULE", "no longer: tcp|udp::PORT", NULL },
    { "log", log_items, "ITEMS|none", "log these from here on, as -d does", NULL },
    { "logfile", logfile, "FILE", "to this file, as -D does", NULL },
    { "info status", info_status, "", "running or paused", NULL },
    { "info block", info_block, "", "disk images", NULL },
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
