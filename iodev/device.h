/* What every device is: a class (constant), plain state without pointers (saved), links (rebuilt).
 *
 * A register is declared once, as a row. From the row come guest access, peeking, the debugger's view with
 * named fields, reset, the reference page and the generic tests. */
#ifndef IODEV_DEVICE_H
#define IODEV_DEVICE_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/desc.h"
#include "base/event.h"
#include "iodev/backend.h"
#include "iodev/wire.h"
#include "memory/space.h"

struct device;
struct pci_function;
struct pci_slot;
struct screen_ops;

enum reg_access { REG_RW, REG_RO, REG_WO };
#define REG_NO_SLOT UINT32_MAX
#define REG_SLOT(type, member) offsetof(type, member)

/* Lists end with a NULL name. The first row that matches offset, direction and `visible` answers. */
struct reg_desc {
    const char *name;
    u32 offset; /* from the window's start, bytes */
    u8 width;   /* 1, 2, 4 or 8 bytes */
    u8 access;  /* enum reg_access: REG_RO ignores writes, REG_WO reads as 0 */
    u32 count;  /* elements of a register array, each `stride` bytes apart; 0 means 1 */
    u32 stride; /* 0 means width */
    u64 reset;
    u64 rw;   /* bits that a write stores */
    u64 w1c;  /* bits that writing 1 clears */
    u64 rclr; /* bits that a read clears */
    u32 slot; /* offset in the state of a number of `width` bytes (an array of them if count), or REG_NO_SLOT */
    bool (*visible)(const struct device *d);                                 /* NULL: always */
    u64 (*get)(const struct device *d, u32 index);                           /* the value, no side effects; NULL: the slot */
    u64 (*read)(struct device *d, u32 index);                                /* a guest read with side effects; NULL: get */
    void (*write)(struct device *d, u32 index, u64 value, u64 old);          /* after the slot took `value` */
    const struct reg_field *fields;
    const char *doc;
    const char *section; /* of the data sheet or specification */
};

/* One window of registers. */
struct reg_bank {
    const char *name;
    u64 size; /* bytes; 0: the class sets it in build() through device.bank_size[] */
    u8 min_access, max_access; /* bytes; other sizes fault */
    bool hole_faults;          /* an offset with no register: fault, or read 0 and ignore writes */
    const struct reg_desc *regs;
    /* For what is not registers (a buffer, a device configuration space); tried first, MEM_FAULT passes on.
     * NULL allowed. */
    enum mem_result (*read)(struct device *d, u64 offset, unsigned size, u64 *value, bool peek);
    enum mem_result (*write)(struct device *d, u64 offset, unsigned size, u64 value);
    bool ports; /* of I/O ports: mapped into the port space of PCs */
};

enum prop_kind { PROP_U64, PROP_BOOL, PROP_STR, PROP_DRIVE, PROP_NETDEV, PROP_CHARDEV };
struct prop_desc { /* lists end with a NULL name */
    const char *name; /* as typed after -device: "drive", "mac", "force-legacy" */
    enum prop_kind kind;
    const char *fallback; /* as text; NULL: none */
    const char *doc;
};

#define DEVICE_MAX_BANKS 12
#define DEVICE_MAX_OUT 40
/* Beyond those of the class: the configuration registers of a PCI function, its own and those of every header. They are
 * mapped nowhere; device_rows(), device_reg_at() and device_reg_named() know them. */
enum { DEVICE_PCI_BANK = DEVICE_MAX_BANKS, DEVICE_PCI_HEADER, DEVICE_BANKS };

struct device_class { /* constant */
    const char *name; /* as in `-device NAME` and board tables */
    const char *doc;
    const char *bus;        /* where -device may put it: "virtio"; NULL: only boards make it */
    const char *compatible; /* for device trees; NULL: none */
    const struct screen_ops *screen; /* iodev/screen.h: it is a display adapter; NULL: it is not */
    const struct pci_function *pci; /* iodev/bus/pci.h: it is one of these; NULL: not on a PCI bus */
    size_t state_size;
    const struct state_field *state;
    size_t link_size; /* of `link` */
    const struct prop_desc *props;
    const struct reg_bank *banks[DEVICE_MAX_BANKS];
    /* Makes timers, channels and links. No state beyond zero: that is reset()'s. */
    bool (*build)(struct device *d, struct err *e);
    /* To power-on state; register slots are reset by their rows before this is called. May be NULL. */
    void (*reset)(struct device *d);
    /* After a snapshot was loaded: recompute what is derived and not saved. May be NULL. */
    void (*loaded)(struct device *d);
    void (*irq_in)(struct device *d, u32 line, bool level); /* interrupt controllers */
    /* Memory behind a bank (flash): its window reads this while region->read_direct, else the bank. NULL: none. */
    struct ram *(*bank_ram)(const struct device *d, unsigned bank);
    /* More than registers for `info device`: queues, in-flight requests. May be NULL. */
    void (*describe)(const struct device *d, struct buf *out);
};

struct prop_value {
    const char *name, *text;
    struct prop_value *next;
};

