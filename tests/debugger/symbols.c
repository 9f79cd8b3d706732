/* Symbols, lines, scopes and types of the guest, against llvm-symbolizer; and files that nobody should trust. */
#include <dwarf.h>

#include "tests/debugger/guest.h"
#include "tests/unit.h"

static struct guest g;

static void test_symbols(void)
{
    u64 offset;
    const struct symbol *main_symbol = symbols_named(g.d->syms, "main");
    CU_ASSERT_PTR_NOT_NULL_FATAL(main_symbol);
    CU_ASSERT_EQUAL(main_symbol->kind, SYM_FUNC);
    const struct symbol *sym = symbols_at(g.d->syms, main_symbol->addr + 4, &offset);
    CU_ASSERT_PTR_EQUAL(sym, main_symbol);
    CU_ASSERT_EQUAL(offset, 4);
    sym = symbols_at(g.d->syms, symbols_named(g.d->syms, "table")->addr + 12, &offset);
    CU_ASSERT_STRING_EQUAL(sym->name, "table");
    CU_ASSERT_EQUAL(offset, 12);
    CU_ASSERT_PTR_NULL(symbols_at(g.d->syms, 0x1000, &offset));
    CU_ASSERT_PTR_NULL(symbols_named(g.d->syms, "mian"));
}

/* Every second byte of the code: file and line as llvm-symbolizer says. */
static void test_lines_against_llvm(void)
{
    char cmd[512], path[128], text[1024];
    u64 low, high;
    unsigned n = 0, wrong = 0;
    CU_ASSERT_TRUE_FATAL(symbols_function_at(g.d->syms, symbols_named(g.d->syms, "main")->addr, &low, &high, NULL));
    snprintf(path, sizeof path, "%s/addresses", g.dir);
    FILE *f = fopen(path, "w");
    for (u64 a = 0x80000000; a < high; a += 2)
        fprintf(f, "0x%llx\n", (unsigned long long)a);
    fclose(f);
    snprintf(cmd, sizeof cmd, "llvm-symbolizer --obj=%s --inlining=false --functions=none < %s", g.elf, path);
    f = popen(cmd, "r");
    for (u64 a = 0x80000000; a < high; a += 2) {
        struct source_pos p;
        int line = 0;
        if (!fgets(text, sizeof text, f))
            break;
        char *colon = strrchr(text, ':');
        if (colon) {
            *colon = 0;
            char *before = strrchr(text, ':');
            line = before ? atoi(before + 1) : 0;
        }
        bool known = symbols_line_at(g.d->syms, a, &p);
        if ((known ? p.line : 0) != line && wrong++ < 5)
            printf("0x%llx: line %d here, %d in llvm-symbolizer\n", (unsigned long long)a, known ? p.line : 0, line);
        n++;
        if (!fgets(text, sizeof text, f)) /* the blank line between answers */
            break;
    }
    pclose(f);
    if (!n)
        printf("llvm-symbolizer is not here (package llvm): not compared\n");
    CU_ASSERT_EQUAL(wrong, 0);
}

static void test_line_addresses(void)
{
    u64 addrs[8], low, high;
    int found;
    const char *name;
    CU_ASSERT_EQUAL_FATAL(symbols_line_addrs(g.d->syms, "guest.c", 55, &found, addrs, 8), 1);
    CU_ASSERT_EQUAL(found, 55);
    CU_ASSERT_TRUE(symbols_function_at(g.d->syms, addrs[0], &low, &high, &name));
    CU_ASSERT_STRING_EQUAL(name, "sum_table");
    CU_ASSERT_TRUE(addrs[0] >= low && addrs[0] < high);
    /* A line without code gives the next one that has some. */
    CU_ASSERT_TRUE(symbols_line_addrs(g.d->syms, "guest.c", 71, &found, addrs, 8) > 0);
    CU_ASSERT_TRUE(found > 71);
    CU_ASSERT_EQUAL(symbols_line_addrs(g.d->syms, "guest.c", 9999, &found, addrs, 8), 0);
    CU_ASSERT_EQUAL(symbols_line_addrs(g.d->syms, "nothing.c", 1, &found, addrs, 8), 0);
    CU_ASSERT_EQUAL(symbols_line_addrs(g.d->syms, "est.c", 55, &found, addrs, 8), 0); /* not a whole name */
    /* Behind a prologue is inside the function, at a statement. */
    u64 entry = symbols_named(g.d->syms, "recurse")->addr, body = symbols_after_prologue(g.d->syms, entry);
    CU_ASSERT_TRUE(body > entry && body < entry + 64);
}

