// Type-ahead after the WAI-ARIA pattern "combobox with list autocomplete". The server makes the options;
// choosing one raises "combobox:choose" with {id, label}, and site.js does what the page wants with it.
(function () {
  "use strict";

  const DELAY = 150;
  const states = new WeakMap();

  function parts(box) {
    return {
      input: box.querySelector("[role=combobox]"),
      list: box.querySelector("[role=listbox]"),
      status: box.querySelector("[data-status]"),
    };
  }

  function stateOf(box) {
    if (!states.has(box)) {
      states.set(box, { active: -1, timer: 0, request: null, waiting: null });
    }
    return states.get(box);
  }

  function options(box) {
    return Array.from(parts(box).list.querySelectorAll("[role=option]"));
  }

  function say(box, text) {
    parts(box).status.textContent = text;
  }

  function close(box) {
    const { input, list } = parts(box);
    const state = stateOf(box);
    clearTimeout(state.timer);
    if (state.request) {
      state.request.abort();
    }
    state.active = -1;
    state.request = null;
    state.waiting = null;
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function activate(box, index) {
    const { input } = parts(box);
    const found = options(box);
    if (!found.length) {
      return;
    }
    const state = stateOf(box);
    state.active = (index + found.length) % found.length;
    found.forEach((option, i) => option.setAttribute("aria-selected", i === state.active ? "true" : "false"));
    input.setAttribute("aria-activedescendant", found[state.active].id);
    found[state.active].scrollIntoView({ block: "nearest" });
  }

  function choose(box, option) {
    const detail = { id: option.dataset.id, label: option.dataset.label };
    close(box);
    box.dispatchEvent(new CustomEvent("combobox:choose", { bubbles: true, detail }));
  }

  function show(box, html) {
    const { input, list } = parts(box);
    list.innerHTML = html;
    const found = options(box);
    found.forEach((option, i) => {
      option.id = `${list.id}-${i}`;
    });
    list.hidden = found.length === 0;
    input.setAttribute("aria-expanded", found.length ? "true" : "false");
    input.removeAttribute("aria-activedescendant");
    stateOf(box).active = -1;
    if (!found.length) {
      say(box, box.dataset.none);
    } else {
      say(box, found.length === 1 ? box.dataset.one : box.dataset.some.replace("{n}", found.length));
    }
    const waiting = stateOf(box).waiting;
    stateOf(box).waiting = null;
    if (waiting && found.length) {
      waiting();
    }
  }

  async function search(box) {
    const { input } = parts(box);
    const state = stateOf(box);
    const query = input.value.trim();
    if (state.request) {
      state.request.abort();
    }
    if (query.length < 2) {
      close(box);
      say(box, "");
      return;
    }
    const request = new AbortController();
    state.request = request;
    try {
      const answer = await fetch(`${box.dataset.source}?q=${encodeURIComponent(query)}`, {
        signal: request.signal,
        credentials: "same-origin",
        headers: { "HX-Request": "true", "HX-Current-URL": location.href },
      });
      if (answer.headers.has("HX-Redirect")) {
        location.assign(answer.headers.get("HX-Redirect"));
        return;
      }
      if (!answer.ok) {
        throw new Error(String(answer.status));
      }
      show(box, await answer.text());
    } catch (error) {
      if (error.name !== "AbortError") {
        close(box);
        say(box, box.dataset.failed);
        document.dispatchEvent(new CustomEvent("hoofbeat:offline"));
      }
    } finally {
      if (state.request === request) {
        state.request = null;
      }
    }
  }

  document.addEventListener("input", (event) => {
    const box = event.target.closest("[data-combobox]");
    if (!box) {
      return;
    }
    const state = stateOf(box);
    clearTimeout(state.timer);
    state.timer = setTimeout(() => {
      state.timer = 0;
      search(box);
    }, DELAY);
    box.dispatchEvent(new CustomEvent("combobox:type", { bubbles: true }));
  });

  document.addEventListener("keydown", (event) => {
    const box = event.target.closest("[data-combobox]");
    if (!box || event.target !== parts(box).input) {
      return;
    }
    const { list, input } = parts(box);
    const state = stateOf(box);
    const open = !list.hidden;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (open) {
        activate(box, event.key === "ArrowDown" ? state.active + 1 : state.active < 0 ? -1 : state.active - 1);
      } else if (event.key === "ArrowDown") {
        search(box);
      }
    } else if (event.key === "Enter" && input.value.trim()) {
      // Enter takes the chosen suggestion, or the first; it never sends a form half filled in.
      event.preventDefault();
      const take = () => choose(box, options(box)[Math.max(stateOf(box).active, 0)]);
      if (open && !state.timer && !state.request) {
        take();
      } else {
        state.waiting = take;
        if (state.timer || !state.request) {
          clearTimeout(state.timer);
          state.timer = 0;
          search(box);
        }
      }
    } else if (event.key === "Escape") {
      if (open) {
        event.preventDefault();
        close(box);
      } else {
        input.value = "";
      }
    } else if (event.key === "Tab") {
      close(box);
    }
  });

  // mousedown, not click: the field keeps the focus.
  document.addEventListener("mousedown", (event) => {
    const option = event.target.closest("[data-combobox] [role=option]");
    if (option) {
      event.preventDefault();
      choose(option.closest("[data-combobox]"), option);
    }
  });

  document.addEventListener("focusout", (event) => {
    const box = event.target.closest("[data-combobox]");
    if (box && !box.contains(event.relatedTarget)) {
      close(box);
    }
  });
})();
