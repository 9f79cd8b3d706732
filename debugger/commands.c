#include "debugger/commands.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "debugger/script.h"
#include "debugger/stop_kinds.h"

#define ROW(name, aliases, run, arg, required, repeats, usage, help) \
    { name, aliases, run, arg, required, repeats, usage, help, NULL }
#define SUBS(name, aliases, run, sub, usage, help) { name, aliases, run, ARG_SUB, false, false, usage, help, sub }

const struct command debugger_commands[] = {
    ROW("break", "b br bre brea hbreak hb", cmd_break, ARG_STOP, false, false, "[KIND] WHAT [hart N] [process P] [if EXPR]",
        "Stop at code (a function, FILE:LINE, LINE, *EXPR, 0xADDRESS), or when something of another kind happens."),
    ROW("tbreak", "tb thbreak", cmd_tbreak, ARG_STOP, false, false, "[KIND] WHAT [hart N] [process P] [if EXPR]",
        "The same once: it is deleted when it is hit."),
    ROW("trace", NULL, cmd_trace, ARG_STOP, true, false, "[KIND] WHAT [hart N] [process P] [if EXPR]",
        "Say in a line when something happens, and go on."),
    ROW("log", NULL, cmd_log, ARG_STOP, true, false,
        "[KIND] WHAT [hart N] [process P] [into FILE] [if EXPR] [print \"FORMAT\", EXPR...]",
        "The same into a file, or in words of your own: what printf takes."),
    ROW("watch", NULL, cmd_watch, ARG_EXPR, true, false, "[-l] EXPR [hart N] [if EXPR]",
        "Stop when a store changes the value of EXPR, which must be in memory; io PORT[,N]: at an OUT to a port (x86)."),
    ROW("rwatch", NULL, cmd_rwatch, ARG_EXPR, true, false, "[-l] EXPR", "Stop when EXPR is read; io PORT: at an IN (x86)."),
    ROW("awatch", NULL, cmd_awatch, ARG_EXPR, true, false, "[-l] EXPR", "Stop when EXPR is read or written; io PORT: at an IN or OUT (x86)."),
    ROW("delete", "d del", cmd_delete, ARG_POINTS, false, false, "[N...]",
        "Delete stop points, all of them without numbers."),
    ROW("clear", "cl", cmd_clear, ARG_LOCATION, false, false, "[LOCATION]", "Delete the breakpoints at a place."),
    ROW("enable", "en", cmd_enable, ARG_POINTS, false, false, "[once] [N...]",
        "Enable stop points or displays (`enable display N`)."),
    ROW("disable", "dis", cmd_disable, ARG_POINTS, false, false, "[N...]", "Disable stop points, keeping them."),
    ROW("condition", "cond", cmd_condition, ARG_POINTS, true, false, "N [EXPR]", "Stop at N only if EXPR is not zero."),
    ROW("ignore", NULL, cmd_ignore, ARG_POINTS, true, false, "N COUNT", "Let the next COUNT hits of N pass."),
    ROW("commands", "comm", cmd_commands, ARG_POINTS, false, false, "[N]",
        "Lines to run when N is hit, ended by `end`; a first line `silent` says nothing else."),
    SUBS("info", "i inf", NULL, info_commands, "TOPIC", "Show what is known of a topic; `help info` lists them."),
    ROW("continue", "c cont fg", cmd_continue, ARG_EXPR, false, true, "[N]",
        "Go on; with N, pass the stop point N-1 times."),
    ROW("step", "s", cmd_step, ARG_EXPR, false, true, "[N]",
        "Go to another source line, into functions that have lines."),
    ROW("next", "n", cmd_next, ARG_EXPR, false, true, "[N]", "Go to another source line of this function, over calls."),
    ROW("stepi", "si", cmd_stepi, ARG_EXPR, false, true, "[N]",
        "Execute N instructions of this hart, traps and interrupts included."),
    ROW("nexti", "ni", cmd_nexti, ARG_EXPR, false, true, "[N]", "Execute N instructions, calls as one."),
    ROW("finish", "fin", cmd_finish, ARG_NONE, false, true, "",
        "Go on until the selected frame returns, and show what it returns."),
    ROW("until", "u", cmd_until, ARG_LOCATION, false, true, "[LOCATION]",
        "Like next, but not backwards (out of loops); or go on to LOCATION, at most to the end of this frame."),
    ROW("advance", NULL, cmd_advance, ARG_LOCATION, true, false, "LOCATION", "Go on to LOCATION."),
    ROW("run-until", NULL, cmd_run_until, ARG_STOP, true, false, "POSITION | [KIND] WHAT [hart N] [process P] [if EXPR]",
        "Go on to a position (see `position`), or until something happens."),
    ROW("jump", "j", cmd_jump, ARG_LOCATION, true, false, "LOCATION", "Set the program counter to LOCATION and go on."),
    ROW("backtrace", "bt where", cmd_backtrace, ARG_TEXT, false, true, "[full] [N|-N]",
        "The callers: innermost N, or outermost with -N."),
    ROW("frame", "f", cmd_frame, ARG_EXPR, false, true, "[N]", "Select frame N, or show the selected one."),
    ROW("up", NULL, cmd_up, ARG_EXPR, false, true, "[N]", "Select the caller."),
    ROW("down", "do dow", cmd_down, ARG_EXPR, false, true, "[N]", "Select the called frame."),
    ROW("list", "l", cmd_list, ARG_LOCATION, false, true, "[LOCATION | FIRST,LAST | -]",
        "Source text; again: what follows."),
    ROW("print", "p inspect call", cmd_print, ARG_EXPR, false, true, "[/FMT] [EXPR]",
        "The value of a C expression; FMT is one of x d u o t a c s f z."),
    ROW("output", NULL, cmd_output, ARG_EXPR, true, false, "[/FMT] EXPR",
        "print without $N and the end of line, for scripts."),
    ROW("printf", NULL, cmd_printf, ARG_TEXT, true, false, "\"FORMAT\", EXPR...", "Formatted output, as in C."),
    ROW("ptype", NULL, cmd_ptype, ARG_TYPE, false, false, "[TYPE | EXPR]", "The definition of a type."),
    ROW("whatis", NULL, cmd_whatis, ARG_TYPE, false, false, "[TYPE | EXPR]", "The name of a type."),
    ROW("display", NULL, cmd_display, ARG_EXPR, false, false, "[/FMT] [EXPR]",
        "Show EXPR at every stop; /i and /s show memory there."),
    ROW("undisplay", NULL, cmd_undisplay, ARG_TEXT, false, false, "[N...]", "Forget displays."),
    ROW("x", NULL, cmd_x, ARG_EXPR, false, true, "[/NFU] [ADDRESS]",
        "Memory at a virtual address: N units, FMT x d u o t a c f s i, unit b h w g."),
    ROW("xp", NULL, cmd_xp, ARG_EXPR, false, true, "[/NFU] [ADDRESS]",
        "Memory at a physical address; devices are peeked without side effects."),
    ROW("disassemble", "disas", cmd_disassemble, ARG_EXPR, false, true, "[/sr] [ADDRESS | START,END | START,+LENGTH]",
        "Instructions of the function, with source lines (/s) and bytes (/r)."),
    { "set", NULL, cmd_set, ARG_SUB, true, false, "var EXPR | $REG = EXPR | SETTING VALUE",
      "Assign a variable, a register or memory, or change a setting; `help set` lists them.", set_commands },
    { "show", NULL, cmd_show, ARG_SUB, false, false, "[SETTING]", "Show settings.", show_commands },
    ROW("walk", "page", cmd_walk, ARG_EXPR, true, false, "[/rwx] ADDRESS",
        "Translate an address as the hart would, step by step; says why it faults."),
    ROW("csr", NULL, cmd_csr, ARG_REGISTER, false, false, "[NAME [= EXPR]]",
        "A control and status register with its fields."),
    ROW("reverse-stepi", "rsi", cmd_reverse_stepi, ARG_EXPR, false, true, "[N]",
        "Go back N instructions of this hart, traps and interrupts included."),
    ROW("reverse-nexti", "rni", cmd_reverse_nexti, ARG_EXPR, false, true, "[N]", "Go back N instructions, calls as one."),
    ROW("reverse-step", "rs", cmd_reverse_step, ARG_EXPR, false, true, "[N]",
        "Go back to the beginning of the source line before, into functions that have lines."),
    ROW("reverse-next", "rn", cmd_reverse_next, ARG_EXPR, false, true, "[N]",
        "Go back to the beginning of the line before in this function, over calls."),
    ROW("reverse-finish", "rfin", cmd_reverse_finish, ARG_NONE, false, true, "",
        "Go back to the call of the selected frame's function."),
    ROW("reverse-continue", "rc", cmd_reverse_continue, ARG_NONE, false, true, "",
        "Go back to the last stop point that was passed, or to where the history begins."),
    ROW("last-write", "lw", cmd_last_write, ARG_EXPR, true, false, "EXPR | $REGISTER | DEVICE.REGISTER",
        "Go back to before the instruction that wrote it last, by any CPU, through any mapping."),
    ROW("goto", NULL, cmd_goto, ARG_TEXT, true, false, "POSITION | BOOKMARK | begin | end",
        "Go to a position of the past, or to its end."),
    ROW("bookmark", "bm", cmd_bookmark, ARG_TEXT, false, false, "[NAME]", "Give this position a name, for `goto`."),
    ROW("tui", NULL, cmd_tui, ARG_NONE, false, false, "", "Back to the full screen of `orrery debug --tui`; Ctrl-X A leaves it."),
    ROW("undo", NULL, cmd_undo, ARG_NONE, false, true, "", "Take back what the last command did to the machine."),
    ROW("thread", "t hart cpu", cmd_thread, ARG_EXPR, false, false, "[N]", "Select hart N."),
    ROW("symbol-file", "file", cmd_symbol_file, ARG_FILE, false, false, "[FILE]",
        "Take symbols from an ELF file instead of those known."),
    ROW("add-symbol-file", NULL, cmd_add_symbol_file, ARG_FILE, true, false, "FILE [OFFSET]",
        "Take symbols from one more ELF file, moved by OFFSET."),
    SUBS("symbols", "syms", NULL, symbols_commands, "add | list | remove | kernel",
         "Files that say what addresses are called, for all or for one process."),
    ROW("directory", "dir", cmd_directory, ARG_FILE, false, false, "[DIR]",
        "Look for sources in DIR first; without DIR forget all."),
    ROW("save", NULL, cmd_save, ARG_FILE, true, false, "FILE", "Write a snapshot of the machine."),
    ROW("load", NULL, cmd_load, ARG_FILE, true, false, "FILE", "Go back to a snapshot."),
    ROW("screen", NULL, cmd_screen, ARG_NONE, false, false, "", "The text on the screen."),
    ROW("tracefile", NULL, cmd_tracefile, ARG_TEXT, false, false, "[KIND:FILE[,FILTER...]|off [FILE]]",
        "Write a trace from here on, or end it; without argument: which are written. 'orrery info traces' lists the kinds."),
    ROW("screendump", NULL, cmd_screendump, ARG_FILE, true, false, "FILE [-f ppm|png]", "The screen as a picture file."),
    ROW("sendkey", NULL, cmd_sendkey, ARG_TEXT, true, false, "KEY[-KEY...] [MS]",
        "Press keys and let them go after MS milliseconds (100): sendkey ctrl-alt-delete."),
    ROW("mouse_move", NULL, cmd_mouse_move, ARG_TEXT, true, false, "DX DY [DZ]", "Move the mouse, turn its wheel."),
    ROW("mouse_button", NULL, cmd_mouse_button, ARG_TEXT, true, false, "N",
        "The buttons that are down now: 1 left, 2 middle, 4 right, or a sum."),
    ROW("os", NULL, cmd_os, ARG_TEXT, false, false, "[auto | linux | xv6 | FILE.lua | off]",
        "Know the guest's operating system by its profile: processes get names and numbers."),
    ROW("position", "pos", cmd_position, ARG_NONE, false, false, "", "Where in its life the machine is."),
    ROW("hash", NULL, cmd_hash, ARG_NONE, false, false, "", "The hash of the whole guest state."),
    ROW("echo", NULL, cmd_echo, ARG_TEXT, false, false, "TEXT", "Print TEXT; \\n is a new line."),
    ROW("source", NULL, cmd_source, ARG_FILE, true, false, "FILE", "Run the commands in a file, or the Lua script FILE.lua."),
    ROW("lua", NULL, cmd_lua, ARG_TEXT, true, false, "CHUNK", "Run a piece of Lua: lua print(orrery.reg(\"pc\"))."),
    ROW("help", "h", cmd_help, ARG_COMMAND, false, false, "[COMMAND]", "This list, or what a command does."),
    ROW("quit", "q exit", cmd_quit, ARG_EXPR, false, false, "[STATUS]", "Leave."),
    { 0 },
};

