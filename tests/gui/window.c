/* The window with SDL's dummy driver: picture, mode changes, keys, mouse, closing. Events are pushed as SDL would. */
#define SDL_MAIN_HANDLED
#include <SDL.h>
#include <stdlib.h>

#include "base/arena.h"
#include "gui/window.h"
#include "iodev/input/keys.h"
#include "tests/gui/screen_rig.h"
#include "tests/unit.h"

struct felt {
    char keys[256];
    int dx, dy, wheel;
    u8 buttons;
    unsigned released, closed;
};

static void on_key(void *opaque, u8 usage, bool down)
{
    struct felt *f = opaque;
    size_t n = strlen(f->keys);
    const struct key *k = key_by_usage(usage);
    snprintf(f->keys + n, sizeof f->keys - n, "%c%s ", down ? '+' : '-', k ? k->name : "?");
}

static void on_chord(void *opaque, const u8 *usages, unsigned n)
{
    CU_FAIL("a window presses keys one by one");
}

static void on_release(void *opaque) { ((struct felt *)opaque)->released++; }
static void on_closed(void *opaque) { ((struct felt *)opaque)->closed++; }
static void on_buttons(void *opaque, u8 buttons) { ((struct felt *)opaque)->buttons = buttons; }

static void on_move(void *opaque, int dx, int dy, int wheel)
{
    struct felt *f = opaque;
    f->dx += dx;
    f->dy += dy;
    f->wheel += wheel;
}

static struct window *open_with(struct device *d, struct felt *f, bool stays)
{
    struct gui_hands hands = { f, on_key, on_chord, on_release, on_move, on_buttons, on_closed };
    struct window_options o = { .title = "test", .stays = stays };
    struct err e = { "" };
    struct window *w = window_new(d, &hands, &o, &e);
    if (!w)
        puts(e.text);
    CU_ASSERT_FATAL(w != NULL);
    return w;
}

static void key(SDL_Scancode code, bool down, u16 mod, bool repeat)
{
    SDL_Event e = { .key = { .type = down ? SDL_KEYDOWN : SDL_KEYUP, .state = down, .repeat = repeat,
                             .keysym = { .scancode = code, .mod = mod } } };
    SDL_PushEvent(&e);
}

static void keys_and_mouse(void)
{
    static u32 pixels[720 * 400];
    struct shown s = { .mode = { .width = 720, .height = 400 }, .pixels = pixels };
    struct device d = shown_device(&s);
    struct felt f = { .dx = 0 };
    struct window *w = open_with(&d, &f, false);
    window_poll(w);
    window_draw(w, "");
    key(SDL_SCANCODE_A, true, 0, false);
    key(SDL_SCANCODE_A, true, 0, true); /* the host's repeat is not the guest's */
    key(SDL_SCANCODE_A, false, 0, false);
    key(SDL_SCANCODE_NONUSHASH, true, 0, false);
    key(SDL_SCANCODE_RCTRL, true, 0, false);
    key(SDL_SCANCODE_AUDIONEXT, true, 0, false); /* no keyboard here has it */
    window_poll(w);
    CU_ASSERT_STRING_EQUAL(f.keys, "+a -a +backslash +ctrl_r ");
    f.keys[0] = 0;
    SDL_PushEvent(&(SDL_Event){ .motion = { .type = SDL_MOUSEMOTION, .xrel = 5, .yrel = 6 } });
    window_poll(w);
    CU_ASSERT(f.dx == 0 && f.dy == 0); /* not taken yet */
    SDL_PushEvent(&(SDL_Event){ .button = { .type = SDL_MOUSEBUTTONDOWN, .button = SDL_BUTTON_LEFT } });
    SDL_PushEvent(&(SDL_Event){ .button = { .type = SDL_MOUSEBUTTONUP, .button = SDL_BUTTON_LEFT } });
    window_poll(w); /* (taking the mouse, SDL forgets movements that wait) */
    SDL_PushEvent(&(SDL_Event){ .motion = { .type = SDL_MOUSEMOTION, .xrel = 5, .yrel = 6 } });
    SDL_PushEvent(&(SDL_Event){ .wheel = { .type = SDL_MOUSEWHEEL, .y = 1 } });
    SDL_PushEvent(&(SDL_Event){ .button = { .type = SDL_MOUSEBUTTONDOWN, .button = SDL_BUTTON_RIGHT } });
    SDL_PushEvent(&(SDL_Event){ .button = { .type = SDL_MOUSEBUTTONDOWN, .button = SDL_BUTTON_MIDDLE } });
    window_poll(w);
    CU_ASSERT(f.dx == 5 && f.dy == 6 && f.wheel == -1);
    CU_ASSERT_EQUAL(f.buttons, 6);
    key(SDL_SCANCODE_G, true, KMOD_LCTRL | KMOD_LALT, false); /* lets go: buttons too, and no g */
    SDL_PushEvent(&(SDL_Event){ .motion = { .type = SDL_MOUSEMOTION, .xrel = 5, .yrel = 6 } });
    window_poll(w);
    CU_ASSERT(f.dx == 5 && f.buttons == 0 && !f.keys[0]);
    SDL_PushEvent(&(SDL_Event){ .window = { .type = SDL_WINDOWEVENT, .event = SDL_WINDOWEVENT_FOCUS_LOST } });
    window_poll(w);
    CU_ASSERT(f.released >= 1);
    SDL_PushEvent(&(SDL_Event){ .type = SDL_QUIT });
    window_poll(w);
    CU_ASSERT_EQUAL(f.closed, 1);
    window_free(w);
    w = open_with(&d, &f, true);
    SDL_PushEvent(&(SDL_Event){ .type = SDL_QUIT });
    window_poll(w);
    CU_ASSERT_EQUAL(f.closed, 1);
    window_free(w);
}

