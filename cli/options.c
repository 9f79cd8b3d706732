#include "cli/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/suggest.h"
#include "cpu/riscv/riscv.h"
#include "cpu/timing/timing.h"
#include "jit/jit.h"
#include "host/char/char.h"
#include "machine/board.h"
#include "machine/build.h"
#include "trace/trace.h"

/* Seconds since 1970 at which a guest's clock starts unless -rtc says otherwise: 2026-01-01 00:00 UTC. The host's
 * date is input that would make two runs differ (docs/decisions/003-fixed-date.md). */
#define DEFAULT_RTC_BASE 1767225600

static bool is_query(const char *s)
{
    return !strcmp(s, "?") || !strcmp(s, "help");
}

static bool parse_number(const char *text, u64 *value, struct err *e)
{
    char *end;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 0);
    if (errno || end == text || *end || *text == '-')
        return err_set(e, "'%s' is not a number", text);
    *value = v;
    return true;
}

/* QEMU's -m: a plain number is MiB. */
static bool parse_size(const char *text, u64 unit, u64 *bytes, struct err *e)
{
    char *end;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    switch (*end) {
    case 'k': case 'K': unit = (u64)1 << 10; end++; break;
    case 'm': case 'M': unit = (u64)1 << 20; end++; break;
    case 'g': case 'G': unit = (u64)1 << 30; end++; break;
    case 't': case 'T': unit = (u64)1 << 40; end++; break;
    case 'b': case 'B': unit = 1; end++; break;
    default: break;
    }
    if ((*end == 'i' && end[1] == 'B') || *end == 'B')
        end += *end == 'i' ? 2 : 1;
    if (errno || end == text || *end || *text == '-' || !v || v > UINT64_MAX / unit)
        return err_set(e, "'%s' is not a size; write 128M or 2G", text);
    *bytes = v * unit;
    return true;
}

static const char *prop_text(const struct prop_value *p, const char *name)
{
    while (p && strcmp(p->name, name))
        p = p->next;
    return p ? p->text : NULL;
}

static bool add_list(struct options *o, struct option_list *list, unsigned *n, const char *text, const char *first, struct err *e)
{
    if (*n == MAX_OF_EACH)
        return err_set(e, "it was given more than %d times", MAX_OF_EACH);
    struct err none = { "" };
    struct prop_value *p = props_parse(o->arena, text, &none);
    if (!p)
        return err_set(e, "'%s' is not a list of name=value", text);
    /* The first word without '=' names the kind: "user,id=n0" is "type=user,id=n0". */
    size_t word = strcspn(text, ",=");
    if (first && text[word] != '=') {
        p->text = p->name;
        p->name = first;
    }
    const char *id = prop_text(p, "id");
    for (unsigned i = 0; i < *n && id; i++) {
        const char *other = prop_text(list[i].props, "id");
        if (other && !strcmp(other, id))
            return err_set(e, "the id '%s' was given twice, to '%s' and to '%s'", id, list[i].text, text);
    }
    list[*n] = (struct option_list){ text, p };
    ++*n;
    return true;
}

/* --- one handler an option --------------------------------------------------------------------------------- */

typedef enum options_result handler(struct options *o, const char *arg, struct err *e);

#define OK_IF(x) ((x) ? OPTIONS_RUN : OPTIONS_BAD)

/* Of the accelerators in a list "A:B" the first one that is here is taken, as QEMU does. */
static bool choose_accel(struct options *o, const char *list, struct err *e)
{
    for (const char *a = list;; a++) {
        size_t n = strcspn(a, ":,");
        o->jit = n == 3 && !strncmp(a, "jit", 3);
        if (o->jit || (n == 6 && !strncmp(a, "interp", 6)) || (n == 3 && !strncmp(a, "tcg", 3)))
            return true;
        a += n;
        if (*a != ':')
            return err_set(e, "'%.*s' is not supported: guest time is virtual, so instructions are interpreted or compiled here; "
                              "leave it out or say 'interp' or 'jit'", (int)strcspn(list, ","), list);
    }
}

const struct board *options_board(const char *name)
{
    for (const struct board *const *b = machine_boards; *b; b++)
        if (!strcmp((*b)->name, name))
            return *b;
    return NULL;
}

static enum options_result list_machine_properties(const struct board *b)
{
    printf("%s options:\n", b->name);
    for (const struct prop_desc *p = b->props; p && p->name; p++) {
        printf("  %s=<%s> - %s", p->name, p->kind == PROP_BOOL ? "bool" : p->kind == PROP_U64 ? "number" : "str", p->doc);
        printf(p->fallback ? " (default: %s)\n" : "\n", p->fallback);
    }
    printf("  quantum=<number> - instructions a hart executes before the next one's turn (default: 4000)\n");
    printf("  dumpdtb=<str> - write the device tree to this file and end\n");
    return OPTIONS_DONE;
}

