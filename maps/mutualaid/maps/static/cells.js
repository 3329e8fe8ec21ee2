/* People on one canvas, and what the tip tells of a place. */
(function (mutualaid) {
  "use strict";
  const kit = mutualaid.kit, { LEVELS, NONE, capital, classes, counted, el, fill, hazard, keep, loading, name, numbers, polynomial, row, speech, statuses, unpack, words } = kit;
  const SEGMENTS = ["answering", "processing", "dispatch", "turnout", "crossing", "drive"];
  const UNKNOWN = 6, OUTSIDE = 7; // severities beyond 0…5
  const MOST_PARTNERS = 12; // that the legend names
  const HOME = ["#a9b1b8", ""]; // people, where the map is about something else

  /** Which row stands in which cell of a sparse grid: blocks of 32 × 32, only where there are any. */
  function gridIndex(columns, shape) {
    const across = (shape[0] >> 5) + 1, blocks = new Int32Array(across * ((shape[1] >> 5) + 1)).fill(-1);
    const { col, row, population } = columns, n = col.length, below = new Int32Array(n).fill(-1);
    let used = 0;
    for (let i = 0; i < n; i++) {
      const b = (row[i] >> 5) * across + (col[i] >> 5);
      if (blocks[b] < 0) blocks[b] = used++;
    }
    const slots = new Int32Array(used << 10).fill(-1);
    for (let i = 0; i < n; i++) {
      const k = (blocks[(row[i] >> 5) * across + (col[i] >> 5)] << 10) | (row[i] & 31) << 5 | (col[i] & 31), top = slots[k];
      if (top >= 0 && population[top] >= population[i]) { // a boundary cuts the cell: the most people lie on top
        below[i] = below[top];
        below[top] = i;
      } else {
        below[i] = top;
        slots[k] = i;
      }
    }
    return { across, blocks, slots, below };
  }

  const HATCH = { // is pixel (x, y) of an 8 × 8 tile inked?
    "": () => false,
    slash: (x, y) => (x + y) % 8 < 2,
    cross: (x, y) => (x - y + 8) % 8 < 1,
    dots: (x, y) => (x % 8 === 1 && y % 8 === 1) || (x % 8 === 5 && y % 8 === 5),
    bars: (x, y) => y % 4 === 1,
    net: (x, y) => (x + y) % 8 < 1 || (x - y + 8) % 8 < 1,
    posts: x => x % 4 === 1,
    sash: (x, y) => (x + y) % 8 < 3,
    ticks: (x, y) => (x + y) % 4 < 1,
  };
  const INK = {
    "": "#000000", slash: "#5a2500", cross: "#ffffff", dots: "#ffffff", bars: "#004d38", net: "#ffffff", posts: "#ffffff", sash: "#ffffff", ticks: "#4a1500",
  };
  const OPACITY = 0.8;
  const DIFFERENCES = [["diff_both", ["#B4C7D3", ""]], ["diff_gained", ["#009E73", "dots"]], ["diff_lost", ["#8C1C13", "sash"]], ["diff_neither", ["#EBD9BB", "slash"]]];

  /** One tile of 8 × 8 ready colours for every class. */
  function hatched(swatches) {
    const tiles = new Uint32Array(swatches.length * 64);
    const colour = hex => {
      const [r, g, b] = [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16));
      return (Math.round(255 * OPACITY) << 24 | b << 16 | g << 8 | r) >>> 0;
    };
    swatches.forEach(([fill, hatch], k) => {
      for (let y = 0; y < 8; y++) for (let x = 0; x < 8; x++) tiles[k * 64 + y * 8 + x] = colour(HATCH[hatch](x, y) ? INK[hatch] : fill);
    });
    return tiles;
  }

  const Cells = L.Layer.extend({
    initialize(data) {
      this.data = data;
      this.legendOrder = 0;
      this.under = {}; // columns of the scenarios that were shown
      this.unpacked = unpack(data.table).then(columns => this._prepare(columns));
    },
    _prepare(c) {
      this.levels = LEVELS.filter(level => level + "_band" in c);
      for (const level of this.levels) {
        if (level !== "alone") this._onTop(c, level, ["station", "lead", "second", ...SEGMENTS]);
        c[level + "_s"] = c[level + "_lead"].map((lead, i) => lead + c[level + "_drive"][i]);
      }
      this._place(c);
    },
    /** Where each row of the columns is. */
    _place(c) {
      this.n = c.population.length;
      this.columns = c;
      const grid = this.data.grid;
      this.X = new Float64Array(this.n);
      this.Y = new Float64Array(this.n);
      if (grid) {
        this.index = gridIndex(c, grid.shape);
        this.toGrid = polynomial(grid.to_grid);
        const toPage = polynomial(grid.to_page);
        for (let i = 0; i < this.n; i++) [this.X[i], this.Y[i]] = toPage.at(c.col[i] + 0.5, c.row[i] + 0.5);
      } else {
        const { origin, step } = this.data.points;
        for (let i = 0; i < this.n; i++) { this.X[i] = origin[0] + c.x[i] * step; this.Y[i] = origin[1] + c.y[i] * step; }
      }
    },
    /** Columns of a level are packed as differences from those of each partner alone. */
    _onTop(c, level, keys) {
      for (const key of keys) {
        const column = c[`${level}_${key}`], alone = c["alone_" + key];
        for (let i = 0; i < column.length; i++) column[i] += alone[i];
      }
    },
    /** Columns of a scenario: packed as differences from fair weather, and unpacked when it is first shown. */
    async _scenario(id) {
      await this.unpacked;
      const fair = this.columns, c = await unpack(this.data.scenarios[id].table);
      for (const level of this.levels.slice(1)) this._onTop(c, level, ["station", "band", "s"]);
      for (const level of this.levels) {
        const station = c[level + "_station"], band = c[level + "_band"], s = c[level + "_s"], before = fair[level + "_s"];
        for (let i = 0; i < this.n; i++) {
          station[i] += fair[level + "_station"][i];
          band[i] += fair[level + "_band"][i];
          s[i] = station[i] ? s[i] + (before[i] === NONE ? 0 : before[i]) : NONE;
        }
      }
      this.under[id] = c;
    },
    /** Columns of what is shown: of fair weather, of a scenario or of a what-if; undefined while they are being unpacked. */
    shown() {
      const state = this._state, scenario = hazard(state), found = scenario ? this.under[scenario.id] : this.columns;
      return found && state.now ? Object.assign({}, scenario ? found : {}, state.now.columns) : found;
    },
    /** Which places are reached in time in what is shown. */
    reached() {
      const { level, limit_s } = this._state;
      return Uint8Array.from(this.shown()[level + "_s"], s => s <= limit_s ? 1 : 0);
    },
    onAdd(map) {
      if (!map.mutualaid.cells) { // other layers and the panel ask of it even while the people are not drawn
        this._state = map.mutualaid;
        map.on("mutualaid", this._findGaps, this);
        kit.prepare(map, map.mutualaid.cells = this);
      }
      this._canvas = L.DomUtil.create("canvas", "leaflet-zoom-animated", map.getPane("ma-cells"));
      this._canvas.setAttribute("aria-hidden", "true");
      this._tip = el("div", { class: "ma-tip", hidden: "" });
      map.getContainer().append(this._tip);
      map.on("moveend resize", this._reset, this).on("zoomanim", this._follow, this).on("mutualaid", this._recolour, this);
      map.on("mousemove click", this._hover, this).on("mouseout movestart popupopen", this._leave, this);
      loading(map, this.unpacked.then(() => { if (this._map) { this._reset(); if (!this.shown()) this._recolour(); } }));
    },
    onRemove(map) {
      map.off("moveend resize", this._reset, this).off("zoomanim", this._follow, this).off("mutualaid", this._recolour, this);
      map.off("mousemove click", this._hover, this).off("mouseout movestart popupopen", this._leave, this);
      this._canvas.remove();
      this._tip.remove();
    },
    _follow(event) {
      if (!this._corner) return;
      const map = this._map, scale = map.getZoomScale(event.zoom, this._zoom);
      L.DomUtil.setTransform(this._canvas, map._latLngToNewLayerPoint(this._corner, event.zoom, event.center), scale);
    },
    _reset() {
      if (!this.columns || !this._map.getSize().x || !this._map.getSize().y) return; // not yet, or the map is hidden
      const map = this._map, size = map.getSize(), pad = this._pad = size.multiplyBy(0.1).round(), canvas = this._canvas;
      const dpr = this._dpr = Math.min(2, window.devicePixelRatio || 1);
      const corner = map.containerPointToLayerPoint(pad.multiplyBy(-1));
      this._corner = map.layerPointToLatLng(corner);
      this._zoom = map.getZoom();
      canvas.width = Math.round((size.x + 2 * pad.x) * dpr);
      canvas.height = Math.round((size.y + 2 * pad.y) * dpr);
      canvas.style.width = canvas.width / dpr + "px";
      canvas.style.height = canvas.height / dpr + "px";
      L.DomUtil.setTransform(canvas, corner, 1);
      const world = 256 * Math.pow(2, this._zoom) * dpr;
      this._origin = map.getPixelOrigin().add(corner).multiplyBy(dpr);
      this._owner = new Int32Array(canvas.width * canvas.height).fill(-1);
      this._inside = this.shared ? new Uint8Array(2 * this._owner.length).fill(128) : null; // where in its cell each pixel lies
      const cell = this.data.grid ? this.data.grid.width * world : 0; // in pixels
      if (cell >= 1.2) this._ownersOfGrid(world);
      else if (cell) this._ownersOfPoints(world, Math.max(0.5, cell / 2), true);
      else this._ownersOfPoints(world, (this._zoom < 14 ? 3 : 4) * dpr, false);
      this._paint();
    },
    /** Once per view: the cell of every pixel. Then a recolour is one look-up per pixel, whatever the number of cells. */
    _ownersOfGrid(world) {
      const owner = this._owner, inside = this._inside, { width, height } = this._canvas, [columns, rows] = this.data.grid.shape;
      const { across, blocks, slots } = this.index, to = this.toGrid, degree = to.degree, { x: ox, y: oy } = this._origin;
      const u0 = to.u((ox + 0.5) / world), du = to.u((ox + 1.5) / world) - u0;
      const first = Math.max(0, Math.ceil((-1.02 - u0) / du)), last = Math.min(width - 1, Math.floor((1.02 - u0) / du));
      const [, cy] = this.data.grid.to_grid.centre, [, sy] = this.data.grid.to_grid.scale;
      for (let y = 0; y < height; y++) {
        const page = (oy + y + 0.5) / world;
        if (Math.abs(page - cy) > 1.02 * sy) continue;
        const [across_, up] = to.along(page);
        for (let x = first; x <= last; x++) {
          const u = u0 + x * du;
          let c = across_[degree], r = up[degree];
          for (let k = degree - 1; k >= 0; k--) { c = c * u + across_[k]; r = r * u + up[k]; }
          if (c < 0 || r < 0 || c >= columns || r >= rows) continue;
          if (inside) {
            inside[2 * (y * width + x)] = 256 * (c % 1);
            inside[2 * (y * width + x) + 1] = 256 * (r % 1);
          }
          c |= 0; r |= 0;
          const block = blocks[(r >> 5) * across + (c >> 5)];
          if (block >= 0) owner[y * width + x] = slots[block << 10 | (r & 31) << 5 | (c & 31)];
        }
      }
    },
    /** Squares or discs around the points; what is smaller than a pixel still gets one. */
    _ownersOfPoints(world, radius, square) {
      const owner = this._owner, { width, height } = this._canvas, { x: ox, y: oy } = this._origin;
      for (let i = 0; i < this.n; i++) {
        const px = this.X[i] * world - ox, py = this.Y[i] * world - oy;
        if (!(px > -radius && py > -radius && px < width + radius && py < height + radius)) continue;
        const bottom = Math.min(height, Math.round(py + radius));
        for (let y = Math.max(0, Math.round(py - radius)); y < bottom; y++) {
          const dy = y + 0.5 - py, half = square ? radius : Math.sqrt(Math.max(0, radius * radius - dy * dy));
          const from = Math.max(0, Math.round(px - half)), to = Math.min(width, Math.round(px + half));
          if (to > from) owner.fill(i, y * width + from, y * width + to);
        }
      }
    },
    /** Class of each place in the view that is shown, and the fill of each class. */
    _classes(columns) {
      const state = this._map.mutualaid, { level, view, bands, reach } = state;
      if (state.subject === "evacuation") return [this._all0 = this._all0 || new Uint8Array(this.n), [HOME]];
      if (reach) return [reach, bands];
      if (view === "difference") return [this._difference(), [...DIFFERENCES.map(([, swatch]) => swatch), bands[bands.length - 1]]];
      if (view === "status") return [columns.status, statuses(state).map(status => status[level])];
      if (view === "minutes") return [columns[level + "_band"], bands];
      return [this._who(columns, level), [...state.partners.flatMap(partner => partner.fills), state.nobody_comes, bands[bands.length - 1]]];
    },
    /** What became of each place since A was pinned: position among `DIFFERENCES`, or no road. */
    _difference() {
      const { pin, statuses: rows } = this._map.mutualaid, now = this.reached(), { status } = this.columns;
      return now.map((in_time, i) => rows[status[i]].status === "unreachable" ? 4 : in_time ? (pin.reached[i] ? 0 : 1) : pin.reached[i] ? 2 : 3);
    },
    /** Twice the position of the partner that is first due, and one more where it is abroad; then nobody, and no road. */
    _who(columns, level) {
      const key = "who_" + level, { jurisdiction } = this.columns, { jurisdiction_partners: at } = this.data;
      if (!columns[key]) {
        const { partners, bands, whatif } = this._map.mutualaid, from = whatif ? whatif.home : this.data.station_partners, band = columns[level + "_band"];
        columns[key] = columns[level + "_station"].map((station, i) => station ? 2 * from[station - 1] + (from[station - 1] !== at[jurisdiction[i]])
          : 2 * partners.length + (band[i] === bands.length - 1));
      }
      return columns[key];
    },
    _paint() {
      const { width, height } = this._canvas, owner = this._owner, columns = this.shown();
      if (!columns) return;
      const [classOf, swatches] = this._classes(columns);
      const context = this._canvas.getContext("2d"), image = context.createImageData(width, height);
      const out = new Uint32Array(image.data.buffer), unit = this._dpr > 1 ? 1 : 0; // hatching twice as wide on dense screens
      const tiles = hatched(swatches);
      const ox = Math.round(this._origin.x), oy = Math.round(this._origin.y); // hatching stays put on the ground
      for (let y = 0, p = 0; y < height; y++) {
        const line = ((oy + y >> unit) & 7) << 3;
        for (let x = 0; x < width; x++, p++) {
          const i = owner[p];
          if (i >= 0) out[p] = tiles[classOf[i] << 6 | line | (ox + x >> unit) & 7];
        }
      }
      context.putImageData(image, 0, 0);
      this._outline(context);
    },
    /** Gaps of a what-if: people in nobody's time whose cells touch, corners included; none where people are points. */
    _findGaps() {
      const state = this._state, found = this.gaps = [], edges = this._edges = [];
      if (!state.now || !this.index || !this.shown()) return;
      const { col, row, population, jurisdiction } = this.columns, { across, blocks, slots, below } = this.index, [columns, rows] = this.data.grid.shape;
      const reached = this.reached(), seen = new Uint8Array(this.n), left = i => population[i] > 0 && !reached[i];
      const top = (c, r) => {
        const block = c < 0 || r < 0 || c >= columns || r >= rows ? -1 : blocks[(r >> 5) * across + (c >> 5)];
        return block < 0 ? -1 : slots[block << 10 | (r & 31) << 5 | (c & 31)];
      };
      const isGap = (c, r) => { for (let k = top(c, r); k >= 0; k = below[k]) if (left(k)) return true; return false; };
      for (let i = 0; i < this.n; i++) {
        if (seen[i] || !left(i)) continue;
        const gap = { people: 0, at: i, where: new Map() }, stack = [i];
        seen[i] = 1;
        while (stack.length) {
          const k = stack.pop(), c = col[k], r = row[k], j = jurisdiction[k];
          gap.people += population[k] / this.data.people_scale;
          gap.where.set(j, (gap.where.get(j) || 0) + population[k]);
          if (population[k] > population[gap.at]) gap.at = k;
          for (let dr = -1; dr <= 1; dr++) for (let dc = -1; dc <= 1; dc++) {
            for (let next = top(c + dc, r + dr); next >= 0; next = below[next]) if (!seen[next] && left(next)) { seen[next] = 1; stack.push(next); }
          }
          if (!isGap(c - 1, r)) edges.push(c, r, c, r + 1);
          if (!isGap(c + 1, r)) edges.push(c + 1, r, c + 1, r + 1);
          if (!isGap(c, r - 1)) edges.push(c, r, c + 1, r);
          if (!isGap(c, r + 1)) edges.push(c, r + 1, c + 1, r + 1);
        }
        found.push(gap);
      }
      found.sort((a, b) => b.people - a.people);
    },
    /** Where a place is: the middle of its cell. */
    latLng(i) {
      return L.latLng(180 / Math.PI * Math.atan(Math.sinh(Math.PI * (1 - 2 * this.Y[i]))), 360 * this.X[i] - 180);
    },
    _outline(context) {
      if (!this._edges || !this._edges.length || !this._map.mutualaid.outlined || this._map.mutualaid.subject === "evacuation") return;
      const world = 256 * Math.pow(2, this._zoom) * this._dpr, toPage = polynomial(this.data.grid.to_page), { x: ox, y: oy } = this._origin, edges = this._edges;
      context.beginPath();
      for (let k = 0; k < edges.length; k += 4) {
        const [ax, ay] = toPage.at(edges[k], edges[k + 1]), [bx, by] = toPage.at(edges[k + 2], edges[k + 3]);
        context.moveTo(ax * world - ox, ay * world - oy);
        context.lineTo(bx * world - ox, by * world - oy);
      }
      context.lineWidth = 2 * this._dpr;
      context.strokeStyle = "#7a3300";
      context.stroke();
    },
    _recolour() {
      const scenario = hazard(this._map.mutualaid);
      if (scenario && !this.under[scenario.id]) {
        loading(this._map, this._scenario(scenario.id).then(() => { if (this._map && this._owner) this._paint(); }));
      } else if (this._owner) this._paint();
      this._leave();
    },
    /** Rows of the cell at a point of the map's container; a cell that a boundary cuts has several. */
    at(point) {
      if (!this._owner) return [];
      const x = Math.floor((point.x + this._pad.x) * this._dpr), y = Math.floor((point.y + this._pad.y) * this._dpr);
      if (x < 0 || y < 0 || x >= this._canvas.width || y >= this._canvas.height) return [];
      const rows = [];
      for (let i = this._owner[y * this._canvas.width + x]; i >= 0; i = this.index ? this.index.below[i] : -1) rows.push(i);
      return rows;
    },
    _hover(event) {
      const rows = this.at(event.containerPoint), tip = this._tip, map = this._map;
      if (!rows.length || map.mutualaid.popup || map.mutualaid.told || !this.shown()) { this._leave(); return; }
      if (this._shown !== rows[0]) {
        this._shown = rows[0];
        tip.replaceChildren(...rows.slice(0, 3).flatMap((i, k) => [...(k ? [el("hr")] : []), ...this._facts(i)]));
      }
      tip.hidden = false;
      const size = map.getSize(), { x, y } = event.containerPoint, { offsetWidth: w, offsetHeight: h } = tip;
      tip.style.left = Math.max(4, x + 16 + w > size.x ? x - 16 - w : x + 16) + "px";
      tip.style.top = Math.max(4, Math.min(y + 12, size.y - h - 4)) + "px";
    },
    _leave() {
      this._shown = -1;
      if (this._tip) this._tip.hidden = true;
    },
    _facts(i) {
      const c = this.columns, state = this._map.mutualaid, { say, people, text } = speech(state);
      const head = [
        el("h3", {}, name(this.data.jurisdictions[c.jurisdiction[i]])),
        el("p", {}, ...say("tip_people", { n: c.population[i] / this.data.people_scale })),
      ];
      if (state.subject === "evacuation") return head;
      if (hazard(state)) head.push(...this._hazard(i));
      if (state.statuses[c.status[i]].status === "unreachable") return [...head, el("p", { class: "ma-late" }, text("unreachable"))];
      if (state.now) return [...head, ...this._alike([this.shown()], i).flatMap(([title, level]) => this._soon(i, title, level))];
      if (hazard(state)) return [...head, ...this._compared(i)];
      const served = this.levels.find(level => c[level + "_station"][i]);
      const before = served ? this._segments(i, served, false) : "";
      return [...head, ...this._alike([c], i).flatMap(([title, level]) => this._due(i, title, level)),
        before ? el("p", { class: "ma-quiet" }, text("before_clock") + " " + before) : ""];
    },
    /** Levels of a place with their title, those together at which the same unit comes at the same time. */
    _alike(tables, i) {
      const { text } = speech(this._map.mutualaid), groups = [];
      const same = (a, b) => tables.every(c => c[a + "_station"][i] === c[b + "_station"][i] && c[a + "_s"][i] === c[b + "_s"][i]);
      for (const level of this.levels) {
        const group = groups.find(group => same(group[0], level));
        group ? group.push(level) : groups.push([level]);
      }
      return groups.map(group => [group.length === this.levels.length ? text("tip_all_" + group.length)
        : group.map(level => text("tip_" + level)).join(" · "), group[0]]);
    },
    /** First and second unit in a what-if. */
    _soon(i, title, level) {
      const c = this.shown(), { minuted, text } = speech(this._map.mutualaid), second = c[level + "_second"][i], first = this._first(c, i, title, level);
      return c[level + "_station"][i] ? [...first, el("p", { class: "ma-quiet" }, second === NONE ? text("no_second") : `${text("second")} ${minuted(second)}`)] : first;
    },
    /** What the hazard is at a place. */
    _hazard(i) {
      const state = this._map.mutualaid, c = this.under[state.scenario], { say, tell, text } = speech(state), severity = c.severity[i];
      const hazards = this.data.scenarios[state.scenario].hazards;
      const line = severity === UNKNOWN || severity === OUTSIDE ? text(severity === UNKNOWN ? "tip_unknown" : "tip_outside")
        : severity ? say("tip_severity", { hazard: capital(words(tell(hazards[c.hazard[i] - 1]))), n: severity, word: text("severity_" + severity) }) : text("tip_no_hazard");
      return [el("p", { class: "ma-place-hazard" }, line), ...(c.isolated[i] && !state.now ? [el("p", { class: "ma-late" }, text("tip_isolated"))] : [])];
    },
    /** Who is first due now, against fair weather. */
    _compared(i) {
      const fair = this.columns, now = this.shown(), { say, text, clock } = speech(this._map.mutualaid);
      return this._alike([fair, now], i).flatMap(([title, level]) => {
        const before = fair[level + "_s"][i], from = fair[level + "_station"][i];
        const unchanged = before === now[level + "_s"][i] && from === now[level + "_station"][i];
        return [...this._first(now, i, title, level), el("p", { class: "ma-quiet" }, unchanged ? text("tip_fair_same")
          : from ? say("tip_fair", { time: clock(before), station: this.station(from - 1) }) : text("tip_fair_nobody"))];
      });
    },
    /** Name of a station, or of a new one by its place in a plan or its municipality. */
    station(at) {
      const { stations } = this.data, state = this._state, { say } = speech(state), planned = state.siting && kit.siteAt(state, at);
      if (at < stations.length) return name(stations[at]);
      return el("span", {}, planned ? say("site_named", { k: String(planned.number), place: planned.title }) : say("new_station_in", { place: name(state.whatif.where[at]) }));
    },
    /** The first unit and whether it comes in time. */
    _first(c, i, title, level) {
      const state = this._map.mutualaid, { minuted, say, text } = speech(state), s = c[level + "_s"][i];
      const late = s > state.limit_s, station = c[level + "_station"][i];
      const head = time => el("h4", {}, title, time), partner = station && state.partners[state.whatif ? state.whatif.home[station - 1] : this.data.station_partners[station - 1]];
      if (!station) return [head(""), el("p", { class: "ma-late" }, ...say("tip_nobody", { minutes: { min: state.cutoff_s } }))];
      return [
        head(el("span", { class: "ma-time " + (late ? "ma-late" : "ma-intime") }, `${minuted(s)} ${text(late ? "late" : "in_time")}`)),
        el("p", {}, this.station(station - 1), state.view === "who" ? [" · ", name(partner.label)] : ""),
      ];
    },
    /** Segments of the first unit's response that the standard's clock counts, or those before it. */
    _segments(i, level, counted) {
      const state = this._map.mutualaid, { text, clock } = speech(state);
      return SEGMENTS.filter(key => state.counted.includes(key) === counted && this.columns[`${level}_${key}`][i] > 0)
        .map(key => `${text(key)} ${clock(this.columns[`${level}_${key}`][i])}`).join(" · ");
    },
    _due(i, title, level) {
      const c = this.columns, { minuted, text } = speech(this._map.mutualaid), second = c[level + "_second"][i];
      const first = this._first(c, i, title, level);
      if (!c[level + "_station"][i]) return first;
      return [...first, el("p", { class: "ma-quiet" }, this._segments(i, level, true)),
        el("p", { class: "ma-quiet" }, second === NONE ? text("no_second") : `${text("second")} ${minuted(second)}`)];
    },
    legend(state) {
      const { also, both, people, text } = speech(state), { level, view, reach } = state, list = el("ul", { class: "ma-rows" });
      if (state.subject === "evacuation") return [el("ul", { class: "ma-rows" }, row(fill(HOME), both("evac_home")))];
      const labels = kit.bandLabels(state);
      if (reach) {
        state.bands.slice(0, labels.length - 1).forEach((swatch, k) => list.append(row(fill(swatch), also(labels[k]))));
        return [el("h2", {}, both("reach"), " ", this.station(state.reach_of)), list];
      }
      if (view === "who") return this._whose(state);
      if (view === "difference") return this._against(state);
      const status = view === "status";
      const rows = status ? classes(state).filter(([key, n]) => key !== "held" || n > 0).map(([key, n, swatch]) => [both(key), n, swatch])
        : labels.map((label, k) => [also(label), numbers(state).bands[level][k], state.bands[k]]);
      rows.forEach(([label, n, swatch], k) => {
        if (!status && k === 3) list.append(el("li", { class: "ma-rule" }, text("band_limit")));
        list.append(counted(fill(swatch), label, people(n)));
      });
      return [el("h2", {}, both(status ? "legend_status" : "legend_bands")), list];
    },
    /** People by what became of them since A was pinned. */
    _against(state) {
      const { both, people } = speech(state), found = this._difference(), sums = [0, 0, 0, 0, 0], { population } = this.columns;
      for (let i = 0; i < found.length; i++) sums[found[i]] += population[i] / this.data.people_scale;
      return [el("h2", {}, both("legend_difference")), el("ul", { class: "ma-rows" },
        DIFFERENCES.map(([key, swatch], k) => counted(fill(swatch), both(key), people(sums[k]))),
        sums[4] > 0 ? counted(fill(state.bands[state.bands.length - 1]), both("unreachable"), people(sums[4])) : "")];
    },
    /** People by the partner that is first due, those with the most people first. */
    _whose(state) {
      const { also, both, say, people, percent, text } = speech(state), { partners, bands } = state, labels = kit.bandLabels(state), who = numbers(state).who[state.level];
      const rows = partners.map(({ label, fills }, k) => ({ label, fills, home: who[2 * k], abroad: who[2 * k + 1] }))
        .filter(({ home, abroad }) => home + abroad > 0).sort((a, b) => b.home + b.abroad - a.home - a.abroad);
      const list = el("ul", { class: "ma-rows" }), [nobody, unreachable] = who.slice(-2), sum = (of, key) => of.reduce((n, row) => n + row[key], 0);
      for (const { label, fills, home, abroad } of rows.slice(0, MOST_PARTNERS)) {
        if (home > 0) list.append(counted(fill(fills[0]), both("who_home", { who: { t: label } }), people(home)));
        if (abroad > 0) list.append(counted(fill(fills[1]), both("who_abroad", { who: { t: label } }), people(abroad)));
      }
      const others = rows.slice(MOST_PARTNERS);
      if (others.length) list.append(counted("", say("who_others", { n: others.length }), people(sum(others, "home") + sum(others, "abroad"))));
      list.append(counted(fill(state.nobody_comes), also(labels[labels.length - 2]), people(nobody)));
      if (unreachable > 0) list.append(counted(fill(bands[bands.length - 1]), text("unreachable"), people(unreachable)));
      const foreign = sum(rows, "abroad"), reached = foreign + sum(rows, "home");
      return [el("h2", {}, both("legend_who")), list,
        el("p", {}, foreign > 0 ? say("who_foreign", { n: foreign, share: percent(foreign, reached) }) : text("who_own"))];
    },
  });

  Object.assign(kit, { Cells, hatched });
  mutualaid.cells = data => keep(new Cells(data));
})(window.mutualaid);
