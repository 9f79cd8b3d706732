/* Reset, INIT and SIPI (SDM 3, table 9-1 and 8.4). */
#include <string.h>

#include "cpu/x86/engine.h"
#include "cpu/x86/sys.h"

const struct event_type x86_event_reset = { "cpu.reset", "a CPU is about to be reset", { { "pc", EV_HEX } } };

static void common(struct x86 *c)
{
    memset(c->wrote, 0, sizeof c->wrote);
    memset(&c->again, 0, sizeof c->again);
    c->cpu.amid = false;
    c->wait_left = 0;
    c->zeros = c->zeros_end = 0;
    c->lost = false;
    const struct x86_config *f = &c->config;
    memset(c->r, 0, sizeof c->r);
    c->r[X86_DX] = has(c, X86_F_386) ? f->signature : 0; /* from the 80386 on; table 9-1 */
    c->rflags = 0;
    x86_set_flags(c, 2);
    for (unsigned n = 0; n < 6; n++)
        c->seg[n] = (struct x86_seg){ .valid = true, .type = 3, .s = true, .present = true, .limit = 0xffff };
    for (unsigned n = X86_LDTR; n <= X86_TR; n++)
        c->seg[n] = (struct x86_seg){ .valid = true, .type = n == X86_TR ? SYS_TSS_BUSY : SYS_LDT, .present = true, .limit = 0xffff };
    c->cpl = 0;
    c->gdtr = c->idtr = (struct x86_table){ 0, 0xffff };
    /* The first instruction is 16 bytes below the top of memory; CS.base lies there until the first far jump. */
    struct x86_seg *cs = &c->seg[X86_CS];
    if (!has(c, X86_F_286)) {
        c->idtr.limit = 0x3ff;
        cs->selector = 0xffff;
        cs->base = 0xffff0;
        c->rip = 0;
    } else {
        cs->selector = 0xf000;
        cs->base = has(c, X86_F_386) ? 0xffff0000u : 0xff0000;
        c->rip = 0xfff0;
    }
    c->next_rip = c->rip;
    u64 cache = c->cr0 & (CR0_CD | CR0_NW); /* INIT keeps them */
    c->cr0 = has(c, X86_F_486) ? CR0_ET | cache : 0;
    c->cr2 = c->cr3 = c->cr4 = 0;
    c->efer = 0;
    memset(c->dr, 0, sizeof c->dr);
    c->dr[6] = 0xffff0ff0;
    c->dr[7] = 0x400;
    memset(c->pdpte, 0, sizeof c->pdpte);
    c->pkru = 0;
    c->shadow = 0;
    c->db_pending = 0;
    c->nmi_blocked = c->nmi_pending = c->init_pending = false;
    c->kernel_gs_base = 0;
    c->debugctl = 0;
    c->monitor_addr = ~(u64)0;
    c->monitor_value = 0;
    c->activity = X86_RUNNING;
}

void x86_reset_state(struct x86 *c)
{
    EVENT(c->cpu.bus, c->cpu.clock->now, c->cpu.name, &x86_event_reset, { .u = 0 });
    c->cr0 = has(c, X86_F_486) ? CR0_CD | CR0_NW : 0;
    common(c);
    c->smm = c->smi_pending = false;
    c->smbase = 0x30000;
    c->star = c->lstar = c->cstar = c->sfmask = c->sysenter_cs = c->sysenter_esp = c->sysenter_eip = c->tsc_aux = 0;
    c->pat = 0x0007040600070406u;
    c->misc_enable = 1; /* fast strings */
    c->mtrr_def_type = c->mcg_status = c->spec_ctrl = c->xss = c->bios_sign_id = 0;
    memset(c->mtrr_base, 0, sizeof c->mtrr_base);
    memset(c->mtrr_mask, 0, sizeof c->mtrr_mask);
    memset(c->mtrr_fixed, 0, sizeof c->mtrr_fixed);
    c->tsc_offset = 0;
    c->tsc_offset -= x86_tsc(c); /* counts from reset */
    c->xcr0 = 1;
    c->mxcsr = 0x1f80;
    memset(c->v, 0, sizeof c->v);
    memset(&c->fpu, 0, sizeof c->fpu);
    c->fpu.cw = has(c, X86_F_FPU) ? 0x40 : 0; /* FNINIT makes it 37FH; from reset all is masked differently (table 9-1) */
    c->fpu.valid = 0xff;
    c->rng = c->board.seed + ((u64)c->cpu.index << 32);
    if (c->cpu.index)
        c->activity = X86_WAIT_FOR_SIPI;
    x86_flush_translations(c);
    x86_mode_changed(c);
}

void x86_init_now(struct x86 *c)
{
    c->init_pending = false;
    common(c);
    if (c->cpu.index)
        c->activity = X86_WAIT_FOR_SIPI;
    x86_flush_translations(c);
    x86_mode_changed(c);
}

/* At once for a CPU that is between two instructions, so that the SIPI that follows finds it waiting; after its
 * instruction for one that sent it to itself; after RSM in system management mode (SDM 3, 34.3.1). */
void x86_init_signal(struct x86 *c)
{
    if (!c->engine->running && !c->smm) {
        x86_init_now(c);
        return;
    }
    c->init_pending = true;
    x86_look_again(c);
}

void x86_startup(struct x86 *c, u8 vector)
{
    if (c->activity != X86_WAIT_FOR_SIPI)
        return;
    x86_set_seg_real(c, X86_CS, (u16)(vector << 8));
    c->rip = c->next_rip = 0;
    c->activity = X86_RUNNING;
    x86_mode_changed(c);
}
