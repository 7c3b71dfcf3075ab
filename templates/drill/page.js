// Words under the pointer, or under the arrow keys. Without it the page says the same in its tables.
(() => {
  "use strict";
  const series = JSON.parse(document.getElementById("series").textContent);
  const readout = document.querySelector(".readout");
  const span = (ms) => ms === null ? "–" : ms < 10 ? ms.toFixed(1) + " ms" : ms < 1000 ? Math.round(ms) + " ms" : (ms / 1000).toFixed(2) + " s";
  const words = (at) => {
    const when = (at < 0 ? "−" : "+") + span(Math.abs(at));
    const slice = series.slices[Math.floor((at - series.start) / series.slice)];
    if (!slice) return when + ": no requests";
    const [served, refused, unconnected, errors, lost, flight, median, slowest] = slice;
    const said = [served + " served"];
    for (const [count, name] of [[refused, "refused"], [unconnected, "refused at connection"], [errors, "failed"], [lost, "lost"]]) {
      if (count) said.push(count + " " + name);
    }
    said.push(flight + " in flight");
    if (median !== null) said.push("latency " + span(median) + ", slowest " + span(slowest));
    return when + ": " + said.join(", ");
  };
  for (const chart of document.querySelectorAll(".view > .chart, section > .chart")) {
    const lane = chart.querySelector(".lane svg");
    if (!lane) continue;
    const [start, end] = [Number(chart.dataset.start), Number(chart.dataset.end)];
    const pointer = document.createElement("div");
    pointer.className = "pointer";
    pointer.hidden = true;
    chart.append(pointer);
    let share = 0.5;
    const show = () => {
      const box = lane.getBoundingClientRect();
      pointer.hidden = false;
      pointer.style.left = box.left - chart.getBoundingClientRect().left + share * box.width + "px";
      readout.textContent = words(start + share * (end - start));
    };
    chart.addEventListener("pointermove", (event) => {
      const box = lane.getBoundingClientRect();
      const at = (event.clientX - box.left) / box.width;
      if (at < 0 || at > 1) return;
      share = at;
      show();
    });
    chart.addEventListener("pointerleave", () => { pointer.hidden = true; });
    chart.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -0.01, ArrowRight: 0.01 }[event.key];
      if (!step) return;
      event.preventDefault();
      share = Math.min(1, Math.max(0, share + step));
      show();
    });
  }
})();
