#define SDL_MAIN_HANDLED
#include "gui/window.h"

#include <SDL.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "iodev/input/keys.h"

#define FIRST_W 720 /* the text mode that a PC begins with */
#define FIRST_H 400
#define MOST_SIDE 8192

struct window {
    const struct device *screen;
    struct gui_hands hands;
    struct window_options options;
    SDL_Window *window;
    SDL_Renderer *renderer;
    SDL_Texture *texture;
    unsigned w, h;   /* of the texture */
    u32 *pixels, *shown;
    bool dirty;      /* to be drawn even if the guest's picture is the same */
    int set_w, set_h; /* the size that we gave it: a person's own size stays */
    bool grabbed, full_screen;
    u8 buttons;
    char title[160];
};

u8 window_usage(int scancode)
{
    u8 usage = scancode == SDL_SCANCODE_NONUSHASH ? SDL_SCANCODE_BACKSLASH : (u8)scancode; /* one key, two names */
    return scancode > 0 && scancode < 256 && key_by_usage(usage) ? usage : 0;
}

struct window_place window_place(unsigned w, unsigned h, int window_w, int window_h)
{
    struct window_place p = { 0 };
    if (!w || !h || window_w <= 0 || window_h <= 0)
        return p;
    int times = window_w / (int)w < window_h / (int)h ? window_w / (int)w : window_h / (int)h;
    p.w = (int)w * times;
    p.h = (int)h * times;
    if (!times && (i64)window_w * h < (i64)window_h * w) {
        p.w = window_w;
        p.h = (int)((i64)h * window_w / w);
    } else if (!times) {
        p.w = (int)((i64)w * window_h / h);
        p.h = window_h;
    }
    p.x = (window_w - p.w) / 2;
    p.y = (window_h - p.h) / 2;
    return p;
}

/* --- life ------------------------------------------------------------------------------------------------------ */

struct window *window_new(const struct device *screen, const struct gui_hands *hands, const struct window_options *o,
                          struct err *e)
{
    /* Signals are the host loop's, and a machine does not keep a person's screen from going dark. */
    SDL_SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1");
    SDL_SetHint(SDL_HINT_VIDEO_ALLOW_SCREENSAVER, "1");
    SDL_SetHint(SDL_HINT_GRAB_KEYBOARD, "1");
    SDL_SetMainReady();
    if (SDL_InitSubSystem(SDL_INIT_VIDEO)) {
        err_set(e, "there is no window: SDL says '%s'; try -display curses or -nographic", SDL_GetError());
        return NULL;
    }
    /* Without a display SDL takes a driver that shows nothing: only when somebody asked for it. */
    static const char *const shows_nothing[] = { "dummy", "offscreen", "evdev" };
    const char *driver = SDL_GetCurrentVideoDriver(), *asked = getenv("SDL_VIDEODRIVER");
    for (unsigned i = 0; i < ARRAY_LEN(shows_nothing) && !asked; i++)
        if (driver && !strcmp(driver, shows_nothing[i])) {
            SDL_QuitSubSystem(SDL_INIT_VIDEO);
            err_set(e, "there is no window: no display is to be had (DISPLAY or WAYLAND_DISPLAY); try -display curses or "
                    "-nographic");
            return NULL;
        }
    struct window *w = xcalloc(1, sizeof *w);
    w->screen = screen;
    w->hands = *hands;
    w->options = *o;
    w->set_w = FIRST_W;
    w->set_h = FIRST_H;
    w->full_screen = o->full_screen;
    w->window = SDL_CreateWindow(o->title, SDL_WINDOWPOS_UNDEFINED, SDL_WINDOWPOS_UNDEFINED, FIRST_W, FIRST_H,
                                 SDL_WINDOW_RESIZABLE | (o->full_screen ? SDL_WINDOW_FULLSCREEN_DESKTOP : 0));
    w->renderer = w->window ? SDL_CreateRenderer(w->window, -1, 0) : NULL;
    if (w->window && !w->renderer)
        w->renderer = SDL_CreateRenderer(w->window, -1, SDL_RENDERER_SOFTWARE);
    if (!w->renderer) {
        err_set(e, "there is no window: SDL says '%s'; try -display curses or -nographic", SDL_GetError());
        window_free(w);
        return NULL;
    }
    return w;
}

