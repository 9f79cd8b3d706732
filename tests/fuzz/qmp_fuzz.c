/* Hostile clients of a machine: of QMP, with requests changed, cut, in pieces of any size and of any bytes, and of the monitor,
 * with every command that it and the debugger have, before any kind of argument, also while the machine runs. All that QMP
 * answers has to be lines of JSON, no request is answered twice, and a client that behaves again is served.
 * Build with -fsanitize=address,undefined.
 *
 *   qmp_fuzz [SECONDS [SEED [CASES]]]; needs tests/labs/teach/teach.elf of the build directory. It works in a directory of its own,
 *   as these clients may write files. */
#include <ftw.h>
#include <jansson.h>
#include <limits.h>
#include <sys/resource.h>

#include "cli/qmp.h"
#include "cli/session.h"
#include "debugger/commands.h"
#include "tests/fuzz/cases.h"

#define LINE_MOST 300

static const char *const good[] = {
    "{'execute':'qmp_capabilities','arguments':{'enable':['oob']}}", "{'execute':'query-status'}", "{'execute':'query-commands'}",
    "{'execute':'query-version'}", "{'execute':'query-target'}", "{'execute':'query-cpus-fast'}", "{'execute':'query-cpus'}",
    "{'execute':'query-memory-size-summary'}", "{'execute':'query-machines'}", "{'execute':'query-cpu-definitions'}",
    "{'execute':'query-pci'}", "{'execute':'query-block'}", "{'execute':'query-chardev'}", "{'execute':'query-name'}",
    "{'execute':'x-orrery-query-position'}", "{'execute':'stop'}", "{'execute':'cont'}", "{'execute':'stop','arguments':{}}",
    "{'execute':'system_reset'}", "{'execute':'inject-nmi'}", "{'execute':'eject','arguments':{'device':'ide1-cd0','force':true}}",
    "{'execute':'eject','arguments':{'id':'floppy0'}}",
    "{'execute':'blockdev-change-medium','arguments':{'id':'ide1-cd0','filename':'f','format':'raw','read-only-mode':'retain','force':true}}",
    "{'execute':'blockdev-open-tray','arguments':{'device':'ide1-cd0','force':true}}", "{'execute':'blockdev-close-tray','arguments':{'id':'ide1-cd0'}}", "{'execute':'screendump','arguments':{'filename':'s.ppm'}}",
    "{'execute':'screendump','arguments':{'filename':'s.png','format':'png','device':'video0','head':0}}",
    "{'execute':'send-key','arguments':{'keys':[{'type':'qcode','data':'ctrl'},{'type':'number','data':57}],'hold-time':10}}",
    "{'execute':'memsave','arguments':{'val':2147483648,'size':4096,'filename':'m','cpu-index':0}}",
    "{'execute':'pmemsave','arguments':{'val':0,'size':70000,'filename':'p'}}",
    "{'execute':'dump-guest-memory','arguments':{'paging':false,'protocol':'file:core','format':'elf'}}",
    "{'execute':'x-orrery-savevm','arguments':{'filename':'v'}}", "{'execute':'x-orrery-loadvm','arguments':{'filename':'v'}}",
    "{'execute':'human-monitor-command','arguments':{'command-line':'info registers','cpu-index':1}}",
};
static const char *const texts[] = { "", "x", "-1", "\xc3\xa4", "\n", "\"", "\\", "%s%n", "file:", "ret", "a b c", "0x80000000", "v", "ctrl-" };

