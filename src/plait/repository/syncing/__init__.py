"""Sync: snapshots to, from and with a peer (behaviour, section 2; format, section 13)."""
