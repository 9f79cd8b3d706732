/* Random programs of integer instructions, with loops, branches, calls and tables of targets, on the host's processor and on
 * ours: what x86_host.c cannot see because it takes one instruction at a time (blocks, links, fused pairs, ways of indirect
 * jumps, blocks cut by the budget). All flags are compared: behind an instruction that leaves some undefined comes one
 * that defines them.
 *
 *   x86_int [programs [seed]] */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdio.h>
#include <stdlib.h>

#include "tests/cpu/x86_rig.h"

#ifdef __x86_64__
#include <sys/mman.h>

enum {
    CODE = 0x500000, ENTER = CODE, EXIT = CODE + 0x100, PROGRAM = CODE + 0x200, CODE_SIZE = 0x3000,
    DATA = 0x600000, DATA_SIZE = 0x2000, TABLE = DATA + 0x1800, STACK = DATA + 0x1700,
    SAVED = 0x700000, /* of the host's side: registers in, out */
};
struct saved {
    u64 r[16], flags, host_sp;
};

/* --- the generator --- */

struct gen {
    u64 seed;
    u8 code[CODE_SIZE];
    unsigned at; /* in code; it lies at CODE */
    unsigned sub[4];
};

static u64 rnd(struct gen *g)
{
    g->seed ^= g->seed << 13;
    g->seed ^= g->seed >> 7;
    g->seed ^= g->seed << 17;
    return g->seed >> 11;
}
static unsigned pick(struct gen *g, unsigned n) { return (unsigned)(rnd(g) % n); }
static void byte(struct gen *g, unsigned b) { g->code[g->at++] = (u8)b; }
static void dword(struct gen *g, u32 v)
{
    store_le(g->code + g->at, 4, v);
    g->at += 4;
}
/* Not RSP, RBP (the data), R15 (the counter). */
static unsigned reg(struct gen *g)
{
    static const u8 free_regs[] = { 0, 1, 2, 3, 6, 7, 8, 9, 10, 11, 12, 13, 14 };
    return free_regs[pick(g, sizeof free_regs)];
}

/* Prefixes by size, the opcode (0x0Fxx: two bytes), ModRM: a register, or memory of the data. */
static void op(struct gen *g, unsigned size, unsigned opcode, unsigned r, bool memory_only, bool register_only)
{
    bool mem = memory_only || (!register_only && pick(g, 3) == 0);
    unsigned rm = reg(g), index = pick(g, 2) ? reg(g) : 4;
    if (mem && index != 4) { /* movzx index, index's low byte */
        byte(g, 0x40 | (index >> 3) * 5);
        byte(g, 0x0f);
        byte(g, 0xb6);
        byte(g, 0xc0 | (index & 7) * 9);
    }
    if (size == 2)
        byte(g, 0x66);
    unsigned rex = (size == 8) << 3 | (r >> 3) << 2 | (mem ? (index >> 3) << 1 : rm >> 3);
    if (rex || (size == 1 && pick(g, 2)))
        byte(g, 0x40 | rex);
    if (opcode > 0xff)
        byte(g, opcode >> 8);
    byte(g, opcode & 0xff);
    if (!mem) {
        byte(g, 0xc0 | (r & 7) << 3 | (rm & 7));
    } else {
        byte(g, 0x84 | (r & 7) << 3);
        byte(g, pick(g, 4) << 6 | (index & 7) << 3 | 5);
        dword(g, pick(g, 0x700));
    }
}
static unsigned any_size(struct gen *g)
{
    static const u8 sizes[] = { 1, 2, 4, 4, 4, 8, 8 };
    return sizes[pick(g, sizeof sizes)];
}
static unsigned word_size(struct gen *g)
{
    static const u8 sizes[] = { 2, 4, 4, 8 };
    return sizes[pick(g, sizeof sizes)];
}
static void immediate(struct gen *g, unsigned size)
{
    u32 v = pick(g, 2) ? (u32)rnd(g) : (u32)(i8)rnd(g);
    store_le(g->code + g->at, 4, v);
    g->at += size > 4 ? 4 : size;
}
static void compare(struct gen *g)
{
    unsigned size = any_size(g);
    switch (pick(g, 4)) {
    case 0: op(g, size, 0x38 | (size > 1), reg(g), false, false); break;
    case 1: op(g, size, 0x3a | (size > 1), reg(g), false, false); break;
    case 2:
        op(g, size, 0x80 | (size > 1), 7, false, false);
        immediate(g, size);
        break;
    default: op(g, size, 0x38 | (size > 1), reg(g), false, true); break;
    }
}

