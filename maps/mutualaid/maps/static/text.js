/* Words and numbers of the page: texts by language, messages with values, and names in the languages that the data has.
   Every text from data enters as a text node, never as markup. Runs in browsers since Chrome 86, Firefox 113, Safari 16.4. */
window.mutualaid = (function () {
  "use strict";
  const NONE = 65535; // a packed number that is missing or infinite

  function el(tag, attributes, ...children) {
    const node = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (typeof value === "function") node.addEventListener(key, value);
      else if (value !== false) node.setAttribute(key, value);
    }
    node.append(...children.flat(Infinity));
    return node;
  }
  const capital = words => words.charAt(0).toUpperCase() + words.slice(1);
  /** What nodes say, as one text. */
  const words = nodes => el("p", {}, nodes).textContent;

  /* ---- languages ---- */

  let tongue = { lang: "en" }, names = {}; // the language that is shown, and names of places and stations in others

  /** A name in the language that is shown, if the data has it; several are joined by commas. */
  function translated(text, lang) {
    const known = one => (Object.prototype.hasOwnProperty.call(names, one) ? names[one] : {})[lang];
    return known(text) || text.split(", ").map(one => known(one) || one).join(", ");
  }
  const name = text => el("bdi", {}, translated(text, tongue.lang)); // its direction stays its own affair

  const SPEECHES = new Map();
  /** What a language makes of texts, numbers and messages. */
  function speaker(lang, texts) {
    if (SPEECHES.has(lang)) return SPEECHES.get(lang);
    const locale = lang + "-u-nu-latn"; // the digits of the texts
    const count = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
    const two = new Intl.NumberFormat(locale, { minimumIntegerDigits: 2 }), plain = new Intl.NumberFormat(locale, { useGrouping: false });
    const plural = new Intl.PluralRules(lang);
    const people = n => n > 0 && n < 0.5 ? "<" + count.format(1) : count.format(n);
    const decimal = (n, digits) => new Intl.NumberFormat(locale, { maximumFractionDigits: digits }).format(n);
    function percent(part, whole) {
      if (!whole) return "–";
      const share = 100 * part / whole, shown = Math.round(share), told = n => count.format(n) + (lang === "ar" ? "%" : " %"); // a sign by itself would change sides
      if (shown === 100 && part < whole) return ">" + told(99);
      return share > 0 && share < 1 ? "<" + told(1) : told(shown);
    }
    const clock = s => s === NONE || s === null ? "–" : plain.format(Math.floor(Math.ceil(s) / 60)) + ":" + two.format(Math.ceil(s) % 60);
    const minuted = s => words(say("time_min", { time: clock(s) }));
    const minutes = s => s % 60 ? clock(s) : plain.format(s / 60);
    const day = iso => new Intl.DateTimeFormat(locale, { dateStyle: "long", timeZone: "UTC" }).format(new Date(iso));
    /** A text; of several plural forms that which fits `n`. */
    function text(key, n) {
      const found = texts[key];
      return typeof found === "string" ? found : found[plural.select(typeof n === "number" ? Math.round(n) : 2)] || found.other;
    }
    function shown(value) {
      if (value instanceof Node) return value.cloneNode(true); // it may stand in both languages
      if (typeof value === "string") return value;
      if (typeof value === "number") return people(value);
      if (Array.isArray(value)) return el("span", {}, tell(value));
      if (!value) return "–";
      if ("s" in value) return clock(value.s);
      if ("min" in value) return minutes(value.min);
      if ("d" in value) return decimal(value.d, value.digits === undefined ? 1 : value.digits);
      if ("share" in value) return percent(value.share, 1);
      if ("day" in value) return day(value.day);
      const joined = (parts, between) => el("span", {}, parts.flatMap((one, k) => [k ? between : "", shown(one)]));
      if ("list" in value) return joined(value.list, lang === "ar" ? "، " : ", ");
      if ("dots" in value) return joined(value.dots, " · ");
      return el("bdi", {}, translated(value.t, lang));
    }
    /** The text of a key as nodes; what is filled in stands out from the words around it. */
    function say(key, values) {
      const parts = text(key, (values || {}).n).split(/\{(\w+)\}/), alone = parts.every((part, i) => i % 2 || !part);
      return parts.map((part, i) => i % 2 ? el(alone ? "span" : "b", {}, shown(values[part])) : part);
    }
    /** A message as nodes: `[key, values]`, or a text from data. */
    const tell = message => Array.isArray(message) ? say(message[0], message[1]) : [name(message)];
    const made = { clock, day, decimal, lang, minuted, minutes, people, percent, say, shown, tell, text };
    SPEECHES.set(lang, made);
    return made;
  }
  /** What the page says, in the language that is shown; `both` adds the second language where one is chosen. */
  function speech(state) {
    const first = speaker(state.lang, state.texts[state.lang]);
    const second = state.second && state.second !== state.lang ? speaker(state.second, state.texts[state.second]) : null;
    const aside = nodes => el("span", { class: "ma-second", lang: second.lang, dir: direction(state, second.lang) }, nodes);
    const both = (key, values) => second ? [...first.say(key, values), " ", aside(second.say(key, values))] : first.say(key, values);
    const also = message => second && Array.isArray(message) ? [...first.tell(message), " ", aside(second.tell(message))] : first.tell(message);
    return Object.assign({ also, both }, first);
  }
  const direction = (state, lang) => state.languages.find(one => one.id === lang).dir;

  /** Takes over the texts of a page, and unpacks those of the other languages when they are first asked for. */
  function languages(state, inflate) {
    names = state.names || {};
    state.texts = { [state.lang]: state.texts };
    let others = null;
    tongue = state;
    return async function learn(lang) {
      if (!lang || state.texts[lang]) return;
      others = others || inflate(state.other_texts).then(bytes => JSON.parse(new TextDecoder().decode(bytes)));
      Object.assign(state.texts, await others);
    };
  }
  /** The language that the reader's browser asks for, if the page has it. */
  function preferred(state) {
    const asked = (navigator.languages || [navigator.language]).map(tag => tag.toLowerCase().split("-")[0]);
    return asked.find(tag => state.languages.some(one => one.id === tag)) || state.lang;
  }

  return { kit: { NONE, capital, direction, el, languages, name, preferred, speech, words } };
})();
