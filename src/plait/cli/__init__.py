"""The command line: argument grammars, one module per command, terminal output."""
