/* Commands about the hardware: registers, devices, the memory map, translation. All of it looks without touching. */
#include "debugger/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "jit/look.h"
#include "machine/board.h"

/* --- Registers --------------------------------------------------------------------------------------------------- */

static void register_line(struct debugger *d, const struct cpu_reg *r, u64 v, bool all_fields)
{
    struct buf out = { 0 };
    bool is_float = !strcmp(r->group, "float"), other = !is_float && strcmp(r->group, "general");
    if (cpu_addr_mask(d->cpu) == UINT32_MAX && !is_float && r->bits <= 32)
        v &= UINT32_MAX;
    char where[256];
    symbols_format(d->syms, v, where, sizeof where);
    buf_printf(&out, "%-14s 0x%-16llx ", r->name, (unsigned long long)v);
    if (is_float)
        buf_printf(&out, "%.9g", r->bits >= 64 ? float_from_bits(v, 8) : float_from_bits(v, 4));
    else if (r->fields)
        fields_format(r->fields, v, all_fields, &out);
    else if (v && where[0])
        buf_printf(&out, "<%s>", where);
    else if (!other && strcmp(r->name, "pc"))
        buf_printf(&out, "%lld", (long long)(cpu_addr_mask(d->cpu) == UINT32_MAX ? sign_extend(v, 32) : (i64)v));
    buf_printf(&out, "\n");
    debug_write(d, &out);
    buf_free(&out);
}

/* As the selected frame sees it: in callers, what was saved. */
static bool register_value(struct debugger *d, const struct cpu_reg *r, u64 *v)
{
    const struct frame *f = debugger_frame(d, d->selected);
    u8 slot = isa_now(d->cpu)->slot(r);
    if (f && f->level && !strcmp(r->name, "pc")) {
        *v = f->pc;
        return true;
    }
    if (f && f->level && slot != SLOT_NONE) {
        *v = f->reg[slot];
        return f->known >> slot & 1;
    }
    return d->cpu->ops->reg_get(d->cpu, r, v);
}

static bool named_registers(struct debugger *d, const char *args, struct err *e)
{
    char word[64];
    while (take_word(&args, word, sizeof word)) {
        const char *name = word[0] == '$' ? word + 1 : word;
        const struct cpu_reg *r = register_named(d->cpu, name);
        u64 v;
        if (!r && !strcmp(name, "pc")) {
            debug_printf(d, "%-14s 0x%llx\n", "pc", (unsigned long long)debugger_pc(d));
            continue;
        }
        if (!r) {
            const char *best = NULL;
            unsigned score = 0;
            for (const struct cpu_reg *c = d->cpu->ops->regs(d->cpu); c->name; c++)
                suggest(name, c->name, &best, &score);
            return err_set(e, "Invalid register `%s'%s%s%s", name, best ? "; the nearest is " : "", best ? best : "",
                           best ? "" : "; `info all-registers` lists them");
        }
        if (register_value(d, r, &v))
            register_line(d, r, v, true);
        else
            debug_printf(d, "%-14s <not known in this frame>\n", r->name);
    }
    return true;
}

HANDLER(info_registers)
{
    if (*args)
        return named_registers(d, args, e);
    bool seen_pc = false;
    for (const struct cpu_reg *r = d->cpu->ops->regs(d->cpu); r->name; r++) {
        u64 v;
        if (strcmp(r->group, "general") && strcmp(r->name, "pc"))
            continue;
        if (!strcmp(r->name, "zero"))
            continue;
        seen_pc |= !strcmp(r->name, "pc");
        if (register_value(d, r, &v))
            register_line(d, r, v, false);
        else
            debug_printf(d, "%-14s <not known in this frame>\n", r->name);
    }
    if (!seen_pc) {
        const struct frame *f = debugger_frame(d, d->selected);
        u64 pc = f ? f->pc : debugger_pc(d);
        char where[256];
        symbols_format(d->syms, pc, where, sizeof where);
        debug_printf(d, "%-14s 0x%-16llx %s%s%s\n", "pc", (unsigned long long)pc, where[0] ? "<" : "", where,
                     where[0] ? ">" : "");
    }
    debug_printf(d, "%-14s %s\n", "privilege", d->cpu->ops->privilege_name(d->cpu));
    show_x86_registers(d);
    return true;
}

