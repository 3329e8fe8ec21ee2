"""From a valley to a continent: runs in tiles, on one machine or many, with the numbers of a run in one piece."""

from mutualaid.scale._cluster import dask_workers
from mutualaid.scale._model import TiledRun
from mutualaid.scale._run import analysis_of, tiled
from mutualaid.scale._spread import Spread, in_turn
from mutualaid.scale._tiles import tile_rows

__all__ = ["Spread", "TiledRun", "analysis_of", "dask_workers", "in_turn", "tile_rows", "tiled"]
