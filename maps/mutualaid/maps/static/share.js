/* Taking the present setting along: picture, table, print, and the link that brings it back. */
(function (mutualaid) {
  "use strict";
  const kit = mutualaid.kit, { change, el, hazard, name, numbers, speech, words } = kit;

  /* ---- files ---- */

  const ascii = text => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 60);
  /** Name of a file: region and setting. */
  function fileName(state, ending) {
    return [state.region, ...(state.subject === "evacuation" ? [state.subject] : [state.level, state.scenario, state.now ? "what-if" : ""])].map(ascii).filter(part => part).join("-") + "." + ending;
  }
  function save(blob, file) {
    const link = el("a", { href: URL.createObjectURL(blob), download: file });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000); // some browsers read it late
  }
  /** Waits until nothing is being unpacked any more. */
  const settled = map => new Promise(done => {
    const look = () => map.mutualaid.pending ? setTimeout(look, 50) : done();
    look();
  });

  async function png(map) {
    await settled(map);
    await kit.preparePicture(map);
    const canvas = kit.picture(map, 2), blob = await new Promise(done => canvas.toBlob(done));
    save(blob, fileName(map.mutualaid, "png"));
  }

  /** Text of a field: no spreadsheet takes it for a formula. */
  const harmless = text => /^\s*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20]/.test(text) ? "'" + text : text;
  const field = value => typeof value === "number" ? String(Math.round(10 * value) / 10) : `"${harmless(value).replace(/"/g, '""')}"`;
  /** People of each municipality and of all: how many are reached, are not, and are no longer. */
  function table(state) {
    const { say, text } = speech(state), { levels } = state, under = hazard(state), shown = numbers(state), said = (...given) => words(say(...given));
    const columns = [["reached", level => one => one[level]], ["gap", level => one => one.population - one[level]], ...(under ? [["lost", level => one => one["lost_" + level]]] : [])];
    const counts = levels.flatMap(level => columns.map(([key, of]) => [said("csv_" + key, { level: text(level) }), of(level)]));
    const row = (title, one) => [title, ...(one.population === null ? [text("unknown"), ...counts.map(() => "")] : [one.population, ...counts.map(([, of]) => of(one))])];
    return [
      [words(name(state.region))], [text("setting"), words(kit.described(state, state))],
      [text("about_standard"), said("question_" + state.service, { limit: { min: state.limit_s }, start: state.start })],
      [text("disclaimer")], ...(under && under.derived ? [[text("derived_long")]] : []), [],
      [text("jurisdiction"), text("people"), ...counts.map(([title]) => title)],
      ...shown.jurisdictions.map(one => row(words(name(one.name)), one)), row(text("csv_total"), shown.totals),
    ];
  }
  function csv(map) {
    const state = map.mutualaid, lines = (state.subject === "evacuation" ? kit.clearanceTable(state) : table(state)).map(row => row.map(field).join(","));
    save(new Blob(["\uFEFF" + lines.map(line => line + "\r\n").join("")], { type: "text/csv;charset=utf-8" }), fileName(map.mutualaid, "csv"));
  }

  /* ---- paper ---- */

  const SOURCES = ["about_standard", "about_assumptions", "about_sources", "about_hazards"];
  let paper = null;
  /** An image of a canvas, which browsers print more faithfully; the canvas itself where a foreign layer forbids that. */
  function still(canvas) {
    try {
      return el("img", { src: canvas.toDataURL(), alt: "" });
    } catch (error) {
      return canvas;
    }
  }
  /** Lays out what is printed in place of the page: nothing to press, and the map as a picture that fits any sheet. */
  function layOut(map) {
    if (paper) return;
    const state = map.mutualaid, { say, tell, text } = speech(state), panel = map.getContainer().querySelector("section.ma-panel");
    const evacuation = state.subject === "evacuation", other = evacuation ? ".ma-of-coverage" : ".ma-of-evacuation";
    const copies = selector => [...panel.querySelectorAll(selector)].filter(node => !node.closest(other)).map(node => node.cloneNode(true));
    const picture = still(kit.mapPicture(map, 3));
    picture.className = "ma-printed-map";
    paper = el("section", { class: "ma-paper", lang: state.lang, dir: kit.direction(state, state.lang), "aria-hidden": "true" },
      el("header", {}, el("h1", {}, name(state.region)), el("p", {}, kit.question(state)), el("p", { class: "ma-strong" }, kit.settingShown(state)),
        state.pin && !evacuation ? el("p", {}, say("pinned", { setting: el("span", {}, kit.described(state, state.pin)) })) : ""),
      picture,
      el("div", { class: "ma-printed-legend" }, copies(evacuation ? ".ma-evac-head, .ma-legend" : ".ma-derived, .ma-head, .ma-bar, .ma-gain, .ma-pinned, .ma-effects, .ma-legend")),
      el("div", { class: "ma-printed-table" }, copies(evacuation ? ".ma-evac-zones table, .ma-evac-zones p" : state.country ? ".ma-parts table, .ma-parts p" : ".ma-places table, .ma-places p")),
      el("footer", {}, el("p", { class: "ma-strong" }, text("disclaimer")), el("p", {}, el("bdi", {}, map.getContainer().querySelector(".leaflet-control-attribution").textContent)),
        state.about.filter(part => SOURCES.includes(part.title[0])).map(part => [el("h2", {}, tell(part.title)), el("ul", {}, part.items.map(item => el("li", {}, tell(item))))])));
    document.body.append(paper);
    document.documentElement.classList.add("ma-on-paper");
  }
  /** The sheet goes with the next change, not when a browser says that it has printed: some say so too early. */
  function clear() {
    if (paper) paper.remove();
    paper = null;
    document.documentElement.classList.remove("ma-on-paper");
  }
  async function print(map) {
    await settled(map);
    await kit.preparePicture(map);
    layOut(map);
    const picture = paper.querySelector("img");
    if (picture) await picture.decode();
    window.print();
  }
  function printing(map) {
    const media = window.matchMedia("print"), prepare = () => kit.preparePicture(map);
    window.addEventListener("beforeprint", () => layOut(map));
    media.addListener(event => event.matches ? layOut(map) : clear()); // addEventListener is not in every browser
    map.on("mutualaid movestart layeradd layerremove", clear).on("mutualaid layeradd", () => requestAnimationFrame(prepare));
  }

  /* ---- the link ---- */

  const KEYS = ["l", "v", "s", "t", "d", "x", "off", "new", "lang", "second", "m", "at", "z"];
  const DELAYS = { t: ["limit_s", 30], d: ["dispatch_s", 0], x: ["crossing_s", 0] }, MOST = 86400; // least and most seconds
  const packed = id => encodeURIComponent(id).replace(/\./g, "%2E");
  const plain = text => { try { return decodeURIComponent(text); } catch (error) { return text; } };

  /** What differs from how the page opened, as the part of its address behind the hash. */
  function written(map) {
    const state = map.mutualaid, { setting, whatif } = state, { start } = state.link, parts = {}, { lat, lng } = map.getCenter();
    const ids = sites => sites.map(site => packed(whatif.ids[site])).join(".");
    if (state.level !== start.level) parts.l = state.level;
    if (state.view !== start.view && state.view !== "difference") parts.v = state.view; // A stays with the page
    if (state.scenario) parts.s = packed(state.scenario);
    for (const [key, [of]] of Object.entries(DELAYS)) if (setting[of] !== null) parts[key] = setting[of];
    if (setting.off.length) parts.off = ids(setting.off);
    if (setting.added.length) parts.new = ids(setting.added);
    if (state.lang !== start.lang) parts.lang = state.lang;
    if (state.second) parts.second = state.second;
    if (state.subject !== start.subject) parts.m = state.subject;
    if (state.subject === "evacuation" && state.moment !== null) parts.at = Math.round(state.evacuation.times[state.moment]);
    if (state.untouched && !state.untouched()) parts.z = [map.getZoom(), lat.toFixed(5), lng.toFixed(5)].join("/");
    return Object.entries(parts).map(pair => pair.join("=")).join("&");
  }
  /** What a link asks for; `strange` is what this map does not have. */
  function read(map, hash) {
    const state = map.mutualaid, { start } = state.link, { whatif } = state, strange = [], asked = {};
    for (const part of hash.replace(/^#/, "").split("&")) {
      const [key, value] = [part.slice(0, part.indexOf("=")), part.slice(part.indexOf("=") + 1)];
      if (KEYS.includes(key)) asked[key] = value;
    }
    if (!Object.keys(asked).length && hash.length > 1) return null; // an anchor, or another page's affair
    const found = { setting: kit.asComputed(), look: null };
    const one = (key, otherwise, choices) => {
      if (!(key in asked)) return otherwise;
      const value = plain(asked[key]);
      if (choices.includes(value)) return value;
      strange.push(value);
      return otherwise;
    };
    found.level = one("l", start.level, state.levels);
    found.view = one("v", start.view, ["status", "minutes", ...(state.partners.length > 1 ? ["who"] : [])]);
    found.scenario = one("s", "", state.scenarios.map(scenario => scenario.id));
    found.lang = one("lang", start.lang, state.languages.map(lang => lang.id));
    found.second = one("second", "", state.languages.map(lang => lang.id));
    found.subject = one("m", start.subject, state.evacuation ? ["coverage", "evacuation"] : ["coverage"]);
    found.moment = null;
    if ("at" in asked) {
      found.moment = state.evacuation ? state.evacuation.times.findIndex(s => String(Math.round(s)) === asked.at) : -1;
      if (found.moment < 0) found.moment = strange.push(plain(asked.at)) && null;
    }
    const may = { t: Boolean(whatif), d: whatif && whatif.calling && state.partners.length > 1, x: whatif && whatif.borders };
    const stated = { t: state.computed_limit_s, d: whatif && whatif.dispatch_s };
    for (const [key, [of, least]] of Object.entries(DELAYS)) {
      const s = /^\d+(\.\d+)?$/.test(asked[key]) ? Number(asked[key]) : NaN;
      if (!(key in asked)) continue;
      if (may[key] && s >= least && s <= MOST) found.setting[of] = s === stated[key] ? null : s;
      else strange.push(plain(asked[key]));
    }
    for (const [key, of, isNew] of [["off", "off", false], ["new", "added", true]]) {
      for (const id of (asked[key] || "").split(".").filter(text => text).map(plain)) {
        const site = whatif ? whatif.ids.indexOf(id) : -1;
        if (site < 0 || whatif.candidates.includes(site) !== isNew) strange.push(id);
        else if (!found.setting[of].includes(site)) found.setting[of].push(site);
      }
      found.setting[of].sort((a, b) => a - b);
    }
    if ("z" in asked) {
      const [zoom, lat, lng] = asked.z.split("/").map(text => text.trim() ? Number(text) : NaN);
      if (zoom >= 0 && zoom <= map.getMaxZoom() && Math.abs(lat) <= 85 && Math.abs(lng) <= 360) found.look = [[lat, lng], zoom];
      else strange.push(plain(asked.z));
    }
    return Object.assign(found, { strange });
  }
  /** Sets the page to what its address asks for. */
  async function follow(map) {
    const state = map.mutualaid, found = read(map, location.hash);
    if (!found) return;
    const { lang, level, look, moment, scenario, second, setting, strange, subject, view } = found;
    const { link } = state, other = lang !== link.start.lang || lang !== state.lang || second !== state.second;
    link.strange = strange.map(text => text.slice(0, 60)).slice(0, 5);
    if (other) await state.speak(lang, second === lang ? "" : second);
    if (subject !== state.subject) kit.turnTo(map, subject);
    change(map, { level, moment, scenario, setting, view });
    if (look) map.setView(look[0], look[1], { animate: false });
    else if (!state.untouched()) state.reframe();
    link.hash = written(map); // the address stays as it was given until the reader changes something
    link.show();
  }
  const address = hash => location.href.split("#")[0] + (hash && "#" + hash);
  function remember(map) {
    const hash = written(map), { link } = map.mutualaid;
    if (hash === link.hash) return;
    Object.assign(link, { hash, strange: [] });
    link.show();
    try {
      history.replaceState(history.state, "", hash ? "#" + hash : location.pathname + location.search);
    } catch (error) { /* a page inside another one has no address of its own */ }
  }
  /** Keeps address and page together, from the first look at the map on. */
  function linked(map) {
    const state = map.mutualaid, { level, subject, view } = state;
    if (state.link) return state.link;
    let soon = 0;
    state.link = { start: { level, subject, view, lang: kit.preferred(state) }, hash: "", strange: [], show() {}, write() {} };
    const later = () => {
      clearTimeout(soon);
      soon = setTimeout(() => remember(map), 300);
    };
    window.addEventListener("hashchange", () => follow(map));
    requestAnimationFrame(() => follow(map).then(() => map.on("mutualaid moveend", later)));
    printing(map);
    return state.link;
  }

  /* ---- the part of the panel ---- */

  function share(map) {
    const link = linked(map), { both, text } = speech(map.mutualaid);
    const told = el("p", { role: "status" }), line = el("input", { type: "text", readonly: "", dir: "ltr", "aria-label": text("share_link") });
    const button = (key, act) => el("button", { type: "button", class: "ma-button", click: act }, both(key));
    link.write = () => { line.value = address(written(map)); };
    async function copy() {
      link.write();
      try {
        await navigator.clipboard.writeText(line.value);
        told.replaceChildren(text("share_link_copied"));
      } catch (error) {
        told.replaceChildren(text("share_link_shown"), " ", line);
        line.select();
      }
    }
    const picture = () => png(map).catch(() => told.replaceChildren(text("share_failed")));
    const own = /^(about|data|blob):/.test(location.protocol) ? "" : button("share_link", copy); // else it has no address
    return el("div", { class: "ma-buttons" }, button("share_png", picture), button("share_csv", () => csv(map)), button("share_print", () => print(map)), own, told);
  }
  /** A note on what the link asked for and this map does not have. */
  function strange(map) {
    const link = linked(map), node = el("p", { class: "ma-note", role: "status" });
    link.show = () => {
      node.hidden = !link.strange.length;
      node.replaceChildren(...(link.strange.length ? speech(map.mutualaid).say("link_strange", { what: { list: link.strange.map(t => ({ t })) } }) : []));
      link.write();
    };
    link.show();
    return node;
  }

  /** What another page of the same map is to show too, or the place there that is asked for. */
  const carried = (map, look) => [...written(map).split("&").filter(part => part && part !== "v=who" && !part.startsWith("z=")), ...(look ? ["z=" + look] : [])].join("&");

  Object.assign(kit, { carried, strange });
  mutualaid.share = share;
})(window.mutualaid);
