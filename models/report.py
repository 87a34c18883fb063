"""The report folder: metrics.json, four plots, and one page that shows them. Nothing is fetched from anywhere."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from fraud.write_aside import write_folder_aside
from models.bootstrap import Estimate
from models.metrics import Metrics

__all__ = ["summary_lines", "write_report"]

METRICS = "metrics.json"
INK = "#1f2933"
BLUE = "#2b6cb0"
GREY = "#9aa5b1"
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
}


def write_report(folder: Path, metrics: Metrics) -> None:
    """Write ``folder`` whole or not at all; an older report there is replaced, anything else left alone."""
    with write_folder_aside(folder, marker=METRICS) as aside:
        (aside / METRICS).write_text(metrics.model_dump_json(indent=2) + "\n", encoding="utf-8")
        for name, (draw, _) in PLOTS.items():
            _save(draw, metrics, aside / f"{name}.png")
        (aside / "index.html").write_text(_page(metrics), encoding="utf-8")


def summary_lines(metrics: Metrics) -> list[str]:
    """The main figures, one to a line."""
    width = max(len(name) for name, _ in _summary(metrics)) + 2
    return [f"{name:<{width}}{figure}" for name, figure in _summary(metrics)]


def _summary(metrics: Metrics) -> list[tuple[str, str]]:
    span, ranking, alerts, money = metrics.span, metrics.ranking, metrics.alerts, metrics.money
    rows = [
        ("Payments, frauds, days", f"{span.transactions:,}, {span.frauds:,}, {span.days}"),
        ("Average precision", _told(ranking.average_precision)),
        ("AUC", _told(ranking.auc)),
        (f"Card precision@{ranking.budget} a day", _told(ranking.card_precision_at_budget)),
        (f"Precision@{ranking.budget} a day", _told(ranking.precision_at_budget)),
        (f"Recall at {ranking.budget} alerts a day", _told(ranking.recall_at_budget)),
        (
            "Alerts a day",
            f"{alerts.alerts_per_day:,.1f} ({alerts.reviews:,} reviews, {alerts.blocks:,} blocks)",
        ),
        ("Alert precision", _told(alerts.precision)),
        ("Fraud recall", _told(alerts.recall)),
        ("False positives per 1,000 payments", _told(alerts.false_positives_per_1000, 2)),
        (
            "Money stopped",
            f"{money.stopped:,.0f} of {money.at_stake:,.0f}, share {_told(money.stopped_share)}",
        ),
        (
            "Calibration error, Brier",
            f"{metrics.calibration.expected_error:.4f}, {metrics.calibration.brier:.4f}",
        ),
    ]
    episodes = metrics.episodes
    if episodes.found_share is not None:
        found = f"{episodes.found_share:.0%} of {episodes.episodes}"
        if episodes.lead_hours_quartiles is not None:
            found += f", median lead {_hours(episodes.lead_hours_quartiles[1])}"
        rows.append(
            ("Fraud episodes found", f"{found}, {episodes.money_ahead_share:.0%} of the money still ahead")
        )
    if metrics.rings is not None:
        rings = metrics.rings
        right = f"{rings.right_alerts} of {rings.alerts} ring alerts right"
        rows.append(("Rings found", f"{rings.found} of {rings.true_rings}, {right}"))
    return rows


def _told(estimate: Estimate, digits: int = 3) -> str:
    if estimate.value is None:
        return "not defined"
    if estimate.low is None:
        return f"{estimate.value:.{digits}f}"
    return f"{estimate.value:.{digits}f}  [{estimate.low:.{digits}f}, {estimate.high:.{digits}f}]"


def _hours(hours: float) -> str:
    return f"{hours:.1f} hours" if hours < 48 else f"{hours / 24:.1f} days"


def _draw_precision_recall(axes: Axes, metrics: Metrics) -> None:
    points = metrics.precision_recall
    axes.step([p[1] for p in points], [p[2] for p in points], where="post", color=BLUE, linewidth=1.6)
    base = metrics.span.frauds / metrics.span.transactions
    axes.axhline(base, color=GREY, linewidth=0.8, linestyle="--")
    axes.annotate("share of frauds", (0.99, base), ha="right", va="bottom", color=GREY)
    recall, precision = metrics.alerts.recall.value, metrics.alerts.precision.value
    if recall is not None and precision is not None:
        axes.plot([recall], [precision], "o", color=INK, markersize=5)
        axes.annotate("decisions", (recall, precision), xytext=(6, 4), textcoords="offset points")
    axes.set(
        xlim=(0, 1),
        ylim=(0, 1.02),
        xlabel="Recall (share of frauds alerted)",
        ylabel="Precision (share of alerts that are fraud)",
        title=f"Average precision {_told(metrics.ranking.average_precision)}",
    )


def _draw_calibration(axes: Axes, metrics: Metrics) -> None:
    bins = metrics.calibration.bins
    floor = 1e-5
    axes.plot([floor, 1], [floor, 1], color=GREY, linewidth=0.8, linestyle="--")
    score = np.array([max(b.mean_score, floor) for b in bins])
    share = np.array([max(b.fraud_share, floor) for b in bins])
    intervals = np.array([_wilson(b.fraud_share, b.payments) for b in bins])
    below, above = share - np.maximum(intervals[:, 0], floor), intervals[:, 1] - share
    axes.errorbar(
        score, share, yerr=(np.maximum(below, 0.0), np.maximum(above, 0.0)),
        fmt="o-", color=BLUE, linewidth=1.2, markersize=4, capsize=2,
    )  # fmt: skip
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set(
        xlim=(floor, 1.2),
        ylim=(floor, 1.5),
        xlabel="Mean score of the bin (probability)",
        ylabel="Share of frauds in the bin",
        title=f"Expected calibration error {metrics.calibration.expected_error:.4f}",
    )


def _wilson(share: float, count: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's 95 % interval of a share, sound for shares of 0 too."""
    centre = share + z * z / (2 * count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    return (centre - half) / scale, (centre + half) / scale


def _draw_lead_time(axes: Axes, metrics: Metrics) -> None:
    days = np.array(metrics.lead_hours) / 24.0
    axes.step(np.append(0, days), np.linspace(1, 0, len(days) + 1), where="post", color=BLUE, linewidth=1.6)
    episodes = metrics.episodes
    found = "none" if episodes.found_share is None else f"{episodes.found_share:.0%}"
    axes.set(
        xlim=(0, None),
        ylim=(0, 1.02),
        xlabel="Lead time from the first alert to the episode's end (days)",
        ylabel="Share of found episodes with a longer lead",
        title=f"{found} of {episodes.episodes} fraud episodes found",
    )


def _draw_scenarios(axes: Axes, metrics: Metrics) -> None:
    scenarios = sorted(metrics.by_scenario, key=lambda scenario: scenario.recall)
    place = np.arange(len(scenarios))
    axes.barh(place + 0.2, [s.recall for s in scenarios], 0.36, color=BLUE, label="frauds alerted")
    axes.barh(
        place - 0.2, [s.money_stopped_share for s in scenarios], 0.36, color=GREY, label="money stopped"
    )
    axes.set_yticks(place, [f"{s.kind.replace('_', ' ')} ({s.frauds:,})" for s in scenarios])
    axes.set(xlim=(0, 1), xlabel="Share of the kind's total", title="By kind (number of frauds)")
    if scenarios:
        axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2)


