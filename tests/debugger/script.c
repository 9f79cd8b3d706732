/* Lua in the debugger: what a script can do, what it cannot, and that the guest does not notice. */
#include "debugger/script.h"
#include "tests/debugger/guest.h"
#include "tests/unit.h"

static struct guest g;

struct line {
    const char *typed, *says; /* in the answer; "!text": not in it; NULL: anything */
};

static void check(const struct line *lines)
{
    for (const struct line *l = lines; l->typed; l++) {
        const char *answer = say(&g, l->typed);
        bool inverted = l->says && l->says[0] == '!';
        bool ok = !l->says || (strstr(answer, l->says + inverted) != NULL) != inverted;
        if (!ok)
            printf("\n(orrery) %s\n%s--- expected%s: %s\n", l->typed, answer, inverted ? " without" : "", l->says);
        CU_ASSERT_TRUE(ok);
    }
}

static void play(unsigned cpus, const struct line *lines)
{
    CU_ASSERT_TRUE_FATAL(guest_compile(&g, 64, "-O0"));
    CU_ASSERT_TRUE_FATAL(guest_start(&g, 64, cpus));
    check(lines);
    guest_end(&g);
}

/* Nothing of the host, nothing that differs from run to run, and an end to everything. */
static const struct line sandbox[] = {
    { "lua print(os, io, debug, package, dofile, loadfile, collectgarbage, warn)", "nil\tnil\tnil\tnil\tnil\tnil\tnil\tnil\n" },
    { "lua print(string.dump, math.randomseed, table.move)", "nil\tnil\tnil\n" },
    { "lua print(math.random(1000000), math.random(1000000))", "\n" },
    { "lua print({}, print, coroutine.create(print))", "table\tfunction\tthread\n" },
    { "lua print(string.format(\"%s %5s|%x\", {}, print, 255))", "table function|ff\n" },
    { "lua print(string.format(\"%p\", {}))", "host's memory" },
    { "lua for k, v in pairs{ b = 1, [3] = 2, a = 3, [1] = 4, [true] = 5 } do print(k, v) end",
      "1\t4\n3\t2\na\t3\nb\t1\ntrue\t5\n" },
    { "lua print(next{}, next({ y = 1, x = 2 }), next({ y = 1, x = 2 }, \"x\"))", "nil\tx\ty\t1\n" },
    { "lua local t = {} t[{}] = 1 for k in pairs(t) do end", "no order that is the same every time" },
    { "lua local t = { 3, 1, 2 } table.sort(t) print(table.concat(t, \" \"))", "1 2 3\n" },
    { "lua local t = {} for i = 1, 50 do t[i] = { i % 3, i } end table.sort(t, function(a, b) return a[1] < b[1] end) "
      "local s = \"\" for i = 1, 50 do s = s .. t[i][2] .. \" \" end print(s)",
      "3 6 9 12 15 18 21 24 27 30 33 36 39 42 45 48 1 4 7 10" }, /* equal ones as they were */
    { "lua print(load(\"return 6 * 7\")())", "42\n" },
    { "lua print(load(\"\\27Lua\"))", "attempt to load a binary chunk" },
    { "lua require \"../../etc/passwd\"", "is not the name of a file that comes with" },
    { "lua setmetatable({}, { __gc = print })", "no finalizers" },
    { "lua x = = 3", "lua:1: unexpected symbol near '='" },
    { "lua error(\"boo\")", "lua:1: boo\n" },
    { "lua error({})", "error with a table value" },
    { "lua local t = nil; print(t.x)", "lua:1: attempt to index a nil value (local 't')" },
    { "lua local s = \"x\" while true do s = s .. s end", "not enough memory (a script may hold 64 MiB)" },
    { "lua print(#(\"x\"):rep(1 << 25))", "not enough memory" },
    { "lua local function f() return f() + 1 end f()", "not enough memory" },
    { "lua print(\"still there\")", "still there\n" },
    { 0 },
};

static void test_sandbox(void)
{
    play(1, sandbox);
}

/* The signal of Ctrl-C comes while the script runs: here from a hook that the script set itself. */
static enum machine_stop interrupt(void *opaque, struct machine *m, u64 until)
{
    struct guest *guest = opaque;
    (void)m;
    (void)until;
    guest->d->interrupted = 1;
    return MACHINE_REACHED;
}

