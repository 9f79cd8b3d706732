/* What each packet does. Names and grammar: "Debugging with GDB", "Packets" and "General Query Packets". */
#include "debugger/gdb_stub.h"

#include <stdio.h>
#include <string.h>

#define CHUNK (GDB_PACKET / 2 - 8) /* bytes of memory in one packet of digits */

static struct cpu *selected(struct gdb_stub *s)
{
    return s->selected;
}

/* --- registers ------------------------------------------------------------------------------------------------- */

/* g and G hold the general registers; gdb asks for the others one by one. */
static void p_g(struct gdb_stub *s, struct gdb_text t)
{
    u8 le[GDB_REG_BYTES];
    for (u64 n = 0; n <= s->layout.pc; n++)
        gdb_put_hex(&s->reply, le, gdb_reg_get(s, selected(s), n, le));
}

/* What is recorded or replayed is only looked at. */
static bool refused(struct gdb_stub *s)
{
    const char *why = machine_untouchable(s->m);
    if (why)
        gdb_error(s, GDB_EINVAL, why);
    return why;
}

static void p_G(struct gdb_stub *s, struct gdb_text t)
{
    u8 le[GDB_REG_BYTES], old[GDB_REG_BYTES];
    u64 n = 0;
    unsigned bytes;
    if (refused(s))
        return;
    for (; n <= s->layout.pc && (bytes = gdb_reg_get(s, selected(s), n, old)) && gdb_take_bytes(&t, le, bytes); n++)
        if (memcmp(le, old, bytes))
            gdb_reg_set(s, selected(s), n, le);
    if (n && t.at == t.end)
        gdb_reply(s, "OK");
    else
        gdb_error(s, GDB_EINVAL, "G takes whole registers, as g gives them");
}

static void p_p(struct gdb_stub *s, struct gdb_text t)
{
    u64 n;
    u8 le[GDB_REG_BYTES];
    unsigned bytes = gdb_take_hex(&t, &n) ? gdb_reg_get(s, selected(s), n, le) : 0;
    if (bytes)
        gdb_put_hex(&s->reply, le, bytes);
    else
        gdb_error(s, GDB_EINVAL, "this hart has no register of that number");
}

static void p_P(struct gdb_stub *s, struct gdb_text t)
{
    u64 n;
    u8 le[GDB_REG_BYTES], old[GDB_REG_BYTES];
    unsigned bytes = gdb_take_hex(&t, &n) && gdb_take(&t, "=") ? gdb_reg_get(s, selected(s), n, old) : 0;
    if (!bytes || !gdb_take_bytes(&t, le, bytes) || t.at != t.end)
        gdb_error(s, GDB_EINVAL, "P takes a register's number and all its bytes");
    else if (refused(s))
        return;
    else if (!memcmp(le, old, bytes)) /* after a call gdb puts all back, also what cannot be written */
        gdb_reply(s, "OK");
    else if (!gdb_reg_set(s, selected(s), n, le))
        gdb_error(s, GDB_EINVAL, "the register cannot be written");
    else
        gdb_reply(s, "OK");
}

/* --- memory ---------------------------------------------------------------------------------------------------- */

/* Where there is no paging an address is physical, and what PMP says about the hart does not bind the debugger. */
static bool is_physical(struct gdb_stub *s, u64 addr)
{
    struct cpu_walk w;
    if (s->physical)
        return true;
    selected(s)->ops->walk(selected(s), addr, CPU_READ, &w);
    return !w.ok && !strcmp(w.mode, "bare");
}

static u64 mem_read(struct gdb_stub *s, u64 addr, u8 *out, u64 len)
{
    u64 n = s->physical ? 0 : cpu_peek(selected(s), addr, out, len);
    return n || !len || !is_physical(s, addr) ? n : space_peek(s->m->mem, addr, out, len);
}

