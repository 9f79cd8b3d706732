#include "bios/riscv_boot.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "bios/elf.h"

#define MIB ((u64)1 << 20)

static u64 min_u64(u64 a, u64 b)
{
    return a < b ? a : b;
}

static u64 align_up(u64 v, u64 to)
{
    return (v + to - 1) & ~(to - 1);
}

bool linux_image_parse(const u8 *data, size_t size, struct linux_image *out)
{
    if (size < 64 || memcmp(data + 56, "RSC\x05", 4))
        return false;
    *out = (struct linux_image){ load_le(data + 8, 8), load_le(data + 16, 8) };
    return true;
}

bool gunzip(const char *name, const u8 *data, size_t size, u64 limit, struct buf *out, struct err *e)
{
    z_stream z = { .next_in = (Bytef *)(uintptr_t)data };
    u8 piece[65536];
    size_t fed = 0;
    if (inflateInit2(&z, 15 + 16) != Z_OK)
        return err_set(e, "'%s' cannot be unpacked: zlib does not start", name);
    int r = Z_OK;
    while (r == Z_OK && out->len <= limit) {
        if (!z.avail_in) {
            z.avail_in = (uInt)min_u64(size - fed, 1 << 20);
            fed += z.avail_in;
        }
        z.next_out = piece;
        z.avail_out = sizeof piece;
        r = inflate(&z, Z_NO_FLUSH);
        buf_put(out, piece, sizeof piece - z.avail_out);
        if (r == Z_BUF_ERROR && fed < size && !z.avail_in)
            r = Z_OK;
    }
    inflateEnd(&z);
    if (out->len > limit)
        return err_set(e, "'%s' unpacks to more than the %llu MiB of memory there; give the machine more with -m", name,
                       (unsigned long long)(limit >> 20));
    return r == Z_STREAM_END ? true : err_set(e, "'%s' is a broken or cut-short gzip file", name);
}

#define MORE_MEMORY "give the machine more memory with -m"

static bool place(struct riscv_boot *b, const char *what, const char *name, u64 addr, u64 size, struct err *e)
{
    return placed_add(&b->placed, what, name, addr, size, MORE_MEMORY, e);
}

static bool store(struct riscv_boot *b, const char *what, const char *name, u64 addr, const u8 *data, u64 size,
                  struct err *e)
{
    if (space_poke(b->mem, addr, data, size) == size)
        return true;
    return err_set(e, "%s '%s' (%llu bytes) does not fit in memory at 0x%llx; give the machine more with -m", what,
                   name, (unsigned long long)size, (unsigned long long)addr);
}

/* Of a kernel that does not say where it goes. */
static u64 kernel_place(const struct riscv_boot *b)
{
    return align_up(b->firmware_end, b->xlen == 32 ? 4 * MIB : 2 * MIB);
}

static bool load_elf(struct riscv_boot *b, const char *what, const struct boot_blob *blob, struct elf_image *img,
                     struct err *e)
{
    char remedy[160];
    snprintf(remedy, sizeof remedy, "link it elsewhere (0x%llx is where firmware looks for a kernel), or run it "
             "without firmware: -bios none", (unsigned long long)kernel_place(b));
    if (!elf_open(img, blob->name, blob->data, blob->size, ELF_MACHINE_RISCV, e))
        return false;
    if (img->xlen != b->xlen)
        return err_set(e, "'%s' is a program of %u bits, this machine has %u; use orrery-system-riscv%u", blob->name,
                       img->xlen, b->xlen, img->xlen);
    return placed_add_elf(&b->placed, what, blob->name, img, remedy, e) && elf_load(img, blob->name, b->mem, e);
}

/* Control goes to the start of RAM, also for ELF files, as on QEMU's board. An ELF file that leaves the start of RAM
 * empty could only fail there: its entry point is taken. */
static bool load_firmware(struct riscv_boot *b, struct err *e)
{
    const struct boot_blob *f = &b->firmware;
    b->start = b->firmware_end = b->ram_base;
    if (!f->size)
        return true;
    if (!elf_is(f->data, f->size)) {
        b->firmware_end += f->size;
        return place(b, "firmware", f->name, b->ram_base, f->size, e) &&
               store(b, "firmware", f->name, b->ram_base, f->data, f->size, e);
    }
    struct elf_image img;
    if (!load_elf(b, "firmware", f, &img, e))
        return false;
    b->firmware_end = img.high;
    if (img.low > b->ram_base)
        b->start = img.entry;
    return true;
}

