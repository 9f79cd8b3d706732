/* What the files of the Debug Adapter Protocol share. */
#ifndef DEBUGGER_DAP_STATE_H
#define DEBUGGER_DAP_STATE_H

#include <jansson.h>

#include "debugger/dap.h"

enum dap_ref_kind {
    REF_NAMES,   /* locals or parameters of a frame: tag */
    REF_VALUE,   /* members, elements, what it points to */
    REF_GROUP,   /* registers of a CPU: group */
    REF_FIELDS,  /* of a register: fields, raw */
    REF_DEVICES,
    REF_DEVICE,  /* its registers */
    REF_ARRAY,   /* of a device's registers: row */
};

/* What a variablesReference stands for, until the machine moves. */
struct dap_ref {
    enum dap_ref_kind kind;
    unsigned cpu, level; /* of the frame */
    int tag;
    const char *group;
    const struct cpu_reg *reg;
    const struct reg_field *fields;
    u64 raw;
    const struct device *dev;
    unsigned bank;
    const struct reg_desc *row;
    u32 index;
    struct value value;
    char *expr; /* that says the value again; NULL: none does */
};

/* A stop point the client set, and with which request. */
enum dap_point_kind { POINT_SOURCE, POINT_FUNCTION, POINT_INSTRUCTION, POINT_DATA, POINT_EXCEPTION, POINT_KINDS };
struct dap_point {
    int id;     /* as the client knows it */
    int number; /* the debugger's */
    enum dap_point_kind kind;
    char *source; /* of POINT_SOURCE: a path, or "#N" for a sourceReference */
};

/* The last request of each kind (and source), to be set again in a new machine. */
struct dap_wish {
    enum dap_point_kind kind;
    char *source;
    json_t *args;
    int *ids; /* of each */
    struct dap_wish *next;
};

/* What is done after the answer to the request that asked for it. */
enum dap_act {
    ACT_NONE, ACT_START, ACT_CONTINUE, ACT_NEXT, ACT_STEP_IN, ACT_STEP_OUT, ACT_STEP_BACK, ACT_REVERSE, ACT_GOTO, ACT_RESTART,
    ACT_INITIALIZED, ACT_END,
};

struct dap {
    struct dap_host host;
    struct debugger *d;         /* NULL: nothing is launched */

    struct buf in;
    size_t in_at, skip; /* bytes of `in` that are done with; bytes to come that nobody wants */
    bool lost;          /* no header where one must be: said so, and looking for the next */
    json_t *queue;      /* array of requests */
    int seq;
    struct buf line; /* of output, not whole */
    const char *line_category;

    bool initialized, lines_from_0, columns_from_0;
    struct {
        bool progress, invalidated, memory;
    } client;

    bool launched, configured, stop_on_entry, stop_at_end, no_debug, ended;
    bool stories; /* a guest that lost its way is a stop */
    bool attached;  /* to a recording or a snapshot: something that exists */
    struct stop_report entry; /* how the machine came where it begins */
    json_t *launch; /* its arguments, for restart */
    json_t *current; /* the request in work */
    bool busy;      /* dap_work() is on the stack */
    unsigned running; /* the machine runs forwards, and looks outside */
    bool going;     /* the client was told that it runs */
    bool cancelled, leaving, over;
    enum dap_act act;
    struct {
        unsigned cpu;
        bool by_instruction;
    } how;

    char *exception;   /* the story of it; NULL: none */
    const char *exception_id;
    struct dap_ref *refs;
    size_t n_refs, cap_refs;
    struct dap_point *points;
    size_t n_points, cap_points;
    struct dap_wish *wishes;
    int last_id;
    u64 *targets; /* of gotoTargets, by id - 1 */
    size_t n_targets;
    u64 *listings; /* where the disassembly behind sourceReference N + 1 begins */
    size_t n_listings;
    unsigned progress_id;
    bool progress_shown;
};

/* --- JSON: dap.c ------------------------------------------------------------------------------------------------------ */

