/* Random moves at once, and the same one after another. */
#include <stdio.h>

#include "jit/moves.h"
#include "tests/jit/random_ir.h"
#include "tests/unit.h"

enum { PLACES = 24, MOST = 20, END = LOC_SPILL + SPILL_SLOTS };

/* Every value of number k is in places[k] when the moves begin; what is in a place is such a number. */
static const u16 places[PLACES] = {
    LOC_GPR, LOC_GPR + 3, LOC_GPR + 5, LOC_GPR + 6, LOC_GPR + 7, LOC_GPR + 10, LOC_GPR + 12, LOC_GPR + 31, LOC_XMM,
    LOC_XMM + 1, LOC_XMM + 2, LOC_XMM + 15, LOC_XMM + 31, LOC_SPILL, LOC_SPILL + 1, LOC_SPILL + 7, LOC_SPILL + 80,
    LOC_SPILL + 255, LOC_CONST, LOC_CONST, LOC_CONST, LOC_GPR + 15, LOC_XMM + 9, LOC_SPILL + 40,
};

struct counts {
    unsigned circles, fans, constants;
};

/* Circles: places reached again by going from each to where its value comes from. */
static unsigned circles(const struct move *all, unsigned n)
{
    unsigned found = 0;
    bool seen[MOST] = { false };
    for (unsigned k = 0; k < n; k++) {
        unsigned at = k, length = 0;
        do {
            unsigned j = 0;
            while (j < n && all[j].to != all[at].from)
                j++;
            at = j;
            length++;
        } while (at < n && at != k && length <= n);
        if (at != k)
            continue;
        found += !seen[k];
        for (unsigned left = length; left; left--) {
            seen[at] = true;
            for (unsigned j = 0; j < n; j++)
                if (all[j].to == all[at].from) {
                    at = j;
                    break;
                }
        }
    }
    return found;
}

static bool one(u64 *s, struct counts *c)
{
    struct move all[MOST], given[MOST], out[MOST + MOST / 2];
    unsigned n = 0, order[PLACES], want = 1 + (unsigned)(next_random(s) % MOST);
    unsigned among = 2 + (unsigned)(next_random(s) % PLACES);
    bool permutation = next_random(s) & 1; /* no value twice: many circles */
    for (unsigned k = 0; k < PLACES; k++)
        order[k] = k;
    for (unsigned k = PLACES - 1; k; k--) {
        unsigned j = (unsigned)(next_random(s) % (k + 1)), was = order[k];
        order[k] = order[j];
        order[j] = was;
    }
    among = among > PLACES ? PLACES : among;
    unsigned turn = 1 + (unsigned)(next_random(s) % (among - 1));
    for (unsigned k = 0; k < among && n < want; k++) {
        unsigned v = permutation ? order[(k + turn) % among] : order[next_random(s) % among];
        if (places[order[k]] == LOC_CONST || places[v] == places[order[k]])
            continue;
        all[n++] = (struct move){ places[order[k]], places[v], (ir_val)v };
        c->constants += places[v] == LOC_CONST;
    }
    memcpy(given, all, sizeof all);

    unsigned holds[END], is_circles = circles(given, n), scratches = 0;
    for (unsigned k = 0; k < PLACES; k++)
        holds[places[k]] = k;
    holds[LOC_SCRATCH] = PLACES;
    unsigned made = moves_order(all, n, out);
    if (made != n + is_circles || made > n + n / 2)
        return false;
    for (unsigned k = 0; k < made; k++) {
        const struct move *m = &out[k];
        if (m->from != LOC_CONST && holds[m->from] != m->value)
            return false;
        scratches += m->to == LOC_SCRATCH;
        holds[m->to] = m->value;
    }
    for (unsigned k = 0; k < PLACES; k++) {
        unsigned expected = k;
        for (unsigned j = 0; j < n; j++)
            if (given[j].to == places[k])
                expected = given[j].value;
        if (places[k] != LOC_CONST && holds[places[k]] != expected)
            return false;
    }
    c->circles += is_circles;
    c->fans += !permutation;
    return scratches == is_circles;
}

static void test_order(void)
{
    struct counts c = { 0 };
    u64 s = 0x2545f4914f6cdd1d;
    unsigned wrong = 0;
    for (unsigned n = 0; n < 100000 && !wrong; n++)
        if (!one(&s, &c)) {
            printf("case %u ", n);
            wrong++;
        }
    printf("(%u circles) ", c.circles);
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT(c.circles > 20000);
    CU_ASSERT(c.fans > 20000);
    CU_ASSERT(c.constants > 20000);
}

int main(void)
{
    return unit_main("jit moves", (CU_TestInfo[]){ { "random moves in order", test_order }, CU_TEST_INFO_NULL });
}
