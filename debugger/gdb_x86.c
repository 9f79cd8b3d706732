/* x86 for gdb ("Debugging with GDB", "i386 Features"). A processor of 64 bits has one layout in every mode, real mode too.
 *
 * rip is the linear address of the next instruction, CS base included, for gdb knows no segments: what it disassembles,
 * where its breakpoints are and where it believes to stand must be the same. `rip - cs_base` is the offset. */
#include "debugger/gdb_stub.h"

#include <stdio.h>
#include <string.h>

#include "cpu/x86/show.h"
#include "cpu/x86/sys.h"

/* --- what is not a register of ours -------------------------------------------------------------------------------- */

static void get_pc(struct cpu *c, unsigned bytes, u8 *le) { store_le(le, 8, cpu_linear_pc(c)); }

static bool set_pc(struct cpu *cpu, unsigned bytes, const u8 *le)
{
    struct x86 *c = x86_of(cpu);
    u64 v = load_le(le, bytes);
    if (!x86_64bit(c)) {
        v = (u32)(v - c->seg[X86_CS].base);
        if (v > c->seg[X86_CS].limit)
            return false; /* CS does not reach there */
    }
    cpu->ops->set_pc(cpu, v);
    return true;
}

static void get_selector(struct cpu *c, unsigned n, u8 *le) { store_le(le, 4, x86_of(c)->seg[n].selector); }

/* As loading it would, but that nothing is checked beside the reach of the table. */
static bool set_selector(struct cpu *cpu, unsigned n, const u8 *le)
{
    struct x86 *c = x86_of(cpu);
    struct x86_seg *s = &c->seg[n], ldt = c->seg[X86_LDTR];
    u16 selector = (u16)load_le(le, 4);
    u8 raw[8];
    if (selector == s->selector)
        return true;
    if (x86_real_or_v86(c)) {
        s->selector = selector;
        s->base = (u64)selector << 4;
    } else if (!(selector & 0xfffc)) {
        x86_null_seg(c, n, selector);
    } else {
        u64 base = selector & 4 ? ldt.base : c->gdtr.base, limit = selector & 4 ? ldt.limit : c->gdtr.limit;
        if ((selector | 7u) > limit || x86_peek_linear(c, base + (selector & 0xfff8u), raw, 8) != 8)
            return false;
        x86_seg_of(c, selector, load_le(raw, 8), s);
        if (n == X86_CS)
            c->cpl = selector & 3;
    }
    cpu->ops->state_loaded(cpu);
    return true;
}

/* st0 is the top of the stack. */
static struct x86_f80 *stack(struct cpu *c, unsigned n)
{
    struct x86_fpu *f = &x86_of(c)->fpu;
    return &f->st[(bits_get(f->sw, 11, 3) + n) & 7];
}

static void get_st(struct cpu *c, unsigned n, u8 *le)
{
    store_le(le, 8, stack(c, n)->m);
    store_le(le + 8, 2, stack(c, n)->se);
}

static bool set_st(struct cpu *c, unsigned n, const u8 *le)
{
    stack(c, n)->m = load_le(le, 8);
    stack(c, n)->se = (u16)load_le(le + 8, 2);
    return true;
}

/* The whole tag word, two bits by physical register (SDM 1, 8.1.7): 0 valid, 1 zero, 2 special, 3 empty. */
static void get_ftag(struct cpu *c, unsigned index, u8 *le)
{
    const struct x86_fpu *f = &x86_of(c)->fpu;
    u32 tags = 0;
    for (unsigned n = 0; n < 8; n++) {
        u16 exponent = f->st[n].se & 0x7fff;
        bool integer = f->st[n].m >> 63;
        u32 tag = !(f->valid >> n & 1) ? 3 : !exponent && !f->st[n].m ? 1 : !exponent || exponent == 0x7fff || !integer ? 2 : 0;
        tags |= tag << 2 * n;
    }
    store_le(le, 4, tags);
}

