// The script that a website includes to show a form: makes (or adopts) the frame, or opens it in a dialog, keeps its
// height right, remembers where the visitor came from, and tells the frame. It listens to the hub's origin only.
"use strict";
(() => {
  const script = document.currentScript;
  const address = new URL(script.src);
  const page = `${address.origin}${address.pathname.replace(/\/embed\.js$/, "")}`;
  const key = page.slice(page.lastIndexOf("/") + 1);
  if (!/^[A-Za-z0-9_-]+$/.test(key)) return;

  const campaignNames = [
    "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "utm_id",
    "gclid", "gbraid", "wbraid", "fbclid", "msclkid", "ttclid",
  ];

  function readTouches() {
    try {
      return JSON.parse(localStorage.getItem("leadhub.touches")) || {};
    } catch {
      return {};
    }
  }

  function rememberTouches() {
    const query = new URLSearchParams(location.search);
    const now = { page: location.href.slice(0, 1500), referrer: document.referrer.slice(0, 500) };
    for (const name of campaignNames) if (query.get(name)) now[name] = query.get(name).slice(0, 300);
    const touches = readTouches();
    if (!touches.first) touches.first = now;
    if (campaignNames.some((name) => now[name])) touches.last = now;
    try {
      localStorage.setItem("leadhub.touches", JSON.stringify(touches));
    } catch {
      // no storage on this page: the touches of this visit are still passed on
    }
    return touches;
  }

  const touches = rememberTouches();
  const visit = {
    _lh_page: location.href.slice(0, 2000),
    _lh_referrer: document.referrer.slice(0, 1000),
    _lh_first: JSON.stringify(touches.first || null),
    _lh_last: JSON.stringify(touches.last || null),
  };

  let frame = null;

  function makeFrame() {
    const query = new URLSearchParams(location.search.slice(0, 2000));
    for (const name of [...query.keys()]) if (name.startsWith("_lh_")) query.delete(name);
    for (const [name, value] of Object.entries(visit)) query.set(name, value);
    const made = document.createElement("iframe");
    made.src = `${page}?${query}`;
    made.title = script.dataset.title || "Form";
    made.referrerPolicy = "origin";
    made.style.cssText = "display:block;width:100%;height:640px;border:0";
    return made;
  }

  function useFrame(found) {
    frame = found;
    frame.dataset.leadhubAdopted = "yes";
    frame.addEventListener("load", tellVisit);
  }

  function tellVisit() {
    frame.contentWindow.postMessage({ leadhub: "visit", key, ...visit }, address.origin);
  }

  window.addEventListener("message", (event) => {
    const told = event.data;
    if (!frame || event.origin !== address.origin || event.source !== frame.contentWindow) return;
    if (!told || told.key !== key) return;
    if (told.leadhub === "ready") tellVisit();
    if (told.leadhub === "height" && Number.isFinite(told.height)) {
      frame.style.height = `${Math.min(Math.max(told.height, 50), 20000)}px`;
    }
    if (told.leadhub === "kept" && dialog) noteKept(Number(told.number));
    if (told.leadhub === "escape" && dialog && dialog.open) dialog.close();
    if (told.leadhub === "submitted") {
      frame.dispatchEvent(new CustomEvent("leadhub:submitted", { bubbles: true }));
      if (typeof told.redirect === "string" && /^https?:\/\//.test(told.redirect)) location.assign(told.redirect);
    }
  });

  // --- in the page ---

  function showInPage() {
    const found = document.querySelector(`iframe[data-leadhub-form="${key}"]:not([data-leadhub-adopted])`);
    const shown = found || makeFrame();
    if (!found) script.after(shown);
    useFrame(shown);
  }

  // --- in a dialog: opened by the script's own button, or by whatever on the page is meant to ---

  const keptName = `leadhub.kept:${key}`;
  let dialog = null;

  function makeDialog() {
    dialog = document.createElement("dialog");
    dialog.setAttribute("aria-modal", "true");
    dialog.setAttribute("aria-label", script.dataset.title || "Form");
    dialog.style.cssText =
      "box-sizing:border-box;width:640px;max-width:calc(100vw - 16px);max-height:calc(100vh - 16px);" +
      "max-height:calc(100dvh - 16px);margin:auto;" +
      "padding:0;border:0;border-radius:8px;overflow:auto;overscroll-behavior:contain;background:Canvas;color:CanvasText";
    const close = document.createElement("button");
    close.type = "button";
    close.textContent = script.dataset.close || "Close";
    close.style.cssText =
      "display:block;margin:8px 8px 0 auto;min-height:44px;padding:0 16px;border:1px solid currentColor;" +
      "border-radius:6px;background:transparent;color:inherit;font:inherit;cursor:pointer";
    close.addEventListener("click", () => dialog.close());
    useFrame(makeFrame());
    // The rest of the page is inert while the dialog is open; these two keep Tab from leaving for the browser's bars.
    dialog.append(guard(() => frame), close, frame, guard(() => close));
    document.body.append(dialog);
  }

  function guard(next) {
    const made = document.createElement("span");
    made.tabIndex = 0;
    made.style.cssText = "position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)";
    made.addEventListener("focus", () => next().focus());
    return made;
  }

  function openDialog(opener) {
    if (!dialog) makeDialog();
    if (dialog.open) return;
    const overflow = document.documentElement.style.overflow;
    document.documentElement.style.overflow = "hidden";
    dialog.addEventListener(
      "close",
      () => {
        document.documentElement.style.overflow = overflow;
        opener.focus();
      },
      { once: true },
    );
    dialog.showModal();
    dialog.querySelector("button").focus();
  }

  function noteKept(number) {
    try {
      if (number) localStorage.setItem(keptName, String(number));
      else localStorage.removeItem(keptName);
    } catch {
      // no storage on this page: what is kept is sent when the visitor opens the form again
    }
  }

  function hasKept() {
    try {
      return Boolean(localStorage.getItem(keptName));
    } catch {
      return false;
    }
  }

  function showOnDemand() {
    if (script.dataset.button) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = script.dataset.button;
      button.dataset.leadhubOpen = key;
      script.after(button);
    }
    const openers = script.dataset.open || `[data-leadhub-open="${key}"]`;
    const openerOf = (event) => event.target instanceof Element && event.target.closest(openers);
    document.addEventListener("click", (event) => {
      const opener = openerOf(event);
      if (!opener || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      if (typeof HTMLDialogElement === "function") openDialog(opener);
      else location.assign(page);
    });
    for (const opener of document.querySelectorAll(openers)) opener.setAttribute("aria-haspopup", "dialog");
    // What an earlier visit could not deliver is sent now, whether or not the form is opened again.
    if (hasKept() && typeof HTMLDialogElement === "function") makeDialog();
  }

  if (script.dataset.mode === "popup") showOnDemand();
  else showInPage();
})();