const struct command symbols_commands[] = {
    ROW("add", NULL, symbols_add_command, ARG_FILE, true, false,
        "FILE [--process NAME|PID|ROOT] [--offset N] [--section NAME=ADDRESS]...",
        "Take symbols from one more file: ELF, System.map, nm's output, /proc/kallsyms; of one process only, moved by N, or "
        "of a kernel module with its sections where they are said to be."),
    ROW("list", NULL, symbols_list, ARG_NONE, false, false, "", "The files symbols were taken from, those seen now marked *."),
    ROW("remove", "rm delete", symbols_remove_command, ARG_TEXT, true, false, "NUMBER | FILE", "Forget a file."),
    ROW("kernel", NULL, symbols_kernel, ARG_FILE, false, false, "[FILE [OFFSET]]",
        "The names and types a Linux kernel has of itself (kallsyms, BTF): from the guest's memory, or from its vmlinux, Image "
        "or bzImage."),
    { 0 },
};

const struct command info_commands[] = {
    ROW("breakpoints", "b watchpoints", info_breakpoints, ARG_POINTS, false, false, "",
        "Stop points and how often they were hit."),
    ROW("registers", "r", info_registers, ARG_REGISTER, false, false, "[NAME...]",
        "General registers and pc, or those named."),
    ROW("all-registers", NULL, info_all_registers, ARG_NONE, false, false, "", "Every register of the hart."),
    ROW("float", NULL, info_all_registers, ARG_NONE, false, false, "",
        "Every register of the hart, floating point among them."),
    ROW("csr", "csrs", info_csr, ARG_REGISTER, false, false, "[PATTERN]",
        "CSRs that are not zero with their fields, or those whose name holds PATTERN."),
    ROW("locals", NULL, info_locals, ARG_NONE, false, false, "", "Local variables of the selected frame."),
    ROW("args", NULL, info_args, ARG_NONE, false, false, "", "Arguments of the selected frame."),
    ROW("frame", "f", info_frame, ARG_NONE, false, false, "", "All about the selected frame."),
    ROW("stack", "s", cmd_backtrace, ARG_TEXT, false, false, "[N]", "The callers."),
    ROW("source", NULL, info_source, ARG_NONE, false, false, "", "The source file at hand."),
    ROW("sources", NULL, info_sources, ARG_TEXT, false, false, "[PATTERN]", "Source files named in line tables."),
    ROW("symbol", NULL, info_symbol, ARG_EXPR, true, false, "ADDRESS", "The symbol an address belongs to."),
    ROW("address", NULL, info_address, ARG_EXPR, true, false, "NAME", "Where a symbol is."),
    ROW("functions", NULL, info_functions, ARG_TEXT, false, false, "[REGEX]", "Functions whose name matches REGEX."),
    ROW("variables", NULL, info_variables, ARG_TEXT, false, false, "[REGEX]",
        "Variables of whole files whose name matches REGEX, with their types."),
    ROW("types", NULL, info_types, ARG_TEXT, false, false, "[REGEX]", "Types whose name matches REGEX."),
    ROW("scope", NULL, info_scope, ARG_LOCATION, true, false, "LOCATION", "Variables and parameters that are seen there."),
    ROW("line", NULL, info_line, ARG_LOCATION, false, false, "[LOCATION]", "The addresses of a source line."),
    ROW("files", "target symbols", symbols_list, ARG_NONE, false, false, "", "The files symbols were taken from."),
    ROW("display", NULL, info_display, ARG_NONE, false, false, "", "What is shown at every stop."),
    ROW("devices", "qtree", info_devices, ARG_NONE, false, false, "", "Every device: path, class, where it is mapped."),
    ROW("device", NULL, info_device, ARG_DEVICE, true, false, "PATH [REGISTER]",
        "The registers of a device with their fields, read without side effects."),
    ROW("board", NULL, info_board, ARG_NONE, false, false, "", "The board: memory map and wires."),
    ROW("mtree", NULL, info_mtree, ARG_NONE, false, false, "", "The physical address space."),
    ROW("jit", NULL, info_jit, ARG_EXPR, false, false, "[ADDRESS]",
        "What each hart decoded and compiled; with ADDRESS the compiled code there, beside what it was made from."),
    ROW("timeline", "history bookmarks", info_timeline, ARG_NONE, false, false, "",
        "How far back the machine can go, what that costs, and the bookmarks."),
    ROW("trail", "instruction-history", info_trail, ARG_EXPR, false, false, "[N]",
        "The last N (64) instructions of this hart, with what each changed in registers; #N: a stop point is there."),
    ROW("heat", NULL, info_heat, ARG_EXPR, false, false, "[ADDRESS, LENGTH]",
        "A map of physical memory: how long ago each piece was written, in checkpoints."),
    ROW("cpus", "threads harts", info_cpus, ARG_NONE, false, false, "", "The harts: where each is and what it does."),
    ROW("tasks", "processes ps", info_tasks, ARG_NONE, false, false, "", "The processes of the guest's operating system; * runs now."),
    ROW("modules", "lsmod", info_modules, ARG_NONE, false, false, "", "The loaded modules of the guest's kernel."),
    ROW("screen", NULL, cmd_screen, ARG_NONE, false, false, "", "The text on the screen."),
    ROW("mem", NULL, info_mem, ARG_NONE, false, false, "", "The ranges the page table of this hart maps now."),
    ROW("tlb", NULL, info_tlb, ARG_NONE, false, false, "", "The same page by page, with rights (x86)."),
    ROW("gdt", NULL, info_gdt, ARG_NONE, false, false, "", "The global descriptor table, decoded."),
    ROW("idt", NULL, info_idt, ARG_NONE, false, false, "", "The interrupt descriptor table, or the vectors of real mode."),
    ROW("ldt", NULL, info_ldt, ARG_NONE, false, false, "", "The local descriptor table."),
    ROW("tss", NULL, info_tss, ARG_NONE, false, false, "", "The task state segment: stacks of inner levels, I/O permission."),
    ROW("cpuid", NULL, info_cpuid, ARG_NONE, false, false, "", "The CPU model, its features and CPUID."),
    ROW("msr", NULL, info_msr, ARG_TEXT, false, false, "[NAME | NUMBER]", "Model-specific registers."),
    ROW("story", "why", info_story, ARG_NONE, false, false, "", "The last exceptions with what caused them (x86)."),
    ROW("irq", NULL, info_irq, ARG_NONE, false, false, "",
        "Interrupts on their way to the CPU, and what blocks them."),
    ROW("pic", NULL, info_pic, ARG_NONE, false, false, "", "The interrupt controllers: 8259s, or the PLIC."),
    ROW("ioapic", NULL, info_ioapic, ARG_NONE, false, false, "", "The I/O APIC."),
    ROW("lapic", NULL, info_lapic, ARG_NONE, false, false, "", "The local APIC of this CPU."),
    ROW("pit", NULL, info_pit, ARG_NONE, false, false, "", "The 8254 timer."),
    ROW("hpet", NULL, info_hpet, ARG_NONE, false, false, "", "The high precision event timer."),
    ROW("rtc", NULL, info_rtc, ARG_NONE, false, false, "", "The real-time clock."),
    ROW("ide", NULL, info_ide, ARG_NONE, false, false, "", "IDE channels and drives."),
    ROW("fdc", NULL, info_fdc, ARG_NONE, false, false, "", "The floppy controller and its drives."),
    ROW("kbd", NULL, info_kbd, ARG_NONE, false, false, "", "The keyboard controller."),
    ROW("dma", NULL, info_dma, ARG_NONE, false, false, "", "The DMA controllers."),
    ROW("pci", NULL, info_pci, ARG_NONE, false, false, "", "The functions on the PCI bus."),
    ROW("timing", NULL, info_timing, ARG_NONE, false, false, "", "The timing model."),
    ROW("events", "timers", info_events, ARG_NONE, false, false, "", "Timers that are armed, in the order they fire."),
    { 0 },
};