static bool set_ftag(struct cpu *c, unsigned index, const u8 *le)
{
    u8 valid = 0;
    for (unsigned n = 0; n < 8; n++)
        valid |= (u8)((load_le(le, 4) >> 2 * n & 3) != 3) << n;
    x86_of(c)->fpu.valid = valid;
    return true;
}

static void get_fseg(struct cpu *c, unsigned data, u8 *le)
{
    store_le(le, 4, data ? x86_of(c)->fpu.fds : x86_of(c)->fpu.fcs);
}

static bool set_fseg(struct cpu *c, unsigned data, const u8 *le)
{
    *(data ? &x86_of(c)->fpu.fds : &x86_of(c)->fpu.fcs) = (u16)load_le(le, 4);
    return true;
}

static const struct gdb_special pc = { get_pc, set_pc }, selector = { get_selector, set_selector },
                                st = { get_st, set_st }, ftag = { get_ftag, set_ftag }, fseg = { get_fseg, set_fseg };

/* --- the layout ------------------------------------------------------------------------------------------------------ */

/* The flags as gdb is used to them: of the RFLAGS only those of one bit. */
static const struct gdb_feature core = { "org.gnu.gdb.i386.core",
    "<flags id=\"i386_eflags\" size=\"4\"><field name=\"CF\" start=\"0\" end=\"0\"/><field name=\"PF\" start=\"2\" end=\"2\"/>"
    "<field name=\"AF\" start=\"4\" end=\"4\"/><field name=\"ZF\" start=\"6\" end=\"6\"/><field name=\"SF\" start=\"7\" end=\"7\"/>"
    "<field name=\"TF\" start=\"8\" end=\"8\"/><field name=\"IF\" start=\"9\" end=\"9\"/><field name=\"DF\" start=\"10\" end=\"10\"/>"
    "<field name=\"OF\" start=\"11\" end=\"11\"/><field name=\"NT\" start=\"14\" end=\"14\"/>"
    "<field name=\"RF\" start=\"16\" end=\"16\"/><field name=\"VM\" start=\"17\" end=\"17\"/>"
    "<field name=\"AC\" start=\"18\" end=\"18\"/><field name=\"VIF\" start=\"19\" end=\"19\"/>"
    "<field name=\"VIP\" start=\"20\" end=\"20\"/><field name=\"ID\" start=\"21\" end=\"21\"/></flags>\n" };
static const struct gdb_feature sse = { "org.gnu.gdb.i386.sse",
    "<vector id=\"v8bf16\" type=\"bfloat16\" count=\"8\"/>\n"
    "<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/>\n<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>\n"
    "<vector id=\"v16i8\" type=\"int8\" count=\"16\"/>\n<vector id=\"v8i16\" type=\"int16\" count=\"8\"/>\n"
    "<vector id=\"v4i32\" type=\"int32\" count=\"4\"/>\n<vector id=\"v2i64\" type=\"int64\" count=\"2\"/>\n"
    "<union id=\"vec128\"><field name=\"v8_bfloat16\" type=\"v8bf16\"/><field name=\"v4_float\" type=\"v4f\"/>"
    "<field name=\"v2_double\" type=\"v2d\"/><field name=\"v16_int8\" type=\"v16i8\"/><field name=\"v8_int16\" type=\"v8i16\"/>"
    "<field name=\"v4_int32\" type=\"v4i32\"/><field name=\"v2_int64\" type=\"v2i64\"/>"
    "<field name=\"uint128\" type=\"uint128\"/></union>\n" };
static const struct gdb_feature avx = { "org.gnu.gdb.i386.avx", NULL };
/* Ours: all that is left. (gdb 13 takes a fault when it is told i386 and finds its own feature with fs_base and gs_base.) */
static const struct gdb_feature system_ = { "org.orrery.x86.system", NULL };

