/* Intel 8237A DMA controllers of a PC, with the page registers beside them.
 *
 * i8237: channels 0 to 3, bytes. bank 0: ports 0x00 to 0x0f; bank 1: page registers, ports 0x81 to 0x87.
 * i8237-wide: channels 4 to 7, words; channel 4 cascades the other one. bank 0: ports 0xc0 to 0xdf; bank 1: ports 0x88
 * to 0x8f. bank 2 of both: what no port shows, not mapped.
 *
 * A device asks with dma_request(); when the guest has its channel ready, dma_from_memory() and dma_to_memory() move
 * bytes. Transfers take no virtual time: the device paces itself. */
#ifndef IODEV_MISC_I8237_H
#define IODEV_MISC_I8237_H

#include "iodev/device.h"

extern const struct device_class i8237_class, i8237_wide_class;

/* Channels of `low` need the cascade channel of `wide`. */
void i8237_set_cascade(struct device *low, struct device *wide);

/* A device's end of a channel. */
struct dma_port {
    struct device *controller; /* NULL: none; nothing moves */
    unsigned channel;          /* of the controller, 0 to 3 */
};
struct dma_port i8237_port(struct device *low, struct device *wide, unsigned channel); /* channel 0 to 7 */

/* Called when a channel that is requested becomes able to transfer; the device may transfer inside the call. */
void dma_on_ready(const struct dma_port *p, void (*ready)(void *opaque), void *opaque);
void dma_request(const struct dma_port *p, bool level); /* DREQ */
bool dma_ready(const struct dma_port *p);               /* a transfer would move something */
/* Return how many bytes moved: fewer than n when the channel is not ready, set up the other way, or at terminal count,
 * which sets *tc. A verify transfer counts and moves nothing (reads give 0xff). Wide channels move whole words. */
size_t dma_from_memory(const struct dma_port *p, void *out, size_t n, bool *tc);
size_t dma_to_memory(const struct dma_port *p, const void *in, size_t n, bool *tc);

#endif
