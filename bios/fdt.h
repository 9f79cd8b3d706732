/* Flattened device trees, a little above libfdt. "Devicetree Specification", release 0.4. */
#ifndef BIOS_FDT_H
#define BIOS_FDT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/types.h"

/* Writes a tree from top to bottom: begin, properties, children, end. Errors are kept until dt_finish. */
struct dt_writer {
    u8 *data;
    size_t cap;
    int failed; /* the first libfdt error */
};

void dt_start(struct dt_writer *w, size_t cap);
void dt_node(struct dt_writer *w, const char *name); /* "" is the root */
void dt_node_at(struct dt_writer *w, const char *name, u64 addr);
void dt_end(struct dt_writer *w);
void dt_empty(struct dt_writer *w, const char *name);
void dt_u32(struct dt_writer *w, const char *name, u32 v);
void dt_cells(struct dt_writer *w, const char *name, const u32 *cells, size_t n);
void dt_str(struct dt_writer *w, const char *name, const char *s);
void dt_bytes(struct dt_writer *w, const char *name, const void *p, size_t n); /* string lists too */
void dt_reg(struct dt_writer *w, u64 base, u64 size); /* "reg" with two address and two size cells */
/* Appends the tree to out and frees the writer. */
bool dt_finish(struct dt_writer *w, struct buf *out, struct err *e);

/* Is it a tree that can be walked without running off its end? */
bool dt_valid(const u8 *data, size_t size);

/* Copies a tree (a user's -dtb) to out with /chosen told about the command line and the initrd; what is NULL or
 * empty (start == end) is left as it was. */
bool fdt_with_chosen(const char *name, const u8 *data, size_t size, const char *bootargs, u64 initrd_start,
                     u64 initrd_end, struct buf *out, struct err *e);

#endif
