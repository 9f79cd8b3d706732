/* Derived clocks: exact rationals over the whole 64-bit range. The law is
 * domain_ticks(domain_when(t)) >= t and domain_ticks(domain_when(t) - 1) < t. */
#include "base/clock.h"
#include "base/rng.h"
#include "tests/unit.h"

static const struct {
    const char *what;
    u64 master, num, den;
} rates[] = {
    { "the master itself", 1000000000, 1000000000, 1 },
    { "mtime, 10 MHz", 1000000000, 10000000, 1 },
    { "PIT, 315/264 MHz", 1000000000, 315000000, 264 },
    { "colour carrier x4, 315/22 MHz", 1000000000, 315000000, 22 },
    { "RTC, 32.768 kHz", 1000000000, 32768, 1 },
    { "UART, 3.6864 MHz", 1000000000, 3686400, 1 },
    { "315/22 MHz of a 100 MHz core", 100000000, 315000000, 22 },
    { "once a day", 1000000000, 1, 86400 },
    { "a prime", 999999937, 9999991, 7 },
    { "one below the master", 1000000007, 1000000006, 1 },
};

static void check(struct domain d, u64 ticks, unsigned *wrong)
{
    u64 when = domain_when(d, ticks);
    if (when == CLOCK_NEVER) {
        /* Only when no master tick reaches it. The last tick is CLOCK_NEVER itself. */
        *wrong += domain_ticks(d, CLOCK_NEVER - 1) >= ticks;
        return;
    }
    *wrong += domain_ticks(d, when) < ticks;
    *wrong += when && domain_ticks(d, when - 1) >= ticks;
}

static void inverse(void)
{
    u64 rng = 315;
    for (unsigned i = 0; i < ARRAY_LEN(rates); i++) {
        struct domain d = domain_make(rates[i].master, rates[i].num, rates[i].den);
        unsigned wrong = 0;
        for (u64 t = 0; t < 3000; t++)
            check(d, t, &wrong);
        for (unsigned n = 0; n < 20000; n++) {
            u64 r = rng_next(&rng) >> (rng_next(&rng) % 64);
            check(d, r, &wrong);
            check(d, UINT64_MAX - r, &wrong);
            check(d, domain_ticks(d, r), &wrong);
            /* The other way round: the first master tick of the tick at hand is not after now. */
            wrong += domain_when(d, domain_ticks(d, r)) > r;
        }
        if (wrong)
            fprintf(stderr, "%s: %u wrong\n", rates[i].what, wrong);
        CU_ASSERT_EQUAL(wrong, 0);
    }
}

/* No drift: n seconds of the master are exactly n times the rate, however large n. */
static void whole_seconds(void)
{
    for (unsigned i = 0; i < ARRAY_LEN(rates); i++) {
        struct domain d = domain_make(rates[i].master, rates[i].num, rates[i].den);
        for (u64 n = rates[i].den; n < UINT64_MAX / rates[i].master; n *= 3) {
            u64 seconds = n - n % rates[i].den;
            CU_ASSERT_EQUAL(domain_ticks(d, seconds * rates[i].master), seconds / rates[i].den * rates[i].num);
        }
    }
}

static void known_values(void)
{
    /* 315/22 MHz: 315 ticks in 22 microseconds; the first comes in the 70th nanosecond (69.84). */
    struct domain d = domain_make(1000000000, 315000000, 22);
    CU_ASSERT_EQUAL(domain_ticks(d, 22000), 315);
    CU_ASSERT_EQUAL(domain_ticks(d, 21999), 314);
    CU_ASSERT_EQUAL(domain_when(d, 0), 0);
    CU_ASSERT_EQUAL(domain_when(d, 1), 70);
    CU_ASSERT_EQUAL(domain_when(d, 315), 22000);
    CU_ASSERT_EQUAL(domain_when(d, UINT64_MAX), CLOCK_NEVER);
    /* Lowest terms. */
    CU_ASSERT_EQUAL(d.num, 63);
    CU_ASSERT_EQUAL(d.den, 4400);
    struct domain rtc = domain_make(1000000000, 32768, 1);
    CU_ASSERT_EQUAL(domain_when(rtc, 1), 30518); /* 30517.578125 ns */
    CU_ASSERT_EQUAL(domain_ticks(rtc, UINT64_MAX), 604462909807314u); /* floor((2^64 - 1) * 2^15 / 10^9) */
}

int main(void)
{
    static CU_TestInfo tests[] = {
        { "when and ticks are inverse", inverse },
        { "whole seconds do not drift", whole_seconds },
        { "known values", known_values },
        CU_TEST_INFO_NULL,
    };
    return unit_main("domain", tests);
}
