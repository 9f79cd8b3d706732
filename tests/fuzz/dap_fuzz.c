/* A hostile editor: messages of a good session with values, types and members changed, bytes flipped, headers that lie, in
 * pieces of any size, also while the machine runs and while its past is executed. Every byte that comes back has to be a frame with a
 * JSON object whose numbers count up, every request has one answer at most, and a client that behaves again is served.
 * Build with -fsanitize=address,undefined.
 *
 *   dap_fuzz [SECONDS [SEED [CASES]]]; needs tests/labs/teach/teach.elf of the build directory */
#include <jansson.h>

#include "debugger/dap.h"
#include "machine/history.h"
#include "tests/fuzz/cases.h"

static const char *const good[] = {
    "{'command':'initialize','arguments':{'adapterID':'x','linesStartAt1':true,'supportsProgressReporting':true,"
        "'supportsInvalidatedEvent':true,'supportsMemoryEvent':true}}",
    "{'command':'attach','arguments':{'recording':'r','at':1000,'stopOnEntry':true}}", "{'command':'attach','arguments':{'recording':'r'}}",
    "{'command':'attach','arguments':{'snapshot':'s','program':'k','args':['-smp','2'],'cwd':'/'}}",
    "{'command':'launch','arguments':{'program':'k','args':['-smp','2'],'stopOnEntry':true,'history':'64M'}}",
    "{'command':'setBreakpoints','arguments':{'source':{'path':'/src/teach/kernel.c'},'breakpoints':[{'line':150},"
        "{'line':160,'condition':'ticks > 1','hitCondition':'2'},{'line':161,'logMessage':'t {ticks} {t->name} %s'}]}}",
    "{'command':'setFunctionBreakpoints','arguments':{'breakpoints':[{'name':'trap'},{'name':'nothing'}]}}",
    "{'command':'setInstructionBreakpoints','arguments':{'breakpoints':[{'instructionReference':'0x80000010','offset':4}]}}",
    "{'command':'setDataBreakpoints','arguments':{'breakpoints':[{'dataId':'*(unsigned long *)0x80000000','accessType':'readWrite'}]}}",
    "{'command':'dataBreakpointInfo','arguments':{'name':'ticks','variablesReference':1}}",
    "{'command':'dataBreakpointInfo','arguments':{'name':'0x80000000','asAddress':true,'bytes':8}}",
    "{'command':'setExceptionBreakpoints','arguments':{'filters':['story','exception'],'filterOptions':[{'filterId':'interrupt',"
        "'condition':'timer'}]}}",
    "{'command':'configurationDone'}", "{'command':'threads'}",
    "{'command':'stackTrace','arguments':{'threadId':1,'startFrame':0,'levels':20}}",
    "{'command':'scopes','arguments':{'frameId':65536}}", "{'command':'variables','arguments':{'variablesReference':1}}",
    "{'command':'variables','arguments':{'variablesReference':3,'start':1,'count':2,'filter':'indexed'}}",
    "{'command':'variables','arguments':{'variablesReference':9,'format':{'hex':true}}}",
    "{'command':'setVariable','arguments':{'variablesReference':3,'name':'a0','value':'5'}}",
    "{'command':'setExpression','arguments':{'expression':'ticks','value':'3'}}",
    "{'command':'evaluate','arguments':{'expression':'tasks[0].name','context':'watch','frameId':65536}}",
    "{'command':'evaluate','arguments':{'expression':'info registers','context':'repl'}}",
    "{'command':'evaluate','arguments':{'expression':'stepi 5','context':'repl'}}",
    "{'command':'evaluate','arguments':{'expression':'break trap','context':'repl'}}",
    "{'command':'evaluate','arguments':{'expression':'continue','context':'repl'}}",
    "{'command':'evaluate','arguments':{'expression':'reverse-stepi','context':'repl'}}",
    "{'command':'evaluate','arguments':{'expression':'delete','context':'repl'}}",
    "{'command':'evaluate','arguments':{'expression':'commands','context':'repl'}}",
    "{'command':'completions','arguments':{'text':'print ti','column':9}}",
    "{'command':'continue','arguments':{'threadId':1}}", "{'command':'next','arguments':{'threadId':1}}",
    "{'command':'stepIn','arguments':{'threadId':1,'granularity':'instruction'}}", "{'command':'stepOut','arguments':{'threadId':1}}",
    "{'command':'stepBack','arguments':{'threadId':1}}", "{'command':'stepBack','arguments':{'threadId':2,'granularity':'instruction'}}",
    "{'command':'reverseContinue','arguments':{'threadId':1}}", "{'command':'pause','arguments':{'threadId':1}}",
    "{'command':'gotoTargets','arguments':{'source':{'path':'kernel.c'},'line':160}}",
    "{'command':'goto','arguments':{'threadId':1,'targetId':1}}", "{'command':'restart'}", "{'command':'exceptionInfo','arguments':{'threadId':1}}",
    "{'command':'source','arguments':{'sourceReference':1,'source':{'path':'kernel.c'}}}", "{'command':'loadedSources'}",
    "{'command':'modules','arguments':{'startModule':0,'moduleCount':5}}",
    "{'command':'readMemory','arguments':{'memoryReference':'0x80000000','offset':-4,'count':64}}",
    "{'command':'writeMemory','arguments':{'memoryReference':'0x80700000','data':'AAECAw==','allowPartial':true}}",
    "{'command':'disassemble','arguments':{'memoryReference':'0x80000100','offset':0,'instructionOffset':-20,'instructionCount':40}}",
    "{'command':'breakpointLocations','arguments':{'source':{'path':'kernel.c'},'line':1,'endLine':200}}",
    "{'command':'cancel','arguments':{'requestId':5}}", "{'command':'orrery/type','arguments':{'text':'ls\\n'}}",
};
static const char *const texts[] = {
    "", "0x80000000", "-1", "ticks", "tasks", "*", "$sp", "$mstatus", "t->regs[3]", "trap", "kernel.c", "repl", "watch", "hover", "read",
    "write", "{", "}", "{{ticks}", "%s%n", "18446744073709551616", "0xffffffffffffffff", "*(int *)0", "1/0", "((((((((1))))))))",
    "device /uart0.LSR", "csr satp", "register a0", "x/4xg $sp", "backtrace", "info locals", "info devices", "goto 100", "goto begin",
    "last-write ticks", "tui", "undo", "quit", "end", "instruction", "named", "AA=A", "\xc3\xa4", "a\nb", "=", "print nodes@100000",
};

