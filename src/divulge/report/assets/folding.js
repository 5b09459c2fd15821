"use strict";
(function () {
  const all = () => [...document.querySelectorAll("details")];
  // What a link or a search leads to is shown.
  const reveal = () => {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let e = target; e; e = e.parentElement) if (e.tagName === "DETAILS") e.open = true;
  };
  window.addEventListener("hashchange", reveal);
  reveal();
  // Paper cannot be unfolded: what is folded inside of a section that everybody reads follows in an annex.
  let closed = [];
  const annex = document.createElement("section");
  annex.id = "annex";
  const moved = () => [...document.querySelectorAll("main > section:not(#details):not(#annex) details")]
    .filter((e) => !e.parentElement.closest("details"));
  window.addEventListener("beforeprint", () => {
    closed = all().filter((e) => !e.open);
    closed.forEach((e) => { e.open = true; });
    annex.replaceChildren();
    moved().forEach((e) => {
      const title = document.createElement("h3");
      const part = e.closest(".question");
      title.textContent = (part || e.closest("section")).querySelector(part ? "h3" : "h2").textContent;
      annex.append(title, e.cloneNode(true));
      e.hidden = true;
    });
    const details = document.getElementById("details");
    if (details) details.before(annex); else document.querySelector("main").append(annex);
  });
  window.addEventListener("afterprint", () => {
    closed.forEach((e) => { e.open = false; });
    annex.remove();
    moved().forEach((e) => { e.hidden = false; });
  });
})();
