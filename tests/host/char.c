/* Character back ends against real peers: files, FIFOs, a pty's other side, clients and servers on sockets. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/char/char.h"
#include "host/inbox.h"
#include "tests/host/charworld.h"
#include "tests/host/until.h"
#include "tests/unit.h"

static struct host_loop *l;
static struct world w;
static char dir[32];
static struct err e;

static int setup(void)
{
    strcpy(dir, "/tmp/orrery-char-XXXXXX");
    world_init(&w);
    w.capacity = 60000;
    l = host_loop_new(&e);
    return l && mkdtemp(dir) ? 0 : 1;
}

static void teardown(void)
{
    host_loop_free(l);
    world_fini(&w);
    rmdir(dir);
}

static const char *in_dir(const char *name)
{
    static char path[4][64];
    static unsigned turn;
    char *p = path[turn++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", dir, name);
    return p;
}

static char *spec(const char *fmt, const char *path)
{
    static char text[256];
    snprintf(text, sizeof text, fmt, path);
    return text;
}

static struct char_port *open_port(const char *text, struct host_char **c)
{
    *c = host_char_open(l, text, "test", &e);
    if (!*c)
        printf("%s\n", e.text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(*c);
    struct char_port *p = host_char_port(*c, &e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    p->in = &w.in;
    return p;
}

static void say(struct char_port *p, const char *text)
{
    p->write(p, (const u8 *)text, strlen(text));
}

static bool contains(const char *path, const char *text)
{
    char got[256] = "";
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(got, 1, sizeof got - 1, f) : 0;
    if (f)
        fclose(f);
    return n == strlen(text) && !strcmp(got, text);
}

/* Runs the loop until the guest has n bytes or two seconds have passed. */
static bool guest_gets(const char *text)
{
    bool ok = UNTIL(l, &w.m, 2, w.n_got >= strlen(text)) && w.n_got == strlen(text) && !memcmp(w.got, text, w.n_got);
    w.n_got = 0;
    return ok;
}

static void until_connected(struct host_char *c, bool yes)
{
    CU_ASSERT(UNTIL(l, NULL, 2, host_char_connected(c) == yes));
}

static bool peer_gets(int fd, const char *text)
{
    char got[256];
    size_t n = 0;
    struct pollfd p = { .fd = fd, .events = POLLIN };
    while (n < strlen(text) && poll(&p, 1, 2000) > 0) {
        ssize_t k = read(fd, got + n, sizeof got - n);
        if (k <= 0)
            break;
        n += (size_t)k;
    }
    return n == strlen(text) && !memcmp(got, text, n);
}

static bool refused(const char *text, const char *because)
{
    e.text[0] = 0;
    struct host_char *c = host_char_open(l, text, "bad", &e);
    if (c)
        host_char_close(c);
    if (c || !strstr(e.text, because))
        printf("'%.80s': %s\n", text, c ? "was accepted" : e.text);
    return !c && strstr(e.text, because);
}

/* --- the tests ---------------------------------------------------------------------------------------------- */

