#include "trace/calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

enum frame_kind { FRAME_FIRST, FRAME_CALL, FRAME_TRAP };

struct call_frame {
    u32 node;
    u8 kind;
    u64 back, sp; /* where it returns to, and the stack pointer then */
    u64 root;     /* FRAME_TRAP from a user's code: its page table; else 0 */
};

struct call_stack {
    struct call_frame *frame; /* the newest last; never empty */
    u32 n, cap;
    bool running; /* on a CPU */
    u64 left;     /* when a CPU left it, by call_private.clock */
};

struct call_cpu {
    struct call_stack *stack; /* NULL: nothing was executed yet */
    u64 expected, sp;         /* after the last instruction */
    u8 privilege;
    bool jumped, elsewhere;   /* it jumped; the stack pointer was moved to another place */
    const struct cpu_reg *sp_reg, *root_reg;
    struct {
        u32 name; /* of names */
        bool interrupt;
    } event[4];
    unsigned n_events;
};

struct call_private {
    struct call_cpu cpu[MACHINE_MAX_CPUS];
    struct call_stack **stacks;
    u32 n_stacks;
    u64 clock;
    u32 *slots; /* of nodes by parent, function and site: number + 1 */
    u32 size;
    struct places function_at; /* pc -> file is the function's number; tag: page table, for user code */
    struct names roots;
};

enum { PRIVILEGED = 1 }; /* not a user's, in any ISA */

/* --- functions and nodes ----------------------------------------------------------------------------------------- */

static u32 new_function(struct calls *c, struct call_function f)
{
    if (!(c->n_functions & (c->n_functions - 1)))
        c->function = xrealloc(c->function, (c->n_functions ? c->n_functions * 2 : 1) * sizeof *c->function);
    c->function[c->n_functions] = f;
    return c->n_functions++;
}

static u32 made_up(struct calls *c, u32 name)
{
    for (u32 i = 0; i < c->n_functions; i++)
        if (c->function[i].made_up && c->function[i].name == name)
            return i;
    return new_function(c, (struct call_function){ .name = name, .made_up = true });
}

static bool is_user(struct cpu *cpu, unsigned privilege)
{
    return trace_is_isa(cpu, "riscv") ? privilege == 0 : privilege == 3;
}

/* Of user code the same address is another function in another process. */
static u32 space_of(struct calls *c, struct cpu *cpu, u64 pc)
{
    struct call_cpu *h = &c->priv->cpu[cpu->index];
    char text[32];
    if (!is_user(cpu, h->privilege))
        return 0;
    snprintf(text, sizeof text, "%llx", (unsigned long long)trace_reg(cpu, h->root_reg));
    return names_add(&c->priv->roots, text) + 1;
}

static u32 function_at(struct calls *c, struct cpu *cpu, u64 pc)
{
    struct trace_function f;
    const struct trace_symbols *syms = c->t->symbols;
    u32 space = space_of(c, cpu, pc);
    bool fresh;
    u32 at = places_find(&c->priv->function_at, pc, space, &fresh);
    if (!fresh)
        return c->priv->function_at.row[at].file;
    bool known = syms && syms->function(syms->opaque, cpu, pc, &f) && f.high > f.low && pc >= f.low && pc < f.high;
    u32 number;
    if (known && f.low != pc) { /* the same as at its beginning */
        number = function_at(c, cpu, f.low);
    } else {
        const char *file;
        struct call_function fn = { .low = pc, .high = pc };
        if (known) {
            fn.low = f.low;
            fn.high = f.high;
        } else {
            snprintf(f.name, sizeof f.name, "0x%llx", (unsigned long long)pc);
        }
        fn.name = names_add(&c->names, f.name);
        if (syms && syms->line(syms->opaque, cpu, pc, &file, &fn.line))
            fn.file = names_add(&c->files, file);
        number = new_function(c, fn);
    }
    c->priv->function_at.row[at].file = number;
    return number;
}

