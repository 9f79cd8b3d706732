/* Options that plug parts into the machine: drives, devices, networks, character streams, objects. */
#include <stdio.h>
#include <string.h>

#include "base/suggest.h"
#include "cli/option_rows.h"
#include "host/char/char.h"
#include "machine/build.h"

/* --- characters -------------------------------------------------------------------------------------------- */

static bool list_chars(const struct options *o, const char *name)
{
    if (name)
        return false;
    printf("Available chardev backend types:\n");
    for (const struct host_char_kind_doc *k = host_char_kinds(); k->name; k++)
        printf("  %-10s %s\n", k->name, k->doc);
    return true;
}

static bool on_serial(struct options *o, const char *arg, struct err *e)
{
    if (o->n_serials == ARRAY_LEN(o->serials))
        return err_set(e, "there are at most %zu serial ports", ARRAY_LEN(o->serials));
    o->serials[o->n_serials++] = arg;
    return true;
}

static bool on_parallel(struct options *o, const char *arg, struct err *e)
{
    if (o->n_parallels == ARRAY_LEN(o->parallels))
        return err_set(e, "there are at most %zu parallel ports", ARRAY_LEN(o->parallels));
    o->parallels[o->n_parallels++] = arg;
    return true;
}

/* --- drives ------------------------------------------------------------------------------------------------ */

static bool on_drive(struct options *o, const char *arg, struct err *e)
{
    if (!strchr(arg, '='))
        return err_set(e, "write file=%s", arg);
    return option_list_add(o->arena, o->drives, &o->n_drives, arg, NULL, e);
}

/* The short forms: `prefix` and the file, whose commas are doubled in a list. */
static bool on_disk(struct options *o, const char *prefix, const char *file, struct err *e)
{
    struct buf b = { 0 };
    buf_printf(&b, "%s,file=", prefix);
    for (const char *s = file; *s; s++)
        buf_printf(&b, *s == ',' ? ",," : "%c", *s);
    const char *text = arena_strdup(o->arena, buf_cstr(&b));
    buf_free(&b);
    return on_drive(o, text, e);
}

#define DISK(name, prefix)                                                            \
    static bool on_##name(struct options *o, const char *arg, struct err *e)          \
    {                                                                                 \
        return on_disk(o, prefix, arg, e);                                            \
    }
DISK(hda, "index=0")
DISK(hdb, "index=1")
DISK(hdc, "index=2")
DISK(hdd, "index=3")
DISK(cdrom, "index=2,media=cdrom")
DISK(fda, "if=floppy,index=0")
DISK(fdb, "if=floppy,index=1")

/* --- devices ----------------------------------------------------------------------------------------------- */

static const struct device_class *class_named(const char *name)
{
    for (const struct device_class *const *c = machine_device_classes; *c; c++)
        if (!strcmp((*c)->name, name))
            return *c;
    return NULL;
}

/* QEMU's names for "whichever transport this machine has". */
static const char *full_name(struct arena *a, const char *driver)
{
    static const char *const kinds[] = { "virtio-blk", "virtio-net", "virtio-rng", "virtio-serial", NULL };
    return option_word_in(driver, kinds) ? arena_printf(a, "%s-device", driver) : driver;
}

static void list_classes(void)
{
    printf("Devices that -device can add:\n");
    for (const struct device_class *const *c = machine_device_classes; *c; c++)
        if ((*c)->bus)
            printf("name \"%s\", bus %s, desc \"%s\"\n", (*c)->name, (*c)->bus, (*c)->doc);
    printf("name \"loader\", desc \"puts a file or a number into memory before the start\"\n");
    printf("Devices of boards (properties by -global CLASS.PROPERTY=VALUE):\n");
    for (const struct device_class *const *c = machine_device_classes; *c; c++)
        if (!(*c)->bus)
            printf("name \"%s\", desc \"%s\"\n", (*c)->name, (*c)->doc);
}

static void list_properties(const struct device_class *cls)
{
    static const char *const kinds[] = { "number", "bool", "str", "drive id", "netdev id", "chardev id" };
    printf("%s options:\n", cls->name);
    for (const struct prop_desc *p = cls->props; p && p->name; p++) {
        int room = (int)(20 - strlen(p->name) - strlen(kinds[p->kind]));
        printf("  %s=<%s>%*s - %s", p->name, kinds[p->kind], room, "", p->doc);
        printf(p->fallback ? " (default: %s)\n" : "\n", p->fallback);
    }
    printf("  id=<str> - a name for this device\n");
    printf("  bus=<str> - where to plug it: virtio-mmio-bus.N\n");
}

