/* Sets every video mode through the BIOS and paints a pattern into it, in real mode. Each picture is announced on the
 * first serial port ("READY NAME"); the next one is painted when a byte has come from there. */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
#define GS __attribute__((address_space(256)))

/* --- ports, BIOS, serial ------------------------------------------------------------------------------------- */

static void outb(u16 port, u8 v) { __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port)); }
static void outw(u16 port, u16 v) { __asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port)); }
static u8 inb(u16 port)
{
    u8 v;
    __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}
static u16 inw(u16 port)
{
    u16 v;
    __asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static u16 bios(u16 ax, u16 bx, u16 cx, u16 dx, u16 es_bp)
{
    u32 a = ax, b = bx, c = cx, d = dx, di = es_bp;
    __asm__ volatile("pushl %%ebp; movl %%edi, %%ebp; int $0x10; popl %%ebp"
                     : "+a"(a), "+b"(b), "+c"(c), "+d"(d), "+D"(di) : : "esi", "memory", "cc");
    return (u16)a;
}

static void put(char c)
{
    while (!(inb(0x3fd) & 0x20))
        ;
    outb(0x3f8, (u8)c);
}

static void say(const char *s)
{
    while (*s)
        put(*s++);
}

static void picture(const char *name)
{
    outb(0x3d4, 0x0a); /* no cursor */
    outb(0x3d5, 0x20);
    outb(0x3b4, 0x0a);
    outb(0x3b5, 0x20);
    say("READY ");
    say(name);
    say("\n");
    while (!(inb(0x3fd) & 1))
        ;
    (void)inb(0x3f8);
}

/* --- painting ------------------------------------------------------------------------------------------------ */

static void segment(u16 s) { __asm__ volatile("movw %0, %%gs" : : "r"(s)); }
static void poke(u32 at, u8 v) { *(volatile u8 GS *)at = v; }
static void poke16(u32 at, u16 v) { *(volatile u16 GS *)at = v; }
static void poke32(u32 at, u32 v) { *(volatile u32 GS *)at = v; }
static u8 peek(u32 at) { return *(volatile u8 GS *)at; }
static void sequencer(u8 index, u8 v) { outb(0x3c4, index); outb(0x3c5, v); }
static void graphics(u8 index, u8 v) { outb(0x3ce, index); outb(0x3cf, v); }
static void crtc(u8 index, u8 v) { outb(0x3d4, index); outb(0x3d5, v); }
static u8 crtc_in(u8 index) { outb(0x3d4, index); return inb(0x3d5); }
static void attribute(u8 index, u8 v)
{
    (void)inb(0x3da);
    outb(0x3c0, index);
    outb(0x3c0, v);
    outb(0x3c0, 0x20);
}
static void dispi(u16 index, u16 v) { outw(0x1ce, index); outw(0x1cf, v); }

static u8 pattern(u32 at, u32 k)
{
    return (u8)(at * 37 + (at >> 8) * 11 + k * 59 + ((at >> 4) & k * 21));
}

/* Every character with every attribute, sixteen backgrounds. Monochrome: without what underlines. */
static void text(u16 where, u32 cells, u32 mono)
{
    static const u8 grey[] = { 0x07, 0x0f, 0x70, 0x07, 0x00, 0x08, 0x0f, 0x70 };
    segment(where);
    for (u32 i = 0; i < cells; i++)
        poke16(2 * i, (u16)((u8)i | (mono ? grey[i >> 8 & 7] : (i >> 3) * 5 + i / 80) << 8));
}

static void planes(u32 bytes)
{
    segment(0xa000);
    for (u32 k = 0; k < 4; k++) {
        sequencer(2, (u8)(1 << k));
        for (u32 i = 0; i < bytes; i++)
            poke(i, pattern(i, k));
    }
    sequencer(2, 0xf);
}

/* What the graphics controller can do, in stripes of 8 lines. shift: what else its mode register holds. */
static void controller(u32 pitch, u8 shift)
{
    for (u32 y = 8; y < 136; y++) {
        u32 at = y * pitch + 2, k = y >> 3 & 15;
        graphics(8, 0xff);
        graphics(1, 0);
        graphics(3, 0);
        graphics(5, shift);
        sequencer(2, 0xf);
        switch (k) {
        case 1: graphics(1, 0xf); graphics(0, 5); break;                   /* set/reset */
        case 2: graphics(1, 0x6); graphics(0, 0xa); graphics(3, 3); break; /* some planes, rotated data */
        case 3: case 4: case 5: graphics(3, (u8)((k - 2) << 3)); break;    /* AND, OR, XOR */
        case 6: graphics(8, 0x5a); break;                                  /* bit mask */
        case 7: graphics(5, shift | 1); break;                                     /* latches */
        case 8: graphics(5, shift | 2); graphics(8, 0xe7); break;                  /* colours */
        case 9: graphics(5, shift | 3); graphics(0, 9); graphics(3, 1); break;     /* mask and colour */
        case 10: sequencer(2, 5); break;
        case 11: graphics(5, shift | 2); graphics(3, 0x18); break;                 /* colours, XOR */
        case 12: graphics(5, shift | 8); graphics(2, 6); graphics(7, 0xd); break;  /* read mode 1 */
        case 13: graphics(5, shift | 8); graphics(2, 3); graphics(7, 0xf); break;
        default: break;
        }
        for (u32 x = 0; x < 30; x++) {
            u8 read = peek(at + x + 1);
            poke(at + x, k >= 12 && k < 14 ? read : pattern(x * 3 + y, 2));
        }
    }
    graphics(8, 0xff);
    graphics(1, 0);
    graphics(3, 0);
    graphics(5, shift);
    sequencer(2, 0xf);
}

static void linear(u16 where, u32 bytes)
{
    segment(where);
    for (u32 i = 0; i < bytes; i++)
        poke(i, pattern(i, 0));
}

/* Red, green and blue with all of 0 to 63 in each. */
static void rainbow(void)
{
    outb(0x3c8, 0);
    for (u32 i = 0; i < 256; i++) {
        outb(0x3c9, (u8)(i & 63));
        outb(0x3c9, (u8)(i >> 2));
        outb(0x3c9, (u8)((i * 7) & 63));
    }
}

static void mode(u16 n) { bios(n, 0, 0, 0, 0); }

/* --- the pictures -------------------------------------------------------------------------------------------- */

static void text_modes(void)
{
    static const struct { u8 mode, mono; const char *name; } modes[] = {
        { 0, 0, "text-00" }, { 1, 0, "text-01" }, { 2, 0, "text-02" }, { 3, 0, "text-03" }, { 7, 1, "text-07" },
    };
    for (u32 i = 0; i < 5; i++) {
        mode(modes[i].mode);
        bios(0x1003, 0, 0, 0, 0); /* backgrounds instead of blinking */
        text(modes[i].mono ? 0xb000 : 0xb800, modes[i].mode < 2 ? 1000 : 2000, modes[i].mono);
        picture(modes[i].name);
    }
    mode(3);
    bios(0x1003, 0, 0, 0, 0);
    bios(0x1112, 0, 0, 0, 0); /* 8x8 characters: 50 lines */
    text(0xb800, 4000, 0);
    picture("text-50-lines");
    mode(3);
    bios(0x1003, 0, 0, 0, 0);
    bios(0x1111, 0, 0, 0, 0); /* 8x14 */
    text(0xb800, 2240, 0);
    picture("text-28-lines");
    mode(3);
    bios(0x1003, 0, 0, 0, 0);
    bios(0x1102, 4, 0, 0, 0); /* 8x8 as the second font ... */
    bios(0x1103, 4, 0, 0, 0); /* ... for attribute bit 3: 512 characters */
    text(0xb800, 2000, 0);
    picture("text-512-characters");
    attribute(0x12, 7);
    picture("text-512-characters-7-planes");
    mode(3);
    bios(0x1003, 0, 0, 0, 0);
    text(0xb800, 8000, 0);
    crtc(0x0d, 37); /* start address */
    crtc(0x0c, 2);
    crtc(0x07, (u8)(crtc_in(7) & ~0x10)); /* line compare 150 */
    crtc(0x09, (u8)(crtc_in(9) & ~0x40));
    crtc(0x18, 150);
    picture("text-split-screen");
    mode(3);
    bios(0x1003, 0, 0, 0, 0);
    text(0xb800, 2000, 0);
    sequencer(1, 1); /* 8 dots */
    crtc(0x13, 60); /* longer rows */
    picture("text-8-dots-offset");
    rainbow();
    for (u8 i = 0; i < 16; i++)
        attribute(i, (u8)(i * 3));
    attribute(0x14, 0x5);
    picture("text-palette-select");
    attribute(0x10, 0x80);
    picture("text-palette-select-4");
    outb(0x3c6, 0x37);
    picture("text-pel-mask");
    outb(0x3c6, 0xff);
    sequencer(1, 0x21);
    picture("screen-off");
}

static void cga_modes(void)
{
    for (u32 k = 4; k <= 6; k++) {
        mode((u16)k);
        linear(0xb800, 0x4000);
        picture(k == 4 ? "cga-04" : k == 5 ? "cga-05" : "cga-06");
    }
    mode(4);
    bios(0x0b00, 0x0101, 0, 0, 0); /* the other palette */
    bios(0x0b00, 0x0003, 0, 0, 0);
    linear(0xb800, 0x4000);
    picture("cga-04-palette");
}

static void planar_modes(void)
{
    static const struct { u8 mode; u16 pitch, lines; const char *name; } modes[] = {
        { 0x0d, 40, 200, "planar-0d" }, { 0x0e, 80, 200, "planar-0e" }, { 0x0f, 80, 350, "planar-0f" },
        { 0x10, 80, 350, "planar-10" }, { 0x11, 80, 480, "planar-11" }, { 0x12, 80, 480, "planar-12" },
    };
    for (u32 i = 0; i < 6; i++) {
        mode(modes[i].mode);
        planes((u32)modes[i].pitch * modes[i].lines);
        controller(modes[i].pitch, 0);
        picture(modes[i].name);
    }
    mode(0x0d);
    planes(0x8000);
    crtc(0x0c, 0x20); /* start address 0x2003, wider rows, split at line 220 */
    crtc(0x0d, 0x03);
    crtc(0x13, 30);
    crtc(0x07, (u8)(crtc_in(7) & ~0x10));
    crtc(0x09, (u8)(crtc_in(9) & ~0x40));
    crtc(0x18, 220);
    picture("planar-split-screen");
    crtc(0x18, 121);
    picture("planar-split-screen-odd");
    mode(0x12);
    planes(0x9600);
    crtc(9, 3); /* every line four times */
    picture("planar-high-lines");
    crtc(9, 0x81);
    picture("planar-double-scan");
}

static void mode_13(void)
{
    mode(0x13);
    linear(0xa000, 64000);
    picture("linear-13");
    rainbow();
    picture("linear-13-palette");
    outb(0x3c6, 0x5f);
    picture("linear-13-pel-mask");
    mode(0x13);
    rainbow();
    sequencer(4, 6); /* mode X: 320x240, four pages in planes */
    crtc(0x11, 0x2c);
    outb(0x3c2, 0xe3);
    crtc(0x06, 0x0d);
    crtc(0x07, 0x3e);
    crtc(0x10, 0xea);
    crtc(0x11, 0xac);
    crtc(0x12, 0xdf);
    crtc(0x15, 0xe7);
    crtc(0x16, 0x06);
    crtc(0x14, 0);
    crtc(0x17, 0xe3);
    planes(0xffff);
    picture("mode-x");
    crtc(0x0c, 0x4b); /* the second page */
    picture("mode-x-page-1");
    controller(80, 0x40);
    crtc(0x0c, 0);
    picture("mode-x-controller");
    crtc(9, 0x40); /* 320x480 */
    picture("mode-x-480");
}

/* What QEMU does not know: the picture moved by less than a character. */
static void panning(void)
{
    mode(0x0d);
    planes(0x8000);
    crtc(0x13, 30);
    picture("pan-planar");
    attribute(0x13, 3);
    picture("pan-planar-3");
    crtc(0x07, (u8)(crtc_in(7) & ~0x10));
    crtc(0x09, (u8)(crtc_in(9) & ~0x40));
    crtc(0x18, 199);
    picture("pan-planar-3-split");
    attribute(0x10, 0x21);
    picture("pan-planar-3-split-top");
    crtc(0x08, 0x20); /* one byte */
    picture("pan-planar-byte");
    mode(0x13);
    linear(0xa000, 0xffff);
    picture("pan-13");
    attribute(0x13, 4);
    picture("pan-13-4");
    mode(3);
    bios(0x1003, 0, 0, 0, 0);
    text(0xb800, 4000, 0);
    picture("pan-text");
    attribute(0x13, 2);
    crtc(0x08, 5); /* from the sixth line of the characters on */
    picture("pan-text-2-row-5");
    mode(3);
    mode(7); /* SeaBIOS sets the CRT controller up before it moves to 0x3b4, so mode 3's stays */
    outb(0x3b4, 0x14);
    outb(0x3b5, 0x0f);
    segment(0xb000);
    for (u32 i = 0; i < 2000; i++)
        poke16(2 * i, (u16)(0x20 | (i & 0xff) << 8));
    picture("underline");
}

/* --- VBE ----------------------------------------------------------------------------------------------------- */

static int is_mode(u16 number, u32 width, u32 height, u32 bits)
{
    static u8 block[256];
    u32 a = 0x4f01, c = number, d = (u32)block;
    __asm__ volatile("pushw %%es; pushw $0; popw %%es; int $0x10; popw %%es"
                     : "+a"(a), "+c"(c), "+D"(d) : : "ebx", "edx", "esi", "memory", "cc");
    u32 w = block[18] | block[19] << 8, h = block[20] | block[21] << 8, bpp = block[25];
    if ((a & 0xffff) != 0x4f)
        return 0;
    /* 5-5-5 says 15 or 16 with a mask of five green bits. */
    if (bpp == 16 && block[33] == 5)
        bpp = 15;
    return w == width && h == height && bpp == bits;
}

static u16 find_mode(u32 width, u32 height, u32 bpp)
{
    for (u16 n = 0x100; n < 0x1a0; n++)
        if (is_mode(n, width, height, bpp))
            return n;
    return 0;
}

static void fill_banks(u32 bytes)
{
    segment(0xa000);
    for (u32 bank = 0; bank * 0x10000 < bytes; bank++) {
        bios(0x4f05, 0, 0, (u16)bank, 0);
        for (u32 i = 0; i < 0x10000; i += 4) {
            u32 at = bank << 14 | i >> 2;
            poke32(i, at * 0x01030507 + (at >> 9) * 0x11);
        }
    }
}

static void vbe_modes(void)
{
    static const struct { u16 width, height; u8 bpp; const char *name; } modes[] = {
        { 640, 480, 8, "vbe-640-8" }, { 640, 480, 15, "vbe-640-15" }, { 640, 480, 16, "vbe-640-16" },
        { 640, 480, 24, "vbe-640-24" }, { 640, 480, 32, "vbe-640-32" }, { 1024, 768, 8, "vbe-1024-8" },
        { 1024, 768, 16, "vbe-1024-16" }, { 1280, 1024, 24, "vbe-1280-24" }, { 1920, 1080, 32, "vbe-1920-32" },
    };
    /* QEMU 7.2 ignores the map mask in it. */
    mode(0x12);
    u16 n = find_mode(800, 600, 4);
    if (n && bios(0x4f02, n, 0, 0, 0) == 0x4f) {
        planes(60000);
        controller(100, 0);
        picture("vbe-800-4");
    } else {
        say("MISSING vbe-800-4\n");
    }
    for (u32 i = 0; i < 9; i++) {
        n = find_mode(modes[i].width, modes[i].height, modes[i].bpp);
        if (!n || bios(0x4f02, n, 0, 0, 0) != 0x4f) {
            say("MISSING ");
            say(modes[i].name);
            say("\n");
            continue;
        }
        if (modes[i].bpp == 8)
            rainbow();
        fill_banks((u32)modes[i].width * modes[i].height * ((modes[i].bpp + 7u) / 8));
        picture(modes[i].name);
    }
}

/* The interface itself, without the BIOS. */
static void dispi_modes(void)
{
    bios(0x4f02, find_mode(640, 480, 8), 0, 0, 0);
    dispi(4, 0);
    dispi(1, 720);
    dispi(2, 400);
    dispi(3, 16);
    dispi(4, 1);
    dispi(6, 1000); /* virtual width */
    dispi(8, 100);
    dispi(9, 77);
    fill_banks(1000 * 500 * 2);
    picture("dispi-virtual");
    dispi(4, 0);
    dispi(1, 640);
    dispi(2, 400);
    dispi(3, 8);
    dispi(4, 0x21); /* 8 bits for a colour */
    outb(0x3c8, 0);
    for (u32 i = 0; i < 256; i++) {
        outb(0x3c9, (u8)i);
        outb(0x3c9, (u8)(255 - i));
        outb(0x3c9, (u8)(i * 5));
    }
    fill_banks(640 * 400);
    picture("dispi-8-bit-dac");
    dispi(4, 0);
    dispi(0, 0xb0c4);
    outw(0x1ce, 0);
    if (inw(0x1cf) != 0xb0c4)
        say("MISSING dispi-id\n");
    mode(3);
    text(0xb800, 2000, 0);
    bios(0x1003, 0, 0, 0, 0);
    picture("text-again");
}

void main(void)
{
    outb(0x3fb, 0x80); /* 115200 8N1 */
    outb(0x3f8, 1);
    outb(0x3f9, 0);
    outb(0x3fb, 3);
    outb(0x3fc, 3);
    text_modes();
    cga_modes();
    planar_modes();
    mode_13();
    panning();
    vbe_modes();
    dispi_modes();
    say("DONE\n");
}
