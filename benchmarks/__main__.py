"""Speed and memory beside the peers, in one run on one machine; writes docs/benchmarks.md.

`python -m benchmarks` (about 5 minutes, 1 GB of disk in a temporary folder); `--quick` tries it with a tenth.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.page import machine, write

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("summary", "fit", "spend", "value")
AIMS = {"summary": 5, "fit": 40, "whole path": 25}


def run(step: str, folder: Path, *more: str) -> dict[str, Any]:
    """Run a step in a process of its own; what it prints."""
    command = [sys.executable, "-m", "benchmarks.steps", step, str(folder), *more]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode:
        raise SystemExit(f"{step} on {folder.name} failed:\n{done.stderr}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(step, folder.name, result["seconds"], f"{result['peak_mb']:.0f} MB", flush=True)
    return result


def best_of(results: list[dict[str, Any]]) -> dict[str, Any]:
    """The fastest time of each part (noise only adds) and the largest memory."""
    best = dict(results[0])
    best["seconds"] = {part: min(r["seconds"][part] for r in results) for part in best["seconds"]}
    best["peak_mb"] = max(r["peak_mb"] for r in results)
    best["whole"] = sum(best["seconds"].get(part, 0.0) for part in PARTS)
    return best


def measure(sizes: tuple[int, int, int], folder: Path) -> dict[str, Any]:
    """All steps: ours for each size, the peers for the middle one, in turn."""
    logs = {n: run("make", folder / f"{n}", str(n))["rows"] for n in sizes}
    middle = sizes[1]
    turns = [[run(step, folder / f"{middle}") for step in ("ours", "sql")] for _ in range(5)]
    ours = {
        n: best_of([run("ours", folder / f"{n}") for _ in range(3 if n < middle else 1)]) for n in sizes if n != middle
    }
    ours[middle] = best_of([own for own, _ in turns])
    sql = best_of([query for _, query in turns])
    peer = best_of([run("lifetimes", folder / f"{middle}")])
    return {"rows": logs, "ours": dict(sorted(ours.items())), "sql": sql, "lifetimes": peer, "middle": middle}


def report(found: dict[str, Any]) -> str:
    """The measurements as a page."""
    middle, ours, sql, peer = found["middle"], found["ours"], found["sql"], found["lifetimes"]
    mine = ours[middle]
    rows = [(part, mine["seconds"][part], peer["seconds"][part]) for part in PARTS]
    rows.append(("whole path", mine["whole"], peer["whole"]))
    lines = [
        "# Benchmarks",
        "",
        "Made by `make bench` (`python -m benchmarks`), which writes this page. One machine, one run:",
        machine("duckdb", "ibis-framework", "numpy", "lifetimes"),
        "",
        "The log is simulated (one quarter's new customers, seen for a year, CDNOW's parameters), in Parquet files.",
        "Times are wall-clock seconds without imports, each step in a process of its own; at one million, ours and SQL",
        "took turns and the fastest of five counts; lifetimes ran once. Our values have intervals, theirs have none.",
        "",
        f"## {middle:,} customers, {found['rows'][middle]:,} rows, day resolution",
        "",
        "| part | crmlab, s | lifetimes, s | ratio | aim |",
        "|---|---|---|---|---|",
    ]
    for part, own, theirs in rows:
        aim = f"{AIMS[part]}" if part in AIMS else ""
        lines.append(f"| {part} | {own:.2f} | {theirs:.1f} | {theirs / own:.1f} | {aim} |")
    lines += [
        f"| peak memory, MB | {mine['peak_mb']:.0f} | {peer['peak_mb']:.0f} | "
        f"{peer['peak_mb'] / mine['peak_mb']:.1f} | |",
        "",
        "The parts: log to customer summary (ours checks every row first), BG/NBD fit, Gamma-Gamma fit, value of each",
        "customer over three years. Both find the same:",
        f"alpha {mine['alpha']:.4f} and {peer['alpha']:.4f}, a {mine['a']:.4f} and {peer['a']:.4f}; mean value "
        f"{mine['value']:.2f} and {peer['value']:.2f}",
        "(lifetimes takes 36 months of 30 days and discounts at each month's end).",
        "",
        f"The same summary written by hand as SQL for DuckDB, without checks: {sql['seconds']['summary']:.2f} s; ours "
        f"takes {mine['seconds']['summary'] / sql['seconds']['summary']:.2f} times as long (aim: at most 1.5).",
        f"The SQL itself is {peer['seconds']['summary'] / sql['seconds']['summary']:.1f} times as fast as lifetimes.",
        "",
        "## How it grows",
        "",
        "| customers | rows | summary, s | fit, s | spend, s | value, s | whole, s | peak memory, MB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for n, one in ours.items():
        parts = " | ".join(f"{one['seconds'][part]:.2f}" for part in PARTS)
        lines.append(f"| {n:,} | {found['rows'][n]:,} | {parts} | {one['whole']:.2f} | {one['peak_mb']:.0f} |")
    lines += [
        "",
        "The fit grows more slowly than the customers: it sees distinct histories, of which fewer and fewer are new.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of each size, printed and not written")
    quick = parser.parse_args().quick
    sizes = (10_000, 100_000, 1_000_000) if quick else (100_000, 1_000_000, 10_000_000)
    with tempfile.TemporaryDirectory() as folder:
        page = report(measure(sizes, Path(folder)))
    print(page)
    if not quick:
        write("benchmarks.md", page)


if __name__ == "__main__":
    main()
