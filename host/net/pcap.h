/* Writes pcap files: the classic format with nanoseconds (draft-ietf-opsawg-pcap), little-endian, Ethernet. */
#ifndef HOST_NET_PCAP_H
#define HOST_NET_PCAP_H

#include "base/err.h"
#include "base/types.h"

struct pcap;
struct pcap *pcap_open(const char *path, u32 maxlen, struct err *e); /* maxlen 0: 65535 */
void pcap_write(struct pcap *p, const u8 *frame, size_t len, u64 ticks, u64 hz); /* at tick `ticks` of a clock of hz */
void pcap_close(struct pcap *p);                                                 /* NULL is allowed */

#endif
