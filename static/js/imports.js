// The import wizard: a file may be dropped anywhere on the field, not only on its button.
(() => {
  "use strict";
  for (const area of document.querySelectorAll("[data-drop]")) {
    const input = area.querySelector("input[type=file]");
    const shows = (over) => area.classList.toggle("is-over", over);
    for (const name of ["dragenter", "dragover"]) {
      area.addEventListener(name, (event) => {
        event.preventDefault();
        shows(true);
      });
    }
    area.addEventListener("dragleave", () => shows(false));
    area.addEventListener("drop", (event) => {
      event.preventDefault();
      shows(false);
      if (event.dataTransfer.files.length === 1) input.files = event.dataTransfer.files;
    });
  }
})();
