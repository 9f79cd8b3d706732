/* A machine: a board built, its clock, its harts taking turns, its one door, its state.
 *
 * Schedule: harts run one after another, each for a declared quantum of ticks; one tick is one instruction of the
 * hart whose turn it is (or what a timing model says). Idle harts are passed over. With config.schedule turns have random
 * lengths, a function of that number and the position where they begin: another interleaving, as reproducible. So the master clock counts every
 * instruction of the machine and `position` names one exactly. */
#ifndef MACHINE_MACHINE_H
#define MACHINE_MACHINE_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/event.h"
#include "cpu/cpu.h"
#include "iodev/block/medium.h"
#include "iodev/device.h"

#define MACHINE_MAX_CPUS 8
#define MACHINE_DEFAULT_QUANTUM 4000
#define MACHINE_MAX_DRIVES 64 /* with all that are put into drives while it runs */
#define MACHINE_MAX_DEVICES 32
#define MACHINE_MAX_ROMS 8

/* A file's bytes with its name for messages; owned by whoever made the configuration. */
struct blob {
    const char *name;
    const u8 *data;
    size_t size;
};

/* `-device loader,...` */
struct loader_config {
    struct blob file;        /* size 0: store `data` instead */
    bool has_addr, raw;      /* raw: do not look for ELF */
    u64 addr, data;
    unsigned data_len;
    int cpu_num;             /* -1: none; else that hart starts at addr or the ELF entry */
};

/* Everything that decides what the guest will see; the same configuration is the same machine. */
struct machine_config {
    const char *board;       /* "virt", "bare-rv32" */
    const char *board_props; /* after the board's name in -machine: "aclint=on,quantum=1000"; may be NULL */
    const char *cpu;         /* NULL: the board's */
    unsigned xlen;           /* 32 or 64: which of the programs of its ISA */
    unsigned cpus;
    u64 ram_size;            /* bytes; 0: the board's */
    struct blob bios, kernel, initrd, dtb; /* size 0: none */
    struct {
        const char *name; /* as a device's property "romfile" says */
        struct blob file;
    } roms[MACHINE_MAX_ROMS]; /* of cards; one that is not here is missing on the card, too */
    unsigned n_roms;
    const char *append;      /* NULL: none */
    struct loader_config loaders[16];
    unsigned n_loaders;
    u64 seed;
    i64 rtc_base;            /* seconds since 1970 at position 0 */
    u64 quantum;             /* 0: default */
    u64 schedule;            /* 0: each turn is a whole quantum; else turns of random length up to it, drawn from this */
    const char *timing;      /* NULL or "none" */
    bool semihosting;
    bool no_reboot;

    /* -boot: letters a and b floppies, c disks, d CDs, n network, in the order in which firmware tries them. */
    struct {
        const char *order, *once; /* once: until the first reset; NULL: not given */
        bool menu, strict, no_floppy_check;
        bool has_splash_time, has_reboot_timeout;
        u32 splash_time, reboot_timeout; /* ms */
    } boot;

    struct char_port *serial[4]; /* NULL: nothing attached */
    struct char_port *parallel[3];
    struct {
        const struct device_class *cls;
        struct prop_value *props;    /* what -device said, without the driver; resolved against the lists below */
        const char *id;              /* may be NULL */
    } device[MACHINE_MAX_DEVICES];   /* in order of the command line */
    unsigned n_devices;
    struct prop_value *globals;      /* "virtio-mmio.force-legacy" */
    struct block_port *drives[MACHINE_MAX_DRIVES];
    unsigned n_drives;
    struct net_port *nets[8];
    unsigned n_nets;
    struct char_port *chars[16];
    unsigned n_chars;
};

enum machine_stop {
    MACHINE_REACHED,   /* clock.now is at `until` */
    MACHINE_IDLE,      /* every hart waits, the next timer is after now, and skipping was not allowed */
    MACHINE_BREAK,     /* stop.cpu is about to execute stop.addr */
    MACHINE_WATCH,     /* see stop.cpu->hit */
    MACHINE_POWEROFF,  /* the guest turned itself off: exit status in stop.code (0 pass, else fail) */
    MACHINE_RESET,     /* the guest asked for reset and the configuration says no_reboot; otherwise it just happens */
    MACHINE_PANIC,     /* the guest cannot go on: stop.text says why */
    MACHINE_SEMIHOST,  /* stop.cpu wants a semihosting call served */
    MACHINE_LIMIT,     /* machine_executed() is at executed_limit */
    MACHINE_DIVERGED,  /* replay differs from the recording, or compiled code from the interpreter: stop.text */
    MACHINE_REPLAY_END,/* the recording is over */
    MACHINE_STORY,     /* the guest lost its way, which a real machine would not say: stop.text tells how. Running on does what
                          that machine would: it resets, or goes on */
    MACHINE_EVENT,     /* what machine_stop_soon() was called for has happened, or m->soon says here: stop.cpu was executing, or
                          NULL: time did it, or a device by itself */
};