enum { GENERAL32 = 1, GENERAL64 = 2, BOTH = 3 };
struct row {
    u8 of; /* GENERAL32, GENERAL64: layouts that have it */
    const struct gdb_feature *feature;
    const char *name, *type, *group;
    u16 bits;
    const char *part[2]; /* ours; NULL or one this model does not have: zeros */
    const struct gdb_special *special;
    u8 index;
};
#define GENERAL(name, from, type) { GENERAL64, &core, name, type, NULL, 64, { from }, NULL, 0 }
#define GENERAL_32(name, type) { GENERAL32, &core, name, type, NULL, 32, { name }, NULL, 0 }
#define HALF(name, of) { GENERAL64, &core, name, "int32", NULL, 32, { of }, NULL, 0 }
#define SELECTOR(name, n) { BOTH, &core, name, "int32", NULL, 32, { NULL }, &selector, n }
#define ST(n) { BOTH, &core, "st" #n, "i387_ext", NULL, 80, { NULL }, &st, n }
#define X87(name, from, special, index) { BOTH, &core, name, "int", "float", 32, { from }, special, index }
#define XMM(n, of) { of, &sse, "xmm" #n, "vec128", NULL, 128, { "xmm" #n, "xmm" #n "_1" }, NULL, 0 }
#define YMM(n, of) { of, &avx, "ymm" #n "h", "uint128", NULL, 128, { "ymm" #n "_2", "ymm" #n "_3" }, NULL, 0 }
/* In gdb's order, which gives the numbers. In the layout of 64 bits no type before rip's may be one of pointers: these are of
 * 32 bits for a gdb that was told i386, and all behind them in `g` would be elsewhere. */
static const struct row rows[] = {
    GENERAL("rax", "rax", "int64"), GENERAL("rbx", "rbx", "int64"), GENERAL("rcx", "rcx", "int64"), GENERAL("rdx", "rdx", "int64"),
    GENERAL("rsi", "rsi", "int64"), GENERAL("rdi", "rdi", "int64"), GENERAL("rbp", "rbp", "int64"),
    GENERAL("rsp", "rsp", "int64"), GENERAL("r8", "r8", "int64"), GENERAL("r9", "r9", "int64"), GENERAL("r10", "r10", "int64"),
    GENERAL("r11", "r11", "int64"), GENERAL("r12", "r12", "int64"), GENERAL("r13", "r13", "int64"), GENERAL("r14", "r14", "int64"),
    GENERAL("r15", "r15", "int64"),
    { GENERAL64, &core, "rip", "code_ptr", NULL, 64, { NULL }, &pc, 8 },
    { GENERAL64, &core, "eflags", "i386_eflags", NULL, 32, { "rflags" }, NULL, 0 },
    GENERAL_32("eax", "int32"), GENERAL_32("ecx", "int32"), GENERAL_32("edx", "int32"),
    GENERAL_32("ebx", "int32"), GENERAL_32("esp", "data_ptr"), GENERAL_32("ebp", "data_ptr"),
    GENERAL_32("esi", "int32"), GENERAL_32("edi", "int32"),
    { GENERAL32, &core, "eip", "code_ptr", NULL, 32, { NULL }, &pc, 4 },
    { GENERAL32, &core, "eflags", "i386_eflags", NULL, 32, { "eflags" }, NULL, 0 },
    SELECTOR("cs", X86_CS), SELECTOR("ss", X86_SS), SELECTOR("ds", X86_DS), SELECTOR("es", X86_ES), SELECTOR("fs", X86_FS),
    SELECTOR("gs", X86_GS),
    ST(0), ST(1), ST(2), ST(3), ST(4), ST(5), ST(6), ST(7),
    X87("fctrl", "fctrl", NULL, 0), X87("fstat", "fstat", NULL, 0), X87("ftag", NULL, &ftag, 0), X87("fiseg", NULL, &fseg, 0),
    X87("fioff", "fip", NULL, 0), X87("foseg", NULL, &fseg, 1), X87("fooff", "fdp", NULL, 0), X87("fop", "fop", NULL, 0),
    /* For a gdb whose file or user says i386 or i8086: it finds what it looks for in the same layout. */
    HALF("eax", "rax"), HALF("ecx", "rcx"), HALF("edx", "rdx"), HALF("ebx", "rbx"), HALF("esp", "rsp"), HALF("ebp", "rbp"),
    HALF("esi", "rsi"), HALF("edi", "rdi"), { GENERAL64, &core, "eip", "int32", NULL, 32, { NULL }, &pc, 4 },
    XMM(0, BOTH), XMM(1, BOTH), XMM(2, BOTH), XMM(3, BOTH), XMM(4, BOTH), XMM(5, BOTH), XMM(6, BOTH), XMM(7, BOTH),
    XMM(8, GENERAL64), XMM(9, GENERAL64), XMM(10, GENERAL64), XMM(11, GENERAL64), XMM(12, GENERAL64), XMM(13, GENERAL64),
    XMM(14, GENERAL64), XMM(15, GENERAL64), { BOTH, &sse, "mxcsr", NULL, "vector", 32, { "mxcsr" }, NULL, 0 },
    YMM(0, BOTH), YMM(1, BOTH), YMM(2, BOTH), YMM(3, BOTH), YMM(4, BOTH), YMM(5, BOTH), YMM(6, BOTH), YMM(7, BOTH),
    YMM(8, GENERAL64), YMM(9, GENERAL64), YMM(10, GENERAL64), YMM(11, GENERAL64), YMM(12, GENERAL64), YMM(13, GENERAL64),
    YMM(14, GENERAL64), YMM(15, GENERAL64),
    { BOTH, &system_, "fs_base", "int", NULL, 64, { "fs_base" }, NULL, 0 },
    { BOTH, &system_, "gs_base", "int", NULL, 64, { "gs_base" }, NULL, 0 },
    { GENERAL64, &system_, "k_gs_base", "int", NULL, 64, { "kernel_gs_base" }, NULL, 0 },
};