static enum options_result on_machine(struct options *o, const char *arg, struct err *e)
{
    if (is_query(arg)) {
        printf("Supported machines are:\n");
        for (const struct board *const *b = machine_boards; *b; b++)
            printf("%-20s %s%s\n", (*b)->name, (*b)->doc, strcmp((*b)->name, "virt") ? "" : " (default)");
        return OPTIONS_DONE;
    }
    struct prop_value *p = props_parse(o->arena, arg, e);
    if (!p)
        return OPTIONS_BAD;
    struct buf rest = { 0 };
    for (bool first = true; p; p = p->next, first = false) {
        if ((first && !strcmp(p->text, "on") && !strchr(arg, '=')) || (first && strcspn(arg, ",") < strcspn(arg, "=")))
            o->machine = p->name;
        else if (!strcmp(p->name, "type"))
            o->machine = p->text;
        else if (!strcmp(p->name, "dumpdtb"))
            o->dumpdtb = p->text;
        else if (!strcmp(p->name, "quantum")) {
            if (!parse_number(p->text, &o->quantum, e) || !o->quantum)
                return err_set(e, "quantum takes a number of instructions above 0"), OPTIONS_BAD;
        } else if (!strcmp(p->name, "accel")) {
            if (!choose_accel(o, p->text, e))
                return err_prefix(e, "accel"), OPTIONS_BAD;
        } else if (!strcmp(p->name, "usb") || !strcmp(p->name, "graphics")) {
            continue; /* nothing here to switch */
        } else if (is_query(p->name) && options_board(o->machine)) {
            return list_machine_properties(options_board(o->machine));
        } else {
            buf_printf(&rest, "%s%s=%s", rest.len ? "," : "", p->name, p->text);
        }
    }
    o->machine_props = arena_strdup(o->arena, buf_cstr(&rest));
    buf_free(&rest);
    return OPTIONS_RUN;
}

static enum options_result on_cpu(struct options *o, const char *arg, struct err *e)
{
    if (is_query(arg)) {
        struct buf b = { 0 };
        riscv_config_list(&b, o->xlen);
        if (o->usage_status == 2) /* our own face has both widths: options_xlen() */
            riscv_config_list(&b, 96 - o->xlen);
        fputs(buf_cstr(&b), stdout);
        buf_free(&b);
        return OPTIONS_DONE;
    }
    o->cpu = arg;
    struct riscv_config unused;
    struct err other;
    return OK_IF(riscv_config_parse(arg, o->xlen, &unused, e) ||
                 (o->usage_status == 2 && riscv_config_parse(arg, 96 - o->xlen, &unused, &other)));
}

static enum options_result on_smp(struct options *o, const char *arg, struct err *e)
{
    static const char form[] = "it takes N[,sockets=N][,cores=N][,threads=N]";
    static const char *const levels[] = { "sockets", "dies", "clusters", "cores", "threads" };
    u64 n = 0, product = 1, most = 0;
    const char *rest = arg;
    if (strcspn(arg, ",") < strcspn(arg, "=") || !strchr(arg, '=')) { /* the first word is a plain number */
        const char *word = arena_printf(o->arena, "%.*s", (int)strcspn(arg, ","), arg);
        if (!parse_number(word, &n, e))
            return err_set(e, "'%s' is not a number of harts; %s", word, form), OPTIONS_BAD;
        rest = arg + strlen(word);
        rest += *rest == ',';
    }
    for (struct prop_value *p = *rest ? props_parse(o->arena, rest, e) : NULL; p; p = p->next) {
        unsigned level = 0;
        u64 v;
        while (level < ARRAY_LEN(levels) && strcmp(levels[level], p->name))
            level++;
        if (level == ARRAY_LEN(levels) && strcmp(p->name, "cpus") && strcmp(p->name, "maxcpus"))
            return err_set(e, "'%s' is not known; %s", p->name, form), OPTIONS_BAD;
        if (!parse_number(p->text, &v, e) || !v || v > 1024)
            return err_set(e, "%s=%s: it takes a number from 1 on", p->name, p->text), OPTIONS_BAD;
        if (level < ARRAY_LEN(levels))
            product *= v;
        else if (p->name[0] == 'c')
            n = v;
        else
            most = v;
    }
    if (!n && rest == arg)
        n = product;
    if (n < 1 || n > 8)
        return err_set(e, "1 to 8 harts are possible, not '%s'", arg), OPTIONS_BAD;
    if (product > 1 && (most ? most : n) % product)
        return err_set(e, "'%s': %llu harts are not a multiple of sockets*cores*threads=%llu", arg, (unsigned long long)n,
                       (unsigned long long)product), OPTIONS_BAD;
    o->cpus = (unsigned)n;
    return OPTIONS_RUN;
}

static enum options_result on_memory(struct options *o, const char *arg, struct err *e)
{
    if (!strncmp(arg, "size=", 5))
        arg += 5;
    char *size = arena_strdup(o->arena, arg);
    size[strcspn(size, ",")] = 0;
    return OK_IF(parse_size(size, (u64)1 << 20, &o->ram_size, e));
}

