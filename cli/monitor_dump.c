/* `dump-guest-memory FILE`: physical memory and the CPUs' registers as an ELF core, for gdb, crash and readelf (System V gABI,
 * "Object Files"; the notes are Linux' elf_prstatus). Addresses are physical: of a guest that maps itself elsewhere gdb has to be
 * told, and crash knows. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/monitor_rows.h"
#include "machine/isa.h"

#define PIECE 0x10000
enum { ET_CORE = 4, EV_CURRENT = 1, PT_LOAD = 1, PT_NOTE = 4, NT_PRSTATUS = 1, PF_RWX = 7 }; /* <elf.h>, whose EV_NONE is ours, too */

/* Where registers stand in elf_prstatus, and which, in its order; NULL: 0. */
struct prstatus {
    const char *isa;
    u16 size, at, n;
    const char *const *regs;
};
static const char *const x86_64_regs[] = { "r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi",
                                           "rdi", NULL, "rip", "cs", "rflags", "rsp", "ss", "fs_base", "gs_base", "ds", "es", "fs", "gs" };
static const char *const i386_regs[] = { "ebx", "ecx", "edx", "esi", "edi", "ebp", "eax", "ds", "es", "fs", "gs", NULL, "eip", "cs",
                                         "eflags", "esp", "ss" };
static const char *const riscv_regs[] = { "pc", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "fp", "s1", "a0", "a1", "a2", "a3", "a4", "a5",
                                          "a6", "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6" };
static const struct prstatus layouts[] = {
    { "x86_64", 336, 112, ARRAY_LEN(x86_64_regs), x86_64_regs }, { "i386", 144, 72, ARRAY_LEN(i386_regs), i386_regs },
    { "riscv64", 376, 112, ARRAY_LEN(riscv_regs), riscv_regs }, { "riscv32", 204, 72, ARRAY_LEN(riscv_regs), riscv_regs },
};

static void note(const struct cpu *c, const struct prstatus *p, unsigned word, struct buf *out)
{
    u8 status[376] = { 0 };
    store_le(status + (word == 8 ? 32 : 24), 4, c->index + 1); /* pr_pid: threads of gdb */
    for (unsigned n = 0; n < p->n; n++) {
        const struct cpu_reg *r = p->regs[n] ? cpu_reg_named(c, p->regs[n]) : NULL;
        u64 v = 0;
        if (r)
            c->ops->reg_get(c, r, &v);
        if (r && (!strcmp(r->name, "rip") || !strcmp(r->name, "eip")))
            v = cpu_linear_pc(c); /* as gdb has it of the live machine */
        store_le(status + p->at + n * word, word, v);
    }
    buf_put_le(out, 5, 4);
    buf_put_le(out, p->size, 4);
    buf_put_le(out, NT_PRSTATUS, 4);
    buf_put(out, "CORE\0\0\0", 8);
    buf_put(out, status, p->size);
}

static void program_header(struct buf *b, unsigned word, u32 type, u64 offset, u64 addr, u64 size)
{
    u32 flags = type == PT_LOAD ? PF_RWX : 0;
    buf_put_le(b, type, 4);
    if (word == 8)
        buf_put_le(b, flags, 4);
    buf_put_le(b, offset, word);
    buf_put_le(b, addr, word);
    buf_put_le(b, addr, word);
    buf_put_le(b, size, word);
    buf_put_le(b, size, word);
    if (word == 4)
        buf_put_le(b, flags, 4);
    buf_put_le(b, 0, word);
}

static bool is_memory(const struct region *r) { return r->ram && r->read_direct; }

