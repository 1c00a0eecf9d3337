// The frame's behaviour: menus, shortcuts, dialogs, clickable rows. Everything is bound by data attributes, and works
// on what htmx brings in later.
(() => {
  "use strict";
  const find = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const bootstrap = window.tabler?.bootstrap ?? window.bootstrap;

  // ---- pieces of bootstrap on content that came later ----
  const wire = (root) => {
    if (!bootstrap) return;
    all('[data-bs-toggle="popover"]', root).forEach((node) => bootstrap.Popover.getOrCreateInstance(node));
    all('[data-bs-toggle="tooltip"]', root).forEach((node) => bootstrap.Tooltip.getOrCreateInstance(node));
    all("select[data-choose]", root).forEach((node) => {
      if (window.TomSelect && !node.tomselect) new window.TomSelect(node, { plugins: ["remove_button"] });
    });
  };

  // ---- off-canvas navigation ----
  const setNavigation = (open) => {
    document.body.classList.toggle("nav-open", open);
    all("[data-nav-toggle]").forEach((node) => node.setAttribute("aria-expanded", String(open)));
    if (open) find(".shell-nav a")?.focus();
  };

  // ---- what a click means ----
  document.addEventListener("click", (event) => {
    const on = (selector) => event.target.closest(selector);
    let node;
    if (on("[data-nav-toggle]")) return setNavigation(!document.body.classList.contains("nav-open"));
    if (on("[data-nav-close]")) return setNavigation(false);
    if ((node = on("[data-open-dialog]"))) return find(node.dataset.openDialog)?.showModal();
    if ((node = on("[data-close-dialog]"))) return node.closest("dialog")?.close();
    if ((node = on("[data-copy]"))) return copy(node);
    if ((node = on("[data-theme-choice]"))) return window.crmTheme.choose(node.dataset.themeChoice);
    if ((node = on("tr[data-href]")) && !on("a, button, input, label, select") && !String(getSelection())) {
      if (event.ctrlKey || event.metaKey) window.open(node.dataset.href, "_blank", "noopener");
      else location.assign(node.dataset.href);
    }
    const results = find(".search-results");
    if (results && !on(".search")) results.hidden = true;
  });

  const copy = async (node) => {
    const text = find(node.dataset.copy)?.textContent.trim();
    if (!text) return;
    await navigator.clipboard.writeText(text);
    const label = node.textContent;
    node.textContent = node.dataset.copied || "✓";
    setTimeout(() => (node.textContent = label), 1500);
  };

  // A choice that takes effect at once: filters, the store, the language.
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submit-on-change]")) event.target.form?.requestSubmit();
  });

  // A second click must not send a second time.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.matches("[data-confirm]") && !window.confirm(form.dataset.confirm)) return event.preventDefault();
    // A download leaves the page where it is: its button may be pressed again. The panel around it shows what it changed.
    const panel = form.matches("[data-download]") && form.closest("[data-panel]");
    if (panel) setTimeout(() => panel.dispatchEvent(new Event("refresh")), 1500);
    if (form.method !== "post" || form.matches("[hx-post], [data-download]")) return;
    setTimeout(() => all("button[type=submit]", form).forEach((button) => (button.disabled = true)));
  });
  window.addEventListener("pageshow", () => {
    all("form[method=post] button[type=submit]:disabled").forEach((button) => (button.disabled = false));
  });

  // ---- keyboard ----
  const typing = (node) => node.matches?.("input, textarea, select, [contenteditable]");
  let awaitingGoal = 0;
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") return escape(event);
    if (event.target.closest?.(".search") && (moveInResults(event) || openFirstResult(event))) return;
    if (event.key === "Enter" && event.target.matches?.("tr[data-href]")) return location.assign(event.target.dataset.href);
    if ((event.ctrlKey || event.metaKey) && event.key === "k") return focusSearch(event);
    if (typing(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/") return focusSearch(event);
    if (event.key === "?") return find("#shortcuts")?.showModal();
    if (event.key === "g") awaitingGoal = Date.now();
    else if (Date.now() - awaitingGoal < 1200) {
      awaitingGoal = 0;
      const link = find(`.shell-nav a[data-key="${CSS.escape(event.key)}"]`);
      if (link) location.assign(link.href);
    }
  });

  const focusSearch = (event) => {
    const box = find("#search");
    if (!box) return;
    event.preventDefault();
    box.focus();
    box.select();
  };

  const escape = (event) => {
    setNavigation(false);
    const results = find(".search-results");
    if (results) results.hidden = true;
    if (event.target.id === "search") event.target.blur();
  };

  const moveInResults = (event) => {
    const links = all(".search-results a");
    if (!links.length || !["ArrowDown", "ArrowUp"].includes(event.key)) return false;
    event.preventDefault();
    const step = event.key === "ArrowDown" ? 1 : -1;
    const next = links.indexOf(document.activeElement) + step;
    (links[next] ?? (next < 0 ? find("#search") : links[links.length - 1])).focus();
    return true;
  };

  // Enter in the box opens what fits exactly, else the first result, once the results are those of what stands there.
  const openFirstResult = (event) => {
    if (event.key !== "Enter" || event.target.id !== "search") return false;
    const found = find(".search-results [data-found]");
    if (found?.dataset.found !== event.target.value.trim()) return false;
    const link = find("a[data-exact]", found) ?? find("a", found);
    if (!link) return false;
    event.preventDefault();
    location.assign(link.href);
    return true;
  };

  document.addEventListener("focusin", (event) => {
    const results = find(".search-results");
    if (event.target.id === "search" && results) results.hidden = false;
  });

  // ---- htmx: what came in, and what failed ----
  document.addEventListener("htmx:afterSettle", (event) => {
    wire(event.target);
    if (event.target.matches?.(".search-results")) event.target.hidden = false;
  });
  document.addEventListener("htmx:responseError", (event) => failed(event.detail.target));
  document.addEventListener("htmx:sendError", (event) => failed(event.detail.target));

  const failed = (target) => {
    const text = find("#texts")?.dataset.failed;
    if (!target || !text || !target.matches("[data-panel]")) return;
    target.replaceChildren(Object.assign(document.createElement("p"), { className: "text-secondary p-3 m-0", textContent: text }));
  };

  wire(document);
  all("dialog[data-open]").forEach((dialog) => dialog.showModal());
})();