static bool contains(const struct call_function *f, u64 pc)
{
    return pc >= f->low && pc < f->high;
}

static u32 *node_slot(const struct calls *c, u32 parent, u32 function, u64 site)
{
    const struct call_private *p = c->priv;
    u64 h = (site ^ (u64)parent << 40 ^ (u64)function << 20) * 0x9e3779b97f4a7c15;
    for (u32 i = (u32)(h >> 32);; i++) {
        u32 *slot = &p->slots[i & (p->size - 1)];
        if (!*slot)
            return slot;
        const struct call_node *n = &c->node[*slot - 1];
        if (n->parent == parent && n->function == function && n->site == site)
            return slot;
    }
}

static u32 child(struct calls *c, u32 parent, u32 function, u64 site)
{
    struct call_private *p = c->priv;
    if (c->n_nodes * 2 >= p->size) {
        free(p->slots);
        p->size = p->size ? p->size * 2 : 1024;
        p->slots = xcalloc(p->size, sizeof *p->slots);
        c->node = xrealloc(c->node, p->size / 2 * sizeof *c->node);
        for (u32 i = 1; i < c->n_nodes; i++)
            *node_slot(c, c->node[i].parent, c->node[i].function, c->node[i].site) = i + 1;
    }
    u32 *slot = node_slot(c, parent, function, site);
    if (!*slot) {
        if (c->n_nodes >= CALLS_MAX_NODES)
            return parent;
        c->node[c->n_nodes] = (struct call_node){ .parent = parent, .function = function, .site = site,
                                                  .depth = c->node[parent].depth + 1 };
        *slot = ++c->n_nodes;
    }
    return *slot - 1;
}

/* --- stacks ------------------------------------------------------------------------------------------------------ */

static struct call_frame *top(struct call_cpu *h) { return &h->stack->frame[h->stack->n - 1]; }

static void push(struct calls *c, struct call_cpu *h, struct call_frame f)
{
    struct call_stack *s = h->stack;
    if (s->n >= CALLS_MAX_DEPTH)
        return;
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 16;
        s->frame = xrealloc(s->frame, s->cap * sizeof *s->frame);
    }
    s->frame[s->n++] = f;
}

static void leave(struct calls *c, struct call_cpu *h)
{
    if (h->stack) {
        h->stack->running = false;
        h->stack->left = ++c->priv->clock;
    }
    h->stack = NULL;
}

static void take(struct call_cpu *h, struct call_stack *s)
{
    s->running = true;
    h->stack = s;
}

/* A stack that begins in a function; of a user's, its process stands below it. */
static void new_stack(struct calls *c, struct cpu *cpu, u64 pc, u64 sp)
{
    struct call_private *p = c->priv;
    struct call_cpu *h = &p->cpu[cpu->index];
    struct call_stack *s = NULL;
    u32 parent = 0;
    leave(c, h);
    if (p->n_stacks == CALLS_MAX_STACKS) {
        for (u32 i = 0; i < p->n_stacks; i++)
            if (!p->stacks[i]->running && (!s || p->stacks[i]->left < s->left))
                s = p->stacks[i];
        s->n = 0;
    } else {
        if (!(p->n_stacks & (p->n_stacks - 1)))
            p->stacks = xrealloc(p->stacks, (p->n_stacks ? p->n_stacks * 2 : 1) * sizeof *p->stacks);
        s = p->stacks[p->n_stacks++] = xcalloc(1, sizeof *s);
    }
    if (is_user(cpu, h->privilege) && c->t->symbols) {
        char name[96], text[100];
        c->t->symbols->process_name(c->t->symbols->opaque, cpu, name, sizeof name);
        snprintf(text, sizeof text, "[%s]", name);
        if (*name)
            parent = child(c, 0, made_up(c, names_add(&c->names, text)), 0);
    }
    take(h, s);
    push(c, h, (struct call_frame){ .node = child(c, parent, function_at(c, cpu, pc), 0), .kind = FRAME_FIRST, .sp = sp });
}

