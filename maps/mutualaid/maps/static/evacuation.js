/* Evacuation on the map: zones, traffic over time, the hazard as it arrives, the bottleneck, shelters and crossings. */
(function (mutualaid) {
  "use strict";
  const kit = mutualaid.kit, { drawing, el, fill, keep, label, lineSwatch, loading, name, row, shapes, speech, unpack, unpackPaths, words } = kit;
  const NEVER = -1, MOST = 8, FULL = 0.95, WIDEST = 13, THINNEST = 2, SPACING = 70; // pixels
  const TRAFFIC = "#0072B2", JAMMED = "#0B1F5B", CUT = "#D55E00", ROUTE = "#ffe14d", INK = "#1c2733", HAZARD = ["#5E2188", "#E9DDF5"];
  const KINDS = { own: "#14324a", neighbour: "#00795a", exit: "#14324a" }, NOT_USED = "#8b949c";
  const CLOSED = { color: "#8C1C13", weight: 3, fill: false }, ZONE = { color: "#7a3300", weight: 2, fillColor: "#E69F00" };

  Object.assign(shapes, {
    house: "M12 1L23 10V23H1V10z",
    annex: "M12 1L23 10V23H1V10z M17.6 5.6V-.6H21.5V8.7z",
    way_out: "M2 7.5h11V2l10 10l-10 10v-5.5H2z",
  });

  /* ---- words ---- */

  /** A time in words: minutes, or hours from five on; `round` up for what must be waited for, down for what is left. */
  function span(state, s, round) {
    const { say, text } = speech(state);
    if (s === null || s === undefined) return text("unknown");
    if (s === NEVER) return text("evac_never");
    const sign = s < 0 ? "−" : "", m = Math[round || "ceil"](Math.abs(s) / 60 + (round === "floor" ? 1e-6 : -1e-6));
    return sign + words(Math.abs(m) < 300 ? say("evac_minutes", { n: Math.abs(m) }) : say("evac_hours", { h: Math.floor(m / 60), m: m % 60 }));
  }
  /** Two times in words, "99–102 min"; only the first, as the least, where the second is not known. */
  function between(state, { lower_s: lower, upper_s: upper }) {
    const known = upper !== null && upper !== NEVER, a = span(state, lower, "floor"), b = known ? span(state, upper) : "", { say } = speech(state);
    if (lower === null || lower === NEVER) return "–";
    if (!known || a === b) return known ? a : "≥ " + a;
    const [from, to] = [Math.floor(lower / 60 + 1e-6), Math.ceil(upper / 60 - 1e-6)], clock = m => `${Math.floor(m / 60)}:${String(m % 60).padStart(2, "0")}`;
    const said = of => el("bdi", { dir: "ltr" }, `${of(from)}–${of(to)}`);
    return to < 300 ? say("evac_minutes", { n: said(String) }) : say("evac_clock", { t: said(clock) });
  }
  const people = state => speech(state).people;
  /** People at the moment that is shown; at its end where all times are. */
  const at = (state, shares) => shares[state.moment === null ? shares.length - 1 : state.moment];
  const roadName = (state, one) => one.name ? name(one.name) : speech(state).text("evac_unnamed");

  function facts(state, title, lines, ...rest) {
    const list = el("dl");
    for (const [key, value] of lines) if (value !== "") list.append(el("dt", {}, Array.isArray(key) ? speech(state).say(...key) : speech(state).text(key)), el("dd", {}, value));
    return el("div", { class: "ma-popup" }, el("h3", {}, title), list, rest);
  }
  const reasons = (state, left) => left.map(({ why, people: n }) => [why, n]).map(([why, n]) => el("li", {}, el("span", { class: "ma-label" }, speech(state).tell(why)), el("span", { class: "ma-n" }, people(state)(n))));
  const never = (s, nodes) => s === NEVER || s === null ? "" : nodes;

  function zoneFacts(map, k) {
    const state = map.mutualaid, { evacuation } = state, one = evacuation.zones[k], { say, text } = speech(state), n = people(state);
    const lines = [["gap_people", el("b", {}, n(one.people))], ["evac_vehicles", n(one.vehicles)], ["evac_arrives", one.arrives_s === NEVER ? "" : span(state, one.arrives_s, "floor")],
      ["evac_departures", one.first_s === null ? "" : say("evac_from_to", { a: span(state, one.first_s, "floor"), b: span(state, one.last_s) })],
      ["evac_latest", never(one.latest_s, span(state, one.latest_s, "floor"))], ["evac_margin", never(one.margin_s, span(state, one.margin_s, "floor"))],
      ...[50, 90, 95, 100].map(share => [["evac_safe", { share: { share: share / 100 } }], span(state, one[`ete_${share}_s`])]),
      ["evac_nearest_90", span(state, one.nearest_ete_90_s)], ["evac_nearest_out", n(one.nearest_people_out)]];
    return facts(state, name(one.name), lines, one.left.length ? [el("p", { class: "ma-late" }, say("pair_colon", { a: text("evac_left"), b: one.people_left })), el("ul", { class: "ma-rows" }, reasons(state, one.left))] : "",
      cards(map, evacuation.routes.map((route, i) => i).filter(i => evacuation.routes[i].zone === k), MOST));
  }
  function shelterFacts(map, k) {
    const state = map.mutualaid, one = state.evacuation.shelters[k], { tell, text } = speech(state), n = people(state), opens = one.opens_s > 0;
    const lines = [["evac_expected", el("b", {}, n(one.people))], ["evac_room", one.kind === "exit" ? "" : one.room === NEVER ? text("evac_unlimited") : one.room === null ? text("unknown") : n(one.room)],
      ["evac_too_many", one.overflow > 0.5 ? n(one.overflow) : ""], ["evac_opens", opens ? span(state, one.opens_s) : ""], ["evac_closes", never(one.closes_s, span(state, one.closes_s, "floor"))]];
    return facts(state, name(one.name), lines, el("p", {}, tell(one.line)), el("p", { class: one.usable ? "ma-quiet" : "ma-late" }, one.usable ? text(kindKey(one)) : tell(one.status)));
  }
  const kindKey = one => one.usable ? "evac_kind_" + one.kind : "evac_unusable";
  function crossingFacts(map, k) {
    const state = map.mutualaid, one = state.evacuation.crossings[k], n = people(state);
    return facts(state, name(one.name), [["evac_people", el("b", {}, n(one.people))], ["evac_vehicles", n(one.vehicles)], ["evac_peak", n(one.peak_vph)],
      ["evac_capacity", never(one.capacity_vph, n(one.capacity_vph || 0))]], el("p", {}, speech(state).tell(one.line)));
  }
  function cutFacts(map) {
    const state = map.mutualaid, { cut } = state.evacuation, { say, text } = speech(state);
    return el("div", { class: "ma-popup" }, el("h3", {}, text("evac_cut")), cut.roads ? el("p", {}, el("b", {}, speech(state).shown(cut.roads))) : "",
      el("p", {}, say("evac_cut_people", { n: cut.people })), cut.vph === null ? "" : el("p", {}, say("evac_cut_capacity", { n: cut.vph })));
  }

  /* ---- routes ---- */

  function routeWords(state, route) {
    const { say } = speech(state), { evacuation } = state;
    return say("evac_route", { zone: { t: evacuation.zones[route.zone].name }, shelter: { t: route.to } });
  }
  /** A route as a card: what is read aloud to those who drive it. */
  function card(map, k) {
    const state = map.mutualaid, route = state.evacuation.routes[k], { say, shown } = speech(state);
    return [el("h4", {}, el("bdi", {}, route.id), " · ", routeWords(state, route)),
      el("p", {}, say("evac_route_rate", { n: route.rate_vph, from: span(state, route.from_s, "floor"), to: span(state, route.to_s) })),
      route.roads.length ? el("p", {}, shown({ list: [...route.roads.map(i => ({ t: state.evacuation.roads[i] })), ...(route.more ? [["and_more", { n: route.more }]] : [])] })) : "",
      el("p", { class: "ma-quiet" }, say("evac_route_drive", { km: { d: route.km, digits: 1 }, time: span(state, route.drive_s), people: route.people })),
      route.latest_s === NEVER || route.latest_s === null ? "" : el("p", { class: "ma-quiet" }, say("evac_route_latest", { time: span(state, route.latest_s, "floor") }))];
  }
  function showing(map, k) {
    const { text } = speech(map.mutualaid), button = el("button", { type: "button", class: "ma-button ma-route", "data-route": k, click: event => {
      event.stopPropagation();
      kit.change(map, { route: map.mutualaid.route === k ? null : k });
      button.setAttribute("aria-pressed", String(map.mutualaid.route === k));
    } }, text("evac_route_show"), el("span", { class: "ma-hidden" }, " " + map.mutualaid.evacuation.routes[k].id));
    button.setAttribute("aria-pressed", String(map.mutualaid.route === k));
    return button;
  }
  /** Cards of some routes, those with the most vehicles first, and how many more there are. */
  function cards(map, routes, most) {
    const { evacuation } = map.mutualaid, ranked = [...routes].sort((a, b) => evacuation.routes[b].vehicles - evacuation.routes[a].vehicles || a - b);
    return routes.length ? el("div", { class: "ma-cards" }, ranked.slice(0, most).map(k => el("section", {}, card(map, k), showing(map, k))),
      ranked.length > most ? el("p", { class: "ma-quiet" }, speech(map.mutualaid).say("and_more", { n: ranked.length - most })) : "") : "";
  }

  /* ---- layers ---- */

  /** What all layers of an evacuation have in common: they show the moment and the languages of the page. */
  const Part = L.LayerGroup.extend({
    initialize(data) {
      this.data = data;
      L.LayerGroup.prototype.initialize.call(this, []);
      this.unpacked = this.unpack ? this.unpack() : Promise.resolve();
    },
    onAdd(map) {
      this._map = map;
      map.on("mutualaid", this._draw, this);
      loading(map, this.unpacked.then(() => { if (this._map) this._draw(); }));
    },
    onRemove(map) {
      map.off("mutualaid", this._draw, this);
      this.clearLayers();
      this._map = this._drawn = null;
      this.gone(map);
    },
    gone() {},
    _draw() {
      const map = this._map, { lang, second } = map.mutualaid, drawn = [lang, second].join();
      if (!this.ready) return;
      if (this._drawn !== drawn) {
        this.clearLayers();
        this.build(map);
        this._drawn = drawn;
      }
      this.show(map.mutualaid);
    },
    ready: true,
    show() {},
    visible: () => true,
  });
  /** A number in its frame that opens what is told of a place. */
  function chip(state, at, look, text, rank, told, spoken) {
    const marker = label(at, "ma-chip " + look, el("bdi", { dir: kit.direction(state, state.lang) }, text), rank, true).bindPopup(told, { maxWidth: 300, maxHeight: 420 });
    return marker.on("add", () => marker.getElement().setAttribute("aria-label", spoken));
  }

  const Zones = Part.extend({
    legendOrder: 1,
    unpack() { return unpackPaths(this.data.paths).then(shapes => { this.shapes = shapes; this.ready = true; }); },
    ready: false,
    build(map) {
      this.areas = this.shapes.map(shape => L.polygon(shape, Object.assign({ interactive: false, pane: "ma-evac-zones" }, ZONE)));
      this.chips = map.mutualaid.evacuation.zones.map((one, k) => chip(map.mutualaid, one.at, "ma-evac-zone", "", -2000 - one.people / 1e6, () => zoneFacts(map, k), one.name));
      [...this.areas, ...this.chips].forEach(one => this.addLayer(one));
    },
    show(state) {
      const { say } = speech(state), n = people(state);
      state.evacuation.zones.forEach((one, k) => {
        const here = state.moment === null ? one.people : one.people - at(state, one.shares);
        this.areas[k].setStyle({ fillOpacity: one.people > 0 ? 0.06 + 0.5 * here / one.people : 0.06 });
        const node = this.chips[k].getElement();
        if (!node) return;
        node.firstChild.firstChild.textContent = n(Math.max(0, here));
        node.setAttribute("aria-label", `${one.name}, ${words(say("evac_label_zone", { n: Math.max(0, here) }))}`);
      });
    },
    hit(point) { return this.areas && this._map ? this.areas.findIndex(area => area._map && area._containsPoint(point)) : -1; },
    legend(state) {
      const { both } = speech(state);
      return [el("h2", {}, both("evac_zones")), el("ul", { class: "ma-rows" }, row(el("span", { class: "ma-swatch", style: "box-shadow:inset 0 0 0 2px #7a3300;background-color:rgba(230,159,0,.5)", "aria-hidden": "true" }), both("evac_zone_line")))];
    },
  });

  /** A road with its traffic: as wide as that is, with arrows. */
  const Road = L.Polyline.extend({
    _updatePath() {
      const renderer = this._renderer, { _ctx: ctx } = renderer, { color, stroke, weight } = this.options;
      renderer._updatePoly(this);
      if (!renderer._drawing || !stroke || !this._rings.length) return;
      const scale = Math.pow(2, this._map.getZoom()), ring = this._rings[0], seen = renderer._bounds, broad = weight >= 7;
      let gone = (this.start || 0) * scale;
      ctx.save();
      ctx.globalAlpha = 1;
      Object.assign(ctx, { fillStyle: color, strokeStyle: "#fff", lineWidth: broad ? 1.8 : 1, lineJoin: "round", lineCap: "round" });
      ctx.setLineDash([]);
      for (let i = 1; i < ring.length; i++) {
        const a = ring[i - 1], b = ring[i], far = Math.hypot(b.x - a.x, b.y - a.y);
        for (let d = SPACING - (gone + SPACING / 2) % SPACING; d < far; d += SPACING) {
          const x = a.x + (b.x - a.x) * d / far, y = a.y + (b.y - a.y) * d / far, r = broad ? Math.min(4.5, weight / 3) : 4.5;
          if (!seen.contains([x, y])) continue;
          ctx.save();
          ctx.translate(x, y);
          ctx.rotate(Math.atan2(b.y - a.y, b.x - a.x));
          ctx.beginPath();
          ctx.moveTo(-r * 0.7, -r);
          ctx.lineTo(r * 0.9, 0);
          ctx.lineTo(-r * 0.7, r);
          if (!broad) { ctx.closePath(); ctx.fill(); }
          ctx.stroke();
          ctx.restore();
        }
        gone += far;
      }
      ctx.restore();
    },
  });
  const isFull = (vph, { capacity }) => capacity !== null && vph > 0 && vph >= FULL * capacity;
  const length0 = line => line.reduce((sum, one, i) => {
    if (!i) return 0;
    const [a, b] = [line[i - 1], one].map(ll => L.CRS.EPSG3857.latLngToPoint(L.latLng(ll), 0));
    return sum + Math.hypot(b.x - a.x, b.y - a.y);
  }, 0);

  const Flows = Part.extend({
    legendOrder: 2,
    ready: false,
    async unpack() {
      const { named, names, paths, roads, routes, vph } = this.data, [lines, ways, flow, driven, of] = await Promise.all([unpackPaths(paths), unpackPaths(routes.paths), unpack(vph), unpack(routes.roads), unpack(roads)]);
      const known = n => n < 0 ? null : n;
      this.facts = named.map((at, k) => ({ name: names[at], people: of.people[k], vehicles: of.vehicles[k], peak: of.peak_vph[k], capacity: known(of.capacity_vph[k]), closes_s: known(of.closes_s[k]) }));
      this.lines = lines.map(shape => shape[0][0]);
      this.ways = ways.map(shape => shape.map(part => part[0]));
      this.vph = flow.vph;
      this.most = Math.max(1, ...this.facts.map(one => one.peak));
      let from = 0;
      this.driven = routes.counts.map(n => new Set(driven.road.subarray(from, from += n)));
      this.starts = new Float64Array(this.lines.length);
      for (const chain of this.data.chains) {
        let gone = 0;
        for (const k of chain) {
          this.starts[k] = gone;
          gone += length0(this.lines[k]);
        }
      }
      this.ready = true;
    },
    build() {
      const renderer = this._renderer = this._renderer || L.canvas({ pane: "ma-evac-roads", padding: 0.2 }), style = { renderer, interactive: false, pane: "ma-evac-roads", lineCap: "round", opacity: 1 };
      this.casings = this.lines.map(line => L.polyline(line, Object.assign({ color: "#fff" }, style)));
      this.roads = this.lines.map((line, k) => Object.assign(new Road(line, Object.assign({ color: TRAFFIC }, style)), { start: this.starts[k] }));
      const chosen = Object.assign({}, style, { pane: "ma-evac-route", renderer: this._above = this._above || L.canvas({ pane: "ma-evac-route", padding: 0.2 }) });
      this.route = [L.polyline([], Object.assign({ color: INK, weight: 9 }, chosen)), L.polyline([], Object.assign({ color: ROUTE, weight: 5 }, chosen))];
      [...this.casings, ...this.roads, ...this.route].forEach(one => this.addLayer(one));
      this._map.off("click", this._click, this).off("mousemove", this._point, this).on("click", this._click, this).on("mousemove", this._point, this);
    },
    gone(map) {
      map.off("click", this._click, this).off("mousemove", this._point, this);
      this._leave(map);
      this._shown = null;
    },
    /** Vehicles an hour that enter a road at the moment that is shown: the most at any time where all times are. */
    now(state, k) {
      return state.moment === null ? this.facts[k].peak : this.vph[k * state.evacuation.times.length + state.moment];
    },
    width(vph) { return THINNEST + (WIDEST - THINNEST) * vph / this.most; },
    show(state) {
      const { moment, route } = state, asked = [moment, route, this._drawn].join();
      if (this._shown === asked) return;
      this._shown = asked;
      this.facts.forEach((one, k) => {
        const vph = this.now(state, k), weight = this.width(vph), stroke = vph > 0;
        this.casings[k].setStyle({ stroke, weight: weight + 2.5 });
        this.roads[k].setStyle({ stroke, weight, color: isFull(vph, one) ? JAMMED : TRAFFIC });
      });
      this.route.forEach(line => line.setLatLngs(route === null ? [] : this.ways[route]));
    },
    hit(point, state) {
      if (!this.roads || !this._map) return -1;
      for (let k = this.roads.length - 1; k >= 0; k--) {
        const road = this.roads[k];
        if (this.now(state, k) > 0 && road._pxBounds && road._pxBounds.contains(point) && road._containsPoint(point)) return k;
      }
      return -1;
    },
    _point(event) {
      const map = this._map, state = map.mutualaid, k = state.popup ? -1 : this.hit(map.latLngToLayerPoint(event.latlng), state);
      if (k < 0) { this._leave(map); return; }
      state.told = true; // its tip takes the place of that of the people below
      map.getContainer().style.cursor = "pointer";
      if (this._tipped !== k) {
        this._tip = this._tip || L.tooltip({ direction: "top", offset: [0, -6], className: "ma-mark-tip" });
        this._tip.setContent(el("div", { class: "ma-popup" }, el("h3", {}, roadName(state, this.facts[k])), el("p", {}, speech(state).say("pair_colon", { a: speech(state).text(state.moment === null ? "evac_peak" : "evac_now"), b: this.now(state, k) }))));
        this._tipped = k;
      }
      this._tip.setLatLng(event.latlng);
      if (!map.hasLayer(this._tip)) map.openTooltip(this._tip);
    },
    _leave(map) {
      if (this._tipped === undefined) return;
      this._tipped = undefined;
      map.closeTooltip(this._tip);
      map.mutualaid.told = false;
      map.getContainer().style.cursor = "";
    },
    _click(event) {
      const map = this._map, state = map.mutualaid, k = this.hit(map.latLngToLayerPoint(event.latlng), state);
      if (k >= 0) {
        this._leave(map);
        map.openPopup(L.popup({ maxWidth: 300, maxHeight: 420 }).setLatLng(event.latlng).setContent(this.told(map, k)));
        return;
      }
      const zones = state.evacuated.zones, zone = zones && map.hasLayer(zones) ? zones.hit(map.latLngToLayerPoint(event.latlng)) : -1;
      if (zone >= 0) map.openPopup(L.popup({ maxWidth: 300, maxHeight: 420 }).setLatLng(event.latlng).setContent(zoneFacts(map, zone)));
    },
    /** What is told of a road, and the routes over it. */
    told(map, k) {
      const state = map.mutualaid, one = this.facts[k], n = people(state), here = this.driven.map((roads, i) => i).filter(i => this.driven[i].has(k));
      return facts(state, roadName(state, one), [["evac_people", el("b", {}, n(one.people))], ["evac_vehicles", n(one.vehicles)], ["evac_peak", n(one.peak)],
        ["evac_capacity", one.capacity === null ? "" : n(one.capacity)], ["evac_now", state.moment === null ? "" : n(this.now(state, k))], ["evac_closes", one.closes_s === null ? "" : span(state, one.closes_s, "floor")]],
      here.length ? el("h4", {}, speech(state).text("evac_routes_here")) : "", cards(map, here, MOST));
    },
    legend(state) {
      if (!this.ready) return [];
      const { both, text } = speech(state), n = people(state), unit = Math.pow(10, Math.floor(Math.log10(this.most)));
      const steps = [...new Set([this.most, this.most / 2, this.most / 8].map(v => v >= unit ? Math.round(v / unit * 2) / 2 * unit : Math.round(v)))].filter(v => v > 0);
      const line = (color, weight) => el("span", { class: "ma-swatch ma-line", style: `border-color:${color};border-style:solid;border-top-width:${Math.max(2, Math.round(weight))}px`, "aria-hidden": "true" });
      const full = this.facts.some((one, k) => isFull(this.now(state, k), one));
      return [el("h2", {}, both("evac_traffic"), state.moment === null ? [" · ", text("evac_traffic_most")] : ""), el("ul", { class: "ma-rows" }, steps.map(v => row(line(TRAFFIC, this.width(v)), n(v))),
        full ? row(line(JAMMED, this.width(this.most)), both("evac_full")) : "", state.route === null ? "" : row(line(ROUTE, 5), [both("evac_route_shown"), " ", el("bdi", {}, state.evacuation.routes[state.route].id)]))];
    },
  });

  const Hazard = Part.extend({
    legendOrder: 3,
    ready: false,
    async unpack() {
      const { areas, roads } = this.data;
      [this.areas, this.closed] = await Promise.all([areas, roads].map(one => unpackPaths(one.paths)));
      this.ready = true;
    },
    colour(k) {
      const share = this.data.areas.from_s.length > 1 ? k / (this.data.areas.from_s.length - 1) : 0, [a, b] = HAZARD.map(hex => [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16)));
      return "#" + a.map((v, i) => Math.round(v + (b[i] - v) * share).toString(16).padStart(2, "0")).join("");
    },
    build() {
      const style = { interactive: false, pane: "ma-evac-hazard" };
      this.fills = this.areas.map((shape, k) => L.polygon(shape, Object.assign({ stroke: false, fillColor: this.colour(k), renderer: this._fill = this._fill || L.canvas({ pane: "ma-evac-hazard", padding: 0.2 }) }, style)));
      const renderer = this._renderer = this._renderer || L.canvas({ pane: "ma-closed", padding: 0.2 });
      this.lines = this.closed.map(shape => L.polyline(shape.map(part => part[0]), Object.assign({ renderer, interactive: false, pane: "ma-closed" }, CLOSED)));
      [...this.fills, ...this.lines].forEach(one => this.addLayer(one));
    },
    show(state) {
      const { areas, roads } = this.data, { moment, evacuation } = state, now = moment === null ? Infinity : evacuation.times[moment];
      if (this._shown === [moment, this._drawn].join()) return;
      this._shown = [moment, this._drawn].join();
      this.fills.forEach((area, k) => area.setStyle(moment === null ? { fillColor: this.colour(k), fillOpacity: 0.5 } : { fillColor: "#8A4DB5", fillOpacity: areas.from_s[k] <= now ? 0.5 : 0 }));
      const look = moment === null ? { weight: 1.4, opacity: 0.55 } : { weight: CLOSED.weight, opacity: 1 }; // all that close are many
      this.lines.forEach((line, k) => line.setStyle(Object.assign({ stroke: roads.from_s[k] <= now }, look)));
    },
    gone() { this._shown = null; },
    visible() { return true; },
    legend(state) {
      const { both, say } = speech(state), { areas, roads } = this.data, count = areas.from_s.length, chosen = [...new Set([0, 0.25, 0.5, 0.75, 1].map(share => Math.round(share * (count - 1))))];
      const from = k => k + 1 < count ? areas.from_s[k + 1] : areas.from_s[k] + this.data.step_s;
      return [el("h2", {}, both("layer_evac_hazard")), el("ul", { class: "ma-rows" },
        !count ? "" : state.moment !== null ? row(fill(["#8A4DB580", ""]), both("evac_reached")) : chosen.map(k => row(fill([this.colour(k) + "a0", ""]), both("evac_reaches", { time: span(state, from(k)) }))),
        roads.from_s.length ? row(lineSwatch(CLOSED), both("evac_road_closed")) : "")];
    },
  });

  const Cut = Part.extend({
    legendOrder: 2.5,
    ready: false,
    unpack() { return unpackPaths(this.data.paths).then(shapes => { this.shapes = shapes; this.ready = true; }); },
    build(map) {
      const renderer = this._renderer = this._renderer || L.canvas({ pane: "ma-evac-cut", padding: 0.2 }), { say, text } = speech(map.mutualaid), { cut } = map.mutualaid.evacuation;
      for (const shape of this.shapes) {
        for (const [color, weight] of [["#fff", 33], [CUT, 29]]) this.addLayer(L.polyline(shape.map(part => part[0]), { renderer, color, weight, opacity: 1, lineCap: "butt", interactive: false, pane: "ma-evac-cut" }));
      }
      const told = words(say("evac_cut_chip", { n: cut.people }));
      this.addLayer(chip(map.mutualaid, this.data.at, "ma-evac-cut", told, -3000, () => cutFacts(map), text("evac_cut") + ", " + told));
    },
    legend(state) {
      return [el("ul", { class: "ma-rows" }, row(el("span", { class: "ma-swatch", style: "background-color:" + CUT, "aria-hidden": "true" }), speech(state).both("evac_cut")))];
    },
  });

  /* ---- shelters and crossings ---- */

  /** How far a house is filled, from the ground up. */
  function filled(share) {
    const y = 23 - 22 * Math.min(1, Math.max(0, share)), half = 11 * Math.min(1, (y - 1) / 9);
    return share <= 0 ? "" : y >= 10 ? `M1 ${y}H23V23H1z` : `M${12 - half} ${y}H${12 + half}L23 10V23H1V10z`;
  }
  function picture(one, share) {
    const colour = one.usable ? KINDS[one.kind] : NOT_USED;
    if (one.kind === "exit") return drawing("way_out", colour, "", !one.usable);
    const svg = drawing(one.kind === "own" ? "house" : "annex", "#fff", "", !one.usable), outline = svg.firstChild;
    const part = (d, attributes) => {
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      for (const [key, value] of Object.entries(Object.assign({ d }, attributes))) path.setAttribute(key, value);
      return path;
    };
    outline.after(part(filled(share), { fill: one.kind === "own" ? "#56B4E9" : "#009E73" }), part(shapes[one.kind === "own" ? "house" : "annex"], { fill: "none", stroke: colour, "stroke-width": 2.4 }));
    return svg;
  }
  const used = one => one.room === NEVER || !one.room ? one.people > 0 ? 1 : 0 : one.people / one.room;

  const Shelters = Part.extend({
    legendOrder: 4,
    build(map) {
      const state = map.mutualaid, { say } = speech(state);
      state.evacuation.shelters.forEach((one, k) => {
        const takes = one.people > 0.5, size = takes ? 26 : 18, told = () => shelterFacts(map, k);
        const icon = L.divIcon({ className: "ma-mark ma-shelter" + (one.usable ? "" : " ma-out"), html: picture(one, used(one)), iconSize: [size, size], popupAnchor: [0, -size / 2] });
        const marker = L.marker(one.at, { icon, riseOnHover: true, zIndexOffset: takes ? 700 : 300, blocks: takes ? size / 2 : 0 });
        marker.bindTooltip(told, { direction: "top", offset: [0, -size / 2], className: "ma-mark-tip" }).bindPopup(told, { maxWidth: 290 });
        marker.on("add", () => marker.getElement().setAttribute("aria-label", words([told()].map(node => [...node.querySelectorAll("h3, dt, dd, p")].map(one => one.textContent).join(", ")))));
        this.addLayer(marker);
        if (!takes) return;
        const n = people(state), text = one.room === NEVER || one.room === null ? n(one.people) : words(say("evac_of_room", { n: one.people, room: one.room }));
        this.addLayer(chip(state, one.at, "ma-evac-load", text, -1000 - one.people / 1e6, told, `${one.name}, ${text}`));
      });
    },
    legend(state) {
      const { both } = speech(state), found = new Map();
      for (const one of state.evacuation.shelters) if (!found.has(kindKey(one))) found.set(kindKey(one), one);
      return [el("h2", {}, both("evac_shelters")), el("ul", { class: "ma-rows" }, ["evac_kind_own", "evac_kind_neighbour", "evac_kind_exit", "evac_unusable"].filter(key => found.has(key)).map(key =>
        row(el("span", { class: "ma-swatch ma-svg" + (key === "evac_unusable" ? " ma-out" : ""), "aria-hidden": "true" }, picture(found.get(key), 0.6)), both(key))))];
    },
  });
  const Crossings = Part.extend({
    legendOrder: 5,
    build(map) {
      map.mutualaid.evacuation.crossings.forEach((one, k) => {
        const told = () => crossingFacts(map, k), icon = L.divIcon({ className: "ma-mark", html: drawing("passage", "#5c0a4f", "", false), iconSize: [20, 20], popupAnchor: [0, -10] });
        const marker = L.marker(one.at, { icon, riseOnHover: true, zIndexOffset: 400, blocks: 10 }).bindTooltip(told, { direction: "top", offset: [0, -10], className: "ma-mark-tip" }).bindPopup(told, { maxWidth: 290 });
        this.addLayer(marker.on("add", () => marker.getElement().setAttribute("aria-label", `${one.name}, ${people(map.mutualaid)(one.people)}`)));
      });
    },
    legend(state) {
      return [el("ul", { class: "ma-rows" }, row(el("span", { class: "ma-swatch ma-svg", "aria-hidden": "true" }, drawing("passage", "#5c0a4f", "", false)), speech(state).both("evac_crossings")))];
    },
  });

  const PARTS = { zones: Zones, flows: Flows, hazard: Hazard, cut: Cut, shelters: Shelters, crossings: Crossings };
  mutualaid.evacuated = data => {
    const layer = keep(new PARTS[data.part](data)), add = layer.onAdd;
    layer.onAdd = function (map) {
      map.mutualaid.evacuated = Object.assign(map.mutualaid.evacuated || {}, { [data.part]: layer });
      add.call(layer, map);
    };
    return layer;
  };
  Object.assign(kit, { between, evacuationCards: cards, evacuationSpan: span, peopleAt: at, reasons, routeWords });
})(window.mutualaid);
