#include "iodev/bus/isa.h"

bool isa_map(struct device *d, unsigned bank, const char *prop, struct err *e)
{
    u64 base = device_prop_u64(d, prop), size = d->cls->banks[bank]->size;
    size = size ? size : d->bank_size[bank];
    if (!d->env->io)
        return err_set(e, "device '%s' needs I/O ports, and this machine has none", d->cls->name);
    if (!size || size > 0x10000 || base > 0x10000 - size)
        return err_set(e, "device '%s': ports 0x%llx and %llu on are not within 0 to 0xffff", d->cls->name,
                       (unsigned long long)base, (unsigned long long)size);
    return device_map(d, bank, d->env->io, base, e);
}
