// The document: finding its elements and making new ones. Text from outside only ever becomes text.

const find = (selector) => document.querySelector(selector);

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

const errorLine = find("#error");

function sayError(text) {
  errorLine.firstElementChild.textContent = text;
  errorLine.hidden = !text;
  if (text) errorLine.scrollIntoView({ block: "nearest" });
}

errorLine.lastElementChild.addEventListener("click", () => sayError(""));
