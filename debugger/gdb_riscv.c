/* RISC-V for gdb ("Debugging with GDB", "RISC-V Features"). Its own numbers: 0 to 31 x, 32 pc, 33 to 64 f, 65 + N for
 * CSR N, and behind these the privilege. */
#include "debugger/gdb_stub.h"

#include <string.h>

#include "cpu/riscv/riscv.h"

enum { PC = 32, F = 33, CSR = 65, PRIV = CSR + 4096 };

static void get_privilege(struct cpu *c, unsigned index, u8 *le)
{
    const char *name = c->ops->privilege_name(c);
    *le = *name == 'M' ? PRIV_M : *name == 'S' ? PRIV_S : PRIV_U;
}

static bool set_privilege(struct cpu *c, unsigned index, const u8 *le)
{
    struct hart *h = hart_of(c);
    u8 v = *le;
    if (v > PRIV_M || v == 2 || (v == PRIV_S && !riscv_has(h, RV_S)) || (v == PRIV_U && !riscv_has(h, RV_U)))
        return false;
    h->priv = v;
    c->ops->state_loaded(c); /* translations belong to a privilege */
    return true;
}

static const struct gdb_special privilege = { get_privilege, set_privilege };

static const struct gdb_feature virtual = { "org.gnu.gdb.riscv.virtual", NULL };
static const struct {
    const char *group;
    struct gdb_feature feature;
    u32 first;
    const char *shown;
    bool keep;
} groups[] = {
    { "general", { "org.gnu.gdb.riscv.cpu", NULL }, 0, NULL, false },
    { "float", { "org.gnu.gdb.riscv.fpu",
      "<union id=\"riscv_double\"><field name=\"float\" type=\"ieee_single\"/>"
      "<field name=\"double\" type=\"ieee_double\"/></union>\n" }, F, "float", false },
    /* A function called from gdb must find the counters and timers going on after it, not set back. */
    { "csr", { "org.gnu.gdb.riscv.csr", NULL }, CSR, "csr", true },
};

static const char *type_of(const struct cpu_reg *r, u32 number)
{
    if (number == PC || number == 1) /* ra */
        return "code_ptr";
    if (number < PC)
        return number >= 2 && number <= 4 ? "data_ptr" : "int"; /* sp, gp, tp */
    return number >= CSR ? NULL : r->bits == 64 ? "riscv_double" : "ieee_single";
}

static void describe(struct gdb_layout *l, const struct cpu *c)
{
    for (size_t k = 0; k < ARRAY_LEN(groups); k++)
        for (const struct cpu_reg *r = c->ops->regs(c); r->name; r++) {
            u32 n = groups[k].first + r->number;
            if (!strcmp(r->group, groups[k].group))
                gdb_layout_add(l, &(struct gdb_reg){
                    .feature = &groups[k].feature, .name = r->name, .number = n, .bits = r->bits, .type = type_of(r, n),
                    .part = { n ? r : NULL }, .group = groups[k].shown, .keep = groups[k].keep });
        }
    gdb_layout_add(l, &(struct gdb_reg){ .feature = &virtual, .name = "priv", .number = PRIV, .bits = l->isa->bits,
                                         .type = "int", .special = &privilege, .keep = true });
    l->pc = PC;
}

const struct gdb_isa gdb_isa_riscv32 = { "riscv32", "riscv:rv32", 32, describe };
const struct gdb_isa gdb_isa_riscv64 = { "riscv64", "riscv:rv64", 64, describe };