static void test_endless(void)
{
    static const struct line loops[] = {
        { "lua orrery.execute(\"continue\") while true do end", "lua:1: interrupted" },
        { "lua orrery.execute(\"continue\") while true do pcall(function() while true do end end) end", "lua:1: interrupted" },
        { "lua orrery.execute(\"continue\") coroutine.wrap(function() while true do end end)()", "interrupted" },
        { "lua orrery.func(\"forever\", function() while true do end end)", NULL },
        { "p $forever()", "two million instructions of Lua" },
        { "lua while true do end", "500 million instructions of Lua" },
        { 0 },
    };
    CU_ASSERT_TRUE_FATAL(guest_compile(&g, 64, "-O0"));
    CU_ASSERT_TRUE_FATAL(guest_start(&g, 64, 1));
    g.d->host.resume = interrupt;
    check(loops);
    guest_end(&g);
}

static const struct line reading[] = {
    { "b 81", "Breakpoint 1" },
    { "c", "81\t" },
    { "lua print(orrery.u8(orrery.symbol(\"table\")), orrery.u32(orrery.symbol(\"table\") + 8))", "3\t4\n" },
    { "lua print(orrery.string(orrery.eval(\"greeting\")), orrery.string(orrery.eval(\"greeting\"), 3))", "hello, guest\thel\n" },
    { "lua print(#orrery.read(0x80000000, 100), orrery.phys.read(0x80000000, 4) == orrery.read(0x80000000, 4))", "100\ttrue\n" },
    { "lua print(orrery.u64(0x3000000000))", "nil\tcannot read virtual address 0x3000000000\n" },
    { "lua print(orrery.phys.string(0x3000000000))", "nil\tcannot read physical address 0x3000000000\n" },
    { "lua print(orrery.i32(orrery.symbol(\"nodes\") + orrery.member(\"node\", \"at.y\") + orrery.sizeof(\"struct node\")))", "-1\n" },
    { "lua print(orrery.member(\"struct node\", \"name\"))", "\t16\n" },
    { "lua print(orrery.member(\"node\", \"nothing\"))", "nil\t" },
    { "lua print(orrery.reg(\"pc\") == orrery.eval(\"$pc\"), orrery.reg(\"sp\") == orrery.reg(\"x2\"))", "true\ttrue\n" },
    { "lua orrery.reg(\"a99\")", "neither a register" },
    { "lua orrery.reg(\"pc\", 4)", "there is no CPU 4: this machine has 0 to 0" },
    { "lua local c = orrery.cpus()[1] print(c.index, c.isa, c.privilege, c.idle, #orrery.cpus())", "0\triscv64\tM\tfalse\t1\n" },
    { "lua local n = orrery.eval(\"nodes[1]\") print(n.key, n.name, n.at.y, n.color, n.flag_b, n.byte[0])", "101\tb\t-1\t6\t17\t0\n" },
    { "lua print(orrery.eval(\"nodes[0]\"))", "{key = 100, next = 0x" },
    { "lua local n = orrery.eval(\"nodes\") print(#n, n[2].key, orrery.addressof(n[1]) - orrery.addressof(n), orrery.sizeof(n[0]))",
      "3\t102\t56\t56\n" },
    { "lua print(orrery.eval(\"nodes\")[3])", "the array has no element 3" },
    { "lua print(orrery.eval(\"nodes[0]\").kye)", "node has no member kye" },
    { "lua print(table.concat(orrery.members(\"struct node\"), \" \"))", "key next at color flag_a flag_b name word byte\n" },
    { "lua print(orrery.at(\"struct node\", orrery.eval(\"nodes[0].next\")).key)", "101\n" },
    { "lua print(orrery.eval(\"ratio * 2\"), orrery.eval(\"total\") > 0)", "5.0\ttrue\n" },
    { "lua print(orrery.eval(\"tabel\"))", "The nearest name is \"table\"" },
    { "lua print(orrery.name(orrery.symbol(\"leaf\") + 4), orrery.symbol(\"none\"))", "leaf+4" },
    { "lua local f, n = orrery.line(orrery.reg(\"pc\")) print(f:match(\"[^/]*$\"), n)", "guest.c\t81\n" },
    { "lua local u = orrery.device(\"uart0\") print(u.path, u.registers.LSR.THRE, u.registers.LSR.value)", "/uart0\t1\t96\n" },
    { "lua print(orrery.device(\"uart7\"))", "there is no such device" },
    { "lua print(orrery.walk(0x80000000) == 0x80000000, orrery.walk(0x50000000))", "true\tnil\t" },
    { "lua print((orrery.execute(\"p 6 * 7\")), select(2, orrery.execute(\"nonsense\")))", "= 42\n\tfalse\n" },
    { "lua held = orrery.eval(\"nodes[0]\")", NULL },
    { "symbol-file", "No symbol file" },
    { "lua print(held.key)", "the symbols have changed" },
    { 0 },
};

static void test_reading(void)
{
    play(1, reading);
}