static bool same_way_back(const struct call_frame *a, const struct call_frame *b)
{
    return a->kind == b->kind && a->back == b->back && a->sp == b->sp;
}

/* Takes away the frame at `at`, all above it, and those that went on in it. */
static void pop_to(struct call_stack *s, u32 at)
{
    while (at > 1 && same_way_back(&s->frame[at - 1], &s->frame[at]))
        at--;
    s->n = at ? at : 1;
}

/* Returns may take arguments off the stack. */
static bool returns_from(const struct call_frame *f, u64 target, u64 sp)
{
    return f->kind == FRAME_CALL && f->back == target && sp - f->sp < 256;
}

/* Code that was trapped goes on where it was, behind the instruction, or somewhere near. */
static bool resumes(const struct call_frame *f, u64 target, u64 sp, u64 root)
{
    return f->kind == FRAME_TRAP && f->sp == sp && target - f->back <= 16 && (!f->root || f->root == root);
}

static bool find_return(const struct call_stack *s, u64 target, u64 sp, u32 *at)
{
    for (u32 k = s->n; k-- > 1;) {
        *at = k;
        if (returns_from(&s->frame[k], target, sp))
            return true;
        if (s->frame[k].kind == FRAME_TRAP)
            return false;
    }
    return false;
}

static bool find_resumed(const struct call_stack *s, u64 target, u64 sp, u64 root, bool newest, u32 *at)
{
    for (u32 k = s->n; k-- > 1;) {
        *at = k;
        if (resumes(&s->frame[k], target, sp, root))
            return true;
        if (newest && s->frame[k].kind == FRAME_TRAP)
            return false;
    }
    return false;
}

/* The function before goes on in this one. */
static void go_on_in(struct calls *c, struct call_cpu *h, u32 function, u64 site)
{
    struct call_stack *s = h->stack;
    struct call_frame f = *top(h);
    if (f.kind == FRAME_FIRST) { /* nobody waits for it to end */
        top(h)->node = child(c, c->node[f.node].parent, function, 0);
        return;
    }
    for (u32 k = s->n; k-- > 1 && same_way_back(&s->frame[k], &f);)
        if (c->node[s->frame[k].node].function == function) { /* and back */
            s->n = k + 1;
            return;
        }
    f.node = child(c, f.node, function, site);
    c->node[f.node].calls++;
    push(c, h, f);
}

static void trapped(struct calls *c, struct cpu *cpu, u32 cause, bool interrupt, u64 back, u64 sp, u64 handler)
{
    struct call_cpu *h = &c->priv->cpu[cpu->index];
    u64 root = is_user(cpu, h->privilege) ? trace_reg(cpu, h->root_reg) : 0;
    u32 from = interrupt ? 0 : top(h)->node; /* what is interrupted did not ask for it */
    u64 site = interrupt ? 0 : back;
    u32 node = child(c, from, made_up(c, cause), site);
    c->node[node].calls++;
    h->elsewhere = false;
    h->privilege = PRIVILEGED; /* whoever handles it */
    push(c, h, (struct call_frame){ .node = node, .kind = FRAME_TRAP, .back = back, .sp = sp, .root = root });
    go_on_in(c, h, function_at(c, cpu, handler), 0);
}

