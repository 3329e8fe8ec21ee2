/* The panel: what is asked, the switches, the numbers, the legend, tables and facts. */
(function (mutualaid) {
  "use strict";
  const kit = mutualaid.kit, { change, classes, el, hazard, list, name, numbers, speech } = kit;

  /** Parts that tell of coverage alone. */
  const COVERAGE = ["siting", "whatif", "places", "together"];
  /** Who is isolated depends on the stations, and closures by chance were drawn for the run: a what-if does not know either. */
  const COMPUTED_ONLY = ["effect_isolated", "effect_chance"];

  function panel(map) {
    const state = map.mutualaid, box = el("section", { class: "ma-panel" }), open = new Set();
    let parts, bar = null;

    /** Writes the panel in the language that is shown; what the reader has opened stays open. */
    function write() {
      const { both, text, tell } = speech(state), dir = kit.direction(state, state.lang), at = box.contains(document.activeElement) && document.activeElement.dataset.key;
      for (const one of box.querySelectorAll("details[data-part]")) one.open ? open.add(one.dataset.part) : open.delete(one.dataset.part);
      if (!parts && map.getSize().x > 640) for (const part of ["more", "siting", "parts", "evac-zones"]) open.add(part);
      const narrow = map.getSize().x <= 640; // a phone shows the result first
      const fold = (part, title, ...nodes) => el("details", { "data-part": part, class: "ma-" + part + (COVERAGE.includes(part) ? " ma-of-coverage" : part.startsWith("evac-") ? " ma-of-evacuation" : ""), open: open.has(part) ? "" : false }, el("summary", {}, el("h2", {}, title)), nodes);
      const levels = buttons(state.levels, "level", "level", " ma-of-coverage" + (state.levels.length > 2 ? " ma-many" : ""));
      const views = buttons(["status", "minutes", ...(state.partners.length > 1 ? ["who"] : []), "difference"], "view", "view", " ma-small ma-of-coverage");
      parts = {
        levels, views, head: el("div", { "aria-live": "polite", class: "ma-of-coverage" }), legend: el("div", { class: "ma-legend" }), warning: el("div", { class: "ma-of-coverage" }), tables: el("div"),
        together: state.cooperation ? el("div") : null, siting: state.siting ? mutualaid.siting(map) : null, country: state.country ? mutualaid.country(map) : null, back: state.part ? back() : null, question: el("p", { class: "ma-sub ma-of-coverage" }), whatif: mutualaid.setting(map),
        clearance: state.evacuation ? mutualaid.clearance(map, fold) : null, time: state.evacuation ? kit.timeline(map) : null,
      };
      const tools = el("div", { class: "ma-top" }, mutualaid.tools(map), languageRow());
      box.setAttribute("aria-label", text("panel"));
      Object.assign(box, { lang: state.lang, dir });
      box.replaceChildren(
        el("h1", {}, name(state.region)), parts.back ? parts.back.node : "", parts.clearance ? subjects() : "", parts.question, parts.clearance ? el("p", { class: "ma-sub ma-of-evacuation" }, both("evac_question")) : "", narrow ? "" : tools, weather(), parts.warning, levels.group, parts.head,
        parts.clearance && narrow ? parts.time.node : "", parts.clearance ? parts.clearance.node : "",
        parts.siting ? fold("siting", both("siting"), parts.siting.node) : "",
        parts.country ? fold("parts", both("parts"), parts.country.node) : "",
        fold("more", text("more"), narrow ? tools : "", views.group, parts.legend, parts.clearance ? parts.clearance.more : "",
          parts.country || parts.back ? "" : fold("whatif", both("whatif"), parts.whatif.node),
          fold("places", both("by_jurisdiction"), parts.tables),
          parts.together ? fold("together", both("cooperation"), parts.together) : "",
          fold("share", both("share"), mutualaid.share(map)),
          fold("about", both("about"), state.about.flatMap(part => [el("h3", {}, tell(part.title)), el("ul", { class: "ma-list" }, part.items.map(item => el("li", {}, tell(item))))]))),
        note(state.note), unknown(), failed(), el("p", { class: "ma-foot" }, both("disclaimer")));
      if (parts.time && parts.time.node && !narrow) {
        if (bar) bar.remove();
        box.after(bar = parts.time.node);
      }
      if (at) box.querySelector(`[data-key=${at}]`).focus(); // whoever chooses a language by keyboard goes on from there
    }

    function buttons(choices, key, label, look) {
      const { both, text } = speech(state), group = el("div", { class: "ma-switch" + look, role: "group", "aria-label": text(label) });
      for (const choice of choices) group.append(el("button", { type: "button", "data-choice": choice, click: () => change(map, { [key]: choice }) }, both(choice)));
      return {
        group,
        show() {
          for (const button of group.children) {
            button.setAttribute("aria-pressed", String(button.dataset.choice === state[key]));
            button.hidden = button.dataset.choice === "difference" && !state.pin;
          }
        },
      };
    }
    /** Which part of a larger map this is, and the way back. */
    function back() {
      const { both, say } = speech(state), link = el("a", { href: state.part.overview }, both("part_overview"));
      return {
        node: el("p", { class: "ma-sub ma-part" }, say("part_shown", { name: state.part.name }), " ", link),
        show() { link.href = state.part.overview + "#" + kit.carried(map); },
      };
    }
    /** What the map is about: who is reached in time, or how people get out. */
    function subjects() {
      const { both, text } = speech(state), group = el("div", { class: "ma-switch ma-small ma-subjects", role: "group", "aria-label": text("subject") });
      for (const one of ["coverage", "evacuation"]) group.append(el("button", { type: "button", "data-subject": one, "aria-pressed": String(state.subject === one), click: () => kit.turnTo(map, one) }, both("subject_" + one)));
      return group;
    }
    /** The page's language, and another one beside it. */
    function languageRow() {
      if (state.languages.length < 2) return "";
      const { text } = speech(state);
      const choice = (key, options, value, act) => {
        const select = el("select", { "aria-label": text(key), "data-key": key, change: () => act(select.value) },
          options.map(one => el("option", { value: one.id, lang: one.id || false, dir: one.dir || false }, one.name)));
        select.value = value;
        return select;
      };
      return el("div", { class: "ma-languages" },
        choice("language", state.languages, state.lang, lang => state.speak(lang, state.second === lang ? "" : state.second)), " + ",
        choice("second_language", [{ id: "", name: text("no_second_language") }, ...state.languages.filter(one => one.id !== state.lang)], state.second, second => state.speak(state.lang, second)));
    }
    /** Which hazard is shown; nothing where the region has no scenario. */
    function weather() {
      if (!state.scenarios.length) return "";
      const { text, tell } = speech(state), select = el("select", { id: "ma-scenario", change: () => change(map, { scenario: select.value }) },
        [["", text("fair_weather")], ...state.scenarios.map(one => [one.id, kit.words(tell(one.label))])].map(([value, label]) => el("option", { value }, label)));
      select.value = state.scenario;
      return el("div", { class: "ma-weather ma-of-coverage" }, el("label", { for: "ma-scenario" }, text("hazard")), select);
    }
    /** The first sentence stands on the face, the rest behind it. */
    function note(sentences) {
      const end = sentences.search(/[.!?]\s/) + 1;
      if (!sentences || !end) return sentences ? el("p", { class: "ma-note" }, name(sentences)) : "";
      return el("details", { class: "ma-note" }, el("summary", {}, name(sentences.slice(0, end))), name(sentences.slice(end)));
    }
    function failed() {
      const { tell, text } = speech(state);
      return el("div", {}, state.not_computed.map(what => el("p", { class: "ma-note" }, text("not_computed"), " ", el("span", { lang: Array.isArray(what) ? false : "en" }, tell(what)))));
    }
    /** What the hazard changes besides the colours; or what nobody knows about it. */
    function effects(scenario, unknown) {
      const { level, now } = state, { totals, status } = numbers(state), { decimal, people, say, shown, text } = speech(state);
      const held = (level === "agreed" ? level : "joint") + "_label"; // alone: who a joint team would hold
      const n = state.scenario_statuses.reduce((sum, one, k) => sum + (one[held] === "held" && status[k] || 0), 0);
      const own = unknown ? [] : [{ key: "effect_fewer", n: totals["fair_" + level] - totals[level] }, ...(n > 0 ? [{ key: "effect_held", n }] : [])];
      const others = scenario.effects.filter(one => (!one.level || one.level === level) && !one.unknown === !unknown && !(now && COMPUTED_ONLY.includes(one.key)));
      const lines = [...own, ...others].map(one => {
        if (one.draws) return el("li", {}, el("p", {}, say(one.key, { n: one.n, error: decimal(one.error, 1), draws: people(one.draws) })));
        const listed = one.names && one.names.list.length;
        const told = one.names === undefined ? one.km === undefined ? people(one.n) : say("length_km", { km: { d: one.km, digits: 1 } }) : listed ? shown(one.names) : text("none");
        return el("li", { class: listed ? "ma-listed" : "" }, el("span", { class: "ma-label" }, text(one.key)), el("b", { class: listed ? "ma-names" : "ma-n" }, told));
      });
      return lines.length ? el("ul", { class: "ma-rows " + (unknown ? "ma-not-known" : "ma-effects"), "aria-label": text("effects") }, lines) : "";
    }
    function unknown() {
      const places = state.country ? state.country.unknown.map(t => ({ t })) : state.jurisdictions.filter(one => one.population === null).map(one => ({ t: one.name }));
      return places.length ? el("p", { class: "ma-note" }, speech(state).say("unknown_people", { places: { list: places } })) : "";
    }
    /** Each municipality's people and how many of them are reached; the text alternative to the map. */
    function table() {
      const { clock, people, percent, say, text } = speech(state), { level, levels, now } = state, scenario = hazard(state);
      const cells = (tag, values) => el("tr", {}, values.map((value, i) => el(i ? tag : "th", { scope: tag === "th" ? "col" : !i && "row" }, value)));
      const last = now ? ["gap_short", one => people((one.population === null ? 0 : one.population) - one[level]), text("in_gap")]
        : scenario ? ["lost_short", one => people(one["lost_" + level]), say("lost_long", { who: text("lost_who_" + level) })]
          : ["p90_short", one => clock(one.joint_p90_s), text("p90_long")];
      return [el("div", { class: "ma-scroll", role: "region", tabindex: "0", "aria-label": text("by_jurisdiction") }, el("table", { class: levels.length > 2 ? "ma-tight" : false },
        el("thead", {}, cells("th", [text("jurisdiction"), text("people"), ...levels.map(one => text(one + "_short")), text(last[0])])),
        el("tbody", {}, numbers(state).jurisdictions.map(one => cells("td", [name(one.name), one.population === null ? text("unknown") : people(one.population),
          ...levels.map(key => percent(one[key], one.population)), last[1](one)]))))),
      el("p", { class: "ma-quiet" }, last[2]),
      ...(state.country && state.country.left_out ? [el("p", { class: "ma-quiet" }, say("rows_left_out", { n: state.country.left_out }))] : [])];
    }
    /** What the other levels change. */
    function gain(total) {
      const { both } = speech(state), { level, levels } = state, more = total.joint - total.alone, today = total.agreed - total.alone;
      const rest = total.population - total[level === "agreed" ? level : "joint"], told = (n, nodes) => el("p", { class: n > 0 ? "ma-gain" : "ma-gain ma-none" }, nodes);
      if (levels.length === 2) return told(more, both(more > 0 ? "gain_" + level : "gain_none", { n: more, rest }));
      const much = n => n ? [n > 0 ? "more_people" : "fewer_people", { n: Math.abs(n) }] : ["nobody_more"];
      const [agreed, joint] = { alone: [today, more], agreed: [today, more - today], joint: [more - today, more] }[level];
      return told(Math.max(agreed, joint), both("gain_of_three_" + level, { agreed: much(agreed), joint: much(joint), rest }));
    }
    /** Writes a part anew only where it says something else: what is open stays so, and nothing is told twice. */
    function fill(part, ...nodes) {
      const fresh = el("div", {}, nodes), said = fresh.innerHTML;
      if (part.said === said) return;
      part.said = said;
      part.replaceChildren(...fresh.childNodes);
    }
    function update() {
      const { both, percent, text } = speech(state), { legend, levels, views } = parts, scenario = hazard(state), total = numbers(state).totals;
      levels.show();
      views.show();
      if (parts.clearance) {
        map.getContainer().classList.toggle("ma-evacuating", state.subject === "evacuation");
        for (const button of box.querySelectorAll("[data-subject]")) button.setAttribute("aria-pressed", String(state.subject === button.dataset.subject));
        parts.clearance.show();
        parts.time.show();
      }
      parts.question.replaceChildren(...both("question_" + state.service, { limit: { min: state.limit_s }, start: state.start }));
      const reached = total[state.level], plan = state.siting ? kit.planOf(state, state.setting) : -1;
      const shares = scenario ? classes(state) : state.statuses.map((status, k) => ["", numbers(state).status[k] || 0, status[state.level]]);
      const bar = el("div", { class: "ma-bar", "aria-hidden": "true" }, shares.filter(([, n]) => n > 0).map(([, n, [colour, hatch]]) =>
        el("span", { class: hatch ? "ma-" + hatch : "", style: `flex:${n} 0 0;background-color:${colour}` })));
      fill(parts.head,
        state.now ? el("p", { class: "ma-note ma-changed" }, plan >= 0 ? [el("b", {}, kit.planName(state, plan)), ". "] : "", text("whatif_changed"), " ",
          el("button", { type: "button", class: "ma-button", click: () => { kit.reset(map); levels.group.querySelector("[aria-pressed=true]").focus(); } }, text("whatif_reset"))) : "",
        el("div", { class: "ma-head" }, el("div", { class: "ma-big", dir: "ltr" }, percent(reached, total.population)),
          el("p", {}, both("reached_" + state.level + (scenario ? "_hazard" : ""), { n: reached, all: total.population }))),
        bar, scenario ? effects(scenario, false) : "", gain(total), state.pin ? el("p", { class: "ma-pinned" }, kit.against(state, reached)) : "",
        ...(state.level === "agreed" && state.cooperation ? state.cooperation.agreements.map(one => note(one.note)) : []));
      const told = [], elsewhere = node => node && node.classList.contains("ma-elsewhere");
      map.eachLayer(layer => { if (layer.legend) told.push(layer); });
      const nodes = told.sort((a, b) => a.legendOrder - b.legendOrder).flatMap(layer => layer.legend(state));
      if (scenario && state.subject === "coverage") nodes.push(effects(scenario, true));
      fill(legend, nodes.filter((node, k) => !elsewhere(node) || k === nodes.findIndex(elsewhere)));
      fill(parts.tables, table());
      if (parts.together) fill(parts.together, mutualaid.together.details(state));
      parts.whatif.show();
      if (parts.siting) parts.siting.show();
      if (parts.country) parts.country.show();
      if (parts.back) parts.back.show();
      fill(parts.warning, scenario ? [scenario.derived ? el("p", { class: "ma-note ma-derived" }, text("derived_long")) : "", note(scenario.note)] : "");
      const select = box.querySelector("#ma-scenario");
      if (select) select.value = state.scenario;
    }
    const listSoon = () => requestAnimationFrame(() => list(map));
    map.getContainer().prepend(box); // read, and tabbed through, before the marks of the map
    kit.park(map);
    write();
    L.DomEvent.disableClickPropagation(box);
    box.addEventListener("click", event => event.stopPropagation()); // a button that is written anew would count as the map
    L.DomEvent.disableScrollPropagation(box);
    box.addEventListener("mousemove", event => { event.stopPropagation(); map.fire("mouseout"); });
    map.on("mutualaid:speak", write).on("mutualaid", update).on("mutualaid layeradd layerremove", listSoon);
    map.on("layeradd layerremove", event => { if (event.layer.legend) update(); });
    update();
    listSoon();
    place(map, box);
  }

  /** Frames the people beside the panel, or above it on a narrow screen. */
  function place(map, box) {
    const narrow = () => map.getSize().x <= 640, state = map.mutualaid, bounds = () => state.subject === "evacuation" ? state.evacuation.bounds : state.bounds;
    const sheet = () => map.getContainer().style.setProperty("--ma-sheet", (narrow() ? box.offsetHeight : 0) + "px");
    new ResizeObserver(sheet).observe(box);
    sheet();
    let centre, zoom;
    const untouched = () => map.getZoom() === zoom && map.project(map.getCenter()).distanceTo(map.project(centre)) < 3; // pixels
    const fit = () => {
      const over = state.subject === "evacuation" ? 44 : 24, side = [box.offsetWidth + 30, over], other = [24, over], right = map.getContainer().classList.contains("ma-rtl");
      const bar = state.subject === "evacuation" && !narrow() ? 84 : 0; // the bar of time lies there
      const aside = narrow() ? { paddingTopLeft: [12, 12], paddingBottomRight: [12, box.offsetHeight + 12] }
        : { paddingTopLeft: right ? other : side, paddingBottomRight: (right ? side : other).map((px, i) => px + i * bar) };
      map.fitBounds(bounds(), Object.assign({ animate: false, maxZoom: 17 }, aside));
      [centre, zoom] = [map.getCenter(), map.getZoom()];
    };
    fit();
    Object.assign(state, { untouched, reframe: fit });
    map.on("mutualaid", () => { if (narrow() && untouched()) fit(); }); // the sheet grows: nobody is hidden by it
    map.on("mutualaid:speak", () => { if (untouched()) fit(); }); // the panel may change sides
  }

  mutualaid.panel = panel;
})(window.mutualaid);
