// Light or dark follows the system, also while the page is open. Runs before the first paint.
(function () {
  "use strict";
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  function apply() {
    document.documentElement.dataset.bsTheme = dark.matches ? "dark" : "light";
  }
  dark.addEventListener("change", apply);
  apply();
})();
