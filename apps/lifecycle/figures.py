"""The comparison of an experiment as people read it: a table that can be sorted, what each plot shows, downloads."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.lifecycle.models import CANDIDATES, Experiment

Figure = float | None
Found = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """`key` names it in addresses and files; `figure` is sorted by, `text` is read."""

    key: str
    label: str | Promise
    figure: Callable[[Found], Figure]
    text: Callable[[Found], str]


@dataclass(frozen=True, slots=True)
class Row:
    """One candidate: its name, and (column, text) of each figure."""

    name: str
    label: str
    cells: list[tuple[Column, str]]


def _text(value: Figure, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _measure(key: str, label: str | Promise) -> Column:
    def text(found: Found) -> str:
        interval = found["measures"]["intervals"].get(key)
        within = "" if interval is None else f" [{interval[0]:.3f}, {interval[1]:.3f}]"
        return _text(found["measures"][key]) + within

    return Column(key, label, lambda found: found["measures"][key], text)


def _stratum(kind: str, name: str, label: str | Promise) -> Column:
    """Top-1 and top-10 of some diseases, with the number of cases; sorted by top-10."""

    def stratum(found: Found) -> Found:
        measured: Found = found["measures"][kind].get(name, {"n": 0})
        return measured

    def text(found: Found) -> str:
        s = stratum(found)
        return f"{s['top1']:.3f} / {s['top10']:.3f} (n {s['n']})" if s["n"] else "–"

    return Column(f"{kind}-{name}", label, lambda found: stratum(found).get("top10"), text)


def _cost(key: str, label: str | Promise, digits: int, unit: float = 1) -> Column:
    def figure(found: Found) -> Figure:
        value = found["cost"].get(key)
        return None if value is None else value / unit

    return Column(key, label, figure, lambda found: _text(figure(found), digits))


COLUMNS = (
    _measure("top1", gettext_lazy("top-1")),
    _measure("top3", gettext_lazy("top-3")),
    _measure("top5", gettext_lazy("top-5")),
    _measure("top10", gettext_lazy("top-10")),
    _measure("mrr", gettext_lazy("mean reciprocal rank")),
    _measure("accuracy", gettext_lazy("accuracy")),
    _measure("macro_roc_auc", gettext_lazy("ROC AUC")),
    _measure("macro_f1", gettext_lazy("macro F1")),
    _measure("ece", gettext_lazy("calibration error")),
    _stratum("by_training_cases", "0", gettext_lazy("0 training cases: top-1 / top-10")),
    _stratum("by_training_cases", "1-4", gettext_lazy("1-4 training cases: top-1 / top-10")),
    _stratum("by_training_cases", "5+", gettext_lazy("5 and more training cases: top-1 / top-10")),
    _stratum("by_rarity", "common", gettext_lazy("common diseases: top-1 / top-10")),
    _stratum("by_rarity", "rare", gettext_lazy("rare diseases: top-1 / top-10")),
    _cost("milliseconds_a_case", gettext_lazy("one case, ms"), 2),
    _cost("training_memory_bytes", gettext_lazy("memory of training, MB"), 1, 1e6),
    _cost("artefact_bytes", gettext_lazy("artefact, MB"), 2, 1e6),
    _cost("training_seconds", gettext_lazy("training and tuning, s"), 1),
)
_DEFAULT = COLUMNS[0]


def table_of(experiment: Experiment, sort: str, is_ascending: bool) -> list[Row]:
    """The candidates in order of a column (`Column.key`; top-1 where there is none of that name); unknown ones last."""
    if experiment.comparison is None:
        return []
    column = sorted_by(sort)

    def order(item: tuple[str, Found]) -> tuple[bool, float]:
        figure = column.figure(item[1])
        return figure is None, (figure or 0.0) * (1 if is_ascending else -1)

    return [
        Row(name, label_of(name), [(c, c.text(found)) for c in COLUMNS])
        for name, found in sorted(experiment.comparison["candidates"].items(), key=order)
    ]


def sorted_by(key: str) -> Column:
    """The column of that key, or that by which nobody asked to sort."""
    return next((column for column in COLUMNS if column.key == key), _DEFAULT)


def label_of(candidate: str) -> str:
    """An algorithm in words."""
    return str(CANDIDATES.get(candidate, candidate))


def plain_rows(experiment: Experiment) -> list[list[object]]:
    """For spreadsheets: a candidate, and its bare figures, in each row."""
    found = (experiment.comparison or {"candidates": {}})["candidates"]
    return [[name, *(column.figure(figures) for column in COLUMNS)] for name, figures in found.items()]


def confusions_of(experiment: Experiment) -> list[dict[str, Any]]:
    """The confusion matrices, of comparisons with few diseases: label, names and rows of counts."""
    found = (experiment.comparison or {"candidates": {}})["candidates"]
    return [
        {
            "label": label_of(name),
            "names": confusion["names"],
            "rows": list(zip(confusion["names"], confusion["counts"], strict=True)),
        }
        for name, figures in found.items()
        if (confusion := figures["measures"].get("confusion"))
    ]


def alt_text(experiment: Experiment, plot: str) -> str:
    """What is seen on a plot, for those who do not see it."""
    found: Mapping[str, Found] = (experiment.comparison or {"candidates": {}})["candidates"]
    kind, _dash, name = plot.partition("-")
    if kind == "accuracy":
        figures = ", ".join(
            f"{label_of(n)} {f['measures']['top1']:.2f} / {f['measures']['top10']:.2f}"
            for n, f in found.items()
        )
        return _(
            "Bars of top-1 to top-10 of each algorithm with 95 %% intervals. Top-1 / top-10: %(figures)s."
        ) % {"figures": figures}
    if kind == "reliability":
        figures = ", ".join(f"{label_of(n)} {f['measures']['ece']:.2f}" for n, f in found.items())
        return _(
            "Stated probability of the first disease against the share that was right, a line for each algorithm "
            "beside the diagonal. Calibration error: %(figures)s."
        ) % {"figures": figures}
    if name in found:
        measures = found[name]["measures"]
        return _(
            "Confusion matrix of %(name)s: diagnosis by first disease of the list. %(share)d %% of %(n)d cases are on "
            "the diagonal; the table below has the numbers."
        ) % {"name": label_of(name), "share": round(100 * measures["accuracy"]), "n": measures["n"]}
    return plot
