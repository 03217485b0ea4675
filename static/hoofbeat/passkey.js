// Lets the browser make or prove a passkey. The form's `data-passkey` holds what the server asks for, `data-act` is
// `create` or `get`; what the browser answers goes into the hidden field `credential`, and the form is sent.
(function () {
  "use strict";

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    const problem = form.querySelector("[data-passkey-problem]");
    form.querySelector("[data-passkey-button]").addEventListener("click", async (event) => {
      event.preventDefault();
      if (!form.reportValidity()) {
        return;
      }
      problem.hidden = true;
      try {
        const asked = JSON.parse(form.dataset.passkey);
        const credential = await window.webauthnJSON[form.dataset.act](asked);
        form.querySelector("[name=credential]").value = JSON.stringify(credential);
        form.submit();
      } catch {
        // Refused by the person, or by the device: the browser has said why.
        problem.hidden = false;
        problem.focus();
      }
    });
  }
})();
