/* The user network from the guest's side: frames made by hand go in through the net_port, and what libslirp answers
 * comes through the input channel. Peers on the host side are real sockets. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/net/net.h"
#include "tests/host/charworld.h"
#include "tests/host/until.h"
#include "tests/unit.h"

static struct host_loop *l;
static struct world w;
static struct host_net *n;
static struct net_port *port;
static struct err e;

/* Frames the guest was given. */
static struct {
    u8 data[2048];
    size_t len;
} got[64];
static unsigned n_got, n_read;

static const u8 guest_mac[6] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };
static u8 host_mac[6];
#define GUEST_IP 0x0a00020f
#define HOST_IP 0x0a000202

static size_t frame_room(void *opaque)
{
    return 2048;
}

static void frame_in(void *opaque, const u8 *bytes, size_t len)
{
    if (n_got < ARRAY_LEN(got) && len <= sizeof got[0].data) {
        memcpy(got[n_got].data, bytes, len);
        got[n_got++].len = len;
    }
}

static void open_net(const char *spec)
{
    static struct input_channel ch = { "/net0", frame_room, frame_in, NULL, NULL };
    e.text[0] = 0;
    n = host_net_open(l, spec, "n0", &e);
    if (!n)
        printf("%s\n", e.text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(n);
    port = host_net_port(n);
    port->in = &ch;
    n_got = n_read = 0;
}

static void close_net(void)
{
    host_net_close(n);
    n = NULL;
}

static u16 sum16(const u8 *p, size_t len, u32 sum)
{
    for (size_t i = 0; i < len; i++)
        sum += i & 1 ? p[i] : (u32)p[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (u16)~sum;
}

static void ethernet(u8 *f, const u8 *dst, u16 type)
{
    memcpy(f, dst, 6);
    memcpy(f + 6, guest_mac, 6);
    store_be(f + 12, 2, type);
}

/* An IPv4 packet of `len` payload bytes that already stand at f + 34. */
static void send_ip(u8 *f, const u8 *dst_mac, u8 proto, u32 src, u32 dst, size_t len)
{
    ethernet(f, dst_mac, 0x0800);
    u8 *ip = f + 14;
    memset(ip, 0, 20);
    ip[0] = 0x45;
    store_be(ip + 2, 2, 20 + len);
    ip[8] = 64;
    ip[9] = proto;
    store_be(ip + 12, 4, src);
    store_be(ip + 16, 4, dst);
    store_be(ip + 10, 2, sum16(ip, 20, 0));
    port->send(port, f, 34 + len);
}

static void send_udp(const u8 *dst_mac, u32 src, u16 sport, u32 dst, u16 dport, const void *data, size_t len)
{
    u8 f[1500] = { 0 };
    store_be(f + 34, 2, sport);
    store_be(f + 36, 2, dport);
    store_be(f + 38, 2, 8 + len);
    memcpy(f + 42, data, len);
    send_ip(f, dst_mac, 17, src, dst, 8 + len);
}

static void send_tcp(u16 sport, u32 dst, u16 dport, u32 seq, u32 ack, u8 flags)
{
    u8 f[54] = { 0 }, *t = f + 34;
    store_be(t, 2, sport);
    store_be(t + 2, 2, dport);
    store_be(t + 4, 4, seq);
    store_be(t + 8, 4, ack);
    t[12] = 5 << 4;
    t[13] = flags;
    store_be(t + 14, 2, 8192);
    /* The pseudo header: addresses, protocol, length. */
    u8 pseudo[12] = { 0 };
    store_be(pseudo, 4, GUEST_IP);
    store_be(pseudo + 4, 4, dst);
    pseudo[9] = 6;
    store_be(pseudo + 10, 2, 20);
    store_be(t + 16, 2, sum16(t, 20, (u16)~sum16(pseudo, 12, 0)));
    send_ip(f, host_mac, 6, GUEST_IP, dst, 20);
}

/* The next frame that `wanted` likes, among those that are there. */
static const u8 *next(bool (*wanted)(const u8 *f, size_t len), size_t *len)
{
    while (n_read < n_got) {
        const u8 *f = got[n_read].data;
        *len = got[n_read++].len;
        if (wanted(f, *len))
            return f;
    }
    n_read = n_got = 0;
    return NULL;
}

/* Runs until one comes, at most two seconds. Payload of the IP packet and its length. */
static const u8 *await(bool (*wanted)(const u8 *f, size_t len), size_t *len)
{
    const u8 *f = NULL;
    UNTIL(l, &w.m, 2, (f = next(wanted, len)) != NULL);
    return f;
}

static bool is_udp(const u8 *f, size_t len)
{
    return len >= 42 && load_be(f + 12, 2) == 0x0800 && f[23] == 17;
}

static bool is_tcp(const u8 *f, size_t len)
{
    return len >= 54 && load_be(f + 12, 2) == 0x0800 && f[23] == 6;
}

static bool is_icmp(const u8 *f, size_t len)
{
    return len >= 42 && load_be(f + 12, 2) == 0x0800 && f[23] == 1;
}

static bool is_arp(const u8 *f, size_t len)
{
    return len >= 42 && load_be(f + 12, 2) == 0x0806;
}

static const u8 broadcast[6] = { 255, 255, 255, 255, 255, 255 };

/* Sends a DHCP message (RFC 2131) and returns the address in the answer of the type wanted, or 0. */
static u32 dhcp(u8 type, u32 request, u8 answer, char *hostname)
{
    u8 m[300] = { 1, 1, 6, 0, 1, 2, 3, 4 };
    memcpy(m + 28, guest_mac, 6);
    store_be(m + 236, 4, 0x63825363);
    u8 *o = m + 240;
    *o++ = 53, *o++ = 1, *o++ = type;
    if (request) {
        *o++ = 50, *o++ = 4;
        store_be(o, 4, request);
        o += 4;
    }
    *o++ = 255;
    send_udp(broadcast, 0, 68, 0xffffffff, 67, m, sizeof m);
    size_t len;
    const u8 *f = await(is_udp, &len);
    if (!f || len < 42 + 243 || load_be(f + 42 + 4, 4) != 0x01020304)
        return 0;
    memcpy(host_mac, f + 6, 6);
    u8 kind = 0;
    for (size_t i = 42 + 240; i + 1 < len && f[i] != 255 && i + 2 + f[i + 1] <= len; i += 2 + f[i + 1]) {
        if (f[i] == 53)
            kind = f[i + 2];
        if (f[i] == 12 && hostname)
            snprintf(hostname, 64, "%.*s", f[i + 1], f + i + 2);
    }
    return kind == answer ? (u32)load_be(f + 42 + 16, 4) : 0;
}

static void lease(void)
{
    CU_ASSERT_EQUAL(dhcp(1, 0, 2, NULL), GUEST_IP);
    CU_ASSERT_EQUAL_FATAL(dhcp(3, GUEST_IP, 5, NULL), GUEST_IP);
}

static void dhcp_arp_ping(void)
{
    open_net("user,hostname=lab");
    char name[64] = "";
    CU_ASSERT_EQUAL(dhcp(1, 0, 2, NULL), GUEST_IP);
    CU_ASSERT_EQUAL(dhcp(3, GUEST_IP, 5, name), GUEST_IP);
    CU_ASSERT_STRING_EQUAL(name, "lab");

    u8 f[42] = { 0 };
    ethernet(f, broadcast, 0x0806);
    store_be(f + 14, 8, 0x0001080006040001);
    memcpy(f + 22, guest_mac, 6);
    store_be(f + 28, 4, GUEST_IP);
    store_be(f + 38, 4, HOST_IP);
    port->send(port, f, sizeof f);
    size_t len;
    const u8 *r = await(is_arp, &len);
    CU_ASSERT_PTR_NOT_NULL_FATAL(r);
    CU_ASSERT_EQUAL(load_be(r + 20, 2), 2);
    CU_ASSERT_EQUAL(load_be(r + 28, 4), HOST_IP);
    memcpy(host_mac, r + 22, 6);

    u8 p[34 + 8 + 16] = { 0 };
    p[34] = 8;
    store_be(p + 38, 4, 0x00070001);
    memcpy(p + 42, "0123456789abcdef", 16);
    store_be(p + 36, 2, sum16(p + 34, 24, 0));
    send_ip(p, host_mac, 1, GUEST_IP, HOST_IP, 24);
    r = await(is_icmp, &len);
    CU_ASSERT_PTR_NOT_NULL_FATAL(r);
    CU_ASSERT_EQUAL(r[34], 0); /* echo reply */
    CU_ASSERT(!memcmp(r + 42, "0123456789abcdef", 16));
    close_net();
}

/* A network of its own numbers. */
static void other_net(void)
{
    open_net("user,id=mine,net=192.168.76.0/24,dhcpstart=192.168.76.9,ipv6=off");
    CU_ASSERT_STRING_EQUAL(host_net_id(n), "mine");
    CU_ASSERT_EQUAL(dhcp(1, 0, 2, NULL), 0xc0a84c09);
    close_net();
}

static int tcp_server(u16 *p)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CU_ASSERT_FATAL(!bind(fd, (struct sockaddr *)&a, len) && !listen(fd, 1));
    CU_ASSERT_FATAL(!getsockname(fd, (struct sockaddr *)&a, &len));
    *p = ntohs(a.sin_port);
    return fd;
}

/* A TCP connection from the guest to a server of the host: open, receive, close (RFC 9293 3.5). */
static void tcp_fetch(void)
{
    u16 p;
    int server = tcp_server(&p);
    open_net("user");
    lease();
    u32 seq = 1000;
    size_t len;
    send_tcp(40000, HOST_IP, p, seq++, 0, 0x02);
    const u8 *r = await(is_tcp, &len);
    CU_ASSERT_PTR_NOT_NULL_FATAL(r);
    CU_ASSERT_EQUAL(r[47] & 0x3f, 0x12); /* SYN ACK */
    CU_ASSERT_EQUAL(load_be(r + 42, 4), seq);
    u32 ack = (u32)load_be(r + 38, 4) + 1;
    send_tcp(40000, HOST_IP, p, seq, ack, 0x10);
    int c = accept(server, NULL, NULL);
    CU_ASSERT_FATAL(c >= 0);
    CU_ASSERT_EQUAL(write(c, "page one", 8), 8);
    close(c);
    char page[64] = "";
    size_t have = 0;
    bool fin = false;
    while (!fin && (r = await(is_tcp, &len))) {
        size_t head = 34 + (size_t)(r[46] >> 4) * 4, size = 14 + load_be(r + 16, 2) - head;
        if (load_be(r + 38, 4) != ack || have + size >= sizeof page)
            continue;
        memcpy(page + have, r + head, size);
        have += size;
        fin = r[47] & 1;
        ack += (u32)size + fin;
        send_tcp(40000, HOST_IP, p, seq, ack, fin ? 0x11 : 0x10);
    }
    CU_ASSERT_TRUE(fin);
    CU_ASSERT_STRING_EQUAL(page, "page one");
    close(server);
    close_net();
}

static u16 free_udp_port(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    CU_ASSERT_FATAL(!bind(fd, (struct sockaddr *)&a, len) && !getsockname(fd, (struct sockaddr *)&a, &len));
    close(fd);
    return ntohs(a.sin_port);
}

/* In through a forwarded port, and back out to the one who asked. */
static void forwarded(const u16 p)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(p) };
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    CU_ASSERT_EQUAL(sendto(fd, "knock", 5, 0, (struct sockaddr *)&a, sizeof a), 5);
    size_t len;
    const u8 *r = await(is_udp, &len);
    CU_ASSERT_PTR_NOT_NULL_FATAL(r);
    CU_ASSERT_EQUAL(load_be(r + 36, 2), 2000);
    CU_ASSERT(!memcmp(r + 42, "knock", 5));
    send_udp(host_mac, GUEST_IP, 2000, (u32)load_be(r + 26, 4), (u16)load_be(r + 34, 2), "come in", 7);
    char answer[16] = "";
    CU_ASSERT(UNTIL(l, NULL, 2, recv(fd, answer, sizeof answer - 1, MSG_DONTWAIT) > 0));
    CU_ASSERT_STRING_EQUAL(answer, "come in");
    close(fd);
}

