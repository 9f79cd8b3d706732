/* The PS/2 keyboard: scan code sets 1 to 3, typematic, commands. The make and break types of single keys in set 3
 * (commands F7 to FD) are taken and change nothing: every key repeats, and sends both codes. */
#include <string.h>

#include "iodev/input/keys.h"
#include "iodev/input/ps2.h"

enum { ACK = 0xfa, RESEND = 0xfe, PASSED = 0xaa };

bool ps2_put(struct ps2_queue *q, const u8 *bytes, unsigned n)
{
    if (n > (unsigned)PS2_QUEUE - q->len)
        return false;
    for (unsigned i = 0; i < n; i++)
        q->data[(q->at + q->len++) % PS2_QUEUE] = bytes[i];
    return true;
}

u8 ps2_take(struct ps2_queue *q)
{
    if (!q->len)
        return q->last;
    q->last = q->data[q->at];
    q->at = (u8)((q->at + 1) % PS2_QUEUE);
    q->len--;
    return q->last;
}

void ps2_flush(struct ps2_queue *q)
{
    q->at = q->len = 0;
}

void ps2_loaded(struct ps2_queue *q)
{
    q->at %= PS2_QUEUE;
    if (q->len > PS2_QUEUE)
        q->len = PS2_QUEUE;
}

static void put(struct ps2_keyboard *k, u8 byte)
{
    ps2_put(&k->out, &byte, 1);
}

/* --- keys -------------------------------------------------------------------------------------------------- */

static bool held(const struct ps2_keyboard *k, u8 usage)
{
    return k->down[usage >> 3] >> (usage & 7) & 1;
}

static bool either(const struct ps2_keyboard *k, u8 left)
{
    return held(k, left) || held(k, left + 4);
}

/* Set 1 marks a break by bit 7, the others by F0 before the code. */
static unsigned code(u8 *out, unsigned set, u16 c, bool down)
{
    unsigned n = 0;
    if (!c)
        return 0;
    if (c >> 8)
        out[n++] = (u8)(c >> 8);
    if (!down && set != 1)
        out[n++] = 0xf0;
    out[n++] = (u8)(c | (!down && set == 1 ? 0x80 : 0));
    return n;
}

/* PrtSc wears a shift unless a shift or Ctrl is held, and is SysRq with Alt; Pause sends make and break at once, and is
 * Break with Ctrl. */
static unsigned special(const struct ps2_keyboard *k, u8 usage, bool down, u8 *out)
{
    unsigned n = 0, set = k->set;
    u16 shift = set == 1 ? 0xe02a : 0xe012, print = set == 1 ? 0xe037 : 0xe07c;
    static const u8 pause1[] = { 0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5 };
    static const u8 pause2[] = { 0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77 };
    if (usage == 0x46) {
        if (either(k, 0xe2))
            return code(out, set, set == 1 ? 0x54 : 0x84, down);
        bool bare = either(k, 0xe0) || either(k, 0xe1);
        if (!bare && down)
            n += code(out + n, set, shift, true);
        n += code(out + n, set, print, down);
        if (!bare && !down)
            n += code(out + n, set, shift, false);
        return n;
    }
    if (!down)
        return 0;
    if (either(k, 0xe0)) {
        n += code(out, set, set == 1 ? 0xe046 : 0xe07e, true);
        return n + code(out + n, set, set == 1 ? 0xe046 : 0xe07e, false);
    }
    memcpy(out, set == 1 ? pause1 : pause2, set == 1 ? sizeof pause1 : sizeof pause2);
    return set == 1 ? sizeof pause1 : sizeof pause2;
}

static void send(struct ps2_keyboard *k, u8 usage, bool down)
{
    const struct key *key = key_by_usage(usage);
    u8 out[16];
    if (!key || !k->enabled)
        return;
    unsigned n = (usage == 0x46 || usage == 0x48) && k->set != 3 ? special(k, usage, down, out)
                                                                 : code(out, k->set, key->set[k->set - 1], down);
    ps2_put(&k->out, out, n); /* what does not fit is lost, as a whole */
}

