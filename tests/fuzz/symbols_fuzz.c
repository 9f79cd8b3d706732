/* Everything that says what addresses are called, changed: ELF files with DWARF, relocatable files, lists of names, kernels
 * with kallsyms and BTF, packed kernels. Whatever the bytes are, reading them and asking them everything ends with an answer.
 * Build with -fsanitize=address,undefined. Needs clang and lld for the ELF files; without them those are left out. */
#include "debugger/btf.h"
#include "debugger/linux.h"
#include "debugger/unpack.h"
#include "tests/debugger/guest.h"
#include "tests/debugger/linux_image.h"
#include "tests/fuzz/cases.h"

#include <lzma.h>

static struct guest g;
static struct buf objects[3], image[LAYOUTS], list, packed;
static bool have_guest;

static bool first_members(void *opaque, const struct member *m)
{
    struct buf b = { 0 };
    type_format(opaque, m->type, m->name, &b);
    buf_free(&b);
    return true;
}

static bool describe_type(void *opaque, enum type_kind kind, const char *name)
{
    struct symbols *s = opaque;
    struct buf b = { 0 };
    struct type *t = type_named(s, kind, name);
    u64 offset, size;
    if (t) {
        type_describe(s, t, &b);
        type_members(s, t, first_members, s);
        type_size(s, t);
        type_enumerator(type_strip(s, t), 5);
    }
    symbols_member(s, name, "next->x", &offset, &size, NULL);
    symbols_member(s, name, "comm[3].a", &offset, &size, NULL);
    buf_free(&b);
    return true;
}

static bool describe_symbol(void *opaque, const struct symbol *y)
{
    struct symbols *s = opaque;
    char text[300];
    struct source_pos p;
    u64 low, high;
    struct type *t = type_of_symbol(s, y);
    struct buf b = { 0 };
    if (t)
        type_format(s, t, y->name, &b);
    symbols_format(s, y->addr + 1, text, sizeof text);
    symbols_line_at(s, y->addr, &p);
    symbols_function_at(s, y->addr, &low, &high, NULL);
    buf_free(&b);
    return true;
}

static void ask(struct symbols *s)
{
    u64 value;
    types_each(s, describe_type, s);
    symbols_each(s, describe_symbol, s);
    enumerator_named(s, "ANGRY", &value);
    symbols_struct_size(s, "task_struct", NULL);
}

static void change(u64 *rng, const struct buf *from, struct buf *to)
{
    to->len = 0;
    buf_put(to, from->data, from->len);
    mutate(rng, to->data, to->len);
    if (one_in(rng, 8))
        to->len = any(rng, to->len + 1);
    if (one_in(rng, 4) && to->len > 64) { /* bytes again elsewhere */
        size_t n = 1 + any(rng, 32), at = any(rng, to->len - n);
        memmove(to->data + any(rng, to->len - n), to->data + at, n);
    }
}

static void kernel(u64 *rng)
{
    struct buf b = { 0 };
    struct symbols *s = symbols_new();
    change(rng, &image[any(rng, LAYOUTS)], &b);
    /* From an allocation of its size, so that a step behind the end is seen. */
    u8 *exact = xmalloc(b.len ? b.len : 1);
    memcpy(exact, b.data, b.len);
    linux_read(s, exact, b.len, any(rng, 2) << 20, NULL, NULL, NULL);
    ask(s);
    free(exact);
    symbols_free(s);
    buf_free(&b);
}

/* The types alone, so that nearly every change hits them. */
static void types(u64 *rng)
{
    struct buf b = { 0 }, good = { 0 };
    image_btf(&good);
    change(rng, &good, &b);
    u8 *exact = xmalloc(b.len ? b.len : 1);
    memcpy(exact, b.data, b.len);
    struct symbols *s = symbols_new();
    struct symfile *f = symfile_new(s, "types", 0);
    f->btf = xcalloc(1, sizeof *f->btf);
    if (!btf_open(f->btf, exact, b.len, NULL)) {
        free(f->btf);
        f->btf = NULL;
    }
    symfile_done(f, NULL);
    ask(s);
    symbols_free(s);
    free(exact);
    buf_free(&b);
    buf_free(&good);
}

