"""rclone's filter language: which files and directories of a tree count.

`compile_filters(filter_options(values), now, read_lines)` gives `Filters`, which answer for one path at a time.
"""

from plait.mirror.filters.compiling import compile_filters
from plait.mirror.filters.filters import Filters
from plait.mirror.filters.options import FilterOptions, RuleOptions, filter_options, read_lines

__all__ = ["FilterOptions", "Filters", "RuleOptions", "compile_filters", "filter_options", "read_lines"]