#define SEQ_MOST 4096

struct editor {
    struct dap *p;
    struct machine_config config;
    struct machine *m;
    struct debugger *d;
    struct history *h;
    struct buf kernel, out, waiting; /* waiting: input that comes while something runs */
    u64 rng;
    unsigned seq, last_out, runs;
    bool interrupted;
    u8 *asked, *answered; /* by seq; some seq is asked twice where a byte was changed */
};

static void drop(struct editor *v)
{
    if (v->d)
        debugger_free(v->d);
    history_free(v->h);
    if (v->m)
        machine_free(v->m);
    v->d = NULL;
    v->h = NULL;
    v->m = NULL;
}

/* --- what comes back ----------------------------------------------------------------------------------------------------------- */

static void check_message(struct editor *v, const char *text, size_t n)
{
    json_t *o = json_loadb(text, n, 0, NULL);
    json_int_t seq = json_integer_value(json_object_get(o, "seq")), to = json_integer_value(json_object_get(o, "request_seq"));
    const char *type = json_string_value(json_object_get(o, "type"));
    if (!o || seq != (json_int_t)++v->last_out || !type)
        wrong("a message is no JSON object with the next seq and a type");
    if (!strcmp(type, "response")) {
        if (!json_is_boolean(json_object_get(o, "success")) || !json_string_value(json_object_get(o, "command")))
            wrong("a response lacks success or command");
        if (json_is_false(json_object_get(o, "success")) && !*json_string_value(json_object_get(o, "message")))
            wrong("an error says nothing");
        if (to > 0 && to < SEQ_MOST)
            v->answered[to]++;
    } else if (strcmp(type, "event") || !json_string_value(json_object_get(o, "event"))) {
        wrong("it is neither an event nor a response");
    }
    json_decref(o);
}

static void check_output(struct editor *v)
{
    size_t at = 0;
    while (at < v->out.len) {
        const char *s = (const char *)v->out.data + at;
        unsigned long n = 0;
        int head = 0;
        if (v->out.len - at < 10 || sscanf(s, "Content-Length: %lu%n", &n, &head) != 1 || memcmp(s + head, "\r\n\r\n", 4) ||
            v->out.len - at < (size_t)head + 4 + n)
            wrong("what came back is no frame");
        check_message(v, s + head + 4, n);
        at += (size_t)head + 4 + n;
    }
    v->out.len = 0;
}

