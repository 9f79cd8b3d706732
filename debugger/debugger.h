/* The symbolic debugger: a machine, its symbols, its stop points, and the person in front of it.
 *
 * It reads no file and no key itself: the host part is a table of calls that cli/ fills in. */
#ifndef DEBUGGER_DEBUGGER_H
#define DEBUGGER_DEBUGGER_H

#include "debugger/console_log.h"
#include "debugger/expr.h"
#include "debugger/process.h"
#include "debugger/stops.h"
#include "machine/machine.h"

struct debugger_host {
    void *opaque;
    void (*write)(void *opaque, const char *text, size_t n);
    /* Runs until a stop, the position `until`, or d->interrupted. NULL: machine_run() in slices. */
    enum machine_stop (*resume)(void *opaque, struct machine *m, u64 until);
    /* One more instruction of the hart, others taking their turns. NULL: machine_step(). */
    enum machine_stop (*step)(void *opaque, struct machine *m, struct cpu *c);
    /* Whole files, for symbols, sources and scripts; false with a sentence. */
    bool (*read_file)(void *opaque, const char *path, struct buf *out, struct err *e);
    bool (*save)(void *opaque, struct machine *m, const char *path, struct err *e); /* snapshots; NULL: cannot */
    bool (*load)(void *opaque, struct machine *m, const char *path, struct err *e);
    /* Adds to the end of a file, for `log`; NULL: cannot. */
    bool (*append)(void *opaque, const char *path, const void *text, size_t n, struct err *e);
    /* The commands of cmd_screen.c by their names; NULL: there is nobody to see or to type. */
    bool (*screen)(void *opaque, const char *name, const char *args, struct buf *out, struct err *e);
    /* `tracefile ARGS`; NULL: traces cannot be written. */
    bool (*trace)(void *opaque, const char *args, struct buf *out, struct err *e);
    /* A file that comes with the program: "profiles/linux.lua"; NULL: there are none. */
    bool (*read_shipped)(void *opaque, const char *name, struct buf *out, struct err *e);
};

struct script;

enum debugger_rights { /* of the commands that are executed now */
    MAY_ALL,  /* a person's */
    MAY_RUN,  /* a script's: nothing is changed by hand */
    MAY_LOOK, /* a hook's on stops: nor does the machine run */
    MAY_PEEK, /* a condition's or that of a hook on events, which come while an instruction is executed: no commands */
};

enum stop_reason { /* of the last stop, beyond machine_stop */
    REASON_NONE, REASON_BREAKPOINT, REASON_WATCHPOINT, REASON_STEPPED, REASON_INTERRUPTED, REASON_ARRIVED,
    REASON_EVENT, /* a stop point of another kind: point->what */
    REASON_MACHINE
};

struct display_item {
    int number;
    bool enabled;
    char *text;   /* the expression */
    char *format; /* "/x", "/i", or "" */
    struct display_item *next;
};

struct bookmark {
    char *name;
    u64 position;
    struct bookmark *next;
};

#define DEBUGGER_MAX_FRAMES 10000

struct debugger {
    struct machine *machine;
    struct symbols *syms;
    struct process_provider processes; /* of an operating system's profile; process.h */
    u64 linux_looked; /* position + 1 where linux_notice() did last; 0: never */
    struct stops stops;
    struct console_log console;
    struct debugger_host host;
    struct buf *capture; /* output goes there instead: debugger_capture() */
    struct cpu *cpu; /* the selected hart */
    volatile int interrupted; /* set by a signal handler: stop as soon as possible */

    struct frame *frames; /* of the selected hart; computed as far as asked */
    unsigned n_frames, cap_frames, selected;
    bool frames_done;
    struct { /* steps stop at an inlined call as at any other: this many of those that begin here are not shown yet */
        unsigned n;
        u64 at, pc; /* where that holds */
    } hidden;
    const char *frames_end; /* why there are no more */

    struct convenience *vars;
    unsigned history; /* number of the last $N */

    char *list_file; /* where `list` goes on */
    int list_line, list_shown;
    bool list_after_stop;
    u64 x_addr; /* where `x` goes on */
    struct { char letter; unsigned size; } x_last;
    u64 disas_next;

    struct display_item *displays;
    int last_display;

    struct bookmark *bookmarks;
    struct {
        u64 position;
        bool edited; /* something was changed by hand there */
    } undo[64];      /* where commands began that moved the machine; the newest last */
    unsigned n_undo;

    bool color, pretty, confirm, full_addresses;
    int listsize;
    enum { CONSOLE_AUTO, CONSOLE_SERIAL, CONSOLE_SCREEN } console_shows; /* of the full screen; auto: what says something first */

