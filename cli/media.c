#include "cli/media.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "host/block/image.h"
#include "iodev/block/i82077.h"
#include "iodev/block/ide.h"

/* --- drives ------------------------------------------------------------------------------------------------------------ */

/* What -drive called that with which it began. */
static const char *first_id(const struct device *d)
{
    return device_prop(d, "drive") ? device_prop(d, "drive") : "";
}

const char *media_drive_name(const struct device *d)
{
    return *first_id(d) ? first_id(d) : d->path;
}

static struct device *find(struct session *s, const char *name)
{
    struct device *cd = NULL, *floppy[4] = { NULL };
    unsigned cds = 0, floppies = 0, bus, unit;
    char end;
    for (struct device *d = s->m->devices; d; d = d->next) {
        if (!machine_removable(d))
            continue;
        if (!strcmp(d->path, name) || !strcmp(d->path + 1, name) || !strcmp(first_id(d), name))
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

struct device *media_drive(struct session *s, const char *name, const char *command, struct err *e)
{
    struct device *d = find(s, name);
    if (d)
        return d;
    for (unsigned i = 0; i < s->mc.n_drives; i++)
        if (s->mc.drives[i] && !strcmp(s->mc.drives[i]->id, name)) {
            err_set(e, "%s: '%s' is no CD or floppy drive: its medium stays as long as the machine", command, name);
            return NULL;
        }
    err_set(e, "%s: no CD or floppy drive is called '%s'; 'info block' shows them, and -device ide-cd or floppy is an empty one",
            command, name);
    return NULL;
}

struct device *media_holder(struct session *s, const struct block_port *b)
{
    struct device *d = s->m->devices;
    while (d && d->drive != b)
        d = d->next;
    return d;
}

bool media_taken_out(struct session *s, const struct block_port *b)
{
    const struct device *d = s->m->devices;
    while (d && (!machine_removable(d) || strcmp(first_id(d), b->id)))
        d = d->next;
    return (b->medium || d) && !media_holder(s, b);
}

/* --- images ------------------------------------------------------------------------------------------------------------ */

static bool fits(const struct device *d, const struct block_port *b, const char *path, struct err *e)
{
    unsigned long long n = b->size;
    if (d->cls == &ide_cd_class)
        return n >= 2048 || err_set(e, "%s: it has %llu bytes, less than one block of a CD", path, n);
    return fdc_takes(n) || err_set(e, "%s: it has %llu bytes, which is no floppy disk: make it 1474560 (1.44 MB), 737280, "
                                      "1228800 or 2949120 bytes long", path, n);
}

/* Opens an image and puts it on the shelf, for drive d (NULL: whichever). `as`: the number and contents it must have; NULL:
 * whatever it is. */
static struct medium *shelve(struct session *s, const struct device *d, const char *path, const char *format,
                             bool read_only, bool snapshot, const struct medium_text *as, struct err *e)
{
    unsigned n = s->mc.n_drives;
    struct medium *m = ARENA_NEW(s->arena, struct medium);
    struct image_options io = { .format = *format ? arena_strdup(s->arena, format) : NULL, .read_only = read_only,
                                .snapshot = snapshot };
    if (n == MACHINE_MAX_DRIVES) {
        err_set(e, "%s: more than %d images were in the drives of this machine", path, MACHINE_MAX_DRIVES);
        return NULL;
    }
    if (strlen(path) >= sizeof m->text.path || strlen(format) >= sizeof m->text.format) {
        err_set(e, "%s: the name is too long", path);
        return NULL;
    }
    struct block_port *b = image_open(path, &io, e);
    if (!b)
        return NULL;
    m->port = b;
    m->text.read_only = read_only;
    snprintf(m->text.path, sizeof m->text.path, "%s", path);
    snprintf(m->text.format, sizeof m->text.format, "%s", format);
    bool ok = (!d || fits(d, b, path, e)) && image_hash(b, m->text.hash, NULL, NULL, e);
    /* An image that is written to in place has changed since, and only its user knows whether it is the one. */
    if (ok && as && (read_only || snapshot) && strcmp(as->hash, m->text.hash))
        ok = err_set(e, "%s has changed since it was put into the drive: its hash is %s, then it was %s", path, m->text.hash,
                     as->hash);
    if (!ok) {
        image_close(b, NULL);
        return NULL;
    }
    m->text.id = as ? as->id : hash_bytes(m->text.hash, strlen(m->text.hash), 0);
    while (!as && (!m->text.id || medium_find(s->m->env.media, m->text.id)))
        m->text.id = hash_u64(m->text.id, 1); /* two blank disks are two disks */
    b->id = arena_printf(s->arena, "medium-%016llx", (unsigned long long)m->text.id);
    s->drive[n].path = m->text.path;
    s->drive[n].format = io.format;
    s->drive[n].snapshot = snapshot;
    stat(path, &s->drive[n].file);
    s->mc.drives[s->mc.n_drives++] = b;
    machine_add_medium(s->m, m);
    return m;
}

bool media_needed(void *session, const struct medium_text *t, struct err *e)
{
    struct session *s = session;
    const struct medium *m = t->id ? medium_find(s->m->env.media, t->id) : NULL;
    if (m)
        return !strcmp(m->text.hash, t->hash) || err_set(e, "%s is another image than %s", t->path, m->text.path);
    return !t->id || shelve(s, NULL, t->path, t->format, t->read_only, s->o->snapshot, t, e);
}

static bool same_file(const struct stat *a, const struct stat *b, bool written)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
           (written || (a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
                        a->st_mtim.tv_nsec == b->st_mtim.tv_nsec));
}

/* An image that is open, as it was left: a disk that comes back is the disk that was taken out. -1: none; used by another
 * device: an error. */
static bool find_open(struct session *s, const struct device *drive, const char *path, const char *format, bool read_only,
                      int *out, struct err *e)
{
    struct stat now;
    *out = -1;
    if (stat(path, &now))
        return true; /* image_open() says it better */
    for (unsigned i = 0; i < s->mc.n_drives; i++) {
        const struct block_port *b = s->mc.drives[i];
        if (!b || b->read_only != read_only || !same_file(&s->drive[i].file, &now, !read_only && !s->drive[i].snapshot))
            continue;
        const struct device *holder = media_holder(s, b);
        if (holder && holder != drive && !read_only)
            return err_set(e, "%s: it is in %s", path, media_drive_name(holder));
        const char *is = s->drive[i].format;
        if (format && (!is || strcmp(is, format)))
            continue;
        if (b->medium ? !holder || holder == drive : !strcmp(first_id(drive), b->id))
            *out = (int)i;
    }
    return true;
}

/* --- hands ------------------------------------------------------------------------------------------------------------- */

/* Through the machine's door: a recording has it. */
static bool touch(struct session *s, const struct device *d, const void *bytes, size_t n, struct err *e)
{
    char name[128];
    snprintf(name, sizeof name, "%s.%s", d->path, d->cls == &floppy_class ? "media" : "tray");
    struct input_channel *ch = machine_channel(s->m, name);
    if (!ch)
        return err_set(e, "%s: nobody can reach its medium", d->path);
    if (machine_replaying(s->m))
        return err_set(e, "the machine replays a recording, and what is put into its drives is in that");
    machine_input(s->m, ch, bytes, n);
    return true;
}

static bool unlocked(struct session *s, const char *name, const struct device *d, bool force, struct err *e)
{
    if (d->cls == &floppy_class || force || !ide_cd_locked(d) || ide_cd_open(d))
        return true;
    return touch(s, d, "b", 1, e) && err_set(e, "%s: the guest has locked the tray; it was asked to open it. Wait until "
                                                "'info block' says that it is open, or force it", name);
}

static struct device *with_tray(struct session *s, const char *name, struct err *e)
{
    struct device *d = media_drive(s, name, "eject", e);
    if (d && d->cls == &floppy_class) {
        err_set(e, "eject: a floppy drive has no motor for that, and its disk stays; 'change %s FILE' puts another one in, and "
                   "without a file says that the disk was taken out and put in again", name);
        return NULL;
    }
    return d;
}

bool media_button(struct session *s, const char *name, struct err *e)
{
    struct device *d = with_tray(s, name, e);
    return d && touch(s, d, "b", 1, e);
}

bool media_again(struct session *s, const char *name, bool force, struct err *e)
{
    struct device *d = media_drive(s, name, "change", e);
    return d && unlocked(s, name, d, force, e) && touch(s, d, "m", 1, e);
}

bool media_tray(struct session *s, const char *name, bool open, bool force, struct err *e)
{
    struct device *d = with_tray(s, name, e);
    return d && (!open || unlocked(s, name, d, force, e)) && touch(s, d, open ? "o" : "c", 1, e);
}

bool media_change(struct session *s, const char *name, const char *path, const char *format, const char *mode, bool force,
                  struct err *e)
{
    struct device *d = media_drive(s, name, "change", e);
    int open;
    if (!d || !unlocked(s, name, d, force, e))
        return false;
    if (mode && strcmp(mode, "retain") && strcmp(mode, "read-only") && strcmp(mode, "read-write"))
        return err_set(e, "change: '%s' is no mode; it is retain, read-only or read-write", mode);
    bool retain = !mode || !strcmp(mode, "retain"), cd = d->cls == &ide_cd_class;
    if (cd && mode && !strcmp(mode, "read-write"))
        return err_set(e, "change: a CD cannot be written");
    bool read_only = cd || (retain ? d->drive && d->drive->read_only : !strcmp(mode, "read-only"));
    bool snapshot = s->o->snapshot;
    for (unsigned i = 0; i < s->mc.n_drives; i++)
        snapshot = snapshot || (s->mc.drives[i] == d->drive && d->drive && s->drive[i].snapshot);
    if (!find_open(s, d, path, format, read_only, &open, e))
        return false;
    const struct medium *m = open >= 0 ? s->mc.drives[open]->medium
                                       : shelve(s, d, path, format ? format : "", read_only, snapshot, NULL, e);
    if (open < 0 && !m)
        return false;
    const struct block_port *b = m ? m->port : s->mc.drives[open];
    if (!fits(d, b, path, e))
        return false;
    struct medium_text first = { .read_only = read_only }; /* number 0: the one it began with */
    snprintf(first.path, sizeof first.path, "%s", path);
    struct buf said = { 0 };
    buf_put_le(&said, MEDIUM_INSERT, 1);
    medium_put(m ? &m->text : &first, &said);
    bool ok = touch(s, d, said.data, said.len, e);
    buf_free(&said);
    return ok;
}
