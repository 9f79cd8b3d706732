#include "bios/riscv_virt.h"

#include <string.h>

#include "base/rng.h"
#include "bios/fdt.h"

#define MAX_HARTS 8
#define LIST(s) (s), sizeof(s) /* a string list: its parts end with NUL, the last with the literal's own */

/* phandles */
enum { PH_PLIC = 1, PH_TEST = 2, PH_INTC = 16, PH_CPU = 32 };

static const char *mmu_type(unsigned sv_max)
{
    switch (sv_max) {
    case 32: return "riscv,sv32";
    case 39: return "riscv,sv39";
    case 48: return "riscv,sv48";
    case 57: return "riscv,sv57";
    default: return "riscv,none";
    }
}

static void cpus(struct dt_writer *w, const struct riscv_virt_dt *v)
{
    dt_node(w, "cpus");
    dt_u32(w, "#address-cells", 1);
    dt_u32(w, "#size-cells", 0);
    dt_u32(w, "timebase-frequency", 10000000);
    for (unsigned h = 0; h < v->harts; h++) {
        dt_node_at(w, "cpu", h);
        dt_str(w, "device_type", "cpu");
        dt_u32(w, "reg", h);
        dt_str(w, "status", "okay");
        dt_str(w, "compatible", "riscv");
        dt_str(w, "riscv,isa", v->isa);
        if (v->cbom_block)
            dt_u32(w, "riscv,cbom-block-size", v->cbom_block);
        if (v->cboz_block)
            dt_u32(w, "riscv,cboz-block-size", v->cboz_block);
        dt_str(w, "mmu-type", mmu_type(v->sv_max));
        dt_u32(w, "phandle", PH_CPU + h);
        dt_node(w, "interrupt-controller");
        dt_u32(w, "#interrupt-cells", 1);
        dt_empty(w, "interrupt-controller");
        dt_str(w, "compatible", "riscv,cpu-intc");
        dt_u32(w, "phandle", PH_INTC + h);
        dt_end(w);
        dt_end(w);
    }
    dt_node(w, "cpu-map");
    dt_node(w, "cluster0");
    for (unsigned h = 0; h < v->harts; h++) {
        char core[16] = "core0";
        core[4] = (char)('0' + h);
        dt_node(w, core);
        dt_u32(w, "cpu", PH_CPU + h);
        dt_end(w);
    }
    dt_end(w);
    dt_end(w);
    dt_end(w);
}

/* "interrupts-extended": for each hart these mip bits of its interrupt controller. */
static void hart_interrupts(struct dt_writer *w, const struct riscv_virt_dt *v, const u32 *lines, unsigned n)
{
    u32 cells[MAX_HARTS * 4];
    unsigned at = 0;
    for (unsigned h = 0; h < v->harts; h++)
        for (unsigned i = 0; i < n; i++) {
            cells[at++] = PH_INTC + h;
            cells[at++] = lines[i];
        }
    dt_cells(w, "interrupts-extended", cells, at);
}

static void plic_interrupt(struct dt_writer *w, u32 source)
{
    dt_u32(w, "interrupts", source);
    dt_u32(w, "interrupt-parent", PH_PLIC);
}

static void software_interrupts(struct dt_writer *w, const struct riscv_virt_dt *v, const char *name, u64 base,
                                const char *compatible, u32 line)
{
    dt_node_at(w, name, base);
    dt_str(w, "compatible", compatible);
    dt_reg(w, base, 0x4000);
    hart_interrupts(w, v, &line, 1);
    dt_empty(w, "interrupt-controller");
    dt_u32(w, "#interrupt-cells", 0);
    dt_end(w);
}

static void local_interrupts(struct dt_writer *w, const struct riscv_virt_dt *v)
{
    if (!v->aclint) {
        dt_node_at(w, "clint", VIRT_CLINT);
        dt_bytes(w, "compatible", LIST("sifive,clint0\0riscv,clint0"));
        dt_reg(w, VIRT_CLINT, 0x10000);
        hart_interrupts(w, v, (u32[]){ 3, 7 }, 2);
        dt_end(w);
        return;
    }
    software_interrupts(w, v, "mswi", VIRT_CLINT, "riscv,aclint-mswi", 3);
    dt_node_at(w, "mtimer", VIRT_CLINT + 0x4000);
    dt_str(w, "compatible", "riscv,aclint-mtimer");
    /* mtime first, then mtimecmp */
    u32 base = VIRT_CLINT + 0x4000;
    dt_cells(w, "reg", (u32[]){ 0, base + 0x7ff8, 0, 0x4008, 0, base, 0, 0x7ff8 }, 8);
    hart_interrupts(w, v, (u32[]){ 7 }, 1);
    dt_end(w);
    software_interrupts(w, v, "sswi", VIRT_ACLINT_SSWI, "riscv,aclint-sswi", 1);
}

