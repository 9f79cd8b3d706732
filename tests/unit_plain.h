/* The little of CUnit our tests use, for hosts it is not installed for (a cross-compiled test under qemu-user). */
#ifndef TESTS_UNIT_PLAIN_H
#define TESTS_UNIT_PLAIN_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
    const char *name;
    void (*fn)(void);
} CU_TestInfo;
#define CU_TEST_INFO_NULL { NULL, NULL }

struct unit_count {
    unsigned asserts, failures;
};

static inline struct unit_count *unit_count(void)
{
    static struct unit_count count;
    return &count;
}

static inline bool unit_assert(bool holds, bool fatal, const char *what, const char *file, int line)
{
    unit_count()->asserts++;
    if (!holds) {
        unit_count()->failures++;
        printf("\n    %s:%d: %s\n", file, line, what);
        if (fatal)
            exit(1);
    }
    return holds;
}

#define UNIT_ASSERT(c, fatal) unit_assert(c, fatal, #c, __FILE__, __LINE__)
#define CU_ASSERT(c) UNIT_ASSERT(c, false)
#define CU_ASSERT_FATAL(c) UNIT_ASSERT(c, true)
#define CU_ASSERT_EQUAL(a, b) UNIT_ASSERT((a) == (b), false)
#define CU_ASSERT_PTR_NOT_NULL_FATAL(p) UNIT_ASSERT((p) != NULL, true)
#define CU_FAIL(why) unit_assert(false, false, why, __FILE__, __LINE__)
#define CU_FAIL_FATAL(why) unit_assert(false, true, why, __FILE__, __LINE__)

static inline int unit_main(const char *suite, CU_TestInfo *tests)
{
    printf("%s\n", suite);
    for (; tests->name; tests++) {
        unsigned before = unit_count()->failures;
        printf("  %s ... ", tests->name);
        fflush(stdout);
        tests->fn();
        printf("%s\n", unit_count()->failures == before ? "passed" : "FAILED");
    }
    printf("%u asserts, %u failed\n", unit_count()->asserts, unit_count()->failures);
    return unit_count()->failures ? 1 : 0;
}

#endif
