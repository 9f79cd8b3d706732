/* Building a machine from a board's table: machine_new() calls these in order. */
#ifndef MACHINE_BUILD_H
#define MACHINE_BUILD_H

#include "machine/machine.h"

bool build_memory(struct machine *m, struct err *e);
bool build_parts(struct machine *m, struct err *e);
bool build_cpus(struct machine *m, struct err *e);
bool build_wires(struct machine *m, struct err *e);

/* "name=value,flag,name=value" into a list (a bare name means on); "," is written ",,". NULL on error. */
struct prop_value *props_parse(struct arena *a, const char *text, struct err *e);
/* A property of -machine, or its fallback. */
const char *machine_board_prop(const struct machine *m, const char *name);
const char *machine_cpu_model(const struct machine *m); /* as given, or the default for the width */
bool machine_board_flag(const struct machine *m, const char *name); /* "on" and the like */
/* `-device loader`: puts files and numbers into memory and moves harts; after firmware and kernel are in place,
 * which `placed` tells. A number may go anywhere: to change a word of an image is what it is for. */
struct placements;
bool machine_run_loaders(struct machine *m, struct placements *placed, struct err *e);
struct ram *machine_add_ram(struct machine *m, const char *name, u64 base, u64 size, bool rom, struct err *e);

#endif
