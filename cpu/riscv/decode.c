/* The decoder: the pictures of insn.def, sorted into short lists by the bits that tell most rows apart. */
#include <stdlib.h>
#include <string.h>

#include "cpu/riscv/insn.h"

/* Immediate bits in the order of the picture's i's: "s 12|10:5|4:1|11". */
static unsigned imm_bits(const char *s, u8 bit[32], bool *sign)
{
    unsigned n = 0;
    *sign = *s == 's';
    if (!*s)
        return 0;
    s += 2;
    while (*s) {
        char *end;
        unsigned hi = (unsigned)strtoul(s, &end, 10), lo = hi;
        if (*end == ':')
            lo = (unsigned)strtoul(end + 1, &end, 10);
        for (unsigned b = hi + 1; b-- > lo;)
            bit[n++] = (u8)b;
        s = *end ? end + 1 : end;
    }
    return n;
}

static unsigned picture_len(const char *p)
{
    unsigned n = 0;
    for (; *p; p++)
        n += *p != ' ';
    return n;
}

static void field(u8 *lo, u8 *width, unsigned at)
{
    *lo = (u8)at; /* the last one seen is the lowest */
    ++*width;
}

void rv_parse_row(const struct riscv_insn *insn, struct rv_row *r)
{
    u8 bit[32], unused_w = 0;
    bool sign;
    unsigned n_bits = imm_bits(insn->imm, bit, &sign), at = picture_len(insn->picture), nth = 0, top = 0;

    memset(r, 0, sizeof *r);
    r->len = (u8)(at / 8);
    for (unsigned k = 0; k < n_bits; k++)
        if (bit[k] > top)
            top = bit[k];
    r->imm_sign = sign ? (u8)(top + 1) : 0;
    for (const char *p = insn->picture; *p; p++) {
        if (*p == ' ')
            continue;
        at--;
        switch (*p) {
        case '1': r->match |= 1u << at; /* fall through */
        case '0': r->mask |= 1u << at; break;
        case 'd': field(&r->d_lo, &r->d_w, at); break;
        case 's': field(&r->s_lo, &r->s_w, at); break;
        case 't': field(&r->t_lo, &r->t_w, at); break;
        case 'u': field(&r->u_lo, &unused_w, at); break;
        case 'm': field(&r->m_lo, &r->m_w, at); break;
        case 'q': case 'r': field(&r->a_lo, &r->a_w, at); break;
        case 'i':
            if (nth < n_bits) {
                u8 to = bit[nth++], last = (u8)(r->n_imm - 1);
                if (r->n_imm && r->imm[last].from == at + 1 && r->imm[last].to == to + 1) {
                    r->imm[last].from--;
                    r->imm[last].to--;
                    r->imm[last].width++;
                } else {
                    r->imm[r->n_imm].from = (u8)at;
                    r->imm[r->n_imm].to = to;
                    r->imm[r->n_imm++].width = 1;
                }
            }
            break;
        }
    }
    for (const char *p = insn->implied; *p;) { /* "d=2,s=2" */
        u8 value = p[2] == 'd' ? RV_SAME : (u8)strtoul(p + 2, NULL, 10);
        if (*p == 'd')
            r->d_fix = value;
        else
            r->s_fix = value;
        p = strchr(p, ',');
        if (!p)
            break;
        p++;
    }
}

static u8 reg_field(u32 bits, u8 lo, u8 width)
{
    u32 v = bits >> lo & ((1u << width) - 1);
    return (u8)(width == 3 ? v + 8 : v);
}

static i64 immediate(const struct rv_row *r, u32 bits)
{
    u64 v = 0;
    for (unsigned k = 0; k < r->n_imm; k++)
        v |= bits_get(bits, r->imm[k].from, r->imm[k].width) << r->imm[k].to;
    return r->imm_sign ? sign_extend(v, r->imm_sign) : (i64)v;
}

bool rv_row_matches(const struct rv_decoder *d, unsigned op, u32 bits)
{
    const struct riscv_insn *insn = &riscv_insns[op];
    const struct rv_row *r = &d->row[op];
    if (!(insn->xlen & d->xlen) || (insn->ext & ~d->ext) || rv_insn_length(bits) != r->len ||
        (bits & r->mask) != r->match)
        return false;
    if (r->m_w && ((bits >> r->m_lo & 7) == 5 || (bits >> r->m_lo & 7) == 6))
        return false;
    u32 f = insn->flags;
    if ((f & F_NZ_I) && !immediate(r, bits))
        return false;
    if ((f & F_NZ_D) && !(bits >> r->d_lo & 31))
        return false;
    if ((f & F_NZ_S) && !(bits >> r->s_lo & 31))
        return false;
    if ((f & F_NZ_T) && !(bits >> r->t_lo & 31))
        return false;
    if ((f & F_D_NOT2) && (bits >> r->d_lo & 31) == 2)
        return false;
    return true;
}

/* Which bits make up the key, highest first. Full words: opcode[6:2], funct3, the top five. Compressed: funct3,
 * quadrant, bits 12 to 10, 6 and 5. */