const struct command set_commands[] = {
    ROW("variable", "var", set_var, ARG_EXPR, true, false, "EXPR", "Evaluate an assignment: var x = 3."),
    ROW("color", "colour", set_color, ARG_TEXT, true, false, "on|off", "Colours in the output."),
    ROW("style", NULL, set_color, ARG_TEXT, true, false, "enabled on|off", "gdb's name for colours."),
    ROW("print", "p", set_pretty, ARG_TEXT, true, false, "pretty [on|off]", "Structs on several lines."),
    ROW("confirm", NULL, set_confirm, ARG_TEXT, true, false, "on|off", "Kept for gdb's scripts: nothing asks."),
    ROW("listsize", NULL, set_listsize, ARG_TEXT, true, false, "N", "Lines that `list` shows."),
    ROW("console", NULL, set_console, ARG_TEXT, true, false, "auto|serial|screen",
        "What the console of the full screen shows; auto: the screen until something comes on the serial line. F2 switches."),
    ROW("pagination", NULL, set_ignored, ARG_TEXT, false, false, "on|off",
        "Kept for gdb's scripts: output is never held back."),
    ROW("height", NULL, set_ignored, ARG_TEXT, false, false, "N", "Kept for gdb's scripts."),
    ROW("width", NULL, set_ignored, ARG_TEXT, false, false, "N", "Kept for gdb's scripts."),
    ROW("architecture", NULL, set_ignored, ARG_TEXT, false, false, "NAME",
        "Kept for gdb's scripts: the hart knows what it is."),
    ROW("disassemble-next-line", NULL, set_ignored, ARG_TEXT, false, false, "on|off|auto", "Kept for gdb's scripts."),
    { 0 },
};