struct machine_stop_info {
    enum machine_stop why;
    struct cpu *cpu;
    u64 addr;
    int code;
    char text[16384];
};

struct machine_names { /* what code is called, for stories: "main+4 at kernel.c:12"; NULL: names are not known */
    void (*name)(void *opaque, u64 linear, char *out, size_t n);
    void *opaque;
};

/* What stops the machine besides the addresses of struct cpu_stops: armed by the debugger, off while the history goes
 * somewhere. Not state of the guest: where it stops is a function of the guest alone, in every tier and in the past. */
struct machine_soon {
    bool armed;      /* who listens for the debugger may call machine_stop_soon() */
    u64 alarm;       /* at this position; 0: never */
    u64 retired;     /* when all CPUs together have retired so many instructions; 0: never */
    bool pending;
    struct cpu *cpu; /* who was executing then */
};

struct machine {
    struct arena *arena;
    const struct board *board;
    const struct machine_config *config; /* outlives the machine */
    struct prop_value *props;            /* config->board_props, parsed */
    struct clock clock;
    struct event_bus bus;
    struct space *mem;
    struct space *io;              /* I/O ports; NULL: the board has none */
    struct ram *rams;              /* list; ROMs too */
    struct blob dtb;               /* the device tree the guest was given; size 0: none */
    struct device *devices;        /* in board order */
    struct device_env env;
    struct cpu *cpus[MACHINE_MAX_CPUS];
    unsigned n_cpus;
    struct cpu_stops stops;        /* armed by the debugger: machine_stops_changed() after changing it */
    struct machine_soon soon;
    struct cpu *running;           /* whose turn it is just now; NULL: nobody executes */
    struct machine_stop_info stop;

    /* Schedule; part of the saved state. */
    u32 turn;      /* which hart's turn it is */
    u64 turn_left; /* ticks left of its quantum */
    u64 quantum;

    /* Set by devices (test finisher, reset) through machine_request(). */
    bool request_pending;
    bool reset_next;               /* of a MACHINE_STORY: going on is a reset */
    struct {                       /* resets in a row that the same instruction asked for; not state of the guest */
        u64 when, pc;
        u32 times;
        bool outside;              /* this one was asked for from outside */
    } resets;
    u64 idle_since;                /* the position from which on all CPUs have waited */
    u8 idle_looks;                 /* how often it was looked whether that is for ever */
    struct machine_names names;
    u64 executed_limit;   /* see machine_executed(); 0: none */
    struct cpu *last_ran; /* who executed last; NULL: nobody since it was cleared */
    u64 step_began;       /* of the last machine_step_within(): where its CPU began; CLOCK_NEVER: it executed nothing */

    struct input_channel control; /* "machine": MACHINE_CONTROL_*, what somebody outside does to the whole of it */
    struct input_channel boot;    /* "machine.boot": letters as in machine_config.boot, for the resets that follow */
    struct input_channel disks;   /* "machine.disks": u8 drive, u64 offset, bytes: somebody outside writes to a disk */

    struct recorder *recorder; /* NULL: not recording; record.h */
    struct replayer *replayer; /* NULL: not replaying */
    struct history *history;   /* NULL: nobody wants to go back; history.h */
    struct {                   /* `--hash-every N` */
        u64 every, next;       /* ticks; 0: never */
        void (*report)(void *opaque, u64 position, u64 hash);
        void *opaque;
    } hashes;
    struct {                   /* called once, when the clock is at or past it: for those who look on, not for the guest */
        u64 at;
        void (*reached)(void *opaque); /* may set the next one; NULL: none */
        void *opaque;
    } mark;
};

struct machine *machine_new(const struct machine_config *config, struct err *e);
void machine_free(struct machine *m);
void machine_reset(struct machine *m); /* a warm reset: RAM keeps its contents; time goes on */

