/* What a stop point can wait for: one row a kind. */
#ifndef DEBUGGER_STOP_KINDS_H
#define DEBUGGER_STOP_KINDS_H

#include "debugger/stops.h"

struct buf;

struct stop_kind { /* the list ends with a NULL name */
    const char *name;    /* the word after the verb */
    const char *aliases; /* "a b", or NULL */
    const char *usage;   /* what follows it */
    const char *help;
    const char *example;
    bool bare; /* nothing need follow it */
    /* Takes what was typed after the kind, without the clauses; sets what it looks for. False: err. */
    bool (*parse)(struct debugger *d, struct stop_point *p, const char *text, struct err *e);
    /* Puts it into the machine with stops_arm_*() and m->soon. NULL: nothing but its event. */
    void (*arm)(struct stops *s, struct stop_point *p, struct machine *m);
    bool (*passed)(struct debugger *d, const struct stop_point *p); /* it can never happen again; NULL: it always can */
    /* When a run begins, in the past too: remembers what is compared with. NULL: nothing. */
    void (*begin)(struct debugger *d, struct stop_point *p);
    const char *event; /* a prefix of the events it hears; NULL: none */
    /* Is this event one of those? Then it says what happened. */
    bool (*hears)(struct debugger *d, struct stop_point *p, const struct event *ev, char *what, size_t n);
    /* After the stop: did it happen? NULL: what was heard, or hit, did. `c` may be NULL. */
    bool (*judge)(struct debugger *d, struct stop_point *p, struct cpu *c);
};

extern const struct stop_kind stop_kinds[];
extern const struct stop_kind *const stop_kind_register;
extern const struct stop_kind *const stop_kind_code, *const stop_kind_memory, *const stop_kind_io; /* `code`, `write`, `io` */

/* By the first word of *text, which is then behind it. NULL: it is no kind, or it is also the name of a symbol that stands
 * alone. */
const struct stop_kind *stop_kind_take(struct debugger *d, const char **text);

void stop_kinds_help(struct debugger *d);

/* --- for their parsers --- */

/* "TEXT == EXPR": takes the comparison off the end of text into p->test and p->value; text is cut before it. */
bool stop_take_test(struct debugger *d, struct stop_point *p, char *text, struct err *e);
bool stop_test_holds(const struct stop_point *p, u64 value);
/* The last word of text, when it is one of the list: its number, and text is cut before it; -1: it is none. */
int stop_take_last(char *text, const char *const *words);
/* "[phys] EXPR[,LENGTH]" */
bool stop_parse_range(struct debugger *d, char *text, u64 *addr, u64 *len, bool *physical, struct err *e);
char *stop_trimmed(const char *text);

