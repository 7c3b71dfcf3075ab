// The list of findings: where each is, why, and the ways out.

import { count, make } from "./make.js";

export class Findings {
  // `show` selects a place, `apply` makes edits of a text, `explain` gets a rule's page.
  constructor(list, summary, all, { show, apply, explain }) {
    Object.assign(this, { list, summary, all, show, apply, explain, drawn: null, text: null });
  }

  // What is found in a text. The same findings stay where they are, with the pages that are open and
  // with the focus.
  draw(answer, text) {
    this.text = text;
    const drawn = JSON.stringify(answer.findings);
    if (drawn !== this.drawn) {
      this.drawn = drawn;
      this.list.replaceChildren(...answer.findings.map((finding) => this.#entry(finding)));
    }
    const words = told(answer);
    // Said again only when it is something else.
    if (this.summary.textContent !== words) this.summary.textContent = words;
    this.all.hidden = answer.fixable === 0;
    this.all.textContent = answer.fixable === 1 ? "Make the safe fix" : `Make all ${answer.fixable} safe fixes`;
  }

  #entry(finding) {
    const place = (at, words) => make("button", { type: "button", class: "place", onclick: () => this.show(at) }, words);
    const line = finding.start[0] + 1;
    const rule = `${finding.code} ${finding.name}`;
    return make(
      "li",
      { class: `finding ${finding.severity}` },
      make(
        "p",
        { class: "fact" },
        make("span", { class: `severity ${finding.severity}` }, finding.severity),
        " ",
        place(finding, `line ${line}`),
        " ",
        make("span", {}, finding.message),
      ),
      finding.label === "" ? null : make("p", { class: "small" }, `line ${line}: ${finding.label}`),
      ...finding.related.map((related) =>
        make("p", { class: "small" }, place(related, `line ${related.start[0] + 1}`), `: ${related.label}`)),
      ...finding.notes.map((note) => make("p", { class: "small" }, note)),
      ...finding.help.map((help) => this.#help(help)),
      this.#page(finding, rule),
    );
  }

  #help(help) {
    if (!help.fix) return make("p", { class: "help" }, help.text);
    const name = help.fix.is_safe ? "Apply" : "Apply (changes what is meant)";
    const apply = () => this.apply(help.fix.edits, this.text);
    return make(
      "p",
      { class: "help" },
      make("button", { type: "button", class: "apply", onclick: apply, "aria-label": `${name}: ${help.text}` }, name),
      " ",
      help.text,
    );
  }

  #page(finding, rule) {
    const page = make("pre", { class: "page", tabindex: "0" }, "…");
    const details = make("details", { class: "small" }, make("summary", {}, rule), page);
    details.addEventListener("toggle", async () => {
      if (details.open && page.textContent === "…") page.textContent = await this.explain(finding.code);
    });
    return details;
  }
}

function told({ errors, warnings, allowed, findings, service }) {
  const parts = [];
  if (errors > 0) parts.push(count(errors, "error"));
  if (warnings > 0) parts.push(count(warnings, "warning"));
  if (parts.length === 0) parts.push(service === null ? "could not be read" : "none");
  if (findings.length < errors + warnings) parts.push(`the first ${findings.length} are shown`);
  if (allowed > 0) parts.push(`${allowed} allowed`);
  return parts.join(", ");
}