static enum options_result on_bios(struct options *o, const char *arg, struct err *e) { o->bios = arg; return OPTIONS_RUN; }
static enum options_result on_kernel(struct options *o, const char *arg, struct err *e) { o->kernel = arg; return OPTIONS_RUN; }
static enum options_result on_initrd(struct options *o, const char *arg, struct err *e) { o->initrd = arg; return OPTIONS_RUN; }
static enum options_result on_append(struct options *o, const char *arg, struct err *e) { o->append = arg; return OPTIONS_RUN; }
static enum options_result on_dtb(struct options *o, const char *arg, struct err *e) { o->dtb = arg; return OPTIONS_RUN; }
static enum options_result on_gdb(struct options *o, const char *arg, struct err *e) { o->gdb = arg; return OPTIONS_RUN; }
static enum options_result on_s(struct options *o, const char *arg, struct err *e) { o->gdb = "tcp::1234"; return OPTIONS_RUN; }
static enum options_result on_stopped(struct options *o, const char *arg, struct err *e) { o->start_stopped = true; return OPTIONS_RUN; }
static enum options_result on_snapshot(struct options *o, const char *arg, struct err *e) { o->snapshot = true; return OPTIONS_RUN; }
static enum options_result on_no_reboot(struct options *o, const char *arg, struct err *e) { o->no_reboot = true; return OPTIONS_RUN; }
static enum options_result on_no_shutdown(struct options *o, const char *arg, struct err *e) { o->no_shutdown = true; return OPTIONS_RUN; }
static enum options_result on_nographic(struct options *o, const char *arg, struct err *e) { o->nographic = true; return OPTIONS_RUN; }
static enum options_result on_nodefaults(struct options *o, const char *arg, struct err *e) { o->nodefaults = true; return OPTIONS_RUN; }
static enum options_result on_log_file(struct options *o, const char *arg, struct err *e) { o->log_file = arg; return OPTIONS_RUN; }
static enum options_result on_pidfile(struct options *o, const char *arg, struct err *e) { o->pidfile = arg; return OPTIONS_RUN; }
static enum options_result on_ignored(struct options *o, const char *arg, struct err *e) { return OPTIONS_RUN; }
static enum options_result on_record(struct options *o, const char *arg, struct err *e) { o->record = arg; return OPTIONS_RUN; }
static enum options_result on_load(struct options *o, const char *arg, struct err *e) { o->load = arg; return OPTIONS_RUN; }
static enum options_result on_save(struct options *o, const char *arg, struct err *e) { o->save = arg; return OPTIONS_RUN; }
static enum options_result on_state_hash(struct options *o, const char *arg, struct err *e) { o->state_hash = true; return OPTIONS_RUN; }
static enum options_result on_batch(struct options *o, const char *arg, struct err *e) { o->batch = true; return OPTIONS_RUN; }
static enum options_result on_hash_every(struct options *o, const char *arg, struct err *e) { return OK_IF(parse_number(arg, &o->hash_every, e)); }
static enum options_result on_stop_at(struct options *o, const char *arg, struct err *e) { return OK_IF(parse_number(arg, &o->stop_at, e)); }
static enum options_result on_seed(struct options *o, const char *arg, struct err *e) { return OK_IF(parse_number(arg, &o->seed, e)); }
static enum options_result on_max(struct options *o, const char *arg, struct err *e) { return OK_IF(parse_number(arg, &o->max_instructions, e)); }

static enum options_result on_quantum(struct options *o, const char *arg, struct err *e)
{
    return OK_IF(parse_number(arg, &o->quantum, e) && (o->quantum || err_set(e, "a quantum of 0 instructions runs nothing")));
}

static enum options_result on_accel(struct options *o, const char *arg, struct err *e)
{
    if (is_query(arg)) {
        printf("Accelerators supported:\ninterp (default)\n"
               "jit[,tier=1|2][,threshold=N][,regions=N]  host code for blocks entered N times (default %u);\n"
               "    tier 2, the default: for regions of blocks whose code was entered N times more (default %u)\n",
               JIT_THRESHOLD, JIT_REGION_THRESHOLD);
        return OPTIONS_DONE;
    }
    if (!strncmp(arg, "accel=", 6))
        arg += 6;
    if (!choose_accel(o, arg, e))
        return OPTIONS_BAD;
    const char *rest = strchr(arg, ',');
    for (struct prop_value *p = o->jit && rest ? props_parse(o->arena, rest + 1, e) : NULL; p; p = p->next) {
        static const struct {
            const char *name;
            size_t field;
            u64 max;
        } known[] = {
            { "tier", offsetof(struct options, jit_tier), 2 },
            { "threshold", offsetof(struct options, jit_threshold), INT32_MAX },
            { "regions", offsetof(struct options, jit_regions), INT32_MAX },
        };
        u64 v;
        size_t k = 0;
        while (k < ARRAY_LEN(known) && strcmp(p->name, known[k].name))
            k++;
        if (k == ARRAY_LEN(known))
            return err_set(e, "-accel jit has tier=, threshold= and regions=, not '%s'", p->name), OPTIONS_BAD;
        if (!parse_number(p->text, &v, e))
            return OPTIONS_BAD;
        if (!v || v > known[k].max)
            return err_set(e, "%s= takes a number from 1 to %llu", p->name, (unsigned long long)known[k].max), OPTIONS_BAD;
        memcpy((u8 *)o + known[k].field, &v, sizeof v);
    }
    return OPTIONS_RUN;
}

static enum options_result on_code_cache(struct options *o, const char *arg, struct err *e)
{
    if (!parse_size(arg, (u64)1 << 20, &o->code_cache, e))
        return OPTIONS_BAD;
    return OK_IF(o->code_cache <= (u64)1 << 30 || err_set(e, "a code cache has at most 1G"));
}

static enum options_result on_display(struct options *o, const char *arg, struct err *e)
{
    if (is_query(arg)) {
        printf("Available display backend types:\nnone\n");
        return OPTIONS_DONE;
    }
    if (strcmp(arg, "none"))
        return err_set(e, "'%s' is not supported: this board has no screen; use -display none or -nographic", arg), OPTIONS_BAD;
    o->display_none = true;
    return OPTIONS_RUN;
}

static enum options_result list_chars(void)
{
    printf("Available chardev backend types:\n");
    for (const struct host_char_kind_doc *k = host_char_kinds(); k->name; k++)
        printf("  %-10s %s\n", k->name, k->doc);
    return OPTIONS_DONE;
}

