# What the C extension offers; the twin in pure.py documents it.

from plait.native.pure import Scan

def scan(directory: int, /) -> Scan: ...
