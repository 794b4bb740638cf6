// Puts a button beside each command. Pages are whole without it.
"use strict";
for (const box of document.querySelectorAll(".uses section")) {
  if (!navigator.clipboard) break; // browsers have it on https and on localhost alone
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.setAttribute("aria-label", "Copy the command for " + box.querySelector("h3").textContent);
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(box.querySelector("code").textContent);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  box.classList.add("copies");
  box.append(button);
}
