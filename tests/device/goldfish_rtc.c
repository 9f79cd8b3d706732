/* The Goldfish RTC. The rig's clock is 1 GHz: a tick is a nanosecond. */
#include "iodev/timer/goldfish-rtc.h"

#include "tests/device/rig.h"

enum { LOW = 0, HIGH = 4, ALARM_LOW = 8, ALARM_HIGH = 12, ENABLED = 16, CLEAR_ALARM = 20, STATUS = 24, CLEAR = 28 };

static struct rig *rtc(i64 base)
{
    struct rig *r = rig_new(&goldfish_rtc_class, NULL);
    goldfish_rtc_set_base(r->d, base);
    device_reset(r->d);
    return r;
}

static void tells_time(void)
{
    struct rig *r = rtc(1700000000);
    u64 t = 1700000000ull * 1000000000;
    SCRIPT(r, RUN(5), P(4, LOW, (u32)(t + 5)), R(4, HIGH, 0), R(4, LOW, (u32)(t + 5)), RUN(1ull << 33),
           R(4, HIGH, t >> 32), R(4, LOW, (u32)(t + 5)), R(4, HIGH, (t >> 32) + 2), SAVE, FAULT(1, 0), FAULT(8, 0));
    device_reset(r->d); /* the battery keeps it */
    SCRIPT(r, R(4, LOW, (u32)(t + 5)), R(4, HIGH, (t >> 32) + 2));
    rig_free(r);
}

static void is_set(void)
{
    struct rig *r = rtc(0);
    SCRIPT(r, RUN(1000), W(4, HIGH, 7), W(4, LOW, 9), R(4, LOW, 9), R(4, HIGH, 7), RUN(1), R(4, LOW, 10));
    rig_free(r);
}

static void alarm_fires(void)
{
    struct rig *r = rtc(4);
    u64 t = 4000000000ull + 500;
    SCRIPT(r, W(4, ENABLED, 1), W(4, ALARM_HIGH, t >> 32), R(4, STATUS, 0), W(4, ALARM_LOW, (u32)t), R(4, STATUS, 1),
           R(4, ALARM_LOW, (u32)t), R(4, ALARM_HIGH, t >> 32), SAVE, RUN(499), OUT(0, 0), RUN(1), OUT(0, 1),
           R(4, STATUS, 0), W(4, ENABLED, 0), OUT(0, 0), W(4, ENABLED, 1), OUT(0, 1), W(4, CLEAR, 1), OUT(0, 0),
           RUN(1000), OUT(0, 0));
    rig_free(r);
}

static void alarm_cleared_or_past(void)
{
    struct rig *r = rtc(0);
    SCRIPT(r, W(4, ENABLED, 1), W(4, ALARM_LOW, 100), W(4, CLEAR_ALARM, 1), R(4, STATUS, 0), RUN(200), OUT(0, 0),
           W(4, ALARM_LOW, 50), OUT(0, 1), R(4, STATUS, 0), W(4, CLEAR, 0), OUT(0, 0), /* in the past: at once */
           W(4, ALARM_HIGH, 0xffffffff), W(4, ALARM_LOW, 0xffffffff), R(4, STATUS, 1), RUN(1ull << 40), OUT(0, 0));
    rig_free(r);
}

static void alarm_follows_the_clock(void)
{
    struct rig *r = rtc(0);
    SCRIPT(r, W(4, ENABLED, 1), W(4, ALARM_LOW, 1000000), W(4, LOW, 999000), RUN(999), OUT(0, 0), RUN(1), OUT(0, 1));
    rig_free(r);
}

int main(void)
{
    return unit_main("goldfish-rtc", (CU_TestInfo[]){ { "tells the time", tells_time },
                                                      { "is set", is_set },
                                                      { "alarm", alarm_fires },
                                                      { "alarm cleared, alarm in the past", alarm_cleared_or_past },
                                                      { "alarm follows the clock", alarm_follows_the_clock },
                                                      CU_TEST_INFO_NULL });
}
