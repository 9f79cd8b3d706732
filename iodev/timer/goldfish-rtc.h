#ifndef IODEV_TIMER_GOLDFISH_RTC_H
#define IODEV_TIMER_GOLDFISH_RTC_H

#include "iodev/device.h"

/* out[0]: the alarm. */
extern const struct device_class goldfish_rtc_class;

/* Seconds since 1970 at position 0; call before the first reset. */
void goldfish_rtc_set_base(struct device *d, i64 seconds);

#endif