static void mistakes(void)
{
    CU_ASSERT(refused("stdioo", "stdio"));
    CU_ASSERT(refused("sokcet,id=x,path=/y", "socket"));
    CU_ASSERT(refused("", "-chardev ?"));
    CU_ASSERT(refused("com1:7", "com1"));
    CU_ASSERT(refused("file,id=x", "path"));
    CU_ASSERT(refused("file:", "path"));
    CU_ASSERT(refused("file:/nonexistent/x", "/nonexistent/x"));
    CU_ASSERT(refused("null,colour=red", "colour"));
    CU_ASSERT(refused("socket,path=/x,sever=on", "server"));
    CU_ASSERT(refused("socket,id=x,server=maybe", "maybe"));
    CU_ASSERT(refused("socket,id=x", "path="));
    CU_ASSERT(refused("socket,id=x,path=/a,port=1", "either"));
    CU_ASSERT(refused("tcp:localhost,server", "port"));
    CU_ASSERT(refused("tcp:127.0.0.1:notaport,server,nowait", "notaport"));
    CU_ASSERT(refused("ringbuf,size=0", "size"));
    CU_ASSERT(refused("pipe:/nonexistent/p", "mkfifo"));
    CU_ASSERT(refused("unix:/nonexistent/s", "server=on"));
    CU_ASSERT(refused("null,logfile=/nonexistent/log", "/nonexistent/log"));
    char longer[3000];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    memcpy(longer, "unix:", 5);
    CU_ASSERT(refused(longer, "long"));
    memcpy(longer, "file:", 5);
    CU_ASSERT(refused(longer, "long"));
    memcpy(longer, "tcp:", 4);
    CU_ASSERT(refused(longer, "long"));
    memcpy(longer, "aaaaa", 5);
    CU_ASSERT(refused(longer, "there is no"));
}

static void loopback_only(void)
{
    CU_ASSERT(refused("tcp:0.0.0.0:0,server,nowait", "loopback"));
    CU_ASSERT(refused("tcp:[::]:0,server,nowait", "loopback"));
    CU_ASSERT(refused("telnet:192.0.2.1:0,server,nowait", "loopback"));
    CU_ASSERT(refused("socket,id=x,host=0.0.0.0,port=0,server=on,wait=off", "loopback"));
}

static void files(void)
{
    struct host_char *c;
    const char *path = in_dir("out,put"), *log = in_dir("log");
    struct char_port *p = open_port(spec("file:%s", path), &c);
    CU_ASSERT_STRING_EQUAL(p->id, "test");
    say(p, "one\n");
    CU_ASSERT(contains(path, "one\n"));
    CU_ASSERT_PTR_NULL(host_char_port(c, &e)); /* not shared */
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "mux=on"));
    host_char_close(c);
    const char *comma = in_dir("out,,put");
    p = open_port(spec("file,id=f,append=on,path=%s", comma), &c);
    CU_ASSERT_STRING_EQUAL(host_char_id(c), "f");
    say(p, "two\n");
    CU_ASSERT(contains(path, "one\ntwo\n"));
    host_char_close(c);
    p = open_port(spec("file:%s", path), &c);
    host_char_close(c);
    CU_ASSERT(contains(path, ""));
    p = open_port(spec("null,id=n,logfile=%s", log), &c);
    say(p, "logged");
    host_char_close(c);
    CU_ASSERT(contains(log, "logged"));
    p = open_port(spec("none,logappend=on,logfile=%s", log), &c);
    say(p, " more");
    host_char_close(c);
    CU_ASSERT(contains(log, "logged more"));
    unlink(path);
    unlink(log);
}

static void ringbuf(void)
{
    struct host_char *c;
    struct char_port *p = open_port("ringbuf,id=r,size=8", &c);
    u8 out[16];
    say(p, "abc");
    CU_ASSERT_EQUAL(host_char_ringbuf_read(c, out, 2), 2);
    CU_ASSERT(!memcmp(out, "ab", 2));
    say(p, "0123456789");
    CU_ASSERT_EQUAL(host_char_ringbuf_read(c, out, sizeof out), 8);
    CU_ASSERT(!memcmp(out, "23456789", 8));
    host_char_close(c);
}

static void fifos(void)
{
    struct host_char *c;
    const char *a = in_dir("p.in"), *b = in_dir("p.out");
    CU_ASSERT_FATAL(!mkfifo(a, 0600) && !mkfifo(b, 0600));
    struct char_port *p = open_port(spec("pipe:%s", in_dir("p")), &c);
    int wr = open(a, O_WRONLY), rd = open(b, O_RDONLY);
    CU_ASSERT_EQUAL(write(wr, "to guest", 8), 8);
    CU_ASSERT(guest_gets("to guest"));
    say(p, "from guest");
    CU_ASSERT(peer_gets(rd, "from guest"));
    close(wr); /* somebody leaves and another comes */
    host_loop_poll(l, 0);
    wr = open(a, O_WRONLY);
    CU_ASSERT_EQUAL(write(wr, "again", 5), 5);
    CU_ASSERT(guest_gets("again"));
    close(wr);
    close(rd);
    host_char_close(c);
    unlink(a);
    unlink(b);
}