static u64 mem_write(struct gdb_stub *s, u64 addr, const u8 *in, u64 len)
{
    machine_edit(s->m);
    u64 n = s->physical ? 0 : cpu_poke(selected(s), addr, in, len);
    return n || !len || !is_physical(s, addr) ? n : space_poke(s->m->mem, addr, in, len);
}

static void p_m(struct gdb_stub *s, struct gdb_text t)
{
    u64 addr, len;
    u8 bytes[CHUNK];
    if (!gdb_take_range(&t, &addr, &len)) {
        gdb_error(s, GDB_EINVAL, "m takes ADDRESS,LENGTH");
        return;
    }
    if (len > sizeof bytes)
        len = sizeof bytes; /* less than asked for is allowed */
    u64 n = mem_read(s, addr, bytes, len);
    if (!n && len)
        gdb_error(s, GDB_EFAULT, "the hart cannot read memory there");
    else
        gdb_put_hex(&s->reply, bytes, (size_t)n);
}

static void store(struct gdb_stub *s, u64 addr, const u8 *bytes, u64 len)
{
    if (len && refused(s))
        return;
    if (mem_write(s, addr, bytes, len) == len)
        gdb_reply(s, "OK");
    else
        gdb_error(s, GDB_EFAULT, "there is no memory to write to");
}

static void p_M(struct gdb_stub *s, struct gdb_text t)
{
    u64 addr, len;
    u8 bytes[CHUNK];
    if (!gdb_take_range(&t, &addr, &len) || !gdb_take(&t, ":") || len > sizeof bytes ||
        !gdb_take_bytes(&t, bytes, (size_t)len) || t.at != t.end)
        gdb_error(s, GDB_EINVAL, "M takes ADDRESS,LENGTH:DIGITS");
    else
        store(s, addr, bytes, len);
}

static void p_X(struct gdb_stub *s, struct gdb_text t)
{
    u64 addr, len;
    if (!gdb_take_range(&t, &addr, &len) || !gdb_take(&t, ":") || (u64)(t.end - t.at) != len)
        gdb_error(s, GDB_EINVAL, "X takes ADDRESS,LENGTH:BYTES");
    else
        store(s, addr, t.at, len);
}

/* --- running --------------------------------------------------------------------------------------------------- */

static void go(struct gdb_stub *s, struct cpu *step, u64 low, u64 high)
{
    s->step = step;
    s->range_low = low;
    s->range_high = high;
    gdb_go(s);
}

static struct cpu *controlled(struct gdb_stub *s)
{
    return s->control ? s->control : s->current;
}

/* c, s with an address; C, S with a signal before it, which a hart cannot take. */
static void resume(struct gdb_stub *s, struct gdb_text t, bool signal, bool step)
{
    u64 ignored, addr;
    struct cpu *c = controlled(s);
    bool moves = !signal || (gdb_take_hex(&t, &ignored) && gdb_take(&t, ";"));
    if (moves && gdb_take_hex(&t, &addr))
        gdb_set_pc(s, c, addr);
    go(s, step ? c : NULL, 0, 0);
}

static void p_c(struct gdb_stub *s, struct gdb_text t) { resume(s, t, false, false); }
static void p_s(struct gdb_stub *s, struct gdb_text t) { resume(s, t, false, true); }
static void p_C(struct gdb_stub *s, struct gdb_text t) { resume(s, t, true, false); }
static void p_S(struct gdb_stub *s, struct gdb_text t) { resume(s, t, true, true); }

/* vCont;ACTION[:THREAD]... The leftmost action that fits a thread counts. Harts take their turns whatever is said
 * about them, for a schedule that a debugger changes is not the guest's: so one hart steps, or all run. */
