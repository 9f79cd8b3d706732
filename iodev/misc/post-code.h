/* Port 0x80: the codes that firmware shows while it starts. bank 0: the port. Each is an event, "post.code". */
#ifndef IODEV_MISC_POST_CODE_H
#define IODEV_MISC_POST_CODE_H

#include "iodev/device.h"

extern const struct device_class post_code_class;

#endif