static void list_loader(void)
{
    printf("loader options:\n"
           "  file=<str> - an ELF file, or with addr= one that is copied as it is\n"
           "  addr=<number> - where it goes, or data does\n"
           "  force-raw=<bool> - copy even an ELF file as it is (default: off)\n"
           "  data=<number> - a number to store instead of a file\n"
           "  data-len=<number> - its size in bytes: 1, 2, 4 or 8\n"
           "  data-be=<bool> - store it big-endian (default: off)\n"
           "  cpu-num=<number> - this hart starts at addr, or at the ELF file's entry\n");
}

static bool list_devices(const struct options *o, const char *name)
{
    if (!name)
        return list_classes(), true;
    if (!strcmp(name, "loader"))
        return list_loader(), true;
    const struct device_class *cls = class_named(full_name(o->arena, name));
    if (!cls || !cls->bus)
        return false;
    return list_properties(cls), true;
}

static bool no_device(const char *name, struct err *e)
{
    if (class_named(name))
        return err_set(e, "'%s' belongs to the board and cannot be added; set its properties with -global "
                       "%s.NAME=VALUE", name, name);
    const char *best = NULL;
    unsigned score = 0;
    for (const struct device_class *const *c = machine_device_classes; *c; c++)
        if ((*c)->bus)
            suggest(name, (*c)->name, &best, &score);
    suggest(name, "loader", &best, &score);
    return err_set(e, "there is no device '%s'%s%s%s; '-device ?' lists them", name, DID_YOU_MEAN(best));
}

static bool on_device(struct options *o, const char *arg, struct err *e)
{
    size_t word = strcspn(arg, ",");
    const char *typed = arena_printf(o->arena, "%.*s", (int)word, arg), *name = full_name(o->arena, typed);
    if (!strcmp(name, "loader"))
        return option_list_add(o->arena, o->loaders, &o->n_loaders, arg, "driver", e);
    if (name != typed)
        arg = arena_printf(o->arena, "%s%s", name, arg + word);
    const struct device_class *cls = class_named(name);
    if (!cls || !cls->bus)
        return no_device(name, e);
    return option_list_add(o->arena, o->devices, &o->n_devices, arg, "driver", e);
}

static bool on_global(struct options *o, const char *arg, struct err *e)
{
    struct prop_value *p = props_parse(o->arena, arg, e), **end = &o->globals;
    if (!p)
        return false;
    const char *dot = strrchr(p->name, '.');
    if (p->next || !dot)
        return err_set(e, "write CLASS.PROPERTY=VALUE, not '%s'", arg);
    const struct device_class *cls = class_named(arena_printf(o->arena, "%.*s", (int)(dot - p->name), p->name));
    const struct prop_desc *d = cls ? cls->props : NULL;
    while (d && d->name && strcmp(d->name, dot + 1))
        d++;
    if (cls && (!d || !d->name))
        return err_set(e, "device '%s' has no property '%s'", cls->name, dot + 1);
    if (!cls)
        fprintf(stderr, "%s: warning: -global %s: no device of this machine has that class\n", o->program, arg);
    while (*end)
        end = &(*end)->next;
    *end = p;
    return true;
}

/* --- networks, objects ------------------------------------------------------------------------------------- */

static bool list_netdevs(const struct options *o, const char *name)
{
    if (!name)
        printf("Available netdev backend types:\nuser\n");
    return !name;
}

static bool on_net(struct options *o, const char *arg, struct err *e)
{
    o->no_default_net = !strcmp(arg, "none");
    return o->no_default_net ||
           err_set(e, "only 'none' is supported; use -netdev user,id=n0 -device virtio-net-device,netdev=n0");
}