static enum options_result on_monitor(struct options *o, const char *arg, struct err *e)
{
    if (is_query(arg))
        return list_chars();
    o->monitor = arg;
    return OPTIONS_RUN;
}

static enum options_result on_serial(struct options *o, const char *arg, struct err *e)
{
    if (is_query(arg))
        return list_chars();
    if (o->n_serials == ARRAY_LEN(o->serials))
        return err_set(e, "there are at most %zu serial ports", ARRAY_LEN(o->serials)), OPTIONS_BAD;
    o->serials[o->n_serials++] = arg;
    return OPTIONS_RUN;
}

static enum options_result on_drive(struct options *o, const char *arg, struct err *e)
{
    if (!strchr(arg, '='))
        return err_set(e, "write file=%s", arg), OPTIONS_BAD;
    return OK_IF(add_list(o, o->drives, &o->n_drives, arg, NULL, e));
}

static enum options_result on_disk(struct options *o, const char *arg, struct err *e)
{
    struct buf b = { 0 };
    buf_printf(&b, "if=virtio,file=");
    for (const char *s = arg; *s; s++)
        buf_printf(&b, *s == ',' ? ",," : "%c", *s);
    const char *text = arena_strdup(o->arena, buf_cstr(&b));
    buf_free(&b);
    return on_drive(o, text, e);
}

static enum options_result on_netdev(struct options *o, const char *arg, struct err *e)
{
    if (is_query(arg)) {
        printf("Available netdev backend types:\nuser\n");
        return OPTIONS_DONE;
    }
    return OK_IF(add_list(o, o->netdevs, &o->n_netdevs, arg, "type", e));
}

static enum options_result on_chardev(struct options *o, const char *arg, struct err *e)
{
    if (is_query(arg))
        return list_chars();
    return OK_IF(add_list(o, o->chardevs, &o->n_chardevs, arg, "backend", e));
}

static enum options_result on_object(struct options *o, const char *arg, struct err *e)
{
    if (is_query(arg)) {
        printf("List of user creatable objects:\n"
               "  filter-dump        every frame of a netdev into a pcap file: netdev=ID,file=FILE\n"
               "  rng-builtin        accepted: a guest's randomness comes from --seed\n"
               "  rng-random         accepted, the same\n"
               "  memory-backend-ram accepted: the size of memory is -m's\n");
        return OPTIONS_DONE;
    }
    return OK_IF(add_list(o, o->objects, &o->n_objects, arg, "qom-type", e));
}

static const struct device_class *class_named(const char *name)
{
    for (const struct device_class *const *c = machine_device_classes; *c; c++)
        if (!strcmp((*c)->name, name))
            return *c;
    return NULL;
}

static void list_devices(void)
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
        printf("  %s=<%s>%*s - %s", p->name, kinds[p->kind], (int)(20 - strlen(p->name) - strlen(kinds[p->kind])), "", p->doc);
        printf(p->fallback ? " (default: %s)\n" : "\n", p->fallback);
    }
    printf("  id=<str> - a name for this device\n");
    if (cls->bus)
        printf("  bus=<str> - where to plug it: virtio-mmio-bus.N\n");
}

static enum options_result list_loader(void)
{
    printf("loader options:\n"
           "  file=<str> - an ELF file, or with addr= one that is copied as it is\n"
           "  addr=<number> - where it goes, or data does\n"
           "  force-raw=<bool> - copy even an ELF file as it is (default: off)\n"
           "  data=<number> - a number to store instead of a file\n"
           "  data-len=<number> - its size in bytes: 1, 2, 4 or 8\n"
           "  data-be=<bool> - store it big-endian (default: off)\n"
           "  cpu-num=<number> - this hart starts at addr, or at the ELF file's entry\n");
    return OPTIONS_DONE;
}

static enum options_result on_device(struct options *o, const char *arg, struct err *e)
{
    if (is_query(arg)) {
        list_devices();
        return OPTIONS_DONE;
    }
    char *driver = arena_strdup(o->arena, arg);
    driver[strcspn(driver, ",")] = 0;
    if (!strcmp(driver, "loader")) {
        if (is_query(arg + strcspn(arg, ",") + (strchr(arg, ',') != NULL)))
            return list_loader();
        return OK_IF(add_list(o, o->loaders, &o->n_loaders, arg, "driver", e));
    }
    /* QEMU's names for "whichever transport this machine has". */
    static const char *const kinds[] = { "virtio-blk", "virtio-net", "virtio-rng", "virtio-serial" };
    for (unsigned i = 0; i < ARRAY_LEN(kinds); i++)
        if (!strcmp(driver, kinds[i])) {
            driver = arena_printf(o->arena, "%s-device", kinds[i]);
            arg = arena_printf(o->arena, "%s%s", driver, arg + strlen(kinds[i]));
        }
    const struct device_class *cls = class_named(driver);
    if (!cls || !cls->bus) {
        if (cls)
            return err_set(e, "'%s' belongs to the board and cannot be added; set its properties with -global %s.NAME=VALUE",
                           driver, driver), OPTIONS_BAD;
        const char *best = NULL;
        unsigned score = 0;
        for (const struct device_class *const *c = machine_device_classes; *c; c++)
            if ((*c)->bus)
                suggest(driver, (*c)->name, &best, &score);
        suggest(driver, "loader", &best, &score);
        return err_set(e, "there is no device '%s'%s%s%s; '-device ?' lists them", driver, best ? " (did you mean '" : "",
                       best ? best : "", best ? "'?)" : ""), OPTIONS_BAD;
    }
    const char *comma = strchr(arg, ',');
    if (comma && (is_query(comma + 1))) {
        list_properties(cls);
        return OPTIONS_DONE;
    }
    return OK_IF(add_list(o, o->devices, &o->n_devices, arg, "driver", e));
}

