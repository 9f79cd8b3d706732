/* CDs and floppy disks that are changed while the machine runs. */
#ifndef CLI_MEDIA_H
#define CLI_MEDIA_H

#include "cli/session.h"

/* A drive whose medium can be changed, by its path, the id that -drive gave what it began with, or QEMU's names: floppy0, and
 * ide1-cd0 when it is the only CD drive. NULL and a sentence that begins with `command`. */
struct device *media_drive(struct session *s, const char *name, const char *command, struct err *e);
const char *media_drive_name(const struct device *drive);  /* as -drive or the machine named it */
struct device *media_holder(struct session *s, const struct block_port *b); /* the device that has it now; NULL: none */
/* Not NULL: the drive it was for holds another medium now, so it is nobody's. */
bool media_taken_out(struct session *s, const struct block_port *b);

/* Puts the image into the drive, from where the tray stood. format NULL: looks; mode: "retain" (NULL), "read-only", "read-write".
 * A locked drive tells its guest and refuses, unless forced. */
bool media_change(struct session *s, const char *drive, const char *path, const char *format, const char *mode, bool force,
                  struct err *e);
/* Takes it out and puts it in again. */
bool media_again(struct session *s, const char *drive, bool force, struct err *e);
/* The button of a CD drive: it opens or closes, or the guest that locked it is told. */
bool media_button(struct session *s, const char *drive, struct err *e);
/* The tray, where it shall be; of a locked drive as above. */
bool media_tray(struct session *s, const char *drive, bool open, bool force, struct err *e);

/* machine_media_fn, opaque is the session: opens what a snapshot or a recording names. */
bool media_needed(void *session, const struct medium_text *t, struct err *e);

#endif
