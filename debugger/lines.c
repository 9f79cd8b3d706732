/* Line tables. DWARF 5, section 6.2. */
#include "debugger/symbols.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

static bool row(Dwarf_Lines *lines, size_t i, Dwarf_Addr *addr, int *number, bool *stmt, bool *end)
{
    Dwarf_Line *l = dwarf_onesrcline(lines, i);
    return l && !dwarf_lineaddr(l, addr) && !dwarf_lineno(l, number) && !dwarf_linebeginstatement(l, stmt) &&
           !dwarf_lineendsequence(l, end);
}

static const char *directory_of(Dwarf_Die *cu)
{
    Dwarf_Attribute a;
    return dwarf_formstring(dwarf_attr(cu, DW_AT_comp_dir, &a));
}

bool symbols_line_at(const struct symbols *s, u64 addr, struct source_pos *out)
{
    Dwarf_Die cu;
    struct symfile *f;
    Dwarf_Lines *lines;
    size_t n;
    if (!symbols_cu_at(s, addr, &cu, &f) || dwarf_getsrclines(&cu, &lines, &n) || !n)
        return false;
    u64 at = (addr & f->mask) - f->bias;
    size_t low = 0, high = n;
    Dwarf_Addr a;
    int number;
    bool stmt, end;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (!row(lines, mid, &a, &number, &stmt, &end))
            return false;
        if (a <= at)
            low = mid + 1;
        else
            high = mid;
    }
    if (!low || !row(lines, low - 1, &a, &number, &stmt, &end) || end)
        return false;
    /* GCC's views: of several rows at one address the last that begins a statement, if one does. */
    size_t last = low - 1;
    for (size_t i = last; !stmt && i > 0;) {
        Dwarf_Addr b;
        int m;
        bool st, en;
        if (!row(lines, --i, &b, &m, &st, &en) || b != a || en)
            break;
        if (st) {
            stmt = true;
            number = m;
            last = i;
        }
    }
    /* Of several rows at one address the last one counts (6.2.2: the state after all of them), but a sequence that
     * ends there does not hide the one that begins: libdw sorts end rows first. */
    Dwarf_Line *l = dwarf_onesrcline(lines, last);
    const char *file = dwarf_linesrc(l, NULL, NULL);
    if (!file || number <= 0)
        return false;
    *out = (struct source_pos){ .file = file, .dir = directory_of(&cu), .line = number, .low = a, .at_start = stmt && a == at,
                                .at_row = a == at };
    dwarf_linecol(l, &out->column);
    /* Rows that say the same line are one piece. */
    for (size_t i = last; i > 0;) {
        Dwarf_Addr b;
        int m;
        bool st, en;
        if (!row(lines, --i, &b, &m, &st, &en) || en || m != number)
            break;
        const char *other = dwarf_linesrc(dwarf_onesrcline(lines, i), NULL, NULL);
        if (!other || strcmp(other, file))
            break;
        out->low = b;
        out->at_start |= st && b == at;
    }
    out->high = out->low;
    for (size_t i = low; i < n; i++) {
        Dwarf_Addr b;
        int m;
        bool st, en;
        if (!row(lines, i, &b, &m, &st, &en))
            break;
        out->high = b;
        const char *other = en ? NULL : dwarf_linesrc(dwarf_onesrcline(lines, i), NULL, NULL);
        if (en || m != number || !other || strcmp(other, file))
            break;
    }
    out->low += f->bias;
    out->high += f->bias;
    return true;
}

/* "kernel.c", "sys/kernel.c" and the full path all name /src/sys/kernel.c. */
static bool file_matches(const char *recorded, const char *typed)
{
    size_t n = strlen(recorded), m = strlen(typed);
    return m <= n && !strcmp(recorded + n - m, typed) && (m == n || recorded[n - m - 1] == '/' || typed[0] == '/');
}

struct line_search {
    const char *file;
    int line, best;
    u64 *out;
    size_t n, cap;
};

static void search_unit(struct line_search *q, const struct symfile *f, Dwarf_Die *cu)
{
    Dwarf_Lines *lines;
    size_t n;
    if (dwarf_getsrclines(cu, &lines, &n))
        return;
    const char *last = NULL; /* libdw hands out one pointer per file: most comparisons are of pointers */
    bool last_matches = false;
    bool prior = false; /* the row before is of the line already: one block, one address */
    for (size_t i = 0; i < n; i++) {
        Dwarf_Addr a;
        int number;
        bool stmt, end;
        if (!row(lines, i, &a, &number, &stmt, &end))
            return;
        if (end) {
            prior = false;
            continue;
        }
        const char *path = dwarf_linesrc(dwarf_onesrcline(lines, i), NULL, NULL);
        if (path != last) {
            last = path;
            last_matches = path && file_matches(path, q->file);
        }
        if (!last_matches || number < q->line || number > q->best) {
            prior = false;
            continue;
        }
        if (!stmt)
            continue;
        if (number < q->best) {
            q->best = number;
            q->n = 0;
            prior = false;
        }
        if (!prior && q->n < q->cap)
            q->out[q->n++] = (a + f->bias) & f->mask;
        prior = true;
    }
}

static int u64_order(const void *a, const void *b)
{
    u64 x = *(const u64 *)a, y = *(const u64 *)b;
    return x < y ? -1 : x > y;
}

