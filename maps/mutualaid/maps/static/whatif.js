/* What if: first due units, people and tables of any setting, from the times of every station to every place. */
(function (mutualaid) {
  "use strict";
  const kit = mutualaid.kit, { LEVELS, NONE, change, hazard, unpack } = kit;
  const SAME = 0, NEVER = 32768; // how a table differs from the one before it

  /** Whether nothing differs from what was computed. */
  const computed = setting => !setting.off.length && !setting.added.length && [setting.limit_s, setting.dispatch_s, setting.crossing_s].every(one => one === null);

  /* ---- tables of times ---- */

  /** A table that was packed as differences from another one. */
  function onTop(differences, before) {
    const out = new Uint16Array(before.length);
    for (let i = 0; i < out.length; i++) {
      const d = differences[i], b = before[i];
      out[i] = d === SAME ? b : d === NEVER ? NONE : b === NONE ? d - 1 : b + d;
    }
    return out;
  }
  /** Unpacks the tables of one weather: seconds of each pair of site and place on the standard's clock. */
  async function weather(packed, fair) {
    const { columns, block } = packed.table, c = await unpack({ columns, z: document.getElementById(block).textContent }), made = { out: new Set(packed.out), lead_s: packed.lead_s, open: [] };
    made.joint = fair ? onTop(c.joint, fair.joint) : Uint16Array.from(c.joint);
    made.agreed = c.agreed ? onTop(c.agreed, made.joint) : null;
    for (let k = 0; c["open" + k]; k++) made.open.push(onTop(c["open" + k], k ? made.open[k - 1] : made.joint)); // by borders passed
    return made;
  }

  /* ---- the standard's bands ---- */

  /** Upper edges of five response bands in seconds; the third is the standard's limit itself. */
  function bandEdges(limit) {
    const even = n => n % 1 === 0.5 ? 2 * Math.round(n / 2) : Math.round(n); // halves as what was computed rounds them
    const whole = share => even(limit * share / 60) * 60, before = [0.5, 0.75].map(share => Math.max(60, whole(share)));
    const edges = [...before, limit, ...[1.5, 2].map(whole)];
    return edges.every((edge, k) => !k || edges[k - 1] < edge) ? edges : [0.5, 0.75, 1, 1.5, 2].map(share => limit * share);
  }

  /** Labels of the bands, then of nobody and of no road, as messages. */
  function bandLabels(state) {
    if (!state.now) return state.band_labels;
    const { edges } = state.now, min = k => ({ min: edges[k] });
    return [["band_up_to", { a: min(0) }], ...edges.slice(1).map((_, k) => ["band_between", { a: min(k), b: min(k + 1) }]),
      ["band_over", { a: min(edges.length - 1) }], ...state.band_labels.slice(-2)];
  }

  /* ---- the engine ---- */

  function engine(map, cells, tables) {
    const state = map.mutualaid, { columns } = cells, { whatif } = state, n = columns.status.length, { home } = whatif;
    const { jurisdiction_partners: partnerOf } = cells.data, jurisdictions = state.jurisdictions.length;
    const place = Uint8Array.from(columns.jurisdiction, j => partnerOf[j] < 0 ? state.partners.length : partnerOf[j]);
    const people = Float64Array.from(columns.population, one => one / cells.data.people_scale);
    const noRoad = Uint8Array.from(columns.status, k => state.statuses[k].status === "unreachable" ? 1 : 0);
    const today = Boolean(tables[""].agreed), levels = today ? LEVELS : ["alone", "joint"];
    const sub = whatif.subsidiary && whatif.subsidiary.some(one => one) ? Uint8Array.from(whatif.subsidiary) : null; // by site, then partner that is helped
    const rooms = {};

    /** Arrays of one level and weather, used again for each setting. */
    function room(key) {
      return rooms[key] = rooms[key] || { s: new Uint16Array(n), second: new Uint16Array(n), station: new Int16Array(n) };
    }
    /** The joint team's times under other delays than the run's; a table is kept until the next delays. */
    function joint(key, { dispatch_s, crossing_s }) {
      const table = tables[key], later = whatif.calling && dispatch_s !== null ? dispatch_s : null;
      if (later === null && crossing_s === null) return table.joint;
      const asked = `${later}|${crossing_s}`, { open } = table;
      if (table.asked === asked) return table.other;
      const out = table.other = table.other || new Uint16Array(table.joint.length), call = whatif.calling ? (later === null ? whatif.dispatch_s : later) : 0;
      table.asked = asked;
      for (let s = 0, k = 0; s < home.length; s++) {
        const most = table.lead_s[s] + whatif.cutoff_s;
        for (let i = 0; i < n; i++, k++) {
          const foreign = place[i] !== home[s];
          let t = NONE;
          if (crossing_s === null) t = table.joint[k] === NONE ? NONE : table.joint[k] + (foreign ? call - whatif.dispatch_s : 0);
          else {
            for (let p = 0; p < open.length; p++) if (open[p][k] !== NONE && open[p][k] + p * crossing_s < t) t = open[p][k] + p * crossing_s;
            if (t > most) t = NONE;
            else if (foreign) t += call;
          }
          out[k] = Math.min(NONE, Math.ceil(t));
        }
      }
      return out;
    }
    /** First and second due of each place among the sites that are on. `own`: those of its own partner only; `served`: a
        neighbour by a subsidiary agreement only where these, the own ones, do not come within the limit. */
    function scan(T, on, into, { own, served, limit } = {}) {
      const { s: best, second, station } = into;
      best.fill(NONE);
      second.fill(NONE);
      station.fill(0);
      for (const site of on) {
        const partner = home[site], row = site * n, code = site + 1, from = site * (state.partners.length + 1);
        for (let i = 0; i < n; i++) {
          const t = T[row + i];
          if (t > second[i] || t === NONE) continue;
          const mine = place[i] === partner;
          if (!mine && (own || served && sub[from + place[i]] && served.s[i] <= limit)) continue;
          if (t < best[i] || t === best[i] && mine && place[i] !== home[station[i] - 1]) {
            second[i] = best[i];
            best[i] = t;
            station[i] = code;
          } else if (t < second[i]) second[i] = t;
        }
      }
      return into;
    }
    function firstDue(key, setting, limit) {
      const off = new Set(setting.off), on = [];
      for (let site = 0; site < home.length; site++) {
        if (!tables[key].out.has(site) && (whatif.candidates.includes(site) ? setting.added.includes(site) : !off.has(site))) on.push(site);
      }
      const T = joint(key, setting), { agreed } = tables[key];
      const found = { joint: scan(T, on, room(key + " joint")), alone: scan(today ? agreed : T, on, room(key + " alone"), { own: true }) };
      if (today) found.agreed = scan(agreed, on, room(key + " agreed"), sub ? { served: found.alone, limit } : {});
      // Where the only own station closes, those come that a subsidiary agreement held back.
      found.all = Object.assign({}, found, sub ? { agreed: scan(agreed, on, room(key + " all")) } : {});
      return found;
    }

    /* ---- what each place counts as ---- */

    function labels(reached, before, under, high) {
      return levels.map((level, k) => {
        const gap = level === "joint" ? "gap" : "gap_" + level;
        if (!reached[k]) return !under ? gap : before[k] ? "lost_" + level : high ? gap.replace("gap", "gap_high") : gap + "_hazard";
        if (reached[0]) return "own";
        if (under && before[0]) return "held";
        return today && reached[1] ? "agreed_only" : today ? "joint_more" : "joint_only";
      });
    }
    /** Position among the statuses of every way to be reached now and in fair weather. */
    function codes(under) {
      const rows = under ? state.scenario_statuses : state.statuses, at = new Map(), fills = {};
      const key = row => levels.map(level => row[level + "_label"]).join("|");
      rows.forEach((row, k) => {
        at.set(key(row), k);
        for (const level of levels) fills[row[level + "_label"]] = row[level];
      });
      const many = 1 << levels.length, bits = code => levels.map((_, k) => code >> k & 1);
      return Uint8Array.from({ length: 2 * many * many }, (_, code) => {
        const told = labels(bits(code % many), bits((code / many | 0) % many), under, code >= many * many), row = { status: told.join("|"), added: true };
        levels.forEach((level, k) => { row[level + "_label"] = told[k]; row[level] = fills[told[k]]; });
        // A setting can make of a place what none is as computed.
        if (!at.has(key(row)) && told.every(one => fills[one])) at.set(key(row), rows.push(row) - 1);
        return at.has(key(row)) ? at.get(key(row)) : 0;
      });
    }
    const lookup = { "": codes(false), under: state.scenarios.length ? codes(true) : null };
    const noRoadAt = under => (under ? state.scenario_statuses : state.statuses).findIndex(row => row.status === "unreachable");

    function count(found, fair, limit, under) {
      const rows = under ? state.scenario_statuses : state.statuses, code = lookup[under ? "under" : ""], last = noRoadAt(under);
      const severity = under ? cells.under[state.scenario].severity : null, status = new Uint8Array(n), bits = levels.length, edges = bandEdges(limit), out = { columns: { status }, edges, bands: {}, who: {}, only: {} };
      const rowsOf = Array.from({ length: jurisdictions + 1 }, () => Object.assign({ population: 0 }, ...levels.map(level => ({ [level]: 0, ["fair_" + level]: 0, ["lost_" + level]: 0 }))));
      out.status = new Array(rows.length).fill(0);
      levels.forEach((level, k) => {
        const { s, second, station } = found[level], all = found.all[level], band = new Uint8Array(n), bands = new Array(edges.length + 3).fill(0);
        const who = new Array(2 * state.partners.length + 2).fill(0), only = new Float64Array(home.length);
        for (let i = 0; i < n; i++) {
          const t = s[i];
          let b = 0;
          if (t === NONE) b = edges.length + (noRoad[i] ? 2 : 1);
          else while (b < edges.length && t > edges[b]) b++;
          band[i] = b;
          bands[b] += people[i];
          if (t <= limit) {
            status[i] |= 1 << k;
            if (all.second[i] > limit) only[all.station[i] - 1] += people[i];
          }
          const from = station[i] ? home[station[i] - 1] : -1;
          who[from < 0 ? 2 * state.partners.length + noRoad[i] : 2 * from + (from !== place[i] ? 1 : 0)] += people[i];
        }
        Object.assign(out.columns, { [level + "_s"]: s, [level + "_second"]: second, [level + "_station"]: station, [level + "_band"]: band });
        out.bands[level] = bands;
        out.who[level] = who;
        out.only[level] = only;
      });
      let held = 0;
      for (let i = 0; i < n; i++) {
        let before = 0;
        levels.forEach((level, k) => { if (fair[level].s[i] <= limit) before |= 1 << k; });
        const now = status[i], row = rowsOf[Math.min(columns.jurisdiction[i], jurisdictions)], p = people[i];
        row.population += p;
        for (let k = 0; k < bits; k++) {
          if (now >> k & 1) row[levels[k]] += p;
          if (before >> k & 1) row["fair_" + levels[k]] += p;
          if (before >> k & 1 && !(now >> k & 1)) row["lost_" + levels[k]] += p;
        }
        if (before & 1 && !(now & 1) && now >> bits - 1 & 1) held += p;
        status[i] = noRoad[i] ? last : code[now | (under ? before : 0) << bits | (severity && severity[i] >= state.high && severity[i] <= 5 ? 1 : 0) << 2 * bits];
        out.status[status[i]] += p;
      }
      out.totals = rowsOf.reduce((sum, row) => { for (const key in row) sum[key] = (sum[key] || 0) + row[key]; return sum; }, {});
      out.totals.held = held;
      out.jurisdictions = state.jurisdictions.map((one, j) => Object.assign(rowsOf[j], { name: one.name }, one.population === null ? { population: null } : {}));
      return out;
    }

    let last = { key: "" };
    /** What the present setting gives in the weather that is shown; worked out once for each. */
    function found() {
      const { setting, scenario, limit_s: limit } = state, key = JSON.stringify([setting, scenario]);
      if (last.key !== key) {
        const under = hazard(state), fair = firstDue("", setting, limit);
        last = Object.assign(count(under ? firstDue(under.id, setting, limit) : fair, fair, limit, Boolean(under)), { key });
      }
      return last;
    }
    /** Works out the setting that is shown; nothing where it is what was computed. */
    function apply() {
      const { setting } = state;
      state.limit_s = setting.limit_s === null ? state.computed_limit_s : setting.limit_s;
      state.now = computed(setting) ? null : found();
    }
    /** People whom each site alone reaches in time in what is shown, at each level. */
    const only = () => found().only;
    /** Response band of each place by the times of one site, at the level and in the weather that are shown. */
    function reach(site) {
      const under = hazard(state), key = under ? under.id : "", { level } = state;
      const T = today && level !== "joint" ? tables[key].agreed : joint(key, state.setting), edges = bandEdges(state.limit_s), out = new Uint8Array(n);
      for (let i = 0, k = site * n; i < n; i++, k++) {
        let b = 0;
        if (T[k] === NONE || tables[key].out.has(site) || level === "alone" && place[i] !== home[site]) b = edges.length + (noRoad[i] ? 2 : 1);
        else while (b < edges.length && T[k] > edges[b]) b++;
        out[i] = b;
      }
      return out;
    }
    return { apply, only, reach, tables };
  }

  /** Resolves when everything that the map shows at first has been unpacked, and a moment later: the reader sees it first. */
  const drawn = state => new Promise(done => {
    const look = () => state.pending ? setTimeout(look, 20) : setTimeout(done, 100);
    look();
  });
  /** Unpacks the times once the page is ready, and makes the what-if of the page. */
  function prepare(map, cells) {
    const state = map.mutualaid;
    if (!state.whatif) return Promise.resolve();
    return cells.unpacked.then(() => drawn(state)).then(async () => {
      const tables = {};
      for (const [key, packed] of Object.entries(state.whatif.weather)) tables[key] = await weather(packed, tables[""]);
      await Promise.all(state.scenarios.map(one => cells.under[one.id] || cells._scenario(one.id)));
      state.engine = engine(map, cells, tables);
      change(map, {});
      map.getContainer().dataset.whatif = "ready";
    });
  }

  Object.assign(kit, { bandLabels, computed, prepare });
})(window.mutualaid);
