/* The guest of the debugger's tests: tests/debugger/guest, built here with clang and lld, run on the board virt. */
#ifndef TESTS_DEBUGGER_GUEST_H
#define TESTS_DEBUGGER_GUEST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "debugger/debugger.h"

struct guest {
    char dir[64], elf[96];
    struct buf image;
    struct machine_config config;
    struct machine *m;
    struct debugger *d;
    struct buf out;
};

static inline const char *guest_source_dir(char *out, size_t cap)
{
    const char *top = getenv("srcdir");
    snprintf(out, cap, "%s/tests/debugger/guest", top ? top : ".");
    return out;
}

static inline bool guest_read(void *opaque, const char *path, struct buf *out, struct err *e)
{
    (void)opaque;
    char chunk[4096];
    size_t n;
    FILE *f = fopen(path, "rb");
    if (!f)
        return err_set(e, "%s: No such file or directory.", path);
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
        buf_put(out, chunk, n);
    fclose(f);
    return true;
}

static inline void guest_write(void *opaque, const char *text, size_t n)
{
    struct guest *g = opaque;
    buf_put(&g->out, text, n);
}

/* Builds the guest for rv64 or rv32; false with the reason printed when that is not possible here. */
static inline bool guest_compile(struct guest *g, unsigned xlen, const char *flags)
{
    char src[512], cmd[2048];
    memset(g, 0, sizeof *g);
    strcpy(g->dir, "/tmp/orrery-debugger-XXXXXX");
    if (!mkdtemp(g->dir)) {
        printf("cannot make a directory in /tmp\n");
        return false;
    }
    snprintf(g->elf, sizeof g->elf, "%s/guest.elf", g->dir);
    guest_source_dir(src, sizeof src);
    snprintf(cmd, sizeof cmd,
             "clang --target=riscv%u %s -mcmodel=medany -g %s -nostdlib -ffreestanding -fuse-ld=lld "
             "-Wl,-T,%s/guest.ld %s/start.S %s/guest.c -o %s 2>%s/log",
             xlen, xlen == 64 ? "-march=rv64gc -mabi=lp64d" : "-march=rv32gc -mabi=ilp32d", flags, src, src,
             src, g->elf, g->dir);
    if (system(cmd)) {
        printf("SKIP: clang and lld cannot build for riscv%u here (packages clang, lld); see %s/log\n", xlen, g->dir);
        return false;
    }
    struct err e;
    return guest_read(NULL, g->elf, &g->image, &e);
}

/* The guest's C code as a relocatable file for a machine ("riscv64", "x86_64", "i386", "aarch64"), as a kernel module is one. */
static inline bool guest_object(struct guest *g, const char *machine, struct buf *out)
{
    char src[512], cmd[2048], path[128];
    struct err e;
    guest_source_dir(src, sizeof src);
    snprintf(path, sizeof path, "%s/%s.o", g->dir, machine);
    snprintf(cmd, sizeof cmd, "clang --target=%s-unknown-elf %s -g -O1 -ffreestanding -ffunction-sections -c %s/guest.c -o %s 2>%s/log",
             machine, strcmp(machine, "riscv64") ? "" : "-march=rv64gc -mcmodel=medany", src, path, g->dir);
    return !system(cmd) && guest_read(NULL, path, out, &e);
}

static inline bool guest_start(struct guest *g, unsigned xlen, unsigned cpus)
{
    struct err e;
    g->config = (struct machine_config){ .board = "virt", .xlen = xlen, .cpus = cpus, .ram_size = 16 << 20 };
    g->config.kernel = (struct blob){ .name = g->elf, .data = g->image.data, .size = g->image.len };
    g->m = machine_new(&g->config, &e);
    if (!g->m) {
        printf("machine: %s\n", e.text);
        return false;
    }
    struct debugger_host host = { .opaque = g, .write = guest_write, .read_file = guest_read };
    g->d = debugger_new(g->m, &host);
    if (!debugger_add_symbols(g->d, "guest.elf", g->image.data, g->image.len, 0, &e)) {
        printf("symbols: %s\n", e.text);
        return false;
    }
    return true;
}

static inline void guest_end(struct guest *g)
{
    char cmd[128];
    debugger_free(g->d);
    if (g->m)
        machine_free(g->m);
    buf_free(&g->image);
    buf_free(&g->out);
    snprintf(cmd, sizeof cmd, "rm -rf %s", g->dir);
    if (system(cmd))
        printf("%s could not be removed\n", g->dir);
}

/* What a command says. */
static inline const char *say(struct guest *g, const char *line)
{
    g->out.len = 0;
    debugger_execute(g->d, line);
    return buf_cstr(&g->out);
}

#endif
