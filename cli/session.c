#include "cli/session.h"

#include "cli/gdbserver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/suggest.h"
#include "debugger/debugger.h"
#include "host/block/image.h"
#include "host/char/mux.h"
#include "host/file/file.h"
#include "host/net/net.h"
#include "iodev/block/virtio-blk.h"
#include "jit/jit.h"
#include "machine/board.h"
#include "machine/build.h"
#include "machine/record.h"

static void free_buf(void *p)
{
    buf_free(p);
}

static bool note_image(struct session *s, const char *role, const char *path, u64 size, const char *hash)
{
    if (s->n_images < ARRAY_LEN(s->images)) {
        struct session_image *i = &s->images[s->n_images++];
        *i = (struct session_image){ .role = arena_strdup(s->arena, role), .path = arena_strdup(s->arena, path), .size = size };
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
        if (!host_file_hash(path, hash, e))
            return false;
        note_image(s, role, path, b->len, hash);
    }
    return true;
}

static const char *prop(const struct option_list *l, const char *name)
{
    const char *text = NULL;
    for (const struct prop_value *p = l->props; p; p = p->next)
        if (!strcmp(p->name, name))
            text = p->text;
    return text;
}

static bool prop_on(const struct option_list *l, const char *name)
{
    const char *t = prop(l, name);
    return t && (!strcmp(t, "on") || !strcmp(t, "true") || !strcmp(t, "yes"));
}

/* Only names in `known` (space-separated) may be in the list. */
static bool check_names(const char *option, const struct option_list *l, const char *const *known, struct err *e)
{
    for (const struct prop_value *p = l->props; p; p = p->next) {
        const char *best = NULL;
        unsigned score = 0;
        const char *const *k = known;
        for (; *k && strcmp(*k, p->name); k++)
            suggest(p->name, *k, &best, &score);
        if (!*k)
            return err_set(e, "-%s %s: there is no property '%s'%s%s%s", option, l->text, p->name, best ? " (did you mean '" : "",
                           best ? best : "", best ? "'?)" : "");
    }
    return true;
}

/* --- drives ------------------------------------------------------------------------------------------------ */

static bool hash_progress(void *opaque, u64 done, u64 total)
{
    if (isatty(STDERR_FILENO) && total > (u64)1 << 30)
        fprintf(stderr, "\rhashing %s: %3u%%%s", (const char *)opaque, (unsigned)(done * 100 / total), done == total ? "\n" : "");
    return true;
}

static bool open_drive(struct session *s, unsigned n, struct err *e)
{
    static const char *const known[] = { "file", "if", "id", "format", "index", "unit", "bus", "media", "readonly", "read-only", "snapshot",
                                         "cache", "aio", "discard", "detect-zeroes", "werror", "rerror", "serial", "throttling", NULL };
    const struct option_list *l = &s->o->drives[n];
    if (!check_names("drive", l, known, e))
        return false;
    const char *file = prop(l, "file"), *iface = prop(l, "if"), *id = prop(l, "id");
    if (!file)
        return err_set(e, "-drive %s: it needs file=", l->text);
    if (!iface)
        iface = "virtio";
    const char *unit = prop(l, "unit") ? prop(l, "unit") : prop(l, "index");
    char name[64];
    if (!strcmp(iface, "pflash"))
        snprintf(name, sizeof name, "flash%s", unit ? unit : n ? "1" : "0");
    else
        snprintf(name, sizeof name, "%s%u", iface, n);
    if (!strcmp(iface, "pflash"))
        id = NULL; /* the board looks for it by its own name */
    if (strcmp(iface, "none") && strcmp(iface, "virtio") && strcmp(iface, "pflash"))
        return err_set(e, "-drive %s: if=%s is not on this board; use if=none with -device virtio-blk-device,drive=ID, if=virtio or if=pflash",
                       l->text, iface);
    struct image_options io = {
        .format = prop(l, "format"),
        .id = arena_strdup(s->arena, id ? id : name),
        .read_only = prop_on(l, "readonly") || prop_on(l, "read-only"),
        .snapshot = s->o->snapshot || prop_on(l, "snapshot"),
        .cache = prop(l, "cache"),
        .discard = prop(l, "discard"),
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
        note_image(s, b->id, file, b->size, hash);
    }
    if (strcmp(iface, "virtio"))
        return true;
    struct prop_value *p = ARENA_NEW(s->arena, struct prop_value);
    *p = (struct prop_value){ "drive", b->id, NULL };
    if (s->mc.n_devices == MACHINE_MAX_DEVICES)
        return err_set(e, "there are more than %d devices", MACHINE_MAX_DEVICES);
    s->mc.device[s->mc.n_devices].cls = &virtio_blk_class;
    s->mc.device[s->mc.n_devices++].props = p;
    return true;
}