static void hostfwd(void)
{
    char spec[128];
    u16 p = free_udp_port();
    snprintf(spec, sizeof spec, "user,id=n0,hostfwd=udp::%u-:2000", p);
    open_net(spec);
    lease();
    forwarded(p);
    u16 q = free_udp_port();
    snprintf(spec, sizeof spec, "udp:127.0.0.1:%u-10.0.2.15:2000", q);
    CU_ASSERT_TRUE(host_net_forward(n, spec, &e));
    forwarded(q);
    CU_ASSERT_FALSE(host_net_forward(n, spec, &e)); /* taken */
    char *info = host_net_info(n);
    snprintf(spec, sizeof spec, "%u", q);
    CU_ASSERT_PTR_NOT_NULL(strstr(info, spec));
    free(info);
    snprintf(spec, sizeof spec, "udp::%u", q);
    CU_ASSERT_TRUE(host_net_unforward(n, spec, &e));
    CU_ASSERT_FALSE(host_net_unforward(n, spec, &e));
    close_net();
}

static void tftp(void)
{
    char dir[] = "/tmp/orrery-tftp-XXXXXX", file[64], spec[128];
    CU_ASSERT_FATAL(mkdtemp(dir) != NULL);
    snprintf(file, sizeof file, "%s/kernel", dir);
    FILE *f = fopen(file, "w");
    fputs("an image", f);
    fclose(f);
    snprintf(spec, sizeof spec, "user,restrict=on,tftp=%s", dir);
    open_net(spec);
    lease();
    static const char ask[] = "\0\1kernel\0octet"; /* RFC 1350: RRQ */
    send_udp(host_mac, GUEST_IP, 3000, HOST_IP, 69, ask, sizeof ask);
    size_t len;
    const u8 *r = await(is_udp, &len);
    CU_ASSERT_PTR_NOT_NULL_FATAL(r);
    CU_ASSERT_EQUAL(load_be(r + 42, 4), 0x00030001); /* DATA, block 1 */
    CU_ASSERT(len == 46 + 8 && !memcmp(r + 46, "an image", 8));
    close_net();
    unlink(file);
    rmdir(dir);
}

