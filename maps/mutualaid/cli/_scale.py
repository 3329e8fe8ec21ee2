"""Runs in tiles on the command line: who works on them, where they are kept, when only an overview is due."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mutualaid.cli._console import say
from mutualaid.threads import limited_to

if TYPE_CHECKING:
    from mutualaid.coverage import Analysis
    from mutualaid.data import Region
    from mutualaid.scale import TiledRun

__all__ = ["Cluster", "Overview", "Resume", "Scale", "TilePlaces", "Workers", "in_tiles", "tiled_run"]

#: With more places than this the times of all pairs, and a map that holds every place, would be too much.
_DETAILED = 150_000

Workers = Annotated[
    int | None,
    typer.Option(min=1, help="Compute in tiles, with so many processes of this machine (extra 'cluster')."),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Compute in tiles on an existing Dask cluster: tcp://host:8786 (extra 'cluster').",
    ),
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on from the finished tiles of a run that was stopped.")
]
TilePlaces = Annotated[
    int | None, typer.Option(min=1, help="Compute in tiles of at most so many places; default: 20000.")
]
Overview = Annotated[
    bool | None,
    typer.Option(
        "--overview/--detail",
        help="Write what a country needs: an overview map, a page for each tile, and data. "
        f"Default: from {_DETAILED} places on.",
    ),
]


@dataclass(frozen=True)
class Scale:
    """How a run is worked through; see the options of `run`."""

    workers: int | None = None
    cluster: str | None = None
    resume: bool = False
    places: int | None = None
    overview: bool | None = None

    def __post_init__(self) -> None:
        if self.workers is not None and self.cluster is not None:
            hint = "--workers / --cluster"
            raise typer.BadParameter("give one of them: the cluster has its own workers", param_hint=hint)

    def is_overview(self, region: Region) -> bool:
        """Whether only an overview is due."""
        return len(region.demand) > _DETAILED if self.overview is None else self.overview

    def is_tiled(self, region: Region) -> bool:
        """Whether anything asks for tiles."""
        asked = (self.workers, self.cluster, self.places)
        return self.resume or any(one is not None for one in asked) or self.is_overview(region)


@contextmanager
def tiled_run(
    region: Region,
    out: Path,
    scale: Scale,
    progress: Callable[[str, float], None],
    *,
    keep_pairs: bool,
) -> Iterator[TiledRun]:
    """Compute a region in tiles; their results are kept beside `out` until all that is done with the run went well."""
    from mutualaid.scale import dask_workers, in_turn, tiled

    target = out.resolve()
    folder = target.with_name(f"{target.name}.unfinished")
    before = _tiles(folder)
    try:
        shared = scale.workers is not None or scale.cluster is not None
        # Who asks for so many processes means so many processors: what is not shared out takes no more either.
        with (
            dask_workers(workers=scale.workers, address=scale.cluster, say=say, folder=folder.parent)
            if shared
            else nullcontext(in_turn) as spread,
            limited_to(scale.workers),
        ):
            run = tiled(
                region,
                folder,
                places=scale.places or 20_000,
                keep_pairs=keep_pairs,
                resume=scale.resume,
                spread=spread,
                threads=1 if shared else None,
                progress=progress,
            )
        yield run
    except (SystemExit, Exception):
        if _tiles(folder) - before or (before and scale.resume):
            say(f"Finished tiles are kept in {folder}; go on from them with --resume.")
        raise
    try:
        shutil.rmtree(folder)
    except OSError as error:
        say(f"{folder} is not needed any longer, but could not be removed: {error.strerror or error}")


def _tiles(folder: Path) -> set[tuple[Path, int]]:
    """Give the results of tiles in a folder, and when they were written."""
    return {(path, path.stat().st_mtime_ns) for path in folder.glob("*/tile-*.zip")}


def in_tiles(
    out: Path, scale: Scale, kept: ExitStack
) -> Callable[[Region, Callable[[str, float], None]], Analysis]:
    """Give a call that analyses a region in tiles; their results are kept until `kept` is closed without an error."""
    from mutualaid.scale import analysis_of

    def analyse(region: Region, progress: Callable[[str, float], None]) -> Analysis:
        run = kept.enter_context(
            tiled_run(region, out, scale, lambda step, share: progress(step, 0.9 * share), keep_pairs=True)
        )
        return analysis_of(run, progress=lambda step, share: progress(step, 0.9 + 0.1 * share))

    return analyse
