/* QEMU's firmware configuration device, memory-mapped with DMA: "QEMU Firmware Configuration (fw_cfg) Device",
 * docs/specs/fw_cfg of QEMU; sections are its headings. */
#include "iodev/misc/fw-cfg.h"

#include <string.h>

#define MAX_ITEMS 96
#define NAME_MAX_LEN 55
#define DIR_ENTRY 64

enum { REG_DATA = 0, REG_SELECTOR = 8, REG_DMA = 16 };
enum { DMA_ERROR = 1, DMA_READ = 2, DMA_SKIP = 4, DMA_SELECT = 8, DMA_WRITE = 16 };

struct fw_cfg {
    u16 key;
    u32 at; /* position in the selected item */
    u64 dma; /* address of the control structure, while it is being written */
};

struct item {
    u16 key;
    char name[NAME_MAX_LEN + 1]; /* of a file; "": a numbered item */
    const u8 *bytes;
    u32 size;
};

struct fw_cfg_link {
    struct item item[MAX_ITEMS];
    u32 n;
    u16 next_file;
    u8 directory[4 + MAX_ITEMS * DIR_ENTRY];
    u8 id[4];
};

static const struct state_field state[] = {
    STATE(struct fw_cfg, key), STATE(struct fw_cfg, at), STATE(struct fw_cfg, dma), STATE_END,
};

static struct fw_cfg *fw(const struct device *d)
{
    return d->state;
}

static struct fw_cfg_link *link_of(const struct device *d)
{
    return d->link;
}

/* --- items ------------------------------------------------------------------------------------------------- */

static struct item *find(struct fw_cfg_link *l, u16 key)
{
    for (u32 i = 0; i < l->n; i++)
        if (l->item[i].key == key)
            return &l->item[i];
    return NULL;
}

bool fw_cfg_add_item(struct device *d, u16 key, const void *bytes, u32 n, struct err *e)
{
    struct fw_cfg_link *l = link_of(d);
    struct item *it = find(l, key);
    if (!it && l->n == MAX_ITEMS)
        return err_set(e, "%s holds %d items already; it takes no more", d->path, MAX_ITEMS);
    if (!it) {
        it = &l->item[l->n++];
        it->key = key;
    }
    it->bytes = bytes;
    it->size = n;
    return true;
}

/* "All Firmware Configuration Items": the directory is sorted by name, so that it does not depend on who came first. */
static void write_directory(struct fw_cfg_link *l)
{
    u8 *p = l->directory + 4;
    u32 count = 0;
    const char *last = "";
    for (;;) {
        const struct item *next = NULL;
        for (u32 i = 0; i < l->n; i++)
            if (strcmp(l->item[i].name, last) > 0 && (!next || strcmp(l->item[i].name, next->name) < 0))
                next = &l->item[i];
        if (!next)
            break;
        store_be(p, 4, next->size);
        store_be(p + 4, 2, next->key);
        store_be(p + 6, 2, 0);
        memset(p + 8, 0, NAME_MAX_LEN + 1);
        memcpy(p + 8, next->name, strlen(next->name));
        p += DIR_ENTRY;
        count++;
        last = next->name;
    }
    store_be(l->directory, 4, count);
    find(l, FW_CFG_FILE_DIR)->size = 4 + count * DIR_ENTRY;
}

bool fw_cfg_add_file(struct device *d, const char *name, const void *bytes, u32 n, struct err *e)
{
    struct fw_cfg_link *l = link_of(d);
    if (!*name || strlen(name) > NAME_MAX_LEN)
        return err_set(e, "the fw_cfg file name '%s' is not 1 to %d characters long", name, NAME_MAX_LEN);
    for (u32 i = 0; i < l->n; i++)
        if (!strcmp(l->item[i].name, name))
            return err_set(e, "there is a fw_cfg file '%s' already; choose another name", name);
    if (!fw_cfg_add_item(d, l->next_file, bytes, n, e))
        return false;
    strcpy(find(l, l->next_file++)->name, name);
    write_directory(l);
    return true;
}

/* --- access ------------------------------------------------------------------------------------------------ */

static void select_key(struct device *d, u16 key)
{
    fw(d)->key = key;
    fw(d)->at = 0;
}

