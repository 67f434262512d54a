"""Inspection of trained models: pictures, word vectors and verification."""
