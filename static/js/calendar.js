// The month: a planned entry is dragged to another day, and arrow keys go from day to day. Without this file the same
// is done by the form on the entry's own page.
(() => {
  "use strict";
  const calendar = document.querySelector("[data-calendar]");
  const form = document.querySelector("#move-form");
  if (!calendar || !form) return;
  let dragged = null;

  const dayAt = (event) => event.target.closest?.("[data-day][data-open]");
  const unmark = () => calendar.querySelectorAll(".cal-over").forEach((day) => day.classList.remove("cal-over"));

  calendar.addEventListener("dragstart", (event) => {
    dragged = event.target.closest?.("[data-entry]") ?? null;
    if (!dragged) return;
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", dragged.dataset.moveUrl);
    dragged.classList.add("is-dragged");
  });
  calendar.addEventListener("dragover", (event) => {
    const day = dayAt(event);
    unmark();
    if (!dragged || !day) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "move";
    day.classList.add("cal-over");
  });
  calendar.addEventListener("drop", (event) => {
    const day = dayAt(event);
    if (!dragged || !day) return;
    event.preventDefault();
    if (day.contains(dragged)) return;
    form.action = dragged.dataset.moveUrl;
    form.elements.day.value = day.dataset.day;
    form.submit();
  });
  calendar.addEventListener("dragend", () => {
    dragged?.classList.remove("is-dragged");
    dragged = null;
    unmark();
  });

  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 };
  calendar.addEventListener("keydown", (event) => {
    const step = steps[event.key];
    if (!step || !event.target.matches("[data-day-link]")) return;
    const days = [...calendar.querySelectorAll("[data-day]")];
    const next = days[days.indexOf(event.target.closest("[data-day]")) + step]?.querySelector("[data-day-link]");
    if (!next) return;
    event.preventDefault();
    next.focus();
  });
})();
