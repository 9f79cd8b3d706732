/* Buffers that grow and readers that trust nothing; arenas; names nearly right; who hears which event. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/event.h"
#include "base/hash.h"
#include "base/rng.h"
#include "base/suggest.h"
#include "tests/unit.h"

static void numbers_and_strings(void)
{
    struct buf b = { 0 };
    CU_ASSERT_STRING_EQUAL(buf_cstr(&b), ""); /* of an empty one too */
    buf_put_le(&b, 0x1122334455667788, 8);
    buf_put_le(&b, 0x1122334455667788, 2);
    buf_put_str(&b, "name");
    buf_put_str(&b, "");
    buf_printf(&b, "%d-%s", -5, "x");
    buf_put(&b, NULL, 0);
    struct reader r = { .data = b.data, .len = b.len };
    CU_ASSERT_EQUAL(reader_le(&r, 8), 0x1122334455667788);
    CU_ASSERT_EQUAL(reader_le(&r, 2), 0x7788);
    char s[8];
    reader_str(&r, s, sizeof s);
    CU_ASSERT_STRING_EQUAL(s, "name");
    reader_str(&r, s, sizeof s);
    CU_ASSERT_STRING_EQUAL(s, "");
    const u8 *p = reader_bytes(&r, 4);
    CU_ASSERT(p && !memcmp(p, "-5-x", 4));
    CU_ASSERT_EQUAL(r.pos, b.len);
    CU_ASSERT_FALSE(r.bad);
    CU_ASSERT_PTR_NOT_NULL(reader_bytes(&r, 0));
    buf_free(&b);
    CU_ASSERT_EQUAL(b.len, 0);
}

static void past_the_end(void)
{
    u8 *five = malloc(5);
    memcpy(five, "\1\2\3\4\5", 5);
    struct reader r = { .data = five, .len = 5 };
    CU_ASSERT_EQUAL(reader_le(&r, 8), 0);
    CU_ASSERT_TRUE(r.bad);
    CU_ASSERT_EQUAL(reader_le(&r, 1), 0); /* stays bad although one byte is there */
    CU_ASSERT_PTR_NULL(reader_bytes(&r, 0));
    r = (struct reader){ .data = five, .len = 5, .pos = 4 };
    CU_ASSERT_PTR_NULL(reader_bytes(&r, SIZE_MAX)); /* no wrap-around */
    r = (struct reader){ .data = five, .len = 5, .pos = 5 };
    CU_ASSERT_PTR_NULL(reader_bytes(&r, 1));
    free(five);
}

static void strings_of_any_length(void)
{
    struct buf b = { 0 };
    buf_put_str(&b, "1234567");
    char s[8] = "old", t[7] = "old";
    struct reader r = { .data = b.data, .len = b.len };
    reader_str(&r, s, sizeof s); /* exactly fits with its NUL */
    CU_ASSERT_STRING_EQUAL(s, "1234567");
    r = (struct reader){ .data = b.data, .len = b.len };
    reader_str(&r, t, sizeof t);
    CU_ASSERT_TRUE(r.bad);
    CU_ASSERT_STRING_EQUAL(t, "");
    store_le(b.data, 4, 0xffffffff);
    r = (struct reader){ .data = b.data, .len = b.len };
    reader_str(&r, s, sizeof s);
    CU_ASSERT_TRUE(r.bad);
    store_le(b.data, 4, 7);
    r = (struct reader){ .data = b.data, .len = b.len - 1 };
    reader_str(&r, s, sizeof s);
    CU_ASSERT_TRUE(r.bad);
    buf_free(&b);
}

static void growth(void)
{
    u64 rng = 3;
    struct buf b = { 0 };
    u8 *model = malloc(1 << 21);
    size_t len = 0;
    while (len < (1 << 20)) {
        u8 piece[5000];
        size_t n = rng_next(&rng) % sizeof piece;
        for (size_t i = 0; i < n; i++)
            piece[i] = (u8)rng_next(&rng);
        buf_put(&b, piece, n);
        memcpy(model + len, piece, n);
        len += n;
        if (n % 7 == 0)
            CU_ASSERT_EQUAL(buf_cstr(&b)[len], 0);
    }
    CU_ASSERT_EQUAL(b.len, len);
    CU_ASSERT(!memcmp(b.data, model, len));
    /* A text longer than what is left in the buffer. */
    size_t before = b.len;
    char *text = malloc(100001);
    memset(text, 'x', 100000);
    text[100000] = 0;
    buf_printf(&b, "%s", text);
    CU_ASSERT_EQUAL(b.len, before + 100000);
    CU_ASSERT_EQUAL(strlen(buf_cstr(&b) + before), 100000);
    free(text);
    free(model);
    buf_free(&b);
}

/* --- arena ------------------------------------------------------------------------------------------------- */

