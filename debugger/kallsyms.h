/* kallsyms: the names a Linux kernel has of itself, found in its image (a file unpacked, or the guest's memory).
 *
 * scripts/kallsyms.c writes these tables, each aligned to a word, packed with 256 tokens:
 *
 *     to 6.3        offsets  relative_base  num_syms  names  markers  (seqs_of_names)  token_table  token_index
 *     from 6.4      num_syms  names  markers  token_table  token_index  offsets  relative_base  seqs_of_names
 *     before 4.6    addresses (words) instead of offsets and relative_base
 *
 * Nothing says where they are: the token table is recognised (all digits are tokens of themselves), the rest follows
 * from it and must agree with itself. */
#ifndef DEBUGGER_KALLSYMS_H
#define DEBUGGER_KALLSYMS_H

#include "base/types.h"

struct kallsyms {
    size_t tokens, index; /* offsets in the image: token_table, token_index */
    size_t names, values; /* names; offsets or addresses */
    u32 n;
    u8 word;          /* bytes of an address */
    bool relative;    /* values are 32-bit offsets from base */
    bool signed_base; /* those below 0 are counted from base down, the others are of per-CPU variables (x86) */
    u64 base;
};

/* Is there a token table at or behind `from`? *at is where its digits are: for kallsyms_read() and for going on. */
bool kallsyms_next(const u8 *image, size_t size, size_t from, size_t *at);
/* Reads the tables around the digits at `at`; *why says what is wrong. */
bool kallsyms_read(const u8 *image, size_t size, size_t at, struct kallsyms *out, const char **why);
/* Calls each with address, nm's letter and name of every symbol, until it returns false. */
void kallsyms_each(const u8 *image, size_t size, const struct kallsyms *k,
                   bool (*each)(void *opaque, u64 addr, char letter, const char *name), void *opaque);

/* What kallsyms_next() looks for, for those who search memory piece by piece. */
#define KALLSYMS_DIGITS "0\0001\0002\0003\0004\0005\0006\0007\0008\0009"
#define KALLSYMS_DIGITS_SIZE 20

#endif
