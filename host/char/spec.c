/* What follows -serial, -monitor and -chardev, taken apart. */
#include "host/char/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"

enum opt_kind { OPT_TEXT, OPT_BOOL, OPT_SIZE, OPT_UNUSED };
#define SIZE_OF(member) sizeof(((struct char_opts *)0)->member)
#define TEXT(name, member, kinds) { name, OPT_TEXT, offsetof(struct char_opts, member), SIZE_OF(member), kinds }
#define BOOL(name, member, kinds) { name, OPT_BOOL, offsetof(struct char_opts, member), 0, kinds }

/* kinds: words in which the option means something; "" all of them. */
static const struct opt {
    const char *name;
    enum opt_kind kind;
    size_t at, size;
    const char *kinds;
} opts[] = {
    TEXT("id", id, ""),
    TEXT("path", path, " file pipe unix socket pty "),
    TEXT("host", host, " socket tcp telnet "),
    TEXT("port", port, " socket tcp telnet "),
    BOOL("server", server, " socket tcp telnet unix "),
    BOOL("wait", wait, " socket tcp telnet unix "),
    BOOL("telnet", telnet, " socket tcp telnet unix "),
    BOOL("nodelay", nodelay, " socket tcp telnet "), /* before "no" + name is tried */
    BOOL("delay", nodelay, " socket tcp telnet "),
    BOOL("mux", mux, ""),
    BOOL("signal", signal, " stdio "),
    BOOL("append", append, " file "),
    TEXT("logfile", logfile, ""),
    BOOL("logappend", logappend, ""),
    { "size", OPT_SIZE, offsetof(struct char_opts, size), 0, " ringbuf " },
    /* Of QEMU's, without an effect here: a lost connection is never made again by itself. */
    { "ipv4", OPT_UNUSED, 0, 0, " socket tcp telnet " },
    { "ipv6", OPT_UNUSED, 0, 0, " socket tcp telnet " },
};

/* The words that may begin a spec, and the back end each means. */
static const struct word {
    const char *name, *kind;
} words[] = {
    { "null", "null" }, { "none", "null" }, { "stdio", "stdio" }, { "file", "file" }, { "pipe", "pipe" },
    { "pty", "pty" }, { "unix", "socket" }, { "tcp", "socket" }, { "telnet", "socket" }, { "socket", "socket" },
    { "ringbuf", "ringbuf" }, { "vc", "vc" },
};

static const char *kind_of(const char *name, struct err *e)
{
    const char *best = NULL;
    unsigned score = 0;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (!strcmp(words[i].name, name))
            return words[i].kind;
        suggest(name, words[i].name, &best, &score);
    }
    err_set(e, "there is no character back end '%.100s'%s%s%s; '-chardev ?' lists them", name,
            best ? " (did you mean '" : "", best ? best : "", best ? "'?)" : "");
    return NULL;
}

static bool parse_bool(const char *text, bool *out)
{
    static const char *const yes[] = { "on", "yes", "true", "y", "1" };
    static const char *const no[] = { "off", "no", "false", "n", "0" };
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        if (!strcmp(text, yes[i]) || !strcmp(text, no[i])) {
            *out = !strcmp(text, yes[i]);
            return true;
        }
    }
    return false;
}

static bool means_something(const struct opt *o, const char *kind)
{
    char word[32];
    snprintf(word, sizeof word, " %s ", kind);
    return !*o->kinds || strstr(o->kinds, word);
}

/* One NAME=VALUE, NAME, or noNAME. */
static bool set(struct char_opts *o, const char *item, struct err *e)
{
    char name[32];
    const char *value = strchr(item, '=');
    size_t n = value ? (size_t)(value - item) : strlen(item);
    snprintf(name, sizeof name, "%.*s", (int)(n < sizeof name ? n : sizeof name - 1), item);
    bool negated = false;
    const struct opt *p = NULL;
    const char *best = NULL;
    unsigned score = 0;
    for (int pass = 0; pass < 2 && !p; pass++) {
        negated = pass == 1;
        if (negated && (value || strncmp(name, "no", 2)))
            break;
        for (size_t i = 0; i < ARRAY_LEN(opts); i++) {
            if (!means_something(&opts[i], o->kind))
                continue;
            if (!strcmp(opts[i].name, name + (negated ? 2 : 0)))
                p = &opts[i];
            else if (!negated)
                suggest(name, opts[i].name, &best, &score);
        }
    }
    if (!p)
        return err_set(e, "the character back end '%s' has no option '%s'%s%s%s", o->kind, name,
                       best ? " (did you mean '" : "", best ? best : "", best ? "'?)" : "");
    void *at = (char *)o + p->at;
    switch (p->kind) {
    case OPT_TEXT:
        if (!value)
            return err_set(e, "'%s' needs a value: %s=...", name, name);
        if (strlen(value + 1) >= p->size)
            return err_set(e, "the value of '%s' is longer than %zu bytes", name, p->size - 1);
        strcpy(at, value + 1);
        return true;
    case OPT_BOOL: {
        bool b = !negated;
        if (value && !parse_bool(value + 1, &b))
            return err_set(e, "'%s' is on or off, not '%s'", name, value + 1);
        *(bool *)at = strcmp(name, "delay") && strcmp(name, "nodelay") ? b : (name[0] == 'n') == b;
        return true;
    }
    case OPT_SIZE: {
        char *end;
        u64 v = value ? strtoull(value + 1, &end, 0) : 0;
        if (value && (*end == 'k' || *end == 'K'))
            v *= 1024, end++;
        else if (value && *end == 'M')
            v *= 1024 * 1024, end++;
        if (!value || *end || !v || v > 1 << 26)
            return err_set(e, "'%s' is a number of bytes up to 64M, such as 64k", name);
        *(u64 *)at = v;
        return true;
    }
    case OPT_UNUSED: return true;
    }
    return true;
}

