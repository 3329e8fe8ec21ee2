"""Shares of a joint budget by several rules, and who would walk out of them."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd

from mutualaid.cooperation._core import CoreCheck, core_check
from mutualaid.cooperation._costs import check_costs, overpaying
from mutualaid.cooperation._coverage_game import CoverageGame
from mutualaid.data import Costs
from mutualaid.errors import AgreementError, Defect

__all__ = ["SHARE_RULES", "core_table", "cost_shares"]

#: What each rule goes by.
SHARE_RULES: Mapping[str, str] = {
    "shapley": "what the partner adds to the people reached in time, on average over all orders of joining",
    "people": "people who live there",
    "use": "people to whom a unit of another partner comes first",
    "benefit": "people who are reached in time jointly and not alone",
    "stand_alone": "what the partner would pay alone",
}


def cost_shares(game: CoverageGame, costs: Costs, use: pd.Series) -> pd.DataFrame:
    """Share out a joint budget by each of several rules.

    Every rule gives partner i the share wᵢ / Σ w, where w is what `SHARE_RULES` says. No rule is right by itself; they
    answer different questions:

    * ``shapley`` (Shapley 1953, `CoverageGame.shapley_value`): who contributes how much to what is achieved. Credit for
      a person whom only a neighbour reaches is split between the two. As a share of cost it lets partners pay for
      what they are credited with, so the one that helps pays for that too: as a claim on the benefit it is fair, as
      a bill it suits partners whose help is paid back.
    * ``people``: the same for each head, whether or not pooling changes anything there.
    * ``use``: who calls the neighbours. One that is served by itself pays nothing, however much it has them in
      reserve.
    * ``benefit``: who gains. One that reaches all its people alone pays nothing.
    * ``stand_alone``: in proportion to what each pays by itself, so that all save the same part.

    Parameters
    ----------
    game
        Whom coalitions reach in time, with all demand.
    costs
        The budget, and what partners would pay alone.
    use
        People to whom a unit of another partner comes first, by the partner where they live; 0 where there is nobody.

    Returns
    -------
    DataFrame
        Index ``partner``. One column for each rule with shares, which sum to 1: NaN where nobody has any weight, or,
        for ``stand_alone``, where somebody's cost alone is unknown. If the budget is known, also ``{rule}_amount`` in
        money.

    Raises
    ------
    AgreementError
        `use` lacks a partner, or has one that is unknown or negative; or there are costs of somebody who is no
        partner.

    Examples
    --------
    A reaches its 100 people, and 60 of B, which has no station.

    >>> import pandas as pd
    >>> from mutualaid.cooperation import cost_shares, coverage_game
    >>> from mutualaid.data import Costs
    >>> game = coverage_game([0, 1], [[True, False], [True, False]], [100, 60], ["A", "B"])
    >>> cost_shares(game, Costs(budget=80_000, currency="EUR"), pd.Series({"A": 0.0, "B": 60.0})).T
    partner                      A           B
    shapley                 0.8125      0.1875
    people                  0.6250      0.3750
    use                     0.0000      1.0000
    benefit                 0.0000      1.0000
    stand_alone                NaN         NaN
    shapley_amount      65000.0000  15000.0000
    people_amount       50000.0000  30000.0000
    use_amount              0.0000  80000.0000
    benefit_amount          0.0000  80000.0000
    stand_alone_amount         NaN         NaN
    """
    check_costs(costs, game.partners)
    index = pd.Index(game.partners, name="partner")
    abroad = use.reindex(index.union(use.index, sort=False))
    if wrong := [
        str(name) for name, people in abroad.items() if not people >= 0 or name not in game.partners
    ]:
        expected, got = "people from 0 on for each partner of the game", f"else for {', '.join(wrong)}"
        remedy = "give 0 where nobody is, and leave out demand whose people are unknown"
        raise AgreementError([Defect("", "use", expected, got, remedy)])
    weights = pd.DataFrame(
        {
            "shapley": game.shapley_value(),
            "people": game.people(),
            "use": abroad,
            "benefit": game.gained(),
            "stand_alone": [costs.alone.get(name, math.nan) for name in index],
        },
        index=index,
    )
    shares = weights / weights.sum(skipna=False)
    if costs.budget is not None:
        shares = shares.join((shares * costs.budget).add_suffix("_amount"))
    return shares


def core_table(game: CoverageGame, costs: Costs, shares: pd.DataFrame) -> pd.DataFrame:
    """Say for each rule whether some partners would walk out of its shares, who, and by how much.

    Two questions with two answers:

    * **In money**: does a partner, or a group that costs are stated for, pay more than it would pay by itself? The
      excess is what the coalition pays above that (see `coalition_costs`): the core of the game of costs.
    * **In people**: if the people reached in time by all are credited in these shares, xᵢ = shareᵢ · v(N), is a
      coalition credited with fewer than it reaches by itself? The excess is how many: the core of the game of
      coverage. It reads a share as a claim and not as a bill: who pays little by a rule is credited with little by
      it, and so may well be content to pay.

    Parameters
    ----------
    game, costs
        As for `cost_shares`.
    shares
        As `cost_shares` returns them.

    Returns
    -------
    DataFrame
        Index ``rule``, those of `SHARE_RULES`; and for ``people`` and ``money``

        * ``{unit}_walks_out``: whether somebody would be better off by themselves; missing where that is not known:
          the rule gives no shares, or, for money, the budget or somebody's cost alone is unknown;
        * ``{unit}_coalition``: who has the most reason to, joined by ``;``; empty if nobody, missing if not known;
        * ``{unit}_excess``: by how much; 0 if nobody, NaN if not known.

    Raises
    ------
    AgreementError
        Costs of somebody who is no partner.

    Examples
    --------
    >>> import pandas as pd
    >>> from mutualaid.cooperation import core_table, cost_shares, coverage_game
    >>> from mutualaid.data import Costs
    >>> game = coverage_game([0, 1], [[True, False], [True, False]], [100, 60], ["A", "B"])
    >>> costs = Costs(budget=80_000, alone={"A": 60_000, "B": 40_000})
    >>> shares = cost_shares(game, costs, pd.Series({"A": 0.0, "B": 60.0}))
    >>> table = core_table(game, costs, shares)
    >>> table["money_coalition"].to_dict()
    {'shapley': 'A', 'people': '', 'use': 'B', 'benefit': 'B', 'stand_alone': ''}
    >>> table["money_excess"].tolist()
    [5000.0, 0.0, 40000.0, 40000.0, 0.0]
    """
    check_costs(costs, game.partners)
    everybody = game.value(game.partners)
    priced = costs.budget is not None and set(game.partners) <= set(costs.alone)
    rows = []
    for rule in SHARE_RULES:
        share = shares[rule]
        known = share.notna().all()
        rows.append(
            _columns("people", core_check(game, share * everybody) if known else None)
            | _columns("money", overpaying(costs, shares[f"{rule}_amount"]) if known and priced else None)
        )
    kinds = {f"{unit}_walks_out": "boolean" for unit in ("people", "money")}
    return pd.DataFrame(rows, index=pd.Index(list(SHARE_RULES), name="rule")).astype(kinds)


def _columns(unit: str, check: CoreCheck | None) -> dict[str, object]:
    if check is None:
        return {f"{unit}_walks_out": None, f"{unit}_coalition": None, f"{unit}_excess": math.nan}
    return {
        f"{unit}_walks_out": not check.stable,
        f"{unit}_coalition": ";".join(check.coalition),
        f"{unit}_excess": check.excess,
    }
