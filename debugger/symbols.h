/* What a program's files say of its addresses: ELF symbols, DWARF 4 and 5 line tables, scopes and unwind rules,
 * read by libelf and libdw from bytes in memory; lists of names (System.map, nm, /proc/kallsyms: symbols_text.c); what a
 * Linux kernel carries with it (linux.c). Nothing here opens a file, and nothing in a file is trusted: chains are
 * followed a bounded number of steps, whatever does not fit is "not known".
 *
 * A file belongs to every address space, or to one process: then it is seen while that process runs (`hidden` says so),
 * and before the others.
 *
 * Addresses are the guest's virtual ones. Files of class ELF32 know 32 bits of an address; lookups mask it. */
#ifndef DEBUGGER_SYMBOLS_H
#define DEBUGGER_SYMBOLS_H

#include <elfutils/libdw.h>
#include <libelf.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/types.h"

enum symbol_kind {
    SYM_FUNC, SYM_OBJECT, SYM_LABEL,
    SYM_OFFSET, /* of a per-CPU variable of Linux: an address in no address space, known by name only */
};

struct symbol {
    const char *name;
    const char *module; /* of the kernel's; NULL: none */
    u64 addr, size; /* size 0: not known, reaches to the next one */
    u8 kind;
    bool global;
};

struct symfile;
struct type;
struct btf;

/* One row of the index of everything named at file level in DWARF. */
struct dwarf_name {
    const char *name;
    Dwarf_Die die;
    struct symfile *file;
};

struct cu_range {
    u64 low, high; /* high exclusive */
    Dwarf_Die cu;
};

struct symfile {
    struct symbols *owner;
    const char *name;
    const char *process; /* that it belongs to, as commands name one; NULL: every address space */
    bool hidden;         /* of a process that does not run */
    bool kernel;         /* made by linux.c */
    u8 *bytes;
    size_t size;
    struct btf *btf;     /* NULL: no BTF */
    Elf *elf;            /* NULL: a list of names */
    Dwarf *dwarf; /* NULL: no debug information */
    Dwarf_CFI *debug_frame, *eh_frame;
    u64 bias, mask, entry;
    unsigned addr_size; /* 4 or 8 */
    Dwarf_Die *cus;
    size_t n_cus;
    struct cu_range *ranges; /* sorted by low */
    size_t n_ranges;
    struct symbol *by_addr; /* sorted by address, functions before others at the same one */
    size_t n_symbols, cap_symbols;
    struct dwarf_name *names; /* sorted by name; built at the first question */
    size_t n_names;
    bool names_built;
    struct symfile *next;
};

struct symbols {
    struct arena *arena;
    unsigned version; /* changes with every file that comes or goes */
    struct symfile *files;
    struct type *types;      /* made by expressions: types.c */
    struct type **type_hash; /* those of files, by where they are described */
    /* Gives the text of a source file; false: cannot be read. NULL: no sources. */
    bool (*read_file)(void *opaque, const char *path, struct buf *out);
    void *read_opaque;
    char *directories[16]; /* searched before the recorded path; malloc'd */
    unsigned n_directories;
    struct source_text *sources;
};

struct symbols *symbols_new(void);
void symbols_free(struct symbols *s);

/* Where a file lies in the guest. */
struct symbols_where {
    const char *process; /* NULL: every address space */
    u64 bias;            /* added to every address of the file */
    const struct section_place {
        char name[64];
        u64 addr;
    } *sections; /* of a relocatable file (a kernel module); what is not placed is not there */
    size_t n_sections;
};
/* Takes a copy of the bytes: of an ELF file, or of a list of names. NULL with a sentence. */
struct symfile *symbols_add_file(struct symbols *s, const char *name, const u8 *data, size_t size,
                                 const struct symbols_where *where, struct err *e);
/* The same for every address space. */
bool symbols_add(struct symbols *s, const char *name, const u8 *data, size_t size, u64 bias, struct err *e);
/* Forgets one file, or every one; types and expressions made from any are gone too. */
void symbols_remove(struct symbols *s, struct symfile *f);
void symbols_clear(struct symbols *s);
/* Shows the files of processes for which running() says yes, and those of every address space. */
void symbols_show(struct symbols *s, bool (*running)(void *opaque, const char *process), void *opaque);

/* f, or the first one behind it that is seen. */
static inline struct symfile *symfile_seen(struct symfile *f)
{
    while (f && f->hidden)
        f = f->next;
    return f;
}

/* The symbol an address belongs to; *offset from its start. NULL: none. */
const struct symbol *symbols_at(const struct symbols *s, u64 addr, u64 *offset);
const struct symbol *symbols_named(const struct symbols *s, const char *name);
/* "main+0x12" or "" when not known. */
void symbols_format(const struct symbols *s, u64 addr, char *out, size_t cap);
/* Calls each for every symbol until it returns false. */
void symbols_each(const struct symbols *s, bool (*each)(void *opaque, const struct symbol *sym), void *opaque);