static void pty(void)
{
    struct host_char *c;
    /* Where it went is told on standard error. */
    int saved = dup(2), told[2];
    CU_ASSERT_FATAL(!pipe(told));
    dup2(told[1], 2);
    struct char_port *p = open_port("pty", &c);
    dup2(saved, 2);
    close(saved);
    close(told[1]);
    char line[256] = "", name[64] = "";
    CU_ASSERT(read(told[0], line, sizeof line - 1) > 0);
    close(told[0]);
    CU_ASSERT_EQUAL(sscanf(line, "char device redirected to %63s (label test)\n", name), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(line, " (label test)\n"));
    CU_ASSERT_STRING_EQUAL(host_char_describe(c) + 4, name);

    static char much[200000];
    memset(much, 'x', sizeof much - 1);
    say(p, much); /* nobody is there: it goes nowhere, and at once */
    host_loop_poll(l, 0);
    CU_ASSERT_FALSE(host_char_connected(c));
    for (int round = 0; round < 2; round++) {
        int fd = open(name, O_RDWR | O_NOCTTY);
        CU_ASSERT_FATAL(fd >= 0);
        until_connected(c, true);
        CU_ASSERT_EQUAL(write(fd, "ls\r\x03", 4), 4); /* raw: nothing is changed or means anything */
        CU_ASSERT(guest_gets("ls\r\x03"));
        say(p, "file\n");
        CU_ASSERT(peer_gets(fd, "file\n"));
        close(fd);
        until_connected(c, false);
        say(p, "lost");
    }
    CU_ASSERT_TRUE(host_loop_has_sources(l)); /* somebody may come yet */
    host_char_close(c);
    CU_ASSERT_FALSE(host_loop_has_sources(l));
}

