/* Commands about screen, keyboard, mouse and trace files. Their outside is the host's: it does the work. */
#include "debugger/commands.h"

static bool by_host(struct debugger *d, const char *name, const char *args, struct err *e)
{
    struct buf out = { 0 };
    bool ok = d->host.screen ? d->host.screen(d->host.opaque, name, args, &out, e)
                             : err_set(e, "There is nobody in front of this machine: '%s' does nothing here.", name);
    if (ok)
        debug_write(d, &out);
    buf_free(&out);
    return ok;
}

static bool typed(struct debugger *d, const char *name, const char *args, struct err *e)
{
    if (d->rights != MAY_ALL)
        return err_set(e, "%s: %s", name, debugger_untouchable(d));
    return by_host(d, name, args, e);
}

bool cmd_screen(struct debugger *d, const char *args, struct err *e)
{
    return by_host(d, "screen", args, e);
}

bool cmd_screendump(struct debugger *d, const char *args, struct err *e)
{
    return by_host(d, "screendump", args, e);
}

bool cmd_sendkey(struct debugger *d, const char *args, struct err *e)
{
    return typed(d, "sendkey", args, e);
}

bool cmd_mouse_move(struct debugger *d, const char *args, struct err *e)
{
    return typed(d, "mouse_move", args, e);
}

bool cmd_mouse_button(struct debugger *d, const char *args, struct err *e)
{
    return typed(d, "mouse_button", args, e);
}

bool cmd_tracefile(struct debugger *d, const char *args, struct err *e)
{
    struct buf out = { 0 };
    bool ok = d->host.trace ? d->host.trace(d->host.opaque, args, &out, e) : err_set(e, "Traces cannot be written from here.");
    if (ok)
        debug_write(d, &out);
    buf_free(&out);
    return ok;
}
