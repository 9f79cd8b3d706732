#include "iodev/char/virtio-console.h"

#include <string.h>

#define F_MULTIPORT ((u64)1 << 1)
#define F_EMERG_WRITE ((u64)1 << 2)

enum { CTRL_RX = 2, CTRL_TX = 3 };

enum { /* control events, section 5.3.6.2 */
    EV_DEVICE_READY = 0,
    EV_DEVICE_ADD = 1,
    EV_PORT_READY = 3,
    EV_CONSOLE_PORT = 4,
    EV_PORT_OPEN = 6,
    EV_PORT_NAME = 7,
};

/* Messages that wait for a buffer of the driver; sent in this order. */
enum { PEND_ADD = 1, PEND_CONSOLE = 2, PEND_NAME = 4, PEND_OPEN = 8 };

#define MOST_OUT ((u64)1 << 20) /* in one buffer: what no driver sends would hold up the machine */
#define MOST_IN 4096            /* taken from outside at once */
#define MOST_NAME 64

struct serial_state {
    struct virtio_state v;
    u8 pending[VIRTIO_SERIAL_PORTS];
    u8 guest_open[VIRTIO_SERIAL_PORTS];
    u64 bytes_in, bytes_out;
};

struct serial_link {
    struct virtio_link l;
    struct device *port[VIRTIO_SERIAL_PORTS]; /* the device itself at 0 when it has a chardev */
    bool multiport;
    struct input_channel channel;
    struct virtio_chain chain;
};

struct port_link {
    struct input_channel channel;
    unsigned nr;
};

static const struct state_field serial_fields[] = {
    VIRTIO_STATE(struct serial_state),
    STATE_ARRAY(struct serial_state, pending),
    STATE_ARRAY(struct serial_state, guest_open),
    STATE(struct serial_state, bytes_in),
    STATE(struct serial_state, bytes_out),
    STATE_END,
};

/* Port 0 has queues 0 and 1; the control queues come next, then the other ports (section 5.3.2). */
static unsigned rx_queue(unsigned port)
{
    return port ? 2 + 2 * port : 0;
}

static unsigned serial_queues(const struct device *d)
{
    const struct serial_link *l = d->link;
    return l->multiport ? 2 * (VIRTIO_SERIAL_PORTS + 1) : 2;
}

static u64 serial_features(const struct device *d)
{
    const struct serial_link *l = d->link;
    return F_EMERG_WRITE | (l->multiport ? F_MULTIPORT : 0);
}

static unsigned serial_config(const struct device *d, u8 *c)
{
    const struct serial_link *l = d->link;
    store_le(c + 4, 4, l->multiport ? VIRTIO_SERIAL_PORTS : 1);
    return 12;
}

/* emerg_wr: a character without any queue, for drivers that are not up yet or no longer. */
static void serial_config_write(struct device *d, u32 offset, unsigned size, u64 value)
{
    const struct serial_link *l = d->link;
    u8 byte = (u8)value;
    if (offset == 8 && l->port[0])
        device_char_out(l->port[0], l->port[0]->chr, &byte, 1);
}

static bool is_console(const struct serial_link *l, unsigned p)
{
    return l->port[p]->cls != &virtserialport_class;
}

/* --- control ----------------------------------------------------------------------------------------------- */

static void send_pending(struct device *d)
{
    static const struct {
        u8 bit, event;
    } messages[] = {
        { PEND_ADD, EV_DEVICE_ADD },
        { PEND_CONSOLE, EV_CONSOLE_PORT },
        { PEND_NAME, EV_PORT_NAME },
        { PEND_OPEN, EV_PORT_OPEN },
    };
    struct serial_state *s = d->state;
    struct serial_link *l = d->link;
    for (unsigned p = 0; p < VIRTIO_SERIAL_PORTS; p++)
        for (unsigned i = 0; i < ARRAY_LEN(messages) && l->port[p]; i++) {
            if (!(s->pending[p] & messages[i].bit))
                continue;
            if (!virtqueue_pop(d, CTRL_RX, &l->chain))
                return;
            u8 msg[8 + MOST_NAME + 1] = { 0 };
            u32 len = 8;
            store_le(msg, 4, p);
            store_le(msg + 4, 2, messages[i].event);
            store_le(msg + 6, 2, 1);
            const char *name = messages[i].bit == PEND_NAME ? device_prop(l->port[p], "name") : NULL;
            if (name) {
                memcpy(msg + len, name, strlen(name));
                len += (u32)strlen(name) + 1;
            }
            len = (u32)virtio_chain_write(d, &l->chain, 0, msg, len);
            s->pending[p] &= (u8)~messages[i].bit;
            virtqueue_push(d, CTRL_RX, l->chain.head, len);
        }
}

