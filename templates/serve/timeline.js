// The picture of one platform, as the program draws it.

import { drawing, make } from "./make.js";

export class Timeline {
  constructor({ choices, whatIf, sum, picture }, changed) {
    Object.assign(this, { choices, whatIf, sum, picture, changed });
    this.platforms = [];
    this.chosen = null;
    whatIf.addEventListener("change", () => changed());
  }

  // Which platform is looked at.
  get platform() {
    return this.chosen;
  }

  // What is asked to go wrong; null: nothing.
  get asked() {
    return this.whatIf.value === "" ? null : this.whatIf.value;
  }

  draw(answer) {
    // A text that cannot be read has no picture: the last one stays, and says that it is old.
    const isOld = answer.service === null;
    this.picture.classList.toggle("old", isOld);
    if (isOld) {
      this.sum.textContent = this.platforms.length === 0 ? "There is nothing to draw yet." : "As it was when the manifest could last be read.";
      return;
    }
    this.platforms = answer.platforms;
    // One of them is drawn: the one that was asked for, or the first where that is gone.
    this.chosen = this.platforms.find((platform) => platform.picture !== null)?.key ?? null;
    this.#choices();
    this.#asks(answer.what_if);
    this.#picture();
  }

  #choices() {
    const legend = this.choices.querySelector("legend");
    const focused = this.choices.contains(document.activeElement) ? document.activeElement.value : null;
    const choose = (key) => {
      this.chosen = key;
      this.changed();
    };
    const choices = this.platforms.map(({ key, label, fits }) =>
      make(
        "label",
        { class: fits ? "choice fits" : "choice fits-not" },
        make("input", { type: "radio", name: "platform", value: key, checked: key === this.chosen, onchange: () => choose(key) }),
        label,
        make("span", { class: "sign", "aria-hidden": "true" }, fits ? "✓" : "✗"),
        make("span", { class: "hidden" }, fits ? ", fits" : ", does not fit"),
      ));
    this.choices.replaceChildren(legend, ...choices);
    if (focused !== null) this.choices.querySelector(`input[value="${CSS.escape(focused)}"]`)?.focus();
  }

  #asks(asks) {
    const before = this.whatIf.value;
    this.whatIf.replaceChildren(...asks.map(({ ask, words }) => make("option", { value: ask }, words)));
    this.whatIf.value = asks.some(({ ask }) => ask === before) ? before : "";
  }

  #picture() {
    const platform = this.platforms.find(({ key }) => key === this.chosen);
    if (!platform) {
      this.sum.textContent = "No platform is named: there is no clock to draw on.";
      this.picture.replaceChildren();
      return;
    }
    const { svg, ended } = platform.picture;
    this.sum.textContent = ended === null ? platform.sum : `${platform.sum}. ${ended}`;
    this.picture.replaceChildren(drawing(svg));
  }
}
