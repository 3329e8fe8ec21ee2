/* The part of the panel that asks "what if": stations, delays, the standard, new stations, and two settings side by side. */
(function (mutualaid) {
  "use strict";
  const kit = mutualaid.kit, { asComputed, change, computed, el, name, numbers, speech } = kit;

  const ask = (map, setting) => change(map, { setting: Object.assign({}, map.mutualaid.setting, setting) });
  const reset = map => ask(map, asComputed());
  const toggled = (all, one) => all.includes(one) ? all.filter(other => other !== one) : [...all, one].sort((a, b) => a - b);
  const toggle = (map, site) => {
    const { setting, whatif } = map.mutualaid, key = whatif.candidates.includes(site) ? "added" : "off";
    ask(map, { [key]: toggled(setting[key], site) });
  };
  const switchedOff = ({ setting, whatif }, site) => whatif && whatif.candidates.includes(site) ? !setting.added.includes(site) : setting.off.includes(site);

  /* ---- two settings side by side ---- */

  function pin(map) {
    const state = map.mutualaid, { level, scenario, setting } = state;
    change(map, { pin: { level, scenario, setting, reached: state.cells.reached(), people: numbers(state).totals[level] }, view: "difference" });
  }
  const unpin = map => change(map, { pin: null, view: map.mutualaid.view === "difference" ? "status" : map.mutualaid.view });
  /** How many people more or fewer are in time than in A. */
  function against(state, reached) {
    const n = Math.round(reached) - Math.round(state.pin.people);
    return speech(state).both(n ? n > 0 ? "diff_more" : "diff_fewer" : "diff_same", { n: Math.abs(n) });
  }
  /** A setting in words: level, weather, and what differs from what was computed. */
  function described(state, { level, scenario, setting }) {
    const { say, tell, text } = speech(state), weather = state.scenarios.find(one => one.id === scenario), said = [text(level), weather ? tell(weather.label) : text("fair_weather")];
    if (computed(setting)) said.push(text("setting_computed"));
    if (setting.limit_s !== null) said.push(say("setting_limit", { limit: { min: setting.limit_s } }));
    if (setting.dispatch_s !== null) said.push(say("setting_dispatch", { time: { s: setting.dispatch_s } }));
    if (setting.crossing_s !== null) said.push(say("setting_crossing", { time: { s: setting.crossing_s } }));
    const plan = state.siting ? kit.planOf(state, setting) : -1;
    if (plan >= 0) return [...said, kit.planName(state, plan)].flatMap((one, k) => k ? [" · ", one] : [one]).flat();
    if (setting.off.length) said.push(say("setting_off", { stations: { list: setting.off.map(site => state.cells.station(site)) } }));
    if (setting.added.length) said.push(say("setting_new", { n: setting.added.length }));
    return said.flatMap((one, k) => k ? [" · ", one] : [one]).flat();
  }

  /** What the page asks. */
  function question(state) {
    const { say } = speech(state);
    return state.subject === "evacuation" ? say("evac_question") : say("question_" + state.service, { limit: { min: state.limit_s }, start: state.start });
  }
  /** What is shown, in words. */
  const settingShown = state => state.subject === "evacuation" ? kit.evacuationShown(state) : described(state, state);

  /* ---- the part of the panel ---- */

  function setting(map) {
    const state = map.mutualaid, { whatif } = state, { both, text } = speech(state);
    if (!whatif) return { node: [el("p", { class: "ma-quiet" }, text("whatif_none"))], show() {} };
    const shows = [], sliders = [], node = el("div");
    const button = (key, act, extra) => el("button", Object.assign({ type: "button", class: "ma-button", click: act }, extra), both(key));

    function slider(key, field, stated, { from, to, step }) {
      const id = "ma-" + field, output = el("output", { for: id });
      const range = el("input", { type: "range", id, min: from, max: to, step, input: () => ask(map, { [field]: Number(range.value) === stated && field !== "crossing_s" ? null : Number(range.value) }) });
      const clear = el("button", { type: "button", class: "ma-button ma-clear", click: () => ask(map, { [field]: null }) }, text("whatif_stated"));
      shows.push(() => {
        const { minuted } = speech(state), value = state.setting[field];
        range.value = value === null ? stated : value;
        const told = value === null && field === "crossing_s" ? text("whatif_stated") : minuted(value === null ? stated : value);
        output.textContent = told;
        range.setAttribute("aria-valuetext", told);
        clear.disabled = value === null;
      });
      return el("div", { class: "ma-slider" }, el("label", { for: id }, both(key)), output, range, clear);
    }
    /** Steps from a whole one, such that what is stated is among them. */
    const steps = (stated, step, least, most) => ({ from: least + (stated - least) % step, to: Math.max(most, stated), step });
    sliders.push(slider("whatif_limit", "limit_s", state.computed_limit_s, steps(state.computed_limit_s, 30, 60, Math.max(1800, 2 * state.computed_limit_s))));
    if (state.partners.length > 1 && whatif.calling) sliders.push(slider("whatif_dispatch", "dispatch_s", whatif.dispatch_s, steps(whatif.dispatch_s, 15, 0, 900)));
    if (whatif.borders) sliders.push(slider("whatif_crossing", "crossing_s", whatif.crossing_s, { from: 0, to: 900, step: 30 }));

    /** Stations by municipality, with the people who hang on each. */
    function stations() {
      const groups = new Map();
      whatif.where.forEach((where, site) => { if (!whatif.candidates.includes(site)) groups.set(where, [...(groups.get(where) || []), site]); });
      const all = (sites, off) => ask(map, { off: [...state.setting.off.filter(site => !sites.includes(site)), ...(off ? sites : [])].sort((a, b) => a - b) });
      return [...groups].map(([where, sites]) => {
        const few = sites.length > 1 ? [el("button", { type: "button", class: "ma-button", click: () => all(sites, false) }, text("whatif_all_on")), " ",
          el("button", { type: "button", class: "ma-button", click: () => all(sites, true) }, text("whatif_all_off"))] : "";
        return el("fieldset", {}, el("legend", {}, name(where)), few, el("ul", { class: "ma-rows" }, sites.map(site => {
          const check = el("input", { type: "checkbox", id: "ma-site-" + site, change: () => toggle(map, site) }), n = el("span", { class: "ma-n" });
          shows.push(() => {
            check.checked = !switchedOff(state, site);
            n.textContent = state.only && check.checked ? speech(state).people(state.only[state.level][site]) : "–";
          });
          return el("li", {}, check, el("label", { for: check.id, class: "ma-label" }, state.cells.station(site)), n);
        })));
      });
    }
    function newStations() {
      const toggler = button("new_station_start", () => change(map, { placing: !state.placing })), hint = el("p", { class: "ma-quiet" }), added = el("ul", { class: "ma-rows" });
      shows.push(() => {
        const { both: told, say } = speech(state);
        toggler.replaceChildren(...told(state.placing ? "new_station_done" : "new_station_start"));
        toggler.setAttribute("aria-pressed", String(Boolean(state.placing)));
        hint.replaceChildren(...say("new_station_hint", { time: { s: whatif.turnout_s } }));
        hint.hidden = !state.placing;
        added.replaceChildren(...state.setting.added.map(site => el("li", {}, el("span", { class: "ma-label" }, state.cells.station(site)),
          el("button", { type: "button", class: "ma-button ma-n", click: () => toggle(map, site) }, text("new_station_remove")))));
      });
      return [el("h3", {}, both("new_station")), toggler, hint, added];
    }
    function pinned() {
      const take = button("pin", () => pin(map)), drop = button("unpin", () => unpin(map)), told = el("p", { class: "ma-quiet" });
      shows.push(() => {
        drop.hidden = told.hidden = !state.pin;
        if (state.pin) told.replaceChildren(...speech(state).say("pinned", { setting: el("span", {}, described(state, state.pin)) }));
      });
      return el("div", { class: "ma-buttons" }, take, drop, told);
    }
    function write() {
      const back = button("whatif_reset", () => reset(map));
      shows.push(() => { back.disabled = computed(state.setting); });
      node.replaceChildren(el("p", { class: "ma-quiet" }, both("whatif_intro")), ...sliders,
        state.levels.length > 2 ? el("p", { class: "ma-quiet" }, both("whatif_joint_only")) : "",
        el("h3", {}, both("whatif_stations")), el("p", { class: "ma-quiet" }, both("closing_title"), ": ", both("closing_long")), ...stations(),
        ...(whatif.candidates.length ? newStations() : []), pinned(), back);
    }
    let written = false;
    return {
      node: [node],
      show() {
        if (!state.engine) return;
        if (!written) write();
        if (!state.sites) map.addLayer(state.sites = kit.sites());
        written = true;
        state.only = state.engine.only();
        for (const show of shows) show();
      },
    };
  }

  Object.assign(kit, { against, ask, described, question, reset, settingShown, switchedOff, toggle });
  mutualaid.setting = setting;
})(window.mutualaid);
