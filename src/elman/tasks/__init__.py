"""The tasks: the contract that all share, the table of all, and a folder for each."""
