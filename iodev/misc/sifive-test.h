#ifndef IODEV_MISC_SIFIVE_TEST_H
#define IODEV_MISC_SIFIVE_TEST_H

#include "iodev/device.h"

extern const struct device_class sifive_test_class;

enum { SIFIVE_TEST_PASS, SIFIVE_TEST_FAIL, SIFIVE_TEST_RESET };

/* Who is told when the guest ends or restarts the machine. code: what it gave with a failure, else 0. */
void sifive_test_set_hook(struct device *d, void (*fn)(void *opaque, int kind, int code), void *opaque);

#endif