/* What commands take, and what they do not expect. */
static const char *const arguments[] = {
    "", "", "1", "0", "-1", "2", "3 4", "18446744073709551615", "0x80000000", "0x80000000 64 f", "0 10 \"f\"", "0x80000000 0x1000 v",
    "f", "v", "pc", "$pc", "$sp", "$a0", "$rip", "ticks", "*0x80000000", "main", "trap", "kernel.c:150", "%s %d %n", "\"%d %s\\n\", 1, 2",
    "/4i $pc", "/8xb 0x80000000", "/s 0x80000000", "/2000000000xg 0", "/x", "/999999999999i 0", "-f ide1-cd0", "ide1-cd0", "floppy0",
    "ide1-cd0 other", "-f ide1-cd0 f raw read-only", "floppy0 \"f\" qcow2 retain", "cda", "virt.uart0", "uart0", "pc.rtc", "-a", "-l ticks", "ticks if ticks > 2", "trap hart 1", "all", "exception",
    "interrupt timer", "io 0x60", "device uart0", "in_asm,int", "none", "ret", "ctrl-alt-delete", "a-b-c-d-e-f-g", "10 -20", "7", "on",
    "off", "$a0 = 5", "var ticks = 3", "$pc = 0", "*(int *)0 = 1", "1 / 0", "1 << 64", "((((((((", "{int}0x80000000", "ticks + ", "sizeof(int)",
    "(struct nothing *)5", "ticks[99999999]", "&ticks", "print(1)", "while true do end", "local t = {} for i = 1, 1e9 do t[i] = {} end",
    "return orrery", "string.rep('x', 1 << 30)", "/b 0x60", "/h 0x1f0", "/w 0xcf8 0x80000000", "/l", "tcp::99999-:1", "udp::-1-:0", "n0 tcp::",
    "once 1", "silent", "end", "[0-9]*", "((", "full 3", "-5", "+3", "+0", "ide1", "1,2,3", "frame 1", "instret 3", "lines", "\xff\xfe\x80",
};

struct client {
    struct session s;
    struct options o;
    struct buf out;     /* of QMP, not looked at yet */
    struct buf waiting; /* bytes that will come soon */
    struct host_char *qmp, *monitor;
    struct host_hook hook;
    u64 rng;
    unsigned polls;
    unsigned id;
    u8 asked[4096], answered[4096]; /* by id; some id is asked twice where a byte was changed */
    bool greeted, over;
};

/* --- what comes back -------------------------------------------------------------------------------------------------------------- */

static void check_message(struct client *v, const char *text, size_t n)
{
    json_t *o = json_loadb(text, n, 0, NULL), *id = json_object_get(o, "id");
    bool event = json_is_string(json_object_get(o, "event")) && json_is_object(json_object_get(o, "timestamp"));
    bool greeting = json_is_object(json_object_get(o, "QMP"));
    json_t *error = json_object_get(o, "error");
    unsigned kinds = event + greeting + (json_object_get(o, "return") != NULL) + (error != NULL);
    if (!json_is_object(o) || kinds != 1)
        wrong("QMP said what is no greeting, answer or event");
    if (error && (!json_is_string(json_object_get(error, "class")) || !json_is_string(json_object_get(error, "desc"))))
        wrong("an error without class or text");
    if (greeting && v->greeted)
        wrong("QMP greeted twice");
    v->greeted |= greeting;
    json_int_t number = json_integer_value(id);
    if (json_is_integer(id) && number > 0 && number < (json_int_t)ARRAY_LEN(v->answered) && ++v->answered[number] > v->asked[number])
        wrong("a request was answered twice");
    json_decref(o);
}

static void on_output(void *opaque, const u8 *bytes, size_t n)
{
    struct client *v = opaque;
    buf_put(&v->out, bytes, n);
}

static void check_output(struct client *v)
{
    const char *s = (const char *)v->out.data, *end = s + v->out.len, *next;
    for (; s < end; s = next + 1) {
        next = memchr(s, '\n', (size_t)(end - s));
        if (!next)
            wrong("QMP said half a line");
        check_message(v, s, (size_t)(next - s));
    }
    v->out.len = 0;
}

static void ignore_output(void *opaque, const u8 *bytes, size_t n) {}

/* --- what is sent ------------------------------------------------------------------------------------------------------------------ */

/* Only files here, whatever the bytes became: a slash is part of no name. */
static void stay_here(u8 *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] == '/' && (!i || (p[i - 1] != ' ' && (p[i - 1] < 'a' || p[i - 1] > 'z')) || (i + 1 < n && (p[i + 1] == '.' || p[i + 1] == '/'))))
            p[i] = '_';
}

static const char *command_name(u64 *rng, const struct command *list)
{
    size_t n = 0;
    while (list[n].name)
        n++;
    return list[any(rng, n)].name;
}

