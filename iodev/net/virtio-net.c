#include "iodev/net/virtio-net.h"

#include <stdio.h>
#include <string.h>

enum { RX, TX, CTRL };

#define F_MAC ((u64)1 << 5)
#define F_MRG_RXBUF ((u64)1 << 15)
#define F_STATUS ((u64)1 << 16)
#define F_CTRL_VQ ((u64)1 << 17)
#define F_CTRL_RX ((u64)1 << 18)
#define F_CTRL_VLAN ((u64)1 << 19)
#define F_CTRL_RX_EXTRA ((u64)1 << 20)
#define F_GUEST_ANNOUNCE ((u64)1 << 21)
#define F_CTRL_MAC_ADDR ((u64)1 << 23)

enum { RX_PROMISC, RX_ALLMULTI, RX_ALLUNI, RX_NOMULTI, RX_NOUNI, RX_NOBCAST, RX_MODES }; /* section 5.1.6.5.1 */
enum { CLASS_RX, CLASS_MAC, CLASS_VLAN, CLASS_ANNOUNCE };
enum { ACK_OK = 0, ACK_ERR = 1 };

#define MAC_TABLE 64
#define MAX_TX 65550 /* the largest frame taken from the driver, bytes */

struct net_state {
    struct virtio_state v;
    u8 mac[6];
    u8 mode[RX_MODES];
    u8 uni_overflow, multi_overflow; /* the driver wanted more addresses than fit: take all */
    u8 n_uni, n_multi;
    u8 table[MAC_TABLE * 6]; /* n_uni unicast addresses, then n_multi multicast ones */
    u8 vlans[512];           /* a bit for each VLAN that is wanted */
    u64 rx_packets, tx_packets, rx_dropped, tx_dropped;
};

struct net_link {
    struct virtio_link l;
    struct input_channel channel;
    u8 mac[6]; /* as configured */
    struct virtio_chain chain;
    u8 frame[MAX_TX];
};

static const struct state_field net_fields[] = {
    VIRTIO_STATE(struct net_state),
    STATE_ARRAY(struct net_state, mac),
    STATE_ARRAY(struct net_state, mode),
    STATE(struct net_state, uni_overflow),
    STATE(struct net_state, multi_overflow),
    STATE(struct net_state, n_uni),
    STATE(struct net_state, n_multi),
    STATE_ARRAY(struct net_state, table),
    STATE_ARRAY(struct net_state, vlans),
    STATE(struct net_state, rx_packets),
    STATE(struct net_state, tx_packets),
    STATE(struct net_state, rx_dropped),
    STATE(struct net_state, tx_dropped),
    STATE_END,
};

static unsigned net_queues(const struct device *d)
{
    return 3;
}

static u64 net_features(const struct device *d)
{
    return F_MAC | F_MRG_RXBUF | F_STATUS | F_CTRL_VQ | F_CTRL_RX | F_CTRL_VLAN | F_CTRL_RX_EXTRA | F_GUEST_ANNOUNCE |
           F_CTRL_MAC_ADDR;
}

static unsigned net_config(const struct device *d, u8 *c)
{
    const struct net_state *s = d->state;
    memcpy(c, s->mac, 6);
    store_le(c + 6, 2, 1); /* the link is up */
    return 8;
}

/* Legacy drivers set their address here (section 5.1.4.3). */
static void net_config_write(struct device *d, u32 offset, unsigned size, u64 value)
{
    struct net_state *s = d->state;
    if (virtio_has(d, VIRTIO_F_VERSION_1 | F_CTRL_MAC_ADDR))
        return;
    for (unsigned i = 0; i < size; i++)
        if (offset + i < sizeof s->mac)
            s->mac[offset + i] = (u8)(value >> (8 * i));
}

/* The header is two bytes longer when it counts buffers (section 5.1.6.1). */
static u32 header_size(const struct device *d)
{
    return virtio_has(d, VIRTIO_F_VERSION_1 | F_MRG_RXBUF) ? 12 : 10;
}

/* --- to the driver ----------------------------------------------------------------------------------------- */

