/* Characters that a terminal sends, as keys of a US keyboard. */
#ifndef GUI_TYPING_H
#define GUI_TYPING_H

#include "base/types.h"

#define TYPING_MOST 3

/* The keys to press together for a byte from a terminal (1 is Ctrl-A, 13 Enter, 127 Backspace); how many, 0: there are none. */
unsigned typing_keys(u8 byte, u8 usages[TYPING_MOST]);

#endif
