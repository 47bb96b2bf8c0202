"""A server for minutes of connects, watches, calls, cancels and cuts: its memory every half minute.

A sample is taken when all clients have left, so that samples compare. It fails if the memory after the warm-up grows.
"""

from __future__ import annotations

import argparse

__all__ = ["add_options", "run"]

_FEWEST = 3
"""Samples that can be judged."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what can be chosen."""
    parser.add_argument("--minutes", type=float, default=10.0, help="so long (default 10)")
    parser.add_argument("--warm-up", type=float, default=2.0, help="of these, do not judge so many (default 2)")
    parser.add_argument("--seed", type=int, default=1, help="of what the clients do (default 1)")


def run(options: argparse.Namespace) -> int:
    """Soak, print the samples as they come, and say how much the memory grew."""
    from scripts.benchmarks.harm import soaking  # noqa: PLC0415 - the help needs none of it

    samples = []
    for sample in soaking.soak(options.minutes * 60, options.seed):
        samples.append(sample)
        print(sample, flush=True)
    judged = [sample for sample in samples if sample.seconds > options.warm_up * 60]
    if len(judged) < _FEWEST:
        print("too short to say whether the memory grows")
        return 0
    grew = soaking.growth(judged)
    print(f"after {options.warm_up:g} minutes of warm-up: {grew}")
    return int(not grew.is_flat)