static void control(struct device *d, const u8 *msg)
{
    struct serial_state *s = d->state;
    struct serial_link *l = d->link;
    u64 p = load_le(msg, 4), event = load_le(msg + 4, 2), value = load_le(msg + 6, 2);
    if (event == EV_DEVICE_READY) {
        for (unsigned i = 0; value && i < VIRTIO_SERIAL_PORTS; i++)
            s->pending[i] = l->port[i] ? PEND_ADD : 0;
        return;
    }
    if (p >= VIRTIO_SERIAL_PORTS || !l->port[p])
        return;
    if (event == EV_PORT_READY && value) {
        s->pending[p] |= (u8)((is_console(l, (unsigned)p) ? PEND_CONSOLE : 0) |
                              (device_prop(l->port[p], "name") ? PEND_NAME : 0) |
                              (is_console(l, (unsigned)p) || l->port[p]->chr ? PEND_OPEN : 0));
    } else if (event == EV_PORT_OPEN) {
        s->guest_open[p] = value != 0;
    }
}

static void take_control(struct device *d)
{
    struct serial_link *l = d->link;
    for (unsigned i = 0; i < VIRTIO_MAX_ENTRIES && virtqueue_pop(d, CTRL_TX, &l->chain); i++) {
        u8 msg[8];
        bool whole = virtio_chain_read(d, &l->chain, 0, msg, sizeof msg) == sizeof msg;
        virtqueue_push(d, CTRL_TX, l->chain.head, 0);
        if (whole)
            control(d, msg);
        send_pending(d);
    }
}

/* --- characters -------------------------------------------------------------------------------------------- */

static void take_output(struct device *d, unsigned p)
{
    struct serial_state *s = d->state;
    struct serial_link *l = d->link;
    unsigned q = rx_queue(p) + 1;
    for (unsigned i = 0; i < VIRTIO_MAX_ENTRIES && virtqueue_pop(d, q, &l->chain); i++) {
        if (l->chain.out_len > MOST_OUT) {
            virtio_fail(d, "a console buffer is longer than 1 MiB");
            return;
        }
        u8 bytes[4096];
        for (u64 at = 0, n; (n = virtio_chain_read(d, &l->chain, at, bytes, sizeof bytes)); at += n) {
            if (l->port[p])
                device_char_out(l->port[p], l->port[p]->chr, bytes, n);
            s->bytes_out += n;
        }
        virtqueue_push(d, q, l->chain.head, 0);
    }
}

static void serial_notify(struct device *d, unsigned q)
{
    bool multiport = virtio_has(d, F_MULTIPORT);
    if (q == 1)
        take_output(d, 0);
    else if (q == CTRL_RX && multiport)
        send_pending(d);
    else if (q == CTRL_TX && multiport)
        take_control(d);
    else if (q > CTRL_TX && (q & 1) && multiport)
        take_output(d, (q - 3) / 2);
}

static size_t input_room(struct device *d, unsigned p)
{
    const struct serial_state *s = d->state;
    struct serial_link *l = d->link;
    if (!virtio_running(d) || (virtio_has(d, F_MULTIPORT) ? !s->guest_open[p] : p != 0))
        return 0;
    return virtqueue_room(d, rx_queue(p), MOST_IN, false, &l->chain);
}

static void input(struct device *d, unsigned p, const u8 *bytes, size_t n)
{
    struct serial_state *s = d->state;
    struct serial_link *l = d->link;
    unsigned q = rx_queue(p), used = 0;
    for (size_t done = 0; done < n && virtqueue_pop(d, q, &l->chain); used++) {
        size_t part = (size_t)virtio_chain_write(d, &l->chain, 0, bytes + done, n - done);
        virtqueue_fill(d, q, l->chain.head, (u32)part, used);
        done += part;
        s->bytes_in += part;
    }
    virtqueue_flush(d, q, used);
}

/* The device as its own port 0. */
static size_t own_room(void *opaque)
{
    return input_room(opaque, 0);
}

static void own_deliver(void *opaque, const u8 *bytes, size_t n)
{
    input(opaque, 0, bytes, n);
}

static size_t port_room(void *opaque)
{
    struct device *port = opaque;
    return port->parent ? input_room(port->parent, ((struct port_link *)port->link)->nr) : 0;
}

static void port_deliver(void *opaque, const u8 *bytes, size_t n)
{
    struct device *port = opaque;
    if (port->parent)
        input(port->parent, ((struct port_link *)port->link)->nr, bytes, n);
}

/* --- the classes ------------------------------------------------------------------------------------------- */

static void add_channel(struct device *d, struct input_channel *ch, size_t (*room)(void *),
                        void (*deliver)(void *, const u8 *, size_t))
{
    *ch = (struct input_channel){ .name = d->path, .room = room, .deliver = deliver, .opaque = d };
    device_add_channel(d, ch);
    if (d->chr)
        d->chr->in = ch;
}