static bool used(const struct gdb_layout *l, const struct cpu_reg *r)
{
    static const char *const whole[] = { "general", "x87", "vector" };
    for (size_t i = 0; i < ARRAY_LEN(whole); i++)
        if (!strcmp(r->group, whole[i]))
            return true;
    for (size_t i = 0; i < l->n; i++)
        if (l->reg[i].part[0] == r || !strcmp(l->reg[i].name, r->name))
            return true;
    return false;
}

/* A model without SSE has none of its registers; one without x87 shows zeros, for gdb's core has to have them. */
static void describe(struct gdb_layout *l, const struct cpu *c)
{
    u8 of = l->isa->bits == 64 ? GENERAL64 : GENERAL32;
    u32 number = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        struct gdb_reg r = { .feature = row->feature, .name = row->name, .type = row->type, .group = row->group,
                             .bits = row->bits, .special = row->special, .index = row->index, .number = number };
        for (unsigned k = 0; k < 2 && row->part[k]; k++)
            r.part[k] = cpu_reg_named(c, row->part[k]);
        if (!(row->of & of) || (row->feature != &core && !r.part[0]))
            continue;
        r.keep = row->of == GENERAL64 && row->bits == 32 && row->name[0] == 'e' && row->name[1] != 'f'; /* a half */
        if (row->special == &pc && row->bits == l->isa->bits)
            l->pc = number;
        gdb_layout_add(l, &r);
        number++;
    }
    for (const struct cpu_reg *r = c->ops->regs(c); r->name; r++)
        if (!used(l, r))
            gdb_layout_add(l, &(struct gdb_reg){ .feature = &system_, .name = r->name, .group = "system", .number = number++,
                                                 .bits = r->bits, .part = { r }, .keep = true });
}

/* Without a name gdb takes i386, or what its user says: i8086 is one that it would silently take for i386 otherwise. */
const struct gdb_isa gdb_isa_i386 = { "i386", NULL, 32, describe };
const struct gdb_isa gdb_isa_x86_64 = { "x86_64", "i386:x86-64", 64, describe };
