/* C expressions: lexer, parser, and the binding of names. */
#include "debugger/exprnode.h"

#include <ctype.h>
#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"

#define MAX_DEPTH 100

enum token { T_END, T_NUMBER, T_REAL, T_NAME, T_DOLLAR, T_PUNCT, T_BAD };

struct parser {
    const struct expr_env *env;
    struct arena *arena;
    const char *at; /* behind the token */
    const char *start;
    enum token token;
    char text[128]; /* of names and punctuation */
    u64 number;
    double real;
    struct type *number_type;
    unsigned depth;
    struct err *e;
    bool failed;
};

static struct node *fail(struct parser *p)
{
    p->failed = true;
    p->token = T_END;
    return NULL;
}

static const char *const puncts[] = { /* longest first */
    "<<=", ">>=", "->", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=",
    "+", "-", "*", "/", "%", "<", ">", "=", "!", "~", "&", "|", "^", "(", ")", "[", "]", ".", "?", ":", ",", "@",
};

static int escape(const char **s)
{
    static const char from[] = "abtnvfr\\'\"", to[] = "\a\b\t\n\v\f\r\\'\"";
    char c = **s;
    if (!c)
        return 0; /* the text ends here, and is not read on */
    ++*s;
    const char *hit = strchr(from, c);
    if (hit)
        return to[hit - from];
    if (c == 'x' || (c >= '0' && c <= '7')) {
        char *end;
        long v = strtol(c == 'x' ? *s : *s - 1, &end, c == 'x' ? 16 : 8);
        *s = end;
        return (int)(v & 0xff);
    }
    return (u8)c;
}

static void number(struct parser *p)
{
    const char *s = p->at;
    char *end;
    p->token = T_NUMBER;
    if (s[0] == '0' && (s[1] == 'b' || s[1] == 'B'))
        p->number = strtoull(s + 2, &end, 2);
    else
        p->number = strtoull(s, &end, 0);
    bool hex = s[0] == '0' && (s[1] == 'x' || s[1] == 'X');
    if (!hex && (*end == '.' || *end == 'e' || *end == 'E')) {
        p->real = strtod(s, &end);
        p->token = T_REAL;
        if (*end == 'f' || *end == 'F')
            end++;
        p->at = end;
        return;
    }
    bool is_unsigned = false, is_long = false;
    for (; *end && strchr("uUlL", *end); end++) {
        is_unsigned |= *end == 'u' || *end == 'U';
        is_long |= *end == 'l' || *end == 'L';
    }
    bool wide = is_long || p->number > INT32_MAX;
    if (wide && !is_long && (s[0] == '0' || is_unsigned) && p->number <= UINT32_MAX)
        p->number_type = type_builtin(p->env->syms, TYPE_INT, 4, false, "unsigned int");
    else if (wide)
        p->number_type = type_builtin(p->env->syms, TYPE_INT, 8, !(is_unsigned || p->number > INT64_MAX),
                                      is_unsigned || p->number > INT64_MAX ? "unsigned long" : "long");
    else
        p->number_type = type_builtin(p->env->syms, TYPE_INT, 4, !is_unsigned, is_unsigned ? "unsigned int" : "int");
    if (isalnum((u8)*end) || *end == '_') {
        err_set(p->e, "Invalid number \"%.40s\"", s);
        fail(p);
        p->token = T_BAD;
        return;
    }
    p->at = end;
}

