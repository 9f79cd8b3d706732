#include "debugger/symbols.h"

#include <dwarf.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "debugger/btf.h"
#include "debugger/source.h"
#include "debugger/types.h"

#define MAX_CUS 200000
#define MAX_RANGES 2000000
#define MAX_SYMBOLS 8000000
#define MAX_GAP 0x100000 /* without a size a symbol is believed for a MiB: further away it says nothing */

struct symbols *symbols_new(void)
{
    struct symbols *s = xcalloc(1, sizeof *s);
    s->arena = arena_new();
    return s;
}

struct symfile *symfile_new(struct symbols *s, const char *name, u64 bias)
{
    struct symfile *f = xcalloc(1, sizeof *f);
    f->owner = s;
    f->name = arena_strdup(s->arena, name);
    f->bias = bias;
    f->addr_size = 8;
    f->mask = UINT64_MAX;
    return f;
}

void symfile_free(struct symfile *f)
{
    if (f->eh_frame)
        dwarf_cfi_end(f->eh_frame);
    if (f->dwarf)
        dwarf_end(f->dwarf);
    if (f->elf)
        elf_end(f->elf);
    if (f->btf)
        btf_close(f->btf);
    free(f->btf);
    free(f->cus);
    free(f->ranges);
    free(f->by_addr);
    free(f->names);
    free(f->bytes);
    free(f);
}

struct symbol *symfile_row(struct symfile *f)
{
    if (f->n_symbols == f->cap_symbols) {
        f->cap_symbols = f->cap_symbols ? 2 * f->cap_symbols : 256;
        f->by_addr = xrealloc(f->by_addr, f->cap_symbols * sizeof *f->by_addr);
    }
    struct symbol *row = &f->by_addr[f->n_symbols++];
    *row = (struct symbol){ .name = "" };
    return row;
}

/* Their memory comes back with the arena. */
static void forget_types(struct symbols *s)
{
    s->version++;
    s->types = NULL;
    s->type_hash = NULL;
}

void symbols_clear(struct symbols *s)
{
    while (s->files)
        symbols_remove(s, s->files);
    forget_types(s); /* of expressions, also when there was no file */
    arena_free(s->arena);
    s->arena = arena_new();
}

void symbols_remove(struct symbols *s, struct symfile *f)
{
    struct symfile **at = &s->files;
    while (*at != f)
        at = &(*at)->next;
    *at = f->next;
    symfile_free(f);
    source_forget(s);
    forget_types(s);
}

void symbols_show(struct symbols *s, bool (*running)(void *opaque, const char *process), void *opaque)
{
    for (struct symfile *f = s->files; f; f = f->next)
        f->hidden = f->process && !running(opaque, f->process);
}

void symbols_free(struct symbols *s)
{
    if (!s)
        return;
    symbols_clear(s);
    symbols_directory(s, NULL, NULL);
    arena_free(s->arena);
    free(s);
}

