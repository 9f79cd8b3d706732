/* What a session reads: firmware, kernel and the other files that are loaded whole, disk images, loaders. */
#include "cli/session_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/block/image.h"
#include "host/file/file.h"
#include "iodev/block/virtio-blk.h"

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

/* -drive's if=: the names this board has, and how the drive comes to its guest. */
enum drive_at { DRIVE_AT_DEVICE /* a -device names it */, DRIVE_AT_VIRTIO, DRIVE_AT_FLASH };

static bool drive_interface(const struct option_list *l, const char **name, enum drive_at *at, struct err *e)
{
    static const char *const names[] = { "none", "virtio", "pflash" };
    const char *typed = option_prop(l, "if");
    *name = typed ? typed : "virtio";
    for (*at = 0; *at < ARRAY_LEN(names); ++*at)
        if (!strcmp(*name, names[*at]))
            return true;
    return err_set(e, "-drive %s: if=%s is not on this board; use if=none with -device virtio-blk-device,drive=ID, "
                      "if=virtio or if=pflash", l->text, *name);
}

/* As `-device virtio-blk-device,drive=ID`. */
static bool add_virtio_disk(struct session *s, const char *drive, struct err *e)
{
    if (s->mc.n_devices == MACHINE_MAX_DEVICES)
        return err_set(e, "there are more than %d devices", MACHINE_MAX_DEVICES);
    struct prop_value *p = ARENA_NEW(s->arena, struct prop_value);
    *p = (struct prop_value){ "drive", drive, NULL };
    s->mc.device[s->mc.n_devices].cls = &virtio_blk_class;
    s->mc.device[s->mc.n_devices++].props = p;
    return true;
}

static bool open_drive(struct session *s, const struct option_list *l, unsigned n, struct err *e)
{
    static const char *const known[] = { "file", "if", "id", "format", "index", "unit", "bus", "media", "readonly",
                                         "read-only", "snapshot", "cache", "aio", "discard", "detect-zeroes",
                                         "werror", "rerror", "serial", "throttling", NULL };
    const char *file = option_prop(l, "file"), *id = option_prop(l, "id"), *interface;
    enum drive_at at;
    if (!option_check_names("drive", l, known, e))
        return false;
    if (!file)
        return err_set(e, "-drive %s: it needs file=", l->text);
    if (!drive_interface(l, &interface, &at, e))
        return false;
    const char *unit = option_prop(l, "unit") ? option_prop(l, "unit") : option_prop(l, "index");
    if (at == DRIVE_AT_FLASH) /* the board looks for it by its own name */
        id = arena_printf(s->arena, "flash%s", unit ? unit : n ? "1" : "0");
    else if (!id)
        id = arena_printf(s->arena, "%s%u", interface, n);
    struct image_options io = {
        .format = option_prop(l, "format"),
        .id = id,
        .read_only = option_prop_on(l, "readonly") || option_prop_on(l, "read-only"),
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
    s->mc.drives[s->mc.n_drives++] = b;
    if (s->want_hashes) {
        char hash[IMAGE_HASH_TEXT];
        if (!image_hash(b, hash, hash_progress, (void *)(uintptr_t)file, e))
            return false;
        session_note_image(s, b->id, file, b->size, hash);
    }
    return at != DRIVE_AT_VIRTIO || add_virtio_disk(s, b->id, e);
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
