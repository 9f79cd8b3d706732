/* A terminal in raw mode that is put back whatever happens. */
#ifndef HOST_CHAR_TTY_H
#define HOST_CHAR_TTY_H

#include "base/err.h"
#include "base/types.h"

struct tty_mode;
/* NULL without err set: fd is no terminal, or we are not in its foreground; there is nothing to put back then.
 * With `signals` Ctrl-C, Ctrl-\ and Ctrl-Z stay what they are. */
struct tty_mode *tty_raw(int fd, bool signals);
void tty_again(struct tty_mode *t);   /* raw once more, after the process was stopped and goes on */
void tty_restore(struct tty_mode *t); /* and forgets it; NULL is allowed */

#endif
