#include "gui/picture.h"

#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "gui/cp437.h"

#define MOST_PIXELS ((u64)1 << 26) /* 8192 x 8192 */

bool picture_format(const char *name, const char *path, enum picture_format *format, struct err *e)
{
    size_t n = strlen(path);
    if (!name)
        name = n > 4 && !strcmp(path + n - 4, ".png") ? "png" : "ppm";
    if (strcmp(name, "png") && strcmp(name, "ppm"))
        return err_set(e, "'%s' is no format of pictures; there are ppm and png", name);
    *format = strcmp(name, "png") ? PICTURE_PPM : PICTURE_PNG;
    return true;
}

u32 *picture_pixels(const struct device *screen, struct screen_mode *mode, struct err *e)
{
    const struct screen_ops *ops = screen->cls->screen;
    ops->mode(screen, mode);
    if (!mode->width || !mode->height || (u64)mode->width * mode->height > MOST_PIXELS) {
        if (mode->width && mode->height)
            err_set(e, "the screen says %ux%u pixels, which are too many for a picture", mode->width, mode->height);
        else
            err_set(e, "the screen is blank");
        return NULL;
    }
    u32 *pixels = xcalloc((size_t)mode->width * mode->height, sizeof *pixels);
    ops->draw(screen, pixels);
    return pixels;
}

/* --- PPM: netpbm's ppm(5) ------------------------------------------------------------------------------------- */

static void rgb_row(const u32 *pixels, unsigned width, u8 *row)
{
    for (unsigned x = 0; x < width; x++)
        for (unsigned c = 0; c < 3; c++)
            *row++ = (u8)(pixels[x] >> (16 - 8 * c));
}

static void encode_ppm(const u32 *pixels, unsigned width, unsigned height, u8 *row, struct buf *out)
{
    buf_printf(out, "P6\n%u %u\n255\n", width, height);
    for (unsigned y = 0; y < height; y++) {
        rgb_row(pixels + (size_t)y * width, width, row);
        buf_put(out, row, (size_t)3 * width);
    }
}

/* --- PNG ------------------------------------------------------------------------------------------------------ */

static void png_bytes(png_structp png, png_bytep bytes, png_size_t n)
{
    buf_put(png_get_io_ptr(png), bytes, n);
}

static void png_flushed(png_structp png)
{
}

static void png_failed(png_structp png, png_const_charp text)
{
    err_set(png_get_error_ptr(png), "libpng: %s", text);
    png_longjmp(png, 1);
}

static void png_warned(png_structp png, png_const_charp text)
{
}

static bool encode_png(const u32 *pixels, unsigned width, unsigned height, u8 *row, struct buf *out, struct err *e)
{
    png_infop info = NULL;
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, e, png_failed, png_warned);
    if (png)
        info = png_create_info_struct(png);
    if (!info) {
        png_destroy_write_struct(&png, NULL);
        return err_set(e, "libpng: no memory, or another version than this program was built with");
    }
    if (setjmp(png_jmpbuf(png))) {
        png_destroy_write_struct(&png, &info);
        return false;
    }
    png_set_write_fn(png, out, png_bytes, png_flushed);
    png_set_IHDR(png, info, width, height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    for (unsigned y = 0; y < height; y++) {
        rgb_row(pixels + (size_t)y * width, width, row);
        png_write_row(png, row);
    }
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    return true;
}

bool picture_encode(const u32 *pixels, unsigned width, unsigned height, enum picture_format format, struct buf *out,
                    struct err *e)
{
    u8 *row = xmalloc((size_t)3 * width);
    bool ok = true;
    if (format == PICTURE_PNG)
        ok = encode_png(pixels, width, height, row, out, e);
    else
        encode_ppm(pixels, width, height, row, out);
    free(row);
    return ok;
}

/* --- text ----------------------------------------------------------------------------------------------------- */

static bool is_blank(const struct screen_cell *c)
{
    return cp437[c->code] == ' ';
}

bool picture_text(const struct device *screen, struct buf *out, struct err *e)
{
    const struct screen_ops *ops = screen->cls->screen;
    struct screen_mode mode;
    int cursor;
    ops->mode(screen, &mode);
    if (!mode.columns || !mode.rows || !ops->text)
        return mode.width ? err_set(e, "the screen is in a graphics mode, %ux%u", mode.width, mode.height)
                          : err_set(e, "the screen is blank");
    struct screen_cell *cells = xcalloc((size_t)mode.columns * mode.rows, sizeof *cells);
    ops->text(screen, cells, &cursor);
    for (unsigned y = 0; y < mode.rows; y++) {
        const struct screen_cell *row = cells + (size_t)y * mode.columns;
        unsigned n = mode.columns;
        while (n && is_blank(&row[n - 1]))
            n--;
        for (unsigned x = 0; x < n; x++) {
            char text[3];
            buf_put(out, text, utf8_put(cp437[row[x].code], text));
        }
        buf_put(out, "\n", 1);
    }
    free(cells);
    return true;
}