static bool on_nic(struct options *o, const char *arg, struct err *e)
{
    if (!strcmp(arg, "none"))
        return true;
    if (strncmp(arg, "user", 4) || (arg[4] && arg[4] != ','))
        return err_set(e, "only 'user' and 'none' are supported, not '%s'", arg);
    const char *id = arena_printf(o->arena, "nic%u", o->n_netdevs);
    struct buf net = { 0 }, dev = { 0 };
    buf_printf(&net, "user,id=%s", id);
    buf_printf(&dev, "virtio-net-device,netdev=%s", id);
    for (struct prop_value *p = props_parse(o->arena, arg, e); p; p = p->next) {
        if (!strcmp(p->name, "mac"))
            buf_printf(&dev, ",mac=%s", p->text);
        else if (strcmp(p->name, "model") && strcmp(p->name, "user"))
            buf_printf(&net, ",%s=%s", p->name, p->text);
    }
    const char *netdev = arena_strdup(o->arena, buf_cstr(&net)), *device = arena_strdup(o->arena, buf_cstr(&dev));
    buf_free(&net);
    buf_free(&dev);
    return option_list_add(o->arena, o->netdevs, &o->n_netdevs, netdev, "type", e) && on_device(o, device, e);
}

static bool list_objects(const struct options *o, const char *name)
{
    if (!name)
        printf("List of user creatable objects:\n"
               "  filter-dump        every frame of a netdev into a pcap file: netdev=ID,file=FILE\n"
               "  rng-builtin        accepted: a guest's randomness comes from --seed\n"
               "  rng-random         accepted, the same\n"
               "  memory-backend-ram accepted: the size of memory is -m's\n");
    return !name;
}

const struct option_row options_of_parts[] = {
    { "drive", NULL, "file=F[,if=,id=,format=]", "a disk image (raw, qcow2); if=none|virtio|ide|floppy|pflash", CALLS(on_drive) },
    { "hda", NULL, "FILE", "short for -drive index=0,file=FILE: the board's first disk", CALLS(on_hda) },
    { "hdb", NULL, "FILE", "the second disk", CALLS(on_hdb) },
    { "hdc", NULL, "FILE", "the third disk", CALLS(on_hdc) },
    { "hdd", NULL, "FILE", "the fourth disk", CALLS(on_hdd) },
    { "cdrom", NULL, "FILE", "a CD image in the place of the third disk", CALLS(on_cdrom) },
    { "fda", NULL, "FILE", "a floppy image in drive A", CALLS(on_fda) },
    { "fdb", NULL, "FILE", "a floppy image in drive B", CALLS(on_fdb) },
    { "snapshot", NULL, NULL, "keep all writes to disks in memory", SETS_FLAG(snapshot) },
    { "device", NULL, "NAME[,prop=value]", "add a device; '?' lists; NAME,? lists its properties", CALLS(on_device),
      .list = list_devices },
    { "netdev", NULL, "user,id=ID[,hostfwd=..]", "a network; hostfwd=tcp::HOSTPORT-:GUESTPORT",
      ADDS_TO(netdevs, "type"),
      .list = list_netdevs },
    { "nic", NULL, "user[,...]|none", "network and virtio-net-device in one", CALLS(on_nic), .list = list_netdevs },
    { "net", NULL, "none", "accepted for old makefiles", CALLS(on_net) },
    { "chardev", NULL, "KIND,id=ID[,...]", "a character stream: stdio file null pty socket pipe",
      ADDS_TO(chardevs, "backend"), .list = list_chars },
    { "serial", NULL, "SPEC", "stdio mon:stdio file:F null pty unix:P tcp:H:P chardev:ID", CALLS(on_serial),
      .list = list_chars },
    { "parallel", NULL, "SPEC", "parallel port (PCs): what is printed goes there", CALLS(on_parallel),
      .list = list_chars },
    { "debugcon", NULL, "SPEC", "debug console at port 0xe9 (PCs)", SETS_TEXT(debugcon), .list = list_chars },
    { "qmp", NULL, "SPEC", "QEMU's machine protocol on a character stream: unix:PATH,server=on,wait=off", SETS_TEXT(qmp) },
    { "monitor", NULL, "SPEC", "command line of the machine on a character stream", SETS_TEXT(monitor),
      .list = list_chars },
    { "object", NULL, "TYPE,id=ID[,...]", "rng-random, filter-dump (pcap of a netdev)", ADDS_TO(objects, "qom-type"),
      .list = list_objects },
    { "global", NULL, "CLASS.PROP=VALUE", "default for a device property", CALLS(on_global) },
    { .name = NULL },
};