const struct command show_commands[] = {
    ROW("color", NULL, show_settings, ARG_NONE, false, false, "", "Colours in the output."),
    ROW("listsize", NULL, show_settings, ARG_NONE, false, false, "", "Lines that `list` shows."),
    ROW("print", NULL, show_settings, ARG_TEXT, false, false, "", "How structs are printed."),
    { 0 },
};

/* --- Finding ----------------------------------------------------------------------------------------------------- */

static bool in_list(const char *words, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = words; at && *at;) {
        size_t len = strcspn(at, " ");
        if (len == n && !strncmp(at, word, n))
            return true;
        at += len;
        at += *at == ' ';
    }
    return false;
}

const struct command *command_exact(const struct command *table, const char *word)
{
    for (const struct command *c = table; c->name; c++)
        if (!strcmp(c->name, word) || in_list(c->aliases, word))
            return c;
    return NULL;
}

const struct command *command_find(const struct command *table, const char *word, const char *what, struct err *e)
{
    const struct command *hit = command_exact(table, word);
    unsigned hits = 0;
    char list[256] = "";
    size_t n = strlen(word), used = 0;
    if (hit)
        return hit;
    for (const struct command *c = table; c->name; c++)
        if (!strncmp(c->name, word, n)) {
            hit = c;
            hits++;
            if (used < sizeof list)
                used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", c->name);
        }
    if (hits == 1)
        return hit;
    if (hits) {
        err_set(e, "Ambiguous command \"%s%s\": %s.", what, word, list);
        return NULL;
    }
    const char *best = NULL;
    unsigned score = 0;
    for (const struct command *c = table; c->name; c++)
        suggest(word, c->name, &best, &score);
    if (best)
        err_set(e, "Undefined %scommand: \"%s\". The nearest is \"%s\"; try \"help\".", what, word, best);
    else
        err_set(e, "Undefined %scommand: \"%s\". Try \"help\".", what, word);
    return NULL;
}

