/* The command line, QEMU's and our own: parsed into plain data before anything is opened. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "base/arena.h"
#include "base/err.h"
#include "iodev/device.h"
#include "machine/board.h"
#include "machine/isa.h"

#define MAX_OF_EACH 16

/* One `name=value` list as typed, e.g. of -drive; `text` for messages. */
struct option_list {
    const char *text;
    struct prop_value *props;
};

enum pace { PACE_REAL, PACE_NONE };

struct options {
    struct arena *arena;
    const char *program;  /* argv[0]'s last part */
    const struct isa *isa; /* machine/isa.h; NULL: session_choose_target() chooses */
    unsigned xlen;
    int usage_status;     /* exit status for usage errors: 1 as QEMU's, 2 on our own face */
    bool debug;           /* the debugger has the terminal while the machine is stopped */

    const char *machine;  /* board name; NULL: the default of the ISA */
    const char *machine_props; /* the rest of -machine; "" if none */
    const char *cpu;
    unsigned cpus;
    u64 ram_size, quantum, schedule, seed;
    i64 rtc_base;
    const char *bios, *kernel, *initrd, *append, *dtb, *dumpdtb;
    const char *timing;
    struct option_list drives[MAX_OF_EACH], devices[MAX_OF_EACH], netdevs[MAX_OF_EACH], chardevs[MAX_OF_EACH],
        objects[MAX_OF_EACH], loaders[MAX_OF_EACH];
    unsigned n_drives, n_devices, n_netdevs, n_chardevs, n_objects, n_loaders;
    const char *serials[4], *parallels[3];
    unsigned n_serials, n_parallels;
    const char *debugcon; /* what -debugcon said; NULL: no such port */
    const char *boot_order, *boot_once; /* of -boot; NULL: not given */
    bool boot_menu, boot_strict, no_floppy_check, has_splash_time, has_reboot_timeout;
    u64 splash_time, reboot_timeout;    /* ms */
    const char *qmp;      /* NULL: none */
    const char *monitor;  /* NULL: default */
    const char *vga;      /* "std" or "none"; NULL: default */
    struct prop_value *globals;
    enum display_kind { DISPLAY_DEFAULT, DISPLAY_NONE, DISPLAY_SDL, DISPLAY_CURSES } display;
    const char *display_name; /* as typed; NULL: not given */
    bool full_screen, window_stays; /* of -display sdl */
    const char *name;     /* of -name; NULL: none */
    bool nographic, nodefaults, no_default_net;
    bool snapshot, start_stopped, no_reboot, no_shutdown, semihosting;
    const char *gdb;      /* "tcp::1234"; NULL: none */
    const char *dap;      /* "4711", "unix:PATH"; NULL: none */
    const char *log_items, *log_file;
    const char *pidfile;

    /* Ours. */
    const char *record, *load, *save;
    const char *traces[MAX_OF_EACH]; /* KIND:FILE */
    unsigned n_traces;
    bool state_hash;
    u64 hash_every, stop_at, max_instructions, at; /* 0, CLOCK_NEVER, CLOCK_NEVER, CLOCK_NEVER: not given */
    enum { ACCEL_BEST, ACCEL_INTERP, ACCEL_JIT } accel;
    bool check_jit;
    u64 jit_tier, jit_threshold, jit_regions, code_cache; /* 0: not given */
    u64 history; /* bytes; 0: not given */
    bool no_history, tui;
    const char *dump_jit; /* a symbol or an address */
    bool perfmap, jitdump;
    enum pace pace;
    bool batch;
    struct {
        const char *text;
        bool file;
    } commands[64]; /* -ex, -x, in order */
    unsigned n_commands;
};

enum options_result { OPTIONS_RUN, OPTIONS_DONE /* printed what was asked: exit 0 */, OPTIONS_BAD /* printed why */ };

/* argv[0] is the program's name for messages, the options follow. What does not begin with '-' is the kernel. */
enum options_result options_parse(struct options *o, int argc, char **argv);

const struct board *options_board(const char *name); /* NULL: there is none */

void options_help(const char *program, bool ours);
void options_version(const char *program);

#endif
