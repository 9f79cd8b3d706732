/* Monitor commands about disks and what is in drives. */
#include <string.h>

#include "cli/media.h"
#include "cli/monitor_rows.h"
#include "host/block/image.h"
#include "iodev/block/i82077.h"
#include "iodev/block/ide.h"

/* The next word, or "a quoted one", of *args; NULL: there is none. */
static const char *word(struct arena *a, const char **args)
{
    const char *from = *args;
    bool quoted = *from == '"';
    size_t n = quoted ? strcspn(from + 1, "\"") : strcspn(from, " ");
    if (!*from)
        return NULL;
    const char *end = from + n + quoted + (quoted && from[n + 1]);
    *args = end + strspn(end, " ");
    return arena_printf(a, "%.*s", (int)n, from + quoted);
}

static bool forced(const char **args)
{
    bool force = !strncmp(*args, "-f ", 3);
    if (force)
        *args += 3 + strspn(*args + 3, " ");
    return force;
}

MONITOR(commit) { return session_commit(s, e); }

/* -f: also out of a locked drive. */
MONITOR(eject)
{
    bool force = forced(&args);
    return force ? media_tray(s, args, true, true, e) : media_button(s, args, e);
}

MONITOR(change)
{
    bool force = forced(&args);
    const char *name = word(s->arena, &args), *file = word(s->arena, &args), *format = word(s->arena, &args),
               *mode = word(s->arena, &args);
    if (!name || *args)
        return err_set(e, "change: [-f] DRIVE [FILE [FORMAT [retain|read-only|read-write]]]");
    return file ? media_change(s, name, file, format, mode, force, e) : media_again(s, name, force, e);
}

MONITOR(info_block)
{
    unsigned n = 0;
    for (unsigned i = 0; i < s->mc.n_drives; i++) {
        struct image_info info;
        const struct block_port *b = s->mc.drives[i];
        if (!b || media_taken_out(s, b))
            continue;
        const struct device *d = media_holder(s, b);
        bool removable = d && machine_removable(d);
        image_get_info(s->mc.drives[i], &info);
        buf_printf(out, "%s%s: %s (%s%s%s), %llu bytes\n", n++ ? "\n" : "", removable ? media_drive_name(d) : b->id,
                   info.path, info.format, b->read_only ? ", read-only" : "", s->drive[i].snapshot ? ", writes stay in memory" : "",
                   (unsigned long long)info.size);
        if (d)
            buf_printf(out, "    Attached to:      %s\n", d->path);
        if (removable)
            buf_printf(out, "    Removable device: %s%s%s\n", d->cls == &floppy_class ? "floppy disk" : "CD with a tray",
                       d->cls == &ide_cd_class && ide_cd_locked(d) ? ", locked" : "",
                       d->cls == &ide_cd_class && ide_cd_open(d) ? ", tray open" : "");
        if (info.backing_path)
            buf_printf(out, "    Backing file:     %s\n", info.backing_path);
    }
    for (const struct device *d = s->m->devices; d; d = d->next)
        if (machine_removable(d) && !d->drive)
            buf_printf(out, "%s%s: [not inserted]\n", n++ ? "\n" : "", media_drive_name(d));
    return true;
}

const struct monitor_row monitor_media[] = {
    { "commit", commit, "[all]", "write what -snapshot kept in memory to the image files", NULL },
    { "eject", eject, "[-f] DRIVE", "press the button of a CD drive; -f opens a locked one", NULL },
    { "change", change, "[-f] DRIVE [FILE [FORMAT [MODE]]]", "put another image into a drive, or the same once more", NULL },
    { "info block", info_block, "", "disk images", NULL },
    { 0 },
};