/* Everything before memory itself. */
static void headers(struct session *s, const struct prstatus *p, unsigned word, struct buf *out)
{
    const struct space *mem = s->m->mem;
    struct buf notes = { 0 };
    u32 n = 1;
    for (unsigned i = 0; i < s->m->n_cpus; i++)
        note(s->m->cpus[i], p, word, &notes);
    for (u32 i = 0; i < mem->n; i++)
        n += is_memory(mem->regions[i]);
    unsigned ehdr = word == 8 ? 64 : 52, phdr = word == 8 ? 56 : 32;
    buf_put(out, (const u8[16]){ 0x7f, 'E', 'L', 'F', word == 8 ? 2 : 1, 1 /* little-endian */, EV_CURRENT }, 16);
    buf_put_le(out, ET_CORE, 2);
    buf_put_le(out, s->m->board->isa->elf_machine[word == 8], 2);
    buf_put_le(out, EV_CURRENT, 4);
    buf_put_le(out, 0, word);
    buf_put_le(out, ehdr, word);
    buf_put_le(out, 0, word);
    buf_put_le(out, 0, 4);
    buf_put_le(out, ehdr, 2);
    buf_put_le(out, phdr, 2);
    buf_put_le(out, n, 2);
    buf_put(out, (const u8[6]){ 0 }, 6);
    u64 at = ehdr + (u64)n * phdr;
    program_header(out, word, PT_NOTE, at, 0, notes.len);
    at = (at + notes.len + PAGE_MASK) & ~PAGE_MASK;
    for (u32 i = 0; i < mem->n; i++)
        if (is_memory(mem->regions[i])) {
            program_header(out, word, PT_LOAD, at, mem->regions[i]->base, mem->regions[i]->size);
            at += mem->regions[i]->size;
        }
    buf_put(out, notes.data, notes.len);
    buf_free(&notes);
    while (out->len & PAGE_MASK)
        buf_put(out, "", 1);
}

/* Zeros are holes in the file. */
static bool region(struct session *s, const struct region *r, FILE *f)
{
    u8 piece[PIECE];
    static const u8 zeros[PIECE];
    for (u64 at = 0, n; at < r->size; at += n) {
        n = r->size - at < PIECE ? r->size - at : PIECE;
        memset(piece, 0, n);
        space_peek(s->m->mem, r->base + at, piece, n);
        if (!memcmp(piece, zeros, n) ? fseeko(f, (off_t)n, SEEK_CUR) : fwrite(piece, 1, n, f) != n)
            return false;
    }
    return true;
}

MONITOR(dump)
{
    const struct prstatus *p = NULL;
    unsigned word = s->m->config->xlen == 64 ? 8 : 4;
    struct buf head = { 0 };
    if (*args == '-')
        return err_set(e, "dump-guest-memory: only physical memory, uncompressed: it takes no options, and a file name");
    if (!*args)
        return err_set(e, "dump-guest-memory: it needs a file name");
    for (size_t i = 0; i < ARRAY_LEN(layouts); i++)
        if (!strcmp(layouts[i].isa, s->m->cpus[0]->ops->isa))
            p = &layouts[i];
    if (!p)
        return err_set(e, "dump-guest-memory: no core file is defined for %s", s->m->cpus[0]->ops->isa);
    word = !strcmp(p->isa, "i386") || !strcmp(p->isa, "riscv32") ? 4 : word;
    FILE *f = fopen(args, "wb");
    if (!f)
        return err_set(e, "dump-guest-memory: %s: %m", args);
    headers(s, p, word, &head);
    bool ok = fwrite(head.data, 1, head.len, f) == head.len;
    for (u32 i = 0; ok && i < s->m->mem->n; i++)
        ok = !is_memory(s->m->mem->regions[i]) || region(s, s->m->mem->regions[i], f);
    ok = ok && !fflush(f) && !ftruncate(fileno(f), ftello(f));
    if (!ok)
        err_set(e, "dump-guest-memory: %s: %m", args);
    buf_free(&head);
    return !fclose(f) && ok;
}

const struct monitor_row monitor_dump[] = {
    { "dump-guest-memory", dump, "FILE", "physical memory and registers as an ELF core, for gdb and crash", NULL },
    { 0 },
};
