#include "host/file/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/arena.h"

static bool explain(const char *path, int err, const char *verb, struct err *e)
{
    switch (err) {
    case ENOENT:
        return err_set(e, "%s: there is no such file; check the path", path);
    case ENOTDIR:
        return err_set(e, "%s: a part of this path is a file, not a directory; check the path", path);
    case EACCES:
    case EPERM:
        return err_set(e, "%s: not allowed to %s it; check its permissions (ls -l)", path, verb);
    case ENOSPC:
    case EDQUOT:
        return err_set(e, "%s: the disk is full; free some space and try again", path);
    default:
        return err_set(e, "%s: cannot %s it: %s", path, verb, strerror(err));
    }
}

/* O_NONBLOCK so that naming a FIFO is an error now instead of a wait for its writer. */
static int open_plain(const char *path, struct stat *st, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        explain(path, errno, "read", e);
        return -1;
    }
    if (fstat(fd, st) < 0)
        explain(path, errno, "read", e);
    else if (S_ISDIR(st->st_mode))
        err_set(e, "%s: is a directory; name a file in it", path);
    else if (S_ISFIFO(st->st_mode) || S_ISSOCK(st->st_mode))
        err_set(e, "%s: is a pipe or a socket; name a regular file", path);
    else
        return fd;
    close(fd);
    return -1;
}

bool host_file_load(const char *path, struct buf *out, struct err *e)
{
    struct stat st;
    int fd = open_plain(path, &st, e);
    if (fd < 0)
        return false;
    /* Read until the end rather than st_size bytes: files of /proc say 0, and a file may be growing. */
    struct buf b = { 0 };
    size_t step = st.st_size > 0 && (u64)st.st_size < SIZE_MAX / 4 ? (size_t)st.st_size + 1 : 65536;
    for (;;) {
        if (b.cap - b.len < step) {
            b.cap = b.len + step;
            b.data = xrealloc(b.data, b.cap);
        }
        ssize_t n = read(fd, b.data + b.len, b.cap - b.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            explain(path, errno, "read", e);
            buf_free(&b);
            close(fd);
            return false;
        }
        if (n == 0)
            break;
        b.len += (size_t)n;
        step = 65536;
    }
    close(fd);
    buf_free(out);
    *out = b;
    return true;
}

static bool write_all(int fd, const u8 *p, size_t n)
{
    while (n) {
        ssize_t w = write(fd, p, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w <= 0) {
            if (w == 0)
                errno = EIO;
            return false;
        }
        p += w;
        n -= (size_t)w;
    }
    return true;
}

bool host_file_save(const char *path, const void *data, size_t bytes, struct err *e)
{
    struct stat st;
    bool exists = stat(path, &st) == 0;
    if (exists && S_ISDIR(st.st_mode))
        return err_set(e, "%s: is a directory; name a file in it", path);
    if (exists && !S_ISREG(st.st_mode)) {
        /* /dev/stdout, /dev/null, a FIFO: there is nothing to rename over. */
        int dev = open(path, O_WRONLY | O_CLOEXEC);
        bool ok = dev >= 0 && write_all(dev, data, bytes);
        int err = errno;
        if (dev >= 0)
            close(dev);
        return ok || explain(path, err, "write", e);
    }
    /* Through a symbolic link the target is replaced, not the link. */
    char *real = exists ? realpath(path, NULL) : NULL;
    const char *to = real ? real : path;
    char *tmp = xprintf("%s.XXXXXX", to);
    int fd = mkostemp(tmp, O_CLOEXEC);
    bool ok = fd >= 0;
    int err = errno;
    if (ok) {
        mode_t mask = umask(0);
        umask(mask);
        ok = fchmod(fd, exists ? st.st_mode & 0777 : 0666 & ~mask) == 0 && write_all(fd, data, bytes) &&
             fsync(fd) == 0;
        err = errno;
        if (close(fd) < 0 && ok) {
            ok = false;
            err = errno;
        }
        if (ok && rename(tmp, to) < 0) {
            ok = false;
            err = errno;
        }
        if (!ok)
            unlink(tmp);
    }
    free(tmp);
    free(real);
    return ok || explain(path, err, "write", e);
}

/* The names people type, the file name to look for in directories, and where Debian keeps it. */
static const struct firmware {
    const char *name, *file, *debian, *package;
} firmwares[] = {
    { "default", "fw_dynamic.bin", "/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin", "opensbi" },
    { "opensbi", "fw_dynamic.bin", "/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin", "opensbi" },
    { "opensbi-riscv64-generic-fw_dynamic.bin", "fw_dynamic.bin",
      "/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin", "opensbi" },
    { "fw_dynamic.bin", "fw_dynamic.bin", "/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin", "opensbi" },
    { "fw_jump.bin", "fw_jump.bin", "/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_jump.bin", "opensbi" },
    { "fw_dynamic.elf", "fw_dynamic.elf", "/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.elf", "opensbi" },
    { "fw_jump.elf", "fw_jump.elf", "/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_jump.elf", "opensbi" },
    { "seabios", "bios-256k.bin", "/usr/share/seabios/bios-256k.bin", "seabios" },
    { "bios-256k.bin", "bios-256k.bin", "/usr/share/seabios/bios-256k.bin", "seabios" },
    { "bios.bin", "bios.bin", "/usr/share/seabios/bios.bin", "seabios" },
    { "vgabios-stdvga.bin", "vgabios-stdvga.bin", "/usr/share/seabios/vgabios-stdvga.bin", "seabios" },
    { "vgabios-isavga.bin", "vgabios-isavga.bin", "/usr/share/seabios/vgabios-isavga.bin", "seabios" },
    { "u-boot", "u-boot.bin", "/usr/lib/u-boot/qemu-riscv64_smode/u-boot.bin", "u-boot-qemu" },
    { "u-boot.bin", "u-boot.bin", "/usr/lib/u-boot/qemu-riscv64_smode/u-boot.bin", "u-boot-qemu" },
};

