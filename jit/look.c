/* Printing units: guest instruction, its operations, their host code. */
#include "jit/look.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_CAPSTONE
#include <capstone/capstone.h>
#endif

enum { LEFT = 46 }; /* columns of the operations */

bool jit_view_has(const struct jit_view *u, u64 low, u64 high)
{
    for (unsigned k = 0; k < u->n_insns; k++)
        if (u->insn[k].pc < high && u->insn[k].pc + u->insn[k].length > low)
            return true;
    return false;
}

/* --- host code -------------------------------------------------------------------------------------------------- */

struct host_code {
    const struct jit_view *u;
    bool can; /* turn it into text */
#ifdef HAVE_CAPSTONE
    csh handle;
    cs_insn *insn;
#endif
};

static void host_open(struct host_code *h, const struct jit_view *u)
{
    *h = (struct host_code){ .u = u };
#ifdef HAVE_CAPSTONE
#ifdef __aarch64__
    h->can = cs_open(CS_ARCH_ARM64, CS_MODE_ARM, &h->handle) == CS_ERR_OK;
#else
    h->can = cs_open(CS_ARCH_X86, CS_MODE_64, &h->handle) == CS_ERR_OK;
#endif
    if (h->can)
        h->insn = cs_malloc(h->handle);
#endif
}

static void host_close(struct host_code *h)
{
#ifdef HAVE_CAPSTONE
    if (h->can) {
        cs_free(h->insn, 1);
        cs_close(&h->handle);
    }
#endif
}

/* The instruction at offset, or a few bytes; returns how many it took. Jumps within the unit are told as offsets. */
static u32 host_one(struct host_code *h, u32 offset, u32 end, struct buf *out)
{
    buf_printf(out, "%5x  ", offset);
#ifdef HAVE_CAPSTONE
    const u8 *code = h->u->host + offset;
    size_t left = end - offset;
    u64 at = h->u->runs_at + offset;
    if (h->can && cs_disasm_iter(h->handle, &code, &left, &at, h->insn)) {
        u64 target = strtoull(h->insn->op_str, NULL, 0);
        bool inside = h->insn->mnemonic[0] == 'j' && target >= h->u->runs_at &&
            target - h->u->runs_at < jit_view_size(h->u);
        if (inside)
            buf_printf(out, "%s +%" PRIx64, h->insn->mnemonic, target - h->u->runs_at);
        else
            buf_printf(out, "%s%s%s", h->insn->mnemonic, h->insn->op_str[0] ? " " : "", h->insn->op_str);
        return h->insn->size;
    }
#endif
    u32 n = end - offset < 12 ? end - offset : 12;
    for (u32 k = 0; k < n; k++)
        buf_printf(out, "%s%02x", k ? " " : "", h->u->host[offset + k]);
    return n;
}

/* Code from *at to end, the first line beside what `line` holds already. */
static void host_lines(struct host_code *h, u32 from, u32 end, struct buf *line, struct buf *out)
{
    while (from < end || line->len) {
        buf_printf(out, "  %-*s", from < end ? LEFT : 0, buf_cstr(line));
        line->len = 0;
        if (from < end) {
            buf_printf(out, " ");
            from += host_one(h, from, end, out);
        }
        buf_printf(out, "\n");
    }
}

/* --- a unit ----------------------------------------------------------------------------------------------------- */

static void print_insn(const struct jit_view *u, unsigned k, const struct jit_names *names, struct buf *out)
{
    const struct jit_insn *i = &u->insn[k];
    char text[128], name[160] = "";
    if (!u->cpu->ops->disasm(u->cpu, i->pc, i->bytes, i->length, text, sizeof text))
        snprintf(text, sizeof text, "?");
    if (names && names->address)
        names->address(names->opaque, i->pc, name, sizeof name);
    buf_printf(out, "0x%" PRIx64 "%s%s%s:  ", i->pc, name[0] ? " <" : "", name, name[0] ? ">" : "");
    for (const char *s = text; *s; s++)
        buf_printf(out, "%c", *s == '\t' ? ' ' : *s);
    buf_printf(out, "\n");
}

