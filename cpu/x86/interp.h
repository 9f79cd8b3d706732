/* What the words of sem_*.def mean to the interpreter. Included before each reading of such a file, with
 *   W     8, 16, 32, 64: the operand size
 *   FORM  FORM_R   rm is a register; flat stack
 *         FORM_M   rm is memory at a flat address
 *         FORM_RS  rm is a register, the stack or the code is not flat
 *         FORM_MS  rm is memory in a segment, or with another address size than the mode's own
 *         FORM_XR, FORM_XM  the text becomes what FORM_R and FORM_RS, FORM_M and FORM_MS give up for, before they have changed
 *                  anything: its accesses go through functions and may do anything
 *         FORM_PR, FORM_PM as FORM_R and FORM_M, the first half of a fused pair (pairs.c): false means that the handlers of both
 *                  instructions have to do it
 * Texts:
 *   SEM    by operand size, memory or register
 *   SEMV   the same, but no bytes
 *   SEMR   has no memory operand
 *   SEM1   no operands, one handler for all
 *   SEMS   uses the stack or jumps by a value; no bytes
 * The JIT reads the same files with words of its own: every value has a name, words are never nested.
 *
 * V values are zero-extended operands or results of W bits, whose upper bits do not count. All that can fault comes before
 * the first word that changes anything. */
#define FORM_R 0
#define FORM_M 1
#define FORM_RS 2
#define FORM_MS 3
#define FORM_XR 4
#define FORM_XM 5
#define FORM_PR 6
#define FORM_PM 7
#define MEMORY_FORM (FORM == FORM_M || FORM == FORM_MS || FORM == FORM_XM || FORM == FORM_PM)

#undef XH_NAME
#undef XH_SLOW
#undef XH_FN
#undef XH_FAST
#undef SEM
#undef SEMV
#undef SEMR
#undef SEM1
#undef SEMS
#undef FALLBACK
#undef ACCESS
#undef RM_
#undef RM
#undef RM8
#undef RM16
#undef RM32
#undef RM_W
#undef RM_AT
#undef RM_W_AT
#undef WRM
#undef STRM
#undef WRM_IF
#undef OFFSET
#undef MOFFS_LOAD
#undef MOFFS_STORE
#undef PUSH
#undef POP
#undef POP_
#undef POP_TO_RM

#define XH_CAT_(name, w, f) xh_##name##_##w##f
#define XH_CAT(name, w, f) XH_CAT_(name, w, f)
#define TYPE_CAT_(w) u##w
#define TYPE_CAT(w) TYPE_CAT_(w)
#define WT TYPE_CAT(W)
#define WBYTES (W / 8)

#if FORM == FORM_R
#define XH_NAME(name) XH_CAT(name, W, r)
#define XH_SLOW(name) XH_CAT(name, W, xr)
#elif FORM == FORM_M
#define XH_NAME(name) XH_CAT(name, W, m)
#define XH_SLOW(name) XH_CAT(name, W, xm)
#elif FORM == FORM_RS
#define XH_NAME(name) XH_CAT(name, W, rs)
#define XH_SLOW(name) XH_CAT(name, W, xr)
#elif FORM == FORM_MS
#define XH_NAME(name) XH_CAT(name, W, ms)
#define XH_SLOW(name) XH_CAT(name, W, xm)
#elif FORM == FORM_XR
#define XH_NAME(name) XH_CAT(name, W, xr)
#elif FORM == FORM_XM
#define XH_NAME(name) XH_CAT(name, W, xm)
#elif FORM == FORM_PR
#define XH_NAME(name) XH_CAT(name, W, pr)
#else
#define XH_NAME(name) XH_CAT(name, W, pm)
#endif

/* --- a text as a function --- */
#if FORM == FORM_PR || FORM == FORM_PM
#define XH_FN(name, ...)                                                 \
    __attribute__((always_inline)) static inline bool XH_NAME(name)(X86_ARGS) \
    {                                                                    \
        __VA_ARGS__;                                                     \
        return true;                                                     \
    }
#define XH_FAST(name, ...) XH_FN(name, __VA_ARGS__)
#define FALLBACK(holds)                                                  \
    if (UNLIKELY(!(holds)))                                              \
    return false
