#include "bios/elf.h"

#include <string.h>

enum { PT_LOAD = 1, ET_EXEC = 2, ET_DYN = 3 };

bool elf_is(const u8 *data, size_t size)
{
    return size >= 16 && !memcmp(data, "\177ELF", 4);
}

static bool within(u64 offset, u64 len, u64 size)
{
    return offset <= size && len <= size - offset;
}

/* A field of the image; the caller has checked that it is there. */
static u64 field(const struct elf_image *img, u64 at, unsigned bytes)
{
    return load_le(img->data + at, bytes);
}

/* Program header n; false when it is no PT_LOAD with memory or does not fit the image (*broken says which). */
static bool header(const struct elf_image *img, u32 n, struct elf_segment *out, bool *broken)
{
    u64 at = img->phoff + (u64)n * img->phentsize, offset;
    *broken = false;
    if (field(img, at, 4) != PT_LOAD)
        return false;
    if (img->xlen == 64) {
        offset = field(img, at + 8, 8);
        *out = (struct elf_segment){ .vaddr = field(img, at + 16, 8), .paddr = field(img, at + 24, 8),
                                     .file_size = field(img, at + 32, 8), .mem_size = field(img, at + 40, 8) };
    } else {
        offset = field(img, at + 4, 4);
        *out = (struct elf_segment){ .vaddr = field(img, at + 8, 4), .paddr = field(img, at + 12, 4),
                                     .file_size = field(img, at + 16, 4), .mem_size = field(img, at + 20, 4) };
    }
    if (!out->mem_size)
        return false;
    *broken = !within(offset, out->file_size, img->size) || out->file_size > out->mem_size ||
              out->paddr + (out->mem_size - 1) < out->paddr;
    out->data = *broken ? NULL : img->data + offset;
    return !*broken;
}

bool elf_segment(const struct elf_image *img, u32 n, struct elf_segment *out)
{
    bool broken;
    for (u32 i = 0; i < img->phnum; i++)
        if (header(img, i, out, &broken) && !n--)
            return true;
    return false;
}

bool elf_open(struct elf_image *img, const char *name, const u8 *data, size_t size, u16 machine, struct err *e)
{
    *img = (struct elf_image){ .data = data, .size = size };
    if (!elf_is(data, size))
        return err_set(e, "'%s' is not an ELF file", name);
    if ((data[4] != 1 && data[4] != 2) || data[5] != 1)
        return err_set(e, "'%s' is not a little-endian ELF file of 32 or 64 bits", name);
    img->xlen = data[4] == 2 ? 64 : 32;
    bool wide = img->xlen == 64;
    if (size < (wide ? 64u : 52u))
        return err_set(e, "'%s' is cut short: %zu bytes do not hold an ELF header", name, size);
    u64 type = field(img, 16, 2);
    img->machine = (u16)field(img, 18, 2);
    img->entry = field(img, 24, wide ? 8 : 4);
    img->phoff = wide ? field(img, 32, 8) : field(img, 28, 4);
    img->phentsize = (u32)field(img, wide ? 54 : 42, 2);
    img->phnum = (u32)field(img, wide ? 56 : 44, 2);
    if (machine && img->machine != machine)
        return err_set(e, "'%s' is an ELF file for machine %u, not for this one (%u); was it built for another target?",
                       name, img->machine, machine);
    if (type != ET_EXEC && type != ET_DYN)
        return err_set(e, "'%s' is not an executable ELF file (type %llu); link it first", name,
                       (unsigned long long)type);
    if (img->phentsize < (wide ? 56u : 32u) || !within(img->phoff, (u64)img->phentsize * img->phnum, size))
        return err_set(e, "'%s' is cut short or broken: its program headers lie outside the file", name);
    img->low = UINT64_MAX;
    for (u32 i = 0; i < img->phnum; i++) {
        struct elf_segment seg;
        bool broken;
        if (header(img, i, &seg, &broken)) {
            img->low = seg.paddr < img->low ? seg.paddr : img->low;
            img->high = seg.paddr + (seg.mem_size - 1) + 1 > img->high ? seg.paddr + seg.mem_size : img->high;
        } else if (broken) {
            return err_set(e, "'%s' is cut short or broken: segment %u lies outside the file or wraps around", name, i);
        }
    }
    if (img->low == UINT64_MAX)
        return err_set(e, "'%s' has nothing to load (no PT_LOAD segment)", name);
    return true;
}

u64 space_zero(struct space *s, u64 addr, u64 len)
{
    static const u8 zero[PAGE_SIZE];
    u8 old[PAGE_SIZE];
    u64 done = 0;
    while (done < len) {
        u64 n = len - done < PAGE_SIZE ? len - done : PAGE_SIZE;
        if (space_peek(s, addr + done, old, n) != n || memcmp(old, zero, n)) {
            u64 stored = space_poke(s, addr + done, zero, n);
            if (stored != n)
                return done + stored;
        }
        done += n;
    }
    return done;
}

bool elf_load(const struct elf_image *img, const char *name, struct space *s, struct err *e)
{
    struct elf_segment seg;
    for (u32 n = 0; elf_segment(img, n, &seg); n++) {
        u64 bss = seg.mem_size - seg.file_size;
        if (space_poke(s, seg.paddr, seg.data, seg.file_size) != seg.file_size ||
            space_zero(s, seg.paddr + seg.file_size, bss) != bss)
            return err_set(e, "'%s': its segment at 0x%llx (0x%llx bytes) does not fit the memory there; give the "
                           "machine more with -m or link it elsewhere", name, (unsigned long long)seg.paddr,
                           (unsigned long long)seg.mem_size);
    }
    return true;
}
