/* The rest of QEMU's options: screen, debugging, logs, clocks, how instructions are executed. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/suggest.h"
#include "cli/option_rows.h"
#include "jit/jit.h"
#include "machine/build.h"

static const struct {
    const char *name;
    enum display_kind kind;
} displays[] = { { "none", DISPLAY_NONE }, { "sdl", DISPLAY_SDL }, { "curses", DISPLAY_CURSES }, { "gtk", DISPLAY_SDL } };

static bool list_displays(const struct options *o, const char *name)
{
    if (!name)
        printf("Available display backend types:\nnone\nsdl\ncurses\n");
    return !name;
}

/* KIND[,full-screen=on][,window-close=off]; what else QEMU's window has is a matter of taste. */
static bool on_display(struct options *o, const char *arg, struct err *e)
{
    static const char *const without_effect[] = { "gl", "show-cursor", "grab-mod", "charset", "zoom-to-fit", "show-tabs",
                                                  "show-menubar", "grab-on-hover", NULL };
    struct prop_value *p = props_parse(o->arena, arg, e);
    if (!p)
        return false;
    unsigned k = 0;
    while (k < ARRAY_LEN(displays) && strcmp(displays[k].name, p->name))
        k++;
    if (k == ARRAY_LEN(displays))
        return err_set(e, "'%s' is not supported; there are sdl (a window), curses (text in the terminal) and none", p->name);
    o->display = displays[k].kind;
    o->display_name = p->name;
    for (p = p->next; p; p = p->next) {
        if (!strcmp(p->name, "full-screen"))
            o->full_screen = !strcmp(p->text, "on");
        else if (!strcmp(p->name, "window-close"))
            o->window_stays = !strcmp(p->text, "off");
        else if (!option_word_in(p->name, without_effect))
            return err_set(e, "'%s' is not known; it takes full-screen=on and window-close=off", p->name);
    }
    return true;
}

static bool on_sdl(struct options *o, const char *arg, struct err *e) { return on_display(o, "sdl", e); }
static bool on_curses(struct options *o, const char *arg, struct err *e) { return on_display(o, "curses", e); }

static bool on_name(struct options *o, const char *arg, struct err *e)
{
    struct prop_value *p = props_parse(o->arena, arg, e);
    o->name = p && !strcmp(p->name, "guest") ? p->text : p ? p->name : NULL;
    return true;
}

static bool list_vgas(const struct options *o, const char *name)
{
    if (!name)
        printf("none                 no display adapter\nstd                  VGA with the Bochs display interface (default of PCs)\n");
    return !name;
}

static bool on_vga(struct options *o, const char *arg, struct err *e)
{
    o->vga = arg;
    return !strcmp(arg, "std") || !strcmp(arg, "none") || err_set(e, "'%s' is not supported: it takes std or none", arg);
}

static bool on_s(struct options *o, const char *arg, struct err *e)
{
    o->gdb = "tcp::1234";
    return true;
}

static const struct {
    const char *name, *doc;
} log_items[] = { { "int", "exceptions and interrupts, one line each" },
                  { "cpu_reset", "registers of a hart before it is reset" },
                  { "in_asm", "each instruction when it is executed for the first time" },
                  { "exec", "each instruction executed" },
                  { "guest_errors", "access faults, and what devices find wrong with their drivers" },
                  { "unimp", "illegal instructions: what this CPU model does not have" } };

static bool list_log_items(const struct options *o, const char *name)
{
    if (name)
        return false;
    printf("Log items (comma separated):\n");
    for (unsigned i = 0; i < ARRAY_LEN(log_items); i++)
        printf("%-15s %s\n", log_items[i].name, log_items[i].doc);
    return true;
}

static bool on_log(struct options *o, const char *arg, struct err *e)
{
    for (struct prop_value *p = props_parse(o->arena, arg, e); p; p = p->next) {
        unsigned i = 0, score = 0;
        const char *best = NULL;
        for (; i < ARRAY_LEN(log_items) && strcmp(log_items[i].name, p->name); i++)
            suggest(p->name, log_items[i].name, &best, &score);
        if (i == ARRAY_LEN(log_items))
            return err_set(e, "there is no log item '%s'%s%s%s; '-d help' lists them", p->name, DID_YOU_MEAN(best));
    }
    o->log_items = o->log_items ? arena_printf(o->arena, "%s,%s", o->log_items, arg) : arg;
    return true;
}

