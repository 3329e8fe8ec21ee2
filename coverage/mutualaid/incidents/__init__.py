"""What happened: incidents as they were recorded, held against the model, and what the model learns from them."""

from mutualaid.incidents._busy._kernel import Served, Ways, simulate_calls
from mutualaid.incidents._busy._study import busy_units
from mutualaid.incidents._calibrate._calibration import calibrate
from mutualaid.incidents._calibrate._delays import calibrated_parameters
from mutualaid.incidents._gain import gain_in_record
from mutualaid.incidents._import._imported import Imported, import_incidents
from mutualaid.incidents._import._rules import RULES
from mutualaid.incidents._import._write import write_incidents
from mutualaid.incidents._modelled import model_fit, modelled
from mutualaid.incidents._numbers import INCIDENT_NULL_MEANS, incident_numbers
from mutualaid.incidents._observed import observed
from mutualaid.incidents._places import incident_places
from mutualaid.incidents._profile_file import write_profile
from mutualaid.incidents._rates import call_rates, expected_calls
from mutualaid.incidents._results import BusyStudy, Calibration, IncidentStudy
from mutualaid.incidents._study import incident_layer, incident_study

__all__ = [
    "INCIDENT_NULL_MEANS",
    "RULES",
    "BusyStudy",
    "Calibration",
    "Imported",
    "IncidentStudy",
    "Served",
    "Ways",
    "busy_units",
    "calibrate",
    "calibrated_parameters",
    "call_rates",
    "expected_calls",
    "gain_in_record",
    "import_incidents",
    "incident_layer",
    "incident_numbers",
    "incident_places",
    "incident_study",
    "model_fit",
    "modelled",
    "observed",
    "simulate_calls",
    "write_incidents",
    "write_profile",
]