/* What libslirp answers by itself comes at the same position in every run, and the dump says which. */
static void positions_and_dump(void)
{
    u8 file[2][4096];
    size_t size[2];
    for (int run = 0; run < 2; run++) {
        char path[] = "/tmp/orrery-pcap-XXXXXX";
        close(mkstemp(path));
        open_net("user,ipv6=off");
        CU_ASSERT_TRUE(host_net_dump(n, path, 60, &e));
        host_net_clock(n, &w.m.clock);
        w.m.clock.now = 5000000123;
        lease();
        close_net();
        FILE *f = fopen(path, "r");
        size[run] = fread(file[run], 1, sizeof file[run], f);
        fclose(f);
        unlink(path);
    }
    CU_ASSERT_EQUAL(size[0], 24 + 4 * (16 + 60));
    CU_ASSERT(size[0] == size[1] && !memcmp(file[0], file[1], size[0]));
    CU_ASSERT_EQUAL(load_le(file[0], 4), 0xa1b23c4d);
    CU_ASSERT_EQUAL(load_le(file[0] + 20, 4), 1);
    CU_ASSERT_EQUAL(load_le(file[0] + 24, 4), 5); /* seconds, nanoseconds, kept, length */
    CU_ASSERT_EQUAL(load_le(file[0] + 28, 4), 123);
    CU_ASSERT_EQUAL(load_le(file[0] + 32, 4), 60);
    CU_ASSERT_EQUAL(load_le(file[0] + 36, 4), 342);
    CU_ASSERT(!memcmp(file[0] + 40 + 6, guest_mac, 6));
}

