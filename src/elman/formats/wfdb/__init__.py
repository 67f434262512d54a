"""WFDB, the format of PhysioNet: records, their headers and signals, and annotations."""