static void next(struct parser *p)
{
    if (p->failed)
        return;
    while (isspace((u8)*p->at))
        p->at++;
    p->start = p->at;
    if (!*p->at) {
        p->token = T_END;
        return;
    }
    if (isdigit((u8)*p->at)) {
        number(p);
        return;
    }
    if (*p->at == '\'') {
        const char *s = p->at + 1;
        int c = *s == '\\' ? (s++, escape(&s)) : *s ? (u8)*s++ : 0;
        if (s > p->at + 1 && *s == '\'') {
            p->at = s + 1;
            p->token = T_NUMBER;
            p->number = (u64)(i64)(i8)c;
            p->number_type = type_builtin(p->env->syms, TYPE_CHAR, 1, true, "char");
            return;
        }
    }
    if (isalpha((u8)*p->at) || *p->at == '_' || *p->at == '$') {
        p->token = *p->at == '$' ? T_DOLLAR : T_NAME;
        size_t n = 0;
        p->at += p->token == T_DOLLAR;
        while (isalnum((u8)p->at[n]) || p->at[n] == '_' || p->at[n] == '$')
            n++;
        if (n >= sizeof p->text) {
            err_set(p->e, "a name of %zu characters is too long", n);
            fail(p);
            return;
        }
        memcpy(p->text, p->at, n);
        p->text[n] = 0;
        p->at += n;
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(puncts); i++) {
        size_t n = strlen(puncts[i]);
        if (!strncmp(p->at, puncts[i], n)) {
            memcpy(p->text, puncts[i], n + 1);
            p->at += n;
            p->token = T_PUNCT;
            return;
        }
    }
    err_set(p->e, "Invalid character '%c' in expression.", *p->at);
    fail(p);
}

static bool is(const struct parser *p, const char *punct)
{
    return p->token == T_PUNCT && !strcmp(p->text, punct);
}

static bool eat(struct parser *p, const char *punct)
{
    if (!is(p, punct))
        return false;
    next(p);
    return true;
}

static struct node *node(struct parser *p, enum node_kind kind, struct node *a, struct node *b)
{
    struct node *n = ARENA_NEW(p->arena, struct node);
    n->kind = kind;
    n->a = a;
    n->b = b;
    return n;
}

static struct node *expected(struct parser *p, const char *what)
{
    if (!p->failed)
        err_set(p->e, "A syntax error in expression: %s expected, near `%.40s'.", what, p->start);
    return fail(p);
}

/* --- Names ------------------------------------------------------------------------------------------------------- */

struct nearest {
    const char *typed, *best;
    unsigned score;
};

static bool consider(void *opaque, const struct symbol *sym)
{
    struct nearest *q = opaque;
    suggest(q->typed, sym->name, &q->best, &q->score);
    return true;
}

static struct node *unknown(struct parser *p, const char *name)
{
    struct symbols *s = p->env->syms;
    struct nearest q = { .typed = name };
    symbols_each(s, consider, &q);
    Dwarf_Die scopes[SCOPE_DEPTH], child;
    struct symfile *f;
    unsigned n = p->env->frame ? frame_scopes(s, p->env->frame, scopes, &f) : 0, steps = 0;
    for (unsigned i = 0; i + 1 < n; i++)
        if (!dwarf_child(&scopes[i], &child))
            do {
                const char *v = dwarf_diename(&child);
                if (v && (dwarf_tag(&child) == DW_TAG_variable || dwarf_tag(&child) == DW_TAG_formal_parameter))
                    suggest(name, v, &q.best, &q.score);
            } while (!dwarf_siblingof(&child, &child) && ++steps < 10000);
    if (q.best)
        err_set(p->e, "No symbol \"%s\" in current context. The nearest name is \"%s\".", name, q.best);
    else if (!s->files)
        err_set(p->e, "No symbol \"%s\": no symbol table is loaded. Use the \"symbol-file\" command.", name);
    else
        err_set(p->e, "No symbol \"%s\" in current context.", name);
    return fail(p);
}

