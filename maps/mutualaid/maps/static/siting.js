/* Where to build: the sites of a plan and of its alternatives, and the part of the panel that switches to each. */
(function (mutualaid) {
  "use strict";
  const kit = mutualaid.kit, { asComputed, change, drawing, el, keep, name, row, shapes, speech, words } = kit;
  const BY_SIZE = { plan: 40, other: 27, struck: 46 };

  Object.assign(shapes, {
    pin: "M12 25C10.2 20.4 3 16 3 9.5a9 9 0 1 1 18 0C21 16 13.8 20.4 12 25z",
    ring: "M12 1a11 11 0 1 1 0 22a11 11 0 1 1 0-22z",
    bar: "M4.2 4.2L19.8 19.8",
  });

  /* ---- a plan as a setting of the what-if ---- */

  const setting = ({ added, off }) => Object.assign(asComputed(), { added, off });
  const same = (a, b) => Object.keys(a).every(key => String(a[key]) === String(b[key]));
  /** Position of the plan that a setting is; -1 if it is none. */
  const planOf = (state, now) => state.siting.plans.findIndex(plan => plan.added && same(setting(plan), now));
  /** Position of the weather in which plans are compared: the one that is shown, if it counts. */
  const weather = ({ scenario, siting }) => Math.max(0, siting.weathers.findIndex(one => one.id === scenario));
  /** Switches to a plan, or back to what was computed. */
  function turn(map, k) {
    const state = map.mutualaid, { siting } = state, on = planOf(state, state.setting) === k;
    change(map, { level: siting.level, scenario: siting.weathers[weather(state)].id, setting: on ? asComputed() : setting(siting.plans[k]) });
  }
  const planName = (state, k) => k ? speech(state).both("siting_alternative", { k: String(k) }) : speech(state).both("siting_plan");
  /** The site of the study that is a candidate of the what-if, if it is one. */
  const siteAt = (state, at) => state.siting.sites.find(one => one.number && one.site === at);

  /* ---- marks ---- */

  function part(svg, tag, attributes) {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    svg.append(node);
    return node;
  }
  /** A numbered pin at a new station, or a struck ring around one that closes: the drawing and its look. */
  function mark({ number, in_plan }, { out, on } = {}) {
    const svg = drawing(number ? "pin" : "ring", "none", "", out), look = (in_plan ? "" : " ma-other") + (on ? " ma-on" : "");
    if (number) part(svg, "text", { x: 12, y: 13.7, "text-anchor": "middle", "font-size": 12 }).append(String(number));
    else for (const [d, role] of [["bar", "strike"], ["ring", "core"], ["bar", "core ma-strike"]]) part(svg, "path", { d: shapes[d], class: "ma-" + role });
    return [svg, (number ? "ma-pin" : "ma-struck") + look];
  }
  const isOn = (state, site) => site.site >= 0 && Boolean(site.number) === !kit.switchedOff(state, site.site);

  const Plan = L.LayerGroup.extend({
    initialize(data) {
      this.data = data;
      this.legendOrder = 0.5; // after the people
      L.LayerGroup.prototype.initialize.call(this, []);
    },
    onAdd(map) {
      this._map = map;
      map.mutualaid.pins = true;
      map.on("mutualaid", this._show, this);
      this._show();
    },
    onRemove(map) {
      map.mutualaid.pins = false;
      map.off("mutualaid", this._show, this);
      this.clearLayers();
      this._drawn = null;
    },
    /** A change of the setting alone leaves the marks where they are: an open popup stays open. */
    _show() {
      const state = this._map.mutualaid, { lang, second, siting } = state, drawn = [lang, second].join();
      if (this._drawn !== drawn) {
        this.clearLayers();
        for (const site of siting.sites) this.addLayer(this._mark(site));
        this._drawn = drawn;
      }
      this.eachLayer(marker => marker.show());
    },
    _mark(site) {
      const state = this._map.mutualaid, isNew = Boolean(site.number), size = BY_SIZE[!isNew ? "struck" : site.in_plan ? "plan" : "other"], up = isNew ? size : size / 2;
      const [html, look] = mark(site, { out: site.out.length > 0 }), { tell } = speech(state);
      const icon = L.divIcon({ className: "ma-mark " + look, html, iconSize: [size, size], iconAnchor: [size / 2, up], popupAnchor: [0, -up] });
      const marker = L.marker(site.at, { icon, riseOnHover: true, zIndexOffset: (isNew ? 800 : 700) + size, blocks: isNew && site.in_plan ? size : 0 });
      const lines = () => el("div", { class: "ma-popup" }, el("h3", {}, title(state, site)), site.lines.map(line => el("p", {}, tell(line))));
      const popup = () => {
        marker.getPopup().options.maxHeight = kit.free(marker._map).height - 60; // above the sheet of a phone it scrolls
        return el("div", {}, lines(), site.site < 0 ? "" : kit.switching(marker._map, site.site));
      };
      marker.bindTooltip(lines, { direction: "top", offset: [0, -up], className: "ma-mark-tip" }).bindPopup(popup, { maxWidth: 290 });
      if (isNew && site.site >= 0) kit.reaching(marker, site.site);
      marker.show = () => {
        const node = marker.getElement();
        node.setAttribute("aria-label", [words(title(state, site)), ...site.lines.map(line => words(tell(line)))].join(", "));
        node.classList.toggle("ma-out", site.out.includes(state.scenario));
        node.classList.toggle("ma-on", isOn(state, site));
        if (marker.isPopupOpen()) marker.getPopup().update();
      };
      return marker;
    },
    legend(state) {
      const { also, both } = speech(state), { plans: [plan], sites } = state.siting;
      const entry = (site, label, on) => {
        const [svg, look] = mark(site, { on });
        return row(el("span", { class: "ma-swatch ma-svg " + look, style: site.number ? "transform:scale(1.2)" : false, "aria-hidden": "true" }, svg), label);
      };
      const kinds = [["siting_on", { number: " ", in_plan: true }, true, site => site.number && isOn(state, site)], ["siting_other", { number: " " }, false, site => site.number && !site.in_plan],
        ["siting_closed_other", {}, false, site => !site.number && !site.in_plan]];
      return [el("h2", {}, both("layer_siting")), el("ul", { class: "ma-rows" },
        plan.sites.map(k => sites[k]).map(site => entry(site, site.number ? also(site.title) : [both("siting_closes", { station: el("span", {}, also(site.title)) })])),
        kinds.filter(([, , , shown]) => sites.some(shown)).map(([key, site, on]) => entry(site, both(key), on)))];
    },
  });
  const title = (state, { number, title: told }) => [number ? number + " · " : "", ...speech(state).tell(told)];

  /* ---- the part of the panel ---- */

  function section(map) {
    const state = map.mutualaid, { siting } = state, { also, both, say, people, tell, text } = speech(state), node = el("div"), shows = [];
    const situation = one => one.id ? name(one.name) : text("fair_weather");
    const signed = new Intl.NumberFormat(state.lang + "-u-nu-latn", { maximumFractionDigits: 0, signDisplay: "exceptZero" });
    const more = n => Math.round(n) ? [n > 0 ? "more_people" : "fewer_people", { n: Math.abs(n) }] : ["nobody_more"];

    /** People in time today and with the plan, row by row. */
    function table(key, head, rows) {
      const line = (cells, tag) => el("tr", {}, cells.map((cell, i) => el(i ? tag : "th", { scope: tag === "th" && "col" || !i && "row" }, cell)));
      return rows.length ? [el("h3", {}, both(key)), el("div", { class: "ma-scroll", role: "region", tabindex: "0", "aria-label": text(key) }, el("table", {},
        el("thead", {}, line([text(head), text("siting_today"), text("siting_plan"), text("siting_gained")], "th")),
        el("tbody", {}, rows.map(([title, before, after]) => line([title, people(before), people(after), signed.format(after - before)], "td")))))] : [];
    }
    /** What the plan is worth in the weather that is shown. */
    function headline() {
      const k = weather(state), { weathers, plans: [plan], population } = siting, gained = plan.people[k] - weathers[k].before;
      return [el("p", { class: "ma-gain" + (gained > 0 ? "" : " ma-none") }, weathers.length > 1 || weathers[k].id ? [el("b", {}, situation(weathers[k])), ": "] : "",
        both("siting_after", { n: plan.people[k], all: population, more: more(gained) })),
      weathers[k].unreached > 0 ? el("p", {}, both("siting_unreached", { n: weathers[k].unreached })) : ""];
    }
    function tables() {
      const { weathers, plans: [plan] } = siting, all = weathers.map((one, k) => [situation(one), one.before, plan.people[k]]);
      return [...table("siting_situations", "hazard", all.length > 1 ? all : []),
        ...table("siting_gains", "jurisdiction", weathers[weather(state)].gains.map(one => [name(one.name), one.before, one.after]))];
    }
    function choice(plan, k) {
      const button = plan.added ? el("button", { type: "button", class: "ma-button", "aria-describedby": "ma-plan-" + k, click: () => turn(map, k) }, both("siting_show")) : "";
      if (button) shows.push(() => {
        button.disabled = !state.engine;
        button.setAttribute("aria-pressed", String(planOf(state, state.setting) === k));
      });
      return el("li", { class: "ma-plan" }, el("h4", { id: "ma-plan-" + k }, el("span", {}, planName(state, k)), el("span", { class: "ma-n" }, tell(plan.told))),
        el("ul", { class: "ma-list" }, plan.sites.map(at => siting.sites[at]).map(site => el("li", {}, site.number ? title(state, site) : say("siting_closes", { station: el("span", {}, tell(site.title)) })))), button);
    }
    const head = el("div"), rest = el("div");
    let told = -1; // weather that they tell of
    shows.push(() => {
      if (told === weather(state)) return;
      told = weather(state);
      head.replaceChildren(...headline());
      rest.replaceChildren(...tables());
    });
    node.append(el("p", { class: "ma-quiet" }, also(siting.asked)), head, siting.cost ? el("p", {}, also(siting.cost)) : "", el("p", {}, also(siting.proof)),
      el("h3", {}, both("siting_plans")), siting.plans.some(plan => plan.added) ? el("p", { class: "ma-quiet" }, both("siting_hint")) : "",
      el("ul", { class: "ma-rows" }, siting.plans.map(choice)), rest,
      siting.notes.length ? el("details", {}, el("summary", {}, both("notes")), el("ul", { class: "ma-list" }, siting.notes.map(note => el("li", { lang: "en" }, name(note))))) : "");
    return { node, show() { for (const show of shows) show(); } };
  }

  mutualaid.plan = data => keep(new Plan(data));
  mutualaid.siting = section;
  Object.assign(kit, { planName, planOf, siteAt });
})(window.mutualaid);
