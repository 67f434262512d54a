"""The command line: one command per file, thin over the library."""