static struct node *bind(struct parser *p, const char *name)
{
    struct symbols *s = p->env->syms;
    Dwarf_Die scopes[SCOPE_DEPTH], die;
    struct symfile *f = NULL;
    unsigned n = p->env->frame ? frame_scopes(s, p->env->frame, scopes, &f) : 0;
    if (symbols_variable(s, scopes, n, name, &die, &f)) {
        struct node *x = node(p, NODE_VARIABLE, NULL, NULL);
        x->die = die;
        x->file = f;
        x->name = arena_strdup(p->arena, name);
        u64 v;
        if (enumerator_value(&die, &v)) {
            x->kind = NODE_NUMBER;
            x->number = v;
            x->type = type_builtin(s, TYPE_INT, 4, true, "int");
        }
        return x;
    }
    const struct symbol *sym = symbols_named(s, name);
    if (symbols_function_named(s, name, &die, &f)) {
        Dwarf_Addr low;
        struct node *x = node(p, NODE_FUNCTION, NULL, NULL);
        x->type = type_of_die(s, f, &die);
        if (!dwarf_lowpc(&die, &low))
            x->number = (low + f->bias) & f->mask;
        else if (sym)
            x->number = sym->addr;
        else
            return unknown(p, name); /* inlined everywhere: it has no address */
        return x;
    }
    if (sym) {
        struct node *x = node(p, NODE_SYMBOL, NULL, NULL);
        x->symbol = sym;
        x->type = type_of_symbol(s, sym);
        return x;
    }
    u64 value;
    if (enumerator_named(s, name, &value)) {
        struct node *x = node(p, NODE_NUMBER, NULL, NULL);
        x->number = value;
        x->type = type_builtin(s, TYPE_INT, value > INT32_MAX && (i64)value > 0 ? 8 : 4, true, "int");
        return x;
    }
    return unknown(p, name);
}

/* --- Types ------------------------------------------------------------------------------------------------------- */

static const char *const type_words[] = { "void", "char", "short", "int", "long", "float", "double", "signed",
                                          "unsigned", "_Bool", "struct", "union", "enum", "const", "volatile" };

static bool starts_type(struct parser *p)
{
    if (p->token != T_NAME)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(type_words); i++)
        if (!strcmp(p->text, type_words[i]))
            return true;
    Dwarf_Die scopes[SCOPE_DEPTH];
    struct symfile *f;
    if (!type_named(p->env->syms, TYPE_TYPEDEF, p->text)) {
        /* The fixed-width names are known even without debug information. */
        return !strncmp(p->text, "uint", 4) || !strncmp(p->text, "int", 3)
                   ? strlen(p->text) > 5 && !strcmp(p->text + strlen(p->text) - 2, "_t")
                   : !strcmp(p->text, "size_t");
    }
    /* A variable of that name in an inner scope hides it. */
    unsigned n = p->env->frame ? frame_scopes(p->env->syms, p->env->frame, scopes, &f) : 0;
    Dwarf_Die v;
    return !(n > 1 && symbols_variable(p->env->syms, scopes, n - 1, p->text, &v, &f) &&
             dwarf_tag(&v) != DW_TAG_enumerator);
}

struct nearest_type {
    struct nearest near;
    enum type_kind kind;
};

static bool consider_type(void *opaque, enum type_kind kind, const char *name)
{
    struct nearest_type *q = opaque;
    if (kind == q->kind)
        suggest(q->near.typed, name, &q->near.best, &q->near.score);
    return true;
}

static struct type *tagged(struct parser *p)
{
    struct nearest_type q = { .kind = !strcmp(p->text, "struct")  ? TYPE_STRUCT
                                      : !strcmp(p->text, "union") ? TYPE_UNION
                                                                  : TYPE_ENUM };
    const char *word = q.kind == TYPE_STRUCT ? "struct" : q.kind == TYPE_UNION ? "union" : "enum";
    next(p);
    if (p->token != T_NAME) {
        expected(p, "the name of a struct, union or enum");
        return NULL;
    }
    struct type *t = type_named(p->env->syms, q.kind, p->text);
    if (!t) {
        q.near.typed = p->text;
        types_each(p->env->syms, consider_type, &q);
        err_set(p->e, "No %s type named %s.%s%s", word, p->text, q.near.best ? " The nearest is " : "",
                q.near.best ? q.near.best : "");
        fail(p);
        return NULL;
    }
    next(p);
    return t;
}

static struct type *fixed_width(struct symbols *s, const char *name, unsigned addr_size)
{
    bool is_unsigned = name[0] == 'u' || !strcmp(name, "size_t") || !strcmp(name, "uintptr_t");
    const char *digits = strpbrk(name, "0123456789");
    unsigned bits = digits ? (unsigned)atoi(digits) : 8 * addr_size;
    if (bits != 8 && bits != 16 && bits != 32 && bits != 64)
        return NULL;
    return type_builtin(s, bits == 8 ? TYPE_CHAR : TYPE_INT, bits / 8, !is_unsigned, name);
}

