/* Asking the stub of the rig, packet by packet. */
#ifndef TESTS_GDB_ASK_H
#define TESTS_GDB_ASK_H

#include "tests/unit.h"

#include "tests/debugger/gdb_rig.h"

/* What was sent since the last call, as text. */
static inline const char *sent(struct rig *r)
{
    static char text[1 << 18]; /* of this test program, which has one thread */
    size_t n = r->out.len < sizeof text - 1 ? r->out.len : sizeof text - 1;
    if (n)
        memcpy(text, r->out.data, n);
    text[n] = 0;
    r->out.len = 0;
    return text;
}

/* Sends a packet, lets the machine run, and returns the one reply without its frame; NULL when that is wrong. */
static inline const char *ask(struct rig *r, const char *packet)
{
    static char text[1 << 16];
    r->out.len = 0;
    rig_packet(r, packet);
    rig_run(r, 100000);
    const char *all = sent(r);
    all += *all == '+';
    if (*all != '$')
        return *all ? NULL : "(nothing)";
    u8 sum = 0;
    size_t n = 0;
    for (all++; *all && *all != '#'; all++) {
        sum = (u8)(sum + (u8)*all);
        if (n < sizeof text - 1)
            text[n++] = *all;
    }
    text[n] = 0;
    if (*all != '#' || strtoul(all + 1, NULL, 16) != sum || all[3])
        return NULL;
    return text;
}

static inline bool says(struct rig *r, const char *packet, const char *reply)
{
    const char *got = ask(r, packet);
    if (got && !strcmp(got, reply))
        return true;
    fprintf(stderr, "\n  %s: expected %s, got %s\n", packet, reply, got ? got : "(no frame)");
    return false;
}

/* All of a qXfer document, in pieces that do not fit its size. */
static inline void rig_document(struct rig *r, const char *name, struct buf *out)
{
    char part[96];
    for (bool more = true; more;) {
        snprintf(part, sizeof part, "qXfer:%s:%zx,3e7", name, out->len);
        const char *got = ask(r, part);
        CU_ASSERT_FATAL(got && (*got == 'm' || *got == 'l'));
        more = *got == 'm';
        CU_ASSERT(!strchr(got, '}') && strlen(got) - 1 <= 999);
        buf_put(out, got + 1, strlen(got) - 1);
    }
}

#endif