static void returned(struct calls *c, struct cpu *cpu, u64 target, u64 sp)
{
    struct call_private *p = c->priv;
    struct call_cpu *h = &p->cpu[cpu->index];
    struct call_stack *s = h->stack;
    bool elsewhere = h->elsewhere;
    u32 at = 0;
    h->elsewhere = false;
    if (find_return(s, target, sp, &at)) {
        pop_to(s, at);
        return;
    }
    struct call_stack *best = NULL;
    u32 best_at = 0;
    for (u32 i = 0; i < p->n_stacks; i++) {
        struct call_stack *other = p->stacks[i];
        if (!other->running && other->n && (!best || other->left > best->left) && find_return(other, target, sp, &at)) {
            best = other;
            best_at = at;
        }
    }
    if (best) { /* another task */
        leave(c, h);
        take(h, best);
        pop_to(best, best_at);
        return;
    }
    u32 function = function_at(c, cpu, target), first = s->n - 1;
    for (u32 k = s->n; k-- > 0;) { /* longjmp */
        const struct call_frame *f = &s->frame[k];
        first = k;
        if (c->node[f->node].function == function && sp <= f->sp && (k + 1 == s->n || s->frame[k + 1].sp <= sp)) {
            s->n = k + 1;
            return;
        }
        if (f->kind == FRAME_TRAP)
            break;
    }
    if (elsewhere) { /* a new task */
        new_stack(c, cpu, target, sp);
    } else if (s->frame[first].kind == FRAME_FIRST && sp > s->frame[first].sp) { /* to a caller of before the trace */
        s->n = first + 1;
        s->frame[first].sp = sp;
        s->frame[first].node = child(c, c->node[s->frame[first].node].parent, function, 0);
    }
}

static void resumed(struct calls *c, struct cpu *cpu, u64 target, u64 sp)
{
    struct call_private *p = c->priv;
    struct call_cpu *h = &p->cpu[cpu->index];
    struct call_stack *s = h->stack, *best = NULL;
    u64 root = trace_reg(cpu, h->root_reg);
    u32 at = 0, best_at = 0;
    h->elsewhere = false;
    if (find_resumed(s, target, sp, root, false, &at)) {
        pop_to(s, at);
        return;
    }
    for (u32 i = 0; i < p->n_stacks; i++) {
        struct call_stack *other = p->stacks[i];
        if (!other->running && other->n && (!best || other->left > best->left) &&
            find_resumed(other, target, sp, root, true, &at)) {
            best = other;
            best_at = at;
        }
    }
    leave(c, h);
    if (best) {
        take(h, best);
        pop_to(best, best_at);
    }
    /* else a new one, when it is known where it runs */
}

/* --- what the trace tells ---------------------------------------------------------------------------------------- */

struct calls *calls_new(struct trace *t)
{
    struct calls *c = xcalloc(1, sizeof *c);
    c->t = t;
    c->priv = xcalloc(1, sizeof *c->priv);
    names_add(&c->files, "???");
    names_add(&c->names, "");
    made_up(c, 0);
    c->node = xcalloc(1, sizeof *c->node);
    c->n_nodes = 1;
    for (unsigned i = 0; i < t->m->n_cpus; i++) {
        c->priv->cpu[i].sp_reg = trace_stack_pointer(t->m->cpus[i]);
        c->priv->cpu[i].root_reg = trace_table_root(t->m->cpus[i]);
    }
    return c;
}

void calls_free(struct calls *c)
{
    struct call_private *p = c->priv;
    for (u32 i = 0; i < p->n_stacks; i++) {
        free(p->stacks[i]->frame);
        free(p->stacks[i]);
    }
    free(p->stacks);
    free(p->slots);
    places_free(&p->function_at);
    names_free(&p->roots);
    free(p);
    names_free(&c->names);
    names_free(&c->files);
    free(c->function);
    free(c->node);
    places_free(&c->places);
    free(c);
}

void calls_hear(struct calls *c, const struct event *ev)
{
    if (strcmp(ev->type->name, "cpu.trap"))
        return;
    for (unsigned i = 0; i < c->t->m->n_cpus; i++) {
        struct call_cpu *h = &c->priv->cpu[i];
        char text[96];
        if (strcmp(ev->source, c->t->m->cpus[i]->name) || h->n_events == ARRAY_LEN(h->event))
            continue;
        snprintf(text, sizeof text, "[%s]", ev->value[0].s);
        h->event[h->n_events].interrupt = strstr(text, "interrupt") != NULL;
        h->event[h->n_events++].name = names_add(&c->names, text);
    }
}