static bool is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static char *in_directory(const char *dir, size_t len, const char *name, const char *file, struct buf *tried)
{
    const char *names[] = { name, file };
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        if (!names[i] || (i && !strcmp(names[0], names[1])))
            continue;
        char *path = xprintf("%.*s/%s", (int)len, dir, names[i]);
        if (is_file(path))
            return path;
        free(path);
    }
    buf_printf(tried, "%s%.*s", tried->len ? ", " : "", (int)len, dir);
    return NULL;
}

char *host_firmware_find(const char *name, struct err *e)
{
    if (!*name) {
        err_set(e, "the firmware's name is empty; give a file, or default, opensbi or u-boot");
        return NULL;
    }
    if (strchr(name, '/') || is_file(name)) {
        if (is_file(name))
            return xstrdup(name);
        struct stat st;
        int fd = open_plain(name, &st, e);
        if (fd >= 0) {
            close(fd);
            return xstrdup(name);
        }
        return NULL;
    }
    const struct firmware *known = NULL;
    for (unsigned i = 0; i < ARRAY_LEN(firmwares) && !known; i++)
        if (!strcmp(name, firmwares[i].name))
            known = &firmwares[i];
    struct buf tried = { 0 };
    char *found = NULL;
    const char *dirs = getenv("ORRERY_FIRMWARE_PATH");
    while (dirs && *dirs && !found) {
        size_t len = strcspn(dirs, ":");
        if (len)
            found = in_directory(dirs, len, name, known ? known->file : NULL, &tried);
        dirs += len + (dirs[len] == ':');
    }
#ifdef ORRERY_DATADIR
    if (!found)
        found = in_directory(ORRERY_DATADIR, strlen(ORRERY_DATADIR), name, known ? known->file : NULL, &tried);
#endif
    if (!found && known) {
        if (is_file(known->debian))
            found = xstrdup(known->debian);
        else
            buf_printf(&tried, "%s%s", tried.len ? ", " : "", known->debian);
    }
    if (!found && known)
        err_set(e, "firmware \"%s\" was not found (looked in %s); on Debian: apt-get install %s", name,
                buf_cstr(&tried), known->package);
    else if (!found)
        err_set(e, "firmware \"%s\" was not found (looked here and in %s); give a path, or default, opensbi or u-boot",
                name, buf_cstr(&tried));
    buf_free(&tried);
    return found;
}

/* The directory of the running program with `below`; NULL when /proc does not say it. */
static char *beside_program(const char *below)
{
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    char *slash = NULL;
    if (n > 0) {
        path[n] = 0;
        slash = strrchr(path, '/');
    }
    return slash ? xprintf("%.*s/%s", (int)(slash - path), path, below) : NULL;
}

bool host_shipped_load(const char *name, struct buf *out, struct err *e)
{
    struct buf tried = { 0 };
    char *found = NULL, *build = beside_program("debugger");
    const char *dirs = getenv("ORRERY_DATA_PATH");
    while (dirs && *dirs && !found) {
        size_t len = strcspn(dirs, ":");
        if (len)
            found = in_directory(dirs, len, name, NULL, &tried);
        dirs += len + (dirs[len] == ':');
    }
    if (!found && build)
        found = in_directory(build, strlen(build), name, NULL, &tried);
#ifdef ORRERY_DATADIR
    if (!found)
        found = in_directory(ORRERY_DATADIR, strlen(ORRERY_DATADIR), name, NULL, &tried);
#endif
    bool ok = found ? host_file_load(found, out, e)
                    : err_set(e, "%s, which comes with the program, was not found (looked in %s); set ORRERY_DATA_PATH", name,
                              buf_cstr(&tried));
    free(found);
    free(build);
    buf_free(&tried);
    return ok;
}

static void hash_text(XXH128_hash_t h, char out[HOST_HASH_TEXT])
{
    snprintf(out, HOST_HASH_TEXT, "%016llx%016llx", (unsigned long long)h.high64, (unsigned long long)h.low64);
}

void host_bytes_hash(const void *data, size_t n, char out[HOST_HASH_TEXT])
{
    hash_text(XXH3_128bits(data, n), out);
}

bool host_file_hash(const char *path, char out[HOST_HASH_TEXT], struct err *e)
{
    struct stat st;
    int fd = open_plain(path, &st, e);
    if (fd < 0)
        return false;
    XXH3_state_t *state = XXH3_createState();
    u8 *block = xmalloc(1 << 18);
    bool ok = state && XXH3_128bits_reset(state) == XXH_OK;
    if (!ok)
        err_set(e, "%s: no memory to hash it", path);
    while (ok) {
        ssize_t n = read(fd, block, 1 << 18);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            ok = explain(path, errno, "read", e);
        if (n <= 0)
            break;
        XXH3_128bits_update(state, block, (size_t)n);
    }
    if (ok)
        hash_text(XXH3_128bits_digest(state), out);
    free(block);
    XXH3_freeState(state);
    close(fd);
    return ok;
}