static bool in_table(const u8 *table, unsigned n, const u8 *mac)
{
    for (unsigned i = 0; i < n; i++)
        if (!memcmp(table + 6 * i, mac, 6))
            return true;
    return false;
}

static bool wanted(const struct device *d, const u8 *frame, size_t n)
{
    static const u8 broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
    const struct net_state *s = d->state;
    if (n < 14)
        return false;
    if (s->mode[RX_PROMISC])
        return true;
    if (virtio_has(d, F_CTRL_VLAN) && n >= 18 && load_be(frame + 12, 2) == 0x8100) {
        u64 vid = load_be(frame + 14, 2) & 0xfff;
        if (!(s->vlans[vid / 8] & 1 << vid % 8))
            return false;
    }
    if (!memcmp(frame, broadcast, 6))
        return !s->mode[RX_NOBCAST];
    if (frame[0] & 1)
        return !s->mode[RX_NOMULTI] &&
               (s->mode[RX_ALLMULTI] || s->multi_overflow || in_table(s->table + 6 * s->n_uni, s->n_multi, frame));
    return !s->mode[RX_NOUNI] && (s->mode[RX_ALLUNI] || s->uni_overflow || !memcmp(frame, s->mac, 6) ||
                                  in_table(s->table, s->n_uni, frame));
}

static size_t net_room(void *opaque)
{
    struct device *d = opaque;
    struct net_link *l = d->link;
    if (!virtio_running(d))
        return 0;
    bool mergeable = virtio_has(d, F_MRG_RXBUF);
    u64 need = mergeable ? header_size(d) + VIRTIO_NET_MAX_FRAME : 1;
    return virtqueue_room(d, RX, need, !mergeable, &l->chain) >= need ? VIRTIO_NET_MAX_FRAME : 0;
}

static void net_deliver(void *opaque, const u8 *frame, size_t n)
{
    struct device *d = opaque;
    struct net_state *s = d->state;
    struct net_link *l = d->link;
    struct virtio_chain *c = &l->chain;
    if (n > VIRTIO_NET_MAX_FRAME || !virtio_running(d) || !wanted(d, frame, n)) {
        s->rx_dropped++;
        return;
    }
    u8 packet[12 + VIRTIO_NET_MAX_FRAME] = { 0 };
    u32 header = header_size(d);
    u64 size = header + n, done = 0;
    bool mergeable = virtio_has(d, F_MRG_RXBUF);
    if (virtqueue_room(d, RX, size, !mergeable, c) < size) {
        s->rx_dropped++;
        return;
    }
    memcpy(packet + header, frame, n);
    /* Every chain is filled; the first one's header says how many there were, known at the end. */
    struct virtio_seg first[2];
    unsigned n_first = 0, used = 0;
    while (done < size && virtqueue_pop(d, RX, c)) {
        if (!used) {
            if (c->in_len < header) {
                virtio_fail(d, "a receive buffer is too small for the header");
                return;
            }
            /* Where the last two bytes of the header are: in one segment or in two. */
            u64 at = 0;
            for (u32 i = 0; i < c->n_in && n_first < 2; i++) {
                const struct virtio_seg *seg = &c->seg[c->n_out + i];
                for (u64 want = 10 + n_first; header == 12 && n_first < 2 && want < at + seg->len; want++)
                    first[n_first++] = (struct virtio_seg){ seg->addr + (want - at), 1 };
                at += seg->len;
            }
        }
        u64 part = size - done < c->in_len ? size - done : c->in_len;
        virtio_chain_write(d, c, 0, packet + done, part);
        virtqueue_fill(d, RX, c->head, (u32)part, used++);
        done += part;
    }
    if (done < size) {
        s->rx_dropped++; /* the ring turned out to be broken */
        return;
    }
    u8 count[2];
    store_le(count, 2, used);
    for (unsigned i = 0; i < n_first; i++)
        space_dma_write(d->env->mem, first[i].addr, count + i, 1);
    s->rx_packets++;
    device_net_frame(d, false, frame, n);
    virtqueue_flush(d, RX, used);
}

/* --- from the driver --------------------------------------------------------------------------------------- */

