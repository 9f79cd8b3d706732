#include "bios/acpi.h"

#include <string.h>

#define TABLES "etc/acpi/tables"
#define RSDP "etc/acpi/rsdp"

/* --- the linker script -------------------------------------------------------------------------------------------- */

enum { ALLOCATE = 1, ADD_POINTER = 2, ADD_CHECKSUM = 3 };
enum { ZONE_HIGH = 1, ZONE_FSEG = 2 };
#define ENTRY 128
#define NAME 56

static u8 *entry(struct buf *script, unsigned command)
{
    static const u8 empty[ENTRY];
    buf_put(script, empty, ENTRY);
    u8 *p = script->data + script->len - ENTRY;
    store_le(p, 4, command);
    return p + 4;
}

static void allocate(struct buf *script, const char *file, u32 align, unsigned zone)
{
    u8 *p = entry(script, ALLOCATE);
    memcpy(p, file, strlen(file));
    store_le(p + NAME, 4, align);
    p[NAME + 4] = (u8)zone;
}

/* The number at `offset` of dest is an offset in src: make it an address. */
static void add_pointer(struct buf *script, const char *dest, const char *src, size_t offset, unsigned size)
{
    u8 *p = entry(script, ADD_POINTER);
    memcpy(p, dest, strlen(dest));
    memcpy(p + NAME, src, strlen(src));
    store_le(p + 2 * NAME, 4, offset);
    p[2 * NAME + 4] = (u8)size;
}

static void add_checksum(struct buf *script, const char *file, size_t offset, size_t start, size_t length)
{
    u8 *p = entry(script, ADD_CHECKSUM);
    memcpy(p, file, strlen(file));
    store_le(p + NAME, 4, offset);
    store_le(p + NAME + 4, 4, start);
    store_le(p + NAME + 8, 4, length);
}

/* --- tables ------------------------------------------------------------------------------------------------------- */

struct maker {
    const struct acpi_board *b;
    struct acpi_files *f;
    size_t start; /* of the table being made */
};

/* 5.2.6 */
static void begin(struct maker *m, const char *signature, unsigned revision)
{
    struct buf *t = &m->f->tables;
    while (t->len & 7)
        buf_put_le(t, 0, 1);
    m->start = t->len;
    buf_put(t, signature, 4);
    buf_put_le(t, 0, 4); /* length */
    buf_put_le(t, revision, 1);
    buf_put_le(t, 0, 1); /* checksum */
    buf_put(t, "ORRERYORRERYPC", 14);
    buf_put_le(t, 1, 4);
    buf_put(t, "ORRY", 4);
    buf_put_le(t, 1, 4);
}

static size_t end(struct maker *m)
{
    struct buf *t = &m->f->tables;
    size_t n = t->len - m->start;
    store_le(t->data + m->start + 4, 4, n);
    add_checksum(&m->f->loader, TABLES, m->start + 9, m->start, n);
    return m->start;
}

static void pointer(struct maker *m, size_t to, unsigned size)
{
    struct buf *t = &m->f->tables;
    add_pointer(&m->f->loader, TABLES, TABLES, t->len, size);
    buf_put_le(t, to, size);
}

/* 5.2.10: no header's checksum; 64 bytes aligned, which the file is. */
static size_t facs(struct maker *m)
{
    struct buf *t = &m->f->tables;
    size_t at = t->len;
    buf_put(t, "FACS", 4);
    buf_put_le(t, 64, 4);
    for (unsigned k = 0; k < 7; k++)
        buf_put_le(t, 0, 8);
    return at;
}

static size_t dsdt(struct maker *m)
{
    struct buf body = { 0 };
    begin(m, "DSDT", 2);
    acpi_dsdt(m->b, &body);
    buf_put(&m->f->tables, body.data, body.len);
    buf_free(&body);
    return end(m);
}

/* Generic Address Structure (5.2.3.2) of I/O ports */
static void gas(struct buf *t, unsigned space, unsigned bits, unsigned access, u64 address)
{
    buf_put_le(t, space, 1);
    buf_put_le(t, bits, 1);
    buf_put_le(t, 0, 1);
    buf_put_le(t, access, 1);
    buf_put_le(t, address, 8);
}

