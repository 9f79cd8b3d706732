/* Keys and mouse through host/input.c into a PC's keyboard controller. The ROM holds a CPU that only halts. */
#include <stdio.h>
#include <string.h>

#include "host/input.h"
#include "host/run.h"
#include "iodev/input/keys.h"
#include "machine/machine.h"
#include "tests/unit.h"

struct world {
    struct host_loop *loop;
    struct machine *m;
    struct host_input *in;
    struct machine_config config;
    u8 rom[4096];
};

static void open_world(struct world *w, const char *board)
{
    struct err e = { "" };
    memset(w, 0, sizeof *w);
    memcpy(w->rom + 0xff0, "\xfb\xf4\xeb\xfd", 4); /* at the reset vector: STI; HLT, for ever */
    w->config = (struct machine_config){ .board = board, .board_props = "", .cpus = 1, .xlen = 64, .ram_size = 2 << 20,
                                         .seed = 1, .bios = { "rom", w->rom, sizeof w->rom } };
    w->loop = host_loop_new(&e);
    w->m = machine_new(&w->config, &e);
    if (!w->m)
        puts(e.text);
    CU_ASSERT_FATAL(w->loop && w->m);
    w->in = host_input_new(w->loop, w->m);
}

static void close_world(struct world *w)
{
    host_input_free(w->in);
    machine_free(w->m);
    host_loop_free(w->loop);
}

static void run_ms(struct world *w, u64 ms, enum host_pacing pacing)
{
    struct host_run_options o = { .until = w->m->clock.now + ms * (w->m->clock.hz / 1000), .pacing = pacing };
    host_run(w->loop, w->m, &o);
    CU_ASSERT_EQUAL(w->m->clock.now, o.until);
}

/* How many bytes wait in the keyboard and in the mouse; the controller holds their clocks after power-on. */
static unsigned waiting(struct world *w, const char *who)
{
    struct device *kbd = machine_device(w->m, "/kbd");
    struct buf b = { 0 };
    kbd->cls->describe(kbd, &b);
    const char *line = strstr(buf_cstr(&b), who), *last = line;
    unsigned n = 0;
    for (const char *s = line; *s && *s != '\n'; s++)
        if (s[0] == ',' && s[1] == ' ')
            last = s + 2;
    sscanf(last, "%u", &n);
    buf_free(&b);
    return n;
}

static void chord_in_guest_time(void)
{
    struct world w;
    open_world(&w, "isapc");
    CU_ASSERT(host_input_has_keyboard(w.in) && host_input_has_mouse(w.in));
    CU_ASSERT_EQUAL(waiting(&w, "keyboard"), 0);
    run_ms(&w, 5, HOST_UNPACED);
    host_input_chord(w.in, (u8[]){ 0xe0, 0x04 }, 2, 100000000); /* ctrl-a: one byte each, then F0 and one each */
    CU_ASSERT_EQUAL(waiting(&w, "keyboard"), 0);
    run_ms(&w, 50, HOST_UNPACED);
    CU_ASSERT_EQUAL(waiting(&w, "keyboard"), 2);
    run_ms(&w, 45, HOST_UNPACED);
    CU_ASSERT_EQUAL(waiting(&w, "keyboard"), 2);
    run_ms(&w, 60, HOST_UNPACED); /* (time skipped while it waits goes in the steps of its timers) */
    CU_ASSERT_EQUAL(waiting(&w, "keyboard"), 6);
    run_ms(&w, 2000, HOST_UNPACED); /* nothing repeats */
    CU_ASSERT_EQUAL(waiting(&w, "keyboard"), 6);
    close_world(&w);
}

static void chord_in_real_time(void)
{
    struct world w;
    open_world(&w, "isapc");
    host_input_chord(w.in, (u8[]){ 0x04 }, 1, 100000000);
    run_ms(&w, 60, HOST_REALTIME);
    CU_ASSERT_EQUAL(waiting(&w, "keyboard"), 1);
    run_ms(&w, 100, HOST_REALTIME);
    CU_ASSERT_EQUAL(waiting(&w, "keyboard"), 3);
    close_world(&w);
}

