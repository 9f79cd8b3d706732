#include "bios/smbios.h"

#include <stdio.h>
#include <string.h>

enum { H_BIOS = 0, H_SYSTEM = 0x100, H_CHASSIS = 0x300, H_CPU = 0x400, H_ARRAY = 0x1000, H_MODULE = 0x1100,
       H_MAPPED = 0x1300, H_BOOT = 0x2000, H_END = 0x7f00 };

struct maker {
    struct buf *t;
    size_t start, largest;
    unsigned n, strings;
    char text[256]; /* of the structure's string set */
    size_t text_len;
};

/* 6.1.2 */
static void begin(struct maker *k, unsigned type, unsigned handle)
{
    k->start = k->t->len;
    k->strings = 0;
    k->text_len = 0;
    buf_put_le(k->t, type, 1);
    buf_put_le(k->t, 0, 1); /* length */
    buf_put_le(k->t, handle, 2);
}

static void byte(struct maker *k, unsigned v) { buf_put_le(k->t, v, 1); }
static void word(struct maker *k, unsigned v) { buf_put_le(k->t, v, 2); }
static void dword(struct maker *k, u32 v) { buf_put_le(k->t, v, 4); }

/* 6.1.3 */
static void string(struct maker *k, const char *s)
{
    size_t n = strlen(s) + 1;
    if (!*s || k->text_len + n > sizeof k->text) {
        byte(k, 0);
        return;
    }
    memcpy(k->text + k->text_len, s, n);
    k->text_len += n;
    byte(k, ++k->strings);
}

static void end(struct maker *k)
{
    k->t->data[k->start + 1] = (u8)(k->t->len - k->start);
    if (!k->strings)
        byte(k, 0);
    buf_put(k->t, k->text, k->text_len);
    byte(k, 0);
    if (k->t->len - k->start > k->largest)
        k->largest = k->t->len - k->start;
    k->n++;
}

static void bios(struct maker *k, const struct smbios_machine *m)
{
    begin(k, 0, H_BIOS);
    string(k, "Orrery");
    string(k, m->version);
    word(k, 0xe800); /* segment */
    string(k, "04/01/2014");
    byte(k, 0);       /* 64 KiB */
    dword(k, 8);      /* characteristics: not given */
    dword(k, 0);
    byte(k, 0);
    byte(k, 0x10);    /* a virtual machine */
    byte(k, 0);
    byte(k, 0);
    word(k, 0xffff);  /* no embedded controller */
    end(k);
}

static void system_(struct maker *k, const struct smbios_machine *m)
{
    begin(k, 1, H_SYSTEM);
    string(k, "Orrery");
    string(k, m->product);
    string(k, m->version);
    byte(k, 0);
    for (unsigned i = 0; i < 4; i++)
        dword(k, 0); /* UUID: not set */
    byte(k, 6); /* power switch */
    byte(k, 0);
    byte(k, 0);
    end(k);
}

static void chassis(struct maker *k)
{
    begin(k, 3, H_CHASSIS);
    string(k, "Orrery");
    byte(k, 1); /* other */
    byte(k, 0);
    byte(k, 0);
    byte(k, 0);
    byte(k, 3); /* boot-up, power supply, thermal: safe */
    byte(k, 3);
    byte(k, 3);
    byte(k, 2); /* security: unknown */
    dword(k, 0);
    byte(k, 0);
    byte(k, 0);
    byte(k, 0);
    byte(k, 0);
    end(k);
}

static void processor(struct maker *k, const struct smbios_machine *m, unsigned i)
{
    char socket[16];
    snprintf(socket, sizeof socket, "CPU %u", i);
    begin(k, 4, H_CPU + i);
    string(k, socket);
    byte(k, 3); /* central */
    byte(k, 1); /* family: other */
    string(k, "Orrery");
    dword(k, m->cpu_signature);
    dword(k, m->cpu_features);
    string(k, m->cpu);
    byte(k, 0);
    word(k, 0);
    word(k, 0); /* speeds: unknown */
    word(k, 0);
    byte(k, 0x41); /* there and enabled */
    byte(k, 1);
    word(k, 0xffff); /* no caches */
    word(k, 0xffff);
    word(k, 0xffff);
    end(k);
}

static void memory(struct maker *k, const struct smbios_machine *m)
{
    u64 mib = m->ram_size >> 20, kib = m->ram_size >> 10;
    begin(k, 16, H_ARRAY);
    byte(k, 1); /* other */
    byte(k, 3); /* system memory */
    byte(k, 6); /* multi-bit ECC */
    dword(k, kib < 0x80000000 ? (u32)kib : 0x80000000);
    word(k, 0xfffe);
    word(k, 1);
    end(k);
    begin(k, 17, H_MODULE);
    word(k, H_ARRAY);
    word(k, 0xfffe);
    word(k, 0xffff);
    word(k, 0xffff);
    word(k, mib < 0x7fff ? (unsigned)mib : 0x7fff);
    byte(k, 9); /* DIMM */
    byte(k, 0);
    string(k, "DIMM 0");
    byte(k, 0);
    byte(k, 7); /* RAM */
    word(k, 2);
    word(k, 0);
    string(k, "Orrery");
    byte(k, 0);
    byte(k, 0);
    byte(k, 0);
    byte(k, 0);
    dword(k, (u32)mib);
    end(k);
    begin(k, 19, H_MAPPED);
    dword(k, 0);
    dword(k, (u32)(kib - 1));
    word(k, H_ARRAY);
    byte(k, 1);
    end(k);
}

static void boot_status(struct maker *k)
{
    begin(k, 32, H_BOOT);
    for (unsigned i = 0; i < 7; i++)
        byte(k, 0);
    end(k);
}

static void entry_point(struct maker *k, struct buf *a)
{
    buf_put(a, "_SM_", 4);
    buf_put_le(a, 0, 1);
    buf_put_le(a, 0x1f, 1);
    buf_put_le(a, 2, 1);
    buf_put_le(a, 8, 1);
    buf_put_le(a, k->largest, 2);
    buf_put_le(a, 0, 6); /* revision, formatted area */
    buf_put(a, "_DMI_", 5);
    buf_put_le(a, 0, 1);
    buf_put_le(a, k->t->len, 2);
    buf_put_le(a, 0, 4);
    buf_put_le(a, k->n, 2);
    buf_put_le(a, 0x28, 1);
}

void smbios_make(const struct smbios_machine *m, struct buf *tables, struct buf *anchor)
{
    struct maker k = { .t = tables };
    bios(&k, m);
    system_(&k, m);
    chassis(&k);
    for (unsigned i = 0; i < m->cpus; i++)
        processor(&k, m, i);
    memory(&k, m);
    boot_status(&k);
    begin(&k, 127, H_END);
    end(&k);
    entry_point(&k, anchor);
}
