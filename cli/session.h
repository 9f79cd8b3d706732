/* A session: everything one run of the program has open, from options to machine. */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include <sys/stat.h>

#include "cli/options.h"
#include "host/char/char.h"
#include "host/loop.h"
#include "host/run.h"
#include "machine/machine.h"
#include "trace/trace.h"

/* Exit statuses that stay (docs/user/command-line.md). */
enum { EXIT_PASS = 0, EXIT_USAGE = 2, EXIT_PANIC = 3, EXIT_LIMIT = 4, EXIT_DIVERGED = 6 };

struct session_image {
    const char *role, *path; /* "kernel", "drive0" */
    u64 size;
    char hash[33];
};

struct debugger;
struct jit_watch;
struct monitor;
struct qmp;
struct gdb_server;
struct tui_terminal;
struct dap_server;
struct history;
struct host_input;
struct display;

struct session {
    struct arena *arena;
    const struct options *o;
    struct host_loop *loop;
    struct machine_config mc;
    struct machine *m;

    struct session_image images[24 + MACHINE_MAX_DRIVES];
    unsigned n_images;
    bool want_hashes; /* record and replay: every image is hashed when it is opened */
    const char *recording; /* the file that is replayed; NULL: none */
    bool replay;      /* nothing outside is connected: what came in is in the recording */
    struct {          /* beside mc.drives[] */
        const char *path, *format;
        bool snapshot;
        struct stat file;
    } drive[MACHINE_MAX_DRIVES];

    struct host_char *chars[20];
    unsigned n_chars;
    bool has_screen;            /* the board's or one that -device adds */
    enum display_kind display_kind; /* after the default was chosen; still DISPLAY_DEFAULT: nobody shows anything */
    struct display *display;    /* NULL: none */
    struct host_input *input; /* keys and mouse on their way into the machine */
    struct host_net *nets[8];
    unsigned n_nets;

    struct trace_hub hub;
    struct timing timing;
    struct session_trace *traces; /* traces.c */
    struct trace_symbols trace_symbols;
    char trace_path[4096]; /* trace_symbols.c: what it told last */
    void *record_file;
    const char *why_ended; /* for the recording, when it is not the guest who ends; NULL: nothing to say */
    struct session_log {
        struct session *s;
        struct event_listener listener[5];
        unsigned n_listeners;
        struct trace trace[2]; /* -d in_asm, exec */
        void *file;
    } log;

    struct debugger *debugger; /* the monitor and `orrery debug` share one */
    struct monitor *monitor;
    struct qmp *qmp;
    struct gdb_server *gdb;
    struct tui_terminal *screen; /* of --tui */
    struct dap_server *dap;      /* of `orrery dap`; not ours */
    struct history *history; /* of `orrery debug`; NULL: not kept */
    u64 traced_since; /* ns: of the progress shown while a replay is traced; 0: not yet */
    u64 past_since, past_looked; /* ns: of the progress shown while the past is executed */
    struct session_compiled *compiled; /* NULL: nobody wants to know */
    /* What the guest says on standard streams goes there, and nobody types; NULL: to the streams themselves. */
    void (*console)(void *opaque, const void *bytes, size_t n);
    void *console_opaque;
    bool has_symbols;
    struct symfile *linux_symbols; /* that the kernel had of itself; NULL: none */
    bool paused;               /* by a monitor or -S: nothing runs until told */
};

/* Is code compiled? */
bool session_compiles(const struct session *s);
/* Opens files, images, characters and networks, then builds the machine. `s` is zeroed by the caller but for
 * want_hashes. */
bool session_open(struct session *s, const struct options *o, struct err *e);
void session_close(struct session *s);

/* Runs to the end and returns the exit status, after printing what was asked for. */
int session_run(struct session *s);
/* What the options ask for at the end: state hash, snapshot, end of recording. */
bool session_finish(struct session *s);
/* The exit status and message of a machine's end. */
int session_status(struct session *s, enum machine_stop why);

bool session_save(struct session *s, const char *path, struct err *e);
bool session_load(struct session *s, const char *path, struct err *e);

