#ifndef IODEV_MISC_FW_CFG_H
#define IODEV_MISC_FW_CFG_H

#include "iodev/device.h"

extern const struct device_class fw_cfg_class, fw_cfg_ports_class;

/* Well-known items (numbers of the specification). */
enum {
    FW_CFG_SIGNATURE = 0, FW_CFG_ID = 1, FW_CFG_UUID = 2, FW_CFG_RAM_SIZE = 3, FW_CFG_NOGRAPHIC = 4, FW_CFG_NB_CPUS = 5,
    FW_CFG_MACHINE_ID = 6, FW_CFG_KERNEL_ADDR = 7, FW_CFG_KERNEL_SIZE = 8, FW_CFG_KERNEL_CMDLINE = 9,
    FW_CFG_INITRD_ADDR = 10, FW_CFG_INITRD_SIZE = 11, FW_CFG_BOOT_DEVICE = 12, FW_CFG_BOOT_MENU = 14,
    FW_CFG_MAX_CPUS = 15, FW_CFG_KERNEL_DATA = 17, FW_CFG_INITRD_DATA = 18, FW_CFG_CMDLINE_ADDR = 19,
    FW_CFG_CMDLINE_SIZE = 20, FW_CFG_CMDLINE_DATA = 21, FW_CFG_FILE_DIR = 25, FW_CFG_FILE_FIRST = 32,
};

/* What the guest can ask for. The bytes are not copied: they live as long as the machine. Boards call these after
 * build() and before the machine runs. False: too many, the name too long or taken. */
bool fw_cfg_add_item(struct device *d, u16 key, const void *bytes, u32 n, struct err *e);
bool fw_cfg_add_file(struct device *d, const char *name, const void *bytes, u32 n, struct err *e);

#endif
