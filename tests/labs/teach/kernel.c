/* A teaching kernel in one page: paging, two user programs that take turns by the timer, three system calls.
 * It runs on Orrery's and QEMU's `virt` board with -bios none. */
typedef unsigned long u64;
typedef unsigned char u8;

#define UART ((volatile u8 *)0x10000000)          /* 16550 */
#define FINISHER ((volatile unsigned *)0x100000)  /* test finisher: 0x5555 ends with success */
#define SLICE 2000                                /* of the 10 MHz timer: 0.2 ms */

enum { PTE_V = 1, PTE_R = 2, PTE_W = 4, PTE_X = 8, PTE_U = 16, PTE_A = 64, PTE_D = 128 };
enum { SYS_WRITE, SYS_EXIT, SYS_TIME };

struct task {
    u64 x[32]; /* x[0] holds the program counter; x[1..31] the registers */
    const char *name;
    int alive;
};

#define csr_read(csr) ({ u64 v_; __asm__ volatile("csrr %0, " #csr : "=r"(v_)); v_; })
#define csr_write(csr, v) __asm__ volatile("csrw " #csr ", %0" ::"r"((u64)(v)) : "memory")

void trap_entry(void);
void task_enter(struct task *t) __attribute__((noreturn));
struct task *trap(struct task *t);
void kernel_main(void);

static u64 root_table[512] __attribute__((aligned(4096)));
static u64 ram_table[512] __attribute__((aligned(4096)));
static u64 user_stack[2][256] __attribute__((section(".user.data"), aligned(16)));
static struct task tasks[2];
static u64 ticks, switches;

static void put_char(char c)
{
    while (!(UART[5] & 0x20)) /* LSR.THRE */
        ;
    UART[0] = (u8)c;
}

static void print(const char *s)
{
    while (*s)
        put_char(*s++);
}

static void print_number(u64 n)
{
    if (n > 9)
        print_number(n / 10);
    put_char((char)('0' + n % 10));
}

static void set_timer(void)
{
    csr_write(0x14d, csr_read(time) + SLICE); /* stimecmp */
}

/* Sv39: devices below 1 GiB, RAM in 2 MiB pages; the page at 0x80400000 is the user's. */
static void paging_on(void)
{
    root_table[0] = PTE_V | PTE_R | PTE_W | PTE_A | PTE_D;
    root_table[2] = (u64)ram_table >> 12 << 10 | PTE_V;
    for (u64 i = 0; i < 512; i++)
        ram_table[i] = (0x80000000 + (i << 21)) >> 12 << 10 | PTE_V | PTE_R | PTE_W | PTE_X | PTE_A | PTE_D;
    ram_table[2] |= PTE_U;
    csr_write(satp, (u64)8 << 60 | (u64)root_table >> 12);
    __asm__ volatile("sfence.vma" ::: "memory");
}

/* --- user programs ------------------------------------------------------------------------------------------ */

#define USER __attribute__((section(".user.text"), noinline))
#define USER_STRING(name, s) static const char name[] __attribute__((section(".user.rodata"))) = s

static inline __attribute__((always_inline)) u64 system_call(u64 number, u64 a, u64 b)
{
    register u64 a0 __asm__("a0") = a;
    register u64 a1 __asm__("a1") = b;
    register u64 a7 __asm__("a7") = number;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a7) : "memory");
    return a0;
}

USER_STRING(prime_text, "primes below 20000: ");
USER_STRING(fib_text, "fib(20): ");

static USER u64 count_primes(u64 limit)
{
    u64 n = 0;
    for (u64 i = 2; i < limit; i++) {
        u64 d = 2;
        while (d * d <= i && i % d)
            d++;
        n += d * d > i;
    }
    return n;
}

static USER u64 fibonacci(u64 n)
{
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

static USER void primes_main(void)
{
    system_call(SYS_WRITE, (u64)prime_text, count_primes(20000));
    system_call(SYS_EXIT, 0, 0);
}

static USER void fibonacci_main(void)
{
    system_call(SYS_WRITE, (u64)fib_text, fibonacci(20));
    system_call(SYS_EXIT, 0, 0);
}

/* --- the kernel --------------------------------------------------------------------------------------------- */

static void power_off(void)
{
    print("teach: all programs are done after ");
    print_number(ticks);
    print(ticks == 1 ? " tick\n" : " ticks\n");
    *FINISHER = 0x5555;
    for (;;)
        ;
}

static struct task *schedule(struct task *now)
{
    struct task *other = now == &tasks[0] ? &tasks[1] : &tasks[0];
    if (other->alive) {
        switches++;
        return other;
    }
    if (!now->alive)
        power_off();
    return now;
}

static struct task *serve(struct task *t)
{
    t->x[0] += 4; /* behind the ecall */
    switch (t->x[17]) {
    case SYS_WRITE:
        print(t->name);
        print(": ");
        print((const char *)t->x[10]);
        print_number(t->x[11]);
        print("\n");
        return t;
    case SYS_TIME: t->x[10] = csr_read(time); return t;
    case SYS_EXIT: t->alive = 0; return schedule(t);
    default: t->x[10] = (u64)-1; return t;
    }
}

struct task *trap(struct task *t)
{
    u64 cause = csr_read(scause);
    if (cause == ((u64)1 << 63 | 5)) { /* supervisor timer */
        ticks++;
        set_timer();
        return schedule(t);
    }
    if (cause == 8) /* ecall from user mode */
        return serve(t);
    print(t->name);
    print(": killed, scause ");
    print_number(cause);
    print("\n");
    t->alive = 0;
    return schedule(t);
}

static void make_task(int i, const char *name, void (*entry)(void))
{
    tasks[i].name = name;
    tasks[i].alive = 1;
    tasks[i].x[0] = (u64)entry;
    tasks[i].x[2] = (u64)(user_stack[i] + 256);
}

void kernel_main(void)
{
    print("teach: hello from supervisor mode\n");
    paging_on();
    make_task(0, "primes", primes_main);
    make_task(1, "fibonacci", fibonacci_main);
    csr_write(stvec, trap_entry);
    csr_write(sie, 1 << 5);            /* timer interrupts */
    csr_write(sstatus, 1 << 18);       /* SUM: the kernel may read what the user passes */
    set_timer();
    task_enter(&tasks[0]);
}
