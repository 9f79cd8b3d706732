/* The multiplexer: keys, focus, breaks in their place, time stamps, and what happens when nobody reads. */
#include <stdio.h>

#include "host/char/mux.h"
#include "host/inbox.h"
#include "tests/host/charworld.h"
#include "tests/unit.h"

struct bench {
    struct host_loop *l;
    struct host_mux *m;
    char out[65536];
    size_t n_out;
    struct world w;
    struct char_port *serial;
    struct host_char_line *monitor;
    char typed[256]; /* to the monitor */
    size_t n_typed;
    int focus; /* +1 for each gain, -1 for each loss */
    unsigned committed;
};

static void take_out(void *opaque, const u8 *bytes, size_t n)
{
    struct bench *b = opaque;
    for (size_t i = 0; i < n && b->n_out + 1 < sizeof b->out; i++)
        b->out[b->n_out++] = (char)bytes[i];
    b->out[b->n_out] = 0;
}

static void take_typed(void *opaque, const u8 *bytes, size_t n)
{
    struct bench *b = opaque;
    for (size_t i = 0; i < n && b->n_typed + 1 < sizeof b->typed; i++)
        b->typed[b->n_typed++] = (char)bytes[i];
}

static void take_focus(void *opaque, bool gained)
{
    ((struct bench *)opaque)->focus += gained ? 1 : -1;
}

static void commit(void *opaque)
{
    ((struct bench *)opaque)->committed++;
}

static void setup(struct bench *b)
{
    struct err e;
    memset(b, 0, sizeof *b);
    world_init(&b->w);
    b->w.capacity = 60000;
    b->l = host_loop_new(&e);
    CU_ASSERT_FATAL(b->l != NULL);
    b->m = mux_new(b->l, true, take_out, b);
    mux_connected(b->m, true);
    /* The monitor first: the console still gets the focus. */
    b->monitor = mux_add_frontend(b->m, "monitor", &(struct host_char_user){ take_typed, take_focus, b });
    b->serial = mux_add_serial(b->m, "serial0");
    b->serial->in = &b->w.in;
}

static void teardown(struct bench *b)
{
    mux_free(b->m);
    host_loop_free(b->l);
    world_fini(&b->w);
}

static void type(struct bench *b, const char *s, size_t n)
{
    mux_received(b->m, (const u8 *)s, n);
    host_loop_offer(b->l, &b->w.m);
}
#define TYPE(b, s) type(b, s, sizeof s - 1)
#define GOT(b, s) ((b)->w.n_got == sizeof s - 1 && !memcmp((b)->w.got, s, sizeof s - 1))

static struct bench b;

static void focus(void)
{
    setup(&b);
    CU_ASSERT_STRING_EQUAL(mux_focused(b.m), "serial0");
    CU_ASSERT_EQUAL(b.focus, 0); /* gained and lost again */
    TYPE(&b, "abc\x01" "cinfo\n\x01" "c" "def");
    CU_ASSERT(GOT(&b, "abcdef"));
    CU_ASSERT_STRING_EQUAL(b.typed, "info\n");
    CU_ASSERT_EQUAL(b.focus, 0);
    /* The escape and its key in two reads. */
    TYPE(&b, "\x01");
    TYPE(&b, "c");
    CU_ASSERT_STRING_EQUAL(mux_focused(b.m), "monitor");
    CU_ASSERT_EQUAL(b.focus, 1);
    /* Output of both is seen, whoever has the focus. */
    b.serial->write(b.serial, (const u8 *)"guest ", 6);
    mux_line_write(b.monitor, "(orrery) ", 9);
    CU_ASSERT_STRING_EQUAL(b.out, "guest (orrery) ");
    teardown(&b);
}

static void keys(void)
{
    setup(&b);
    TYPE(&b, "x\x01\x01y\x01zw"); /* Ctrl-A itself; an unknown key is swallowed */
    CU_ASSERT(GOT(&b, "x\x01yw"));
    TYPE(&b, "\x01h");
    CU_ASSERT_PTR_NOT_NULL(strstr(b.out, "Ctrl-A x"));
    CU_ASSERT_PTR_NOT_NULL(strstr(b.out, "Ctrl-A Ctrl-A"));
    TYPE(&b, "\x01s");
    CU_ASSERT_PTR_NOT_NULL(strstr(b.out, "no disk"));
    mux_on_commit(b.m, commit, &b);
    TYPE(&b, "\x01s");
    CU_ASSERT_EQUAL(b.committed, 1);
    CU_ASSERT_EQUAL(host_loop_requested(b.l), HOST_NOTHING);
    TYPE(&b, "\x01x");
    CU_ASSERT_EQUAL(host_loop_take_request(b.l, NULL), HOST_QUIT);
    CU_ASSERT(GOT(&b, "x\x01yw"));
    teardown(&b);
}

