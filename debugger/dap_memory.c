/* The Debug Adapter Protocol: memory and instructions. */
#include "debugger/dap_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BYTES = 4 << 20, MOST_INSTRUCTIONS = 20000, BACK_BYTES = 15 };

/* --- base64: RFC 4648, section 4 ------------------------------------------------------------------------------------------------ */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static char *encode(const u8 *bytes, size_t n)
{
    char *out = xmalloc((n + 2) / 3 * 4 + 1), *at = out;
    for (size_t i = 0; i < n; i += 3) {
        u32 v = (u32)bytes[i] << 16 | (i + 1 < n ? (u32)bytes[i + 1] << 8 : 0) | (i + 2 < n ? bytes[i + 2] : 0);
        *at++ = digits[v >> 18];
        *at++ = digits[v >> 12 & 63];
        *at++ = i + 1 < n ? digits[v >> 6 & 63] : '=';
        *at++ = i + 2 < n ? digits[v & 63] : '=';
    }
    *at = 0;
    return out;
}

static bool decode(const char *text, struct buf *out)
{
    u32 v = 0;
    unsigned have = 0, pad = 0;
    for (; *text; text++) {
        const char *digit = strchr(digits, *text);
        if (*text == '=' && have + pad < 4 && have >= 2) {
            pad++;
            continue;
        }
        if (!digit || pad)
            return false;
        v = v << 6 | (u32)(digit - digits);
        if (++have == 4) {
            u8 three[3] = { (u8)(v >> 16), (u8)(v >> 8), (u8)v };
            buf_put(out, three, 3);
            v = have = 0;
        }
    }
    if (have == 1 || (pad && have + pad != 4))
        return false;
    if (have >= 2) {
        v <<= 6 * (4 - have);
        u8 rest[2] = { (u8)(v >> 16), (u8)(v >> 8) };
        buf_put(out, rest, have - 1);
    }
    return true;
}

/* --- memory --------------------------------------------------------------------------------------------------------------------- */

REQUEST(dap_read_memory)
{
    struct cpu *c = p->d->cpu;
    i64 offset = get_int_or(args, "offset", 0), count = get_int_or(args, "count", -1);
    u64 addr;
    if (!dap_address(p, get_text(args, "memoryReference"), &addr, e))
        return NULL;
    if (count < 0 || count > MOST_BYTES)
        return failed(e, "readMemory: 'count' is 0 to %d", MOST_BYTES);
    addr = (addr + (u64)offset) & cpu_addr_mask(c);
    u8 *bytes = xmalloc((size_t)count + 1);
    u64 got = count ? cpu_peek(c, addr, bytes, (u64)count) : 0;
    json_t *body = json_object();
    char *data = encode(bytes, got);
    put_hex(body, "address", addr);
    put_text(body, "data", data);
    if (got < (u64)count) { /* up to where it could be read again */
        u64 gap = got, page = 4096 - ((addr + got) & 4095);
        u8 byte;
        for (gap += page; gap < (u64)count && !cpu_peek(c, (addr + gap) & cpu_addr_mask(c), &byte, 1);)
            gap += 4096;
        put_int(body, "unreadableBytes", (gap < (u64)count ? gap : (u64)count) - got);
    }
    free(data);
    free(bytes);
    return body;
}

REQUEST(dap_write_memory)
{
    static const char *const areas[] = { "variables", "stacks", NULL };
    struct cpu *c = p->d->cpu;
    const char *data = get_text(args, "data"), *why = debugger_untouchable(p->d);
    i64 offset = get_int_or(args, "offset", 0);
    struct buf bytes = { 0 };
    u64 addr;
    if (!dap_address(p, get_text(args, "memoryReference"), &addr, e))
        return NULL;
    if (why)
        return failed(e, "memory cannot be written: %s", why);
    if (!data || !decode(data, &bytes)) {
        buf_free(&bytes);
        return failed(e, "writeMemory: 'data' is no base64");
    }
    addr = (addr + (u64)offset) & cpu_addr_mask(c);
    u8 *old = xmalloc(bytes.len + 1);
    /* All of it or nothing, unless the client can do with a part. */
    u64 there = bytes.len ? cpu_peek(c, addr, old, bytes.len) : 0, n = 0;
    free(old);
    bool partial = json_is_true(json_object_get(args, "allowPartial"));
    if (there && (partial || there == bytes.len)) {
        machine_edit(p->d->machine);
        n = cpu_poke(c, addr, bytes.data, there);
        debugger_changed(p->d);
    }
    bool ok = n == bytes.len || (partial && n);
    buf_free(&bytes);
    if (!ok)
        return failed(e, "0x%llx is no memory that can be written", (unsigned long long)(addr + n));
    json_t *body = json_object();
    put_int(body, "bytesWritten", n);
    if (p->client.memory && n) {
        json_t *event = json_object();
        put_text(event, "memoryReference", get_text(args, "memoryReference"));
        json_object_set_new(event, "offset", json_integer((json_int_t)offset));
        put_int(event, "count", n);
        dap_event(p, "memory", event);
    }
    dap_changed(p, areas);
    return body;
}

/* --- instructions ------------------------------------------------------------------------------------------------------------- */

