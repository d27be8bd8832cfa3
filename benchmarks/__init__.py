"""How fast iidindex is, as ratios to other programs doing the same work in the same run.

Run ``python -m benchmarks`` from the root of the repository; README.md tells the rest.
"""