/* --- characters -------------------------------------------------------------------------------------------- */

/* What a replay shows again. */
static bool replayed_char(const char *spec)
{
    static const char *const kinds[] = { "stdio", "mon:stdio", "file", "chardev:", "null", "none" };
    for (unsigned i = 0; i < ARRAY_LEN(kinds); i++)
        if (!strncmp(spec, kinds[i], strlen(kinds[i])))
            return true;
    return false;
}

static struct host_char *open_char(struct session *s, const char *spec, const char *id, struct err *e)
{
    if (s->replay && !replayed_char(spec)) /* others would wait for somebody, or write to him twice */
        spec = arena_printf(s->arena, "null,id=%s", id);
    if (!strncmp(spec, "chardev:", 8)) {
        for (unsigned i = 0; i < s->n_chars; i++)
            if (!strcmp(host_char_id(s->chars[i]), spec + 8))
                return s->chars[i];
        err_set(e, "there is no chardev '%s'; define it with -chardev stdio,id=%s", spec + 8, spec + 8);
        return NULL;
    }
    if (s->n_chars == ARRAY_LEN(s->chars)) {
        err_set(e, "more than %zu character devices", ARRAY_LEN(s->chars));
        return NULL;
    }
    struct host_char *c = host_char_open(s->loop, spec, id, e);
    if (c)
        s->chars[s->n_chars++] = c;
    return c;
}

static bool open_chars(struct session *s, struct err *e)
{
    const struct options *o = s->o;
    for (unsigned i = 0; i < o->n_chardevs; i++) {
        const char *id = prop(&o->chardevs[i], "id");
        struct host_char *c = open_char(s, o->chardevs[i].text, id ? id : "chardev", e);
        if (!c)
            return err_prefix(e, "-chardev %s", o->chardevs[i].text);
        s->mc.chars[s->mc.n_chars] = host_char_port(c, e);
        if (!s->mc.chars[s->mc.n_chars])
            return err_prefix(e, "-chardev %s", o->chardevs[i].text);
        s->mc.n_chars++;
    }
    /* As QEMU: -nographic means serial 0 and the monitor share the terminal, unless either was said. Without any display
     * option it means the same, for there is no window to open. */
    const char *serials[4] = { 0 };
    unsigned n = o->n_serials;
    memcpy(serials, o->serials, sizeof serials);
    bool implied = !n && !o->nodefaults && (o->nographic || !o->display_none);
    if (implied && (!o->monitor || o->debug)) {
        serials[0] = "mon:stdio";
        n = 1;
    } else if (implied) {
        serials[0] = strcmp(o->monitor, "stdio") ? "stdio" : "null";
        n = 1;
    }
    for (unsigned i = 0; i < n; i++) {
        if (!strcmp(serials[i], "none"))
            continue;
        if (o->debug && !strcmp(serials[i], "mon:stdio"))
            serials[i] = "stdio"; /* Ctrl-C leads to the debugger, which is the monitor */
        char id[16];
        snprintf(id, sizeof id, "serial%u", i);
        struct host_char *c = open_char(s, serials[i], id, e);
        if (!c)
            return err_prefix(e, "-serial %s", serials[i]);
        struct char_port *port = NULL;
        for (unsigned k = 0; k < o->n_chardevs && !strncmp(serials[i], "chardev:", 8); k++)
            if (!strcmp(s->mc.chars[k]->id, host_char_id(c)))
                port = s->mc.chars[k];
        s->mc.serial[i] = port ? port : host_char_port(c, e);
        if (!s->mc.serial[i])
            return err_prefix(e, "-serial %s", serials[i]);
    }
    return true;
}

