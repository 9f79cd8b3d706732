/* Commands that show and change values, memory and code. */
#include "debugger/commands.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool print_value(struct debugger *d, const char *args, bool numbered, struct err *e)
{
    struct slash_format f;
    struct value v;
    if (!take_format(&args, &f, e))
        return false;
    if (!*args) {
        if (!d->history)
            return err_set(e, "the value history is empty: print an expression");
        args = "$";
    }
    struct expr_env env = debugger_env(d);
    if (!expr_value(&env, args, &v, e))
        return false;
    struct value_format format = { .letter = f.letter == 'i' || f.letter == 'r' ? 0 : f.letter, .pretty = d->pretty };
    struct buf out = { 0 };
    value_print(&env, &v, &format, &out);
    if (numbered && v.type->kind != TYPE_VOID) {
        struct convenience *c = xcalloc(1, sizeof *c);
        c->value = v;
        if (c->value.where == VALUE_REGISTER) { /* the history keeps what it was */
            c->value.where = VALUE_BYTES;
            c->value.reg = NULL;
        } else if (v.where == VALUE_MEMORY && !v.bit_size && value_is_scalar(d->syms, &v)) {
            u64 size = type_size(d->syms, v.type);
            if (size <= VALUE_MAX && value_read(&env, &v, 0, c->value.bytes, size, NULL))
                c->value.where = VALUE_BYTES;
        }
        snprintf(c->name, sizeof c->name, "%u", ++d->history);
        c->next = d->vars;
        d->vars = c;
        debug_printf(d, "$%u = ", d->history);
    }
    if (numbered)
        buf_printf(&out, "\n");
    debug_write(d, &out);
    buf_free(&out);
    if (strchr(args, '='))
        debugger_changed(d);
    return true;
}

HANDLER(cmd_print)
{
    return print_value(d, args, true, e);
}

HANDLER(cmd_output)
{
    return print_value(d, args, false, e);
}

/* One argument up to a comma outside brackets and quotes. */
static char *take_argument(const char **args)
{
    const char *s = *args;
    int depth = 0;
    while (*s && (depth || *s != ',')) {
        depth += *s == '(' || *s == '[';
        depth -= *s == ')' || *s == ']';
        s++;
    }
    char *out = xmalloc((size_t)(s - *args) + 1);
    memcpy(out, *args, (size_t)(s - *args));
    out[s - *args] = 0;
    *args = *s ? s + 1 : s;
    return out;
}

HANDLER(cmd_printf)
{
    struct buf out = { 0 };
    const char *s = args;
    if (*s != '"')
        return err_set(e, "Bad format string: it begins with '\"'");
    const char *end = s + 1;
    while (*end && *end != '"')
        end += *end == '\\' && end[1] ? 2 : 1;
    if (*end != '"')
        return err_set(e, "Bad format string, non-terminated '\"'");
    const char *rest = skip_space(end + 1);
    bool ok = true;
    if (*rest == ',')
        rest++;
    for (s++; s < end && ok; s++) {
        if (*s == '\\') {
            s++;
            buf_printf(&out, "%c", *s == 'n' ? '\n' : *s == 't' ? '\t' : *s);
        } else if (*s == '%' && s[1] == '%') {
            buf_printf(&out, "%%");
            s++;
        } else if (*s == '%') {
            const char *spec = s++;
            while (s < end && strchr("-+ #0123456789.lhz", *s))
                s++;
            char flags[16], letter = *s;
            size_t n = 0;
            for (const char *c = spec; c < s && n < 8; c++)
                if (!strchr("lhz", *c))
                    flags[n++] = *c;
            flags[n] = 0;
            if (atoi(flags + 1 + (flags[1] == '-')) > 200)
                flags[1] = 0;
            char *text = take_argument(&rest);
            struct expr_env env = debugger_env(d);
            struct value v;
            u64 raw;
            double real;
            if (!*skip_space(text))
                ok = err_set(e, "Bad format string, missing argument for %%%c", letter);
            else if (!(ok = expr_value(&env, text, &v, e))) {
                if ((ok = letter == 'v'))
                    buf_printf(&out, "<%s>", e->text);
            } else if (letter == 's') {
                char str[201] = "";
                if (value_u64(&env, &v, &raw, e))
                    cpu_peek(d->cpu, raw & cpu_addr_mask(d->cpu), str, 200);
                buf_printf(&out, "%s", str);
            } else if (letter == 'v') { /* as `print` shows it */
                value_print(&env, &v, NULL, &out);
            } else if (strchr("feg", letter)) {
                if ((ok = value_double(&env, &v, &real, e)))
                    buf_printf(&out, "%g", real);
            } else if (strchr("dixXuocp", letter)) {
                if ((ok = value_u64(&env, &v, &raw, e))) {
                    char f[40], one[256];
                    snprintf(f, sizeof f, letter == 'c' ? "%s%c" : "%sll%c", flags, letter == 'p' ? 'x' : letter);
                    if (letter == 'c')
                        snprintf(one, sizeof one, "%c", (int)raw);
                    else {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
                        /* f is one integer conversion, put together above from checked characters. */
                        snprintf(one, sizeof one, f, (unsigned long long)raw);
#pragma GCC diagnostic pop
                    }
                    buf_printf(&out, "%s", one);
                }
            } else {
                ok = err_set(e, "Bad format string: %%%c", letter);
            }
            free(text);
        } else {
            buf_printf(&out, "%c", *s);
        }
    }
    if (ok)
        debug_write(d, &out);
    buf_free(&out);
    return ok;
}

