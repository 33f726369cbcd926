"""
`watcher demo`: twin accounts go through a real sell-off, one of each pair watched.

    market   recorded and drawn prices      stage    the accounts       truth    the yardstick
    daemon   the real daemon as a process   people   trader and twin    phone    what they read
    rescue   the one that tops itself up    show     directs it all
    record, summary, view, picture          what is told of it

Rule: the demo proves the product from outside: it may import the practice exchange and nothing
of the daemon.
"""
