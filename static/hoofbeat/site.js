// What pages do beyond htmx: take a chosen suggestion, keep rows of a form, put the focus where it belongs,
// and say so when the server cannot be reached. Everything also works, more slowly, without it.
(function () {
  "use strict";

  // --- Focus ------------------------------------------------------------------------------------------------

  function focusMarked(root) {
    const marked = root.matches && root.matches("[data-focus]") ? root : root.querySelector("[data-focus]");
    if (marked) {
      marked.focus({ preventScroll: false });
    }
  }
  document.addEventListener("DOMContentLoaded", () => focusMarked(document.body));
  document.addEventListener("htmx:load", (event) => {
    if (event.target !== document.body) {
      focusMarked(event.target);
    }
  });

  // --- The server cannot be reached, or something between it and us answers ----------------------------------

  function showOffline() {
    const alerts = document.getElementById("alerts");
    const message = document.getElementById("offline-message");
    if (alerts && message) {
      alerts.replaceChildren(message.content.cloneNode(true));
      alerts.scrollIntoView({ block: "nearest" });
    }
  }
  ["htmx:sendError", "htmx:timeout", "hoofbeat:offline"].forEach((name) => document.addEventListener(name, showOffline));
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr } = event.detail;
    if (xhr.status >= 400 && !xhr.responseText.includes("data-problem")) {
      event.detail.shouldSwap = false;
      showOffline();
    } else if (xhr.status >= 400 && !xhr.getResponseHeader("HX-Retarget")) {
      document.getElementById("alerts").scrollIntoView({ block: "nearest" });
    }
  });
  window.addEventListener("offline", showOffline);
  window.addEventListener("online", () => document.getElementById("alerts")?.replaceChildren());

  // --- Somebody who types is there, though nothing is sent ------------------------------------------------------

  const awake = document.querySelector("meta[name=hoofbeat-awake]")?.content;
  let said = Date.now();
  if (awake) {
    document.addEventListener("input", () => {
      if (Date.now() - said > 60_000) {
        said = Date.now();
        fetch(awake, { redirect: "manual" }).catch(() => {});
      }
    });
  }

  // --- Suggestions ------------------------------------------------------------------------------------------

  function addRow(box, { id, label }) {
    const list = document.querySelector("[data-rows]");
    const input = box.querySelector("[role=combobox]");
    input.value = "";
    document.getElementById("finding-problem").replaceChildren();
    const known = list.querySelector(`input[name=finding][value="${CSS.escape(id)}"]`);
    if (known) {
      known.closest("li").querySelector("input[type=radio]").focus();
      return;
    }
    const row = document.getElementById("finding-row").content.cloneNode(true);
    row.querySelector("input[name=finding]").value = id;
    row.querySelector("[data-label]").textContent = label;
    row.querySelector("[data-id]").textContent = id;
    row.querySelector("legend").textContent = label;
    row.querySelectorAll("input[type=radio]").forEach((radio) => {
      radio.name = `state-${id}`;
    });
    const remove = row.querySelector("[data-remove]");
    remove.value = id;
    remove.setAttribute("aria-label", `${remove.dataset.removeWord} ${label}`);
    list.append(row);
    document.getElementById("no-findings").hidden = true;
  }

  // Each addition is a form of its own: htmx would let a second one wait for the first and drop a third.
  function submitChosen(box, { id, label }) {
    const form = box.closest("form");
    const input = box.querySelector("[role=combobox]");
    const once = form.cloneNode(false);
    once.removeAttribute("id");
    once.hidden = true;
    const values = {
      csrfmiddlewaretoken: form.querySelector("[name=csrfmiddlewaretoken]").value,
      finding: id,
      state: "present",
    };
    for (const [name, value] of Object.entries(values)) {
      const field = document.createElement("input");
      field.type = "hidden";
      field.name = name;
      field.value = value;
      once.append(field);
    }
    document.body.append(once);
    input.value = "";
    once.addEventListener("htmx:afterRequest", (event) => {
      if (!event.detail.successful && !input.value) {
        input.value = label;
      }
      // Not yet: what else htmx says of this request bubbles up from here.
      setTimeout(() => once.remove());
    });
    htmx.process(once);
    once.requestSubmit();
  }

  function tickOther() {
    const other = document.getElementById("outcome-other");
    if (other) {
      other.checked = true;
    }
  }

  function fillChosen(box, { id, label }) {
    box.querySelector("[role=combobox]").value = label;
    box.parentElement.querySelector("[data-chosen]").value = id;
    tickOther();
  }

  const ACTS = { row: addRow, submit: submitChosen, fill: fillChosen };
  document.addEventListener("combobox:choose", (event) => {
    ACTS[event.target.dataset.choose](event.target, event.detail);
  });
  document.addEventListener("combobox:type", (event) => {
    if (event.target.dataset.choose === "fill") {
      event.target.parentElement.querySelector("[data-chosen]").value = "";
      tickOther();
    }
  });

  // --- Rows of a form that is not sent yet -------------------------------------------------------------------

  document.addEventListener("change", (event) => {
    if (event.target.matches(".finding input[type=radio]")) {
      event.target.closest(".finding").dataset.state = event.target.value;
    }
  });
  document.addEventListener("click", (event) => {
    const remove = event.target.closest("[data-remove]");
    if (remove) {
      event.preventDefault();
      const list = remove.closest("[data-rows]");
      remove.closest("li").remove();
      document.getElementById("no-findings").hidden = list.children.length > 0;
      document.getElementById("finding-text").focus();
    }
  });

  // On a shared screen a note stays no longer than it is needed: what the server answers names the field to clear.
  document.addEventListener("htmx:load", (event) => {
    const told = event.target.querySelector("[data-clears]") || event.target.closest("[data-clears]");
    if (told) {
      document.getElementById(told.dataset.clears).value = "";
    }
  });

  // What was typed into the field is cleared once the finding is saved, not before.
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.target.id === "add-finding" && event.detail.successful) {
      const field = document.getElementById("finding-text");
      field.value = "";
      field.focus();
    }
    if (event.target.id === "read-note" && event.detail.successful) {
      document.getElementById("note-problem").replaceChildren();
    }
  });
})();
