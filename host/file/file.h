/* Whole files: loading, saving without ever leaving half a file, finding firmware, naming contents by a hash. */
#ifndef HOST_FILE_FILE_H
#define HOST_FILE_FILE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/types.h"

/* Replaces *out by the whole file; *out is unchanged on failure. The error names the file and the reason. */
bool host_file_load(const char *path, struct buf *out, struct err *e);

/* Writes a temporary file beside `path`, syncs it and renames it: readers see the old contents or the new ones. */
bool host_file_save(const char *path, const void *data, size_t bytes, struct err *e);

/* The file a firmware name stands for, to be freed by the caller; NULL with an error that lists where it looked.
 * A name with a slash, or one that is a file here, is itself. "default" and "opensbi" are OpenSBI's
 * fw_dynamic, "u-boot" is U-Boot for S mode. Searched: $ORRERY_FIRMWARE_PATH (directories separated by colons),
 * the directory of installed data, then where Debian's packages opensbi and u-boot-qemu put them. */
char *host_firmware_find(const char *name, struct err *e);

/* A file that comes with the program, as "profiles/linux.lua": from $ORRERY_DATA_PATH (directories separated by colons), else
 * beside the program in its build tree, else from the directory of installed data. */
bool host_shipped_load(const char *name, struct buf *out, struct err *e);

#define HOST_HASH_TEXT 33 /* 32 hexadecimal digits and a NUL */

/* XXH3, 128 bits, in hexadecimal: what `xxhsum -H2` prints. Not for security. */
bool host_file_hash(const char *path, char out[HOST_HASH_TEXT], struct err *e);
/* The same of bytes that are in memory. */
void host_bytes_hash(const void *data, size_t n, char out[HOST_HASH_TEXT]);

#endif
