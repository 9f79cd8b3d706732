/* Text of instructions, as objdump -M no-aliases writes it. */
#include <string.h>

#include "base/text.h"
#include "cpu/riscv/engine.h"
#include "cpu/riscv/insn.h"

static void fence_set(struct text *t, unsigned set)
{
    if (!set)
        text_put(t, "unknown");
    for (unsigned b = 4; b-- > 0;)
        if (set >> b & 1)
            text_put(t, "%c", "wroi"[b]);
}

static void operand(struct text *t, char c, const struct rv_decoder *d, const struct rv_decoded *i, u64 pc,
                    const char *(*csr_name)(const void *ctx, u32 csr), const void *ctx)
{
    static const char *const rounding[8] = { "rne", "rtz", "rdn", "rup", "rmm", "unknown", "unknown", "dyn" };
    switch (c) {
    case 'd': text_put(t, "%s", riscv_x_names[i->rd]); break;
    case 's': text_put(t, "%s", riscv_x_names[i->rs1]); break;
    case 't': text_put(t, "%s", riscv_x_names[i->rs2]); break;
    case 'D': text_put(t, "%s", riscv_f_names[i->rd]); break;
    case 'S': text_put(t, "%s", riscv_f_names[i->rs1]); break;
    case 'T': text_put(t, "%s", riscv_f_names[i->rs2]); break;
    case 'R': text_put(t, "%s", riscv_f_names[i->rs3]); break;
    case 'c': text_put(t, "sp"); break;
    case 'j': case 'o': text_put(t, "%d", (int)i->imm); break;
    case 'x': text_put(t, "0x%x", (unsigned)i->imm); break;
    case 'u': text_put(t, "0x%x", (unsigned)(i->imm >> 12) & 0xfffff); break;
    case 'Z': text_put(t, "%u", i->rs1); break;
    case 'P': fence_set(t, (unsigned)i->imm >> 4 & 15); break;
    case 'Q': fence_set(t, (unsigned)i->imm & 15); break;
    case 'p': {
        u64 target = pc + (u64)i->imm;
        text_put(t, "0x%llx", (unsigned long long)(d->xlen == 32 ? (u32)target : target));
        break;
    }
    case 'E': {
        const char *name = csr_name ? csr_name(ctx, (u32)i->imm) : NULL;
        if (name)
            text_put(t, "%s", name);
        else
            text_put(t, "0x%x", (unsigned)i->imm);
        break;
    }
    case 'm': case 'n': text_put(t, "%s", rounding[i->rm]); break;
    default: text_put(t, "%c", c); break;
    }
}

unsigned riscv_disasm_with(const struct rv_decoder *d, const char *(*csr_name)(const void *ctx, u32 csr),
                           const void *ctx, u64 pc, const u8 *bytes, size_t n, char *out, size_t out_len)
{
    if (out_len)
        *out = 0;
    if (n < 2)
        return 0;
    u32 bits = (u32)load_le(bytes, 2);
    if (rv_insn_length(bits) == 4) {
        if (n < 4)
            return 0;
        bits = (u32)load_le(bytes, 4);
    }
    if (!out_len)
        return rv_insn_length(bits);
    struct rv_decoded i;
    struct text t = { out, out + out_len };
    rv_decode(d, bits, &i);
    if (i.op == RV_OP_COUNT) {
        if (i.len == 2)
            text_put(&t, ".2byte 0x%04x", bits);
        else
            text_put(&t, ".4byte 0x%08x", bits);
        return i.len;
    }
    const struct riscv_insn *insn = &riscv_insns[i.op];
    text_put(&t, "%s", insn->mnemonic);
    if ((insn->flags & F_AQRL) && i.aqrl)
        text_put(&t, ".%s%s", i.aqrl & 2 ? "aq" : "", i.aqrl & 1 ? "rl" : "");
    for (const char *a = insn->args; *a; a++) {
        /* A dynamic rounding mode is not shown, nor (n) the default of conversions that are exact. */
        if (*a == ',' && ((a[1] == 'm' && i.rm == 7) || (a[1] == 'n' && i.rm == 0)))
            break;
        if (a == insn->args)
            text_put(&t, " ");
        operand(&t, *a, d, &i, pc, csr_name, ctx);
    }
    return i.len;
}

static const char *name_of_csr(const void *ctx, u32 csr)
{
    size_t n;
    const struct cpu_reg *r = riscv_csr_regs(ctx, &n);
    for (size_t k = 0; k < n; k++)
        if (r[k].number == csr)
            return r[k].name;
    return NULL;
}

unsigned riscv_disasm(const struct cpu *c, u64 pc, const u8 *bytes, size_t n, char *out, size_t out_len)
{
    const struct hart *h = (const struct hart *)c;
    return riscv_disasm_with(h->engine->decoder, name_of_csr, h, pc, bytes, n, out, out_len);
}
