/* Linux kernels without symbol files: names from kallsyms, types from BTF, both out of the guest's memory or the kernel's
 * file. What is found becomes one symbol file, "Linux 6.1.0-50-amd64", in place of the one found before. */
#ifndef DEBUGGER_LINUX_H
#define DEBUGGER_LINUX_H

#include "debugger/debugger.h"

/* Looks through the guest's RAM for the kernel that runs; where it was moved to (KASLR) is in what it says of itself.
 * NULL with a sentence; the symbols are as they were. */
struct symfile *linux_from_memory(struct debugger *d, struct err *e);
/* From a kernel's file (vmlinux, Image, bzImage), moved by bias. */
struct symfile *linux_from_file(struct debugger *d, const char *name, const u8 *data, size_t size, u64 bias, struct err *e);
/* From an image in memory: what both do. fits() says whether the kernel of [low, high) may be it; NULL: any. For tests. */
struct symfile *linux_read(struct symbols *s, const u8 *image, size_t size, u64 bias,
                           bool (*fits)(void *opaque, u64 low, u64 high), void *opaque, struct err *e);
/* The same for a file that is about to be started, if it is a Linux kernel that runs where it was linked to and has no
 * symbols already; a bzImage moves itself (KASLR), and a file that is none is no error: NULL. */
struct symfile *linux_notice_file(struct debugger *d, const char *name, const u8 *data, size_t size);
/* At a stop in code of the kernel that no symbol file knows: looks into the guest's memory, at most once in a while. */
void linux_notice(struct debugger *d);
void linux_describe(struct debugger *d, const struct symfile *f); /* the message of both */

#endif
