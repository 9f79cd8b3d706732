/* Contents of a machine's memories at several moments, with every page kept once for as long as it does not change. */
#ifndef MACHINE_PAGES_H
#define MACHINE_PAGES_H

#include "machine/machine.h"

struct pages; /* what all moments of a machine share */
struct moment;

struct pages *pages_new(struct machine *m);
void pages_free(struct pages *p); /* after its moments */
u64 pages_bytes(const struct pages *p); /* that all moments take together */

/* What the memories hold now. Marks their pages clean. */
struct moment *pages_take(struct pages *p);
/* Puts it back; the moment stays. Pages that are the same already are not touched. */
void pages_restore(struct pages *p, const struct moment *t);
void moment_free(struct pages *p, struct moment *t);
/* Could this page have been written between two moments, the later one taken after the earlier? False: certainly not. */
bool moment_differs(const struct pages *p, const struct moment *a, const struct moment *b, const struct ram *r, u64 page);
/* Has it been written since the last moment that was taken or put back? */
bool pages_written(const struct pages *p, const struct ram *r, u64 page);

#endif
