"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const state = { metric: null, active: null, pinned: false, logX: false, logY: false, hidden: new Set() };
  const SVG = "http://www.w3.org/2000/svg";
  const NEAR = 4; // a device that leaves more than so many times the largest weights is named, not drawn
  const WIDE = 8; // sizes that differ by more than this factor are read on a logarithmic axis
  const REACH = 48; // pixels from a point within which the pointer means it
  const KINDS = { original: "the original", uniform: "uniform", mixed: "mixed", plain: "", unknown: "" };
  const SHORT = { kl: "KL", top1: "Same token", task: "Questions", speed: "Speed" };
  const LEGEND = { mixed: "a scheme for each layer", uniform: "uniform rival", original: "the original" };
  const byId = (id) => document.getElementById(id);

  // Elements: text is only ever set as text.

  function make(space, name, attributes, children) {
    const node = space ? document.createElementNS(space, name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) node.setAttribute(key, value);
    for (const child of children || []) node.append(child);
    return node;
  }
  const html = (name, attributes, ...children) => make(null, name, attributes, children);
  const svg = (name, attributes, ...children) => make(SVG, name, attributes, children);

  // Scales and what their ticks read.

  function scale(low, high, from, to, isLog) {
    const turn = isLog ? Math.log : (value) => value;
    const [a, b] = [turn(low), turn(high)];
    const at = (value) => from + ((turn(value) - a) / (b - a || 1)) * (to - from);
    return { low, high, isLog, at };
  }

  function widened(low, high, isLog, share) {
    if (isLog) {
      const factor = high > low ? Math.pow(high / low, share) : 2;
      return [low / factor, high * factor];
    }
    const margin = high > low ? (high - low) * share : Math.abs(low) * 0.3 || 1;
    return [low - margin, high + margin];
  }

  function steps(low, high, most) {
    const raw = (high - low) / Math.max(1, most);
    const power = Math.pow(10, Math.floor(Math.log10(raw)));
    const step = [1, 2, 2.5, 5, 10].map((one) => one * power).find((one) => one >= raw * (1 - 1e-9));
    const ticks = [];
    for (let n = Math.ceil(low / step - 1e-9); n * step <= high * (1 + 1e-12); n += 1) ticks.push(n * step);
    return ticks;
  }

  function factors(low, high, most) {
    const all = (multiples) => {
      const ticks = [];
      for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1)
        for (const one of multiples) ticks.push(one * Math.pow(10, power));
      return ticks.filter((one) => one >= low * (1 - 1e-9) && one <= high * (1 + 1e-9));
    };
    const fine = [[1, 2, 5], [1, 3], [1]].map(all).find((ticks) => ticks.length <= most) || all([1]);
    return fine.length > 1 ? fine : steps(low, high, most).filter((one) => one > 0);
  }

  const ticksOf = (on, most) => (on.isLog ? factors : steps)(on.low, on.high, most);
  const plain = (value) => String(Number(value.toPrecision(6)));

  function tidy(value) {
    const size = Math.abs(value);
    if (size === 0 || (size >= 1e-4 && size < 1e7)) return plain(value);
    return value.toExponential(0).replace("e-", "e\u2212").replace("e+", "e");
  }

  function sizeUnit(most) {
    const units = [[1e12, "TB"], [1e9, "GB"], [1e6, "MB"], [1e3, "kB"], [1, "bytes"]];
    return units.find(([factor]) => most >= factor) || units[units.length - 1];
  }

  // On a linear axis all ticks have as many decimals as the one that needs most.
  function tickTexts(on, ticks, unit) {
    const values = unit === "share" ? ticks.map((one) => 100 * one) : ticks;
    const most = Math.max(0, ...values.map((one) => (plain(one).split(".")[1] || "").length));
    const isPlain = values.every((one) => one === 0 || (Math.abs(one) >= 1e-4 && Math.abs(one) < 1e7));
    const text = (value) => (on.isLog || !isPlain ? tidy(value) : value.toFixed(most));
    return values.map((one) => text(one) + (unit === "share" ? " %" : ""));
  }

  const unitText = { nats: "nats per token", tps: "tokens per second", share: "" };

  // What is shown of the data.

  const metricOf = (name) => data.metrics.find((one) => one.name === name);
  const readingOf = (point) => point.readings[state.metric.name];
  const isShown = (point) => readingOf(point) && (!state.logY || readingOf(point).value > 0);
  const shown = () => data.points.filter(isShown);
  const devices = () => data.devices.filter((_, number) => !state.hidden.has(number));
  const largest = (points) => Math.max(...points.map((point) => point.size_bytes));

  function nearAndFar(points) {
    const most = NEAR * largest(points);
    const there = devices().filter((one) => one.size_bytes > 0);
    return [there.filter((one) => one.size_bytes <= most), there.filter((one) => one.size_bytes > most)];
  }

  function heights(points) {
    const values = points.flatMap((point) => {
      const one = readingOf(point);
      const low = state.logY ? Math.max(one.low === null ? one.value : one.low, one.value / 4) : one.low;
      return [one.value, low, one.high].filter((value) => value !== null);
    });
    return [Math.min(...values), Math.max(...values)];
  }

  function axes(points, near, box) {
    const sizes = [...points, ...near].map((one) => one.size_bytes);
    const x = widened(Math.min(...sizes), Math.max(...sizes), state.logX, 0.06);
    const y = widened(...heights(points), state.logY, 0.06);
    if (!state.logY && state.metric.unit === "share") y[1] = Math.min(y[1], 1 + 0.05 * (1 - y[0]));
    if (!state.logX) x[0] = Math.max(x[0], 0);
    if (!state.logY) y[0] = Math.max(y[0], 0);
    return [scale(...x, box.left, box.right, state.logX), scale(...y, box.bottom, box.top, state.logY)];
  }

  // Drawing.

  function boxOf(width) {
    const height = Math.round(Math.min(500, Math.max(340, width * 0.66)));
    return { width, height, left: 52, right: width - 14, top: 62, bottom: height - 42 };
  }

  function line(x1, y1, x2, y2, name) {
    return svg("line", { x1, y1, x2, y2, class: name });
  }

  function label(x, y, text, attributes) {
    return svg("text", { x, y, ...attributes }, text);
  }

  function yAxis(on, box) {
    const ticks = ticksOf(on, 8);
    const texts = tickTexts(on, ticks, state.metric.unit);
    const parts = ticks.flatMap((value, number) => [
      line(box.left, on.at(value), box.right, on.at(value), "grid"),
      label(box.left - 8, on.at(value) + 4, texts[number], { "text-anchor": "end" }),
    ]);
    const better = state.metric.is_less_better ? "less is better" : "more is better";
    const unit = box.width < 360 ? "" : unitText[state.metric.unit];
    const words = [state.metric.label, unit, better].filter(Boolean).join(", ");
    return svg("g", { class: "y" }, ...parts, label(0, 13, words, { class: "heading", id: "y-label" }));
  }

  function xAxis(on, box) {
    const [factor, unit] = sizeUnit(on.high);
    const inUnit = scale(on.low / factor, on.high / factor, box.left, box.right, on.isLog);
    const ticks = ticksOf(inUnit, box.width / 80);
    const texts = tickTexts(inUnit, ticks, "bytes");
    const parts = ticks.flatMap((value, number) => [
      line(inUnit.at(value), box.bottom, inUnit.at(value), box.bottom + 4, "axis"),
      label(inUnit.at(value), box.bottom + 18, texts[number], { "text-anchor": "middle" }),
    ]);
    const atEnd = { "text-anchor": "end", class: "heading" };
    const name = label(box.right, box.bottom + 36, `Size of the weights, ${unit}`, atEnd);
    return svg("g", { class: "x" }, line(box.left, box.bottom, box.right, box.bottom, "axis"), ...parts, name);
  }

  function bitsAxis(on, box, points) {
    const one = points.find((point) => point.bits_per_weight !== null);
    if (!one) return svg("g", {});
    const bits = one.bits_per_weight / one.size_bytes;
    const top = scale(on.low * bits, on.high * bits, box.left, box.right, on.isLog);
    const last = box.right - 8;
    const ticks = ticksOf(top, box.width / 80).filter((value) => top.at(value) < last);
    const texts = tickTexts(top, ticks, "bits");
    const parts = ticks.flatMap((value, number) => [
      line(top.at(value), box.top - 4, top.at(value), box.top, "axis"),
      label(top.at(value), box.top - 9, texts[number], { "text-anchor": "middle" }),
    ]);
    const name = label(box.right, box.top - 26, "bits per weight", { "text-anchor": "end" });
    return svg("g", { class: "bits" }, line(box.left, box.top, box.right, box.top, "grid"), ...parts, name);
  }

  // Its name stands at the upper end, unless a point is there.
  function limitLine(device, on, box, marks) {
    const [at, length] = [on.at(device.size_bytes), 7 * device.device.length + 12];
    const isTaken = marks.some(([left, top, right]) => left < at + 2 && right > at - 18 && top < box.top + length);
    const place = isTaken ? { y: box.bottom - 8, anchor: "start" } : { y: box.top + 8, anchor: "end" };
    const turned = { transform: `rotate(-90 ${at - 5} ${place.y})`, "text-anchor": place.anchor };
    const name = label(at - 5, place.y, device.device, turned);
    return svg("g", { class: "limit" }, line(at, box.top, at, box.bottom, ""), name);
  }

  function edgePlaces(x, y) {
    const points = state.metric.edge.map((number) => data.points[number]).filter(isShown);
    return points.map((point) => [x.at(point.size_bytes), y.at(readingOf(point).value)]);
  }

  const edgeLine = (x, y) => svg("polyline", { points: edgePlaces(x, y).join(" "), class: "edge" });

  function alongEdge(x, y) {
    const places = edgePlaces(x, y);
    const between = ([a, b], [c, d], share) => [a + (c - a) * share, b + (d - b) * share];
    return places.slice(1).flatMap((place, number) => {
      const count = Math.ceil(Math.hypot(place[0] - places[number][0], place[1] - places[number][1]) / 6);
      const spots = Array.from({ length: count }, (_, n) => between(places[number], place, n / count));
      return spots.map(([a, b]) => [a - 2, b - 2, a + 2, b + 2]);
    });
  }

  const MARKS = {
    uniform: () => svg("rect", { x: -5, y: -5, width: 10, height: 10, class: "mark" }),
    original: () => svg("path", { d: "M0 -7 L7 0 L0 7 L-7 0 Z", class: "mark" }),
  };
  const markOf = (kind) => (MARKS[kind] || (() => svg("circle", { r: 6, class: "mark" })))();

  // What a logarithmic axis cannot reach ends where the axis does.
  function heightOf(value, y, box) {
    return y.isLog && value <= 0 ? box.bottom : Math.min(box.bottom, Math.max(box.top, y.at(value)));
  }

  function errorBar(reading, y, box, middle) {
    if (reading.low === null) return [];
    const end = (value) => heightOf(value, y, box) - middle;
    const [low, high] = [end(reading.low), end(reading.high)];
    return [line(0, low, 0, high, "bar"), line(-4, low, 4, low, "bar"), line(-4, high, 4, high, "bar")];
  }

  function spoken(point) {
    const bits = point.bits_text ? `, ${point.bits_text} bits per weight` : "";
    const made = KINDS[point.kind] ? `, ${KINDS[point.kind]}` : "";
    return `${point.name}${made}, ${point.size_text}${bits}, ${state.metric.label} ${readingOf(point).text}`;
  }

  function pointMark(point, x, y, box) {
    const number = data.points.indexOf(point);
    const [left, top] = [x.at(point.size_bytes), y.at(readingOf(point).value)];
    const isChosen = devices().some((one) => one.choice === number);
    const attributes = {
      class: `point ${point.kind}${number === state.active ? " active" : ""}`,
      transform: `translate(${left} ${top})`,
      role: "button", tabindex: number === focusable() ? 0 : -1, "data-point": number, "aria-label": spoken(point),
    };
    const chosen = isChosen ? [svg("circle", { r: 14, class: "chosen" })] : [];
    const ring = svg("circle", { r: 10, class: "ring" });
    return svg("g", attributes, ...errorBar(readingOf(point), y, box, top), ...chosen, markOf(point.kind), ring);
  }

  function focusable() {
    const there = shown().map((point) => data.points.indexOf(point));
    return there.includes(state.active) ? state.active : there[0];
  }

  // Names stand beside points where they cover neither a point nor another name; details have those of the rest.

  function nameLabels(points, x, y, box, taken) {
    const edge = new Set(state.metric.edge.map((number) => data.points[number]));
    const ordered = [...points].sort((a, b) => edge.has(b) - edge.has(a));
    return ordered.flatMap((point) => {
      const [left, top, width] = [x.at(point.size_bytes), y.at(readingOf(point).value), 7 * point.name.length + 6];
      const sides = [[12, -8], [12, 4], [12, 18], [-width - 10, 18], [-width - 10, 4], [-width - 10, -8]];
      const spots = sides.map(([dx, dy]) => [left + dx, top + dy]);
      const free = spots.find(([a, b]) => isFree([a, b - 11, a + width, b + 3], box, taken));
      if (!free || point.name.length > 26) return [];
      taken.push([free[0], free[1] - 11, free[0] + width, free[1] + 3]);
      return [label(free[0], free[1], point.name, { class: "name", "aria-hidden": "true" })];
    });
  }

  function isFree([left, top, right, bottom], box, taken) {
    if (left < box.left || right > box.right || top < box.top || bottom > box.bottom) return false;
    return !taken.some(([a, b, c, d]) => left < c && right > a && top < d && bottom > b);
  }

  function occupied(points, x, y, box) {
    return points.map((point) => {
      const [left, top, one] = [x.at(point.size_bytes), y.at(readingOf(point).value), readingOf(point)];
      const ends = one.low === null ? [] : [one.low, one.high].map((value) => heightOf(value, y, box));
      return [left - 7, Math.min(top - 7, ...ends), left + 7, Math.max(top + 7, ...ends)];
    });
  }

  function draw() {
    const chart = byId("chart");
    const points = shown();
    if (!points.length) return chart.replaceChildren("There is nothing to draw.");
    const box = boxOf(Math.max(280, chart.clientWidth));
    const [near, far] = nearAndFar(points);
    const [x, y] = axes(points, near, box);
    const marks = occupied(points, x, y, box);
    const strips = near.map((one) => [x.at(one.size_bytes) - 18, box.top, x.at(one.size_bytes) + 2, box.bottom]);
    const frame = { viewBox: `0 0 ${box.width} ${box.height}`, width: box.width, height: box.height, role: "group" };
    const words = `${state.metric.label} against size. Arrow keys go from point to point.`;
    const picture = svg("svg", { ...frame, "aria-label": words });
    picture.append(yAxis(y, box), xAxis(x, box), bitsAxis(x, box, points));
    picture.append(...near.map((one) => limitLine(one, x, box, marks)), edgeLine(x, y));
    picture.append(...nameLabels(points, x, y, box, [...marks, ...strips, ...alongEdge(x, y)]));
    picture.append(...points.map((point) => pointMark(point, x, y, box)));
    chart.replaceChildren(picture);
    caption(far);
    return listen(picture, points, x, y);
  }

  function keyOf(left, width, mark) {
    return svg("svg", { width, height: 16, viewBox: `${left} -8 ${width} 16`, "aria-hidden": "true" }, mark);
  }

  function caption(far) {
    const metric = state.metric;
    const more = far.length ? ` Room for far more: ${far.map((one) => one.device).join(", ")}.` : "";
    const rings = devices().some((one) => one.choice !== null) ? " Dotted ring: least KL that fits a device." : "";
    const absent = data.points.filter((point) => readingOf(point) && !isShown(point)).map((point) => point.name);
    const none = absent.length ? ` Zero, which has no place on a logarithmic axis: ${absent.join(", ")}.` : "";
    const measured = `Measured on ${metric.conditions}. Error bars: ${metric.errors}.`;
    byId("caption").textContent = measured + none + rings + more;
    const kinds = new Set(shown().map((point) => point.kind));
    const entries = Object.keys(LEGEND).filter((kind) => kinds.has(kind)).map((kind) =>
      html("span", {}, keyOf(-8, 16, svg("g", { class: kind }, markOf(kind))), LEGEND[kind]));
    const edge = keyOf(0, 22, line(0, 0, 22, 0, "edge"));
    byId("legend").replaceChildren(...entries, html("span", {}, edge, "best at its size"));
  }

  // Details of one point.

  function entry(name, text, id) {
    const value = html("dd", {}, text);
    if (id) value.append(html("code", { title: id }, id.slice(0, 12)));
    return html("div", {}, html("dt", {}, name), value);
  }

  const missing = (point, metric) =>
    point.kind === "original" && ["kl", "top1"].includes(metric.name) ? "is the original" : "not measured";

  function readings(point) {
    const units = { nats: " nats", tps: " tok/s", share: "" };
    return data.metrics.map((metric) => {
      const one = point.readings[metric.name];
      if (!one) return entry(metric.label, missing(point, metric));
      return entry(metric.label, one.text + units[metric.unit], one.measurement_id);
    });
  }

  function details(number) {
    const point = data.points[number];
    const made = [KINDS[point.kind], point.scheme].filter(Boolean).join(", ") || "how it was made is not known here";
    const size = [entry("Size", point.size_text), entry("Bits per weight", point.bits_text || "not known")];
    const machine = point.machine ? [entry("Speed measured on", point.machine)] : [];
    for (const one of machine) one.className = "whole";
    const chosen = data.devices.filter((one) => one.choice === number).map((one) => one.device);
    const list = html("dl", {}, ...size, ...readings(point), ...machine);
    const parts = [html("h3", {}, point.name), html("p", { class: "made" }, made), list];
    if (chosen.length) parts.push(html("p", { class: "chosen-for" }, `Least KL that fits: ${chosen.join(", ")}.`));
    byId("details").replaceChildren(...parts);
  }

  function activate(number, isPinned) {
    state.pinned = Boolean(isPinned);
    if (state.active === number) return;
    state.active = number;
    details(number);
    for (const one of document.querySelectorAll(".point, tbody tr[data-point]"))
      one.classList.toggle("active", Number(one.dataset.point) === number);
    for (const one of document.querySelectorAll(".point"))
      one.setAttribute("tabindex", Number(one.dataset.point) === number ? 0 : -1);
  }

  // Pointer and keys.

  function nearest(event, picture, points, x, y) {
    const frame = picture.getBoundingClientRect();
    const ratio = picture.viewBox.baseVal.width / frame.width;
    const [left, top] = [(event.clientX - frame.left) * ratio, (event.clientY - frame.top) * ratio];
    const far = (point) => Math.hypot(x.at(point.size_bytes) - left, y.at(readingOf(point).value) - top);
    const best = points.reduce((a, b) => (far(b) < far(a) ? b : a));
    return far(best) <= REACH ? data.points.indexOf(best) : null;
  }

  function listen(picture, points, x, y) {
    const meant = (event) => nearest(event, picture, points, x, y);
    picture.addEventListener("pointermove", (event) => {
      const number = meant(event);
      if (number !== null && !state.pinned) activate(number);
    });
    picture.addEventListener("click", (event) => {
      const number = meant(event);
      if (number === null) state.pinned = false;
      else activate(number, true);
    });
    picture.addEventListener("focusin", (event) => {
      const point = event.target.closest(".point");
      if (point) activate(Number(point.dataset.point), state.pinned);
    });
    picture.addEventListener("keydown", (event) => walk(event, picture));
  }

  function walk(event, picture) {
    const all = [...picture.querySelectorAll(".point")];
    const here = all.indexOf(document.activeElement);
    const [before, after, last] = [here - 1, here + 1, all.length - 1];
    const ways = { ArrowRight: after, ArrowUp: after, ArrowLeft: before, ArrowDown: before, Home: 0, End: last };
    if (event.key === "Escape") state.pinned = false;
    if (here >= 0 && (event.key === "Enter" || event.key === " ")) {
      event.preventDefault();
      activate(Number(all[here].dataset.point), true);
    }
    if (!(event.key in ways) || here < 0) return;
    event.preventDefault();
    all[Math.min(last, Math.max(0, ways[event.key]))].focus();
  }

  // Controls.

  function choose(name) {
    state.metric = metricOf(name);
    const values = data.points.map(readingOf).filter(Boolean).map((one) => one.value);
    const canLog = values.some((value) => value > 0);
    state.logY = state.metric.is_logarithmic && canLog;
    byId("log-y").checked = state.logY;
    byId("log-y").disabled = !canLog;
    byId("log-y-name").textContent = `log ${{ kl: "KL", top1: "agreement", task: "share", speed: "speed" }[name]}`;
    const sizes = shown().map((point) => point.size_bytes);
    state.logX = Math.max(...sizes) > WIDE * Math.min(...sizes);
    byId("log-x").checked = state.logX;
    for (const one of byId("metrics").children) {
      one.setAttribute("aria-checked", String(one.dataset.metric === name));
      one.tabIndex = one.dataset.metric === name ? 0 : -1;
    }
    draw();
    if (state.active === null) activate(startingPoint());
  }

  function startingPoint() {
    const chosen = data.devices.find((one) => one.choice !== null);
    const edge = state.metric.edge;
    return chosen ? chosen.choice : edge.length ? edge[edge.length - 1] : data.points.indexOf(shown()[0]);
  }

  function metricButtons() {
    const buttons = data.metrics.map((one) => {
      const attributes = { type: "button", role: "radio", "data-metric": one.name, title: one.label };
      return html("button", attributes, SHORT[one.name]);
    });
    byId("metrics").replaceChildren(...buttons);
    byId("metrics").addEventListener("click", (event) => {
      if (event.target.dataset.metric) choose(event.target.dataset.metric);
    });
    byId("metrics").addEventListener("keydown", (event) => {
      const way = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!way) return;
      event.preventDefault();
      const next = buttons[(buttons.indexOf(document.activeElement) + way + buttons.length) % buttons.length];
      next.focus();
      choose(next.dataset.metric);
    });
  }

  function scaleBoxes() {
    for (const [id, key] of [["log-x", "logX"], ["log-y", "logY"]])
      byId(id).addEventListener("change", (event) => { state[key] = event.target.checked; draw(); });
  }

  function deviceBoxes() {
    for (const box of document.querySelectorAll("input[data-device]"))
      box.addEventListener("change", () => {
        state.hidden[box.checked ? "delete" : "add"](Number(box.dataset.device));
        draw();
      });
  }

  function themeButton() {
    const root = document.documentElement;
    const prefers = matchMedia("(prefers-color-scheme: dark)");
    const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : prefers.matches);
    const say = () => {
      byId("theme").textContent = isDark() ? "Light" : "Dark";
      byId("theme").setAttribute("aria-pressed", String(isDark()));
    };
    byId("theme").addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; say(); });
    prefers.addEventListener("change", say);
    say();
  }

  // The table.

  function compare(a, b, column, way) {
    const [one, other] = [a, b].map((row) => row.cells[column].dataset.value);
    if (one === "" || other === "") return (one === "") - (other === ""); // what was not measured stands last
    const difference = Number(one) - Number(other);
    return way * (Number.isNaN(difference) ? one.localeCompare(other) : difference);
  }

  function sort(table, heading) {
    const way = heading.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    for (const one of table.tHead.rows[0].cells) one.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", way > 0 ? "ascending" : "descending");
    const rows = [...table.tBodies[0].rows].sort((a, b) => compare(a, b, heading.cellIndex, way));
    table.tBodies[0].append(...rows);
  }

  function sortable() {
    const table = byId("measured");
    for (const heading of table.tHead.rows[0].cells) {
      const button = html("button", { type: "button" }, heading.textContent);
      button.addEventListener("click", () => sort(table, heading));
      heading.replaceChildren(button);
    }
    table.tBodies[0].addEventListener("click", (event) => {
      const row = event.target.closest("tr");
      if (row) activate(Number(row.dataset.point), true);
    });
  }

  function begin() {
    document.documentElement.classList.add("scripted");
    themeButton();
    metricButtons();
    scaleBoxes();
    deviceBoxes();
    sortable();
    choose(data.metric);
    let width = byId("chart").clientWidth;
    new ResizeObserver(() => {
      if (byId("chart").clientWidth === width) return;
      width = byId("chart").clientWidth;
      draw();
    }).observe(byId("chart"));
  }
  begin();
})();