static bool refused(const char *spec, const char *because)
{
    e.text[0] = 0;
    struct host_net *bad = host_net_open(l, spec, "n0", &e);
    if (bad)
        host_net_close(bad);
    bool ok = !bad && strstr(e.text, because);
    if (!ok)
        printf("'%.80s': %s\n", spec, bad ? "was accepted" : e.text);
    return ok;
}

static void mistakes(void)
{
    CU_ASSERT(refused("usr", "'user'?"));
    CU_ASSERT(refused("user,hostfdw=tcp::1-:2", "'hostfwd'?"));
    CU_ASSERT(refused("user,hostfwd=tcp::5555", "HOSTPORT-"));
    CU_ASSERT(refused("user,hostfwd=sctp::5555-:22", "neither"));
    CU_ASSERT(refused("user,hostfwd=tcp::99999-:22", "HOSTPORT"));
    CU_ASSERT(refused("user,hostfwd=tcp::22-:0", "GUESTPORT"));
    CU_ASSERT(refused("user,hostfwd=tcp:0.0.0.0:5555-:22", "other machines"));
    CU_ASSERT(refused("user,hostfwd=udp:192.0.2.7:5555-:22", "other machines"));
    CU_ASSERT(refused("user,hostfwd", "value"));
    CU_ASSERT(refused("user,net=10.0.2.0/64", "mask"));
    CU_ASSERT(refused("user,net=10.0.2.0/255.0.255.0", "mask"));
    CU_ASSERT(refused("user,net=somewhere", "IPv4"));
    CU_ASSERT(refused("user,host=10.9.9.9", "net="));
    CU_ASSERT(refused("user,dns=10.0.2.2", "different"));
    CU_ASSERT(refused("user,restrict=perhaps", "on or off"));
    CU_ASSERT(refused("user,tftp=/nonexistent", "directory"));
    CU_ASSERT(refused("user,guestfwd=tcp:10.0.2.100:80-tcp:1.2.3.4:80", "COMMAND"));
    CU_ASSERT(refused("user,guestfwd=tcp:10.9.9.9:80-cmd:cat", "net="));
    CU_ASSERT(refused("user,ipv6-host=fe80::1", "ipv6-prefix"));
    char longer[3000];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    memcpy(longer, "user,hostname=", 14);
    CU_ASSERT(refused(longer, "long"));
}

