#include "cli/qmp_query.h"

#include <stdio.h>
#include <string.h>

#include "cli/media.h"
#include "cli/pci_view.h"
#include "cpu/cpu.h"
#include "host/block/image.h"
#include "iodev/block/i82077.h"
#include "iodev/block/ide.h"
#include "machine/board.h"
#include "machine/isa.h"

#define QUERY(name) static json_t *name(struct session *s)

json_t *qmp_version(struct session *s)
{
    int major = 0, minor = 0, micro = 0;
    sscanf(PACKAGE_VERSION, "%d.%d.%d", &major, &minor, &micro);
    return json_pack("{s:{s:i,s:i,s:i},s:s}", "qemu", "major", major, "minor", minor, "micro", micro, "package",
                     "Orrery " PACKAGE_VERSION);
}

QUERY(status)
{
    return json_pack("{s:b,s:b,s:s}", "running", !s->paused, "singlestep", 0, "status", s->paused ? "paused" : "running");
}

static const char *target(const struct session *s) { return s->m->board->isa->target[s->m->config->xlen == 64]; }
QUERY(arch) { return json_pack("{s:s}", "arch", target(s)); }

/* --- the machine ---------------------------------------------------------------------------------------------------------- */

QUERY(cpus_fast)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < s->m->n_cpus; i++)
        json_array_append_new(list, json_pack("{s:i,s:s,s:s,s:b,s:i}", "cpu-index", (int)i, "qom-path", s->m->cpus[i]->name, "target", target(s),
                                              "halted", s->m->cpus[i]->idle, "thread-id", 0));
    return list;
}

/* What clients from before QEMU 2.12 ask. */
QUERY(cpus)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < s->m->n_cpus; i++)
        json_array_append_new(list, json_pack("{s:i,s:b,s:b,s:I,s:i}", "CPU", (int)i, "current", !i, "halted", s->m->cpus[i]->idle, "pc",
                                              (json_int_t)cpu_linear_pc(s->m->cpus[i]), "thread_id", 0));
    return list;
}

QUERY(memory)
{
    return json_pack("{s:I,s:I}", "base-memory", (json_int_t)s->m->config->ram_size, "plugged-memory", (json_int_t)0);
}

QUERY(machines)
{
    json_t *list = json_array();
    for (const struct board *const *b = machine_boards; *b; b++)
        json_array_append_new(list, json_pack("{s:s,s:i,s:b}", "name", (*b)->name, "cpu-max", (int)(*b)->max_cpus, "hotpluggable-cpus", 0));
    return list;
}

/* The names in the text that -cpu help shows: lines "  NAME   what it is" up to the properties. */
QUERY(cpu_definitions)
{
    json_t *list = json_array();
    struct buf text = { 0 };
    s->m->board->isa->cpu_list(&text, s->m->config->xlen);
    const char *line = strchr(buf_cstr(&text), '\n');
    for (; line && !strncmp(line, "\n  ", 3); line = strchr(line + 1, '\n')) {
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(line + 3, " \n"), line + 3);
        json_array_append_new(list, json_pack("{s:s,s:b,s:b,s:b}", "name", name, "migration-safe", 1, "static", 1, "deprecated", 0));
    }
    buf_free(&text);
    return list;
}

static json_t *region(unsigned n, const struct pci_view *v)
{
    json_t *o = json_pack("{s:i,s:s,s:I,s:I}", "bar", (int)n, "type", v->ports ? "io" : "memory", "address", (json_int_t)v->at, "size",
                          (json_int_t)v->size);
    if (!v->ports)
        json_object_update_new(o, json_pack("{s:b,s:b}", "prefetch", v->prefetch, "mem_type_64", v->wide));
    return o;
}

