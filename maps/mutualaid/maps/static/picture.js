/* The map as a picture: all that is seen of it, drawn once more on one canvas, with title, numbers and legend beside it. */
(function (mutualaid) {
  "use strict";
  const kit = mutualaid.kit, { el, speech } = kit;
  const BESIDE = 350, GAP = 16, INK = "#1c2733", GREY = "#46535f"; // as the panel
  const HATCHES = { // lines: turned by degrees, colour, width and distance; dots: without a turn
    slash: [[-45, "rgba(60,25,0,.75)", 1.5, 5]],
    cross: [[45, "rgba(255,255,255,.7)", 1.2, 5]],
    dots: [[null, "rgba(255,255,255,.95)", 2, 5]],
    bars: [[0, "#004d38", 1, 4]],
    posts: [[90, "rgba(255,255,255,.85)", 1.2, 4]],
    sash: [[-45, "#fff", 2, 5.6]],
    net: [[45, "rgba(255,255,255,.9)", 1, 6], [-45, "rgba(255,255,255,.9)", 1, 6]],
    veil: [[45, "#8d959c", 1, 8]],
  };

  /* ---- what can be seen ---- */

  /** The part of the map that the panel leaves free, in pixels of its container. */
  function free(map) {
    const box = map.getContainer(), frame = box.getBoundingClientRect(), { x: width, y: height } = map.getSize();
    const panel = box.querySelector("section.ma-panel"), p = panel && panel.getBoundingClientRect(), whole = { x: 0, y: 0, width, height };
    if (!p || !p.width) return whole;
    if (p.width > 0.9 * width) return p.top - frame.top < 0.25 * height ? whole : Object.assign(whole, { height: Math.round(p.top - frame.top) });
    const left = p.left - frame.left, right = Math.round(left + p.width);
    return left + right < width ? { x: right, y: 0, width: width - right, height } : { x: 0, y: 0, width: Math.round(left), height };
  }
  const OPEN = { ltr: "\u2066", rtl: "\u2067", auto: "\u2068" }, CLOSE = "\u2069"; // of what has a direction of its own
  /** Text of a node; the second language has lines of its own. */
  function said(node) {
    if (node.nodeType === Node.TEXT_NODE) return node.data;
    const text = [...node.childNodes].map(said).join(""), open = OPEN[node.dir] || (node.nodeName === "BDI" ? OPEN.auto : "");
    return (node.classList.contains("ma-second") ? "\n" : "") + (open ? open + text + CLOSE : text);
  }
  const shown = style => style.display !== "none" && style.visibility !== "hidden";

  /* ---- drawing what a browser has drawn ---- */

  function hatch(ctx, name, { x, y, width, height }) {
    const reach = Math.hypot(width, height);
    for (const [turn, colour, thick, step] of HATCHES[name] || []) {
      ctx.save();
      ctx.beginPath();
      ctx.rect(x, y, width, height);
      ctx.clip();
      ctx.beginPath();
      if (turn === null) {
        for (let u = x + step / 2; u < x + width; u += step) for (let v = y + step / 2; v < y + height; v += step) {
          ctx.moveTo(u + thick / 2, v);
          ctx.arc(u, v, thick / 2, 0, 2 * Math.PI);
        }
        ctx.fillStyle = colour;
        ctx.fill();
      } else {
        ctx.translate(x + width / 2, y + height / 2);
        ctx.rotate(turn * Math.PI / 180);
        for (let v = -Math.ceil(reach / 2 / step) * step; v < reach / 2; v += step) {
          ctx.moveTo(-reach / 2, v);
          ctx.lineTo(reach / 2, v);
        }
        Object.assign(ctx, { strokeStyle: colour, lineWidth: thick });
        ctx.stroke();
      }
      ctx.restore();
    }
  }
  function pill(ctx, { x, y, width, height }, radius) {
    const r = Math.min(radius, width / 2, height / 2);
    ctx.beginPath();
    ctx.moveTo(x + r, y);
    ctx.arcTo(x + width, y, x + width, y + height, r);
    ctx.arcTo(x + width, y + height, x, y + height, r);
    ctx.arcTo(x, y + height, x, y, r);
    ctx.arcTo(x, y, x + width, y, r);
    ctx.closePath();
  }
  function path(ctx, node, alpha) {
    const style = getComputedStyle(node), d = node.getAttribute("d");
    if (!d || !shown(style)) return;
    const shape = new Path2D(d), all = alpha * style.opacity, number = text => parseFloat(text) || 0;
    const fill = () => {
      if (style.fill === "none") return;
      Object.assign(ctx, { globalAlpha: all * style.fillOpacity, fillStyle: style.fill });
      ctx.fill(shape, style.fillRule);
    };
    const stroke = () => {
      if (style.stroke === "none" || !number(style.strokeWidth)) return;
      Object.assign(ctx, { globalAlpha: all * style.strokeOpacity, strokeStyle: style.stroke, lineWidth: number(style.strokeWidth), lineCap: style.strokeLinecap, lineJoin: style.strokeLinejoin });
      ctx.setLineDash(style.strokeDasharray === "none" ? [] : style.strokeDasharray.split(/[ ,]+/).map(number));
      ctx.stroke(shape);
    };
    for (const one of style.paintOrder.startsWith("stroke") ? [stroke, fill] : [fill, stroke]) one();
  }
  /** A number in a drawing. */
  function figure(ctx, node, alpha) {
    const style = getComputedStyle(node);
    Object.assign(ctx, { globalAlpha: alpha * style.opacity, fillStyle: style.fill, font: `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`, textAlign: "center", textBaseline: "alphabetic" });
    ctx.fillText(node.textContent, node.getAttribute("x"), node.getAttribute("y"));
  }
  function drawing(ctx, svg, { x, y, width }, alpha) {
    const view = svg.viewBox.baseVal;
    ctx.save();
    ctx.translate(x, y);
    if (view && view.width) {
      ctx.scale(width / view.width, width / view.width);
      ctx.translate(-view.x, -view.y);
    }
    for (const node of svg.querySelectorAll("path")) path(ctx, node, alpha);
    for (const node of svg.querySelectorAll("text")) figure(ctx, node, alpha);
    ctx.restore();
  }
  /** Canvas of lines: Leaflet draws it once more, as fine as the picture is. */
  function lines(ctx, renderer, corner) {
    const { _ctx: own, _redrawBounds: pending } = renderer;
    ctx.save();
    ctx.translate(corner.x, corner.y);
    try {
      Object.assign(renderer, { _ctx: ctx, _redrawBounds: null });
      renderer._draw();
    } finally {
      Object.assign(renderer, { _ctx: own, _redrawBounds: pending });
      ctx.restore();
    }
  }
  /** A name on the ground, or a number in its frame. */
  function label(ctx, node, box, alpha) {
    const style = getComputedStyle(node), size = parseFloat(style.fontSize), pad = parseFloat(style.paddingLeft) || 0, edge = parseFloat(style.borderTopWidth) || 0;
    if (!shown(style)) return;
    Object.assign(ctx, { globalAlpha: alpha * style.opacity, direction: style.direction, textAlign: "center", textBaseline: "middle", lineJoin: "round" });
    ctx.font = `${style.fontStyle} ${style.fontWeight} ${size}px ${style.fontFamily}`;
    pill(ctx, box, parseFloat(style.borderTopLeftRadius) || 0);
    ctx.fillStyle = style.backgroundColor;
    ctx.fill();
    if (edge) {
      Object.assign(ctx, { strokeStyle: style.borderTopColor, lineWidth: edge });
      ctx.setLineDash([]);
      pill(ctx, { x: box.x + edge / 2, y: box.y + edge / 2, width: box.width - edge, height: box.height - edge }, parseFloat(style.borderTopLeftRadius) || 0);
      ctx.stroke();
    }
    const text = shortened(ctx, said(node).trim(), box.width - 2 * (pad + edge) + 1), halo = style.textShadow.match(/rgba?\([^)]*\)/);
    if (halo) {
      Object.assign(ctx, { strokeStyle: halo[0], lineWidth: size / 3 });
      ctx.setLineDash([]);
      ctx.strokeText(text, box.x + box.width / 2, box.y + box.height / 2);
    }
    ctx.fillStyle = style.color;
    ctx.fillText(text, box.x + box.width / 2, box.y + box.height / 2);
  }
  function shortened(ctx, text, width) {
    const signs = [...text];
    if (ctx.measureText(text).width <= width) return text;
    while (signs.length > 1 && ctx.measureText(signs.join("") + "…").width > width) signs.pop();
    return signs.join("") + "…";
  }
  /** What lies where nobody knows the hazard: a hatching, cut out by a mask. */
  function veil(ctx, node, style, box, seen, masks, alpha) {
    const mask = masks.get(maskOf(style)), scale = ctx.getTransform().a, layer = el("canvas", { width: Math.ceil(seen.width * scale), height: Math.ceil(seen.height * scale) });
    if (!mask) return;
    const on = layer.getContext("2d"), area = { x: Math.max(seen.x, box.x), y: Math.max(seen.y, box.y) };
    area.width = Math.min(seen.x + seen.width, box.x + box.width) - area.x;
    area.height = Math.min(seen.y + seen.height, box.y + box.height) - area.y;
    if (area.width <= 0 || area.height <= 0) return;
    on.scale(scale, scale);
    on.translate(-seen.x, -seen.y);
    on.fillStyle = style.backgroundColor;
    on.fillRect(area.x, area.y, area.width, area.height);
    hatch(on, hatchOf(node), area);
    on.globalCompositeOperation = "destination-in";
    on.imageSmoothingEnabled = false;
    on.drawImage(mask, box.x, box.y, box.width, box.height);
    ctx.globalAlpha = alpha;
    ctx.drawImage(layer, seen.x, seen.y, seen.width, seen.height);
  }
  const maskOf = style => ((style.maskImage || style.webkitMaskImage || "").match(/^url\("(data:[^"]+)"\)$/) || [])[1];
  const hatchOf = node => [...node.classList].map(name => name.slice(3)).find(name => name in HATCHES) || "";

  /* ---- the map ---- */

  const known = new Map(); // images of masks by their address
  /** Loads the masks of the map, so that it can be drawn at once when a reader prints it. */
  function prepare(map) {
    const found = [...map.getPane("ma-hazard").querySelectorAll(".ma-unknown")].map(node => maskOf(getComputedStyle(node))).filter(url => url && !known.has(url));
    return Promise.all(found.map(url => {
      const image = new Image();
      image.src = url;
      return image.decode().then(() => known.set(url, image));
    }));
  }
  /** Draws what is seen of the map in a rectangle of its container, from what lies at the bottom to what lies on top. */
  function paint(map, ctx, seen) {
    const container = map.getContainer(), frame = container.getBoundingClientRect(), renderers = new Map();
    map.eachLayer(layer => { if (layer instanceof L.Canvas) renderers.set(layer.getContainer ? layer.getContainer() : layer._container, layer); });
    const boxOf = node => {
      const box = node.getBoundingClientRect();
      return { x: box.left - frame.left, y: box.top - frame.top, width: box.width, height: box.height };
    };
    const level = node => Number(getComputedStyle(node).zIndex) || 0;
    const inside = ({ x, y, width, height }) => x < seen.x + seen.width && y < seen.y + seen.height && x + width > seen.x && y + height > seen.y;
    function draw(node, above) {
      const style = getComputedStyle(node), alpha = above * style.opacity;
      if (!shown(style) || !alpha) return;
      ctx.imageSmoothingEnabled = style.imageRendering !== "pixelated";
      if (node instanceof HTMLCanvasElement) {
        ctx.globalAlpha = alpha;
        ctx.imageSmoothingEnabled = false; // cells keep their edges
        const box = boxOf(node);
        if (renderers.has(node)) lines(ctx, renderers.get(node), map.layerPointToContainerPoint([0, 0]));
        else if (node.width) ctx.drawImage(node, box.x, box.y, box.width, box.height);
      } else if (node instanceof HTMLImageElement) {
        const box = boxOf(node);
        ctx.globalAlpha = alpha;
        if (node.complete && node.naturalWidth) ctx.drawImage(node, box.x, box.y, box.width, box.height);
      } else if (node instanceof SVGSVGElement) drawing(ctx, node, boxOf(node), alpha);
      else if (maskOf(style)) veil(ctx, node, style, boxOf(node), seen, known, alpha);
      else if (node.classList.contains("leaflet-marker-icon") && !node.querySelector("svg, img")) {
        const text = node.firstElementChild || node;
        if (inside(boxOf(text))) label(ctx, text, boxOf(text), alpha);
      } else [...node.children].sort((a, b) => level(a) - level(b)).forEach(child => draw(child, alpha));
    }
    ctx.save();
    ctx.beginPath();
    ctx.rect(seen.x, seen.y, seen.width, seen.height);
    ctx.clip();
    ctx.fillStyle = getComputedStyle(container).backgroundColor;
    ctx.fillRect(seen.x, seen.y, seen.width, seen.height);
    const { mapPane, tooltipPane, popupPane } = map.getPanes();
    [...mapPane.children].filter(pane => pane !== tooltipPane && pane !== popupPane).sort((a, b) => level(a) - level(b)).forEach(pane => draw(pane, 1));
    ctx.restore();
    scale(ctx, container.querySelector(".leaflet-control-scale-line"), seen);
  }
  function scale(ctx, line, seen) {
    if (!line) return;
    const width = line.getBoundingClientRect().width, x = seen.x + seen.width - width - 12, y = seen.y + seen.height - 12;
    ctx.save();
    Object.assign(ctx, { fillStyle: "rgba(255,255,255,.8)", strokeStyle: INK, lineWidth: 1.5, font: "11px " + getComputedStyle(line).fontFamily, textAlign: "center", direction: "ltr" });
    ctx.fillRect(x, y - 18, width, 18);
    ctx.beginPath();
    ctx.moveTo(x, y - 6);
    ctx.lineTo(x, y);
    ctx.lineTo(x + width, y);
    ctx.lineTo(x + width, y - 6);
    ctx.stroke();
    ctx.fillStyle = INK;
    ctx.fillText(line.textContent, x + width / 2, y - 6);
    ctx.restore();
  }

  /* ---- what stands beside it ---- */

  /** Lines of a text that are no wider than `width`. */
  function wrapped(ctx, text, width) {
    const out = [], fits = line => ctx.measureText(line).width <= width;
    for (const part of text.split("\n")) {
      let line = "";
      for (const word of part.trim().split(/\s+/)) {
        if (line && !fits(line + " " + word)) line = next(out, line) + word;
        else line += (line ? " " : "") + word;
        for (let signs = [...line]; !fits(line) && signs.length > 1; signs = [...line]) { // a word that no line holds
          let n = signs.length - 1;
          while (n > 1 && !fits(signs.slice(0, n).join(""))) n--;
          line = next(out, signs.slice(0, n).join("")) + signs.slice(n).join("");
        }
      }
      next(out, line);
    }
    return out.filter(line => line);
  }
  /** Ends a line. Returns how the next one begins: what has a direction of its own keeps it there. */
  function next(out, line) {
    const open = [];
    for (const sign of line) sign === CLOSE ? open.pop() : Object.values(OPEN).includes(sign) && open.push(sign);
    out.push(line + CLOSE.repeat(open.length));
    return open.join("");
  }
  /** Swatch of a row of the legend. */
  function swatch(ctx, node, x, y) {
    const style = getComputedStyle(node), svg = node.querySelector("svg"), edge = parseFloat(style.borderTopWidth) || 0;
    if (svg) {
      const size = 18 * (Number((node.style.transform.match(/[\d.]+/) || [1])[0]));
      drawing(ctx, svg, { x: x + 11 - size / 2, y: y - size / 2, width: size, height: size }, 1);
      return;
    }
    const box = { x, y: y - 7.5, width: 22, height: 15 };
    Object.assign(ctx, { globalAlpha: 1, strokeStyle: style.borderTopColor, lineWidth: edge });
    ctx.setLineDash(style.borderTopStyle === "dashed" ? [5, 3] : []);
    ctx.beginPath();
    if (node.classList.contains("ma-line")) {
      ctx.moveTo(x, y);
      ctx.lineTo(x + 22, y);
      ctx.stroke();
    } else if (node.classList.contains("ma-ring")) ctx.strokeRect(x + 1, y - 6.5, 20, 13);
    else {
      ctx.fillStyle = style.backgroundColor;
      ctx.fillRect(box.x, box.y, box.width, box.height);
      hatch(ctx, hatchOf(node), box);
      Object.assign(ctx, { strokeStyle: "rgba(0,0,0,.25)", lineWidth: 1 });
      ctx.strokeRect(box.x + 0.5, box.y + 0.5, box.width - 1, box.height - 1);
    }
  }
  /** Lays out title, setting, numbers and legend in a column. Returns its height, and what draws it at a corner. */
  function column(map, width) {
    const state = map.mutualaid, { say, text } = speech(state), panel = map.getContainer().querySelector("section.ma-panel");
    const rtl = kit.direction(state, state.lang) === "rtl", family = getComputedStyle(map.getContainer()).fontFamily;
    const ctx = el("canvas").getContext("2d"), steps = [], at = dx => rtl ? width - GAP - dx : GAP + dx, inner = width - 2 * GAP;
    let y = GAP;
    const font = (size, weight) => `${weight || 400} ${size}px ${family}`;
    const style = (on, look) => Object.assign(on, { globalAlpha: 1, direction: rtl ? "rtl" : "ltr", textAlign: rtl ? "right" : "left", textBaseline: "alphabetic" }, look);
    function write(words, size, { weight, colour, from, to, before } = {}) {
      const look = { font: font(size, weight), fillStyle: colour || INK }, start = from || 0;
      style(ctx, look);
      y += before || 0;
      for (const line of wrapped(ctx, words, inner - start - (to || 0))) {
        const base = y + size;
        steps.push(on => style(on, look).fillText(line, at(start), base));
        y += Math.round(size * 1.35);
      }
    }
    const tell = (nodes, size, look) => write(said(el("p", {}, nodes)), size, look);
    function row(item) {
      const mark = item.querySelector(".ma-swatch"), n = item.querySelector(".ma-n"), label = item.querySelector(".ma-label") || item, top = y + 2;
      const number = n ? said(n) : "", look = { font: font(13, 600), fillStyle: INK };
      style(ctx, look);
      const room = number ? ctx.measureText(number).width + 10 : 0;
      y = top;
      if (item.classList.contains("ma-rule")) {
        const line = top;
        steps.push(on => { Object.assign(on, { strokeStyle: INK, lineWidth: 1.5 }); on.setLineDash([5, 4]); on.beginPath(); on.moveTo(GAP, line); on.lineTo(width - GAP, line); on.stroke(); });
        write(said(item), 12, { colour: GREY });
        return;
      }
      if (mark) steps.push(on => swatch(on, mark, rtl ? width - GAP - 22 : GAP, top + 9));
      if (number) steps.push(on => style(on, Object.assign(look, { textAlign: rtl ? "left" : "right" })).fillText(number, rtl ? GAP : width - GAP, top + 13));
      write(said(label), 13, { from: mark ? 30 : 0, to: room });
      const names = item.querySelector(".ma-names");
      if (names) write(said(names), 13, { weight: 600 });
    }
    function part(node) {
      if (node.matches("h2, h3")) write(said(node), 12, { weight: 600, colour: GREY, before: 8 });
      else if (node.matches("ul")) [...node.children].forEach(row);
      else write(said(node), 12, { colour: GREY });
    }
    tell(kit.name(state.region), 18, { weight: 700 });
    tell(kit.question(state), 13, { colour: GREY });
    tell(kit.settingShown(state), 13, { weight: 600, before: 6 });
    state.subject === "evacuation" ? clearance() : reached();
    [...panel.querySelector(".ma-legend").children].forEach(part);
    tell(text("disclaimer"), 12, { weight: 600, before: 12 });
    write(said(el("bdi", {}, map.getContainer().querySelector(".leaflet-control-attribution").textContent)), 11, { colour: GREY, before: 2 });
    return { height: y + GAP, draw: on => steps.forEach(step => { on.save(); step(on); on.restore(); }) };

    /** How long it takes, who gets out, and what hinders it. */
    function clearance() {
      for (const node of panel.querySelector(".ma-evac-head").children) {
        if (node.matches(".ma-evac-big")) write(said(node), 28, { weight: 700, before: 6 });
        else if (node.matches("h3, ul")) part(node);
        else if (!node.matches(".ma-sub")) write(said(node), 13, { before: 4 });
      }
    }
    /** How many are reached in time, and what the other levels change. */
    function reached() {
      if (state.pin) tell(say("pinned", { setting: el("span", {}, kit.described(state, state.pin)) }), 12, { colour: GREY });
      for (const node of panel.querySelectorAll(".ma-derived")) write(said(node), 12, { weight: 600, colour: "#6b3f00", before: 4 });
      const big = panel.querySelector(".ma-big"), figure = font(36, 700), top = y + 10;
      style(ctx, { font: figure });
      const room = ctx.measureText(said(big)).width + 14;
      steps.push(on => style(on, { font: figure, fillStyle: INK }).fillText(said(big), at(0), top + 34));
      y = top;
      write(said(panel.querySelector(".ma-head p")), 13, { from: room });
      y = Math.max(y, top + 46);
      for (const node of panel.querySelectorAll(".ma-gain, .ma-pinned")) if (!node.closest(".ma-of-evacuation")) write(said(node), 13, { before: 4 });
      for (const list of panel.querySelectorAll(".ma-effects")) [...list.children].forEach(row);
    }
  }

  /* ---- both together ---- */

  function sheet(width, height, scale) {
    const canvas = el("canvas", { width: Math.round(width * scale), height: Math.round(height * scale) }), ctx = canvas.getContext("2d");
    ctx.scale(scale, scale);
    return [canvas, ctx];
  }
  /** The map alone on a canvas of `scale` pixels for each that is seen. */
  function mapPicture(map, scale) {
    const seen = free(map), [canvas, ctx] = sheet(seen.width, seen.height, scale);
    ctx.translate(-seen.x, -seen.y);
    paint(map, ctx, seen);
    return canvas;
  }
  /** The map with all that explains it: beside it, or below it on a narrow screen. */
  function picture(map, scale) {
    const seen = free(map), below = map.getSize().x <= 640, width = below ? seen.width : map.getSize().x - seen.width || BESIDE, text = column(map, width);
    const rtl = kit.direction(map.mutualaid, map.mutualaid.lang) === "rtl", across = below ? width : width + seen.width;
    const [canvas, ctx] = sheet(across, below ? seen.height + text.height : Math.max(seen.height, text.height), scale);
    ctx.fillStyle = "#fff";
    ctx.fillRect(0, 0, canvas.width, canvas.height);
    ctx.save();
    ctx.translate((below || rtl ? 0 : width) - seen.x, -seen.y);
    paint(map, ctx, seen);
    ctx.restore();
    ctx.translate(below || !rtl ? 0 : seen.width, below ? seen.height : 0);
    text.draw(ctx);
    return canvas;
  }

  Object.assign(kit, { free, mapPicture, picture, preparePicture: prepare });
})(window.mutualaid);