static void send_all(struct device *d)
{
    struct net_state *s = d->state;
    struct net_link *l = d->link;
    struct virtio_chain *c = &l->chain;
    u32 header = header_size(d);
    for (unsigned i = 0; i < VIRTIO_MAX_ENTRIES && virtqueue_pop(d, TX, c); i++) {
        if (c->out_len < header) {
            virtio_fail(d, "a transmit buffer has no header");
            return;
        }
        u64 n = c->out_len - header;
        if (n >= 14 && n <= sizeof l->frame && virtio_chain_read(d, c, header, l->frame, n) == n) {
            s->tx_packets++;
            device_net_frame(d, true, l->frame, n);
            if (d->net)
                d->net->send(d->net, l->frame, n);
        } else {
            s->tx_dropped++;
        }
        virtqueue_push(d, TX, c->head, 0);
    }
}

/* --- the control queue, section 5.1.6.5 --------------------------------------------------------------------- */

static bool set_table(struct device *d, const struct virtio_chain *c)
{
    struct net_state *s = d->state;
    u8 table[MAC_TABLE * 6] = { 0 };
    u64 at = 2;
    unsigned kept = 0, counts[2];
    bool overflow[2];
    for (unsigned k = 0; k < 2; k++) {
        u8 le[4];
        if (virtio_chain_read(d, c, at, le, 4) != 4)
            return false;
        u64 n = load_le(le, 4), bytes = n * 6;
        at += 4;
        if (bytes > c->out_len - at)
            return false;
        overflow[k] = n > MAC_TABLE - kept;
        counts[k] = overflow[k] ? 0 : (unsigned)n;
        virtio_chain_read(d, c, at, table + 6 * kept, 6 * (u64)counts[k]);
        kept += counts[k];
        at += bytes;
    }
    memcpy(s->table, table, sizeof table);
    s->n_uni = (u8)counts[0];
    s->n_multi = (u8)counts[1];
    s->uni_overflow = overflow[0];
    s->multi_overflow = overflow[1];
    return true;
}

static bool command(struct device *d, const struct virtio_chain *c)
{
    struct net_state *s = d->state;
    u8 b[8] = { 0 }; /* class, command, and the data of the short ones */
    u64 n = virtio_chain_read(d, c, 0, b, sizeof b);
    if (n < 2)
        return false;
    switch (b[0]) {
    case CLASS_RX:
        if (b[1] >= RX_MODES || n < 3 || !virtio_has(d, b[1] <= RX_ALLMULTI ? F_CTRL_RX : F_CTRL_RX_EXTRA))
            return false;
        s->mode[b[1]] = b[2] != 0;
        return true;
    case CLASS_MAC:
        if (b[1] == 0)
            return virtio_has(d, F_CTRL_RX) && set_table(d, c);
        if (b[1] != 1 || n < 8 || !virtio_has(d, F_CTRL_MAC_ADDR))
            return false;
        memcpy(s->mac, b + 2, 6);
        return true;
    case CLASS_VLAN: {
        u64 vid = load_le(b + 2, 2);
        if (b[1] > 1 || n < 4 || vid > 4095 || !virtio_has(d, F_CTRL_VLAN))
            return false;
        u8 bit = (u8)(1 << vid % 8);
        s->vlans[vid / 8] = b[1] ? s->vlans[vid / 8] & (u8)~bit : s->vlans[vid / 8] | bit;
        return true;
    }
    case CLASS_ANNOUNCE:
        return b[1] == 0 && virtio_has(d, F_GUEST_ANNOUNCE);
    }
    return false;
}

static void control(struct device *d)
{
    struct net_link *l = d->link;
    struct virtio_chain *c = &l->chain;
    for (unsigned i = 0; i < VIRTIO_MAX_ENTRIES && virtqueue_pop(d, CTRL, c); i++) {
        if (c->out_len < 2 || !c->in_len) {
            virtio_fail(d, "a control command has no header or no room for its answer");
            return;
        }
        u8 ack = command(d, c) ? ACK_OK : ACK_ERR;
        virtio_chain_write(d, c, 0, &ack, 1);
        virtqueue_push(d, CTRL, c->head, 1);
    }
}

static void net_notify(struct device *d, unsigned q)
{
    if (!virtio_running(d))
        return;
    if (q == TX)
        send_all(d);
    else if (q == CTRL)
        control(d);
}