/* --- Words of the line ------------------------------------------------------------------------------------------- */

const char *skip_space(const char *s)
{
    while (isspace((u8)*s))
        s++;
    return s;
}

bool take_word(const char **args, char *out, size_t cap)
{
    const char *s = skip_space(*args);
    size_t n = 0;
    while (s[n] && !isspace((u8)s[n]))
        n++;
    *args = skip_space(s + n);
    if (!n || n >= cap)
        return false;
    memcpy(out, s, n);
    out[n] = 0;
    return true;
}

bool parse_count(struct debugger *d, const char *args, u64 fallback, u64 *out, struct err *e)
{
    *out = fallback;
    return !*args || debugger_eval(d, args, out, e);
}

bool take_format(const char **args, struct slash_format *f, struct err *e)
{
    const char *s = skip_space(*args);
    *f = (struct slash_format){ .count = 1 };
    if (*s != '/')
        return true;
    s++;
    char *end;
    if (isdigit((u8)*s)) {
        f->count = strtoull(s, &end, 10);
        f->has_count = true;
        s = end;
        if (f->count > 1000000)
            return err_set(e, "/%llu: at most a million units are shown at once", (unsigned long long)f->count);
    }
    for (; *s && !isspace((u8)*s); s++) {
        switch (*s) {
        case 'b': f->size = 1; break;
        case 'h': f->size = 2; break;
        case 'w': f->size = 4; break;
        case 'g': f->size = 8; break;
        case 'x': case 'd': case 'u': case 'o': case 't': case 'a': case 'c': case 's': case 'f': case 'i': case 'z':
        case 'r': f->letter = *s; break;
        default:
            if (isalnum((u8)*s))
                return err_set(e,
                               "Undefined output format \"%c\": there are x d u o t a c f s i z, and sizes b h w g.",
                               *s);
            goto done;
        }
    }
done:
    *args = skip_space(s);
    return true;
}