static void soc(struct dt_writer *w, const struct riscv_virt_dt *v)
{
    dt_node(w, "soc");
    dt_u32(w, "#address-cells", 2);
    dt_u32(w, "#size-cells", 2);
    dt_str(w, "compatible", "simple-bus");
    dt_empty(w, "ranges");

    local_interrupts(w, v);

    dt_node_at(w, "plic", VIRT_PLIC);
    dt_bytes(w, "compatible", LIST("sifive,plic-1.0.0\0riscv,plic0"));
    dt_reg(w, VIRT_PLIC, 0x600000);
    dt_u32(w, "#interrupt-cells", 1);
    dt_u32(w, "#address-cells", 0);
    dt_empty(w, "interrupt-controller");
    hart_interrupts(w, v, (u32[]){ 11, 9 }, 2);
    dt_u32(w, "riscv,ndev", 96);
    dt_u32(w, "phandle", PH_PLIC);
    dt_end(w);

    for (unsigned i = 0; i < VIRT_VIRTIO_COUNT; i++) {
        u64 base = VIRT_VIRTIO + i * VIRT_VIRTIO_STRIDE;
        dt_node_at(w, "virtio_mmio", base);
        dt_str(w, "compatible", "virtio,mmio");
        dt_reg(w, base, 0x1000);
        plic_interrupt(w, VIRT_IRQ_VIRTIO + i);
        dt_end(w);
    }

    dt_node_at(w, "test", VIRT_TEST);
    dt_bytes(w, "compatible", LIST("sifive,test1\0sifive,test0\0syscon"));
    dt_reg(w, VIRT_TEST, 0x1000);
    dt_u32(w, "phandle", PH_TEST);
    dt_end(w);

    dt_node_at(w, "serial", VIRT_UART);
    dt_str(w, "compatible", "ns16550a");
    dt_reg(w, VIRT_UART, 0x100);
    dt_u32(w, "clock-frequency", 3686400);
    plic_interrupt(w, VIRT_IRQ_UART);
    dt_end(w);

    dt_node_at(w, "rtc", VIRT_RTC);
    dt_str(w, "compatible", "google,goldfish-rtc");
    dt_reg(w, VIRT_RTC, 0x1000);
    plic_interrupt(w, VIRT_IRQ_RTC);
    dt_end(w);
    dt_end(w);
}

static void syscon(struct dt_writer *w, const char *name, const char *compatible, u32 value)
{
    dt_node(w, name);
    dt_str(w, "compatible", compatible);
    dt_u32(w, "regmap", PH_TEST);
    dt_u32(w, "offset", 0);
    dt_u32(w, "value", value);
    dt_end(w);
}

static void chosen(struct dt_writer *w, const struct riscv_virt_dt *v)
{
    u32 random[8];
    u64 seed = v->seed;
    for (unsigned i = 0; i < 8; i++)
        random[i] = (u32)rng_next(&seed);
    dt_node(w, "chosen");
    if (v->bootargs && *v->bootargs)
        dt_str(w, "bootargs", v->bootargs);
    dt_str(w, "stdout-path", "/soc/serial@10000000");
    dt_cells(w, "rng-seed", random, 8);
    if (v->initrd_start != v->initrd_end) {
        unsigned cells = v->initrd_end >> 32 ? 2 : 1;
        u32 start[] = { (u32)(v->initrd_start >> 32), (u32)v->initrd_start };
        u32 end[] = { (u32)(v->initrd_end >> 32), (u32)v->initrd_end };
        dt_cells(w, "linux,initrd-start", start + 2 - cells, cells);
        dt_cells(w, "linux,initrd-end", end + 2 - cells, cells);
    }
    dt_end(w);
}

bool riscv_virt_dt(const struct riscv_virt_dt *v, struct buf *out, struct err *e)
{
    if (!v->harts || v->harts > MAX_HARTS)
        return err_set(e, "a device tree for %u harts cannot be built; choose 1 to %d with -smp", v->harts, MAX_HARTS);
    struct dt_writer w;
    dt_start(&w, 32768 + (v->bootargs ? strlen(v->bootargs) : 0));
    dt_node(&w, "");
    dt_u32(&w, "#address-cells", 2);
    dt_u32(&w, "#size-cells", 2);
    dt_str(&w, "compatible", "riscv-virtio");
    dt_str(&w, "model", "riscv-virtio,qemu");
    chosen(&w, v);
    dt_node_at(&w, "memory", v->ram_base);
    dt_str(&w, "device_type", "memory");
    dt_reg(&w, v->ram_base, v->ram_size);
    dt_end(&w);
    cpus(&w, v);
    dt_node_at(&w, "fw-cfg", VIRT_FW_CFG);
    dt_str(&w, "compatible", "qemu,fw-cfg-mmio");
    dt_reg(&w, VIRT_FW_CFG, 0x18);
    dt_empty(&w, "dma-coherent");
    dt_end(&w);
    dt_node_at(&w, "flash", VIRT_FLASH);
    dt_str(&w, "compatible", "cfi-flash");
    dt_cells(&w, "reg",
             (u32[]){ 0, VIRT_FLASH, 0, VIRT_FLASH_SIZE, 0, VIRT_FLASH + VIRT_FLASH_SIZE, 0, VIRT_FLASH_SIZE }, 8);
    dt_u32(&w, "bank-width", 4);
    dt_end(&w);
    syscon(&w, "poweroff", "syscon-poweroff", 0x5555);
    syscon(&w, "reboot", "syscon-reboot", 0x7777);
    soc(&w, v);
    dt_end(&w);
    return dt_finish(&w, out, e);
}