/* A line for the monitor; `out` is empty. */
static void put_line(u64 *rng, struct buf *out)
{
    static const char *const own[] = { "stop", "cont", "c", "system_reset", "nmi", "savevm", "loadvm", "delvm", "commit", "eject", "change", "boot_set",
        "hostfwd_remove", "log", "logfile", "info status", "info block", "info chardev", "info network", "info snapshots", "info roms",
        "info kvm", "gva2gpa", "gpa2hva", "memsave", "pmemsave", "sum", "i", "o", "info registers", "info mem", "info tlb", "info pci",
        "dump-guest-memory", "help", "x", "xp", "p", "info", "info irq", "info pic", "info cpus" };
    static const char *const lists[] = { "info ", "show ", "set ", "help " };
    if (one_in(rng, 3))
        buf_printf(out, "%s", own[any(rng, ARRAY_LEN(own))]);
    else {
        const char *name = command_name(rng, debugger_commands);
        const struct command *sub = NULL;
        for (const struct command *c = debugger_commands; c->name; c++)
            if (c->name == name)
                sub = c->sub;
        buf_printf(out, "%s%s", one_in(rng, 30) ? lists[any(rng, ARRAY_LEN(lists))] : "", name);
        if (sub && !one_in(rng, 8))
            buf_printf(out, " %s", command_name(rng, sub));
    }
    for (u64 k = any(rng, 3); k--;) {
        const char *a = arguments[any(rng, ARRAY_LEN(arguments))];
        buf_printf(out, "%s%s", *a == '/' ? "" : " ", a);
    }
    if (one_in(rng, 12))
        mutate(rng, out->data, out->len);
    if (one_in(rng, 100)) { /* very long */
        for (u64 k = any(rng, 3000); k--;)
            buf_put(out, "1+(-", 4);
    }
    stay_here(out->data, out->len);
    for (size_t i = 0; i < out->len; i++)
        if (!out->data[i])
            out->data[i] = ' ';
    buf_cstr(out);
}

static json_t *anything(u64 *rng)
{
    static const json_int_t numbers[] = { 0, 1, -1, 2, 65536, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, 4096, 0x80000000, 0xfffff000 };
    switch (any(rng, 7)) {
    case 0: return json_null();
    case 1: return json_boolean(one_in(rng, 2));
    case 2: return json_array();
    case 3: return json_object();
    case 4: return json_real(1e300);
    case 5: return json_string(texts[any(rng, ARRAY_LEN(texts))]);
    default: return json_integer(numbers[any(rng, ARRAY_LEN(numbers))]);
    }
}

static json_t *changed(u64 *rng, json_t *o)
{
    const char *key;
    json_t *value, *out;
    size_t i;
    if (one_in(rng, 14))
        return anything(rng);
    if (json_is_object(o)) {
        out = json_object();
        json_object_foreach(o, key, value)
            if (!one_in(rng, 20))
                json_object_set_new(out, key, changed(rng, value));
        return out;
    }
    if (json_is_array(o)) {
        out = json_array();
        json_array_foreach(o, i, value)
            for (u64 k = one_in(rng, 10) ? any(rng, 4) : 1; k--;)
                json_array_append_new(out, changed(rng, value));
        return out;
    }
    return json_incref(o);
}

static json_t *template(const char *quoted)
{
    char *text = xstrdup(quoted);
    for (char *s = text; *s; s++)
        if (*s == '\'')
            *s = '"';
    json_t *o = json_loads(text, 0, NULL);
    if (!o)
        wrong(text);
    free(text);
    return o;
}

static void note_id(struct client *v, const char *text)
{
    for (const char *id = text; id && (id = strstr(id, "\"id\":")); id++) {
        long number = strtol(id + 5, NULL, 10);
        if (number > 0 && number < (long)ARRAY_LEN(v->asked))
            v->asked[number]++;
    }
}

