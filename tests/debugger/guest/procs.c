/* A kernel with processes for the tests of OS profiles: its tables have the shape of xv6's (struct proc proc[], struct cpu
 * cpus[]), nothing else of it. Hart 0 takes turns between two programs at each of their system calls, hart 1 has one of its own. */
typedef unsigned long u64;

enum procstate { UNUSED, USED, SLEEPING, RUNNABLE, RUNNING, ZOMBIE };

struct frame {
    u64 pc, x[31], kernel_sp, hart; /* procs.S knows the order */
};

struct proc {
    int lock;
    enum procstate state;
    int pid;
    u64 kstack, sz;
    u64 *pagetable;
    struct frame frame;
    char name[16];
};

struct cpu {
    struct proc *proc;
    u64 switches;
};

#define NPROC 8
struct proc proc[NPROC];
struct cpu cpus[2];
static u64 tables[NPROC][3][512] __attribute__((aligned(4096)));
extern char init_program[], sh_program[], stacks[];
extern char trap_entry[];
void resume(struct frame *f) __attribute__((noreturn));

enum { USER = 0x40000000 };

static void make(int i, int pid, const char *name, char *program, enum procstate state)
{
    struct proc *p = &proc[i];
    u64 *root = tables[i][0];
    p->pid = pid;
    p->state = state;
    p->pagetable = root;
    p->kstack = (u64)stacks + 4096 * (i == 2 ? 1 : 0);
    for (int k = 0; name[k]; k++)
        p->name[k] = name[k];
    /* Gigapages for devices and the kernel; the program at 1 GiB (Privileged, 12.4). */
    root[0] = 0xc7;
    root[2] = (u64)0x80000000 >> 12 << 10 | 0xcf;
    root[1] = (u64)tables[i][1] >> 12 << 10 | 1;
    tables[i][1][0] = (u64)tables[i][2] >> 12 << 10 | 1;
    tables[i][2][0] = (u64)program >> 12 << 10 | 0xdf;
    p->frame.pc = USER;
    p->frame.x[1] = USER + 4096; /* sp */
    p->frame.kernel_sp = p->kstack + 4096;
}

static void power_off(void)
{
    *(volatile unsigned *)0x100000 = 0x5555;
    for (;;)
        ;
}

void run(struct cpu *c, struct proc *p)
{
    c->proc = p;
    c->switches++;
    p->state = RUNNING;
    __asm__ volatile("csrw satp, %0\nsfence.vma" ::"r"(8ul << 60 | (u64)p->pagetable >> 12));
    resume(&p->frame);
}

/* Each number is a system call: 1 lets another run, 2 ends the machine. */
__attribute__((noinline)) void sys_yield(struct cpu *c)
{
    struct proc *now = c->proc, *other = c == &cpus[1] ? now : now == &proc[0] ? &proc[1] : &proc[0];
    now->state = RUNNABLE;
    run(c, other);
}

void trap(void)
{
    u64 hart;
    __asm__ volatile("mv %0, tp" : "=r"(hart));
    struct cpu *c = &cpus[hart];
    struct frame *f = &c->proc->frame;
    f->pc += 4;
    if (f->x[9] == 2)
        power_off();
    sys_yield(c);
}

void kmain(u64 hart)
{
    __asm__ volatile("csrw stvec, %0" ::"r"(trap_entry));
    struct cpu *c = &cpus[hart];
    if (hart == 0) {
        make(0, 1, "init", init_program, RUNNABLE);
        make(1, 3, "sh", sh_program, RUNNABLE);
        make(3, 4, "sleeper", init_program, SLEEPING);
    } else {
        make(2, 2, "other", init_program, RUNNABLE);
        proc[2].frame.hart = 1;
    }
    run(c, hart ? &proc[2] : &proc[0]);
}
