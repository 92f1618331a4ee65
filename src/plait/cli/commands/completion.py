"""`plait completion SHELL`: a script for the shell, which asks `plait completion --words` what to offer.

A script once installed stays right, since the words come from the declarations of the Plait that answers.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Final

from plait.cli.completing import DIRECTORY, FILE, SHELLS, complete
from plait.cli.grammar import did_you_mean
from plait.model.errors import UsageError

if TYPE_CHECKING:
    from plait.cli.completing import Offer
    from plait.cli.forms import Invocation

BASH: Final = r"""# Completion of plait for bash.
_plait() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        case "$line" in
            :file) compopt -o default 2>/dev/null; COMPREPLY+=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")) ;;
            :directory) compopt -o default 2>/dev/null; COMPREPLY+=($(compgen -d -- "${COMP_WORDS[COMP_CWORD]}")) ;;
            *) COMPREPLY+=("$line") ;;
        esac
        case "$line" in *: | *=) compopt -o nospace 2>/dev/null ;; esac
    done < <(plait completion --words bash -- "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
}
complete -F _plait plait
"""
ZSH: Final = r"""#compdef plait
# Completion of plait for zsh.
_plait() {
    local line
    local -a found
    for line in "${(@f)$(plait completion --words zsh -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
        case "$line" in
            "") ;;
            :file) _files ;;
            :directory) _files -/ ;;
            *) found+=("$line") ;;
        esac
    done
    (( $#found )) && compadd -- $found
}
if [ "$funcstack[1]" = "_plait" ]; then _plait "$@"; else compdef _plait plait; fi
"""
FISH: Final = r"""# Completion of plait for fish.
function __plait_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in (plait completion --words fish -- $words[2..-1] 2>/dev/null)
        switch $line
            case ':file'
                __fish_complete_path (commandline -ct)
            case ':directory'
                __fish_complete_directories (commandline -ct)
            case '*'
                echo $line
        end
    end
end
complete -c plait -f -a '(__plait_complete)'
"""
_SCRIPTS: Final = {"bash": BASH, "zsh": ZSH, "fish": FISH}


def run(invocation: Invocation) -> int:
    """Prints a script, or with `--words` what fits the words of a command line. Raises UsageError."""
    shell, *words = invocation.words
    if shell not in _SCRIPTS:
        hint = did_you_mean(shell, SHELLS) or f"there are {', '.join(SHELLS)}"
        raise UsageError(f"no completion for {shell}", hint=hint)
    if not invocation.values.words:
        if words:
            raise UsageError(f"completion takes 1 word, not {len(invocation.words)}")
        print(_SCRIPTS[shell], end="")
        return 0
    from plait.cli.remotes import known_names

    names = partial(known_names, invocation.environment)
    if shell == "bash":
        line = _bash_words(words[0] if words else "")
        print("\n".join(_bash_lines(complete(line, names), line[-1])))
    else:
        print("\n".join(_lines(complete(words, names), described=shell == "fish")))
    return 0


def _lines(offer: Offer, *, described: bool = False) -> list[str]:
    lines = [f"{word}\t{says}" if described and says else word for word, says in offer.words]
    return [*lines, *([f":{offer.paths}"] if offer.paths in {FILE, DIRECTORY} else [])]


def _bash_words(line: str) -> list[str]:
    """The words of a line after the program's name, up to the cursor; the last one is being typed."""
    import shlex

    lexer = shlex.shlex(line, posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        words = list(lexer)
    except ValueError:
        # A quote is still open: the words are what stands between blanks.
        words = line.split()
    if not line or line[-1].isspace():
        words.append("")
    return words[1:] or [""]


def _bash_lines(offer: Offer, current: str) -> list[str]:
    """As `_lines`; bash takes a colon or an equals sign for the end of a word and replaces only what follows it."""
    kept = len(re.sub(r"[^:=]*\Z", "", current))
    return [line if line.startswith(":") else line[kept:] for line in _lines(offer)]
