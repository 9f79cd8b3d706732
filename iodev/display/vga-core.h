/* What the files of the VGA share. */
#ifndef IODEV_DISPLAY_VGA_CORE_H
#define IODEV_DISPLAY_VGA_CORE_H

#include "iodev/display/vga.h"

enum vga_bank {
    VGA_PORTS, VGA_MONO_PORTS, VGA_DISPI_PORTS, VGA_MEMORY, VGA_FRAMEBUFFER, VGA_MMIO, /* seen by the guest */
    VGA_SEQUENCER, VGA_CRTC, VGA_GRAPHICS, VGA_ATTRIBUTE, VGA_DAC, VGA_DISPI,          /* behind index registers */
};

#define VGA_PORTS_BASE 0x3c0
#define VGA_MONO_PORTS_BASE 0x3b4
#define VGA_DISPI_PORTS_BASE 0x1ce
#define VGA_MEMORY_BASE 0xa0000
#define VGA_PLANE_SIZE 0x10000u

enum {
    DISPI_ID, DISPI_XRES, DISPI_YRES, DISPI_BPP, DISPI_ENABLE, DISPI_BANK, DISPI_VIRT_WIDTH, DISPI_VIRT_HEIGHT,
    DISPI_X_OFFSET, DISPI_Y_OFFSET, DISPI_MEMORY, DISPI_COUNT,
};
enum { /* of DISPI_ENABLE */
    DISPI_ENABLED = 1 << 0,
    DISPI_GETCAPS = 1 << 1,
    DISPI_8BIT_DAC = 1 << 5,
    DISPI_LFB = 1 << 6,
    DISPI_NO_CLEAR = 1 << 7,
};

/* Video memory is bytes of the four planes in turn: plane k of address a is byte 4 a + k. So a CPU's access touches one
 * word, and pixels of the Bochs modes stand one behind the other. */
struct vga {
    struct pci_config pci; /* of the PCI function only */
    u8 misc, feature, enable;
    u8 seq_index, crtc_index, gc_index, attr_index;
    bool attr_data; /* the next write to 0x3c0 is data */
    u8 seq[5], crtc[25], gc[9], attr[21];
    u8 dac_mask, dac_state, dac_read, dac_write, dac_part, dac_latch[2];
    u8 palette[768];
    u32 latch;
    u16 dispi_index, dispi[DISPI_COUNT];
    u8 dispi_low; /* of a word that comes in bytes */
    u64 retrace_seen; /* vertical retraces that had begun when the interrupt was last cleared */
};

struct vga_link {
    struct ram *ram;
};

static inline struct vga *vga_of(const struct device *d)
{
    return d->state;
}

static inline struct ram *vga_ram(const struct device *d)
{
    return ((struct vga_link *)d->link)->ram;
}

static inline bool vga_extended(const struct vga *v) /* one of the Bochs modes is on */
{
    return v->dispi[DISPI_ENABLE] & DISPI_ENABLED;
}

static inline bool vga_awake(const struct vga *v) /* 0x3c3 */
{
    return v->enable & 1;
}

/* vga-regs.c: the banks that begin with the ports. */
extern const struct reg_bank vga_ports_bank, vga_mono_ports_bank, vga_sequencer_bank, vga_crtc_bank, vga_graphics_bank,
    vga_attribute_bank, vga_dac_bank;
/* vga-dispi.c */
extern const struct reg_bank vga_dispi_ports_bank, vga_dispi_bank;
void vga_dispi_reset(struct device *d);
void vga_dispi_loaded(struct device *d);
unsigned vga_dispi_pitch(const struct vga *v); /* bytes of a line; of one plane when there are 4 bits */
/* vga-memory.c */
extern const struct reg_bank vga_memory_bank;
/* vga-beam.c: where the beam is. */
struct vga_beam {
    bool running;
    u64 frame; /* since power-on, as the registers are now */
    bool shows, vertical_retrace;
    u64 retraces; /* that have begun */
};
void vga_beam(const struct device *d, struct vga_beam *b);
/* vga-draw.c */
extern const struct screen_ops vga_screen;

#endif
