/* What the words of sem_*.def mean to the interpreter. Included before each reading of such a file, with
 *   XLEN  32 or 64
 *   SLOW  1: the text becomes name##_slow, whose accesses go through functions and may do anything;
 *         0: it becomes the handler, which gives up for name##_slow before it has changed anything;
 *         2: it becomes the handler and never gives up;
 *         3, 4: it becomes the first or second half of a fused pair (pairs.c)
 * The JIT reads the same files with words of its own. */
#undef NAME
#undef NAME_
#undef NAME2
#undef NAME3
#undef SLOWNAME
#undef RS1
#undef WR
#undef SEM
#undef SEMFAST
#undef DONE
#undef SX
#undef ADDR
#undef LOAD
#undef STORE
#undef AMO
#undef AMO_STORE
#undef LR
#undef SC
#undef ZERO_BLOCK
#undef SRL
#undef SRA
#undef SLL
#undef ADD
#undef SUB
#undef MUL
#undef LINK_PC
#undef PC_REL
#undef FALLBACK
#undef TLB_HIT
#undef WITHIN_PAGE
#undef ALIGNED

#define NAME3(x, n) rv##x##_##n
#define NAME2(x, n) NAME3(x, n)
#define NAME(n) NAME2(XLEN, n)
#define SLOWNAME(n) NAME2(XLEN, n##_slow)

#if XLEN == 32
#define SX(v) ((u64)(i64)(i32)(u32)(v))
#define ADDR(v) ((u64)(u32)(v))
#define SRL(a, n) SX((u32)(a) >> ((n) & 31))
#else
#define SX(v) ((u64)(v))
#define ADDR(v) ((u64)(v))
#define SRL(a, n) ((a) >> ((n) & 63))
#endif
#define SLL(a, n) SX((a) << ((n) & (XLEN - 1)))
#define SRA(a, n) ((u64)((i64)(a) >> ((n) & (XLEN - 1))))
#define ADD(a, b) SX((a) + (b))
#define SUB(a, b) SX((a) - (b))
#define MUL(a, b) SX((a) * (b))
#define LINK_PC SX(vpage + i->link)
#define PC_REL SX(vpage + (u64)(i64)i->imm)

#if SLOW == 4
#define RS1 forwarded
#else
#define RS1 h->x[i->rs1]
#endif
#if SLOW == 3
#define WR(v)                    \
    h->x[i->rd] = (v);           \
    *result = (v);               \
    return true
#else
#define WR(v) h->x[i->rd] = (v)
#endif

#if SLOW == 1
#define SEM(name, ...)                                                   \
    RV_COLD static i64 SLOWNAME(name)(RV_ARGS)                           \
    {                                                                    \
        __VA_ARGS__;                                                     \
        return rv_finish(RV_PASS);                                       \
    }
#define FALLBACK(c) ((void)0)
#define LOAD(v, type, addr)                                              \
    if (!rv_load(RV_PASS, ADDR(addr), sizeof(type)))                  \
        return rv_fault(RV_PASS);                                        \
    const V v = (V)(type)h->engine->value
#define STORE(type, addr, value)                                         \
    if (!rv_store(RV_PASS, ADDR(addr), sizeof(type), value))             \
        return rv_fault(RV_PASS)
#define AMO(v, type, addr)                                               \
    if (!rv_amo_load(RV_PASS, ADDR(addr), sizeof(type)))              \
        return rv_fault(RV_PASS);                                        \
    const V v = (V)(type)h->engine->value
#define AMO_STORE(v, type, value) rv_amo_store(h, sizeof(type), value)
#define LR(v, type, addr)                                                \
    if (!rv_lr(RV_PASS, ADDR(addr), sizeof(type)))                       \
        return rv_fault(RV_PASS);                                        \
    const V v = (V)(type)h->engine->value
#define SC(v, type, addr, new)                                           \
    if (!rv_sc(RV_PASS, ADDR(addr), sizeof(type), new))                  \
        return rv_fault(RV_PASS);                                        \
    const V v = h->engine->value
#define ZERO_BLOCK(addr)                                                 \
    if (!cbo_allowed(h, ENVCFG_CBZE))                                    \
        return rv_illegal(RV_PASS);                                      \
    if (!rv_cbo(RV_PASS, ADDR(addr), true))                              \
        return rv_fault(RV_PASS)
#elif SLOW == 2
#define SEM(name, ...)                                                   \
    i64 NAME(name)(RV_ARGS)                                              \
    {                                                                    \
        __VA_ARGS__;                                                     \
        RV_CHAIN(i + 1, vpage);                                          \
    }
