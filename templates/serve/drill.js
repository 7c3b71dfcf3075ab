// A drill: started, watched, stopped.

import { Gone, Refused, lines, post } from "./ask.js";
import { count, find, make } from "./make.js";

const COUNTED = [
  ["served", "served"],
  ["refused", "refused with 503"],
  ["refused_at_connect", "refused at connection"],
  ["server_error", "server errors"],
  ["lost", "lost"],
  ["in_flight", "in flight"],
];

// What ends a drill.
const LAST = ["verdict", "failed", "stopped"];

export class Drill {
  // `asked` gives the text and the platform.
  constructor(command, asked) {
    this.asked = asked;
    if (command === null) {
      find("no-drill").hidden = false;
      return;
    }
    find("drill").hidden = false;
    find("command").textContent = command;
    find("start").addEventListener("click", () => this.#start());
    find("stop").addEventListener("click", () => this.#stop());
  }

  async #start() {
    const rate = find("rate");
    if (!rate.reportValidity()) return;
    const { text, platform } = this.asked();
    const body = { text, platform, rate: rate.value === "" ? null : Number(rate.value) };
    find("start").disabled = true;
    try {
      const answer = await post("/api/drill", body);
      if (answer.outcome === "refused") this.#say(answer.words, "bad-news");
      else this.watch(true);
    } catch (error) {
      this.#broke(error);
    } finally {
      find("start").disabled = false;
    }
  }

  async #stop() {
    find("stop").disabled = true;
    await post("/api/drill/stop", {}).catch((error) => this.#broke(error));
  }

  // Shows a drill from its first moment, as it goes on.
  async watch(focus = false) {
    this.number = 0;
    this.over = false;
    this.lines = [];
    find("events").replaceChildren();
    find("lines").textContent = "";
    find("output").hidden = true;
    find("counts").hidden = true;
    find("verdict").hidden = true;
    find("verdict").replaceChildren();
    find("start").hidden = true;
    find("stop").hidden = false;
    find("stop").disabled = false;
    if (focus) find("stop").focus();
    this.#say("starting …");
    try {
      await lines(`/api/drill/after/${this.number}`, (entry) => this.#entry(entry));
      if (!this.over) this.#say("lifecycle serve was ended, and the drill with it: there is no verdict", "bad-news");
    } catch (error) {
      this.#broke(error);
    } finally {
      const had = document.activeElement === find("stop");
      find("stop").hidden = true;
      find("start").hidden = false;
      if (had) find("start").focus();
    }
  }

  #entry(entry) {
    this.number = entry.number;
    this.over = LAST.includes(entry.what);
    const seconds = `${(entry.at_ms / 1000).toFixed(1)} s`;
    switch (entry.what) {
      case "event":
        this.#say(entry.words);
        find("events").append(make("li", {}, make("span", { class: "when" }, seconds), make("span", {}, entry.words)));
        break;
      case "note":
        find("events").append(make("li", { class: "note" }, make("span", { class: "when" }, seconds), make("span", {}, entry.words)));
        break;
      case "output":
        this.#line(entry.line);
        break;
      case "traffic":
        this.#counts(entry);
        break;
      case "verdict":
        this.#verdict(entry);
        break;
      default:
        this.#say(entry.words, entry.what === "failed" ? "bad-news" : "");
    }
  }

  #line(line) {
    this.lines.push(line);
    if (this.lines.length > 500) this.lines.shift();
    find("output").hidden = false;
    find("lines").textContent = this.lines.join("\n");
  }

  #counts(counts) {
    find("counts").hidden = false;
    find("counts").replaceChildren(
      ...COUNTED.map(([key, words]) =>
        make(
          "div",
          { class: key === "lost" || key === "server_error" ? (counts[key] > 0 ? "count bad-news" : "count") : "count" },
          make("dt", {}, words),
          make("dd", { "data-count": key }, counts[key].toLocaleString("en")),
        )),
    );
  }

  #verdict({ passed, findings, text, report }) {
    const failures = findings.filter((finding) => finding.severity === "failure").length;
    const others = findings.length - failures;
    const parts = [passed ? "passed" : "FAILED"];
    if (failures > 0) parts.push(count(failures, "failure"));
    if (others > 0) parts.push(count(others, "warning"));
    if (findings.length === 0) parts.push("the process stopped as it should");
    this.#say(parts.join(", "), passed ? "good-news" : "bad-news");
    const verdict = find("verdict");
    verdict.replaceChildren(
      ...findings.map((finding) =>
        make(
          "div",
          { class: `finding ${finding.severity === "failure" ? "error" : "warning"}` },
          make(
            "p",
            { class: "fact" },
            make("span", { class: `severity ${finding.severity === "failure" ? "error" : "warning"}` }, finding.severity),
            " ",
            finding.message,
          ),
          make("p", { class: "small" }, `${finding.name}, usual cause: ${finding.cause}`),
        )),
      make("details", { class: "measured" }, make("summary", {}, "Plan and measurement"), make("pre", { tabindex: "0" }, text)),
    );
    verdict.append(
      make("p", {}, make("a", { href: report, target: "_blank", rel: "noreferrer" }, "The report in a tab of its own")),
      make("iframe", { src: report, class: "report", title: "The drill's report", sandbox: "allow-scripts" }),
    );
    verdict.hidden = false;
  }

  #say(words, news = "") {
    const line = find("drill-words");
    line.textContent = words;
    line.className = `words-of-drill ${news}`;
  }

  #broke(error) {
    if (!(error instanceof Refused || error instanceof Gone)) throw error;
    this.#say(error.message, "bad-news");
  }
}
