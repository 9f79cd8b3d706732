/* The text of a row (insn.h says how it is written) taken apart. */
#include <stdlib.h>
#include <string.h>

#include "cpu/x86/decode.h"

static bool is(const char *s, size_t n, const char *word) { return strlen(word) == n && !memcmp(s, word, n); }

static int hex_byte(const char *s, size_t n)
{
    if (n != 2)
        return -1;
    char text[3] = { s[0], s[1], 0 }, *end;
    long v = strtol(text, &end, 16);
    return *end ? -1 : (int)v;
}

/* --- operands --- */

static int size_code(const char *s, size_t n)
{
    static const struct {
        const char *text;
        u8 size;
    } sizes[] = {
        { "", Z_NONE }, { "b", Z_B }, { "bs", Z_BS }, { "w", Z_W }, { "d", Z_D }, { "q", Z_Q }, { "dq", Z_DQ }, { "qq", Z_QQ },
        { "v", Z_V }, { "z", Z_Z }, { "y", Z_Y }, { "x", Z_X }, { "ps", Z_X }, { "pd", Z_X }, { "ss", Z_SS }, { "sd", Z_SD },
        { "si", Z_D }, { "pi", Z_Q }, { "a", Z_A }, { "p", Z_P }, { "s", Z_S }, { "t", Z_T }, { "d/q", Z_MODE },
    };
    for (size_t k = 0; k < ARRAY_LEN(sizes); k++)
        if (is(s, n, sizes[k].text))
            return sizes[k].size;
    return -1;
}

static bool fixed_operand(const char *s, size_t n, struct x86_operand *o)
{
    static const struct {
        const char *text;
        struct x86_operand o;
    } words[] = {
        { "AL", { K_FIXED, Z_B, X86_AX, 0 } }, { "AX", { K_FIXED, Z_W, X86_AX, 0 } }, { "eAX", { K_FIXED, Z_Z, X86_AX, 0 } },
        { "rAX", { K_FIXED, Z_V, X86_AX, 0 } }, { "DX", { K_DX, Z_W, 0, 0 } }, { "CL", { K_CL, Z_B, 0, 0 } },
        { "1", { K_ONE, Z_NONE, 0, 0 } }, { "Bb", { K_BX, Z_B, 0, 0 } },
        { "ES", { K_SREG, Z_V, X86_ES, 0 } }, { "CS", { K_SREG, Z_V, X86_CS, 0 } }, { "SS", { K_SREG, Z_V, X86_SS, 0 } },
        { "DS", { K_SREG, Z_V, X86_DS, 0 } }, { "FS", { K_SREG, Z_V, X86_FS, 0 } }, { "GS", { K_SREG, Z_V, X86_GS, 0 } },
        { "ST", { K_ST, Z_NONE, 0, 0 } }, { "ST0", { K_ST, Z_NONE, 0, 0 } }, { "ST(0)", { K_ST, Z_NONE, 0, 0 } },
        { "STi", { K_STI, Z_NONE, 0, 0 } }, { "ST(i)", { K_STI, Z_NONE, 0, 0 } },
        { "vm32x", { K_VSIB, Z_D, Z_DQ, 0 } }, { "vm32y", { K_VSIB, Z_D, Z_QQ, 0 } },
        { "vm64x", { K_VSIB, Z_Q, Z_DQ, 0 } }, { "vm64y", { K_VSIB, Z_Q, Z_QQ, 0 } },
        { "XMM0", { K_FIXED, Z_DQ, 0, 0 } },
    };
    for (size_t k = 0; k < ARRAY_LEN(words); k++)
        if (is(s, n, words[k].text)) {
            *o = words[k].o;
            return true;
        }
    return false;
}

