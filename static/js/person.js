// A customer's tabs have addresses: ?tab=orders is what the server opens, #orders what a link within the page opens.
(() => {
  "use strict";
  const tabs = document.querySelector("[data-deep-tabs]");
  if (!tabs) return;
  const button = (code) => tabs.querySelector(`[data-tab="${CSS.escape(code)}"]`);

  document.addEventListener("shown.bs.tab", (event) => {
    const code = event.target.dataset.tab;
    if (!code) return;
    const address = new URL(location.href);
    address.searchParams.set("tab", code);
    address.hash = "";
    history.replaceState(history.state, "", address);
  });

  const open = () => {
    const wanted = location.hash ? button(location.hash.slice(1)) : null;
    wanted?.click();
    if (wanted || new URLSearchParams(location.search).has("tab")) show();
  };

  // On a small screen the tabs stand below everything else.
  const show = () => {
    if (tabs.getBoundingClientRect().top > innerHeight - 150) tabs.scrollIntoView();
  };

  window.addEventListener("hashchange", open);
  open();
})();
