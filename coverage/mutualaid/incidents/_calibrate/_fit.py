"""Robust fit of speeds and of the delay at junctions to drives of which the way is known."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import lsq_linear

__all__ = ["Fit", "Prior", "fit_drives", "seconds"]

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

#: Tukey's biweight with this constant loses 5 % against least squares where all stamps are right.
_TUKEY = 4.685
#: Of the median distance from 0: one standard deviation, if errors are normal.
_TO_SIGMA = 1.4826
#: The error of one drive is at least this share of it, however well the model fits.
_LEAST_SIGMA = 0.01
_STEPS_MEDIAN, _STEPS = 25, 50
#: What stays as it was is taken to be right to this share of what is believed possible.
_LEFT = 0.5
#: No drive alone decides more than this.
_MOST_PULL = 0.9


@dataclass(frozen=True, eq=False)
class Prior:
    """What is believed of the speeds and the junctions before the record speaks.

    Attributes
    ----------
    log_pace, delay_s
        Logarithm of seconds per metre of each class (NaN where it is not driven), and seconds at a junction.
    log_pace_sd, delay_sd_s
        How far from it they may well be: it holds classes apart of which the record cannot tell one from another, and
        is next to nothing against a few dozen drives.
    log_pace_reach, delay_most_s
        Beyond this nothing is believed, whatever the record says.
    """

    log_pace: Float
    delay_s: float
    log_pace_sd: float = 0.5
    delay_sd_s: float = 10.0
    log_pace_reach: float = math.log(3.0)
    delay_most_s: float = 60.0


@dataclass(frozen=True, eq=False)
class Fit:
    """Speeds and junction delay that fit drives best.

    ``theta`` holds the logarithm of the pace of each class and, last, the delay; ``error`` their standard errors, 0 for
    what was not fitted; ``behind`` how many drives each rests on: as many equal ones would tell as much. ``weight``
    (r,) says how much each drive counted, 0…1; ``sigma`` is the error of a drive of median length as a share of it,
    which falls with the length of a drive to the power of ``-fall``.
    """

    theta: Float
    error: Float
    behind: Float
    weight: Float
    sigma: float
    fall: float
    objective: float


def seconds(theta: Float, class_m: Float, junctions: Float, fixed_s: Float) -> Float:
    """Seconds of each drive, given what it is made of and the speeds."""
    pace = np.exp(np.nan_to_num(theta[:-1], nan=-np.inf))
    return np.asarray(class_m @ pace + junctions * theta[-1] + fixed_s, dtype=np.float64)


def fit_drives(
    observed_s: Float,
    class_m: Float,
    junctions: Float,
    fixed_s: Float,
    prior: Prior,
    free: Bool,
    start: Float,
) -> Fit:
    """Fit what is free of the speeds and the junction delay; the rest stays as in `start`.

    The error of a drive is taken as a factor (a few per cent more or less), because longer drives miss by more seconds:
    travel times of ambulances are spread so about their median (Budge, Ingolfsson, Zerom 2010, Management Science 56).
    Medians come first (they bear wrong stamps of any size), then Tukey's biweight, for which a drive far out of line
    counts nothing. Standard errors are those of an M-estimator, robust to errors of unequal size (Huber 1967).

    Parameters
    ----------
    observed_s
        (r,) seconds on the way, above 0.
    class_m, junctions, fixed_s
        What each drive is made of.
    prior
        What is believed before.
    free
        (classes + 1,) which of the speeds, and last the delay, are fitted.
    start
        (classes + 1,) where to begin.
    """
    at = np.flatnonzero(free)
    centre = np.append(prior.log_pace, prior.delay_s)[at]
    spread = np.append(np.full(len(prior.log_pace), prior.log_pace_sd), prior.delay_sd_s)[at]
    low = np.append(prior.log_pace - prior.log_pace_reach, 0.0)[at]
    high = np.append(prior.log_pace + prior.log_pace_reach, prior.delay_most_s)[at]
    theta = start.copy()
    theta[at] = np.clip(theta[at], low, high)

    def residuals(values: Float) -> tuple[Float, Float, Float]:
        """Errors as logarithms, the drives as modelled, and how each answers to what is free."""
        model_s = np.maximum(seconds(values, class_m, junctions, fixed_s), 1.0)
        slope = np.column_stack([class_m * np.exp(np.nan_to_num(values[:-1], nan=-np.inf)), junctions])
        return np.log(observed_s / model_s), model_s, slope[:, at] / model_s[:, None]

    def step(values: Float, weight: Float) -> Float:
        error, _, slope = residuals(values)
        root = np.sqrt(weight)[:, None]
        rows = np.vstack([slope * root, np.diag(1 / spread)])
        right = np.concatenate([error * root[:, 0], (centre - values[at]) / spread])
        change = np.linalg.solve(rows.T @ rows, rows.T @ right)
        if ((values[at] + change < low) | (values[at] + change > high)).any():
            change = lsq_linear(rows, right, bounds=(low - values[at] - 1e-12, high - values[at] + 1e-12)).x
        out = values.copy()
        out[at] = np.clip(values[at] + change, low, high)
        return out

    sigma, fall, relative = 0.2, 0.0, np.ones(len(observed_s))
    for _ in range(_STEPS_MEDIAN):
        error, model_s, _ = residuals(theta)
        sigma = _sigma(error / relative)
        # Weights of least absolute errors, each error taken as a tenth of a typical one at least.
        size = np.maximum(np.abs(error / relative), 0.1 * sigma)
        theta, before = step(theta, 1 / (size * sigma * relative**2)), theta
        if np.abs(theta - before)[at].max(initial=0.0) < 1e-4:
            break
    error, model_s, _ = residuals(theta)
    fall = _fall(error, model_s)
    relative = (model_s / np.median(model_s)) ** -fall
    sigma = _sigma(error / relative)
    for _ in range(_STEPS):
        error, _, _ = residuals(theta)
        weight = _biweight(error / (sigma * relative))
        theta, before = step(theta, weight / (sigma * relative) ** 2), theta
        if np.abs(theta - before)[at].max(initial=0.0) < 1e-6:
            break
    error, model_s, slope = residuals(theta)
    scaled = error / (sigma * relative)
    found, behind = np.zeros(len(theta)), np.zeros(len(theta))
    unit = (sigma * relative)[:, None]
    rest = _of_the_rest(theta, class_m, junctions, prior, free)
    found[at], behind[at] = _errors(scaled, slope / unit, spread, rest / model_s[:, None] / unit)
    weight = _biweight(scaled)
    loss = np.where(np.abs(scaled) < _TUKEY, 1 - (1 - (scaled / _TUKEY) ** 2) ** 3, 1.0)
    return Fit(theta, found, behind, weight, sigma, fall, float(loss.mean() * sigma**2))


def _sigma(error: Float) -> float:
    return max(_TO_SIGMA * float(np.median(np.abs(error))), _LEAST_SIGMA)


def _biweight(scaled: Float) -> Float:
    return np.asarray(np.maximum(1 - (scaled / _TUKEY) ** 2, 0.0) ** 2, dtype=np.float64)


def _fall(error: Float, model_s: Float) -> float:
    """How errors, as shares, fall with the length of the drive: from the medians of the shorter and the longer half."""
    longer = model_s > np.median(model_s)
    if not longer.any():
        return 0.0
    size = [float(np.median(np.abs(error[half]))) for half in (~longer, longer)]
    length = [float(np.median(model_s[half])) for half in (~longer, longer)]
    if min(size) <= 0 or length[1] <= 1.05 * length[0]:
        return 0.0
    return float(np.clip(math.log(size[0] / size[1]) / math.log(length[1] / length[0]), 0.0, 0.5))


def _of_the_rest(theta: Float, class_m: Float, junctions: Float, prior: Prior, free: Bool) -> Float:
    """Seconds by which each drive would change if what is not fitted were off by as much as it may well be."""
    pace = np.exp(np.nan_to_num(theta[:-1], nan=-np.inf))
    change = np.column_stack([class_m * pace * prior.log_pace_sd, junctions * prior.delay_sd_s])
    return np.asarray(_LEFT * change[:, ~free], dtype=np.float64)


def _errors(scaled: Float, slope: Float, spread: Float, rest: Float) -> tuple[Float, Float]:
    """Give standard errors by the sandwich formula, and the number of drives behind each figure.

    What is believed before counts as an observation. ``rest`` holds what each drive would change by if what is not
    fitted were off by a standard deviation.

    A drive that pulls the fit towards itself has a residual that is too small: it is made larger by as much (MacKinnon
    & White 1985, HC3), so that a figure that hangs on a few drives is not held for sure.
    """
    n, p = slope.shape
    weight = _biweight(scaled)
    ratio = (scaled / _TUKEY) ** 2
    bend = np.where(ratio < 1, (1 - ratio) * (1 - 5 * ratio), 0.0)
    prior = np.diag(1 / spread**2)
    # With few drives single curvatures are erratic: their mean is not.
    bread = (np.mean(bend) * (slope.T @ slope) + (slope * bend[:, None]).T @ slope) / 2 + prior
    inverse = np.linalg.inv(bread)
    pull = np.clip(np.einsum("ij,jk,ik->i", slope, inverse, slope) * weight, 0.0, _MOST_PULL)
    score = slope * (scaled * weight / (1 - pull))[:, None]
    # The scale was taken from residuals too.
    meat = score.T @ score * (n / max(n - p, 1)) + prior
    # What each drive tells of one figure alone, once the others have taken their part.
    alone = (slope @ inverse) * np.sqrt(weight)[:, None]
    behind = (alone**2).sum(axis=0) ** 2 / np.maximum((alone**4).sum(axis=0), 1e-300)
    # What stays as it was may be wrong, and the figures that were fitted make up for it.
    moved = inverse @ ((slope * weight[:, None]).T @ rest)
    variance = np.diag(inverse @ meat @ inverse) + (moved**2).sum(axis=1)
    return np.sqrt(np.maximum(variance, 0.0)), behind