static void p_vCont(struct gdb_stub *s, struct gdb_text t)
{
    bool told[MACHINE_MAX_CPUS] = { false }, any = false;
    struct cpu *step = NULL;
    u64 low = 0, high = 0;
    while (gdb_take(&t, ";")) {
        u64 a = 0, b = 0, signal;
        struct cpu *c = NULL;
        u8 action = t.at < t.end ? *t.at++ : 0;
        bool ok = action && strchr("csCSrt", action);
        if (action == 'C' || action == 'S')
            ok = gdb_take_hex(&t, &signal);
        if (action == 'r')
            ok = gdb_take_range(&t, &a, &b);
        if (!ok || (gdb_take(&t, ":") && !gdb_take_thread(s, &t, &c))) {
            gdb_error(s, GDB_EINVAL, "vCont takes ;ACTION[:THREAD]");
            return;
        }
        for (unsigned i = 0; i < s->m->n_cpus; i++) {
            struct cpu *me = s->m->cpus[i];
            if (told[i] || (c && c != me))
                continue;
            told[i] = true;
            any |= action != 't';
            bool steps = action == 's' || action == 'S' || action == 'r';
            if (!steps || (step && me != controlled(s)))
                continue;
            step = me;
            low = a;
            high = b;
        }
    }
    if (any)
        go(s, step, low, high);
    else
        gdb_report(s); /* nobody was to move: they stand where they stood */
}

/* bs, bc: backwards ("Packets"). */
static void go_back(struct gdb_stub *s, struct cpu *step)
{
    if (!s->m->history) {
        gdb_error(s, GDB_EINVAL, "the past is not kept: start with --history 512M");
        return;
    }
    s->back = true;
    go(s, step, 0, 0);
}

static void p_bs(struct gdb_stub *s, struct gdb_text t) { go_back(s, controlled(s)); }
static void p_bc(struct gdb_stub *s, struct gdb_text t) { go_back(s, NULL); }

static void p_query_vCont(struct gdb_stub *s, struct gdb_text t)
{
    gdb_reply(s, "vCont;c;C;s;S;t;r");
}

static void p_stop_reason(struct gdb_stub *s, struct gdb_text t)
{
    gdb_report(s);
}

static void leave(struct gdb_stub *s, enum gdb_leave how)
{
    s->gone = true;
    s->running = false;
    s->n_points = 0;
    gdb_points_arm(s);
    s->host.leave(s->host.opaque, how);
}

static void p_D(struct gdb_stub *s, struct gdb_text t)
{
    gdb_reply(s, "OK");
    leave(s, GDB_DETACH);
}

static void p_k(struct gdb_stub *s, struct gdb_text t)
{
    s->no_reply = true;
    leave(s, GDB_KILL);
}

static void p_vKill(struct gdb_stub *s, struct gdb_text t)
{
    gdb_reply(s, "OK");
    leave(s, GDB_KILL);
}

static void p_vAttach(struct gdb_stub *s, struct gdb_text t) { gdb_report(s); }

/* --- threads --------------------------------------------------------------------------------------------------- */

static void p_H(struct gdb_stub *s, struct gdb_text t)
{
    bool registers = gdb_take(&t, "g");
    struct cpu *c;
    if ((!registers && !gdb_take(&t, "c")) || !gdb_take_thread(s, &t, &c)) {
        gdb_error(s, GDB_ESRCH, "there is no such thread");
        return;
    }
    if (registers)
        s->selected = c ? c : s->current;
    else
        s->control = c;
    gdb_reply(s, "OK");
}

static void p_T(struct gdb_stub *s, struct gdb_text t)
{
    struct cpu *c;
    if (gdb_take_thread(s, &t, &c) && c)
        gdb_reply(s, "OK");
    else
        gdb_error(s, GDB_ESRCH, "there is no such thread");
}

static void q_C(struct gdb_stub *s, struct gdb_text t)
{
    gdb_reply(s, "QC%02x", selected(s)->index + 1);
}

static void q_threads(struct gdb_stub *s, struct gdb_text t)
{
    for (unsigned i = 0; i < s->m->n_cpus; i++)
        gdb_reply(s, "%c%02x", i ? ',' : 'm', i + 1);
}