void ps2_keyboard_key(struct ps2_keyboard *k, u8 usage, bool down)
{
    if (!key_by_usage(usage) || (!down && !held(k, usage)))
        return;
    if (down)
        k->down[usage >> 3] |= (u8)(1 << (usage & 7));
    else
        k->down[usage >> 3] &= (u8)~(1 << (usage & 7));
    send(k, usage, down);
    if (down && usage != 0x48)
        k->repeat = usage; /* the last one pressed */
    else if (k->repeat == usage)
        k->repeat = 0;
}

void ps2_keyboard_repeat(struct ps2_keyboard *k)
{
    if (k->repeat && k->out.len < PS2_QUEUE / 2)
        send(k, k->repeat, true);
}

/* SET TYPEMATIC RATE/DELAY: delay in quarters of a second; period (8 + low 3 bits) * 2^(bits 3, 4) / 240 s. */
u64 ps2_keyboard_delay(const struct ps2_keyboard *k, bool first)
{
    if (first)
        return 250000000u * (u64)((k->typematic >> 5 & 3) + 1);
    return ((u64)(8 + (k->typematic & 7)) << (k->typematic >> 3 & 3)) * 1000000000u / 240;
}

/* --- commands ---------------------------------------------------------------------------------------------- */

static void defaults(struct ps2_keyboard *k)
{
    k->set = 2;
    k->typematic = 0x2b; /* 10.9 per second after half a second */
    k->repeat = 0;
    k->command = 0;
    ps2_flush(&k->out);
}

void ps2_keyboard_reset(struct ps2_keyboard *k)
{
    u8 down[sizeof k->down];
    memcpy(down, k->down, sizeof down); /* fingers do not feel a reset */
    *k = (struct ps2_keyboard){ .enabled = 1 };
    memcpy(k->down, down, sizeof down);
    defaults(k);
    put(k, PASSED);
}

static void argument(struct ps2_keyboard *k, u8 command, u8 v)
{
    switch (command) {
    case 0xed:
        k->leds = v & 7;
        put(k, ACK);
        break;
    case 0xf0:
        if (v > 3) {
            put(k, RESEND);
            break;
        }
        put(k, ACK);
        if (v)
            k->set = v;
        else
            put(k, k->set);
        break;
    case 0xf3:
        k->typematic = v & 0x7f;
        put(k, ACK);
        break;
    default: /* FB, FC, FD: one key after the other, until the next command */
        k->command = command;
        put(k, ACK);
    }
}

void ps2_keyboard_write(struct ps2_keyboard *k, u8 v)
{
    u8 waiting = k->command;
    k->command = 0;
    if (waiting && v < 0xed) {
        argument(k, waiting, v);
        return;
    }
    if (v != 0xfe)
        ps2_flush(&k->out); /* a command stops what was about to be sent */
    switch (v) {
    case 0xee: put(k, 0xee); break;
    case 0xed: case 0xf0: case 0xf3: case 0xfb: case 0xfc: case 0xfd:
        k->command = v;
        put(k, ACK);
        break;
    case 0xf2:
        put(k, ACK);
        put(k, 0xab);
        put(k, 0x83);
        break;
    case 0xf4:
        k->enabled = 1;
        put(k, ACK);
        break;
    case 0xf5: case 0xf6:
        defaults(k);
        k->enabled = v == 0xf6;
        put(k, ACK);
        break;
    case 0xf7: case 0xf8: case 0xf9: case 0xfa: put(k, ACK); break;
    case 0xfe: put(k, k->out.last); break;
    case 0xff:
        ps2_keyboard_reset(k);
        k->leds = 0;
        ps2_flush(&k->out);
        put(k, ACK);
        put(k, PASSED);
        break;
    default: put(k, RESEND);
    }
}