#else
#if SLOW == 3 /* false: nothing was done */
#define SEM(name, ...)                                                                             \
    __attribute__((always_inline, unused)) static inline bool NAME(name##_first)(RV_ARGS, V *result) \
    {                                                                                              \
        __VA_ARGS__;                                                                               \
        return false;                                                                              \
    }
#define FALLBACK(c)      \
    if (UNLIKELY(!(c)))  \
    return false
#elif SLOW == 4
#define SEM(name, ...)                                                                             \
    __attribute__((always_inline, unused)) static inline i64 NAME(name##_second)(RV_ARGS, V forwarded) \
    {                                                                                              \
        rv_handler *const slow = NAME(name);                                                       \
        (void)slow;                                                                                \
        (void)forwarded;                                                                           \
        __VA_ARGS__;                                                                               \
        RV_CHAIN(i + 1, vpage);                                                                    \
    }
#define FALLBACK(c)      \
    if (UNLIKELY(!(c)))  \
    return slow(RV_PASS)
#else
#define SEM(name, ...)                                                   \
    RV_COLD static i64 SLOWNAME(name)(RV_ARGS);                          \
    i64 NAME(name)(RV_ARGS)                                              \
    {                                                                    \
        rv_handler *const slow = SLOWNAME(name);                         \
        (void)slow;                                                      \
        __VA_ARGS__;                                                     \
        RV_CHAIN(i + 1, vpage);                                          \
    }
/* Unless c holds, the other reading of the text does the work. */
#define FALLBACK(c)                                                      \
    if (UNLIKELY(!(c)))                                                  \
    RV_TAIL slow(RV_PASS)
#endif
/* The tag is compared with the page of the last byte: an access into the next page differs there. That of an AMO is
 * compared with the bits that must be zero as well (see struct rv_tlb). */
#define WITHIN_PAGE(va, size) (((va) + ((size) - 1)) & ~PAGE_MASK)
#define ALIGNED(va, size) ((va) & (~PAGE_MASK | ((size) - 1)))
#define TLB_HIT(v, type, addr, tag, wanted)                                                      \
    const u64 v##_va = ADDR(addr);                                                               \
    const struct rv_tlb *v##_tlb = &ctx->tlb[v##_va >> PAGE_SHIFT & (RV_TLB_SIZE - 1)];          \
    FALLBACK(v##_tlb->tag == wanted(v##_va, sizeof(type)));                                      \
    void *v##_host = (void *)(v##_va + v##_tlb->addend)
#define LOAD(v, type, addr)                                              \
    TLB_HIT(v, type, addr, rtag, WITHIN_PAGE);                           \
    type v##_raw;                                                        \
    memcpy(&v##_raw, v##_host, sizeof(type));                            \
    const V v = (V)v##_raw
#define STORE(type, addr, value)                                         \
    TLB_HIT(st, type, addr, wtag, WITHIN_PAGE);                          \
    const type st_raw = (type)(value);                                   \
    memcpy(st_host, &st_raw, sizeof(type))
#define AMO(v, type, addr)                                               \
    TLB_HIT(v, type, addr, wtag, ALIGNED);                               \
    type v##_raw;                                                        \
    memcpy(&v##_raw, v##_host, sizeof(type));                            \
    const V v = (V)v##_raw
#define AMO_STORE(v, type, value)                                        \
    const type v##_new = (type)(value);                                  \
    memcpy(v##_host, &v##_new, sizeof(type))
#define LR(v, type, addr)                                                \
    TLB_HIT(v, type, addr, rtag, ALIGNED);                               \
    type v##_raw;                                                        \
    memcpy(&v##_raw, v##_host, sizeof(type));                            \
    h->lr_valid = true;                                                  \
    h->lr_addr = rv_tlb_pa(v##_tlb, v##_va);                      \
    const V v = (V)v##_raw
#define SC(v, type, addr, new)                                           \
    TLB_HIT(v, type, addr, wtag, ALIGNED);                               \
    FALLBACK(h->lr_valid && h->lr_addr == rv_tlb_pa(v##_tlb, v##_va)); \
    h->lr_valid = false;                                                 \
    const type v##_new = (type)(new);                                  \
    memcpy(v##_host, &v##_new, sizeof(type));                            \
    const V v = 0
#define ZERO_BLOCK(addr)                                                 \
    const u64 va = ADDR(addr) & ~(u64)(RISCV_CBO_BLOCK - 1);             \
    const struct rv_tlb *tlb = &ctx->tlb[va >> PAGE_SHIFT & (RV_TLB_SIZE - 1)]; \
    FALLBACK(tlb->wtag == (va & ~PAGE_MASK) && cbo_allowed(h, ENVCFG_CBZE)); \
    memset((void *)(va + tlb->addend), 0, RISCV_CBO_BLOCK)
#endif

/* What does not depend on how the file is read. */
#ifndef RV_INTERP_ONCE
#define RV_INTERP_ONCE
typedef u64 V;
#define RS2 h->x[i->rs2]
#define IMM ((u64)(i64)i->imm)
#define AND(a, b) ((a) & (b))
#define OR(a, b) ((a) | (b))
#define XOR(a, b) ((a) ^ (b))
#define NOT(a) (~(a))
#define LT(a, b) ((u64)((i64)(a) < (i64)(b)))
#define LTU(a, b) ((u64)((a) < (b)))
#define EQ(a, b) ((u64)((a) == (b)))
#define NE(a, b) ((u64)((a) != (b)))
#define SELECT(c, a, b) ((c) ? (a) : (b))
#define SX32(v) ((u64)(i64)(i32)(u32)(v))
#define ZX32(v) ((u64)(u32)(v))
#define SX16(v) ((u64)(i64)(i16)(u16)(v))
#define SX8(v) ((u64)(i64)(i8)(u8)(v))
#define ZX16(v) ((u64)(u16)(v))
#define SLLW(a, n) SX32((u32)(a) << ((n) & 31))
#define SRLW(a, n) SX32((u32)(a) >> ((n) & 31))
#define SRAW(a, n) SX32((i32)(u32)(a) >> ((n) & 31))

/* Goes to the taken or the other block. Last word of a text. The two ways are kept apart (the empty asm): a
 * selected link would make the next block's operands wait for the comparison, where a branch is predicted. */
#define BRANCH(c)                                                        \
    if (c) {                                                             \
        __asm__("");                                                     \
        BRANCH_TO(0, rv_taken_slow);                                     \
    } else {                                                             \
        BRANCH_TO(1, rv_next_slow);                                      \
    }
#define BRANCH_TO(which, unlinked)                                       \
    const struct rv_insn *target = i[1].to[which];                       \
    budget -= (i64)target[-1].n;                                         \
    if (UNLIKELY(budget < 0))                                            \
        RV_TAIL unlinked(RV_PASS);                                       \
    RV_CHAIN(target, vpage)
#endif
