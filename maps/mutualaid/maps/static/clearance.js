/* The part of the panel that tells of an evacuation, and the bar that moves the map through its time. */
(function (mutualaid) {
  "use strict";
  const kit = mutualaid.kit, { change, el, name, speech, words } = kit, { between, evacuationSpan: span, peopleAt: at } = kit;
  const NEVER = -1, LISTED = 15, BEAT = 700; // milliseconds that a moment is shown

  /* ---- the bar of time ---- */

  const still = map => { // nothing plays any more
    clearInterval(map.mutualaid.playing);
    map.mutualaid.playing = 0;
  };
  const show = (map, moment) => change(map, { moment });
  function play(map) {
    const state = map.mutualaid, last = state.evacuation.times.length - 1;
    if (state.playing) { still(map); show(map, state.moment); return; }
    state.playing = setInterval(() => {
      if (state.moment >= last || state.subject !== "evacuation") still(map);
      show(map, Math.min(last, state.moment + 1));
    }, BEAT);
    show(map, state.moment === null || state.moment >= last ? 0 : state.moment);
  }
  /** How many people are safe at the moment that is shown, or in the end. */
  function safe(state) {
    const { evacuation } = state;
    return speech(state).say("evac_out_by", { n: at(state, evacuation.shares), all: evacuation.people });
  }
  function timeline(map) {
    const state = map.mutualaid, { times } = state.evacuation, { text, both } = speech(state), last = times.length - 1;
    if (last < 1) return { node: "", show() {} };
    const range = el("input", { type: "range", id: "ma-moment", min: 0, max: last, step: 1, input: () => { still(map); show(map, Number(range.value)); } });
    const button = el("button", { type: "button", class: "ma-button ma-play", click: () => play(map) }), all = el("button", { type: "button", class: "ma-button ma-whole", click: () => { still(map); show(map, null); } }, both("evac_whole"));
    const output = el("output", { for: "ma-moment" }), node = el("section", { class: "ma-timeline", "aria-label": text("evac_moment"), lang: state.lang, dir: kit.direction(state, state.lang) }, button, range, all, output);
    L.DomEvent.disableClickPropagation(node);
    L.DomEvent.disableScrollPropagation(node);
    range.setAttribute("aria-label", text("evac_moment"));
    return {
      node,
      show() {
        const { moment } = state, { say } = speech(state), told = moment === null ? [] : say("evac_at", { time: span(state, times[moment], "floor") });
        range.value = moment === null ? last : moment;
        range.setAttribute("aria-valuetext", moment === null ? text("evac_whole") : words(told));
        button.replaceChildren(...both(state.playing ? "evac_pause" : "evac_play"));
        button.setAttribute("aria-pressed", String(Boolean(state.playing)));
        all.setAttribute("aria-pressed", String(moment === null));
        output.replaceChildren(...(moment === null ? [text("evac_whole")] : told), " · ", ...safe(state));
      },
    };
  }

  /* ---- the curve ---- */

  const svg = (tag, attributes, text) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const LINES = { shares: { stroke: "#0072B2", "stroke-width": 2.6 }, nearest: { stroke: "#7a3300", "stroke-width": 2, "stroke-dasharray": "5 4" } };
  /** People in safety over time: by the plan, and if everybody drives to the nearest shelter. */
  function curve(map) {
    const state = map.mutualaid, { evacuation } = state, { times, people: all } = evacuation, { both, people, text } = speech(state);
    const width = 308, height = 150, left = 50, right = 10, top = 10, bottom = 22, end = times[times.length - 1] || 1;
    const x = s => left + (width - left - right) * s / end, y = n => height - bottom - (height - top - bottom) * n / Math.max(1, all);
    const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "ma-curve", role: "img", "aria-label": text("evac_curve_told") });
    const note = (said, look) => picture.append(svg("text", Object.assign({ fill: "#46535f", "font-size": 11 }, look), said));
    for (const share of [0, 0.5, 1]) {
      picture.append(svg("line", { x1: left, x2: width - right, y1: y(share * all), y2: y(share * all), stroke: share ? "#e3e8ec" : "#55626e" }));
      note(people(share * all), { x: left - 5, y: y(share * all) + 4, "text-anchor": "end" });
    }
    for (const share of [0, 0.5, 1]) note(span(state, share * end, "round"), { x: x(share * end), y: height - 6, "text-anchor": share === 1 ? "end" : share ? "middle" : "start" });
    const moment = picture.appendChild(svg("line", { y1: top, y2: height - bottom, stroke: "#1c2733", "stroke-width": 1.5 }));
    for (const [key, look] of Object.entries(LINES)) {
      const points = [[0, 0], ...times.map((s, k) => [s, evacuation[key][k]])];
      picture.append(svg("polyline", Object.assign({ points: points.map(([s, n]) => `${x(s).toFixed(1)},${y(n).toFixed(1)}`).join(" "), fill: "none", "data-curve": key }, look)));
    }
    const legend = el("ul", { class: "ma-rows" }, Object.entries({ shares: "evac_curve_plan", nearest: "evac_curve_nearest" }).map(([key, told]) =>
      kit.row(kit.lineSwatch({ color: LINES[key].stroke, weight: 3, fill: false, dashArray: LINES[key]["stroke-dasharray"] }), both(told))));
    const visible = () => {
      moment.setAttribute("visibility", state.moment === null ? "hidden" : "visible");
      if (state.moment !== null) for (const end of ["x1", "x2"]) moment.setAttribute(end, x(times[state.moment]));
    };
    return { node: times.length > 1 ? [el("h3", {}, both("evac_curve")), picture, legend] : [], show: visible };
  }

  /* ---- the part of the panel ---- */

  /** Head of the part: the bounds, who gets out, and who does not. */
  function headline(map) {
    const state = map.mutualaid, { evacuation } = state, { both, people, say } = speech(state), { lower_s: lower, upper_s: upper, plan_s: plan } = evacuation;
    const certain = upper !== null && upper !== NEVER, least = span(state, lower, "floor"), most = certain ? span(state, upper) : "";
    const stuck = evacuation.people - evacuation.out > 0.5;
    return el("div", { class: "ma-evac-head" },
      el("p", { class: "ma-sub" }, evacuation.name ? [el("b", {}, name(evacuation.name)), ". "] : "", both("evac_level_" + evacuation.level)),
      el("div", { class: "ma-evac-big", dir: kit.direction(state, state.lang) }, between(state, evacuation)),
      el("p", {}, certain ? both("evac_clear", { lower: least, upper: most }) : both("evac_clear_open", { lower: least }), " ", both("evac_plan", { plan: span(state, plan) })),
      el("p", { class: "ma-gain" + (stuck ? " ma-none" : "") }, stuck ? both("evac_out", { n: evacuation.out, all: evacuation.people }) : both("evac_out_all", { n: evacuation.out })),
      evacuation.left.length ? [el("h3", {}, both("evac_left"), " ", el("b", {}, people(evacuation.people - evacuation.out))), el("ul", { class: "ma-rows ma-evac-left" }, kit.reasons(state, evacuation.left))] : "",
      evacuation.cut ? el("p", { class: "ma-evac-why" }, el("b", {}, both("evac_cut")), "\n", evacuation.cut.roads ? [speech(state).shown(evacuation.cut.roads), ". "] : "",
        both("evac_cut_people", { n: evacuation.cut.people }), evacuation.cut.vph === null ? "" : [" ", both("evac_cut_capacity", { n: evacuation.cut.vph })]) : "");
  }
  function table(map, key, heads, rows, look, titled) {
    const { both, text } = speech(map.mutualaid), line = (cells, tag) => el("tr", {}, cells.map((cell, i) => el(i ? tag : "th", { scope: tag === "th" ? "col" : !i && "row" }, cell)));
    return rows.length ? [titled ? el("h3", {}, both(key)) : "", el("div", { class: "ma-scroll", role: "region", tabindex: "0", "aria-label": text(key) }, el("table", { class: "ma-tight ma-" + look },
      el("thead", {}, line(heads.map(head => text(head)), "th")), el("tbody", {}, rows.map(cells => line(cells, "td")))))] : [];
  }
  /** What the neighbours' shelters and roads are worth; only what is proven. */
  function compared(map) {
    const state = map.mutualaid, { both, people, text } = speech(state), { levels } = state.evacuation, own = levels.find(one => one.level === "own"), joint = levels.find(one => one.level === "joint");
    if (!own || !joint) return [];
    const more = Math.round(joint.people_out - own.people_out), sooner = joint.upper_s === null || joint.upper_s === NEVER ? 0 : own.lower_s - joint.upper_s, gains = [];
    if (more > 0) gains.push(both("evac_more_out", { n: more }));
    else if (sooner >= 60) gains.push(both("evac_sooner", { time: span(state, sooner, "floor") }));
    const line = (key, of) => el("tr", {}, el("th", { scope: "row" }, text(key)), levels.map(one => el("td", {}, of(one)))), counted = ([key, of]) => line(key, one => people(one[of]));
    return [el("h3", {}, both("evac_compared")), el("p", { class: "ma-gain" + (gains.length ? "" : " ma-none") }, gains.length ? gains : both("evac_no_gain")),
      el("div", { class: "ma-scroll", role: "region", tabindex: "0", "aria-label": text("evac_compared") }, el("table", { class: "ma-tight ma-evac-levels" },
        el("thead", {}, el("tr", {}, el("td", {}), levels.map(one => el("th", { scope: "col" }, text("evac_" + one.level))))),
        el("tbody", {}, [["evac_row_out", "people_out"], ["evac_row_left", "people_left"]].map(counted), line("evac_row_time", one => between(state, one)), [["evac_row_crossing", "crossing_people"], ["evac_row_overflow", "overflow"]].map(counted)))),
      el("p", { class: "ma-quiet" }, text("evac_compared_long"))];
  }
  function routes(map) {
    const state = map.mutualaid, { evacuation } = state;
    return evacuation.zones.map((zone, k) => {
      const own = evacuation.routes.map((route, i) => i).filter(i => evacuation.routes[i].zone === k);
      return own.length ? [el("h3", {}, name(zone.name)), kit.evacuationCards(map, own, LISTED)] : "";
    });
  }
  function section(map, fold) {
    const state = map.mutualaid, { evacuation } = state, { both, people, say, tell, text } = speech(state), n = value => value === null ? "–" : people(value);
    const signed = s => s === null ? "–" : span(state, s, "round"), drawn = curve(map), some = nodes => nodes.length > 0;
    const zones = table(map, "evac_zones", ["evac_zone", "people", "evac_90", "evac_100", "evac_margin"], evacuation.zones.map(one =>
      [name(one.name), n(one.people), span(state, one.ete_90_s), span(state, one.ete_100_s), one.margin_s === NEVER || one.margin_s === null ? "–" : span(state, one.margin_s, "floor")]), "evac-zones");
    const shelters = table(map, "evac_shelters", ["evac_shelter", "evac_expected", "evac_room"], evacuation.shelters.map(one =>
      [[name(one.name), one.usable ? "" : [" ", el("span", { class: "ma-tag" }, tell(one.status))]], n(one.people), one.kind === "exit" ? "–" : one.room === NEVER ? text("evac_unlimited") : one.room === null ? text("unknown") : n(one.room)]), "evac-shelters");
    const crossings = table(map, "evac_crossings", ["crossings", "evac_people", "evac_peak"], evacuation.crossings.map(one => [name(one.name), n(one.people), n(one.peak_vph)]), "evac-crossings", true);
    const factors = table(map, "evac_sensitivity", ["layer_roads", "evac_row_time"], evacuation.sensitivity.map(one => [tell(one.name), between(state, one)]), "evac-sensitivity", true);
    const values = table(map, "evac_values", ["evac_measure", "evac_saved", "evac_row_time"], evacuation.values.map(one =>
      [one.name ? say("pair_colon", { a: el("span", {}, tell(one.what)), b: name(one.name) }) : tell(one.what), signed(one.saved_s), one.lower_s === null ? span(state, one.upper_s) : between(state, one)]), "evac-values");
    const node = el("div", { class: "ma-evac ma-of-evacuation" }, headline(map), compared(map), drawn.node), english = lines => el("ul", { class: "ma-list" }, lines.map(line => el("li", { lang: "en" }, name(line))));
    const parts = [
      ["evac-zones", "evac_zones", zones, el("p", { class: "ma-quiet" }, text("evac_margin_long"))], ["evac-shelters", "evac_shelters", shelters, crossings],
      ["evac-routes", "evac_routes", ...routes(map)], ["evac-values", "evac_values", factors, values, some(values) ? el("p", { class: "ma-quiet" }, text("evac_values_long")) : ""],
      ["evac-assumed", "evac_assumptions", el("ul", { class: "ma-list" }, evacuation.assumed.map(line => el("li", {}, tell(line))))],
      ["evac-why", "evac_why", evacuation.why.length ? english(evacuation.why) : ""], ["evac-notes", "notes", evacuation.notes.length ? english(evacuation.notes) : ""],
    ].filter(([, , ...nodes]) => nodes.flat(Infinity).some(one => one)), more = parts.map(([part, title, ...nodes]) => fold(part, both(title), nodes));
    return {
      node,
      more,
      show() {
        drawn.show();
        for (const button of document.querySelectorAll(".ma-route")) button.setAttribute("aria-pressed", String(state.route === Number(button.dataset.route)));
      },
    };
  }

  /** What is shown, in words: for the picture and on paper. */
  function shown(state) {
    const { say, text } = speech(state), { level, name: title, times } = state.evacuation, moment = state.moment === null ? text("evac_whole") : el("span", {}, say("evac_at", { time: span(state, times[state.moment], "floor") }));
    return [...(title ? [name(title), " · "] : []), text("evac_level_" + level), " · ", moment];
  }
  /** Rows of the table of zones, as a file: times in minutes, empty where there is none. */
  function rows(state) {
    const { evacuation } = state, { say, text } = speech(state), said = (...given) => words(say(...given)), min = s => s === null || s === NEVER ? "" : s / 60;
    const shares = [50, 90, 95, 100], minuted = key => `${text(key)} (${words(say("evac_minutes", { n: "" })).trim()})`;
    return [
      [words(name(state.region))], [text("setting"), words(shown(state))], [text("evac_row_time"), words(el("p", {}, between(state, evacuation)))], [text("disclaimer")], [],
      [text("evac_zone"), text("people"), text("evac_row_out"), text("evac_left"), text("evac_vehicles"), ...["evac_arrives", "evac_latest", "evac_margin"].map(minuted),
        ...shares.map(share => `${said("evac_safe", { share: { share: share / 100 } })} (${words(say("evac_minutes", { n: "" })).trim()})`), text("evac_nearest_out")],
      ...evacuation.zones.map(one => [words(name(one.name)), one.people, one.people_out, one.people_left, one.vehicles, min(one.arrives_s), min(one.latest_s), min(one.margin_s),
        ...shares.map(share => min(one[`ete_${share}_s`])), one.nearest_people_out]),
    ];
  }

  mutualaid.clearance = section;
  Object.assign(kit, { clearanceTable: rows, evacuationShown: shown, safe, stopPlaying: still, timeline });
})(window.mutualaid);
