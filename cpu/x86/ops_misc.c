/* Translations, caches, waiting, identification, random numbers. */
#include "base/rng.h"
#include "cpu/x86/engine.h"
#include "cpu/x86/flags.h"
#include "cpu/x86/ops.h"
#include "cpu/x86/sys.h"

static bool privileged(struct x86 *c)
{
    return c->cpl == 0 || x86_gp0(c, "a privileged instruction outside CPL 0");
}

bool x86_op_invlpg(struct x86 *c, const struct x86_insn *i)
{
    if (!privileged(c))
        return false;
    x86_flush_translations(c);
    if (UNLIKELY(event_wants(c->cpu.bus, EV_CPU_TLB)))
        x86_tell_flush(c, "invlpg", (x86_64bit(c) ? 0 : c->seg[x86_segno(i)].base) + x86_ea(c, i));
    return true;
}

bool x86_op_invpcid(struct x86 *c, const struct x86_insn *i)
{
    if (!privileged(c))
        return false;
    u8 d[16];
    u64 type = get_reg(c, i->reg, x86_64bit(c) ? 8 : 4);
    if (!x86_load_bytes(c, x86_segno(i), x86_ea(c, i), d, sizeof d))
        return false;
    u64 pcid = load_le(d, 8), linear = load_le(d + 8, 8);
    if (type > 3)
        return x86_gp0(c, "INVPCID: there is no such type");
    if (pcid >> 12)
        return x86_gp0(c, "INVPCID: reserved bits of the descriptor are set");
    if (type < 2 && pcid && !(c->cr4 & CR4_PCIDE))
        return x86_gp0(c, "INVPCID: a PCID with CR4.PCIDE=0");
    if (type == 0 && x86_long(c) && !x86_base_ok(c, linear))
        return x86_gp0(c, "INVPCID: the address is not canonical");
    x86_flush_translations(c);
    x86_tell_flush(c, "invpcid", type ? EVENT_ALL : linear);
    return true;
}

/* No caches are modelled: nothing is ever to be written back. */
bool x86_op_invd(struct x86 *c, const struct x86_insn *i) { return privileged(c); }
bool x86_op_wbinvd(struct x86 *c, const struct x86_insn *i) { return privileged(c); }

/* As on processors since Skylake (Intel, Optimization Reference Manual, "PAUSE latency"). */
#define X86_PAUSE_TICKS 140

/* Who waits in a loop gives its turn to the others. SeaBIOS lets a lock go and takes it again with one PAUSE between: a
 * turn that always ended elsewhere in that loop would leave the others waiting for ever. A CPU alone waits, which for us is
 * the cheapest way to let time pass (decision 083): tick by tick, as a string instruction goes on, so that the end of a
 * budget does not show. Processors before SSE2 know it as NOP, and a trap behind it has to come once. */
bool x86_op_pause(struct x86 *c, const struct x86_insn *i)
{
    struct cpu *cpu = &c->cpu;
    if (c->config.cpus > 1) {
        cpu->yield = true;
        clock_kick(cpu->clock);
        x86_look_again(c);
        return true;
    }
    if (!has(c, X86_F_SSE2) || (c->rflags & X86_TF) || x86_breakpoints(c)) {
        c->wait_left = 0;
        return true;
    }
    if (!c->wait_left)
        c->wait_left = X86_PAUSE_TICKS;
    i64 room = c->engine->rep_room; /* beyond this tick */
    u32 more = room <= 0 ? 0 : (u64)room < c->wait_left - 1 ? (u32)room : c->wait_left - 1;
    c->engine->rep_room -= more;
    c->wait_left -= more + 1;
    if (c->wait_left)
        c->next_rip = c->rip;
    return true;
}

bool x86_op_hlt(struct x86 *c, const struct x86_insn *i)
{
    if (!privileged(c))
        return false;
    c->activity = X86_HALTED;
    if (!(c->rflags & X86_IF))
        clock_kick(c->cpu.clock); /* the machine looks whether any CPU can go on */
    x86_look_again(c);
    return true;
}

u64 x86_monitored(const struct x86 *c)
{
    u8 line[64] = { 0 };
    space_peek(c->cpu.mem, c->monitor_addr, line, sizeof line);
    u64 h = 0xcbf29ce484222325u; /* FNV-1a by words */
    for (unsigned n = 0; n < sizeof line; n += 8)
        h = (h ^ load_le(line + n, 8)) * 0x100000001b3u;
    return h;
}

bool x86_op_monitor(struct x86 *c, const struct x86_insn *i)
{
    if (c->cpl)
        return x86_ud(c, "MONITOR outside CPL 0");
    if ((u32)c->r[X86_CX])
        return x86_gp0(c, "MONITOR: an extension in ECX that does not exist");
    u64 offset = c->r[X86_AX] & size_mask(x86_asize(i)), v;
    unsigned seg = x86_segno(i);
    if (!x86_load(c, seg, offset, 1, &v))
        return false;
    struct x86_xlat x;
    u64 linear = c->fast[seg].base + offset;
    x86_translate(c, linear, CPU_READ, false, &x);
    if (!x.ok)
        return true; /* it was loaded from: cannot be */
    c->monitor_addr = x.pa & ~(u64)63;
    c->monitor_value = x86_monitored(c);
    return true;
}

bool x86_op_mwait(struct x86 *c, const struct x86_insn *i)
{
    u32 extension = (u32)c->r[X86_CX];
    if (c->cpl)
        return x86_ud(c, "MWAIT outside CPL 0");
    if (extension & ~1u)
        return x86_gp0(c, "MWAIT: an extension in ECX that does not exist");
    bool armed = ~c->monitor_addr && x86_monitored(c) == c->monitor_value;
    /* With the extension a masked interrupt wakes too. Waking early is always allowed (SDM 2, MWAIT): that is done then. */
    if (armed && !(extension && !(c->rflags & X86_IF))) {
        c->activity = X86_MWAIT;
        x86_look_again(c);
    }
    return true;
}

bool x86_op_cpuid(struct x86 *c, const struct x86_insn *i)
{
    struct x86_cpuid_in in = { .cr4 = c->cr4, .xcr0 = c->xcr0, .apic_id = c->config.apic_id };
    const struct x86_apic *a = &c->board.apic;
    in.apic_on = a->base && (a->base(a->opaque) & BIT64(11));
    u32 out[4];
    x86_cpuid(&c->config, &in, (u32)c->r[X86_AX], (u32)c->r[X86_CX], out);
    c->r[X86_AX] = out[0];
    c->r[X86_BX] = out[1];
    c->r[X86_CX] = out[2];
    c->r[X86_DX] = out[3];
    return true;
}

static bool random_to(struct x86 *c, const struct x86_insn *i)
{
    set_reg(c, i->rm, x86_osize(i), rng_next(&c->rng));
    x86_set_arith(c, X86_CF);
    return true;
}

bool x86_op_rdrand(struct x86 *c, const struct x86_insn *i) { return random_to(c, i); }
bool x86_op_rdseed(struct x86 *c, const struct x86_insn *i) { return random_to(c, i); }
