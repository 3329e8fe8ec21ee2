/* What the map page does: cells on one canvas, paths, marks, the switches between levels of cooperation, fair weather
   and hazards, legend and facts.
   Every text from data enters as a text node, never as markup. Runs in browsers since Chrome 80, Firefox 113, Safari 16.4. */
window.mutualaid = (function () {
  "use strict";
  const NONE = 65535; // a packed number that is missing or infinite
  const SEGMENTS = ["answering", "processing", "dispatch", "turnout", "crossing", "drive"];
  const LEVELS = ["alone", "agreed", "joint"]; // agreed only where an agreement is in force
  const UNKNOWN = 6, OUTSIDE = 7; // severities beyond 0…5
  const MOST_PARTNERS = 12; // that the legend names

  /* ---- text ---- */

  function el(tag, attributes, ...children) {
    const node = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (typeof value === "function") node.addEventListener(key, value);
      else if (value !== false) node.setAttribute(key, value);
    }
    node.append(...children.flat());
    return node;
  }
  const name = text => el("bdi", {}, text); // its direction stays its own affair

  const capital = words => words.charAt(0).toUpperCase() + words.slice(1);

  function speech(stage) {
    const count = new Intl.NumberFormat(stage.lang, { maximumFractionDigits: 0 });
    /** The text of a key as nodes; what is filled in stands out. */
    function say(key, values) {
      return stage.texts[key].split(/\{(\w+)\}/).map((part, i) =>
        i % 2 ? el("b", {}, values[part] instanceof Node ? values[part] : String(values[part])) : part);
    }
    const people = n => n > 0 && n < 0.5 ? "<1" : count.format(n);
    function percent(part, whole) {
      if (!whole) return "–";
      const share = 100 * part / whole, shown = Math.round(share);
      if (shown === 100 && part < whole) return ">99 %";
      return share > 0 && share < 1 ? "<1 %" : shown + " %";
    }
    const clock = s => s === NONE || s === null ? "–" : Math.floor(Math.ceil(s) / 60) + ":" + String(Math.ceil(s) % 60).padStart(2, "0");
    return { say, people, percent, clock, text: key => stage.texts[key] };
  }

  /* ---- packed columns ---- */

  async function inflate(base64) {
    const bytes = Uint8Array.from(atob(base64), c => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }
  async function unpack(table) {
    const bytes = await inflate(table.z), columns = {};
    let at = 0;
    for (const [key, n, width] of table.columns) {
      const out = columns[key] = new Int32Array(n);
      for (let i = 0, sum = 0; i < n; i++) {
        let folded = 0;
        for (let k = 0; k < width; k++) folded |= bytes[at + k * n + i] << 8 * k;
        sum += (folded >>> 1) ^ -(folded & 1);
        out[i] = sum;
      }
      at += n * width;
    }
    return columns;
  }
  /** Vertices of all shapes: [[[ [lat, lon], … ] ring, …] part, …] for each shape. */
  async function unpackPaths(paths) {
    const { x, y } = await unpack(paths.packed), [lon, lat] = paths.packed.origin, step = paths.packed.step;
    let at = 0;
    return paths.shapes.map(parts => parts.map(rings => rings.map(n => {
      const ring = new Array(n);
      for (let i = 0; i < n; i++, at++) ring[i] = [lat + y[at] * step, lon + x[at] * step];
      return ring;
    })));
  }

  /* ---- fair weather, or a scenario ---- */

  const made = []; // layers that are not always to be seen

  /** The scenario that is shown; undefined in fair weather. */
  const hazard = state => state.scenarios.find(one => one.id === state.scenario);
  /** Whether something of one scenario, of fair weather or of all weathers is to be seen. */
  const applies = (state, of) => hazard(state) ? !of.fair && (of.scenario === undefined || of.scenario === state.scenario)
    : of.scenario === undefined;
  /** People counted in the weather that is shown. */
  const counts = state => hazard(state) || state.fair;
  const statuses = state => hazard(state) ? state.scenario_statuses : state.statuses;
  /** What the people are counted by: [text, people, swatch], in the order of the legend. */
  function classes(state) {
    const rows = new Map();
    statuses(state).forEach((status, k) => {
      const key = status[state.level + "_label"], row = rows.get(key) || [key, 0, status[state.level]];
      row[1] += counts(state).status[k];
      rows.delete(key); // a class stands where the last of its statuses does
      rows.set(key, row);
    });
    return [...rows.values()].filter(([key, n]) => n > 0 || key !== "unreachable");
  }

  /* ---- the stage: what all layers share ---- */

  function stage(map, options) {
    const panes = {
      "ma-land": 220, "ma-hazard": 230, "ma-areas": 240, "ma-cells": 260, "ma-edge": 280, "ma-roads": 300, "ma-closed": 320,
      "ma-seams": 330, "ma-borders": 340, "ma-labels": 610,
    };
    for (const [pane, z] of Object.entries(panes)) {
      const node = map.createPane(pane);
      node.style.zIndex = z;
      node.style.pointerEvents = "none";
    }
    const levels = LEVELS.filter(level => level in options.totals);
    map.mutualaid = Object.assign({ levels, level: "joint", view: "status", scenario: "", pending: 0 }, options);
    map.attributionControl.setPrefix(false).addAttribution(options.attribution);
    map.on("zoomend layeradd layerremove", event => {
      if (!event.layer || event.layer instanceof L.Marker) arrangeSoon(map);
    });
    map.on("popupopen popupclose", event => {
      map.mutualaid.popup = event.type === "popupopen";
      map.getContainer().classList.toggle("ma-told", map.mutualaid.popup); // its tip would say the same again
    });
    L.control.scale({ position: "bottomright", imperial: false }).addTo(map);
    if (typeof DecompressionStream === "undefined") {
      map.getContainer().append(el("p", { class: "ma-panel ma-alert", role: "alert" }, options.texts.old_browser));
    }
  }
  function change(map, setting) {
    Object.assign(map.mutualaid, setting);
    map.fire("mutualaid");
  }

  /* ---- labels: each finds room near its place or is left out until there is some ---- */

  function label(at, className, text, rank, interactive) {
    const icon = L.divIcon({ className, html: el("span", {}, text), iconSize: null });
    return L.marker(at, { icon, interactive, keyboard: interactive, pane: "ma-labels", rank });
  }
  function arrange(map) {
    const boxes = [], labels = [];
    map.eachLayer(layer => {
      if (!(layer instanceof L.Marker)) return;
      const { x, y } = map.latLngToLayerPoint(layer.getLatLng()), { rank, blocks } = layer.options;
      if (rank !== undefined) labels.push({ rank, x, y, node: layer.getElement().firstChild });
      else if (blocks && layer.getElement().style.display !== "none") boxes.push([x - blocks, y - blocks, x + blocks, y + blocks]);
    });
    for (const { x, y, node } of labels.sort((a, b) => a.rank - b.rank)) {
      const w = node.offsetWidth / 2, h = node.offsetHeight / 2;
      const shift = [0, -24, 24, -40, 40].find(dy =>
        boxes.every(([l, t, r, b]) => x + w < l || x - w > r || y + dy + h < t || y + dy - h > b));
      node.style.visibility = shift === undefined ? "hidden" : "";
      if (shift === undefined) continue;
      node.style.marginTop = shift + "px";
      boxes.push([x - w, y + shift - h, x + w, y + shift + h]);
    }
  }
  function arrangeSoon(map) {
    cancelAnimationFrame(map.mutualaid.frame);
    map.mutualaid.frame = requestAnimationFrame(() => arrange(map));
  }
  /** Counts what is still being unpacked, so that a page can be known to be complete. */
  function loading(map, work) {
    const state = map.mutualaid, node = map.getContainer();
    state.pending++;
    node.dataset.mutualaid = "loading";
    work.finally(() => { if (--state.pending === 0) node.dataset.mutualaid = "ready"; });
  }

  /* ---- cells ---- */

  function polynomial(p) {
    const degree = p.coefficients[0].length - 1;
    return {
      /** Factors of u, u², … of both results along a line of constant v. */
      along(y) {
        const v = (y - p.centre[1]) / p.scale[1];
        return p.coefficients.map(matrix => matrix.map(row => row.reduceRight((sum, c) => sum * v + c, 0)));
      },
      u: x => (x - p.centre[0]) / p.scale[0],
      at(x, y) {
        const u = this.u(x);
        return this.along(y).map(line => line.reduceRight((sum, c) => sum * u + c, 0));
      },
      degree,
    };
  }

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
  };
  const INK = {
    "": "#000000", slash: "#5a2500", cross: "#ffffff", dots: "#ffffff", bars: "#004d38", net: "#ffffff", posts: "#ffffff", sash: "#ffffff",
  };
  const OPACITY = 0.8;

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
      this.n = c.status.length;
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
    /** Columns of what is shown: of fair weather or of a scenario; undefined while they are being unpacked. */
    shown() {
      const scenario = hazard(this._map.mutualaid);
      return scenario ? this.under[scenario.id] : this.columns;
    },
    onAdd(map) {
      this._canvas = L.DomUtil.create("canvas", "leaflet-zoom-animated", map.getPane("ma-cells"));
      this._canvas.setAttribute("aria-hidden", "true");
      this._tip = el("div", { class: "ma-tip", hidden: "" });
      map.getContainer().append(this._tip);
      map.on("moveend resize", this._reset, this).on("zoomanim", this._follow, this).on("mutualaid", this._recolour, this);
      map.on("mousemove click", this._hover, this).on("mouseout movestart popupopen", this._leave, this);
      loading(map, this.unpacked.then(() => { if (this._map) { this._reset(); this._recolour(); } }));
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
      if (!this.columns) return;
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
      const cell = this.data.grid ? this.data.grid.width * world : 0; // in pixels
      if (cell >= 1.2) this._ownersOfGrid(world);
      else if (cell) this._ownersOfPoints(world, Math.max(0.5, cell / 2), true);
      else this._ownersOfPoints(world, (this._zoom < 14 ? 3 : 4) * dpr, false);
      this._paint();
    },
    /** Once per view: the cell of every pixel. Then a recolour is one look-up per pixel, whatever the number of cells. */
    _ownersOfGrid(world) {
      const owner = this._owner, { width, height } = this._canvas, [columns, rows] = this.data.grid.shape;
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
      const state = this._map.mutualaid, { level, view, bands } = state;
      if (view === "status") return [columns.status, statuses(state).map(status => status[level])];
      if (view === "minutes") return [columns[level + "_band"], bands];
      return [this._who(columns, level), [...state.partners.flatMap(partner => partner.fills), state.nobody_comes, bands[bands.length - 1]]];
    },
    /** Twice the position of the partner that is first due, and one more where it is abroad; then nobody, and no road. */
    _who(columns, level) {
      const key = "who_" + level, { jurisdiction } = this.columns, { jurisdiction_partners: at, station_partners: from } = this.data;
      if (!columns[key]) {
        const { partners, bands } = this._map.mutualaid, band = columns[level + "_band"];
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
      const colour = hex => {
        const [r, g, b] = [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16));
        return (Math.round(255 * OPACITY) << 24 | b << 16 | g << 8 | r) >>> 0;
      };
      // one tile of 8 × 8 ready colours for every class
      const tiles = new Uint32Array(swatches.length * 64);
      swatches.forEach(([fill, hatch], k) => {
        for (let y = 0; y < 8; y++) for (let x = 0; x < 8; x++) tiles[k * 64 + y * 8 + x] = colour(HATCH[hatch](x, y) ? INK[hatch] : fill);
      });
      const ox = Math.round(this._origin.x), oy = Math.round(this._origin.y); // hatching stays put on the ground
      for (let y = 0, p = 0; y < height; y++) {
        const line = ((oy + y >> unit) & 7) << 3;
        for (let x = 0; x < width; x++, p++) {
          const i = owner[p];
          if (i >= 0) out[p] = tiles[classOf[i] << 6 | line | (ox + x >> unit) & 7];
        }
      }
      context.putImageData(image, 0, 0);
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
        el("p", {}, ...say("tip_people", { n: people(c.population[i] / 10) })),
      ];
      if (hazard(state)) head.push(...this._hazard(i));
      if (state.statuses[c.status[i]].status === "unreachable") return [...head, el("p", { class: "ma-late" }, text("unreachable"))];
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
    /** What the hazard is at a place. */
    _hazard(i) {
      const state = this._map.mutualaid, c = this.shown(), { say, text } = speech(state), severity = c.severity[i];
      const words = this.data.scenarios[state.scenario].hazards[c.hazard[i] - 1];
      const line = severity === UNKNOWN || severity === OUTSIDE ? text(severity === UNKNOWN ? "tip_unknown" : "tip_outside")
        : severity ? say("tip_severity", { hazard: capital(words), n: severity, word: text("severity_" + severity) }) : text("tip_no_hazard");
      return [el("p", { class: "ma-place-hazard" }, line), ...(c.isolated[i] ? [el("p", { class: "ma-late" }, text("tip_isolated"))] : [])];
    },
    /** Who is first due now, against fair weather. */
    _compared(i) {
      const fair = this.columns, now = this.shown(), { say, text, clock } = speech(this._map.mutualaid);
      return this._alike([fair, now], i).flatMap(([title, level]) => {
        const before = fair[level + "_s"][i], from = fair[level + "_station"][i];
        const unchanged = before === now[level + "_s"][i] && from === now[level + "_station"][i];
        return [...this._first(now, i, title, level), el("p", { class: "ma-quiet" }, unchanged ? text("tip_fair_same")
          : from ? say("tip_fair", { time: clock(before), station: name(this.data.stations[from - 1]) }) : text("tip_fair_nobody"))];
      });
    },
    /** The first unit and whether it comes in time. */
    _first(c, i, title, level) {
      const state = this._map.mutualaid, { say, text, clock } = speech(state), s = c[level + "_s"][i];
      const late = s > state.limit_s, station = c[level + "_station"][i];
      const head = time => el("h4", {}, title, time), partner = station && state.partners[this.data.station_partners[station - 1]];
      if (!station) return [head(""), el("p", { class: "ma-late" }, ...say("tip_nobody", { minutes: state.cutoff_min }))];
      return [
        head(el("span", { class: "ma-time " + (late ? "ma-late" : "ma-intime") }, `${clock(s)} min ${text(late ? "late" : "in_time")}`)),
        el("p", {}, name(this.data.stations[station - 1]), state.view === "who" ? [" · ", name(partner.label)] : ""),
      ];
    },
    /** Segments of the first unit's response that the standard's clock counts, or those before it. */
    _segments(i, level, counted) {
      const state = this._map.mutualaid, { text, clock } = speech(state);
      return SEGMENTS.filter(key => state.counted.includes(key) === counted && this.columns[`${level}_${key}`][i] > 0)
        .map(key => `${text(key)} ${clock(this.columns[`${level}_${key}`][i])}`).join(" · ");
    },
    _due(i, title, level) {
      const c = this.columns, { text, clock } = speech(this._map.mutualaid), second = c[level + "_second"][i];
      const first = this._first(c, i, title, level);
      if (!c[level + "_station"][i]) return first;
      return [...first, el("p", { class: "ma-quiet" }, this._segments(i, level, true)),
        el("p", { class: "ma-quiet" }, second === NONE ? text("no_second") : `${text("second")} ${clock(second)} min`)];
    },
    legend(state) {
      const { people, text } = speech(state), { level, view } = state, list = el("ul", { class: "ma-rows" });
      if (view === "who") return this._whose(state);
      const status = view === "status";
      const rows = status ? classes(state).filter(([key, n]) => key !== "held" || n > 0).map(([key, n, swatch]) => [text(key), n, swatch])
        : state.band_labels.map((label, k) => [label, counts(state).bands[level][k], state.bands[k]]);
      rows.forEach(([label, n, swatch], k) => {
        if (!status && k === 3) list.append(el("li", { class: "ma-rule" }, text("band_limit")));
        list.append(counted(fill(swatch), label, people(n)));
      });
      return [el("h2", {}, text(status ? "legend_status" : "legend_bands")), list];
    },
    /** People by the partner that is first due, those with the most people first. */
    _whose(state) {
      const { say, people, percent, text } = speech(state), { partners, bands, band_labels } = state, who = counts(state).who[state.level];
      const rows = partners.map(({ label, fills }, k) => ({ label, fills, home: who[2 * k], abroad: who[2 * k + 1] }))
        .filter(({ home, abroad }) => home + abroad > 0).sort((a, b) => b.home + b.abroad - a.home - a.abroad);
      const list = el("ul", { class: "ma-rows" }), [nobody, unreachable] = who.slice(-2), sum = (of, key) => of.reduce((n, row) => n + row[key], 0);
      for (const { label, fills, home, abroad } of rows.slice(0, MOST_PARTNERS)) {
        if (home > 0) list.append(counted(fill(fills[0]), say("who_home", { who: name(label) }), people(home)));
        if (abroad > 0) list.append(counted(fill(fills[1]), say("who_abroad", { who: name(label) }), people(abroad)));
      }
      const others = rows.slice(MOST_PARTNERS);
      if (others.length) list.append(counted("", say("who_others", { n: others.length }), people(sum(others, "home") + sum(others, "abroad"))));
      list.append(counted(fill(state.nobody_comes), band_labels[band_labels.length - 2], people(nobody)));
      if (unreachable > 0) list.append(counted(fill(bands[bands.length - 1]), text("unreachable"), people(unreachable)));
      const foreign = sum(rows, "abroad"), reached = foreign + sum(rows, "home");
      return [el("h2", {}, text("legend_who")), list,
        el("p", {}, foreign > 0 ? say("who_foreign", { n: people(foreign), share: percent(foreign, reached) }) : text("who_own"))];
    },
  });

  function fill([colour, hatch]) {
    return el("span", { class: "ma-swatch" + (hatch ? " ma-" + hatch : ""), style: "background-color:" + colour, "aria-hidden": "true" });
  }
  function row(swatch, label) {
    return el("li", {}, swatch, el("span", { class: "ma-label" }, label));
  }
  /** A row of the legend with its people. */
  function counted(swatch, label, n) {
    return el("li", {}, swatch, el("span", { class: "ma-label" }, label), el("span", { class: "ma-n" }, n));
  }
  function lineSwatch(style) {
    return el("span", { class: "ma-swatch " + (style.fill === false ? "ma-line" : "ma-ring"), style: `border-color:${style.color};border-style:${style.dashArray ? "dashed" : "solid"}` + (style.fill === false ? `;border-top-width:${Math.max(2, Math.min(7, Math.round(style.weight)))}px` : ""), "aria-hidden": "true" });
  }

  /* ---- paths: land, boundaries, roads, gaps, isochrones ---- */

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
    _tells(layer, facts) {
      const tell = this.data.tells === "seam" ? seamFacts : gapFacts;
      return layer.bindPopup(() => tell(this._map.mutualaid, facts), { maxWidth: 320 });
    },
    _describe(path, feature) {
      this._tells(path, feature.facts);
      if (this.data.tells === "seam") { // its tip takes the place of that of the people below
        path.bindTooltip(() => seamTip(this._map.mutualaid, feature.facts), { sticky: true, className: "ma-seam-tip" });
        path.on("mouseover", () => { this._map.mutualaid.told = true; }).on("mouseout", () => { this._map.mutualaid.told = false; });
      }
      path.on("mouseover", () => path.setStyle({ weight: this.data.style.weight + 2 })).on("mouseout", () => path.setStyle({ weight: this.data.style.weight }));
    },
    onAdd(map) {
      this._map = map;
      map.on("mutualaid zoomend", this._choose, this);
      loading(map, this.unpacked.then(() => this._choose()));
    },
    onRemove(map) {
      map.off("mutualaid zoomend", this._choose, this);
      this.clearLayers();
      this._labelled = this._map = null;
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
      return applies(state, this.data) && (!this.data.features.length || this.data.features.some(feature => applies(state, feature)));
    },
    /** People on the larger gaps. */
    _label() {
      const { level, totals, scenario } = this._map.mutualaid, { people } = speech(this._map.mutualaid);
      if (this._labelled === level + scenario) return;
      (this._chips || []).forEach(chip => this.removeLayer(chip));
      this._labelled = level + scenario;
      this._chips = [];
      if (!applies(this._map.mutualaid, this.data)) return;
      this._chips = this.features.filter(({ feature }) =>
        feature.level === level && feature.facts.population >= Math.max(10, totals.population / 500)
      ).map(({ feature }, k) => this._tells(
        label(feature.at, "ma-chip", people(feature.facts.population), k ? 1000 + k : -1, true), feature.facts));
      this._chips.forEach(chip => this.addLayer(chip));
    },
    legend(state) {
      if (!applies(state, this.data)) return [el("p", { class: "ma-quiet ma-elsewhere" }, speech(state).text("gaps_in_fair_weather"))];
      const rows = (this.data.legend || []).filter(entry => !entry.of || hazard(state) && entry.of.includes(state.scenario));
      if (!rows.length) return [];
      const list = el("ul", { class: "ma-rows" }, rows.map(entry => row(entry.line ? lineSwatch(entry.line) : fill(entry.fill), entry.label)));
      return [...(this.data.title ? [el("h2", {}, this.data.title)] : []), list];
    },
  });

  function gapFacts(state, facts) {
    const { say, people, clock, text } = speech(state), list = el("dl");
    const add = (key, ...value) => list.append(el("dt", {}, text(key)), el("dd", {}, ...value));
    const minutes = s => s === null ? text("nobody_short") : clock(s) + " min";
    add("gap_people", el("b", {}, people(facts.population)));
    if (facts.unreachable_population > 0) add("gap_no_road", people(facts.unreachable_population));
    add("gap_where", name(facts.jurisdictions));
    add("gap_median", minutes(facts.median_s));
    add("gap_worst", minutes(facts.worst_s));
    const rest = [];
    if (facts.closed_population > 0) {
      rest.push(el("p", { class: "ma-gain" }, ...say("gap_closed", { n: people(facts.closed_population), who: name(facts.closed_by) }),
        ...(facts.saved_median_s > 0 ? [" ", ...say("gap_saved", { time: clock(facts.saved_median_s) })] : [])));
    }
    if (facts.level !== "joint") rest.push(el("p", {}, ...say("gap_remaining", { n: people(facts.remaining_population) })));
    else rest.push(el("p", {}, text("gap_nobody")));
    return el("div", { class: "ma-popup" }, el("h3", {}, name(facts.name)), list, rest);
  }

  function seamTip(state, facts) {
    const { text } = speech(state), [a, b] = facts.sides;
    return el("div", { class: "ma-popup" }, el("h3", {}, name(a.name), " – ", name(b.name)), el("p", {}, text("seam_" + facts.kind)));
  }
  function seamFacts(state, facts) {
    const { say, text } = speech(state);
    const count = new Intl.NumberFormat(state.lang), list = el("dl", { class: "ma-sides" });
    for (const side of facts.sides) {
      const known = side.severity === null ? text(side.layer ? "seam_unknown" : "seam_no_layer")
        : `${side.severity} ${text("severity_" + side.severity)}`;
      const rest = [side.severity === null ? "" : `“${side.label}”`, side.layer, side.years, side.source].filter(part => part);
      list.append(el("div", {}, el("dt", {}, name(side.name)), el("dd", {}, el("b", {}, known), rest.map(part => el("p", {}, name(part))))));
    }
    return el("div", {}, seamTip(state, facts), el("div", { class: "ma-popup" }, list,
      el("p", { class: "ma-quiet" }, ...say("seam_length", { hazard: capital(facts.hazard), m: count.format(facts.length_m) }), facts.event ? [", ", name(facts.event)] : "")));
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
      const { people, text } = speech(state);
      const entry = (swatch, label, n) => counted(swatch, label, people(n));
      const list = el("ul", { class: "ma-rows" }, [5, 4, 3, 2, 1].map(k =>
        entry(fill([this.data.colours[k - 1], ""]), `${k} ${text("severity_" + k)}`, scenario.severity[k])),
        entry(fill(["#fbfaf5", ""]), `0 ${text("severity_0")}`, scenario.severity[0]),
        entry(fill(this.data.unknown), text("severity_unknown"), scenario.severity[UNKNOWN]),
        row(lineSwatch(this.data.edge.style), text("severity_edge")));
      return [el("h2", {}, `${text("legend_severity")} ${scenario.hazards}`), list];
    },
  });

  /* ---- marks: stations, crossings, names of places ---- */

  const SHAPES = {
    circle: "M12 1.5a10.5 10.5 0 1 1 0 21a10.5 10.5 0 1 1 0-21z",
    square: "M2.5 2.5h19v19h-19z",
    diamond: "M12 .2L23.8 12L12 23.8L.2 12z",
    hexagon: "M6.2 2h11.6L23.5 12l-5.7 10H6.2L.5 12z",
    triangle: "M12 .5L24 22.5H0z",
    passage: "M1 8.5h15V4l7 8l-7 8v-4.5H1z",
  };
  const GLYPHS = {
    fire: "M12.6 5.2c.5 2.3 3.9 3.8 3.9 7.6a4.5 4.5 0 0 1-9 0c0-1.7.8-3 1.7-3.8.1 1.3.7 2 1.4 2.3-.3-2.6.4-4.7 2-6.1z",
    ems: "M10.2 6.5h3.6v3.7h3.7v3.6h-3.7v3.7h-3.6v-3.7H6.5v-3.6h3.7z",
    rescue: "M12 6.5a5.5 5.5 0 1 1 0 11a5.5 5.5 0 1 1 0-11zm0 3.2a2.3 2.3 0 1 0 0 4.6a2.3 2.3 0 1 0 0-4.6z",
  };
  const CROSS_OUT = "M-1 -1L25 25M25 -1L-1 25";
  function drawing(shape, colour, glyph, out) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "-1 -1 26 26");
    svg.setAttribute("aria-hidden", "true");
    for (const [d, attributes] of [[SHAPES[shape], { fill: colour, stroke: "#fff", "stroke-width": 2, "paint-order": "stroke" }], [GLYPHS[glyph] || "", { fill: "#fff", "fill-rule": "evenodd" }]]) {
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      path.setAttribute("d", d);
      for (const [key, value] of Object.entries(attributes)) path.setAttribute(key, value);
      svg.append(path);
    }
    for (const [stroke, width] of out ? [["#fff", 5], ["#b3121d", 2.6]] : []) {
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      for (const [key, value] of Object.entries({ d: CROSS_OUT, stroke, "stroke-width": width, "stroke-linecap": "round", class: "ma-cross-out" })) path.setAttribute(key, value);
      svg.append(path);
    }
    return svg;
  }

  const Marks = L.LayerGroup.extend({
    initialize(data) {
      this.data = data;
      this.legendOrder = data.order || 10;
      L.LayerGroup.prototype.initialize.call(this, data.marks.map(mark => this._mark(mark)));
    },
    _mark(mark) {
      const kind = this.data.kinds[mark.kind], { shape, colour, glyph } = kind, size = kind.size || this.data.size;
      const mayFail = Object.values(mark.states || {}).includes("out");
      const icon = L.divIcon({ className: "ma-mark" + (kind.size ? " ma-ranked" : ""), html: drawing(shape, colour, glyph, mayFail), iconSize: [size, size], popupAnchor: [0, -size / 2] });
      const blocks = this.data.above || kind.size ? size / 2 : 0; // labels keep off the more important marks
      const marker = L.marker(mark.at, { icon, riseOnHover: true, zIndexOffset: this.data.above || 10 * size, blocks });
      const told = () => this._told(marker._map.mutualaid, mark);
      const more = () => mark.facts ? mutualaid.together[this.data.tells](marker._map.mutualaid, mark.facts) : [];
      const lines = () => el("div", { class: "ma-popup" }, el("h3", {}, name(mark.title)), mark.lines.map(line => el("p", {}, name(line))),
        told() ? el("p", { class: "ma-late" }, told()) : "", more());
      marker.bindTooltip(lines, { direction: "top", offset: [0, -size / 2], className: "ma-mark-tip" }).bindPopup(lines, { maxWidth: 280 });
      marker.show = () => {
        const node = marker.getElement();
        node.style.display = applies(marker._map.mutualaid, this.data) ? "" : "none";
        node.setAttribute("aria-label", [mark.title, ...mark.lines, told(), ...more().map(line => line.textContent)].filter(part => part).join(", "));
        node.classList.toggle("ma-out", this._state(marker._map.mutualaid, mark) === "out");
        if (marker.isPopupOpen()) marker.getPopup().update();
      };
      return marker;
    },
    onAdd(map) {
      L.LayerGroup.prototype.onAdd.call(this, map);
      map.on("mutualaid", this._show, this);
      this._show();
    },
    onRemove(map) {
      map.off("mutualaid", this._show, this);
      L.LayerGroup.prototype.onRemove.call(this, map);
    },
    _show() {
      this.eachLayer(marker => marker.show());
    },
    /** What the hazard does to a station: "" if nothing. */
    _state: (state, mark) => (hazard(state) && mark.states || {})[state.scenario] || "",
    _told(state, mark) {
      const found = this._state(state, mark);
      return found ? speech(state).text("state_" + found) : "";
    },
    /** Whether there is anything to see in this weather. */
    visible(state) {
      return applies(state, this.data);
    },
    legend(state) {
      if (!applies(state, this.data)) return [];
      const out = this.data.marks.some(mark => this._state(state, mark) === "out");
      const list = el("ul", { class: "ma-rows" }, this.data.kinds.filter(kind => kind.label).map(kind =>
        row(el("span", { class: "ma-swatch ma-svg", style: kind.size ? `transform:scale(${kind.size / 22})` : false, "aria-hidden": "true" },
          drawing(kind.shape, kind.colour, kind.glyph)), name(kind.label))),
        out ? row(el("span", { class: "ma-swatch ma-svg ma-out", "aria-hidden": "true" }, drawing("circle", "#7a7a7a", "", true)), speech(state).text("legend_out")) : "");
      return [el("h2", {}, this.data.title), list];
    },
  });

  const Places = L.LayerGroup.extend({
    initialize(data) {
      L.LayerGroup.prototype.initialize.call(this, data.places.map((place, k) => label(place.at, "ma-place", name(place.name), k, false)));
    },
  });

  /* ---- panel ---- */

  function panel(map) {
    const state = map.mutualaid, { say, people, percent, clock, text } = speech(state);
    const buttons = (choices, key, label, small) => {
      const group = el("div", { class: "ma-switch" + (small ? " ma-small" : choices.length > 2 ? " ma-many" : ""), role: "group", "aria-label": label });
      for (const choice of choices) {
        group.append(el("button", { type: "button", "data-choice": choice, click: () => change(map, { [key]: choice }) }, text(choice)));
      }
      return () => {
        for (const button of group.children) button.setAttribute("aria-pressed", String(button.dataset.choice === state[key]));
        return group;
      };
    };
    const levels = buttons(state.levels, "level", text("level"), false);
    const views = buttons(["status", "minutes", ...(state.partners.length > 1 ? ["who"] : [])], "view", text("view"), true);
    const head = el("div", { "aria-live": "polite" }), legend = el("div"), places = el("details", {}, el("summary", {}, text("by_jurisdiction")));
    const together = state.cooperation ? el("details", { class: "ma-together" }, el("summary", {}, text("cooperation"))) : "";
    const warning = el("div", {}), which = weather();
    const more = el("details", { class: "ma-more", open: map.getSize().x > 640 ? "" : false }, el("summary", {}, text("more")),
      views(), legend, places, together, about());
    const box = el("section", { class: "ma-panel", "aria-label": text("panel") },
      el("h1", {}, name(state.region)), el("p", { class: "ma-sub" }, ...say("question_" + state.service, { limit: state.limit, start: state.start })),
      which, warning, levels(), head, more, note(state.note), unknown(), failed(), el("p", { class: "ma-foot" }, text("disclaimer")));

    /** Which hazard is shown; nothing where the region has no scenario. */
    function weather() {
      if (!state.scenarios.length) return "";
      const select = el("select", { id: "ma-scenario", change: () => change(map, { scenario: select.value }) },
        [["", text("fair_weather")], ...state.scenarios.map(one => [one.id, one.label])].map(([value, label]) => el("option", { value }, label)));
      select.value = state.scenario;
      map.on("mutualaid", () => { select.value = state.scenario; });
      return el("div", { class: "ma-weather" }, el("label", { for: "ma-scenario" }, text("hazard")), select);
    }
    /** The first sentence stands on the face, the rest behind it. */
    function note(words) {
      const end = words.search(/[.!?]\s/) + 1;
      if (!words || !end) return words ? el("p", { class: "ma-note" }, name(words)) : "";
      return el("details", { class: "ma-note" }, el("summary", {}, name(words.slice(0, end))), name(words.slice(end)));
    }
    function failed() {
      return el("div", {}, state.not_computed.map(what => el("p", { class: "ma-note" }, text("not_computed"), " ", name(what))));
    }
    /** What the hazard changes besides the colours; or what nobody knows about it. */
    function effects(scenario, unknown) {
      const { level } = state, total = scenario.totals, decimal = new Intl.NumberFormat(state.lang, { maximumFractionDigits: 1 });
      const held = (level === "agreed" ? level : "joint") + "_label"; // alone: who a joint team would hold
      const n = state.scenario_statuses.reduce((sum, status, k) => sum + (status[held] === "held" && scenario.status[k]), 0);
      const own = unknown ? [] : [{ key: "effect_fewer", n: total["fair_" + level] - total[level] }, ...(n > 0 ? [{ key: "effect_held", n }] : [])];
      const lines = [...own, ...scenario.effects.filter(one => (!one.level || one.level === level) && !one.unknown === !unknown)].map(one =>
        one.draws ? el("li", {}, el("p", {}, say(one.key, { n: people(one.n), error: decimal.format(one.error), draws: people(one.draws) })))
          : el("li", { class: one.names ? "ma-listed" : "" }, el("span", { class: "ma-label" }, text(one.key)), one.names === undefined ? el("span", { class: "ma-n" }, one.km ? one.km + " km" : people(one.n))
            : el("b", { class: one.names ? "ma-names" : "ma-n" }, one.names ? name(one.names) : text("none"))));
      return lines.length ? el("ul", { class: "ma-rows " + (unknown ? "ma-not-known" : "ma-effects"), "aria-label": text("effects") }, lines) : "";
    }
    function unknown() {
      const places = state.jurisdictions.filter(j => j.population === null).flatMap((j, k) => [k ? ", " : "", name(j.name)]);
      return places.length ? el("p", { class: "ma-note" }, ...say("unknown_people", { places: el("span", {}, places) })) : "";
    }
    function table() {
      const cells = (tag, values) => el("tr", {}, values.map((value, i) => el(i ? tag : "th", i ? {} : { scope: "row" }, value)));
      const scenario = hazard(state), last = scenario ? j => people(j["lost_" + state.level]) : j => clock(j.joint_p90_s);
      return [el("table", { class: state.levels.length > 2 ? "ma-tight" : false },
        el("thead", {}, cells("th", [text("jurisdiction"), text("people"), ...state.levels.map(level => text(level + "_short")), text(scenario ? "lost_short" : "p90_short")])),
        el("tbody", {}, (scenario || state).jurisdictions.map(j => cells("td", [name(j.name), j.population === null ? text("unknown") : people(j.population),
          ...state.levels.map(level => percent(j[level], j.population)), last(j)])))),
      el("p", { class: "ma-quiet" }, scenario ? say("lost_long", { who: text("lost_who_" + state.level) }) : text("p90_long"))];
    }
    function about() {
      const list = items => el("ul", { class: "ma-list" }, items.map(item => el("li", {}, name(item))));
      return el("details", {}, el("summary", {}, text("about")), state.about.flatMap(part => [el("h3", {}, part.title), list(part.items)]));
    }
    /** What the other levels change. */
    function gain(total) {
      const { level, levels } = state, more = total.joint - total.alone, today = total.agreed - total.alone;
      const rest = people(total.population - total[level === "agreed" ? level : "joint"]), box = (n, words) => el("p", { class: n > 0 ? "ma-gain" : "ma-gain ma-none" }, ...words);
      if (levels.length === 2) return box(more, say(more > 0 ? "gain_" + level : "gain_none", { n: people(more), rest }));
      const much = n => el("span", {}, n ? say(n > 0 ? "more_people" : "fewer_people", { n: people(Math.abs(n)) }) : text("nobody_more"));
      const [agreed, joint] = { alone: [today, more], agreed: [today, more - today], joint: [more - today, more] }[level];
      return box(Math.max(agreed, joint), say("gain_of_three_" + level, { agreed: much(agreed), joint: much(joint), rest }));
    }
    function update() {
      levels(); views();
      const scenario = hazard(state), total = (scenario || state).totals;
      const reached = total[state.level];
      const parts = scenario ? classes(state) : state.statuses.map((status, k) => ["", state.fair.status[k], status[state.level]]);
      const bar = el("div", { class: "ma-bar", "aria-hidden": "true" }, parts.filter(([, n]) => n > 0).map(([, n, [colour, hatch]]) =>
        el("span", { class: hatch ? "ma-" + hatch : "", style: `flex:${n} 0 0;background-color:${colour}` })));
      head.replaceChildren(
        el("div", { class: "ma-head" }, el("div", { class: "ma-big" }, percent(reached, total.population)),
          el("p", {}, ...say("reached_" + state.level + (scenario ? "_hazard" : ""), { n: people(reached), all: people(total.population) }))),
        bar, scenario ? effects(scenario, false) : "", gain(total),
        ...(state.level === "agreed" && state.cooperation ? state.cooperation.agreements.map(one => note(one.note)) : []));
      const told = [], elsewhere = node => node && node.classList.contains("ma-elsewhere");
      map.eachLayer(layer => { if (layer.legend) told.push(layer); });
      const nodes = told.sort((a, b) => a.legendOrder - b.legendOrder).flatMap(layer => layer.legend(state));
      if (scenario) nodes.push(effects(scenario, true));
      legend.replaceChildren(...nodes.filter((node, k) => !elsewhere(node) || k === nodes.findIndex(elsewhere)));
      places.replaceChildren(places.firstChild, ...table());
      if (together) together.replaceChildren(together.firstChild, ...mutualaid.together.details(state));
      warning.replaceChildren(...(scenario ? [scenario.derived ? el("p", { class: "ma-note ma-derived" }, text("derived_long")) : "", note(scenario.note)] : []));
    }
    /** The layer control lists what belongs to hazards only where it can be seen. */
    function list() {
      for (const input of map.getContainer().querySelectorAll(".leaflet-control-layers-selector")) {
        const layer = made.find(one => L.stamp(one) === input.layerId);
        if (layer) input.closest("label").hidden = !layer.visible(state);
      }
    }
    const listSoon = () => requestAnimationFrame(list);
    map.getContainer().append(box);
    L.DomEvent.disableClickPropagation(box);
    L.DomEvent.disableScrollPropagation(box);
    box.addEventListener("mousemove", event => { event.stopPropagation(); map.fire("mouseout"); });
    map.on("mutualaid", update).on("mutualaid layeradd layerremove", listSoon);
    map.on("layeradd layerremove", event => { if (event.layer.legend) update(); });
    update();
    listSoon();
    place(map, box);
  }

  /** Frames the people beside the panel, or above it on a narrow screen. */
  function place(map, box) {
    const narrow = () => map.getSize().x <= 640, { bounds } = map.mutualaid;
    const sheet = () => map.getContainer().style.setProperty("--ma-sheet", (narrow() ? box.offsetHeight : 0) + "px");
    new ResizeObserver(sheet).observe(box);
    sheet();
    let centre, zoom;
    const untouched = () => map.getZoom() === zoom && map.project(map.getCenter()).distanceTo(map.project(centre)) < 3; // pixels
    const fit = () => {
      const aside = narrow() ? { paddingTopLeft: [12, 12], paddingBottomRight: [12, box.offsetHeight + 12] }
        : { paddingTopLeft: [box.offsetWidth + 30, 24], paddingBottomRight: [24, 24] };
      map.fitBounds(bounds, Object.assign({ animate: false, maxZoom: 17 }, aside));
      [centre, zoom] = [map.getCenter(), map.getZoom()];
    };
    fit();
    map.on("mutualaid", () => { if (narrow() && untouched()) fit(); }); // the sheet grows: nobody is hidden by it
  }

  /** Remembers a layer, so that the layer control can leave it out where it has nothing to show. */
  const keep = layer => { made.push(layer); return layer; };
  return {
    kit: { el, hazard, lineSwatch, name, speech }, cells: data => new Cells(data), marks: data => keep(new Marks(data)), panel, paths: data => keep(new Paths(data)),
    places: data => new Places(data), severity: data => keep(new Severity(data)), stage,
  };
})();
