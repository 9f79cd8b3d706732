/* IDE: a channel with two drives, as the host sees it. "AT Attachment with Packet Interface - 6" (ATA/ATAPI-6, T13/1410D
 * revision 3b); sections are of that text. Controllers: piix3-ide and isa-ide; drives: ide-hd and ide-cd.
 *
 * The command block and control block belong to the controller, which has them as banks of ports. Each drive keeps its
 * own copy of the task file, as real drives do: both take every write, the selected one answers reads. A drive works by
 * timers: a command is busy for a while of virtual time, then moves its data through `data` by PIO or by the bus
 * master. All of that is plain state, so a snapshot may fall into the middle of a transfer. */
#ifndef IODEV_BLOCK_IDE_H
#define IODEV_BLOCK_IDE_H

#include "iodev/bus/pci.h"

/* Status and error registers (7.15, 7.9). DSC is command-specific since ATA-4; drives set it with DRDY. */
enum { IDE_ERR = 0x01, IDE_DRQ = 0x08, IDE_DSC = 0x10, IDE_DF = 0x20, IDE_DRDY = 0x40, IDE_BSY = 0x80 };
enum { IDE_ABRT = 0x04, IDE_IDNF = 0x10, IDE_UNC = 0x40 };
enum { IDE_NIEN = 2, IDE_SRST = 4, IDE_HOB = 0x80 };  /* device control (7.8) */
enum { IDE_DEV = 0x10, IDE_LBA = 0x40 };              /* device register (7.7) */
enum { BM_START = 1, BM_TO_MEMORY = 8 };              /* bus master command */
enum { BM_ACTIVE = 1, BM_ERROR = 2, BM_INTERRUPT = 4 }; /* bus master status */

#define IDE_BUFFER 16384

enum ide_phase {
    IDE_IDLE,
    IDE_COMMAND, /* busy; then the command is looked at */
    IDE_BUSY,    /* busy; then ops->next() */
    IDE_IN,      /* DRQ: the host reads data[at..end) */
    IDE_OUT,     /* DRQ: the host writes data[at..end) */
    IDE_DMA_IN,  /* the same through the bus master */
    IDE_DMA_OUT,
    IDE_RESET,   /* busy with a reset that has ended */
};

enum { IDE_ACTIVE, IDE_STANDBY, IDE_IDLING, IDE_SLEEP }; /* power modes */

/* What the state of every drive begins with. */
struct ide_drive {
    u8 feature, error, count, lba[3], device, status;
    u8 hob_feature, hob_count, hob_lba[3]; /* what the registers held before (the FIFO of 48-bit commands) */
    u8 command, phase, irq, power;
    u32 at, end;
    u8 data[IDE_BUFFER];
    u64 write_hash; /* of every change made to the medium since the machine was made */
    u64 reads, writes;
};
#define IDE_DRIVE_STATE(type)                                                                                       \
    STATE(type, ide.feature), STATE(type, ide.error), STATE(type, ide.count), STATE_ARRAY(type, ide.lba),           \
        STATE(type, ide.device), STATE(type, ide.status), STATE(type, ide.hob_feature), STATE(type, ide.hob_count), \
        STATE_ARRAY(type, ide.hob_lba), STATE(type, ide.command), STATE(type, ide.phase), STATE(type, ide.irq),     \
        STATE(type, ide.power), STATE(type, ide.at), STATE(type, ide.end), STATE_ARRAY(type, ide.data),             \
        STATE(type, ide.write_hash), STATE(type, ide.reads), STATE(type, ide.writes)

struct ide_ops {
    void (*command)(struct device *d);         /* the command register was written, and the time it takes has passed */
    void (*next)(struct device *d);            /* ide_busy()'s time has passed */
    void (*moved)(struct device *d);           /* data[..end) went over, by PIO or DMA */
    void (*reset)(struct device *d, bool hard); /* after the task file was set; hard: not by SRST or DEVICE RESET */
    bool packet;                               /* ATAPI: another signature, and DEVICE RESET */
};

struct ide_channel;
/* First member of the link of every drive. */
struct ide_drive_link {
    const struct ide_ops *ops;
    struct ide_channel *channel; /* NULL until it is plugged */
    unsigned unit;
    struct timer timer;
    u64 command_ticks, sector_ticks;
};

/* --- a drive, for its own kind ----------------------------------------------------------------------------- */

#define IDE_DRIVE_PROPS(command_ns, sector_ns)                                                                     \
    { "unit", PROP_U64, NULL, "0 the first drive of the channel, 1 the second" },                                  \
    { "bootindex", PROP_U64, NULL, "the firmware tries what has the lowest first" },                               \
    { "latency-ns", PROP_U64, command_ns, "virtual time that a command takes" },                                   \
    { "sector-ns", PROP_U64, sector_ns, "virtual time that each sector adds" }