/* Comma-separated items; ",," is a comma inside one. */
static bool set_all(struct char_opts *o, const char *s, struct err *e)
{
    while (*s) {
        char item[1100];
        size_t n = 0;
        while (*s && !(s[0] == ',' && s[1] != ',')) {
            s += s[0] == ',';
            if (n + 1 < sizeof item)
                item[n++] = *s;
            s++;
        }
        item[n] = 0;
        s += *s == ',';
        if (n && !set(o, item, e))
            return false;
    }
    return true;
}

/* What stands before the first comma, at most cap - 1 bytes; returns what follows it. */
static const char *head(const char *s, char *out, size_t cap, bool *fits)
{
    size_t n = strcspn(s, ",");
    *fits = n < cap;
    snprintf(out, cap, "%.*s", (int)n, s);
    return s[n] ? s + n + 1 : s + n;
}

/* HOST:PORT, :PORT, [V6]:PORT */
static bool host_port(struct char_opts *o, const char *spec, const char *s, struct err *e)
{
    const char *colon = strrchr(s, ':');
    if (!colon || !colon[1])
        return err_set(e, "'%.200s' has no port: tcp:[HOST]:PORT[,server=on,wait=off]", spec);
    size_t n = (size_t)(colon - s);
    if (n >= 2 && s[0] == '[' && s[n - 1] == ']') {
        s++;
        n -= 2;
    }
    if (n >= sizeof o->host || strlen(colon + 1) >= sizeof o->port)
        return err_set(e, "the address in '%.200s' is too long", spec);
    snprintf(o->host, sizeof o->host, "%.*s", (int)n, s);
    strcpy(o->port, colon + 1);
    return true;
}

bool char_opts_parse(struct char_opts *o, const char *spec, struct err *e)
{
    memset(o, 0, sizeof *o);
    o->wait = true;
    o->signal = true;
    o->nodelay = true;
    o->size = 65536;
    const char *s = spec;
    if (!strncmp(s, "mon:", 4)) {
        s += 4;
        o->mux = true;
        o->signal = false; /* Ctrl-C is for the guest; Ctrl-A x ends */
    }
    size_t n = strcspn(s, ":,");
    char word[128];
    snprintf(word, sizeof word, "%.*s", (int)(n < sizeof word ? n : sizeof word - 1), s);
    const char *kind = kind_of(word, e);
    if (!kind)
        return false;
    strcpy(o->kind, word);
    if (s[n] != ':') {
        s += n;
        if (!set_all(o, *s ? s + 1 : s, e))
            return err_prefix(e, "%.200s", spec);
    } else {
        const char *rest = s + n + 1;
        bool fits = true;
        if (!strcmp(o->kind, "file") || !strcmp(o->kind, "pipe")) {
            /* The rest is the path, commas too. */
            fits = strlen(rest) < sizeof o->path;
            snprintf(o->path, sizeof o->path, "%s", rest);
            rest = "";
        } else if (!strcmp(o->kind, "unix")) {
            rest = head(rest, o->path, sizeof o->path, &fits);
        } else if (!strcmp(o->kind, "tcp") || !strcmp(o->kind, "telnet")) {
            char address[300];
            rest = head(rest, address, sizeof address, &fits);
            if (!host_port(o, spec, address, e))
                return false;
        } else if (!strcmp(o->kind, "vc")) {
            rest = ""; /* QEMU's size, 80Cx24C: a page has the size that it has */
        } else {
            return err_set(e, "'%s' takes no ':'; options follow it with commas", o->kind);
        }
        if (!fits)
            return err_set(e, "the path or address in '%.200s' is too long", spec);
        if (!set_all(o, rest, e))
            return err_prefix(e, "%.200s", spec);
    }
    if (!strcmp(o->kind, "telnet"))
        o->telnet = true;
    strcpy(o->kind, kind);
    return true;
}
