/* `orrery img`, as a user calls it: exit statuses, and images that hold what they should. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/img.h"
#include "host/block/image.h"
#include "tests/unit.h"

static char dir[64];

/* Runs "img ARGS" (split at spaces) in the test's directory; output goes to the file "out" there. */
static int img(const char *args)
{
    char copy[512], *argv[20] = { "img" };
    int argc = 1;
    snprintf(copy, sizeof copy, "%s", args);
    for (char *s = NULL, *w = strtok_r(copy, " ", &s); w; w = strtok_r(NULL, " ", &s))
        argv[argc++] = w;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        int fd = -1;
        if (chdir(dir) == 0)
            fd = open("out", O_WRONLY | O_CREAT | O_TRUNC, 0666);
        dup2(fd, 1);
        dup2(fd, 2);
        int r = img_main(argc, argv);
        fflush(stdout);
        _exit(r);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static bool said(const char *text)
{
    char path[100], buf[8192];
    snprintf(path, sizeof path, "%s/out", dir);
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, buf, sizeof buf - 1);
    close(fd);
    buf[n > 0 ? n : 0] = 0;
    if (!strstr(buf, text))
        printf("\n  expected \"%s\", got: %s\n", text, buf);
    return strstr(buf, text) != NULL;
}

static void put(const char *name, u64 offset, int byte, size_t len)
{
    char path[100];
    static u8 data[1 << 20];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    struct block_port *b = image_open(path, NULL, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    memset(data, byte, len);
    CU_ASSERT_TRUE(b->ops->write(b, offset, data, len, NULL));
    CU_ASSERT_TRUE(image_close(b, NULL));
}

static void test_life(void)
{
    CU_ASSERT_EQUAL(img("create -f qcow2 -o cluster_size=4K,compression_type=zstd a.qcow2 20M"), 0);
    CU_ASSERT_EQUAL(img("create -f qcow2 a.qcow2 20M"), 1); /* it is there */
    CU_ASSERT(said("exists already"));
    put("a.qcow2", 1000000, 5, 1 << 20);
    CU_ASSERT_EQUAL(img("info a.qcow2"), 0);
    CU_ASSERT(said("virtual size: 20 MiB (20971520 bytes)") && said("cluster size: 4 KiB") && said("zstd"));
    CU_ASSERT_EQUAL(img("snapshot -c first a.qcow2"), 0);
    put("a.qcow2", 1500000, 6, 4000);
    CU_ASSERT_EQUAL(img("snapshot -l a.qcow2"), 0);
    CU_ASSERT(said("first"));
    CU_ASSERT_EQUAL(img("convert a.qcow2 a.img"), 0);
    CU_ASSERT_EQUAL(img("compare a.qcow2 a.img"), 0);
    CU_ASSERT_EQUAL(img("convert -O qcow2 -o compat=0.10 a.img b.qcow2"), 0);
    CU_ASSERT_EQUAL(img("compare a.qcow2 b.qcow2"), 0);
    CU_ASSERT_EQUAL(img("convert a.qcow2 a.qcow2"), 1);
    CU_ASSERT(said("same file"));
    CU_ASSERT_EQUAL(img("snapshot -a first a.qcow2"), 0);
    CU_ASSERT_EQUAL(img("compare a.qcow2 b.qcow2"), 1);
    CU_ASSERT(said("differ first at byte 1500000: 0x05 and 0x06"));
    CU_ASSERT_EQUAL(img("snapshot -d first a.qcow2"), 0);
    CU_ASSERT_EQUAL(img("snapshot -a first a.qcow2"), 1);
    CU_ASSERT(said("no snapshot \"first\""));
    CU_ASSERT_EQUAL(img("check a.qcow2"), 0);
    CU_ASSERT_EQUAL(img("create -f qcow2 -b a.qcow2 -F qcow2 top.qcow2"), 0);
    CU_ASSERT_EQUAL(img("compare a.qcow2 top.qcow2"), 0);
    CU_ASSERT_EQUAL(img("map top.qcow2"), 0);
    CU_ASSERT(said("data             1"));
    CU_ASSERT_EQUAL(img("resize a.qcow2 +5M"), 0);
    CU_ASSERT_EQUAL(img("resize a.qcow2 1M"), 1);
    CU_ASSERT(said("--shrink"));
    CU_ASSERT_EQUAL(img("resize --shrink a.qcow2 -24M"), 0);
    CU_ASSERT(said("1 MiB"));
    CU_ASSERT_EQUAL(img("check a.qcow2"), 0);
}

static void test_damage(void)
{
    CU_ASSERT_EQUAL(img("create -f qcow2 d.qcow2 2M"), 0);
    put("d.qcow2", 0, 1, 300000);
    char path[100];
    snprintf(path, sizeof path, "%s/d.qcow2", dir);
    int fd = open(path, O_RDWR);
    CU_ASSERT_EQUAL(pwrite(fd, "\0\7", 2, 0x20000 + 2 * 60), 2); /* a free cluster that counts as used */
    CU_ASSERT_EQUAL(img("check d.qcow2"), 3);
    CU_ASSERT(said("leak: cluster 60"));
    CU_ASSERT_EQUAL(pwrite(fd, "\0\0", 2, 0x20000 + 2 * 5), 2); /* a used one that counts as free */
    CU_ASSERT_EQUAL(img("check d.qcow2"), 2);
    CU_ASSERT_EQUAL(img("check -r leaks d.qcow2"), 2);
    CU_ASSERT_EQUAL(img("check -r all d.qcow2"), 0);
    CU_ASSERT_EQUAL(img("check d.qcow2"), 0);
    CU_ASSERT(said("no errors"));
    close(fd);
}

static void test_usage(void)
{
    static const char *const commands[] = { "create",   "info",    "check",  "convert",
                                            "snapshot", "compare", "resize", "map" };
    char line[100];
    for (unsigned i = 0; i < ARRAY_LEN(commands); i++) {
        snprintf(line, sizeof line, "%s --help", commands[i]);
        CU_ASSERT_EQUAL(img(line), 0);
        CU_ASSERT(said("Example"));
        CU_ASSERT_EQUAL(img(commands[i]), 2);
        snprintf(line, sizeof line, "%s -Z x y", commands[i]);
        CU_ASSERT_EQUAL(img(line), 2);
    }
    CU_ASSERT_EQUAL(img(""), 2);
    CU_ASSERT_EQUAL(img("--help"), 0);
    CU_ASSERT_EQUAL(img("chek d.qcow2"), 2);
    CU_ASSERT(said("did you mean check?"));
    CU_ASSERT_EQUAL(img("create -f qcow2 -o cluster_sise=4K n.qcow2 1M"), 1);
    CU_ASSERT(said("did you mean cluster_size?"));
    CU_ASSERT_EQUAL(img("create -f qcow2 n.qcow2"), 1);
    CU_ASSERT_EQUAL(img("create -f qcow2 n.qcow2 1X"), 1);
    CU_ASSERT_EQUAL(img("create -f qcow2 n.qcow2 99999999P"), 1);
    CU_ASSERT_EQUAL(img("info nothing.qcow2"), 1);
    CU_ASSERT_EQUAL(img("compare nothing.qcow2 n.qcow2"), 2);
}

int main(void)
{
    snprintf(dir, sizeof dir, "/tmp/orrery-img-XXXXXX");
    if (!mkdtemp(dir))
        return 99;
    CU_TestInfo tests[] = {
        { "an image's life", test_life },
        { "damage", test_damage },
        { "usage", test_usage },
        CU_TEST_INFO_NULL,
    };
    int r = unit_main("block_img", tests);
    char cmd[100];
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    return system(cmd) == 0 ? r : 99;
}
