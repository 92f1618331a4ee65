"""List, merge, plan, execute, verify, record: the one engine under every strand."""
