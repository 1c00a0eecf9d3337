// What is left empty in a filter does not belong into the address.
document.addEventListener("formdata", (event) => {
  if (!event.target.matches("[data-skip-blanks]")) return;
  for (const [name, value] of [...event.formData]) {
    if (value === "") event.formData.delete(name);
  }
});