/* The words before the declarator. NULL: failed. */
static struct type *base_type(struct parser *p)
{
    struct symbols *s = p->env->syms;
    unsigned addr_size = env_word(p->env);
    int longs = 0, shorts = 0, words = 0;
    bool is_signed = true, said_signed = false, is_char = false;
    struct type *t = NULL;
    while (p->token == T_NAME) {
        if (!strcmp(p->text, "const") || !strcmp(p->text, "volatile")) {
            next(p);
            continue;
        }
        if (!strcmp(p->text, "long")) longs++;
        else if (!strcmp(p->text, "short")) shorts++;
        else if (!strcmp(p->text, "unsigned")) is_signed = false, said_signed = true;
        else if (!strcmp(p->text, "signed")) is_signed = said_signed = true;
        else if (!strcmp(p->text, "char")) is_char = true;
        else if (!strcmp(p->text, "int")) { /* says nothing more */ }
        else if (words || t) break;
        else if (!strcmp(p->text, "void")) t = type_builtin(s, TYPE_VOID, 0, false, "void");
        else if (!strcmp(p->text, "float")) t = type_builtin(s, TYPE_FLOAT, 4, true, "float");
        else if (!strcmp(p->text, "double")) t = type_builtin(s, TYPE_FLOAT, 8, true, "double");
        else if (!strcmp(p->text, "_Bool")) t = type_builtin(s, TYPE_BOOL, 1, false, "_Bool");
        else if (!strcmp(p->text, "struct") || !strcmp(p->text, "union") || !strcmp(p->text, "enum")) {
            t = tagged(p);
            if (!t)
                return NULL;
            continue;
        } else {
            t = type_named(s, TYPE_TYPEDEF, p->text);
            if (!t)
                t = fixed_width(s, p->text, addr_size);
            if (!t) {
                err_set(p->e, "No type named %s.", p->text);
                fail(p);
                return NULL;
            }
            next(p);
            continue;
        }
        words += !t;
        next(p);
    }
    if (p->failed || t)
        return p->failed ? NULL : t;
    if (!words) {
        expected(p, "a type");
        return NULL;
    }
    if (is_char)
        return type_builtin(s, TYPE_CHAR, 1, is_signed && said_signed,
                            said_signed ? (is_signed ? "signed char" : "unsigned char") : "char");
    if (shorts)
        return type_builtin(s, TYPE_INT, 2, is_signed, is_signed ? "short" : "unsigned short");
    if (longs > 1)
        return type_builtin(s, TYPE_INT, 8, is_signed, is_signed ? "long long" : "unsigned long long");
    if (longs)
        return type_builtin(s, TYPE_INT, addr_size, is_signed, is_signed ? "long" : "unsigned long");
    return type_builtin(s, TYPE_INT, 4, is_signed, is_signed ? "int" : "unsigned int");
}

/* Behind `(`: on to behind its `)`. */
static bool skip_parens(struct parser *p)
{
    for (unsigned open = 1; open && p->token != T_END && !p->failed; next(p))
        open += is(p, "(") ? 1u : is(p, ")") ? UINT32_MAX : 0;
    return !p->failed;
}

/* "[3][4]" and "(int)" behind a declarator: an array of 3 arrays of 4, a function. */
static struct type *suffixes(struct parser *p, struct type *t)
{
    u64 counts[8];
    unsigned n = 0;
    if (eat(p, "("))
        return skip_parens(p) ? type_function(p->env->syms, t) : NULL;
    while (eat(p, "[")) {
        bool sized = p->token == T_NUMBER;
        u64 count = sized ? p->number : 0;
        if (sized)
            next(p);
        if (n == ARRAY_LEN(counts) || !eat(p, "]")) {
            expected(p, "a number of elements and ]");
            return NULL;
        }
        counts[n++] = count;
    }
    while (n)
        t = type_array(p->env->syms, t, counts[--n]);
    return t;
}