static const u8 key4_bits[] = { 31, 30, 29, 28, 27, 14, 13, 12, 6, 5, 4, 3, 2 };
static const u8 key2_bits[] = { 15, 14, 13, 1, 0, 12, 11, 10, 6, 5 };

static unsigned key4(u32 b) { return (b >> 27) << 8 | (b >> 12 & 7) << 5 | (b >> 2 & 31); }
static unsigned key2(u32 b) { return (b >> 13 & 7) << 7 | (b & 3) << 5 | (b >> 10 & 7) << 2 | (b >> 5 & 3); }

/* Calls for every key an encoding of the row can have. */
static void each_key(const struct rv_row *r, const u8 *bit, unsigned n, u16 *count, u16 *list, const u16 *start, u16 op)
{
    u32 fixed = 0, match = 0;
    for (unsigned k = 0; k < n; k++) {
        fixed |= (r->mask >> bit[k] & 1) << (n - 1 - k);
        match |= (r->match >> bit[k] & 1) << (n - 1 - k);
    }
    u32 loose = ~fixed & ((1u << n) - 1), sub = 0;
    do { /* every subset of the loose bits */
        u32 key = match | sub;
        if (list)
            list[start[key] + count[key]] = op;
        count[key]++;
        sub = (sub - loose) & loose;
    } while (sub);
}

static u16 *lists(struct arena *a, const struct rv_decoder *d, const u16 *order, unsigned n_order, unsigned len,
                  const u8 *bit, unsigned n_bit, u16 *start)
{
    unsigned keys = 1u << n_bit;
    u16 *count = xcalloc(keys, sizeof *count);
    for (unsigned k = 0; k < n_order; k++)
        if (d->row[order[k]].len == len)
            each_key(&d->row[order[k]], bit, n_bit, count, NULL, NULL, order[k]);
    unsigned sum = 0;
    for (unsigned k = 0; k < keys; k++) {
        start[k] = (u16)sum;
        sum += count[k];
    }
    start[keys] = (u16)sum;
    u16 *list = ARENA_ARRAY(a, u16, sum + 1);
    memset(count, 0, keys * sizeof *count);
    for (unsigned k = 0; k < n_order; k++)
        if (d->row[order[k]].len == len)
            each_key(&d->row[order[k]], bit, n_bit, count, list, start, order[k]);
    free(count);
    return list;
}

struct rv_decoder *rv_decoder_new(struct arena *a, const struct riscv_config *config)
{
    struct rv_decoder *d = ARENA_NEW(a, struct rv_decoder);
    u16 order[RV_OP_COUNT];
    unsigned n = 0;

    d->xlen = config->xlen;
    d->ext = config->ext | RV_EXT(RV_I);
    if (d->ext & RV_EXT(RV_ZFH))
        d->ext |= RV_EXT(RV_ZFHMIN);
    for (unsigned op = 0; op < RV_OP_COUNT; op++)
        rv_parse_row(&riscv_insns[op], &d->row[op]);
    for (int hint = 1; hint >= 0; hint--) /* special encodings are tried first */
        for (unsigned op = 0; op < RV_OP_COUNT; op++) {
            const struct riscv_insn *insn = &riscv_insns[op];
            if ((insn->xlen & d->xlen) && !(insn->ext & ~d->ext) && !!(insn->flags & F_HINT) == hint)
                order[n++] = (u16)op;
        }
    d->list4 = lists(a, d, order, n, 4, key4_bits, ARRAY_LEN(key4_bits), d->start4);
    d->list2 = lists(a, d, order, n, 2, key2_bits, ARRAY_LEN(key2_bits), d->start2);
    return d;
}

void rv_decode(const struct rv_decoder *d, u32 bits, struct rv_decoded *out)
{
    bool full = rv_insn_length(bits) == 4;
    if (!full)
        bits &= 0xffff;
    unsigned key = full ? key4(bits) : key2(bits);
    const u16 *start = full ? d->start4 : d->start2, *list = full ? d->list4 : d->list2;

    *out = (struct rv_decoded){ .op = RV_OP_COUNT, .len = full ? 4 : 2 };
    for (unsigned k = start[key]; k < start[key + 1]; k++) {
        const struct rv_row *r = &d->row[list[k]];
        if ((bits & r->mask) != r->match || !rv_row_matches(d, list[k], bits))
            continue;
        out->op = list[k];
        out->rd = r->d_w ? reg_field(bits, r->d_lo, r->d_w) : r->d_fix;
        out->rs1 = r->s_w ? reg_field(bits, r->s_lo, r->s_w) : r->s_fix == RV_SAME ? out->rd : r->s_fix;
        out->rs2 = r->t_w ? reg_field(bits, r->t_lo, r->t_w) : 0;
        out->rs3 = r->u_lo ? (u8)(bits >> r->u_lo & 31) : 0;
        out->rm = r->m_w ? (u8)(bits >> r->m_lo & 7) : 0;
        out->aqrl = r->a_w ? (u8)(bits >> r->a_lo & 3) : 0;
        out->imm = immediate(r, bits);
        return;
    }
}