static bool type_of_text(struct debugger *d, const char *args, struct type **t, struct err *e)
{
    struct expr_env env = debugger_env(d);
    struct value v;
    if (!*args)
        args = "$";
    if (!(*t = expr_parse_type(&env, args, NULL))) {
        env.read_only = true;
        if (!expr_value(&env, args, &v, e)) {
            /* "struct nod" fails as a type: say that, not the expression's complaint. */
            if (!strncmp(args, "struct", 6) || !strncmp(args, "union", 5) || !strncmp(args, "enum", 4))
                expr_parse_type(&env, args, e);
            return false;
        }
        *t = v.type;
    }
    return true;
}

static bool show_type(struct debugger *d, const char *args, bool definition, struct err *e)
{
    struct type *t;
    if (!type_of_text(d, args, &t, e))
        return false;
    struct buf out = { 0 };
    buf_printf(&out, "type = ");
    if (definition)
        type_describe(d->syms, t, &out);
    else
        type_format(d->syms, t, NULL, &out);
    buf_printf(&out, "\n");
    debug_write(d, &out);
    buf_free(&out);
    return true;
}

HANDLER(cmd_ptype)
{
    return show_type(d, args, true, e);
}

HANDLER(cmd_whatis)
{
    return show_type(d, args, false, e);
}

/* --- Memory ------------------------------------------------------------------------------------------------------ */

static u64 read_bytes(struct debugger *d, bool physical, u64 addr, void *out, u64 n)
{
    return physical ? space_peek(d->machine->mem, addr, out, n) : cpu_peek(d->cpu, addr, out, n);
}

static bool unreadable(bool physical, u64 addr, struct err *e)
{
    if (physical)
        return err_set(e, "Cannot access physical memory at 0x%llx: `info mtree` shows what is where",
                       (unsigned long long)addr);
    return err_set(e, "Cannot access memory at address 0x%llx: `walk 0x%llx` says why", (unsigned long long)addr,
                   (unsigned long long)addr);
}

static bool x_strings(struct debugger *d, bool physical, u64 *addr, u64 count, struct err *e)
{
    while (count-- && !d->interrupted) {
        struct buf out = { 0 };
        char where[256];
        u8 c;
        unsigned n = 0;
        symbols_format(d->syms, *addr, where, sizeof where);
        buf_printf(&out, "0x%llx%s%s%s:\t\"", (unsigned long long)*addr, where[0] ? " <" : "", where,
                   where[0] ? ">" : "");
        bool ok;
        while ((ok = read_bytes(d, physical, *addr, &c, 1) == 1) && c && n++ < 200) {
            buf_printf(&out, c >= 32 && c < 127 ? "%c" : "\\%03o", c);
            ++*addr;
        }
        if (!ok && !n) {
            buf_free(&out);
            return unreadable(physical, *addr, e);
        }
        ++*addr;
        buf_printf(&out, "\"\n");
        debug_write(d, &out);
        buf_free(&out);
    }
    return true;
}

static bool x_insns(struct debugger *d, u64 *addr, u64 count, struct err *e)
{
    while (count-- && !d->interrupted) {
        struct buf out = { 0 };
        unsigned n = show_insn(d, *addr, *addr == debugger_pc(d), &out);
        if (!n) {
            buf_free(&out);
            return unreadable(false, *addr, e);
        }
        buf_printf(&out, "\n");
        debug_write(d, &out);
        buf_free(&out);
        *addr += n;
    }
    return true;
}