static void zeroed_and_aligned(void)
{
    struct arena *a = arena_new();
    u64 rng = 1;
    u8 *all[300];
    size_t size[300];
    unsigned wrong = 0;
    for (unsigned i = 0; i < 300; i++) {
        size[i] = i % 50 == 7 ? 200000 : rng_next(&rng) % 3000;
        all[i] = arena_alloc(a, size[i]);
        wrong += (uintptr_t)all[i] % 64 != 0;
        for (size_t k = 0; k < size[i]; k++)
            wrong += all[i][k] != 0;
        memset(all[i], (int)i + 1, size[i]);
    }
    for (unsigned i = 0; i < 300; i++) /* nobody has written into anybody */
        for (size_t k = 0; k < size[i]; k++)
            wrong += all[i][k] != (u8)(i + 1);
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_STRING_EQUAL(arena_strdup(a, "text"), "text");
    CU_ASSERT_STRING_EQUAL(arena_printf(a, "%s/%u", "dev", 7u), "dev/7");
    CU_ASSERT(!memcmp(arena_memdup(a, "ab\0c", 4), "ab\0c", 4));
    CU_ASSERT_PTR_NOT_NULL(arena_memdup(a, NULL, 0));
    arena_free(a);
    arena_free(NULL);
}

struct step {
    char **end;
    char c;
};

static void take_step(void *p)
{
    struct step *s = p;
    *(*s->end)++ = s->c;
}

static void deferred_newest_first(void)
{
    char order[4] = "", *end = order;
    struct arena *a = arena_new();
    for (int i = 0; i < 3; i++) {
        struct step *s = ARENA_NEW(a, struct step); /* its memory must still be there when it is run */
        *s = (struct step){ &end, (char)('1' + i) };
        arena_defer(a, take_step, s);
    }
    CU_ASSERT_STRING_EQUAL(order, "");
    arena_free(a);
    CU_ASSERT_STRING_EQUAL(order, "321");
}

/* --- names ------------------------------------------------------------------------------------------------- */

static const char *nearest(const char *typed)
{
    static const char *const known[] = { "virtio-blk-device", "virtio-net-device", "nographic", "kernel", "smp", "m" };
    const char *best = NULL;
    unsigned score = 0;
    for (unsigned i = 0; i < ARRAY_LEN(known); i++)
        suggest(typed, known[i], &best, &score);
    return best ? best : "nothing";
}

static void did_you_mean(void)
{
    CU_ASSERT_STRING_EQUAL(nearest("nografic"), "nographic");
    CU_ASSERT_STRING_EQUAL(nearest("kernl"), "kernel");
    CU_ASSERT_STRING_EQUAL(nearest("kernel"), "kernel");
    CU_ASSERT_STRING_EQUAL(nearest("virtio-nte-device"), "virtio-net-device");
    CU_ASSERT_STRING_EQUAL(nearest("smpp"), "smp");
    CU_ASSERT_STRING_EQUAL(nearest("zzzzzzzzzzzz"), "nothing");
    CU_ASSERT_STRING_EQUAL(nearest("xyzw"), "nothing");
    nearest(""); /* and no step outside its row for very long ones */
    nearest("an option much, much, much longer than anything that has ever been an option of anything");
    const char *best = NULL;
    unsigned score = 0;
    suggest("abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz",
            "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxya", &best, &score);
    CU_ASSERT_PTR_NOT_NULL(best);
    /* Of two equally near ones the first stays. */
    best = NULL;
    suggest("ax", "ab", &best, &score);
    suggest("ax", "ac", &best, &score);
    CU_ASSERT_STRING_EQUAL(best, "ab");
}

/* --- events ------------------------------------------------------------------------------------------------ */

static const struct event_type trap = { "cpu.trap", "", { { "cause", EV_U64 }, { "why", EV_STR } } };
static const struct event_type irq = { "irq.level", "", { { "line", EV_U64 } } };

struct ear {
    struct event_listener l;
    struct event_bus *leave; /* unlistens while it hears */
    unsigned heard;
    u64 last;
};

static void hear(void *opaque, const struct event *ev)
{
    struct ear *ear = opaque;
    ear->heard++;
    ear->last = ev->value[0].u + ev->when;
    if (ear->leave)
        event_unlisten(ear->leave, &ear->l);
}

