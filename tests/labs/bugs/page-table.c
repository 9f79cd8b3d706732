/* A stray write into a page table: a log that looks at its end too late, in the page before. The page it loses is used rarely. */
#include "kernel.h"

#define PAGE 4096
#define WINDOW 0x40000000ul /* where jobs see their pages */
#define JOB_PAGES 8

enum { V = 1, R = 2, W = 4, X = 8, A = 64, D = 128 };

static uint8_t pool[JOB_PAGES + 4][PAGE] __attribute__((aligned(PAGE)));
static unsigned taken;
static char *log_page;
static unsigned log_at;
uint64_t *root, *middle, *table; /* Sv39: levels 2, 1, 0 */

static void *page_new(void)
{
    return pool[taken++];
}

static uint64_t entry(const void *to, unsigned flags)
{
    return (uint64_t)(uintptr_t)to >> 12 << 10 | flags;
}

static void log_text(const char *text)
{
    while (*text)
        log_page[log_at++] = *text++;
    if (log_at > PAGE - 8)
        log_at = 0;
}

static void job(unsigned n)
{
    volatile unsigned long *mine = (void *)(WINDOW + (1 + n % (JOB_PAGES - 1)) * PAGE);
    *mine += n;
    log_text("job is done, all is well");
}

static void report(void)
{
    volatile unsigned long *totals = (void *)WINDOW; /* the first page */
    *totals += 1000;
}

/* In supervisor mode, with translation on. */
static void supervisor(void)
{
    for (unsigned n = 1; n <= 10000; n++) {
        job(n);
        if (n % 1000 == 0)
            report();
    }
    say("all jobs are done\n");
    power_off();
}

void tick(void) {}

void test(unsigned hart)
{
    if (hart)
        return;
    root = page_new();
    middle = page_new();
    log_page = page_new();
    table = page_new();
    root[0] = entry((void *)0, V | R | W | A | D);                      /* devices */
    root[1] = entry(middle, V);                                         /* the window */
    root[2] = entry((void *)0x80000000ul, V | R | W | X | A | D);       /* this program */
    middle[0] = entry(table, V);
    for (unsigned i = 0; i < JOB_PAGES; i++)
        table[i] = entry(page_new(), V | R | W | A | D);
    __asm__ volatile("csrw pmpaddr0, %0\n\tcsrw pmpcfg0, %1\n\t" /* supervisor mode may use all memory */
                     "csrw satp, %2\n\tsfence.vma\n\t"
                     "csrc mstatus, %3\n\tcsrs mstatus, %4\n\tcsrw mepc, %5\n\tmret"
                     : : "r"(-1ul), "r"(0x1ful), "r"(8ul << 60 | (uintptr_t)root >> 12), "r"(3ul << 11), "r"(1ul << 11),
                       "r"(supervisor) : "memory");
}