HANDLER(info_all_registers)
{
    info_registers(d, "", e);
    for (const struct cpu_reg *r = d->cpu->ops->regs(d->cpu); r->name; r++) {
        u64 v;
        if (strcmp(r->group, "general") && strcmp(r->name, "pc") && register_value(d, r, &v))
            register_line(d, r, v, false);
    }
    return true;
}

static bool is_csr(const struct cpu_reg *r)
{
    return strcmp(r->group, "general") && strcmp(r->group, "float");
}

HANDLER(info_csr)
{
    unsigned n = 0, zero = 0;
    for (const struct cpu_reg *r = d->cpu->ops->regs(d->cpu); r->name; r++) {
        u64 v;
        if (!is_csr(r) || !strstr(r->name, args) || !d->cpu->ops->reg_get(d->cpu, r, &v))
            continue;
        if (!v && !*args) {
            zero++;
            continue;
        }
        register_line(d, r, v, *args != 0);
        n++;
    }
    if (!n && *args)
        return err_set(e, "no CSR's name holds \"%s\"", args);
    if (zero)
        debug_printf(d, "(%u more are zero; `info csr NAME` shows them)\n", zero);
    return true;
}

HANDLER(cmd_csr)
{
    char word[64];
    if (!*args)
        return info_csr(d, args, e);
    const char *equals = strchr(args, '=');
    if (equals) {
        char *text = xprintf("$%s", args[0] == '$' ? args + 1 : args);
        struct value v;
        struct expr_env env = debugger_env(d);
        bool ok = expr_value(&env, text, &v, e);
        free(text);
        debugger_changed(d);
        if (!ok)
            return false;
    }
    if (!take_word(&args, word, sizeof word))
        return err_set(e, "csr: a name is needed");
    word[strcspn(word, "=")] = 0;
    const char *name = word[0] == '$' ? word + 1 : word;
    const struct cpu_reg *r = register_named(d->cpu, name);
    u64 v;
    if (!r)
        return named_registers(d, name, e);
    if (!d->cpu->ops->reg_get(d->cpu, r, &v))
        return err_set(e, "%s cannot be read", r->name);
    debug_printf(d, "%s (0x%x) = 0x%llx%s%s\n", r->name, r->number, (unsigned long long)v, r->doc ? "  " : "",
                 r->doc ? r->doc : "");
    for (const struct reg_field *f = r->fields; f && f->name; f++) {
        unsigned high = f->low + f->width - 1u;
        debug_printf(d, "  [%2u:%2u] %-10s 0x%-8llx %s\n", high, f->low, f->name,
                     (unsigned long long)bits_get(v, f->low, f->width), f->doc ? f->doc : "");
    }
    return true;
}

/* --- Devices ----------------------------------------------------------------------------------------------------- */

HANDLER(info_devices)
{
    for (const struct device *dev = d->machine->devices; dev; dev = dev->next) {
        unsigned windows = 0;
        debug_printf(d, "%-20s %-20s", dev->path, dev->cls->name);
        for (unsigned i = 0; i < DEVICE_MAX_BANKS; i++)
            if (dev->window[i].size) {
                debug_printf(d, "%s 0x%09llx-0x%09llx", windows++ ? "," : "", (unsigned long long)dev->window[i].base,
                             (unsigned long long)(dev->window[i].base + dev->window[i].size - 1));
            }
        if (!windows && dev->parent)
            debug_printf(d, " on %s", dev->parent->path);
        debug_printf(d, "\n");
    }
    return true;
}

