/* The few lines every CUnit program needs: a list of tests in, an exit status out. */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#ifdef UNIT_PLAIN
#include "tests/unit_plain.h"
#else
#include <CUnit/Basic.h>

/* Runs a NULL-terminated list of tests as one suite; returns the process exit status. */
static inline int unit_main(const char *suite, CU_TestInfo *tests)
{
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 99;
    CU_SuiteInfo suites[] = { { suite, NULL, NULL, NULL, NULL, tests }, CU_SUITE_INFO_NULL };
    if (CU_register_suites(suites) != CUE_SUCCESS)
        return 99;
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    unsigned failed = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failed ? 1 : 0;
}

#endif
#endif
