/* Physical memory protection (Privileged, 3.7). */
#include "cpu/riscv/priv.h"
#include "cpu/riscv/riscv.h"

/* First and last byte of an entry; false when it matches nothing. */
static bool entry_range(const struct hart *h, unsigned i, u64 *first, u64 *last)
{
    u64 addr = h->pmpaddr[i];
    switch (h->pmpcfg[i] & PMP_A) {
    case PMP_TOR: {
        u64 bottom = i ? h->pmpaddr[i - 1] : 0;
        if (bottom >= addr)
            return false;
        *first = bottom << 2;
        *last = (addr << 2) - 1;
        return true;
    }
    case PMP_NA4:
        *first = addr << 2;
        *last = *first + 3;
        return true;
    case PMP_NAPOT: {
        u64 inside = addr ^ (addr + 1); /* the trailing ones and the zero above them: k + 1 bits of a 2^(k+3) region */
        *first = (addr & ~inside) << 2;
        *last = *first + (inside << 2 | 3);
        return true;
    }
    default:
        return false;
    }
}

static bool entry_allows(u8 cfg, enum cpu_access access, unsigned priv)
{
    if (priv == PRIV_M && !(cfg & PMP_L))
        return true;
    unsigned need = (access & CPU_READ ? PMP_R : 0) | (access & CPU_WRITE ? PMP_W : 0) |
                    (access & CPU_EXEC ? PMP_X : 0);
    return (cfg & need) == need;
}

/* The lowest-numbered entry that matches any byte decides, and must match all of them (3.7.1.3).
 * *whole_page: the same answer holds for every access of this kind within the 4 KiB page of pa. */
bool riscv_pmp_allows(const struct hart *h, u64 pa, u64 size, enum cpu_access access, unsigned priv, bool *whole_page)
{
    u64 last = pa + (size ? size - 1 : 0), page = pa & ~PAGE_MASK, page_last = page | PAGE_MASK;
    bool in_one = true; /* no entry so far cuts the page */
    for (unsigned i = 0; i < h->config.pmp; i++) {
        if (!(i & 7) && !(load_le(h->pmpcfg + i, 8) & 0x1818181818181818u)) { /* eight that are off */
            i += 7;
            continue;
        }
        u64 from, to;
        if (!entry_range(h, i, &from, &to) || from > page_last || to < page)
            continue;
        bool all = from <= page && to >= page_last;
        in_one &= all;
        if (from > last || to < pa)
            continue;
        *whole_page = in_one;
        return from <= pa && to >= last && entry_allows(h->pmpcfg[i], access, priv);
    }
    *whole_page = in_one;
    return priv == PRIV_M || !h->config.pmp;
}
