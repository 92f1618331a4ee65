"""Google Drive, through Google's own client library.

store -> listing | files (names, queries, documents) -> client (requests, errors, uploads) -> credentials
"""
