/* `orrery dap`: a machine for an editor that speaks the Debug Adapter Protocol, on standard input and output or a socket of
 * this host. The protocol is debugger/dap.h. */
#ifndef CLI_DAP_H
#define CLI_DAP_H

#include "cli/session.h"

int dap_main(int argc, char **argv);

/* For the session it made; all of them do nothing for NULL. */
bool dap_server_opened(struct dap_server *v, struct session *s, struct err *e); /* its loop is there */
struct char_port *dap_server_console(struct dap_server *v); /* for the guest's first serial line */
bool dap_server_say(struct dap_server *v, const char *text, size_t n); /* the debugger's words; false: not here */
void dap_server_runs(struct dap_server *v, bool on); /* the machine, forwards: before and after */
void dap_server_progress(struct dap_server *v, u64 from, u64 now, u64 to);
/* The machine was asked to stop: by the editor? While one is attached, the monitor's and QMP's commands wait until it leaves. */
bool dap_server_asked(struct dap_server *v);

/* --dap: a socket where an editor attaches to a machine that runs. One at a time; the next one waits. The machine stops when it
 * comes and goes on when it leaves: from the present, without its breakpoints, paused if it was and nobody let it go. */
struct dap_door *dap_door_new(struct session *s, const char *where, struct err *e);
void dap_door_free(struct dap_door *door); /* NULL is allowed, here and below */
bool dap_door_serve(struct dap_door *door); /* until who stands there leaves; false: nobody does */

#endif