static bool parse_operand(const char *s, size_t n, struct x86_operand *o)
{
    static const char letters[] = "ABCDEGHIJLMNOPQRSUVWXYZ";
    static const u8 kinds[] = { K_FAR, K_VGPR, K_CR, K_DR, K_E, K_G, K_H, K_I, K_J, K_L, K_M, K_N, K_O, K_P, K_Q,
                                K_R, K_S, K_U, K_V, K_W, K_X, K_Y, K_Z };
    if (fixed_operand(s, n, o))
        return true;
    const char *slash = memchr(s, '/', n);
    if (slash && slash + 2 == s + n && slash[1] == 'q') /* "Rd/q" */
        slash = NULL;
    size_t first = slash ? (size_t)(slash - s) : n;
    const char *letter = n ? strchr(letters, *s) : NULL;
    int size = n ? size_code(s + 1, first - 1) : -1;
    if (!letter || !*letter || size < 0)
        return false;
    *o = (struct x86_operand){ .kind = kinds[letter - letters], .size = (u8)size };
    if (size == Z_DQ && (o->kind == K_R || o->kind == K_CR || o->kind == K_DR))
        o->size = Z_MODE;
    if (!slash)
        return true;
    /* Memory of one size or a register of another, in either order. */
    struct x86_operand other;
    if (!parse_operand(slash + 1, n - first - 1, &other))
        return false;
    const struct x86_operand *mem = o->kind == K_M ? o : &other, *reg = o->kind == K_M ? &other : o;
    if (mem->kind != K_M)
        return false;
    o->mem_size = mem->size;
    o->size = reg->size;
    o->kind = reg->kind == K_R ? K_E : reg->kind == K_N ? K_Q : reg->kind == K_U ? K_W : reg->kind;
    return true;
}

static bool parse_operands(const char *s, struct x86_form *f)
{
    while (*s) {
        size_t n = strcspn(s, ",");
        if (f->n_operands == X86_MAX_OPERANDS || !parse_operand(s, n, &f->operand[f->n_operands]))
            return false;
        f->n_operands++;
        s += n;
        if (*s && !*++s)
            return false;
    }
    return true;
}

/* --- encoding --- */

static bool parse_vex(const char *s, size_t n, struct x86_form *f)
{
    static const struct {
        const char *text;
        u8 what, value;
    } words[] = {
        { "128", 'l', 1 }, { "L0", 'l', 1 }, { "LZ", 'l', 1 }, { "256", 'l', 2 }, { "L1", 'l', 2 }, { "LIG", 'l', 0 },
        { "NP", 'p', P_NP }, { "66", 'p', P_66 }, { "F3", 'p', P_F3 }, { "F2", 'p', P_F2 },
        { "0F", 'm', 4 }, { "0F38", 'm', 5 }, { "0F3A", 'm', 6 },
        { "W0", 'w', 1 }, { "W1", 'w', 2 }, { "WIG", 'w', 0 },
        { "NDS", 0, 0 }, { "NDD", 0, 0 }, { "DDS", 0, 0 }, /* older manuals */
    };
    f->prefix = P_NP;
    for (const char *end = s + n; s < end;) {
        const char *dot = memchr(s, '.', (size_t)(end - s));
        size_t len = dot ? (size_t)(dot - s) : (size_t)(end - s), k;
        for (k = 0; k < ARRAY_LEN(words) && !is(s, len, words[k].text); k++)
            ;
        if (k == ARRAY_LEN(words))
            return false;
        switch (words[k].what) {
        case 'l': f->l = words[k].value; break;
        case 'p': f->prefix = words[k].value; break;
        case 'm': f->map = words[k].value; break;
        case 'w': f->w = words[k].value; break;
        }
        s += len + 1;
    }
    return f->map >= 4;
}

static bool parse_modrm(const char *s, size_t n, struct x86_form *f)
{
    f->has_modrm = true;
    if (n >= 2 && s[1] >= '0' && s[1] <= '7') {
        f->fixed_mask |= 0x38;
        f->fixed |= (u8)((s[1] - '0') << 3);
    } else if (n < 2 || s[1] != 'r')
        return false;
    if (n == 2)
        return true;
    if (n != 4 || s[2] != ':')
        return false;
    f->mod = s[3] == 'm' ? MOD_MEM : MOD_REG;
    return s[3] == 'm' || s[3] == 'r';
}

static u8 immediate(const char *s, size_t n)
{
    static const struct {
        const char *text;
        u8 imm;
    } words[] = {
        { "ib", IMM_B }, { "iw", IMM_W }, { "iz", IMM_Z }, { "iv", IMM_V }, { "cb", IMM_JB }, { "cz", IMM_JZ },
        { "cp", IMM_FAR }, { "mo", IMM_MOFFS }, { "/is4", IMM_IS4 }, { "is4", IMM_IS4 },
    };
    for (size_t k = 0; k < ARRAY_LEN(words); k++)
        if (is(s, n, words[k].text))
            return words[k].imm;
    return IMM_NONE;
}