static void items(struct gen *g, unsigned n, unsigned depth);

static void item(struct gen *g, unsigned depth)
{
    unsigned size = any_size(g), wide = size > 1, w = word_size(g), at;
    switch (pick(g, 20)) {
    case 0: case 1: case 2: op(g, size, pick(g, 8) << 3 | pick(g, 2) << 1 | wide, reg(g), false, false); break;
    case 3:
        op(g, size, 0x80 | wide, pick(g, 8), false, false);
        immediate(g, size);
        break;
    case 4:
        op(g, w, 0x83, pick(g, 8), false, false);
        byte(g, (unsigned)rnd(g));
        break;
    case 5: op(g, size, 0xfe | wide, pick(g, 2), false, false); break;
    case 6: op(g, size, 0xf6 | wide, 2 + pick(g, 2), false, false); break;
    case 7:
        at = pick(g, 3);
        op(g, size, (unsigned[]){ 0xc0, 0xd0, 0xd2 }[at] | wide, (unsigned[]){ 0, 1, 4, 5, 7 }[pick(g, 5)], false, false);
        if (!at)
            byte(g, (unsigned)rnd(g));
        compare(g); /* OF, AF */
        break;
    case 8:
        op(g, w, 0x0faf, reg(g), false, false);
        compare(g);
        break;
    case 9: op(g, size, 0x88 | pick(g, 2) << 1 | wide, reg(g), false, false); break;
    case 10:
        op(g, size, 0xc6 | wide, 0, false, false);
        immediate(g, size);
        break;
    case 11: op(g, w, 0x0fb6 | pick(g, 2) << 3 | pick(g, 2), reg(g), false, false); break;
    case 12: op(g, w, 0x8d, reg(g), true, false); break;
    case 13: op(g, w, 0x0f40 | pick(g, 16), reg(g), false, false); break;
    case 14: op(g, 1, 0x0f90 | pick(g, 16), 0, false, false); break;
    case 15:
        at = pick(g, 3); /* XCHG locks: across cache lines Linux punishes it with sleep (split_lock_detect) */
        op(g, size, (unsigned[]){ 0x86, 0x0fc0, 0x0fb0 }[at] | wide, reg(g), false, !at);
        break;
    case 16: /* PUSH, then POP elsewhere */
        at = reg(g);
        if (at > 7)
            byte(g, 0x41);
        byte(g, 0x50 | (at & 7));
        items(g, pick(g, 2), depth + 1);
        at = reg(g);
        if (at > 7)
            byte(g, 0x41);
        byte(g, 0x58 | (at & 7));
        break;
    case 17: case 18: /* compare, branch over some */
        compare(g);
        byte(g, 0x0f);
        byte(g, 0x80 | pick(g, 16));
        at = g->at;
        dword(g, 0);
        if (depth < 3)
            items(g, pick(g, 4), depth + 1);
        store_le(g->code + at, 4, g->at - at - 4);
        break;
    default:
        if (depth)
            break;
        if (pick(g, 2)) { /* AND EAX, 3; CALL [RBP + RAX * 8 + table] */
            byte(g, 0x83);
            byte(g, 0xe0);
            byte(g, 3);
            byte(g, 0xff);
            byte(g, 0x94);
            byte(g, 0xc5);
            dword(g, TABLE - DATA);
        } else {
            byte(g, 0xe8);
            dword(g, g->sub[pick(g, 4)] - (g->at + 4));
        }
        break;
    }
}

/* REP MOVSB or STOSQ within the data. */
static void string(struct gen *g)
{
    static const u8 address[] = { 0x48, 0x8d };
    for (unsigned r = 6; r < 8; r++) { /* LEA RSI, RDI */
        for (unsigned k = 0; k < 2; k++)
            byte(g, address[k]);
        byte(g, 0x85 | r << 3);
        dword(g, pick(g, 0xc00));
    }
    byte(g, 0xb9);
    dword(g, pick(g, 100));
    byte(g, 0xf3);
    if (pick(g, 2)) {
        byte(g, 0xa4);
    } else {
        byte(g, 0x48);
        byte(g, 0xab);
    }
}

