// The pages work without this. With it a long upload shows how far it is,
// a page with something private on it closes when nobody uses it, what was
// written survives that, and the keyboard has short ways.
"use strict";
(() => {
  const $ = (selector, from = document) => from.querySelector(selector);
  const seconds = Number(document.body.dataset.idle || 0);
  const path = document.body.dataset.path || "";
  const draftOf = form => "draft " + form.action;

  // What was written is kept in this tab alone, until it was sent or the
  // message was closed. A storage that is forbidden costs only this.
  const store = {
    get(key) { try { return sessionStorage.getItem(key); } catch { return null; } },
    set(key, text) { try { text ? sessionStorage.setItem(key, text) : sessionStorage.removeItem(key); } catch { } },
    clear() { try { sessionStorage.clear(); } catch { } },
  };

  let closing = false; // the message is being closed: nothing is kept any more

  const post = (url, body) => fetch(url, { method: "POST", body, credentials: "same-origin", redirect: "manual" });

  function answer(form) {
    const text = $("textarea", form), files = $("input[type=file]", form), button = $("button[type=submit]", form);
    const trouble = $(".trouble", form), progress = $(".progress", form), key = draftOf(form);
    let sending = null, sent = false;

    const say = words => { trouble.textContent = words; trouble.hidden = !words; };
    const kept = store.get(key);
    if (kept && !text.value) {
      text.value = kept;
      $(".kept", form).hidden = false;
    }
    const keep = () => { if (!sent && !closing) store.set(key, text.value); };
    text.addEventListener("input", keep);
    addEventListener("pagehide", keep);

    const tooMuch = () => {
      let size = 0;
      for (const f of files.files) size += f.size;
      return size > Number(form.dataset.maxSize) || files.files.length > Number(form.dataset.maxFiles) ||
        new TextEncoder().encode(text.value).length > Number(form.dataset.maxText);
    };
    const check = () => {
      if (tooMuch()) return trouble.dataset.large;
      if (!text.value.trim() && !files.files.length) return trouble.dataset.empty;
      return "";
    };
    files.addEventListener("change", () => say(tooMuch() ? trouble.dataset.large : ""));

    const busy = on => {
      progress.hidden = !on;
      button.hidden = on;
      text.readOnly = on;
      form.setAttribute("aria-busy", on);
    };
    const over = words => {
      sending = null;
      busy(false);
      say(words);
      if (words) trouble.scrollIntoView({ block: "center" });
      else button.focus();
    };

    form.addEventListener("submit", event => {
      const wrong = check();
      if (wrong || sending) {
        event.preventDefault();
        say(wrong);
        return;
      }
      if (!files.files.length) { // an ordinary form is quick
        sent = true;
        store.set(key, "");
        return;
      }
      event.preventDefault();
      say("");
      const status = $("[role=status]", progress), bar = $("progress", progress);
      status.textContent = status.dataset.sending;
      bar.value = 0;
      sending = new XMLHttpRequest();
      sending.open("POST", form.action);
      sending.setRequestHeader("X-Gatepost-Script", "1");
      sending.upload.onprogress = e => {
        touch();
        bar.value = e.lengthComputable ? 100 * e.loaded / e.total : 0;
      };
      sending.upload.onload = () => { bar.removeAttribute("value"); status.textContent = status.dataset.saving; };
      sending.onload = () => {
        const to = sending.getResponseHeader("Location");
        if (sending.status === 201 && to) {
          sent = true;
          store.set(key, "");
          location.assign(to);
          return;
        }
        const page = new DOMParser().parseFromString(sending.responseText, "text/html");
        const said = page.querySelector("[role=alert]:not([hidden]) strong, main p");
        over(said ? said.textContent : trouble.dataset.failed);
      };
      sending.onerror = () => over(trouble.dataset.broken);
      sending.onabort = () => over("");
      busy(true);
      $(".cancel", progress).focus();
      sending.send(new FormData(form));
    });
    $(".cancel", form).addEventListener("click", () => sending && sending.abort());
  }

  // The session ends on the server after some time without use. The page says
  // so before, and goes when it is over: what stands on it is private.
  let used = Date.now(), told = Date.now();
  function touch() {
    used = Date.now();
    if (used - told > Math.min(60, seconds / 4) * 1000) stay();
  }
  function stay() {
    told = used = Date.now();
    const token = $("input[name=token]");
    if (path.startsWith("/m/") && token) post(path + "/stay", new URLSearchParams({ token: token.value })).catch(() => { });
  }
  function watch() {
    const box = $("#idle"), words = $("p", box), early = Math.min(120, seconds / 3);
    const look = () => {
      const left = Math.ceil(seconds - (Date.now() - used) / 1000);
      if (left <= 0) {
        location.replace(path + "?idle");
        return;
      }
      const warn = left <= early;
      if (warn && box.hidden) words.textContent = box.dataset.text;
      box.hidden = !warn;
    };
    setInterval(look, 1000);
    for (const name of ["input", "pointerdown", "keydown"]) addEventListener(name, touch, { passive: true });
    addEventListener("timeupdate", touch, { capture: true, passive: true }); // who listens is there
    $("button", box).addEventListener("click", () => { stay(); look(); });
    document.addEventListener("visibilitychange", () => document.hidden || look());
  }

  function keys() {
    const list = $("#keys");
    const press = selector => {
      const e = $(selector);
      if (e && e.matches("form")) e.requestSubmit();
      else if (e) e.click();
      return Boolean(e);
    };
    const write = () => {
      const e = $("#reply");
      if (e) e.focus();
      return Boolean(e);
    };
    const short = { KeyA: write, KeyD: () => press('[data-key="all"]'), KeyP: () => press('[data-key="print"]'), KeyQ: () => press('[data-key="leave"]') };
    addEventListener("keydown", e => {
      let done = false;
      if ((e.ctrlKey || e.metaKey) && (e.key === "/" || e.code === "Slash")) {
        list.open ? list.close() : list.showModal();
        done = true;
      } else if ((e.ctrlKey || e.metaKey) && e.key === "Enter" && e.target.form && e.target.form.matches(".answer")) {
        e.target.form.requestSubmit();
        done = true;
      } else if (e.altKey && e.shiftKey && short[e.code]) {
        done = short[e.code]();
      }
      if (done) e.preventDefault();
    });
    $("button", list).addEventListener("click", () => list.close());
  }

  // A picture is shown where it is listed. It is not fetched before somebody
  // asks for it, because fetching it is reading it.
  function picture(link) {
    link.addEventListener("click", e => {
      if (e.ctrlKey || e.metaKey || e.shiftKey) return;
      e.preventDefault();
      const shown = new Image();
      shown.className = "player";
      shown.alt = link.dataset.picture;
      shown.onerror = () => location.assign(link.href);
      shown.onload = () => link.closest("li").focus();
      shown.src = link.href;
      link.closest("li").tabIndex = -1;
      link.closest("p").before(shown);
      link.remove();
    });
  }

  for (const form of document.querySelectorAll("form.answer")) answer(form);
  for (const link of document.querySelectorAll("[data-picture]")) picture(link);
  for (const form of document.querySelectorAll('form[data-key="leave"]')) form.addEventListener("submit", () => { closing = true; store.clear(); });
  for (const button of document.querySelectorAll("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => print());
  }
  if (seconds) watch();
  if ($("#keys")) keys();
  // A page that the browser kept shows a form that was sent, or a message that
  // was closed.
  addEventListener("pageshow", e => e.persisted && location.reload());
})();