static bool parse_encoding(const char *s, struct x86_form *f)
{
    static const struct {
        const char *text;
        u8 prefix;
    } prefixes[] = { { "NP", P_NP }, { "NFx", P_NFX }, { "66", P_66 }, { "F3", P_F3 }, { "F2", P_F2 } };
    bool have_opcode = false, escaped = false;

    for (size_t n; *s; s += n + (s[n] == ' ')) {
        n = strcspn(s, " ");
        size_t k;
        u8 imm = immediate(s, n);
        int byte = hex_byte(s, n);
        if (imm) {
            if (f->imm[1])
                return false;
            f->imm[!!f->imm[0]] = imm;
            continue;
        }
        if (!have_opcode && !escaped) {
            for (k = 0; k < ARRAY_LEN(prefixes) && !is(s, n, prefixes[k].text); k++)
                ;
            if (k < ARRAY_LEN(prefixes)) {
                f->prefix = prefixes[k].prefix;
                continue;
            }
            if (is(s, n, "REX.W") || is(s, n, "W1") || is(s, n, "W0")) {
                f->w = is(s, n, "W0") ? 1 : 2;
                continue;
            }
            if (is(s, n, "REX.B0")) {
                f->no_rex_b = true;
                continue;
            }
            if (n > 4 && !memcmp(s, "VEX.", 4)) {
                if (!parse_vex(s + 4, n - 4, f))
                    return false;
                escaped = true;
                continue;
            }
        }
        if (byte >= 0) {
            if (!have_opcode && f->map == 0 && byte == 0x0f && !escaped) {
                f->map = 1;
                escaped = true;
            } else if (!have_opcode && f->map == 1 && (byte == 0x38 || byte == 0x3a)) {
                f->map = byte == 0x38 ? 2 : 3;
            } else if (!have_opcode) {
                f->opcode = (u8)byte;
                f->span = 1;
                have_opcode = true;
            } else {
                f->has_modrm = true;
                f->fixed_mask = 0xff;
                f->fixed = (u8)byte;
            }
        } else if (is(s, n, "+r") && have_opcode) {
            f->span = 8;
        } else if (is(s, n, "+i") && f->has_modrm) {
            f->fixed_mask = 0xf8;
        } else if (!have_opcode || *s != '/' || !parse_modrm(s, n, f)) {
            return false;
        }
    }
    return have_opcode;
}

bool x86_parse_row(const struct x86_row *row, struct x86_form *f, const char **why)
{
    memset(f, 0, sizeof *f);
    f->main = -1;
    if (!parse_encoding(row->encoding, f)) {
        *why = "encoding";
        return false;
    }
    if (!parse_operands(row->operands, f)) {
        *why = "operands";
        return false;
    }
    for (unsigned k = 0; k < f->n_operands; k++) {
        const struct x86_operand *o = &f->operand[k];
        switch (o->kind) {
        case K_I: case K_J: case K_FAR: case K_DX: case K_ONE: case K_CL: break; /* say nothing of the size */
        default:
            if (f->main < 0)
                f->main = (i8)k;
        }
        switch (o->kind) {
        case K_G: case K_V: case K_P: case K_S: case K_CR: case K_DR:
            f->reg_kind = o->kind;
            f->reg_size = o->size;
            break;
        case K_E: case K_M: case K_R: case K_W: case K_U: case K_Q: case K_N: case K_Z: case K_STI: case K_VSIB:
            f->rm_kind = o->kind;
            f->rm_size = o->size;
            break;
        case K_H: case K_VGPR: f->uses_vvvv = true; break;
        }
        if (o->kind == K_CR || o->kind == K_DR)
            f->mod_ignored = true;
        if (o->kind == K_VSIB)
            f->vsib = true;
        if (o->size == Z_Y || o->mem_size == Z_Y)
            f->has_y = true;
    }
    if (f->rm_kind == K_R || f->rm_kind == K_U || f->rm_kind == K_N)
        if (f->mod == MOD_ANY && !f->mod_ignored)
            f->mod = MOD_REG;
    if (f->rm_kind == K_M || f->rm_kind == K_VSIB) {
        if (f->mod == MOD_REG) {
            *why = "memory operand with a register's encoding";
            return false;
        }
        f->mod = MOD_MEM;
    }
    if ((f->reg_kind || (f->rm_kind && f->rm_kind != K_Z)) && !f->has_modrm) {
        *why = "operands in a ModRM byte that is not there";
        return false;
    }
    return true;
}