static void add_request(struct client *v, const char *quoted, bool honest)
{
    json_t *plain = template(quoted), *o = honest ? json_incref(plain) : changed(&v->rng, plain);
    if (json_is_object(o)) {
        if (!honest && !one_in(&v->rng, 30))
            json_object_set(o, "execute", json_object_get(plain, "execute"));
        if (!honest && one_in(&v->rng, 4)) {
            struct buf line = { 0 };
            put_line(&v->rng, &line);
            json_object_set_new(o, "execute", json_string("human-monitor-command"));
            json_object_set_new(o, "arguments", json_pack("{s:o?}", "command-line", json_string(buf_cstr(&line))));
            buf_free(&line);
        }
        json_object_set_new(o, "id", json_integer(++v->id));
    }
    char *text = json_dumps(o, JSON_COMPACT | JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
    size_t n = text ? strlen(text) : 0;
    if (!honest && one_in(&v->rng, 25)) {
        mutate(&v->rng, (u8 *)text, n);
        stay_here((u8 *)text, n);
    }
    if (!honest && one_in(&v->rng, 60))
        n -= any(&v->rng, n + 1);
    note_id(v, text);
    buf_put(&v->waiting, text, n);
    if (!honest && one_in(&v->rng, 100))
        for (u64 k = any(&v->rng, 40000); k--;)
            buf_put(&v->waiting, "[{\"a\":", 1 + k % 5);
    if (!honest && one_in(&v->rng, 10))
        buf_printf(&v->waiting, "%s", texts[any(&v->rng, ARRAY_LEN(texts))]);
    buf_put(&v->waiting, "\n", 1);
    free(text);
    json_decref(o);
    json_decref(plain);
}

/* --- the machine ------------------------------------------------------------------------------------------------------------------- */

static void arrive(struct client *v)
{
    size_t n = v->waiting.len ? 1 + any(&v->rng, v->waiting.len) : 0;
    if (n)
        host_char_vc_type(v->qmp, v->waiting.data, n);
    memmove(v->waiting.data ? v->waiting.data : (u8 *)"", v->waiting.data + n, v->waiting.len -= n);
    if (one_in(&v->rng, 20)) {
        struct buf line = { 0 };
        put_line(&v->rng, &line);
        host_char_vc_type(v->monitor, line.data, line.len);
        host_char_vc_type(v->monitor, (const u8 *)"\x7f\r", one_in(&v->rng, 8) ? 1 : 2);
        buf_free(&line);
    }
}

/* While a command runs the machine: after a time the client sends something, and that ends it. */
static void on_poll(void *opaque, struct host_loop *l, i64 *timeout_ns)
{
    struct client *v = opaque;
    *timeout_ns = 0;
    if (++v->polls % 8 == 0)
        host_char_vc_type(v->qmp, (const u8 *)"\n", 1);
}

static void polled(void *opaque, struct host_loop *l, bool failed) {}

static void work(struct client *v)
{
    while (v->waiting.len) {
        arrive(v);
        while (monitor_serve(v->s.monitor) || qmp_serve(v->s.qmp))
            check_output(v);
        enum host_request asked = host_loop_take_request(v->s.loop, NULL);
        v->over |= asked == HOST_QUIT || v->s.debugger->quit;
        if (!v->s.paused && !v->over && one_in(&v->rng, 3)) {
            enum machine_stop why = session_resume(&v->s, v->s.m, v->s.m->clock.now + 1 + any(&v->rng, 20000));
            if (why == MACHINE_BREAK || why == MACHINE_WATCH || why == MACHINE_EVENT)
                v->s.paused = monitor_stopped(v->s.monitor, why);
            else if (why != MACHINE_REACHED && why != MACHINE_IDLE)
                v->s.paused = true; /* it ended; one may look */
        }
    }
    check_output(v);
}

static char **words_of(const char *line, int *argc)
{
    char **argv = xcalloc(64, sizeof *argv), *text = xstrdup(line), *save = NULL;
    for (char *w = strtok_r(text, " ", &save); w; w = strtok_r(NULL, " ", &save))
        argv[(*argc)++] = w;
    return argv;
}

static struct host_char *named(struct session *s, const char *id)
{
    for (unsigned i = 0; i < s->n_chars; i++)
        if (!strcmp(host_char_id(s->chars[i]), id))
            return s->chars[i];
    wrong("a character stream is not there");
    return NULL;
}

static bool open_session(struct client *v, struct err *e)
{
    static const char *const machines[] = {
        "virt -smp 2 -m 16M -bios none -kernel teach.elf", "virt -smp 1 -m 16M -bios none -kernel teach.elf",
        "pc -smp 2 -m 16M -vga std -cdrom disk -fda floppy", "pc -m 8M -vga none" };
    char line[LINE_MOST];
    int argc = 0;
    snprintf(line, sizeof line, "orrery -display none -serial null -qmp vc -monitor vc -pace none -accel interp --max-instructions 300000%s "
             "-machine %s", one_in(&v->rng, 2) ? " -S" : "", machines[any(&v->rng, ARRAY_LEN(machines))]);
    char **argv = words_of(line, &argc);
    v->o = (struct options){ .arena = arena_new(), .program = "orrery", .xlen = 64, .usage_status = 2 };
    bool ok = options_parse(&v->o, argc, argv) == OPTIONS_RUN && session_choose_target(&v->o, e) && session_open(&v->s, &v->o, e);
    /* The options keep the words. */
    arena_defer(v->o.arena, free, argv[0]);
    arena_defer(v->o.arena, free, argv);
    return ok;
}

static void run_case(u64 number)
{
    struct client *v = xcalloc(1, sizeof *v);
    struct err e = { "" };
    v->rng = number;
    if (!open_session(v, &e))
        wrong(e.text);
    v->qmp = named(&v->s, "qmp");
    v->monitor = named(&v->s, "monitor");
    host_char_vc_show(v->qmp, on_output, v);
    host_char_vc_show(v->monitor, ignore_output, v);
    v->hook = (struct host_hook){ .prepare = on_poll, .polled = polled, .opaque = v };
    host_loop_hook(v->s.loop, &v->hook);
    if (!one_in(&v->rng, 8))
        add_request(v, good[0], true);
    for (u64 k = 1 + any(&v->rng, 30); k-- && !v->over;) {
        for (u64 j = 1 + any(&v->rng, 4); j--;)
            add_request(v, good[any(&v->rng, ARRAY_LEN(good))], one_in(&v->rng, 3));
        work(v);
    }
    /* 0xff begins anew, whatever was open. */
    buf_put(&v->waiting, "\xff", 1);
    add_request(v, good[0], true);
    add_request(v, good[1], true);
    work(v);
    if (!v->answered[v->id])
        wrong("a client that behaves is not served any more");
    host_loop_unhook(v->s.loop, &v->hook);
    qmp_ended(v->s.qmp, MACHINE_POWEROFF);
    check_output(v);
    session_close(&v->s);
    arena_free(v->o.arena);
    buf_free(&v->out);
    buf_free(&v->waiting);
    free(v);
}

/* --- a place to write ---------------------------------------------------------------------------------------------------------------- */

static void file_of(const char *name, const u8 *bytes, size_t n)
{
    FILE *f = fopen(name, "wb");
    if (!f || fwrite(bytes, 1, n, f) != n || fclose(f))
        exit(99);
}

/* Anew for each case: the one before may have written over them. */
static void media(void)
{
    u8 *zeros = xcalloc(1, 1474560);
    file_of("disk", zeros, 65536);
    file_of("floppy", zeros, 1474560);
    free(zeros);
}

/* In the child only. Sanitizers write to file descriptor 2 and are still heard. */
static void case_in_silence(u64 number)
{
    static bool silent;
    FILE *quiet = silent ? NULL : fopen("/dev/null", "w");
    if (!silent && (!quiet || !freopen("/dev/null", "w", stdout)))
        exit(99);
    if (quiet)
        stderr = quiet;
    silent = true;
    media();
    run_case(number);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *f) { return remove(path); }

int main(int argc, char **argv)
{
    static char kernel[PATH_MAX], dir[] = "/tmp/orrery-qmp-fuzz-XXXXXX", here[PATH_MAX];
    const char *path = getenv("TEACH") ? getenv("TEACH") : "tests/labs/teach/teach.elf";
    struct rlimit most = { 64 << 20, 64 << 20 }; /* of a file */
    if (!realpath(path, kernel)) {
        fprintf(stderr, "%s is not there: make it, or say where with TEACH=FILE\n", path);
        return 1;
    }
    if (!getcwd(here, sizeof here) || !mkdtemp(dir) || chdir(dir) || symlink(kernel, "teach.elf"))
        return 99;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &most);
    int status = cases_main("qmp_fuzz", argc, argv, case_in_silence);
    if (chdir(here))
        return 99;
    nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return status;
}