#elif FORM == FORM_XR || FORM == FORM_XM
#define XH_FN(name, ...)                                                 \
    X86_COLD static i64 XH_NAME(name)(X86_ARGS)                          \
    {                                                                    \
        __VA_ARGS__;                                                     \
        X86_TAIL x86_finish(X86_PASS);                                   \
    }
#define XH_FAST(name, ...) XH_FN(name, __VA_ARGS__)
#else
#define XH_FN(name, ...) /* no way to give up */                         \
    static i64 XH_NAME(name)(X86_ARGS)                                   \
    {                                                                    \
        __VA_ARGS__;                                                     \
        X86_NEXT;                                                        \
    }
#define XH_FAST(name, ...)                                               \
    X86_COLD static i64 XH_SLOW(name)(X86_ARGS);                         \
    static i64 XH_NAME(name)(X86_ARGS)                                   \
    {                                                                    \
        x86_handler *const slow = XH_SLOW(name);                         \
        (void)slow;                                                      \
        __VA_ARGS__;                                                     \
        X86_NEXT;                                                        \
    }
#define FALLBACK(holds)                                                  \
    if (UNLIKELY(!(holds)))                                              \
    X86_TAIL slow(X86_PASS)
#endif

#if FORM == FORM_R || FORM == FORM_PR
#define SEM(name, ...) XH_FN(name, __VA_ARGS__)
#elif MEMORY_FORM
#define SEM(name, ...) XH_FAST(name, __VA_ARGS__)
#else
#define SEM(name, ...)
#endif
#if W == 8
#define SEMV(name, ...)
#define SEMS(name, ...)
#else
#define SEMV(name, ...) SEM(name, __VA_ARGS__)
#define SEMS(name, ...) XH_FAST(name, __VA_ARGS__)
#endif
#if FORM == FORM_R
#define SEMR(name, ...) XH_FN(name, __VA_ARGS__)
#else
#define SEMR(name, ...)
#endif
#if FORM == FORM_R && W == 64
#define SEM1(name, ...) XH_FN(name, __VA_ARGS__)
#else
#define SEM1(name, ...)
#endif

/* --- the operand rm --- */
#if !MEMORY_FORM
#define RM(v) const V v = GET(W, i->rm)
#define RM8(v) const V v = GET(8, i->rm)
#define RM16(v) const V v = GET(16, i->rm)
#define RM32(v) const V v = GET(32, i->rm)
#define RM_W(v) const V v = GET(W, i->rm)
#define RM_AT(v, delta) const V v = GET(W, i->rm)
#define RM_W_AT(v, delta) const V v = GET(W, i->rm)
#define WRM(v) SET(W, i->rm, v)
#define WRM_IF(holds, v, old) if (holds) WRM(v) /* nothing is written else, memory always */
#define STRM(v) SET(W, i->rm, v)
#define OFFSET(v) const V v = 0 /* no such form */
#elif FORM == FORM_XM
#define RM_(v, bits)                                                                 \
    if (!x86_slow_load(X86_PASS, x86_segno(i), x86_offset(c, i), (bits) / 8))        \
        X86_TAIL x86_raise(X86_PASS);                                                \
    const V v = c->engine->value
#define RM(v) RM_(v, W)
#define RM8(v) RM_(v, 8)
#define RM16(v) RM_(v, 16)
#define RM32(v) RM_(v, W < 32 ? W : 32)
#define RM_AT(v, delta)                                                              \
    if (!x86_slow_load(X86_PASS, x86_segno(i), x86_offset_at(c, i, delta), WBYTES))  \
        X86_TAIL x86_raise(X86_PASS);                                                \
    const V v = c->engine->value
#define RM_W_AT(v, delta)                                                            \
    if (!x86_slow_rmw(X86_PASS, x86_segno(i), x86_offset_at(c, i, delta), WBYTES))   \
        X86_TAIL x86_raise(X86_PASS);                                                \
    const V v = c->engine->value
