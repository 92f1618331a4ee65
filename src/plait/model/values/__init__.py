"""Values as people write and read them: sizes, durations, ages, times, bandwidths, plain flags. Pure, quick to import.

Sizes are bytes, durations and times nanoseconds (times since the epoch), all `int`; `off` is None. Parsers raise
ValueError with the words that a person needs. Patterns are compiled at first use, because this loads at start-up.
"""
