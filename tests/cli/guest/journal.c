/* Two accounts on a disk, and transfers between them that a log makes atomic: a file-system lab in small. i386, multiboot,
 * IDE by PIO, COM1. With BUG the log's header is written before what it commits. */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;

__asm__(".text\n.balign 4\n.long 0x1badb002, 0, -0x1badb002\n" /* first of all */
        ".globl _start\n_start: mov $stack + 4096, %esp\ncall kernel\n1: cli\nhlt\njmp 1b\n"
        ".bss\n.balign 16\nstack: .space 4096\n.text\n");

static u8 in8(u16 port) { u8 v; __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port)); return v; }
static void out8(u16 port, u8 v) { __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port)); }
static u16 in16(u16 port) { u16 v; __asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port)); return v; }
static void out16(u16 port, u16 v) { __asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port)); }

enum { HEADER = 1, LOG = 2, HOME = 10, MAGIC = 0x4a4e524c };

struct sector {
    u32 magic, committed, value;
    u32 rest[125];
};

static void say(const char *s)
{
    while (*s)
        out8(0x3f8, (u8)*s++);
}

static void number(u32 n)
{
    char text[12];
    int i = 11;
    text[i] = 0;
    do
        text[--i] = (char)('0' + n % 10);
    while (n /= 10);
    say(text + i);
}

static void sector_io(u32 lba, struct sector *s, int write) /* ATA-4, 9.5 and 9.6 */
{
    u16 *words = (u16 *)s;
    out8(0x3f6, 2);
    out8(0x1f6, (u8)(0xe0 | lba >> 24));
    out8(0x1f2, 1);
    out8(0x1f3, (u8)lba);
    out8(0x1f4, (u8)(lba >> 8));
    out8(0x1f5, (u8)(lba >> 16));
    out8(0x1f7, write ? 0x30 : 0x20);
    while ((in8(0x1f7) & 0x88) != 0x08)
        ;
    for (int i = 0; i < 256; i++)
        if (write)
            out16(0x1f0, words[i]);
        else
            words[i] = in16(0x1f0);
    while (in8(0x1f7) & 0x80)
        ;
}

static void put(u32 lba, u32 committed, u32 value)
{
    static struct sector s;
    s.magic = MAGIC;
    s.committed = committed;
    s.value = value;
    sector_io(lba, &s, 1);
}

static struct sector got;
static struct sector *get(u32 lba)
{
    sector_io(lba, &got, 0);
    return &got;
}

u32 balance[2];

static void install(void)
{
    for (u32 i = 0; i < 2; i++)
        put(HOME + i, 0, get(LOG + i)->value);
    put(HEADER, 0, 0);
}

static void transfer(u32 amount)
{
    balance[0] -= amount;
    balance[1] += amount;
#ifdef BUG
    put(HEADER, 1, 0);
#endif
    for (u32 i = 0; i < 2; i++)
        put(LOG + i, 0, balance[i]);
#ifndef BUG
    put(HEADER, 1, 0);
#endif
    install();
}

void kernel(void);
void kernel(void)
{
    if (get(HEADER)->magic != MAGIC) { /* a new disk */
        put(HOME, 0, 600);
        put(HOME + 1, 0, 400);
        put(HEADER, 0, 0);
    }
    if (get(HEADER)->committed) {
        say("recovering\r\n");
        install();
    }
    for (u32 i = 0; i < 2; i++)
        balance[i] = get(HOME + i)->value;
    say("sum ");
    number(balance[0] + balance[1]);
    say(balance[0] + balance[1] == 1000 ? "\r\n" : " is broken\r\n");
    for (u32 i = 0; i < 3; i++)
        transfer(10 + i);
    say("done\r\n");
}