/* The next bytes of the selected item; zeroes behind its end and for an item there is not. */
static void stream(struct device *d, u8 *out, u32 n, bool peek)
{
    struct fw_cfg *f = fw(d);
    const struct item *it = find(link_of(d), f->key);
    u32 left = it && f->at < it->size ? it->size - f->at : 0;
    u32 have = n < left ? n : left;
    if (have)
        memcpy(out, it->bytes + f->at, have);
    memset(out + have, 0, n - have);
    if (!peek)
        f->at += have;
}

/* "Guest-side DMA Interface". */
static void dma_run(struct device *d)
{
    struct fw_cfg *f = fw(d);
    u64 desc = f->dma;
    u8 head[16], piece[4096];
    f->dma = 0;
    if (!space_dma_read(d->env->mem, desc, head, sizeof head))
        return;
    u32 control = (u32)load_be(head, 4), len = (u32)load_be(head + 4, 4);
    u64 addr = load_be(head + 8, 8);
    bool ok = true;
    if (control & DMA_SELECT)
        select_key(d, (u16)(control >> 16));
    if (control & DMA_READ) {
        for (u32 n; len && ok; len -= n, addr += n) {
            n = len < sizeof piece ? len : sizeof piece;
            stream(d, piece, n, false);
            ok = space_dma_write(d->env->mem, addr, piece, n);
        }
    } else if (control & DMA_WRITE) {
        ok = false; /* no item here may be written */
    } else if (control & DMA_SKIP) {
        const struct item *it = find(link_of(d), f->key);
        u32 left = it && f->at < it->size ? it->size - f->at : 0;
        f->at += len < left ? len : left;
    }
    u8 result[4];
    store_be(result, 4, ok ? 0 : DMA_ERROR);
    space_dma_write(d->env->mem, desc, result, sizeof result);
}

static enum mem_result read_bytes(struct device *d, u64 offset, unsigned size, u64 *value, bool peek)
{
    u8 bytes[8];
    if (offset + size <= REG_DATA + 8) {
        stream(d, bytes, size, peek);
        *value = load_le(bytes, size); /* in the order of addresses, whatever the access size */
        return MEM_OK;
    }
    if (offset >= REG_DMA && offset + size <= REG_DMA + 8) { /* reads as a signature: DMA is there */
        static const u8 signature[] = { 'Q', 'E', 'M', 'U', ' ', 'C', 'F', 'G' };
        *value = load_le(signature + (offset - REG_DMA), size);
        return MEM_OK;
    }
    return MEM_FAULT;
}

static enum mem_result write_bytes(struct device *d, u64 offset, unsigned size, u64 value)
{
    struct fw_cfg *f = fw(d);
    u8 bytes[8];
    store_le(bytes, size, value);
    if (offset == REG_SELECTOR && size == 2) {
        select_key(d, (u16)load_be(bytes, 2));
        return MEM_OK;
    }
    if (offset == REG_DMA && size == 8) {
        f->dma = load_be(bytes, 8);
        dma_run(d);
        return MEM_OK;
    }
    if (offset == REG_DMA && size == 4) {
        f->dma = load_be(bytes, 4) << 32;
        return MEM_OK;
    }
    if (offset == REG_DMA + 4 && size == 4) { /* the low half starts it */
        f->dma |= load_be(bytes, 4);
        dma_run(d);
        return MEM_OK;
    }
    return MEM_FAULT;
}

/* Rows for those who look; access goes through the two functions above because order and size matter. */
static u64 data_get(const struct device *d, u32 index)
{
    u64 v;
    read_bytes((struct device *)(uintptr_t)d, REG_DATA, 8, &v, true);
    return v;
}

static u64 selector_get(const struct device *d, u32 index)
{
    return fw(d)->key;
}

static u64 dma_get(const struct device *d, u32 index)
{
    return fw(d)->dma;
}

static const struct reg_desc regs[] = {
    { .name = "data", .offset = REG_DATA, .width = 8, .access = REG_RO, .slot = REG_NO_SLOT, .get = data_get,
      .doc = "the next 1 to 8 bytes of the selected item", .section = "Data Register" },
    { .name = "selector", .offset = REG_SELECTOR, .width = 2, .access = REG_WO, .slot = REG_NO_SLOT,
      .get = selector_get,
      .doc = "chooses an item, from its start (big-endian)", .section = "Selector (Control) Register" },
    { .name = "dma", .offset = REG_DMA, .width = 8, .access = REG_WO, .slot = REG_NO_SLOT, .get = dma_get,
      .doc = "address of a control structure (big-endian); writing the low half starts it",
      .section = "Guest-side DMA Interface" },
    { .name = NULL },
};