static void q_no_more_threads(struct gdb_stub *s, struct gdb_text t)
{
    gdb_reply(s, "l");
}

static void q_thread_info(struct gdb_stub *s, struct gdb_text t)
{
    struct cpu *c;
    char text[64];
    if (!gdb_take_thread(s, &t, &c) || !c) {
        gdb_error(s, GDB_ESRCH, "there is no such thread");
        return;
    }
    int n = snprintf(text, sizeof text, "%s [%s%s]", c->name, c->ops->privilege_name(c), c->idle ? ", waits" : "");
    gdb_put_hex(&s->reply, text, n < (int)sizeof text ? (size_t)n : sizeof text - 1);
}

/* --- questions ------------------------------------------------------------------------------------------------- */

static void q_Supported(struct gdb_stub *s, struct gdb_text t)
{
    gdb_take(&t, ":");
    while (t.at < t.end) {
        if (gdb_take(&t, "swbreak+"))
            s->wants_swbreak = true;
        else if (gdb_take(&t, "hwbreak+"))
            s->wants_hwbreak = true;
        else if (gdb_take(&t, "error-message+"))
            s->wants_messages = true;
        while (t.at < t.end && *t.at++ != ';')
            ;
    }
    gdb_reply(s, "PacketSize=%x;QStartNoAckMode+;qXfer:features:read+;qXfer:memory-map:read+;swbreak+;hwbreak+;"
                 "vContSupported+;error-message+", GDB_PACKET);
    if (s->m->history)
        gdb_reply(s, ";ReverseStep+;ReverseContinue+");
}

static void q_StartNoAckMode(struct gdb_stub *s, struct gdb_text t)
{
    s->no_ack = true;
    gdb_reply(s, "OK");
}

/* OFFSET,LENGTH of a document. */
static void transfer(struct gdb_stub *s, struct gdb_text t, const struct buf *b)
{
    u64 offset, len;
    if (!gdb_take_range(&t, &offset, &len)) {
        gdb_error(s, GDB_EINVAL, "qXfer takes OFFSET,LENGTH");
        return;
    }
    if (offset > b->len)
        offset = b->len;
    size_t n = b->len - (size_t)offset;
    if (n > len)
        n = (size_t)len;
    if (n > CHUNK) /* all of it might need escaping */
        n = CHUNK;
    gdb_reply(s, n < b->len - offset ? "m" : "l");
    gdb_reply_bytes(s, b->data + offset, n);
}

static void q_Xfer_features(struct gdb_stub *s, struct gdb_text t)
{
    if (gdb_take(&t, "target.xml:"))
        transfer(s, t, gdb_target_xml(s));
    else
        gdb_error(s, GDB_EINVAL, "there is only target.xml");
}

static void q_Xfer_memory(struct gdb_stub *s, struct gdb_text t)
{
    struct buf map = { 0 };
    gdb_memory_map(s, &map);
    transfer(s, t, &map);
    buf_free(&map);
}

static void q_Rcmd(struct gdb_stub *s, struct gdb_text t)
{
    char line[CHUNK + 1];
    struct buf out = { 0 };
    size_t n = (size_t)(t.end - t.at) / 2;
    if (n > CHUNK || !gdb_take_bytes(&t, line, n) || t.at != t.end) {
        gdb_error(s, GDB_EINVAL, "qRcmd takes digits");
        return;
    }
    line[n] = 0;
    if (!s->host.monitor)
        return; /* the empty reply: there is no monitor */
    s->host.monitor(s->host.opaque, selected(s), line, &out);
    for (size_t at = 0, k; at < out.len; at += k) {
        k = out.len - at < CHUNK ? out.len - at : CHUNK;
        gdb_reply(s, "O");
        gdb_put_hex(&s->reply, out.data + at, k);
        gdb_send(s);
    }
    buf_free(&out);
    gdb_reply(s, "OK");
}