static void names(u64 *rng)
{
    struct buf b = { 0 };
    struct symbols *s = symbols_new();
    change(rng, &list, &b);
    symbols_add(s, "list", b.data, b.len, 0, NULL);
    ask(s);
    symbols_free(s);
    buf_free(&b);
}

static void module(u64 *rng)
{
    struct buf b = { 0 };
    struct symbols *s = symbols_new();
    struct section_place places[] = { { ".text.main", 0x40001000 }, { ".text.recurse", 0x40005000 }, { ".data", 0x40020000 } };
    const struct buf *from = &objects[any(rng, ARRAY_LEN(objects))];
    if (from->len) {
        change(rng, from, &b);
        symbols_add_file(s, "x.ko", b.data, b.len, &(struct symbols_where){ .sections = places, .n_sections = 3 }, NULL);
        ask(s);
    }
    symbols_free(s);
    buf_free(&b);
}

static void elf(u64 *rng)
{
    static const char *const lines[] = {
        "bt", "info locals", "info args", "info frame", "p nodes", "p *nodes[0].next", "ptype struct node", "p matrix",
        "info line recurse", "list main", "info scope recurse", "p here", "info types .", "info variables .",
    };
    struct buf b = { 0 };
    struct symbols *good = g.d->syms;
    change(rng, &g.image, &b);
    g.d->syms = symbols_new();
    debugger_add_symbols(g.d, "changed.elf", b.data, b.len, 0, NULL);
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        say(&g, lines[i]);
    ask(g.d->syms);
    while (g.d->vars) { /* they point into the symbols that go away */
        struct convenience *v = g.d->vars;
        g.d->vars = v->next;
        free(v);
    }
    symbols_free(g.d->syms);
    g.d->syms = good;
    debugger_changed(g.d);
    buf_free(&b);
}

static void unpack(u64 *rng)
{
    struct buf b = { 0 }, out = { 0 };
    change(rng, &packed, &b);
    unpack_kernel(b.data, b.len, &out, NULL);
    buf_free(&b);
    buf_free(&out);
}

static void run_case(u64 number)
{
    static void (*const kinds[])(u64 *rng) = { kernel, types, names, module, elf, unpack };
    u64 rng = number * 0x9e3779b97f4a7c15;
    void (*kind)(u64 *r) = kinds[number % ARRAY_LEN(kinds)];
    if (have_guest || (kind != module && kind != elf))
        kind(&rng);
}

static void make_packed(void)
{
    u8 text[3000], out[1000];
    size_t n = 0;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (u8)(i / 7);
    if (lzma_easy_buffer_encode(1, LZMA_CHECK_CRC32, NULL, text, sizeof text, out, &n, sizeof out) != LZMA_OK)
        wrong("xz cannot pack");
    for (unsigned i = 0; i < 1536; i++)
        buf_put_le(&packed, 0x90, 1);
    packed.data[0x1f1] = 1;
    memcpy(packed.data + 0x202, "HdrS", 4);
    store_le(packed.data + 0x248, 4, 512);
    store_le(packed.data + 0x24c, 4, n);
    buf_put(&packed, out, n);
}

int main(int argc, char **argv)
{
    static const char *const machines[] = { "riscv64", "x86_64", "aarch64" };
    for (enum layout how = 0; how < LAYOUTS; how++)
        image_make(&image[how], how);
    buf_printf(&list, "0000000000001000 D __per_cpu_start\nffffffff81000000 T _stext\nffffffff81000040 0000000000000010 t b\n"
                      "ffffffffc0100000 t helper\t[ext4]\n                 U printk\nffffffffc0200000 d state [jbd2]\n");
    make_packed();
    have_guest = guest_compile(&g, 64, "-O1") && guest_start(&g, 64, 1);
    for (size_t i = 0; i < ARRAY_LEN(machines) && have_guest; i++)
        have_guest = guest_object(&g, machines[i], &objects[i]);
    if (have_guest) {
        say(&g, "b recurse if depth == 1");
        say(&g, "c");
    }
    int status = cases_main("symbols_fuzz", argc, argv, run_case);
    if (have_guest)
        guest_end(&g);
    return status;
}