static bool load_kernel(struct riscv_boot *b, struct err *e)
{
    struct boot_blob k = b->kernel;
    struct buf unpacked = { 0 };
    struct elf_image img;
    struct linux_image header;
    bool ok = true;
    u64 ram_end = b->ram_base + b->ram_size;
    u64 at = kernel_place(b);
    if (k.size > 2 && k.data[0] == 0x1f && k.data[1] == 0x8b) {
        ok = gunzip(k.name, k.data, k.size, at < ram_end ? ram_end - at : 0, &unpacked, e);
        k.data = unpacked.data;
        k.size = unpacked.len;
    }
    if (ok && elf_is(k.data, k.size)) {
        ok = load_elf(b, "kernel", &k, &img, e);
        /* The lowest address and not the entry: what firmware jumps to is what a raw image would be entered at. */
        b->kernel_start = img.low;
        b->kernel_end = img.high;
        if (!b->firmware.size && img.low > b->ram_base)
            b->start = img.entry;
    } else if (ok) {
        bool is_linux = linux_image_parse(k.data, k.size, &header);
        ok = store(b, "kernel", k.name, at, k.data, k.size, e);
        b->kernel_start = at;
        b->kernel_end = at + k.size;
        if (ok && is_linux && header.image_size > k.size && header.image_size < ram_end - at)
            b->kernel_end = at + header.image_size; /* its .bss: the kernel clears it, an initrd there would be lost */
        ok = ok && place(b, "kernel", k.name, at, b->kernel_end - at, e);
    }
    buf_free(&unpacked);
    return ok;
}

static bool load_initrd(struct riscv_boot *b, struct err *e)
{
    u64 at = b->kernel_start + min_u64(b->ram_size / 2, 128 * MIB);
    if (at < b->kernel_end)
        return err_set(e, "kernel '%s' reaches 0x%llx, past 0x%llx where the initrd goes; give the machine more "
                       "with -m",
                       b->kernel.name, (unsigned long long)b->kernel_end, (unsigned long long)at);
    b->initrd_start = at;
    b->initrd_end = at + b->initrd.size;
    return place(b, "initrd", b->initrd.name, at, b->initrd.size, e) &&
           store(b, "initrd", b->initrd.name, at, b->initrd.data, b->initrd.size, e);
}

bool riscv_boot_load(struct riscv_boot *b, struct err *e)
{
    b->kernel_start = b->kernel_end = b->initrd_start = b->initrd_end = 0;
    b->placed.n = 0;
    if (!load_firmware(b, e) || (b->kernel.size && !load_kernel(b, e)))
        return false;
    if (b->initrd.size && !b->kernel.size)
        return err_set(e, "an initrd needs a kernel that takes it: add -kernel");
    if (b->initrd.size && !load_initrd(b, e))
        return false;
    if (b->flash)
        b->start = b->flash_base;
    return true;
}

/* The reset vector of QEMU's RISC-V boards, instruction by instruction (a lab's trace starts with them), with the
 * information OpenSBI's fw_dynamic wants behind it: include/sbi/fw_dynamic.h in OpenSBI, version 2. */
static void reset_vector(const struct riscv_boot *b, struct buf *out)
{
    enum { AUIPC_T0_0 = 0x00000297, ADDI_A2_T0_40 = 0x02828613, CSRR_A0_MHARTID = 0xf1402573,
           LD_A1_32_T0 = 0x0202b583, LD_T0_24_T0 = 0x0182b283, LW_A1_32_T0 = 0x0202a583, LW_T0_24_T0 = 0x0182a283,
           JR_T0 = 0x00028067, FW_DYNAMIC_MAGIC = 0x4942534f, NEXT_MODE_S = 1 };
    bool wide = b->xlen == 64;
    unsigned word = b->xlen / 8;
    buf_put_le(out, AUIPC_T0_0, 4);
    buf_put_le(out, ADDI_A2_T0_40, 4);
    buf_put_le(out, CSRR_A0_MHARTID, 4);
    buf_put_le(out, wide ? LD_A1_32_T0 : LW_A1_32_T0, 4);
    buf_put_le(out, wide ? LD_T0_24_T0 : LW_T0_24_T0, 4);
    buf_put_le(out, JR_T0, 4);
    buf_put_le(out, b->start, 8); /* 24 */
    buf_put_le(out, b->dtb, 8);   /* 32 */
    buf_put_le(out, FW_DYNAMIC_MAGIC, word); /* 40 */
    buf_put_le(out, 2, word);                /* version */
    buf_put_le(out, b->kernel_start, word);  /* next address */
    buf_put_le(out, NEXT_MODE_S, word);
    buf_put_le(out, 0, word);                /* options */
    buf_put_le(out, 0, word);                /* preferred boot hart */
}

bool riscv_boot_finish(struct riscv_boot *b, const u8 *dtb, size_t dtb_size, struct err *e)
{
    u64 ram_end = b->ram_base + b->ram_size;
    u64 top = b->ram_base < 3072 * MIB ? min_u64(ram_end, 3072 * MIB) : ram_end;
    if (dtb_size > top - b->ram_base)
        return err_set(e, "the device tree (%zu bytes) does not fit in memory; give the machine more with -m",
                       dtb_size);
    b->dtb = (top - dtb_size) & ~(2 * MIB - 1);
    if (b->dtb < b->ram_base)
        return err_set(e, "there is no room for the device tree at 0x%llx; " MORE_MEMORY, (unsigned long long)b->dtb);
    if (!place(b, "device tree", "dtb", b->dtb, dtb_size, e) ||
        !store(b, "device tree", "dtb", b->dtb, dtb, dtb_size, e))
        return false;
    struct buf code = { 0 };
    reset_vector(b, &code);
    bool ok = place(b, "reset vector", "rom", b->rom_base, code.len, e) &&
              store(b, "reset vector", "rom", b->rom_base, code.data, code.len, e);
    buf_free(&code);
    return ok;
}