/* Nothing but orrery.edit() changes the guest. */
static const struct line changing[] = {
    { "b recurse", "Breakpoint 1" },
    { "c", "Breakpoint 1, recurse" },
    { "lua hash = orrery.execute(\"hash\")", NULL },
    { "lua print(orrery.execute(\"set var table[0] = 9\"))", "only inside orrery.edit()\n\tfalse\n" },
    { "lua print(orrery.execute(\"set $a0 = 9\"))", "\tfalse\n" },
    { "lua print(orrery.execute(\"jump main\"))", "\tfalse\n" },
    { "lua print(orrery.execute(\"load nothing\"))", "\tfalse\n" },
    { "lua print(orrery.execute(\"sendkey a\"))", "\tfalse\n" },
    { "lua orrery.eval(\"counter = 3\")", "only inside orrery.edit()" },
    { "lua orrery.func(\"change\", function() orrery.eval(\"counter = 3\") end)", NULL },
    { "p $change()", "assignments are not allowed here" },
    { "lua orrery.func(\"edit\", function() orrery.edit(print) end)", NULL },
    { "p $edit()", "hooks and conditions only look" },
    { "lua orrery.func(\"run\", function() orrery.execute(\"stepi\") end)", NULL },
    { "p $run()", "commands are not executed in conditions" },
    { "lua orrery.edit(function(e) leaked = e end) leaked.u8(orrery.symbol(\"table\"), 1)", "only inside orrery.edit()" },
    { "lua orrery.edit(function(e) error(\"no\") end)", "lua:1: no" },
    { "lua print(orrery.execute(\"hash\") == hash)", "true\n" },
    { "lua orrery.edit(function(e) e.u32(orrery.symbol(\"table\"), 77) e.write(orrery.symbol(\"table\") + 4, \"\\5\") "
      "e.reg(\"a0\", 8) e.phys.u16(orrery.symbol(\"table\") + 8, 6) orrery.eval(\"table[3] = 9\") end)", "" },
    { "p table", "{77, 5, 6, 9, 5" },
    { "p $a0", "= 8" },
    { "lua orrery.edit(function(e) e.u8(0, 1) end)", "only 0 of 1 bytes" },
    { "lua orrery.edit(function(e) e.reg(\"nothing\", 1) end)", "no register of that name" },
    { "set var table[0] = 3", NULL }, /* a person still may */
    { "p table[0]", "= 3" },
    { 0 },
};

static void test_changing(void)
{
    play(1, changing);
}

static const struct line additions[] = {
    { "lua orrery.func(\"twice\", function(a) return a * 2 end) orrery.func(\"half\", function(a) return a / 2 end)", NULL },
    { "p $twice(3) + $twice($twice(1))", "= 10" },
    { "p $half(5)", "= 2.5" },
    { "p $thrice(3)", "There is no function $thrice" },
    { "p $twice(3", "`,' or `)'" },
    { "p $twice(1,2,3,4,5,6,7,8,9)", "at most 8 arguments" },
    { "lua orrery.func(\"a0\", print)", "name of a register" },
    { "lua orrery.func(\"bad\", function() return \"x\" end)", NULL },
    { "p $bad()", "returned a string" },
    { "lua orrery.func(\"depth_is\", function(n) return orrery.eval(\"depth\") == n end)", NULL },
    { "b recurse if $depth_is(1)", "Breakpoint 1" },
    { "c", "recurse (depth=1)" },
    { "lua orrery.command{ name = \"greet\", help = \"Says hello.\", run = function(args) print(\"hello\", args) end }", NULL },
    { "greet you all", "hello\tyou all\n" },
    { "help greet", "greet -- Says hello.\n" },
    { "help", "greet -- Says hello.\n" },
    { "lua orrery.command{ name = \"info weather\", help = \"The weather.\", run = function() print(\"rain\") end }", NULL },
    { "info weather", "rain\n" },
    { "lua orrery.command{ name = \"step\", help = \"\", run = print }", "there is a command \"step\" already" },
    { "lua orrery.command{ name = \"a b\", help = \"\", run = print }", "must be a word" },
    { "lua orrery.command{ name = \"ab\" }", "are needed" },
    { "lua orrery.command{ name = \"bad\", help = \"Fails.\", run = function() error(\"bad day\") end }", NULL },
    { "bad", "lua:1: bad day" },
    { "lua seen = {} id = orrery.on(\"stop\", function(s) seen[#seen + 1] = s.kind end)", NULL },
    { "si", NULL },
    { "tb leaf", NULL },
    { "c", NULL },
    { "watch counter", NULL },
    { "lua orrery.on(\"watch\", function(s) seen[#seen + 1] = s.access .. string.unpack(\"<I8\", s.after) .. s.spec end)", NULL },
    { "c", NULL },
    { "lua print(table.concat(seen, \" \"))", "step break watch write7counter\n" },
    { "lua orrery.off(id) orrery.off(id)", "no such hook" },
    { "lua orrery.on(\"nothing\", print)", "there is no such stop" },
    { "lua orrery.on(\"watch\", function() return \"contine\" end)", NULL },
    { "c", "Hook 3 is removed: a hook on stops returns \"continue\" or nothing" },
    { "tb counter_is_there", "not defined" },
    { "lua deleter = orrery.on(\"watch\", function(s) orrery.execute(\"delete \" .. s.point) end)", NULL },
    { "lua orrery.on(\"watch\", function(s) print(\"after that\", s.kind, s.point) return \"continue\" end)", NULL },
    { "lua orrery.on(\"step\", function(s) if orrery.execute(\"continue\"):find(\"must not run\") then print(\"refused\") end end)", NULL },
    { "si", "refused\n" },
    { "lua n = 0 orrery.on(\"watch\", function() n = n + 1 return \"continue\" end)", NULL },
    { "lua orrery.on(\"poweroff\", function(s) print(\"off\", n, s.position) end)", NULL },
    { "c", "after that\twatch\tnil\noff\t1\t" },
    { 0 },
};