/* --- Running a line ---------------------------------------------------------------------------------------------- */

static bool run_command(struct debugger *d, const struct command *table, const char *line, const char *what,
                        const struct command **which, struct err *e)
{
    char word[64];
    size_t n = 0;
    while (isalnum((u8)line[n]) || line[n] == '-' || line[n] == '_')
        n++;
    if (!n || n >= sizeof word)
        return err_set(e, "Undefined %scommand: \"%.40s\". Try \"help\".", what, line);
    memcpy(word, line, n);
    word[n] = 0;
    bool scripted;
    bool ok = script_command(d, what, word, skip_space(line + n), &scripted, e);
    if (scripted)
        return ok;
    const struct command *c = command_find(table, word, what, e);
    *which = c;
    if (!c)
        return false;
    const char *args = skip_space(line + n);
    if (c->sub && !c->run) {
        if (!*args)
            return cmd_help(d, c->name, e);
        const struct command *inner;
        char prefix[64];
        snprintf(prefix, sizeof prefix, "%s ", c->name);
        return run_command(d, c->sub, args, prefix, &inner, e);
    }
    if (c->arg == ARG_NONE && *args)
        return err_set(e, "%s%s takes no argument: \"%.60s\"", what, c->name, args);
    if (c->required && !*args)
        return err_set(e, "Argument required: %s%s %s. %s", what, c->name, c->usage, c->help);
    return c->run(d, args, e);
}

