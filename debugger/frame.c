#include "debugger/frame.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

u64 cpu_addr_mask(const struct cpu *c)
{
    return strstr(c->ops->isa, "32") || !strcmp(c->ops->isa, "i386") ? UINT32_MAX : UINT64_MAX;
}

void frame_innermost(struct symbols *s, struct cpu *c, struct frame *out)
{
    *out = (struct frame){ .how = "registers" };
    out->pc = out->lookup_pc = cpu_linear_pc(c) & cpu_addr_mask(c);
    for (const struct cpu_reg *r = c->ops->regs(c); r->name; r++) {
        bool general = !strcmp(r->group, "general"), is_float = !strcmp(r->group, "float");
        unsigned n = r->number + (is_float ? 32 : 0);
        if ((general || is_float) && r->number < 32 && strcmp(r->name, "pc") &&
            c->ops->reg_get(c, r, &out->reg[n]))
            out->known |= (u64)1 << n;
    }
}

static Dwarf_Frame *rules_at(struct symbols *s, u64 pc, struct symfile **file)
{
    for (struct symfile *f = symfile_seen(s->files); f; f = symfile_seen(f->next)) {
        Dwarf_Frame *fr = NULL;
        u64 at = (pc & f->mask) - f->bias;
        *file = f;
        if ((f->debug_frame && !dwarf_cfi_addrframe(f->debug_frame, at, &fr)) ||
            (f->eh_frame && !dwarf_cfi_addrframe(f->eh_frame, at, &fr)))
            return fr;
    }
    return NULL;
}

static bool by_cfi(struct symbols *s, struct cpu *c, struct frame *f, struct frame *out, const char **why)
{
    struct symfile *file;
    Dwarf_Frame *rules = rules_at(s, f->lookup_pc, &file);
    if (!rules)
        return false;
    struct location_context cx = { s, file, c, f, NULL };
    struct location l;
    Dwarf_Op *ops;
    size_t n;
    bool ok = false;
    if (dwarf_frame_cfa(rules, &ops, &n) || !location_eval(&cx, ops, n, &l, why))
        goto done;
    if (l.kind == LOC_REGISTER && l.reg < FRAME_REGS)
        l.addr = f->reg[l.reg];
    f->cfa = out->cfa = l.addr & cpu_addr_mask(c);
    f->has_cfa = true;
    bool signal;
    int ra = dwarf_frame_info(rules, NULL, NULL, &signal);
    if (ra < 0 || ra >= FRAME_REGS)
        ra = DW_RV_RA;
    for (unsigned r = 1; r < FRAME_REGS; r++) {
        Dwarf_Op mem[3];
        u64 bit = (u64)1 << r;
        out->known &= ~bit;
        out->saved &= ~bit;
        if (dwarf_frame_register(rules, (int)r, mem, &ops, &n))
            continue;
        if (!n && ops) { /* undefined: for the return address that is the end of the stack */
            /* Without a rule the callee-saved registers are what they are (psABI, "Integer Register Convention"). */
            bool kept = r == 3 || r == 4 || r == 8 || r == 9 || (r >= 18 && r <= 27) || r == 32 + 8 || r == 32 + 9 ||
                        (r >= 32 + 18 && r <= 32 + 27);
            if (kept && (f->known & bit)) {
                out->reg[r] = f->reg[r];
                out->known |= bit;
            }
            continue;
        }
        if (!n) { /* same value */
            out->reg[r] = f->reg[r];
            out->known |= f->known & bit;
            out->saved_at[r] = f->saved_at[r];
            out->saved |= f->saved & bit;
            continue;
        }
        const char *ignored;
        if (!location_eval(&cx, ops, n, &l, &ignored))
            continue;
        u8 raw[8];
        unsigned size = r >= 32 ? 8 : file->addr_size;
        if (l.kind == LOC_MEMORY && cpu_peek(c, l.addr & cpu_addr_mask(c), raw, size) == size) {
            out->reg[r] = load_le(raw, size);
            out->saved_at[r] = l.addr & cpu_addr_mask(c);
            out->saved |= bit;
            out->known |= bit;
        } else if (l.kind == LOC_REGISTER && l.reg < FRAME_REGS && (f->known >> l.reg & 1)) {
            out->reg[r] = f->reg[l.reg];
            out->known |= bit;
        } else if (l.kind == LOC_VALUE) {
            out->reg[r] = l.addr;
            out->known |= bit;
        }
    }
    /* The stack pointer of the caller is the frame's address, on every RISC-V ABI. */
    out->reg[DW_RV_SP] = f->cfa;
    out->known |= (u64)1 << DW_RV_SP;
    if (!(out->known >> ra & 1)) {
        *why = "outermost: its return address is marked undefined";
        goto done;
    }
    out->pc = out->reg[ra] & cpu_addr_mask(c) & ~(u64)1;
    out->how = "CFI";
    ok = true;
done:
    free(rules); /* dwarf_cfi_addrframe() gives its memory to the caller */
    return ok;
}

