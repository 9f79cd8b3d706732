/* What a session reads: firmware, kernel and the other files that are loaded whole, disk images, loaders. */
#include "cli/session_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/block/image.h"
#include "host/file/file.h"
#include "iodev/block/virtio-blk.h"
#include "machine/build.h"

static void free_buf(void *p)
{
    buf_free(p);
}

bool session_note_image(struct session *s, const char *role, const char *path, u64 size, const char *hash)
{
    if (s->n_images < ARRAY_LEN(s->images)) {
        struct session_image *i = &s->images[s->n_images++];
        *i = (struct session_image){ .role = arena_strdup(s->arena, role), .path = arena_strdup(s->arena, path),
                                     .size = size };
        snprintf(i->hash, sizeof i->hash, "%s", hash);
    }
    return true;
}

static bool load_blob(struct session *s, const char *role, const char *path, struct blob *out, struct err *e)
{
    struct buf *b = ARENA_NEW(s->arena, struct buf);
    if (!host_file_load(path, b, e))
        return false;
    arena_defer(s->arena, free_buf, b);
    *out = (struct blob){ arena_strdup(s->arena, path), b->data, b->len };
    if (!b->len)
        return err_set(e, "%s: the file is empty", path);
    if (s->want_hashes) {
        char hash[HOST_HASH_TEXT];
        host_bytes_hash(b->data, b->len, hash);
        session_note_image(s, role, path, b->len, hash);
    }
    return true;
}

static bool open_firmware(struct session *s, struct err *e)
{
    const struct options *o = s->o;
    const struct board *b = options_board(o->machine);
    const char *board_bios = b ? b->bios[o->xlen == 64] : NULL;
    const char *bios = o->bios ? o->bios : board_bios ? board_bios : "none";
    if (!strcmp(bios, "none"))
        return true;
    struct err why;
    if (!strcmp(bios, "default") && o->isa == &isa_riscv && o->xlen == 32)
        return err_set(e, "there is no default firmware for 32-bit RISC-V in Debian; give one with -bios FILE, or "
                       "-bios none");
    char *path = host_firmware_find(bios, &why);
    if (!path)
        return err_set(e, "-bios %s: %s", bios, why.text);
    bool ok = load_blob(s, "bios", path, &s->mc.bios, e);
    free(path);
    return ok;
}

static bool open_rom(struct session *s, const struct device_class *cls, const struct prop_value *typed, struct err *e)
{
    const char *name = NULL;
    for (const struct prop_desc *p = cls->props; p && p->name; p++)
        if (!strcmp(p->name, "romfile"))
            name = p->fallback;
    if (!name)
        return true;
    const char *global = arena_printf(s->arena, "%s.romfile", cls->name);
    for (const struct prop_value *g = s->mc.globals; g; g = g->next)
        if (!strcmp(g->name, global))
            name = g->text;
    for (; typed; typed = typed->next)
        if (!strcmp(typed->name, "romfile"))
            name = typed->text;
    for (unsigned i = 0; i < s->mc.n_roms; i++)
        if (!strcmp(s->mc.roms[i].name, name))
            return true;
    if (!*name) /* romfile= is a card without */
        return true;
    if (s->mc.n_roms == MACHINE_MAX_ROMS)
        return err_set(e, "there are more than %d ROMs of devices", MACHINE_MAX_ROMS);
    struct err why;
    char *path = host_firmware_find(name, &why);
    if (!path)
        return err_set(e, "the ROM of device '%s': %s", cls->name, why.text);
    s->mc.roms[s->mc.n_roms].name = name;
    bool ok = load_blob(s, arena_printf(s->arena, "rom.%s", cls->name), path, &s->mc.roms[s->mc.n_roms].file, e);
    s->mc.n_roms += ok;
    free(path);
    return ok;
}

/* The board's own adapter: unless -vga or -machine says so, it is not there with -nodefaults or when -device adds one. */
static bool choose_vga(struct session *s, bool *has, struct err *e)
{
    const struct options *o = s->o;
    const struct board *b = options_board(o->machine);
    const struct prop_desc *p = b ? b->props : NULL;
    while (p && p->name && strcmp(p->name, "vga"))
        p++;
    *has = p && p->name;
    if (!*has)
        return !o->vga || !strcmp(o->vga, "none") || err_set(e, "-vga %s: machine '%s' has no display adapter", o->vga, o->machine);
    bool other = o->nodefaults;
    for (unsigned i = 0; i < s->mc.n_devices; i++)
        other = other || s->mc.device[i].cls->screen;
    const char *typed = s->mc.board_props, *comma = *typed ? "," : "";
    if (o->vga)
        s->mc.board_props = arena_printf(s->arena, "%s%svga=%s", typed, comma, strcmp(o->vga, "none") ? "on" : "off");
    else if (other)
        s->mc.board_props = arena_printf(s->arena, "vga=off%s%s", comma, typed);
    for (struct prop_value *v = props_parse(s->arena, s->mc.board_props, e); v; v = v->next)
        if (!strcmp(v->name, "vga"))
            *has = strcmp(v->text, "off") && strcmp(v->text, "no") && strcmp(v->text, "false") && strcmp(v->text, "0");
    return true;
}