void window_free(struct window *w)
{
    if (!w)
        return;
    if (w->texture)
        SDL_DestroyTexture(w->texture);
    if (w->renderer)
        SDL_DestroyRenderer(w->renderer);
    if (w->window)
        SDL_DestroyWindow(w->window);
    SDL_QuitSubSystem(SDL_INIT_VIDEO);
    SDL_Quit();
    free(w->pixels);
    free(w->shown);
    free(w);
}

/* --- the picture ----------------------------------------------------------------------------------------------- */

/* A window that nobody has resized follows the guest's mode. */
static void follow_mode(struct window *w)
{
    int now_w, now_h;
    SDL_GetWindowSize(w->window, &now_w, &now_h);
    if (w->full_screen || now_w != w->set_w || now_h != w->set_h)
        return;
    SDL_SetWindowSize(w->window, (int)w->w, (int)w->h);
    SDL_GetWindowSize(w->window, &w->set_w, &w->set_h);
}

static bool set_mode(struct window *w, unsigned width, unsigned height)
{
    if (width == w->w && height == w->h)
        return w->texture != NULL;
    if (w->texture)
        SDL_DestroyTexture(w->texture);
    w->texture = SDL_CreateTexture(w->renderer, SDL_PIXELFORMAT_RGB888, SDL_TEXTUREACCESS_STREAMING, (int)width, (int)height);
    w->w = width;
    w->h = height;
    free(w->pixels);
    free(w->shown);
    w->pixels = xcalloc((size_t)width * height, sizeof *w->pixels);
    w->shown = xcalloc((size_t)width * height, sizeof *w->shown);
    w->dirty = true;
    follow_mode(w);
    return w->texture != NULL;
}

static void set_title(struct window *w, const char *state)
{
    char title[sizeof w->title];
    snprintf(title, sizeof title, "%s%s%s%s", w->options.title, *state ? " - " : "", state,
             w->grabbed ? " - Ctrl-Alt-G lets the mouse go" : "");
    if (strcmp(title, w->title)) {
        memcpy(w->title, title, sizeof title);
        SDL_SetWindowTitle(w->window, title);
    }
}

void window_draw(struct window *w, const char *state)
{
    struct screen_mode mode;
    set_title(w, state);
    w->screen->cls->screen->mode(w->screen, &mode);
    bool picture = mode.width && mode.height && mode.width <= MOST_SIDE && mode.height <= MOST_SIDE;
    if (picture) {
        if (!set_mode(w, mode.width, mode.height))
            return;
        w->screen->cls->screen->draw(w->screen, w->pixels);
    } else if (w->pixels) {
        memset(w->pixels, 0, (size_t)w->w * w->h * sizeof *w->pixels); /* blank */
    }
    size_t bytes = (size_t)w->w * w->h * sizeof *w->pixels;
    if (!w->dirty && (!w->pixels || !memcmp(w->pixels, w->shown, bytes)))
        return;
    SDL_SetRenderDrawColor(w->renderer, 0, 0, 0, 255);
    SDL_RenderClear(w->renderer);
    if (w->texture) {
        int window_w, window_h;
        memcpy(w->shown, w->pixels, bytes);
        SDL_GetRendererOutputSize(w->renderer, &window_w, &window_h);
        struct window_place p = window_place(w->w, w->h, window_w, window_h);
        SDL_SetTextureScaleMode(w->texture, p.w % (int)w->w ? SDL_ScaleModeLinear : SDL_ScaleModeNearest);
        SDL_UpdateTexture(w->texture, NULL, w->pixels, (int)(w->w * sizeof *w->pixels));
        SDL_RenderCopy(w->renderer, w->texture, NULL, &(SDL_Rect){ p.x, p.y, p.w, p.h });
    }
    SDL_RenderPresent(w->renderer);
    w->dirty = false;
}

/* --- keys and mouse ---------------------------------------------------------------------------------------------- */