static struct device *find_device(struct debugger *d, const char *path, struct err *e)
{
    char with_slash[128];
    const char *best = NULL;
    unsigned score = 0;
    with_slash[0] = '/';
    strncpy(with_slash + 1, path, sizeof with_slash - 2);
    with_slash[sizeof with_slash - 1] = 0;
    for (struct device *dev = d->machine->devices; dev; dev = dev->next) {
        if (!strcmp(dev->path, path) || !strcmp(dev->path, with_slash))
            return dev;
        suggest(path[0] == '/' ? path : with_slash, dev->path, &best, &score);
    }
    err_set(e, "No device %s.%s%s%s", path, best ? " The nearest is " : " `info devices` lists them.", best ? best : "",
            best ? "." : "");
    return NULL;
}

static void device_register(struct debugger *d, const struct device *dev, unsigned bank, const struct reg_desc *r,
                            u32 i, bool docs)
{
    struct buf out = { 0 };
    u64 offset = r->offset + (u64)i * (r->stride ? r->stride : r->width);
    char name[64];
    u64 v = device_reg_get(dev, r, i);
    if (r->count > 1)
        snprintf(name, sizeof name, "%s[%u]", r->name, i);
    else
        snprintf(name, sizeof name, "%s", r->name);
    buf_printf(&out, "  ");
    if (dev->window[bank].size)
        buf_printf(&out, "0x%09llx ", (unsigned long long)(dev->window[bank].base + offset));
    else
        buf_printf(&out, "+0x%-8llx ", (unsigned long long)offset);
    buf_printf(&out, "%-20s %s", name, r->access == REG_RO ? "ro" : r->access == REG_WO ? "wo" : "rw");
    if (r->access == REG_WO && !r->get && r->slot == REG_NO_SLOT)
        buf_printf(&out, " -");
    else
        buf_printf(&out, " 0x%0*llx", 2 * r->width, (unsigned long long)v);
    if (r->fields) {
        buf_printf(&out, "  ");
        fields_format(r->fields, v, docs, &out);
    }
    buf_printf(&out, "\n");
    if (docs && r->doc)
        buf_printf(&out, "    %s%s%s%s\n", r->doc, r->section ? " (" : "", r->section ? r->section : "",
                   r->section ? ")" : "");
    for (const struct reg_field *f = docs ? r->fields : NULL; f && f->name; f++)
        buf_printf(&out, "    [%2u:%2u] %-12s 0x%-8llx %s\n", f->low + f->width - 1, f->low, f->name,
                   (unsigned long long)bits_get(v, f->low, f->width), f->doc ? f->doc : "");
    debug_write(d, &out);
    buf_free(&out);
}

/* Long arrays (priorities, enables) are shown where they are not zero. */
static void device_row(struct debugger *d, const struct device *dev, unsigned bank, const struct reg_desc *r)
{
    u32 n = r->count ? r->count : 1, hidden = 0;
    for (u32 i = 0; i < n; i++) {
        if (n > 8 && i && !device_reg_get(dev, r, i)) {
            hidden++;
            continue;
        }
        device_register(d, dev, bank, r, i, false);
    }
    if (hidden)
        debug_printf(d, "  %11s %s: %u more are zero\n", "", r->name, hidden);
}

HANDLER(info_device)
{
    char path[128], name[64];
    if (!take_word(&args, path, sizeof path))
        return err_set(e, "info device: a path is needed; `info devices` lists them");
    const struct device *dev = find_device(d, path, e);
    if (!dev)
        return false;
    if (take_word(&args, name, sizeof name)) {
        unsigned bank;
        u32 index;
        const struct reg_desc *r = device_reg_named(dev, name, &bank, &index);
        if (!r) {
            const char *best = NULL;
            unsigned score = 0;
            for (unsigned b = 0; b < DEVICE_BANKS; b++)
                for (r = device_rows(dev->cls, b); r && r->name; r++)
                    suggest(name, r->name, &best, &score);
            return err_set(e, "%s has no register %s.%s%s", dev->path, name, best ? " The nearest is " : "",
                           best ? best : "");
        }
        device_register(d, dev, bank, r, index, true);
        return true;
    }
    show_device(d, dev);
    return true;
}

