"""Does the running model still meet the patients it was made for, and still serve them? (docs/monitoring.md)"""