/* stop_place.c */
bool stop_parse_code(struct debugger *d, struct stop_point *p, const char *text, struct err *e);
bool stop_parse_execute(struct debugger *d, struct stop_point *p, const char *text, struct err *e);
bool stop_parse_read(struct debugger *d, struct stop_point *p, const char *text, struct err *e);
bool stop_parse_write(struct debugger *d, struct stop_point *p, const char *text, struct err *e);
bool stop_parse_access(struct debugger *d, struct stop_point *p, const char *text, struct err *e);
bool stop_parse_io(struct debugger *d, struct stop_point *p, const char *text, struct err *e);
void stop_arm_code(struct stops *s, struct stop_point *p, struct machine *m);
void stop_arm_memory(struct stops *s, struct stop_point *p, struct machine *m);
void stop_arm_io(struct stops *s, struct stop_point *p, struct machine *m);
void stop_begin_memory(struct debugger *d, struct stop_point *p);
bool stop_judge_memory(struct debugger *d, struct stop_point *p, struct cpu *c);
bool stop_judge_io(struct debugger *d, struct stop_point *p, struct cpu *c);
/* stop_cpu.c */
bool stop_parse_trap(struct debugger *d, struct stop_point *p, const char *text, struct err *e);
bool stop_is_interrupt(const struct event *ev); /* of events cpu.trap: an interrupt, not an exception? */
bool stop_hears_exception(struct debugger *d, struct stop_point *p, const struct event *ev, char *what, size_t n);
bool stop_hears_interrupt(struct debugger *d, struct stop_point *p, const struct event *ev, char *what, size_t n);
bool stop_hears_mode(struct debugger *d, struct stop_point *p, const struct event *ev, char *what, size_t n);
bool stop_hears_tlb(struct debugger *d, struct stop_point *p, const struct event *ev, char *what, size_t n);
bool stop_parse_tlb(struct debugger *d, struct stop_point *p, const char *text, struct err *e);
bool stop_parse_magic(struct debugger *d, struct stop_point *p, const char *text, struct err *e);
bool stop_hears_magic(struct debugger *d, struct stop_point *p, const struct event *ev, char *what, size_t n);
/* stop_register.c */
bool stop_parse_csr(struct debugger *d, struct stop_point *p, const char *text, struct err *e);
bool stop_hears_csr(struct debugger *d, struct stop_point *p, const struct event *ev, char *what, size_t n);
bool stop_parse_register(struct debugger *d, struct stop_point *p, const char *text, struct err *e);
void stop_arm_register(struct stops *s, struct stop_point *p, struct machine *m);
bool stop_hears_register(struct debugger *d, struct stop_point *p, const struct event *ev, char *what, size_t n);
void stop_begin_register(struct debugger *d, struct stop_point *p);
void stop_look_at_register(struct debugger *d, struct stop_point *p, struct cpu *c); /* it has executed an instruction */
bool stop_parse_pte(struct debugger *d, struct stop_point *p, const char *text, struct err *e);
void stop_begin_pte(struct debugger *d, struct stop_point *p);
void stop_arm_pte(struct stops *s, struct stop_point *p, struct machine *m);
bool stop_judge_pte(struct debugger *d, struct stop_point *p, struct cpu *c);
/* stop_device.c */
bool stop_parse_device(struct debugger *d, struct stop_point *p, const char *text, struct err *e);
void stop_begin_device(struct debugger *d, struct stop_point *p);
bool stop_hears_device(struct debugger *d, struct stop_point *p, const struct event *ev, char *what, size_t n);
bool stop_parse_dma(struct debugger *d, struct stop_point *p, const char *text, struct err *e);
bool stop_hears_dma(struct debugger *d, struct stop_point *p, const struct event *ev, char *what, size_t n);
bool stop_parse_irq(struct debugger *d, struct stop_point *p, const char *text, struct err *e);
bool stop_hears_irq(struct debugger *d, struct stop_point *p, const struct event *ev, char *what, size_t n);
bool stop_parse_console(struct debugger *d, struct stop_point *p, const char *text, struct err *e);
bool stop_hears_console(struct debugger *d, struct stop_point *p, const struct event *ev, char *what, size_t n);
/* stop_time.c */
bool stop_parse_time(struct debugger *d, struct stop_point *p, const char *text, struct err *e);
bool stop_parse_cycles(struct debugger *d, struct stop_point *p, const char *text, struct err *e);
bool stop_parse_instructions(struct debugger *d, struct stop_point *p, const char *text, struct err *e);
void stop_arm_cycles(struct stops *s, struct stop_point *p, struct machine *m);
void stop_arm_instructions(struct stops *s, struct stop_point *p, struct machine *m);
void stop_begin_cycles(struct debugger *d, struct stop_point *p);
void stop_begin_instructions(struct debugger *d, struct stop_point *p);
bool stop_passed(struct debugger *d, const struct stop_point *p);
bool stop_judge_cycles(struct debugger *d, struct stop_point *p, struct cpu *c);
bool stop_judge_instructions(struct debugger *d, struct stop_point *p, struct cpu *c);

#endif
