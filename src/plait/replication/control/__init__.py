"""The control socket of a daemon: HTTP over a Unix socket, as Litestream speaks it.

| module | subject |
|---|---|
| `controlled` | what a server needs of a daemon |
| `bodies` | what requests ask, in JSON |
| `endpoints` | requests and answers, without I/O |
| `server` | the socket and its connections |
| `client` | the other side |
| `paths` | where the socket is |
| `metrics`, `heartbeat` | what others watch |
"""
