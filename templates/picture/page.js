// Shows what comes of a shutdown where steps do other than planned. Nothing is computed here but the
// place of a bar: every variant was worked out when the page was made.
(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("data").textContent);
  const what = document.getElementById("what");
  const others = document.getElementById("others");
  const SVG = "http://www.w3.org/2000/svg";
  const [DONE, FAILED, CANCELLED, ABANDONED, CUT, NEVER] = [0, 1, 2, 3, 4, 5];
  const WORDS = ["", ", failed", ", cancelled", ", given up", ", killed", ""];

  const time = (ms) => {
    if (ms < 1000) return ms === 0 ? "0s" : ms + "ms";
    if (ms < 3600000) return ms / 1000 + "s";
    let text = "";
    for (const [unit, size] of [["h", 3600000], ["m", 60000], ["s", 1000], ["ms", 1]]) {
      if (ms >= size) text += Math.floor(ms / size) + unit;
      ms %= size;
    }
    return text;
  };
  const place = (ms) => Math.min(ms / data.end, 1) * 100;

  const bar = (group, shape, start, end, words) => {
    if (start >= data.end) return null;
    const rect = document.createElementNS(SVG, "rect");
    const from = place(start);
    rect.setAttribute("x", from + "%");
    rect.setAttribute("width", Math.max(place(end) - from, 0.25) + "%");
    rect.setAttribute("y", 5);
    rect.setAttribute("height", 14);
    rect.setAttribute("rx", 2);
    rect.setAttribute("class", "bar " + group + " " + shape);
    const title = document.createElementNS(SVG, "title");
    title.textContent = words + ": " + time(end - start) + ", from " + time(start) + " to " + time(end);
    rect.append(title);
    return rect;
  };

  const step = (lane, happened) => {
    const { group, path, start, limit, end } = lane;
    const solid = path ? "path" : "";
    if (!happened) {
      return [bar(group, solid, start, limit, lane.name), end > limit && bar(group, "unwind", limit, end, "unwind")];
    }
    const [from, to, ending] = happened;
    const planned = bar("", "planned", start, end, "planned");
    const timeout = from + (limit - start);
    switch (ending) {
      case DONE: return [planned, bar(group, solid, from, to, "done")];
      case FAILED: return [planned, bar("", "failed", from, to, "failed")];
      case CANCELLED: return [planned, bar("", "given-up", from, to, "cancelled")];
      case ABANDONED: return [planned, bar("", "given-up", from, timeout, "cancelled"), to > timeout && bar(group, "unwind", timeout, to, "given up")];
      case CUT: return [planned, bar("", "given-up", from, to, "killed")];
      default: return [planned];
    }
  };

  const moment = (section, name, at, words, bad) => {
    for (const line of section.querySelectorAll("line[data-moment=" + name + "], [data-moment=" + name + "] line")) {
      line.setAttribute("x1", place(at) + "%");
      line.setAttribute("x2", place(at) + "%");
      line.style.visibility = words ? "" : "hidden";
      line.classList.toggle("moment-bad", bad);
    }
    const label = section.querySelector("g[data-moment=" + name + "] text");
    if (!label) return;
    label.setAttribute("x", place(at) + "%");
    label.setAttribute("text-anchor", place(at) > 50 ? "end" : "start");
    label.setAttribute("dx", place(at) > 50 ? -5 : 5);
    label.textContent = words || "";
    label.classList.toggle("good", !bad);
    label.classList.toggle("bad", bad);
  };

  const show = () => {
    const key = what.value;
    const steps = key.startsWith("hang:") || key.startsWith("fail:");
    others.disabled = !steps;
    const name = steps && others.checked ? key + " at-once" : key;
    document.querySelectorAll("section[data-panel]").forEach((section) => {
      const panel = data.panels[section.dataset.panel];
      const base = steps ? panel.variants[others.checked ? "at-once" : "whole"] : null;
      const variant = panel.variants[name];
      for (const row of section.querySelectorAll("tr[data-lane]")) {
        const at = row.dataset.lane;
        const lane = panel.lanes[at];
        const happened = variant && (variant.steps[at] || (base && base.steps[at]));
        row.querySelector("svg.lane g").replaceChildren(...step(lane, happened).filter(Boolean));
        const takes = row.querySelector(".takes");
        const [from, to, ending] = happened || [lane.start, lane.limit, DONE];
        takes.querySelector(".value").textContent = ending === NEVER ? "never began" : time(to - from) + WORDS[ending];
        takes.querySelector(".hidden").textContent = ", from " + time(from) + " to " + time(happened ? to : lane.end);
        takes.classList.toggle("is-bad", ending !== DONE);
        row.querySelector("button").setAttribute("aria-pressed", String(key === "hang:" + lane.name));
      }
      for (const row of section.querySelectorAll("tr[data-when]")) {
        row.hidden = (row.dataset.when === "plan") === Boolean(variant);
      }
      const exit = variant ? variant.exit : panel.exit;
      for (const row of section.querySelectorAll("tr[data-after-exit]")) {
        row.hidden = Boolean(variant && variant.code === 137);
        for (const rect of row.querySelectorAll("rect")) {
          rect.dataset.x ??= rect.getAttribute("x");
          rect.setAttribute("x", parseFloat(rect.dataset.x) + place(exit) - place(panel.drawn) + "%");
        }
      }
      const left = section.querySelector("tr[data-when=played]");
      if (variant && left) {
        left.hidden = variant.code === 137;
        left.querySelector("svg.lane g").replaceChildren(...[bar("", "spare", panel.kill - variant.left, panel.kill, "left before SIGKILL")].filter(Boolean));
        left.querySelector(".value").textContent = time(variant.left);
        left.querySelector(".takes .hidden").textContent = ", from " + time(panel.kill - variant.left) + " to " + time(panel.kill);
      }
      const bad = variant ? variant.code !== 0 : panel.exit > panel.kill;
      const words = !variant ? panel.by + " " + time(exit) : variant.code === 137 ? "" : "exits with " + variant.code + " at " + time(exit);
      moment(section, "exit", exit, words, bad);
      const outcome = section.querySelector(".outcome");
      outcome.textContent = variant ? variant.words : "";
      outcome.classList.toggle("is-bad", Boolean(variant) && bad);
    });
  };

  document.documentElement.classList.add("can-ask");
  what.addEventListener("change", show);
  others.addEventListener("change", show);
  for (const row of document.querySelectorAll("tr[data-lane]")) {
    const button = row.querySelector("button");
    const key = "hang:" + button.textContent;
    if (![...what.options].some((option) => option.value === key)) continue;
    button.disabled = false;
    button.title += ". What if it hangs?";
    button.addEventListener("click", () => {
      what.value = what.value === key ? "" : key;
      show();
    });
  }
  show();
})();
