/* QEMU's machine protocol ("QEMU Machine Protocol Specification"): JSON commands and events on a character stream. */
#ifndef CLI_QMP_H
#define CLI_QMP_H

#include "cli/session.h"

struct qmp;
struct qmp *qmp_new(struct session *s, struct host_char *c, struct err *e);
void qmp_free(struct qmp *q); /* NULL is allowed, as below */
/* Does what was asked, between two runs of the machine, and tells of a change to running or paused. True: something was. */
bool qmp_serve(struct qmp *q);
/* The machine stops for good, or was reset: events. */
void qmp_ended(struct qmp *q, enum machine_stop why);

#endif