/* record.c: begins a recording with the configuration that says what machine it is of. */
bool session_record(struct session *s, const char *path, int argc, char **argv, struct err *e);
int replay_main(int argc, char **argv);
/* replay.c: for a replay of `path`, in a debugger or not, with options of ours behind those recorded; argv[0] is ignored. `file` gets
 * its bytes, which the machine needs. On failure *status is EXIT_USAGE or EXIT_DIVERGED. */
bool session_open_recording(struct session *s, struct options *o, const char *path, bool debug, int argc, char **argv,
                            struct buf *file, int *status, struct err *e);
/* replay.c: was `orrery debug` or `orrery trace` given a recording in place of a kernel? Then it is debugged, or replayed,
 * and *status is set. */
bool plays_recording(const struct options *o, bool debug, int argc, char **argv, int *status);
/* trace_show.c, trace_diff.c: `orrery trace show` and `orrery trace diff`. */
int trace_show_main(int argc, char **argv);
int trace_diff_main(int argc, char **argv);

/* debug.c: keeps the past of the machine from here on. False with a sentence on standard error. */
bool session_keep_history(struct session *s);

/* log.c: -d and -D. */
bool session_log(struct session *s, struct err *e);
void session_log_end(struct session *s);
/* From here on these items, of those that are events; into this file. */
bool session_log_items(struct session *s, const char *wanted, struct err *e);
bool session_log_file(struct session *s, const char *path, struct err *e);
/* traces.c: --trace, and what the debugger starts and stops. */
bool session_open_traces(struct session *s, struct err *e);
void session_close_traces(struct session *s);
bool session_trace_command(void *opaque, const char *args, struct buf *out, struct err *e); /* debugger_host.trace */
void session_trace_symbols(struct session *s); /* trace_symbols.c: fills in s->trace_symbols */
/* KIND:FILE[,FILTER...], begun now or, before the machine runs, with it. */
bool session_trace_add(struct session *s, const char *spec, struct err *e);
/* compiled.c: --dump-jit, -perfmap, -jitdump. *first is for jit_options.watch. */
bool session_watch_compiled(struct session *s, const struct jit_watch **first, struct err *e);
void session_compiled_end(struct session *s);
/* target.c: the ISA and the board, where neither the program nor the options say them; false: they do not fit. */
bool session_choose_target(struct options *o, struct err *e);
/* semihost.c: serves the call the hart is about to make; true when the guest asked to end (then *status). */
bool session_semihost(struct session *s, struct cpu *c, int *status);

/* monitor.c: the command line on -monitor and behind Ctrl-A c. */
struct monitor *monitor_new(struct session *s, struct host_char *c, struct err *e);
/* One line of it for somebody else (gdb's `monitor`, QMP), not from within the host loop unless the debugger's host has no resume
 * call then: a line may run the machine. Appends what it has to say. */
void monitor_execute(struct session *s, const char *line, struct buf *out);
void monitor_free(struct monitor *mon);
/* Executes what was typed since the last call; true when there was something. NULL is allowed. */
bool monitor_serve(struct monitor *mon);
/* At a breakpoint or watchpoint: false when nobody wants to know, else it said where. */
bool monitor_stopped(struct monitor *mon, enum machine_stop why);

/* screens.c: for debugger_host.screen. */
bool session_screen_command(void *opaque, const char *name, const char *args, struct buf *out, struct err *e);
/* commit.c: what drives opened with `snapshot` keep in memory goes to their image files. */
bool session_commit(struct session *s, struct err *e);
/* Gives the debugger the symbols of what was loaded; the first call does. */
void session_symbols(struct session *s);
void session_name_code(void *opaque, u64 linear, char *out, size_t n); /* machine_names.name */
/* For the debugger: runs the machine through the host loop, so that console, disks and network live while it runs. */
enum machine_stop session_resume(void *opaque, struct machine *m, u64 until);
enum machine_stop session_step(void *opaque, struct machine *m, struct cpu *c);

int info_main(int argc, char **argv);
int debug_main(struct session *s, bool (*begin)(struct session *s)); /* before the first command; NULL: nothing */

#endif