static int connect_unix(const char *path)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    strcpy(a.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static void unix_socket(void)
{
    struct host_char *c, *client;
    const char *path = in_dir("sock");
    struct char_port *p = open_port(spec("unix:%s,server,nowait", path), &c);
    say(p, "to nobody");
    for (int round = 0; round < 2; round++) {
        int fd = connect_unix(path);
        until_connected(c, true);
        CU_ASSERT_EQUAL(write(fd, "hello", 5), 5);
        CU_ASSERT(guest_gets("hello"));
        say(p, "hi\xff");
        CU_ASSERT(peer_gets(fd, "hi\xff"));
        close(fd);
        until_connected(c, false);
        say(p, "to nobody");
    }
    CU_ASSERT(refused(spec("socket,id=s,path=%s,server=on,wait=off", path), "in use")); /* somebody serves there */

    /* And as a client of a client-server pair of our own. */
    client = host_char_open(l, spec("socket,id=c,path=%s", path), NULL, &e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(client);
    until_connected(c, true);
    struct char_port *q = host_char_port(client, &e);
    say(q, "from the other");
    CU_ASSERT(guest_gets("from the other"));
    host_char_close(client);
    until_connected(c, false);
    host_char_close(c);
    CU_ASSERT_EQUAL(access(path, F_OK), -1); /* removed */

    /* A socket file left behind is no obstacle. */
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    strcpy(a.sun_path, path);
    int dead = socket(AF_UNIX, SOCK_STREAM, 0);
    CU_ASSERT_EQUAL(bind(dead, (struct sockaddr *)&a, sizeof a), 0);
    close(dead);
    open_port(spec("unix:%s,server=on,wait=off", path), &c);
    host_char_close(c);
    /* But a file is. */
    close(open(path, O_CREAT | O_WRONLY, 0600));
    CU_ASSERT(refused(spec("unix:%s,server=on,wait=off", path), "in use"));
    CU_ASSERT_EQUAL(access(path, F_OK), 0);
    unlink(path);
}

static int connect_tcp(const struct host_char *c)
{
    const char *colon = strrchr(host_char_describe(c), ':');
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    a.sin_port = htons((u16)atoi(colon + 1));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static void tcp(void)
{
    struct host_char *c;
    struct char_port *p = open_port("tcp::0,server=on,wait=off", &c);
    CU_ASSERT_EQUAL(strncmp(host_char_describe(c), "tcp:127.0.0.1:", 14), 0);
    int fd = connect_tcp(c), second = connect_tcp(c);
    until_connected(c, true);
    CU_ASSERT_EQUAL(write(fd, "first", 5), 5);
    CU_ASSERT_EQUAL(write(second, "second", 6), 6);
    CU_ASSERT(guest_gets("first")); /* the second waits its turn */
    say(p, "ok");
    CU_ASSERT(peer_gets(fd, "ok"));
    close(fd);
    CU_ASSERT(guest_gets("second"));
    /* A peer that dies with unread bytes resets the connection: also just an end. */
    say(p, "unread");
    close(second);
    until_connected(c, false);
    say(p, "to nobody");
    host_char_close(c);
}

static void waits_for_client(void)
{
    struct host_char *c;
    const char *path = in_dir("wait");
    pid_t child = fork();
    if (!child) {
        for (int i = 0; i < 200 && access(path, F_OK); i++)
            usleep(10000);
        usleep(20000);
        int fd = connect_unix(path);
        _exit(write(fd, "here", 4) == 4 ? 0 : 1);
    }
    int saved = dup(2), nul = open("/dev/null", O_WRONLY);
    dup2(nul, 2);
    open_port(spec("unix:%s,server", path), &c);
    dup2(saved, 2);
    close(saved);
    close(nul);
    CU_ASSERT_TRUE(host_char_connected(c));
    CU_ASSERT(guest_gets("here"));
    waitpid(child, NULL, 0);
    host_char_close(c);
}

static char said[64];
static int focus;

static void monitor_bytes(void *opaque, const u8 *bytes, size_t n)
{
    strncat(said, (const char *)bytes, n);
}

static void monitor_focus(void *opaque, bool gained)
{
    focus += gained ? 1 : -1;
}

/* A monitor as the one user: it is told who comes and goes, and Ctrl-A is a byte. */
static void monitor(void)
{
    const char *path = in_dir("mon");
    struct host_char_user u = { monitor_bytes, monitor_focus, NULL };
    struct host_char *c = host_char_open(l, spec("unix:%s,server=on,wait=off", path), "monitor", &e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_PTR_NULL(host_char_mux(c));
    CU_ASSERT_PTR_NOT_NULL(host_char_port(c, &e)); /* given out, as for every -chardev, but no device took it */
    struct host_char_line *line = host_char_attach(c, "monitor", &u, &e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(line);
    CU_ASSERT_PTR_NULL(host_char_attach(c, "another", &u, &e));
    CU_ASSERT_PTR_NULL(host_char_port(c, &e));
    int fd = connect_unix(path);
    until_connected(c, true);
    CU_ASSERT_EQUAL(focus, 1);
    CU_ASSERT_EQUAL(write(fd, "info\x01x\n", 7), 7);
    CU_ASSERT(UNTIL(l, NULL, 2, strlen(said) >= 7));
    CU_ASSERT_STRING_EQUAL(said, "info\x01x\n");
    host_char_line_write(line, "(orrery) ", 9);
    CU_ASSERT(peer_gets(fd, "(orrery) "));
    close(fd);
    until_connected(c, false);
    CU_ASSERT_EQUAL(focus, 0);
    host_char_close(c);
    /* A device does listen: then it is taken. */
    open_port("null", &c);
    CU_ASSERT_PTR_NULL(host_char_attach(c, "monitor", &u, &e));
    host_char_close(c);
}

static void telnet(void)
{
    struct host_char *c;
    struct char_port *p = open_port("telnet:127.0.0.1:0,server,nowait", &c);
    int fd = connect_tcp(c);
    until_connected(c, true);
    char hello[12];
    CU_ASSERT_EQUAL(recv(fd, hello, sizeof hello, MSG_WAITALL), 12);
    CU_ASSERT(!memcmp(hello, "\xff\xfb\x01\xff\xfb\x03\xff\xfb\x00\xff\xfd\x00", 12));
    /* Options are swallowed, also cut in two; IAC IAC is one byte; a break is a break; CR NUL is CR. */
    static const char data[] = "a\xff\xfd\x01" "b\xff\xff" "c\xff\xfa\x18\x01\xff\xf0" "d\xff\xf3" "e\r\0f\xff";
    unsigned breaks = w.breaks;
    CU_ASSERT_EQUAL(write(fd, data, sizeof data - 1), sizeof data - 1);
    CU_ASSERT(guest_gets("ab\xff" "cde\rf"));
    CU_ASSERT_EQUAL(w.breaks, breaks + 1);
    CU_ASSERT_EQUAL(write(fd, "\xfb\x1fg", 3), 3);
    CU_ASSERT(guest_gets("g"));
    say(p, "x\xffy");
    CU_ASSERT(peer_gets(fd, "x\xff\xffy"));
    close(fd);
    host_char_close(c);
}

/* A peer that sends more than the guest takes is held, and loses nothing. */
static void held_back(void)
{
    struct host_char *c;
    const char *path = in_dir("held");
    open_port(spec("unix:%s,server,nowait", path), &c);
    int fd = connect_unix(path);
    until_connected(c, true);
    pid_t child = fork();
    enum { ALL = 500000 };
    if (!child) {
        static u8 data[ALL];
        for (size_t i = 0; i < ALL; i++)
            data[i] = (u8)(i * 7 + i / 256);
        for (size_t i = 0; i < ALL;) {
            ssize_t n = write(fd, data + i, ALL - i);
            if (n <= 0)
                _exit(1);
            i += (size_t)n;
        }
        _exit(0);
    }
    close(fd);
    w.capacity = 16;
    size_t at = 0;
    bool same = true;
    u64 end = host_now_ns() + 8000000000;
    while (at < ALL && host_now_ns() < end) {
        host_loop_poll(l, 1000000);
        w.hart.busy = 0;
        while (host_loop_offer(l, &w.m))
            w.hart.busy = 0;
        for (size_t i = 0; i < w.n_got; i++, at++)
            same = same && w.got[i] == (u8)(at * 7 + at / 256);
        w.n_got = 0;
    }
    CU_ASSERT_EQUAL(at, ALL);
    CU_ASSERT_TRUE(same);
    waitpid(child, NULL, 0);
    host_char_close(c);
    w.capacity = 60000;
    w.held = 0;
}

int main(void)
{
    if (setup())
        return 99;
    CU_TestInfo tests[] = {
        { "mistakes are named", mistakes },
        { "it listens on loopback only", loopback_only },
        { "file, null, none, log files", files },
        { "ringbuf", ringbuf },
        { "a pair of FIFOs", fifos },
        { "pty: people come and go", pty },
        { "unix: clients, servers, what is left behind", unix_socket },
        { "tcp: one client at a time", tcp },
        { "a server with wait=on waits", waits_for_client },
        { "a monitor as the user", monitor },
        { "telnet", telnet },
        { "a fast peer is held back", held_back },
        CU_TEST_INFO_NULL,
    };
    int status = unit_main("host/char", tests);
    teardown();
    return status;
}
