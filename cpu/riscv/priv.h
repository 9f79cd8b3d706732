/* Bits of the privileged architecture, by the names of the manual (Privileged, chapters 3 and 10). */
#ifndef CPU_RISCV_PRIV_H
#define CPU_RISCV_PRIV_H

#include "base/types.h"

#define BIT64(n) ((u64)1 << (n))

/* mstatus (3.1.6). SD is not stored: it follows from FS. */
#define MSTATUS_SIE BIT64(1)
#define MSTATUS_MIE BIT64(3)
#define MSTATUS_SPIE BIT64(5)
#define MSTATUS_MPIE BIT64(7)
#define MSTATUS_SPP BIT64(8)
#define MSTATUS_MPP (BIT64(11) | BIT64(12))
#define MSTATUS_MPP_SHIFT 11
#define MSTATUS_FS (BIT64(13) | BIT64(14)) /* 0 off, 1 initial, 2 clean, 3 dirty */
#define MSTATUS_MPRV BIT64(17)
#define MSTATUS_SUM BIT64(18)
#define MSTATUS_MXR BIT64(19)
#define MSTATUS_TVM BIT64(20)
#define MSTATUS_TW BIT64(21)
#define MSTATUS_TSR BIT64(22)
#define MSTATUS_UXL_64 BIT64(33)
#define MSTATUS_SXL_64 BIT64(35)

/* mip and mie (3.1.9). */
#define MIP_SSIP BIT64(1)
#define MIP_MSIP BIT64(3)
#define MIP_STIP BIT64(5)
#define MIP_MTIP BIT64(7)
#define MIP_SEIP BIT64(9)
#define MIP_MEIP BIT64(11)
#define MIP_S (MIP_SSIP | MIP_STIP | MIP_SEIP)
#define MIP_M (MIP_MSIP | MIP_MTIP | MIP_MEIP)

/* menvcfg and senvcfg (3.1.18, 10.1.10). */
#define ENVCFG_FIOM BIT64(0)
#define ENVCFG_CBIE (BIT64(4) | BIT64(5)) /* cbo.inval: 0 illegal, 1 flushes, 3 invalidates */
#define ENVCFG_CBIE_SHIFT 4
#define ENVCFG_CBCFE BIT64(6) /* cbo.clean, cbo.flush */
#define ENVCFG_CBZE BIT64(7)  /* cbo.zero */
#define ENVCFG_ADUE BIT64(61)
#define ENVCFG_PBMTE BIT64(62)
#define ENVCFG_STCE BIT64(63)

/* mcounteren, scounteren, mcountinhibit (3.1.11). */
#define COUNTER_CY BIT64(0)
#define COUNTER_TM BIT64(1)
#define COUNTER_IR BIT64(2)

/* mstateen0 (chapter 9, Smstateen). */
#define STATEEN0_ENVCFG BIT64(62)
#define STATEEN0_SE0 BIT64(63)

/* satp (10.1.11): MODE. */
enum { SATP_BARE = 0, SATP_SV32 = 1, SATP_SV39 = 8, SATP_SV48 = 9, SATP_SV57 = 10 };

/* pmpcfg (3.7.1). */
enum { PMP_R = 1, PMP_W = 2, PMP_X = 4, PMP_A = 0x18, PMP_OFF = 0, PMP_TOR = 0x08, PMP_NA4 = 0x10, PMP_NAPOT = 0x18,
       PMP_L = 0x80 };

struct hart;
/* Does the walker set A and D itself now (Svadu), or fault (Svade)? */
bool riscv_updates_ad(const struct hart *h);
/* Arms or cancels h->stimer for the current stimecmp. */
void riscv_sstc_arm(struct hart *h);

#endif
