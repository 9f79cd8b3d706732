/* From a board's table to memory, parts, harts and wires. */
#include "machine/build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "iodev/block/i82077.h"
#include "iodev/block/ide.h"
#include "iodev/bus/pci.h"
#include "iodev/bus/virtio.h"
#include "iodev/char/parallel.h"
#include "machine/board.h"
#include "machine/isa.h"

/* --- properties -------------------------------------------------------------------------------------------- */

struct prop_value *props_parse(struct arena *a, const char *text, struct err *e)
{
    struct prop_value *first = NULL, **end = &first;
    char *s = text ? arena_strdup(a, text) : NULL;
    while (s && *s) {
        /* One "name=value": unescape ",," in place and cut at a single comma. */
        char *out = s, *in = s;
        while (*in && !(in[0] == ',' && in[1] != ',')) {
            in += in[0] == ',';
            *out++ = *in++;
        }
        char *next = *in ? in + 1 : in;
        *out = 0;
        char *value = strchr(s, '=');
        if (value)
            *value++ = 0;
        if (!*s) {
            err_set(e, "a name is missing in '%s'", text);
            return NULL;
        }
        *end = ARENA_NEW(a, struct prop_value);
        **end = (struct prop_value){ s, value ? value : "on", NULL };
        end = &(*end)->next;
        s = next;
    }
    return first;
}

static void append(struct arena *a, struct prop_value **list, const char *name, const char *text)
{
    while (*list)
        list = &(*list)->next;
    *list = ARENA_NEW(a, struct prop_value);
    **list = (struct prop_value){ name, text, NULL };
}

const char *machine_board_prop(const struct machine *m, const char *name)
{
    const char *text = NULL;
    for (const struct prop_value *v = m->props; v; v = v->next)
        if (!strcmp(v->name, name))
            text = v->text;
    for (const struct prop_desc *p = m->board->props; !text && p && p->name; p++)
        if (!strcmp(p->name, name))
            text = p->fallback;
    return text;
}

bool machine_board_flag(const struct machine *m, const char *name)
{
    const char *text = machine_board_prop(m, name);
    return text && (!strcmp(text, "on") || !strcmp(text, "true") || !strcmp(text, "yes") || !strcmp(text, "1"));
}

static unsigned part_copies(const struct machine *m, const struct board_part *p)
{
    return p->per_cpu ? m->config->cpus : p->count ? p->count : 1;
}

static bool part_wanted(const struct machine *m, const struct board_part *p)
{
    return !p->when || (p->when[0] == '!' ? !machine_board_flag(m, p->when + 1) : machine_board_flag(m, p->when));
}

static bool check_board_props(struct machine *m, struct err *e)
{
    const char *text = m->config->board_props;
    m->props = props_parse(m->arena, text, e);
    if (text && *text && !m->props)
        return false;
    for (const struct prop_value *v = m->props; v; v = v->next) {
        const char *best = NULL;
        unsigned score = 0;
        const struct prop_desc *p = m->board->props;
        for (; p && p->name && strcmp(p->name, v->name); p++)
            suggest(v->name, p->name, &best, &score);
        if (!p || !p->name)
            return err_set(e, "machine '%s' has no property '%s'%s%s%s", m->board->name, v->name,
                           best ? " (did you mean '" : "", best ? best : "", best ? "'?)" : "");
    }
    return true;
}

/* `-global CLASS.NAME=VALUE` for this class. */
static void add_globals(struct machine *m, const struct device_class *cls, struct prop_value **list)
{
    size_t n = strlen(cls->name);
    for (const struct prop_value *g = m->config->globals; g; g = g->next)
        if (!strncmp(g->name, cls->name, n) && g->name[n] == '.')
            append(m->arena, list, g->name + n + 1, g->text);
}

/* --- memory ------------------------------------------------------------------------------------------------ */

void machine_list_ram(struct machine *m, struct ram *r)
{
    struct ram **end = &m->rams;
    while (*end)
        end = &(*end)->next;
    *end = r;
}