/* Port 0 is for the first console, as drivers without MULTIPORT expect one there. */
static bool serial_plug(struct device *d, struct device *port, struct err *e)
{
    struct serial_link *l = d->link;
    const char *given = device_prop(port, "nr");
    unsigned nr = port->cls == &virtserialport_class;
    if (given) {
        u64 n = device_prop_u64(port, "nr");
        if (n >= VIRTIO_SERIAL_PORTS)
            return err_set(e, "port number %s of '%s' is too large: %s has ports 0 to %u", given, port->cls->name,
                           d->path, VIRTIO_SERIAL_PORTS - 1);
        nr = (unsigned)n;
        if (l->port[nr])
            return err_set(e, "port %u of %s is taken by '%s'; leave nr out to get a free one", nr, d->path,
                           l->port[nr]->cls->name);
    }
    while (nr < VIRTIO_SERIAL_PORTS && l->port[nr])
        nr++;
    if (nr == VIRTIO_SERIAL_PORTS)
        return err_set(e, "%s has no free port for another '%s'; add a second virtio-serial-device", d->path,
                       port->cls->name);
    l->port[nr] = port;
    l->multiport = true;
    ((struct port_link *)port->link)->nr = nr;
    port->parent = d;
    return true;
}

static bool port_build(struct device *port, struct err *e)
{
    struct port_link *l = port->link;
    const char *name = device_prop(port, "name");
    if (name && strlen(name) > MOST_NAME)
        return err_set(e, "the port name '%s' is longer than %u bytes", name, MOST_NAME);
    add_channel(port, &l->channel, port_room, port_deliver);
    return true;
}

static void serial_driver_reset(struct device *d)
{
    struct serial_state *s = d->state;
    memset(s->pending, 0, sizeof s->pending);
    memset(s->guest_open, 0, sizeof s->guest_open);
}

static void serial_reset(struct device *d)
{
    struct serial_state *s = d->state;
    virtio_power_on(d);
    serial_driver_reset(d);
    s->bytes_in = s->bytes_out = 0;
}

static const struct virtio_ops serial_ops = {
    .id = 3,
    .queues = serial_queues,
    .features = serial_features,
    .notify = serial_notify,
    .config = serial_config,
    .config_write = serial_config_write,
    .reset = serial_driver_reset,
    .plug = serial_plug,
};

static bool serial_build(struct device *d, struct err *e)
{
    struct serial_link *l = d->link;
    virtio_build(d, &serial_ops);
    l->multiport = !d->chr;
    if (d->chr) {
        l->port[0] = d;
        add_channel(d, &l->channel, own_room, own_deliver);
    }
    return true;
}

static void serial_describe(const struct device *d, struct buf *out)
{
    const struct serial_state *s = d->state;
    const struct serial_link *l = d->link;
    virtio_describe(d, out);
    for (unsigned p = 0; p < VIRTIO_SERIAL_PORTS; p++)
        if (l->port[p])
            buf_printf(out, "port %u: %s%s\n", p, is_console(l, p) ? "console" : "serial",
                       s->guest_open[p] ? ", open" : "");
    buf_printf(out, "%llu characters in, %llu out\n", (unsigned long long)s->bytes_in,
               (unsigned long long)s->bytes_out);
}

static const struct prop_desc serial_props[] = {
    { "chardev", PROP_CHARDEV, NULL, "makes the device a console itself: port 0" },
    VIRTIO_PROPS,
    { NULL, 0, NULL, NULL },
};

static const struct prop_desc port_props[] = {
    { "chardev", PROP_CHARDEV, NULL, "where the characters go" },
    { "name", PROP_STR, NULL, "what the guest finds it by, up to 64 bytes" },
    { "nr", PROP_U64, NULL, "port number; else the next free one" },
    { NULL, 0, NULL, NULL },
};

static const struct state_field port_fields[] = { STATE_END };

const struct device_class virtio_serial_class = {
    .name = "virtio-serial-device",
    .doc = "virtio console and serial ports",
    .bus = "virtio",
    .state_size = sizeof(struct serial_state),
    .state = serial_fields,
    .link_size = sizeof(struct serial_link),
    .props = serial_props,
    .build = serial_build,
    .reset = serial_reset,
    .loaded = virtio_loaded,
    .describe = serial_describe,
};

const struct device_class virtconsole_class = {
    .name = "virtconsole",
    .doc = "console port of a virtio-serial-device",
    .bus = "virtio-serial",
    .state = port_fields,
    .link_size = sizeof(struct port_link),
    .props = port_props,
    .build = port_build,
};

const struct device_class virtserialport_class = {
    .name = "virtserialport",
    .doc = "port of a virtio-serial-device",
    .bus = "virtio-serial",
    .state = port_fields,
    .link_size = sizeof(struct port_link),
    .props = port_props,
    .build = port_build,
};
