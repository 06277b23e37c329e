"""Asks libmaxminddb for addresses: FILE, then an address a line; answers the record's offset or "-"."""

import ctypes
import sys


class Entry(ctypes.Structure):
    _fields_ = [("mmdb", ctypes.c_void_p), ("offset", ctypes.c_uint32)]


class Result(ctypes.Structure):
    _fields_ = [("found", ctypes.c_bool), ("entry", Entry), ("netmask", ctypes.c_uint16)]


library = ctypes.CDLL("libmaxminddb.so.0")
library.MMDB_open.argtypes = [ctypes.c_char_p, ctypes.c_uint32, ctypes.c_void_p]
lookup = library.MMDB_lookup_string
lookup.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p]
lookup.restype = Result

# Far larger than its MMDB_s.
database = ctypes.create_string_buffer(4096)
status = library.MMDB_open(sys.argv[1].encode(), 1, database)
if status != 0:
    sys.exit(f"MMDB_open: {status}")
resolved, failed = ctypes.c_int(0), ctypes.c_int(0)
out = []
for line in sys.stdin.buffer:
    result = lookup(database, line.strip(), ctypes.byref(resolved), ctypes.byref(failed))
    found = resolved.value == 0 and failed.value == 0 and result.found
    out.append(str(result.entry.offset) if found else "-")
print("\n".join(out))
