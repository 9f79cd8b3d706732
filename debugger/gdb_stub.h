/* What the files of the stub share: its state, and reading and writing the text of packets. */
#ifndef DEBUGGER_GDB_STUB_H
#define DEBUGGER_GDB_STUB_H

#include "debugger/gdb.h"

#define GDB_PACKET 0x4000   /* bytes between $ and #, both ways */
#define GDB_PENDING 0x10000 /* bytes of packets that wait for a stop */
#define GDB_POINTS 1024

/* Z0 to Z4. */
enum gdb_point_kind { GDB_SOFTWARE, GDB_HARDWARE, GDB_WATCH, GDB_READ_WATCH, GDB_ACCESS_WATCH, GDB_POINT_KINDS };

struct gdb_point {
    enum gdb_point_kind kind;
    u64 addr, len; /* addr as the hart's program counter would show it */
};

/* Registers by gdb's number, and their description: gdb_target.c. What is of an ISA: gdb_riscv.c, gdb_x86.c. */

#define GDB_REG_BYTES 16

struct gdb_feature { /* constant */
    const char *name;
    const char *types; /* XML of the types its registers have */
};

struct gdb_special { /* of a register that is not made of a CPU's own; `le` has all its bytes */
    void (*get)(struct cpu *c, unsigned index, u8 *le);
    bool (*set)(struct cpu *c, unsigned index, const u8 *le); /* false: it does not take that */
};

struct gdb_reg {
    const struct gdb_feature *feature;
    const char *name;
    const char *type;  /* NULL: the fields of part[0], or an integer without any */
    const char *group; /* NULL: by the type */
    u32 number;
    u16 bits;
    bool keep; /* a function called from gdb must find it as it left it: time went on */
    const struct cpu_reg *part[2]; /* the lower one first. NULL: zeros, and what is written there is lost */
    const struct gdb_special *special; /* instead */
    unsigned index;
};

/* How gdb sees every CPU of a machine, whatever mode it is in: numbers and sizes never change. */
struct gdb_layout {
    const struct gdb_isa *isa;
    struct gdb_reg *reg; /* sorted by number */
    size_t n, cap;
    u64 pc;              /* number of the program counter: the last one that g holds */
    struct buf xml;      /* made when first asked for */
};

struct gdb_isa { /* constant */
    const char *name; /* as cpu_ops has it */
    const char *architecture;
    unsigned bits; /* of an address */
    void (*describe)(struct gdb_layout *l, const struct cpu *c); /* adds all registers, and sets
        pc. A feature's registers have numbers between which no other's lies. */
};
extern const struct gdb_isa gdb_isa_riscv32, gdb_isa_riscv64, gdb_isa_i386, gdb_isa_x86_64;

void gdb_layout_add(struct gdb_layout *l, const struct gdb_reg *r);
void gdb_layout_init(struct gdb_layout *l, const struct cpu *c);
void gdb_layout_fini(struct gdb_layout *l);

struct gdb_stub {
    struct machine *m;
    struct gdb_stub_host host;
    struct gdb_layout layout;

    enum { IN_NOTHING, IN_PACKET, IN_ESCAPE, IN_SUM_1, IN_SUM_2 } in;
    u8 packet[GDB_PACKET + 1]; /* a NUL is kept behind it */
    size_t packet_len;
    bool packet_too_long;
    u8 sum, sum_sent;
    struct buf pending; /* u32 length, bytes: packets that came while the machine ran */
    size_t pending_at;

    struct buf reply; /* being written */
    bool no_reply;    /* to this packet, now */
    struct buf sent;  /* the last frame, should the client not have understood it */
    bool no_ack, wants_swbreak, wants_hwbreak, wants_messages;

    bool running, gone; /* gone: detached, killed or exited */
    struct cpu *current;  /* reported with the last stop */
    struct cpu *selected; /* Hg: registers and memory */
    struct cpu *control;  /* Hc: s, c */
    struct cpu *step;     /* NULL: run */
    bool back;            /* backwards */
    bool at_begin;        /* the last stop: there is no more past */
    u64 range_low, range_high; /* stepping goes on in here; empty: one step */
    enum machine_stop why;     /* of the last stop */
    struct cpu_hit hit;        /* when it was a watchpoint */
    bool physical; /* m and M take physical addresses */

    struct gdb_point points[GDB_POINTS];
    size_t n_points;
    struct cpu_stops armed; /* arrays of its own */
};

/* --- text in --------------------------------------------------------------------------------------------------- */

struct gdb_text {
    const u8 *at, *end;
};

bool gdb_take(struct gdb_text *t, const char *word); /* takes it off if it comes next */
bool gdb_take_hex(struct gdb_text *t, u64 *v);       /* 1 to 16 digits */
bool gdb_take_bytes(struct gdb_text *t, void *out, size_t n); /* n bytes as 2n digits */
/* "ADDR,LENGTH" */
bool gdb_take_range(struct gdb_text *t, u64 *addr, u64 *len);
/* "2", "p1.2", "0" (any: NULL in *c), "-1" (all: NULL). False: no such thread. */
bool gdb_take_thread(struct gdb_stub *s, struct gdb_text *t, struct cpu **c);

/* --- text out -------------------------------------------------------------------------------------------------- */

void gdb_put_hex(struct buf *b, const void *bytes, size_t n);
void gdb_reply(struct gdb_stub *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void gdb_reply_bytes(struct gdb_stub *s, const void *bytes, size_t n); /* binary: escaped as needed */
/* "E0e", or to a client that takes it the sentence. The number is an errno as gdb numbers them. */
enum gdb_error { GDB_EINVAL = 22, GDB_EFAULT = 14, GDB_ENOSPC = 28, GDB_ESRCH = 3 };
void gdb_error(struct gdb_stub *s, enum gdb_error code, const char *text);
void gdb_send(struct gdb_stub *s); /* s->reply, now; the one to the packet itself is sent for the handler */

/* --- parts ----------------------------------------------------------------------------------------------------- */

void gdb_handle(struct gdb_stub *s); /* the packet in s->packet: packets.c */
void gdb_go(struct gdb_stub *s);
void gdb_report(struct gdb_stub *s); /* the last stop, as a T packet */

/* Registers: gdb_target.c */
const struct buf *gdb_target_xml(struct gdb_stub *s);
void gdb_memory_map(const struct gdb_stub *s, struct buf *out); /* as XML, as it is now */
/* Bytes of the register, 0 when there is none of that number. */
unsigned gdb_reg_get(struct gdb_stub *s, struct cpu *c, u64 number, u8 le[GDB_REG_BYTES]);
bool gdb_reg_set(struct gdb_stub *s, struct cpu *c, u64 number, const u8 *le);
bool gdb_set_pc(struct gdb_stub *s, struct cpu *c, u64 pc);
/* Addresses wrap at the width of the ISA's. */
static inline u64 gdb_addr(const struct gdb_stub *s, u64 addr)
{
    return s->layout.isa->bits == 32 ? (u32)addr : addr;
}

/* Stop points: gdb_points.c */
void gdb_point_packet(struct gdb_stub *s, struct gdb_text t, bool insert);
void gdb_points_arm(struct gdb_stub *s); /* what is in points[] and differs from what is armed */
bool gdb_points_armed_at(const struct gdb_stub *s, u64 pc);
void gdb_points_report(struct gdb_stub *s, struct buf *out); /* "swbreak:;", "watch:80001000;" */

#endif
