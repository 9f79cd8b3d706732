/* What an oracle loads before an instruction and looks at after it: the user-mode state of an x86-64 processor and the
 * memory the instruction may touch. The same addresses on the host and in the guest. */
#ifndef TESTS_ISA_X86_STATE_H
#define TESTS_ISA_X86_STATE_H

#include "cpu/x86/x86.h"

enum {
    CODE_AT = 0x10000000, CODE_BYTES = 0x1000,  /* the pages around are not mapped */
    DATA_AT = 0x20000000, DATA_BYTES = 0x2000,
    PATCH_BYTES = 256, MAX_CHANGES = 512,
};

/* Segments of the LDT, which both sides have: index in the LDT by name. The GDT has Linux's selectors. */
enum { L_DATA32, L_CODE32, L_CODE16, L_DATA16, L_SMALL, L_DOWN, L_READ_ONLY, L_ABSENT, L_EXEC_ONLY, L_CODE_SHORT, L_DOWN16,
       L_ENTRIES };
#define LDT_SELECTOR(n) ((n) << 3 | 7)
enum { USER_CS32 = 0x23, USER_DS = 0x2b, USER_CS64 = 0x33 };
struct user_segment {
    u32 base, limit; /* limit as in the descriptor */
    u8 contents;     /* type bits 3 and 2: data, expand-down data, code, conforming code */
    bool big, pages, read_only /* data; code: not readable */, absent;
};
extern const struct user_segment user_ldt[L_ENTRIES];
u64 user_descriptor(const struct user_segment *s); /* as Linux makes it */
u64 user_segment_base(u16 selector);

struct user_state {
    u64 r[16], rip, rflags, fs_base, gs_base;
    u16 seg[6];
    struct x86_fpu fpu; /* fcs, fds: not looked at */
    u32 mxcsr;
    union x86_vec v[16];
};

struct user_shot {
    struct user_state in, out;
    u8 bytes[16];
    u8 bits; /* 16, 32, 64: what CS says */
    u8 length; /* of the instruction; only native_run_at_speed() wants to know */
    u8 patch[PATCH_BYTES]; /* over the pattern of the data, at */
    u16 patch_at;
    u16 op;
    bool done;
    /* What happened: vector of the exception; EXC_DB: none (the single-step trap behind the instruction). */
    u8 vector;
    u32 error;
    u64 cr2;
    /* Quadwords of the data that changed. */
    u16 n_changes;
    struct {
        u16 at;
        u64 value;
    } change[MAX_CHANGES];
};

/* The pattern every shot starts from. */
void user_pattern(u8 data[DATA_BYTES]);
void user_shot_changes(struct user_shot *s, const u8 before[DATA_BYTES], const u8 after[DATA_BYTES]);

/* Runs shots natively in child processes; false when this host cannot, with the reason. The shots must come from
 * user_shots_new(): memory that is shared with the children. */
struct user_shot *user_shots_new(size_t n);
bool native_supported(const char **why);
bool native_run(struct user_shot *shots, size_t n, const char **why);
/* The same without a single-step trap for each: the instruction is called, with a jump behind it. Only 64-bit mode, and only
 * instructions that go on to the next one or raise an exception. A hundred times faster. */
bool native_run_at_speed(struct user_shot *shots, size_t n, const char **why);

/* The same on our processor. */
struct guest;
struct guest *guest_new(const char *model);
void guest_free(struct guest *g);
void guest_run(struct guest *g, struct user_shot *s);
const struct x86_decoder *guest_decoder(const struct guest *g);
struct x86 *guest_cpu(const struct guest *g);

#endif
