/* Command lines nobody would type: options in any order with values of others, cut, doubled, far too long, of any
 * bytes. The parser answers run, done or bad; it touches nothing outside. */
#include "cli/options.h"
#include "tests/fuzz/cases.h"

static const char *const words[] = {
    "-machine", "-M", "-cpu", "-smp", "-m", "-bios", "-kernel", "-initrd", "-append", "-dtb", "-drive", "-device",
    "-netdev", "-chardev", "-object", "-serial", "-monitor", "-global", "-nographic", "-display", "-nodefaults",
    "-snapshot", "-S", "-s", "-gdb", "-no-reboot", "-no-shutdown", "-semihosting", "-semihosting-config", "-d", "-D",
    "-pidfile", "-rtc", "-icount", "-accel", "-record", "-load", "-save", "-trace", "-state-hash", "-hash-every",
    "-stop-at", "-max-instructions", "-ex", "-x", "-batch", "-quantum", "-seed", "-timing", "-pace", "-net", "-nic",
    "-vga", "-usb", "-hda", "-disk", "-help", "-h", "-version", "--help", "-k", "-name", "-uuid", "-boot", "-qmp",
    "-mon", "-audiodev", "-fsdev", "-loadvm", "--", "-", "---", "--cpu=rv64", "--m=128M", "--kernel=", "kernel.elf",
    "", "-singlestep", "-no-acpi", "-enable-kvm", "-parallel", "-daemonize",
};
static const char *const values[] = {
    "virt", "virt,aclint=on", "bare-rv32", "virt,dumpdtb=x.dtb", "virt,quantum=100", "virt,,", ",", "=", "a=b,c",
    "a=b,c=d,e=", "rv64", "rv64,zba=off,sv48=on", "rv32,pmp=64", "max", "sifive-u54", "rv64,", "rv64,=", "4",
    "4,cores=2,threads=2", "cpus=3", "sockets=99999999999999999999", "0", "-1", "128M", "2G", "16E",
    "99999999999999999999T", "0x10", "1e9", "512k", "size=1G,slots=2", "file=a.qcow2,if=virtio,id=hd0",
    "if=pflash,unit=1,format=raw,file=b", "file=a,,b", "virtio-blk-device,drive=hd0",
    "virtio-net-device,netdev=n0,mac=52:54:00:12:34:56", "loader,file=x,addr=0x80000000,cpu-num=0,force-raw=on",
    "loader,addr=1,data=2,data-len=99", "user,id=n0,hostfwd=tcp::2222-:22", "stdio", "mon:stdio", "none", "null",
    "pty", "file:x", "tcp::1234,server,nowait", "unix:/x,server=on", "telnet:localhost:1,server",
    "stdio,id=c0,mux=on,signal=off", "rng-random,id=r0", "virtio-mmio.force-legacy=false", "virtio-mmio", ".=", "a.b",
    "base=2026-01-01T00:00:00,clock=vm", "base=utc", "base=localtime", "base=9999999999999-13-45", "base=",
    "shift=auto", "help", "?", "in_asm,int,cpu", "instructions:x", "spike:t.log", "cycles:y", "nothing:z", ":",
    "enable=on,target=native,arg=a", "interp", "tcg,thread=multi", "kvm", "picorv32", "ibex", "realtime", "none",
    "real", "%s%n%s%n%d", "\xff\xfe", "console=ttyS0 root=/dev/vda", "18446744073709551615", "18446744073709551616",
    "=,=,=,=,", "driver=virtio-rng-device,bus=virtio-mmio-bus.0", "once,twice,once", "id=", "on", "off",
};

static char *copy_of(const char *s)
{
    return strcpy(malloc(strlen(s) + 1), s); /* its exact size, for the sanitizers */
}

static char *word(u64 *rng)
{
    const char *s = one_in(rng, 2) ? words[any(rng, ARRAY_LEN(words))] : values[any(rng, ARRAY_LEN(values))];
    char *w = copy_of(s);
    if (one_in(rng, 4) && *w)
        for (u64 k = 1 + any(rng, 3); k; k--)
            w[any(rng, strlen(s))] = (char)(1 + any(rng, 255));
    if (one_in(rng, 20)) { /* two in one, with something between */
        static const char *const between[] = { ",", "=", ",,", ".", ":", "", "-", " " };
        const char *t = values[any(rng, ARRAY_LEN(values))];
        char *both = malloc(strlen(w) + strlen(t) + 3);
        sprintf(both, "%s%s%s", w, between[any(rng, ARRAY_LEN(between))], t);
        free(w);
        w = copy_of(both);
        free(both);
    }
    if (one_in(rng, 60)) { /* very long */
        size_t n = 1 + any(rng, 70000), len = strlen(w);
        char *big = malloc(n + 1);
        for (size_t i = 0; i < n; i++)
            big[i] = len ? w[i % len] : ',';
        big[n] = 0;
        free(w);
        w = big;
    }
    return w;
}

static void run_case(u64 number)
{
    u64 rng = number;
    for (unsigned round = 0; round < 50; round++) {
        int argc = 1 + (int)any(&rng, one_in(&rng, 10) ? 200 : 8);
        char **argv = malloc(((size_t)argc + 1) * sizeof *argv);
        argv[0] = copy_of("orrery");
        argv[argc] = NULL;
        bool repeat = one_in(&rng, 10);
        for (int i = 1; i < argc; i++) {
            argv[i] = repeat && i > 2 ? copy_of(argv[i - 2]) : word(&rng);
            if (!repeat && i + 1 < argc && one_in(&rng, 3)) { /* an option with a value */
                free(argv[i]);
                argv[i++] = copy_of(words[any(&rng, ARRAY_LEN(words))]);
                argv[i] = one_in(&rng, 4) ? word(&rng) : copy_of(values[any(&rng, ARRAY_LEN(values))]);
            }
        }
        struct options o = { .arena = arena_new(), .program = "orrery", .xlen = one_in(&rng, 2) ? 32 : 64,
                             .usage_status = 2 };
        switch (options_parse(&o, argc, argv)) {
        case OPTIONS_RUN:
            if (!o.machine_props || o.cpus < 1 || o.cpus > 8 || (o.xlen != 32 && o.xlen != 64))
                wrong("accepted, but not a machine");
            break;
        case OPTIONS_DONE:
        case OPTIONS_BAD: break;
        default: wrong("no answer");
        }
        arena_free(o.arena);
        for (int i = 0; i < argc; i++)
            free(argv[i]);
        free(argv);
    }
}

/* In the child only. Sanitizers write to file descriptor 2 and are still heard. */
static void silence(void)
{
    FILE *quiet = fopen("/dev/null", "w");
    if (!quiet || !freopen("/dev/null", "w", stdout))
        exit(99);
    stderr = quiet;
}

static void case_in_silence(u64 number)
{
    static bool silent;
    if (!silent)
        silence();
    silent = true;
    run_case(number);
}

int main(int argc, char **argv)
{
    return cases_main("options_fuzz", argc, argv, case_in_silence);
}
