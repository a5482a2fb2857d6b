// The script that a website includes to show a form: makes (or adopts) the frame, keeps its height right, remembers
// where the visitor came from, and tells the frame. It listens to the hub's origin only.
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

  function makeFrame() {
    const query = new URLSearchParams(location.search.slice(0, 2000));
    for (const name of [...query.keys()]) if (name.startsWith("_lh_")) query.delete(name);
    for (const [name, value] of Object.entries(visit)) query.set(name, value);
    const made = document.createElement("iframe");
    made.src = `${page}?${query}`;
    made.title = script.dataset.title || "Form";
    made.referrerPolicy = "origin";
    made.style.cssText = "width:100%;height:640px;border:0";
    script.after(made);
    return made;
  }

  const frame = document.querySelector(`iframe[data-leadhub-form="${key}"]:not([data-leadhub-adopted])`) || makeFrame();
  frame.dataset.leadhubAdopted = "yes";

  function tellVisit() {
    frame.contentWindow.postMessage({ leadhub: "visit", key, ...visit }, address.origin);
  }

  window.addEventListener("message", (event) => {
    const told = event.data;
    if (event.origin !== address.origin || event.source !== frame.contentWindow) return;
    if (!told || told.key !== key) return;
    if (told.leadhub === "ready") tellVisit();
    if (told.leadhub === "height" && Number.isFinite(told.height)) {
      frame.style.height = `${Math.min(Math.max(told.height, 50), 20000)}px`;
    }
    if (told.leadhub === "submitted") {
      frame.dispatchEvent(new CustomEvent("leadhub:submitted", { bubbles: true }));
      if (typeof told.redirect === "string" && /^https?:\/\//.test(told.redirect)) location.assign(told.redirect);
    }
  });
  frame.addEventListener("load", tellVisit);
})();
