"""Where the time of a training step goes, by operators: the reason for its distance from the matrix-product peak.

Each operator's own time as torch's profiler gives it, its least over several runs, so that what else the machine does
changes little.
"""

from collections import defaultdict
from collections.abc import Callable

from torch.profiler import ProfilerActivity, profile

PRODUCTS = "matrix products"
GROUPS = {
    PRODUCTS: ("mm", "addmm", "bmm", "baddbmm", "_addmm_activation", "_linear_pointwise"),
    "conversions and copies": ("copy_", "_to_copy", "cat", "clone", "fill_", "zero_"),
    "sums and means": ("sum", "mean"),
    "norms": ("native_layer_norm", "native_layer_norm_backward", "linalg_vector_norm", "div"),
    "softmax and sigmoid": ("_softmax", "_softmax_backward_data", "sigmoid", "sigmoid_backward"),
    "sums, differences and products of elements": ("add", "add_", "sub", "mul", "mul_", "lerp", "neg"),
    "gather": ("index", "index_select"),
    "optimiser": ("_fused_adamw_",),
}
"""Operators by what they are for; all others are "other"."""
OTHER = "other"
_GROUP_OF = {name: group for group, names in GROUPS.items() for name in names}


def operator_seconds(work: Callable[[], object], runs: int) -> dict[str, float]:
    """Seconds of each group of operators in one run of ``work``; the least of several runs for each operator."""
    least: dict[str, float] = {}
    for _ in range(runs):
        with profile(activities=[ProfilerActivity.CPU]) as profiled:
            work()
        for row in profiled.key_averages():
            if "::" in row.key:
                least[row.key] = min(least.get(row.key, float("inf")), row.self_cpu_time_total * 1e-6)
    by_group: dict[str, float] = defaultdict(float)
    for key, spent_s in least.items():
        by_group[_GROUP_OF.get(key.split("::")[1], OTHER)] += spent_s
    return dict(by_group)
