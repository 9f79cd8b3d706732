/* What kernel.c asks of a machine. */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

enum { KIND_TIMER, KIND_FAULT, KIND_CALL, KIND_OTHER };
void enter_user(void (*program)(void));
void leave_user(void);
__attribute__((noinline)) double half(double v);
__attribute__((noinline)) long long wide(int v);

#ifdef __riscv
struct trapframe {
    unsigned long pc, x[31]; /* x[0] is x1 */
    unsigned long status, cause, value;
};
#define USER __attribute__((section(".user")))
#define UNMAPPED 0xc0000000
void trap_entry(void);
#define CSR_READ(name) ({ unsigned long v_; __asm__ volatile("csrr %0, " #name : "=r"(v_)); v_; })
#define CSR_WRITE(name, v) __asm__ volatile("csrw " #name ", %0" ::"r"(v) : "memory")

static inline int trap_kind(struct trapframe *f)
{
    unsigned long code = f->cause << 1 >> 1;
    if (code != f->cause)
        return code == 5 ? KIND_TIMER : KIND_OTHER;
    return code == 8 ? KIND_CALL : code == 15 ? KIND_FAULT : KIND_OTHER;
}
static inline unsigned long trap_address(struct trapframe *f) { return f->value; }
static inline long trap_argument(struct trapframe *f, int n) { return (long)f->x[9 + n]; }
static inline void trap_result(struct trapframe *f, long v)
{
    f->x[9] = (unsigned long)v;
    f->pc += 4;
}
static inline void timer_set(void)
{
#if __riscv_xlen == 64
    CSR_WRITE(0x14d, CSR_READ(time) + 1000);
#else
    CSR_WRITE(0x15d, 0);
    CSR_WRITE(0x14d, CSR_READ(time) + 1000);
#endif
}
static inline void timer_again(struct trapframe *f)
{
    (void)f;
    timer_set();
}
extern unsigned long page_table[];
static inline void map_page(unsigned long at) /* its GiB (Sv39) or 4 MiB (Sv32), to the kernel's first bytes */
{
#if __riscv_xlen == 64
    page_table[at >> 30] = 0x200000c7;
#else
    page_table[at >> 22] = 0x200000c7;
#endif
    __asm__ volatile("sfence.vma" ::: "memory");
}
static inline void stop(int status)
{
    *(volatile u32 *)0x100000 = (u32)status << 16 | 0x3333;
}
static inline void start_traps(void)
{
    timer_set();
    CSR_WRITE(sie, 1 << 5);
    CSR_WRITE(sstatus, CSR_READ(sstatus) | 2);
}
static inline __attribute__((always_inline)) long call_kernel(long n, long v)
{
    register long a0 __asm__("a0") = n;
    register long a1 __asm__("a1") = v;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a1) : "memory");
    return a0;
}
#else
struct trapframe {
#ifdef __x86_64__
    unsigned long r15, r14, r13, r12, r11, r10, r9, r8, di, si, bp, bx, dx, cx, ax;
#else
    unsigned long di, si, bp, bx, dx, cx, ax;
#endif
    unsigned long vector, error, ip, cs, flags, sp, ss;
};
#define USER
#define UNMAPPED (sizeof(long) == 8 ? 0x3fe00000 : 0x90000000)
extern unsigned long tss[], pd[], vectors[];
extern u8 idt[];
void load_idt(void);
static inline void out8(u16 port, u8 v) { __asm__ volatile("outb %0, %1" ::"a"(v), "d"(port)); }
static inline int trap_kind(struct trapframe *f)
{
    return f->vector == 32 ? KIND_TIMER : f->vector == 14 ? KIND_FAULT : f->vector == 48 ? KIND_CALL : KIND_OTHER;
}
static inline unsigned long trap_address(struct trapframe *f)
{
    unsigned long v;
    (void)f;
    __asm__ volatile("mov %%cr2, %0" : "=r"(v));
    return v;
}
static inline long trap_argument(struct trapframe *f, int n) { return (long)(n ? f->bx : f->ax); }
static inline void trap_result(struct trapframe *f, long v) { f->ax = (unsigned long)v; }
static inline void timer_again(struct trapframe *f)
{
    (void)f;
    out8(0x20, 0x20); /* EOI */
}
static inline void map_page(unsigned long at)
{
#ifdef __x86_64__
    pd[at >> 21] = (0x200000 & ~0x1ffffful) | 0x87;
#else
    pd[at >> 22] = 0x400000 | 0x87;
#endif
    __asm__ volatile("invlpg (%0)" ::"r"(at) : "memory");
}
static inline void stop(int status) { __asm__ volatile("outl %0, %1" ::"a"(status), "d"((u16)0x501)); }
static inline void write_msr(u32 n, u64 v) { __asm__ volatile("wrmsr" ::"c"(n), "a"((u32)v), "d"((u32)(v >> 32))); }
static inline void start_traps(void)
{
    for (int i = 0; i < 49; i++) {
        unsigned long at = vectors[i];
        u32 *gate = (u32 *)(idt + 2 * sizeof at * (unsigned long)i);
        gate[0] = (u32)(at & 0xffff) | 0x080000;
        gate[1] = (u32)(at & 0xffff0000) | (i == 48 ? 0xee00 : 0x8e00);
    }
    load_idt();
    out8(0x20, 0x11); out8(0x21, 0x20); out8(0x21, 4); out8(0x21, 1);
    out8(0xa0, 0x11); out8(0xa1, 0x28); out8(0xa1, 2); out8(0xa1, 1);
    out8(0x21, 0xfe); out8(0xa1, 0xff);
    out8(0x43, 0x34); out8(0x40, 0); out8(0x40, 8); /* every 2048/1.19 us */
#if defined(__x86_64__) && defined(SYSCALL)
    void syscall_entry(void);
    write_msr(0xc0000081, (u64)0x10 << 48 | (u64)8 << 32);
    write_msr(0xc0000082, (u64)syscall_entry);
    write_msr(0xc0000084, 0x200);
#endif
    __asm__ volatile("sti");
}
static inline __attribute__((always_inline)) long call_kernel(long n, long v)
{
    long r;
#if defined(__x86_64__) && defined(SYSCALL)
    __asm__ volatile("syscall" : "=a"(r) : "a"(n), "b"(v) : "rcx", "r11", "memory");
#else
    __asm__ volatile("int $48" : "=a"(r) : "a"(n), "b"(v) : "memory");
#endif
    return r;
}
#endif
