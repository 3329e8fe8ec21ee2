"""``mutualaid hazards``: the layers of a region, how they are read, and where neighbours contradict each other."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import pandas as pd
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mutualaid.cli._console import print_defects, say
from mutualaid.cli._options import EXIT_DEFECTS, Json, RegionPath
from mutualaid.errors import Defect, InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import geopandas as gpd

    from mutualaid.data import Region
    from mutualaid.hazards import HazardLayer, Layers

__all__ = ["app"]

#: A share of a layer in no class that is worth a note.
_NOTED = 0.001
#: Heights are read so far beyond the land, because water and rocks come from there.
_HALO_M = 1_000.0

_SUGGESTED = """\
# A zone says where something may happen, not that all of it happens at once: a scenario of whole zones is the worst
# that the map can hold. Name single layers, and raise stations_out where a crew would not leave its station.
# [[scenario]]
# id = "derived"
# name = "All derived zones at once"
# layers = [{layers}]
# stations_out = 4
"""

app = typer.Typer(
    name="hazards",
    help="The hazard layers of a region: check them, see how their classes were put on one scale, and list where "
    "the two sides of a border contradict each other.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def check(region: RegionPath, *, as_json: Json = False) -> None:
    """Open every hazard layer and print each defect with its remedy, and what is odd about the layers together."""
    from mutualaid.data import read_region
    from mutualaid.hazards import check_hazards, compare_return_periods, read_layers

    read = read_region(region)
    defects = check_hazards(read)
    layers = read_layers(read).layers
    compared = compare_return_periods(layers)
    odd = compared[compared["finding"].isin(["less when rarer", "not compared"])]
    notes = [f"{row.frequent}, {row.rare}: {row.message}" for row in odd.itertuples()]
    for layer in layers:
        lost = _in_no_class(layer)
        if lost >= _NOTED:
            notes.append(
                f"{layer.id}: {lost:.1%} is in no class of its scheme and counts as unknown: see crosswalk."
            )
    if defects:
        print_defects(defects, as_json=as_json, consequence="what does not need them can be computed")
        raise typer.Exit(EXIT_DEFECTS)
    if as_json:
        typer.echo(json.dumps({"defects": [], "layers": [layer.id for layer in layers], "notes": notes}))
        return
    for layer in layers:
        said = "derived, illustrative" if layer.derived else layer.source or "source not stated"
        typer.echo(f"{layer.id}: {layer.name} ({layer.hazard}, {_scheme_id(layer)}; {said})")
    for note in notes:
        typer.echo(f"note: {note}")
    typer.echo(f"{len(layers)} {'layer' if len(layers) == 1 else 'layers'}; no defects found.")


@app.command()
def crosswalk(region: RegionPath, *, as_json: Json = False) -> None:
    """Show how the classes of each layer are put on the common scale, and how much of the layer is in each."""
    from mutualaid.data import read_region
    from mutualaid.hazards import layer_classes

    layers = _readable(read_region(region))
    tables = {layer.id: layer_classes(layer) for layer in layers.layers if layer.scheme}
    if as_json:
        content = {"layers": {key: _records(table) for key, table in tables.items()}}
        _echo_json(content, layers.broken(layers.defects))
    else:
        for layer in layers.layers:
            if layer.id in tables:
                provider = f", provided by {layer.jurisdiction}" if layer.jurisdiction else ""
                typer.echo(f"{layer.id}: {layer.name}, read by {_scheme_id(layer)}{provider}")
                _print(tables[layer.id], ("class_code", "class_label", "severity", "count", "share"))
                typer.echo("")
        typer.echo("Severity: 0 none, 1 very low, 2 low, 3 moderate, 4 high, 5 extreme; – unknown, never 0.")
    _stop_if_broken(layers)


@app.command()
def seams(
    region: RegionPath,
    *,
    out: Annotated[
        Path | None, typer.Option(help="Write the table to this file too: .csv, .geojson or .gpkg.")
    ] = None,
    min_length_m: Annotated[float, typer.Option(min=0, help="Leave out shorter stretches, in metres.")] = 0.0,
    as_json: Json = False,
) -> None:
    """List the stretches of border where the two sides contradict each other: for the next joint meeting."""
    from mutualaid.data import read_region
    from mutualaid.hazards import region_seams

    read = read_region(region)
    layers = _readable(read)
    found, lacking = region_seams(read, layers)
    for defect in lacking:
        say(str(defect))
    found = found[found["length_m"] >= min_length_m]
    if out is not None:
        _write(found, out)
    table = pd.DataFrame(found.drop(columns="geometry")).reset_index()
    if as_json:
        _echo_json({"seams": _records(table)}, (*layers.broken(layers.defects), *lacking))
    else:
        names = read.jurisdictions["name"]
        _print(
            _readable_seams(table, names), ("id", "border", "hazard", "kind", "one side", "other side", "km")
        )
        total = found["length_m"].sum() / 1000
        typer.echo(
            f"\n{len(found)} {'seam' if len(found) == 1 else 'seams'}, {total:,.1f} km of border in all."
        )
    _stop_if_broken(layers)


@app.command()
def schemes(*, as_json: Json = False) -> None:
    """List the built-in schemes of classes with their severities and sources."""
    from mutualaid.hazards import scheme
    from mutualaid.hazards import schemes as table

    rows = table()
    if as_json:
        typer.echo(json.dumps(_records(rows), ensure_ascii=False))
        return
    whole = rows.groupby("scheme", sort=True)
    said = (
        whole[["hazard", "quantity", "unit", "source"]]
        .first()
        .assign(
            classes=[
                ", ".join(
                    f"{code} {'–' if pd.isna(severity) else severity}"
                    for code, severity in zip(group["class_code"], group["severity"], strict=True)
                )
                for _, group in whole
            ]
        )
    )
    for key, row in said.iterrows():
        measure = row["quantity"] + (f" in {row['unit']}" if row["unit"] else "")
        measure += ", with a layer of velocity" if scheme(str(key)).needs_velocity else ""
        typer.echo(f"{key}: {row['hazard']}, {measure}\n  classes and severity: {row['classes']}")
        typer.echo(f"  source: {row['source']}")


@app.command()
def derive(
    region: RegionPath,
    *,
    pbf: Annotated[list[Path], typer.Option(help="OpenStreetMap extract; may be given several times.")],
    dem: Annotated[
        Path | None, typer.Option(help="Elevation model: GeoTIFF, or an SRTM tile (.hgt, .hgt.zip).")
    ] = None,
    cell_m: Annotated[float, typer.Option(min=1, help="Width of the cells that heights are read on.")] = 30.0,
    unit: Annotated[str, typer.Option(help="Unit of the heights, if the file states none: m or ft.")] = "",
    nodata: Annotated[
        float | None,
        typer.Option(help="Value that means no data, if the file states none; nan if none does."),
    ] = None,
) -> None:
    """Derive illustrative layers where there is nothing official: wildfire, rockfall, flash flood, coastal flood.

    The files go to FOLDER/hazards; the sections for region.toml are printed, which is not changed.
    """
    from mutualaid.data import HazardSource, hazard_sections, read_region
    from mutualaid.hazards import derive_layers, read_elevation, read_ground

    read = read_region(region)
    land = read.jurisdictions
    ground = read_ground(pbf, crs=read.crs, within=land)
    heights = None
    if dem is not None:
        left, bottom, right, top = land.total_bounds.tolist()
        around = (left - _HALO_M, bottom - _HALO_M, right + _HALO_M, top + _HALO_M)
        heights = read_elevation(dem, bounds=around, crs=read.crs, cell_m=cell_m, unit=unit, nodata=nodata)
    files = derive_layers(ground, read.folder / "hazards", area=land, elevation=heights)
    for note in ground.notes:
        say(f"note: {note}")
    if not files:
        say("The map shows nothing here to derive a hazard from; nothing was written.")
        return
    sources = [HazardSource(file=path, **told) for path, told in files.items()]
    typer.echo(
        "# derived, illustrative: no authority states these layers\n" + hazard_sections(sources, read.folder)
    )


# --- helpers -------------------------------------------------------------------------------------------------


def _readable(region: Region) -> Layers:
    """Open the layers; what is wrong with some of them is told, and does not hinder the others."""
    from mutualaid.hazards import read_layers

    layers = read_layers(region)
    if not region.hazards:
        remedy = "add [[hazard]] sections; docs/hazards.md shows how"
        raise InputError([Defect("region.toml", "", "at least one [[hazard]]", "none", remedy)])
    if layers.defects:
        for defect in layers.broken(layers.defects):
            say(str(defect))
        say(f"{len(layers.defects)} of {len(region.hazards)} layers cannot be used; the others follow.\n")
    return layers


def _in_no_class(layer: HazardLayer) -> float:
    """Share of a layer that is in no class of its scheme."""
    from mutualaid.hazards import layer_classes

    if not layer.scheme:
        return 0.0
    classes = layer_classes(layer)
    return float(classes.loc[~classes["mapped"], "share"].sum())


def _scheme_id(layer: HazardLayer) -> str:
    from mutualaid.hazards import scheme

    return scheme(layer.scheme).id if layer.scheme else "no scheme"


def _stop_if_broken(layers: Layers) -> None:
    if layers.defects:
        raise typer.Exit(EXIT_DEFECTS)


def _echo_json(content: Mapping[str, object], defects: Iterable[Defect]) -> None:
    told = {**content, "defects": [asdict(defect) for defect in defects]}
    typer.echo(json.dumps(told, ensure_ascii=False))


def _records(table: pd.DataFrame) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(table.to_json(orient="records", double_precision=6))
    return found


def _write(found: gpd.GeoDataFrame, path: Path) -> None:
    from mutualaid.data import write_table

    kinds = (".csv", ".geojson", ".gpkg")
    if path.suffix.lower() not in kinds:
        remedy = "name the file so"
        raise InputError([Defect(str(path), "", f"one of {', '.join(kinds)}", path.suffix or "none", remedy)])
    if path.suffix.lower() == ".csv":
        pd.DataFrame(found.drop(columns="geometry")).to_csv(path, encoding="utf-8", lineterminator="\n")
    else:
        write_table(found, path)


def _readable_seams(table: pd.DataFrame, names: pd.Series) -> pd.DataFrame:
    """Give a row a seam as people read it."""

    def side(row: pd.Series, one: str) -> str:
        label = row[f"class_label_{one}"] or "unknown"
        severity = row[f"severity_{one}"]
        years = row[f"return_period_{one}"]
        period = "" if pd.isna(years) else f", {years:g} years"
        return f"{label}{'' if pd.isna(severity) else f' ({severity})'}{period}"

    return pd.DataFrame(
        {
            "id": table["id"],
            "border": [
                f"{names.get(a, a)} – {names.get(b, b)}" for a, b in zip(table["a"], table["b"], strict=True)
            ],
            "hazard": table["hazard"],
            "kind": table["kind"].str.replace("_", " "),
            "one side": [side(row, "a") for _, row in table.iterrows()],
            "other side": [side(row, "b") for _, row in table.iterrows()],
            "km": table["length_m"] / 1000,
        }
    )


def _print(table: pd.DataFrame, columns: tuple[str, ...]) -> None:
    """Print columns of a table; texts from data are never read as markup."""
    numbers = ("severity", "count", "share", "km")
    shown = Table(box=None, pad_edge=False)
    for name in columns:
        shown.add_column(name.replace("_", " "), justify="right" if name in numbers else "left")
    for row in table[list(columns)].itertuples(index=False):
        shown.add_row(*(escape(_text(name, value)) for name, value in zip(columns, row, strict=True)))
    Console(highlight=False, width=max(120, Console().width)).print(shown)


def _text(name: str, value: object) -> str:
    if pd.isna(value):  # type: ignore[call-overload]
        return "–"
    if name == "share":
        return f"{value:.1%}"
    if name == "km":
        return f"{value:.2f}"
    return f"{value:,}" if name == "count" else str(value)
