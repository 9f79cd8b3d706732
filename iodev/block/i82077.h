/* Floppy disk controller Intel 82077AA, in PC/AT mode, and its drives. Bank 0: ports 0x3f0 to 0x3f5; bank 1: 0x3f7; out[0]
 * IRQ 6. The drives are devices "floppy" on bus "floppy-bus"; what they hold follows from the image's size. */
#ifndef IODEV_BLOCK_I82077_H
#define IODEV_BLOCK_I82077_H

#include "iodev/device.h"
#include "iodev/misc/i8237.h"

extern const struct device_class i82077_class; /* "isa-fdc" */
extern const struct device_class floppy_class; /* property drive, may be missing: no medium. Input channel PATH.media: 'm'
                                                  says that somebody took the medium out and put it in
                                                  again, medium.h another one */

bool fdc_plug(struct device *controller, struct device *drive, struct err *e); /* at property `unit`, else a free place */
void fdc_connect_dma(struct device *controller, struct dma_port port);        /* channel 2 on a PC */
unsigned fdc_unit(const struct device *drive); /* where it was plugged */
/* For CMOS byte 0x10: 0 no drive, 2 1.2 MB, 3 720 KB, 4 1.44 MB, 5 2.88 MB. */
unsigned fdc_cmos_type(const struct device *controller, unsigned unit);
bool fdc_takes(u64 size); /* is there a floppy disk of so many bytes? */

#endif