static bool by_frame_pointer(struct symbols *s, struct cpu *c, struct frame *f, struct frame *out, const char **why)
{
    unsigned size = cpu_addr_mask(c) == UINT32_MAX ? 4 : 8;
    u64 mask = cpu_addr_mask(c), low, high;
    u64 known_sp_fp = (u64)1 << DW_RV_SP | (u64)1 << DW_RV_FP;
    out->known = f->known & ~((u64)1 << DW_RV_RA);
    /* At the first instruction, and in a leaf that never made a frame, the return address is still in its register. */
    if (f->level == 0 && symbols_function_at(s, f->pc, &low, &high, NULL) && f->pc == low) {
        out->pc = f->reg[DW_RV_RA] & mask;
        f->cfa = f->reg[DW_RV_SP] & mask;
        f->has_cfa = true;
        out->how = "return address register";
        return out->pc != 0;
    }
    *why = "no call frame information, and s0 is no frame pointer";
    if ((f->known & known_sp_fp) != known_sp_fp)
        return false;
    u64 fp = f->reg[DW_RV_FP] & mask, sp = f->reg[DW_RV_SP] & mask;
    u8 raw[16];
    if (fp <= sp || fp % size || fp - sp > 1 << 20 || cpu_peek(c, fp - 2 * size, raw, 2 * size) != 2 * size)
        return false;
    u64 ra = load_le(raw + size, size), prev = load_le(raw, size);
    if (!ra)
        return false;
    f->cfa = fp;
    f->has_cfa = true;
    out->pc = ra & ~(u64)1;
    out->reg[DW_RV_SP] = fp;
    out->reg[DW_RV_FP] = prev;
    out->known |= known_sp_fp;
    out->saved_at[DW_RV_FP] = fp - 2 * size;
    out->saved |= (u64)1 << DW_RV_FP;
    out->how = "frame pointer";
    return true;
}

static unsigned inlined_around(const Dwarf_Die *scopes, unsigned n)
{
    unsigned count = 0;
    for (unsigned i = 0; i < n; i++) {
        Dwarf_Die d = scopes[i];
        if (dwarf_tag(&d) == DW_TAG_subprogram)
            break;
        count += dwarf_tag(&d) == DW_TAG_inlined_subroutine;
    }
    return count;
}

