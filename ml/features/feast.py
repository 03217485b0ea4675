"""A materialised folder as a repository of Feast, for whoever runs a feature store already; Feast is no dependency."""

import io
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ml.features.store import EVENT, KEY, OFFLINE
from ml.folders import write_folder

_CONFIGURATION = """\
project: hoofbeat
provider: local
registry: registry.db
offline_store: {type: file}
online_store: {type: sqlite, path: online.db}
entity_key_serialization_version: 3
"""

_DEFINITIONS = '''\
"""Features of Hoofbeat, dataset {dataset}, feature version {version}. Generated: change the definitions there."""

from feast import Entity, FeatureView, Field, FileSource, ValueType
from feast.types import Float32

case = Entity(name="case", join_keys=[{key!r}], value_type=ValueType.STRING)

case_features = FeatureView(
    name="case_features",
    entities=[case],
    schema=[Field(name=name, dtype=Float32) for name in (
{names}
    )],
    source=FileSource(path={file!r}, timestamp_field={event!r}),
    tags={{"dataset": {dataset!r}, "feature_version": {version!r}}},
)
'''


def export_feast(folder: Path, out: Path, *, undated: datetime) -> None:
    """Write the repository of one materialised folder (`ml.features.store`).

    Feast wants a time for each row: rows without one get `undated`, as of when they may be used. Raises OutputError.
    """
    table = pq.read_table(folder / OFFLINE)
    times = pc.fill_null(table[EVENT], pa.scalar(undated, pa.timestamp("us", "UTC")))
    table = table.set_column(table.column_names.index(EVENT), EVENT, times)
    stream = io.BytesIO()
    pq.write_table(table, stream)
    names = "\n".join(f"        {name!r}," for name in table.column_names if name not in (KEY, EVENT))
    definitions = _DEFINITIONS.format(
        dataset=folder.parent.name, version=folder.name, key=KEY, event=EVENT, file=OFFLINE, names=names
    )
    write_folder(
        out,
        {
            "feature_store.yaml": _CONFIGURATION.encode(),
            "features.py": definitions.encode(),
            OFFLINE: stream.getvalue(),
        },
    )
