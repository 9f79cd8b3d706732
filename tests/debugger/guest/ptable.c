/* procs.c for x86: a kernel whose tables have the shape of xv6-public's (ptable, cpus[] with a member proc, the kernel at
 * KERNBASE), nothing else of it. The processes init and sh take turns at each of their system calls; another one sleeps. */
typedef unsigned int uint;
typedef unsigned short ushort;
typedef unsigned char uchar;
typedef uint pde_t;

enum { KERNBASE = 0x80000000, NPROC = 8, NCPU = 2, NSEGS = 6, PAGE = 4096 };
enum { SEG_KCODE = 1, SEG_KDATA, SEG_UCODE, SEG_UDATA, SEG_TSS };
enum { PTE_P = 1, PTE_W = 2, PTE_U = 4, PTE_PS = 0x80 };
enum procstate { UNUSED, EMBRYO, SLEEPING, RUNNABLE, RUNNING, ZOMBIE };

struct trapframe { /* ptable.S pushes it */
    uint edi, esi, ebp, oesp, ebx, edx, ecx, eax, eip, cs, eflags, esp, ss;
};

struct spinlock {
    uint locked;
    const char *name;
};

struct proc {
    uint sz;
    pde_t *pgdir;
    char *kstack;
    enum procstate state;
    int pid;
    struct proc *parent;
    struct trapframe *tf;
    void *chan;
    int killed;
    char name[16];
};

struct taskstate {
    uint link, esp0, ss0, rest[22];
    ushort trace, iomb;
};

struct cpu {
    uchar apicid;
    struct taskstate ts;
    unsigned long long gdt[NSEGS];
    volatile uint started;
    struct proc *proc;
} cpus[NCPU];

struct {
    struct spinlock lock;
    struct proc proc[NPROC];
} ptable;

static pde_t directory[NPROC][1024] __attribute__((aligned(PAGE)));
static uint table[NPROC][1024] __attribute__((aligned(PAGE)));
static char stack[NPROC][PAGE] __attribute__((aligned(PAGE)));
static unsigned long long idt[0x41];
extern char init_program[], sh_program[], syscall_entry[];
void resume(struct trapframe *tf) __attribute__((noreturn));

static void make(int i, int pid, const char *name, char *program, enum procstate state)
{
    struct proc *p = &ptable.proc[i];
    p->pid = pid;
    p->state = state;
    p->sz = PAGE;
    p->pgdir = directory[i];
    p->kstack = stack[i];
    p->tf = (struct trapframe *)(p->kstack + PAGE) - 1;
    for (int k = 0; name[k]; k++)
        p->name[k] = name[k];
    /* Its program at 0, the kernel in a page of 4 MiB (SDM volume 3, 4.3). */
    p->pgdir[0] = ((uint)table[i] - KERNBASE) | PTE_P | PTE_W | PTE_U;
    table[i][0] = ((uint)program - KERNBASE) | PTE_P | PTE_U;
    p->pgdir[KERNBASE >> 22] = PTE_P | PTE_W | PTE_PS;
    p->tf->cs = SEG_UCODE << 3 | 3;
    p->tf->ss = SEG_UDATA << 3 | 3;
    p->tf->eflags = 2;
}

static void run(struct proc *p)
{
    cpus[0].proc = p;
    p->state = RUNNING;
    cpus[0].ts.esp0 = (uint)(p->kstack + PAGE);
    __asm__ volatile("mov %0, %%cr3" ::"r"((uint)p->pgdir - KERNBASE) : "memory");
    resume(p->tf);
}

/* The number is in EAX: 1 lets another run, 2 ends the machine. */
__attribute__((noinline)) void syscall(struct trapframe *tf)
{
    struct proc *now = cpus[0].proc;
    if (tf->eax == 2)
        __asm__ volatile("outb %%al, %%dx" ::"a"(0), "d"(0xf4));
    now->state = RUNNABLE;
    run(now == &ptable.proc[0] ? &ptable.proc[1] : &ptable.proc[0]);
}

static unsigned long long segment(uint base, uint limit, uint kind)
{
    return (limit & 0xffff) | (unsigned long long)(base & 0xffffff) << 16 | (unsigned long long)kind << 40 |
           (unsigned long long)(limit >> 16 & 15) << 48 | (unsigned long long)(base >> 24) << 56;
}

void kmain(void)
{
    struct cpu *c = &cpus[0];
    const struct { ushort limit; uint base; } __attribute__((packed)) gdtr = { sizeof c->gdt - 1, (uint)c->gdt },
                                                                      idtr = { sizeof idt - 1, (uint)idt };
    const unsigned long long flat = 0xcull << 52; /* 32 bits, pages */
    c->gdt[SEG_KCODE] = segment(0, 0xfffff, 0x9a) | flat;
    c->gdt[SEG_KDATA] = segment(0, 0xfffff, 0x92) | flat;
    c->gdt[SEG_UCODE] = segment(0, 0xfffff, 0xfa) | flat;
    c->gdt[SEG_UDATA] = segment(0, 0xfffff, 0xf2) | flat;
    c->gdt[SEG_TSS] = segment((uint)&c->ts, sizeof c->ts - 1, 0x89);
    idt[0x40] = ((uint)syscall_entry & 0xffff) | SEG_KCODE << 19 | 0xeeull << 40 | (unsigned long long)((uint)syscall_entry >> 16) << 48;
    c->ts.ss0 = SEG_KDATA << 3;
    __asm__ volatile("lgdt %0\n\tlidt %1\n\tljmp %2, $1f\n1:\tmov %w3, %%ds\n\tmov %w3, %%es\n\tmov %w3, %%ss\n\tltr %w4" ::"m"(gdtr),
                     "m"(idtr), "i"(SEG_KCODE << 3), "r"(SEG_KDATA << 3), "r"(SEG_TSS << 3));
    make(0, 1, "init", init_program, RUNNABLE);
    make(1, 3, "sh", sh_program, RUNNABLE);
    make(4, 4, "sleeper", init_program, SLEEPING);
    c->started = 1;
    run(&ptable.proc[0]);
}