static void write_out(void *opaque, const void *bytes, size_t n)
{
    buf_put(&((struct editor *)opaque)->out, bytes, n);
    buf_cstr(&((struct editor *)opaque)->out);
}

/* --- the machine ------------------------------------------------------------------------------------------------------------------ */

/* Some of what waits arrives now. */
static void arrive(struct editor *v)
{
    size_t n = v->waiting.len ? 1 + any(&v->rng, v->waiting.len) : 0;
    struct buf piece = { 0 };
    buf_put(&piece, v->waiting.data, n);
    memmove(v->waiting.data ? v->waiting.data : (u8 *)"", v->waiting.data + n, v->waiting.len -= n);
    if (n)
        dap_input(v->p, piece.data, n);
    buf_free(&piece);
}

static enum machine_stop resume(void *opaque, struct machine *m, u64 until)
{
    struct editor *v = opaque;
    u64 end = m->clock.now + 1 + any(&v->rng, 200000);
    enum machine_stop why;
    v->interrupted = false;
    dap_runs(v->p, true);
    do {
        u64 slice = m->clock.now + 5000;
        why = machine_run(m, slice < until ? slice : until, true);
        arrive(v);
    } while (why == MACHINE_REACHED && m->clock.now < until && m->clock.now < end && !v->interrupted);
    dap_runs(v->p, false);
    if (why == MACHINE_REACHED && m->clock.now < until)
        v->d->interrupted = 1; /* long enough */
    return why;
}

static enum machine_stop step(void *opaque, struct machine *m, struct cpu *c)
{
    struct editor *v = opaque;
    dap_runs(v->p, true);
    enum machine_stop why = machine_step(m, c);
    if (one_in(&v->rng, 50))
        arrive(v);
    dap_runs(v->p, false);
    if (++v->runs > 20000)
        v->d->interrupted = 1;
    return why;
}

static bool progress(void *opaque, u64 from, u64 now, u64 to)
{
    struct editor *v = opaque;
    dap_progress(v->p, from, now, to);
    arrive(v);
    bool on = !v->interrupted && ++v->runs < 20000;
    if (!on && v->d)
        v->d->interrupted = 1;
    return on;
}

static void say(void *opaque, const char *text, size_t n)
{
    dap_output(((struct editor *)opaque)->p, "console", text, n);
}

static struct debugger *launch(void *opaque, const struct dap_launch *l, struct err *e)
{
    struct editor *v = opaque;
    drop(v);
    if (l->program && !strcmp(l->program, "ticks")) {
        err_set(e, "there is no such program");
        return NULL;
    }
    v->config = (struct machine_config){ .board = "virt", .xlen = 64, .cpus = 1 + (unsigned)any(&v->rng, 2), .ram_size = 16 << 20,
                                         .kernel = { "teach.elf", v->kernel.data, v->kernel.len } };
    v->m = machine_new(&v->config, e);
    if (!v->m)
        return NULL;
    struct debugger_host host = { .opaque = v, .write = say, .resume = resume, .step = step };
    struct history_options h = { .opaque = v, .progress = progress, .limit = (u64)64 << 20 };
    v->d = debugger_new(v->m, &host);
    if (!one_in(&v->rng, 4))
        v->h = history_new(v->m, &h, e);
    debugger_add_symbols(v->d, "teach.elf", v->kernel.data, v->kernel.len, 0, e);
    return v->d;
}

static void interrupt(void *opaque) { ((struct editor *)opaque)->interrupted = true; }
static void type(void *opaque, const void *bytes, size_t n) {}

/* --- what is sent ------------------------------------------------------------------------------------------------------------------ */

static json_t *anything(u64 *rng)
{
    static const json_int_t numbers[] = { 0, 1, -1, 2, 65536, 65537, 131072, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, 4096, 100000 };
    switch (any(rng, 7)) {
    case 0: return json_null();
    case 1: return json_boolean(one_in(rng, 2));
    case 2: return json_array();
    case 3: return json_object();
    case 4: return json_integer((json_int_t)any(rng, 20));
    case 5: return json_string(texts[any(rng, ARRAY_LEN(texts))]);
    default: return json_integer(numbers[any(rng, ARRAY_LEN(numbers))]);
    }
}