/* 5.2.9 */
static size_t fadt(struct maker *m, size_t facs_at, size_t dsdt_at)
{
    enum { WBINVD = 1 << 0, C1 = 1 << 2, SLEEP_BUTTON_NONE = 1 << 5, RTC_NOT_FIXED = 1 << 6, RESET_REG = 1 << 10 };
    enum { LEGACY_DEVICES = 1, HAS_8042 = 2, NO_VGA = 4 };
    struct buf *t = &m->f->tables;
    u16 pm = m->b->pm_base;
    begin(m, "FACP", 3);
    pointer(m, facs_at, 4);
    pointer(m, dsdt_at, 4);
    buf_put_le(t, 1, 1); /* reserved: was the interrupt model */
    buf_put_le(t, 0, 1); /* profile: unspecified */
    buf_put_le(t, 9, 2); /* SCI */
    buf_put_le(t, m->b->smi_command, 4);
    buf_put_le(t, m->b->smi_acpi_enable, 1);
    buf_put_le(t, m->b->smi_acpi_disable, 1);
    buf_put_le(t, 0, 2);      /* S4BIOS_REQ, PSTATE_CNT */
    buf_put_le(t, pm, 4);     /* PM1a event */
    buf_put_le(t, 0, 4);      /* PM1b event */
    buf_put_le(t, pm + 4, 4); /* PM1a control */
    buf_put_le(t, 0, 8);      /* PM1b control, PM2 control */
    buf_put_le(t, pm + 8, 4); /* timer */
    buf_put_le(t, pm + 12, 4); /* GPE0 */
    buf_put_le(t, 0, 4);      /* GPE1 */
    buf_put_le(t, 4, 1);      /* lengths: PM1 event, PM1 control, PM2 control, timer, GPE0, GPE1, GPE1 base, CST */
    buf_put_le(t, 2, 1);
    buf_put_le(t, 0, 1);
    buf_put_le(t, 4, 1);
    buf_put_le(t, 4, 1);
    buf_put_le(t, 0, 3);
    buf_put_le(t, 0xfff, 2); /* C2 and C3 are not there */
    buf_put_le(t, 0xfff, 2);
    buf_put_le(t, 0, 4); /* flush size, stride */
    buf_put_le(t, 0, 2); /* duty offset, width */
    buf_put_le(t, 0, 2); /* day and month of alarms */
    buf_put_le(t, 0x32, 1); /* century in CMOS */
    buf_put_le(t, LEGACY_DEVICES | HAS_8042 | (m->b->vga ? 0 : NO_VGA), 2);
    buf_put_le(t, 0, 1);
    buf_put_le(t, WBINVD | C1 | SLEEP_BUTTON_NONE | RTC_NOT_FIXED | RESET_REG, 4);
    gas(t, 1, 8, 1, 0xcf9);
    buf_put_le(t, 6, 1); /* value that resets */
    buf_put_le(t, 0, 3);
    pointer(m, facs_at, 8);
    pointer(m, dsdt_at, 8);
    gas(t, 1, 32, 2, pm);
    gas(t, 0, 0, 0, 0);
    gas(t, 1, 16, 2, pm + 4u);
    gas(t, 0, 0, 0, 0);
    gas(t, 0, 0, 0, 0);
    gas(t, 1, 32, 3, pm + 8u);
    gas(t, 1, 32, 1, pm + 12u);
    gas(t, 0, 0, 0, 0);
    return end(m);
}

