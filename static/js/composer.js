// The editor of templates: the e-mail in its sandbox, its width and darkness, merge fields at the cursor. Without this
// file the e-mail is opened alone by a button of the form.
(() => {
  "use strict";
  const form = document.querySelector("#template-form");
  const preview = document.querySelector("#preview");
  if (!form || !preview) return;
  let dark = false;
  let width = "";
  let shown = 0;

  // The draft is posted into a frame of its own. A new frame each time: one that is used again would fill the
  // browser's history with drafts.
  const show = () => {
    const place = preview.querySelector("[data-mail]");
    if (!place) return;
    shown += 1;
    const frame = document.createElement("iframe");
    frame.name = `mail-${shown}`;
    frame.className = "mail-body";
    frame.title = preview.dataset.mailTitle;
    frame.setAttribute("sandbox", "");
    place.replaceChildren(frame);
    resize();
    const post = document.createElement("form");
    post.method = "post";
    post.action = preview.dataset.shown;
    post.target = frame.name;
    post.hidden = true;
    post.toggleAttribute("data-download", true); // its buttons are none of ours to disable
    const fields = new FormData(form);
    fields.set("as", preview.querySelector("#preview-as")?.value ?? "");
    if (dark) fields.set("dark", "1");
    for (const [name, value] of fields) {
      const field = document.createElement("textarea");
      field.name = name;
      field.value = value;
      post.append(field);
    }
    document.body.append(post);
    post.submit();
    post.remove();
  };

  const resize = () => {
    const frame = preview.querySelector(".mail-body");
    if (frame) frame.style.maxWidth = width ? `${width}px` : "";
  };

  // Only e-mails have a format, a subject and a width.
  const fit = () => {
    const isEmail = form.elements.channel?.value === "email";
    document.querySelectorAll("[data-email-only]").forEach((node) => (node.hidden = !isEmail));
    for (const name of ["subject", "format"]) {
      const wrapper = form.querySelector(`#div_id_${name}`);
      if (wrapper) wrapper.hidden = !isEmail;
    }
    if (!isEmail && form.elements.format) form.elements.format.value = "text";
  };

  const insert = (button) => {
    const field = document.querySelector(button.dataset.into);
    field.setRangeText(button.dataset.insert, field.selectionStart, field.selectionEnd, "end");
    field.focus();
    field.dispatchEvent(new Event("input", { bubbles: true }));
  };

  const press = (button, on) => {
    button.classList.toggle("active", on);
    button.setAttribute("aria-pressed", String(on));
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-insert], [data-mail-width], [data-mail-dark]");
    if (!button) return;
    if (button.matches("[data-insert]")) insert(button);
    else if (button.matches("[data-mail-dark]")) {
      dark = !dark;
      press(button, dark);
      show();
    } else {
      width = button.dataset.mailWidth;
      document.querySelectorAll("[data-mail-width]").forEach((node) => press(node, node === button));
      resize();
    }
  });

  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.target !== preview) return;
    show();
    const chosen = preview.querySelector("#preview-as")?.value ?? "";
    document.querySelectorAll("[data-mirror='#preview-as']").forEach((field) => (field.value = chosen));
  });
  form.addEventListener("change", (event) => event.target.name === "channel" && fit());
  fit();
})();
