/* What a real peer does takes real time: the loop turns until it is seen or the time is over. */
#ifndef TESTS_HOST_UNTIL_H
#define TESTS_HOST_UNTIL_H

#include "host/run.h"

/* Is the condition true within so many seconds? Input is offered to the machine, when one is given (else NULL). */
#define UNTIL(loop, machine_or_null, seconds, condition)                     \
    ({                                                                       \
        struct machine *until_m = (machine_or_null);                         \
        u64 until_end = host_now_ns() + (u64)(seconds) * 1000000000;         \
        bool until_is;                                                       \
        while (!(until_is = (condition)) && host_now_ns() < until_end) {     \
            host_loop_poll((loop), 5000000);                                 \
            if (until_m)                                                     \
                host_loop_offer((loop), until_m);                            \
        }                                                                    \
        until_is;                                                            \
    })

#endif
