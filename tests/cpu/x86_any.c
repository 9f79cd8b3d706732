/* Random system states against KVM: descriptors, gates, tables, paging bits, flags and control registers of random content,
 * one instruction of the kinds that meet them (or two, the second through what the first loaded), in every mode. All registers
 * and all memory must be equal afterwards; what kvm_pvm does not tell is explained by the rules below.
 *
 *     x86_any [COUNT [FIRST [KIND [MODE]]]]    so many states of each kind and mode; from the FIRST on; of these alone */
#include <stdio.h>

#include "base/hash.h"
#include "tests/cpu/x86_any_states.h"
#include "tests/cpu/x86_kvm_pvm.h"

static struct judge judge;
static bool judged;
static unsigned count = 200, first;
static const char *only_kind, *only_mode;

/* A state that was, and how it ended. */
struct seen {
    const struct kind *kind;
    enum w_mode mode;
    const u8 *code;
    unsigned n;
    u64 ax, cx, dx, flags, cr4, tr_limit; /* before */
    int vector;    /* ours */
    enum kvm_end end;
    bool said_ud;
};

static bool is(const struct seen *s, const char *kind) { return !strcmp(s->kind->name, kind); }
static unsigned opcode(const struct seen *s)
{
    const u8 *p = s->code;
    while (*p == 0x66 || *p == 0x48)
        p++;
    return *p == 0x0f ? 0xf00u | p[1] : *p;
}
static u8 modrm(const struct seen *s)
{
    const u8 *p = s->code;
    while (*p == 0x66 || *p == 0x48)
        p++;
    return p[*p == 0x0f ? 2 : 1];
}

static bool ac(const struct seen *s, const struct kvm_diff *d)
{
    return s->vector >= 0 && !strcmp(d->field, "rflags") && (d->ours ^ d->theirs) == X86_AC && (d->ours & X86_AC);
}
static bool ud(const struct seen *s, const struct kvm_diff *d)
{
    bool has_ud2 = s->n >= 2 && s->code[s->n - 2] == 0x0f && s->code[s->n - 1] == 0x0b;
    return (s->vector == EXC_UD || has_ud2) && s->end == KVM_CANNOT;
}
static bool far_things(const struct seen *s, const struct kvm_diff *d)
{
    return is(s, "far transfers") && (s->end == KVM_CANNOT || (s->said_ud && s->vector != EXC_UD));
}
static unsigned reg_of(const struct seen *s) { return modrm(s) >> 3 & 7; }
static bool call_limit(const struct seen *s, const struct kvm_diff *d)
{
    bool call = opcode(s) == 0x9a || (opcode(s) == 0xff && reg_of(s) == 3);
    return is(s, "far transfers") && call && s->vector == EXC_GP && !strncmp(d->field, "memory", 6);
}
static bool ltr_16(const struct seen *s, const struct kvm_diff *d)
{
    return opcode(s) == 0xf00 && reg_of(s) == 3 && s->vector == EXC_GP && (s->mode == W_L0 || s->mode == W_C0);
}
static bool cr4_lacks(const struct seen *s, const struct kvm_diff *d)
{
    return opcode(s) == 0xf22 && reg_of(s) == 4 && s->vector == -1 && ((s->ax ^ s->cr4) & (CR4_LA57 | CR4_PCIDE));
}
static bool legacy_paging(const struct seen *s, const struct kvm_diff *d)
{
    bool lm = s->mode == W_L0 || s->mode == W_C0;
    return opcode(s) == 0xf22 && reg_of(s) == 0 && (s->ax & CR0_PG) && !lm;
}
static bool gd_first(const struct seen *s, const struct kvm_diff *d)
{
    return opcode(s) == 0xf23 && s->ax >> 32 && s->vector == EXC_DB;
}
static bool io_limit(const struct seen *s, const struct kvm_diff *d)
{
    unsigned op = opcode(s);
    u64 at = 0x88 + (op < 0xe8 && op >= 0xe4 ? modrm(s) : s->dx) / 8;
    return is(s, "flags and ports") && op >= 0x6c && s->vector == EXC_GP && at == s->tr_limit;
}
static bool ltr_ti(const struct seen *s, const struct kvm_diff *d)
{
    return opcode(s) == 0xf00 && reg_of(s) == 3 && s->vector == EXC_GP && (d->ours & 4) && !d->theirs;
}
static bool msr(const struct seen *s, const struct kvm_diff *d)
{
    u64 v = (s->ax & 0xffffffff) | s->dx << 32;
    bool wrong = s->cx == 0xc0000084 ? s->dx != 0 : (u64)sign_extend(v, 48) != v;
    return opcode(s) == 0xf30 && s->vector == EXC_GP && wrong;
}
static bool upper_half(const struct seen *s, const struct kvm_diff *d)
{
    unsigned dr = reg_of(s);
    return (opcode(s) == 0xf22 || (opcode(s) == 0xf23 && (dr == 4 || dr == 5))) && s->ax >> 32 && s->vector == EXC_GP;
}
static bool out_tf(const struct seen *s, const struct kvm_diff *d)
{
    unsigned op = opcode(s);
    return (s->flags & X86_TF) && (op == 0xe6 || op == 0xe7 || op == 0xee || op == 0xef || op == 0x6e || op == 0x6f);
}
static bool pushf_if(const struct seen *s, const struct kvm_diff *d)
{
    u64 x = d->ours ^ d->theirs;
    return s->mode == W_L3 && opcode(s) == 0x9c && !strncmp(d->field, "memory 0x9ff", 12) && (x == X86_IF || x == (u64)X86_IF << 16);
}

