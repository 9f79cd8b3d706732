/* A guest address space: a sorted list of windows onto RAM, ROM and devices.
 *
 * access  what the guest does: may have side effects, may fault
 * peek    what a person does: never has side effects
 * dma     what a device does: like access, but only RAM and ROM, in bulk */
#ifndef MEMORY_SPACE_H
#define MEMORY_SPACE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/types.h"
#include "memory/ram.h"

enum mem_result {
    MEM_OK,
    MEM_FAULT, /* nothing there, a size the device does not take, or a store to ROM: the bus answers with an error */
};

/* size is 1, 2, 4 or 8 bytes; offset is from the window's start (region->offset + addr - region->base) and the access
 * lies within it. */
struct io_ops {
    enum mem_result (*read)(void *opaque, u64 offset, unsigned size, u64 *value);
    enum mem_result (*write)(void *opaque, u64 offset, unsigned size, u64 value);
    enum mem_result (*peek)(void *opaque, u64 offset, unsigned size, u64 *value); /* may be NULL: unreadable */
};

/* A window, or the piece of it that is seen between windows of higher rank. A piece is good until the space changes:
 * nobody keeps one. */
struct region {
    const char *name;
    u64 base, size;
    u64 offset;      /* of base within the window: 0 but for pieces */
    struct ram *ram; /* NULL for a plain device window */
    u64 ram_offset;  /* of base */
    bool read_direct, write_direct; /* loads, stores go to `ram`; otherwise to `ops` */
    const struct io_ops *ops;       /* may be NULL when both are direct, and for ROM (stores are ignored) */
    void *opaque;
    struct window *window;
};

struct space {
    const char *name;
    struct arena *arena;
    struct region **regions; /* what is seen: sorted by base, never overlapping */
    u32 n;
    struct region *last; /* the one found last */
    struct window **windows; /* all, placed or not: those of higher rank first, then in order of making */
    u32 n_windows, cap;
    struct region *pieces, *spare; /* of windows that are seen in part; the spare ones: as before the last change */
    void (*dma)(void *opaque, u64 addr, u64 len, bool write); /* after a device's access to memory; NULL: nobody wants to know */
    void *dma_opaque;
    struct ram **rams; /* each that a window shows, once */
    u32 n_rams, rams_cap;
};

struct space *space_new(struct arena *a, const char *name);

/* Each fails when the window would overlap another; the message names both. */
bool space_add_ram(struct space *s, u64 base, struct ram *r, struct err *e); /* all of r, ROM or RAM */
struct region *space_add_io(struct space *s, const char *name, u64 base, u64 size, const struct io_ops *ops,
                            void *opaque, struct err *e);
/* A window whose loads read `ram` while read_direct, and whose stores go to `ops` (flash). */
struct region *space_add_romd(struct space *s, const char *name, u64 base, struct ram *ram, const struct io_ops *ops,
                              void *opaque, struct err *e);
/* Switches between array and command mode; the CPUs forget pointers into it. */
void space_set_read_direct(const struct region *r, bool direct);

/* --- windows that move --- */
/* A window that comes and goes, moves (PCI BARs) or lies over others (VGA and PAM over RAM). Of several at an address
 * the one of the highest rank is seen, of equals the one made first; RAM and the windows above have rank 0. While
 * read_direct or write_direct (at first neither), loads or stores go to `ram` (may be NULL) from ram_offset on, else to
 * `ops` (may be NULL: nobody answers). CPUs keep pointers to whole pages: what lies over RAM or shows RAM has borders
 * at multiples of 4 KiB. Every change makes the CPUs forget what they kept of the address space. Shape, not state:
 * devices place them anew in loaded(). */
struct window;
struct window *space_window_new(struct space *s, const char *name, u64 size, int rank, const struct io_ops *ops,
                                void *opaque, struct ram *ram, u64 ram_offset);
/* A place where it would reach round the end of the address space is none: it is not on. */
void space_window_place(struct window *w, u64 base, bool on);
void space_window_direct(struct window *w, bool read_direct, bool write_direct);
const struct region *space_window_region(const struct window *w); /* the whole of it, seen or not */
bool space_window_on(const struct window *w);
/* A part of a RAM: `size` bytes of r from `offset` on, whole pages. */
bool space_add_ram_part(struct space *s, u64 base, struct ram *r, u64 offset, u64 size, struct err *e);

struct region *space_find(struct space *s, u64 addr); /* NULL: nothing there */

enum mem_result space_read(struct space *s, u64 addr, unsigned size, u64 *value);
enum mem_result space_write(struct space *s, u64 addr, unsigned size, u64 value);

/* Bulk; false when any byte is not RAM or ROM (what came before it was done). */
bool space_dma_read(struct space *s, u64 addr, void *out, u64 len);
bool space_dma_write(struct space *s, u64 addr, const void *in, u64 len);

/* Without side effects; returns how many of len bytes could be read. */
u64 space_peek(struct space *s, u64 addr, void *out, u64 len);
/* A debugger's or loader's store: RAM and ROM. Returns how many bytes were stored. */
u64 space_poke(struct space *s, u64 addr, const void *in, u64 len);

#endif
