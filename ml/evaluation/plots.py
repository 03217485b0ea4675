"""Plots of a comparison, each as SVG and PNG: accuracies with intervals, reliability, confusion."""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ml.evaluation.metrics import TOPS

# the same bytes for the same figures: no date, and ids of a fixed seed
_SAME: dict[Any, Any] = {"svg.hashsalt": "hoofbeat", "svg.fonttype": "none"}
_METADATA = {"svg": {"Date": None}, "png": {"Software": None}}


def plots(comparison: Mapping[str, Any]) -> dict[str, bytes]:
    """File name -> content."""
    found = {name: candidate["measures"] for name, candidate in comparison["candidates"].items()}
    figures = {"accuracy": _accuracy(found), "reliability": _reliability(found)}
    figures |= {f"confusion-{n}": _confusion(m["confusion"], n) for n, m in found.items() if "confusion" in m}
    files = {}
    with rc_context(_SAME):
        for name, figure in figures.items():
            FigureCanvasAgg(figure)
            for form, metadata in _METADATA.items():
                stream = io.BytesIO()
                figure.savefig(stream, format=form, metadata=metadata, dpi=100)
                files[f"{name}.{form}"] = stream.getvalue()
    return files


def _accuracy(found: Mapping[str, Any]) -> Figure:
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.add_subplot()
    width = 0.8 / len(found)
    for i, (name, m) in enumerate(found.items()):
        height = np.array([m[f"top{k}"] for k in TOPS])
        interval = np.array([m["intervals"][f"top{k}"] for k in TOPS])
        # a quantile of resamples may stop just short of the figure itself
        error = np.maximum([height - interval[:, 0], interval[:, 1] - height], 0.0)
        axes.bar(np.arange(len(TOPS)) + i * width, height, width, yerr=error, capsize=2, label=name)
    axes.set_xticks(np.arange(len(TOPS)) + 0.4 - width / 2, [f"top-{k}" for k in TOPS])
    axes.set_ylim(0, 1)
    axes.set_ylabel("share of held-out cases, 95 % interval")
    figure.legend(loc="outside right upper")
    return figure


def _reliability(found: Mapping[str, Any]) -> Figure:
    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":")
    for name, m in found.items():
        bins = m["reliability"]
        axes.plot([b["stated"] for b in bins], [b["right"] for b in bins], marker="o", label=name)
    axes.set_xlabel("stated probability of the first disease")
    axes.set_ylabel("share that was right")
    figure.legend(loc="outside right upper")
    return figure


def _confusion(confusion: Mapping[str, Any], name: str) -> Figure:
    counts, names = np.array(confusion["counts"]), confusion["names"]
    size = 3 + 0.45 * len(names)
    figure = Figure(figsize=(size, size), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1), cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(counts.shape):
        shade = "white" if counts[row, column] > counts[row].sum() / 2 else "black"
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=shade, fontsize=8)
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("first disease of the list")
    axes.set_ylabel("diagnosis")
    axes.set_title(name)
    return figure
