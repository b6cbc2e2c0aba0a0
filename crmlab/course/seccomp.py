"""Which calls of the kernel are refused to a student's code: a filter in the form that bubblewrap takes."""

from __future__ import annotations

import platform
import struct

# AUDIT_ARCH, then the numbers; a call that both know by one number stands in _EVERYWHERE
_MACHINES = {
    "x86_64": (0xC000003E, 56, 41, (
        272, 308, 165, 166, 155, 161,  # unshare, setns, mount, umount2, pivot_root, chroot
        101, 310, 311, 321, 298, 323,  # ptrace, process_vm_readv, process_vm_writev, bpf, perf_event_open, userfaultfd
        248, 249, 250, 304,  # add_key, request_key, keyctl, open_by_handle_at
        319, 29, 68, 64, 240,  # memory that no limit counts: memfd_create, shmget, msgget, semget, mq_open
        203,  # sched_setaffinity: the CPUs of others
    )),
    "aarch64": (0xC00000B7, 220, 198, (
        97, 268, 40, 39, 41, 51, 117, 270, 271, 280, 241, 282, 217, 218, 219, 265, 279, 194, 186, 190, 180,
        122,
    )),
}  # fmt: skip
_EVERYWHERE = (425, 426, 427, 428, 429, 430, 431, 432, 433, 438, 442, 447)  # io_uring, new mounts, pidfd_getfd, memfd
_CLONE3 = 435
_NAMESPACES = 0x7E020000  # the flags of clone that make a namespace
_FAMILIES = (1, 2, 10, 16)  # Unix, IPv4, IPv6, netlink; vsock would reach the host of a virtual machine
_REFUSE, _MISSING, _ALLOW = 0x00050001, 0x00050026, 0x7FFF0000  # EPERM, ENOSYS
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _MACHINE, _FIRST = 0, 4, 16  # where the call's number, machine and first argument stand


def filter_program(machine: str | None = None) -> bytes | None:
    """The filter for this machine (by default the one at hand); None for a machine whose numbers are not listed."""
    if (known := _MACHINES.get(machine or platform.machine())) is None:
        return None
    arch, clone, socket, refused = known
    steps = [(_LOAD, 0, 0, _MACHINE), (_EQUAL, 1, 0, arch), (_RETURN, 0, 0, _REFUSE), (_LOAD, 0, 0, _NUMBER)]
    steps += [(_AT_LEAST, 0, 1, 0x40000000), (_RETURN, 0, 0, _REFUSE)]  # x86's second numbering
    steps += [(_EQUAL, 0, 1, _CLONE3), (_RETURN, 0, 0, _MISSING)]  # its flags cannot be seen; the C library uses clone
    for number in (*refused, *_EVERYWHERE):
        steps += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _REFUSE)]
    steps += [(_EQUAL, 0, 4, clone), (_LOAD, 0, 0, _FIRST), (_ANY_BIT, 0, 1, _NAMESPACES)]
    steps += [(_RETURN, 0, 0, _REFUSE), (_RETURN, 0, 0, _ALLOW)]
    steps += [(_EQUAL, 1, 0, socket), (_RETURN, 0, 0, _ALLOW), (_LOAD, 0, 0, _FIRST)]
    for family in _FAMILIES:
        steps += [(_EQUAL, 0, 1, family), (_RETURN, 0, 0, _ALLOW)]
    steps.append((_RETURN, 0, 0, _REFUSE))
    return b"".join(struct.pack("<HBBI", *step) for step in steps)