static bool examine(struct debugger *d, const char *args, bool physical, struct err *e)
{
    struct slash_format f;
    u64 addr = d->x_addr;
    if (!take_format(&args, &f, e))
        return false;
    if (f.letter)
        d->x_last.letter = f.letter;
    if (f.size)
        d->x_last.size = f.size;
    else if (f.letter == 'a' || (f.letter == 'f' && d->x_last.size < 4))
        d->x_last.size = isa_word(d->syms, d->cpu, debugger_pc(d));
    else if (f.letter == 'c')
        d->x_last.size = 1;
    bool far;
    if (*args && !physical && !debugger_far(d, args, &addr, &far, e))
        return false;
    if (*args && (physical || !far)) {
        struct expr_env env = debugger_env(d);
        struct value v;
        if (!expr_value(&env, args, &v, e))
            return false;
        /* `x table` and `x main` mean their places; `x p` and `x $sp` what they point to; `x counter` its value. */
        struct type *t = type_strip(d->syms, v.type);
        if ((t->kind == TYPE_STRUCT || t->kind == TYPE_UNION) && v.where == VALUE_MEMORY)
            addr = v.addr;
        else if (!value_u64(&env, &v, &addr, e))
            return false;
    }
    if (!physical)
        addr &= cpu_addr_mask(d->cpu);
    char letter = d->x_last.letter;
    unsigned size = d->x_last.size;
    bool ok = true;
    if (letter == 'i' && physical)
        return err_set(e, "xp does not disassemble: use x/i on a virtual address");
    if (letter == 'i' || letter == 's') {
        ok = letter == 'i' ? x_insns(d, &addr, f.count, e) : x_strings(d, physical, &addr, f.count, e);
        d->x_addr = addr;
        return ok;
    }
    if (letter == 'f' && size == 1)
        size = 8;
    unsigned per_line = letter == 'c' ? 8 : size == 8 ? 2 : size == 4 ? 4 : 8;
    if (letter == 'a')
        per_line = 2;
    struct expr_env env = debugger_env(d);
    for (u64 i = 0; i < f.count && ok && !d->interrupted;) {
        struct buf out = { 0 };
        char where[256];
        symbols_format(d->syms, addr, where, sizeof where);
        buf_printf(&out, "0x%llx%s%s%s:", (unsigned long long)addr, where[0] && !physical ? " <" : "",
                   physical ? "" : where, where[0] && !physical ? ">" : "");
        for (unsigned k = 0; k < per_line && i < f.count; k++, i++) {
            u8 raw[8];
            if (read_bytes(d, physical, addr, raw, size) != size) {
                ok = unreadable(physical, addr, e);
                break;
            }
            buf_printf(&out, "\t");
            number_print(&env, load_le(raw, size), size, letter == 'x' ? 'z' : letter, &out);
            addr += size;
        }
        buf_printf(&out, "\n");
        if (strchr(buf_cstr(&out), '\t'))
            debug_write(d, &out);
        buf_free(&out);
    }
    d->x_addr = addr;
    return ok;
}

HANDLER(cmd_x)
{
    return examine(d, args, false, e);
}

HANDLER(cmd_xp)
{
    return examine(d, args, true, e);
}

