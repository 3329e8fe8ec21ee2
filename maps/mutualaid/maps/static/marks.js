/* Marks: stations, crossings, possible sites, and names of places. */
(function (mutualaid) {
  "use strict";
  const kit = mutualaid.kit, { applies, change, el, hazard, keep, label, name, row, speech, words } = kit;

  /* ---- search ---- */

  const places = []; // what can be found by name
  const find = found => places.push(...found);

  /* ---- drawings ---- */

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
    new: "M10.4 6h3.2v4.4H18v3.2h-4.4V18h-3.2v-4.4H6v-3.2h4.4z",
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
      L.LayerGroup.prototype.initialize.call(this, data.marks.map((mark, site) => this._mark(mark, site)));
      if (data.tells === "station") find(data.marks.map(({ at, title }) => ({ at, name: title })));
    },
    _mark(mark, site) {
      const kind = this.data.kinds[mark.kind], { shape, colour, glyph } = kind, size = kind.size || this.data.size, station = this.data.tells === "station";
      const mayFail = station || Object.values(mark.states || {}).includes("out");
      const icon = L.divIcon({ className: "ma-mark" + (kind.size ? " ma-ranked" : ""), html: drawing(shape, colour, glyph, mayFail), iconSize: [size, size], popupAnchor: [0, -size / 2] });
      const blocks = this.data.above || kind.size ? size / 2 : 0; // labels keep off the more important marks
      const marker = L.marker(mark.at, { icon, riseOnHover: true, zIndexOffset: this.data.above || 10 * size, blocks });
      const told = () => this._told(marker._map.mutualaid, mark, site);
      const more = () => mark.facts && !marker._map.mutualaid.now ? mutualaid.together[this.data.tells](marker._map.mutualaid, mark.facts) : [];
      const lines = () => {
        const { tell } = speech(marker._map.mutualaid);
        return el("div", { class: "ma-popup" }, el("h3", {}, name(mark.title)), mark.lines.map(line => el("p", {}, tell(line))), told() ? el("p", { class: "ma-late" }, told()) : "", more());
      };
      const popup = () => el("div", {}, lines(), station ? switching(marker._map, site) : "");
      marker.bindTooltip(lines, { direction: "top", offset: [0, -size / 2], className: "ma-mark-tip" }).bindPopup(popup, { maxWidth: 280 });
      if (station) reaching(marker, site);
      marker.show = () => {
        const node = marker.getElement(), state = marker._map.mutualaid, { tell } = speech(state);
        node.style.display = applies(state, this.data) ? "" : "none";
        node.setAttribute("aria-label", [words([name(mark.title)]), ...mark.lines.map(line => words(tell(line))), told(), ...more().map(line => line.textContent)].filter(part => part).join(", "));
        node.classList.toggle("ma-out", this._state(state, mark) === "out");
        node.classList.toggle("ma-off", station && kit.switchedOff(state, site));
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
    _told(state, mark, site) {
      const found = this._state(state, mark), { text } = speech(state);
      return this.data.tells === "station" && kit.switchedOff(state, site) ? text("station_off") : found ? text("state_" + found) : "";
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
          drawing(kind.shape, kind.colour, kind.glyph)), speech(state).also(kind.label))),
        out ? row(el("span", { class: "ma-swatch ma-svg ma-out", "aria-hidden": "true" }, drawing("circle", "#7a7a7a", "", true)), speech(state).text("legend_out")) : "");
      return [el("h2", {}, speech(state).also(this.data.title)), list];
    },
  });

  const Places = L.LayerGroup.extend({
    initialize(data) {
      this.data = data;
      L.LayerGroup.prototype.initialize.call(this, []);
      find(data.places);
    },
    onAdd(map) {
      this._map = map;
      map.on("zoomend mutualaid:speak", this._show, this);
      this._show();
    },
    onRemove(map) {
      map.off("zoomend mutualaid:speak", this._show, this);
      this.clearLayers();
      this._map = null;
    },
    /** Names in the language that is shown, the smaller places from a closer zoom on. */
    _show() {
      const zoom = this._map.getZoom();
      this.clearLayers();
      for (const { at, kind, min_zoom, name: text, rank } of this.data.places) {
        if (!(min_zoom > zoom)) this.addLayer(label(at, "ma-place ma-" + (kind || "jurisdiction"), name(text), rank, false));
      }
    },
  });

  /* ---- stations and possible sites in a what-if ---- */

  /** The button that takes a station out of service, or puts it back. */
  function switching(map, site) {
    const state = map.mutualaid, { text, say, people } = speech(state);
    if (!state.engine) return "";
    const off = kit.switchedOff(state, site), n = !off && state.only && state.now ? Math.round(state.only[state.level][site]) : -1;
    return el("p", {}, n > 0 ? [say("station_only", { n }), " "] : n === 0 ? [text("station_spare"), " "] : "",
      el("button", { type: "button", class: "ma-button", click: event => {
        event.stopPropagation(); // the button is written anew, and the map would take it for a click on itself
        kit.toggle(map, site);
        const again = map.getContainer().querySelector(".leaflet-popup-content .ma-button");
        if (again) again.focus();
      } }, text(off ? "switch_on" : "switch_off")));
  }
  /** While a station is pointed at, the map shows how soon its units come. */
  function reaching(marker, site) {
    let soon = 0;
    const show = shown => {
      const map = marker._map, state = map && map.mutualaid;
      clearTimeout(soon);
      if (!state || !state.engine) return;
      if (shown) soon = setTimeout(() => { if (marker._map) change(map, { reach: state.engine.reach(site), reach_of: site }); }, 250);
      else if (state.reach) change(map, { reach: null });
    };
    marker.on("mouseover", () => show(true)).on("mouseout remove", () => show(false));
    marker.on("add", () => { marker.getElement().addEventListener("blur", () => show(false)); });
  }
  /** Points where a station can be added; those added are drawn as stations, and the others while one is being placed. */
  const Sites = L.LayerGroup.extend({
    onAdd(map) {
      this._map = map;
      map.on("mutualaid layeradd layerremove", this._show, this);
      this._show();
    },
    _show() {
      const map = this._map, state = map.mutualaid, { candidates, at, home, where } = state.whatif, { added } = state.setting;
      const asked = JSON.stringify([added, Boolean(state.placing), state.lang, state.scenario, state.pins]);
      if (asked === this._drawn) return;
      this._drawn = asked;
      const focused = document.activeElement.dataset.site; // it goes, and comes back
      this.clearLayers();
      const out = state.engine.tables[hazard(state) ? state.scenario : ""].out, { text } = speech(state);
      for (const site of candidates) {
        const there = added.includes(site), planned = state.siting && kit.siteAt(state, site);
        if (!there && !state.placing || planned && state.pins) continue; // a plan's sites have marks of their own
        const [colour, shape] = state.partners[home[site]].mark, size = there ? 30 : 16;
        const icon = L.divIcon({ className: "ma-mark" + (there ? " ma-new" : " ma-site") + (out.has(site) ? " ma-out" : ""), html: drawing(shape, there ? colour : "#ffffff", there ? "new" : "", out.has(site)), iconSize: [size, size] });
        const title = words([there ? state.cells.station(site) : text("new_station_site") + ": " + words([name(where[site])]), out.has(site) ? ", " + text("new_station_out") : ""]);
        const marker = L.marker(at[site], { icon, zIndexOffset: 600, blocks: there ? size / 2 : 0, title, alt: title }).on("click", () => kit.toggle(map, site));
        if (there) reaching(marker, site);
        marker.on("add", () => {
          const node = marker.getElement();
          node.dataset.site = site;
          node.setAttribute("aria-label", title);
          node.setAttribute("aria-pressed", String(there));
          node.addEventListener("keydown", event => {
            if (event.key !== "Enter" && event.key !== " ") return;
            event.preventDefault();
            kit.toggle(map, site);
          });
          if (focused === String(site)) node.focus({ preventScroll: true });
        });
        this.addLayer(marker);
      }
    },
  });

  mutualaid.marks = data => keep(new Marks(data));
  mutualaid.places = data => keep(new Places(data));
  Object.assign(kit, { drawing, places, reaching, shapes: SHAPES, sites: () => new Sites(), switching });
})(window.mutualaid);
