/* A classic script in the head, so that a remembered theme is there before the first paint. */
(() => {
  const kept = (() => {
    try {
      return localStorage.getItem("lookalike.theme");
    } catch {
      return null; // storage is switched off
    }
  })();
  if (kept === "light" || kept === "dark") document.documentElement.dataset.theme = kept;
})();