static bool on_rtc(struct options *o, const char *arg, struct err *e)
{
    for (struct prop_value *p = props_parse(o->arena, arg, e); p; p = p->next) {
        if (!strcmp(p->name, "clock") || !strcmp(p->name, "driftfix"))
            continue; /* guest time is virtual in any case */
        if (strcmp(p->name, "base"))
            return err_set(e, "'%s' is not known; it takes base=utc|localtime|DATE", p->name);
        struct tm tm = { 0 };
        if (!strcmp(p->text, "utc") || !strcmp(p->text, "localtime")) {
            time_t now = time(NULL);
            if (p->text[0] == 'l' && localtime_r(&now, &tm))
                now += tm.tm_gmtoff;
            o->rtc_base = now;
            continue;
        }
        const char *end = strptime(p->text, "%Y-%m-%dT%H:%M:%S", &tm);
        if (!end) {
            tm = (struct tm){ 0 };
            end = strptime(p->text, "%Y-%m-%d", &tm);
        }
        if (!end || *end)
            return err_set(e, "'%s' is not a date; write 2026-01-31T12:00:00, 2026-01-31, utc or localtime", p->text);
        o->rtc_base = timegm(&tm);
    }
    return true;
}

static bool on_semihosting_config(struct options *o, const char *arg, struct err *e)
{
    static const char *const known[] = { "enable", "target", "chardev", "userspace", "arg", NULL };
    const char *enable = NULL;
    for (struct prop_value *p = props_parse(o->arena, arg, e); p; p = p->next) {
        if (!option_word_in(p->name, known) && strcmp(p->text, "on"))
            return err_set(e, "'%s' is not known; it takes enable=on|off", p->name);
        if (!strcmp(p->name, "enable"))
            enable = p->text;
    }
    o->semihosting = !enable || strcmp(enable, "off");
    return true;
}

/* --- how instructions are executed ------------------------------------------------------------------------- */

bool option_accel(struct options *o, const char *list, struct err *e)
{
    static const struct {
        const char *name;
        u8 accel;
    } kinds[] = { { "jit", ACCEL_JIT }, { "interp", ACCEL_INTERP }, { "tcg", ACCEL_BEST } };
    for (const char *a = list;; a++) {
        size_t n = strcspn(a, ":,");
        for (unsigned k = 0; k < ARRAY_LEN(kinds); k++)
            if (n == strlen(kinds[k].name) && !strncmp(a, kinds[k].name, n)) {
                o->accel = kinds[k].accel;
                return true;
            }
        a += n;
        if (*a != ':')
            return err_set(e, "'%.*s' is not supported: guest time is virtual, so instructions are interpreted or "
                              "compiled here; leave it out or say 'interp' or 'jit'", (int)strcspn(list, ","), list);
    }
}

static bool list_accels(const struct options *o, const char *name)
{
    if (!name)
        printf("Accelerators supported:\ninterp\n"
               "jit[,tier=1|2][,threshold=N][,regions=N] (default)  host code for blocks entered N times (default "
               "%u);\n"
               "    tier 2, the default: for regions of blocks whose code was entered N times more (default %u)\n",
               JIT_THRESHOLD, JIT_REGION_THRESHOLD);
    return !name;
}

static bool on_accel(struct options *o, const char *arg, struct err *e)
{
    if (!strncmp(arg, "accel=", 6))
        arg += 6;
    if (!option_accel(o, arg, e))
        return false;
    const char *rest = strchr(arg, ',');
    struct prop_value *first = o->accel == ACCEL_JIT && rest ? props_parse(o->arena, rest + 1, e) : NULL;
    for (struct prop_value *p = first; p; p = p->next) {
        static const struct {
            const char *name;
            size_t field;
            u64 max;
        } known[] = {
            { "tier", offsetof(struct options, jit_tier), 2 },
            { "threshold", offsetof(struct options, jit_threshold), INT32_MAX },
            { "regions", offsetof(struct options, jit_regions), INT32_MAX },
        };
        u64 v;
        size_t k = 0;
        while (k < ARRAY_LEN(known) && strcmp(p->name, known[k].name))
            k++;
        if (k == ARRAY_LEN(known))
            return err_set(e, "-accel jit has tier=, threshold= and regions=, not '%s'", p->name);
        if (!option_number(p->text, &v, e))
            return false;
        if (!v || v > known[k].max)
            return err_set(e, "%s= takes a number from 1 to %llu", p->name, (unsigned long long)known[k].max);
        memcpy((u8 *)o + known[k].field, &v, sizeof v);
    }
    return true;
}