static bool two_accesses(const struct seen *s, const struct kvm_diff *d)
{
    bool both = opcode(s) == 0x01 || opcode(s) == 0x87;
    return is(s, "paging") && s->mode == W_L0 && both && s->vector == EXC_PF && (d->ours ^ d->theirs) == 0x20; /* A */
}

static bool stack_unchecked(const struct seen *s, const struct kvm_diff *d)
{
    bool inner = s->mode != W_P3 && s->mode != W_C3;
    return inner && ((is(s, "stacks") && s->vector != -1) || (is(s, "segments") && s->vector == -2));
}
static bool enter_size(const struct seen *s, const struct kvm_diff *d)
{
    return is(s, "stacks") && (s->code[2] == 0xc8 || (s->code[2] == 0x66 && s->code[3] == 0xc8));
}
static bool cmps_order(const struct seen *s, const struct kvm_diff *d)
{
    return is(s, "strings") && s->vector >= 0 && (d->ours ^ d->theirs) == 0x20 && !strncmp(d->field, "memory 0x13", 11);
}

static const struct rule {
    const char *why, *section;
    bool (*explains)(const struct seen *s, const struct kvm_diff *d);
} rules[] = {
    { "an exception clears AC", "SDM 3, 6.12.1.3", ac },
    { "an invalid opcode at CPL 0 ends KVM_RUN with an error", "SDM 3, 6.15", ud },
    { "the emulator has no far transfer to system descriptors and outer levels, and cannot take back one beyond a limit",
      "SDM 3, 5.8", far_things },
    { "a far call beyond a limit has stored its return address here, as processors do, and marked nothing as accessed",
      "cpu/x86/far.c", call_limit },
    { "LTR takes a 16-bit TSS in long mode", "SDM 3, 3.5", ltr_16 },
    { "there is no paging but that of long mode", "SDM 3, 4.1.1", legacy_paging },
    { "MOV to DR6 or DR7 with GD set and a value that is not allowed: the manual does not say which fault comes first",
      "SDM 2, MOV DR", gd_first },
    { "CR4 has no LA57 and no PCIDE", "SDM 3, 2.5", cr4_lacks },
    { "the emulator reads two bytes of the I/O bitmap, and looks at the limit for one", "SDM 1, 19.5.2", io_limit },
    { "LTR of a selector of the LDT has no error code in the emulator", "SDM 2, LTR", ltr_ti },
    { "WRMSR looks at no values", "SDM 2, WRMSR", msr },
    { "MOV to CR0, CR4, DR4 and DR5 ignores the upper half", "SDM 2, MOV", upper_half },
    { "what reads and writes is two accesses for the emulator: the first sets A, the second faults", "SDM 3, 4.8", two_accesses },
    { "an exception at CPL 0 is pushed without the base, the limit and the size of SS", "SDM 3, 6.15", stack_unchecked },
    { "ENTER pushes RBP by the size of the stack, not that of the operand", "SDM 2, ENTER", enter_size },
    { "which operand of CMPS is read first, and has A set when the other faults, the manual does not say", "SDM 2, CMPS",
      cmps_order },
    { "OUT loses the single-step trap behind it", "SDM 3, 17.3.1.4", out_tf },
    { "PUSHF of 64-bit user code shows IF of the host", "SDM 2, PUSHF", pushf_if },
};
static unsigned explained[ARRAY_LEN(rules)], asked, agree;

