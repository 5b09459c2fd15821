"use strict";
(function () {
  const print = { on: false };
  const tone = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const themed = (layout) => {
    const ink = print.on ? "#111111" : tone("--ink");
    const grid = print.on ? "#cccccc" : tone("--grid");
    const axis = { color: ink, gridcolor: grid, zeroline: false, linecolor: grid, automargin: true, fixedrange: true };
    const named = (own) => Object.assign({}, own, axis, { title: Object.assign({ font: { size: 13 } }, own.title) });
    return Object.assign({}, layout, {
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: ink, family: "system-ui, sans-serif", size: 13 },
      xaxis: named(layout.xaxis),
      yaxis: named(layout.yaxis),
      autosize: true,
    });
  };
  // A browser prints a hatched bar as a picture of half a megabyte.
  const solid = (trace) => (trace.marker && trace.marker.pattern
    ? Object.assign({}, trace, { marker: Object.assign({}, trace.marker, { pattern: {} }) }) : trace);
  const plain = (data) => (print.on ? data.map(solid) : data);
  const drawn = [];
  // A figure is drawn when it can be seen: inside of closed details it has no width.
  const start = (holder) => {
    if (holder.dataset.drawn) return;
    holder.dataset.drawn = "yes";
    const spec = JSON.parse(document.getElementById(holder.dataset.figure).textContent);
    const place = holder.querySelector(".plot");
    const draw = () => Plotly.react(place, plain(spec.data), themed(spec.layout), { displayModeBar: false, responsive: true });
    draw();
    drawn.push(draw);
    const choice = holder.querySelector("select");
    if (choice && spec.choices) {
      spec.choices.forEach((item, index) => choice.add(new Option(item.label, String(index))));
      choice.addEventListener("change", () => {
        const shown = spec.choices[Number(choice.value)].args[0].visible;
        spec.data.forEach((trace, index) => { trace.visible = shown[index]; });
        draw();
      });
    }
  };
  const startAll = () => {
    for (const holder of document.querySelectorAll("[data-figure]")) if (holder.checkVisibility()) start(holder);
  };
  document.addEventListener("toggle", startAll, true);
  startAll();
  const again = () => drawn.forEach((draw) => draw());
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  window.addEventListener("beforeprint", () => { print.on = true; startAll(); again(); });
  window.addEventListener("afterprint", () => { print.on = false; again(); });
})();