HANDLER(cmd_disassemble)
{
    u64 low, high;
    bool source = false, raw = false;
    const char *name = NULL;
    while (*args == '/') {
        args++;
        for (; *args && !isspace((u8)*args); args++) {
            source |= *args == 's' || *args == 'm';
            raw |= *args == 'r';
            if (!strchr("smr", *args))
                return err_set(e, "disassemble: the modifiers are /s with source lines and /r with bytes");
        }
        args = skip_space(args);
    }
    const char *comma = strchr(args, ',');
    if (comma) {
        char *first = xstrdup(args);
        first[comma - args] = 0;
        const char *second = skip_space(comma + 1);
        bool ok = debugger_eval(d, first, &low, e) && debugger_eval(d, *second == '+' ? second + 1 : second, &high, e);
        free(first);
        if (!ok)
            return false;
        if (*second == '+')
            high += low;
    } else {
        u64 at = debugger_frame(d, d->selected) ? debugger_frame(d, d->selected)->pc : debugger_pc(d);
        if (*args && !debugger_eval(d, args, &at, e))
            return false;
        if (!symbols_function_at(d->syms, at, &low, &high, &name)) {
            low = at; /* no function: a screenful */
            high = at + 64;
        }
    }
    if (high - low > 1 << 20)
        return err_set(e, "disassemble: the range is larger than 1 MiB");
    debug_printf(d, name ? "Dump of assembler code for function %s:\n" : "Dump of assembler code:\n", name);
    int last_line = 0;
    u64 pc = debugger_frame(d, d->selected) ? debugger_frame(d, d->selected)->pc : debugger_pc(d);
    bool ok = true;
    while (low < high && ok && !d->interrupted) {
        struct source_pos p;
        struct buf out = { 0 };
        size_t len;
        if (source && symbols_line_at(d->syms, low, &p) && p.line != last_line) {
            const char *text = symbols_source_line(d->syms, p.file, p.line, &len);
            buf_printf(&out, "%s:%d:%s%.*s\n", base_name(p.file), p.line, text ? "\t" : "", text ? (int)len : 0,
                       text ? text : "");
            last_line = p.line;
        }
        struct buf insn = { 0 };
        unsigned n = show_insn(d, low, low == pc, &insn);
        if (!n) {
            ok = unreadable(false, low, e);
        } else if (raw) {
            u8 bytes[4] = { 0 };
            cpu_peek(d->cpu, low, bytes, n < 4 ? n : 4);
            const char *tab = strchr(buf_cstr(&insn), '\t');
            buf_printf(&out, "%.*s\t%0*llx%s%s\n", (int)(tab - buf_cstr(&insn)), buf_cstr(&insn), (int)(2 * n),
                       (unsigned long long)load_le(bytes, n < 4 ? n : 4), n == 2 ? "    " : "", tab);
        } else {
            buf_printf(&out, "%s\n", buf_cstr(&insn));
        }
        debug_write(d, &out);
        buf_free(&insn);
        buf_free(&out);
        low += n ? n : high;
    }
    if (ok)
        debug_printf(d, "End of assembler dump.\n");
    return ok;
}

/* --- Displays ---------------------------------------------------------------------------------------------------- */

static bool show_display(struct debugger *d, struct display_item *i, struct err *e)
{
    struct slash_format f;
    const char *format = i->format;
    take_format(&format, &f, NULL);
    struct expr_env env = debugger_env(d);
    debug_printf(d, "%d: ", i->number);
    if (f.letter == 'i' || f.letter == 's' || f.size) {
        char *line = xprintf("%s %s", i->format, i->text);
        debug_printf(d, "x%s %s\n", i->format, i->text);
        u64 keep = d->x_addr;
        bool ok = examine(d, line, false, e);
        d->x_addr = keep;
        free(line);
        return ok;
    }
    struct value v;
    env.read_only = true;
    if (!expr_value(&env, i->text, &v, e))
        return false;
    struct value_format vf = { .letter = f.letter, .pretty = d->pretty };
    struct buf out = { 0 };
    buf_printf(&out, "%s%s%s = ", i->format, i->format[0] ? " " : "", i->text);
    value_print(&env, &v, &vf, &out);
    buf_printf(&out, "\n");
    debug_write(d, &out);
    buf_free(&out);
    return true;
}

void show_displays(struct debugger *d)
{
    struct err e;
    for (struct display_item *i = d->displays; i; i = i->next) {
        struct expr_env env = debugger_env(d);
        struct expr *x = i->enabled ? expr_compile(&env, i->text, NULL) : NULL;
        if (x && !show_display(d, i, &e)) /* names that mean nothing here are shown again where they do */
            debug_printf(d, "%s = <%s>\n", i->text, e.text);
        expr_free(x);
    }
}

HANDLER(cmd_display)
{
    struct slash_format f;
    const char *at = args;
    if (!*args) {
        show_displays(d);
        return true;
    }
    if (!take_format(&at, &f, e))
        return false;
    if (!*at)
        return err_set(e, "display: an expression is needed");
    struct display_item *i = xcalloc(1, sizeof *i), **end = &d->displays;
    size_t n = (size_t)(at - args);
    while (n && isspace((u8)args[n - 1]))
        n--;
    i->format = xmalloc(n + 1);
    memcpy(i->format, args, n);
    i->format[n] = 0;
    i->text = xstrdup(at);
    i->number = d->last_display + 1;
    i->enabled = true;
    struct expr_env env = debugger_env(d);
    struct expr *x = expr_compile(&env, at, e);
    bool ok = x && show_display(d, i, e);
    expr_free(x);
    if (!ok) { /* what cannot be shown now is a mistake */
        free(i->format);
        free(i->text);
        free(i);
        return false;
    }
    d->last_display++;
    while (*end)
        end = &(*end)->next;
    *end = i;
    return true;
}

HANDLER(cmd_undisplay)
{
    char word[32];
    bool all = !*args;
    while (all ? d->displays != NULL : take_word(&args, word, sizeof word)) {
        struct display_item **at = &d->displays;
        while (!all && *at && (*at)->number != atoi(word))
            at = &(*at)->next;
        if (!*at)
            return err_set(e, "No display number %s; `info display` lists them.", word);
        struct display_item *i = *at;
        *at = i->next;
        free(i->text);
        free(i->format);
        free(i);
    }
    return true;
}

