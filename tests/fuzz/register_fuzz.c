/* A whole virt machine with a device in every virtio slot, and a guest gone mad: reads and writes of any size anywhere in
 * every device window (often at registers that do something, often with addresses of RAM), input on every channel,
 * time passing, resets. Whatever comes, the machine answers or faults; the same case twice ends in the same state. */
#include "iodev/block/virtio-blk.h"
#include "iodev/char/virtio-console.h"
#include "iodev/misc/virtio-rng.h"
#include "iodev/net/virtio-net.h"
#include "machine/machine.h"
#include "tests/fuzz/board.h"

#define DISK_BYTES (256 * 1024)
#define RAM_BYTES (4 << 20)

static u64 any_value(u64 *rng)
{
    switch (any(rng, 6)) {
    case 0: return any(rng, 16);
    case 1: return 0x80000000 + any(rng, RAM_BYTES);
    case 2: return (u64)1 << any(rng, 64);
    case 3: return 0x80000000 + (any(rng, RAM_BYTES) & ~(u64)0xfff);
    case 4: return (0x80000000 + any(rng, RAM_BYTES)) >> 12;
    default: return rng_next(rng);
    }
}

static void one_step(struct machine *m, u64 *rng)
{
    static const unsigned sizes[] = { 1, 2, 4, 4, 4, 8 };
    struct region *r = m->mem->regions[any(rng, m->mem->n)];
    unsigned size = sizes[any(rng, ARRAY_LEN(sizes))];
    u64 span = one_in(rng, 3) || r->size < 0x200 ? r->size : 0x200;
    u64 offset = any(rng, span), value;
    if (!one_in(rng, 8))
        offset &= ~(u64)(size - 1);
    switch (any(rng, 16)) {
    case 0: machine_run(m, machine_position(m) + any(rng, 2000), true); break;
    case 1: machine_run(m, machine_position(m) + any(rng, one_in(rng, 16) ? 1000000 : 20000), true); break;
    case 2: {
        struct input_channel *ch = m->env.channels;
        for (u64 k = any(rng, 12); k && ch->next; k--)
            ch = ch->next;
        u8 bytes[256];
        size_t room = input_room(ch), n = 1 + any(rng, sizeof bytes);
        for (size_t i = 0; i < n; i++)
            bytes[i] = (u8)rng_next(rng);
        if (room)
            machine_input(m, ch, bytes, n < room ? n : room);
        break;
    }
    case 3: space_write(m->mem, 0x80000000 + (any(rng, RAM_BYTES - 8) & ~(u64)7), 8, any_value(rng)); break;
    case 4:
        if (one_in(rng, 64))
            machine_reset(m);
        break;
    case 5:
    case 6:
    case 7: space_read(m->mem, r->base + offset, size, &value); break;
    case 8: space_peek(m->mem, r->base + offset, &value, size); break;
    default: space_write(m->mem, r->base + offset, size, any_value(rng)); break;
    }
}

static u64 one_run(u64 number)
{
    u64 rng = number;
    struct strict_disk *disk = strict_disk_new("d", DISK_BYTES, false);
    struct net_port net = { .send = swallow_frame, .id = "n" };
    struct char_port chr = { .write = swallow_bytes, .id = "c" }, serial = { .write = swallow_bytes, .id = "s" };
    struct prop_value drive = { "drive", "d", NULL }, netdev = { "netdev", "n", NULL }, chardev = { "chardev", "c", NULL };
    struct prop_value modern = { "virtio-mmio.force-legacy", number & 1 ? "off" : "on", NULL };
    static const u8 park[] = { 0x73, 0x00, 0x50, 0x10, 0x6f, 0xf0, 0xdf, 0xff }; /* wfi; j . - 4 */
    struct machine_config c = { .board = "virt", .board_props = number & 2 ? "aclint=on" : "", .xlen = 64, .cpus = 2, .seed = number,
                                .ram_size = RAM_BYTES, .kernel = { "park", park, sizeof park }, .serial = { &serial }, .globals = &modern,
                                .drives = { &disk->port }, .n_drives = 1, .nets = { &net }, .n_nets = 1,
                                .chars = { &chr }, .n_chars = 1, .n_devices = 4 };
    c.device[0].cls = &virtio_blk_class;
    c.device[0].props = &drive;
    c.device[1].cls = &virtio_net_class;
    c.device[1].props = &netdev;
    c.device[2].cls = &virtio_serial_class;
    c.device[2].props = &chardev;
    c.device[3].cls = &virtio_rng_class;
    struct err e;
    struct machine *m = machine_new(&c, &e);
    if (!m)
        wrong(e.text);
    for (u64 n = 200 + any(&rng, 3000); n; n--)
        one_step(m, &rng);
    u64 hash = machine_hash(m);
    machine_free(m);
    strict_disk_free(disk);
    return hash;
}

static void run_case(u64 number)
{
    if (one_run(number) != one_run(number))
        wrong("the same case ended in two states");
}

int main(int argc, char **argv)
{
    return cases_main("register_fuzz", argc, argv, run_case);
}
