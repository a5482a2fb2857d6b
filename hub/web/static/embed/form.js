// The script of a hosted form page. It keeps a submission in this browser until the server has acknowledged it, and
// sends it again with the same key, also after a reload. Without it the page is an ordinary form and works as well.
"use strict";
(() => {
  const form = document.getElementById("lh-form");
  if (!form) return;
  // Fields may be called "action" or "elements" and then hide these properties of the form: none of them is used.
  const words = document.getElementById("lh-words").dataset;
  const action = new URL(words.key, location.href).href;
  const input = (name) => form.querySelector(`[name="${name}"]`);
  const storeName = `leadhub:${words.key}`;
  const keptFor = 7 * 24 * 3600e3;
  const tokenIsFreshFor = 8 * 60e3;
  const loadedAt = Date.now();
  const button = form.querySelector("button[type=submit]");
  const buttonText = button.textContent;
  const status = document.getElementById("lh-status");
  const summary = document.getElementById("lh-errors");
  let busy = false;

  // --- what is kept: a list of {key, body, tokenAt, at}; in memory where the browser gives a frame no storage ---

  let memory = [];

  function readKept() {
    try {
      const found = JSON.parse(localStorage.getItem(storeName) || "[]");
      return found.filter((item) => Date.now() - item.at < keptFor);
    } catch {
      return memory;
    }
  }

  function writeKept(items) {
    memory = items;
    try {
      if (items.length) localStorage.setItem(storeName, JSON.stringify(items));
      else localStorage.removeItem(storeName);
    } catch {
      // no storage here: what is kept lives as long as the page
    }
    tell({ leadhub: "kept", number: items.length });
  }

  const keep = (item) => writeKept([...readKept().filter((each) => each.key !== item.key), item]);
  const drop = (item) => writeKept(readKept().filter((each) => each.key !== item.key));

  // --- proof of work: a number that makes SHA-256(token.number) begin with zero bits ---

  const K = new Uint32Array(64);
  const START = new Uint32Array(8);
  (() => {
    const fraction = (x) => ((x - Math.floor(x)) * 4294967296) >>> 0;
    for (let n = 2, found = 0; found < 64; n++) {
      let prime = true;
      for (let d = 2; d * d <= n; d++) if (n % d === 0) prime = false;
      if (!prime) continue;
      if (found < 8) START[found] = fraction(Math.sqrt(n));
      K[found++] = fraction(Math.cbrt(n));
    }
  })();

  function sha256(text) {
    const length = text.length;
    const bytes = new Uint8Array(((length + 8) >> 6 << 6) + 64);
    for (let i = 0; i < length; i++) bytes[i] = text.charCodeAt(i);
    bytes[length] = 128;
    const view = new DataView(bytes.buffer);
    view.setUint32(bytes.length - 4, length * 8);
    const hash = START.slice();
    const w = new Uint32Array(64);
    const turn = (x, n) => (x >>> n) | (x << (32 - n));
    for (let block = 0; block < bytes.length; block += 64) {
      for (let i = 0; i < 16; i++) w[i] = view.getUint32(block + 4 * i);
      for (let i = 16; i < 64; i++) {
        const a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + w[i - 7] + (turn(a, 7) ^ turn(a, 18) ^ (a >>> 3)) + (turn(b, 17) ^ turn(b, 19) ^ (b >>> 10));
      }
      let [a, b, c, d, e, f, g, h] = hash;
      for (let i = 0; i < 64; i++) {
        const one = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + K[i] + w[i]) | 0;
        const two = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
        h = g; g = f; f = e; e = (d + one) | 0; d = c; c = b; b = a; a = (one + two) | 0;
      }
      [a, b, c, d, e, f, g, h].forEach((value, i) => { hash[i] += value; });
    }
    return hash;
  }

  const soon = () => new Promise((done) => setTimeout(done, 0));

  async function prove(token) {
    const bits = Math.min(Number(token.split(".")[5]) || 0, 32);
    for (let number = 0; ; number++) {
      if (bits === 0 || sha256(`${token}.${number}`)[0] >>> (32 - bits) === 0) return String(number);
      if (number % 1000 === 999) await soon();
    }
  }

  // --- sending ---

  async function freshToken(item) {
    const token = new URLSearchParams(item.body).get("_lh_token") || "";
    if (!token || Date.now() - item.tokenAt < tokenIsFreshFor) return token;
    const address = `${action}/token?previous=${encodeURIComponent(token)}`;
    const answer = await fetch(address, { credentials: "omit", cache: "no-store" });
    return answer.ok ? (await answer.json()).token : token;
  }

  async function attempt(item) {
    const aborter = new AbortController();
    const timer = setTimeout(() => aborter.abort(), 30e3);
    try {
      const body = new URLSearchParams(item.body);
      const token = await freshToken(item);
      if (token) {
        body.set("_lh_token", token);
        body.set("_lh_proof", await prove(token));
      }
      const answer = await fetch(action, {
        method: "POST",
        body,
        headers: { Accept: "application/json" },
        credentials: "omit",
        cache: "no-store",
        signal: aborter.signal,
      });
      const type = answer.headers.get("content-type") || "";
      const isOurs = type.startsWith("application/json") || type.startsWith("application/problem+json");
      const isFinal = answer.status === 202 || [400, 403, 404, 413, 415, 422].includes(answer.status);
      if (isOurs && isFinal) return { ...(await answer.json()), status: answer.status };
      return { wait: Number(answer.headers.get("retry-after")) * 1e3 };
    } catch {
      return { wait: 0 };
    } finally {
      clearTimeout(timer);
    }
  }

  const pause = (time) =>
    new Promise((done) => {
      setTimeout(done, time);
      window.addEventListener("online", done, { once: true });
    });

  async function deliver(item, isLive) {
    for (let tries = 0; ; tries++) {
      const answer = await attempt(item);
      if (answer.status) return settle(item, answer, isLive);
      status.textContent = words.kept;
      const backoff = Math.min(60e3, 1e3 * 2 ** tries) * (0.75 + Math.random() / 2);
      await pause(Math.min(300e3, Math.max(answer.wait || 0, backoff)));
    }
  }

  const is = (answer, name) => answer.type === `urn:leadhub:problem:${name}`;

  function settle(item, answer, isLive) {
    if (is(answer, "key-reused") && !isLive) return sendAsNew(item, answer.fresh);
    drop(item);
    status.textContent = "";
    if (answer.status === 202) return isLive ? thank(answer) : (status.textContent = words.resent);
    if (is(answer, "invalid-input") && !isLive) fill(item);
    release();
    if (is(answer, "invalid-input")) showErrors(answer.errors);
    else if (is(answer, "key-reused")) offerNew(answer.fresh);
    else showSummary(words.unreadable, [answer.detail]);
  }

  function sendAsNew(item, fresh) {
    const body = new URLSearchParams(item.body);
    body.set("_lh_key", fresh.key);
    body.set("_lh_token", fresh.token);
    drop(item);
    const renewed = { key: fresh.key, body: body.toString(), tokenAt: Date.now(), at: item.at };
    keep(renewed);
    return deliver(renewed, false);
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (busy) return;
    busy = true;
    clearErrors();
    button.setAttribute("aria-disabled", "true");
    button.textContent = words.sending;
    const body = new URLSearchParams(new FormData(form)).toString();
    const item = { key: input("_lh_key").value, body, tokenAt: tokenAt(), at: Date.now() };
    keep(item);
    deliver(item, true);
  });

  const tokenAt = () => Number(input("_lh_token").dataset.at) || loadedAt;

  function release() {
    busy = false;
    button.removeAttribute("aria-disabled");
    button.textContent = buttonText;
  }

  // --- telling ---

  function thank(answer) {
    tell({ leadhub: "submitted", redirect: answer.redirect });
    if (answer.redirect && window.parent === window) {
      location.assign(answer.redirect);
      return;
    }
    const heading = document.createElement("h1");
    heading.textContent = words.thanks;
    heading.tabIndex = -1;
    const text = document.createElement("p");
    text.className = "text";
    text.textContent = answer.message;
    form.replaceWith(heading, text);
    if (answer.redirect) {
      const link = document.createElement("a");
      link.className = "button";
      link.href = answer.redirect;
      link.target = "_top";
      link.textContent = words.continue;
      text.after(link);
    }
    heading.focus();
  }

  function offerNew(fresh) {
    input("_lh_key").value = fresh.key;
    input("_lh_token").value = fresh.token;
    input("_lh_token").dataset.at = Date.now();
    button.textContent = words.asNew;
    showSummary(words.reused, []);
  }

  function showErrors(errors) {
    const lines = errors.map((error) => {
      const field = error.pointer.slice(1);
      const place = document.getElementById(`error-${field}`);
      const control = document.getElementById(`field-${field}`);
      if (place) place.textContent = error.detail;
      if (control) control.setAttribute("aria-invalid", "true");
      return { field, message: error.detail, label: labelOf(field) };
    });
    showSummary(words.fix, lines);
  }

  function labelOf(key) {
    const field = form.querySelector(`[data-field="${key}"]`);
    const label = field && field.querySelector("legend, label");
    return label ? label.textContent.replace("*", "").trim() : key;
  }

  function showSummary(text, lines) {
    const heading = document.createElement("p");
    heading.textContent = text;
    const list = document.createElement("ul");
    for (const line of lines) {
      const entry = document.createElement("li");
      if (line.field) {
        const link = document.createElement("a");
        link.href = `#field-${line.field}`;
        link.textContent = line.label;
        entry.append(link, `: ${line.message}`);
      } else {
        entry.textContent = line;
      }
      list.append(entry);
    }
    summary.replaceChildren(heading, ...(lines.length ? [list] : []));
    summary.className = "errors";
    summary.tabIndex = -1;
    summary.focus();
  }

  function clearErrors() {
    summary.replaceChildren();
    summary.className = "";
    for (const place of form.querySelectorAll(".error")) place.textContent = "";
    for (const control of form.querySelectorAll("[aria-invalid]")) control.removeAttribute("aria-invalid");
  }

  function fill(item) {
    const values = new URLSearchParams(item.body);
    for (const control of form.querySelectorAll("[name]")) {
      if (control.name.startsWith("_lh_")) continue;
      const given = values.getAll(control.name);
      if (control.type === "radio" || control.type === "checkbox") control.checked = given.includes(control.value);
      else if (given.length) control.value = given[0];
    }
  }

  // --- the host page of a frame: only one on the form's list is spoken to, and heard ---

  function isListed(origin) {
    return words.hosts.split(" ").some((entry) => {
      if (!entry.includes("://*.")) return entry === origin;
      const [scheme, host] = entry.split("://");
      return origin.startsWith(`${scheme}://`) && origin.slice(scheme.length + 3).endsWith(host.slice(1));
    });
  }

  function hostOrigin() {
    if (window.parent === window) return null;
    let origin = location.ancestorOrigins && location.ancestorOrigins[0];
    if (!origin && document.referrer) origin = new URL(document.referrer).origin;
    return origin && isListed(origin) ? origin : null;
  }

  const host = hostOrigin();

  function tell(message) {
    if (host) window.parent.postMessage({ ...message, key: words.key }, host);
  }

  window.addEventListener("message", (event) => {
    const told = event.data;
    if (!host || event.origin !== host || event.source !== window.parent) return;
    if (!told || told.leadhub !== "visit" || told.key !== words.key) return;
    for (const name of ["_lh_page", "_lh_referrer", "_lh_first", "_lh_last"]) {
      if (typeof told[name] !== "string" || !told[name]) continue;
      let place = input(name);
      if (!place) {
        place = document.createElement("input");
        place.type = "hidden";
        place.name = name;
        form.appendChild(place);
      }
      place.value = told[name].slice(0, 4000);
    }
  });

  if (host && words.autoHeight === "yes") {
    const measure = () => tell({ leadhub: "height", height: Math.ceil(document.body.getBoundingClientRect().height) });
    new ResizeObserver(measure).observe(document.body);
  }
  // Keys do not reach the page around a frame; where that is a dialog, it closes.
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.defaultPrevented) tell({ leadhub: "escape" });
  });
  tell({ leadhub: "ready" });
  tell({ leadhub: "kept", number: readKept().length });
  for (const item of readKept()) deliver(item, false);
})();