struct ram *machine_add_ram(struct machine *m, const char *name, u64 base, u64 size, bool rom, struct err *e)
{
    struct ram *r = ram_new(m->arena, name, size, rom, e);
    if (!r || !space_add_ram(m->mem, base, r, e))
        return NULL;
    machine_list_ram(m, r);
    return r;
}

bool build_memory(struct machine *m, struct err *e)
{
    const struct board *b = m->board;
    u64 size = m->config->ram_size ? m->config->ram_size : b->default_ram;
    if (size > b->max_ram || size < PAGE_SIZE || (size & PAGE_MASK))
        return err_set(e, "machine '%s' takes 4 KiB to %llu MiB of memory in whole pages, not %llu bytes (-m)", b->name,
                       (unsigned long long)(b->max_ram >> 20), (unsigned long long)size);
    if (!check_board_props(m, e))
        return false;
    if (b->rom_size && !machine_add_ram(m, "rom", b->rom_base, b->rom_size, true, e))
        return false;
    struct ram *r = ram_new(m->arena, "ram", size, false, e);
    if (!r || !(b->map_ram ? b->map_ram(m, r, e) : space_add_ram(m->mem, b->ram_base, r, e)))
        return false;
    machine_list_ram(m, r);
    return true;
}

/* --- parts ------------------------------------------------------------------------------------------------- */

static void *find_port(void *const *list, unsigned n, const char *(*id)(const void *), const char *want)
{
    for (unsigned i = 0; i < n; i++)
        if (list[i] && !strcmp(id(list[i]), want))
            return list[i];
    return NULL;
}

static const char *block_id(const void *p) { return ((const struct block_port *)p)->id; }
static const char *net_id(const void *p) { return ((const struct net_port *)p)->id; }
static const char *char_id(const void *p) { return ((const struct char_port *)p)->id; }

/* drive=, netdev= and chardev= name what the front end opened. */
static bool resolve_ports(struct machine *m, struct device *d, struct err *e)
{
    const struct machine_config *c = m->config;
    for (const struct prop_desc *p = d->cls->props; p && p->name; p++) {
        const char *id = device_prop(d, p->name);
        if (!id)
            continue;
        if (p->kind == PROP_DRIVE && !(d->drive = find_port((void *const *)c->drives, c->n_drives, block_id, id)))
            return err_set(e, "device '%s': there is no drive '%s'; define it with -drive id=%s,file=...", d->cls->name,
                           id, id);
        if (p->kind == PROP_NETDEV && !(d->net = find_port((void *const *)c->nets, c->n_nets, net_id, id)))
            return err_set(e, "device '%s': there is no netdev '%s'; define it with -netdev user,id=%s", d->cls->name,
                           id, id);
        if (p->kind == PROP_CHARDEV && !(d->chr = find_port((void *const *)c->chars, c->n_chars, char_id, id)))
            return err_set(e, "device '%s': there is no chardev '%s'; define it with -chardev stdio,id=%s",
                           d->cls->name, id, id);
    }
    return true;
}

static struct device *add_device(struct machine *m, const struct device_class *cls, const char *path,
                                 struct prop_value *props, struct err *e)
{
    struct device *d = device_new(&m->env, cls, path, props, e);
    if (!d || !resolve_ports(m, d, e))
        return NULL;
    return d;
}

/* Only built devices join the list: they are reset, saved and hashed in its order. */
static bool finish_device(struct machine *m, struct device *d, struct err *e)
{
    if (d->cls->build && !d->cls->build(d, e))
        return err_prefix(e, "device %s", d->path);
    struct device **end = &m->devices;
    while (*end)
        end = &(*end)->next;
    *end = d;
    for (unsigned b = 0; b < DEVICE_MAX_BANKS; b++)
        if (d->cls->banks[b] && d->cls->bank_ram && d->cls->bank_ram(d, b))
            machine_list_ram(m, d->cls->bank_ram(d, b));
    return true;
}