/* Instructions one after another from `from` on that lead exactly to `to`: their addresses; false: they do not. */
static bool chain(struct dap *p, u64 from, u64 to, u64 **out, size_t *n)
{
    size_t cap = 0;
    *n = 0;
    for (u64 at = from; at != to;) {
        unsigned len = debugger_insn(p->d, at, NULL, NULL, 0);
        if (!len || at + len > to)
            return false;
        if (*n == cap) {
            cap = cap ? 2 * cap : 64;
            *out = xrealloc(*out, cap * sizeof **out);
        }
        (*out)[(*n)++] = at;
        at += len;
    }
    return true;
}

/* The addresses of the `want` instructions before `addr`, the nearest last: from where a function begins, or without one from a
 * place that leads here. Fewer where there is no more code. malloc'd; *n says how many. */
static u64 *before(struct dap *p, u64 addr, size_t want, size_t *n)
{
    u64 *all = NULL, *part = NULL;
    size_t have = 0, k;
    while (have < want) {
        u64 low, high, from = 0;
        bool found = addr && symbols_function_at(p->d->syms, addr - 1, &low, &high, NULL) && low < addr &&
                     addr - low <= BACK_BYTES * MOST_INSTRUCTIONS && chain(p, from = low, addr, &part, &k);
        /* The longer the way, the surer it fell into step; a piece of it is kept. */
        for (u64 span = 64; !found && span; span--)
            found = addr >= span && chain(p, from = addr - span, addr, &part, &k);
        if (!found || !k)
            break;
        if (!(symbols_function_at(p->d->syms, from, &low, &high, NULL) && low == from) && k > 2) {
            memmove(part, part + k / 2, (k - k / 2) * sizeof *part);
            k -= k / 2;
        }
        all = xrealloc(all, (have + k) * sizeof *all);
        memmove(all + k, all, have * sizeof *all);
        memcpy(all, part, k * sizeof *all);
        have += k;
        addr = all[0];
    }
    free(part);
    if (have > want) {
        memmove(all, all + have - want, want * sizeof *all);
        have = want;
    }
    *n = have;
    return all;
}

static unsigned put_instruction(struct dap *p, json_t *list, u64 addr, bool symbols, struct source_pos *last)
{
    struct debugger *d = p->d;
    u8 bytes[16];
    char text[160], name[256];
    json_t *o = json_object();
    unsigned len = debugger_insn(d, addr, bytes, text, sizeof text);
    struct source_pos pos;
    put_hex(o, "address", addr);
    if (!len) {
        put_text(o, "instruction", "(no memory that can be read)");
        put_text(o, "presentationHint", "invalid");
        json_array_append_new(list, o);
        return 0;
    }
    struct buf hex = { 0 };
    for (unsigned i = 0; i < len; i++)
        buf_printf(&hex, "%s%02x", i ? " " : "", bytes[i]);
    put_text(o, "instructionBytes", buf_cstr(&hex));
    buf_free(&hex);
    put_text(o, "instruction", text);
    if (symbols) {
        symbols_format(d->syms, addr, name, sizeof name);
        put_text(o, "symbol", name[0] ? name : NULL);
    }
    if (symbols_line_at(d->syms, addr, &pos)) {
        if (!last->file || strcmp(last->file, pos.file)) /* said where it changes */
            json_object_set_new(o, "location", dap_source_of(p, pos.file));
        json_object_set_new(o, "line", json_integer(dap_line_out(p, pos.line)));
        *last = pos;
    }
    json_array_append_new(list, o);
    return len;
}

REQUEST(dap_disassemble)
{
    i64 offset = get_int_or(args, "offset", 0), skip = get_int_or(args, "instructionOffset", 0);
    i64 count = get_int_or(args, "instructionCount", -1), done = 0;
    bool symbols = !json_is_false(json_object_get(args, "resolveSymbols"));
    struct source_pos last = { 0 };
    u64 addr;
    if (!dap_address(p, get_text(args, "memoryReference"), &addr, e))
        return NULL;
    if (count < 0 || count > MOST_INSTRUCTIONS || skip > MOST_INSTRUCTIONS || skip < -MOST_INSTRUCTIONS)
        return failed(e, "disassemble: at most %d instructions", MOST_INSTRUCTIONS);
    addr = (addr + (u64)offset) & cpu_addr_mask(p->d->cpu);
    json_t *list = json_array(), *body = json_object();
    json_object_set_new(body, "instructions", list);
    if (skip < 0) {
        size_t n;
        u64 *way = before(p, addr, (size_t)-skip, &n), first = n ? way[0] : addr;
        for (i64 missing = -skip - (i64)n; missing > 0 && done < count; missing--, done++) {
            json_t *o = json_object();
            put_hex(o, "address", first >= (u64)missing ? first - (u64)missing : 0);
            put_text(o, "instruction", "(no code is known before)");
            put_text(o, "presentationHint", "invalid");
            json_array_append_new(list, o);
        }
        for (size_t i = 0; i < n && done < count; i++, done++)
            put_instruction(p, list, way[i], symbols, &last);
        free(way);
    }
    for (; skip > 0; skip--) {
        unsigned len = debugger_insn(p->d, addr, NULL, NULL, 0);
        addr += len ? len : 1;
    }
    for (; done < count; done++) {
        unsigned len = put_instruction(p, list, addr, symbols, &last);
        addr += len ? len : 1;
    }
    return body;
}
