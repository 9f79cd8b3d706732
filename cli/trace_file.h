/* Trace files as they are read again: what they are, line by line, compressed or not, and the source their addresses are
 * of. */
#ifndef CLI_TRACE_FILE_H
#define CLI_TRACE_FILE_H

#include <stdio.h>

#include "debugger/debugger.h"
#include "trace/flow.h"

enum trace_kind { TRACE_TEXT, TRACE_RECORDS /* cycles */, TRACE_FLOW, TRACE_RECORDING };

struct trace_file {
    const char *path;
    FILE *f;
    enum trace_kind kind;
    u64 size, taken; /* bytes of the file; read so far */
    void *zstd;      /* NULL: not compressed */
    u8 *packed;
    size_t packed_at, packed_len;
    u8 *text;        /* unpacked and not yet handed out: text[at..len) */
    size_t at, len, cap;
    bool over;
};

#define TRACE_MAX_LINE (1 << 20) /* longer ones come in pieces */

bool trace_file_open(struct trace_file *t, const char *path, struct err *e); /* `-` is standard input */
void trace_file_close(struct trace_file *t);
/* The next line without its end, or record as text; NULL: there is none, or (e->text) the file cannot be read. Valid until the
 * next call. */
const char *trace_file_line(struct trace_file *t, size_t *n, struct err *e);
struct flow_source trace_file_source(struct trace_file *t);

struct trace_names { /* of addresses */
    struct symbols *syms;
};
bool trace_names_add(struct trace_names *n, const char *path, struct err *e); /* symbols of an ELF file */
void trace_names_free(struct trace_names *n);
/* "main+4 at kernel.c:12", "" when it is not known. */
void trace_names_at(const struct trace_names *n, u64 pc, char *out, size_t cap);
/* The source line, with its number; nothing when it is not known. */
void trace_names_source(const struct trace_names *n, u64 pc, FILE *out);

#endif