static bool has_prop(const struct device_class *cls, enum prop_kind kind, const char *name)
{
    for (const struct prop_desc *p = cls->props; p && p->name; p++)
        if (p->kind == kind && (!name || !strcmp(p->name, name)))
            return true;
    return false;
}

static char *part_path(struct machine *m, const struct board_part *p, unsigned k)
{
    return p->count || p->per_cpu ? arena_printf(m->arena, "/%s%u", p->name, k) : arena_printf(m->arena, "/%s", p->name);
}

/* How many of what -serial and -parallel gave have been taken. */
struct ports_taken {
    unsigned serial, parallel;
};

static bool build_part(struct machine *m, const struct board_part *p, unsigned k, struct ports_taken *n, struct err *e)
{
    struct prop_value *props = NULL;
    add_globals(m, p->cls, &props);
    for (struct prop_value *v = props_parse(m->arena, p->props, e); v; v = v->next)
        append(m->arena, &props, v->name, v->text);
    if (has_prop(p->cls, PROP_U64, "harts"))
        append(m->arena, &props, "harts", arena_printf(m->arena, "%u", m->config->cpus));
    if (p->per_cpu && has_prop(p->cls, PROP_U64, "id"))
        append(m->arena, &props, "id", arena_printf(m->arena, "%u", k));
    if (p->per_cpu && k == 0 && has_prop(p->cls, PROP_BOOL, "bsp"))
        append(m->arena, &props, "bsp", "on");
    char *path = part_path(m, p, k);
    struct device *d = add_device(m, p->cls, path, props, e);
    if (!d)
        return false;
    /* Board parts take what -serial, -parallel and -drive if=pflash gave them: by number and by their own name. */
    struct char_port *const *ports = p->cls == &isa_parallel_class ? m->config->parallel : m->config->serial;
    unsigned most = p->cls == &isa_parallel_class ? ARRAY_LEN(m->config->parallel) : ARRAY_LEN(m->config->serial);
    unsigned *taken = p->cls == &isa_parallel_class ? &n->parallel : &n->serial;
    if (has_prop(p->cls, PROP_CHARDEV, NULL) && !d->chr && *taken < most)
        d->chr = ports[(*taken)++];
    if (has_prop(p->cls, PROP_DRIVE, NULL) && !d->drive)
        d->drive = find_port((void *const *)m->config->drives, m->config->n_drives, block_id, path + 1);
    if (!finish_device(m, d, e))
        return false;
    for (unsigned b = 0; b < DEVICE_MAX_BANKS; b++)
        if (p->cls->banks[b] && p->base[b] &&
            !device_map(d, b, p->cls->banks[b]->ports ? m->io : m->mem, board_base(p, b, k), e))
            return false;
    return !p->pci || pci_plug(machine_device(m, "/pci"), d, p->pci - 1 + (int)k, e);
}

/* A free slot for a device on the virtio bus: the one that bus= names, or the last free one, as QEMU picks. */
static struct device *virtio_slot(struct machine *m, const struct device_class *cls, const char *bus, struct err *e)
{
    struct device *found = NULL;
    for (struct device *d = m->devices; d; d = d->next) {
        if (strcmp(d->cls->name, "virtio-mmio"))
            continue;
        char name[64];
        snprintf(name, sizeof name, "virtio-mmio-bus.%s", d->path + strlen("/virtio-mmio"));
        if (bus && strcmp(bus, name))
            continue;
        if (!d->child)
            found = d;
        else if (bus)
            return err_set(e, "bus '%s' already holds a %s", bus, d->child->cls->name), NULL;
    }
    if (!found)
        err_set(e, bus ? "device '%s': there is no bus '%s'" : "device '%s': no virtio slot is left on this machine",
                cls->name, bus);
    return found;
}

/* Of several controllers the one that was added last. */
static struct device *last_of_class(struct machine *m, const char *prefix)
{
    struct device *found = NULL;
    for (struct device *d = m->devices; d; d = d->next)
        if (!strncmp(d->cls->name, prefix, strlen(prefix)))
            found = d;
    return found;
}

