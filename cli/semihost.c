/* Semihosting: "RISC-V Semihosting", 1.0, which takes its calls from ARM's "Semihosting for AArch32 and AArch64".
 * Output, time (the guest's own) and the end of the program; files of the host are not given to guests. */
#include <stdio.h>
#include <string.h>

#include "cli/session.h"
#include "machine/history.h"

enum { SYS_OPEN = 1, SYS_CLOSE, SYS_WRITEC, SYS_WRITE0, SYS_WRITE, SYS_READ, SYS_READC, SYS_ISERROR, SYS_ISTTY,
       SYS_SEEK, SYS_FLEN = 12, SYS_CLOCK = 16, SYS_TIME, SYS_ERRNO = 19, SYS_GET_CMDLINE = 21, SYS_EXIT = 24,
       SYS_EXIT_EXTENDED = 32, SYS_ELAPSED = 48, SYS_TICKFREQ };
enum { HANDLE_IN = 1, HANDLE_OUT, HANDLE_ERR };
#define APPLICATION_EXIT 0x20026

static u64 reg(struct cpu *c, const char *name)
{
    u64 v = 0;
    const struct cpu_reg *r = cpu_reg_named(c, name);
    if (r)
        c->ops->reg_get(c, r, &v);
    return v;
}

/* The n-th word of the argument block. */
static u64 word(struct session *s, struct cpu *c, u64 block, unsigned n)
{
    unsigned size = s->mc.xlen / 8;
    u8 bytes[8] = { 0 };
    cpu_peek(c, block + (u64)n * size, bytes, size);
    return load_le(bytes, size);
}

static void say(struct session *s, const void *bytes, size_t n)
{
    if (history_past(s->m->history))
        return; /* it was written then */
    if (s->console)
        s->console(s->console_opaque, bytes, n);
    else
        fwrite(bytes, 1, n, stdout);
}

static void write_guest(struct session *s, struct cpu *c, u64 va, u64 n)
{
    u8 chunk[256];
    while (n) {
        u64 k = cpu_peek(c, va, chunk, n < sizeof chunk ? n : sizeof chunk);
        if (!k)
            return;
        say(s, chunk, k);
        va += k;
        n -= k;
    }
}

static u64 open_call(struct cpu *c, u64 name, u64 mode, u64 len)
{
    char text[4] = { 0 };
    if (len != 3 || cpu_peek(c, name, text, 3) != 3 || strcmp(text, ":tt"))
        return UINT64_MAX;
    return mode < 4 ? HANDLE_IN : mode < 8 ? HANDLE_OUT : HANDLE_ERR;
}

bool session_semihost(struct session *s, struct cpu *c, int *status)
{
    u64 arg = reg(c, "a1"), result = UINT64_MAX, now = machine_position(s->m);
    switch (reg(c, "a0")) {
    case SYS_OPEN: result = open_call(c, word(s, c, arg, 0), word(s, c, arg, 1), word(s, c, arg, 2)); break;
    case SYS_CLOSE: result = 0; break;
    case SYS_WRITEC: write_guest(s, c, arg, 1); break;
    case SYS_WRITE0: {
        u8 ch;
        for (u64 n = 0; n < 1 << 20 && cpu_peek(c, arg + n, &ch, 1) == 1 && ch; n++)
            say(s, &ch, 1);
        break;
    }
    case SYS_WRITE: {
        u64 handle = word(s, c, arg, 0), n = word(s, c, arg, 2);
        if (handle == HANDLE_OUT || handle == HANDLE_ERR) {
            write_guest(s, c, word(s, c, arg, 1), n < 1 << 20 ? n : 1 << 20);
            result = 0;
        } else {
            result = n; /* nothing of it was written */
        }
        break;
    }
    case SYS_READ: result = word(s, c, arg, 2); break; /* end of file */
    case SYS_ISTTY: result = 1; break;
    case SYS_FLEN: result = 0; break;
    case SYS_CLOCK: result = now / (s->m->clock.hz / 100); break;
    case SYS_TIME: result = (u64)s->mc.rtc_base + now / s->m->clock.hz; break;
    case SYS_ERRNO: result = 0; break;
    case SYS_ELAPSED: {
        u8 le[8];
        store_le(le, 8, now);
        cpu_poke(c, arg, le, 8);
        result = 0;
        break;
    }
    case SYS_TICKFREQ: result = s->m->clock.hz; break;
    case SYS_GET_CMDLINE: {
        const char *text = s->mc.append ? s->mc.append : "";
        u64 at = word(s, c, arg, 0), room = word(s, c, arg, 1), n = strlen(text);
        if (n + 1 > room || cpu_poke(c, at, text, n + 1) != n + 1)
            break;
        u8 le[8];
        store_le(le, 8, n);
        cpu_poke(c, arg + s->mc.xlen / 8, le, s->mc.xlen / 8);
        result = 0;
        break;
    }
    case SYS_EXIT: /* a word on 32 bits, a block of reason and status on 64 */
        *status = s->mc.xlen == 32 ? (arg == APPLICATION_EXIT ? 0 : 1)
                                   : (int)(word(s, c, arg, 0) == APPLICATION_EXIT ? word(s, c, arg, 1) & 0xff : 1);
        fflush(stdout);
        return true;
    case SYS_EXIT_EXTENDED:
        *status = (int)(word(s, c, arg, 0) == APPLICATION_EXIT ? word(s, c, arg, 1) & 0xff : 1);
        fflush(stdout);
        return true;
    default: break;
    }
    fflush(stdout);
    c->ops->reg_set(c, cpu_reg_named(c, "a0"), result);
    c->ops->set_pc(c, c->ops->get_pc(c) + 4);
    return false;
}
