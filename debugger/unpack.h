/* Kernels as they lie in files: the image inside of a bzImage, an EFI zboot image, or a compressed file. */
#ifndef DEBUGGER_UNPACK_H
#define DEBUGGER_UNPACK_H

#include "base/buf.h"
#include "base/err.h"

/* Appends the kernel as it is in memory (or an ELF file of it) to out. gzip, xz, lzma and zstd are unpacked, what is not
 * packed is copied. False with a sentence: damaged, of another packing, or larger than 512 MiB. */
bool unpack_kernel(const u8 *data, size_t size, struct buf *out, struct err *e);

#endif