    struct script *script; /* NULL: no Lua yet */
    char *os_title;        /* of the operating system's profile; NULL: none */
    char process_shown[96]; /* that a person was told of last: process_format() */
    struct expr_functions functions; /* that scripts made */
    enum debugger_rights rights;
    bool looking_back; /* by back.c: nobody hears of the past's events again, and nothing of it is traced or logged */

    char *last_command; /* that an empty line repeats; NULL: none */
    struct stop_point *collecting; /* `commands` is being typed */
    unsigned collect_depth;
    unsigned source_depth;
    bool quit;
    bool wants_screen; /* `tui` was typed */
    bool failed; /* the last command was an error */
    bool dead;   /* the machine has ended */
    int exit_code;
};

struct debugger *debugger_new(struct machine *m, const struct debugger_host *host);
void debugger_free(struct debugger *d); /* disarms the machine */

/* Takes symbols from an image in memory. */
bool debugger_add_symbols(struct debugger *d, const char *name, const u8 *data, size_t size, u64 bias, struct err *e);

/* Forgets a file (NULL: every one) with what was made from symbols: values kept, compiled conditions. Those of the stop
 * points are compiled again; what means nothing any more is disabled with a message. */
void debugger_forget_symbols(struct debugger *d, struct symfile *f);

/* One line as typed; prints what it has to say, errors too. Returns false when it was an error. */
bool debugger_execute(struct debugger *d, const char *line);
/* The same with the output appended to `out`, for monitors. */
bool debugger_capture(struct debugger *d, const char *line, struct buf *out);
/* "(orrery) ", or ">" inside `commands`. */
const char *debugger_prompt(const struct debugger *d);
/* What is shown when the debugger comes up or another client let go: where the selected hart is. */
void debugger_show_position(struct debugger *d);