static void what_has_no_room_waits(void)
{
    struct world w;
    open_world(&w, "isapc");
    for (unsigned i = 0; i < 40; i++)
        host_input_chord(w.in, (u8[]){ 0x04 }, 1, 0);
    run_ms(&w, 50, HOST_UNPACED);
    unsigned full = waiting(&w, "keyboard");
    CU_ASSERT(full > 10 && full <= 32);
    for (unsigned i = 0; i < 4000; i++) /* more than the queue holds: dropped, and no crash */
        host_input_chord(w.in, (u8[]){ 0x04 }, 1, 0);
    run_ms(&w, 50, HOST_UNPACED);
    CU_ASSERT_EQUAL(waiting(&w, "keyboard"), full);
    close_world(&w);
}

static void release(void)
{
    struct world w;
    open_world(&w, "isapc");
    host_input_key(w.in, 0x04, true, 0);
    host_input_key(w.in, 0x05, true, 0);
    host_input_key(w.in, 0x05, false, 0);
    host_input_release_all(w.in);
    host_input_release_all(w.in); /* nothing is held any more */
    run_ms(&w, 30, HOST_UNPACED);
    CU_ASSERT_EQUAL(waiting(&w, "keyboard"), 6);
    close_world(&w);
}

/* The sum of what arrives is what was moved, in steps that a byte holds. */
struct mouse_sum {
    struct world w;
    int dx, dy, wheel;
    unsigned events;
    u8 buttons;
};

static void sum(void *opaque, const u8 *bytes, size_t n)
{
    struct mouse_sum *s = opaque;
    CU_ASSERT_EQUAL(n, 4);
    s->dx += (i8)bytes[0];
    s->dy += (i8)bytes[1];
    s->wheel += (i8)bytes[2];
    s->buttons = bytes[3];
    s->events++;
}

static void mouse(void)
{
    struct mouse_sum s = { .dx = 0 };
    open_world(&s.w, "isapc");
    struct input_channel *ch = machine_channel(s.w.m, "/kbd.mouse");
    CU_ASSERT_FATAL(ch != NULL);
    ch->deliver = sum;
    ch->opaque = &s;
    for (unsigned i = 0; i < 100; i++)
        host_input_move(s.w.in, 3, -2, 0);
    host_input_move(s.w.in, 0, 0, 1);
    run_ms(&s.w, 10, HOST_UNPACED);
    CU_ASSERT(s.dx == 300 && s.dy == -200 && s.wheel == 1);
    CU_ASSERT(s.events <= 4); /* movements that wait are one */
    host_input_move(s.w.in, -1000, 0, 0);
    host_input_buttons(s.w.in, 5);
    host_input_move(s.w.in, 1, 1, 0);
    run_ms(&s.w, 10, HOST_UNPACED);
    CU_ASSERT(s.dx == -699 && s.dy == -199 && s.buttons == 5);
    host_input_buttons(s.w.in, 0xff);
    CU_ASSERT_EQUAL(host_input_buttons_now(s.w.in), 0x1f);
    close_world(&s.w);
}

static void none(void)
{
    struct world w;
    open_world(&w, "isapc");
    host_input_free(w.in);
    w.m->env.channels = NULL; /* a machine with neither */
    w.in = host_input_new(w.loop, w.m);
    CU_ASSERT(!host_input_has_keyboard(w.in) && !host_input_has_mouse(w.in));
    host_input_chord(w.in, (u8[]){ 0x04 }, 1, 0);
    host_input_move(w.in, 1, 1, 1);
    host_input_buttons(w.in, 1);
    host_input_release_all(w.in);
    run_ms(&w, 10, HOST_UNPACED);
    close_world(&w);
}

int main(void)
{
    CU_TestInfo tests[] = {
        { "keys are held in guest time", chord_in_guest_time }, { "or in real time while it waits", chord_in_real_time },
        { "what has no room waits", what_has_no_room_waits }, { "everything let go", release }, { "mouse", mouse },
        { "neither keyboard nor mouse", none }, CU_TEST_INFO_NULL,
    };
    return unit_main("host/input", tests);
}
