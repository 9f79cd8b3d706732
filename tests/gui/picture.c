/* Pictures of a screen, read back by libpng and by hand; the text of a screen; code page 437. */
#include <png.h>
#include <stdlib.h>

#include "base/arena.h"
#include "gui/cp437.h"
#include "gui/picture.h"
#include "tests/gui/screen_rig.h"
#include "tests/unit.h"

#define W 37
#define H 11

static void fill(u32 *pixels)
{
    for (unsigned i = 0; i < W * H; i++)
        pixels[i] = (i * 2654435761u) >> 8 & 0xffffff;
}

static void png(void)
{
    u32 pixels[W * H];
    struct buf out = { 0 };
    struct err e = { "" };
    fill(pixels);
    CU_ASSERT_FATAL(picture_encode(pixels, W, H, PICTURE_PNG, &out, &e));
    png_image image = { .version = PNG_IMAGE_VERSION };
    CU_ASSERT_FATAL(png_image_begin_read_from_memory(&image, out.data, out.len));
    CU_ASSERT_EQUAL(image.width, W);
    CU_ASSERT_EQUAL(image.height, H);
    image.format = PNG_FORMAT_RGB;
    u8 *back = xmalloc(PNG_IMAGE_SIZE(image));
    CU_ASSERT_FATAL(png_image_finish_read(&image, NULL, back, 0, NULL));
    bool same = true;
    for (unsigned i = 0; i < W * H; i++)
        same = same && (u32)(back[3 * i] << 16 | back[3 * i + 1] << 8 | back[3 * i + 2]) == pixels[i];
    CU_ASSERT(same);
    free(back);
    struct buf again = { 0 };
    CU_ASSERT(picture_encode(pixels, W, H, PICTURE_PNG, &again, &e));
    CU_ASSERT(again.len == out.len && !memcmp(again.data, out.data, out.len)); /* no date in it */
    buf_free(&again);
    buf_free(&out);
    CU_ASSERT_FALSE(picture_encode(pixels, 0, 0, PICTURE_PNG, &out, &e)); /* libpng's own refusal, in words */
    CU_ASSERT(strstr(e.text, "libpng") != NULL);
    buf_free(&out);
}

static void ppm(void)
{
    static const u32 pixels[] = { 0xff0000, 0x00ff00, 0x0000ff, 0x123456 };
    static const u8 expect[] = "P6\n2 2\n255\n\xff\0\0\0\xff\0\0\0\xff\x12\x34\x56";
    struct buf out = { 0 };
    struct err e;
    CU_ASSERT(picture_encode(pixels, 2, 2, PICTURE_PPM, &out, &e));
    CU_ASSERT(out.len == sizeof expect - 1 && !memcmp(out.data, expect, out.len));
    buf_free(&out);
}

static void formats(void)
{
    enum picture_format f;
    struct err e;
    CU_ASSERT(picture_format(NULL, "a.png", &f, &e) && f == PICTURE_PNG);
    CU_ASSERT(picture_format(NULL, "a.ppm", &f, &e) && f == PICTURE_PPM);
    CU_ASSERT(picture_format(NULL, ".png", &f, &e) && f == PICTURE_PPM);
    CU_ASSERT(picture_format("png", "a.ppm", &f, &e) && f == PICTURE_PNG);
    CU_ASSERT(picture_format("ppm", "a.png", &f, &e) && f == PICTURE_PPM);
    CU_ASSERT_FALSE(picture_format("jpeg", "a.png", &f, &e));
    CU_ASSERT(strstr(e.text, "'jpeg'") != NULL);
}

static void pixels_of_a_screen(void)
{
    u32 pixels[W * H];
    struct shown s = { .mode = { .width = W, .height = H }, .pixels = pixels };
    struct device d = shown_device(&s);
    struct screen_mode mode;
    struct err e;
    fill(pixels);
    u32 *got = picture_pixels(&d, &mode, &e);
    CU_ASSERT_FATAL(got != NULL);
    CU_ASSERT(mode.width == W && mode.height == H && !memcmp(got, pixels, sizeof pixels));
    free(got);
    s.mode.width = 0;
    CU_ASSERT(picture_pixels(&d, &mode, &e) == NULL);
    CU_ASSERT(strstr(e.text, "blank") != NULL);
    s.mode.width = s.mode.height = 100000;
    CU_ASSERT(picture_pixels(&d, &mode, &e) == NULL);
    CU_ASSERT(strstr(e.text, "100000x100000") != NULL);
}

static void text(void)
{
    struct screen_cell cells[12] = { { 0 } };
    struct shown s = { .mode = { .width = 32, .height = 48, .columns = 4, .rows = 3 }, .cells = cells, .cursor = -1 };
    struct device d = shown_device(&s);
    struct buf out = { 0 };
    struct err e;
    cells[0].code = 'H';
    cells[2].code = 0xe1; /* sharp s */
    cells[2].blinked_out = true;
    cells[3].code = ' ';
    cells[4].code = 0xff;
    cells[11].code = 0xdb; /* full block */
    CU_ASSERT(picture_text(&d, &out, &e));
    CU_ASSERT_STRING_EQUAL(buf_cstr(&out), "H \xc3\x9f\n\n   \xe2\x96\x88\n");
    out.len = 0;
    s.mode = (struct screen_mode){ .width = 640, .height = 480 };
    CU_ASSERT_FALSE(picture_text(&d, &out, &e));
    CU_ASSERT(strstr(e.text, "graphics mode, 640x480") != NULL);
    s.mode = (struct screen_mode){ 0 };
    CU_ASSERT_FALSE(picture_text(&d, &out, &e));
    CU_ASSERT(strstr(e.text, "blank") != NULL);
    CU_ASSERT_EQUAL(out.len, 0);
    buf_free(&out);
}

static void code_page(void)
{
    static const struct {
        u8 code;
        const char *utf8;
    } some[] = { { 'A', "A" }, { 0x7e, "~" }, { 0x01, "\u263a" }, { 0x7f, "\u2302" }, { 0x80, "\u00c7" }, { 0x9e, "\u20a7" },
                 { 0xa9, "\u2310" }, { 0xb0, "\u2591" }, { 0xc4, "\u2500" }, { 0xcd, "\u2550" }, { 0xda, "\u250c" },
                 { 0xdb, "\u2588" }, { 0xe0, "\u03b1" }, { 0xe6, "\u00b5" }, { 0xf8, "\u00b0" }, { 0xfe, "\u25a0" } };
    for (unsigned i = 0; i < ARRAY_LEN(some); i++) {
        char got[4] = { 0 };
        CU_ASSERT_EQUAL(utf8_put(cp437[some[i].code], got), strlen(some[i].utf8));
        CU_ASSERT_STRING_EQUAL(got, some[i].utf8);
    }
    for (unsigned i = 0; i < 256; i++) /* every character once, but for the three blanks */
        for (unsigned k = 0; k < i; k++)
            CU_ASSERT(cp437[i] != cp437[k] || cp437[i] == ' ');
}

int main(void)
{
    CU_TestInfo tests[] = {
        { "PNG, read back", png }, { "PPM", ppm }, { "formats by name", formats }, { "pixels of a screen", pixels_of_a_screen },
        { "text of a screen", text }, { "code page 437", code_page }, CU_TEST_INFO_NULL,
    };
    return unit_main("gui/picture", tests);
}
