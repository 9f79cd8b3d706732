/* Writes pcap files: the classic format with nanoseconds (draft-ietf-opsawg-pcap), little-endian, Ethernet. */
#ifndef HOST_NET_PCAP_H
#define HOST_NET_PCAP_H

#include "base/err.h"
#include "base/types.h"

#define PCAP_MAXLEN 65535

struct pcap;
struct pcap *pcap_open(const char *path, struct err *e);
void pcap_maxlen(struct pcap *p, u32 bytes); /* longer frames are cut from now on; PCAP_MAXLEN at first */
void pcap_write(struct pcap *p, const u8 *frame, size_t len, u64 ticks, u64 hz); /* at tick `ticks` of a clock of hz */
void pcap_close(struct pcap *p);                                                 /* NULL is allowed */

#endif
