/* The command table: one row declares a command. */
#ifndef DEBUGGER_COMMANDS_H
#define DEBUGGER_COMMANDS_H

#include "debugger/debugger.h"

/* What follows the command's name: checked before the handler runs, and what Tab offers. */
enum argument {
    ARG_NONE,     /* nothing may follow */
    ARG_TEXT,
    ARG_EXPR,     /* an expression: symbols, locals, $registers */
    ARG_LOCATION, /* a place: functions, files */
    ARG_STOP,     /* a kind of stop point and what follows it, or a place */
    ARG_POINTS,   /* numbers of stop points */
    ARG_FILE,
    ARG_COMMAND,
    ARG_DEVICE,
    ARG_REGISTER, /* names of registers, without $ */
    ARG_TYPE,
    ARG_SUB,      /* a word of `sub`, then what that row says */
};

struct command { /* lists end with a NULL name */
    const char *name;
    const char *aliases; /* "b br brea", or NULL */
    bool (*run)(struct debugger *d, const char *args, struct err *e);
    enum argument arg;
    bool required; /* something must follow */
    bool repeats;  /* an empty line does it again */
    const char *usage; /* of what follows: "[N]", "LOCATION [hart N] [if EXPR]" */
    const char *help;
    const struct command *sub;
};

extern const struct command debugger_commands[];
extern const struct command info_commands[], set_commands[], show_commands[], symbols_commands[];

/* Finds by name, alias or unique prefix. NULL: the error lists candidates or the nearest name. `what` is "" or
 * "info ". */
const struct command *command_find(const struct command *table, const char *word, const char *what, struct err *e);

/* Only by its whole name or alias; NULL: there is none. */
const struct command *command_exact(const struct command *table, const char *word);

/* Words that could stand at line[point], sorted, malloc'd with a NULL at the end; *start is where the word begins.
 * *files is set when names of host files belong there. */
char **debugger_complete(struct debugger *d, const char *line, size_t point, size_t *start, bool *files);

/* Helpers of the handlers. */
bool parse_count(struct debugger *d, const char *args, u64 fallback, u64 *out, struct err *e);
const char *skip_space(const char *s);
/* Takes the first word off *args into out; false when there is none. */
bool take_word(const char **args, char *out, size_t cap);
/* "/4xg": count, letter and size; *args is moved behind it. */
struct slash_format {
    u64 count;
    char letter; /* 0: not said */
    unsigned size; /* 0: not said */
    bool has_count;
};
bool take_format(const char **args, struct slash_format *f, struct err *e);

