/* The socket gdb connects to, and the machine's runs as gdb steers them. One client at a time; the next one waits.
 *
 * A client stops the machine when it connects and lets it go on with `detach`. One that only goes away takes its
 * breakpoints along, and the machine is paused or not as it was before it came (a port scan starts nothing), unless
 * it had made it run. */
#ifndef CLI_GDBSERVER_H
#define CLI_GDBSERVER_H

#include "cli/session.h"

/* tcp:[LOOPBACK HOST]:PORT (port 0: any, said on stderr), unix:PATH, stdio. */
struct gdb_server *gdb_server_new(struct session *s, const char *dev, struct err *e);
void gdb_server_free(struct gdb_server *g); /* before the debugger and the machine; NULL is allowed */

/* For session_run(); all of them do nothing special without a server or a client. */

/* host_run(), or what the client asked for. */
struct host_result gdb_server_run(struct session *s, const struct host_run_options *o);
/* After that: true when the result was the client's, and the session goes round again. */
bool gdb_server_stopped(struct session *s, const struct host_result *r);
/* The session is paused: true when the client had to be told, and may have answered. */
bool gdb_server_paused(struct session *s);
/* The session ends with this status. */
void gdb_server_ended(struct session *s, int status);

#endif
