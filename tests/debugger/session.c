/* The command line against a guest that runs: what is typed, and what has to be in the answer. */
#include "debugger/commands.h"
#include "tests/debugger/guest.h"
#include "tests/unit.h"

static struct guest g;

struct line {
    const char *typed, *says; /* in the answer; "!text": not in it; NULL: anything */
};

static void play(unsigned xlen, const char *flags, unsigned cpus, const struct line *lines)
{
    CU_ASSERT_TRUE_FATAL(guest_compile(&g, xlen, flags));
    CU_ASSERT_TRUE_FATAL(guest_start(&g, xlen, cpus));
    for (const struct line *l = lines; l->typed; l++) {
        const char *answer = say(&g, l->typed);
        bool inverted = l->says && l->says[0] == '!';
        bool ok = !l->says || (strstr(answer, l->says + inverted) != NULL) != inverted;
        if (!ok)
            printf("\n(orrery) %s\n%s--- expected%s: %s\n", l->typed, answer, inverted ? " without" : "", l->says);
        CU_ASSERT_TRUE(ok);
    }
    guest_end(&g);
}

static const struct line stops[] = {
    { "break main", "Breakpoint 1 at 0x" },
    { "info breakpoints", "in main at guest.c:74" },
    { "tbreak guest.c:52", "Temporary breakpoint 2 at" },
    { "c", "Breakpoint 1, main () at guest.c:74\n74\t    int total = 0;" },
    { "bt", "#1  0x0000000080000010 in _start () at start.S:8" },
    { "continue", "Temporary breakpoint 2, sum_table (values=0x" },
    { "info b", "!Temporary" },
    { "info b", "!del" },
    { "info args", "n = 10" },
    { "n", "53\t" },
    { "", "54\t" },
    { "p i", "$1 = 0" },
    { "p values[i] + 1", "$2 = 4" },
    { "p $1 + $2", "= 4" },
    { "display sum", "1: sum = 0" },
    { "next", "1: sum = 3" },
    { "until", "return sum" }, /* not round the loop again */
    { "finish", "Value returned is" },
    { "p $", "= 39" },
    { "tb recurse if depth == 0", "Temporary breakpoint 3" },
    { "info b", "stop only if depth == 0" },
    { "c", "recurse (depth=0) at guest.c:36" },
    { "bt", "#4  0x" },
    { "up", "#1  0x" },
    { "p depth", "= 1" },
    { "info locals", "here = 3" },
    { "frame 2", "depth=2" },
    { "p here", "= 6" },
    { "down", "depth=1" },
    { "frame 99", "No frame at level 99" },
    { "frame 0", "#0" },
    { "s", "37" },
    { "s", "38" },
    { "s", "leaf (v=0) at guest.c:30" },
    { "watch counter", "Hardware watchpoint 4: counter" },
    { "c", "Old value = 0\nNew value = 7" },
    { "c", "New value = 149" },
    { "delete 4", NULL },
    { "delete 4", "No breakpoint number 4" },
    { "rwatch ratio", "read watchpoint 5" },
    { "disable 5", NULL },
    { "info b", "n   " },
    { "advance 82", "82\t    return total;" },
    { "p counter == total", "= 1" },
    { "nexti", NULL },
    { "position", "position " },
    { "c", "The guest powered off with status 0" },
    { "c", "The guest has ended" },
    { 0 },
};

static void test_stops(void)
{
    play(64, "-O0", 1, stops);
}

static const struct line counts[] = {
    { "b recurse", "Breakpoint 1" },
    { "commands", NULL },
    { "silent", NULL },
    { "printf \"depth %d\\n\", depth", NULL },
    { "end", NULL },
    { "ignore 1 2", "Will ignore next 2 crossings" },
    { "c", "depth 1\n" },
    { "info b", "already hit 3 times" },
    { "condition 1 nothing > 2", "No symbol \"nothing\"" },
    { "condition 1 depth == 7", NULL },
    { "b leaf hart 0 if v == 14", "Breakpoint 2" },
    { "condition 2 v == 7", NULL },
    { "c", "leaf (v=7)" },
    { "clear leaf", "Deleted breakpoint 2" },
    { "qbreak main", "Undefined command" },
    { "b leaf hart 9", "Unknown hart 9" },
    { 0 },
};

static void test_counts(void)
{
    play(64, "-O0", 1, counts);
}

