"""One module per command, thin: words and values in, calls of the layers below, exit code out."""
