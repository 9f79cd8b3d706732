/* Code page 437, the characters that are burnt into a PC's display adapter, in Unicode. */
#ifndef GUI_CP437_H
#define GUI_CP437_H

#include "base/types.h"

extern const u16 cp437[256];

/* A code point of the basic plane as UTF-8; returns the bytes written, 1 to 3. */
unsigned utf8_put(u16 code_point, char out[3]);

#endif