static int symbol_order(const void *a, const void *b)
{
    const struct symbol *x = a, *y = b;
    if (x->addr != y->addr)
        return x->addr < y->addr ? -1 : 1;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    if (x->global != y->global)
        return x->global ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* Mapping symbols ($x, $d: RISC-V ELF psABI, "Mapping symbols") and the assembler's local labels name nothing a
 * person knows. */
static bool wanted_name(const char *name)
{
    return name[0] && name[0] != '$' && strncmp(name, ".L", 2) != 0;
}

void symfile_done(struct symfile *f, const char *process)
{
    struct symfile **at = &f->owner->files;
    if (f->n_symbols)
        qsort(f->by_addr, f->n_symbols, sizeof *f->by_addr, symbol_order);
    f->process = process ? arena_strdup(f->owner->arena, process) : NULL;
    while (!process && *at && (*at)->process) /* those of processes come first */
        at = &(*at)->next;
    f->next = *at;
    *at = f;
    f->owner->version++;
}

void symfile_sizes(struct symfile *f)
{
    u64 above = 0; /* the next higher address that something has */
    for (size_t i = f->n_symbols; i-- > 0;) {
        struct symbol *y = &f->by_addr[i];
        if (i + 1 < f->n_symbols && f->by_addr[i + 1].addr != y->addr)
            above = f->by_addr[i + 1].addr;
        if (!y->size && y->kind != SYM_OFFSET && above > y->addr && above - y->addr < MAX_GAP)
            y->size = above - y->addr;
    }
}

static void read_table(struct symfile *f, Elf_Scn *scn, const GElf_Shdr *header, bool relocatable)
{
    Elf_Data *data = elf_getdata(scn, NULL);
    if (!data || !header->sh_entsize)
        return;
    size_t n = header->sh_size / header->sh_entsize;
    if (n > MAX_SYMBOLS)
        n = MAX_SYMBOLS;
    for (size_t i = 1; i < n; i++) {
        GElf_Sym sym;
        if (!gelf_getsym(data, (int)i, &sym))
            break;
        unsigned type = GELF_ST_TYPE(sym.st_info);
        if (sym.st_shndx == SHN_UNDEF || type == STT_SECTION || type == STT_FILE || type == STT_TLS)
            continue;
        const char *name = elf_strptr(f->elf, header->sh_link, sym.st_name);
        if (!name || !wanted_name(name))
            continue;
        u64 base = f->bias;
        if (relocatable) { /* symbols count from the start of their section (gABI, "Symbol Values") */
            GElf_Shdr section;
            Elf_Scn *home = elf_getscn(f->elf, sym.st_shndx);
            if (!home || !gelf_getshdr(home, &section) || !section.sh_addr)
                continue;
            base = section.sh_addr;
        }
        struct symbol *out = symfile_row(f);
        out->name = name;
        /* Absolute symbols are constants (sizes, flags), yet linker scripts make addresses of them as well. */
        out->addr = (sym.st_value + (sym.st_shndx == SHN_ABS ? 0 : base)) & f->mask;
        out->size = sym.st_size;
        out->kind = type == STT_FUNC ? SYM_FUNC : type == STT_OBJECT ? SYM_OBJECT : SYM_LABEL;
        out->global = GELF_ST_BIND(sym.st_info) != STB_LOCAL;
    }
}

static void read_symbols(struct symfile *f, bool relocatable)
{
    Elf_Scn *scn = NULL;
    bool full = false;
    for (int pass = 0; pass < 2; pass++) { /* .dynsym only where there is no .symtab */
        while ((scn = elf_nextscn(f->elf, scn))) {
            GElf_Shdr header;
            if (!gelf_getshdr(scn, &header))
                continue;
            if (header.sh_type == (pass ? SHT_DYNSYM : SHT_SYMTAB)) {
                full = true;
                read_table(f, scn, &header, relocatable);
            }
        }
        if (full)
            break;
    }
}

static int range_order(const void *a, const void *b)
{
    const struct cu_range *x = a, *y = b;
    return x->low < y->low ? -1 : x->low > y->low;
}

/* Compilers need not write .debug_aranges (clang does not), so the units' own ranges are the index. */
static void read_units(struct symfile *f)
{
    Dwarf_CU *cu = NULL;
    Dwarf_Die die;
    u8 unit_type;
    size_t cap_cus = 0, cap = 0;
    while (f->n_cus < MAX_CUS && !dwarf_get_units(f->dwarf, cu, &cu, NULL, &unit_type, &die, NULL)) {
        if (unit_type != DW_UT_compile && unit_type != DW_UT_partial)
            continue;
        if (f->n_cus == cap_cus) {
            cap_cus = cap_cus ? 2 * cap_cus : 64;
            f->cus = xrealloc(f->cus, cap_cus * sizeof *f->cus);
        }
        f->cus[f->n_cus++] = die;
        Dwarf_Addr base, low, high;
        ptrdiff_t offset = 0;
        while (f->n_ranges < MAX_RANGES && (offset = dwarf_ranges(&die, offset, &base, &low, &high)) > 0) {
            if (low >= high)
                continue;
            if (f->n_ranges == cap) {
                cap = cap ? 2 * cap : 64;
                f->ranges = xrealloc(f->ranges, cap * sizeof *f->ranges);
            }
            f->ranges[f->n_ranges++] = (struct cu_range){ low + f->bias, high + f->bias, die };
        }
    }
    if (f->n_ranges)
        qsort(f->ranges, f->n_ranges, sizeof *f->ranges, range_order);
}

static bool read_elf(struct symfile *f, const struct symbols_where *where, struct err *e)
{
    if (elf_version(EV_CURRENT) == EV_NONE)
        return err_set(e, "libelf is older than its header; install the libelf1 that belongs to libdw-dev");
    f->elf = elf_memory((char *)f->bytes, f->size);
    GElf_Ehdr header;
    if (!f->elf || elf_kind(f->elf) != ELF_K_ELF || !gelf_getehdr(f->elf, &header))
        return err_set(e, "%s: broken ELF header (%s)", f->name, elf_errmsg(-1));
    if (header.e_ident[EI_DATA] != ELFDATA2LSB)
        return err_set(e, "%s is big-endian; the guests of this program are little-endian", f->name);
    f->addr_size = header.e_ident[EI_CLASS] == ELFCLASS32 ? 4 : 8;
    f->mask = size_mask(f->addr_size);
    f->entry = (header.e_entry + f->bias) & f->mask;
    bool relocatable = header.e_type == ET_REL;
    if (!relocatable && where->n_sections)
        return err_set(e, "%s: --section is for relocatable files (kernel modules); this one is linked: --offset moves it",
                       f->name);
    if (relocatable && !relocatable_place(f, where, e))
        return false;
    read_symbols(f, relocatable);
    f->dwarf = dwarf_begin_elf(f->elf, DWARF_C_READ, NULL);
    if (f->dwarf) {
        read_units(f);
        f->debug_frame = dwarf_getcfi(f->dwarf); /* owned by the Dwarf */
    }
    f->eh_frame = relocatable ? NULL : dwarf_getcfi_elf(f->elf);
    return true;
}

struct symfile *symbols_add_file(struct symbols *s, const char *name, const u8 *data, size_t size,
                                 const struct symbols_where *where, struct err *e)
{
    bool elf = size >= EI_NIDENT && !memcmp(data, ELFMAG, SELFMAG);
    if (!elf && symbols_is_text(data, size))
        return symbols_read_text(s, name, data, size, where, e);
    if (!elf) {
        err_set(e, "%s is neither an ELF file nor a list of symbols (System.map, the output of nm): symbols come from the "
                   "file the linker wrote, not from a raw image", name);
        return NULL;
    }
    struct symfile *f = symfile_new(s, name, where->bias);
    f->bytes = xmalloc(size);
    memcpy(f->bytes, data, size);
    f->size = size;
    if (!read_elf(f, where, e)) {
        symfile_free(f);
        return NULL;
    }
    symfile_done(f, where->process);
    return f;
}

bool symbols_add(struct symbols *s, const char *name, const u8 *data, size_t size, u64 bias, struct err *e)
{
    return symbols_add_file(s, name, data, size, &(struct symbols_where){ .bias = bias }, e) != NULL;
}

/* The last symbol at or before addr that covers it. */
static const struct symbol *find_in(const struct symfile *f, u64 addr)
{
    size_t low = 0, high = f->n_symbols;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (f->by_addr[mid].addr <= addr)
            low = mid + 1;
        else
            high = mid;
    }
    if (!low)
        return NULL;
    /* Symbols at one address are sorted best first; a label inside a sized function is not its end. */
    const struct symbol *loose = NULL;
    for (size_t i = low, steps = 0; i-- > 0 && steps < 64; steps++) {
        const struct symbol *c = &f->by_addr[i];
        while (i > 0 && f->by_addr[i - 1].addr == c->addr)
            c = &f->by_addr[--i];
        if (c->kind == SYM_OFFSET)
            return loose;
        if (c->size && addr - c->addr < c->size)
            return c;
        if (!loose && !c->size)
            loose = c;
        if (c->size && !loose && steps == 0)
            return NULL; /* behind the end of a sized one */
        if (c->size)
            break;
    }
    return loose && addr - loose->addr < MAX_GAP ? loose : NULL;
}