static struct device *serial_holder(struct machine *m, const struct device_class *cls, const char *bus, struct err *e)
{
    struct device *found = last_of_class(m, cls->bus);
    if (!found)
        err_set(e, "device '%s' needs a %s-device before it", cls->name, cls->bus);
    return found;
}

static struct device *ide_controller(struct machine *m, const struct device_class *cls, const char *bus, struct err *e)
{
    struct device *found = machine_device(m, "/ide");
    if (!found)
        err_set(e, "device '%s' needs an IDE controller, which machine '%s' has not", cls->name, m->board->name);
    return found;
}

static struct device *floppy_controller(struct machine *m, const struct device_class *cls, const char *bus, struct err *e)
{
    struct device *found = last_of_class(m, i82077_class.name);
    if (!found)
        err_set(e, "device '%s' needs a floppy controller, which machine '%s' has not", cls->name, m->board->name);
    return found;
}

static struct device *pci_bridge(struct machine *m, const struct device_class *cls, const char *bus, struct err *e)
{
    struct device *found = machine_device(m, "/pci");
    if (!found)
        err_set(e, "device '%s' needs a PCI bus, which machine '%s' has not", cls->name, m->board->name);
    return found;
}

static bool to_virtio(struct device *holder, struct device *d, const char *bus, const char *addr, struct err *e)
{
    return virtio_plug(holder, d, e);
}

static bool to_floppy(struct device *holder, struct device *d, const char *bus, const char *addr, struct err *e)
{
    return fdc_plug(holder, d, e);
}

/* "ide.1" is the second channel. */
static bool to_ide(struct device *holder, struct device *d, const char *bus, const char *addr, struct err *e)
{
    int channel = bus && !strncmp(bus, "ide.", 4) ? atoi(bus + 4) : -1;
    return ide_plug(holder, d, channel, e);
}

/* addr=SLOT[.FUNCTION], hexadecimal as QEMU reads it. */
static bool to_pci(struct device *holder, struct device *d, const char *bus, const char *addr, struct err *e)
{
    char *end = NULL;
    unsigned long slot = addr ? strtoul(addr, &end, 16) : 0, function = addr && *end == '.' ? strtoul(end + 1, &end, 16) : 0;
    if (addr && (*end || slot > 31 || function > 7))
        return err_set(e, "device '%s': addr=%s is not SLOT or SLOT.FUNCTION (slot up to 1f, function up to 7)", d->cls->name,
                       addr);
    return pci_plug(holder, d, addr ? (int)PCI_DEVFN(slot, function) : -1, e);
}

/* Where -device may put things. */
static const struct bus_kind {
    const char *name;
    /* What it is plugged into; its path begins with the holder's. NULL: an ISA device decodes what its properties say. */
    struct device *(*holder)(struct machine *m, const struct device_class *cls, const char *bus, struct err *e);
    bool (*plug)(struct device *holder, struct device *d, const char *bus, const char *addr, struct err *e);
} bus_kinds[] = {
    { "virtio", virtio_slot, to_virtio }, { "virtio-serial", serial_holder, to_virtio },
    { "ide", ide_controller, to_ide }, { "floppy-bus", floppy_controller, to_floppy },
    { "pci", pci_bridge, to_pci }, { "isa", NULL, NULL },
};

static const struct bus_kind *bus_named(const char *name)
{
    for (unsigned k = 0; k < ARRAY_LEN(bus_kinds); k++)
        if (!strcmp(bus_kinds[k].name, name))
            return &bus_kinds[k];
    return NULL;
}

/* A path nobody has: "/ide/ide-hd", "/ide/ide-hd.1". */
static const char *free_path(struct machine *m, const struct device *holder, const char *name)
{
    const char *in = holder ? holder->path : "", *path = arena_printf(m->arena, "%s/%s", in, name);
    for (unsigned k = 1; machine_device(m, path); k++)
        path = arena_printf(m->arena, "%s/%s.%u", in, name, k);
    return path;
}