/* Whatever a guest sends, and a guest that never reads: nothing but lost frames. */
static void nonsense(void)
{
    open_net("user,restrict=on"); /* nothing of this goes out to the host */
    lease();
    u64 x = 1;
    static u8 f[2000];
    port->send(port, f, 0);
    port->send(port, f, 13);
    for (int i = 0; i < 20000; i++) {
        size_t len = 14 + (x >> 20) % 600;
        for (size_t k = 0; k < len; k++)
            f[k] = (u8)((x = x * 6364136223846793005u + 1442695040888963407u) >> 56);
        if (i & 1) {
            store_be(f + 12, 2, i & 2 ? 0x0800 : i & 4 ? 0x0806 : 0x86dd);
            f[14] = i & 2 ? 0x45 : f[14];
            if (i & 8) { /* to libslirp itself, never out into the world */
                store_be(f + 30, 4, HOST_IP);
                f[23] = 17;
            }
        }
        if (load_be(f + 12, 2) == 0x0800 && load_be(f + 30, 4) != HOST_IP)
            store_be(f + 30, 4, HOST_IP);
        if (load_be(f + 12, 2) == 0x86dd)
            f[20] = 59; /* no next header */
        port->send(port, f, len);
        if (i % 1000 == 0)
            host_loop_poll(l, 0);
    }
    port->in = NULL;
    for (int i = 0; i < 2000; i++) {
        u8 m[300] = { 1, 1, 6, 0, 1, 2, 3, 4 };
        store_be(m + 236, 4, 0x63825363);
        send_udp(broadcast, 0, 68, 0xffffffff, 67, m, sizeof m);
    }
    host_loop_poll(l, 0);
    host_loop_offer(l, &w.m);
    close_net();
}

int main(void)
{
    CU_TestInfo tests[] = {
        { "DHCP lease, ARP, ping", dhcp_arp_ping },
        { "another network", other_net },
        { "a TCP fetch from a server of the host", tcp_fetch },
        { "hostfwd, also while running", hostfwd },
        { "TFTP", tftp },
        { "the same positions in every run; packet dump", positions_and_dump },
        { "mistakes are named", mistakes },
        { "nonsense frames", nonsense },
        CU_TEST_INFO_NULL,
    };
    world_init(&w);
    l = host_loop_new(&e);
    if (!l)
        return 99;
    int status = unit_main("host/net/user", tests);
    host_loop_free(l);
    world_fini(&w);
    return status;
}