static void who_hears_what(void)
{
    struct event_bus bus = { 0 };
    struct ear all = { .l = { "", hear, &all, NULL } }, cpu = { .l = { "cpu.", hear, &cpu, NULL } },
               once = { .l = { "", hear, &once, NULL }, .leave = &bus };
    CU_ASSERT_FALSE(event_wanted(&bus));
    CU_ASSERT_FALSE(event_wanted(NULL));
    EVENT(&bus, 1, "hart0", &trap, { .u = 2 }, { .s = "x" }); /* nobody */
    EVENT((struct event_bus *)NULL, 1, "hart0", &trap, { .u = 2 });
    event_listen(&bus, &once.l);
    event_listen(&bus, &all.l);
    event_listen(&bus, &cpu.l);
    CU_ASSERT_TRUE(event_wanted(&bus));
    EVENT(&bus, 100, "hart0", &trap, { .u = 2 }, { .s = "illegal" });
    EVENT(&bus, 200, "/plic", &irq, { .u = 7 });
    CU_ASSERT_EQUAL(all.heard, 2);
    CU_ASSERT_EQUAL(all.last, 207);
    CU_ASSERT_EQUAL(cpu.heard, 1);
    CU_ASSERT_EQUAL(cpu.last, 102);
    CU_ASSERT_EQUAL(once.heard, 1); /* and those behind it still heard */
    event_unlisten(&bus, &once.l);    /* again: nothing happens */
    event_unlisten(&bus, &all.l);
    event_unlisten(&bus, &cpu.l);
    CU_ASSERT_FALSE(event_wanted(&bus));
}

/* --- the rest ---------------------------------------------------------------------------------------------- */

static void errors(void)
{
    struct err e;
    CU_ASSERT_FALSE(err_set(&e, "no %s", "file"));
    CU_ASSERT_STRING_EQUAL(e.text, "no file");
    CU_ASSERT_FALSE(err_prefix(&e, "disk %d", 3));
    CU_ASSERT_STRING_EQUAL(e.text, "disk 3: no file");
    CU_ASSERT_FALSE(err_set(NULL, "x"));
    CU_ASSERT_FALSE(err_prefix(NULL, "x"));
    char *lengthy = malloc(5000);
    memset(lengthy, 'y', 4999);
    lengthy[4999] = 0;
    err_set(&e, "%s", lengthy); /* cut, not overrun */
    CU_ASSERT_EQUAL(strlen(e.text), sizeof e.text - 1);
    err_prefix(&e, "front");
    CU_ASSERT_EQUAL(strlen(e.text), sizeof e.text - 1);
    CU_ASSERT(!strncmp(e.text, "front: yyy", 10));
    free(lengthy);
}

static void bits(void)
{
    CU_ASSERT_EQUAL(bits_get(0xfedcba9876543210, 0, 64), 0xfedcba9876543210);
    CU_ASSERT_EQUAL(bits_get(0xfedcba9876543210, 60, 4), 0xf);
    CU_ASSERT_EQUAL(bits_set(0, 60, 4, 0xff), (u64)0xf << 60);
    CU_ASSERT_EQUAL(bits_set(UINT64_MAX, 0, 64, 5), 5);
    CU_ASSERT_EQUAL(sign_extend(0x800, 12), -2048);
    CU_ASSERT_EQUAL(sign_extend(0x7ff, 12), 2047);
    CU_ASSERT_EQUAL(sign_extend(UINT64_MAX, 64), -1);
    CU_ASSERT_EQUAL(sign_extend(1, 1), -1);
    CU_ASSERT_EQUAL(size_mask(1), 0xff);
    CU_ASSERT_EQUAL(size_mask(8), UINT64_MAX);
    u8 b[9] = { 0 };
    store_le(b + 1, 8, 0x0102030405060708);
    CU_ASSERT_EQUAL(load_be(b + 1, 8), 0x0807060504030201);
    CU_ASSERT_EQUAL(load_le(b + 1, 4), 0x05060708);
    store_be(b + 1, 2, 0xabcd);
    CU_ASSERT_EQUAL(b[1], 0xab);
}

static void hashes_and_numbers(void)
{
    /* XXH3_64bits of nothing with seed 0, from the sanity values of the xxHash specification's library. */
    CU_ASSERT_EQUAL(hash_bytes("", 0, 0), 0x2d06800538d394c2);
    u8 le[8];
    store_le(le, 8, 77);
    CU_ASSERT_EQUAL(hash_u64(77, 9), hash_bytes(le, 8, 9));
    /* SplitMix64 from seed 1234567: the values that the reference program by Vigna prints. */
    u64 s = 1234567;
    CU_ASSERT_EQUAL(rng_next(&s), 6457827717110365317u);
    CU_ASSERT_EQUAL(rng_next(&s), 3203168211198807973u);
    CU_ASSERT_EQUAL(rng_next(&s), 9817491932198370423u);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        { "numbers and strings", numbers_and_strings },
        { "reading past the end", past_the_end },
        { "strings of any length", strings_of_any_length },
        { "growth", growth },
        { "arena: zeroed, aligned, apart", zeroed_and_aligned },
        { "arena: deferred calls, newest first", deferred_newest_first },
        { "suggest: did you mean", did_you_mean },
        { "event: who hears what", who_hears_what },
        { "err: set, prefix, cut", errors },
        { "bits and bytes", bits },
        { "hash and random numbers", hashes_and_numbers },
        CU_TEST_INFO_NULL,
    };
    return unit_main("base", tests);
}
