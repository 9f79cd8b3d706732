#include "debugger/frame.h"

#include <dwarf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void frame_innermost(struct symbols *s, struct cpu *c, struct frame *out)
{
    const struct frame_isa *isa = isa_now(c);
    *out = (struct frame){ .how = "registers", .isa = isa, .trap.vector = -1 };
    out->pc = out->lookup_pc = cpu_linear_pc(c) & cpu_addr_mask(c);
    for (const struct cpu_reg *r = c->ops->regs(c); r->name; r++) {
        u8 slot = isa->slot(r);
        if (slot != SLOT_NONE && c->ops->reg_get(c, r, &out->reg[slot]))
            out->known |= (u64)1 << slot;
    }
    out->code_base = cpu_linear_pc(c) - c->ops->get_pc(c);
    out->stack_base = isa_sp(c) - (out->reg[isa->sp] & size_mask(isa->word));
}

static bool knows(const struct frame *f, u8 slot)
{
    return slot != SLOT_NONE && (f->known >> slot & 1);
}

u64 frame_sp(const struct frame *f)
{
    return f->stack_base + (f->reg[f->isa->sp] & size_mask(f->isa->word));
}

static void set_sp(struct frame *f, u64 linear)
{
    f->reg[f->isa->sp] = (linear - f->stack_base) & size_mask(f->isa->word);
    f->known |= (u64)1 << f->isa->sp;
    f->saved &= ~((u64)1 << f->isa->sp);
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

/* *pc_at: where the return address lies in memory; 0: it does not. *signal: f is one that no call made. */
static bool by_cfi(struct symbols *s, struct cpu *c, struct frame *f, struct frame *out, bool *signal, u64 *pc_at,
                   const char **why)
{
    struct symfile *file;
    Dwarf_Frame *rules = rules_at(s, f->lookup_pc, &file);
    if (!rules)
        return false;
    const struct frame_isa *isa = isa_of_file(c, file);
    struct location_context cx = { .syms = s, .file = file, .cpu = c, .frame = f };
    struct location l;
    Dwarf_Op *ops;
    size_t n;
    bool ok = false, sp_said = false;
    if (dwarf_frame_cfa(rules, &ops, &n) || !location_eval(&cx, ops, n, &l, why))
        goto done;
    if (l.kind == LOC_REGISTER && l.reg < FRAME_REGS)
        l.addr = f->reg[l.reg];
    f->cfa = out->cfa = l.addr & cpu_addr_mask(c);
    f->has_cfa = true;
    int column = dwarf_frame_info(rules, NULL, NULL, signal);
    u8 ra = column < 0 ? SLOT_NONE : isa_slot_of_dwarf(isa, (u64)column);
    u8 raw[8];
    Dwarf_Op mem[3];
    *pc_at = 0;
    /* RISC-V: a column of its own (64, "alternate frame return column") where ra is not where it goes on. */
    if (ra == SLOT_NONE && column >= 0 && !dwarf_frame_register(rules, column, mem, &ops, &n) && n &&
        location_eval(&cx, ops, n, &l, why) && l.kind == LOC_MEMORY && cpu_peek(c, l.addr, raw, file->addr_size) == file->addr_size)
        *pc_at = l.addr;
    u64 pc = *pc_at ? load_le(raw, file->addr_size) : 0;
    if (ra == SLOT_NONE)
        ra = isa->ra != SLOT_NONE ? isa->ra : isa->pc;
    for (unsigned number = 0; number < isa->n_dwarf; number++) {
        u8 slot = isa->dwarf[number];
        if (slot == SLOT_NONE || (isa->pc == SLOT_NONE && !slot)) /* x0 is what it is */
            continue;
        u64 bit = (u64)1 << slot;
        out->known &= ~bit;
        out->saved &= ~bit;
        if (dwarf_frame_register(rules, (int)number, mem, &ops, &n))
            continue;
        if (!n && ops) { /* undefined: for the return address that is the end of the stack */
            /* Without a rule the callee-saved registers are what they are. */
            if ((isa->kept & bit) && (f->known & bit)) {
                out->reg[slot] = f->reg[slot];
                out->known |= bit;
            }
            continue;
        }
        if (!n) { /* same value */
            out->reg[slot] = f->reg[slot];
            out->known |= f->known & bit;
            out->saved_at[slot] = f->saved_at[slot];
            out->saved |= f->saved & bit;
            continue;
        }
        const char *ignored;
        if (!location_eval(&cx, ops, n, &l, &ignored))
            continue;
        unsigned size = slot >= (isa->pc == SLOT_NONE ? 32 : isa->pc + 1) ? 8 : file->addr_size;
        if (l.kind == LOC_MEMORY && cpu_peek(c, l.addr & cpu_addr_mask(c), raw, size) == size) {
            out->reg[slot] = load_le(raw, size);
            out->saved_at[slot] = l.addr & cpu_addr_mask(c);
            out->saved |= bit;
            out->known |= bit;
        } else if (l.kind == LOC_REGISTER && l.reg < FRAME_REGS && (f->known >> l.reg & 1)) {
            out->reg[slot] = f->reg[l.reg];
            out->known |= bit;
        } else if (l.kind == LOC_VALUE) {
            out->reg[slot] = l.addr;
            out->known |= bit;
        }
        sp_said |= slot == isa->sp && (out->known & bit);
    }
    /* The stack pointer of the caller is the frame's address, on every ABI here, unless a rule says something else. */
    if (!sp_said)
        set_sp(out, f->cfa);
    if (!*pc_at && !(out->known >> ra & 1)) {
        *why = "outermost: its return address is marked undefined";
        goto done;
    }
    out->pc = (*pc_at ? pc : out->reg[ra]) & cpu_addr_mask(c);
    if (isa->ra != SLOT_NONE)
        out->pc &= ~(u64)1; /* jalr clears it */
    else if (out->saved >> ra & 1)
        *pc_at = out->saved_at[ra];
    out->how = "CFI";
    ok = true;
done:
    free(rules); /* dwarf_cfi_addrframe() gives its memory to the caller */
    return ok;
}

static bool peek_word(struct cpu *c, u64 addr, unsigned size, u64 *v)
{
    u8 raw[8];
    bool ok = cpu_peek(c, addr & cpu_addr_mask(c), raw, size) == size;
    *v = ok ? load_le(raw, size) : 0;
    return ok;
}

/* Is the word at a place on the stack where a call comes back to? Sets out->pc; far: a selector lies behind the offset. With
 * `begun` it may be where a function begins too: a thread's first frame is often made so. */
static bool comes_back(struct symbols *s, struct cpu *c, const struct frame *f, u64 at, bool begun, struct frame *out, bool *far)
{
    const struct frame_isa *isa = f->isa;
    u64 v, offset, selector, mask = cpu_addr_mask(c);
    *far = false;
    if (!peek_word(c, at, isa->word, &v) || !v)
        return false;
    out->pc = (v + f->code_base) & mask;
    if (isa->ra != SLOT_NONE)
        out->pc &= ~(u64)1;
    if (isa->call_before(c, out->pc, false))
        return true;
    const struct symbol *sym = begun ? symbols_at(s, out->pc, &offset) : NULL;
    if (sym && !offset && sym->kind == SYM_FUNC)
        return true;
    if (isa->word == 2 && peek_word(c, at + 2, 2, &selector) && isa->call_before(c, v + 16 * selector, true)) {
        out->code_base = 16 * selector;
        out->pc = (v + out->code_base) & mask;
        *far = true;
        return true;
    }
    return false;
}

/* Where the function has made no frame yet, or none any more. */
static bool by_entry(struct symbols *s, struct cpu *c, struct frame *f, struct frame *out)
{
    const struct frame_isa *isa = f->isa;
    u64 low, high, v;
    int pushed;
    bool exact = f->pc == f->lookup_pc; /* nothing was called from here */
    if (!exact || !knows(f, isa->sp) || !symbols_function_at(s, f->pc, &low, &high, NULL) ||
        (pushed = isa->pushed(c, low, f->pc)) < 0)
        return false;
    u64 sp = frame_sp(f) + (u64)pushed * isa->word;
    f->has_cfa = true;
    if (isa->ra != SLOT_NONE) {
        f->cfa = sp;
        out->pc = f->reg[isa->ra] & cpu_addr_mask(c) & ~(u64)1;
        out->known &= ~((u64)1 << isa->ra);
        out->how = "return address register";
        return knows(f, isa->ra) && out->pc;
    }
    bool far;
    f->cfa = sp + isa->word;
    if (!comes_back(s, c, f, sp, true, out, &far))
        return false;
    if (pushed && peek_word(c, sp - isa->word, isa->word, &v)) { /* the frame pointer, as yet still in its register too */
        out->saved_at[isa->fp] = sp - isa->word;
        out->saved |= (u64)1 << isa->fp;
    }
    set_sp(out, f->cfa + (far ? isa->word : 0));
    out->how = "first instructions";
    return true;
}

static bool by_frame_pointer(struct symbols *s, struct cpu *c, struct frame *f, struct frame *out)
{
    const struct frame_isa *isa = f->isa;
    u64 w = isa->word, prev, v;
    if (!knows(f, isa->sp) || !knows(f, isa->fp))
        return false;
    u64 fp = (f->stack_base + (f->reg[isa->fp] & size_mask(isa->word))) & cpu_addr_mask(c), sp = frame_sp(f);
    u64 at_fp = fp + (u64)(i64)isa->chain_fp * w, at_ra = fp + (u64)(i64)isa->chain_ra * w;
    bool far;
    if (fp < sp || fp % w || fp - sp > 1 << 20 || at_fp < sp || !peek_word(c, at_fp, isa->word, &prev) ||
        !peek_word(c, at_ra, isa->word, &v) || !comes_back(s, c, f, at_ra, true, out, &far))
        return false;
    f->cfa = fp + (u64)(i64)isa->chain_cfa * w;
    f->has_cfa = true;
    out->known = (u64)1 << isa->fp;
    out->reg[isa->fp] = prev;
    out->saved_at[isa->fp] = at_fp;
    out->saved = (u64)1 << isa->fp;
    set_sp(out, f->cfa + (far ? w : 0));
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

/* Nothing tells where the frame ends: the first word on the stack that could be a return address. */
static bool by_scan(struct symbols *s, struct cpu *c, const struct frame *f, struct frame *out, u64 *place)
{
    enum { WORDS = 512 };
    const struct frame_isa *isa = f->isa;
    if (!knows(f, isa->sp))
        return false;
    for (u64 at = frame_sp(f) & ~(u64)(isa->word - 1), n = 0; n < WORDS; n++, at += isa->word) {
        u64 offset;
        bool far;
        if (!comes_back(s, c, f, at, false, out, &far) || !symbols_at(s, out->pc - 1, &offset))
            continue;
        *place = at;
        out->known = out->saved = 0;
        set_sp(out, at + isa->word * (far ? 2 : 1)); /* RISC-V: at least */
        out->guessed = true;
        out->how = "a guess: the first word on the stack that could be a return address";
        return true;
    }
    return false;
}

/* f's caller as far as it is not known yet: a copy of f. */
static void begin(const struct frame *f, struct frame *out)
{
    *out = *f;
    out->level = f->level + 1;
    out->inlined = 0;
    out->has_cfa = false;
}

/* Without call frame information. A function that has set a frame pointer is asked for it; of code that has not (handlers in
 * assembly: the pointer still is that of what they interrupted) the stack is looked through, and what lies first counts: a return
 * address, or what an interrupt pushed. */
static bool by_looking(struct symbols *s, struct cpu *c, struct frame *f, u64 function, struct frame *out, bool *trapped)
{
    struct frame trap, scan;
    u64 trap_at = UINT64_MAX, scan_at;
    *trapped = false;
    if (by_entry(s, c, f, out))
        return true;
    bool framed = !function || f->isa->pushed(c, function, f->pc) == PROLOGUE_FRAMED;
    if (framed && by_frame_pointer(s, c, f, out))
        return true;
    begin(f, &trap);
    begin(f, &scan);
    *trapped = f->isa->trap(s, c, f, 0, false, &trap, &trap_at);
    bool scanned = by_scan(s, c, f, &scan, &scan_at);
    if (*trapped && (!scanned || trap_at < scan_at)) {
        *out = trap;
        return true;
    }
    *trapped = false;
    if (!framed && by_frame_pointer(s, c, f, out) && !(scanned && scan_at < out->saved_at[f->isa->fp]))
        return true;
    *out = scan;
    return scanned;
}

static bool interrupted(struct frame *out, const struct frame *f)
{
    out->kind = FRAME_TRAP;
    out->traps = f->traps + 1;
    out->lookup_pc = out->pc;
    out->how = "what the interrupt left";
    if (out->isa->pc != SLOT_NONE) {
        out->reg[out->isa->pc] = out->pc - out->code_base;
        out->known |= (u64)1 << out->isa->pc;
    }
    return true;
}

bool frame_caller(struct symbols *s, struct cpu *c, const struct frame *f, struct frame *out, const char **why)
{
    Dwarf_Die scopes[SCOPE_DEPTH];
    struct symfile *file;
    *out = *f;
    out->level = f->level + 1;
    if (f->kind == FRAME_TRAP) {
        out->kind = FRAME_CALL;
        out->how = "interrupted";
        return true;
    }
    unsigned n = symbols_scopes(s, f->lookup_pc, scopes, &file);
    if (f->inlined < inlined_around(scopes, n)) {
        out->inlined++;
        out->how = "inlined";
        return true;
    }
    struct frame work = *f;
    bool signal = false, trapped = false;
    u64 low = 0, high = 0, pc_at = 0, place, offset;
    *why = NULL;
    begin(f, out);
    bool cfi = by_cfi(s, c, &work, out, &signal, &pc_at, why);
    symbols_function_at(s, f->lookup_pc, &low, &high, NULL);
    bool entry = f->isa->is_entry(c, low, high);
    if (entry || (cfi && signal)) {
        if (!cfi)
            begin(f, out);
        if (f->isa->trap(s, c, &work, cfi ? pc_at ? pc_at : 1 : 0, true, out, &place))
            return interrupted(out, f);
        if (cfi && signal) { /* nobody knows what it was, but how it goes on */
            snprintf(out->trap.what, sizeof out->trap.what, "interrupt or exception");
            return interrupted(out, f);
        }
    }
    if (!cfi) {
        if (*why)
            return false; /* there were rules, and they say no */
        *why = "no call frame information, no frame pointer, and nothing on the stack looks like a return address";
        begin(f, out);
        if (!by_looking(s, c, &work, low, out, &trapped))
            return false;
        if (trapped)
            return interrupted(out, f);
    }
    out->lookup_pc = out->pc - 1; /* the call, not what follows it: that may be another function */
    if (!out->pc || (!symbols_at(s, out->lookup_pc, &offset) && s->files)) {
        *why = "its return address is in no known function";
        return false;
    }
    if (f->isa->pc != SLOT_NONE) {
        out->reg[f->isa->pc] = out->pc - out->code_base;
        out->known |= (u64)1 << f->isa->pc;
    }
    /* Frames that do not move are no frames. */
    if (out->pc == f->pc && frame_sp(out) == frame_sp(f)) {
        *why = "the caller would be the same frame";
        return false;
    }
    if (f->level && work.has_cfa && work.cfa < frame_sp(f)) {
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
    bool signal;
    u64 pc_at;
    if (!f->has_cfa && f->kind == FRAME_CALL && !by_cfi(s, c, f, &scratch, &signal, &pc_at, &why) && !f->has_cfa && !why &&
        !by_entry(s, c, f, &scratch))
        by_frame_pointer(s, c, f, &scratch);
}

unsigned frame_scopes(struct symbols *s, const struct frame *f, Dwarf_Die out[SCOPE_DEPTH], struct symfile **file)
{
    unsigned n = symbols_scopes(s, f->lookup_pc, out, file), skip = 0, i = 0;
    while (skip < f->inlined && i < n)
        skip += dwarf_tag(&out[i++]) == DW_TAG_inlined_subroutine;
    memmove(out, out + i, (n - i) * sizeof out[0]);
    return n - i;
}

unsigned frame_inlined_begin(struct symbols *s, u64 pc)
{
    Dwarf_Die scopes[SCOPE_DEPTH];
    struct symfile *f;
    unsigned n = symbols_scopes(s, pc, scopes, &f), count = 0;
    for (unsigned i = 0; i < n && dwarf_tag(&scopes[i]) != DW_TAG_subprogram; i++) {
        Dwarf_Addr entry, base, end;
        if (dwarf_tag(&scopes[i]) != DW_TAG_inlined_subroutine)
            continue;
        if ((dwarf_entrypc(&scopes[i], &entry) && dwarf_ranges(&scopes[i], 0, &base, &entry, &end) <= 0) ||
            ((entry + f->bias) & f->mask) != pc)
            break;
        count++;
    }
    return count;
}

u64 frame_scope_id(struct symbols *s, const struct frame *f)
{
    Dwarf_Die die = { 0 };
    struct symfile *file = NULL;
    return frame_function(s, f, &die, &file) && file ? (u64)(uintptr_t)die.addr : 0;
}

const char *frame_function(struct symbols *s, const struct frame *f, Dwarf_Die *die, struct symfile **file)
{
    Dwarf_Die scopes[SCOPE_DEPTH];
    struct symfile *sf;
    if (f->kind == FRAME_TRAP) {
        if (file)
            *file = NULL;
        return f->trap.what;
    }
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

bool frame_in_line(struct symbols *s, const struct frame *f)
{
    struct source_pos p;
    if (f->inlined)
        return false;
    return f->pc != f->lookup_pc || (symbols_line_at(s, f->pc, &p) && !p.at_start);
}

bool frame_line(struct symbols *s, const struct frame *f, const char **file, int *line)
{
    if (f->kind == FRAME_TRAP)
        return false;
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
