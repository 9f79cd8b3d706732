"""The firmware's tables as tests/boot/pc-kernel.c writes them to the debug console: each with four letters and a length in
front.
tables.py FILE DIR  checks the checksums of the roots, writes DIR/NAME.dat for each ACPI table and DIR/smbios.bin, which
                    `dmidecode --from-dump` takes; prints the names
"""
import struct
import sys


def checksum(name, data):
    if sum(data) & 255:
        raise SystemExit(f"{name}: wrong checksum")


def main(path, folder):
    data = open(path, "rb").read()
    at, tables = 0, {}
    while at < len(data):
        name, (size,) = data[at:at + 4].decode(), struct.unpack_from("<I", data, at + 4)
        tables[name] = data[at + 8:at + 8 + size]
        assert len(tables[name]) == size, f"{name} is cut short"
        at += 8 + size
    root = tables.pop("RSDP")
    checksum("RSDP", root[:20])
    checksum("RSDP, extended", root)
    entry, smbios = bytearray(tables.pop("SMEP")), tables.pop("SMBI")
    checksum("SMBIOS entry point", entry)
    checksum("SMBIOS intermediate entry point", entry[16:])
    struct.pack_into("<I", entry, 24, 32)  # in the file, the structures follow
    entry[21] = (entry[21] - sum(entry[16:])) & 255
    entry[4] = (entry[4] - sum(entry)) & 255
    open(f"{folder}/smbios.bin", "wb").write(bytes(entry).ljust(32, b"\0") + smbios)
    for name, table in tables.items():
        open(f"{folder}/{name}.dat", "wb").write(table)
    print(*tables)


main(*sys.argv[1:])
