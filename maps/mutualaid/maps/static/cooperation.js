/* Cooperation on the page: what hangs on a station or a crossing, and the panel's part on who depends on whom.
   Its numbers hold for fair weather. */
window.mutualaid.together = (function () {
  "use strict";
  const { el, hazard, lineSwatch, name, speech } = window.mutualaid.kit;

  /* ---- marks ---- */

  function station(state, only) {
    const { say, text } = speech(state), n = only[state.level];
    if (hazard(state) || typeof n !== "number") return [];
    return [el("p", {}, n > 0 ? say("station_only", { n: n }) : text("station_spare"))];
  }
  function crossing(state, { lost_joint: joint, lost_agreed: agreed, later_population: later, later_s, break_even_s: most }) {
    if (hazard(state)) return [];
    const { say, people, text, clock } = speech(state), lines = [];
    if (joint > 0 || agreed > 0) lines.push(say(agreed === undefined ? "crossing_lost" : "crossing_lost_agreed", { n: joint, today: people(agreed) }));
    else if (joint === 0) lines.push(text("crossing_lost_none"));
    if (later > 0) lines.push(say("crossing_later", { n: later, time: clock(later_s) }));
    if (typeof most === "number") lines.push(say("crossing_break_even", { time: clock(Math.floor(most)) }));
    return lines.map(line => el("p", {}, line));
  }

  /* ---- the panel ---- */

  function details(state) {
    const facts = state.cooperation, { text } = speech(state);
    if (!facts.balance) return [...agreements(state), ...notes(state)];
    const level = facts.balance[state.level] ? state.level : "joint";
    return [el("p", { class: "ma-quiet" }, text("for_level_" + level)), ...dependence(state, facts.dependence[level]), ...matrix(state, facts.reciprocity[level]),
      ...balance(state, facts.balance[level]), ...shares(state), ...delays(state), ...agreements(state), ...notes(state)];
  }

  /** A table that scrolls sideways where it is too wide. */
  function table(label, head, rows) {
    const line = (cells, tag) => el("tr", {}, cells.map((cell, i) => el(i ? tag : "th", { scope: tag === "th" && "col" || !i && "row" }, cell)));
    return el("div", { class: "ma-scroll", role: "region", tabindex: "0", "aria-label": label },
      el("table", {}, el("thead", {}, line(head, "th")), el("tbody", {}, rows.map(row => line(row, "td")))));
  }
  const leftOut = (state, n, key) => n > 0 ? [el("p", { class: "ma-quiet" }, speech(state).say(key, { n }))] : [];
  const part = (title, ...nodes) => [el("h3", {}, title), ...nodes.flat()];

  function dependence(state, { all, partners, left_out }) {
    const { say, percent, text } = speech(state), share = row => percent(row.depends, row.covered);
    const items = partners.map(one => one.depends > 0 ? say("depends_partner", { who: name(one.name), share: share(one), on: one.on })
      : say(one.covered > 0 ? "depends_none" : "depends_unreached", { who: name(one.name) }));
    return part(text("depends"), el("p", {}, say("depends_all", { share: share(all) })),
      el("ul", { class: "ma-list" }, items.map(item => el("li", {}, item))), leftOut(state, left_out, "left_out_depends"));
  }

  function matrix(state, { partners, people: table_, left_out }) {
    const { people, text } = speech(state);
    const rows = table_.map((row, i) => [name(partners[i]), ...row.map((n, j) => el("span", { class: i === j ? "ma-quiet" : "ma-strong" }, people(n)))]);
    return part(text("reciprocity"), el("p", { class: "ma-quiet" }, text("reciprocity_long")),
      table(text("reciprocity"), [text("lives"), ...partners.map(name)], rows), leftOut(state, left_out, "left_out_exchange"));
  }

  function balance(state, { people: rows, incidents, left_out }) {
    const { people, percent, text } = speech(state), signed = new Intl.NumberFormat(state.lang + "-u-nu-latn", { maximumFractionDigits: 0, signDisplay: "exceptZero" });
    const flows = (title, of) => table(title, [text("partner"), ...["gives", "takes", "net", "symmetry"].map(text)], of.map(row =>
      [name(row.name), people(row.gives), people(row.takes), signed.format(row.balance), row.symmetry === null ? "–" : percent(row.symmetry, 1)]));
    return part(text("balance"), el("p", { class: "ma-quiet" }, text("balance_long")), flows(text("balance"), rows),
      incidents ? [el("h4", {}, text("balance_incidents")), flows(text("balance_incidents"), incidents)] : [], leftOut(state, left_out, "left_out_exchange"));
  }

  function shares(state) {
    const { partners, rules, currency, left_out } = state.cooperation.shares, { percent, shown, text } = speech(state);
    const count = new Intl.NumberFormat(state.lang + "-u-nu-latn", { maximumFractionDigits: 0 });
    const share = (row, k) => [row.shares[k] === null ? "–" : percent(row.shares[k], 1),
      row.amounts && row.amounts[k] !== null ? el("div", { class: "ma-quiet" }, `${count.format(row.amounts[k])} ${currency}`) : ""];
    const who = found => found === null ? text("unknown") : found.list.length ? shown(found) : text("nobody_leaves");
    return part(text("shares"), el("p", { class: "ma-quiet" }, text("shares_long")),
      table(text("shares"), [text("rule"), ...partners.map(name)], rules.map(row => [text("share_" + row.rule), ...partners.map((_, k) => share(row, k))])),
      leftOut(state, left_out, "left_out"), el("h4", {}, text("leaves")), el("p", { class: "ma-quiet" }, text("leaves_long")),
      table(text("leaves"), [text("rule"), text("leaves_money"), text("leaves_people")],
        rules.map(row => [text("share_" + row.rule), who(row.money), who(row.people)])));
  }

  /* ---- what delays leave ---- */

  const LINES = { dispatch_s: { color: "#14324a", weight: 2.5 }, crossing_s: { color: "#b04a00", weight: 2.5, dashArray: "6 4" } };

  function delays(state) {
    const { curves, marks_s } = state.cooperation.curves, { gain, break_even_s, half_s } = state.cooperation.break_even;
    const { say, people, text, clock } = speech(state), keys = Object.keys(LINES).filter(key => curves[key]);
    if (!keys.length || !(gain > 0)) return [];
    return part(text("delays"), el("p", { class: "ma-quiet" }, text("delays_long")), curve(state, keys),
      el("ul", { class: "ma-rows" }, keys.map(key => el("li", {}, lineSwatch(Object.assign({ fill: false }, LINES[key])), el("span", { class: "ma-label" }, text("curve_" + key))))),
      table(text("delays"), [text("minutes_long"), ...marks_s.map(s => String(s / 60))],
        keys.map(key => [text("curve_" + key), ...curves[key].marks.map(n => n === null ? "–" : people(n))])),
      half_s !== null ? [el("p", {}, say("half_left", { n: gain, half: clock(Math.floor(half_s)), last: clock(Math.floor(break_even_s)) }))] : []);
  }

  function svg(tag, attributes, ...children) {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  }

  /** People gained against the delay, with the delays that are marked. */
  function curve(state, keys) {
    const { curves, marks_s } = state.cooperation.curves, { people, text } = speech(state);
    const width = 308, height = 176, left = 46, right = 8, top = 22, bottom = 34;
    const points = keys.flatMap(key => curves[key].points), longest = Math.max(...marks_s, ...points.map(point => point[0]));
    const most = Math.max(1, ...points.map(point => point[1])), unit = Math.pow(10, Math.floor(Math.log10(most)));
    const step = Math.max(1, unit * [0.5, 1, 2, 5].find(one => most / (unit * one) <= 4));
    const x = s => left + (width - left - right) * s / longest, y = n => height - bottom - (height - top - bottom) * n / (step * Math.ceil(most / step));
    const label = (words, at) => svg("text", Object.assign({ fill: "#46535f", "font-size": 11 }, at), words);
    const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "ma-curve", role: "img", "aria-label": text("curve_told") });
    for (let n = 0; n <= step * Math.ceil(most / step); n += step) {
      picture.append(svg("line", { x1: left, x2: width - right, y1: y(n), y2: y(n), stroke: n ? "#e3e8ec" : "#55626e" }),
        label(people(n), { x: left - 5, y: y(n) + 4, "text-anchor": "end" }));
    }
    for (const s of [0, ...marks_s]) {
      picture.append(svg("line", { x1: x(s), x2: x(s), y1: top, y2: height - bottom + 4, stroke: s ? "#c3ccd3" : "#55626e", "stroke-dasharray": s ? "2 3" : "none" }),
        label(String(s / 60), { x: x(s), y: height - bottom + 16, "text-anchor": "middle" }));
    }
    picture.append(label(text("curve_y"), { x: 2, y: 12 }), label(text("curve_x"), { x: width - right, y: height - 4, "text-anchor": "end" }));
    for (const key of keys) {
      const { color, weight, dashArray } = LINES[key];
      picture.append(svg("polyline", { points: curves[key].points.map(([s, n]) => `${x(s).toFixed(1)},${y(n).toFixed(1)}`).join(" "), fill: "none", stroke: color, "stroke-width": weight, "stroke-dasharray": dashArray || "none", "data-curve": key }));
      curves[key].marks.forEach((n, k) => {
        if (n !== null) picture.append(svg("circle", { cx: x(marks_s[k]), cy: y(n), r: 3.2, fill: "#fff", stroke: color, "stroke-width": 2 }));
      });
    }
    return picture;
  }

  /* ---- agreements and notes ---- */

  function agreements(state) {
    const found = state.cooperation.agreements, { tell, text } = speech(state), tag = () => [" ", el("span", { class: "ma-tag" }, text("assumption"))];
    if (!found.length) return [];
    return part(text("agreements"), found.flatMap(one => [el("h4", {}, name(one.name)),
      el("ul", { class: "ma-list" }, one.lines.map(line => el("li", {}, tell(line.text), line.assumed ? tag() : ""))),
      one.note ? el("p", {}, name(one.note)) : "", one.source ? el("p", { class: "ma-quiet" }, text("source"), " ", name(one.source)) : ""]));
  }
  function notes(state) {
    const found = state.cooperation.notes, { text } = speech(state);
    return found.length ? part(text("notes"), el("ul", { class: "ma-list" }, found.map(note => el("li", { lang: "en" }, name(note))))) : [];
  }

  return { crossing, details, station };
})();