static enum options_result on_global(struct options *o, const char *arg, struct err *e)
{
    struct prop_value *p = props_parse(o->arena, arg, e), **end = &o->globals;
    if (!p)
        return OPTIONS_BAD;
    const char *dot = strrchr(p->name, '.');
    if (p->next || !dot)
        return err_set(e, "write CLASS.PROPERTY=VALUE, not '%s'", arg), OPTIONS_BAD;
    const struct device_class *cls = class_named(arena_printf(o->arena, "%.*s", (int)(dot - p->name), p->name));
    const struct prop_desc *d = cls ? cls->props : NULL;
    while (d && d->name && strcmp(d->name, dot + 1))
        d++;
    if (cls && (!d || !d->name))
        return err_set(e, "device '%s' has no property '%s'", cls->name, dot + 1), OPTIONS_BAD;
    if (!cls)
        fprintf(stderr, "%s: warning: -global %s: no device of this machine has that class\n", o->program, arg);
    while (*end)
        end = &(*end)->next;
    *end = p;
    return OPTIONS_RUN;
}

static enum options_result on_net(struct options *o, const char *arg, struct err *e)
{
    if (!strcmp(arg, "none"))
        return o->no_default_net = true, OPTIONS_RUN;
    return err_set(e, "only 'none' is supported; use -netdev user,id=n0 -device virtio-net-device,netdev=n0"), OPTIONS_BAD;
}

static enum options_result on_nic(struct options *o, const char *arg, struct err *e)
{
    if (is_query(arg))
        return on_netdev(o, arg, e);
    if (!strcmp(arg, "none"))
        return OPTIONS_RUN;
    if (strncmp(arg, "user", 4) || (arg[4] && arg[4] != ','))
        return err_set(e, "only 'user' and 'none' are supported, not '%s'", arg), OPTIONS_BAD;
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
    enum options_result r = on_netdev(o, arena_strdup(o->arena, buf_cstr(&net)), e);
    if (r == OPTIONS_RUN)
        r = on_device(o, arena_strdup(o->arena, buf_cstr(&dev)), e);
    buf_free(&net);
    buf_free(&dev);
    return r;
}

static enum options_result on_rtc(struct options *o, const char *arg, struct err *e)
{
    for (struct prop_value *p = props_parse(o->arena, arg, e); p; p = p->next) {
        if (!strcmp(p->name, "clock") || !strcmp(p->name, "driftfix"))
            continue; /* guest time is virtual in any case */
        if (strcmp(p->name, "base"))
            return err_set(e, "'%s' is not known; it takes base=utc|localtime|DATE", p->name), OPTIONS_BAD;
        struct tm tm = { 0 };
        if (!strcmp(p->text, "utc") || !strcmp(p->text, "localtime")) {
            time_t now = time(NULL);
            if (p->text[0] == 'l' && localtime_r(&now, &tm))
                now += tm.tm_gmtoff;
            o->rtc_base = now;
            continue;
        }
        const char *end = strptime(p->text, "%Y-%m-%dT%H:%M:%S", &tm);
        if (!end) {
            tm = (struct tm){ 0 };
            end = strptime(p->text, "%Y-%m-%d", &tm);
        }
        if (!end || *end)
            return err_set(e, "'%s' is not a date; write 2026-01-31T12:00:00, 2026-01-31, utc or localtime", p->text), OPTIONS_BAD;
        o->rtc_base = timegm(&tm);
    }
    return OPTIONS_RUN;
}

static enum options_result on_log(struct options *o, const char *arg, struct err *e)
{
    static const struct {
        const char *name, *doc;
    } items[] = { { "int", "exceptions and interrupts, one line each" },
                  { "cpu_reset", "registers of a hart before it is reset" },
                  { "in_asm", "each instruction when it is executed for the first time" },
                  { "exec", "each instruction executed" },
                  { "guest_errors", "access faults, and what devices find wrong with their drivers" },
                  { "unimp", "illegal instructions: what this CPU model does not have" } };
    if (is_query(arg)) {
        printf("Log items (comma separated):\n");
        for (unsigned i = 0; i < ARRAY_LEN(items); i++)
            printf("%-15s %s\n", items[i].name, items[i].doc);
        return OPTIONS_DONE;
    }
    for (struct prop_value *p = props_parse(o->arena, arg, e); p; p = p->next) {
        unsigned i = 0;
        const char *best = NULL;
        unsigned score = 0;
        for (; i < ARRAY_LEN(items) && strcmp(items[i].name, p->name); i++)
            suggest(p->name, items[i].name, &best, &score);
        if (i == ARRAY_LEN(items))
            return err_set(e, "there is no log item '%s'%s%s%s; '-d help' lists them", p->name, best ? " (did you mean '" : "",
                           best ? best : "", best ? "'?)" : ""), OPTIONS_BAD;
    }
    o->log_items = o->log_items ? arena_printf(o->arena, "%s,%s", o->log_items, arg) : arg;
    return OPTIONS_RUN;
}

