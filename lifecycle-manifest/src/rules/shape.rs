//! What is wrong with the file before it means anything: found while it is read.

rule! {
    /// The file is not YAML.
    ///
    /// ## Why it matters
    ///
    /// Nothing can be said of a file that cannot be read.
    ///
    /// ## What to write instead
    ///
    /// The place is where the reader gave up; the fault is there or on the line before.
    /// Usual causes: a tab for indentation, a missing space after `:`, a quote that is not closed.
    pub SYNTAX = "LC001", "syntax", Error, High
}

rule! {
    /// A key stands twice in one mapping.
    ///
    /// ## Why it matters
    ///
    /// Readers of YAML disagree about which of the two holds; most take the last without a word.
    ///
    /// ## What to write instead
    ///
    /// Keep one of them.
    pub DUPLICATE_KEY = "LC002", "duplicate-key", Error, High
}

rule! {
    /// A key that the format does not know.
    ///
    /// ## Why it matters
    ///
    /// A misspelt key would otherwise be a setting that silently does not hold.
    ///
    /// ## What to write instead
    ///
    /// The nearest known key is in the help; `lifecycle schema` describes them all.
    pub UNKNOWN_KEY = "LC003", "unknown-key", Error, High
}

rule! {
    /// A key that must be there is not.
    ///
    /// ## Why it matters
    ///
    /// There is no sensible default for it: a step without a timeout has no place in a budget.
    ///
    /// ## What to write instead
    ///
    /// Add the key that the message names.
    pub MISSING_KEY = "LC004", "missing-key", Error, High
}

rule! {
    /// A value of another shape than the key takes.
    ///
    /// ## Why it matters
    ///
    /// A list where text is expected, or text where a number is, has no reading that is surely meant.
    ///
    /// ## What to write instead
    ///
    /// The message says what the key takes.
    pub WRONG_TYPE = "LC005", "wrong-type", Error, High
}

rule! {
    /// A text that is not a duration.
    ///
    /// ## Why it matters
    ///
    /// Platforms count in seconds, milliseconds and minutes; a number without a unit is read wrongly by somebody.
    ///
    /// ## What to write instead
    ///
    /// Hours, minutes, seconds and milliseconds from large to small, each at most once: `15s`, `250ms`, `1m30s`.
    pub BAD_DURATION = "LC006", "bad-duration", Error, High
}

rule! {
    /// A word that is not one of those the key takes.
    ///
    /// ## Why it matters
    ///
    /// A kind decides when a resource is let go and what its step does; there is no near enough.
    ///
    /// ## What to write instead
    ///
    /// One of the words in the help.
    pub UNKNOWN_VALUE = "LC007", "unknown-value", Error, High
}

rule! {
    /// A name that no resource has.
    ///
    /// ## Why it matters
    ///
    /// An order that names nothing orders nothing, and the step it was meant for begins too early.
    ///
    /// ## What to write instead
    ///
    /// The name of an entry of `resources`.
    pub UNKNOWN_RESOURCE = "LC008", "unknown-resource", Error, High
}

rule! {
    /// YAML that a manifest does not use: tags, merge keys, several documents, or a file beyond all bounds.
    ///
    /// ## Why it matters
    ///
    /// Tags and merge keys hide what holds; a manifest is read by people in an incident.
    ///
    /// ## What to write instead
    ///
    /// Plain mappings, lists and scalars. Anchors and aliases are fine.
    pub UNSUPPORTED_YAML = "LC009", "unsupported-yaml", Error, High
}

rule! {
    /// A name that some platform would refuse.
    ///
    /// ## Why it matters
    ///
    /// The service's name becomes the name of Kubernetes objects and ECS families, and a resource's name a field in the program.
    ///
    /// ## What to write instead
    ///
    /// Lower-case letters, digits and `-`, beginning with a letter, ending with a letter or a digit, at most 63.
    pub BAD_NAME = "LC010", "bad-name", Error, High
}

rule! {
    /// A number outside of what the key can hold, or zero where zero makes no sense.
    ///
    /// ## Why it matters
    ///
    /// The platform would refuse it, or read it as something else: zero is "never", "at once" or "the default" by turns.
    ///
    /// ## What to write instead
    ///
    /// A value within the bounds that the message names.
    pub OUT_OF_RANGE = "LC011", "out-of-range", Error, High
}

rule! {
    /// A format of the manifest that this version does not know.
    ///
    /// ## Why it matters
    ///
    /// Keys may mean something else in another format; guessing would produce a wrong budget.
    ///
    /// ## What to write instead
    ///
    /// `lifecycle: 1`, or use a newer version of the tool.
    pub UNSUPPORTED_FORMAT = "LC012", "unsupported-format", Error, High
}

rule! {
    /// A key that this kind of resource does not take.
    ///
    /// ## Why it matters
    ///
    /// A lease on a server or a port on a database would be a setting without effect.
    ///
    /// ## What to write instead
    ///
    /// Take the key away, or change the kind.
    pub KEY_NOT_FOR_KIND = "LC013", "key-not-for-kind", Error, High
}

rule! {
    /// A name that no rule has.
    ///
    /// ## Why it matters
    ///
    /// An allowance for a rule that does not exist allows nothing.
    ///
    /// ## What to write instead
    ///
    /// The code or the name of a rule, or `all`; `lifecycle rules` lists them.
    pub UNKNOWN_RULE = "LC014", "unknown-rule", Error, High
}

rule! {
    /// An allowance that cannot be followed: without a rule, without a reason, or for what cannot be allowed.
    ///
    /// ## Why it matters
    ///
    /// Whoever meets it next must know whether it still holds. What is wrong with the shape of the file cannot be allowed at all: nothing can be judged behind it.
    ///
    /// ## What to write instead
    ///
    /// `# lifecycle: allow(RULE) why it is fine here`, or under `lints:` `RULE: { level: allow, reason: "…" }`.
    pub BAD_ALLOWANCE = "LC015", "bad-allowance", Error, High
}

rule! {
    /// An allowance for something that is not found.
    ///
    /// ## Why it matters
    ///
    /// What was allowed has been mended; the next one that comes to this place would pass unseen.
    ///
    /// ## What to write instead
    ///
    /// Take the allowance away.
    pub UNUSED_ALLOWANCE = "LC016", "unused-allowance", Warning, High
}