#define RM_W(v) RM_W_AT(v, 0)
#define WRM(v) x86_slow_rmw_store(c, (WT)(v))
#define WRM_IF(holds, v, old) WRM((holds) ? (v) : (old))
#define STRM(v)                                                                      \
    if (!x86_slow_store(X86_PASS, x86_segno(i), x86_offset(c, i), WBYTES, (WT)(v)))  \
        X86_TAIL x86_raise(X86_PASS)
#define OFFSET(v) const V v = x86_offset(c, i)
#else
#if FORM == FORM_M || FORM == FORM_PM
#define ACCESS(v, delta, n, tag_, may)                                               \
    const u64 v##_la = ((delta) + x86_flat_address(c, i, ctx)) & ctx->ea_mask;       \
    const struct x86_tlb *const v##_tlb = x86_tlb_at(ctx, v##_la);                   \
    FALLBACK(v##_tlb->tag_ == x86_tlb_tag(v##_la, n));                               \
    void *const v##_host = (void *)(uintptr_t)(v##_la + v##_tlb->addend)
#define OFFSET(v) const V v = x86_flat_address(c, i, ctx)
#else
#define ACCESS(v, delta, n, tag_, may)                                               \
    const u64 v##_off = x86_offset_at(c, i, delta);                                  \
    FALLBACK(may(c, x86_segno(i), v##_off, n));                                      \
    const u64 v##_la = v##_off + c->fast[x86_segno(i)].base;                         \
    const struct x86_tlb *const v##_tlb = x86_tlb_at(ctx, v##_la);                   \
    FALLBACK(v##_tlb->tag_ == x86_tlb_tag(v##_la, n));                               \
    void *const v##_host = (void *)(uintptr_t)(v##_la + v##_tlb->addend)
#define OFFSET(v) const V v = x86_offset(c, i)
#endif
#define RM_(v, type)                                                                 \
    ACCESS(v, 0, sizeof(type), rtag, x86_seg_read_ok);                               \
    type v##_raw;                                                                    \
    memcpy(&v##_raw, v##_host, sizeof(type));                                        \
    const V v = v##_raw
#define RM(v) RM_(v, WT)
#define RM8(v) RM_(v, u8)
#define RM16(v) RM_(v, u16)
#if W < 32
#define RM32(v) RM_(v, WT) /* MOVSXD with a 16-bit operand reads no more */
#else
#define RM32(v) RM_(v, u32)
#endif
#define RM_AT(v, delta)                                                              \
    ACCESS(v, delta, WBYTES, rtag, x86_seg_read_ok);                                 \
    WT v##_raw;                                                                      \
    memcpy(&v##_raw, v##_host, WBYTES);                                              \
    const V v = v##_raw
/* To be written as well: the right to write is asked for at once. */
#define RM_W_AT(v, delta)                                                            \
    ACCESS(rm, delta, WBYTES, wtag, x86_seg_write_ok);                               \
    WT v##_raw;                                                                      \
    memcpy(&v##_raw, rm_host, WBYTES);                                               \
    const V v = v##_raw
#define RM_W(v) RM_W_AT(v, 0)
#define WRM(v)                                                                       \
    const WT rm_new = (WT)(v);                                                       \
    memcpy(rm_host, &rm_new, WBYTES)
#define WRM_IF(holds, v, old) WRM((holds) ? (v) : (old))
#define STRM(v)                                                                      \
    ACCESS(rm, 0, WBYTES, wtag, x86_seg_write_ok);                                   \
    const WT rm_new = (WT)(v);                                                       \
    memcpy(rm_host, &rm_new, WBYTES)
#endif

/* MOV with a full offset (imm): rare enough for the slow way when there is a segment, or 64 bits. */
#if FORM == FORM_M
#define MOFFS_LOAD(v)                                                                \
    const u64 v##_la = i->imm & ctx->ea_mask;                                        \
    const struct x86_tlb *const v##_tlb = x86_tlb_at(ctx, v##_la);                   \
    FALLBACK(v##_tlb->rtag == x86_tlb_tag(v##_la, WBYTES));                          \
    WT v##_raw;                                                                      \
    memcpy(&v##_raw, (void *)(uintptr_t)(v##_la + v##_tlb->addend), WBYTES);         \
    const V v = v##_raw
#define MOFFS_STORE(v)                                                               \
    const u64 rm_la = i->imm & ctx->ea_mask;                                         \
    const struct x86_tlb *const rm_tlb = x86_tlb_at(ctx, rm_la);                     \
    FALLBACK(rm_tlb->wtag == x86_tlb_tag(rm_la, WBYTES));                            \
    const WT rm_new = (WT)(v);                                                       \
    memcpy((void *)(uintptr_t)(rm_la + rm_tlb->addend), &rm_new, WBYTES)
#elif FORM == FORM_XM
#define MOFFS_LOAD(v)                                                                \
    if (!x86_slow_load(X86_PASS, x86_segno(i), i->imm, WBYTES))                      \
        X86_TAIL x86_raise(X86_PASS);                                                \
    const V v = c->engine->value
#define MOFFS_STORE(v)                                                               \
    if (!x86_slow_store(X86_PASS, x86_segno(i), i->imm, WBYTES, (WT)(v)))            \
        X86_TAIL x86_raise(X86_PASS)
#elif FORM == FORM_MS
#define MOFFS_LOAD(v)                                                                \
    FALLBACK(false);                                                                 \
    const V v = 0
#define MOFFS_STORE(v)                                                               \
    (void)(v);                                                                       \
    FALLBACK(false)
#else
#define MOFFS_LOAD(v) const V v = 0 /* no such form */
#define MOFFS_STORE(v) (void)(v)
#endif

/* --- the stack: operand size W, stack pointer by the size of the stack segment --- */
#if FORM == FORM_R || FORM == FORM_M
#define PUSH(v)                                                                      \
    const u64 st_la = (c->r[X86_SP] - WBYTES) & ctx->ea_mask;                        \
    const struct x86_tlb *const st_tlb = x86_tlb_at(ctx, st_la);                     \
    FALLBACK(st_tlb->wtag == x86_tlb_tag(st_la, WBYTES));                            \
    const WT st_new = (WT)(v);                                                       \
    memcpy((void *)(uintptr_t)(st_la + st_tlb->addend), &st_new, WBYTES);            \
    c->r[X86_SP] = st_la
#define POP_(v, sp)                                                                  \
    const u64 v##_la = (sp) & ctx->ea_mask;                                          \
    const struct x86_tlb *const v##_tlb = x86_tlb_at(ctx, v##_la);                   \
    FALLBACK(v##_tlb->rtag == x86_tlb_tag(v##_la, WBYTES));                          \
    WT v##_raw;                                                                      \
    memcpy(&v##_raw, (void *)(uintptr_t)(v##_la + v##_tlb->addend), WBYTES);         \
    const V v = v##_raw;                                                             \
    c->r[X86_SP] = (v##_la + WBYTES) & ctx->ea_mask
#elif FORM == FORM_RS || FORM == FORM_MS
#define PUSH(v)                                                                      \
    const u64 st_off = (c->r[X86_SP] - WBYTES) & size_mask(c->stack_size);           \
    FALLBACK(x86_seg_write_ok(c, X86_SS, st_off, WBYTES));                           \
    const u64 st_la = st_off + c->fast[X86_SS].base;                                 \
    const struct x86_tlb *const st_tlb = x86_tlb_at(ctx, st_la);                     \
    FALLBACK(st_tlb->wtag == x86_tlb_tag(st_la, WBYTES));                            \
    const WT st_new = (WT)(v);                                                       \
    memcpy((void *)(uintptr_t)(st_la + st_tlb->addend), &st_new, WBYTES);            \
    x86_set_sp(c, st_off)
#define POP_(v, sp)                                                                  \
    const u64 v##_off = (sp) & size_mask(c->stack_size);                             \
    FALLBACK(x86_seg_read_ok(c, X86_SS, v##_off, WBYTES));                           \
    const u64 v##_la = v##_off + c->fast[X86_SS].base;                               \
    const struct x86_tlb *const v##_tlb = x86_tlb_at(ctx, v##_la);                   \
    FALLBACK(v##_tlb->rtag == x86_tlb_tag(v##_la, WBYTES));                          \
    WT v##_raw;                                                                      \
    memcpy(&v##_raw, (void *)(uintptr_t)(v##_la + v##_tlb->addend), WBYTES);         \
    const V v = v##_raw;                                                             \
    x86_set_sp(c, v##_off + WBYTES)
#else
#define PUSH(v)                                                                      \
    const u64 st_off = (c->r[X86_SP] - WBYTES) & size_mask(c->stack_size);           \
    if (!x86_slow_store(X86_PASS, X86_SS, st_off, WBYTES, (WT)(v)))                  \
        X86_TAIL x86_raise(X86_PASS);                                                \
    x86_set_sp(c, st_off)
#define POP_(v, sp)                                                                  \
    const u64 v##_off = (sp) & size_mask(c->stack_size);                             \
    if (!x86_slow_load(X86_PASS, X86_SS, v##_off, WBYTES))                           \
        X86_TAIL x86_raise(X86_PASS);                                                \
    const V v = c->engine->value;                                                    \
    x86_set_sp(c, v##_off + WBYTES)
#endif
#define POP(v) POP_(v, c->r[X86_SP])
#define POP_FRAME(v) POP_(v, c->r[X86_BP]) /* LEAVE */
/* Into rm: an address with SP in it uses SP as it will be. */
#if FORM == FORM_R || FORM == FORM_RS || FORM == FORM_XR
#define POP_TO_RM                                                                    \
    POP(popped);                                                                     \
    SET(W, i->rm, popped)
#elif FORM == FORM_XM
#define POP_TO_RM                                                                    \
    const u64 old_sp = c->r[X86_SP];                                                 \
    POP(popped);                                                                     \
    if (!x86_slow_store(X86_PASS, x86_segno(i), x86_offset(c, i), WBYTES, popped)) { \
        c->r[X86_SP] = old_sp;                                                       \
        X86_TAIL x86_raise(X86_PASS);                                                \
    }
#else
#define POP_TO_RM FALLBACK(false)
#endif
#undef LINK
#undef ROLF_IMM
#undef RORF_IMM
#if FORM == FORM_R
#define ROLF_IMM(r, a, n) const V r = alu_rol_imm(a, n, &c->arith, W)
#define RORF_IMM(r, a, n) const V r = alu_ror_imm(a, n, &c->arith, W)
#else
#define ROLF_IMM(r, a, n) ROLF(r, a, n)
#define RORF_IMM(r, a, n) RORF(r, a, n)
#endif
#if FORM == FORM_R || FORM == FORM_M
#define LINK ((vpage + x86_side_of(i)->offset + i->length) & ctx->ea_mask)
#else
#define LINK 0 /* the slow way knows */
#endif

/* --- registers and values, however the file is read --- */
#ifndef X86_INTERP_ONCE
#define X86_INTERP_ONCE
typedef u64 V;
#define GET_(bits, n) x86_get##bits(c, n)
#define GET(bits, n) GET_(bits, n)
#define SET_(bits, n, v) x86_set##bits(c, n, v)
#define SET(bits, n, v) SET_(bits, n, v)
#define SX_(bits, v) ((V)(i64)(i##bits)(v))
#define SX(bits, v) SX_(bits, v)
#define ZX_(bits, v) ((V)(u##bits)(v))
#define ZX(bits, v) ZX_(bits, v)
#define FL_(what, bits) fl_##what##bits
#define FL(what, bits) FL_(what, bits)

#define REG GET(W, i->reg)
#define IMM (i->imm)
#define WREG(v) SET(W, i->reg, v)
#define GR(n) GET(W, n)
#define WGR(n, v) SET(W, n, v)
/* Counts in CL. The 8086 does not mask them: larger ones are replaced by such as do the same. */
#define COUNT_CL (W <= 16 ? x86_count_cl(c, 31, 31) : GET(8, X86_CX))
#define COUNT_CL_ROTATE (W <= 16 ? x86_count_cl(c, 16, 15) : GET(8, X86_CX))
#define COUNT_CL_CARRY (W <= 16 ? x86_count_cl(c, 0, W + 1) : GET(8, X86_CX))
/* What PUSH SP pushes before the 286 is the new value. */
#define PUSHED(v) (W == 16 && FORM != FORM_M && FORM != FORM_MS && FORM != FORM_XM ? x86_pushed(c, i, v) : (v))

#define SIGNED(v) SX(W, v) /* of W bits */
#define ZX8(v) ZX(8, v)
#define ZX16(v) ZX(16, v)
#define SX8(v) SX(8, v)
#define SX16(v) SX(16, v)
#define SX32(v) SX(32, v)
#define AND(a, b) ((a) & (b))
#define NOT(a) (~(a))
#define EQ(a, b) ((V)(ZX(W, a) == ZX(W, b)))
#define SELECT(holds, a, b) ((holds) ? (a) : (b))
#define BSWAP(a) (W == 16 ? 0 : alu_bswap(a, W)) /* of 16 bits as hardware does it: undefined */
#define HALF_ACC(v) const V v = W == 64 ? SX(32, c->r[X86_AX]) : W == 32 ? SX(16, c->r[X86_AX]) : SX(8, c->r[X86_AX])
#define SIGN_FILL(a) ((V)((i64)SX(W, a) >> 63))

/* A result and the flags it sets. */
#define ADDF(r, a, b) const V r = FL(add, W)(a, b, &c->arith)
#define SUBF(r, a, b) const V r = FL(sub, W)(a, b, &c->arith)
#define ADCF(r, a, b) const V r = FL(adc, W)(a, b, &c->arith)
#define SBBF(r, a, b) const V r = FL(sbb, W)(a, b, &c->arith)
#define CMPF(a, b) FL(cmp, W)(a, b, &c->arith)
#define INCF(r, a) const V r = FL(inc, W)(a, &c->arith)
#define DECF(r, a) const V r = FL(dec, W)(a, &c->arith)
#define NEGF(r, a) const V r = FL(sub, W)(0, a, &c->arith)
#define LOGICF_(r, v) const V r = (v); c->arith = FL(logic, W)(r)
#define ANDF(r, a, b) LOGICF_(r, (a) & (b))
#define ORF(r, a, b) LOGICF_(r, (a) | (b))
#define XORF(r, a, b) LOGICF_(r, (a) ^ (b))
#define TESTF(a, b) c->arith = FL(logic, W)((a) & (b))
#define SHLF(r, a, n) const V r = alu_shl(a, n, &c->arith, W)
#define SHRF(r, a, n) const V r = alu_shr(a, n, &c->arith, W)
#define SARF(r, a, n) const V r = alu_sar(a, n, &c->arith, W)
#define ROLF(r, a, n) const V r = alu_rol(a, n, &c->arith, W)
#define RORF(r, a, n) const V r = alu_ror(a, n, &c->arith, W)
#define RCLF(r, a, n) const V r = alu_rcl(a, n, &c->arith, W)
#define RCRF(r, a, n) const V r = alu_rcr(a, n, &c->arith, W)
#define SHLDF(r, a, b, n) const V r = alu_shld(a, b, n, &c->arith, W)
#define SHRDF(r, a, b, n) const V r = alu_shrd(a, b, n, &c->arith, W)
#define MULF(lo, hi, a, b) V hi; const V lo = alu_mul(a, b, &hi, &c->arith, W)
#define IMULF(lo, hi, a, b) V hi; const V lo = alu_imul(a, b, &hi, &c->arith, W)
#define IMUL_LOWF(r, a, b) const V r = alu_imul_low(a, b, &c->arith, W)
/* The double-width pair rDX:rAX, which of bytes is AH:AL. */
#define PAIR_HIGH (W == 8 ? GET(8, X86_AH) : GET(W, X86_DX))
#define WPAIR(lo, hi)                                                    \
    if (W == 8) {                                                        \
        x86_set16(c, X86_AX, (lo) | (hi) << 8);                          \
    } else {                                                             \
        SET(W, X86_AX, lo);                                              \
        SET(W, X86_DX, hi);                                              \
    }
#define DIVIDE_(fn, q, r, hi, lo, b)                                     \
    V q = 0, r = 0;                                                      \
    if (UNLIKELY(!fn(hi, lo, b, &q, &r, W)))                             \
        X86_TAIL xh_divide_error(X86_PASS)
#define DIVIDE(q, r, hi, lo, b) DIVIDE_(alu_div, q, r, hi, lo, b)
#define IDIVIDE(q, r, hi, lo, b) DIVIDE_(alu_idiv, q, r, hi, lo, b)

/* Bits of strings: bit n of rm; in memory the string goes on to either side (SDM 2A, BT). */
#define BIT_DELTA(n) ((V)((i64)SX(W, n) >> (W == 64 ? 6 : W == 32 ? 5 : 4)) * WBYTES)
#define BIT(n) ((V)1 << ((n) & (W - 1)))
#define SET_CF_BIT(a, m) c->arith = (u16)((c->arith & ~FL_CF) | ((a) & (m) ? FL_CF : 0))
#define ANDN(a, m) ((a) & ~(m))
#define OR(a, m) ((a) | (m))
#define XOR(a, m) ((a) ^ (m))
#define BSFF(r, a) const V r = alu_bsf(a); c->arith = alu_bs_flags(a, r)
#define BSRF(r, a) const V r = alu_bsr(a); c->arith = alu_bs_flags(a, r)
#define WACC_UNLESS(holds, a) if (!(holds)) WGR(X86_AX, a)
#define WREG_UNLESS_ZERO(r, a) if (a) WREG(r)
#define TZCNTF(r, a) const V r = (a) ? alu_bsf(a) : W; c->arith = alu_count_flags(a, r)
#define LZCNTF(r, a) const V r = (a) ? W - 1 - alu_bsr(a) : W; c->arith = alu_count_flags(a, r)
#define POPCNTF(r, a) const V r = (V)__builtin_popcountll(a); c->arith = (u16)(FL_ONE | (r ? 0 : FL_ZF))

/* Flags. */
#define COND(cc) ((V)fl_cond(c->arith, cc))
#define CF ((V)(c->arith >> 8 & 1))
#define WCF(v) c->arith = (u16)((c->arith & ~FL_CF) | ((v) ? FL_CF : 0))
#define WDF(v) c->rflags = (c->rflags & ~(u64)X86_DF) | ((v) ? X86_DF : 0)
#define FLAGS_LOW ((V)(c->arith >> 8))
#define WFLAGS_LOW(v) c->arith = (u16)(((v) & (FL_SF | FL_ZF | FL_AF | FL_PF | FL_CF) >> 8) << 8 | FL_ONE | (c->arith & FL_OF))
#define BYTE_AH GET(8, X86_AH)
#define WBYTE_AH(v) SET(8, X86_AH, v)

/* Ways: the last words of a text. The two ways of a branch are kept apart (the empty asm): a selected link would
 * make the next block's operands wait for the condition, where a branch is predicted. */
#define BRANCH(holds)                                                    \
    if (holds) {                                                         \
        __asm__("");                                                     \
        X86_BRANCH_TAKEN;                                                \
    } else {                                                             \
        X86_BRANCH_NOT_TAKEN;                                            \
    }
#define JUMP X86_BRANCH_TAKEN

static inline u64 x86_count_cl(const struct x86 *c, unsigned fixed, unsigned mask)
{
    u64 n = (u8)c->r[X86_CX];
    if (LIKELY(n < 32 || x86_has_feature(&c->config, X86_F_186)))
        return n;
    return fixed ? fixed | (n & mask) : n % mask;
}
static inline u64 x86_pushed(const struct x86 *c, const struct x86_insn *i, u64 v)
{
    return UNLIKELY(i->rm == X86_SP) && !x86_has_feature(&c->config, X86_F_286) ? v - 2 : v;
}

/* offset + delta, cut to the address size as the offset is */
static inline u64 x86_offset_at(const struct x86 *c, const struct x86_insn *i, u64 delta)
{
    u64 o = x86_offset(c, i) + delta;
    unsigned bits = i->sizes >> 4;
    return bits == 3 ? o : bits == 2 ? (u32)o : (u16)o;
}
#endif