static void breaks(void)
{
    setup(&b);
    b.w.capacity = 3;
    TYPE(&b, "abcd\x01" "bef\x01" "b"); /* room for abc only: the first break is between d and e */
    CU_ASSERT(GOT(&b, "abc"));
    CU_ASSERT_EQUAL(b.w.breaks, 0);
    b.w.hart.busy = 0;
    host_loop_offer(b.l, &b.w.m);
    CU_ASSERT(GOT(&b, "abcdef"));
    CU_ASSERT_EQUAL(b.w.breaks, 2);
    CU_ASSERT_EQUAL(b.w.break_after, 6);
    /* A device without breaks loses them and nothing else. */
    b.w.in.next = NULL;
    b.w.hart.busy = 0;
    TYPE(&b, "\x01" "bz");
    CU_ASSERT(GOT(&b, "abcdefz"));
    CU_ASSERT_EQUAL(b.w.breaks, 2);
    teardown(&b);
}

static void break_order(void)
{
    setup(&b);
    TYPE(&b, "ab\x01" "bc");
    CU_ASSERT(GOT(&b, "abc"));
    CU_ASSERT_EQUAL(b.w.break_after, 2);
    teardown(&b);
}

static void stamps(void)
{
    setup(&b);
    TYPE(&b, "\x01t");
    static const char text[] = "rest\none\ntw";
    b.serial->write(b.serial, (const u8 *)text, sizeof text - 1);
    b.serial->write(b.serial, (const u8 *)"o\n", 2);
    unsigned h, m, s, ms;
    char one[8] = "", two[8] = "";
    CU_ASSERT_EQUAL(sscanf(b.out, "rest\n[%u:%u:%u.%u] %3s", &h, &m, &s, &ms, one), 5);
    CU_ASSERT_STRING_EQUAL(one, "one");
    CU_ASSERT_EQUAL(sscanf(strstr(b.out, "one\n") + 4, "[%u:%u:%u.%u] %3s", &h, &m, &s, &ms, two), 5);
    CU_ASSERT_STRING_EQUAL(two, "two");
    b.n_out = 0;
    TYPE(&b, "\x01t");
    b.serial->write(b.serial, (const u8 *)"plain\n", 6);
    CU_ASSERT_STRING_EQUAL(b.out, "plain\n");
    teardown(&b);
}

/* A guest that never reads: what is typed waits, then rings, and the escape still works. */
static void nobody_reads(void)
{
    setup(&b);
    b.serial->in = NULL;
    char many[INBOX_BYTES];
    memset(many, 'x', sizeof many);
    CU_ASSERT_EQUAL(mux_space(b.m), INBOX_BYTES);
    type(&b, many, sizeof many);
    CU_ASSERT_EQUAL(mux_space(b.m), 0);
    CU_ASSERT_EQUAL(b.n_out, 0);
    TYPE(&b, "more");
    CU_ASSERT_STRING_EQUAL(b.out, "\a");
    TYPE(&b, "\x01x");
    CU_ASSERT_EQUAL(host_loop_take_request(b.l, NULL), HOST_QUIT);
    b.serial->in = &b.w.in; /* now somebody does */
    CU_ASSERT_TRUE(host_loop_offer(b.l, &b.w.m));
    CU_ASSERT_EQUAL(b.w.n_got, INBOX_BYTES);
    CU_ASSERT_EQUAL(mux_space(b.m), INBOX_BYTES);
    teardown(&b);
}

int main(void)
{
    CU_TestInfo tests[] = {
        { "Ctrl-A c moves the focus", focus },
        { "the other keys", keys },
        { "a break waits for room as bytes do", breaks },
        { "a break keeps its place between the bytes", break_order },
        { "time stamps stand at the beginning of lines", stamps },
        { "a guest that does not read", nobody_reads },
        CU_TEST_INFO_NULL,
    };
    return unit_main("host/char/mux", tests);
}