static void test_additions(void)
{
    play(1, additions);
}

/* With hooks on everything the guest does the same, and the hooks hear the same. */
static void run_with(const char *script, u64 *hash, char *heard, size_t cap)
{
    CU_ASSERT_TRUE_FATAL(guest_compile(&g, 64, "-O0"));
    CU_ASSERT_TRUE_FATAL(guest_start(&g, 64, 2));
    if (script)
        CU_ASSERT_STRING_EQUAL(say(&g, script), "");
    say(&g, "b leaf");
    say(&g, "continue");
    snprintf(heard, cap, "%s", say(&g, "lua print(log)"));
    *hash = machine_hash(g.m);
    guest_end(&g);
}

static void test_unnoticed(void)
{
    static const char script[] =
        "lua log = \"\" local function hear(e) log = log .. (e.event or e.kind) .. \" \" .. e.position .. \" \" .. "
        "orrery.reg(\"pc\") .. \" \" .. orrery.eval(\"$sp\") .. \" \" .. math.random(100) .. \";\" end "
        "orrery.on(\"exception\", hear) orrery.on(\"irq.\", hear) orrery.on(\"cpu.reset\", hear) orrery.on(\"stop\", hear)";
    u64 plain, hooked, again;
    char heard[2][2048], nothing[64];
    run_with(NULL, &plain, nothing, sizeof nothing);
    run_with(script, &hooked, heard[0], sizeof heard[0]);
    run_with(script, &again, heard[1], sizeof heard[1]);
    CU_ASSERT_EQUAL(plain, hooked);
    CU_ASSERT_EQUAL(plain, again);
    CU_ASSERT_STRING_EQUAL(heard[0], heard[1]);
    CU_ASSERT_PTR_NOT_NULL(strstr(heard[0], "break "));
}

/* Files: by their suffix, and errors say where. */
static void test_files(void)
{
    char path[128], line[160], expected[320];
    CU_ASSERT_TRUE_FATAL(guest_compile(&g, 64, "-O0"));
    CU_ASSERT_TRUE_FATAL(guest_start(&g, 64, 1));
    snprintf(path, sizeof path, "%s/test.lua", g.dir);
    FILE *f = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fputs("print('one')\n\nlocal function f(x)\n  return x + nothing\nend\nf(1)\n", f);
    fclose(f);
    snprintf(line, sizeof line, "source %s", path);
    snprintf(expected, sizeof expected, "one\n%s:4: attempt to perform arithmetic on a nil value (global 'nothing')\nstack traceback:", path);
    CU_ASSERT_EQUAL(strncmp(say(&g, line), expected, strlen(expected)), 0);
    snprintf(line, sizeof line, "%s:6: in main chunk", path);
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_cstr(&g.out), line));
    CU_ASSERT_PTR_NOT_NULL(strstr(say(&g, "source /nonexistent/x.lua"), "No such file"));
    guest_end(&g);
}

int main(void)
{
    CU_TestInfo tests[] = {
        { "sandbox", test_sandbox },
        { "endless loops", test_endless },
        { "reading", test_reading },
        { "changing", test_changing },
        { "additions", test_additions },
        { "the guest does not notice", test_unnoticed },
        { "files", test_files },
        CU_TEST_INFO_NULL,
    };
    if (!guest_compile(&g, 64, "-O0"))
        return 77;
    guest_end(&g);
    return unit_main("script", tests);
}