static bool open_monitor(struct session *s, struct err *e)
{
    const char *spec = s->o->monitor;
    struct host_char *c = NULL;
    if (spec && (!strcmp(spec, "none") || s->replay || (s->o->debug && !strcmp(spec, "stdio"))))
        return true;
    if (s->o->debug && spec)
        return err_set(e, "-monitor %s: 'orrery debug' is the monitor; leave it out", spec);
    if (spec) {
        c = open_char(s, spec, "monitor", e);
        if (!c)
            return err_prefix(e, "-monitor %s", spec);
    } else {
        for (unsigned i = 0; i < s->n_chars; i++) /* "mon:" brings a monitor along */
            if (host_char_mux(s->chars[i]))
                c = s->chars[i];
    }
    if (!c)
        return true;
    s->monitor = monitor_new(s, c, e);
    return s->monitor != NULL;
}

/* --- networks, objects ------------------------------------------------------------------------------------- */

/* In a replay packets come out of the recording, and what the guest sends goes nowhere. */
static void drop_frame(struct net_port *n, const u8 *frame, size_t len)
{
}

static struct net_port *silent_net(struct session *s, const char *id)
{
    struct net_port *n = ARENA_NEW(s->arena, struct net_port);
    *n = (struct net_port){ .send = drop_frame, .id = arena_strdup(s->arena, id) };
    return n;
}

static bool open_nets(struct session *s, struct err *e)
{
    for (unsigned i = 0; i < s->o->n_netdevs; i++) {
        const struct option_list *l = &s->o->netdevs[i];
        const char *type = prop(l, "type"), *id = prop(l, "id");
        if (!type || strcmp(type, "user"))
            return err_set(e, "-netdev %s: only 'user' networks are supported", l->text);
        if (!id)
            return err_set(e, "-netdev %s: it needs id=", l->text);
        if (s->mc.n_nets == ARRAY_LEN(s->nets))
            return err_set(e, "more than %zu networks", ARRAY_LEN(s->nets));
        if (s->replay) {
            s->mc.nets[s->mc.n_nets++] = silent_net(s, id);
            continue;
        }
        struct host_net *n = host_net_open(s->loop, l->text, id, e);
        if (!n)
            return err_prefix(e, "-netdev %s", l->text);
        s->nets[s->n_nets++] = n;
        s->mc.nets[s->mc.n_nets++] = host_net_port(n);
    }
    return true;
}

static bool open_objects(struct session *s, struct err *e)
{
    for (unsigned i = 0; i < s->o->n_objects; i++) {
        const struct option_list *l = &s->o->objects[i];
        const char *type = prop(l, "qom-type");
        if (type && (!strcmp(type, "rng-random") || !strcmp(type, "rng-builtin") || !strcmp(type, "memory-backend-ram")))
            continue; /* the guest's randomness comes from --seed, its memory from -m */
        if (!type || strcmp(type, "filter-dump"))
            return err_set(e, "-object %s: only rng-random, rng-builtin and filter-dump are supported", l->text);
        if (s->replay)
            continue;
        const char *netdev = prop(l, "netdev"), *file = prop(l, "file");
        struct host_net *n = NULL;
        for (unsigned k = 0; k < s->n_nets; k++)
            if (netdev && !strcmp(host_net_port(s->nets[k])->id, netdev))
                n = s->nets[k];
        if (!n || !file)
            return err_set(e, "-object %s: it needs netdev= of a -netdev and file=", l->text);
        if (!host_net_dump(n, file, 0, e))
            return false;
    }
    return true;
}

