/* What a program's files say of its addresses: ELF symbols, DWARF 4 and 5 line tables, scopes and unwind rules,
 * read by libelf and libdw from bytes in memory. Nothing here opens a file, and nothing in a file is trusted:
 * chains are followed a bounded number of steps, whatever does not fit is "not known".
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

enum symbol_kind { SYM_FUNC, SYM_OBJECT, SYM_LABEL };

struct symbol {
    const char *name;
    u64 addr, size; /* size 0: not known, reaches to the next one */
    u8 kind;
    bool global;
};

struct symfile;
struct type;

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
    u8 *bytes;
    size_t size;
    Elf *elf;
    Dwarf *dwarf; /* NULL: no debug information */
    Dwarf_CFI *debug_frame, *eh_frame;
    u64 bias, mask, entry;
    unsigned addr_size; /* 4 or 8 */
    Dwarf_Die *cus;
    size_t n_cus;
    struct cu_range *ranges; /* sorted by low */
    size_t n_ranges;
    struct symbol *by_addr; /* sorted by address, functions before others at the same one */
    size_t n_symbols;
    struct dwarf_name *names; /* sorted by name; built at the first question */
    size_t n_names;
    bool names_built;
    struct symfile *next;
};

struct symbols {
    struct arena *arena;
    struct symfile *files;
    struct type *types;      /* every type made so far: types.c */
    struct type **type_hash; /* by DIE address */
    /* Gives the text of a source file; false: cannot be read. NULL: no sources. */
    bool (*read_file)(void *opaque, const char *path, struct buf *out);
    void *read_opaque;
    char *directories[16]; /* searched before the recorded path; malloc'd */
    unsigned n_directories;
    struct source_text *sources;
};

struct symbols *symbols_new(void);
void symbols_free(struct symbols *s);

/* Takes a copy of the bytes. `bias` is added to every address of the file. */
bool symbols_add(struct symbols *s, const char *name, const u8 *data, size_t size, u64 bias, struct err *e);
/* Forgets every file; types and expressions made from them are gone too. */
void symbols_clear(struct symbols *s);

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

/* --- Lines: lines.c ------------------------------------------------------------------------------------------ */

struct source_pos {
    const char *file; /* as recorded: owned by the symbols */
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
void symbols_each_line(const struct symbols *s, void (*each)(void *opaque, const char *file, int line, u64 low, u64 high),
                       void *opaque);
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
