/* What tells names of addresses without an ELF file: kallsyms in each layout, BTF, lists of names, packed kernels. */
#include <lzma.h>
#include <stdio.h>
#include <zlib.h>
#include <zstd.h>

#include "debugger/btf.h"
#include "debugger/kallsyms.h"
#include "debugger/linux.h"
#include "debugger/types.h"
#include "debugger/unpack.h"
#include "tests/debugger/linux_image.h"
#include "tests/unit.h"

static struct symfile *read_image(struct symbols *s, enum layout how)
{
    struct buf image = { 0 };
    struct err e;
    e.text[0] = 0;
    buf_put(&image, KALLSYMS_DIGITS "and no tables", 32); /* what only looks like one is passed over */
    image_align(&image, 4096);
    image_make(&image, how);
    struct symfile *f = linux_read(s, image.data, image.len, 0, NULL, NULL, &e);
    if (!f)
        printf("\nlayout %d: %s\n", how, e.text);
    buf_free(&image);
    return f;
}

static void test_layouts(void)
{
    for (enum layout how = 0; how < LAYOUTS; how++) {
        struct symbols *s = symbols_new();
        struct symfile *f = read_image(s, how);
        CU_ASSERT_PTR_NOT_NULL_FATAL(f);
        CU_ASSERT_STRING_EQUAL(f->name, "Linux 6.1.0-test");
        CU_ASSERT_EQUAL(f->n_symbols, IMAGE_SYMBOLS);
        const struct symbol *y = symbols_named(s, "do_exit");
        CU_ASSERT_PTR_NOT_NULL_FATAL(y);
        CU_ASSERT_EQUAL(y->addr, image_address(40, how));
        CU_ASSERT_EQUAL(y->size, 64);
        CU_ASSERT_EQUAL(y->kind, SYM_FUNC);
        u64 offset;
        y = symbols_at(s, image_address(499, how) + 63, &offset);
        CU_ASSERT_TRUE(y && !strcmp(y->name, "func_499") && offset == 63);
        y = symbols_at(s, image_address(41, how), &offset);
        CU_ASSERT_TRUE(y && strlen(y->name) == 200);
        y = symbols_named(s, "current_task");
        CU_ASSERT_EQUAL(y->kind == SYM_OFFSET, how == LAYOUT_5_PER_CPU);
        CU_ASSERT_PTR_NULL(symbols_at(s, 0x1031, &offset)); /* per-CPU offsets are in no address space */
        symbols_free(s);
    }
}

static bool nothing_fits(void *opaque, u64 low, u64 high)
{
    CU_ASSERT_EQUAL(low, IMAGE_BASE + 64 * 30);
    CU_ASSERT_EQUAL(high, IMAGE_BASE + 64 * (IMAGE_SYMBOLS - 1) + 1);
    return false;
}

static void test_other_kernel(void)
{
    struct symbols *s = symbols_new();
    struct buf image = { 0 };
    struct err e;
    image_make(&image, LAYOUT_6_4);
    CU_ASSERT_PTR_NULL(linux_read(s, image.data, image.len, 0, nothing_fits, NULL, &e));
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "no CPU runs in it"));
    CU_ASSERT_PTR_NULL(s->files);
    CU_ASSERT_PTR_NULL(linux_read(s, image.data, 4096, 0, NULL, NULL, &e));
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "CONFIG_KALLSYMS"));
    buf_free(&image);
    symbols_free(s);
}

static const char *described(struct symbols *s, struct type *t)
{
    static char text[2000];
    struct buf b = { 0 };
    type_describe(s, t, &b);
    snprintf(text, sizeof text, "%s", buf_cstr(&b));
    buf_free(&b);
    return text;
}