/* What a device may use of its machine. */
struct device_env {
    struct arena *arena;
    struct clock *clock;
    struct event_bus *bus;
    struct space *mem; /* for DMA */
    struct space *io;  /* I/O ports; NULL on boards without */
    struct input_channel *channels;
    struct medium *media; /* iodev/block/medium.h: what can be put into drives; newest first */
    u64 seed; /* for whatever the machine makes random */
};

struct device {
    const struct device_class *cls;
    const char *path; /* "/uart0" */
    void *state;      /* plain data */
    void *link;       /* pointers: rebuilt, never saved */
    struct device_env *env;
    struct prop_value *props;
    /* Resolved from the properties drive, netdev and chardev; NULL: none given. */
    struct block_port *drive;
    struct net_port *net;
    struct char_port *chr;
    struct wire out[DEVICE_MAX_OUT];
    struct { /* where each bank is mapped now; size 0: nowhere */
        u64 base, size;
        const struct region *region; /* its opaque is for device_bank_ops */
        struct window *moving;       /* of device_window(); NULL: it stays where device_map() put it */
    } window[DEVICE_BANKS];
    u64 bank_size[DEVICE_MAX_BANKS]; /* set by build() for banks whose size is 0 */
    struct pci_slot *pci;  /* its place on a PCI bus (iodev/bus/pci.h); NULL: none */
    struct device *parent; /* the transport or bus it sits on */
    struct device *child;  /* what was plugged into this slot */
    struct device *next;
};

/* Allocates state and links, takes the properties (unknown names and bad values are errors that list the
 * known ones). The machine resolves the ports and then calls cls->build(). */
struct device *device_new(struct device_env *env, const struct device_class *cls, const char *path,
                          struct prop_value *props, struct err *e);
bool device_map(struct device *d, unsigned bank, struct space *s, u64 base, struct err *e);
/* A bank as a window that moves (memory/space.h); it is not placed yet. A bank with RAM behind it: loads read that, and
 * stores reach it if it is no ROM, until space_window_direct() says otherwise. size 0: the bank's own. */
bool device_window(struct device *d, unsigned bank, struct space *s, u64 size, int rank, struct err *e);
void device_place(struct device *d, unsigned bank, u64 base, bool on);
void device_reset(struct device *d);
void device_reset_rows(struct device *d, unsigned bank); /* the slots of its registers; device_reset() does that for all */
void device_irq(struct device *d, unsigned out, bool level); /* drives out[] and tells the bus */
/* What a device says to the outside, if anybody is there, and to the bus: "console.out". */
void device_char_out(struct device *d, struct char_port *port, const u8 *bytes, size_t n);
/* Tells the bus of an Ethernet frame, without FCS, that a card sends or has taken in. */
void device_net_frame(struct device *d, bool sent, const u8 *frame, size_t n);
struct wire device_irq_input(struct device *d, u32 line);    /* a wire into cls->irq_in */
void device_add_channel(struct device *d, struct input_channel *ch); /* name, room, deliver, opaque set by caller */

const char *device_prop(const struct device *d, const char *name); /* given, or fallback, or NULL */
u64 device_prop_u64(const struct device *d, const char *name);     /* accepts 0x and K M G suffixes */
bool device_prop_bool(const struct device *d, const char *name);   /* on/off, true/false, yes/no, 1/0 */

/* The registers of a bank, as a list that ends with a NULL name; NULL: there is no such bank. */
const struct reg_desc *device_rows(const struct device_class *cls, unsigned bank);
const char *device_bank_name(const struct device_class *cls, unsigned bank); /* of one with rows */

/* One register row at one address of a bank: for debuggers, register watchpoints and documentation. */
const struct reg_desc *device_reg_at(const struct device *d, unsigned bank, u64 offset, bool write, u32 *index);
/* By name: "LSR", "priority[3]"; NULL if there is none. */
const struct reg_desc *device_reg_named(const struct device *d, const char *name, unsigned *bank, u32 *index);
u64 device_reg_get(const struct device *d, const struct reg_desc *r, u32 index); /* without side effects */
/* The same by name, and of element n of an array; 0 where there is no such register or no device. */
u64 device_reg_value(const struct device *d, const char *name);
u64 device_reg_element(const struct device *d, const char *name, unsigned n);

/* What the guest does to one register, for those behind an index or in a configuration space: like an access through a
 * window that the row answers. A write touches the bits of `mask`. */
u64 device_reg_read(struct device *d, const struct reg_desc *r, u32 index);
void device_reg_write(struct device *d, const struct reg_desc *r, u32 index, u64 value, u64 mask);

extern const struct io_ops device_bank_ops; /* opaque is a struct device_window */

/* An access to a bank wherever it is, mapped or not: behind an index and a data port, in a local APIC, behind MSRs. */
enum mem_result device_bank_read(struct device *d, unsigned bank, u64 offset, unsigned size, u64 *value);
enum mem_result device_bank_peek(struct device *d, unsigned bank, u64 offset, unsigned size, u64 *value);
enum mem_result device_bank_write(struct device *d, unsigned bank, u64 offset, unsigned size, u64 value);

#endif
