/* The PS/2 mouse: three buttons; a wheel after the rates 200, 100, 80 (IntelliMouse, identity 3); two more buttons
 * after 200, 200, 80 (identity 4). */
#include "iodev/input/ps2.h"

enum { ACK = 0xfa, RESEND = 0xfe, ERROR = 0xfc };

static void put(struct ps2_mouse *m, u8 byte)
{
    ps2_put(&m->out, &byte, 1);
}

static void defaults(struct ps2_mouse *m)
{
    m->rate = 100;
    m->resolution = 2;
    m->scale2 = m->enabled = m->remote = m->wrap = m->command = m->knock = 0;
    m->dx = m->dy = m->wheel = 0;
}

void ps2_mouse_reset(struct ps2_mouse *m)
{
    *m = (struct ps2_mouse){ .buttons = m->buttons, .told = m->buttons };
    defaults(m);
    put(m, 0xaa);
    put(m, 0);
}

static int clamp(int v, int low, int high)
{
    return v < low ? low : v > high ? high : v;
}

void ps2_mouse_move(struct ps2_mouse *m, int dx, int dy, int wheel, u8 buttons)
{
    m->dx = (i16)clamp(m->dx + dx, -4096, 4096);
    m->dy = (i16)clamp(m->dy + dy, -4096, 4096);
    m->wheel = (i16)clamp(m->wheel + wheel, -1024, 1024);
    m->buttons = buttons & 31;
}

static bool changed(const struct ps2_mouse *m)
{
    u8 known = m->id == 4 ? 31 : 7;
    return m->dx || m->dy || (m->id && m->wheel) || ((m->buttons ^ m->told) & known);
}

bool ps2_mouse_pending(const struct ps2_mouse *m)
{
    return m->enabled && !m->remote && !m->wrap && changed(m);
}

/* Scaling 2:1, for packets sent by themselves. */
static int scaled(const struct ps2_mouse *m, int v, bool stream)
{
    static const i8 doubled[] = { 0, 1, 1, 3, 6, 9 };
    int a = v < 0 ? -v : v;
    if (!m->scale2 || !stream)
        return v;
    a = a < 6 ? doubled[a] : 2 * a;
    return v < 0 ? -a : a;
}

static void packet(struct ps2_mouse *m, bool stream)
{
    int x = clamp(m->dx, -255, 255), y = clamp(m->dy, -255, 255);
    int z = m->id == 4 ? clamp(m->wheel, -8, 7) : clamp(m->wheel, -127, 127);
    int sx = clamp(scaled(m, x, stream), -256, 255), sy = clamp(scaled(m, y, stream), -256, 255);
    u8 p[4] = { (u8)((m->buttons & 7) | 8 | (sx < 0 ? 0x10 : 0) | (sy < 0 ? 0x20 : 0)), (u8)sx, (u8)sy, (u8)z };
    if (m->id == 4)
        p[3] = (u8)((z & 15) | (m->buttons & 0x18) << 1);
    if (!ps2_put(&m->out, p, m->id ? 4 : 3))
        return;
    m->dx = (i16)(m->dx - x);
    m->dy = (i16)(m->dy - y);
    m->wheel = m->id ? (i16)(m->wheel - z) : 0;
    m->told = m->buttons;
}

void ps2_mouse_sample(struct ps2_mouse *m)
{
    if (ps2_mouse_pending(m) && m->out.len < PS2_QUEUE / 2)
        packet(m, true);
}

u64 ps2_mouse_period(const struct ps2_mouse *m)
{
    return 1000000000u / (m->rate ? m->rate : 100u);
}

/* How far the rates set so far go towards 200, 100, 80 (steps 1, 2) or 200, 200, 80 (steps 1, 3). */
static void set_rate(struct ps2_mouse *m, u8 rate)
{
    u8 step = m->knock;
    m->rate = rate ? rate : 100;
    m->knock = 0;
    if (rate == 200)
        m->knock = step ? 3 : 1;
    else if (rate == 100 && (step == 1 || step == 3))
        m->knock = 2;
    else if (rate == 80 && step == 2 && !m->id)
        m->id = 3;
    else if (rate == 80 && step == 3 && m->id == 3)
        m->id = 4;
}

static void argument(struct ps2_mouse *m, u8 command, u8 v)
{
    if (command == 0xe8 && v > 3) {
        put(m, ERROR);
        return;
    }
    if (command == 0xe8)
        m->resolution = v;
    else
        set_rate(m, v);
    put(m, ACK);
}

static void status(struct ps2_mouse *m)
{
    put(m, ACK);
    put(m, (u8)((m->buttons & 1) << 2 | (m->buttons & 4) >> 1 | (m->buttons & 2) >> 1 | m->scale2 << 4 | m->enabled << 5 |
                m->remote << 6));
    put(m, m->resolution);
    put(m, m->rate);
}

void ps2_mouse_write(struct ps2_mouse *m, u8 v)
{
    u8 waiting = m->command;
    m->command = 0;
    if (m->wrap && v != 0xff && v != 0xec) {
        put(m, v);
        return;
    }
    if (waiting) {
        argument(m, waiting, v);
        return;
    }
    if (v != 0xfe)
        ps2_flush(&m->out);
    switch (v) {
    case 0xe6: case 0xe7:
        m->scale2 = v == 0xe7;
        put(m, ACK);
        break;
    case 0xe8: case 0xf3:
        m->command = v;
        put(m, ACK);
        break;
    case 0xe9: status(m); break;
    case 0xea:
        m->remote = 0;
        put(m, ACK);
        break;
    case 0xeb:
        put(m, ACK);
        packet(m, false);
        break;
    case 0xec:
        m->wrap = 0;
        put(m, ACK);
        break;
    case 0xee:
        m->wrap = 1;
        put(m, ACK);
        break;
    case 0xf0:
        m->remote = 1;
        put(m, ACK);
        break;
    case 0xf2:
        put(m, ACK);
        put(m, m->id);
        break;
    case 0xf4: case 0xf5:
        m->enabled = v == 0xf4;
        put(m, ACK);
        break;
    case 0xf6:
        defaults(m);
        put(m, ACK);
        break;
    case 0xfe: put(m, m->out.last); break;
    case 0xff:
        ps2_mouse_reset(m);
        ps2_flush(&m->out);
        put(m, ACK);
        put(m, 0xaa);
        put(m, 0);
        break;
    default: put(m, RESEND);
    }
}
