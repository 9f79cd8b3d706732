/* What fuzzers of ours share: numbered cases run in a child process that notes the number first, so that after a crash,
 * a sanitizer's report or a hang it is printed. From the number everything follows.
 *
 *   NAME [SECONDS [SEED [CASES]]]        to repeat one case: NAME 60 NUMBER 1 */
#ifndef TESTS_FUZZ_CASES_H
#define TESTS_FUZZ_CASES_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/rng.h"

#define CASE_HANGS_AFTER 30 /* seconds */

struct case_shared { /* between the child and who watches it */
    volatile u64 number, done;
};

static inline u64 any(u64 *rng, u64 below)
{
    return rng_next(rng) % below;
}

static inline bool one_in(u64 *rng, u64 n)
{
    return any(rng, n) == 0;
}

/* For what must never happen; fd 2 and not stderr, which a fuzzer may have silenced. */
static inline void wrong(const char *what)
{
    dprintf(2, "%s\n", what);
    abort();
}

/* Changes bytes, numbers and lengths here and there: what tears parsers apart. */
static inline void mutate(u64 *rng, u8 *p, size_t n)
{
    static const u64 special[] = { 0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
                                   0x100000000, INT64_MAX, (u64)1 << 63, UINT64_MAX - 1, UINT64_MAX };
    for (u64 k = 1 + any(rng, 4); n && k; k--) {
        size_t at = any(rng, n);
        switch (any(rng, 4)) {
        case 0: p[at] ^= (u8)(1 << any(rng, 8)); break;
        case 1: p[at] = (u8)rng_next(rng); break;
        default: {
            static const unsigned sizes[] = { 1, 2, 4, 8 };
            unsigned size = sizes[any(rng, 4)];
            if (n - at < size)
                break;
            u64 v = one_in(rng, 3) ? load_le(p + at, size) + any(rng, 9) - 4 : special[any(rng, ARRAY_LEN(special))];
            store_le(p + at, size, v);
        }
        }
    }
}

static inline double case_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static inline int cases_main(const char *name, int argc, char **argv, void (*run_case)(u64 number))
{
    double limit = argc > 1 ? atof(argv[1]) : 3, start = case_seconds();
    u64 seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1, cases = argc > 3 ? strtoull(argv[3], NULL, 0) : UINT64_MAX;
    struct case_shared *sh = mmap(NULL, sizeof *sh, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (sh == MAP_FAILED)
        return 99;
    pid_t pid = fork();
    if (pid < 0)
        return 99;
    if (!pid) {
        for (u64 i = 0; i < cases && (!i || case_seconds() < start + limit); i++) {
            sh->number = seed + i;
            run_case(seed + i);
            sh->done++;
        }
        exit(0);
    }
    int status = 0;
    u64 last = UINT64_MAX;
    double moved = start;
    while (waitpid(pid, &status, WNOHANG) == 0) {
        double now = case_seconds();
        if (sh->done != last) {
            last = sh->done;
            moved = now;
        } else if (now - moved > CASE_HANGS_AFTER) {
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            fprintf(stderr, "%s: hangs in case %llu; repeat it with: %s 60 %llu 1\n", name,
                    (unsigned long long)sh->number, argv[0], (unsigned long long)sh->number);
            return 1;
        }
        usleep(10000);
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status)) {
        fprintf(stderr, "%s: failed in case %llu; repeat it with: %s 60 %llu 1\n", name, (unsigned long long)sh->number,
                argv[0], (unsigned long long)sh->number);
        return 1;
    }
    printf("%s: %llu cases from %llu on, %.1f s\n", name, (unsigned long long)sh->done, (unsigned long long)seed,
           case_seconds() - start);
    return 0;
}

#endif