HANDLER(info_display)
{
    if (!d->displays)
        debug_printf(d, "There are no auto-display expressions now.\n");
    for (const struct display_item *i = d->displays; i; i = i->next)
        debug_printf(d, "%d:   %c  %s%s%s\n", i->number, i->enabled ? 'y' : 'n', i->format, i->format[0] ? " " : "",
                     i->text);
    return true;
}

/* --- set, show --------------------------------------------------------------------------------------------------- */

HANDLER(set_var)
{
    struct value v;
    struct expr_env env = debugger_env(d);
    bool ok = expr_value(&env, args, &v, e);
    debugger_changed(d);
    return ok;
}

/* `set var *p = 1`: the operator begins the expression, unless the guest has a variable of that name and it is the
 * operator's left side (`set var += 1`, `set var->next = 0`). */
static bool names_set_var(const char *args, size_t n, const char *after)
{
    return n >= 3 && n <= strlen("variable") && !strncmp(args, "variable", n) && *after && strchr("*&+-~!", *after) &&
           after[1] != '=' && strncmp(after, "->", 2);
}

HANDLER(cmd_set)
{
    char word[64];
    const char *rest = args;
    size_t n = 0;
    while (isalnum((u8)args[n]) || args[n] == '-' || args[n] == '_')
        n++;
    const char *after = skip_space(args + n);
    /* `set x = 3`, `set $a0 = 1`, `set *p = 2` are assignments; a word first is a setting. */
    bool assigns = !n || *after == '=' || *after == '[' || *after == '.' || (*after && strchr("+-*/&|^<>", *after));
    if (assigns && !names_set_var(args, n, after))
        return set_var(d, args, e);
    if (!take_word(&rest, word, sizeof word))
        return err_set(e, "set: a setting or an assignment is needed");
    const struct command *c = command_find(set_commands, word, "set ", e);
    if (!c)
        return false;
    if (c->required && !*rest)
        return err_set(e, "Argument required: set %s %s. %s", c->name, c->usage, c->help);
    return c->run(d, rest, e);
}

static bool on_off(const char *args, bool *out, struct err *e)
{
    if (!*args || !strcmp(args, "on") || !strcmp(args, "1") || !strcmp(args, "yes") || !strcmp(args, "enable"))
        *out = true;
    else if (!strcmp(args, "off") || !strcmp(args, "0") || !strcmp(args, "no") || !strcmp(args, "disable"))
        *out = false;
    else
        return err_set(e, "\"on\" or \"off\" expected, not \"%.40s\"", args);
    return true;
}

HANDLER(set_color)
{
    if (!strncmp(args, "enabled", 7))
        args = skip_space(args + 7);
    return on_off(args, &d->color, e);
}

HANDLER(set_pretty)
{
    char word[32];
    take_word(&args, word, sizeof word);
    if (strcmp(word, "pretty"))
        return true; /* gdb's many other print settings change nothing here */
    return on_off(args, &d->pretty, e);
}

HANDLER(set_confirm)
{
    return on_off(args, &d->confirm, e);
}

HANDLER(set_listsize)
{
    u64 n;
    if (!debugger_eval(d, args, &n, e))
        return false;
    if (n < 1 || n > 10000)
        return err_set(e, "set listsize: 1 to 10000");
    d->listsize = (int)n;
    return true;
}

static const char *const consoles[] = { [CONSOLE_AUTO] = "auto", [CONSOLE_SERIAL] = "serial", [CONSOLE_SCREEN] = "screen" };

HANDLER(set_console)
{
    for (unsigned i = 0; i < ARRAY_LEN(consoles); i++)
        if (!strcmp(args, consoles[i])) {
            d->console_shows = i;
            return true;
        }
    return err_set(e, "set console: auto, serial or screen");
}

HANDLER(set_ignored)
{
    return true;
}

HANDLER(show_settings)
{
    debug_printf(d, "color %s\nlistsize %d\nprint pretty %s\nconsole %s\n", d->color ? "on" : "off", d->listsize,
                 d->pretty ? "on" : "off", consoles[d->console_shows]);
    return true;
}

HANDLER(cmd_show)
{
    char word[64];
    if (take_word(&args, word, sizeof word) && !strncmp("version", word, strlen(word)))
        debug_printf(d, "Orrery's debugger; `help` lists its commands.\n");
    return show_settings(d, args, e);
}