/* What stands behind a type's name in a cast (C11 6.7.7): "*", "(*)[16]", "(*(*)(void))[2]". Read inside out: what follows
 * the parentheses belongs to the type before what is in them. */
static struct type *abstract_declarator(struct parser *p, struct type *t)
{
    if (++p->depth > MAX_DEPTH) {
        err_set(p->e, "the type is nested more than %d deep", MAX_DEPTH);
        fail(p);
        return NULL;
    }
    unsigned addr_size = env_word(p->env), n = 0;
    while (!p->failed && n++ < MAX_DEPTH) {
        if (eat(p, "*"))
            t = type_pointer(p->env->syms, t, addr_size);
        else if (p->token == T_NAME && (!strcmp(p->text, "const") || !strcmp(p->text, "volatile")))
            next(p);
        else
            break;
    }
    if (is(p, "(")) {
        struct parser inside, behind;
        next(p);
        inside = *p;
        bool nested = is(p, "*") || is(p, "(") || is(p, "[");
        if (!skip_parens(p) || (nested && !(t = suffixes(p, t))))
            return NULL;
        if (nested) {
            behind = *p;
            *p = inside;
            t = abstract_declarator(p, t);
            if (!t || !is(p, ")")) {
                expected(p, "`)' in a type");
                return NULL;
            }
            *p = behind;
        } else {
            t = type_function(p->env->syms, t);
        }
    } else {
        t = suffixes(p, t);
    }
    p->depth--;
    return p->failed ? NULL : t;
}

static struct type *abstract_type(struct parser *p)
{
    struct type *t = base_type(p);
    return t ? abstract_declarator(p, t) : NULL;
}

/* --- Grammar ----------------------------------------------------------------------------------------------------- */

static struct node *assignment(struct parser *p);
static struct node *unary(struct parser *p);

static struct node *comma(struct parser *p)
{
    struct node *x = assignment(p);
    while (x && eat(p, ","))
        x = node(p, NODE_COMMA, x, assignment(p));
    return p->failed ? NULL : x;
}

/* $name(a, b): a function of a script. */
static struct node *call(struct parser *p, struct node *x)
{
    const struct expr_functions *f = p->env->functions;
    if (!f || !f->known || !f->known(f->opaque, x->name)) {
        err_set(p->e, "There is no function $%s; orrery.func(\"%s\", FUNCTION) in a script makes one.", x->name, x->name);
        return fail(p);
    }
    struct node **end = &x->a;
    x->kind = NODE_CALL;
    eat(p, "(");
    while (!p->failed && !is(p, ")")) {
        if (x->number && !eat(p, ","))
            return expected(p, "`,' or `)'");
        if (x->number++ == EXPR_MAX_ARGS) {
            err_set(p->e, "$%s: a function takes at most %d arguments", x->name, EXPR_MAX_ARGS);
            return fail(p);
        }
        *end = node(p, NODE_ARGUMENT, assignment(p), NULL);
        end = &(*end)->b;
    }
    eat(p, ")");
    return p->failed ? NULL : x;
}

static struct node *primary(struct parser *p)
{
    struct node *x;
    char name[sizeof p->text];
    switch (p->token) {
    case T_NUMBER:
        x = node(p, NODE_NUMBER, NULL, NULL);
        x->number = p->number;
        x->type = p->number_type;
        next(p);
        return x;
    case T_REAL:
        x = node(p, NODE_FLOAT, NULL, NULL);
        x->real = p->real;
        next(p);
        return x;
    case T_DOLLAR: {
        memcpy(name, p->text, sizeof name);
        const struct cpu_reg *r = register_named(p->env->cpu, name);
        bool reg = r || !strcmp(name, "pc");
        x = node(p, reg ? NODE_REGISTER : NODE_CONVENIENCE, NULL, NULL);
        x->name = arena_strdup(p->arena, name);
        next(p);
        return !reg && is(p, "(") ? call(p, x) : x;
    }
    case T_NAME:
        memcpy(name, p->text, sizeof name);
        x = bind(p, name);
        next(p);
        return x;
    default: break;
    }
    if (eat(p, "(")) {
        x = comma(p);
        if (x && !eat(p, ")"))
            return expected(p, "`)'");
        return x;
    }
    return expected(p, "a value");
}

