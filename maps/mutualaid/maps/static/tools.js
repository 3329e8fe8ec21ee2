/* Tools at the top of the panel: finding a place by its name, and the whole screen for the map. */
(function (mutualaid) {
  "use strict";
  const kit = mutualaid.kit, { el, name, speech, words } = kit;
  const MOST = 8; // names that are offered
  const CLOSE = 15; // zoom at which a place is shown
  const TWIN_M = 2000; // a municipality and its village have one name

  /* ---- finding a place ---- */

  /** A name as it is compared: accents and case do not count. */
  const folded = text => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().trim();
  /** How well a name fits: 0 it begins so, 1 a word of it does, 2 it holds the text somewhere, 3 it does not. */
  function misfit(text, sought) {
    const own = folded(text), at = own.indexOf(sought);
    return at === 0 ? 0 : at < 0 ? 3 : /[^\p{L}\p{N}]/u.test(own[at - 1]) ? 1 : 2;
  }
  /** Places whose name holds a text, in the language that is shown or as the data has it; those that begin with it first. */
  function found(map, asked) {
    const sought = folded(asked), out = [];
    if (!sought) return out;
    for (const place of kit.places) {
      const shown = words([name(place.name)]), rank = Math.min(misfit(shown, sought), misfit(place.name, sought));
      const twin = out.some(other => other.shown === shown && map.distance(other.at, place.at) < TWIN_M);
      if (rank < 3 && !twin) out.push({ at: place.at, name: place.name, rank, shown });
    }
    return out.sort((a, b) => a.rank - b.rank || a.shown.length - b.shown.length).slice(0, MOST);
  }
  /** Moves a place into the middle of what the panel leaves free. */
  function go(map, at) {
    const { x, y, width, height } = kit.free(map), size = map.getSize(), still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    map.fitBounds([at, at], { maxZoom: Math.max(CLOSE, map.getZoom()), animate: !still, paddingTopLeft: [x, y], paddingBottomRight: [size.x - x - width, size.y - y - height] });
  }
  function search(map) {
    const { both, text } = speech(map.mutualaid), list = el("ul", { id: "ma-found", role: "listbox", "aria-label": text("search"), hidden: "" });
    const none = el("p", { class: "ma-quiet", role: "status" });
    const input = el("input", {
      type: "text", id: "ma-search", role: "combobox", autocomplete: "off", spellcheck: "false", "aria-autocomplete": "list", "aria-controls": list.id, "aria-expanded": "false",
      input: () => offer(), keydown: event => press(event), blur: () => close(),
    });
    let offered = [], at = -1;

    function offer() {
      offered = found(map, input.value);
      at = -1;
      list.replaceChildren(...offered.map((place, k) => el("li", {
        id: "ma-found-" + k, role: "option", "aria-selected": "false",
        mousedown: event => event.preventDefault(), // the input keeps the focus
        click: () => choose(k),
      }, name(place.name))));
      show(offered.length > 0);
      none.textContent = folded(input.value) && !offered.length ? text("search_none") : "";
    }
    function show(open) {
      list.hidden = !open;
      input.setAttribute("aria-expanded", String(open));
      if (!open) input.removeAttribute("aria-activedescendant");
    }
    const close = () => show(false);
    function mark(k) {
      at = k;
      [...list.children].forEach((item, i) => item.setAttribute("aria-selected", String(i === k)));
      input.setAttribute("aria-activedescendant", "ma-found-" + k);
      list.children[k].scrollIntoView({ block: "nearest" });
    }
    function choose(k) {
      input.value = offered[k].shown;
      close();
      go(map, offered[k].at);
    }
    function press(event) {
      const n = offered.length, step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (event.isComposing) return;
      if (step && n) {
        if (list.hidden) show(true);
        mark(at < 0 ? step > 0 ? 0 : n - 1 : (at + step + n) % n);
      } else if (event.key === "Enter" && n) choose(Math.max(0, at));
      else if (event.key === "Escape") {
        if (list.hidden) input.value = "";
        close();
        none.textContent = "";
      } else return;
      event.preventDefault();
    }
    return el("div", { class: "ma-search" }, el("label", { for: input.id }, both("search")), input, list, none);
  }

  /* ---- the whole screen ---- */

  function wholeScreen(map) {
    if (!document.fullscreenEnabled) return "";
    const state = map.mutualaid, button = el("button", { type: "button", class: "ma-button ma-fullscreen", click: () => {
      (document.fullscreenElement ? document.exitFullscreen() : map.getContainer().requestFullscreen()).catch(() => {}); // the browser's own affair
    } });
    const show = () => button.replaceChildren(...speech(state).both(document.fullscreenElement ? "leave_fullscreen" : "fullscreen"));
    if (!state.showScreen) document.addEventListener("fullscreenchange", () => state.showScreen());
    state.showScreen = show;
    show();
    return button;
  }

  mutualaid.tools = map => el("div", { class: "ma-tools" }, kit.strange(map), search(map), wholeScreen(map));
})(window.mutualaid);
