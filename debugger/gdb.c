/* Frames, acknowledgements, and what happens when the machine goes and stops. */
#include "debugger/gdb_stub.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char digits[] = "0123456789abcdef";

/* --- text in --------------------------------------------------------------------------------------------------- */

static int digit(u8 c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool gdb_take(struct gdb_text *t, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(t->end - t->at) < n || memcmp(t->at, word, n))
        return false;
    t->at += n;
    return true;
}

bool gdb_take_hex(struct gdb_text *t, u64 *v)
{
    unsigned n = 0;
    *v = 0;
    for (; t->at < t->end && digit(*t->at) >= 0; t->at++) {
        *v = *v << 4 | (u64)digit(*t->at);
        if (++n > 16)
            return false;
    }
    return n > 0;
}

bool gdb_take_bytes(struct gdb_text *t, void *out, size_t n)
{
    u8 *bytes = out;
    if ((size_t)(t->end - t->at) / 2 < n)
        return false;
    for (size_t i = 0; i < n; i++) {
        int high = digit(t->at[2 * i]), low = digit(t->at[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i] = (u8)(high << 4 | low);
    }
    t->at += 2 * n;
    return true;
}

bool gdb_take_range(struct gdb_text *t, u64 *addr, u64 *len)
{
    return gdb_take_hex(t, addr) && gdb_take(t, ",") && gdb_take_hex(t, len);
}

bool gdb_take_thread(struct gdb_stub *s, struct gdb_text *t, struct cpu **c)
{
    u64 n;
    *c = NULL;
    if (gdb_take(t, "p")) { /* one process, whatever its number */
        if (gdb_take(t, "-1"))
            return true;
        if (!gdb_take_hex(t, &n))
            return false;
        if (!gdb_take(t, "."))
            return true;
    }
    if (gdb_take(t, "-1"))
        return true;
    if (!gdb_take_hex(t, &n) || n > s->m->n_cpus)
        return false;
    if (n)
        *c = s->m->cpus[n - 1];
    return true;
}

/* --- text out -------------------------------------------------------------------------------------------------- */

void gdb_put_hex(struct buf *b, const void *bytes, size_t n)
{
    const u8 *p = bytes;
    for (size_t i = 0; i < n; i++)
        buf_put(b, (char[]){ digits[p[i] >> 4], digits[p[i] & 15] }, 2);
}

void gdb_reply(struct gdb_stub *s, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n > 0)
        buf_put(&s->reply, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
}

void gdb_reply_bytes(struct gdb_stub *s, const void *bytes, size_t n)
{
    const u8 *p = bytes;
    for (size_t i = 0; i < n; i++) {
        if (strchr("#$}*", p[i]) && p[i])
            buf_put(&s->reply, (u8[]){ '}', p[i] ^ 0x20 }, 2);
        else
            buf_put(&s->reply, &p[i], 1);
    }
}

void gdb_error(struct gdb_stub *s, enum gdb_error code, const char *text)
{
    s->reply.len = 0;
    if (s->wants_messages)
        gdb_reply(s, "E.%s", text);
    else
        gdb_reply(s, "E%02x", (unsigned)code);
}

/* Sends s->reply as a frame and keeps it for a second try. */
void gdb_send(struct gdb_stub *s)
{
    u8 sum = 0;
    for (size_t i = 0; i < s->reply.len; i++)
        sum = (u8)(sum + s->reply.data[i]);
    s->sent.len = 0;
    buf_put(&s->sent, "$", 1);
    buf_put(&s->sent, s->reply.data, s->reply.len);
    buf_put(&s->sent, (char[]){ '#', digits[sum >> 4], digits[sum & 15] }, 3);
    s->reply.len = 0;
    s->host.write(s->host.opaque, s->sent.data, s->sent.len);
}

/* --- going and stopping ---------------------------------------------------------------------------------------- */

void gdb_go(struct gdb_stub *s)
{
    gdb_points_arm(s);
    s->running = true;
    s->at_begin = false;
    s->no_reply = true;
    s->host.go(s->host.opaque);
}

static void note_stop(struct gdb_stub *s, enum machine_stop why)
{
    struct machine *m = s->m;
    s->why = why;
    if ((why == MACHINE_BREAK || why == MACHINE_WATCH) && m->stop.cpu)
        s->current = m->stop.cpu;
    else if (s->step)
        s->current = s->step;
    else
        s->current = m->cpus[m->turn < m->n_cpus ? m->turn : 0];
    s->hit = s->current->hit;
    s->selected = s->control = s->current;
    /* Arriving on a breakpoint in another way is a report of it, too: going on does not report it again. */
    if (gdb_points_armed_at(s, cpu_linear_pc(s->current)))
        cpu_skip_stop(s->current);
}

void gdb_report(struct gdb_stub *s)
{
    gdb_reply(s, "T05thread:%02x;", s->current->index + 1);
    if (s->at_begin)
        gdb_reply(s, "replaylog:begin;");
    gdb_points_report(s, &s->reply);
}

static void drain(struct gdb_stub *s)
{
    while (!s->running && !s->gone && s->pending_at < s->pending.len) {
        const u8 *p = s->pending.data + s->pending_at;
        s->packet_len = (size_t)load_le(p, 4);
        memcpy(s->packet, p + 4, s->packet_len);
        s->pending_at += 4 + s->packet_len;
        gdb_handle(s);
        if (!s->no_reply)
            gdb_send(s);
    }
    if (s->pending_at == s->pending.len)
        s->pending_at = s->pending.len = 0;
}

void gdb_stub_stopped(struct gdb_stub *s, enum machine_stop why)
{
    if (!s->running)
        return;
    s->running = false;
    note_stop(s, why);
    s->step = NULL;
    s->back = false;
    s->range_low = s->range_high = 0;
    if (s->gone)
        return;
    s->reply.len = 0;
    gdb_report(s);
    gdb_send(s);
    drain(s);
}

bool gdb_stub_running(const struct gdb_stub *s)
{
    return s->running;
}

struct cpu *gdb_stub_step(const struct gdb_stub *s)
{
    return s->step;
}

bool gdb_stub_back(const struct gdb_stub *s)
{
    return s->running && s->back;
}

void gdb_stub_at_begin(struct gdb_stub *s)
{
    s->at_begin = true;
    gdb_stub_stopped(s, MACHINE_REACHED);
}

bool gdb_stub_step_again(const struct gdb_stub *s)
{
    if (!s->step || s->range_low >= s->range_high)
        return false;
    u64 pc = gdb_addr(s, cpu_linear_pc(s->step));
    return pc >= s->range_low && pc < s->range_high;
}

void gdb_stub_exited(struct gdb_stub *s, int status, bool killed)
{
    if (s->gone)
        return;
    s->running = false;
    s->reply.len = 0;
    gdb_reply(s, "%c%02x", killed ? 'X' : 'W', (unsigned)status & 0xff);
    gdb_send(s);
    s->gone = true;
}

void gdb_stub_say(struct gdb_stub *s, const char *text)
{
    if (!s->running || s->gone)
        return;
    size_t n = strlen(text);
    s->reply.len = 0;
    gdb_reply(s, "O");
    gdb_put_hex(&s->reply, text, n < 4096 ? n : 4096);
    gdb_send(s);
}

/* --- frames ---------------------------------------------------------------------------------------------------- */

/* k and D are obeyed at once; others wait for the stop that their sender should have waited for. */
static void packet_while_running(struct gdb_stub *s)
{
    bool now = s->packet_len && (*s->packet == 'k' || *s->packet == 'D');
    if (now) {
        gdb_handle(s);
        if (!s->no_reply)
            gdb_send(s);
    } else if (s->pending.len + 4 + s->packet_len <= GDB_PENDING) {
        buf_put_le(&s->pending, s->packet_len, 4);
        buf_put(&s->pending, s->packet, s->packet_len);
    }
}

static void packet(struct gdb_stub *s)
{
    bool good = s->sum == s->sum_sent || s->no_ack;
    if (!s->no_ack)
        s->host.write(s->host.opaque, (const u8 *)(good ? "+" : "-"), 1);
    if (!good)
        return;
    if (s->packet_too_long) {
        s->reply.len = 0;
        gdb_error(s, GDB_EINVAL, "the packet is longer than PacketSize");
        if (!s->running)
            gdb_send(s);
        return;
    }
    if (s->running) {
        packet_while_running(s);
        return;
    }
    gdb_handle(s);
    if (!s->no_reply)
        gdb_send(s);
}

static void between(struct gdb_stub *s, u8 c)
{
    switch (c) {
    case '$':
        s->in = IN_PACKET;
        s->packet_len = 0;
        s->packet_too_long = false;
        s->sum = 0;
        break;
    case '-': /* asked for again; once, or a client that always says so would keep us busy */
        if (!s->no_ack && s->sent.len) {
            s->host.write(s->host.opaque, s->sent.data, s->sent.len);
            s->sent.len = 0;
        }
        break;
    case 3:
        if (s->running)
            s->host.interrupt(s->host.opaque);
        break;
    default: break; /* '+', and noise */
    }
}

static void keep(struct gdb_stub *s, u8 c)
{
    if (s->packet_len == GDB_PACKET)
        s->packet_too_long = true;
    else
        s->packet[s->packet_len++] = c;
}

static void byte(struct gdb_stub *s, u8 c)
{
    switch (s->in) {
    case IN_NOTHING: between(s, c); return;
    case IN_PACKET:
        if (c == '#') {
            s->in = IN_SUM_1;
            return;
        }
        if (c == '$') { /* the rest of the last one is lost */
            between(s, c);
            return;
        }
        s->sum = (u8)(s->sum + c);
        if (c == '}')
            s->in = IN_ESCAPE;
        else
            keep(s, c);
        return;
    case IN_ESCAPE:
        s->sum = (u8)(s->sum + c);
        keep(s, c ^ 0x20);
        s->in = IN_PACKET;
        return;
    case IN_SUM_1:
    case IN_SUM_2:
        if (digit(c) < 0) { /* never a sum: ask for it again */
            s->sum_sent = (u8)~s->sum;
            s->in = IN_NOTHING;
            packet(s);
            return;
        }
        s->sum_sent = (u8)(s->in == IN_SUM_1 ? digit(c) << 4 : s->sum_sent | digit(c));
        s->in = s->in == IN_SUM_1 ? IN_SUM_2 : IN_NOTHING;
        if (s->in == IN_NOTHING)
            packet(s);
        return;
    }
}

void gdb_stub_input(struct gdb_stub *s, const u8 *bytes, size_t n)
{
    for (size_t i = 0; i < n && !s->gone; i++)
        byte(s, bytes[i]);
}

/* --- life ------------------------------------------------------------------------------------------------------ */

struct gdb_stub *gdb_stub_new(struct machine *m, const struct gdb_stub_host *host)
{
    struct gdb_stub *s = xcalloc(1, sizeof *s);
    s->m = m;
    s->host = *host;
    gdb_layout_init(&s->layout, m->cpus[0]);
    note_stop(s, MACHINE_REACHED);
    return s;
}

void gdb_stub_free(struct gdb_stub *s)
{
    if (!s)
        return;
    s->n_points = 0;
    gdb_points_arm(s);
    if (s->host.arm)
        s->host.arm(s->host.opaque, NULL);
    else
        s->m->stops = (struct cpu_stops){ 0 };
    free((void *)(uintptr_t)s->armed.code);
    free((void *)(uintptr_t)s->armed.watch);
    buf_free(&s->pending);
    buf_free(&s->reply);
    buf_free(&s->sent);
    gdb_layout_fini(&s->layout);
    free(s);
}
