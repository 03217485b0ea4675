"""The processing inventory: what every column of the database says of whom, why it is kept and how long (ADR 28).

`activities` says why data are processed; `patients`, `datasets`, `people` and `system` say, table by table, what each
column is. A column that none of them names is found by `gaps`, which keeps the server from starting; `record` makes the
record of GDPR art. 30(1) of it all.
"""

from apps.privacy.inventory import datasets, patients, people, system
from apps.privacy.inventory.kinds import Activity, Kind, Table

__all__ = ["TABLES", "Activity", "Kind", "Table"]

TABLES = {
    table.model: table for table in (*patients.TABLES, *datasets.TABLES, *people.TABLES, *system.TABLES)
}