static void modes(void)
{
    static const unsigned sizes[][2] = { { 720, 400 }, { 320, 200 }, { 1920, 1080 }, { 640, 480 }, { 0, 0 }, { 100000, 2 } };
    u32 *pixels = xcalloc(1920 * 1080, sizeof *pixels);
    struct shown s = { .pixels = pixels };
    struct device d = shown_device(&s);
    struct felt f = { .dx = 0 };
    struct window *w = open_with(&d, &f, false);
    for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
        s.mode.width = sizes[i][0];
        s.mode.height = sizes[i][1];
        window_draw(w, i & 1 ? "paused" : "");
        int width, height;
        SDL_Window *window = SDL_GetWindowFromID(1);
        for (u32 id = 1; !window && id < 16; id++)
            window = SDL_GetWindowFromID(id);
        CU_ASSERT_FATAL(window != NULL);
        SDL_GetWindowSize(window, &width, &height);
        if (i < 4)
            CU_ASSERT(width == (int)sizes[i][0] && height == (int)sizes[i][1]); /* the window follows */
        CU_ASSERT_STRING_EQUAL(SDL_GetWindowTitle(window), i & 1 ? "test - paused" : "test");
        if (i == 3)
            SDL_SetWindowSize(window, 1000, 700); /* a person's size stays */
        if (i > 3)
            CU_ASSERT(width == 1000 && height == 700);
    }
    window_free(w);
    free(pixels);
}

static void places(void)
{
    static const struct {
        unsigned w, h;
        int window_w, window_h;
        struct window_place at;
    } cases[] = {
        { 720, 400, 720, 400, { 0, 0, 720, 400 } },
        { 720, 400, 1000, 900, { 140, 250, 720, 400 } },
        { 320, 200, 1000, 700, { 20, 50, 960, 600 } },
        { 640, 480, 320, 480, { 0, 120, 320, 240 } },
        { 640, 480, 640, 240, { 160, 0, 320, 240 } },
        { 0, 480, 640, 240, { 0, 0, 0, 0 } },
    };
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        struct window_place p = window_place(cases[i].w, cases[i].h, cases[i].window_w, cases[i].window_h);
        CU_ASSERT(!memcmp(&p, &cases[i].at, sizeof p));
    }
}

static void usages(void)
{
    CU_ASSERT_EQUAL(window_usage(SDL_SCANCODE_A), 0x04);
    CU_ASSERT_EQUAL(window_usage(SDL_SCANCODE_RGUI), 0xe7);
    CU_ASSERT_EQUAL(window_usage(SDL_SCANCODE_INTERNATIONAL1), 0x87);
    CU_ASSERT_EQUAL(window_usage(0), 0);
    CU_ASSERT_EQUAL(window_usage(-1), 0);
    CU_ASSERT_EQUAL(window_usage(260), 0);
    unsigned n = 0;
    for (const struct key *k = keys; k->usage; k++, n++) /* every key that keyboards have can be pressed */
        CU_ASSERT_EQUAL(window_usage(k->usage), k->usage);
    CU_ASSERT(n > 100);
}

int main(void)
{
    CU_TestInfo tests[] = {
        { "keys and mouse", keys_and_mouse }, { "modes", modes }, { "where the picture goes", places },
        { "scancodes are usages", usages }, CU_TEST_INFO_NULL,
    };
    setenv("SDL_VIDEODRIVER", "dummy", 1);
    return unit_main("gui/window", tests);
}
