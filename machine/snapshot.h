/* Snapshots without the contents of memories and drives, for who keeps those otherwise: the same form as
 * machine_save(), a few tens of KiB. */
#ifndef MACHINE_SNAPSHOT_H
#define MACHINE_SNAPSHOT_H

#include "machine/machine.h"

void snapshot_save_state(struct machine *m, struct buf *out);
/* Memories hold what they should already: devices look at it when they are told. */
bool snapshot_load_state(struct machine *m, const u8 *data, size_t size, struct err *e);

#endif
