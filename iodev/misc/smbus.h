/* The SMBus host controller of the 82371AB (PIIX4), chapter 7.3, and the memory modules' EEPROMs on it (JEDEC 21-C,
 * 4.1.2: serial presence detect) at addresses 0x50 to 0x57. Part of the power management function. */
#ifndef IODEV_MISC_SMBUS_H
#define IODEV_MISC_SMBUS_H

#include "iodev/device.h"

enum { SMBUS_MODULES = 8, SMBUS_BLOCK = 32 };

/* Plain state, a member called `smb` of the owner's. */
struct smbus {
    u8 status, slave_status, control, command, address, data[2], slave_control, shadow_command;
    u16 slave_event, slave_data;
    u8 block[SMBUS_BLOCK], block_at;
    u8 offset[SMBUS_MODULES]; /* the EEPROMs' address counters */
};
#define SMBUS_STATE(type)                                                                                             \
    STATE(type, smb.status), STATE(type, smb.slave_status), STATE(type, smb.control), STATE(type, smb.command),       \
        STATE(type, smb.address), STATE_ARRAY(type, smb.data), STATE(type, smb.slave_control),                        \
        STATE(type, smb.shadow_command), STATE(type, smb.slave_event), STATE(type, smb.slave_data),                   \
        STATE_ARRAY(type, smb.block), STATE(type, smb.block_at), STATE_ARRAY(type, smb.offset)

enum { /* SMBHSTSTS */
    SMBUS_BUSY = 1 << 0,
    SMBUS_DONE = 1 << 1,
    SMBUS_NO_ANSWER = 1 << 2, /* DEV_ERR */
    SMBUS_FAILED = 1 << 4,
};
enum { SMBUS_INTERRUPT = 1 << 0, SMBUS_KILL = 1 << 1, SMBUS_START = 1 << 6 }; /* SMBHSTCNT */

struct spd {
    bool present;
    u8 bytes[256];
};

/* Fills the EEPROMs of modules that make up this memory: powers of two, the largest first, 8 MiB to 1 GiB each. */
void spd_fill(struct spd spd[SMBUS_MODULES], u64 ram_size);

/* How many bits of the bus a transaction of this protocol takes: it is 100 kHz or less. */
unsigned smbus_bits(const struct smbus *s);
/* Does the transaction that the registers describe, and says so in the status. */
void smbus_transact(struct smbus *s, const struct spd spd[SMBUS_MODULES]);

#endif
