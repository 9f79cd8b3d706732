/* What session_open() consists of; each opens what the options name, in their order, or says what is wrong. */
#ifndef CLI_SESSION_PARTS_H
#define CLI_SESSION_PARTS_H

#include "cli/option_values.h"
#include "cli/session.h"

/* session_files.c */
bool session_open_files(struct session *s, struct err *e); /* firmware, kernel, initial RAM disk, device tree */
/* What -vga means for the board, and the ROMs of its parts and of -device; when the devices are known. */
bool session_open_roms(struct session *s, struct err *e);
bool session_open_drives(struct session *s, struct err *e);
/* A recording names it. */
bool session_note_image(struct session *s, const char *role, const char *path, u64 size, const char *hash);
bool session_open_loaders(struct session *s, struct err *e);

/* display.c */
bool session_choose_display(struct session *s, struct err *e); /* when it is known what has a screen */
bool session_open_display(struct session *s, struct err *e);   /* needs the machine and the characters */
void session_close_display(struct session *s);

/* session_ports.c */
bool session_open_debugcon(struct session *s, struct err *e); /* behind the devices that -device names */
bool session_open_chars(struct session *s, struct err *e);
bool session_open_monitor(struct session *s, struct err *e); /* needs the machine */
bool session_open_nets(struct session *s, struct err *e);
bool session_open_objects(struct session *s, struct err *e); /* needs the networks */

#endif
