"""The command line: one file a command, a parser on top. Nothing heavy is imported before a command runs."""