static bool count_member(void *opaque, const struct member *m)
{
    (void)m;
    ++*(unsigned *)opaque;
    return true;
}

static void test_types(void)
{
    Dwarf_Die die;
    struct symfile *f;
    struct member m;
    unsigned n = 0;
    CU_ASSERT_TRUE_FATAL(symbols_type_named(g.d->syms, DW_TAG_structure_type, "node", &die, &f));
    struct type *t = type_of_die(g.d->syms, f, &die);
    type_members(g.d->syms, t, count_member, &n);
    CU_ASSERT_EQUAL(n, 8);
    CU_ASSERT_TRUE(type_member(g.d->syms, t, "flag_b", &m));
    CU_ASSERT_EQUAL(m.bit_size, 5);
    CU_ASSERT_EQUAL(m.offset * 8 + m.bit_offset, 8 * 28 + 3);
    CU_ASSERT_TRUE(type_member(g.d->syms, t, "byte", &m)); /* of the anonymous union */
    CU_ASSERT_EQUAL(m.offset, 48);
    CU_ASSERT_FALSE(type_member(g.d->syms, t, "kye", &m));
    CU_ASSERT_EQUAL(type_size(g.d->syms, t), 56);
    CU_ASSERT_FALSE(symbols_type_named(g.d->syms, DW_TAG_structure_type, "nod", &die, &f));
}

static void test_not_elf(void)
{
    struct symbols *s = symbols_new();
    struct err e;
    CU_ASSERT_FALSE(symbols_add(s, "x.bin", (const u8 *)"MZ", 2, 0, &e));
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "x.bin is neither an ELF file nor"));
    CU_ASSERT_FALSE(symbols_add(s, "cut.elf", g.image.data, 20, 0, &e));
    symbols_free(s);
}

static void ask_everything(struct guest *h)
{
    static const char *const lines[] = {
        "bt", "info locals", "info args", "info frame", "p nodes", "p *nodes[0].next", "ptype struct node",
        "ptype nodes",
        "whatis main", "p table", "p matrix", "info line recurse", "b guest.c:54", "b inlined", "info symbol main",
        "list main", "disas main", "info source", "p sizeof(struct node)", "p here", "p &nodes[1].at",
        "p nodes[0].byte",
        "info functions", "delete",
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        say(h, lines[i]);
    for (u64 a = 0x80000000; a < 0x80000180; a += 6) {
        struct source_pos p;
        u64 low, high;
        symbols_line_at(h->d->syms, a, &p);
        symbols_function_at(h->d->syms, a, &low, &high, NULL);
    }
}

/* Bytes changed at random, in the same places every time, and files cut short: anything but a crash or a hang. */
static void test_hostile(void)
{
    u64 seed = 42;
    struct buf copy = { 0 };
    struct symbols *good = g.d->syms;
    buf_put(&copy, g.image.data, g.image.len);
    say(&g, "b recurse if depth == 1");
    say(&g, "c");
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_cstr(&g.out), "Breakpoint"));
    say(&g, "delete");
    unsigned loaded = 0;
    for (unsigned round = 0; round < 300; round++) {
        struct err e;
        memcpy(copy.data, g.image.data, copy.len);
        for (unsigned i = 0, n = 1 + round % 40; i < n; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            copy.data[(seed >> 20) % copy.len] = (u8)(seed >> 11);
        }
        size_t len = round % 5 ? copy.len : 64 + (seed >> 22) % (copy.len - 64);
        g.d->syms = symbols_new();
        loaded += debugger_add_symbols(g.d, "hostile.elf", copy.data, len, 0, &e);
        ask_everything(&g);
        while (g.d->vars) { /* they point into the symbols that go away */
            struct convenience *v = g.d->vars;
            g.d->vars = v->next;
            free(v);
        }
        symbols_free(g.d->syms);
        debugger_changed(g.d);
    }
    g.d->syms = good;
    CU_ASSERT_TRUE(loaded > 100);
    CU_ASSERT_PTR_NOT_NULL(strstr(say(&g, "bt"), "main () at guest.c:77"));
    buf_free(&copy);
}