static void items(struct gen *g, unsigned n, unsigned depth)
{
    while (n--)
        item(g, depth);
}

static void generate(struct gen *g)
{
    memset(g->code, 0xf4, sizeof g->code);
    g->at = PROGRAM - CODE;
    for (unsigned k = 0; k < 4; k++) {
        g->sub[k] = g->at;
        items(g, 1 + pick(g, 4), 1);
        byte(g, 0xc3);
    }
    unsigned start = g->at;
    items(g, 10 + pick(g, 20), 0);
    if (pick(g, 3) == 0)
        string(g);
    items(g, 5, 0);
    static const u8 next[] = { 0x49, 0xff, 0xcf, 0x0f, 0x85 }; /* DEC R15; JNE */
    for (unsigned k = 0; k < sizeof next; k++)
        byte(g, next[k]);
    dword(g, start - (g->at + 4));
    byte(g, 0xe9);
    dword(g, EXIT - CODE - (g->at + 4));
    store_le(g->code, 8, start); /* read by the caller, overwritten then */
}

/* --- the host --- */

static void move_all(u8 **p, u64 saved, bool load)
{
    for (unsigned r = 0; r < 16; r++) {
        const u8 mov[4] = { (u8)(0x48 | (r >> 3) << 2), load ? 0x8b : 0x89, (u8)(4 | (r & 7) << 3), 0x25 };
        memcpy(*p, mov, 4);
        store_le(*p + 4, 4, saved + 8 * r);
        *p += 8;
    }
}

static void add(u8 **p, const void *bytes, size_t n)
{
    memcpy(*p, bytes, n);
    *p += n;
}
static void absolute(u8 **p, const char *opcode, u64 at)
{
    add(p, opcode, strlen(opcode));
    store_le(*p, 4, at);
    *p += 4;
}

static void put_stubs(u8 *code, unsigned start)
{
    u8 *p = code;
    add(&p, "\x53\x55\x41\x54\x41\x55\x41\x56\x41\x57", 10);             /* PUSH what C keeps */
    absolute(&p, "\x48\x89\x24\x25", SAVED + offsetof(struct saved, host_sp)); /* MOV [..], RSP */
    absolute(&p, "\xff\x34\x25", SAVED + offsetof(struct saved, flags));
    add(&p, "\x9d", 1);
    move_all(&p, SAVED, true);
    add(&p, "\xe9", 1);
    store_le(p, 4, start - (u64)(p + 4 - code));
    p = code + EXIT - CODE;
    move_all(&p, SAVED, false);
    absolute(&p, "\x48\x8b\x24\x25", SAVED + offsetof(struct saved, host_sp));
    add(&p, "\x9c", 1);
    absolute(&p, "\x8f\x04\x25", SAVED + offsetof(struct saved, flags));
    add(&p, "\xfc\x41\x5f\x41\x5e\x41\x5d\x41\x5c\x5d\x5b\xc3", 12);
}