static enum options_result on_semihosting(struct options *o, const char *arg, struct err *e)
{
    o->semihosting = true;
    return OPTIONS_RUN;
}

static enum options_result on_semihosting_config(struct options *o, const char *arg, struct err *e)
{
    static const char *const known[] = { "enable", "target", "chardev", "userspace", "arg" };
    const char *enable = NULL;
    for (struct prop_value *p = props_parse(o->arena, arg, e); p; p = p->next) {
        unsigned i = 0;
        while (i < ARRAY_LEN(known) && strcmp(known[i], p->name))
            i++;
        if (i == ARRAY_LEN(known) && strcmp(p->text, "on"))
            return err_set(e, "'%s' is not known; it takes enable=on|off", p->name), OPTIONS_BAD;
        if (!strcmp(p->name, "enable"))
            enable = p->text;
    }
    o->semihosting = !enable || strcmp(enable, "off");
    return OPTIONS_RUN;
}

static enum options_result on_timing(struct options *o, const char *arg, struct err *e)
{
    if (is_query(arg)) {
        printf("%-16s %-10s %s\n", "none", "none", "one instruction is one tick");
        for (const struct timing_model *const *t = timing_models; *t; t++)
            printf("%-16s %-10s %s\n", (*t)->name, timing_badge_name((*t)->badge), (*t)->doc);
        return OPTIONS_DONE;
    }
    o->timing = arg;
    return OK_IF(!strcmp(arg, "none") || timing_model_named(arg, e));
}

static enum options_result on_trace(struct options *o, const char *arg, struct err *e)
{
    if (is_query(arg)) {
        for (const struct trace_format *const *t = trace_formats; *t; t++)
            printf("%-10s %s\n", (*t)->name, (*t)->doc);
        return OPTIONS_DONE;
    }
    if (o->n_traces == MAX_OF_EACH)
        return err_set(e, "at most %d traces are possible", MAX_OF_EACH), OPTIONS_BAD;
    if (!strchr(arg, ':'))
        return err_set(e, "write KIND:FILE, not '%s'; '--trace ?' lists the kinds", arg), OPTIONS_BAD;
    if (!trace_format_named(arena_printf(o->arena, "%.*s", (int)strcspn(arg, ":"), arg), e))
        return OPTIONS_BAD;
    o->traces[o->n_traces++] = arg;
    return OPTIONS_RUN;
}

static enum options_result on_pace(struct options *o, const char *arg, struct err *e)
{
    if (!strcmp(arg, "real"))
        o->pace = PACE_REAL;
    else if (!strcmp(arg, "none"))
        o->pace = PACE_NONE;
    else
        return err_set(e, "'%s' is not known: 'real' waits while the guest idles, 'none' skips idle time", arg), OPTIONS_BAD;
    return OPTIONS_RUN;
}

static enum options_result add_command(struct options *o, const char *text, bool file, struct err *e)
{
    if (o->n_commands == ARRAY_LEN(o->commands))
        return err_set(e, "at most %zu are possible; put them into a file and use -x", ARRAY_LEN(o->commands)), OPTIONS_BAD;
    o->commands[o->n_commands].text = text;
    o->commands[o->n_commands++].file = file;
    return OPTIONS_RUN;
}

static enum options_result on_ex(struct options *o, const char *arg, struct err *e) { return add_command(o, arg, false, e); }
static enum options_result on_x(struct options *o, const char *arg, struct err *e) { return add_command(o, arg, true, e); }

static enum options_result on_help(struct options *o, const char *arg, struct err *e)
{
    options_help(o->program, o->usage_status == 2);
    return OPTIONS_DONE;
}

static enum options_result on_version(struct options *o, const char *arg, struct err *e)
{
    options_version(o->program);
    return OPTIONS_DONE;
}

/* --- the table --------------------------------------------------------------------------------------------- */

