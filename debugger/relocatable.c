/* Kernel modules: relocatable ELF files whose sections the kernel has put somewhere.
 *
 * The sections get the addresses that were said, and what describes the code (.debug_*) is relocated in the bytes; then
 * the file reads like any other. libdwfl would do it too, yet it lays the sections out by itself or asks for the addresses
 * of a file it has opened, and what we have are bytes and addresses. */
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "debugger/symbols.h"

enum how { HOW_NONE, HOW_SET, HOW_ADD, HOW_SUB, HOW_PC, HOW_SET6, HOW_SUB6, HOW_SET_ULEB, HOW_SUB_ULEB };

/* Of each machine those that occur in debug sections (x86-64 psABI, 4.4; RISC-V ELF psABI, "Relocations"; AAELF64, 5.7;
 * i386 psABI). */
static const struct reloc {
    u16 machine, type;
    u8 how, size;
} relocs[] = {
    { EM_X86_64, R_X86_64_64, HOW_SET, 8 }, { EM_X86_64, R_X86_64_32, HOW_SET, 4 }, { EM_X86_64, R_X86_64_32S, HOW_SET, 4 },
    { EM_X86_64, R_X86_64_PC32, HOW_PC, 4 }, { EM_X86_64, R_X86_64_PC64, HOW_PC, 8 },
    { EM_386, R_386_32, HOW_SET, 4 }, { EM_386, R_386_PC32, HOW_PC, 4 },
    { EM_AARCH64, R_AARCH64_ABS64, HOW_SET, 8 }, { EM_AARCH64, R_AARCH64_ABS32, HOW_SET, 4 },
    { EM_AARCH64, R_AARCH64_PREL32, HOW_PC, 4 },
    { EM_RISCV, R_RISCV_32, HOW_SET, 4 }, { EM_RISCV, R_RISCV_64, HOW_SET, 8 }, { EM_RISCV, 57 /* 32_PCREL */, HOW_PC, 4 },
    { EM_RISCV, R_RISCV_ADD8, HOW_ADD, 1 }, { EM_RISCV, R_RISCV_ADD16, HOW_ADD, 2 }, { EM_RISCV, R_RISCV_ADD32, HOW_ADD, 4 },
    { EM_RISCV, R_RISCV_ADD64, HOW_ADD, 8 }, { EM_RISCV, R_RISCV_SUB8, HOW_SUB, 1 }, { EM_RISCV, R_RISCV_SUB16, HOW_SUB, 2 },
    { EM_RISCV, R_RISCV_SUB32, HOW_SUB, 4 }, { EM_RISCV, R_RISCV_SUB64, HOW_SUB, 8 },
    { EM_RISCV, 52 /* SUB6 */, HOW_SUB6, 1 }, { EM_RISCV, 53 /* SET6 */, HOW_SET6, 1 }, { EM_RISCV, 54 /* SET8 */, HOW_SET, 1 },
    { EM_RISCV, 55 /* SET16 */, HOW_SET, 2 }, { EM_RISCV, 56 /* SET32 */, HOW_SET, 4 },
    { EM_RISCV, 60 /* SET_ULEB128 */, HOW_SET_ULEB, 1 }, { EM_RISCV, 61 /* SUB_ULEB128 */, HOW_SUB_ULEB, 1 },
};

static const struct reloc *find(unsigned machine, u64 type)
{
    for (size_t i = 0; i < ARRAY_LEN(relocs); i++)
        if (relocs[i].machine == machine && relocs[i].type == type)
            return &relocs[i];
    return NULL;
}

/* An ULEB128 keeps its length: the bytes that are there are filled (RISC-V ELF psABI, SET_ULEB128). */
static void uleb(u8 *at, const u8 *end, bool subtract, u64 value)
{
    u64 old = 0;
    unsigned n = 0;
    while (at + n < end && n < 10) {
        old |= n < 9 ? (u64)(at[n] & 127) << (7 * n) : 0;
        if (!(at[n++] & 128))
            break;
    }
    value = subtract ? old - value : value;
    for (unsigned i = 0; i < n; i++, value >>= 7)
        at[i] = (u8)((at[i] & 128) | (value & 127));
}

static void apply(const struct reloc *r, u8 *at, const u8 *end, u64 value, u64 place)
{
    u64 old;
    if ((size_t)(end - at) < r->size)
        return;
    old = load_le(at, r->size);
    switch (r->how) {
    case HOW_SET: store_le(at, r->size, value); break;
    case HOW_ADD: store_le(at, r->size, old + value); break;
    case HOW_SUB: store_le(at, r->size, old - value); break;
    case HOW_PC: store_le(at, r->size, value - place); break;
    case HOW_SET6: *at = (u8)((*at & 0xc0) | (value & 63)); break;
    case HOW_SUB6: *at = (u8)((*at & 0xc0) | ((*at - value) & 63)); break;
    case HOW_SET_ULEB: uleb(at, end, false, value); break;
    case HOW_SUB_ULEB: uleb(at, end, true, value); break;
    default: break;
    }
}