static struct node *postfix(struct parser *p)
{
    struct node *x = primary(p);
    while (x && !p->failed) {
        if (eat(p, "[")) {
            x = node(p, NODE_INDEX, x, comma(p));
            if (!p->failed && !eat(p, "]"))
                return expected(p, "`]'");
        } else if (is(p, ".") || is(p, "->")) {
            x = node(p, is(p, ".") ? NODE_MEMBER : NODE_ARROW, x, NULL);
            next(p);
            if (p->token != T_NAME)
                return expected(p, "the name of a member");
            x->name = arena_strdup(p->arena, p->text);
            next(p);
        } else if (is(p, "(")) {
            err_set(p->e, "Functions of the guest cannot be called: that would change its run.");
            return fail(p);
        } else {
            break;
        }
    }
    return p->failed ? NULL : x;
}

static struct node *size_of(struct parser *p)
{
    struct node *x = node(p, NODE_SIZEOF, NULL, NULL);
    next(p);
    const char *before = p->at;
    if (is(p, "(")) {
        struct parser save = *p;
        next(p);
        if (starts_type(p)) {
            x->type = abstract_type(p);
            return x->type && eat(p, ")") ? x : expected(p, "`)'");
        }
        *p = save;
        p->at = before;
    }
    x->a = unary(p);
    return x->a ? x : NULL;
}

static struct node *unary_inner(struct parser *p)
{
    static const struct {
        const char *text;
        enum node_kind kind;
    } ops[] = { { "-", NODE_NEG }, { "!", NODE_NOT }, { "~", NODE_INVERT }, { "*", NODE_DEREF }, { "&",
        NODE_ADDRESS } };
    for (size_t i = 0; i < ARRAY_LEN(ops); i++)
        if (eat(p, ops[i].text)) {
            struct node *a = unary(p);
            return a ? node(p, ops[i].kind, a, NULL) : NULL;
        }
    if (eat(p, "&&"))
        return expected(p, "a value");
    if (eat(p, "+"))
        return unary(p);
    if (p->token == T_NAME && !strcmp(p->text, "sizeof"))
        return size_of(p);
    if (is(p, "(")) {
        struct parser save = *p;
        next(p);
        if (starts_type(p)) {
            struct type *t = abstract_type(p);
            if (!t)
                return NULL;
            if (!eat(p, ")"))
                return expected(p, "`)' after the type");
            struct node *a = unary(p);
            if (!a)
                return NULL;
            struct node *x = node(p, NODE_CAST, a, NULL);
            x->type = t;
            return x;
        }
        bool failed = p->failed;
        *p = save;
        if (failed)
            return fail(p);
    }
    return postfix(p);
}

static struct node *unary(struct parser *p)
{
    if (++p->depth > MAX_DEPTH) {
        if (!p->failed)
            err_set(p->e, "the expression is nested more than %d deep", MAX_DEPTH);
        return fail(p);
    }
    struct node *x = unary_inner(p);
    p->depth--;
    return x;
}

static const struct {
    const char *text;
    enum node_kind kind;
    u8 level;
} binaries[] = {
    { "@", NODE_AT, 11 }, /* gdb: binds below unary, above the rest */
    { "*", NODE_MUL, 10 }, { "/", NODE_DIV, 10 }, { "%", NODE_MOD, 10 }, { "+", NODE_ADD, 9 }, { "-", NODE_SUB, 9 },
    { "<<", NODE_SHL, 8 }, { ">>", NODE_SHR, 8 }, { "<", NODE_LT, 7 }, { "<=", NODE_LE, 7 }, { ">", NODE_GT, 7 },
    { ">=", NODE_GE, 7 }, { "==", NODE_EQ, 6 }, { "!=", NODE_NE, 6 }, { "&", NODE_AND, 5 }, { "^", NODE_XOR, 4 },
    { "|", NODE_OR, 3 }, { "&&", NODE_LOGAND, 2 }, { "||", NODE_LOGOR, 1 },
};