static bool collect_devices(struct session *s, struct err *e)
{
    for (unsigned i = 0; i < s->o->n_devices; i++) {
        const struct option_list *l = &s->o->devices[i];
        if (s->mc.n_devices == MACHINE_MAX_DEVICES)
            return err_set(e, "there are more than %d devices", MACHINE_MAX_DEVICES);
        unsigned k = s->mc.n_devices++;
        for (const struct device_class *const *c = machine_device_classes; *c; c++)
            if (!strcmp((*c)->name, prop(l, "driver")))
                s->mc.device[k].cls = *c;
        s->mc.device[k].id = prop(l, "id");
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

static bool number(const struct option_list *l, const char *name, u64 *out, struct err *e)
{
    const char *t = prop(l, name);
    char *end;
    if (!t)
        return true;
    *out = strtoull(t, &end, 0);
    return (*t && !*end) || err_set(e, "-device %s: %s takes a number, not '%s'", l->text, name, t);
}

static bool open_loaders(struct session *s, struct err *e)
{
    static const char *const known[] = { "driver", "file", "addr", "data", "data-len", "data-be", "cpu-num", "force-raw", "id", NULL };
    for (unsigned i = 0; i < s->o->n_loaders; i++) {
        const struct option_list *l = &s->o->loaders[i];
        struct loader_config *c = &s->mc.loaders[s->mc.n_loaders++];
        u64 len = 0, cpu = UINT64_MAX;
        if (!check_names("device", l, known, e))
            return false;
        c->has_addr = prop(l, "addr") != NULL;
        c->raw = prop_on(l, "force-raw");
        if (!number(l, "addr", &c->addr, e) || !number(l, "data", &c->data, e) || !number(l, "data-len", &len, e) ||
            !number(l, "cpu-num", &cpu, e))
            return false;
        if (prop(l, "data") && (!c->has_addr || (len != 1 && len != 2 && len != 4 && len != 8)))
            return err_set(e, "-device %s: data= needs addr= and data-len=1, 2, 4 or 8", l->text);
        if (!prop(l, "data") && !prop(l, "file") && cpu == UINT64_MAX)
            return err_set(e, "-device %s: it needs file=FILE, or addr= with data= and data-len=", l->text);
        c->data_len = prop(l, "data") ? (unsigned)len : 0;
        if (c->data_len && prop_on(l, "data-be"))
            c->data = __builtin_bswap64(c->data) >> (64 - 8 * c->data_len);
        c->cpu_num = cpu == UINT64_MAX ? -1 : (int)cpu;
        if (prop(l, "file") && !load_blob(s, "loader", prop(l, "file"), &c->file, e))
            return err_prefix(e, "-device loader");
    }
    return true;
}

/* --- everything -------------------------------------------------------------------------------------------- */

static bool open_firmware(struct session *s, struct err *e)
{
    const struct options *o = s->o;
    const char *bios = o->bios ? o->bios : strcmp(o->machine, "virt") ? "none" : "default";
    if (!strcmp(bios, "none"))
        return true;
    struct err why;
    if (!strcmp(bios, "default") && o->xlen == 32)
        return err_set(e, "there is no default firmware for 32-bit RISC-V in Debian; give one with -bios FILE, or -bios none");
    char *path = host_firmware_find(bios, &why);
    if (!path)
        return err_set(e, "-bios %s: %s", bios, why.text);
    bool ok = load_blob(s, "bios", path, &s->mc.bios, e);
    free(path);
    return ok;
}

static bool open_files(struct session *s, struct err *e)
{
    const struct options *o = s->o;
    return open_firmware(s, e) && (!o->kernel || load_blob(s, "kernel", o->kernel, &s->mc.kernel, e)) &&
           (!o->initrd || load_blob(s, "initrd", o->initrd, &s->mc.initrd, e)) &&
           (!o->dtb || load_blob(s, "dtb", o->dtb, &s->mc.dtb, e));
}

static void report_hash(void *opaque, u64 position, u64 hash)
{
    printf("%llu %016llx\n", (unsigned long long)position, (unsigned long long)hash);
}

static void trace_sink(void *opaque, const void *bytes, size_t n)
{
    fwrite(bytes, 1, n, opaque);
}

static bool open_traces(struct session *s, struct err *e)
{
    const struct options *o = s->o;
    if (o->timing && strcmp(o->timing, "none")) {
        s->timing.model = timing_model_named(o->timing, e);
        s->hub.timing = &s->timing;
    }
    for (unsigned i = 0; i < o->n_traces; i++) {
        const char *colon = strchr(o->traces[i], ':');
        const char *kind = arena_printf(s->arena, "%.*s", (int)(colon - o->traces[i]), o->traces[i]);
        FILE *f = strcmp(colon + 1, "-") ? fopen(colon + 1, "wb") : stdout;
        if (!f)
            return err_set(e, "--trace %s: %s cannot be written: %m", o->traces[i], colon + 1);
        struct trace *t = &s->traces[s->n_traces];
        s->files[s->n_traces++] = f;
        *t = (struct trace){ .format = trace_format_named(kind, e), .m = s->m, .sink = trace_sink, .opaque = f, .next = s->hub.traces };
        s->hub.traces = t;
    }
    trace_hub_start(&s->hub, s->m);
    return true;
}

static bool debugger_read_file(void *opaque, const char *path, struct buf *out, struct err *e)
{
    return host_file_load(path, out, e);
}

static bool debugger_save(void *opaque, struct machine *m, const char *path, struct err *e)
{
    return session_save(opaque, path, e);
}

static bool debugger_load(void *opaque, struct machine *m, const char *path, struct err *e)
{
    return session_load(opaque, path, e);
}

static void debugger_write_out(void *opaque, const char *text, size_t n)
{
    fwrite(text, 1, n, stdout);
    fflush(stdout);
}

static bool install_jit(struct session *s, struct err *e)
{
    const struct options *o = s->o;
    struct jit_options jit = { .tier = o->jit_tier ? (unsigned)o->jit_tier : 2,
                               .threshold = o->jit_threshold ? o->jit_threshold : JIT_THRESHOLD,
                               .region_threshold = o->jit_regions ? o->jit_regions : JIT_REGION_THRESHOLD,
                               .cache_bytes = (o->code_cache ? o->code_cache : JIT_CACHE_BYTES) / s->m->n_cpus };
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
    bool program = o->kernel || o->n_loaders || o->load || o->dumpdtb || o->start_stopped || o->gdb || o->debug;
    for (unsigned i = 0; i < o->n_drives && !program; i++)
        program = prop(&o->drives[i], "if") && !strcmp(prop(&o->drives[i], "if"), "pflash");
    if (!program && !s->mc.bios.size)
        fprintf(stderr, "%s: warning: memory is empty: there is no kernel, firmware, loader or flash image to run\n", o->program);
    return true;
}

bool session_open(struct session *s, const struct options *o, struct err *e)
{
    s->arena = arena_new();
    s->o = o;
    s->loop = host_loop_new(e);
    if (!s->loop)
        return false;
    s->mc = (struct machine_config){
        .board = o->machine, .board_props = o->machine_props, .cpu = o->cpu, .xlen = o->xlen, .cpus = o->cpus,
        .ram_size = o->ram_size, .append = o->append, .seed = o->seed, .rtc_base = o->rtc_base, .quantum = o->quantum,
        .timing = o->timing, .semihosting = o->semihosting, .no_reboot = o->no_reboot, .globals = o->globals,
    };
    if (!open_files(s, e) || !check_options(s, e))
        return false;
    for (unsigned i = 0; i < o->n_drives; i++)
        if (!open_drive(s, i, e))
            return false;
    if (!open_chars(s, e) || !open_nets(s, e) || !open_objects(s, e) || !collect_devices(s, e) || !open_loaders(s, e))
        return false;
    s->m = machine_new(&s->mc, e);
    if (!s->m)
        return false;
    if (o->jit && !install_jit(s, e))
        return false;
    for (unsigned i = 0; i < s->n_nets; i++)
        host_net_clock(s->nets[i], &s->m->clock);
    s->m->hashes.every = o->hash_every;
    s->m->hashes.next = o->hash_every;
    s->m->hashes.report = report_hash;
    struct debugger_host host = { .opaque = s, .write = debugger_write_out, .resume = session_resume,
                                  .step = session_step, .read_file = debugger_read_file,
                                  .save = debugger_save, .load = debugger_load };
    s->debugger = debugger_new(s->m, &host);
    if (!session_log(s, e) || !open_traces(s, e) || !open_monitor(s, e))
        return false;
    for (unsigned i = 0; i < s->n_chars; i++)
        if (host_char_mux(s->chars[i]))
            mux_on_commit(host_char_mux(s->chars[i]), on_commit, s);
    s->paused = o->start_stopped;
    if (s->paused && !s->gdb && !s->monitor && !o->debug)
        fprintf(stderr, "%s: warning: -S without -gdb and without a monitor: nothing can start the machine\n", o->program);
    if (o->gdb && !(s->gdb = gdb_server_new(s, o->gdb, e)))
        return false;
    return !o->load || session_load(s, o->load, e);
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
    struct buf b = { 0 };
    bool ok = host_file_load(path, &b, e) && (machine_load(s->m, b.data, b.len, e) || err_prefix(e, "snapshot %s", path));
    buf_free(&b);
    return ok;
}

int session_status(struct session *s, enum machine_stop why)
{
    const char *program = s->o->program;
    switch (why) {
    case MACHINE_POWEROFF: return s->m->stop.code;
    case MACHINE_PANIC: fprintf(stderr, "%s: the guest cannot go on: %s\n", program, s->m->stop.text); return EXIT_PANIC;
    case MACHINE_DIVERGED: fprintf(stderr, "%s: %s\n", program, s->m->stop.text); return EXIT_DIVERGED;
    case MACHINE_REPLAY_END:
        if (s->m->stop.text[0])
            fprintf(stderr, "%s: %s\n", program, s->m->stop.text);
        return EXIT_PASS;
    default: return EXIT_PASS;
    }
}

bool session_finish(struct session *s)
{
    bool ok = true;
    if (s->m->recorder)
        recorder_end(s->m->recorder, s->m);
    if (s->o->state_hash)
        printf("state-hash %016llx at %llu\n", (unsigned long long)machine_hash(s->m), (unsigned long long)machine_position(s->m));
    struct err e;
    if (s->o->save && !session_save(s, s->o->save, &e)) {
        fprintf(stderr, "%s: --save: %s\n", s->o->program, e.text);
        ok = false;
    }
    fflush(stdout);
    return ok;
}

int session_run(struct session *s)
{
    const struct options *o = s->o;
    struct host_run_options run = { .pacing = o->pace == PACE_NONE ? HOST_UNPACED : HOST_REALTIME,
                                    .until = o->stop_at < o->max_instructions ? o->stop_at : o->max_instructions };
    int status = EXIT_PASS;
    for (;;) {
        int signal = 0;
        enum host_request request = host_loop_take_request(s->loop, &signal);
        if (request == HOST_QUIT)
            break;
        if (request == HOST_SIGNAL) {
            status = 128 + signal;
            break;
        }
        if (monitor_serve(s->monitor))
            continue;
        if (s->paused) {
            if (!gdb_server_paused(s))
                host_loop_poll(s->loop, -1);
            continue;
        }
        struct host_result r = gdb_server_run(s, &run);
        if (r.why == HOST_STOP_REQUEST) {
            if (r.request != HOST_ASKED)
                host_loop_request(s->loop, r.request, r.signal);
            continue;
        }
        if (r.why == HOST_STOP_STUCK) {
            fprintf(stderr, "%s: every hart waits for an interrupt that nothing can bring (WFI with no timer armed and no input)\n",
                    o->program);
            status = EXIT_PANIC;
            break;
        }
        if (r.machine == MACHINE_SEMIHOST) {
            if (!session_semihost(s, s->m->stop.cpu, &status))
                continue;
            if (s->m->replayer && replayer_stopped(s->m->replayer, s->m, MACHINE_SEMIHOST) == MACHINE_DIVERGED)
                status = session_status(s, MACHINE_DIVERGED);
            break;
        }
        if (gdb_server_stopped(s, &r))
            continue;
        if (r.machine == MACHINE_BREAK || r.machine == MACHINE_WATCH) { /* set from the monitor */
            s->paused = s->monitor ? monitor_stopped(s->monitor, r.machine) : run_stopped(s->debugger, r.machine);
            continue;
        }
        if (r.machine == MACHINE_REACHED) {
            if (machine_position(s->m) >= o->max_instructions) {
                fprintf(stderr, "%s: --max-instructions %llu reached\n", o->program, (unsigned long long)o->max_instructions);
                status = EXIT_LIMIT;
            }
            break;
        }
        if (r.machine == MACHINE_POWEROFF && o->no_shutdown) {
            s->paused = true;
            continue;
        }
        status = session_status(s, r.machine);
        break;
    }
    gdb_server_ended(s, status);
    return session_finish(s) ? status : 1;
}

void session_close(struct session *s)
{
    for (unsigned i = 0; s->n_nets && i < 10; i++)
        host_loop_poll(s->loop, 2000000); /* what the guest sent last still goes out */
    if (s->m)
        trace_hub_end(&s->hub, s->m);
    for (unsigned i = 0; i < s->n_traces; i++)
        if (s->files[i] != stdout && fclose(s->files[i]))
            fprintf(stderr, "%s: --trace %s: %m\n", s->o->program, s->o->traces[i]);
    if (s->record_file)
        fclose(s->record_file);
    session_log_end(s);
    monitor_free(s->monitor);
    gdb_server_free(s->gdb);
    debugger_free(s->debugger);
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
