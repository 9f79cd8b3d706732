/* What SeaBIOS is told of the order in which to try things: by kind in CMOS, one by one in the file "bootorder", whose lines
 * are Open Firmware device paths (docs/Runtime_config of SeaBIOS; QEMU's "Boot order" in docs/system). */
#include <stdio.h>
#include <string.h>

#include "iodev/block/i82077.h"
#include "iodev/block/ide.h"
#include "iodev/misc/fw-cfg.h"
#include "iodev/timer/mc146818.h"
#include "machine/board.h"
#include "machine/pc.h"

#define DEFAULT_ORDER "cad"

/* SeaBIOS counts the kinds from 1; 0 is none. */
static unsigned kind_of(char letter)
{
    static const char *const kinds[] = { "ab", "c", "d", "n" };
    for (unsigned i = 0; i < ARRAY_LEN(kinds); i++)
        if (letter && strchr(kinds[i], letter))
            return i + 1;
    return 0;
}

static bool check_order(const char *said, const char *order, struct err *e)
{
    if (!order)
        return true;
    if (strlen(order) > 3)
        return err_set(e, "%s%s: a PC has room for three letters", said, order);
    for (const char *s = order; *s; s++) {
        if (!kind_of(*s))
            return err_set(e, "%s%s: '%c' is nothing a PC boots from: a and b are floppies, c disks, d CDs, n the network", said,
                           order, *s);
        if (strchr(order, *s) != s)
            return err_set(e, "%s%s: '%c' is there twice", said, order, *s);
    }
    return true;
}

/* Bytes 0x3d and 0x38. */
static u16 cmos_of(const struct machine *m, const char *order)
{
    unsigned kind[3] = { 0 };
    for (unsigned i = 0; i < 3 && order[i]; i++)
        kind[i] = kind_of(order[i]);
    return (u16)(kind[2] << 12 | (unsigned)m->config->boot.no_floppy_check << 8 | kind[1] << 4 | kind[0]);
}

static void set_cmos(struct machine *m, const char *order)
{
    struct device *rtc = machine_device(m, "/rtc");
    u16 cmos = cmos_of(m, order);
    mc146818_set(rtc, 0x3d, (u8)cmos);
    mc146818_set(rtc, 0x38, (u8)(cmos >> 8));
}

static const char *usual_order(const struct machine *m)
{
    return m->config->boot.order ? m->config->boot.order : DEFAULT_ORDER;
}

bool pc_boot_order(struct machine *m, const char *letters, bool set, struct err *e)
{
    if (!check_order("", letters, e))
        return false;
    if (set)
        set_cmos(m, letters);
    return true;
}

/* Unless somebody has set another order meanwhile. */
void pc_boot_again(struct machine *m)
{
    const struct device *rtc = machine_device(m, "/rtc");
    const char *once = m->config->boot.once;
    if (once && (mc146818_get(rtc, 0x3d) | mc146818_get(rtc, 0x38) << 8) == cmos_of(m, once))
        set_cmos(m, usual_order(m));
}

/* --- bootindex= ------------------------------------------------------------------------------------------------------ */

static bool put_path(const struct device *d, struct buf *out)
{
    if (d->cls == &ide_hd_class || d->cls == &ide_cd_class) {
        const struct ide_drive_link *l = d->link;
        const struct ide_link *controller = l->channel->d->link;
        buf_printf(out, "/pci@i0cf8/ide@1,1/drive@%x/disk@%x\n", (unsigned)(l->channel - controller->channel), l->unit);
    } else if (d->cls == &floppy_class) {
        buf_printf(out, "/pci@i0cf8/isa@1/fdc@03f0/floppy@%x\n", fdc_unit(d));
    } else {
        return false;
    }
    return true;
}

static const char *boot_index(const struct device *d)
{
    for (const struct prop_desc *p = d->cls->props; p && p->name; p++)
        if (!strcmp(p->name, "bootindex"))
            return device_prop(d, "bootindex");
    return NULL;
}

/* In rising order; a number twice would leave it to chance. */
static bool put_devices(struct machine *m, struct buf *out, struct err *e)
{
    u64 least = 0;
    for (;;) {
        const struct device *next = NULL;
        u64 index = 0;
        for (const struct device *d = m->devices; d; d = d->next) {
            u64 i = boot_index(d) ? device_prop_u64(d, "bootindex") : 0;
            if (!boot_index(d) || i < least)
                continue;
            if (next && i == index)
                return err_set(e, "devices '%s' and '%s' have the same bootindex=%llu", next->path, d->path,
                               (unsigned long long)i);
            if (!next || i < index) {
                next = d;
                index = i;
            }
        }
        if (!next)
            return true;
        if (!put_path(next, out))
            return err_set(e, "device '%s': the firmware cannot boot from it", next->path);
        if (index == UINT64_MAX)
            return true;
        least = index + 1;
    }
}

static bool add_number_file(struct machine *m, const char *name, u32 value, unsigned bytes, struct err *e)
{
    u8 *p = arena_alloc(m->arena, bytes);
    store_le(p, bytes, value);
    return fw_cfg_add_file(machine_device(m, "/fw-cfg"), name, p, bytes, e);
}

bool pc_tell_boot_order(struct machine *m, bool kernel, struct err *e)
{
    const struct machine_config *c = m->config;
    struct buf order = { 0 };
    if (!check_order("-boot order=", c->boot.order, e) || !check_order("-boot once=", c->boot.once, e))
        return false;
    set_cmos(m, c->boot.once ? c->boot.once : usual_order(m));
    if (kernel)
        buf_printf(&order, "/rom@genroms/kernel.bin\n");
    bool ok = put_devices(m, &order, e);
    if (c->boot.strict)
        buf_printf(&order, "HALT\n");
    if (ok && order.len && !kernel && !machine_device(m, "/pci"))
        ok = err_set(e, "machine '%s' has no PCI bus, and its firmware knows drives by their places there only: use -boot "
                     "order= instead of bootindex= and strict=", m->board->name);
    if (ok && order.len) { /* the last line end becomes the NUL */
        order.data[order.len - 1] = 0;
        ok = fw_cfg_add_file(machine_device(m, "/fw-cfg"), "bootorder", arena_memdup(m->arena, order.data, order.len),
                             (u32)order.len, e);
    }
    buf_free(&order);
    if (ok && c->boot.has_splash_time)
        ok = add_number_file(m, "etc/boot-menu-wait", c->boot.splash_time, 2, e);
    if (ok && c->boot.has_reboot_timeout)
        ok = add_number_file(m, "etc/boot-fail-wait", c->boot.reboot_timeout, 4, e);
    return ok;
}