void ide_drive_build(struct device *d, const struct ide_ops *ops);
void ide_drive_power_on(struct device *d); /* from the class's reset() */
void ide_drive_loaded(struct device *d);   /* from the class's loaded() */
void ide_finish(struct device *d);         /* the command is done; interrupts */
void ide_quiet(struct device *d);          /* the same without an interrupt: the host saw the last data go */
void ide_fail(struct device *d, u8 error, u8 status); /* done with ERR; status: IDE_DF or 0 */
static inline void ide_abort(struct device *d) { ide_fail(d, IDE_ABRT, 0); }
void ide_busy(struct device *d, u64 ticks);
void ide_pio(struct device *d, bool in, u32 at, u32 end, bool interrupt);
void ide_dma(struct device *d, bool in, u32 at, u32 end, u64 ticks);
void ide_signature(struct device *d);
void ide_write_hash(struct device *d, u64 at, u32 len);
void ide_string(u8 *words, const char *text, unsigned bytes); /* as IDENTIFY has it: two bytes swapped, padded */

/* --- a channel, for controllers ---------------------------------------------------------------------------- */

struct ide_channel_state {
    u8 control, line;
    u8 bm_command, bm_status, bm_last; /* bm_last: the region in work is the table's last */
    u32 bm_table;                      /* as written */
    u32 bm_next, bm_at, bm_left;       /* next descriptor; what is left of the region in work */
};

struct ide_channel {
    struct device *d; /* the controller */
    struct ide_channel_state *s;
    unsigned out;
    bool bus_master;
    struct device *drive[2];
};

/* State and link of both controllers: the rows of the banks know no other. */
struct ide_state {
    struct pci_config pci; /* isa-ide has none */
    struct ide_channel_state channel[2];
    u16 timing[2];
    u8 slave_timing;
};
struct ide_link {
    struct ide_channel channel[2];
    unsigned channels;
};
#define IDE_CHANNEL_STATE(n)                                                                                        \
    STATE(struct ide_state, channel[n].control), STATE(struct ide_state, channel[n].line),                          \
        STATE(struct ide_state, channel[n].bm_command), STATE(struct ide_state, channel[n].bm_status),              \
        STATE(struct ide_state, channel[n].bm_last), STATE(struct ide_state, channel[n].bm_table),                  \
        STATE(struct ide_state, channel[n].bm_next), STATE(struct ide_state, channel[n].bm_at),                     \
        STATE(struct ide_state, channel[n].bm_left)

/* Banks of ports: command block (8 ports) and device control (1) of each channel, bus master (16). */
extern const struct reg_bank ide_command_bank[2], ide_control_bank[2], ide_busmaster_bank;

void ide_channels_build(struct device *d, unsigned channels, bool bus_master);
void ide_channels_reset(struct device *d);
void ide_channels_describe(const struct device *d, struct buf *out);
/* Puts a built ide-hd or ide-cd on "ide.N"; channel -1: the first with a free place (the drive's property `unit` wins
 * within the channel). */
bool ide_plug(struct device *controller, struct device *drive, int channel, struct err *e);

/* Between the two. */
void ide_channel_irq(struct ide_channel *c);
bool ide_bm_active(const struct ide_channel *c, bool to_memory);
/* Moves up to len bytes as the descriptors allow; fewer: the table ended or the bus failed, and it is not active any more. */
u32 ide_bm_move(struct ide_channel *c, bool to_memory, u8 *data, u32 len);
void ide_bm_interrupt(struct ide_channel *c);
u64 ide_drive_get(const struct device *d, unsigned reg, bool hob); /* 1..7, without side effects */
void ide_drive_set(struct device *d, unsigned reg, u8 value);      /* 1..6 */
void ide_drive_command(struct device *d, u8 command);
void ide_drive_irq_seen(struct device *d); /* the status register was read */
void ide_drive_soft_reset(struct device *d, bool begin);
void ide_drive_diagnose(struct device *d);
void ide_drive_dma_ready(struct device *d); /* the bus master started */
u16 ide_drive_data_get(struct device *d, bool peek);
void ide_drive_data_set(struct device *d, u16 word);

extern const struct device_class piix3_ide_class; /* out[0] IRQ 14, out[1] IRQ 15; see piix-ide.c for its banks */
extern const struct device_class isa_ide_class;   /* one channel without bus master; banks 0 and 1; out[0] the interrupt */
extern const struct device_class ide_hd_class;    /* bus "ide"; property drive */
extern const struct device_class ide_cd_class;    /* bus "ide"; property drive, which may be missing: no medium */
bool ide_cd_locked(const struct device *cd); /* by the guest: PREVENT MEDIUM REMOVAL */
bool ide_cd_open(const struct device *cd);

#endif
