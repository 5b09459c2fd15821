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
  // Paper cannot be unfolded.
  let closed = [];
  window.addEventListener("beforeprint", () => {
    closed = all().filter((e) => !e.open);
    closed.forEach((e) => { e.open = true; });
  });
  window.addEventListener("afterprint", () => closed.forEach((e) => { e.open = false; }));
})();