void show_device(struct debugger *d, const struct device *dev)
{
    debug_printf(d, "%s: %s, %s\n", dev->path, dev->cls->name, dev->cls->doc ? dev->cls->doc : "");
    for (const struct prop_desc *p = dev->cls->props; p && p->name; p++) {
        const char *v = device_prop(dev, p->name);
        if (v)
            debug_printf(d, "  %s=%s\n", p->name, v);
    }
    for (unsigned b = 0; b < DEVICE_BANKS; b++) {
        const struct reg_desc *rows = device_rows(dev->cls, b);
        if (!rows && !dev->window[b].size)
            continue;
        debug_printf(d, " %s", device_bank_name(dev->cls, b));
        if (dev->window[b].size)
            debug_printf(d, " at 0x%llx, 0x%llx bytes", (unsigned long long)dev->window[b].base,
                         (unsigned long long)dev->window[b].size);
        debug_printf(d, "\n");
        for (const struct reg_desc *r = rows; r && r->name; r++)
            if (!r->visible || r->visible(dev))
                device_row(d, dev, b, r);
    }
    if (dev->cls->describe) {
        struct buf out = { 0 };
        dev->cls->describe(dev, &out);
        if (out.len && out.data[out.len - 1] != '\n')
            buf_printf(&out, "\n");
        debug_write(d, &out);
        buf_free(&out);
    }
}

HANDLER(info_mtree)
{
    const struct space *s = d->machine->mem;
    debug_printf(d, "address space %s:\n", s->name);
    for (u32 i = 0; i < s->n; i++) {
        const struct region *r = s->regions[i];
        debug_printf(d, "  %016llx-%016llx %-4s %s\n", (unsigned long long)r->base,
                     (unsigned long long)(r->base + r->size - 1),
                     !r->ram ? "io" : r->ram->rom ? "rom" : r->ops ? "romd" : "ram",
                     r->name ? r->name : r->ram ? r->ram->name : "?");
    }
    return true;
}

HANDLER(info_board)
{
    const struct machine *m = d->machine;
    const struct board *b = m->board;
    debug_printf(d, "%s: %s\n", b->name, b->doc ? b->doc : "");
    debug_printf(d, "harts %u of at most %u, master clock %llu Hz, quantum %llu\n", m->n_cpus, b->max_cpus,
                 (unsigned long long)m->clock.hz, (unsigned long long)m->quantum);
    for (const struct board_part *p = b->parts; p && p->name; p++) {
        debug_printf(d, "%-14s %-18s", p->name, p->cls->name);
        if (p->base[0])
            debug_printf(d, " 0x%llx", (unsigned long long)p->base[0]);
        if (p->count > 1)
            debug_printf(d, " x%u every 0x%llx", p->count, (unsigned long long)p->stride);
        for (unsigned i = 0; i < ARRAY_LEN(p->wires); i++)
            if (p->wires[i].to)
                debug_printf(d, "  out%u -> %s.%u", p->wires[i].out, p->wires[i].to, p->wires[i].line);
        debug_printf(d, "\n");
    }
    return info_mtree(d, "", e);
}

static void describe_cpu(struct debugger *d, struct cpu *c)
{
    struct buf out = { 0 };
    if (c->ops->describe)
        c->ops->describe(c, &out);
    if (out.len && out.data[out.len - 1] != '\n')
        buf_printf(&out, "\n");
    debug_write(d, &out);
    buf_free(&out);
}

static void name_address(void *opaque, u64 addr, char *out, size_t cap)
{
    symbols_format(((struct debugger *)opaque)->syms, addr, out, cap);
}

static void show_unit(void *opaque, const struct jit_view *u)
{
    struct buf out = { 0 };
    const struct jit_names names = { name_address, opaque };
    jit_view_print(u, &names, &out);
    debug_write(opaque, &out);
    buf_free(&out);
}