void debug_printf(struct debugger *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void debug_write(struct debugger *d, const struct buf *b);

/* --- Frames and evaluation --------------------------------------------------------------------------------------- */

void debugger_changed(struct debugger *d); /* registers, memory or symbols changed: forget frames */
const struct frame *debugger_frame(struct debugger *d, unsigned level); /* NULL: not that many */
unsigned debugger_hidden(const struct debugger *d); /* inlined calls that begin here and are not shown yet */
void debugger_hide(struct debugger *d, unsigned n);
struct expr_env debugger_env(struct debugger *d); /* at the selected frame */
/* The variables (DW_TAG_variable) or parameters (DW_TAG_formal_parameter) of a frame's scopes, the innermost block first, until
 * each() says false. Returns how many there are. */
unsigned debugger_each_name(struct debugger *d, const struct frame *f, int tag, bool (*each)(void *opaque, const char *name),
                            void *opaque);
/* To read only: of conditions, arguments of frames and the like. */
struct expr_env debugger_env_at(struct debugger *d, struct cpu *c, const struct frame *f);
/* Why nothing may be changed by hand now, or NULL. */
const char *debugger_untouchable(const struct debugger *d);
/* False: a hook or a condition must not run the machine. */
bool debugger_may_run(const struct debugger *d, struct err *e);
bool debugger_eval(struct debugger *d, const char *text, u64 *out, struct err *e);
u64 debugger_pc(const struct debugger *d);
/* What code at an address is called: "main+4 at kernel.c:12", "" without a name. syms is a struct symbols. */
void debugger_name_code(void *syms, u64 linear, char *out, size_t n);
/* Whose interrupts come with that vector (x86), as tables of the controllers are now: "timer (IRQ 0)", or "vector 0xf3". */
void debugger_interrupt_name(struct debugger *d, unsigned vector, char *out, size_t cap);
void debugger_select_cpu(struct debugger *d, struct cpu *c);

/* --- Places: place.c --------------------------------------------------------------------------------------------- */

struct place {
    u64 addrs[STOP_MAX_PLACES];
    size_t n;
    const char *file; /* NULL: not a line */
    int line;
};
/* "main", "kernel.c:12", "12", "+3", "*0x80000000", "0x80000000", "kernel.c:main"; "" is where the frame is. */
bool place_resolve(struct debugger *d, const char *text, struct place *out, struct err *e);
/* The same for `list`: a function gives its line, not its address. */
bool place_line(struct debugger *d, const char *text, const char **file, int *line, struct err *e);

/* --- Running: run.c ---------------------------------------------------------------------------------------------- */

struct stop_report {
    enum machine_stop why;
    enum stop_reason reason;
    struct stop_point *point;
    u8 before[WATCH_MAX_BYTES]; /* of a watchpoint */
    u64 function_ended; /* an address in the function that `finish` ended, else 0 */
    bool new_frame;     /* it stopped in another function than it began in */
    u64 until;          /* where it would have stopped without a reason */
    bool hooked;        /* scripts have heard of it */
};

void run_continue(struct debugger *d, u64 until, struct stop_report *r);
/* The machine, which somebody else runs, came back with MACHINE_BREAK, MACHINE_WATCH or MACHINE_EVENT. False: nobody wants to know, go on.
 * True: it was reported. */
bool run_stopped(struct debugger *d, enum machine_stop why);
void run_stepi(struct debugger *d, u64 count, bool over, struct stop_report *r);
enum line_step { STEP_INTO, STEP_OVER, STEP_UNTIL };
void run_line(struct debugger *d, enum line_step how, struct stop_report *r);
/* Until the selected frame returns. */
bool run_finish(struct debugger *d, struct stop_report *r, struct err *e);
/* To one of the addresses, or out of the selected frame. Without any_frame, places in its function count in it only, not in calls it
 * makes of itself. */
void run_to(struct debugger *d, const struct place *to, bool any_frame, struct stop_report *r);
/* Says what stopped it and where it is, runs the stop point's commands. */
void report_stop(struct debugger *d, struct stop_report *r);
/* The first part of that: hooks of scripts hear of it, which may let the machine go on and may delete the stop point. */
void report_scripts(struct debugger *d, struct stop_report *r);

/* Pieces of it, for running the past. begin: forgets frames, remembers what watchpoints watch, passes the stop point the
 * hart stands at. judge: false when nobody wants to know of this stop. end: arms the stop points as they are listed. */
void run_begin(struct debugger *d, struct stop_report *r);
bool run_judge(struct debugger *d, enum machine_stop why, struct stop_report *r);
void run_end(struct debugger *d);

/* --- Backwards: back.c ------------------------------------------------------------------------------------------- */

/* Each needs a machine with a history (machine/history.h). False: nothing of that kind lies before, or the search was
 * interrupted; the error says where the machine is now. */
bool back_goto(struct debugger *d, u64 position, struct err *e);
bool back_stepi(struct debugger *d, u64 count, bool over, struct stop_report *r, struct err *e);
bool back_line(struct debugger *d, bool over, struct stop_report *r, struct err *e);
bool back_finish(struct debugger *d, struct stop_report *r, struct err *e);
/* To the last stop before; without one to where the history begins, and r->reason is REASON_ARRIVED. */
bool back_continue(struct debugger *d, struct stop_report *r, struct err *e);

/* Executes the last `count` instructions of the selected hart again, and is where it was: each() looks at the machine before
 * every one of them, and after it with `done` (not after one that only waited). It must not move or change the machine. */
bool back_trail(struct debugger *d, u64 count, void (*each)(void *opaque, bool done), void *opaque, struct err *e);

/* For a client whose stop points are armed beside those of the list: to the last of any. False: none, and the machine is where
 * the history begins; or an error. *why is MACHINE_BREAK or MACHINE_WATCH, and m->stop and the CPU's hit are as if it had come
 * there forwards. */
bool back_to_armed(struct debugger *d, enum machine_stop *why, struct err *e);

/* Somebody wrote what is looked for: the machine stands before that instruction. */
struct last_write {
    u64 at;          /* position */
    struct cpu *cpu; /* NULL: no CPU did, but a device (DMA) or time */
    u64 before, after;
};
bool back_last_write_memory(struct debugger *d, u64 va, u64 len, struct last_write *w, struct err *e);
/* The last change of what get() says. */
bool back_last_change(struct debugger *d, u64 (*get)(void *opaque), void *opaque, struct last_write *w, struct err *e);

/* --- Showing: show.c --------------------------------------------------------------------------------------------- */

void show_frame(struct debugger *d, const struct frame *f, bool with_number, bool with_addr);
/* A value where its name stands before it: no type in front of a pointer. */
void show_plain(const struct expr_env *env, const struct value *v, const struct value_format *f, struct buf *out);
void show_source_line(struct debugger *d, const char *file, int line);
enum show_what {
    SHOW_FRAME, /* the frame's line, then the source line */
    SHOW_STEP,  /* the source line, with the address when it is in the middle of one */
    SHOW_LINE,  /* the source line */
};
void show_where(struct debugger *d, enum show_what what); /* without source: the instruction */
/* One instruction; returns its length, 0 when memory cannot be read. */
unsigned show_insn(struct debugger *d, u64 addr, bool marker, struct buf *out);
/* Its text alone, and its bytes; either may be NULL. Returns its length, 0: memory cannot be read. */
unsigned debugger_insn(struct debugger *d, u64 addr, u8 bytes[16], char *text, size_t n);
void show_displays(struct debugger *d);
void show_process(struct debugger *d); /* if it is another than was told of last; nothing where none has a name */
void show_stop_line(struct debugger *d, const struct stop_point *p, struct buf *out);
const char *paint(const struct debugger *d, const char *code); /* an escape sequence, or "" without colour */
const char *base_name(const char *path);

#endif