static void test_btf(void)
{
    struct symbols *s = symbols_new();
    struct err e;
    struct symfile *f = read_image(s, LAYOUT_6_4);
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    CU_ASSERT_PTR_NOT_NULL_FATAL(f->btf);
    struct type *t = type_named(s, TYPE_STRUCT, "task_struct");
    CU_ASSERT_PTR_NOT_NULL_FATAL(t);
    CU_ASSERT_STRING_EQUAL(described(s, t),
                           "struct task_struct {\n"
                           "    int state;\n"
                           "    union {\n"
                           "        int a;\n"
                           "        long b;\n"
                           "    };\n"
                           "    unsigned int low : 3;\n"
                           "    unsigned int high : 5;\n"
                           "    char comm[16];\n"
                           "    struct task_struct *next;\n"
                           "    struct mm *mm;\n"
                           "    enum mood mood;\n"
                           "}");
    u64 offset = 0, size = 0, value = 0;
    CU_ASSERT_TRUE(symbols_member(s, "task_struct", "comm", &offset, &size, &e) && offset == 20 && size == 16);
    CU_ASSERT_TRUE(symbols_member(s, "task_struct", "b", &offset, &size, &e) && offset == 8 && size == 8);
    CU_ASSERT_TRUE(symbols_member(s, "task_t", "comm[3]", &offset, &size, &e) && offset == 23 && size == 1);
    CU_ASSERT_TRUE(symbols_member(s, "task_struct", "high", &offset, &size, &e) && offset == 16 && size == 1);
    CU_ASSERT_FALSE(symbols_member(s, "task_struct", "conm", &offset, &size, &e));
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "did you mean 'comm'"));
    CU_ASSERT_FALSE(symbols_member(s, "task_struct", "state[2]", &offset, &size, &e));
    CU_ASSERT_FALSE(symbols_member(s, "task_struct", "comm[", &offset, &size, &e));
    CU_ASSERT_FALSE(symbols_member(s, "task_struct", "comm[99999999999999999999999]", &offset, &size, &e) && size != 1);
    CU_ASSERT_EQUAL(symbols_struct_size(s, "task_struct", &e), 64);
    CU_ASSERT_EQUAL(symbols_struct_size(s, "nothing", &e), 0);
    /* A declaration leads to the definition. */
    struct member m;
    CU_ASSERT_TRUE_FATAL(type_member(s, t, "mm", &m));
    CU_ASSERT_EQUAL(type_size(s, type_target(s, m.type)), 8);
    CU_ASSERT_TRUE(enumerator_named(s, "ANGRY", &value) && value == (u64)-7);
    CU_ASSERT_TRUE(enumerator_named(s, "HUGE_ONE", &value) && value == ((u64)1 << 32 | 5));
    CU_ASSERT_TRUE(type_member(s, t, "mood", &m) && !strcmp(type_enumerator(type_strip(s, m.type), (u64)-7), "ANGRY"));
    struct buf b = { 0 };
    type_format(s, type_of_symbol(s, symbols_named(s, "do_exit")), NULL, &b);
    CU_ASSERT_STRING_EQUAL(buf_cstr(&b), "void (long, struct task_struct *)");
    b.len = 0;
    type_format(s, type_of_symbol(s, symbols_named(s, "current_task")), "p", &b);
    CU_ASSERT_STRING_EQUAL(buf_cstr(&b), "struct task_struct *p");
    b.len = 0;
    type_format(s, type_of_symbol(s, symbols_named(s, "init_task")), NULL, &b);
    CU_ASSERT_STRING_EQUAL(buf_cstr(&b), "struct task_struct");
    buf_free(&b);
    CU_ASSERT_PTR_NULL(type_of_symbol(s, symbols_named(s, "func_100")));
    symbols_free(s);
}

static void test_lists(void)
{
    static const char maps[] = "0000000000001000 D __per_cpu_start\n"
                               "ffffffff81000000 T _stext\n"
                               "ffffffff81000040 t b\n"
                               "ffffffff81000080 T add\r\n"
                               "ffffffff81000100 D jiffies\n"
                               "ffffffffc0100000 t helper\t[ext4]\n"
                               "ffffffffc0100010 t $x\n"
                               "                 U printk\n"
                               "ffffffffc0200000 d state [jbd2]";
    static const char sizes[] = "0000000000001139 0000000000000016 T main\n0000000000004010 0000000000000004 D a\n";
    static const char empty[] = "ffffffffffffffff B The real System.map is in the linux-image-6.1.0-dbg package\n";
    struct symbols *s = symbols_new();
    struct err e;
    u64 offset;
    CU_ASSERT_TRUE_FATAL(symbols_add(s, "System.map", (const u8 *)maps, sizeof maps - 1, 0x1000000, &e));
    const struct symbol *y = symbols_at(s, 0xffffffff82000041, &offset);
    CU_ASSERT_TRUE(y && !strcmp(y->name, "b") && offset == 1 && y->size == 64 && !y->global);
    y = symbols_named(s, "add");
    CU_ASSERT_TRUE(y && y->addr == 0xffffffff82000080 && y->global && y->kind == SYM_FUNC);
    y = symbols_named(s, "helper");
    CU_ASSERT_TRUE(y && y->module && !strcmp(y->module, "ext4"));
    y = symbols_named(s, "state");
    CU_ASSERT_TRUE(y && y->module && !strcmp(y->module, "jbd2") && y->kind == SYM_OBJECT);
    y = symbols_named(s, "__per_cpu_start");
    CU_ASSERT_TRUE(y && y->kind == SYM_OFFSET && y->addr == 0x1000);
    CU_ASSERT_PTR_NULL(symbols_named(s, "$x"));
    CU_ASSERT_PTR_NULL(symbols_named(s, "printk"));
    CU_ASSERT_TRUE_FATAL(symbols_add(s, "nm-S", (const u8 *)sizes, sizeof sizes - 1, 0, &e));
    y = symbols_named(s, "main");
    CU_ASSERT_TRUE(y && y->size == 0x16);
    CU_ASSERT_FALSE(symbols_add(s, "System.map-6.1", (const u8 *)empty, sizeof empty - 1, 0, &e));
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "`symbols kernel`"));
    CU_ASSERT_FALSE(symbols_add(s, "README", (const u8 *)"Linux kernel\n============\n", 26, 0, &e));
    /* One of them goes, the other stays. */
    symbols_remove(s, s->files);
    CU_ASSERT_PTR_NULL(symbols_named(s, "main"));
    CU_ASSERT_PTR_NOT_NULL(symbols_named(s, "jiffies"));
    symbols_free(s);
}

