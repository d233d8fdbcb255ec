"""The benchmarks. Speed is measured as a ratio in one run, interleaved and paired; never asserted in a test."""
