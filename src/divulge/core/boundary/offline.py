"""Taking the network from a process, for good: code of a model has no use for it.

On Linux a filter for system calls (seccomp, see seccomp(2) and the kernel's seccomp_filter.rst) refuses every socket
that is not local, in all threads and in all processes that are begun from here; it needs no rights.
"""

from __future__ import annotations

import ctypes
import platform
import socket
import struct
import sys

_ARCHITECTURES = {"x86_64": (0xC000003E, 41, 317), "aarch64": (0xC00000B7, 198, 277)}
"""By machine: the audit number, and the numbers of the calls socket and seccomp."""

_IO_URING_SETUP = 425  # by which sockets can be made without the call
_X32 = 0x40000000  # calls of another numbering
_LOCAL = (socket.AF_UNIX if hasattr(socket, "AF_UNIX") else 1, 16)  # and netlink, which asks the kernel
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | 13  # EACCES
_NO_NEW_PRIVILEGES, _SET_FILTER, _ALL_THREADS = 38, 1, 1


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_char_p))


def _steps(audit: int, socket_call: int) -> bytes:
    """The filter: each step is a code, how many steps to skip if it holds and if not, and a number."""
    steps = (
        (_LOAD, 0, 0, 4),  # which architecture
        (_EQUAL, 0, 8, audit),
        (_LOAD, 0, 0, 0),  # which call
        (_AT_LEAST, 6, 0, _X32),
        (_EQUAL, 5, 0, _IO_URING_SETUP),
        (_EQUAL, 0, 3, socket_call),
        (_LOAD, 0, 0, 16),  # its first argument, the family
        (_EQUAL, 1, 0, _LOCAL[0]),
        (_EQUAL, 0, 1, _LOCAL[1]),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    )
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def go_offline() -> bool:
    """Refuse this process, and what it begins, every socket that is not local; whether that worked."""
    known = _ARCHITECTURES.get(platform.machine())
    if sys.platform != "linux" or known is None or sys.byteorder != "little":
        return False
    audit, socket_call, seccomp_call = known
    steps = _steps(audit, socket_call)
    program = _Program(len(steps) // 8, steps)
    library = ctypes.CDLL(None, use_errno=True)
    library.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    library.syscall(seccomp_call, _SET_FILTER, _ALL_THREADS, ctypes.byref(program))
    return is_offline()


def is_offline() -> bool:
    """Whether no socket can be made that reaches beyond this machine."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.socket(family, socket.SOCK_STREAM).close()
        except PermissionError:
            continue
        except OSError:  # a system without this family has no network by it
            continue
        return False
    return True
