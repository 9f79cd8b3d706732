#include "bios/fdt.h"

#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

static void keep(struct dt_writer *w, int result)
{
    if (result < 0 && !w->failed)
        w->failed = result;
}

void dt_start(struct dt_writer *w, size_t cap)
{
    *w = (struct dt_writer){ xcalloc(1, cap), cap, 0 };
    keep(w, fdt_create(w->data, (int)cap));
    keep(w, fdt_finish_reservemap(w->data));
}

void dt_node(struct dt_writer *w, const char *name)
{
    keep(w, fdt_begin_node(w->data, name));
}

void dt_node_at(struct dt_writer *w, const char *name, u64 addr)
{
    char *full = xprintf("%s@%llx", name, (unsigned long long)addr);
    dt_node(w, full);
    free(full);
}

void dt_end(struct dt_writer *w)
{
    keep(w, fdt_end_node(w->data));
}

void dt_empty(struct dt_writer *w, const char *name)
{
    keep(w, fdt_property(w->data, name, NULL, 0));
}

void dt_u32(struct dt_writer *w, const char *name, u32 v)
{
    keep(w, fdt_property_u32(w->data, name, v));
}

void dt_cells(struct dt_writer *w, const char *name, const u32 *cells, size_t n)
{
    void *p = NULL;
    keep(w, fdt_property_placeholder(w->data, name, (int)(4 * n), &p));
    for (size_t i = 0; p && i < n; i++)
        store_be((u8 *)p + 4 * i, 4, cells[i]);
}

void dt_str(struct dt_writer *w, const char *name, const char *s)
{
    keep(w, fdt_property_string(w->data, name, s));
}

void dt_bytes(struct dt_writer *w, const char *name, const void *p, size_t n)
{
    keep(w, fdt_property(w->data, name, p, (int)n));
}

void dt_reg(struct dt_writer *w, u64 base, u64 size)
{
    dt_cells(w, "reg", (u32[]){ (u32)(base >> 32), (u32)base, (u32)(size >> 32), (u32)size }, 4);
}

bool dt_finish(struct dt_writer *w, struct buf *out, struct err *e)
{
    if (!w->failed)
        keep(w, fdt_finish(w->data));
    if (!w->failed)
        buf_put(out, w->data, fdt_totalsize(w->data));
    int failed = w->failed;
    free(w->data);
    w->data = NULL;
    return failed ? err_set(e, "the device tree could not be built: %s", fdt_strerror(failed)) : true;
}

bool dt_valid(const u8 *data, size_t size)
{
    return size >= sizeof(struct fdt_header) && fdt_check_full(data, size) == 0;
}

static int set_address(void *fdt, int chosen, const char *name, u64 v)
{
    return v >> 32 ? fdt_setprop_u64(fdt, chosen, name, v) : fdt_setprop_u32(fdt, chosen, name, (u32)v);
}

bool fdt_with_chosen(const char *name, const u8 *data, size_t size, const char *bootargs, u64 initrd_start,
                     u64 initrd_end, struct buf *out, struct err *e)
{
    /* libfdt wants the tree aligned; what a user's file holds behind it does not matter. */
    void *in = xmalloc(size + 1);
    memcpy(in, data, size);
    if (!dt_valid(in, size)) {
        free(in);
        return err_set(e, "'%s' is not a valid device tree blob; compile the source with dtc -O dtb", name);
    }
    size_t cap = fdt_totalsize(in) + (bootargs ? strlen(bootargs) : 0) + 1024;
    void *fdt = xmalloc(cap);
    int r = fdt_open_into(in, fdt, (int)cap);
    free(in);
    int chosen = r ? r : fdt_path_offset(fdt, "/chosen");
    if (!r && chosen < 0)
        chosen = fdt_add_subnode(fdt, 0, "chosen");
    r = chosen < 0 ? chosen : 0;
    if (!r && bootargs && *bootargs)
        r = fdt_setprop_string(fdt, chosen, "bootargs", bootargs);
    if (!r && initrd_start != initrd_end) {
        r = set_address(fdt, chosen, "linux,initrd-start", initrd_start);
        r = r ? r : set_address(fdt, chosen, "linux,initrd-end", initrd_end);
    }
    r = r ? r : fdt_pack(fdt);
    if (!r)
        buf_put(out, fdt, fdt_totalsize(fdt));
    free(fdt);
    return r ? err_set(e, "the device tree '%s' cannot be completed: %s", name, fdt_strerror(r)) : true;
}