static const struct line data[] = {
    { "b 81", "Breakpoint 1" },
    { "c", "81\t" },
    { "p nodes[1]", "{key = 101, next = 0x" },
    { "p nodes[1].color", "= BLUE" },
    { "p/x nodes[1].flag_b", "= 0x11" },
    { "p *nodes[0].next", "name = \"b\"" },
    { "p nodes[0].next->next->at.y", "= -2" },
    { "p &nodes[1] - &nodes[0]", "= 1" },
    { "p (char)nodes[2].name[0]", "= 99 'c'" },
    { "p matrix", "{{1, 2, 3}, {4, 5, 6}}" },
    { "p matrix[1][2] * 2 - 1", "= 11" },
    { "p ratio / 2", "= 1.25" },
    { "p greeting", "\"hello, guest\"" },
    { "p *greeting@5", "\"hello\"" },
    { "p callback", "<leaf>" },
    { "p/t 5", "= 101" },
    { "p -7 / 2", "= -3" },
    { "p -1 > 0u", "= 1" },
    { "p 1 << 40l", "= 0" },
    { "p (1l << 40) >> 38", "= 4" },
    { "p 7 % 0", "Division by zero" },
    { "p !counter || nodes[0].key == 100 && 1", "= 1" },
    { "p sizeof(struct node)", "= 56" },
    { "p sizeof table / sizeof table[0]", "= 10" },
    { "p nodes[0].kye", "There is no member named kye. The nearest is key." },
    { "p *(int (*)[2])table", "= {3, 1}" },
    { "p ((int (*)[3])matrix)[1]", "= {4, 5, 6}" },
    { "p sizeof(int[3][2])", "= 24" },
    { "whatis (int (*(*)[2])(int))0", "type = int (*(*)[2])(void)" },
    { "whatis (const char **)0", "type = char **" },
    { "p ((int (*)(int))leaf)", "<leaf>" },
    { "p (int (*)[)table", "expected" },
    { "p counter > 1 ? nodes[0].key : 7", "= 100" },
    { "p (enum color)6", "= BLUE" },
    { "p nodes[1].key@2", "= {101," },
    { "p *main", "<main>" },
    { "info types ^(node|color)$", "enum color\nstruct node\n" },
    { "info variables ^tab", "int table[10]" },
    { "info functions ^sum_", "sum_table" },
    { "info functions (", "is no regular expression" },
    { "info scope leaf", "parameter: int v, length 4" },
    { "info scope nowhere", "not defined" },
    { "symbols", "symbols kernel [FILE [OFFSET]] --" },
    { "symbols list", "*1  guest.elf: 64-bit ELF" },
    { "symbols remove 2", "there is no symbol file" },
    { "symbols add", "Argument required" },
    { "symbols add a --process sh", "names and numbers need a profile" },
    { "symbols add a --section x", "is not NAME=ADDRESS" },
    { "symbols add a --colour 3", "none of --process" },
    { "symbols add a b", "one file at a time" },
    { "symbols kernel", "CONFIG_KALLSYMS" },
    { "p tabel", "The nearest name is \"table\"" },
    { "p (struct nod *)0", "The nearest is node" },
    { "p main()", "cannot be called" },
    { "p ((((", "syntax error" },
    { "p *0", "= " },
    { "p *(int *)0x3000000000", "Cannot access memory at address 0x3000000000" },
    { "set var table[2] = 77", NULL },
    { "p table", "{3, 1, 77, 1, 5" },
    { "set var *(char *)&table[3] = 9", NULL }, /* an operator behind the setting's name begins an expression */
    { "p table[3]", "= 9" },
    { "set var *&table[3] = 1", NULL },
    { "set variable *(table + 3) += 6", NULL },
    { "p table[3]", "= 7" },
    { "set *(table + 3) = 1", NULL },
    { "set var += 1", "No symbol \"var\"" }, /* to the guest's variable of that name, which it does not have */
    { "set $a0 = 0x1234", NULL },
    { "p/x $a0", "= 0x1234" },
    { "set nodes[0].flag_a = 5", NULL },
    { "p nodes[0].flag_a + nodes[0].flag_b", "= 22" },
    { "set $x = 4", NULL },
    { "p table[$x]", "= 5" },
    { "ptype struct point", "type = struct point {\n    int x;\n    int y;\n}" },
    { "whatis nodes[0].next", "type = struct node *" },
    { "whatis callback", "type = int (*)(int)" },
    { "ptype u64", "type = unsigned long" },
    { "x/4dw table", "3\t1\t77\t1" },
    { "x", "\t5" },
    { "xp/1xb 0x10000005", "0x60" },
    { "xp/1xb 0x50000000", "Cannot access physical memory" },
    { "x/s greeting", "\"hello, guest\"" },
    { "x/2i leaf", "<leaf+0>" },
    { "x/3q table", "Undefined output format" },
    { "disassemble sum_table", "End of assembler dump." },
    { "disas/s leaf", "guest.c:31:" },
    { "info line leaf", "of \"" },
    { "info symbol table", "table" },
    { "list leaf", "counter += (u64)v;" },
    { "list 5,6", "5\tstruct point" },
    { "info registers pc", "<main" },
    { "info registers a00", "the nearest is a0" },
    { "csr mstatus", "interrupts enabled" },
    { "info csr mtvec", "mtvec" },
    { "info devices", "/uart0" },
    { "info device /uart0", "THRE=1" },
    { "info device uart0 LSR", "transmitter empty" },
    { "info device /uart7", "The nearest is /uart0" },
    { "info board", "virt" },
    { "info mtree", "ram" },
    { "info cpus", "* 0  hart0" },
    { "walk 0x80000000", "physical 0x80000000" },
    { "walk 0x50000000", "nothing answers" },
    { "info mem", "Translation is off" },
    { "hash", NULL },
    { "info nothing", "Undefined info command" },
    { "s nothing", "No symbol \"nothing\"" },
    { "stpe", "The nearest is \"step\"" },
    { "w", "Ambiguous command \"w\": watch, whatis, walk." },
    { "finish now", "takes no argument" },
    { "ptype struct", "expected" },
    { "echo a\\n", "a\n" },
    { "help walk", "says why it faults" },
    { "save x", "cannot" },
    { "source /nonexistent", "No such file" },
    { "symbol-file /nonexistent", "No such file" },
    { "p table[0]", "= 3" },
    { "symbol-file", "No symbol file now" },
    { "print 6 * 7", "42" },
    { "symbol-file", "No symbol file now" }, /* there is none, and types of expressions go with it */
    { "print 6 * 7", "42" },
    { "b main", "no symbols are loaded" },
    { "p 1+1", "= 2" },
    { 0 },
};

