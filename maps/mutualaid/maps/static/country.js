/* A country: its people as squares, its stations as points, and the parts that have pages of their own. */
(function (mutualaid) {
  "use strict";
  const kit = mutualaid.kit, { counted, el, fill, hatched, hazard, keep, loading, name, row, speech, statuses, unpack } = kit;
  const LEAST = 0.45; // of its side, that a square with few people fills
  const SEEN = 0.02; // a share of the people from which on it is at least a line of pixels

  /* ---- people: each square is filled in the shares of its people, and is the larger the more they are ---- */

  const Squares = kit.Cells.extend({
    shared: true,
    _prepare(c) {
      this.levels = kit.LEVELS.filter(level => level + "_band" in this.data.classes);
      this._place(c);
      const known = Array.from(c.population).filter(n => n > 0).sort((a, b) => a - b), much = known[Math.floor(0.9 * known.length)] || 1;
      this.size = Float32Array.from(c.population, n => Math.max(LEAST, Math.min(1, Math.sqrt(n / much))));
    },
    async _scenario(id) {
      await this.unpacked;
      this.under[id] = await unpack(this.data.states[id]);
    },
    onAdd(map) {
      kit.Cells.prototype.onAdd.call(this, map);
      map.on("click", this._open, this);
    },
    onRemove(map) {
      map.off("click", this._open, this);
      kit.Cells.prototype.onRemove.call(this, map);
    },
    /** Classes of what is shown, from the bottom of a square to its top: what it is called, its fill, and the columns that count it. */
    _groups(state) {
      const { level, view } = state, groups = new Map(), { also, both } = speech(state);
      if (view === "minutes") {
        const labels = kit.bandLabels(state);
        return labels.map((label, k) => ({ label: also(label), swatch: state.bands[k], keys: [`${level}_band_${k}`] }));
      }
      statuses(state).forEach((status, k) => {
        const key = status[level + "_label"], group = groups.get(key) || { label: both(key), swatch: status[level], keys: [] };
        group.keys.push("status_" + k);
        groups.delete(key); // a class stands where the last of its statuses does
        groups.set(key, group);
      });
      return [...groups.values()];
    },
    /** People of a square in each class. */
    _people(columns, groups, i) {
      return groups.map(({ keys }) => keys.reduce((sum, key) => sum + columns[key][i], 0));
    },
    _paint() {
      const { width, height } = this._canvas, owner = this._owner, inside = this._inside, columns = this.shown(), state = this._map.mutualaid;
      if (!columns) return;
      const groups = this._groups(state), n = groups.length, tiles = hatched(groups.map(({ swatch }) => swatch));
      const side = this.data.grid.width * 256 * Math.pow(2, this._zoom) * this._dpr; // pixels
      const upTo = new Float32Array(this.n * n);
      for (let i = 0; i < this.n; i++) {
        const people = this._people(columns, groups, i), all = people.reduce((sum, one) => sum + one, 0), line = 1 / Math.max(1, side * this.size[i]);
        const shares = people.map(one => all ? one / all : 0), most = shares.indexOf(Math.max(...shares));
        shares.forEach((share, k) => { // few people in a gap are no fewer to be seen
          if (k === most || share < SEEN || share >= line || shares[most] < 3 * line) return;
          shares[most] -= line - share;
          shares[k] = line;
        });
        for (let k = 0, sum = 0; k < n; k++) upTo[i * n + k] = sum += all ? shares[k] : 2;
        if (!all) upTo[i * n] = -1; // nobody lives there
      }
      const context = this._canvas.getContext("2d"), image = context.createImageData(width, height);
      const out = new Uint32Array(image.data.buffer), unit = this._dpr > 1 ? 1 : 0;
      const ox = Math.round(this._origin.x), oy = Math.round(this._origin.y);
      for (let y = 0, p = 0; y < height; y++) {
        const line = ((oy + y >> unit) & 7) << 3;
        for (let x = 0; x < width; x++, p++) {
          const i = owner[p];
          if (i < 0 || upTo[i * n] < 0) continue;
          const size = this.size[i], u = (inside[2 * p] / 256 - 0.5) / size + 0.5, v = (inside[2 * p + 1] / 256 - 0.5) / size + 0.5;
          if (u < 0 || v < 0 || u >= 1 || v >= 1) continue;
          const rows = Math.max(1, Math.round(side * size)), at = (Math.floor(v * rows) + u) / rows; // line by line
          let k = 0;
          while (k < n - 1 && at >= upTo[i * n + k]) k++;
          out[p] = tiles[k << 6 | line | (ox + x >> unit) & 7];
        }
      }
      context.putImageData(image, 0, 0);
    },
    _facts(i) {
      const c = this.columns, state = this._map.mutualaid, { people, say, tell } = speech(state), scale = this.data.people_scale, shown = this.shown();
      const groups = this._groups(state), counts = this._people(shown, groups, i);
      return [
        el("h3", {}, say("tip_square", { place: { t: this.data.jurisdictions[c.jurisdiction[i]] } })),
        el("p", {}, ...say("tip_people", { n: c.population[i] / scale })),
        el("ul", { class: "ma-rows" }, groups.map(({ label, swatch }, k) => counts[k] ? counted(fill(swatch), label, people(counts[k] / scale)) : "").reverse()),
      ];
    },
    /** What is known of a square, and the way to the part that it lies in. */
    _open(event) {
      const rows = this.at(event.containerPoint);
      if (!rows.length || !this.shown()) return;
      const i = rows[0], state = this._map.mutualaid;
      L.popup({ maxWidth: 300 }).setLatLng(event.latlng).setContent(el("div", { class: "ma-popup" }, this._facts(i), openPart(state, this.columns.part[i], [event.latlng.lat, event.latlng.lng]))).openOn(this._map);
    },
    legend(state) {
      const { say } = speech(state);
      return [...kit.Cells.prototype.legend.call(this, state), el("p", { class: "ma-quiet" }, say("squares_long", { km: { d: this.data.side_m / 1000, digits: 1 } }))];
    },
  });

  /* ---- stations: points, where there are too many for marks ---- */

  const DOT = { fillColor: "#14202b", fillOpacity: 1, color: "#fff", weight: 0.8, interactive: false };
  const OUT = Object.assign({}, DOT, { fillColor: "#fff", color: "#b3121d", weight: 1.6 });

  const Dots = L.LayerGroup.extend({
    initialize(data) {
      L.LayerGroup.prototype.initialize.call(this, []);
      this.data = data;
      this.legendOrder = data.order;
      this.unpacked = unpack(data.table).then(({ lat, lon }) => {
        const renderer = this._renderer = L.canvas({ pane: "ma-dots", padding: 0.2 }), at = Array.from(lat, (y, k) => [y / 1e5, lon[k] / 1e5]);
        this.dots = at.map(place => L.circleMarker(place, Object.assign({ renderer, pane: "ma-dots", radius: 2 }, DOT)));
        kit.places.push(...data.names.map((one, k) => ({ at: at[k], name: one })));
      });
    },
    onAdd(map) {
      this._map = map;
      map.on("mutualaid zoomend", this._show, this);
      loading(map, this.unpacked.then(() => {
        if (!this._map) return;
        this.dots.forEach(dot => this.addLayer(dot));
        return this._show();
      }));
    },
    onRemove(map) {
      map.off("mutualaid zoomend", this._show, this);
      this.clearLayers();
      this._map = null;
    },
    /** Stations that a hazard takes out are hollow. */
    async _show() {
      const map = this._map;
      if (!map || !this.dots) return;
      const { scenario } = map.mutualaid, radius = Math.max(2, Math.min(5, map.getZoom() - 5)), known = [scenario, radius].join();
      if (known === this._drawn) return;
      this._drawn = known;
      const out = new Set(scenario ? (await unpack(this.data.out[scenario])).at : []);
      this.dots.forEach((dot, k) => dot.setRadius(radius).setStyle(out.has(k) ? OUT : DOT));
    },
    legend(state) {
      const { both } = speech(state), dot = ({ color, fillColor }) => el("span", { class: "ma-swatch ma-dot", style: `background-color:${fillColor};border-color:${color}`, "aria-hidden": "true" });
      return [el("ul", { class: "ma-rows" }, row(dot(DOT), both("station_dot")), hazard(state) ? row(dot(OUT), both("legend_out")) : "")];
    },
  });

  /* ---- parts: each has a page with every place in it ---- */

  /** Address of the page of a part, set to what is shown, and to a place if one is asked for. */
  function address(map, part, at) {
    const hash = kit.carried(map, at && [13, at[0].toFixed(5), at[1].toFixed(5)].join("/"));
    return part.page + (hash && "#" + hash);
  }
  function openPart(state, k, at) {
    const part = state.country.parts[k];
    return el("p", {}, el("a", { class: "ma-open", href: address(state.country.map, part, at) }, speech(state).say("part_open", { name: part.name })));
  }

  mutualaid.country = function (map) {
    const state = map.mutualaid, node = el("div");
    let box = null;
    state.country.map = map;
    /** The part that is pointed at stands out on the map. */
    const point = part => {
      if (box) map.removeLayer(box);
      box = part ? L.rectangle(part.bounds, { pane: "ma-labels", color: "#d55e00", weight: 3, fill: false, interactive: false }).addTo(map) : null;
    };
    function show() {
      const { people, say, tell, text, percent } = speech(state), { level, levels, scenario } = state;
      const at = document.activeElement && document.activeElement.dataset.part_k;
      const reached = (part, which) => part.reached[scenario][levels.indexOf(which)];
      const rows = state.country.parts.map((part, k) => ({ part, k, gap: part.population - reached(part, level), closed: reached(part, "joint") - reached(part, "alone") }))
        .sort((a, b) => b.gap - a.gap || a.k - b.k);
      const cells = (tag, values) => el("tr", {}, values.map((value, i) => el(i ? tag : "th", { scope: tag === "th" ? "col" : !i && "row" }, value)));
      const link = ({ part, k }) => el("a", { href: address(map, part), "data-part_k": k, focus: () => point(part), blur: () => point(null), mouseenter: () => point(part), mouseleave: () => point(null) }, tell(part.name));
      const fresh = [
        el("p", { class: "ma-quiet" }, say("parts_long", { n: rows.length })),
        el("div", { class: "ma-scroll ma-long", role: "region", tabindex: "0", "aria-label": text("parts") }, el("table", { class: "ma-tight" },
          el("thead", {}, cells("th", [text("part_column"), text("people"), text(level + "_short"), text("gap_short"), text("closes_short")])),
          el("tbody", {}, rows.map(one => cells("td", [link(one), people(one.part.population), percent(one.part.population - one.gap, one.part.population), people(Math.max(0, one.gap)), people(Math.max(0, one.closed))]))))),
        el("p", { class: "ma-quiet" }, text("closes_long")),
      ];
      const said = fresh.map(one => one.outerHTML).join("");
      if (said === node.said) return;
      node.said = said;
      point(null);
      node.replaceChildren(...fresh);
      if (at) node.querySelector(`[data-part_k="${at}"]`).focus();
    }
    return { node, show };
  };

  Object.assign(kit, { openPart });
  mutualaid.squares = data => keep(new Squares(data));
  mutualaid.dots = data => keep(new Dots(data));
})(window.mutualaid);
