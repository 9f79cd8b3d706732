#include "bios/placed.h"

static bool add(struct placements *p, unsigned others, const struct placed *a, const char *remedy, struct err *e)
{
    for (unsigned i = 0; i < others; i++) {
        const struct placed *b = &p->range[i];
        if (a->first <= b->last && b->first <= a->last)
            return err_set(e, "%s '%s' (0x%llx to 0x%llx) would overwrite %s '%s' (0x%llx to 0x%llx); %s", a->what,
                           a->name, (unsigned long long)a->first, (unsigned long long)a->last, b->what, b->name,
                           (unsigned long long)b->first, (unsigned long long)b->last, remedy);
    }
    if (p->n == PLACED_MAX)
        return err_set(e, "%s '%s': there are more than %d images already", a->what, a->name, PLACED_MAX);
    p->range[p->n++] = *a;
    return true;
}

bool placed_add(struct placements *p, const char *what, const char *name, u64 start, u64 size, const char *remedy,
                struct err *e)
{
    return !size || add(p, p->n, &(struct placed){ what, name, start, start + (size - 1) }, remedy, e);
}

/* Its own segments may lie as they like: the linker was told so. */
bool placed_add_elf(struct placements *p, const char *what, const char *name, const struct elf_image *img,
                    const char *remedy, struct err *e)
{
    struct elf_segment seg;
    unsigned others = p->n;
    if (elf_segment(img, PLACED_SEGMENTS, &seg))
        return placed_add(p, what, name, img->low, img->high - img->low, remedy, e);
    for (u32 n = 0; elf_segment(img, n, &seg); n++)
        if (!add(p, others, &(struct placed){ what, name, seg.paddr, seg.paddr + (seg.mem_size - 1) }, remedy, e))
            return false;
    return true;
}
