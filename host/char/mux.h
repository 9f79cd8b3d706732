/* The multiplexer: several users on one back end. Output of all is shown; input goes to the one in focus.
 * Ctrl-A is the escape: x quits, c switches, b sends a break, s commits disks, t stamps lines, h helps. */
#ifndef HOST_CHAR_MUX_H
#define HOST_CHAR_MUX_H

#include "host/char/char.h"

struct host_mux;
struct host_char_line;

/* The low interface; host_char_port() and host_char_attach() call these for a back end with a mux.
 * `out` takes what the users write. The first user that is added has the focus, but the first serial one takes it
 * from a monitor that was added before anything was typed. Without `escape` no key means anything. */
struct host_mux *mux_new(struct host_loop *l, bool escape, void (*out)(void *opaque, const u8 *bytes, size_t n),
                         void *opaque);
void mux_free(struct host_mux *m);

struct host_char_line *mux_add_frontend(struct host_mux *m, const char *name, const struct host_char_user *u);
struct char_port *mux_add_serial(struct host_mux *m, const char *name);
void mux_line_write(struct host_char_line *f, const void *bytes, size_t n);
void mux_focus(struct host_mux *m, struct host_char_line *f);
const char *mux_focused(const struct host_mux *m); /* its name; NULL: nobody is there */

/* From the back end. */
void mux_received(struct host_mux *m, const u8 *bytes, size_t n);
size_t mux_space(const struct host_mux *m); /* what it can take now without losing any */
void mux_on_space(struct host_mux *m, void (*fn)(void *opaque), void *opaque);
void mux_connected(struct host_mux *m, bool yes);
void mux_break(struct host_mux *m);

/* Ctrl-A s. Without it the key says that nothing can be committed. */
void mux_on_commit(struct host_mux *m, void (*fn)(void *opaque), void *opaque);

#endif