static void test_data(void)
{
    play(64, "-O0", 1, data);
}

static const struct line narrow[] = {
    { "tb leaf", "Temporary breakpoint 1" },
    { "c", "leaf (v=0) at guest.c:30" },
    { "bt", "#6  0x0000000080000010 in _start ()" },
    { "p sizeof(long)", "= 4" },
    { "p &v", "(int *) 0x800" },
    { "watch counter", "Hardware watchpoint 2" },
    { "c", "New value = 7" },
    { "info registers s0", "s0 " },
    { "finish", "Run till exit" },
    { "thread 1", "Current hart is 1" },
    { "info cpus", "* 1  hart1" },
    { 0 },
};

static void test_rv32(void)
{
    play(32, "-O0", 2, narrow);
}

static const struct line optimized[] = {
    { "b inlined", "Breakpoint 1" },
    { "c", "inlined (a=" },
    { "bt", "#1  main () at guest.c:80\n#2  0x0000000080000010 in _start ()" },
    { "info locals", "twice" },
    { "finish", "main () at guest.c:" },
    { 0 },
};

static void test_optimized(void)
{
    play(64, "-O1 -gdwarf-4", 1, optimized);
    play(64, "-O2 -gdwarf-5", 1, optimized);
}

/* Unwinding without any call frame information, by the frame pointer. */
static const struct line no_cfi[] = {
    { "tb *leaf + 8", "Temporary" },
    { "c", "leaf" },
    { "bt", "recurse" },
    { "bt", "main" },
    { 0 },
};

static void test_frame_pointer(void)
{
    play(64, "-O0 -g0 -fno-asynchronous-unwind-tables -fno-omit-frame-pointer", 1, no_cfi);
}

/* The same run to the end, with stops and without, is the same machine. */
static void test_same_state(void)
{
    static const char *const busy[] = { "b recurse", "c", "n", "s", "si 7", "watch counter", "c", "c", "finish",
                                       "delete", "c" };
    char quiet[64], stopped[64];
    CU_ASSERT_TRUE_FATAL(guest_compile(&g, 64, "-O1") && guest_start(&g, 64, 2));
    say(&g, "c");
    snprintf(quiet, sizeof quiet, "%s", say(&g, "hash"));
    guest_end(&g);
    CU_ASSERT_TRUE_FATAL(guest_compile(&g, 64, "-O1") && guest_start(&g, 64, 2));
    for (size_t i = 0; i < ARRAY_LEN(busy); i++)
        say(&g, busy[i]);
    for (unsigned i = 0; i < 50 && !g.d->dead; i++)
        say(&g, "c");
    snprintf(stopped, sizeof stopped, "%s", say(&g, "hash"));
    guest_end(&g);
    CU_ASSERT_STRING_EQUAL(quiet, stopped);
}

