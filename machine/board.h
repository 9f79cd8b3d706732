/* A board is a table of parts and wires. Memory map, interrupts, device tree and `info board` come from it. */
#ifndef MACHINE_BOARD_H
#define MACHINE_BOARD_H

#include "iodev/device.h"

struct isa;
struct machine;

/* Where an output of a part goes. */
struct board_wire {
    u8 out;         /* of this part */
    u8 step;        /* to "cpus": output out + step * N goes to CPU N */
    const char *to; /* part name: its irq_in(line); "cpus": one output for each CPU */
    u32 line;       /* input line there; for CPUs their set_irq line */
    u8 n;           /* so many outputs to so many lines, one by one; 0 means 1 */
};

struct board_part {
    const char *name; /* "uart0"; with count "virtio-mmio" becomes virtio-mmio0, virtio-mmio1, ... */
    const struct device_class *cls;
    u64 base[DEVICE_MAX_BANKS]; /* of each bank, in memory or among the I/O ports; 0: not mapped, BOARD_BASE_0: at 0 */
    unsigned count; /* 0 means 1; further ones at base + stride, wires' line + 1 */
    u64 stride;
    const char *props; /* "a=1,b=2" */
    const char *when;  /* only if this property of the board is on ("aclint"), or off ("!aclint"); NULL: always */
    struct board_wire wires[8];
    bool per_cpu; /* instead of count: one for each CPU, named as with count */
    u16 pci; /* PCI_AT(slot, function): on the bus of the part "pci", which comes before it; 0: not a PCI function */
};
#define BOARD_BASE_0 (~(u64)0)
#define PCI_AT(slot, function) (1 + ((slot) << 3 | (function)))

struct board {
    const char *name, *doc;
    const struct isa *isa; /* machine/isa.h */
    const char *bios[2];     /* default firmware of 32 and 64 bits, by the names of host/file; NULL: none */
    const char *drives;      /* what -hda and -drive without if= mean: "virtio", "ide" */
    const char *cpu;         /* default model; NULL: the ISA's */
    unsigned xlen;           /* 32 or 64; 0: either */
    unsigned max_cpus;
    u64 master_hz;
    u64 ram_base, default_ram, max_ram;
    u64 rom_base, rom_size; /* reset ROM; size 0: none */
    bool ports;              /* has a space of I/O ports */
    /* Its firmware takes an order to boot in (-boot, bootindex=): `set` it, by machine_config.boot's letters, for the resets that
     * follow, or only say whether it could be. NULL: it takes none. */
    bool (*boot_order)(struct machine *m, const char *letters, bool set, struct err *e);
    /* Maps the RAM, where it is not in one piece at ram_base. NULL: it is. */
    bool (*map_ram)(struct machine *m, struct ram *ram, struct err *e);
    const struct board_part *parts; /* ends with a NULL name */
    const struct prop_desc *props;  /* of -machine; may be NULL */
    /* After the parts are built and wired, before the CPUs: returns the counter they show as `time`
     * (RISC-V). May be NULL elsewhere. */
    struct timebase (*timebase)(struct machine *m);
    /* What the ISA wants to know of the board for CPU i, made from the parts: *wiring is a struct x86_board. NULL: nothing. */
    bool (*cpu_wiring)(struct machine *m, unsigned i, void *wiring, struct err *e);
    /* Once, when everything is built: what parts tell the machine, and constants they need. May be NULL. */
    bool (*connect)(struct machine *m, struct err *e);
    /* Puts firmware, kernel, device tree and start addresses in place; runs at every reset, after RAM was built. */
    bool (*boot)(struct machine *m, struct err *e);
    /* All CPUs wait: is it for ever, though timers go on? Then why, in words. No side effects. NULL: it cannot say. */
    bool (*waits_for_ever)(struct machine *m, struct buf *out);
};

/* Every mistake a table can hold, found before anything runs: names twice, overlaps, wires to nowhere. */
bool board_validate(const struct board *b, struct err *e);

u64 board_base(const struct board_part *p, unsigned bank, unsigned k); /* of copy k */

#endif