static void q_Attached(struct gdb_stub *s, struct gdb_text t) { gdb_reply(s, "1"); } /* so that leaving is detaching */
static void q_Offsets(struct gdb_stub *s, struct gdb_text t) { gdb_reply(s, "Text=0;Data=0;Bss=0"); }
static void p_extended(struct gdb_stub *s, struct gdb_text t) { gdb_reply(s, "OK"); }

/* What people type after QEMU's manual ("GDB usage"): `maint packet Qqemu.PhyMemMode:1`. */
static void q_phys(struct gdb_stub *s, struct gdb_text t) { gdb_reply(s, "%d", s->physical); }

static void q_set_phys(struct gdb_stub *s, struct gdb_text t)
{
    u64 v;
    if (!gdb_take_hex(&t, &v) || v > 1) {
        gdb_error(s, GDB_EINVAL, "PhyMemMode is 0 or 1");
        return;
    }
    s->physical = v;
    gdb_reply(s, "OK");
}

/* --- the table ------------------------------------------------------------------------------------------------- */

static void p_Z(struct gdb_stub *s, struct gdb_text t) { gdb_point_packet(s, t, true); }
static void p_z(struct gdb_stub *s, struct gdb_text t) { gdb_point_packet(s, t, false); }

/* The first row that fits counts. `ends`: the characters that may follow the name; NULL: anything. */
static const struct {
    const char *name, *ends;
    void (*handle)(struct gdb_stub *s, struct gdb_text t);
} packets[] = {
    { "?", "", p_stop_reason },
    { "!", "", p_extended },
    { "bs", "", p_bs },
    { "bc", "", p_bc },
    { "c", NULL, p_c },
    { "C", NULL, p_C },
    { "D", NULL, p_D },
    { "g", "", p_g },
    { "G", NULL, p_G },
    { "H", NULL, p_H },
    { "k", NULL, p_k },
    { "m", NULL, p_m },
    { "M", NULL, p_M },
    { "p", NULL, p_p },
    { "P", NULL, p_P },
    { "s", NULL, p_s },
    { "S", NULL, p_S },
    { "T", NULL, p_T },
    { "X", NULL, p_X },
    { "z", NULL, p_z },
    { "Z", NULL, p_Z },
    { "vCont?", "", p_query_vCont },
    { "vCont", ";", p_vCont },
    { "vAttach;", NULL, p_vAttach },
    { "vKill", ";", p_vKill },
    { "qSupported", ":", q_Supported },
    { "QStartNoAckMode", "", q_StartNoAckMode },
    { "qXfer:features:read:", NULL, q_Xfer_features },
    { "qXfer:memory-map:read::", NULL, q_Xfer_memory },
    { "qC", "", q_C },
    { "qfThreadInfo", "", q_threads },
    { "qsThreadInfo", "", q_no_more_threads },
    { "qThreadExtraInfo,", NULL, q_thread_info },
    { "qAttached", ":", q_Attached },
    { "qOffsets", "", q_Offsets },
    { "qRcmd,", NULL, q_Rcmd },
    { "qqemu.PhyMemMode", "", q_phys },
    { "Qqemu.PhyMemMode:", NULL, q_set_phys },
};

void gdb_handle(struct gdb_stub *s)
{
    s->packet[s->packet_len] = 0;
    s->reply.len = 0;
    s->no_reply = false;
    struct gdb_text whole = { s->packet, s->packet + s->packet_len };
    for (size_t i = 0; i < ARRAY_LEN(packets); i++) {
        struct gdb_text t = whole;
        if (!gdb_take(&t, packets[i].name))
            continue;
        if (packets[i].ends && t.at < t.end && (!*t.at || !strchr(packets[i].ends, *t.at)))
            continue;
        packets[i].handle(s, t);
        return;
    }
}
