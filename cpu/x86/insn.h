/* The instructions as data: what decoder, engine, disassembler and tracers know of each row of insn.def, and the
 * decoded form that handlers and ops read.
 *
 * insn.def includes insn_int.def, insn_sys.def, insn_x87.def, insn_sse.def, insn_avx.def, whose rows are
 *
 * INSN(id, mnemonic, encoding, operands, meaning, flags, cpu, section, doc)
 *
 * id         unique; X86_OP_<id>
 * mnemonic   Intel syntax, lower case; "cbw/cwde/cdqe": by operand size 2, 4, 8
 * encoding   as the manual writes it, parts with a space between:
 *            mandatory prefix: NP (none of 66 F3 F2), NFx (neither F3 nor F2), 66, F3, F2; left out when prefixes are ignored
 *            or mean operand size and REP. With F3 or F2 a 66 means nothing or the operand size.
 *            "REX.W" or "W0"; "REX.B0": without REX.B
 *            opcode bytes, after 0F, 0F 38 or 0F 3A; "+r": register in the opcode
 *            "/r", "/0" to "/7"; with ":m" or ":r" behind when only memory or only registers are meant ("0F AE /0:m"); or a
 *            whole ModRM byte ("0F 01 D0"), or with a register in it ("D8 C0 +i")
 *            "VEX.256.66.0F38.W0 18 /r": 128, 256, LIG, L0 = LZ; NP 66 F3 F2; 0F 0F38 0F3A; W0 W1 WIG or nothing
 *            immediates ib iw iz (2 or 4 by operand size) iv (2, 4, 8), "/is4", cb cz (branch offsets), cp (far pointer),
 *            mo (moffs)
 * operands   codes of the manual's opcode maps (SDM 2, A.2): a letter for what, then the size.
 *            A far pointer; B general register of VEX.vvvv; C D control, debug register; E general register or memory;
 *            G general register (reg); H vector register of vvvv; I immediate; J branch offset; L vector register of is4;
 *            M memory; N MMX register (rm); O moffs; P MMX register (reg); Q MMX register or memory; R general register (rm);
 *            S segment register; U vector register (rm); V vector register (reg); W vector register or memory;
 *            X DS:rSI; Y ES:rDI; Z general register in the opcode; Bb: DS:rBX.
 *            Sizes: b w d q dq qq; v by operand size, z 2 or 4, y 4 or 8; x ps pd by VEX.L; ss sd (4, 8 in memory), si;
 *            a BOUND's pair; p far pointer; s GDTR in memory; t 80 bits; none: not said (FXSAVE, LEA)
 *            "Mw/Rv": of two sizes; likewise "Mb/Rd". "Udq/Mq" where memory is smaller.
 *            AL AX DX CL eAX rAX 1 ES..GS; ST STi (rm); vm32x vm32y vm64x vm64y: VSIB memory, index a vector register
 *            Immediates are zero-extended (Ib Iw) or sign-extended (Ibs Iz); Iv is full.
 * meaning    what executes it: a SEM() text of sem_*.def when flags has X_FAST, else the op x86_op_<meaning>
 * cpu        X86_F_*: the feature (or generation) that has it
 * section    of the manual; doc: one line */
#ifndef CPU_X86_INSN_H
#define CPU_X86_INSN_H

#include "cpu/x86/x86.h"

enum x86_op_id {
#define INSN(id, ...) X86_OP_##id,
#include "cpu/x86/insn.def"
    X86_OP_COUNT, /* also: no such instruction */
};

