// Pairs by keyboard: j and k walk, 1 and 2 say who stays, y and n decide.
(() => {
  const pairs = () => [...document.querySelectorAll("[data-pair]")];
  const current = () => document.activeElement?.closest?.("[data-pair]");
  let place = 0;
  let goal = 0;

  const go = (index) => {
    const all = pairs();
    if (!all.length) return;
    place = Math.max(0, Math.min(index, all.length - 1));
    all[place].focus();
    all[place].scrollIntoView({ block: "nearest" });
  };

  const decide = (word) => current()?.querySelector(`button[name=decision][value=${word}]`)?.click();
  const keep = (number) => {
    const choice = current()?.querySelectorAll("input[name=keep]")[number];
    if (choice) choice.checked = true;
  };

  const actions = {
    j: () => go(current() ? pairs().indexOf(current()) + 1 : place),
    k: () => go(current() ? pairs().indexOf(current()) - 1 : place),
    1: () => keep(0),
    2: () => keep(1),
    y: () => decide("same"),
    n: () => decide("different"),
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches?.("input:not([type=radio]), textarea, select, [contenteditable]")) return;
    // After g the letter is the goal of a walk through the menu.
    const isGoal = Date.now() - goal < 1200;
    goal = event.key === "g" ? Date.now() : 0;
    if (!isGoal) actions[event.key]?.();
  });

  // The decided pair is a line now; the next one takes its place.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const index = pairs().indexOf(event.detail.target);
    if (index >= 0) place = index;
  });
  document.addEventListener("htmx:afterSettle", () => {
    if (document.activeElement === document.body) go(place);
  });
})();