void jit_view_print(const struct jit_view *u, const struct jit_names *names, struct buf *out)
{
    struct host_code h;
    struct buf line = { 0 };
    host_open(&h, u);
    buf_printf(out, "--- %s, tier %u: %u instructions, %" PRIu64 " bytes of host code at 0x%" PRIx64 "%s\n",
        u->cpu->name, u->tier, u->n_insns, jit_view_size(u), u->runs_at,
        u->again ? " (made again to be looked at: links are as they would be now)" : "");
    if (u->region)
        buf_printf(out, "    (a region begins here and is what runs; --dump-jit shows it when it is made)\n");
    if (!h.can)
        buf_printf(out, "    (host code in bytes: this Orrery was built without libcapstone)\n");
    unsigned told = 0, current = UINT_MAX;
    for (u32 k = 0; k < u->ir->n; k++) {
        const struct ir_insn *i = &u->ir->insn[k];
        if (i->op == IR_NOP)
            continue;
        if (i->at < told && i->at != current) /* not in the order of the guest */
            print_insn(u, i->at, names, out);
        while (told < u->n_insns && told <= i->at)
            print_insn(u, told++, names, out);
        current = i->at;
        ir_dump_op(u->ir, k, &line);
        const char *place = i->op == IR_GET || i->op == IR_PUT ? u->place(u->cpu, i->imm) : NULL;
        if (place)
            buf_printf(&line, " %s", place);
        host_lines(&h, u->at_op[k], u->at_op[k + 1], &line, out);
    }
    while (told < u->n_insns)
        print_insn(u, told++, names, out);
    if (u->at_op[u->ir->n] < jit_view_size(u)) {
        buf_printf(out, "exits:\n");
        host_lines(&h, u->at_op[u->ir->n], (u32)jit_view_size(u), &line, out);
    }
    host_close(&h);
    buf_free(&line);
}

/* --- counts ----------------------------------------------------------------------------------------------------- */

static void count_call(struct jit_counts *c, u64 fn)
{
    for (unsigned k = 0; k < ARRAY_LEN(c->call); k++)
        if (c->call[k].fn == fn || !c->call[k].fn) {
            c->call[k].fn = fn;
            c->call[k].n++;
            return;
        }
}

void jit_count_unit(struct jit_counts *c, unsigned tier, unsigned insns, const struct ir *ir, u64 bytes)
{
    c->tier[tier].units++;
    c->tier[tier].insns += insns;
    c->tier[tier].bytes += bytes;
    for (u32 k = 0; k < ir->n; k++) {
        const struct ir_insn *i = &ir->insn[k];
        c->tier[tier].ops += i->op != IR_NOP;
        switch (i->op) {
        case IR_CALL: count_call(c, i->imm); break;
        case IR_LOAD: case IR_STORE: case IR_LOCATE: case IR_WINDOW: c->exits_memory++; break;
        case IR_EXIT_IF: c->exits_test++; break;
        case IR_LEAVE: c->exits_left++; break;
        case IR_JUMP: case IR_JUMP_IF: c->jumps++; break;
        default: break;
        }
    }
}

void jit_counts_print(const struct jit_counts *c, const struct jit_call_name *const *names, struct buf *out)
{
#define U(v) (unsigned long long)(v)
    for (unsigned t = 1; t < JIT_TIERS; t++)
        if (c->tier[t].units)
            buf_printf(out, "JIT tier %u: %llu units of %llu instructions, %llu operations, %llu bytes of host code\n",
                t, U(c->tier[t].units), U(c->tier[t].insns), U(c->tier[t].ops), U(c->tier[t].bytes));
    buf_printf(out, "JIT chains: direct %llu (of them set when their target was compiled: %llu), still open %llu, "
        "through the jump cache %llu\n", U(c->links - c->links_open + c->patched), U(c->patched),
        U(c->links_open - c->patched), U(c->jumps));
    buf_printf(out, "JIT exits to the interpreter in the code: memory accesses %llu, tests %llu, instructions it does "
        "not compile %llu\n", U(c->exits_memory), U(c->exits_test), U(c->exits_left));
    if (!c->call[0].fn)
        return;
    buf_printf(out, "JIT calls of helpers in the code:");
    for (unsigned k = 0; k < ARRAY_LEN(c->call) && c->call[k].fn; k++) {
        const char *name = "?";
        for (const struct jit_call_name *const *list = names; *list; list++)
            for (const struct jit_call_name *n = *list; n->fn; n++)
                if ((u64)(uintptr_t)n->fn == c->call[k].fn)
                    name = n->name;
        buf_printf(out, "%s %s %llu", k ? "," : "", name, U(c->call[k].n));
    }
    buf_printf(out, "\n");
#undef U
}