/* Help lines are part of the contract: makefiles grep for "-gdb" and "-D " at the beginning of a line. */
static const struct option_row {
    const char *name, *alias;
    const char *arg; /* as shown in the help; NULL: takes none */
    handler *fn;
    const char *help; /* NULL: not shown */
} rows[] = {
    { "help", "h", NULL, on_help, "this text" },
    { "version", NULL, NULL, on_version, "the version" },
    { "machine", "M", "NAME[,prop=value]", on_machine, "board; '?' lists; dumpdtb=FILE writes the device tree and ends" },
    { "cpu", NULL, "MODEL[,ext=on|off]", on_cpu, "CPU model; '?' lists" },
    { "smp", NULL, "N", on_smp, "number of harts, 1 to 8" },
    { "m", NULL, "SIZE", on_memory, "guest memory, MiB unless a suffix says otherwise" },
    { "bios", NULL, "FILE|default|none", on_bios, "firmware entered first" },
    { "kernel", NULL, "FILE", on_kernel, "ELF, Linux Image, gzip of one, or raw" },
    { "initrd", NULL, "FILE", on_initrd, "initial RAM disk" },
    { "append", NULL, "TEXT", on_append, "kernel command line" },
    { "dtb", NULL, "FILE", on_dtb, "device tree instead of the board's own" },
    { "drive", NULL, "file=F[,if=,id=,format=]", on_drive, "a disk image (raw, qcow2); if=none|virtio|pflash" },
    { "hda", NULL, "FILE", on_disk, "short for -drive if=virtio,file=FILE" },
    { "snapshot", NULL, NULL, on_snapshot, "keep all writes to disks in memory" },
    { "device", NULL, "NAME[,prop=value]", on_device, "add a device; '?' lists; NAME,? lists its properties" },
    { "netdev", NULL, "user,id=ID[,hostfwd=..]", on_netdev, "a network; hostfwd=tcp::HOSTPORT-:GUESTPORT" },
    { "nic", NULL, "user[,...]|none", on_nic, "network and virtio-net-device in one" },
    { "net", NULL, "none", on_net, "accepted for old makefiles" },
    { "chardev", NULL, "KIND,id=ID[,...]", on_chardev, "a character stream: stdio file null pty socket pipe" },
    { "serial", NULL, "SPEC", on_serial, "stdio mon:stdio file:F null pty unix:P tcp:H:P chardev:ID" },
    { "monitor", NULL, "SPEC", on_monitor, "command line of the machine on a character stream" },
    { "object", NULL, "TYPE,id=ID[,...]", on_object, "rng-random, filter-dump (pcap of a netdev)" },
    { "global", NULL, "CLASS.PROP=VALUE", on_global, "default for a device property" },
    { "nographic", NULL, NULL, on_nographic, "no window; serial 0 and monitor share the terminal (Ctrl-A h)" },
    { "display", NULL, "none", on_display, "no window" },
    { "nodefaults", NULL, NULL, on_nodefaults, "no default serial and monitor" },
    { "S", NULL, NULL, on_stopped, "do not start the CPUs until told" },
    { "s", NULL, NULL, on_s, "short for -gdb tcp::1234" },
    { "gdb", NULL, "DEV", on_gdb, "wait for gdb on tcp::PORT (loopback) or unix:PATH" },
    { "d", NULL, "ITEM[,...]", on_log, "log items; '-d help' lists" },
    { "D", NULL, "FILE", on_log_file, "write the log there instead of stderr" },
    { "no-reboot", NULL, NULL, on_no_reboot, "end instead of rebooting" },
    { "no-shutdown", NULL, NULL, on_no_shutdown, "stop instead of ending when the guest powers off" },
    { "rtc", NULL, "base=utc|localtime|DATE", on_rtc, "date at the start (default: 2026-01-01, the same in every run)" },
    { "semihosting", NULL, NULL, on_semihosting, "serve semihosting calls" },
    { "accel", NULL, "interp|jit[,...]", on_accel, "how instructions are executed; '?' lists" },
    { "code-cache", NULL, "SIZE", on_code_cache, "host memory for the JIT's code, all harts together (default 16M)" },
    { "semihosting-config", NULL, "enable=on|off", on_semihosting_config, "the same, as QEMU's long form" },
    { "pidfile", NULL, "FILE", on_pidfile, "write the process number there" },
    { "name", NULL, "TEXT", on_ignored, NULL },
    { "k", NULL, "LAYOUT", on_ignored, NULL },
    { "vga", NULL, "none", on_ignored, NULL },
    { "parallel", NULL, "SPEC", on_ignored, NULL },
    { "no-user-config", NULL, NULL, on_ignored, NULL },
    { "icount", NULL, "...", on_ignored, NULL }, /* Orrery always counts instructions */
    { "seed", NULL, "N", on_seed, "seed of everything random in the machine (default 1)" },
    { "quantum", NULL, "N", on_quantum, "instructions a hart executes before the next one's turn (default 4000)" },
    { "timing", NULL, "MODEL", on_timing, "cycle model; '?' lists with badges (default: none)" },
    { "pace", NULL, "real|none", on_pace, "while the guest idles: wait as long as it does, or skip the time (default: real)" },
    { "record", NULL, "FILE", on_record, "record the run for 'orrery replay FILE' (disk writes stay in memory)" },
    { "load", "loadvm", "FILE", on_load, "start from a snapshot file" },
    { "save", NULL, "FILE", on_save, "write a snapshot at the end of the run" },
    { "trace", NULL, "KIND:FILE", on_trace, "write a trace; '?' lists the kinds" },
    { "state-hash", NULL, NULL, on_state_hash, "print the hash of the whole guest state at the end" },
    { "hash-every", NULL, "N", on_hash_every, "print 'position hash' each N instructions" },
    { "stop-at", NULL, "POSITION", on_stop_at, "end there (exit status 0)" },
    { "max-instructions", NULL, "N", on_max, "end after N instructions with exit status 4" },
    { "ex", NULL, "COMMAND", on_ex, "debugger command at the start (repeatable)" },
    { "x", NULL, "FILE", on_x, "debugger commands from a file" },
    { "batch", NULL, NULL, on_batch, "end after the -ex and -x commands" },
};

/* Options of QEMU that hands and makefiles type, and that this machine has no use for or not yet. */
static const struct {
    const char *name, *why;
} not_here[] = {
    { "enable-kvm", "guest time is virtual, so instructions are interpreted; leave it out" },
    { "cdrom", "the boards have no CD drive; attach the image as a disk: -drive file=FILE,format=raw,readonly=on,if=virtio" },
    { "fda", "the boards have no floppy drive; attach the image as a disk: -drive file=FILE,format=raw,if=virtio" },
    { "fdb", "the boards have no floppy drive; attach the image as a disk: -drive file=FILE,format=raw,if=virtio" },
    { "boot", "the boards have no boot order; firmware decides, or -kernel" },
    { "usb", "the boards have no USB controller" },
    { "usbdevice", "the boards have no USB controller" },
    { "vnc", "the boards have no screen; use -nographic" },
    { "spice", "the boards have no screen; use -nographic" },
    { "audiodev", "the boards have no sound" },
    { "audio", "the boards have no sound" },
    { "soundhw", "the boards have no sound" },
    { "qmp", "there is no QMP yet; -monitor unix:PATH,server=on,wait=off takes commands as text" },
    { "daemonize", "run it in the background with '&' and -display none -serial file:F" },
    { "numa", "memory is one node" },
    { "sd", "the boards have no SD card; attach the image as a disk: -drive file=FILE,format=raw,if=virtio" },
    { "mtdblock", "write -drive if=pflash,file=FILE" },
    { "pflash", "write -drive if=pflash,file=FILE" },
    { "debugcon", "the boards have no debug port; use -serial" },
    { "plugin", "use --trace, '--trace ?' lists the kinds" },
    { "singlestep", "not needed: -d in_asm and -d exec log single instructions" },
};