static bool build_plugged(struct machine *m, struct err *e)
{
    for (unsigned i = 0; i < m->config->n_devices; i++) {
        const struct device_class *cls = m->config->device[i].cls;
        const struct bus_kind *kind = cls->bus ? bus_named(cls->bus) : NULL;
        struct prop_value *props = NULL;
        const char *bus = NULL, *addr = NULL;
        add_globals(m, cls, &props);
        for (const struct prop_value *v = m->config->device[i].props; v; v = v->next) {
            if (!strcmp(v->name, "bus"))
                bus = v->text;
            else if (kind && !strcmp(kind->name, "pci") && !strcmp(v->name, "addr"))
                addr = v->text;
            else
                append(m->arena, &props, v->name, v->text);
        }
        if (!kind)
            return err_set(e, "device '%s' belongs to the board and cannot be added", cls->name);
        if (!kind->holder && !m->io)
            return err_set(e, "device '%s' needs an ISA bus, which machine '%s' has not", cls->name, m->board->name);
        struct device *holder = kind->holder ? kind->holder(m, cls, bus, e) : NULL;
        if (kind->holder && !holder)
            return false;
        const char *name = m->config->device[i].id ? m->config->device[i].id : cls->name;
        struct device *d = add_device(m, cls, free_path(m, holder, name), props, e);
        if (!d || !finish_device(m, d, e) || (kind->plug && !kind->plug(holder, d, bus, addr, e)))
            return false;
    }
    return true;
}

bool build_parts(struct machine *m, struct err *e)
{
    struct ports_taken n = { 0 };
    for (const struct board_part *p = m->board->parts; p->name; p++)
        for (unsigned k = 0; part_wanted(m, p) && k < part_copies(m, p); k++)
            if (!build_part(m, p, k, &n, e))
                return false;
    for (unsigned k = n.parallel; k < ARRAY_LEN(m->config->parallel); k++)
        if (m->config->parallel[k])
            return err_set(e, "machine '%s' has %u parallel ports (-parallel)", m->board->name, n.parallel);
    return build_plugged(m, e);
}

/* --- CPUs and wires ---------------------------------------------------------------------------------------- */

const char *machine_cpu_model(const struct machine *m)
{
    return m->config->cpu      ? m->config->cpu
           : m->board->cpu     ? m->board->cpu
                               : m->board->isa->default_cpu[m->config->xlen == 64];
}

bool build_cpus(struct machine *m, struct err *e)
{
    if (!m->board->isa->make_cpus(m, e))
        return false;
    for (unsigned i = 0; i < m->n_cpus; i++) {
        m->cpus[i]->semihosting = m->config->semihosting;
        m->cpus[i]->skip_stop_at = CLOCK_NEVER;
    }
    return true;
}

static void cpu_irq(void *opaque, u32 line, bool level)
{
    struct cpu *c = opaque;
    c->ops->set_irq(c, line, level);
}

static bool connect(struct machine *m, struct device *d, const struct board_wire *w, unsigned k, struct err *e)
{
    if (!strcmp(w->to, "cpus")) {
        for (unsigned i = 0; i < m->n_cpus; i++)
            d->out[w->out + i * w->step] = (struct wire){ cpu_irq, m->cpus[i], w->line };
        return true;
    }
    struct device *to = machine_device(m, w->to);
    if (!to || !to->cls->irq_in)
        return err_set(e, "board '%s': '%s' takes no interrupts", m->board->name, w->to);
    for (unsigned i = 0; i < (w->n ? w->n : 1); i++)
        d->out[w->out + i] = device_irq_input(to, w->line + k + i);
    return true;
}

bool build_wires(struct machine *m, struct err *e)
{
    for (const struct board_part *p = m->board->parts; p->name; p++)
        for (unsigned k = 0; part_wanted(m, p) && k < part_copies(m, p); k++) {
            struct device *d = machine_device(m, part_path(m, p, k));
            for (const struct board_wire *w = p->wires; w < p->wires + ARRAY_LEN(p->wires) && w->to; w++)
                if (!connect(m, d, w, k, e))
                    return false;
        }
    return true;
}
