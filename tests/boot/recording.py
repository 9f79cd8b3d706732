"""Looks into a recording and damages it, for the tests of replay.
recording.py input FILE                 prints one line for each piece of input: position, channel, bytes
recording.py type FILE OUT FROM TO      the first input that holds FROM says TO instead (of the same length); prints its
                                        position
recording.py state FILE OUT NAME        another value of that field of hart 0, in the second state hash; prints its position
recording.py register FILE OUT          another value of one register of hart 0, in the middle of the registers recorded
                                        between states; prints position, the position before it, and the register
recording.py cut FILE OUT               only two thirds of it
recording.py argument FILE OUT FROM TO  another command line (of the same length)
"""
import struct
import sys

MAGIC = b"ORRYREC2"


def chunks(data):
    assert data[:8] == MAGIC, "not a recording"
    at = 8
    while at < len(data):
        kind, size = struct.unpack_from("<cI", data, at)
        yield kind.decode(), at + 5, size
        at += 5 + size


def field(data, at, name):
    """The place of a field's value in a hart's saved state (machine/record.c: put_state, base/desc.c: state_save)."""
    at += 8 + 8 + 4
    (count,) = struct.unpack_from("<I", data, at)
    at += 4
    for _ in range(count):
        (length,) = struct.unpack_from("<I", data, at)
        found = data[at + 4:at + 4 + length].decode()
        size, n = struct.unpack_from("<BI", data, at + 4 + length)
        at += 4 + length + 5
        if found == name:
            return at
        at += size * n
    raise SystemExit(f"no field '{name}' in the recorded state")


def number(data, at):
    """A number of machine/shadow.h and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def change_register(data):
    """The first of x1 to x31 that changed there (elements are retired, idle, x0 to x31, ...)."""
    looks = [(kind, at) for kind, at, size in chunks(data) if kind in "RHE"]
    for i in range(len(looks) // 2, len(looks)):
        kind, at = looks[i]
        if kind != "R":
            continue
        element, place = 0, at + 8
        while True:
            distance, place = number(data, place)
            if not distance:
                break
            element += distance
            if 4 <= element < 35:
                data[place] ^= 0x10
                return struct.unpack_from("<Q", data, at)[0], struct.unpack_from("<Q", data, looks[i - 1][1])[0], f"hart0.x[{element - 3}]"
            _, place = number(data, place)
    raise SystemExit("no register was recorded")


def main(what, path, *rest):
    data = bytearray(open(path, "rb").read())
    if what == "input":
        for kind, at, size in chunks(data):
            if kind == "I":
                (length,) = struct.unpack_from("<I", data, at + 8)
                channel = data[at + 12:at + 12 + length].decode()
                print(struct.unpack_from("<Q", data, at)[0], channel, bytes(data[at + 16 + length:at + size]))
        return
    out = rest[0]
    if what == "type" or what == "argument":
        old, new = rest[1].encode(), rest[2].encode()
        kind = "I" if what == "type" else "C"
        assert len(old) == len(new)
        for k, at, size in chunks(data):
            place = data.find(old, at, at + size)
            if k == kind and place >= 0:
                data[place:place + len(old)] = new
                if k == "I":
                    print(struct.unpack_from("<Q", data, at)[0])
                break
        else:
            raise SystemExit(f"nothing holds {rest[1]}")
    elif what == "register":
        print(*change_register(data))
    elif what == "state":
        hashes = [at for kind, at, size in chunks(data) if kind in "HE"]
        at = hashes[1]
        data[at + 8] ^= 1  # the hash of the whole
        data[field(data, at, rest[1])] ^= 0x40
        print(struct.unpack_from("<Q", data, at)[0])
    elif what == "cut":
        del data[len(data) * 2 // 3:]
    open(out, "wb").write(data)


main(*sys.argv[1:])
