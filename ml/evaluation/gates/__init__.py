"""What a model must show before it replaces the running one (docs/gates.md, docs/adr/0044).

Nothing is imported here: `process` runs in a process whose memory is measured.
"""
