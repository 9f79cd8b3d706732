/* A display adapter for the tests of this folder: it shows what the test put into it. */
#ifndef TESTS_GUI_SCREEN_RIG_H
#define TESTS_GUI_SCREEN_RIG_H

#include <string.h>

#include "iodev/screen.h"

struct shown {
    struct screen_mode mode;
    const u32 *pixels;
    const struct screen_cell *cells;
    int cursor;
};

static inline void shown_mode(const struct device *d, struct screen_mode *mode)
{
    *mode = ((const struct shown *)d->state)->mode;
}

static inline void shown_draw(const struct device *d, u32 *pixels)
{
    const struct shown *s = d->state;
    memcpy(pixels, s->pixels, (size_t)s->mode.width * s->mode.height * sizeof *pixels);
}

static inline void shown_text(const struct device *d, struct screen_cell *cells, int *cursor)
{
    const struct shown *s = d->state;
    memcpy(cells, s->cells, (size_t)s->mode.columns * s->mode.rows * sizeof *cells);
    *cursor = s->cursor;
}

static const struct screen_ops shown_ops = { shown_mode, shown_draw, shown_text };
static const struct device_class shown_class = { .name = "shown", .screen = &shown_ops };

static inline struct device shown_device(struct shown *s)
{
    return (struct device){ .cls = &shown_class, .path = "/shown", .state = s };
}

#endif
