"""What the server counts of itself, as OpenMetrics text, which Prometheus reads."""

from __future__ import annotations

from collections import Counter


class AnswerCounts:
    """Answers, by what came of them."""

    def __init__(self) -> None:
        self._answers: Counter[tuple[str, str]] = Counter()
        self._rows = 0
        self._seconds = 0.0

    def note(self, read: str, outcome: str, row_count: int, seconds: float) -> None:
        """Count an answer."""
        self._answers[read, outcome] += 1
        self._rows += row_count
        self._seconds += seconds

    def openmetrics(self, gauges: dict[str, tuple[str, float]]) -> str:
        """All counts, and gauges by name with what they mean."""
        lines = ["# TYPE barhouse_serve_answers counter", "# HELP barhouse_serve_answers Answers, by what came of them"]
        lines += [
            f'barhouse_serve_answers_total{{read="{read}",outcome="{outcome}"}} {count}'
            for (read, outcome), count in sorted(self._answers.items())
        ]
        for name, meaning, value in (
            ("answer_rows", "Rows sent", float(self._rows)),
            ("answer_seconds", "Time from a question to the end of its answer", self._seconds),
        ):
            lines += [f"# TYPE barhouse_serve_{name} counter", f"# HELP barhouse_serve_{name} {meaning}"]
            lines.append(f"barhouse_serve_{name}_total {value:.6f}")
        for name, (meaning, value) in gauges.items():
            lines += [f"# TYPE barhouse_serve_{name} gauge", f"# HELP barhouse_serve_{name} {meaning}"]
            lines.append(f"barhouse_serve_{name} {value:g}")
        return "\n".join([*lines, "# EOF", ""])
