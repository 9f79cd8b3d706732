/* Where the beam is: from guest time and the registers that say how long lines and frames are, nothing is stored. */
#include "iodev/display/vga-core.h"

enum { CLOCK_25 = 25175000, CLOCK_28 = 28322000 };

/* A Bochs mode has no timing of its own: 60 pictures a second, a twentieth of a picture without lines. */
static void extended_beam(const struct device *d, struct vga_beam *b)
{
    u64 lines = vga_of(d)->dispi[DISPI_YRES], total = lines + lines / 20 + 8;
    enum { STEPS = 10 }; /* of a line; two of them blank */
    u64 at = domain_ticks(domain_make(d->env->clock->hz, 60 * total * STEPS, 1), d->env->clock->now);
    u64 line = at / STEPS % total;
    b->frame = at / STEPS / total;
    b->retraces = b->frame + (line >= lines + 4);
    b->shows = line < lines && at % STEPS < STEPS - 2;
    b->vertical_retrace = line >= lines + 4;
}

void vga_beam(const struct device *d, struct vga_beam *b)
{
    const struct vga *v = vga_of(d);
    *b = (struct vga_beam){ .running = (v->seq[0] & 3) == 3 };
    if (vga_extended(v)) {
        b->running = true;
        extended_beam(d, b);
        return;
    }
    if (!b->running)
        return;
    u64 hz = (v->misc >> 2 & 3) == 1 ? CLOCK_28 : CLOCK_25, dots = v->seq[1] & 1 ? 8 : 9;
    dots <<= v->seq[1] >> 3 & 1;
    u64 chars = v->crtc[0] + 5u;
    unsigned overflow = v->crtc[7];
    u64 lines = (v->crtc[6] | (overflow & 1) << 8 | (overflow >> 5 & 1) << 9) + 2u;
    u64 shown = (v->crtc[0x12] | (overflow >> 1 & 1) << 8 | (overflow >> 6 & 1) << 9) + 1u;
    u64 retrace = v->crtc[0x10] | (overflow >> 2 & 1) << 8 | (overflow >> 7 & 1) << 9;
    u64 length = (v->crtc[0x11] - retrace) & 0xf; /* its end is told by four bits (vertical retrace end register) */
    length = length ? length : 16;
    u64 at = domain_ticks(domain_make(d->env->clock->hz, hz, dots), d->env->clock->now);
    unsigned twice = v->crtc[0x17] >> 2 & 1; /* the vertical counter counts every second line */
    u64 line = (at / chars >> twice) % lines;
    b->frame = (at / chars >> twice) / lines;
    b->retraces = b->frame + (line >= retrace);
    b->shows = line < shown && at % chars <= v->crtc[1];
    b->vertical_retrace = line >= retrace && line - retrace < length;
}
