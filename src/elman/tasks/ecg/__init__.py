"""Reading of ECGs: waves, beats and their kinds."""