PLOTS: Mapping[str, tuple[Callable[[Axes, Metrics], None], str]] = {
    "precision_recall": (_draw_precision_recall, "Precision against recall over all thresholds"),
    "calibration": (_draw_calibration, "Scores against what happened, with 95 % intervals"),
    "lead_time": (_draw_lead_time, "How long before its end a fraud episode was found"),
    "by_scenario": (_draw_scenarios, "What was caught of each kind of fraud"),
}


def _save(draw: Callable[[Axes, Metrics], None], metrics: Metrics, path: Path) -> None:
    with rc_context(STYLE):
        height = max(4.0, 1.2 + 0.32 * len(metrics.by_scenario)) if draw is _draw_scenarios else 4.0
        figure = Figure(figsize=(6.4, height), dpi=130, layout="constrained")
        FigureCanvasAgg(figure)
        draw(figure.add_subplot(), metrics)
        # Without dates and versions the same figures give the same bytes.
        figure.savefig(path, metadata={"Software": None})


def _page(metrics: Metrics) -> str:
    rows = "\n".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(figure)}</td></tr>"
        for name, figure in _summary(metrics)
    )
    plots = "\n".join(
        f'<figure><img src="{name}.png" alt="{html.escape(caption)}"><figcaption>{html.escape(caption)}</figcaption>'
        "</figure>"
        for name, (_, caption) in PLOTS.items()
    )
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Ringfence evaluation</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; color: {INK}; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }}
th {{ text-align: left; font-weight: normal; padding-right: 2rem }}
td {{ font-variant-numeric: tabular-nums }}
figure {{ display: inline-block; margin: 1rem 0; width: min(29rem, 100%) }}
img {{ width: 100% }}
figcaption {{ color: #52606d; font-size: 13px }}
</style>
<h1>Ringfence evaluation</h1>
<p>{html.escape(metrics.span.start)} to {html.escape(metrics.span.end)}. Brackets are 95 % bootstrap intervals.
All figures are in <a href="{METRICS}">{METRICS}</a>.</p>
<table>
{rows}
</table>
{plots}
</html>
"""
