/* Screen, keyboard and mouse at the command line: screen, screendump, sendkey, mouse_move, mouse_button. */
#include <stdlib.h>
#include <string.h>

#include "cli/session.h"
#include "gui/picture.h"
#include "host/file/file.h"
#include "host/input.h"
#include "iodev/input/keys.h"
#include "iodev/screen.h"

#define SENDKEY_HOLD_MS 100
#define SENDKEY_MOST 16

/* The next word, or NULL. */
static const char *word(struct session *s, const char **args)
{
    *args += strspn(*args, " \t");
    size_t n = strcspn(*args, " \t");
    const char *w = n ? arena_printf(s->arena, "%.*s", (int)n, *args) : NULL;
    *args += n;
    return w;
}

static bool take_number(struct session *s, const char **args, long least, long most, long *value, struct err *e)
{
    const char *w = word(s, args);
    char *end = NULL;
    *value = w ? strtol(w, &end, 0) : 0;
    if (!w || end == w || *end || *value < least || *value > most)
        return err_set(e, "'%s' is not a number from %ld to %ld", w ? w : "", least, most);
    return true;
}

static bool nothing_more(struct session *s, const char **args, struct err *e)
{
    const char *w = word(s, args);
    return !w || err_set(e, "'%s' is too much", w);
}

static bool no_screen(struct session *s, struct err *e)
{
    return err_set(e, "machine '%s' has no screen", s->m->board->name);
}

static bool do_screen(struct session *s, const char *args, struct buf *out, struct err *e)
{
    struct device *d = machine_screen(s->m, 0);
    return nothing_more(s, &args, e) && (d || no_screen(s, e)) && picture_text(d, out, e);
}

/* FILE [-f FORMAT] */
static bool do_screendump(struct session *s, const char *args, struct buf *out, struct err *e)
{
    static const char form[] = "screendump FILE [-f ppm|png]";
    const char *file = NULL, *format_name = NULL;
    for (const char *w = word(s, &args); w; w = word(s, &args)) {
        if (!strcmp(w, "-f")) {
            format_name = word(s, &args);
            if (!format_name)
                return err_set(e, "it is: %s", form);
        } else if (!file) {
            file = w;
        } else {
            return err_set(e, "'%s' is too much: it is: %s", w, form);
        }
    }
    struct device *d = machine_screen(s->m, 0);
    enum picture_format format;
    struct screen_mode mode;
    if (!file)
        return err_set(e, "it needs a file: %s", form);
    if (!picture_format(format_name, file, &format, e) || (!d && !no_screen(s, e)))
        return false;
    u32 *pixels = picture_pixels(d, &mode, e);
    if (!pixels)
        return false;
    struct buf bytes = { 0 };
    bool ok = picture_encode(pixels, mode.width, mode.height, format, &bytes, e) &&
              host_file_save(file, bytes.data, bytes.len, e);
    buf_free(&bytes);
    free(pixels);
    return ok;
}

static bool may_type(struct session *s, bool there, const char *what, struct err *e)
{
    if (machine_replaying(s->m))
        return err_set(e, "the machine replays a recording: what was typed is in it");
    return there || err_set(e, "machine '%s' has no %s", s->m->board->name, what);
}

/* KEY-KEY-... [HOLD_MS] */
static bool do_sendkey(struct session *s, const char *args, struct buf *out, struct err *e)
{
    const char *chord = word(s, &args);
    u8 usages[SENDKEY_MOST];
    long hold = SENDKEY_HOLD_MS;
    unsigned n = chord ? keys_parse(chord, usages, SENDKEY_MOST) : 0;
    if (!may_type(s, host_input_has_keyboard(s->input), "keyboard", e))
        return false;
    if (!chord)
        return err_set(e, "it needs keys: sendkey ctrl-alt-delete");
    for (const char *k = chord; !n && k; k = strchr(k, '-') ? strchr(k, '-') + 1 : NULL)
        if (!key_by_name(k, strcspn(k, "-")))
            return err_set(e, "there is no key '%.*s' in '%s'; iodev/input/keys.def lists them: a, 1, f1, ret, spc, ctrl, ...",
                           (int)strcspn(k, "-"), k, chord);
    if (!n)
        return err_set(e, "'%s': more than %u keys at once", chord, SENDKEY_MOST);
    args += strspn(args, " \t");
    if ((*args && !take_number(s, &args, 0, 60000, &hold, e)) || !nothing_more(s, &args, e))
        return err_prefix(e, "milliseconds");
    host_input_chord(s->input, usages, n, (u64)hold * 1000000);
    return true;
}

/* DX DY [DZ]: dz away from the hand is positive, as QEMU has it. */
static bool do_mouse_move(struct session *s, const char *args, struct buf *out, struct err *e)
{
    long v[3] = { 0 };
    if (!may_type(s, host_input_has_mouse(s->input), "mouse", e))
        return false;
    for (unsigned i = 0; i < 3; i++) {
        args += strspn(args, " \t");
        if ((i < 2 || *args) && !take_number(s, &args, -4096, 4096, &v[i], e))
            return err_prefix(e, "mouse_move DX DY [DZ]");
    }
    if (!nothing_more(s, &args, e))
        return false;
    host_input_move(s->input, (int)v[0], (int)v[1], (int)-v[2]);
    return true;
}

/* 1 left, 2 middle, 4 right, and sums of them, as QEMU has it. */
static bool do_mouse_button(struct session *s, const char *args, struct buf *out, struct err *e)
{
    long v;
    if (!may_type(s, host_input_has_mouse(s->input), "mouse", e) || !take_number(s, &args, 0, 7, &v, e) ||
        !nothing_more(s, &args, e))
        return false;
    host_input_buttons(s->input, (u8)((v & 1) | (v & 4) >> 1 | (v & 2) << 1));
    return true;
}

bool session_screen_command(void *opaque, const char *name, const char *args, struct buf *out, struct err *e)
{
    static const struct {
        const char *name;
        bool (*run)(struct session *s, const char *args, struct buf *out, struct err *e);
    } rows[] = {
        { "screen", do_screen }, { "screendump", do_screendump }, { "sendkey", do_sendkey },
        { "mouse_move", do_mouse_move }, { "mouse_button", do_mouse_button },
    };
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
        if (!strcmp(rows[i].name, name))
            return rows[i].run(opaque, args, out, e) || err_prefix(e, "%s", name);
    return err_set(e, "there is no command '%s'", name);
}
