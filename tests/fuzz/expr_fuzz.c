/* Expressions nobody would type: C's words and the guest's names in any order, mutated, nested deeply, far too long, compiled and
 * evaluated in frames of the teaching kernel, printed, and used as conditions and places. None may crash, hang or change the
 * guest when only reading is allowed. Build with -fsanitize=address,undefined.
 *
 *   expr_fuzz [SECONDS [SEED [CASES]]]; needs tests/labs/teach/teach.elf of the build directory */
#include "debugger/debugger.h"
#include "tests/fuzz/cases.h"

static const char *const words[] = {
    "ticks", "tasks", "tasks[1]", "current", "t", "trap", "main", "&", "*", "->", ".", "[", "]", "(", ")", "+", "-", "/", "%", "<<", ">>",
    "<", "==", "!=", "&&", "||", "!", "~", "?", ":", ",", "=", "+=", "<<=", "@", "sizeof", "sizeof(int)", "(char)", "(int *)", "(long)",
    "(struct task *)", "(unsigned char)", "struct", "unsigned", "int", "0", "1", "-1", "0x80000000", "18446744073709551615",
    "99999999999999999999999", "1.5e300", "0x", "'a'", "'\\n'", "'", "\"text\"", "\"", "$sp", "$pc", "$a0", "$mstatus", "$nothing", "$1", "$x",
    "$", "name", "regs", "regs[3]", "state", "{", "}", ";", "#", "\\", " ", "\t", "::", "...", "0b101", "077", "1u", "2ull", "3.", ".5f",
};
static const char *const whole[] = {
    "tasks[0].name", "*t", "t->regs[3] + ticks * 2", "&tasks[1].state", "(char)ticks", "*argv@3", "tasks", "sizeof(tasks)", "$sp + 8",
    "*(long *)$sp", "ticks ? t : 0", "((struct task *)0)->name", "ticks == 3 && t", "*(unsigned char *)0x80000000@64", "$a0 = 5", "ticks++",
};

static struct buf kernel;

static void text_of(u64 *rng, struct buf *b)
{
    b->len = 0;
    if (one_in(rng, 3)) {
        buf_printf(b, "%s", whole[any(rng, ARRAY_LEN(whole))]);
    } else {
        for (u64 k = 1 + any(rng, one_in(rng, 20) ? 400 : 12); k--;)
            buf_printf(b, "%s%s", words[any(rng, ARRAY_LEN(words))], one_in(rng, 3) ? " " : "");
    }
    if (one_in(rng, 30)) { /* deep */
        static const char *const open[] = { "(", "[", "*", "-", "!", "&", "1?", "1+(", "tasks[" };
        const char *o = open[any(rng, ARRAY_LEN(open))];
        struct buf deep = { 0 };
        for (u64 k = 1 + any(rng, 30000); k--;)
            buf_printf(&deep, "%s", o);
        buf_put(&deep, b->data, b->len);
        buf_free(b);
        *b = deep;
    }
    if (one_in(rng, 3))
        mutate(rng, b->data, b->len);
}

static void run_case(u64 number)
{
    u64 rng = number;
    struct err e;
    struct machine_config config = { .board = "virt", .xlen = 64, .cpus = 1, .ram_size = 16 << 20,
                                     .kernel = { "teach.elf", kernel.data, kernel.len } };
    struct machine *m = machine_new(&config, &e);
    if (!m)
        wrong(e.text);
    struct debugger *d = debugger_new(m, &(struct debugger_host){ 0 });
    if (!debugger_add_symbols(d, "teach.elf", kernel.data, kernel.len, 0, &e))
        wrong(e.text);
    struct buf text = { 0 }, out = { 0 };
    debugger_capture(d, "break trap", &out);
    debugger_capture(d, "continue", &out);
    for (unsigned i = 0; i < 300; i++) {
        text_of(&rng, &text);
        const char *s = buf_cstr(&text);
        d->selected = (unsigned)any(&rng, 3);
        struct expr_env env = debugger_env(d);
        struct value v;
        env.read_only = true;
        u64 hash = one_in(&rng, 40) ? machine_hash(m) : 0;
        struct expr *x = expr_compile(&env, s, &e);
        if (x && expr_eval(x, &env, &v, &e)) {
            struct value_format f = { .letter = "\0xduotacfsz"[any(&rng, 11)], .pretty = one_in(&rng, 2) };
            value_print(&env, &v, &f, &out);
            type_format(d->syms, v.type, "x", &out);
            type_describe(d->syms, v.type, &out);
        } else if (!e.text[0]) {
            wrong("an error says nothing");
        }
        expr_free(x);
        expr_parse_type(&env, s, &e);
        if (hash && hash != machine_hash(m))
            wrong("reading changed the guest");
        struct place *place = malloc(sizeof *place);
        place_resolve(d, s, place, &e);
        free(place);
        if (one_in(&rng, 10)) {
            static const char *const commands[] = { "print", "x/4xg", "ptype", "whatis", "display", "break", "tbreak trap if", "watch", "list",
                                                    "info line", "disassemble", "set var", "printf \"%d %s %v\\n\"," };
            char *line = xprintf("%s %s", commands[any(&rng, ARRAY_LEN(commands))], s);
            debugger_capture(d, line, &out);
            free(line);
        }
        if (out.len > 32 << 20)
            wrong("an expression prints without end");
        out.len = 0;
        e.text[0] = 0;
    }
    debugger_free(d);
    machine_free(m);
    buf_free(&text);
    buf_free(&out);
}

int main(int argc, char **argv)
{
    char bytes[65536];
    const char *path = getenv("TEACH");
    FILE *f = fopen(path ? path : "tests/labs/teach/teach.elf", "rb");
    size_t n;
    while (f && (n = fread(bytes, 1, sizeof bytes, f)) > 0)
        buf_put(&kernel, bytes, n);
    if (f)
        fclose(f);
    if (!kernel.len)
        wrong("tests/labs/teach/teach.elf is not there: make it, or say where with TEACH=FILE");
    int status = cases_main("expr_fuzz", argc, argv, run_case);
    buf_free(&kernel);
    return status;
}
