/* What all layers share: the weather and the setting that are shown, labels that find room, and what the legend is made of. */
(function (mutualaid) {
  "use strict";
  const kit = mutualaid.kit, { el, inflate, languages, preferred, speech } = kit;
  const LEVELS = ["alone", "agreed", "joint"]; // agreed only where an agreement is in force
  /** The setting of a what-if in which nothing differs from what was computed. */
  const asComputed = () => ({ off: [], added: [], limit_s: null, dispatch_s: null, crossing_s: null });
  const made = []; // layers of this page, by which the layer control names them

  /* ---- what is shown: fair weather or a scenario, as computed or what if ---- */

  /** The scenario that is shown; undefined in fair weather. */
  const hazard = state => state.scenarios.find(one => one.id === state.scenario);
  /** Whether something of one scenario, of fair weather as computed, or of everything is to be seen. */
  const applies = (state, of) => !(of.fair && (hazard(state) || state.now)) && (of.scenario === undefined || of.scenario === state.scenario);
  /** Numbers of what is shown: people by status, band and who comes first, totals, and each municipality's. */
  const numbers = state => state.now || hazard(state) || Object.assign({ totals: state.totals, jurisdictions: state.jurisdictions }, state.fair);
  const statuses = state => hazard(state) ? state.scenario_statuses : state.statuses;
  /** What the people are counted by: [text, people, swatch], in the order of the legend. */
  function classes(state) {
    const rows = new Map();
    statuses(state).forEach((status, k) => {
      const key = status[state.level + "_label"], row = rows.get(key) || [key, 0, status[state.level]];
      row[1] += numbers(state).status[k] || 0;
      if (!status.added) rows.delete(key); // a class stands where the last of its statuses does
      rows.set(key, row);
    });
    return [...rows.values()].filter(([key, n]) => n > 0 || key !== "unreachable");
  }

  /* ---- the stage ---- */

  function stage(map, options) {
    const panes = {
      "ma-land": 220, "ma-water": 225, "ma-hazard": 230, "ma-areas": 240, "ma-cells": 260, "ma-edge": 280, "ma-roads": 300, "ma-closed": 320,
      "ma-seams": 330, "ma-borders": 340, "ma-dots": 345, "ma-evac-hazard": 265, "ma-evac-zones": 270, "ma-evac-cut": 304, "ma-evac-roads": 308, "ma-evac-route": 325, "ma-labels": 610,
    };
    for (const [pane, z] of Object.entries(panes)) {
      const node = map.createPane(pane);
      node.style.zIndex = z;
      node.style.pointerEvents = "none";
    }
    const levels = LEVELS.filter(level => level in options.totals);
    const state = map.mutualaid = Object.assign({
      levels, level: "joint", view: "status", scenario: "", pending: 0, second: "", now: null, pin: null,
      setting: asComputed(), subject: options.evacuation && !options.siting ? "evacuation" : "coverage", moment: null, route: null, parked: new Set(),
    }, options);
    state.computed_limit_s = state.limit_s;
    const learn = languages(state, inflate), box = map.getContainer();
    box.setAttribute("role", "main");
    document.querySelector("meta[name=viewport]").content = "width=device-width, initial-scale=1"; // a page may be enlarged
    map.attributionControl.setPrefix(false).addAttribution(options.attribution);
    map.on("zoomend layeradd layerremove", event => {
      if (!event.layer || event.layer instanceof L.Marker) arrangeSoon(map);
    });
    map.on("popupopen popupclose", event => {
      state.popup = event.type === "popupopen";
      box.classList.toggle("ma-told", state.popup); // its tip would say the same again
      if (state.popup) event.popup.getElement().querySelector(".leaflet-popup-close-button").setAttribute("aria-label", speech(state).text("close"));
    });
    box.addEventListener("keydown", event => { if (event.key === "Escape") map.closePopup(); }); // Leaflet hears it on the map alone
    L.control.scale({ position: "bottomright", imperial: false }).addTo(map);
    if (typeof DecompressionStream === "undefined") {
      box.append(el("p", { class: "ma-panel ma-alert", role: "alert" }, speech(state).text("old_browser")));
    }
    /** Shows the page in other languages: the first, and the second beside it or none. */
    state.speak = (lang, second) => loading(map, Promise.all([learn(lang), learn(second)]).then(() => {
      Object.assign(state, { lang, second });
      translate(map);
      map.closePopup();
      map.fire("mutualaid:speak").fire("mutualaid");
    }));
    map.whenReady(() => translate(map));
    const wish = preferred(state);
    if (wish !== state.lang) state.speak(wish, "");
  }
  /** What stands outside the panel: the page's language and direction, and the map's own buttons. */
  function translate(map) {
    const state = map.mutualaid, { text, say } = speech(state), box = map.getContainer(), dir = kit.direction(state, state.lang);
    Object.assign(document.documentElement, { lang: state.lang, dir });
    box.dir = "ltr"; // Leaflet counts from the left
    box.classList.toggle("ma-rtl", dir === "rtl");
    box.setAttribute("aria-label", kit.words(say("map_of", { region: state.region })));
    for (const edge of ["top", "bottom"]) { // the map's own buttons stand across from the panel
      const [left, right] = ["left", "right"].map(side => box.querySelector(`.leaflet-${edge}.leaflet-${side}`));
      dir === "rtl" ? left.append(...right.children) : right.append(...left.children);
    }
    for (const [which, key] of [["in", "zoom_in"], ["out", "zoom_out"]]) {
      const button = box.querySelector(".leaflet-control-zoom-" + which);
      if (!button) continue;
      button.title = text(key);
      button.setAttribute("aria-label", text(key));
    }
    list(map);
  }
  /** The layer control speaks the page's language, and lists a layer only where it can be seen. */
  function list(map) {
    const state = map.mutualaid, { text, tell } = speech(state), node = map.getContainer().querySelector(".leaflet-control-layers");
    if (!node) return;
    const toggle = node.querySelector(".leaflet-control-layers-toggle");
    toggle.title = text("layers");
    toggle.setAttribute("aria-label", text("layers"));
    for (const input of node.querySelectorAll(".leaflet-control-layers-selector")) {
      const layer = made.find(one => L.stamp(one) === input.layerId), label = input.closest("label");
      if (!layer) continue;
      label.hidden = Boolean(layer.data.subject && layer.data.subject !== state.subject || layer.visible && !layer.visible(state));
      if (Array.isArray(layer.data.name)) input.nextElementSibling.replaceChildren(" ", ...tell(layer.data.name));
    }
  }
  function change(map, setting) {
    const state = map.mutualaid;
    Object.assign(state, setting);
    if (state.engine) state.engine.apply();
    map.fire("mutualaid");
  }

  /** Takes the layers of the other subject from the map, and brings back those that were taken when it was this one's turn. */
  function park(map) {
    const state = map.mutualaid, { parked } = state;
    for (const layer of made) {
      const of = layer.data.subject;
      if (of && of !== state.subject && map.hasLayer(layer)) {
        parked.add(layer);
        map.removeLayer(layer);
      } else if (of === state.subject && parked.delete(layer)) map.addLayer(layer);
    }
    list(map);
  }
  /** Turns to the other subject: who is reached in time, or how people get out. */
  function turnTo(map, subject) {
    const state = map.mutualaid, framed = state.untouched();
    state.subject = subject;
    map.closePopup();
    park(map);
    change(map, { moment: null, route: null });
    if (framed) state.reframe();
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
      node.parentNode.style.visibility = shift === undefined ? "hidden" : ""; // nor can it be tabbed to
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

  /* ---- what the legend is made of ---- */

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

  /** Remembers a layer, so that the layer control can name it, and leave it out where it has nothing to show. */
  const keep = layer => { made.push(layer); return layer; };

  Object.assign(kit, { LEVELS, applies, arrangeSoon, asComputed, change, classes, counted, fill, hazard, keep, label, lineSwatch, list, loading, numbers, park, row, statuses, turnTo });
  mutualaid.stage = stage;
})(window.mutualaid);