static void grab(struct window *w, bool on)
{
    w->grabbed = on;
    SDL_SetRelativeMouseMode(on ? SDL_TRUE : SDL_FALSE);
    SDL_SetWindowGrab(w->window, on ? SDL_TRUE : SDL_FALSE);
    if (!on && w->buttons)
        w->hands.buttons(w->hands.opaque, w->buttons = 0);
}

/* Ctrl-Alt and a letter is for the window. */
static bool own_key(struct window *w, const SDL_KeyboardEvent *k)
{
    if (!(k->keysym.mod & KMOD_CTRL) || !(k->keysym.mod & KMOD_ALT))
        return false;
    switch (k->keysym.scancode) {
    case SDL_SCANCODE_G: grab(w, !w->grabbed); return true;
    case SDL_SCANCODE_F:
        w->full_screen = !w->full_screen;
        SDL_SetWindowFullscreen(w->window, w->full_screen ? SDL_WINDOW_FULLSCREEN_DESKTOP : 0);
        return true;
    case SDL_SCANCODE_U:
        if (!w->full_screen && w->w)
            SDL_SetWindowSize(w->window, (int)w->w, (int)w->h);
        SDL_GetWindowSize(w->window, &w->set_w, &w->set_h);
        return true;
    default: return false;
    }
}

static void on_key(struct window *w, const SDL_KeyboardEvent *k)
{
    bool down = k->type == SDL_KEYDOWN;
    u8 usage = window_usage(k->keysym.scancode);
    if (k->repeat || (down && own_key(w, k))) /* the guest's keyboard repeats by the guest's time */
        return;
    if (usage)
        w->hands.key(w->hands.opaque, usage, down);
}

static void on_button(struct window *w, const SDL_MouseButtonEvent *b)
{
    static const struct {
        u8 sdl, bit;
    } map[] = { { SDL_BUTTON_LEFT, 1 }, { SDL_BUTTON_RIGHT, 2 }, { SDL_BUTTON_MIDDLE, 4 }, { SDL_BUTTON_X1, 8 },
                { SDL_BUTTON_X2, 16 } };
    bool down = b->type == SDL_MOUSEBUTTONDOWN;
    if (!w->grabbed) { /* the first click only takes the mouse */
        if (down)
            grab(w, true);
        return;
    }
    for (unsigned i = 0; i < ARRAY_LEN(map); i++)
        if (map[i].sdl == b->button)
            w->buttons = (u8)(down ? w->buttons | map[i].bit : w->buttons & ~map[i].bit);
    w->hands.buttons(w->hands.opaque, w->buttons);
}

static void on_window(struct window *w, const SDL_WindowEvent *e)
{
    switch (e->event) {
    case SDL_WINDOWEVENT_EXPOSED:
    case SDL_WINDOWEVENT_SIZE_CHANGED: w->dirty = true; break;
    case SDL_WINDOWEVENT_FOCUS_LOST:
        grab(w, false);
        w->hands.release_all(w->hands.opaque);
        break;
    default: break;
    }
}

void window_poll(struct window *w)
{
    SDL_Event e;
    while (SDL_PollEvent(&e))
        switch (e.type) {
        case SDL_KEYDOWN:
        case SDL_KEYUP: on_key(w, &e.key); break;
        case SDL_MOUSEMOTION:
            if (w->grabbed)
                w->hands.move(w->hands.opaque, e.motion.xrel, e.motion.yrel, 0);
            break;
        case SDL_MOUSEBUTTONDOWN:
        case SDL_MOUSEBUTTONUP: on_button(w, &e.button); break;
        case SDL_MOUSEWHEEL:
            if (w->grabbed)
                w->hands.move(w->hands.opaque, 0, 0, -e.wheel.y);
            break;
        case SDL_WINDOWEVENT: on_window(w, &e.window); break;
        case SDL_RENDER_TARGETS_RESET:
        case SDL_RENDER_DEVICE_RESET: w->dirty = true; break;
        case SDL_QUIT:
            if (!w->options.stays)
                w->hands.closed(w->hands.opaque);
            break;
        default: break;
        }
}
