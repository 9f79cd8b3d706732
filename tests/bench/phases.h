/* The loops of loops.c (with LINUX) one after the other, announced on a serial line: for programs that give put(), which
 * writes and waits until the line is sent, as what follows must not delay it. The time is the host's: it reads
 * "bench: PHASE begin" and "bench: PHASE end CHECKSUM" as they come. */
static void put(const char *text, size_t n);

struct phase {
    const char *name;
    int (*run)(void);
};
#define LOOPS                                                                                                               \
    { "sieve", sieve }, { "sha256", sha256 }, { "qsort", qsort_ }, { "matmul", matmul }, { "nbody", nbody }, { "chase", chase }, \
    { "bytecode", bytecode }, { "memcpy", memcpy_ }, { "fib", fib }

/* The text behind head, or null. */
static const char *after(const char *text, const char *head)
{
    while (*head && *text == *head)
        text++, head++;
    return *head ? NULL : text;
}

/* The list ends with its string, or with a blank. */
static int in_list(const char *list, const char *name)
{
    while (*list && *list != ' ') {
        const char *end = after(list, name);
        if (end && (*end == ',' || *end == 0 || *end == ' '))
            return 1;
        while (*list && *list != ' ' && *list++ != ',')
            ;
    }
    return 0;
}

static void say(const char *name, const char *what, const uint64_t *sum)
{
    char line[80];
    size_t n = 0;
    const char *parts[] = { "bench: ", name, " ", what };
    for (int i = 0; i < 4; i++)
        for (const char *c = parts[i]; *c && n < sizeof line - 20; c++)
            line[n++] = *c;
    if (sum) {
        line[n++] = ' ';
        for (int i = 60; i >= 0; i -= 4)
            line[n++] = "0123456789abcdef"[*sum >> i & 15];
    }
    line[n++] = '\n';
    put(line, n);
}

static void run_phases(const struct phase *p, size_t n, const char *wanted)
{
    say("all", "begin", NULL);
    for (; n--; p++) {
        if (!in_list(wanted, p->name))
            continue;
        seed = SEED;
        checksum = 0;
        say(p->name, "begin", NULL);
        say(p->name, p->run() ? "wrong" : "end", &checksum);
    }
    say("all", "end", NULL);
}
