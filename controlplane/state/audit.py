"""The chain of the audit, checked from its beginning."""

from __future__ import annotations

from controlplane.state.batch import digest_of
from controlplane.state.protocol import Reader

_AT_ONCE = 1000
_LOWEST = -(2**63)


def broken(reader: Reader) -> list[str]:
    """Where the chain does not hold, in words: an entry that was changed, removed or added."""
    found, head, sequence = [], "", 0
    if reader.audit(_LOWEST, 1) != reader.audit(0, 1):
        found.append("there are audit entries before the first")
    while entries := reader.audit(sequence, _AT_ONCE):
        for entry in entries:
            if entry.sequence != sequence + 1:
                found.append(f"audit entries {sequence + 1} to {entry.sequence - 1} are missing")
            elif entry.previous != head:
                found.append(f"audit entry {entry.sequence} does not follow the one before it")
            if digest_of(tuple(entry[:-1])) != entry.digest:
                found.append(f"audit entry {entry.sequence} was changed")
            head, sequence = entry.digest, entry.sequence
    meta = reader.meta()
    if (sequence, head) != (meta.audit_count, meta.audit_head):
        found.append("the audit does not end where the state says it does")
    return found