/* Sections of an object file put somewhere, as the kernel does with its modules: names, lines and types are there. */
static void test_relocatable(void)
{
    static const char *const machines[] = { "riscv64", "x86_64", "aarch64", "i386" };
    for (size_t i = 0; i < ARRAY_LEN(machines); i++) {
        struct buf object = { 0 };
        struct symbols *s = symbols_new();
        struct err e;
        struct section_place places[] = { { ".text.leaf", 0x40001000 }, { ".text.recurse", 0x40005000 },
                                          { ".text.main", 0x40009000 }, { ".data", 0x40020000 }, { ".bss", 0x40030000 } };
        struct symbols_where where = { .sections = places, .n_sections = ARRAY_LEN(places) };
        CU_ASSERT_TRUE_FATAL(guest_object(&g, machines[i], &object));
        CU_ASSERT_PTR_NULL(symbols_add_file(s, "x.ko", object.data, object.len, &(struct symbols_where){ .bias = 0 }, &e));
        CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "--section .text=ADDRESS"));
        struct symfile *f = symbols_add_file(s, "x.ko", object.data, object.len, &where, &e);
        CU_ASSERT_PTR_NOT_NULL_FATAL(f);
        const struct symbol *y = symbols_named(s, "recurse");
        CU_ASSERT_TRUE_FATAL(y && y->addr == 0x40005000 && y->kind == SYM_FUNC);
        CU_ASSERT_PTR_NULL(symbols_named(s, "build_list")); /* nobody said where its section is */
        y = symbols_named(s, "table");
        CU_ASSERT_TRUE(y && y->addr >= 0x40020000 && y->addr < 0x40021000 && y->size == 40);
        struct source_pos p;
        int found;
        u64 low, high, addrs[8];
        const char *name;
        CU_ASSERT_TRUE(symbols_line_at(s, 0x40005000, &p) && !strcmp(strrchr(p.file, '/'), "/guest.c") && p.line == 35);
        CU_ASSERT_TRUE(symbols_function_at(s, 0x40005004, &low, &high, &name) && !strcmp(name, "recurse") && low == 0x40005000);
        size_t n = symbols_line_addrs(s, "guest.c", 38, &found, addrs, 8);
        CU_ASSERT_TRUE(n >= 1 && found == 38 && addrs[0] > 0x40005000 && addrs[0] < 0x40005100);
        Dwarf_Die die;
        Dwarf_Addr at;
        CU_ASSERT_TRUE(symbols_function_named(s, "main", &die, &f) && !dwarf_lowpc(&die, &at) && at == 0x40009000);
        CU_ASSERT_EQUAL(symbols_struct_size(s, "node", &e), strcmp(machines[i], "i386") ? 56 : 44);
        CU_ASSERT_FALSE(symbols_line_at(s, 0, &p)); /* what was not placed is nowhere */
        symbols_free(s);
        buf_free(&object);
    }
}

int main(void)
{
    CU_TestInfo tests[] = {
        { "symbols by address and name", test_symbols },
        { "lines as llvm-symbolizer has them", test_lines_against_llvm },
        { "addresses of lines", test_line_addresses },
        { "types and members", test_types },
        { "not an ELF file", test_not_elf },
        { "kernel modules", test_relocatable },
        { "damaged files", test_hostile },
        CU_TEST_INFO_NULL,
    };
    if (!guest_compile(&g, 64, "-O1"))
        return 77;
    if (!guest_start(&g, 64, 1))
        return 1;
    int status = unit_main("symbols", tests);
    guest_end(&g);
    return status;
}