enum x86_insn_flags {
    X_FAST = 1,      /* has handlers made from a SEM() text */
    X_END = 2,       /* ends a block: a jump, or it changes the mode, or what is to be executed next */
    X_LOCK = 4,      /* LOCK allowed with a memory destination */
    X_REP = 8,       /* a string instruction: REP (and REPE/REPNE for those that compare) */
    X_D64 = 16,      /* operand size is 64 in 64-bit mode, 66 makes it 16 (PUSH, POP) */
    X_F64 = 32,      /* operand size is 64 in 64-bit mode whatever prefixes say (near branches) */
    X_I64 = 64,      /* #UD in 64-bit mode */
    X_O64 = 128,     /* #UD outside 64-bit mode */
    X_CPL0 = 256,    /* #GP(0) unless CPL is 0 */
    X_PE = 512,      /* #UD in real and virtual-8086 mode */
    X_COND = 1024,   /* a conditional branch */
    X_CALL = 2048, X_RET = 4096,
    X_IO = 1 << 13,
    X_VEC = 1 << 14, /* needs OSFXSR, not EM, not TS (SSE) */
    X_AVX = 1 << 15, /* needs OSXSAVE and XCR0 */
    X_X87 = 1 << 16, /* needs not EM, not TS; waits for pending x87 exceptions unless X_NOWAIT */
    X_MMX = 1 << 17,
    X_NOWAIT = 1 << 18,
    X_ALIGN16 = 1 << 19, /* a memory operand of 16 bytes (32 with VEX.256) must be aligned: #GP(0) */
    X_HINT = 1 << 20,    /* a special encoding of a more general row */
    X_UNDEF_AF = 1 << 21, X_UNDEF_CF = 1 << 22, X_UNDEF_OF = 1 << 23, X_UNDEF_PF = 1 << 24, X_UNDEF_SF = 1 << 25,
    X_UNDEF_ZF = 1 << 26, /* flags the manual leaves undefined: `make check` compares the others with the host */
};

struct x86_row {
    const char *id, *mnemonic, *encoding, *operands, *meaning, *section, *doc;
    u32 flags;
    u16 cpu;
};
extern const struct x86_row x86_rows[X86_OP_COUNT + 1];

/* One decoded instruction. 32 bytes; `fn` and the pc-relative fields are the engine's. */
struct x86_insn {
    void *fn;       /* x86_handler * in a block; NULL as the decoder leaves it */
    u8 reg;         /* ModRM.reg (with REX.R), or the control/debug/segment register; AH..BH as 20..23 */
    u8 rm;          /* the register when !X86_I_MEM (ModRM.rm with REX.B, or from the opcode); AH..BH as 20..23 */
    u8 base, index; /* of the memory operand; X86_NONE when not there. RIP-relative: base X86_NONE and X86_I_RIP */
    u8 scale_seg;   /* scale in bits 0-1, segment register in bits 4-6 */
    u8 sizes;       /* log2 of operand size in bits 0-3 (0..3; 4, 5: 128 and 256-bit vectors): that of the first
                     * operand which is no immediate, of address size in bits 4-7 */
    u8 length;      /* bytes */
    u8 vreg;        /* VEX.vvvv */
    i32 disp;
    u16 op;
    u16 flags; /* X86_I_* */
    u64 imm;   /* extended as the operand code says; moffs: the offset; far pointer: offset | selector << 32; ENTER: size | level << 16; is4: the byte;
                * x87: the opcode as FOP has it */
};
_Static_assert(sizeof(struct x86_insn) == 32, "a slot is 32 bytes");
enum {
    X86_I_MEM = 1, X86_I_RIP = 2, X86_I_LOCK = 4, X86_I_REP = 8, X86_I_REPNE = 16, X86_I_VEX = 32, X86_I_REX = 64,
    X86_I_W = 128, /* REX.W or VEX.W */
    X86_I_L = 256, /* VEX.L */
    X86_I_66 = 512,
};
static inline unsigned x86_osize(const struct x86_insn *i) { return 1u << (i->sizes & 15); }
static inline unsigned x86_asize(const struct x86_insn *i) { return 1u << (i->sizes >> 4); }
static inline unsigned x86_scale(const struct x86_insn *i) { return i->scale_seg & 3; }
static inline unsigned x86_segno(const struct x86_insn *i) { return i->scale_seg >> 4; }

struct x86_decoder;
struct x86_decoder *x86_decoder_new(struct arena *a, const struct x86_config *config);
enum { X86_DECODE_MORE = 0, X86_DECODE_UD = -1, X86_DECODE_LONG = -2 /* more than 15 bytes: #GP */ };
/* bits: 16, 32 or 64; legacy: real or virtual-8086 mode (no VEX, no X_PE). Returns the length, or one of the above
 * (out->length is then what was looked at). LOCK where it is not allowed is UD. */
int x86_decode(const struct x86_decoder *d, unsigned bits, bool legacy, const u8 *bytes, size_t n, struct x86_insn *out);
/* Text as `objdump -M intel` writes it. */
unsigned x86_disasm_with(const struct x86_decoder *d, unsigned bits, bool legacy, u64 pc, const u8 *bytes, size_t n,
                         char *out, size_t out_len);

/* By row: what executes it outside the fast handlers; NULL: it has only fast ones. */
extern x86_op *const x86_ops[X86_OP_COUNT];

#endif