static bool map(u64 at, size_t n, int rights)
{
    void *p = (void *)(uintptr_t)at;
    return mmap(p, n, rights, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == p;
}

/* --- both --- */

static void initial(struct gen *g, struct saved *s, u8 *data)
{
    for (unsigned k = 0; k < DATA_SIZE; k += 8)
        store_le(data + k, 8, rnd(g) << (rnd(g) & 31));
    for (unsigned k = 0; k < 4; k++)
        store_le(data + (TABLE - DATA) + 8 * k, 8, CODE + g->sub[k]);
    for (unsigned r = 0; r < 16; r++)
        s->r[r] = pick(g, 3) ? rnd(g) << (rnd(g) & 15) : (u64)(i64)(i8)rnd(g);
    s->r[X86_SP] = STACK;
    s->r[X86_BP] = DATA;
    s->r[15] = 1 + pick(g, 40);
    s->flags = 2 | (rnd(g) & X86_ARITH);
}

static void guest(struct rig *r, struct gen *g, const struct saved *in, struct saved *out, unsigned start, u64 slice)
{
    struct x86 *c = r->c;
    memcpy(c->r, in->r, sizeof in->r);
    x86_set_flags(c, in->flags);
    c->rip = CODE + start;
    c->activity = X86_RUNNING;
    r->clock.attention = false;
    for (u64 ticks = 0; c->rip != EXIT && ticks < 10000000;) {
        u64 n = slice ? 1 + rnd(g) % slice : 1000000;
        if (c->cpu.ops->run(&c->cpu, n) != CPU_BUDGET && c->rip != EXIT)
            break;
        ticks += n;
        if (c->activity != X86_RUNNING)
            break;
    }
    memcpy(out->r, c->r, sizeof out->r);
    out->flags = x86_flags(c);
}

static bool report(const char *what, const struct saved *host, const struct saved *ours, u64 seed)
{
    printf("%s, program with seed %llu:\n", what, (unsigned long long)seed);
    for (unsigned r = 0; r < 16; r++)
        if (host->r[r] != ours->r[r])
            printf("  r%u: host %llx, ours %llx\n", r, (unsigned long long)host->r[r], (unsigned long long)ours->r[r]);
    if ((host->flags ^ ours->flags) & X86_ARITH)
        printf("  flags: host %llx, ours %llx\n", (unsigned long long)host->flags, (unsigned long long)ours->flags);
    return false;
}

static bool one(struct rig *r, u64 seed)
{
    struct gen g = { .seed = seed * 0x9e3779b97f4a7c15 | 1 };
    struct saved in, *s = (struct saved *)(uintptr_t)SAVED, host, ours;
    u8 *code = (u8 *)(uintptr_t)CODE, *data = (u8 *)(uintptr_t)DATA;
    u8 before[DATA_SIZE], after[DATA_SIZE];

    generate(&g);
    unsigned start = (unsigned)load_le(g.code, 8);
    initial(&g, &in, before);
    memcpy(code, g.code, sizeof g.code);
    put_stubs(code, start);
    memcpy(data, before, DATA_SIZE);
    *s = in;
    void (*run)(void) = (void (*)(void))(uintptr_t)ENTER;
    run();
    host = *s;
    g.code[EXIT - CODE] = 0xf4; /* HLT: the guest is stopped before it */
    memset(g.code, 0xf4, PROGRAM - CODE);
    rig_poke(r, CODE, g.code, sizeof g.code);
    for (unsigned way = 0; way < 3; way++) { /* at once; again with all blocks made; in slices */
        rig_poke(r, DATA, before, DATA_SIZE);
        guest(r, &g, &in, &ours, start, way == 2 ? 40 : 0);
        space_peek(r->mem, DATA, after, DATA_SIZE);
        for (unsigned k = 0; k < 16; k++)
            if (host.r[k] != ours.r[k])
                return report(way == 2 ? "in slices" : "registers", &host, &ours, seed);
        if ((host.flags ^ ours.flags) & X86_ARITH)
            return report("flags", &host, &ours, seed);
        if (memcmp(data, after, DATA_SIZE))
            return report("memory", &host, &ours, seed);
    }
    return true;
}

int main(int argc, char **argv)
{
    unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 0) : 6000, seed = argc > 2 ? strtoul(argv[2], NULL, 0) : 1;
    unsigned bad = 0;
    if (!map(CODE, CODE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC) || !map(DATA, DATA_SIZE, PROT_READ | PROT_WRITE) ||
        !map(SAVED, PAGE_SIZE, PROT_READ | PROT_WRITE)) {
        printf("the addresses of the programs are taken here: skipped\n");
        return 77;
    }
    struct rig *r = rig_new("max");
    rig_flat(r, true, PROGRAM);
    for (unsigned long k = 0; k < n && bad < 5; k++)
        bad += !one(r, seed + k);
    printf("%lu programs, %llu instructions of the guest, %u differ\n", n, (unsigned long long)r->c->cpu.retired, bad);
    rig_free(r);
    return bad != 0;
}
#else
int main(void)
{
    printf("this host is no x86: skipped\n");
    return 77;
}
#endif