static bool only_sh(void *opaque, const char *process)
{
    return !strcmp(process, opaque);
}

static void test_processes(void)
{
    static const char sh[] = "0000000000001000 T main\n0000000000001100 T sh_only\n";
    static const char ls[] = "0000000000001000 T list_main\n0000000000001100 T main\n";
    static const char all[] = "0000000000001080 T vdso\n";
    struct symbols *s = symbols_new();
    struct err e;
    u64 offset;
    symbols_add_file(s, "sh", (const u8 *)sh, sizeof sh - 1, &(struct symbols_where){ .process = "sh" }, &e);
    symbols_add_file(s, "ls", (const u8 *)ls, sizeof ls - 1, &(struct symbols_where){ .process = "ls" }, &e);
    symbols_add(s, "all", (const u8 *)all, sizeof all - 1, 0, &e);
    symbols_show(s, only_sh, (void *)"sh");
    CU_ASSERT_EQUAL(symbols_named(s, "main")->addr, 0x1000);
    CU_ASSERT_PTR_NULL(symbols_named(s, "list_main"));
    CU_ASSERT_STRING_EQUAL(symbols_at(s, 0x1090, &offset)->name, "main"); /* the process's own word counts */
    symbols_show(s, only_sh, (void *)"ls");
    CU_ASSERT_EQUAL(symbols_named(s, "main")->addr, 0x1100);
    symbols_show(s, only_sh, (void *)"other");
    CU_ASSERT_PTR_NULL(symbols_named(s, "main"));
    CU_ASSERT_STRING_EQUAL(symbols_at(s, 0x1090, &offset)->name, "vdso");
    symbols_free(s);
}

static void check_unpacked(const u8 *data, size_t size, const char *what)
{
    struct buf out = { 0 };
    struct err e;
    e.text[0] = 0;
    if (!unpack_kernel(data, size, &out, &e) || out.len != 4 || memcmp(out.data, "vmli", 4))
        CU_FAIL(what);
    buf_free(&out);
    for (size_t cut = 1; cut < size && cut < 40; cut++) { /* cut off and damaged: an answer, whatever it is */
        unpack_kernel(data, size - cut, &out, &e);
        buf_free(&out);
    }
}

/* The payload as a bzImage has it: a setup sector, then code, then the packed kernel and its size. */
static void bzimage(const u8 *packed, size_t n, struct buf *out)
{
    out->len = 0;
    for (unsigned i = 0; i < 1536; i++)
        buf_put_le(out, 0x90, 1);
    out->data[0x1f1] = 1;
    memcpy(out->data + 0x202, "HdrS", 4);
    store_le(out->data + 0x248, 4, 512);
    store_le(out->data + 0x24c, 4, n + 4);
    buf_put(out, packed, n);
    buf_put_le(out, 4, 4);
}

static void test_packed(void)
{
    u8 packed[400];
    size_t n = 0;
    struct buf image = { 0 };
    struct err e;
    CU_ASSERT_EQUAL_FATAL(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC32, NULL, (const u8 *)"vmli", 4, packed, &n, sizeof packed),
                          LZMA_OK);
    check_unpacked(packed, n, "xz");
    bzimage(packed, n, &image);
    check_unpacked(image.data, image.len, "bzImage of xz");
    store_le(image.data + 0x248, 4, 0x7fffffff);
    CU_ASSERT_FALSE(unpack_kernel(image.data, image.len, &image, &e));
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "cut off"));
    n = ZSTD_compress(packed, sizeof packed, "vmli", 4, 3);
    check_unpacked(packed, n, "zstd");
    z_stream z = { .next_in = (u8 *)"vmli", .avail_in = 4, .next_out = packed, .avail_out = sizeof packed };
    deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
    CU_ASSERT_EQUAL(deflate(&z, Z_FINISH), Z_STREAM_END);
    check_unpacked(packed, z.total_out, "gzip");
    deflateEnd(&z);
    bzimage((const u8 *)"\x02\x21\x4c\x18 and more of it", 20, &image);
    CU_ASSERT_FALSE(unpack_kernel(image.data, image.len, &image, &e));
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "lz4"));
    buf_free(&image);
}

int main(void)
{
    CU_TestInfo tests[] = { { "kallsyms in each layout", test_layouts }, { "a kernel that does not run", test_other_kernel },
                            { "BTF", test_btf }, { "lists of names", test_lists },
                            { "files of processes", test_processes }, { "packed kernels", test_packed },
                            CU_TEST_INFO_NULL };
    return unit_main("osaware", tests);
}