/* Runs until the clock is at or past `until` (exactly at it, unless an instruction of a timing model takes longer),
 * or a stop. With skip_idle, time when all harts wait passes at once; without, MACHINE_IDLE is returned and
 * the caller lets time pass with machine_advance(). */
enum machine_stop machine_run(struct machine *m, u64 until, bool skip_idle);
/* Runs until `cpu` has executed one more instruction (others take their turns), or a stop. */
enum machine_stop machine_step(struct machine *m, struct cpu *cpu);
/* The same, but at most up to a position, and a stop point where it stands counts. */
enum machine_stop machine_step_within(struct machine *m, struct cpu *cpu, u64 limit);
/* Has this CPU executed an instruction to its end since last_ran was cleared? */
static inline bool machine_stepped(const struct machine *m, const struct cpu *c)
{
    return m->last_ran == c && !c->amid;
}
/* Instructions of all harts, those that trapped too: a count to take differences of. Waiting counts nothing, and with a
 * timing model it is not ticks. */
u64 machine_executed(const struct machine *m);
/* While idle: moves the clock to `when`, at most to the next timer. */
void machine_advance(struct machine *m, u64 when);

/* The one door. n must be at most the channel's room now. Shut while a recording is replayed. */
void machine_input(struct machine *m, struct input_channel *ch, const u8 *bytes, size_t n);
struct input_channel *machine_channel(struct machine *m, const char *name);
#define MACHINE_CONTROL_RESET 'r'
#define MACHINE_CONTROL_POWEROFF 'p'
#define MACHINE_CONTROL_POWER_CUT 'c' /* and power comes back: memory is empty, disks are as they are */
#define MACHINE_CONTROL_NMI 'n' /* where the ISA has one */
/* While a machine is recorded or replayed only input may change it: why a debugger must not, or NULL when it may. */
const char *machine_untouchable(const struct machine *m);
/* What comes in comes out of a recording: it replays one and is not in the past of it. */
bool machine_replaying(const struct machine *m);
/* Before registers or memory are changed by hand: the machine's history must know. NULL is allowed. */
void machine_edit(struct machine *m);
size_t input_room(const struct input_channel *ch);

void machine_stops_changed(struct machine *m);
/* A listener of the event bus, or a port, wants to look at what it hears: the machine stops with MACHINE_EVENT after the
 * instruction, or where it stands when none is executed. Going on changes nothing. */
void machine_stop_soon(struct machine *m);
u64 machine_retired(const struct machine *m); /* instructions of all CPUs since power-on */
void machine_observe(struct machine *m, const struct cpu_observer *o); /* NULL: back to the fast loop */

u64 machine_position(const struct machine *m); /* = clock.now */
u64 machine_hash(struct machine *m);           /* of the whole guest state */

/* From here on somebody may put it into a drive, by the input channel of that (iodev/block/medium.h). Its port is behind the others
 * in config->drives already; both outlive the machine. */
void machine_add_medium(struct machine *m, struct medium *medium);
bool machine_removable(const struct device *d); /* is it a drive whose medium can be changed? */

/* A device asks for an end or a reset; the run loop stops after the instruction. */
void machine_request(struct machine *m, enum machine_stop why, int code, const char *text);

struct device *machine_device(struct machine *m, const char *path);
/* The n-th device that is a display adapter (cls->screen), from 0; NULL: there are not so many. */
struct device *machine_screen(struct machine *m, unsigned n);

/* Snapshots: versioned, self-describing, never trusted. docs/formats.md has the grammar. */
#define MACHINE_SNAPSHOT_MAGIC "ORRYSNP1" /* how they begin */
void machine_save(struct machine *m, struct buf *out);
/* Tells fn what was put into drives before it was taken, which has to be on the shelf when it is loaded. False: fn said so. What is
 * wrong with the file is for machine_load() to say. */
typedef bool machine_media_fn(void *opaque, const struct medium_text *t, struct err *e);
bool machine_snapshot_media(const u8 *data, size_t size, machine_media_fn *fn, void *opaque, struct err *e);
bool machine_load(struct machine *m, const u8 *data, size_t size, struct err *e); /* on error the machine is unchanged
                                                                                     or, when it says so, reset */

/* Boards and device classes that exist; lists end with NULL. */
extern const struct board *const machine_boards[];
extern const struct device_class *const machine_device_classes[];

#endif