static bool offers(const char *line, const char *word)
{
    size_t start;
    bool files, hit = false;
    char **words = debugger_complete(g.d, line, strlen(line), &start, &files);
    if (!strcmp(word, "<files>"))
        hit = files;
    for (size_t i = 0; words[i]; i++) {
        hit |= !strcmp(words[i], word);
        free(words[i]);
    }
    free(words);
    return hit;
}

static void test_completion(void)
{
    CU_ASSERT_TRUE_FATAL(guest_compile(&g, 64, "-O0") && guest_start(&g, 64, 1));
    CU_ASSERT_TRUE(offers("br", "break"));
    CU_ASSERT_FALSE(offers("br", "backtrace"));
    CU_ASSERT_TRUE(offers("info dev", "devices"));
    CU_ASSERT_TRUE(offers("info device /u", "/uart0"));
    CU_ASSERT_TRUE(offers("b sum", "sum_table"));
    CU_ASSERT_TRUE(offers("tbreak gue", "guest.c"));
    CU_ASSERT_TRUE(offers("p tab", "table"));
    CU_ASSERT_TRUE(offers("p 3 + cou", "counter"));
    CU_ASSERT_TRUE(offers("p $ms", "mstatus"));
    CU_ASSERT_TRUE(offers("csr mst", "mstatus"));
    CU_ASSERT_TRUE(offers("p nodes[1].", "key"));
    CU_ASSERT_TRUE(offers("p nodes[1].next->a", "at"));
    CU_ASSERT_FALSE(offers("p nodes[1].next->a", "table"));
    CU_ASSERT_TRUE(offers("ptype struct no", "node"));
    CU_ASSERT_TRUE(offers("help ste", "stepi"));
    CU_ASSERT_TRUE(offers("source /tm", "<files>"));
    say(&g, "b leaf");
    CU_ASSERT_TRUE(offers("delete ", "1"));
    CU_ASSERT_FALSE(offers("", "nothing"));
    CU_ASSERT_FALSE(offers("p ((((", "nothing"));
    guest_end(&g);
}

/* Whatever is typed, it is answered. */
static void test_garbage(void)
{
    static const char letters[] = "px$/()[]{}*&.->+=<>!~?:,@'\"0129abif \t\\nodes tableinfo break";
    u64 seed = 7;
    char line[80], deep[5000];
    CU_ASSERT_TRUE_FATAL(guest_compile(&g, 64, "-O0") && guest_start(&g, 64, 1));
    for (unsigned i = 0; i < 4000; i++) {
        static const char *const heads[] = { "p ", "x/", "b ", "info ", "list ", "ptype ", "watch ", "display ",
                                            "printf \"%", "" };
        size_t n = 0;
        for (const char *h = heads[i % ARRAY_LEN(heads)]; *h; h++)
            line[n++] = *h;
        for (unsigned k = 0; k < 3 + i % 40; k++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            line[n++] = letters[(seed >> 33) % (sizeof letters - 1)];
        }
        line[n] = 0;
        size_t start;
        bool files;
        char **words = debugger_complete(g.d, line, n, &start, &files);
        for (size_t k = 0; words[k]; k++)
            free(words[k]);
        free(words);
        say(&g, line);
        g.d->quit = false;
        g.d->collecting = NULL;
    }
    memset(deep, '(', sizeof deep - 1);
    deep[0] = 'p';
    deep[1] = ' ';
    deep[sizeof deep - 1] = 0;
    CU_ASSERT_PTR_NOT_NULL(strstr(say(&g, deep), "longer than 4096"));
    deep[3000] = 0;
    CU_ASSERT_PTR_NOT_NULL(strstr(say(&g, deep), "nested more than"));
    say(&g, "delete");
    CU_ASSERT_PTR_NOT_NULL(strstr(say(&g, "p 2+2"), "= 4"));
    g.d->interrupted = 1; /* as after Ctrl-C: what is typed next is not cut short */
    CU_ASSERT_PTR_NOT_NULL(strstr(say(&g, "bt"), "#0"));
    guest_end(&g);
}

int main(void)
{
    CU_TestInfo tests[] = {
        { "breakpoints, watchpoints, stepping", test_stops },
        { "conditions, counts, commands", test_counts },
        { "expressions, memory, hardware", test_data },
        { "a 32-bit hart among two", test_rv32 },
        { "optimized code, DWARF 4 and 5", test_optimized },
        { "frames without debug information", test_frame_pointer },
        { "debugging changes nothing", test_same_state },
        { "completion", test_completion },
        { "garbage", test_garbage },
        CU_TEST_INFO_NULL,
    };
    if (!guest_compile(&g, 64, "-O0"))
        return 77;
    guest_end(&g);
    return unit_main("session", tests);
}