static json_t *changed(u64 *rng, json_t *o)
{
    const char *key;
    json_t *value, *out;
    size_t i;
    if (one_in(rng, 12))
        return anything(rng);
    if (json_is_integer(o) && one_in(rng, 3))
        return json_integer(json_integer_value(o) + (json_int_t)any(rng, 9) - 4);
    if (json_is_string(o) && one_in(rng, 6))
        return json_string(texts[any(rng, ARRAY_LEN(texts))]);
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

static void put_frame(struct buf *b, const void *text, size_t n, size_t said)
{
    buf_printf(b, "Content-Length: %zu\r\n\r\n", said);
    buf_put(b, text, n);
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

static void note_seq(struct editor *v, const char *text)
{
    const char *seq = strstr(text, "\"seq\":");
    long n = seq ? strtol(seq + 6, NULL, 10) : 0;
    if (n > 0 && n < SEQ_MOST)
        v->asked[n]++;
}

static void add_message(struct editor *v, struct buf *to, const char *quoted, bool honest)
{
    json_t *plain = template(quoted), *o = honest ? json_incref(plain) : changed(&v->rng, plain);
    if (json_is_object(o)) {
        json_object_set_new(o, "seq", json_integer(++v->seq));
        if (honest || !one_in(&v->rng, 30))
            json_object_set_new(o, "type", json_string("request"));
        if (!honest && !one_in(&v->rng, 30))
            json_object_set(o, "command", json_object_get(plain, "command"));
    }
    char *text = json_dumps(o, JSON_COMPACT | JSON_ENCODE_ANY);
    size_t n = strlen(text), said = n;
    if (!honest && one_in(&v->rng, 25))
        mutate(&v->rng, (u8 *)text, n);
    if (!honest && one_in(&v->rng, 60))
        said = n + any(&v->rng, 40) - (n < 20 ? n : 20);
    note_seq(v, text);
    put_frame(to, text, n, said);
    if (!honest && one_in(&v->rng, 60))
        buf_printf(to, "%s", texts[any(&v->rng, ARRAY_LEN(texts))]);
    free(text);
    json_decref(o);
    json_decref(plain);
}

static void work(struct editor *v)
{
    while (v->waiting.len || dap_work(v->p)) {
        v->runs = 0;
        arrive(v);
        check_output(v);
    }
    check_output(v);
}

static bool read_kernel(struct buf *out)
{
    char bytes[65536];
    const char *path = getenv("TEACH");
    FILE *f = fopen(path ? path : "tests/labs/teach/teach.elf", "rb");
    size_t n;
    while (f && (n = fread(bytes, 1, sizeof bytes, f)) > 0)
        buf_put(out, bytes, n);
    if (f)
        fclose(f);
    return out->len > 0;
}

static void run_case(u64 number)
{
    struct editor v = { .rng = number, .asked = xcalloc(SEQ_MOST, 1), .answered = xcalloc(SEQ_MOST, 1) };
    struct dap_host host = { .opaque = &v, .write = write_out, .launch = launch, .interrupt = interrupt, .type = type };
    if (!read_kernel(&v.kernel))
        wrong("tests/labs/teach/teach.elf is not there: make it, or say where with TEACH=FILE");
    v.p = dap_new(&host);
    bool proper = !one_in(&v.rng, 8);
    if (proper)
        for (unsigned i = 0; i < 2; i++)
            add_message(&v, &v.waiting, good[i], true);
    if (proper && !one_in(&v.rng, 4))
        add_message(&v, &v.waiting, "{'command':'configurationDone'}", true);
    work(&v);
    for (u64 k = 1 + any(&v.rng, 60); k--;) {
        for (u64 j = 1 + any(&v.rng, 4); j--;)
            add_message(&v, &v.waiting, good[any(&v.rng, ARRAY_LEN(good))], one_in(&v.rng, 3));
        work(&v);
    }
    /* A header that lied may have eaten what follows it; no further than this. */
    for (unsigned i = 0; i < 100; i++)
        buf_put(&v.waiting, " ", 1);
    for (unsigned i = 0; i < 3; i++)
        add_message(&v, &v.waiting, "{'command':'threads'}", true);
    unsigned last = v.seq;
    work(&v);
    for (unsigned i = 1; i < v.seq; i++)
        if (v.answered[i] > v.asked[i])
            wrong("a request was answered twice");
    if (!v.answered[last] && !dap_over(v.p))
        wrong("a client that behaves is not served any more");
    dap_gone(v.p);
    dap_free(v.p);
    drop(&v);
    buf_free(&v.kernel);
    buf_free(&v.out);
    buf_free(&v.waiting);
    free(v.answered);
    free(v.asked);
}

int main(int argc, char **argv)
{
    return cases_main("dap_fuzz", argc, argv, run_case);
}
