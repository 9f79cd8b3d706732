/* Registers as gdb numbers and describes them ("Debugging with GDB", "Target Descriptions", "RISC-V Features").
 * gdb's own numbers: 0 to 31 x, 32 pc, 33 to 64 f, 65 + N for CSR N, and behind these the privilege. */
#include "debugger/gdb_stub.h"

#include <stdio.h>
#include <string.h>

#include "cpu/riscv/riscv.h"

static bool in_group(const struct cpu_reg *r, const char *group)
{
    return !strcmp(r->group, group);
}

static bool is_riscv(const struct cpu *c)
{
    return !strncmp(c->ops->isa, "riscv", 5);
}

static u64 number_of(const struct cpu_reg *r)
{
    return r->number + (in_group(r, "float") ? GDB_REG_F : in_group(r, "csr") ? GDB_REG_CSR : 0);
}

static const struct cpu_reg *reg_numbered(const struct cpu *c, u64 number)
{
    for (const struct cpu_reg *r = c->ops->regs(c); r->name; r++)
        if (number_of(r) == number)
            return r;
    return NULL;
}

/* --- values -------------------------------------------------------------------------------------------------- */

static u64 privilege(const struct cpu *c)
{
    const char *name = c->ops->privilege_name(c);
    return *name == 'M' ? PRIV_M : *name == 'S' ? PRIV_S : PRIV_U;
}

static bool set_privilege(struct cpu *c, u64 v)
{
    struct hart *h = hart_of(c);
    if (v > PRIV_M || v == 2 || (v == PRIV_S && !riscv_has(h, RV_S)) || (v == PRIV_U && !riscv_has(h, RV_U)))
        return false;
    h->priv = (u8)v;
    c->ops->state_loaded(c); /* translations belong to a privilege */
    return true;
}

unsigned gdb_reg_get(struct gdb_stub *s, struct cpu *c, u64 number, u64 *value)
{
    if (number == GDB_REG_PRIV && is_riscv(c)) {
        *value = privilege(c);
        return s->xlen / 8;
    }
    const struct cpu_reg *r = reg_numbered(c, number);
    if (!r || !c->ops->reg_get(c, r, value))
        return 0;
    return r->bits / 8u;
}

bool gdb_reg_set(struct gdb_stub *s, struct cpu *c, u64 number, u64 value)
{
    if (machine_untouchable(s->m))
        return false;
    machine_edit(s->m);
    if (number == GDB_REG_PRIV && is_riscv(c))
        return set_privilege(c, value);
    const struct cpu_reg *r = reg_numbered(c, number);
    if (r && in_group(r, "general") && !r->number)
        return true; /* zero stays what it is; gdb writes it back with the others */
    return r && c->ops->reg_set(c, r, value);
}

/* --- description --------------------------------------------------------------------------------------------- */

static bool has_group(const struct cpu *c, const char *group)
{
    for (const struct cpu_reg *r = c->ops->regs(c); r->name; r++)
        if (in_group(r, group))
            return true;
    return false;
}

/* A field gdb can show: inside the register, with a name that needs no escaping. */
static bool showable(const struct cpu_reg *r, const struct reg_field *f)
{
    return f->width && f->low + f->width <= r->bits && !strpbrk(f->name, "<>&\"'");
}

static bool has_fields(const struct cpu_reg *r)
{
    if ((r->bits != 32 && r->bits != 64) || !r->fields)
        return false;
    for (const struct reg_field *f = r->fields; f->name; f++)
        if (showable(r, f))
            return true;
    return false;
}

static void put_flags(struct buf *b, const struct cpu_reg *r)
{
    buf_printf(b, "<flags id=\"%s_fields\" size=\"%u\">", r->name, r->bits / 8u);
    for (const struct reg_field *f = r->fields; f->name; f++)
        if (showable(r, f))
            buf_printf(b, "<field name=\"%s\" start=\"%u\" end=\"%u\"%s/>", f->name, f->low, f->low + f->width - 1u,
                       f->width == 1 ? " type=\"bool\"" : r->bits == 64 ? " type=\"uint64\"" : " type=\"uint32\"");
    buf_printf(b, "</flags>\n");
}

static void put_reg(struct buf *b, const struct cpu_reg *r, const char *type, const char *more)
{
    buf_printf(b, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\" regnum=\"%llu\"%s/>\n", r->name, r->bits, type,
               (unsigned long long)number_of(r), more);
}

static const char *general_type(unsigned number)
{
    if (number == GDB_REG_PC || number == 1) /* ra */
        return "code_ptr";
    return number >= 2 && number <= 4 ? "data_ptr" : "int"; /* sp, gp, tp */
}

static void put_general(struct buf *b, const struct cpu *c)
{
    buf_printf(b, "<feature name=\"org.gnu.gdb.riscv.cpu\">\n");
    for (const struct cpu_reg *r = c->ops->regs(c); r->name; r++)
        if (in_group(r, "general"))
            put_reg(b, r, general_type(r->number), "");
    buf_printf(b, "</feature>\n");
}

static void put_float(struct buf *b, const struct cpu *c)
{
    if (!has_group(c, "float"))
        return;
    buf_printf(b, "<feature name=\"org.gnu.gdb.riscv.fpu\">\n"
                  "<union id=\"riscv_double\"><field name=\"float\" type=\"ieee_single\"/>"
                  "<field name=\"double\" type=\"ieee_double\"/></union>\n");
    for (const struct cpu_reg *r = c->ops->regs(c); r->name; r++)
        if (in_group(r, "float"))
            put_reg(b, r, r->bits == 64 ? "riscv_double" : "ieee_single", " group=\"float\"");
    buf_printf(b, "</feature>\n");
}

static void put_csrs(struct buf *b, const struct cpu *c)
{
    if (!has_group(c, "csr"))
        return;
    buf_printf(b, "<feature name=\"org.gnu.gdb.riscv.csr\">\n");
    for (const struct cpu_reg *r = c->ops->regs(c); r->name; r++)
        if (in_group(r, "csr") && has_fields(r))
            put_flags(b, r);
    for (const struct cpu_reg *r = c->ops->regs(c); r->name; r++) {
        if (!in_group(r, "csr"))
            continue;
        char type[64] = "int";
        if (has_fields(r))
            snprintf(type, sizeof type, "%s_fields", r->name);
        /* A function called from gdb must find the counters and timers going on after it, not set back. */
        put_reg(b, r, type, " group=\"csr\" save-restore=\"no\"");
    }
    buf_printf(b, "</feature>\n");
}

const struct buf *gdb_target_xml(struct gdb_stub *s)
{
    struct buf *b = &s->xml;
    struct cpu *c = s->m->cpus[0];
    if (b->len)
        return b;
    buf_printf(b, "<?xml version=\"1.0\"?>\n<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n<target version=\"1.0\">\n");
    if (is_riscv(c)) {
        buf_printf(b, "<architecture>riscv:rv%u</architecture>\n", s->xlen);
        put_general(b, c);
        put_float(b, c);
        put_csrs(b, c);
        buf_printf(b, "<feature name=\"org.gnu.gdb.riscv.virtual\">\n"
                      "<reg name=\"priv\" bitsize=\"%u\" type=\"int\" regnum=\"%u\" save-restore=\"no\"/>\n"
                      "</feature>\n",
                   s->xlen, GDB_REG_PRIV);
    }
    buf_printf(b, "</target>\n");
    return b;
}