size_t symbols_line_addrs(const struct symbols *s, const char *file, int line, int *found, u64 *out, size_t cap)
{
    struct line_search q = { .file = file, .line = line, .best = INT32_MAX, .out = out, .cap = cap };
    for (const struct symfile *f = symfile_seen(s->files); f; f = symfile_seen(f->next))
        for (size_t i = 0; i < f->n_cus; i++)
            search_unit(&q, f, &f->cus[i]);
    if (!q.n)
        return 0;
    qsort(out, q.n, sizeof *out, u64_order);
    /* A line often has several blocks in one function (a loop's head and its test). A person means the line once
     * per function: the lowest address of each. */
    size_t kept = 0;
    u64 high = 0;
    for (size_t i = 0; i < q.n; i++) {
        if (kept && out[i] < high)
            continue;
        u64 low;
        if (!symbols_function_at(s, out[i], &low, &high, NULL))
            high = out[i] + 1;
        out[kept++] = out[i];
    }
    if (found)
        *found = q.best;
    return kept;
}

void symbols_each_line(const struct symbols *s, void (*each)(void *opaque, const struct source_pos *row), void *opaque)
{
    for (const struct symfile *f = s->files; f; f = f->next)
        for (size_t k = 0; k < f->n_cus; k++) {
            Dwarf_Lines *lines;
            size_t n;
            const char *dir = directory_of(&f->cus[k]);
            if (dwarf_getsrclines(&f->cus[k], &lines, &n))
                continue;
            for (size_t i = 0; i + 1 < n; i++) {
                Dwarf_Addr low, high;
                int number, after;
                bool stmt, end, st, en;
                if (!row(lines, i, &low, &number, &stmt, &end) || !row(lines, i + 1, &high, &after, &st, &en))
                    break;
                const char *file = stmt && !end && number > 0 && high > low
                                       ? dwarf_linesrc(dwarf_onesrcline(lines, i), NULL, NULL) : NULL;
                struct source_pos p = { .file = file, .dir = dir, .line = number, .low = (low + f->bias) & f->mask,
                                        .high = (high + f->bias) & f->mask, .at_start = true };
                if (file)
                    each(opaque, &p);
            }
        }
}

bool symbols_function_at(const struct symbols *s, u64 addr, u64 *low, u64 *high, const char **name)
{
    struct symfile *f;
    Dwarf_Die scopes[SCOPE_DEPTH];
    unsigned n = symbols_scopes(s, addr, scopes, &f);
    for (unsigned i = 0; i < n; i++) {
        Dwarf_Addr a, b;
        if (dwarf_tag(&scopes[i]) == DW_TAG_subprogram && !dwarf_lowpc(&scopes[i], &a) &&
            !dwarf_highpc(&scopes[i], &b)) {
            *low = (a + f->bias) & f->mask;
            *high = (b + f->bias) & f->mask;
            if (name)
                *name = dwarf_diename(&scopes[i]);
            return true;
        }
    }
    u64 offset;
    const struct symbol *sym = symbols_at(s, addr, &offset);
    if (!sym || (sym->kind == SYM_OBJECT))
        return false;
    *low = sym->addr;
    *high = sym->addr + (sym->size ? sym->size : offset + 1);
    if (name)
        *name = sym->name;
    return true;
}

/* GCC's optimized code has no prologue worth the name: variables have lists of locations that are right from the first instruction
 * on, and the second line may be anywhere. It records its options (DW_AT_producer). */
static bool optimized_by_gcc(Dwarf_Die *cu)
{
    Dwarf_Attribute a;
    const char *producer = dwarf_attr(cu, DW_AT_producer, &a) ? dwarf_formstring(&a) : NULL;
    const char *option = producer && !strncmp(producer, "GNU C", 5) ? strstr(producer, " -O") : NULL;
    bool on = false;
    for (; option; option = strstr(option + 3, " -O"))
        on = option[3] != '0'; /* the last one counts */
    return on;
}

u64 symbols_after_prologue(const struct symbols *s, u64 function)
{
    Dwarf_Die cu;
    struct symfile *f;
    Dwarf_Lines *lines;
    size_t n;
    u64 low, high;
    if (!symbols_cu_at(s, function, &cu, &f) || dwarf_getsrclines(&cu, &lines, &n) ||
        !symbols_function_at(s, function, &low, &high, NULL))
        return function;
    u64 second = 0;
    int first_line = 0;
    bool seen = false;
    for (size_t i = 0; i < n; i++) {
        Dwarf_Addr a;
        int number;
        bool stmt, end, prologue = false;
        if (!row(lines, i, &a, &number, &stmt, &end) || end)
            continue;
        u64 at = (a + f->bias) & f->mask;
        if (at < low || at >= high)
            continue;
        dwarf_lineprologueend(dwarf_onesrcline(lines, i), &prologue);
        if (prologue)
            return at;
        if (!seen) {
            seen = true;
            first_line = number;
        } else if (!second && at > low && stmt && number && number != first_line) {
            second = at; /* compilers that do not mark it: the second line of the function begins behind it */
        }
    }
    return second && !optimized_by_gcc(&cu) ? second : function;
}

void symbols_each_source(const struct symbols *s, void (*each)(void *opaque, const char *path), void *opaque)
{
    for (const struct symfile *f = symfile_seen(s->files); f; f = symfile_seen(f->next))
        for (size_t i = 0; i < f->n_cus; i++) {
            Dwarf_Files *files;
            size_t n;
            if (dwarf_getsrcfiles(&f->cus[i], &files, &n))
                continue;
            for (size_t j = 0; j < n; j++) {
                const char *path = dwarf_filesrc(files, j, NULL, NULL);
                if (path && strcmp(path, "???"))
                    each(opaque, path);
            }
        }
}
