/* A broken kernel on KVM without a machine around it: RAM, the state that a multiboot loader leaves (or a BIOS, for a boot
 * sector), port 0xe9. Firmware takes kvm_pvm seconds; the kernels alone take it milliseconds.
 *
 *     kvm KERNEL.elf | kvm -boot SECTOR.img
 *
 * Prints what the guest said and how it ended: "halted", "shut down", "at it" (after a second of processor time), or "cannot:"
 * with what KVM exits with. Status 77 without KVM; ORRERY_KVM names another device. */
#if defined(__x86_64__) && defined(__linux__)
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

enum { RAM = 64 << 20, SAID = 4096 };

static void on_time(int signal) {}

static void fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

/* The whole file; its entry, or where a boot sector begins. */
static unsigned long load(const char *path, int boot, unsigned char *ram)
{
    static const char wrong[] = "not an ELF of 32 or 64 bits that fits";
    FILE *f = fopen(path, "rb");
    unsigned char *data = malloc(RAM);
    if (!f || !data)
        fail(path);
    size_t size = fread(data, 1, RAM, f);
    fclose(f);
    unsigned long entry = 0x7c00;
    if (boot) {
        memcpy(ram + entry, data, size < 512 ? size : 512);
    } else if (size < sizeof(Elf64_Ehdr) || memcmp(data, ELFMAG, SELFMAG)) {
        fprintf(stderr, "%s: %s\n", path, wrong);
        exit(1);
    } else {
        int wide = data[EI_CLASS] == ELFCLASS64;
        Elf64_Ehdr h;
        Elf32_Ehdr h32;
        memcpy(&h, data, sizeof h);
        memcpy(&h32, data, sizeof h32);
        entry = wide ? h.e_entry : h32.e_entry;
        unsigned n = wide ? h.e_phnum : h32.e_phnum;
        unsigned long at = wide ? h.e_phoff : h32.e_phoff, each = wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
        for (unsigned k = 0; k < n && at + (k + 1) * each <= size; k++) {
            Elf64_Phdr p;
            Elf32_Phdr q;
            memcpy(wide ? (void *)&p : (void *)&q, data + at + k * each, each);
            unsigned long from = wide ? p.p_offset : q.p_offset, to = wide ? p.p_paddr : q.p_paddr;
            unsigned long bytes = wide ? p.p_filesz : q.p_filesz;
            if ((wide ? p.p_type : q.p_type) != PT_LOAD)
                continue;
            if (from > size || bytes > size - from || to > RAM || bytes > RAM - to) {
                fprintf(stderr, "%s: %s\n", path, wrong);
                exit(1);
            }
            memcpy(ram + to, data + from, bytes);
        }
    }
    free(data);
    return entry;
}

static void set_state(int cpu, unsigned long entry, int boot)
{
    struct kvm_sregs s;
    struct kvm_regs r = { .rip = entry, .rsp = 0x7c00, .rflags = 2, .rax = 0x2badb002 };
    if (ioctl(cpu, KVM_GET_SREGS, &s) < 0)
        fail("KVM_GET_SREGS");
    if (boot) {
        s.cs.base = s.cs.selector = 0;
        s.idt.base = 0;
        s.idt.limit = 0x3ff;
    } else {
        struct kvm_segment flat = { .limit = 0xffffffff, .selector = 0x10, .type = 3, .present = 1, .db = 1, .s = 1, .g = 1 };
        s.ds = s.es = s.fs = s.gs = s.ss = flat;
        flat.selector = 8;
        flat.type = 11;
        s.cs = flat;
        s.idt.limit = 0;
        s.cr0 |= 1;
    }
    if (ioctl(cpu, KVM_SET_SREGS, &s) < 0 || ioctl(cpu, KVM_SET_REGS, &r) < 0)
        fail("the state");
}

int main(int argc, char **argv)
{
    int boot = argc == 3 && !strcmp(argv[1], "-boot");
    if (argc != 2 + boot) {
        fprintf(stderr, "kvm KERNEL.elf | kvm -boot SECTOR.img\n");
        return 2;
    }
    const char *path = getenv("ORRERY_KVM") ? getenv("ORRERY_KVM") : "/dev/kvm";
    int kvm = open(path, O_RDWR | O_CLOEXEC), vm = kvm < 0 ? -1 : ioctl(kvm, KVM_CREATE_VM, 0);
    if (vm < 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return 77;
    }
    unsigned char *ram = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct kvm_userspace_memory_region m = { .memory_size = RAM, .userspace_addr = (unsigned long)ram };
    ioctl(vm, KVM_SET_TSS_ADDR, 0xfffbd000ul);
    struct kvm_cpuid2 *id = calloc(1, sizeof *id + 256 * sizeof id->entries[0]);
    if (ram == MAP_FAILED || !id || ioctl(vm, KVM_SET_USER_MEMORY_REGION, &m) < 0)
        fail("RAM");
    int cpu = ioctl(vm, KVM_CREATE_VCPU, 0), size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    id->nent = 256;
    if (cpu < 0 || ioctl(kvm, KVM_GET_SUPPORTED_CPUID, id) < 0 || ioctl(cpu, KVM_SET_CPUID2, id) < 0)
        fail("the processor");
    free(id);
    struct kvm_run *run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
    if (run == MAP_FAILED)
        fail("KVM_RUN");
    set_state(cpu, load(argv[1 + boot], boot, ram), boot);

    struct sigaction a = { .sa_handler = on_time };
    struct itimerval second = { .it_value = { 1, 0 } };
    sigaction(SIGPROF, &a, NULL);
    setitimer(ITIMER_PROF, &second, NULL);
    char said[SAID + 1] = "";
    size_t n = 0;
    const char *end = NULL;
    while (!end) {
        if (ioctl(cpu, KVM_RUN, 0) < 0)
            end = errno == EINTR ? "at it" : "cannot: KVM_RUN fails";
        else if (run->exit_reason == KVM_EXIT_HLT)
            end = "halted";
        else if (run->exit_reason == KVM_EXIT_SHUTDOWN)
            end = "shut down";
        else if (run->exit_reason == KVM_EXIT_INTERNAL_ERROR)
            end = "cannot: an instruction that KVM does not emulate";
        else if (run->exit_reason != KVM_EXIT_IO)
            end = "cannot: an access to no memory";
        else if (run->io.direction == KVM_EXIT_IO_IN)
            memset((char *)run + run->io.data_offset, 0xff, (size_t)run->io.size * run->io.count);
        else if (run->io.port == 0xe9)
            for (unsigned k = 0; k < run->io.count && n < SAID; k++)
                said[n++] = ((char *)run)[run->io.data_offset + k * run->io.size];
    }
    printf("%s\n%s\n", said, end);
    return 0;
}
#else
int main(void) { return 77; } /* no KVM of x86 */
#endif