bool session_open_roms(struct session *s, struct err *e)
{
    const struct board *b = options_board(s->o->machine);
    bool vga;
    if (!choose_vga(s, &vga, e))
        return false;
    s->has_screen = vga;
    for (unsigned i = 0; i < s->mc.n_devices; i++)
        s->has_screen = s->has_screen || s->mc.device[i].cls->screen;
    for (const struct board_part *p = b ? b->parts : NULL; p && p->name; p++)
        if ((!p->cls->screen || vga) && !open_rom(s, p->cls, NULL, e))
            return false;
    for (unsigned i = 0; i < s->mc.n_devices; i++)
        if (!open_rom(s, s->mc.device[i].cls, s->mc.device[i].props, e))
            return false;
    return true;
}

bool session_open_files(struct session *s, struct err *e)
{
    const struct options *o = s->o;
    return open_firmware(s, e) && (!o->kernel || load_blob(s, "kernel", o->kernel, &s->mc.kernel, e)) &&
           (!o->initrd || load_blob(s, "initrd", o->initrd, &s->mc.initrd, e)) &&
           (!o->dtb || load_blob(s, "dtb", o->dtb, &s->mc.dtb, e));
}

/* --- drives ------------------------------------------------------------------------------------------------ */

static bool hash_progress(void *opaque, u64 done, u64 total)
{
    if (isatty(STDERR_FILENO) && total > (u64)1 << 30)
        fprintf(stderr, "\rhashing %s: %3u%%%s", (const char *)opaque, (unsigned)(done * 100 / total),
                done == total ? "\n" : "");
    return true;
}

/* -drive's if=: how the drive comes to its guest. */
static const struct drive_interface {
    const char *name;
    const char *device, *cdrom; /* -device that is added for it; NULL: none */
} drive_interfaces[] = {
    { "none", NULL, NULL }, /* a -device names it */
    { "virtio", "virtio-blk-device", NULL },
    { "ide", "ide-hd", "ide-cd" },
    { "floppy", "floppy", NULL },
    { "pflash", NULL, NULL }, /* the board looks for it by its own name */
};

static const struct drive_interface *drive_interface(struct session *s, const struct option_list *l, struct err *e)
{
    const struct board *b = options_board(s->o->machine);
    const char *typed = option_prop(l, "if");
    const char *name = typed ? typed : b && b->drives ? b->drives : "virtio";
    for (unsigned i = 0; i < ARRAY_LEN(drive_interfaces); i++)
        if (!strcmp(drive_interfaces[i].name, name))
            return &drive_interfaces[i];
    err_set(e, "-drive %s: there is no if=%s; use none (with -device ...,drive=ID), virtio, ide, floppy or pflash", l->text,
            name);
    return NULL;
}

/* As `-device CLASS,drive=ID[,bus=][,unit=]`. */
static bool add_disk(struct session *s, const char *class_name, const char *drive, const char *bus, const char *unit,
                     struct err *e)
{
    if (s->mc.n_devices == MACHINE_MAX_DEVICES)
        return err_set(e, "there are more than %d devices", MACHINE_MAX_DEVICES);
    const struct { const char *name, *text; } typed[] = { { "drive", drive }, { "bus", bus }, { "unit", unit } };
    struct prop_value **end = &s->mc.device[s->mc.n_devices].props;
    for (unsigned i = 0; i < ARRAY_LEN(typed); i++)
        if (typed[i].text) {
            *end = ARENA_NEW(s->arena, struct prop_value);
            **end = (struct prop_value){ typed[i].name, typed[i].text, NULL };
            end = &(*end)->next;
        }
    for (const struct device_class *const *c = machine_device_classes; *c; c++)
        if (!strcmp((*c)->name, class_name))
            s->mc.device[s->mc.n_devices].cls = *c;
    s->mc.n_devices++;
    return true;
}

/* index= counts the places of an interface: of IDE two on each channel. */
static bool add_drive_device(struct session *s, const struct option_list *l, const struct drive_interface *at, const char *id,
                             struct err *e)
{
    bool cdrom = option_prop(l, "media") && !strcmp(option_prop(l, "media"), "cdrom");
    const char *device = cdrom && at->cdrom ? at->cdrom : at->device, *index = option_prop(l, "index");
    const char *bus = option_prop(l, "bus"), *unit = option_prop(l, "unit");
    if (!device)
        return true;
    if (strcmp(at->name, "ide"))
        return add_disk(s, device, id, NULL, strcmp(at->name, "floppy") ? NULL : index ? index : unit, e);
    u64 n = 0;
    if (index && (!option_number(index, &n, e) || n > 3))
        return err_set(e, "-drive %s: index= of an IDE drive is 0 to 3", l->text);
    if (index) {
        bus = arena_printf(s->arena, "%u", (unsigned)n / 2);
        unit = arena_printf(s->arena, "%u", (unsigned)n % 2);
    }
    return add_disk(s, device, id, bus ? arena_printf(s->arena, "ide.%s", bus) : NULL, unit, e);
}