HANDLER(info_jit)
{
    u64 addr;
    if (*args) {
        const struct jit_watch watch = { show_unit, d, NULL };
        return debugger_eval(d, args, &addr, e) && jit_look(d->cpu, addr, &watch, e);
    }
    for (unsigned i = 0; i < d->machine->n_cpus; i++) {
        debug_printf(d, "%s:\n", d->machine->cpus[i]->name);
        describe_cpu(d, d->machine->cpus[i]);
    }
    return true;
}

HANDLER(info_cpus)
{
    struct machine *m = d->machine;
    for (unsigned i = 0; i < m->n_cpus; i++) {
        struct cpu *c = m->cpus[i];
        char where[256];
        u64 pc = cpu_linear_pc(c) & cpu_addr_mask(c);
        struct source_pos p;
        symbols_format(d->syms, pc, where, sizeof where);
        debug_printf(d, "%c %u  %s (%s, %s)  0x%016llx %s%s%s", c == d->cpu ? '*' : ' ', i, c->name,
                     c->ops->privilege_name(c),
                     c->idle ? "waits" : "runs", (unsigned long long)pc, where[0] ? "<" : "", where,
                     where[0] ? ">" : "");
        if (symbols_line_at(d->syms, pc, &p))
            debug_printf(d, " at %s:%d", base_name(p.file), p.line);
        struct process process;
        char name[96];
        if (process_has_provider(d) && process_current(d, c, &process) && process.name[0]) {
            process_format(&process, name, sizeof name);
            debug_printf(d, "  process %s", name);
        }
        debug_printf(d, "  %llu retired\n", (unsigned long long)c->retired);
    }
    return true;
}

/* --- Translation ------------------------------------------------------------------------------------------------- */

HANDLER(cmd_walk)
{
    enum cpu_access access = CPU_READ;
    u64 va;
    if (*args == '/') {
        for (args++; *args && *args != ' '; args++) {
            if (*args == 'r')
                access = CPU_READ;
            else if (*args == 'w')
                access = CPU_WRITE;
            else if (*args == 'x')
                access = CPU_EXEC;
            else
                return err_set(e, "walk: /r, /w or /x says for which access");
        }
        args = skip_space(args);
    }
    if (!debugger_eval(d, args, &va, e))
        return false;
    if (cpu_addr_mask(d->cpu) == UINT32_MAX)
        va &= UINT32_MAX;
    struct cpu_walk w = { 0 };
    d->cpu->ops->walk(d->cpu, va, access, &w);
    debug_printf(d, "0x%llx, %s in %s mode, %s:\n", (unsigned long long)va,
                 access == CPU_EXEC ? "execute" : access == CPU_WRITE ? "write" : "read",
                 d->cpu->ops->privilege_name(d->cpu), w.mode);
    for (unsigned i = 0; i < w.n_levels; i++)
        debug_printf(d, "  level %u: PTE at 0x%llx = 0x%llx  %s\n", w.level[i].level,
                     (unsigned long long)w.level[i].pte_addr,
                     (unsigned long long)w.level[i].pte, w.level[i].text);
    if (!w.ok) {
        debug_printf(d, "  %s: %s\n", w.fault ? w.fault : "fault", w.why);
        return true;
    }
    const struct region *r = space_find(d->machine->mem, w.pa);
    debug_printf(d, "  -> physical 0x%llx (%s)\n", (unsigned long long)w.pa,
                 r ? r->name ? r->name : r->ram ? r->ram->name : "?" : "nothing is there");
    return true;
}