static bool explain(const struct seen *s, const struct kvm_diff *d)
{
    for (unsigned n = 0; judge.soft && n < ARRAY_LEN(rules); n++)
        if (rules[n].explains(s, d)) {
            explained[n]++;
            return true;
        }
    return false;
}

static bool once(struct world *w, const struct kind *k, enum w_mode mode, unsigned number)
{
    w_mode(w, mode);
    struct any a = { .w = w, .c = w->c, .mode = mode, .rng = hash_u64(number, (u64)(k - kinds) << 8 | mode),
                     .wide = mode == W_L0 || mode == W_L3, .word = mode == W_REAL || mode == W_V86 || mode == W_P16 };
    k->make(&a);
    w_code(w, a.code, a.n);
    x86_set_flags(w->c, w->c->rflags);
    struct seen s = { .kind = k, .mode = mode, .code = a.code, .n = a.n, .ax = w->c->r[X86_AX],
                      .cx = w->c->r[X86_CX], .dx = w->c->r[X86_DX], .flags = w->c->rflags, .cr4 = w->c->cr4, .tr_limit = w->c->seg[X86_TR].limit };
    struct kvm_diffs l = { .n = 0 };
    if (!kvm_load(&judge, w)) {
        kvm_differ(&l, "(KVM refuses the state)", 0, 1);
    } else {
        w_run(w);
        s.vector = w_vector(w);
        if (s.vector == -3) /* it runs on */
            return true;
        s.end = kvm_go(&judge, false);
        s.said_ud = kvm_said_ud(&judge);
        enum kvm_end ours = s.vector == -2 ? KVM_DEAD : KVM_HALTED;
        if (s.end != ours)
            kvm_differ(&l, "end", (u64)ours, (u64)s.end);
        else if (s.end == KVM_HALTED)
            kvm_compare(&judge, w, &l);
    }
    asked++;
    agree += !l.n;
    unsigned bad = 0;
    for (unsigned n = 0; n < l.n; n++)
        if (!explain(&s, &l.d[n]) && bad++ < 8) {
            char row[160];
            int at = snprintf(row, sizeof row, "%s, %s, %u (vector %d):", k->name, modes[mode], number, s.vector);
            for (unsigned b = 0; b < a.n; b++)
                at += snprintf(row + at, sizeof row - (size_t)at, " %02x", a.code[b]);
            kvm_say(row, &l.d[n]);
        }
    return !bad;
}

static void anything(void)
{
    struct world w;
    w_new(&w, "max");
    w.c->config.phys_bits = judge.phys_bits;
    for (unsigned k = 0; k < ARRAY_LEN(kinds); k++)
        for (unsigned m = 0; m < W_MODES; m++) {
            if (!(kinds[k].modes >> m & 1) || (only_kind && strcmp(only_kind, kinds[k].name)) ||
                (only_mode && strcmp(only_mode, modes[m])))
                continue;
            unsigned bad = 0;
            for (unsigned n = first; n < first + count && bad < 5; n++)
                bad += !once(&w, &kinds[k], (enum w_mode)m, n);
            CU_ASSERT_EQUAL(bad, 0);
        }
    w_free(&w);
}

int main(int argc, char **argv)
{
    CU_TestInfo tests[] = { { "anything, and KVM", anything }, CU_TEST_INFO_NULL };
    if (argc > 1)
        count = (unsigned)atoi(argv[1]);
    if (argc > 2)
        first = (unsigned)atoi(argv[2]);
    only_kind = argc > 3 ? argv[3] : NULL;
    only_mode = argc > 4 ? argv[4] : NULL;
    judged = kvm_open(&judge);
    if (!judged) {
        printf("no KVM (%s): nothing is compared\n", judge.why);
        return 77;
    }
    kvm_probe(&judge);
    int status = unit_main("x86 states and KVM", tests);
    printf("KVM%s: %u states asked, %u agree in everything\n", judge.soft ? ", which has no hardware to ask" : "", asked, agree);
    for (unsigned n = 0; n < ARRAY_LEN(rules); n++)
        if (explained[n])
            printf("%6u differences: %s (%s)\n", explained[n], rules[n].why, rules[n].section);
    kvm_close(&judge);
    return status;
}
