/* A kernel of ours for the tests of how a PC's kernels are entered: it tells on the first serial port what it was given, and
 * ends the machine through isa-debug-exit. Compiled three times, -DKIND=1: multiboot 1 ("Multiboot Specification", 0.6.96),
 * 2: multiboot 2 (2.0), 3: PVH (Xen's "x86/HVM direct boot ABI"). It begins at `entry`, which is the ELF file's entry for
 * the first only. "tables" on its command line: it writes the ACPI and SMBIOS tables to port 0xe9, each with its name and
 * length in front. */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned u32;
typedef unsigned long long u64;

#if KIND == 1 /* wants modules on pages and the memory map */
__asm__(".section .header, \"a\"\n .long 0x1badb002, 3, -(0x1badb002 + 3)\n");
#elif KIND == 2 /* asks for the memory map; an entry of its own, which is not the ELF file's */
__asm__(".section .header, \"a\"\n .balign 8\n1: .long 0xe85250d6, 0, 2f - 1b, -(0xe85250d6 + 2f - 1b)\n"
        ".short 1, 0\n .long 16, 1, 6\n"
        ".short 3, 0\n .long 12, entry\n .balign 8\n"
        ".short 6, 0\n .long 8\n"
        ".short 0, 0\n .long 8\n2:\n");
#else
__asm__(".section .note.Xen, \"a\", @note\n .long 4, 4, 18\n .asciz \"Xen\"\n .long entry\n");
#endif
__asm__(".text\n.globl _start, entry\n_start: hlt\n jmp _start\n"
        "entry: mov %esp, %ecx\n lea stack + 16384, %esp\n pushf\n popl %edx\n pushl %edx\n pushl %ecx\n pushl %ebx\n pushl %eax\n"
        "call kernel\n1: cli\n hlt\n jmp 1b\n"
        ".bss\n.balign 16\nstack: .skip 16384\n");

static void outb(u16 port, u8 v) { __asm__ volatile("outb %0, %1" :: "a"(v), "d"(port)); }
static u8 inb(u16 port)
{
    u8 v;
    __asm__ volatile("inb %1, %0" : "=a"(v) : "d"(port));
    return v;
}

static void end(u32 code) { __asm__ volatile("outl %0, %1" :: "a"(code), "d"((u16)0x501)); }

/* --- telling -------------------------------------------------------------------------------------------------------- */

static void put(char c)
{
    while (!(inb(0x3fd) & 0x20))
        ;
    outb(0x3f8, (u8)c);
}

static void text(const char *s)
{
    while (*s)
        put(*s++);
}

static void number(u64 n, unsigned base)
{
    char digits[24], *p = digits + sizeof digits;
    *--p = 0;
    do {
        u32 low = (u32)n, high = (u32)(n >> 32), rest = high % base; /* no 64-bit division without a library */
        u64 q = (u64)(high / base) << 32;
        for (int bit = 31; bit >= 0; bit--) {
            rest = rest << 1 | (low >> bit & 1);
            if (rest >= base)
                rest -= base, q |= (u64)1 << bit;
        }
        *--p = "0123456789abcdef"[rest];
        n = q;
    } while (n);
    text(p);
}

static void said(const char *what, u64 n, unsigned base)
{
    text(what);
    number(n, base);
}

static void quoted(const char *what, u32 s)
{
    text(what);
    text(" \"");
    text(s ? (const char *)s : "(none)");
    text("\"\n");
}

static void module(u32 from, u32 to, u32 string)
{
    u32 a = 1, b = 0; /* Adler-32 */
    for (const u8 *p = (const u8 *)from; p < (const u8 *)to; p++) {
        a = (a + *p) % 65521;
        b = (b + a) % 65521;
    }
    said("module of ", to - from, 10);
    said(" bytes, sum ", b << 16 | a, 16);
    text(from & 0xfff ? ", not on a page" : ", on a page");
    quoted(",", string);
}

static void range(u64 base, u64 size, u32 type)
{
    if (!size)
        return;
    said("map ", base, 16);
    said(" ", size, 16);
    said(" ", type, 10);
    text("\n");
}

static int has_word(const char *s, const char *word)
{
    for (; s && *s; s++) {
        u32 n = 0;
        while (word[n] && s[n] == word[n])
            n++;
        if (!word[n])
            return 1;
    }
    return 0;
}

/* --- the firmware's tables -------------------------------------------------------------------------------------------- */

static u32 get32(u32 addr) { return *(volatile u32 *)addr; }

static void debug(const void *p, u32 n)
{
    for (const u8 *b = p; n--; b++)
        outb(0xe9, *b);
}

static void table(const char *name, u32 addr, u32 n)
{
    debug(name, 4);
    debug(&n, 4);
    debug((const void *)addr, n);
}

static u32 find(const char *mark)
{
    for (u32 at = 0xe0000; at < 0x100000; at += 16) {
        u32 n = 0;
        while (mark[n] && ((const char *)at)[n] == mark[n])
            n++;
        if (!mark[n])
            return at;
    }
    return 0;
}

