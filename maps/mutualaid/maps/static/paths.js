/* Paths: land, water, boundaries, roads, gaps, isochrones, seams; and the hazard itself. */
(function (mutualaid) {
  "use strict";
  const { applies, capital, counted, el, fill, hazard, keep, label, lineSwatch, loading, name, row, speech, unpackPaths, words } = mutualaid.kit;
  const CHIPS = 40; // gaps of a country that are told
  const UNKNOWN = 6; // beyond the severities 0…5

  const Paths = L.LayerGroup.extend({
    initialize(data) {
      L.LayerGroup.prototype.initialize.call(this, []);
      this.data = data;
      this.legendOrder = data.order || 5;
      this.unpacked = unpackPaths(data.paths).then(shapes => this._build(shapes));
    },
    _build(shapes) {
      this.features = this.data.features.map((feature, k) => {
        const style = Object.assign({ interactive: false, fillOpacity: 0.2 }, this.data.style, feature.style);
        if (this.data.canvas) style.renderer = this._renderer = this._renderer || L.canvas({ pane: style.pane, padding: 0.2 });
        const shape = shapes[k], lines = () => shape.map(part => part[0]);
        let path = style.fill === false ? L.polyline(lines(), style) : L.polygon(shape, style);
        if (feature.facts) this._describe(path, feature);
        if (style.casing) { // white on both sides: it stands out on whatever lies below
          path = L.layerGroup([L.polyline(lines(), Object.assign({}, style, { color: "#fff", weight: style.weight + style.casing, dashArray: null })), path]);
        }
        return { path, feature };
      });
    },
    _tells(layer, facts, at) {
      const tell = this.data.tells === "seam" ? seamFacts : gapFacts;
      return layer.bindPopup(() => tell(this._map.mutualaid, facts, at), { maxWidth: 320 });
    },
    _describe(path, feature) {
      this._tells(path, feature.facts, feature.at);
      if (this.data.tells === "seam") { // its tip takes the place of that of the people below
        path.bindTooltip(() => seamTip(this._map.mutualaid, feature.facts), { sticky: true, className: "ma-seam-tip" });
        path.on("mouseover", () => { this._map.mutualaid.told = true; }).on("mouseout", () => { this._map.mutualaid.told = false; });
      }
      path.on("mouseover", () => path.setStyle({ weight: this.data.style.weight + 2 })).on("mouseout", () => path.setStyle({ weight: this.data.style.weight }));
    },
    onAdd(map) {
      this._map = map;
      if (this.data.chips) this._outlined(true);
      map.on("mutualaid zoomend", this._choose, this);
      loading(map, this.unpacked.then(() => this._choose()));
    },
    onRemove(map) {
      map.off("mutualaid zoomend", this._choose, this);
      this.clearLayers();
      if (this.data.chips) this._outlined(false);
      this._labelled = this._map = null;
    },
    /** The cells outline the gaps of a what-if, where these are to be seen. */
    _outlined(shown) {
      const state = this._map.mutualaid;
      state.outlined = shown;
      if (state.now && state.cells && state.cells._map) state.cells._paint();
    },
    _choose() {
      const map = this._map;
      if (!map || !this.features) return;
      const { level } = map.mutualaid, zoom = map.getZoom(), now = applies(map.mutualaid, this.data);
      for (const { path, feature } of this.features) {
        const shown = now && applies(map.mutualaid, feature) && (!feature.level || feature.level === level) && !(feature.min_zoom > zoom);
        if (shown !== this.hasLayer(path)) shown ? this.addLayer(path) : this.removeLayer(path);
      }
      if (this.data.chips) this._label();
    },
    /** Whether there is anything to see in this weather. */
    visible(state) {
      if (this.data.chips && state.now && state.cells.index) return true; // those that the page finds
      return applies(state, this.data) && (!this.data.features.length || this.data.features.some(feature => applies(state, feature)));
    },
    /** People on the larger gaps. */
    _label() {
      const state = this._map.mutualaid, { lang, level, now, totals, scenario } = state, { people } = speech(state), asked = [level, scenario, lang].join();
      if (this._labelled === asked && !now) return;
      (this._chips || []).forEach(chip => this.removeLayer(chip));
      this._labelled = now ? "" : asked;
      const of = this.features.map(({ feature }) => feature).filter(feature => feature.level === level).map(({ facts }) => facts.population).sort((a, b) => b - a);
      const least = this._map.mutualaid.country ? of[CHIPS] || 1 : Math.max(10, totals.population / 500), gaps = now ? state.cells.gaps.filter(gap => gap.people >= least).map(gap => whatIfGap(state, gap))
        : applies(state, this.data) ? this.features.map(({ feature }) => feature).filter(feature => feature.level === level && feature.facts.population >= least) : [];
      this._chips = gaps.map(({ at, facts }, k) => this._tells(label(at, "ma-chip", people(facts.population), k ? 1000 + k : -1, true), facts, at));
      this._chips.forEach((chip, k) => {
        const { facts } = gaps[k], { tell, text } = speech(state);
        this.addLayer(chip);
        chip.getElement().setAttribute("aria-label", `${words(tell(facts.name))}, ${text("gap_people")}: ${people(facts.population)}`);
      });
    },
    legend(state) {
      if (!applies(state, this.data) && !(this.data.chips && state.now && state.cells.index)) return [el("p", { class: "ma-quiet ma-elsewhere" }, speech(state).text(state.now ? "gaps_as_computed" : "gaps_in_fair_weather"))];
      const rows = (this.data.legend || []).filter(entry => !entry.of || hazard(state) && entry.of.includes(state.scenario));
      if (!rows.length) return [];
      const { also } = speech(state), list = el("ul", { class: "ma-rows" }, rows.map(entry => row(entry.line ? lineSwatch(entry.line) : fill(entry.fill), also(entry.label))));
      return [...(this.data.title ? [el("h2", {}, also(this.data.title))] : []), list];
    },
  });

  /** A gap that the page found in a what-if, told as those that were computed. */
  function whatIfGap(state, { people, at, where }) {
    const names = [...where].sort((a, b) => b[1] - a[1]).slice(0, 3).map(([j]) => ({ t: state.cells.data.jurisdictions[j] }));
    return { at: state.cells.latLng(at), facts: { name: ["as_is", { what: { list: names } }], population: people } };
  }
  function gapFacts(state, facts, at) {
    const { clock, minuted, people, say, shown, tell, text } = speech(state), list = el("dl");
    const add = (key, ...value) => list.append(el("dt", {}, text(key)), el("dd", {}, ...value));
    const minutes = s => s === null ? text("nobody_short") : minuted(s);
    add("gap_people", el("b", {}, people(facts.population)));
    if (!facts.level) return el("div", { class: "ma-popup" }, el("h3", {}, tell(facts.name)), list);
    if (facts.unreachable_population > 0) add("gap_no_road", people(facts.unreachable_population));
    add("gap_where", shown(facts.jurisdictions));
    add("gap_median", minutes(facts.median_s));
    add("gap_worst", minutes(facts.worst_s));
    const rest = [];
    if (facts.closed_population > 0) {
      rest.push(el("p", { class: "ma-gain" }, ...say("gap_closed", { n: facts.closed_population, who: facts.closed_by }),
        ...(facts.saved_median_s > 0 ? [" ", ...say("gap_saved", { time: clock(facts.saved_median_s) })] : [])));
    }
    if (facts.level !== "joint") rest.push(el("p", {}, ...say("gap_remaining", { n: facts.remaining_population })));
    else rest.push(el("p", {}, text("gap_nobody")));
    if (facts.part !== undefined) rest.push(mutualaid.kit.openPart(state, facts.part, at));
    return el("div", { class: "ma-popup" }, el("h3", {}, tell(facts.name)), list, rest);
  }

  function seamTip(state, facts) {
    const { text } = speech(state), [a, b] = facts.sides;
    return el("div", { class: "ma-popup" }, el("h3", {}, name(a.name), " – ", name(b.name)), el("p", {}, text("seam_" + facts.kind)));
  }
  function seamFacts(state, facts) {
    const { say, tell, text } = speech(state), list = el("dl", { class: "ma-sides" });
    for (const side of facts.sides) {
      const known = side.severity === null ? text(side.layer ? "seam_unknown" : "seam_no_layer")
        : `${side.severity} ${text("severity_" + side.severity)}`;
      const rest = [side.severity === null ? "" : `“${side.label}”`, side.layer, side.years, side.source].filter(part => part.length);
      list.append(el("div", {}, el("dt", {}, name(side.name)), el("dd", {}, el("b", {}, known), rest.map(part => el("p", {}, tell(part))))));
    }
    return el("div", {}, seamTip(state, facts), el("div", { class: "ma-popup" }, list,
      el("p", { class: "ma-quiet" }, ...say("seam_length", { hazard: capital(words(tell(facts.hazard))), m: facts.length_m }), facts.event ? [", ", name(facts.event)] : "")));
  }

  /* ---- the hazard itself: an image of its severity, hatching where nobody knows it, and its edge ---- */

  const Severity = L.LayerGroup.extend({
    initialize(data) {
      L.LayerGroup.prototype.initialize.call(this, []);
      this.data = data;
      this.legendOrder = 3;
      this.edge = new Paths(data.edge);
    },
    onAdd(map) {
      this._map = map;
      map.on("mutualaid", this._choose, this);
      map.addLayer(this.edge);
      this._choose();
    },
    onRemove(map) {
      map.off("mutualaid", this._choose, this);
      map.removeLayer(this.edge);
      this.clearLayers();
      this._map = this._drawn = null;
    },
    _choose() {
      const { scenario } = this._map.mutualaid, images = this.data.images[scenario];
      if (this._drawn === scenario) return;
      this._drawn = scenario;
      this.clearLayers();
      if (!images) return;
      const options = { pane: "ma-hazard", className: "ma-pixels" };
      this.addLayer(L.imageOverlay(images.known, images.bounds, options));
      if (!images.unknown) return;
      const veil = el("div", { class: "ma-unknown ma-" + this.data.unknown[1], style: `background-color:${this.data.unknown[0]}` });
      veil.style.webkitMaskImage = veil.style.maskImage = images.unknown;
      this.addLayer(L.svgOverlay(veil, images.bounds, options));
    },
    visible(state) {
      return state.scenario in this.data.images;
    },
    legend(state) {
      const scenario = hazard(state);
      if (!scenario || !this.data.images[scenario.id]) return [];
      const { both, people, shown, text } = speech(state);
      const entry = (swatch, label, n) => counted(swatch, label, people(n));
      const list = el("ul", { class: "ma-rows" }, [5, 4, 3, 2, 1].map(k =>
        entry(fill([this.data.colours[k - 1], ""]), [`${k} `, both("severity_" + k)], scenario.severity[k])),
        entry(fill(["#fbfaf5", ""]), ["0 ", both("severity_0")], scenario.severity[0]),
        entry(fill(this.data.unknown), both("severity_unknown"), scenario.severity[UNKNOWN]),
        row(lineSwatch(this.data.edge.style), both("severity_edge")));
      return [el("h2", {}, both("legend_severity"), " ", shown({ list: scenario.hazards })), list];
    },
  });
  mutualaid.paths = data => keep(new Paths(data));
  mutualaid.severity = data => keep(new Severity(data));
})(window.mutualaid);
