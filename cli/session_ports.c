/* What a session is connected to: character streams, the monitor, networks, and objects on them. */
#include "cli/session_parts.h"

#include <stdio.h>
#include <string.h>

#include "cli/qmp.h"
#include "cli/dap.h"
#include "cli/tui.h"
#include "host/char/mux.h"
#include "host/net/net.h"
#include "iodev/misc/isa-debugcon.h"

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
    if (s->console && (!strncmp(spec, "stdio", 5) || !strncmp(spec, "mon:stdio", 9)))
        spec = arena_printf(s->arena, "vc,id=%s", id);
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

/* A port that -chardev made already, or a new one. */
static bool open_port(struct session *s, const char *spec, const char *id, struct char_port **port, struct err *e)
{
    struct host_char *c = open_char(s, spec, id, e);
    if (!c)
        return false;
    for (unsigned k = 0; k < s->mc.n_chars && !strncmp(spec, "chardev:", 8); k++)
        if (!strcmp(s->mc.chars[k]->id, host_char_id(c)))
            *port = s->mc.chars[k];
    if (!*port)
        *port = host_char_port(c, e);
    return *port != NULL;
}

bool session_open_chars(struct session *s, struct err *e)
{
    const struct options *o = s->o;
    for (unsigned i = 0; i < o->n_chardevs; i++) {
        const char *id = option_prop(&o->chardevs[i], "id");
        struct host_char *c = open_char(s, o->chardevs[i].text, id ? id : "chardev", e);
        if (!c)
            return err_prefix(e, "-chardev %s", o->chardevs[i].text);
        s->mc.chars[s->mc.n_chars] = host_char_port(c, e);
        if (!s->mc.chars[s->mc.n_chars])
            return err_prefix(e, "-chardev %s", o->chardevs[i].text);
        s->mc.n_chars++;
    }
    /* A screen in the terminal has pages for both. As QEMU: -nographic means serial 0 and the monitor share the terminal, unless either was said. Without any
     * display option it means the same, for there is no window to open. */
    const char *serials[4] = { 0 };
    unsigned n = o->n_serials;
    memcpy(serials, o->serials, sizeof serials);
    bool implied = !n && !o->nodefaults && s->display_kind != DISPLAY_NONE;
    implied = implied || (!n && !o->nodefaults && o->nographic);
    if (implied && s->display_kind == DISPLAY_CURSES) {
        serials[0] = "vc";
        n = 1;
    } else if (implied && s->display_kind == DISPLAY_SDL && !o->monitor && !o->debug) {
        serials[0] = "stdio,mux=on"; /* beside a window Ctrl-C ends, as people expect there */
        n = 1;
    } else if (implied && (!o->monitor || o->debug)) {
        serials[0] = "mon:stdio";
        n = 1;
    } else if (implied) {
        serials[0] = strcmp(o->monitor, "stdio") ? "stdio" : "null";
        n = 1;
    }
    bool screen = (o->tui || s->dap) && n && (!strcmp(serials[0], "stdio") || !strcmp(serials[0], "mon:stdio"));
    if (screen && s->dap)
        s->mc.serial[0] = dap_server_console(s->dap);
    else if (screen)
        s->screen = tui_terminal_new(s); /* the guest's console is a part of it */
    for (unsigned i = screen; i < n; i++) {
        if (!strcmp(serials[i], "none"))
            continue;
        if (o->debug && !strcmp(serials[i], "mon:stdio"))
            serials[i] = "stdio"; /* Ctrl-C leads to the debugger, which is the monitor */
        char id[16];
        snprintf(id, sizeof id, "serial%u", i);
        if (!open_port(s, serials[i], id, &s->mc.serial[i], e))
            return err_prefix(e, "-serial %s", serials[i]);
    }
    for (unsigned i = 0; i < o->n_parallels; i++) {
        char id[16];
        snprintf(id, sizeof id, "parallel%u", i);
        if (strcmp(o->parallels[i], "none") && !open_port(s, o->parallels[i], id, &s->mc.parallel[i], e))
            return err_prefix(e, "-parallel %s", o->parallels[i]);
    }
    return true;
}

/* As `-chardev SPEC,id=debugcon -device isa-debugcon,chardev=debugcon`. */
bool session_open_debugcon(struct session *s, struct err *e)
{
    const char *spec = s->o->debugcon;
    struct char_port *port = NULL;
    if (!spec || !strcmp(spec, "none"))
        return true;
    if (!open_port(s, spec, "debugcon", &port, e))
        return err_prefix(e, "-debugcon %s", spec);
    unsigned k = 0;
    while (k < s->mc.n_chars && s->mc.chars[k] != port)
        k++;
    if (k == s->mc.n_chars) {
        if (s->mc.n_chars == ARRAY_LEN(s->mc.chars))
            return err_set(e, "-debugcon %s: there are more than %zu chardevs", spec, ARRAY_LEN(s->mc.chars));
        s->mc.chars[s->mc.n_chars++] = port;
    }
    if (s->mc.n_devices == MACHINE_MAX_DEVICES)
        return err_set(e, "there are more than %d devices", MACHINE_MAX_DEVICES);
    struct prop_value *chardev = ARENA_NEW(s->arena, struct prop_value);
    *chardev = (struct prop_value){ "chardev", port->id, NULL };
    s->mc.device[s->mc.n_devices].cls = &isa_debugcon_class;
    s->mc.device[s->mc.n_devices++].props = chardev;
    return true;
}

bool session_open_monitor(struct session *s, struct err *e)
{
    const char *spec = s->o->qmp;
    struct host_char *c = NULL;
    if (spec && s->o->debug)
        return err_set(e, "-qmp %s: 'orrery debug' is the monitor; leave it out", spec);
    if (spec && !s->replay && (!(c = open_char(s, spec, "qmp", e)) || !(s->qmp = qmp_new(s, c, e))))
        return err_prefix(e, "-qmp %s", spec);
    spec = s->o->monitor;
    c = NULL;
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
        if (!c && s->display_kind == DISPLAY_CURSES && !s->o->nodefaults)
            c = open_char(s, "vc", "monitor", e);
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

bool session_open_nets(struct session *s, struct err *e)
{
    for (unsigned i = 0; i < s->o->n_netdevs; i++) {
        const struct option_list *l = &s->o->netdevs[i];
        const char *type = option_prop(l, "type"), *id = option_prop(l, "id");
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

bool session_open_objects(struct session *s, struct err *e)
{
    for (unsigned i = 0; i < s->o->n_objects; i++) {
        const struct option_list *l = &s->o->objects[i];
        const char *type = option_prop(l, "qom-type");
        if (type && (!strcmp(type, "rng-random") || !strcmp(type, "rng-builtin") ||
                     !strcmp(type, "memory-backend-ram")))
            continue; /* the guest's randomness comes from --seed, its memory from -m */
        if (!type || strcmp(type, "filter-dump"))
            return err_set(e, "-object %s: only rng-random, rng-builtin and filter-dump are supported", l->text);
        if (s->replay)
            continue;
        const char *netdev = option_prop(l, "netdev"), *file = option_prop(l, "file");
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