/* 5.2.12 */
static size_t madt(struct maker *m)
{
    struct buf *t = &m->f->tables;
    begin(m, "APIC", 3);
    buf_put_le(t, m->b->lapic_base, 4);
    buf_put_le(t, 1, 4); /* two 8259s as well */
    for (unsigned k = 0; k < m->b->cpus; k++) {
        buf_put_le(t, 0x0800, 2);
        buf_put_le(t, k, 1);
        buf_put_le(t, k, 1);
        buf_put_le(t, 1, 4);
    }
    buf_put_le(t, 0x0c01, 2); /* IOAPIC: its ID is the first that no CPU has */
    buf_put_le(t, m->b->cpus, 2);
    buf_put_le(t, m->b->ioapic_base, 4);
    buf_put_le(t, 0, 4);
    /* The timer is on input 2; what PCI interrupts are routed to, and the SCI, is level triggered and active high. */
    static const struct {
        u8 irq, gsi, flags;
    } overrides[] = { { 0, 2, 0 }, { 5, 5, 0xd }, { 9, 9, 0xd }, { 10, 10, 0xd }, { 11, 11, 0xd } };
    for (unsigned k = 0; k < ARRAY_LEN(overrides); k++) {
        buf_put_le(t, 0x0a02, 2);
        buf_put_le(t, 0, 1);
        buf_put_le(t, overrides[k].irq, 1);
        buf_put_le(t, overrides[k].gsi, 4);
        buf_put_le(t, overrides[k].flags, 2);
    }
    buf_put_le(t, 0x0604, 2); /* NMI at LINT1 of all */
    buf_put_le(t, 0xff, 1);
    buf_put_le(t, 0, 2);
    buf_put_le(t, 1, 1);
    return end(m);
}

/* "IA-PC HPET Specification", 1.0a, 3.2.4 */
static size_t hpet(struct maker *m)
{
    struct buf *t = &m->f->tables;
    begin(m, "HPET", 1);
    buf_put_le(t, 0x8086a201, 4); /* vendor, legacy routing, 64 bits, 3 comparators, revision */
    gas(t, 0, 64, 0, m->b->hpet_base);
    buf_put_le(t, 0, 1);
    buf_put_le(t, 100, 2); /* least number of ticks in periodic mode */
    buf_put_le(t, 0, 1);
    return end(m);
}

static size_t root(struct maker *m, const char *signature, unsigned width, const size_t *table, unsigned n)
{
    begin(m, signature, 1);
    for (unsigned k = 0; k < n; k++)
        pointer(m, table[k], width);
    return end(m);
}

/* 5.2.5.3 */
static void rsdp(struct maker *m, size_t rsdt_at, size_t xsdt_at)
{
    struct buf *r = &m->f->rsdp;
    buf_put(r, "RSD PTR ", 8);
    buf_put_le(r, 0, 1);
    buf_put(r, "ORRERY", 6);
    buf_put_le(r, 2, 1);
    buf_put_le(r, rsdt_at, 4);
    buf_put_le(r, 36, 4);
    buf_put_le(r, xsdt_at, 8);
    buf_put_le(r, 0, 4); /* extended checksum, reserved */
    add_pointer(&m->f->loader, RSDP, TABLES, 16, 4);
    add_pointer(&m->f->loader, RSDP, TABLES, 24, 8);
    add_checksum(&m->f->loader, RSDP, 8, 0, 20);
    add_checksum(&m->f->loader, RSDP, 32, 0, 36);
}

void acpi_make(const struct acpi_board *b, struct acpi_files *out)
{
    struct maker m = { .b = b, .f = out };
    size_t table[4];
    unsigned n = 0;
    memset(out, 0, sizeof *out);
    allocate(&out->loader, TABLES, 64, ZONE_HIGH);
    allocate(&out->loader, RSDP, 16, ZONE_FSEG);
    size_t facs_at = facs(&m), dsdt_at = dsdt(&m);
    table[n++] = fadt(&m, facs_at, dsdt_at);
    if (b->lapic_base && b->ioapic_base)
        table[n++] = madt(&m);
    if (b->hpet_base)
        table[n++] = hpet(&m);
    size_t rsdt_at = root(&m, "RSDT", 4, table, n);
    size_t xsdt_at = root(&m, "XSDT", 8, table, n);
    rsdp(&m, rsdt_at, xsdt_at);
}

void acpi_free(struct acpi_files *f)
{
    buf_free(&f->tables);
    buf_free(&f->rsdp);
    buf_free(&f->loader);
}