/* Where a symbol is; what lies in a section that was not placed is at the end of all addresses, where nothing is found. */
static u64 symbol_value(Elf *elf, const GElf_Sym *sym)
{
    GElf_Shdr home;
    Elf_Scn *scn;
    if (sym->st_shndx == SHN_ABS)
        return sym->st_value;
    if (sym->st_shndx == SHN_UNDEF || !(scn = elf_getscn(elf, sym->st_shndx)) || !gelf_getshdr(scn, &home))
        return 0;
    if (!(home.sh_flags & SHF_ALLOC))
        return sym->st_value;
    return home.sh_addr ? home.sh_addr + sym->st_value : UINT64_MAX;
}

static void relocate(struct symfile *f, unsigned machine, Elf_Scn *scn, const GElf_Shdr *header)
{
    GElf_Shdr target, symbols;
    Elf_Scn *to = elf_getscn(f->elf, header->sh_info), *table = elf_getscn(f->elf, header->sh_link);
    Elf_Data *data = elf_getdata(scn, NULL), *names = table ? elf_getdata(table, NULL) : NULL;
    if (!to || !gelf_getshdr(to, &target) || (target.sh_flags & (SHF_ALLOC | SHF_COMPRESSED)) || !names || !data ||
        !gelf_getshdr(table, &symbols) || symbols.sh_type != SHT_SYMTAB || target.sh_type == SHT_NOBITS ||
        target.sh_offset > f->size || target.sh_size > f->size - target.sh_offset || !header->sh_entsize)
        return;
    u8 *bytes = f->bytes + target.sh_offset;
    const u8 *end = bytes + target.sh_size;
    size_t n = header->sh_size / header->sh_entsize;
    for (size_t i = 0; i < n && i < INT32_MAX; i++) {
        GElf_Rela rela = { .r_addend = 0 };
        GElf_Rel rel;
        GElf_Sym sym;
        if (header->sh_type == SHT_RELA) {
            if (!gelf_getrela(data, (int)i, &rela))
                return;
        } else {
            if (!gelf_getrel(data, (int)i, &rel))
                return;
            rela = (GElf_Rela){ .r_offset = rel.r_offset, .r_info = rel.r_info };
        }
        const struct reloc *r = find(machine, GELF_R_TYPE(rela.r_info));
        if (!r || rela.r_offset >= target.sh_size || GELF_R_SYM(rela.r_info) > INT32_MAX ||
            !gelf_getsym(names, (int)GELF_R_SYM(rela.r_info), &sym))
            continue;
        u8 *at = bytes + rela.r_offset;
        if (header->sh_type == SHT_REL && (size_t)(end - at) >= r->size)
            rela.r_addend = (GElf_Sxword)load_le(at, r->size);
        u64 value = symbol_value(f->elf, &sym);
        apply(r, at, end, value == UINT64_MAX ? value : value + (u64)rela.r_addend, rela.r_offset);
    }
}

bool relocatable_place(struct symfile *f, const struct symbols_where *where, struct err *e)
{
    GElf_Ehdr header;
    GElf_Shdr section;
    size_t strings, placed = 0;
    if (!where->n_sections)
        return err_set(e, "%s is a relocatable file (a kernel module): say where its sections are, with --section "
                       ".text=ADDRESS (in a Linux guest /sys/module/NAME/sections/ lists them)", f->name);
    if (!gelf_getehdr(f->elf, &header) || elf_getshdrstrndx(f->elf, &strings))
        return err_set(e, "%s: its section headers cannot be read", f->name);
    bool wide = f->addr_size == 8;
    u64 entry = wide ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
    u64 member = wide ? offsetof(Elf64_Shdr, sh_addr) : offsetof(Elf32_Shdr, sh_addr);
    for (Elf_Scn *scn = NULL; (scn = elf_nextscn(f->elf, scn));) {
        const char *name = gelf_getshdr(scn, &section) ? elf_strptr(f->elf, strings, section.sh_name) : NULL;
        u64 at = header.e_shoff + elf_ndxscn(scn) * entry;
        if (!name || at > f->size || entry > f->size - at)
            continue;
        u64 addr = 0;
        for (size_t i = 0; i < where->n_sections; i++)
            if (!strcmp(where->sections[i].name, name))
                addr = where->sections[i].addr + where->bias;
        placed += addr != 0;
        store_le(f->bytes + at + member, f->addr_size, (section.sh_flags & SHF_ALLOC) ? addr : 0);
    }
    f->bias = 0; /* it is in the sections' addresses */
    /* Read again what was written. */
    elf_end(f->elf);
    f->elf = elf_memory((char *)f->bytes, f->size);
    if (!f->elf || !placed)
        return err_set(e, "%s has no section %s", f->name, where->sections[0].name);
    for (Elf_Scn *scn = NULL; (scn = elf_nextscn(f->elf, scn));)
        if (gelf_getshdr(scn, &section) && (section.sh_type == SHT_RELA || section.sh_type == SHT_REL))
            relocate(f, header.e_machine, scn, &section);
    return true;
}
