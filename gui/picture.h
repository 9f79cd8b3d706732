/* What a screen shows now, as the bytes of a picture file or as text. */
#ifndef GUI_PICTURE_H
#define GUI_PICTURE_H

#include "base/buf.h"
#include "base/err.h"
#include "iodev/screen.h"

enum picture_format { PICTURE_PPM, PICTURE_PNG };

/* `name` is "ppm" or "png"; NULL: by the end of the file's name, which is PPM unless it says .png. */
bool picture_format(const char *name, const char *path, enum picture_format *format, struct err *e);

/* The pixels of a screen, malloc'd; *mode has their width and height. NULL: the screen is blank, or has more pixels than
 * anybody looks at. */
u32 *picture_pixels(const struct device *screen, struct screen_mode *mode, struct err *e);

/* Appends a file with width * height pixels, 0x00RRGGBB. */
bool picture_encode(const u32 *pixels, unsigned width, unsigned height, enum picture_format format, struct buf *out,
                    struct err *e);

/* Appends the rows of a text mode in UTF-8, each without the blanks at its end; blinking characters are there. */
bool picture_text(const struct device *screen, struct buf *out, struct err *e);

#endif
