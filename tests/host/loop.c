/* host/loop.c by real descriptors, timers and signals; host/run.c by a machine reduced to its clock (charworld.h). */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/char/char.h"
#include "tests/host/charworld.h"
#include "tests/unit.h"

static struct host_loop *new_loop(void)
{
    struct err e;
    struct host_loop *l = host_loop_new(&e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(l);
    return l;
}

struct seen {
    struct host_watch *watch, *other;
    int fd;
    unsigned calls;
};

static void read_one(void *opaque, short revents)
{
    struct seen *s = opaque;
    char c;
    CU_ASSERT_EQUAL(read(s->fd, &c, 1), 1);
    s->calls++;
    if (s->other) { /* frees one that is ready in the same round: it must not be called */
        host_watch_free(s->other);
        s->other = NULL;
    }
}

static void watches(void)
{
    struct host_loop *l = new_loop();
    int a[2], b[2];
    CU_ASSERT_FATAL(!pipe(a) && !pipe(b));
    struct seen first = { .fd = a[0] }, second = { .fd = b[0] };
    first.watch = host_watch_new(l, a[0], POLLIN, read_one, &first);
    second.watch = host_watch_new(l, b[0], POLLIN, read_one, &second);
    CU_ASSERT_TRUE(host_loop_has_sources(l));
    host_loop_poll(l, 0);
    CU_ASSERT_EQUAL(first.calls + second.calls, 0);
    CU_ASSERT_EQUAL(write(a[1], "xx", 2), 2);
    host_loop_poll(l, -1);
    CU_ASSERT_EQUAL(first.calls, 1);
    host_watch_events(first.watch, 0);
    host_loop_poll(l, 0);
    CU_ASSERT_EQUAL(first.calls, 1);
    host_watch_events(first.watch, POLLIN);
    first.other = second.watch;
    CU_ASSERT_EQUAL(write(b[1], "x", 1), 1);
    host_loop_poll(l, -1);
    CU_ASSERT_EQUAL(first.calls, 2);
    CU_ASSERT_EQUAL(second.calls, 0);
    host_watch_free(first.watch);
    CU_ASSERT_FALSE(host_loop_has_sources(l));
    for (int i = 0; i < 2; i++) {
        close(a[i]);
        close(b[i]);
    }
    host_loop_free(l);
}

static void count(void *opaque)
{
    ++*(unsigned *)opaque;
}

static void timers(void)
{
    struct host_loop *l = new_loop();
    unsigned n = 0, never = 0;
    struct host_timer *t = host_timer_new(l, count, &n), *stopped = host_timer_new(l, count, &never);
    u64 start = host_now_ns();
    host_timer_set(t, start + 5000000);
    host_timer_set(stopped, start + 1000000);
    host_timer_stop(stopped);
    while (!n)
        host_loop_poll(l, -1);
    CU_ASSERT_TRUE(host_now_ns() - start >= 5000000);
    host_loop_poll(l, 0);
    CU_ASSERT_EQUAL(n, 1);
    CU_ASSERT_EQUAL(never, 0);
    host_timer_free(t);
    host_timer_free(stopped);
    host_loop_free(l);
}

static void signals(void)
{
    struct host_loop *l = new_loop();
    static const int list[] = { SIGINT, SIGTERM, SIGHUP };
    for (size_t i = 0; i < ARRAY_LEN(list); i++) {
        kill(getpid(), list[i]);
        host_loop_poll(l, -1);
        int s;
        CU_ASSERT_EQUAL(host_loop_take_request(l, &s), HOST_SIGNAL);
        CU_ASSERT_EQUAL(s, list[i]);
        CU_ASSERT_EQUAL(host_loop_requested(l), HOST_NOTHING);
    }
    host_loop_ask(l);
    host_loop_quit(l); /* more than a question */
    host_loop_ask(l);
    CU_ASSERT_EQUAL(host_loop_take_request(l, NULL), HOST_QUIT);

    /* A write to nobody is an answer, not the end of the process, also after the mask goes back. */
    int p[2];
    CU_ASSERT_FATAL(!pipe(p));
    close(p[0]);
    CU_ASSERT_FALSE(host_loop_write(l, p[1], (const u8 *)"x", 1));
    close(p[1]);
    host_loop_free(l);
}

/* A full pipe holds the writer, and a signal frees it. */
static void stuck_write(void)
{
    struct host_loop *l = new_loop();
    int p[2];
    CU_ASSERT_FATAL(!pipe(p));
    static u8 much[300000];
    pid_t child = fork();
    if (!child) {
        usleep(30000);
        kill(getppid(), SIGTERM);
        _exit(0);
    }
    CU_ASSERT_FALSE(host_loop_write(l, p[1], much, sizeof much));
    CU_ASSERT_EQUAL(host_loop_take_request(l, NULL), HOST_SIGNAL);
    waitpid(child, NULL, 0);
    close(p[0]);
    close(p[1]);
    host_loop_free(l);
}

/* --- running ------------------------------------------------------------------------------------------------ */

static const struct host_run_options unpaced = { .until = CLOCK_NEVER, .pacing = HOST_UNPACED };

static void stuck(void)
{
    struct host_loop *l = new_loop();
    static struct world w;
    world_init(&w);
    w.hart.busy = 12345;
    struct host_result r = host_run(l, &w.m, &unpaced);
    CU_ASSERT_EQUAL(r.why, HOST_STOP_STUCK);
    CU_ASSERT_EQUAL(w.m.clock.now, 12345);
    struct host_run_options o = { .until = 5000000000, .pacing = HOST_UNPACED };
    r = host_run(l, &w.m, &o);
    CU_ASSERT_EQUAL(r.why, HOST_STOP_MACHINE);
    CU_ASSERT_EQUAL(r.machine, MACHINE_REACHED);
    CU_ASSERT_EQUAL(w.m.clock.now, 5000000000);
    o = (struct host_run_options){ .until = CLOCK_NEVER, .pacing = HOST_REALTIME };
    CU_ASSERT_EQUAL(host_run(l, &w.m, &o).why, HOST_STOP_STUCK);
    world_fini(&w);
    host_loop_free(l);
}

static void skips_idle(void)
{
    struct host_loop *l = new_loop();
    static struct world w;
    world_init(&w);
    world_ticks(&w, 10000000); /* 10 ms */
    struct host_run_options o = { .until = 100000000000, .pacing = HOST_UNPACED }; /* 100 s */
    u64 start = host_now_ns();
    struct host_result r = host_run(l, &w.m, &o);
    CU_ASSERT_EQUAL(r.machine, MACHINE_REACHED);
    CU_ASSERT_EQUAL(w.ticks, 10000);
    CU_ASSERT_TRUE(host_now_ns() - start < 5000000000);
    world_fini(&w);
    host_loop_free(l);
}

static void real_time(void)
{
    struct host_loop *l = new_loop();
    static struct world w;
    world_init(&w);
    world_ticks(&w, 2000000); /* 2 ms */
    struct host_run_options o = { .until = 100000000, .pacing = HOST_REALTIME }; /* 100 ms */
    u64 start = host_now_ns();
    struct host_result r = host_run(l, &w.m, &o);
    u64 took = host_now_ns() - start;
    CU_ASSERT_EQUAL(r.machine, MACHINE_REACHED);
    CU_ASSERT_EQUAL(w.m.clock.now, 100000000); /* nothing came in: exact, however late the host was */
    CU_ASSERT_EQUAL(w.ticks, 50);
    /* 50 times 1000 instructions took guest time, but no real time to speak of. */
    CU_ASSERT_TRUE(took > 80000000);
    world_fini(&w);
    host_loop_free(l);
}

static void input_ends_a_wait(void)
{
    struct host_loop *l = new_loop();
    static struct world w;
    world_init(&w);
    world_ticks(&w, 3000000000); /* 3 s: must not be waited for */
    char path[] = "/tmp/orrery-loop-XXXXXX", spec[80];
    struct err e;
    CU_ASSERT_FATAL(mkdtemp(path) != NULL);
    char fifo[64];
    snprintf(fifo, sizeof fifo, "%s/f", path);
    CU_ASSERT_FATAL(!mkfifo(fifo, 0600));
    snprintf(spec, sizeof spec, "pipe:%s", fifo);
    struct host_char *c = host_char_open(l, spec, "c", &e);
    CU_ASSERT_FATAL(c != NULL);
    struct char_port *port = host_char_port(c, &e);
    port->in = &w.in;
    pid_t child = fork();
    if (!child) {
        usleep(200000);
        int fd = open(fifo, O_WRONLY);
        if (write(fd, "hello", 5) == 5)
            usleep(20000);
        kill(getppid(), SIGTERM);
        _exit(0);
    }
    struct host_run_options o = { .until = CLOCK_NEVER, .pacing = HOST_REALTIME };
    struct host_result r = host_run(l, &w.m, &o);
    CU_ASSERT_EQUAL(r.why, HOST_STOP_REQUEST);
    CU_ASSERT_EQUAL(r.request, HOST_SIGNAL);
    CU_ASSERT_EQUAL(r.signal, SIGTERM);
    CU_ASSERT_EQUAL(w.n_got, 5);
    CU_ASSERT(!memcmp(w.got, "hello", 5));
    CU_ASSERT(w.last_position > 1000000 && w.last_position < 2500000000);
    waitpid(child, NULL, 0);
    host_char_close(c);
    unlink(fifo);
    rmdir(path);
    world_fini(&w);
    host_loop_free(l);
}

/* Bytes that are there already arrive at the same positions however the run is cut, also one instruction at a time. */
static void same_positions(void)
{
    enum { PLAIN, CUT, STEPPED, WAYS };
    u64 log[WAYS] = { 0 }, now[WAYS] = { 0 };
    for (int way = 0; way < WAYS; way++) {
        struct host_loop *l = new_loop();
        static struct world w;
        world_init(&w);
        w.work = 5003; /* and the FIFO stays full that long */
        world_ticks(&w, 700001);
        w.hart.busy = 3000017; /* begins busy: the first bytes come at looks, not while it waits */
        char path[] = "/tmp/orrery-loop-XXXXXX";
        int fd = mkstemp(path);
        for (int i = 0; i < 3000; i++)
            CU_ASSERT_FATAL(write(fd, &(char){ (char)i }, 1) == 1);
        close(fd);
        /* A regular file as standard input: always readable, then at its end. */
        int saved = dup(0);
        fd = open(path, O_RDONLY);
        dup2(fd, 0);
        close(fd);
        struct err e;
        struct host_char *c = host_char_open(l, "stdio", "c", &e);
        CU_ASSERT_FATAL(c != NULL);
        host_char_port(c, &e)->in = &w.in;
        struct host_run_options o = { .until = 6000000, .pacing = HOST_UNPACED };
        if (way == STEPPED)
            while (w.m.clock.now < 6000000) {
                u64 before = w.hart.cpu.retired;
                struct host_result r = host_step(l, &w.m, &w.hart.cpu, &o);
                if (r.machine != MACHINE_REACHED || w.hart.cpu.retired > before + 1) {
                    CU_FAIL("a step is not one instruction");
                    break;
                }
            }
        else
            for (u64 until = way == CUT ? 333333 : 6000000;; until += 333333) {
                o.until = until < 6000000 ? until : 6000000;
                struct host_result r = host_run(l, &w.m, &o);
                CU_ASSERT_EQUAL(r.machine, MACHINE_REACHED);
                if (o.until == 6000000)
                    break;
            }
        CU_ASSERT(w.n_got > 100);
        CU_ASSERT(w.deliveries > 10);
        for (size_t i = 0; i < w.n_got; i++)
            if (w.got[i] != (u8)i) {
                CU_FAIL("bytes out of order");
                break;
            }
        log[way] = w.log;
        now[way] = w.m.clock.now;
        host_char_close(c);
        dup2(saved, 0);
        close(saved);
        unlink(path);
        world_fini(&w);
        host_loop_free(l);
    }
    CU_ASSERT_EQUAL(log[CUT], log[PLAIN]);
    CU_ASSERT_EQUAL(log[STEPPED], log[PLAIN]);
    CU_ASSERT_EQUAL(now[CUT], now[PLAIN]);
}

static void replay_takes_nothing(void)
{
    struct host_loop *l = new_loop();
    static struct world w;
    world_init(&w);
    int p[2], saved = dup(0);
    CU_ASSERT_FATAL(!pipe(p));
    CU_ASSERT_EQUAL(write(p[1], "typed", 5), 5);
    dup2(p[0], 0);
    struct err e;
    struct host_char *c = host_char_open(l, "stdio", "c", &e);
    host_char_port(c, &e)->in = &w.in;
    host_loop_poll(l, 0);
    CU_ASSERT_TRUE(host_loop_ready(l, &w.m));
    w.m.replayer = (struct replayer *)&w; /* only looked at for being there */
    CU_ASSERT_FALSE(host_loop_offer(l, &w.m));
    w.m.replayer = NULL;
    CU_ASSERT_FALSE(host_loop_offer(l, &w.m));
    CU_ASSERT_EQUAL(w.n_got, 0);
    host_char_close(c);
    dup2(saved, 0);
    close(saved);
    close(p[0]);
    close(p[1]);
    world_fini(&w);
    host_loop_free(l);
}

int main(void)
{
    CU_TestInfo tests[] = {
        { "watches are called when ready, and not once freed", watches },
        { "timers fire once, not early", timers },
        { "signals become requests", signals },
        { "a signal ends a write that waits", stuck_write },
        { "a machine that nothing can wake is reported", stuck },
        { "unpaced, waiting takes no time", skips_idle },
        { "in real time, waiting takes the time it says", real_time },
        { "input ends a wait", input_ends_a_wait },
        { "available input arrives at the same positions however the run is cut", same_positions },
        { "a replay takes nothing from outside", replay_takes_nothing },
        CU_TEST_INFO_NULL,
    };
    return unit_main("host/loop", tests);
}
