// Loaded in the head, before anything is painted: light or dark as chosen, or as the device says.
(() => {
  "use strict";
  const root = document.documentElement;
  const device = window.matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => root.dataset.theme || localStorage.getItem("crm-theme") || "auto";

  const apply = () => {
    const choice = chosen();
    root.dataset.bsTheme = choice === "auto" ? (device.matches ? "dark" : "light") : choice;
    document.dispatchEvent(new CustomEvent("crm:theme"));
  };

  device.addEventListener("change", apply);
  window.crmTheme = {
    chosen,
    choose(choice) {
      root.dataset.theme = choice;
      localStorage.setItem("crm-theme", choice);
      apply();
    },
  };
  apply();
})();
