"""The studio: a local page in which models are trained, looked into and used.

The server computes and keeps nothing of its own but what is below `.elman-studio` in its folder: trainings are runs of
`elman train --json` in processes of their own, which go on when the page or the server is closed.
"""