QUERY(pci)
{
    json_t *list = json_array();
    for (const struct device *d = s->m->devices; d; d = d->next) {
        if (!d->cls->pci)
            continue;
        json_t *regions = json_array();
        struct pci_view v;
        for (unsigned n = 0; n < PCI_VIEW_REGIONS; n++)
            if (pci_view_region(d, n, &v))
                json_array_append_new(regions, region(n, &v));
        json_t *o = json_pack("{s:i,s:i,s:i,s:{s:i,s:s},s:{s:i,s:i,s:i,s:i},s:s,s:o}", "bus", 0, "slot", (int)(pci_devfn(d) >> 3), "function",
                              (int)(pci_devfn(d) & 7), "class_info", "class", (int)(d->cls->pci->class_code >> 8), "desc",
                              d->cls->doc ? d->cls->doc : d->cls->name, "id", "vendor", (int)d->cls->pci->vendor, "device",
                              (int)d->cls->pci->device, "subsystem-vendor", (int)d->cls->pci->subsystem_vendor, "subsystem",
                              (int)d->cls->pci->subsystem, "qdev_id", d->path, "regions", regions);
        if (d->cls->pci->pin)
            json_object_update_new(o, json_pack("{s:i,s:i}", "irq", (int)device_reg_value(d, "INTLN"), "irq_pin", (int)d->cls->pci->pin));
        json_array_append_new(list, o);
    }
    if (json_array_size(list))
        return json_pack("[{s:i,s:o}]", "bus", 0, "devices", list);
    json_decref(list);
    return json_array();
}

/* --- what it is connected to ------------------------------------------------------------------------------------------------ */

QUERY(block)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < s->mc.n_drives; i++) {
        const struct block_port *b = s->mc.drives[i];
        struct image_info info;
        if (!b || media_taken_out(s, b))
            continue;
        const struct device *d = media_holder(s, b);
        image_get_info(s->mc.drives[i], &info);
        bool removable = d && machine_removable(d), cd = d && d->cls == &ide_cd_class;
        json_array_append_new(
            list, json_pack("{s:s,s:s,s:b,s:b,s:s,s:{s:s,s:s,s:b,s:i,s:{s:s,s:s,s:I}}}", "device", removable ? media_drive_name(d) : b->id, "qdev", d ? d->path : "", "locked", cd && ide_cd_locked(d),
                            "removable", removable, "type", "unknown", "inserted", "file", info.path, "drv", info.format, "ro", b->read_only,
                            "backing_file_depth", info.backing_path ? 1 : 0, "image", "filename", info.path, "format", info.format,
                            "virtual-size", (json_int_t)info.size));
        if (cd)
            json_object_set_new(json_array_get(list, json_array_size(list) - 1), "tray_open", json_boolean(ide_cd_open(d)));
    }
    return list;
}

QUERY(chardev)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < s->n_chars; i++)
        json_array_append_new(list, json_pack("{s:s,s:s,s:b}", "label", host_char_id(s->chars[i]), "filename",
                                              host_char_describe(s->chars[i]), "frontend-open", host_char_connected(s->chars[i])));
    return list;
}

QUERY(name) { return s->o->name ? json_pack("{s:s}", "name", s->o->name) : json_object(); }
QUERY(uuid) { return json_pack("{s:s}", "UUID", "00000000-0000-0000-0000-000000000000"); }
QUERY(kvm) { return json_pack("{s:b,s:b}", "enabled", 0, "present", 0); }
QUERY(nothing) { return json_array(); } /* there are none, ever */

/* Ours: where in its life the machine is. */
QUERY(position)
{
    return json_pack("{s:I,s:I}", "position", (json_int_t)machine_position(s->m), "hz", (json_int_t)s->m->clock.hz);
}

const struct qmp_query qmp_queries[] = {
    { "query-version", qmp_version }, { "query-status", status }, { "query-target", arch }, { "query-cpus-fast", cpus_fast },
    { "query-cpus", cpus }, { "query-memory-size-summary", memory }, { "query-machines", machines },
    { "query-cpu-definitions", cpu_definitions }, { "query-pci", pci }, { "query-block", block }, { "query-chardev", chardev },
    { "query-name", name }, { "query-uuid", uuid }, { "query-kvm", kvm }, { "query-block-jobs", nothing }, { "query-jobs", nothing },
    { "query-iothreads", nothing }, { "x-orrery-query-position", position }, { 0 },
};