static struct node *binary(struct parser *p, unsigned level)
{
    struct node *x = unary(p);
    while (x && p->token == T_PUNCT) {
        size_t i = 0;
        while (i < ARRAY_LEN(binaries) && (strcmp(p->text, binaries[i].text) || binaries[i].level < level))
            i++;
        if (i == ARRAY_LEN(binaries))
            break;
        next(p);
        struct node *b = binary(p, binaries[i].level + 1u);
        x = b ? node(p, binaries[i].kind, x, b) : NULL;
    }
    return p->failed ? NULL : x;
}

static struct node *assignment_inner(struct parser *p)
{
    static const struct {
        const char *text;
        enum node_kind op;
    } ops[] = { { "=", NODE_ASSIGN }, { "+=", NODE_ADD }, { "-=", NODE_SUB }, { "*=", NODE_MUL }, { "/=", NODE_DIV },
                { "%=", NODE_MOD }, { "&=", NODE_AND }, { "|=", NODE_OR }, { "^=", NODE_XOR }, { "<<=", NODE_SHL },
                { ">>=", NODE_SHR } };
    struct node *x = binary(p, 1);
    if (!x)
        return NULL;
    if (eat(p, "?")) {
        struct node *yes = comma(p);
        if (!yes || !eat(p, ":"))
            return expected(p, "`:'");
        struct node *no = assignment(p);
        x = node(p, NODE_COND, x, yes);
        x->c = no;
        return no ? x : NULL;
    }
    for (size_t i = 0; i < ARRAY_LEN(ops); i++)
        if (eat(p, ops[i].text)) {
            struct node *b = assignment(p);
            if (!b)
                return NULL;
            x = node(p, NODE_ASSIGN, x, b);
            x->op = ops[i].op;
            return x;
        }
    return x;
}

static struct node *assignment(struct parser *p)
{
    if (++p->depth > MAX_DEPTH) {
        if (!p->failed)
            err_set(p->e, "the expression is nested more than %d deep", MAX_DEPTH);
        return fail(p);
    }
    struct node *x = assignment_inner(p);
    p->depth--;
    return x;
}

struct expr *expr_compile(const struct expr_env *env, const char *text, struct err *e)
{
    struct expr *x = xcalloc(1, sizeof *x);
    struct err scratch;
    x->arena = arena_new();
    x->text = arena_strdup(x->arena, text);
    struct parser p = { .env = env, .arena = x->arena, .at = x->text, .e = e ? e : &scratch };
    if (strlen(text) > 4096) {
        err_set(e, "the expression is longer than 4096 characters");
        p.failed = true;
    }
    next(&p);
    if (!p.failed && p.token == T_END)
        err_set(p.e, "an expression is needed");
    else
        x->root = comma(&p);
    if (x->root && !p.failed && p.token != T_END) {
        err_set(p.e, "A syntax error in expression, near `%.40s'.", p.start);
        x->root = NULL;
    }
    if (!x->root || p.failed) {
        expr_free(x);
        return NULL;
    }
    return x;
}

struct type *expr_parse_type(const struct expr_env *env, const char *text, struct err *e)
{
    struct arena *a = arena_new();
    struct err scratch;
    struct parser p = { .env = env, .arena = a, .at = text, .e = e ? e : &scratch };
    struct type *t = NULL;
    next(&p);
    if (starts_type(&p))
        t = abstract_type(&p);
    else if (!p.failed)
        err_set(p.e, "not a type");
    if (t && p.token != T_END)
        t = NULL, err_set(p.e, "A syntax error in type, near `%.40s'.", p.start);
    arena_free(a);
    return t;
}

void expr_free(struct expr *x)
{
    if (!x)
        return;
    arena_free(x->arena);
    free(x);
}

const char *expr_text(const struct expr *x)
{
    return x->text;
}