static void account(struct calls *c, struct cpu *cpu, const struct cpu_retire *r, u64 ticks)
{
    struct call_cpu *h = &c->priv->cpu[cpu->index];
    struct call_node *n = &c->node[top(h)->node];
    bool fresh;
    u32 at = places_find(&c->places, r->pc, n->function, &fresh);
    struct place_row *row = &c->places.row[at];
    const struct trace_symbols *syms = c->t->symbols;
    if (fresh) {
        const char *file;
        int line;
        if (syms && syms->line(syms->opaque, cpu, r->pc, &file, &line)) {
            row->file = names_add(&c->files, file);
            row->line = line;
        } else {
            row->file = c->function[n->function].file;
            row->line = c->function[n->function].line;
        }
    }
    row->count++;
    row->ticks += ticks;
    n->count++;
    n->ticks += ticks;
}

void calls_retire(struct calls *c, struct cpu *cpu, const struct cpu_retire *r, u64 start, u64 ticks)
{
    struct call_cpu *h = &c->priv->cpu[cpu->index];
    u64 sp = trace_reg(cpu, h->sp_reg);
    bool own = h->n_events && !h->event[h->n_events - 1].interrupt && (r->trapped || r->flow == CPU_FLOW_TRAP);
    unsigned before = h->n_events - own; /* what is its own is the last */
    if (h->stack && before)
        trapped(c, cpu, h->event[before - 1].name, h->event[before - 1].interrupt, h->expected, h->sp, r->pc);
    else if (r->pc != h->expected)
        h->jumped = true; /* a reset, somebody changed pc, or it was not traced for a while */
    h->privilege = r->privilege;
    if (!h->stack)
        new_stack(c, cpu, r->pc, sp);

    const struct call_function f = c->function[c->node[top(h)->node].function];
    bool known = f.high > f.low;
    if (known ? !contains(&f, r->pc) : h->jumped && r->pc != f.low) {
        u32 to = function_at(c, cpu, r->pc);
        if (known || c->function[to].high > c->function[to].low)
            go_on_in(c, h, to, r->pc);
    }
    h->jumped = false;
    bool taken = trace_filter_takes(&c->t->filter, cpu, r, start);
    if (taken)
        account(c, cpu, r, ticks);

    u64 delta = sp - h->sp;
    if (h->sp != sp && r->flow == CPU_FLOW_NEXT && (delta >> 63 ? -delta > 1024 : sp > top(h)->sp + 64))
        h->elsewhere = true;
    u64 next = r->pc + r->length;
    if (r->trapped || own || (r->flow == CPU_FLOW_TRAP && r->next_pc != next)) {
        u32 cause = own ? h->event[before].name : names_add(&c->names, r->trapped ? "[exception]" : "[system call]");
        trapped(c, cpu, cause, false, r->trapped ? r->pc : next, h->sp, r->next_pc);
    } else if (r->flow == CPU_FLOW_CALL && r->next_pc != next) {
        u32 node = child(c, top(h)->node, function_at(c, cpu, r->next_pc), r->pc);
        c->node[node].calls += taken;
        h->elsewhere = false;
        push(c, h, (struct call_frame){ .node = node, .kind = FRAME_CALL, .back = next, .sp = h->sp });
    } else if (r->flow == CPU_FLOW_RETURN) {
        h->jumped = true; /* a return may be a jump */
        returned(c, cpu, r->next_pc, sp);
    } else if (r->flow == CPU_FLOW_TRAP_RETURN) {
        resumed(c, cpu, r->next_pc, sp);
    } else if (r->next_pc != next) {
        h->jumped = true;
        if (sp > top(h)->sp && top(h)->kind == FRAME_CALL) /* what the frame was on is gone: longjmp(3) of many a libc */
            returned(c, cpu, r->next_pc, sp);
    }
    h->n_events = 0;
    h->expected = r->next_pc;
    h->sp = sp;
}
