"""What partners can do for each other, what it is worth, and what a fair share of its cost would be."""

from mutualaid.cooperation._contribution import (
    Combined,
    Contribution,
    combine,
    contribute,
    read_contribution,
    write_contribution,
)
from mutualaid.cooperation._cooperation import Cooperation, cooperation, joint_game
from mutualaid.cooperation._core import CoreCheck, core_check
from mutualaid.cooperation._costs import coalition_costs
from mutualaid.cooperation._coverage_game import CoverageGame, coverage_game
from mutualaid.cooperation._crossings import crossing_criticality, crossing_pairs
from mutualaid.cooperation._delays import (
    CROSSING_DELAYS_S,
    DISPATCH_DELAYS_S,
    LEFT_AFTER_S,
    break_even,
    delay_sweep,
)
from mutualaid.cooperation._games import shapley, shapley_sampled
from mutualaid.cooperation._harmonisation import capabilities, harmonisation
from mutualaid.cooperation._indicators import (
    balance,
    dependence,
    indicators,
    reciprocity,
    simultaneity,
    station_dependence,
)
from mutualaid.cooperation._sensitivity import RANGES, findings, sensitivity
from mutualaid.cooperation._shares import SHARE_RULES, core_table, cost_shares
from mutualaid.cooperation._sharing import SharedRegion, Withheld, shared_region

__all__ = [
    "CROSSING_DELAYS_S",
    "DISPATCH_DELAYS_S",
    "LEFT_AFTER_S",
    "RANGES",
    "SHARE_RULES",
    "Combined",
    "Contribution",
    "Cooperation",
    "CoreCheck",
    "CoverageGame",
    "SharedRegion",
    "Withheld",
    "balance",
    "break_even",
    "capabilities",
    "coalition_costs",
    "combine",
    "contribute",
    "cooperation",
    "core_check",
    "core_table",
    "cost_shares",
    "coverage_game",
    "crossing_criticality",
    "crossing_pairs",
    "delay_sweep",
    "dependence",
    "findings",
    "harmonisation",
    "indicators",
    "joint_game",
    "read_contribution",
    "reciprocity",
    "sensitivity",
    "shapley",
    "shapley_sampled",
    "shared_region",
    "simultaneity",
    "station_dependence",
    "write_contribution",
]
