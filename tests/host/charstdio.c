/* stdio on a real terminal: a child process whose standard input and output are a pty. Raw while it runs; put back at
 * the end, whatever the end is. */
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <utmp.h>

#include "host/char/char.h"
#include "tests/host/charworld.h"
#include "tests/unit.h"

enum ending { CLOSE, EXIT, SIGNALLED };

/* What runs on the terminal: a guest that echoes, until a request ends it; its exit status says which. */
static int console(const char *spec, enum ending how)
{
    struct err e;
    static struct world w;
    world_init(&w);
    struct host_loop *l = host_loop_new(&e);
    struct host_char *c = host_char_open(l, spec, "serial0", &e);
    if (!c)
        return 99;
    struct char_port *p = host_char_port(c, &e);
    p->in = &w.in;
    p->write(p, (const u8 *)"ready\n", 6);
    int s = 0;
    enum host_request r = HOST_NOTHING;
    while (r == HOST_NOTHING) {
        host_loop_poll(l, -1);
        host_loop_offer(l, &w.m);
        if (w.n_got) {
            p->write(p, w.got, w.n_got);
            w.n_got = w.held = 0;
        }
        r = host_loop_take_request(l, &s);
    }
    int status = r == HOST_SIGNAL ? 10 + s : 50;
    if (how == EXIT)
        exit(status);
    host_char_close(c);
    host_loop_free(l);
    world_fini(&w);
    return status;
}

struct session {
    int master, slave; /* the slave open here too: the terminal outlives the child, as a real one does */
    pid_t child;
    struct termios before;
};

static void start(struct session *s, const char *spec, enum ending how)
{
    CU_ASSERT_EQUAL_FATAL(openpty(&s->master, &s->slave, NULL, NULL, NULL), 0);
    tcgetattr(s->slave, &s->before);
    fflush(NULL);
    s->child = fork();
    if (!s->child) {
        close(s->master);
        login_tty(s->slave);
        _exit(console(spec, how)); /* with EXIT it never comes here */
    }
}

/* Reads until `text` was seen. */
static bool see(struct session *s, const char *text)
{
    char got[4096];
    size_t n = 0;
    struct pollfd p = { .fd = s->master, .events = POLLIN };
    while (n + 1 < sizeof got && poll(&p, 1, 3000) > 0) {
        ssize_t k = read(s->master, got + n, sizeof got - 1 - n);
        if (k <= 0)
            break;
        n += (size_t)k;
        got[n] = 0;
        if (strstr(got, text))
            return true;
    }
    return false;
}

static void type(struct session *s, const char *text)
{
    CU_ASSERT_EQUAL(write(s->master, text, strlen(text)), (ssize_t)strlen(text));
}

static bool is_raw(struct session *s)
{
    struct termios t;
    tcgetattr(s->slave, &t);
    return !(t.c_lflag & (ICANON | ECHO));
}

static bool is_as_before(struct session *s)
{
    struct termios t;
    for (int i = 0; i < 200; i++) { /* the keeper of a killed process needs a moment */
        tcgetattr(s->slave, &t);
        if (t.c_lflag == s->before.c_lflag && t.c_iflag == s->before.c_iflag && t.c_oflag == s->before.c_oflag)
            return true;
        usleep(10000);
    }
    return false;
}

static int finish(struct session *s)
{
    int status = -1;
    waitpid(s->child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void done(struct session *s)
{
    close(s->master);
    close(s->slave);
}

static void monitor_stdio(void)
{
    struct session s;
    start(&s, "mon:stdio", CLOSE);
    CU_ASSERT(see(&s, "ready"));
    CU_ASSERT_TRUE(is_raw(&s));
    type(&s, "\x03" "after\r"); /* Ctrl-C and Enter are bytes for the guest */
    CU_ASSERT(see(&s, "\x03" "after\r"));
    type(&s, "\x01x");
    CU_ASSERT(see(&s, "Ctrl-A x"));
    CU_ASSERT_EQUAL(finish(&s), 50);
    CU_ASSERT_TRUE(is_as_before(&s));
    done(&s);
}

static void plain_stdio(void)
{
    struct session s;
    start(&s, "stdio", CLOSE);
    CU_ASSERT(see(&s, "ready"));
    CU_ASSERT_TRUE(is_raw(&s));
    type(&s, "\x01x");
    CU_ASSERT(see(&s, "\x01x")); /* no escape here */
    type(&s, "\x03");
    CU_ASSERT_EQUAL(finish(&s), 10 + SIGINT);
    CU_ASSERT_TRUE(is_as_before(&s));
    done(&s);
}

static void exit_restores(void)
{
    struct session s;
    start(&s, "stdio,id=x,mux=on,signal=off", EXIT);
    CU_ASSERT(see(&s, "ready"));
    type(&s, "\x01x");
    CU_ASSERT_EQUAL(finish(&s), 50);
    CU_ASSERT_TRUE(is_as_before(&s));
    done(&s);
}

static void killed(int sig, int status)
{
    struct session s;
    start(&s, "mon:stdio", SIGNALLED);
    CU_ASSERT(see(&s, "ready"));
    CU_ASSERT_TRUE(is_raw(&s));
    kill(s.child, sig);
    CU_ASSERT_EQUAL(finish(&s), status);
    CU_ASSERT_TRUE(is_as_before(&s));
    done(&s);
}

static void signals_restore(void)
{
    killed(SIGTERM, 10 + SIGTERM);
    killed(SIGHUP, 10 + SIGHUP);
    killed(SIGKILL, -SIGKILL);
    killed(SIGQUIT, -SIGQUIT);
}

static void one_reader(void)
{
    struct err e;
    struct host_loop *l = host_loop_new(&e);
    int saved = dup(0), nul = open("/dev/null", O_RDONLY);
    dup2(nul, 0);
    struct host_char *a = host_char_open(l, "stdio", "a", &e);
    CU_ASSERT_PTR_NOT_NULL(a);
    CU_ASSERT_PTR_NULL(host_char_open(l, "stdio", "b", &e));
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "mux=on"));
    host_char_close(a);
    a = host_char_open(l, "mon:stdio", "a", &e);
    CU_ASSERT_PTR_NOT_NULL(a);
    CU_ASSERT_PTR_NOT_NULL(host_char_mux(a));
    CU_ASSERT_PTR_NOT_NULL(host_char_port(a, &e));
    CU_ASSERT_PTR_NOT_NULL(host_char_port(a, &e)); /* shared */
    host_char_close(a);
    dup2(saved, 0);
    close(saved);
    close(nul);
    host_loop_free(l);
}

int main(void)
{
    CU_TestInfo tests[] = {
        { "mon:stdio: Ctrl-C is the guest's, Ctrl-A x ends", monitor_stdio },
        { "stdio: Ctrl-C ends", plain_stdio },
        { "exit() puts the terminal back", exit_restores },
        { "so do signals, also those nobody can catch", signals_restore },
        { "standard input has one reader", one_reader },
        CU_TEST_INFO_NULL,
    };
    return unit_main("host/char/stdio", tests);
}
