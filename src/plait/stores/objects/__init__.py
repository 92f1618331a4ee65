"""Object stores: S3 and what speaks like it.

One signed request layer carries every verb, so that keys, conditions, checksums and errors are exact:

    store -> listing | reading | upload | copying | probes -> request (sign, send, repeat) -> wire (HTTP/1.1)

Measured as bare requests for 4 KiB, obstore takes 1.6 times the CPU (and refuses keys such as `a//b`), http.client 2
times, urllib3 3 to 4 times; a download of 1 GiB in ranges takes obstore twice as long.
"""

from plait.stores.objects.opening import open_s3

__all__ = ["open_s3"]