/* --- the class --------------------------------------------------------------------------------------------- */

static void net_driver_reset(struct device *d)
{
    struct net_state *s = d->state;
    const struct net_link *l = d->link;
    memcpy(s->mac, l->mac, 6);
    memset(s->mode, 0, sizeof s->mode);
    s->mode[RX_PROMISC] = 1;
    s->uni_overflow = s->multi_overflow = s->n_uni = s->n_multi = 0;
    memset(s->table, 0, sizeof s->table);
    memset(s->vlans, 0, sizeof s->vlans);
}

static void net_reset(struct device *d)
{
    struct net_state *s = d->state;
    virtio_power_on(d);
    net_driver_reset(d);
    s->rx_packets = s->tx_packets = s->rx_dropped = s->tx_dropped = 0;
}

static void net_loaded(struct device *d)
{
    struct net_state *s = d->state;
    virtio_loaded(d);
    if (s->n_uni > MAC_TABLE)
        s->n_uni = 0;
    if (s->n_multi > MAC_TABLE - s->n_uni)
        s->n_multi = 0;
}

static const struct virtio_ops net_ops = {
    .id = 1,
    .queues = net_queues,
    .features = net_features,
    .notify = net_notify,
    .config = net_config,
    .config_write = net_config_write,
    .reset = net_driver_reset,
};

static bool parse_mac(const char *text, u8 *mac)
{
    unsigned b[6];
    int end = 0;
    if (sscanf(text, "%2x%*1[:-]%2x%*1[:-]%2x%*1[:-]%2x%*1[:-]%2x%*1[:-]%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4],
               &b[5], &end) != 6 || text[end])
        return false;
    for (unsigned i = 0; i < 6; i++)
        mac[i] = (u8)b[i];
    return true;
}

static bool net_build(struct device *d, struct err *e)
{
    static const u8 first[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };
    struct net_link *l = d->link;
    const char *mac = device_prop(d, "mac");
    if (mac && (!parse_mac(mac, l->mac) || l->mac[0] & 1))
        return err_set(e, "mac of %s must be a unicast address like 52:54:00:12:34:56, not '%s'", d->path, mac);
    if (!mac) {
        memcpy(l->mac, first, 6);
        for (const struct input_channel *ch = d->env->channels; ch; ch = ch->next)
            l->mac[5] = (u8)(l->mac[5] + (ch->deliver == net_deliver)); /* each card of a machine has its own */
    }
    virtio_build(d, &net_ops);
    l->channel = (struct input_channel){ .name = d->path, .room = net_room, .deliver = net_deliver, .opaque = d };
    device_add_channel(d, &l->channel);
    if (d->net)
        d->net->in = &l->channel;
    return true;
}

static void net_describe(const struct device *d, struct buf *out)
{
    const struct net_state *s = d->state;
    virtio_describe(d, out);
    buf_printf(out, "%02x:%02x:%02x:%02x:%02x:%02x, %s, ", s->mac[0], s->mac[1], s->mac[2], s->mac[3], s->mac[4],
               s->mac[5], s->mode[RX_PROMISC] ? "promiscuous" : "filtering");
    buf_printf(out, "received %llu (dropped %llu), sent %llu (dropped %llu)\n", (unsigned long long)s->rx_packets,
               (unsigned long long)s->rx_dropped, (unsigned long long)s->tx_packets,
               (unsigned long long)s->tx_dropped);
}

static const struct prop_desc net_props[] = {
    { "netdev", PROP_NETDEV, NULL, "the network: id of a -netdev" },
    { "mac", PROP_STR, NULL, "address; else 52:54:00:12:34:56 and those after it" },
    VIRTIO_PROPS,
    { NULL, 0, NULL, NULL },
};

const struct device_class virtio_net_class = {
    .name = "virtio-net-device",
    .doc = "virtio network card",
    .bus = "virtio",
    .state_size = sizeof(struct net_state),
    .state = net_fields,
    .link_size = sizeof(struct net_link),
    .props = net_props,
    .build = net_build,
    .reset = net_reset,
    .loaded = net_loaded,
    .describe = net_describe,
};
