/* SMBus transactions and SPD EEPROMs; see smbus.h. */
#include "iodev/misc/smbus.h"

#include <string.h>

enum { QUICK, BYTE, BYTE_DATA, WORD_DATA, BLOCK_DATA = 5 };

static unsigned protocol(const struct smbus *s)
{
    return s->control >> 2 & 7;
}

unsigned smbus_bits(const struct smbus *s)
{
    static const u8 bytes[8] = { [QUICK] = 1, [BYTE] = 2, [BYTE_DATA] = 4, [WORD_DATA] = 5, [BLOCK_DATA] = 4 };
    unsigned n = bytes[protocol(s)] + (protocol(s) == BLOCK_DATA ? s->data[0] & 63 : 0);
    return 2 + 9 * n;
}

void smbus_transact(struct smbus *s, const struct spd spd[SMBUS_MODULES])
{
    unsigned module = (s->address >> 1) - 0x50u;
    bool read = s->address & 1;
    s->status &= (u8)~SMBUS_BUSY;
    if (module >= SMBUS_MODULES || !spd[module].present) {
        s->status |= SMBUS_NO_ANSWER;
        return;
    }
    const u8 *bytes = spd[module].bytes;
    u8 *at = &s->offset[module];
    /* The modules are write-protected: a store only moves the address counter, as its acknowledge would. */
    switch (protocol(s)) {
    case QUICK: break;
    case BYTE:
        if (read)
            s->data[0] = bytes[(*at)++];
        else
            *at = s->command;
        break;
    case BYTE_DATA:
        *at = s->command;
        if (read)
            s->data[0] = bytes[*at];
        ++*at;
        break;
    case WORD_DATA:
        for (unsigned k = 0; k < 2; k++)
            if (read)
                s->data[k] = bytes[(u8)(s->command + k)];
        *at = (u8)(s->command + 2);
        break;
    case BLOCK_DATA:
        *at = s->command;
        if (read) { /* an EEPROM's first byte is taken for the count */
            u8 n = bytes[(*at)++];
            s->data[0] = n < 1 ? 1 : n > SMBUS_BLOCK ? SMBUS_BLOCK : n;
            for (unsigned k = 0; k < s->data[0]; k++)
                s->block[k] = bytes[(*at)++];
        }
        s->block_at = 0;
        break;
    default: s->status |= SMBUS_NO_ANSWER; return;
    }
    s->status |= SMBUS_DONE;
}

/* JEDEC 21-C 4.1.2.5, SDRAM: what firmware and memory testers read. */
static void fill(struct spd *m, unsigned mib, unsigned number)
{
    u8 *b = m->bytes;
    unsigned columns = 8, rows = 11, banks = 4, sides = mib >= 512 ? 2 : 1;
    /* rows + columns address bits of 8 bytes in each bank of each side. */
    while (((u64)8 * banks * sides << (rows + columns)) < (u64)mib << 20)
        if (rows < 13 && rows < columns + 4)
            rows++;
        else
            columns++;
    m->present = true;
    b[0] = 128;           /* bytes written by the manufacturer */
    b[1] = 8;             /* 2^8 bytes */
    b[2] = 4;             /* SDRAM */
    b[3] = (u8)rows;
    b[4] = (u8)columns;
    b[5] = (u8)sides;
    b[6] = 64;            /* data width */
    b[8] = 1;             /* LVTTL */
    b[9] = 0x75;          /* 7.5 ns at the highest latency */
    b[10] = 0x54;         /* 5.4 ns from clock to data */
    b[12] = 0x82;         /* refresh: 7.8 us, self */
    b[13] = 8;            /* chips of 8 bits */
    b[15] = 1;            /* back-to-back column addresses */
    b[16] = 0x0f;         /* bursts of 1, 2, 4, 8 */
    b[17] = (u8)banks;
    b[18] = 6;            /* latencies 2 and 3 */
    b[19] = b[20] = 1;    /* CS and WE latency 0 */
    b[22] = 0x0e;         /* commands */
    b[23] = 0xa0;         /* 10 ns at latency 2 */
    b[24] = 0x60;
    b[27] = b[29] = 20;   /* row precharge, RAS to CAS: ns */
    b[28] = 15;
    b[30] = 45;
    b[31] = (u8)(mib / sides / 4 > 0xff ? 1 : mib / sides / 4); /* density of a side, one bit each; from 4 MiB on */
    b[32] = b[34] = 0x15; /* set-up 1.5 ns */
    b[33] = b[35] = 8;    /* hold 0.8 ns */
    b[62] = 0x12;         /* SPD revision 1.2 */
    unsigned sum = 0;
    for (unsigned k = 0; k < 63; k++)
        sum += b[k];
    b[63] = (u8)sum;
    memcpy(b + 73, "Orrery SDRAM      ", 18);
    b[95] = (u8)(number + 1); /* serial number */
    b[126] = 0x85;        /* 133 MHz */
}

void spd_fill(struct spd spd[SMBUS_MODULES], u64 ram_size)
{
    u64 left = ram_size >> 20;
    memset(spd, 0, SMBUS_MODULES * sizeof *spd);
    for (unsigned k = 0; k < SMBUS_MODULES && left >= 8; k++) {
        unsigned mib = 8;
        while (mib < 1024 && 2 * mib <= left)
            mib *= 2;
        fill(&spd[k], mib, k);
        left -= mib;
    }
}
