"""
Draws one chart: a process of its own, `python -m watcher.drawing`.

Rule: a story as JSON on standard input, a PNG on standard output, and nothing else: no file, no
network, no secret. It bounds its own memory and time before anything heavy is loaded. Nothing of
the program imports it, so Matplotlib's memory is gone with the process.
"""
