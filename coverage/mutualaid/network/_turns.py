"""Turn restrictions as extra states of the search, only where there are any.

The forbidden sequences of directed edges form an Aho–Corasick automaton (1975, doi:10.1145/360825.360855):
one state for each proper beginning of a sequence, which says "the last edges driven were these". A vehicle is
in such a state only at the end of its last edge, so the graph grows by these states and their outgoing arcs;
everywhere else it stays node-based. Sequences may run over any number of ways and overlap at will.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mutualaid.errors import Defect, NetworkError
from mutualaid.network._model import Network, Restriction
from mutualaid.network._profiles import Profile

__all__ = ["TurnStates", "binding_restrictions", "turn_states"]

Int32 = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class TurnStates:
    """What turn restrictions add to a graph of n nodes.

    Attributes
    ----------
    node
        (t,) node at which each extra state stands; extra state ``j`` has the number n + j.
    after
        (2m,) state after driving an edge with nothing known of what came before; -1 where not permitted.
    arc_tail, arc_head, arc_edge
        (r,) arcs that leave extra states: from state, to state, over which directed edge.
    """

    node: Int32
    after: Int32
    arc_tail: Int32
    arc_head: Int32
    arc_edge: Int32


def binding_restrictions(restrictions: Iterable[Restriction], profile: Profile) -> tuple[Restriction, ...]:
    """Keep the restrictions that bind a profile.

    Those against U-turns bind unless the profile ignores them, all others unless it ignores turn
    restrictions; none binds a vehicle of a kind that the restriction exempts.
    """
    return tuple(
        restriction
        for restriction in restrictions
        if not (profile.ignores_u_turns if restriction.kind == "no_u_turn" else profile.ignores_turns)
        and not (restriction.exempt & profile.kinds)
    )


def turn_states(
    network: Network, permitted: NDArray[np.bool_], restrictions: Sequence[Restriction], *, u_turns: bool
) -> TurnStates:
    """Build the extra states for the restrictions that bind.

    A restriction over an edge that is not permitted never comes to pass, and a mandatory turn into such an
    edge binds nobody; both are left out. Several mandatory turns from the same way leave the choice between
    them.

    Parameters
    ----------
    network
        The road network, n nodes and m roads.
    permitted
        (2m,) whether each directed edge may be driven.
    restrictions
        Restrictions that bind; each path is connected and has at least two edges.
    u_turns
        Whether a vehicle may turn round on the spot in an extra state. Where it may not, it still may at a
        dead end. Without restrictions at a junction nothing is ever gained by turning round there, so this
        alone keeps a vehicle from evading a restriction at the very junction it stands for.

    Raises
    ------
    NetworkError
        A restriction's path is too short, not connected, or names edges that do not exist.
    """
    a, b = (network.roads[end].to_numpy(np.int32) for end in ("a", "b"))
    tail, head = np.stack([a, b], axis=1).ravel(), np.stack([b, a], axis=1).ravel()
    _check(restrictions, tail, head)
    applicable = [r for r in restrictions if permitted[list(r.path)].all()]
    outgoing = _outgoing({int(head[edge]) for r in applicable for edge in r.path}, tail, permitted)
    forbidden = {r.path for r in applicable if not r.only}
    mandatory: dict[tuple[int, ...], set[int]] = {}
    for r in applicable:
        if r.only:
            mandatory.setdefault(r.path[:-1], set()).add(r.path[-1])
    for begin, onward in mandatory.items():
        forbidden |= {(*begin, edge) for edge in outgoing[int(head[begin[-1]])] if edge not in onward}
    return _expand(_Automaton(forbidden), outgoing, permitted, head, network.n_nodes, u_turns=u_turns)


def _check(restrictions: Sequence[Restriction], tail: Int32, head: Int32) -> None:
    defects = []
    for position, restriction in enumerate(restrictions):
        path = np.asarray(restriction.path, dtype=np.int64)
        if len(path) < 2:
            expected = "at least two directed edges"
        elif path.min() < 0 or path.max() >= len(tail):
            expected = f"directed edges within 0…{len(tail) - 1}"
        elif (head[path[:-1]] != tail[path[1:]]).any():
            expected = "directed edges that follow one another"
        else:
            continue
        where = f"restriction {restriction.osm_id or position}"
        defects.append(
            Defect("", where, expected, str(restriction.path)[:80], "correct or drop the restriction")
        )
    if defects:
        raise NetworkError(defects)


def _outgoing(nodes: set[int], tail: Int32, permitted: NDArray[np.bool_]) -> dict[int, list[int]]:
    """Permitted edges out of some nodes, in ascending order."""
    found: dict[int, list[int]] = {node: [] for node in nodes}
    among = np.zeros(int(tail.max(initial=0)) + 1, dtype=np.bool_)
    among[list(nodes)] = True
    wanted = among[tail] & permitted
    for edge in np.flatnonzero(wanted).tolist():
        found[int(tail[edge])].append(edge)
    return found


class _Automaton:
    """Aho–Corasick automaton over sequences of edges; state 0 knows nothing."""

    def __init__(self, sequences: Iterable[tuple[int, ...]]) -> None:
        self.children: list[dict[int, int]] = [{}]
        self.last_edge = [-1]
        self.dead = [False]
        for sequence in sorted(sequences):
            state = 0
            for edge in sequence:
                if edge not in self.children[state]:
                    self.children[state][edge] = len(self.children)
                    self.children.append({})
                    self.last_edge.append(edge)
                    self.dead.append(False)
                state = self.children[state][edge]
            self.dead[state] = True
        self.fallback = [0] * len(self.children)
        level = list(self.children[0].values())
        while level:  # breadth first, so that a fallback, being shorter, is complete before it is used
            deeper = []
            for state in level:
                for edge, child in self.children[state].items():
                    self.fallback[child] = self.go(self.fallback[state], edge)
                    self.dead[child] |= self.dead[self.fallback[child]]
                    deeper.append(child)
            level = deeper

    def go(self, state: int, edge: int) -> int:
        """State after driving one more edge: the longest beginning of a sequence that ends here."""
        while state and edge not in self.children[state]:
            state = self.fallback[state]
        return self.children[state].get(edge, 0)


def _expand(
    automaton: _Automaton,
    outgoing: dict[int, list[int]],
    permitted: NDArray[np.bool_],
    head: Int32,
    n_nodes: int,
    *,
    u_turns: bool,
) -> TurnStates:
    # A beginning that holds a forbidden sequence is never reached, so it needs no state.
    live = [state for state in range(1, len(automaton.children)) if not automaton.dead[state]]
    number = {state: n_nodes + position for position, state in enumerate(live)}
    after = np.where(permitted, head, np.int32(-1))
    for edge, state in automaton.children[0].items():
        after[edge] = number[state]
    arcs: list[tuple[int, int, int]] = []
    for state in live:
        last = automaton.last_edge[state]
        allowed = [
            (number[state], number.get(target, int(head[edge])), edge)
            for edge in outgoing[int(head[last])]
            if not automaton.dead[target := automaton.go(state, edge)]
        ]
        onward = [arc for arc in allowed if arc[2] != last ^ 1]
        arcs += allowed if u_turns or not onward else onward
    table = np.array(arcs, dtype=np.int32).reshape(-1, 3)
    node = np.array([head[automaton.last_edge[state]] for state in live], dtype=np.int32)
    return TurnStates(node, after, *(np.ascontiguousarray(table[:, column]) for column in range(3)))