static bool on_code_cache(struct options *o, const char *arg, struct err *e)
{
    return option_size(arg, (u64)1 << 20, &o->code_cache, e) &&
           (o->code_cache <= (u64)1 << 30 || err_set(e, "a code cache has at most 1G"));
}

const struct option_row options_of_run[] = {
    { "nographic", NULL, NULL, "no screen; serial 0 and monitor share the terminal (Ctrl-A h)", SETS_FLAG(nographic) },
    { "display", NULL, "sdl|curses|none", "the screen in a window, its text in the terminal (Alt-2: monitor), or neither",
      CALLS(on_display), .list = list_displays },
    { "sdl", NULL, NULL, NULL, CALLS(on_sdl) }, /* QEMU's old names */
    { "curses", NULL, NULL, NULL, CALLS(on_curses) },
    { "full-screen", NULL, NULL, "a window takes the whole display", SETS_FLAG(full_screen) },
    { "vga", NULL, "std|none", "the board's display adapter", CALLS(on_vga), .list = list_vgas },
    { "nodefaults", NULL, NULL, "no default serial, monitor and display adapter", SETS_FLAG(nodefaults) },
    { "S", NULL, NULL, "do not start the CPUs until told", SETS_FLAG(start_stopped) },
    { "s", NULL, NULL, "short for -gdb tcp::1234", CALLS(on_s) },
    { "gdb", NULL, "DEV", "wait for gdb on tcp::PORT (loopback) or unix:PATH", SETS_TEXT(gdb) },
    { "d", NULL, "ITEM[,...]", "log items; '-d help' lists", CALLS(on_log), .list = list_log_items },
    { "D", NULL, "FILE", "write the log there instead of stderr", SETS_TEXT(log_file) },
    { "no-reboot", NULL, NULL, "end instead of rebooting", SETS_FLAG(no_reboot) },
    { "no-shutdown", NULL, NULL, "stop instead of ending when the guest powers off", SETS_FLAG(no_shutdown) },
    { "rtc", NULL, "base=utc|localtime|DATE", "date at the start (default: 2026-01-01, the same in every run)",
      CALLS(on_rtc) },
    { "semihosting", NULL, NULL, "serve semihosting calls", SETS_FLAG(semihosting) },
    { "accel", NULL, "interp|jit[,...]", "how instructions are executed; '?' lists", CALLS(on_accel),
      .list = list_accels },
    { "code-cache", NULL, "SIZE", "host memory for the JIT's code, all harts together (default 16M)",
      CALLS(on_code_cache) },
    { "perfmap", NULL, NULL, "tell Linux's perf of compiled code: /tmp/perf-PID.map", SETS_FLAG(perfmap) },
    { "jitdump", NULL, NULL, "the same with code and lines: jit-PID.dump, for perf inject --jit", SETS_FLAG(jitdump) },
    { "check-jit", NULL, NULL, "execute all compiled code in both tiers and compare; exit status 6 when they differ",
      SETS_FLAG(check_jit) },
    { "semihosting-config", NULL, "enable=on|off", "the same, as QEMU's long form", CALLS(on_semihosting_config) },
    { "pidfile", NULL, "FILE", "write the process number there", SETS_TEXT(pidfile) },
    { "name", NULL, "TEXT", "what the window's title says", CALLS(on_name) },
    { "k", NULL, "LAYOUT", NULL, IGNORED }, /* windows send keys by their places, and the guest has the layout */
    { "no-user-config", NULL, NULL, NULL, IGNORED },
    { "icount", NULL, "...", NULL, IGNORED }, /* Orrery always counts instructions */
    { .name = NULL },
};