static void acpi_table(u32 addr)
{
    table((const char *)addr, addr, get32(addr + 4));
    if (get32(addr) == 0x50434146) { /* FACP */
        u32 facs = get32(addr + 36), dsdt = get32(addr + 40);
        table("FACS", facs, get32(facs + 4));
        table("DSDT", dsdt, get32(dsdt + 4));
    }
}

static void tables(void)
{
    u32 rsdp = find("RSD PTR "), sm = find("_SM_");
    if (rsdp) {
        u32 root = *(u8 *)(rsdp + 15) >= 2 && get32(rsdp + 24) ? get32(rsdp + 24) : get32(rsdp + 16);
        u32 step = get32(root) == 0x54445358 ? 8 : 4; /* XSDT */
        table("RSDP", rsdp, 36);
        table((const char *)root, root, get32(root + 4));
        for (u32 at = root + 36; at < root + get32(root + 4); at += step)
            acpi_table(get32(at));
    }
    if (sm) {
        table("SMEP", sm, 31);
        table("SMBI", get32(sm + 24), *(u16 *)(sm + 22));
    }
}

/* --- what the loader said ------------------------------------------------------------------------------------------------ */

static const char *command;

#if KIND == 1
static void given(u32 magic, u32 at)
{
    const u32 *info = (const u32 *)at, flags = info[0];
    said("multiboot ", magic, 16);
    text("\n");
    if (flags & 1) {
        said("memory below ", info[1], 10);
        said(" above ", info[2], 10);
        text("\n");
    }
    if (flags & 4)
        quoted("command line", info[4]), command = (const char *)info[4];
    for (u32 i = 0; flags & 8 && i < info[5]; i++)
        module(get32(info[6] + 16 * i), get32(info[6] + 16 * i + 4), get32(info[6] + 16 * i + 8));
    for (u32 p = info[12]; flags & 64 && p < info[12] + info[11]; p += get32(p) + 4)
        range(get32(p + 4) | (u64)get32(p + 8) << 32, get32(p + 12) | (u64)get32(p + 16) << 32, get32(p + 20));
    if (flags & 512)
        quoted("loader", info[16]);
}
#elif KIND == 2
static void given(u32 magic, u32 at)
{
    said("multiboot2 ", magic, 16);
    text("\n");
    for (u32 p = at + 8; get32(p); p += (get32(p + 4) + 7) & ~7u) {
        switch (get32(p)) {
        case 1: quoted("command line", p + 8); command = (const char *)(p + 8); break;
        case 2: quoted("loader", p + 8); break;
        case 3: module(get32(p + 8), get32(p + 12), p + 16); break;
        case 4:
            said("memory below ", get32(p + 8), 10);
            said(" above ", get32(p + 12), 10);
            text("\n");
            break;
        case 6:
            for (u32 e = p + 16; e < p + get32(p + 4); e += get32(p + 8))
                range(get32(e) | (u64)get32(e + 4) << 32, get32(e + 8) | (u64)get32(e + 12) << 32, get32(e + 16));
            break;
        }
    }
}
#else
static void given(u32 magic, u32 at)
{
    const u32 *info = (const u32 *)at;
    said("pvh ", info[0], 16);
    said(" version ", info[1], 10);
    text("\n");
    quoted("command line", info[6]);
    command = (const char *)info[6];
    for (u32 i = 0; i < info[3]; i++) {
        u32 m = info[4] + 32 * i;
        module(get32(m), get32(m) + get32(m + 8), get32(m + 16));
    }
    text(info[8] && info[8] == find("RSD PTR ") ? "the RSDP is where it is\n" : "no RSDP\n");
    for (u32 i = 0; info[1] >= 1 && i < info[12]; i++) {
        u32 e = info[10] + 24 * i;
        range(get32(e) | (u64)get32(e + 4) << 32, get32(e + 8) | (u64)get32(e + 12) << 32, get32(e + 16));
    }
}
#endif

void kernel(u32 eax, u32 ebx, u32 esp, u32 flags);

void kernel(u32 eax, u32 ebx, u32 esp, u32 flags)
{
    u32 cr0, below = get32(0x600), above = get32(0x100600);
    u16 cs, ss;
    __asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
    __asm__ volatile("mov %%cs, %0\n mov %%ss, %1" : "=r"(cs), "=r"(ss));
    u32 limit, right;
    __asm__ volatile("lsl %1, %0" : "=r"(limit) : "r"((u32)cs));
    __asm__ volatile("lar %1, %0" : "=r"(right) : "r"((u32)ss));
    outb(0x3fb, 3); /* 8 bits */
    text("\n");
    said("CR0 PE ", cr0 & 1, 10);
    said(" PG ", cr0 >> 31, 10);
    said(", IF ", flags >> 9 & 1, 10);
    said(", limit of CS ", limit, 16);
    text(right & 0x400000 ? ", 32-bit stack" : ", 16-bit stack");
    *(volatile u32 *)0x600 = ~above;
    text(get32(0x100600) == above ? ", A20 on\n" : ", A20 off\n");
    *(volatile u32 *)0x600 = below;
    given(eax, ebx);
    if (has_word(command, "tables"))
        tables();
    text("end\n");
    end(0x2a);
}