static bool open_drive(struct session *s, const struct option_list *l, unsigned n, struct err *e)
{
    static const char *const known[] = { "file", "if", "id", "format", "index", "unit", "bus", "media", "readonly",
                                         "read-only", "snapshot", "cache", "aio", "discard", "detect-zeroes",
                                         "werror", "rerror", "serial", "throttling", NULL };
    const char *file = option_prop(l, "file"), *id = option_prop(l, "id");
    if (!option_check_names("drive", l, known, e))
        return false;
    if (!file)
        return err_set(e, "-drive %s: it needs file=", l->text);
    const struct drive_interface *at = drive_interface(s, l, e);
    if (!at)
        return false;
    const char *unit = option_prop(l, "unit") ? option_prop(l, "unit") : option_prop(l, "index");
    if (!strcmp(at->name, "pflash"))
        id = arena_printf(s->arena, "flash%s", unit ? unit : n ? "1" : "0");
    else if (!id)
        id = arena_printf(s->arena, "%s%u", at->name, n);
    struct image_options io = {
        .format = option_prop(l, "format"),
        .id = id,
        .read_only = option_prop_on(l, "readonly") || option_prop_on(l, "read-only") ||
                     (option_prop(l, "media") && !strcmp(option_prop(l, "media"), "cdrom")),
        .snapshot = s->o->snapshot || option_prop_on(l, "snapshot"),
        .cache = option_prop(l, "cache"),
        .discard = option_prop(l, "discard"),
    };
    if (s->mc.n_drives == MACHINE_MAX_DRIVES)
        return err_set(e, "-drive %s: there are more than %d drives", l->text, MACHINE_MAX_DRIVES);
    struct block_port *b = image_open(file, &io, e);
    if (!b)
        return err_prefix(e, "-drive %s", l->text);
    s->drive[s->mc.n_drives].path = file;
    s->drive[s->mc.n_drives].format = io.format;
    s->drive[s->mc.n_drives].snapshot = io.snapshot;
    stat(file, &s->drive[s->mc.n_drives].file);
    s->mc.drives[s->mc.n_drives++] = b;
    if (s->want_hashes) {
        char hash[IMAGE_HASH_TEXT];
        if (!image_hash(b, hash, hash_progress, (void *)(uintptr_t)file, e))
            return false;
        session_note_image(s, b->id, file, b->size, hash);
    }
    return add_drive_device(s, l, at, b->id, e);
}

bool session_open_drives(struct session *s, struct err *e)
{
    for (unsigned i = 0; i < s->o->n_drives; i++)
        if (!open_drive(s, &s->o->drives[i], i, e))
            return false;
    return true;
}

/* --- loaders ----------------------------------------------------------------------------------------------- */

static bool open_loader(struct session *s, const struct option_list *l, struct err *e)
{
    static const char *const known[] = { "driver", "file", "addr", "data", "data-len", "data-be", "cpu-num",
                                         "force-raw", "id", NULL };
    const char *file = option_prop(l, "file"), *data = option_prop(l, "data");
    u64 len = 0, cpu = UINT64_MAX;
    struct loader_config *c = &s->mc.loaders[s->mc.n_loaders++];
    const struct {
        const char *name;
        u64 *out;
    } numbers[] = { { "addr", &c->addr }, { "data", &c->data }, { "data-len", &len }, { "cpu-num", &cpu } };
    if (!option_check_names("device", l, known, e))
        return false;
    for (unsigned i = 0; i < ARRAY_LEN(numbers); i++)
        if (!option_prop_number("device", l, numbers[i].name, numbers[i].out, e))
            return false;
    c->has_addr = option_prop(l, "addr") != NULL;
    c->raw = option_prop_on(l, "force-raw");
    if (data && (!c->has_addr || (len != 1 && len != 2 && len != 4 && len != 8)))
        return err_set(e, "-device %s: data= needs addr= and data-len=1, 2, 4 or 8", l->text);
    if (!data && !file && cpu == UINT64_MAX)
        return err_set(e, "-device %s: it needs file=FILE, or addr= with data= and data-len=", l->text);
    c->data_len = data ? (unsigned)len : 0;
    if (c->data_len && option_prop_on(l, "data-be"))
        c->data = __builtin_bswap64(c->data) >> (64 - 8 * c->data_len);
    c->cpu_num = cpu == UINT64_MAX ? -1 : (int)cpu;
    return !file || load_blob(s, "loader", file, &c->file, e) || err_prefix(e, "-device loader");
}

bool session_open_loaders(struct session *s, struct err *e)
{
    for (unsigned i = 0; i < s->o->n_loaders; i++)
        if (!open_loader(s, &s->o->loaders[i], e))
            return false;
    return true;
}