/* Lines between `commands` and `end`. */
static bool collect(struct debugger *d, const char *line)
{
    struct stop_point *p = d->collecting;
    if (!strcmp(line, "end") && !d->collect_depth) {
        d->collecting = NULL;
        return true;
    }
    if (p->n_commands == 200) {
        debug_printf(d, "A stop point has at most 200 commands.\n");
        d->collecting = NULL;
        return false;
    }
    if (!*line)
        return true;
    p->commands = xrealloc(p->commands, (p->n_commands + 1) * sizeof *p->commands);
    p->commands[p->n_commands++] = xstrdup(line);
    return true;
}

bool debugger_execute(struct debugger *d, const char *line)
{
    struct err e;
    e.text[0] = 0;
    if (!d->source_depth)
        d->interrupted = 0; /* it ended what ran then, not what is typed now */
    line = skip_space(line);
    size_t n = strlen(line);
    while (n && isspace((u8)line[n - 1]))
        n--;
    char *text = xmalloc(n + 1);
    memcpy(text, line, n);
    text[n] = 0;
    bool ok = true;
    if (d->collecting) {
        ok = collect(d, text);
    } else if (text[0] != '#') {
        bool again = !text[0];
        if (again && d->last_command && !d->source_depth) {
            free(text);
            text = xstrdup(d->last_command);
        }
        if (text[0]) {
            const struct command *c = NULL;
            u64 position = machine_position(d->machine);
            ok = run_command(d, debugger_commands, text, "", &c, &e);
            if (c && c->run != cmd_undo && c->run != cmd_source)
                undo_note(d, position);
            if (!ok && e.text[0])
                debug_printf(d, "%s\n", e.text);
            if (!d->source_depth) {
                free(d->last_command);
                d->last_command = NULL;
                if (c && c->repeats) {
                    /* `x/4x p` and `list f` go on with what follows, not with the same again. */
                    char word[16];
                    size_t len = strcspn(text, " ");
                    bool goes_on = c->run == cmd_x || c->run == cmd_xp || c->run == cmd_list;
                    if (goes_on && len < sizeof word) {
                        memcpy(word, text, len);
                        word[len] = 0;
                        d->last_command = xstrdup(word);
                    } else {
                        d->last_command = xstrdup(text);
                    }
                }
            }
        }
    }
    free(text);
    if (d->stops.stale && !d->source_depth) /* somebody else may let the machine run */
        stops_arm(&d->stops, d->machine);
    d->failed = !ok;
    return ok;
}