const struct symbol *symbols_at(const struct symbols *s, u64 addr, u64 *offset)
{
    const struct symbol *best = NULL;
    bool of_process = false;
    for (const struct symfile *f = symfile_seen(s->files); f; f = symfile_seen(f->next)) {
        if (best && of_process && !f->process)
            break; /* what the process says of its addresses counts */
        const struct symbol *c = find_in(f, addr & f->mask);
        if (c && (!best || c->addr > best->addr)) {
            best = c;
            of_process = f->process != NULL;
            if (offset)
                *offset = (addr & f->mask) - c->addr;
        }
    }
    return best;
}

const struct symbol *symbols_named(const struct symbols *s, const char *name)
{
    const struct symbol *best = NULL;
    for (const struct symfile *f = symfile_seen(s->files); f; f = symfile_seen(f->next))
        for (size_t i = 0; i < f->n_symbols; i++) {
            const struct symbol *c = &f->by_addr[i];
            if (c->name[0] != name[0] || strcmp(c->name, name))
                continue;
            if (c->global)
                return c;
            if (!best)
                best = c;
        }
    return best;
}

void symbols_format(const struct symbols *s, u64 addr, char *out, size_t cap)
{
    u64 offset = 0;
    const struct symbol *sym = symbols_at(s, addr, &offset);
    if (!sym)
        snprintf(out, cap, "%s", "");
    else if (offset)
        snprintf(out, cap, "%.200s+%llu", sym->name, (unsigned long long)offset);
    else
        snprintf(out, cap, "%.200s", sym->name);
}

void symbols_each(const struct symbols *s, bool (*each)(void *opaque, const struct symbol *sym), void *opaque)
{
    for (const struct symfile *f = symfile_seen(s->files); f; f = symfile_seen(f->next))
        for (size_t i = 0; i < f->n_symbols; i++)
            if (!each(opaque, &f->by_addr[i]))
                return;
}

static const struct cu_range *range_in(const struct symfile *f, u64 addr)
{
    size_t low = 0, high = f->n_ranges;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (f->ranges[mid].low <= addr)
            low = mid + 1;
        else
            high = mid;
    }
    for (unsigned steps = 0; low-- > 0 && steps < 16; steps++)
        if (addr < f->ranges[low].high)
            return &f->ranges[low];
    return NULL;
}

bool symbols_cu_at(const struct symbols *s, u64 addr, Dwarf_Die *cu, struct symfile **file)
{
    for (struct symfile *f = symfile_seen(s->files); f; f = symfile_seen(f->next)) {
        const struct cu_range *r = range_in(f, addr & f->mask);
        if (r) {
            *cu = r->cu;
            if (file)
                *file = f;
            return true;
        }
    }
    return false;
}

struct symfile *symbols_file_at(const struct symbols *s, u64 addr)
{
    for (struct symfile *f = symfile_seen(s->files); f; f = symfile_seen(f->next))
        if (range_in(f, addr & f->mask) || find_in(f, addr & f->mask))
            return f;
    return NULL;
}