/* The mapped ranges, found by walking: an unmapped level lets us skip all it would cover. */
HANDLER(info_mem)
{
    struct cpu *c = d->cpu;
    struct cpu_walk w = { 0 };
    if (debugger_x86(d))
        return show_x86_mappings(d, false, false, e);
    c->ops->walk(c, 0, CPU_READ, &w);
    if (!w.n_levels && !strcmp(w.mode, "bare")) {
        debug_printf(d, "Translation is off: virtual addresses are physical.\n");
        return true;
    }
    unsigned bits = 0; /* of a virtual address: the number in the mode's name */
    for (const char *s = w.mode; *s; s++)
        if (*s >= '0' && *s <= '9')
            bits = 10 * bits + (unsigned)(*s - '0');
    if (bits < 32 || bits > 57)
        return err_set(e, "info mem: the paging mode %s is not known", w.mode);
    unsigned per_level = bits == 32 ? 10 : 9, shown = 0;
    u64 start = 0, last_pa = 0, length = 0, steps = 0, half = (u64)1 << (bits - 1);
    char flags[9] = "", text[9];
    for (u64 i = 0; i < (u64)1 << bits && steps < 4000000 && shown < 2000 && !d->interrupted; steps++) {
        u64 va = bits == 32 ? i : i >= half ? i | ~(2 * half - 1) : i;
        memset(&w, 0, sizeof w);
        c->ops->walk(c, va, CPU_READ, &w);
        unsigned level = w.n_levels ? w.level[w.n_levels - 1].level : 0;
        u64 size = (u64)1 << (12 + per_level * level);
        bool leaf = w.n_levels && (w.level[w.n_levels - 1].pte & 15) > 1 && (w.level[w.n_levels - 1].pte & 1);
        memset(text, 0, sizeof text);
        if (leaf)
            memcpy(text, w.level[w.n_levels - 1].text, 8); /* the flags; the page number differs for each */
        u64 pa = leaf ? (w.level[w.n_levels - 1].pte >> 10 & (((u64)1 << 44) - 1)) << 12 & ~(size - 1) : 0;
        if (length && (!leaf || pa != last_pa + length || strcmp(text, flags))) {
            debug_printf(d, "%016llx-%016llx -> %012llx %s\n", (unsigned long long)start,
                         (unsigned long long)(start + length - 1), (unsigned long long)last_pa, flags);
            length = 0;
            shown++;
        }
        if (leaf) {
            if (!length) {
                start = va;
                last_pa = pa;
                memcpy(flags, text, sizeof flags);
            }
            length += size;
        }
        i = (i & ~(size - 1)) + size;
    }
    if (length)
        debug_printf(d, "%016llx-%016llx -> %012llx %s\n", (unsigned long long)start,
                     (unsigned long long)(start + length - 1),
                     (unsigned long long)last_pa, flags);
    else if (!shown)
        debug_printf(d, "No page is mapped (%s).\n", w.mode);
    return true;
}

/* --- Time -------------------------------------------------------------------------------------------------------- */

HANDLER(info_timing)
{
    const char *name = d->machine->config->timing;
    if (!name || !strcmp(name, "none"))
        debug_printf(d, "no timing model: one instruction is one tick\n");
    else
        debug_printf(d, "timing model %s\n", name);
    debug_printf(d, "master clock %llu Hz, now %llu\n", (unsigned long long)d->machine->clock.hz,
                 (unsigned long long)d->machine->clock.now);
    return true;
}

static int timer_order(const void *a, const void *b)
{
    const struct timer *x = *(const struct timer *const *)a, *y = *(const struct timer *const *)b;
    if (x->when != y->when)
        return x->when < y->when ? -1 : 1;
    if (x->priority != y->priority)
        return x->priority < y->priority ? -1 : 1;
    return x->seq < y->seq ? -1 : 1;
}

HANDLER(info_events)
{
    const struct clock *c = &d->machine->clock;
    if (!c->heap_len) {
        debug_printf(d, "No timer is armed.\n");
        return true;
    }
    struct timer **sorted = xcalloc(c->heap_len, sizeof *sorted);
    memcpy(sorted, c->heap, c->heap_len * sizeof *sorted);
    qsort(sorted, c->heap_len, sizeof *sorted, timer_order);
    for (u32 i = 0; i < c->heap_len; i++)
        debug_printf(d, "%20llu  in %-14lld %s %s\n", (unsigned long long)sorted[i]->when,
                     (long long)(sorted[i]->when - c->now), sorted[i]->owner, sorted[i]->name);
    free(sorted);
    return true;
}