/* Text of the guest or of anybody: what is no UTF-8 becomes U+FFFD. */
json_t *dap_text(const char *s, size_t n);
void put_text(json_t *o, const char *key, const char *s); /* NULL: the key is left out */
void put_int(json_t *o, const char *key, u64 v);
void put_bool(json_t *o, const char *key, bool v);
void put_hex(json_t *o, const char *key, u64 v); /* "0x80000000" */
const char *get_text(json_t *args, const char *key); /* NULL: not there */
bool get_int(json_t *args, const char *key, i64 *v); /* false: not there */
i64 get_int_or(json_t *args, const char *key, i64 fallback);
json_t *failed(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3))); /* NULL, for `return` */
bool dap_address(struct dap *p, const char *reference, u64 *addr, struct err *e); /* of memoryReference, instructionReference */

void dap_event(struct dap *p, const char *name, json_t *body); /* takes the body, which may be NULL */
void dap_changed(struct dap *p, const char *const *areas); /* `invalidated`, for clients that know it */
void dap_say(struct dap *p, const char *category, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
bool dap_serve(struct dap *p); /* while something is on: what may be answered now */

/* --- requests: each returns its body (json_null(): none), or NULL with *e ----------------------------------------------- */

#define REQUEST(name) json_t *name(struct dap *p, json_t *args, struct err *e)

/* dap_run.c */
REQUEST(dap_launch); REQUEST(dap_attach); REQUEST(dap_configuration_done); REQUEST(dap_continue); REQUEST(dap_next);
REQUEST(dap_step_in); REQUEST(dap_step_out); REQUEST(dap_step_back); REQUEST(dap_reverse_continue); REQUEST(dap_pause);
REQUEST(dap_goto); REQUEST(dap_goto_targets); REQUEST(dap_restart); REQUEST(dap_disconnect); REQUEST(dap_terminate);
REQUEST(dap_exception_info); REQUEST(dap_threads);
void dap_do(struct dap *p, enum dap_act act);
void dap_drop_machine(struct dap *p); /* forgets the debugger; the host frees it */
void dap_tell_stopped(struct dap *p, const char *reason, const char *description, const char *text, int id);
void dap_tell_going(struct dap *p);
/* After something that may have moved the machine: a `stopped` if it did, `terminated` if it is over. */
void dap_look(struct dap *p, u64 position_before);
void dap_progress_end(struct dap *p);

/* dap_points.c */
REQUEST(dap_set_breakpoints); REQUEST(dap_set_function_breakpoints); REQUEST(dap_set_instruction_breakpoints);
REQUEST(dap_set_data_breakpoints); REQUEST(dap_data_breakpoint_info); REQUEST(dap_set_exception_breakpoints);
REQUEST(dap_breakpoint_locations);
const struct dap_point *dap_point(const struct dap *p, int number);
void dap_points_again(struct dap *p);  /* in a new machine */
void dap_points_forget(struct dap *p, bool wishes_too);
void dap_points_told(struct dap *p);   /* commands may have changed the list: `breakpoint` events */

/* dap_stack.c */
REQUEST(dap_stack_trace); REQUEST(dap_scopes); REQUEST(dap_source); REQUEST(dap_loaded_sources); REQUEST(dap_modules);
bool dap_select(struct dap *p, i64 frame_id, struct err *e); /* the frame is the debugger's selected one */
int dap_line_out(const struct dap *p, int line);
int dap_line_in(const struct dap *p, i64 line);
/* The address of a line of a disassembly, and the other way round. */
bool dap_listing_address(struct dap *p, u64 reference, int line, u64 *addr);
json_t *dap_source_of(struct dap *p, const char *path);

/* dap_values.c */
REQUEST(dap_variables); REQUEST(dap_set_variable); REQUEST(dap_evaluate); REQUEST(dap_set_expression);
REQUEST(dap_completions);
u64 dap_ref_new(struct dap *p, struct dap_ref r); /* takes r.expr */
const struct dap_ref *dap_ref(struct dap *p, i64 reference, struct err *e);
void dap_refs_forget(struct dap *p);
/* The text by which a value of that type can be written at that address: "*(int *)0x80001000"; NULL: none. malloc'd. */
char *dap_place_text(struct dap *p, const struct value *v);
char *dap_child_expr(struct dap *p, const struct dap_ref *r, const char *name); /* NULL: none; malloc'd */

/* dap_memory.c */
REQUEST(dap_read_memory); REQUEST(dap_write_memory); REQUEST(dap_disassemble);

#endif
