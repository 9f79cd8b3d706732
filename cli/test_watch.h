/* What a test sees of its guest without touching it: what it says, and what it writes to disks. */
#ifndef CLI_TEST_WATCH_H
#define CLI_TEST_WATCH_H

#include "cli/test.h"
#include "machine/machine.h"

/* What the guest says, byte by byte. Carriage returns are left out. When it says what is wanted, or must not say, the machine
 * pauses behind the instruction that said it. A regular expression is matched within a line, each time a byte was added to
 * it; $ matches the end of a whole line only. */
struct test_console {
    struct machine *m; /* NULL: not yet */
    const struct scenario *scenario;
    struct buf text;
    size_t judged;     /* up to here rejects were looked for */
    size_t from, fed;  /* what is wanted begins behind `from`; looked for up to `fed` */
    const struct pattern *want;
    const struct pattern *rejected; /* what it should not have said */
    u64 active_at;     /* position of the last byte */
    bool active;       /* since somebody cleared it */
};

void test_console_write(void *opaque, const void *bytes, size_t n); /* session.console */
/* From now on, behind what was found last. True: it was said already. */
bool test_console_want(struct test_console *c, const struct pattern *p);
static inline bool test_console_found(const struct test_console *c) { return !c->want; }

/* Between the machine and its disks and networks. Not together with a history. */
struct test_taps;
struct test_taps *test_taps_new(struct arena *a, struct machine *m);
void test_taps_free(struct test_taps *t); /* NULL is allowed */
u64 test_taps_writes(const struct test_taps *t);
/* Position of the last transfer; *active is set at each. */
u64 test_taps_active(struct test_taps *t, bool **active);
/* The machine pauses when write number n (from 1) is done. */
void test_taps_crash_at(struct test_taps *t, u64 n);
bool test_taps_crashing(const struct test_taps *t);
/* Puts back what was written behind that write by the same instruction, and cuts the power: all of it input. */
void test_taps_crash(struct test_taps *t);

#endif