/* The file whose code, data or units hold the address. */
struct symfile *symbols_file_at(const struct symbols *s, u64 addr);
bool symbols_cu_at(const struct symbols *s, u64 addr, Dwarf_Die *cu, struct symfile **file);

/* --- For those who read files: symbols.c, symbols_text.c, relocatable.c ------------------------------------------- */

struct symfile *symfile_new(struct symbols *s, const char *name, u64 bias);
/* Adds a row; the strings must live as long as the file (its arena is s->arena). */
struct symbol *symfile_row(struct symfile *f);
void symfile_done(struct symfile *f, const char *process); /* sorts it and puts it among the others */
void symfile_free(struct symfile *f);
/* Sizes of rows that say none: up to the next one. After symfile_done(). */
void symfile_sizes(struct symfile *f);
enum symbol_kind symbol_kind_of_letter(char letter); /* nm's */
bool symbols_is_text(const u8 *data, size_t size); /* lines of address, letter, name? */
struct symfile *symbols_read_text(struct symbols *s, const char *name, const u8 *data, size_t size,
                                  const struct symbols_where *where, struct err *e);
/* Places the sections of an ET_REL file and relocates what describes it, in the bytes. */
bool relocatable_place(struct symfile *f, const struct symbols_where *where, struct err *e);

/* --- Lines: lines.c ------------------------------------------------------------------------------------------ */

struct source_pos {
    const char *file; /* as recorded: owned by the symbols */
    const char *dir;  /* that of the compilation, where `file` is relative to; NULL: not recorded */
    int line, column;
    u64 low, high;    /* the addresses of this row; high is where the next row begins */
    bool at_start;    /* a statement's row begins exactly at the address asked for */
    bool at_row;      /* a row does, be it a statement's or not */
};

bool symbols_line_at(const struct symbols *s, u64 addr, struct source_pos *out);
/* Where code of that line begins: one address for each block of it that is a statement. When no code belongs to the
 * line, the next one that has code is taken and told in *found. Returns how many (at most cap). */
size_t symbols_line_addrs(const struct symbols *s, const char *file, int line, int *found, u64 *out, size_t cap);
/* Every row that begins a statement, with where the next row begins. */
void symbols_each_line(const struct symbols *s, void (*each)(void *opaque, const struct source_pos *row), void *opaque);
/* The function's bounds and the address behind its prologue. */
bool symbols_function_at(const struct symbols *s, u64 addr, u64 *low, u64 *high, const char **name);
u64 symbols_after_prologue(const struct symbols *s, u64 function);
/* Calls each with every source file of a line table. */
void symbols_each_source(const struct symbols *s, void (*each)(void *opaque, const char *path), void *opaque);

/* One line of source text; NULL when there is none. Searched: directories/path, directories/basename, path. */
const char *symbols_source_line(struct symbols *s, const char *file, int line, size_t *len);
int symbols_source_lines(struct symbols *s, const char *file); /* how many; 0: no text */
bool symbols_directory(struct symbols *s, const char *dir, struct err *e); /* NULL: forget all */

/* --- Scopes and names: scopes.c --------------------------------------------------------------------------------- */

#define SCOPE_DEPTH 64
/* The DIEs around pc, innermost first, the unit last. Returns how many. */
unsigned symbols_scopes(const struct symbols *s, u64 pc, Dwarf_Die out[SCOPE_DEPTH], struct symfile **file);
/* A variable, parameter or enumerator visible at pc in scopes[from..n), or at file level anywhere. */
bool symbols_variable(struct symbols *s, const Dwarf_Die *scopes, unsigned n, const char *name, Dwarf_Die *out,
                      struct symfile **file);
/* A type by tag (0: typedef or base type) and name. */
bool symbols_type_named(struct symbols *s, unsigned tag, const char *name, Dwarf_Die *out, struct symfile **file);
bool symbols_function_named(struct symbols *s, const char *name, Dwarf_Die *out, struct symfile **file);
const struct dwarf_name *symbols_names(struct symfile *f, size_t *n);

/* --- Layouts, for profiles of operating systems: layout.c --------------------------------------------------------- */

/* Where a member lies in a struct, union or typedef: ("task_struct", "comm"), ("proc", "context.sp"), ("rq", "a[3].b").
 * Bytes from the struct's start and its size; a bit field gives the bytes that hold it. From DWARF or BTF. */
bool symbols_member(struct symbols *s, const char *structure, const char *path, u64 *offset, u64 *size, struct err *e);
/* 0 with a sentence when it is not known. */
u64 symbols_struct_size(struct symbols *s, const char *structure, struct err *e);

#endif
