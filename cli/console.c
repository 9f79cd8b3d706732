#include "cli/console.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#ifdef HAVE_READLINE
#include <readline/history.h>
#include <readline/readline.h>
#else
#include <editline/readline.h>
#endif

#include "debugger/commands.h"

#define HISTORY_LINES 1000

/* The line editor's callbacks take no argument of ours, so while a prompt is open they find the debugger here. */
static struct debugger *completing;

bool console_wants_color(int fd)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(fd) && !(no && *no) && term && strcmp(term, "dumb");
}

bool console_source(struct debugger *d, const char *path)
{
    char *line = xprintf("source %s", path);
    bool ok = debugger_execute(d, line);
    free(line);
    return ok;
}

/* --- Completion -------------------------------------------------------------------------------------------------- */

/* The common beginning of all words comes first, as readline(3) wants it. */
static char **with_common(char **words)
{
    size_t n = 0, common;
    while (words[n])
        n++;
    if (!n) {
        free(words);
        return NULL;
    }
    common = strlen(words[0]);
    for (size_t i = 1; i < n; i++) {
        size_t k = 0;
        while (k < common && words[0][k] == words[i][k])
            k++;
        common = k;
    }
    char **out = xcalloc(n + 2, sizeof *out);
    out[0] = xmalloc(common + 1);
    memcpy(out[0], words[0], common);
    out[0][common] = 0;
    if (n > 1)
        memcpy(out + 1, words, n * sizeof *words);
    else
        free(words[0]);
    free(words);
    return out;
}

static char **complete(const char *text, int start, int end)
{
    size_t from;
    bool files;
    rl_attempted_completion_over = 1;
    if (!completing)
        return NULL;
    char **words = debugger_complete(completing, rl_line_buffer, (size_t)end, &from, &files);
    if (files) {
        free(words);
        rl_attempted_completion_over = 0; /* the editor knows files itself */
        return NULL;
    }
    /* The editor cuts words where it likes: give it only what belongs behind its own cut. */
    for (size_t i = 0; words[i]; i++) {
        if (from < (size_t)start) {
            size_t skip = (size_t)start - from, len = strlen(words[i]);
            skip = skip < len ? skip : len;
            memmove(words[i], words[i] + skip, len - skip + 1);
        } else if (from > (size_t)start) {
            char *longer = xprintf("%.*s%s", (int)(from - (size_t)start), rl_line_buffer + start, words[i]);
            free(words[i]);
            words[i] = longer;
        }
    }
    return with_common(words);
}

/* --- History ----------------------------------------------------------------------------------------------------- */

/* $XDG_STATE_HOME/orrery/history, or ~/.local/state/orrery/history; NULL: nowhere. */
static char *history_path(void)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    char *dir;
    if (state && *state) {
        dir = xprintf("%s/orrery", state);
    } else if (home && *home) {
        char *part = xprintf("%s/.local", home);
        mkdir(part, 0700);
        free(part);
        part = xprintf("%s/.local/state", home);
        mkdir(part, 0700);
        free(part);
        dir = xprintf("%s/.local/state/orrery", home);
    } else {
        return NULL;
    }
    mkdir(dir, 0700); /* it may be there already; a failure shows when the file is written, and costs only history */
    char *path = xprintf("%s/history", dir);
    free(dir);
    return path;
}

/* --- The terminal ------------------------------------------------------------------------------------------------ */

static void on_interrupt(int number)
{
    (void)number; /* being there is enough: the read in progress ends with EINTR */
}

/* The guest's console may have made the terminal raw, and signals wait in the host loop's descriptor. At the prompt
 * the terminal is a person's, and Ctrl-C drops the line. */
struct prompt_mode {
    struct termios termios;
    bool has_termios;
    struct sigaction old_action;
    sigset_t old_mask;
};

static void enter_prompt(struct prompt_mode *p)
{
    struct sigaction action = { .sa_handler = on_interrupt };
    sigset_t interrupt;
    sigemptyset(&action.sa_mask);
    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    sigaction(SIGINT, &action, &p->old_action);
    sigprocmask(SIG_UNBLOCK, &interrupt, &p->old_mask);
    p->has_termios = !tcgetattr(STDIN_FILENO, &p->termios);
    if (p->has_termios) {
        struct termios sane = p->termios;
        sane.c_lflag |= ICANON | ECHO | ISIG | IEXTEN;
        sane.c_iflag |= ICRNL;
        sane.c_oflag |= OPOST | ONLCR;
        tcsetattr(STDIN_FILENO, TCSADRAIN, &sane);
    }
}

static void leave_prompt(const struct prompt_mode *p)
{
    if (p->has_termios)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &p->termios);
    sigprocmask(SIG_SETMASK, &p->old_mask, NULL);
    sigaction(SIGINT, &p->old_action, NULL);
}

static void run_terminal(struct debugger *d)
{
    char *path = history_path();
    struct prompt_mode mode;
    rl_readline_name = "orrery";
    rl_attempted_completion_function = complete;
    enter_prompt(&mode); /* libedit does not edit when it finds a terminal without echo at its first call */
    using_history();
    stifle_history(HISTORY_LINES);
    if (path)
        read_history(path);
    leave_prompt(&mode);
    while (!d->quit && !d->wants_screen) {
        fflush(stdout);
        enter_prompt(&mode);
        completing = d;
        errno = 0;
        char *line = readline(debugger_prompt(d));
        int why = errno;
        completing = NULL;
        leave_prompt(&mode);
        if (!line && why == EINTR) {
            printf("Quit\n");
            continue;
        }
        if (!line) {
            printf("quit\n");
            break;
        }
        if (*line)
            add_history(line);
        debugger_execute(d, line);
        free(line);
    }
    if (path)
        write_history(path);
    free(path);
}

static void run_pipe(struct debugger *d)
{
    char *line = NULL;
    size_t cap = 0;
    while (!d->quit && !d->wants_screen) {
        fflush(stdout);
        ssize_t n = getline(&line, &cap, stdin);
        if (n < 0 && errno == EINTR && !feof(stdin)) {
            clearerr(stdin);
            continue;
        }
        if (n < 0)
            break;
        if (n && line[n - 1] == '\n')
            line[n - 1] = 0;
        debugger_execute(d, line);
    }
    free(line);
    fflush(stdout);
}

void console_run(struct debugger *d)
{
    if (console_wants_color(STDOUT_FILENO))
        d->color = true;
    if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
        run_terminal(d);
    else
        run_pipe(d);
}