/* The handlers, by the file they are in. */
#define HANDLER(name) bool name(struct debugger *d, const char *args, struct err *e)
/* cmd_run.c */
HANDLER(cmd_continue); HANDLER(cmd_step); HANDLER(cmd_next); HANDLER(cmd_stepi); HANDLER(cmd_nexti);
HANDLER(cmd_finish);
HANDLER(cmd_until); HANDLER(cmd_advance); HANDLER(cmd_run_until); HANDLER(cmd_thread); HANDLER(cmd_position);
HANDLER(cmd_hash); HANDLER(cmd_save); HANDLER(cmd_load); HANDLER(cmd_echo); HANDLER(cmd_source); HANDLER(cmd_lua); HANDLER(cmd_help);
HANDLER(cmd_quit); HANDLER(cmd_jump);
/* cmd_symbols.c */
HANDLER(cmd_symbol_file); HANDLER(cmd_add_symbol_file); HANDLER(cmd_directory); HANDLER(symbols_add_command);
HANDLER(symbols_list); HANDLER(symbols_remove_command); HANDLER(symbols_kernel); HANDLER(info_types);
HANDLER(info_variables); HANDLER(info_functions); HANDLER(info_symbol);
/* cmd_back.c */
HANDLER(cmd_reverse_stepi); HANDLER(cmd_reverse_nexti); HANDLER(cmd_reverse_step); HANDLER(cmd_reverse_next);
HANDLER(cmd_reverse_finish); HANDLER(cmd_reverse_continue); HANDLER(cmd_last_write); HANDLER(cmd_goto);
HANDLER(cmd_tui); HANDLER(cmd_bookmark); HANDLER(cmd_undo); HANDLER(info_timeline);
void undo_note(struct debugger *d, u64 position); /* a command that began there is over */
/* cmd_trail.c */
HANDLER(info_trail); HANDLER(info_heat);
/* cmd_stop.c */
struct stop_point *stop_until(struct debugger *d, const char *args, struct err *e); /* of `run-until`; NULL: err */
HANDLER(cmd_trace); HANDLER(cmd_log);
HANDLER(cmd_break); HANDLER(cmd_tbreak); HANDLER(cmd_watch); HANDLER(cmd_rwatch); HANDLER(cmd_awatch);
HANDLER(cmd_delete); HANDLER(cmd_clear); HANDLER(cmd_enable); HANDLER(cmd_disable); HANDLER(cmd_condition);
HANDLER(cmd_ignore); HANDLER(cmd_commands); HANDLER(info_breakpoints);
/* cmd_stack.c */
HANDLER(cmd_backtrace); HANDLER(cmd_frame); HANDLER(cmd_up); HANDLER(cmd_down); HANDLER(info_frame);
HANDLER(info_locals);
HANDLER(info_args); HANDLER(cmd_list); HANDLER(info_source); HANDLER(info_line);
HANDLER(info_address); HANDLER(info_sources); HANDLER(info_scope);
/* cmd_data.c */
HANDLER(cmd_print); HANDLER(cmd_output); HANDLER(cmd_ptype); HANDLER(cmd_whatis); HANDLER(cmd_x); HANDLER(cmd_xp);
HANDLER(cmd_display); HANDLER(cmd_undisplay); HANDLER(info_display); HANDLER(cmd_disassemble); HANDLER(cmd_set);
HANDLER(cmd_printf); HANDLER(set_var); HANDLER(set_color); HANDLER(set_pretty); HANDLER(set_confirm);
HANDLER(set_listsize); HANDLER(set_console); HANDLER(set_ignored); HANDLER(cmd_show); HANDLER(show_settings);
/* cmd_machine.c */
HANDLER(info_registers); HANDLER(info_all_registers); HANDLER(info_csr); HANDLER(cmd_csr); HANDLER(info_devices);
HANDLER(info_device); HANDLER(info_board); HANDLER(info_mtree); HANDLER(info_cpus);
HANDLER(info_jit); HANDLER(info_mem);
HANDLER(info_timing); HANDLER(info_events); HANDLER(cmd_walk);
/* script_os.c */
HANDLER(cmd_os); HANDLER(info_tasks); HANDLER(info_modules);
/* cmd_screen.c */
HANDLER(cmd_screen); HANDLER(cmd_tracefile); HANDLER(cmd_screendump); HANDLER(cmd_sendkey); HANDLER(cmd_mouse_move); HANDLER(cmd_mouse_button);
void show_device(struct debugger *d, const struct device *dev); /* what `info device` shows */
/* cmd_x86.c */
HANDLER(info_gdt); HANDLER(info_idt); HANDLER(info_ldt); HANDLER(info_tss); HANDLER(info_cpuid); HANDLER(info_msr);
HANDLER(info_tlb); HANDLER(info_story);
struct x86;
struct x86 *debugger_x86(struct debugger *d); /* the selected CPU, or NULL when it is another */
/* SEGMENT:OFFSET, as in 0xf000:0xfff0 or cs:rip: *far says whether it was one. False: an error. */
bool debugger_far(struct debugger *d, const char *text, u64 *addr, bool *far, struct err *e);
void show_x86_registers(struct debugger *d);  /* segments, tables and control registers; nothing on others */
bool show_x86_mappings(struct debugger *d, bool pages, bool qemu, struct err *e); /* qemu: in the form of its monitor */
/* cmd_parts.c */
const char *pci_kind(unsigned base, unsigned sub); /* "IDE controller", by class code */
bool show_riscv_interrupts(struct debugger *d); /* irq_riscv.c; false: there is no PLIC */
HANDLER(info_pic); HANDLER(info_ioapic); HANDLER(info_lapic); HANDLER(info_pit); HANDLER(info_hpet); HANDLER(info_rtc);
HANDLER(info_ide); HANDLER(info_fdc); HANDLER(info_kbd); HANDLER(info_dma); HANDLER(info_pci); HANDLER(info_irq);

#endif