/* --- as I/O ports ("Selector (Control) Register", "Guest-side DMA Interface": x86) ---------------------------- */

enum { PORT_SELECTOR = 0, PORT_DATA = 1, PORT_DMA = 4 };

static enum mem_result read_ports(struct device *d, u64 offset, unsigned size, u64 *value, bool peek)
{
    if (offset == PORT_DATA && size == 1)
        return read_bytes(d, REG_DATA, 1, value, peek);
    if (offset >= PORT_DMA && offset + size <= PORT_DMA + 8)
        return read_bytes(d, offset - PORT_DMA + REG_DMA, size, value, peek);
    return MEM_FAULT;
}

static enum mem_result write_ports(struct device *d, u64 offset, unsigned size, u64 value)
{
    if (offset == PORT_SELECTOR && size == 2) { /* little-endian here */
        select_key(d, (u16)value);
        return MEM_OK;
    }
    return offset >= PORT_DMA ? write_bytes(d, offset - PORT_DMA + REG_DMA, size, value) : MEM_FAULT;
}

static u64 port_data_get(const struct device *d, u32 index)
{
    return data_get(d, 0) & 0xff;
}

static u64 dma_high_get(const struct device *d, u32 index)
{
    return fw(d)->dma >> 32;
}

static u64 dma_low_get(const struct device *d, u32 index)
{
    return (u32)fw(d)->dma;
}

static const struct reg_desc port_regs[] = {
    { .name = "selector", .offset = PORT_SELECTOR, .width = 2, .access = REG_WO, .slot = REG_NO_SLOT,
      .get = selector_get, .doc = "chooses an item, from its start", .section = "Selector (Control) Register" },
    { .name = "data", .offset = PORT_DATA, .width = 1, .access = REG_RO, .slot = REG_NO_SLOT, .get = port_data_get,
      .doc = "the next byte of the selected item", .section = "Data Register" },
    { .name = "dma-high", .offset = PORT_DMA, .width = 4, .access = REG_WO, .slot = REG_NO_SLOT, .get = dma_high_get,
      .doc = "address of a control structure, upper half (big-endian)", .section = "Guest-side DMA Interface" },
    { .name = "dma-low", .offset = PORT_DMA + 4, .width = 4, .access = REG_WO, .slot = REG_NO_SLOT, .get = dma_low_get,
      .doc = "lower half; writing it starts the transfer", .section = "Guest-side DMA Interface" },
    { .name = NULL },
};

static bool build(struct device *d, struct err *e)
{
    struct fw_cfg_link *l = link_of(d);
    l->next_file = FW_CFG_FILE_FIRST;
    store_le(l->id, 4, 3); /* both interfaces: registers and DMA */
    return fw_cfg_add_item(d, FW_CFG_SIGNATURE, "QEMU", 4, e) && fw_cfg_add_item(d, FW_CFG_ID, l->id, 4, e) &&
           fw_cfg_add_item(d, FW_CFG_FILE_DIR, l->directory, 4, e);
}

static void reset(struct device *d)
{
    *fw(d) = (struct fw_cfg){ .key = FW_CFG_SIGNATURE };
}

static const struct reg_bank bank = { "fw-cfg", 0x18, 1, 8, true, regs, read_bytes, write_bytes, false };

static const struct reg_bank port_bank = { "fw-cfg", 12, 1, 8, true, port_regs, read_ports, write_ports, true };

const struct device_class fw_cfg_ports_class = {
    .name = "fw-cfg-ports",
    .doc = "firmware configuration of PCs: what the machine tells its firmware",
    .state_size = sizeof(struct fw_cfg),
    .state = state,
    .link_size = sizeof(struct fw_cfg_link),
    .banks = { &port_bank },
    .build = build,
    .reset = reset,
};

const struct device_class fw_cfg_class = {
    .name = "fw-cfg",
    .doc = "firmware configuration: what the machine tells its firmware",
    .compatible = "qemu,fw-cfg-mmio",
    .state_size = sizeof(struct fw_cfg),
    .state = state,
    .link_size = sizeof(struct fw_cfg_link),
    .banks = { &bank },
    .build = build,
    .reset = reset,
};