bool frame_caller(struct symbols *s, struct cpu *c, const struct frame *f, struct frame *out, const char **why)
{
    Dwarf_Die scopes[SCOPE_DEPTH];
    struct symfile *file;
    unsigned n = symbols_scopes(s, f->lookup_pc, scopes, &file);
    *out = *f;
    out->level = f->level + 1;
    if (f->inlined < inlined_around(scopes, n)) {
        out->inlined++;
        out->how = "inlined";
        return true;
    }
    struct frame work = *f;
    out->inlined = 0;
    out->has_cfa = false;
    *why = NULL;
    if (!by_cfi(s, c, &work, out, why)) {
        if (*why)
            return false; /* there were rules, and they say no */
        if (!by_frame_pointer(s, c, &work, out, why))
            return false;
    }
    u64 offset;
    out->lookup_pc = out->pc - 1; /* the call, not what follows it: that may be another function */
    if (!out->pc || (!symbols_at(s, out->lookup_pc, &offset) && s->files)) {
        *why = "its return address is in no known function";
        return false;
    }
    /* Frames that do not move are no frames. */
    if (out->pc == f->pc && out->reg[DW_RV_SP] == f->reg[DW_RV_SP]) {
        *why = "the caller would be the same frame";
        return false;
    }
    if (f->level && work.has_cfa && (work.cfa < f->reg[DW_RV_SP])) {
        *why = "the stack does not grow downwards (corrupt stack?)";
        return false;
    }
    return true;
}

/* The frame's own CFA, for locals of functions whose frame base is DW_OP_call_frame_cfa. */
void frame_complete(struct symbols *s, struct cpu *c, struct frame *f)
{
    struct frame scratch = *f;
    const char *why = NULL;
    if (!f->has_cfa && !by_cfi(s, c, f, &scratch, &why) && !f->has_cfa && !why)
        by_frame_pointer(s, c, f, &scratch, &why);
}

unsigned frame_scopes(struct symbols *s, const struct frame *f, Dwarf_Die out[SCOPE_DEPTH], struct symfile **file)
{
    unsigned n = symbols_scopes(s, f->lookup_pc, out, file), skip = 0, i = 0;
    while (skip < f->inlined && i < n)
        skip += dwarf_tag(&out[i++]) == DW_TAG_inlined_subroutine;
    memmove(out, out + i, (n - i) * sizeof out[0]);
    return n - i;
}

const char *frame_function(struct symbols *s, const struct frame *f, Dwarf_Die *die, struct symfile **file)
{
    Dwarf_Die scopes[SCOPE_DEPTH];
    struct symfile *sf;
    unsigned n = frame_scopes(s, f, scopes, &sf);
    for (unsigned i = 0; i < n; i++) {
        int tag = dwarf_tag(&scopes[i]);
        if (tag != DW_TAG_subprogram && tag != DW_TAG_inlined_subroutine)
            continue;
        if (die)
            *die = scopes[i];
        if (file)
            *file = sf;
        const char *name = dwarf_diename(&scopes[i]);
        if (name)
            return name;
        break;
    }
    if (file && !n)
        *file = NULL;
    const struct symbol *sym = symbols_at(s, f->lookup_pc, NULL);
    return sym ? sym->name : NULL;
}

bool frame_line(struct symbols *s, const struct frame *f, const char **file, int *line)
{
    if (!f->inlined) {
        struct source_pos p;
        if (!symbols_line_at(s, f->lookup_pc, &p))
            return false;
        *file = p.file;
        *line = p.line;
        return true;
    }
    Dwarf_Die scopes[SCOPE_DEPTH];
    struct symfile *sf;
    unsigned n = symbols_scopes(s, f->lookup_pc, scopes, &sf), seen = 0;
    for (unsigned i = 0; i < n; i++) {
        if (dwarf_tag(&scopes[i]) != DW_TAG_inlined_subroutine || ++seen != f->inlined)
            continue;
        Dwarf_Attribute a;
        Dwarf_Word file_no, line_no;
        Dwarf_Files *files;
        size_t n_files;
        if (!dwarf_attr(&scopes[i], DW_AT_call_file, &a) || dwarf_formudata(&a, &file_no) ||
            !dwarf_attr(&scopes[i], DW_AT_call_line, &a) || dwarf_formudata(&a, &line_no) ||
            dwarf_getsrcfiles(&scopes[n - 1], &files, &n_files) || file_no >= n_files || line_no > INT32_MAX)
            return false;
        *file = dwarf_filesrc(files, file_no, NULL, NULL);
        *line = (int)line_no;
        return *file != NULL;
    }
    return false;
}