/* --- Help -------------------------------------------------------------------------------------------------------- */

static void help_row(struct debugger *d, const char *what, const struct command *c)
{
    debug_printf(d, "%s%s%s%s -- %s\n", what, c->name, c->usage[0] ? " " : "", c->usage, c->help);
}

struct scripted {
    struct debugger *d;
    const char *name; /* NULL: all of them */
    unsigned n;
};

static void help_scripted(void *opaque, const char *name, const char *help)
{
    struct scripted *q = opaque;
    if (!q->name || !strcmp(q->name, name)) {
        debug_printf(q->d, "%s -- %s\n", name, help);
        q->n++;
    }
}

HANDLER(cmd_help)
{
    char word[64], next[64];
    struct scripted q = { d, *args ? args : NULL, 0 };
    if (!*args) {
        for (const struct command *c = debugger_commands; c->name; c++)
            help_row(d, "", c);
        script_commands_each(d, help_scripted, &q);
        debug_printf(d, "\nCommands may be shortened to what is unique; an empty line repeats the last one.\n");
        return true;
    }
    script_commands_each(d, help_scripted, &q);
    if (q.n)
        return true;
    if (!take_word(&args, word, sizeof word))
        return err_set(e, "help: one command at a time");
    const struct command *c = command_find(debugger_commands, word, "", e);
    if (!c)
        return false;
    if (c->sub && take_word(&args, next, sizeof next)) {
        char prefix[64];
        snprintf(prefix, sizeof prefix, "%s ", c->name);
        const struct command *inner = command_find(c->sub, next, prefix, e);
        if (!inner)
            return false;
        help_row(d, prefix, inner);
        return true;
    }
    help_row(d, "", c);
    if (c->aliases)
        debug_printf(d, "Also: %s\n", c->aliases);
    if (c->arg == ARG_STOP)
        stop_kinds_help(d);
    if (c->sub) {
        char prefix[64];
        snprintf(prefix, sizeof prefix, "%s ", c->name);
        debug_printf(d, "\n");
        for (const struct command *s = c->sub; s->name; s++)
            help_row(d, prefix, s);
    }
    return true;
}
