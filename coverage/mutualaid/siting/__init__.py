"""Where new or shared stations go, and what that is worth to each partner."""

from mutualaid.siting._alternatives import alternatives, shared_sites
from mutualaid.siting._candidates import candidates
from mutualaid.siting._choice import RULES, Choice, Fair, Over
from mutualaid.siting._cmclp import cmclp
from mutualaid.siting._curves import cost_curve, curve, pareto
from mutualaid.siting._dsm import dsm
from mutualaid.siting._given import STATES
from mutualaid.siting._lscp import lscp
from mutualaid.siting._mclp import mclp
from mutualaid.siting._measure import plan_gains, plan_sites
from mutualaid.siting._mexclp import mexclp
from mutualaid.siting._models import MODELS
from mutualaid.siting._names import DIRECTIONS, site_names
from mutualaid.siting._p_center import p_center
from mutualaid.siting._p_median import p_median
from mutualaid.siting._plan import Plan
from mutualaid.siting._region import region_table
from mutualaid.siting._separate import SeparateJoint, separate_and_joint
from mutualaid.siting._study import SitingStudy, siting
from mutualaid.siting._table import SiteTable, site_table
from mutualaid.siting._time_curve import time_curve
from mutualaid.siting._unreached import unreached

__all__ = [
    "DIRECTIONS",
    "MODELS",
    "RULES",
    "STATES",
    "Choice",
    "Fair",
    "Over",
    "Plan",
    "SeparateJoint",
    "SiteTable",
    "SitingStudy",
    "alternatives",
    "candidates",
    "cmclp",
    "cost_curve",
    "curve",
    "dsm",
    "lscp",
    "mclp",
    "mexclp",
    "p_center",
    "p_median",
    "pareto",
    "plan_gains",
    "plan_sites",
    "region_table",
    "separate_and_joint",
    "shared_sites",
    "site_names",
    "site_table",
    "siting",
    "time_curve",
    "unreached",
]