void options_version(const char *program)
{
    printf("Orrery emulator version %s (%s)\n", PACKAGE_VERSION, program);
    printf("Copyright (c) 2026 The Orrery authors; MIT licence\n");
}

void options_help(const char *program, bool ours)
{
    if (ours)
        printf("usage: orrery run|debug|record|replay|trace|info|img [options] [KERNEL]\n\n"
               "  run      run a machine\n"
               "  debug    run it under the symbolic debugger\n"
               "  record   run and record: orrery record FILE [options]\n"
               "  replay   run a recording again, exactly: orrery replay FILE\n"
               "  trace    run and write a trace: orrery trace KIND:FILE [options]\n"
               "  info     boards, devices, instructions, CSRs, timing models\n"
               "  img      create, check, convert disk images\n\n");
    else
        printf("usage: %s [options] [KERNEL]\n\n", program);
    printf("Options (one or two dashes):\n");
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        const struct option_row *r = &rows[i];
        if (!r->help)
            continue;
        char left[80];
        snprintf(left, sizeof left, "-%s%s%s%s%s", r->name, r->alias ? ", -" : "", r->alias ? r->alias : "", r->arg ? " " : "",
                 r->arg ? r->arg : "");
        if (strlen(left) > 29)
            printf("%s\n%29s %s\n", left, "", r->help);
        else
            printf("%-29s %s\n", left, r->help);
    }
    printf("\nExamples:\n"
           "  %s -nographic -kernel Image -initrd initrd.gz -append 'console=ttyS0'\n"
           "  %s -bios none -kernel kernel.elf -nographic -s -S\n"
           "  orrery debug -bios none kernel.elf -ex 'break main' -ex continue\n"
           "  orrery record run.rec -nographic kernel.elf && orrery replay run.rec\n"
           "\nExit status: 0 pass, 1 or 2 usage, 3 the guest cannot go on, 4 --max-instructions reached, 6 a replay differs;\n"
           "a guest that reports failure through the test finisher ends with its own code.\n",
           ours ? "orrery run" : program, ours ? "orrery run" : program);
}

static const struct option_row *row_named(const char *name)
{
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
        if (!strcmp(rows[i].name, name) || (rows[i].alias && !strcmp(rows[i].alias, name)))
            return &rows[i];
    return NULL;
}

static enum options_result bad(const struct options *o, const char *option, const char *why)
{
    fprintf(stderr, option ? "%s: -%s: %s\n" : "%s: %s%s\n", o->program, option ? option : "", why);
    return OPTIONS_BAD;
}

enum options_result options_parse(struct options *o, int argc, char **argv)
{
    o->machine = o->machine ? o->machine : "virt";
    o->machine_props = "";
    o->cpus = 1;
    o->seed = 1;
    o->rtc_base = DEFAULT_RTC_BASE;
    o->stop_at = o->max_instructions = CLOCK_NEVER;
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (word[0] != '-' || !word[1]) {
            if (o->kernel)
                return bad(o, NULL, arena_printf(o->arena, "two kernels were given: '%s' and '%s'", o->kernel, word));
            o->kernel = word;
            continue;
        }
        const char *name = word + (word[1] == '-' ? 2 : 1);
        const char *value = NULL;
        const struct option_row *r = row_named(name);
        const char *equals = strchr(name, '=');
        if (!r && equals && word[1] == '-') { /* --option=value */
            r = row_named(arena_printf(o->arena, "%.*s", (int)(equals - name), name));
            value = equals + 1;
        }
        for (unsigned k = 0; !r && k < ARRAY_LEN(not_here); k++)
            if (!strcmp(name, not_here[k].name))
                return bad(o, name, arena_printf(o->arena, "not supported: %s", not_here[k].why));
        if (!r) {
            const char *best = NULL;
            unsigned score = 0;
            for (unsigned k = 0; k < ARRAY_LEN(rows); k++)
                suggest(name, rows[k].name, &best, &score);
            return bad(o, NULL, arena_printf(o->arena, "there is no option '%s'%s%s%s; -help lists them", word,
                                             best ? " (did you mean '-" : "", best ? best : "", best ? "'?)" : ""));
        }
        if (r->arg && !value && ++i == argc)
            return bad(o, r->name, arena_printf(o->arena, "it needs %s behind it", r->arg));
        if (r->arg && !value)
            value = argv[i];
        struct err e = { "" };
        enum options_result result = r->fn(o, r->arg ? value : NULL, &e);
        if (result == OPTIONS_BAD)
            return bad(o, r->name, e.text);
        if (result == OPTIONS_DONE)
            return result;
    }
    return OPTIONS_RUN;
}
