"""
The storm: the real service in one process, on virtual time, over a practice world in bad weather.

Rule: one seed is one history. The loops, the judgement and the ledger are the ones that run in
production (`watcher.assembly`); what lies outside them is simulated behind the same ports. Nothing
here reads a clock, starts a thread or asks the system for chance, and no set is iterated: a seed
replays to the last event. What came of a run is judged from the world's truth, never by the code
under test.

    Trial ─► World (truth) ─► Weather (faults by seed) ─► Life (the service, until it is killed)
          ─► People (who read and press) ─► History ─► oracles
"""
