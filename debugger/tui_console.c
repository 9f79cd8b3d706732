/* What the console's pane shows: the serial line, or the text on the machine's screen. */
#include <stdlib.h>
#include <string.h>

#include "debugger/tui_pane.h"

static struct tui_lines *serial(struct tui *t)
{
    return t->on_screen ? &t->hidden : &t->pane[PANE_CONSOLE].lines;
}

void tui_guest(struct tui *t, const u8 *bytes, size_t n)
{
    lines_feed(serial(t), bytes, n);
}

static void show(struct tui *t, bool screen)
{
    struct pane *p = &t->pane[PANE_CONSOLE];
    if (t->on_screen == screen)
        return;
    struct tui_lines other = p->lines;
    p->lines = t->hidden;
    t->hidden = other;
    t->on_screen = screen;
    p->follows = true;
}

void console_refresh(struct tui *t)
{
    struct debugger *d = t->d;
    struct buf out = { 0 };
    struct err e;
    bool wanted = d->console_shows == CONSOLE_SCREEN || (d->console_shows == CONSOLE_AUTO && !serial(t)->n);
    bool has = wanted && d->host.screen && d->host.screen(d->host.opaque, "screen", "", &out, &e);
    if (wanted && !has && d->console_shows == CONSOLE_SCREEN) {
        buf_printf(&out, "%s\n", d->host.screen ? e.text : "There is no screen here.");
        has = true;
    }
    const char *text = buf_cstr(&out);
    bool blank = !text[strspn(text, " \n")];
    show(t, has && (!blank || d->console_shows == CONSOLE_SCREEN));
    if (t->on_screen) {
        struct tui_lines *l = &t->pane[PANE_CONSOLE].lines;
        lines_split(l, &out);
        while (l->n && !l->line[l->n - 1].text[0])
            free(l->line[--l->n].text);
    }
    buf_free(&out);
}

void console_switch(struct tui *t)
{
    t->d->console_shows = t->on_screen ? CONSOLE_SERIAL : CONSOLE_SCREEN;
}

void console_key(struct tui *t, u32 key)
{
    static const struct { u32 key; const char *bytes; } sequences[] = {
        { TUI_UP, "\033[A" }, { TUI_DOWN, "\033[B" }, { TUI_RIGHT, "\033[C" }, { TUI_LEFT, "\033[D" }, { TUI_BACKSPACE, "\177" },
        { TUI_HOME, "\033[H" }, { TUI_END, "\033[F" }, { TUI_DELETE, "\033[3~" }, { '\n', "\r" },
    };
    if (t->on_screen) {
        if (t->host.press)
            t->host.press(t->host.opaque, key);
        return;
    }
    if (!t->host.type)
        return;
    for (size_t i = 0; i < ARRAY_LEN(sequences); i++)
        if (key == sequences[i].key) {
            t->host.type(t->host.opaque, (const u8 *)sequences[i].bytes, strlen(sequences[i].bytes));
            return;
        }
    if (key < 0x80)
        t->host.type(t->host.opaque, &(u8){ (u8)key }, 1);
}
