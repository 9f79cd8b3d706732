#include "tests/isa/rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

static u64 tb_read(void *o) { return ((struct rig *)o)->clock.now; }
static u64 tb_when(void *o, u64 v) { return v; }

struct rig *rig_new(const struct rig_setup *u)
{
    struct err e = { "" };
    struct rig *r = xcalloc(1, sizeof *r);
    struct riscv_config config;
    r->a = arena_new();
    clock_init(&r->clock, 1000000000);
    r->s = space_new(r->a, "memory");
    r->ram = ram_new(r->a, "ram", u->ram_bytes, false, &e);
    if (!r->ram || !space_add_ram(r->s, RAM, r->ram, &e) || (u->dev && !space_add_io(r->s, "dev", DEVICE, 0x100, u->dev, r, &e)) ||
        !riscv_config_parse(u->model, u->xlen, &config, &e)) {
        fprintf(stderr, "rig: %s\n", e.text);
        exit(99);
    }
    config.ext &= ~u->drop;
    config.reset_pc = u->reset_pc;
    r->d = rv_decoder_new(r->a, &config);
    r->c = riscv_new(r->a, &config, 0, r->s, &r->clock, NULL, (struct timebase){ tb_read, tb_when, r }, &e);
    r->h = hart_of(r->c);
    r->at = RAM;
    return r;
}

void rig_free(struct rig *r)
{
    clock_fini(&r->clock);
    arena_free(r->a);
    free(r);
}

void rig_put(struct rig *r, u32 bits)
{
    u8 b[4];
    store_le(b, 4, bits);
    space_poke(r->s, r->at, b, rv_insn_length(bits));
    r->at += rv_insn_length(bits);
}

u64 rig_counted(const struct cpu *c, const char *words)
{
    struct buf b = { 0 };
    c->ops->describe(c, &b);
    const char *at = strstr(buf_cstr(&b), words);
    u64 n = at ? strtoull(at + strlen(words), NULL, 10) : 0;
    buf_free(&b);
    return n;
}

u32 rig_encode(const struct rv_decoder *d, unsigned op, unsigned rd, unsigned rs1, unsigned rs2, i64 imm)
{
    const struct rv_row *r = &d->row[op];
    u32 b = r->match;
    b |= r->d_w ? (rd & ((1u << r->d_w) - 1)) << r->d_lo : 0;
    b |= r->s_w ? (rs1 & ((1u << r->s_w) - 1)) << r->s_lo : 0;
    b |= r->t_w ? (rs2 & ((1u << r->t_w) - 1)) << r->t_lo : 0;
    for (unsigned k = 0; k < r->n_imm; k++)
        b |= (u32)bits_get((u64)imm, r->imm[k].to, r->imm[k].width) << r->imm[k].from;
    return b;
}
