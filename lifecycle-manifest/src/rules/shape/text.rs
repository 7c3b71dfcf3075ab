//! Faults of the text and its keys.

rule! {
    /// The file is not YAML, or not UTF-8.
    ///
    /// ## What it finds
    ///
    /// A place where the reader of YAML could not go on: a tab for indentation, a bracket or a quote that is not closed, an alias without its anchor, a control character.
    /// Also bytes that are not UTF-8.
    ///
    /// ## Why it matters
    ///
    /// Nothing can be said of a file that cannot be read.
    /// Whatever is below the fault has not been looked at.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 15s
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ## What to write instead
    ///
    /// The place is where the reader gave up; the fault is there, or on a line before it.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ## When to allow it
    ///
    /// It cannot be allowed: there is nothing to go on with.
    ///
    /// ## Source
    ///
    /// YAML 1.2, <https://yaml.org/spec/1.2.2/>.
    pub SYNTAX = "LC001", "syntax", Error, High
}

rule! {
    /// A key stands twice in one mapping.
    ///
    /// ## What it finds
    ///
    /// The same key a second time in one mapping, at any depth.
    ///
    /// ## Why it matters
    ///
    /// YAML forbids it, and readers disagree about which of the two holds: most take the last without a word, some the first.
    /// A timeout that was raised at the top of a file may be lowered again at its end.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    ///   http: { kind: http-server, timeout: 5s }
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ## What to write instead
    ///
    /// Keep one of the two; two things need two names.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    ///   admin: { kind: http-server, timeout: 5s }
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ## When to allow it
    ///
    /// It cannot be allowed: it is not known which of them is meant.
    ///
    /// ## Source
    ///
    /// YAML 1.2, section 3.2.1.1: the keys of a mapping are unique.
    pub DUPLICATE_KEY = "LC002", "duplicate-key", Error, High
}

rule! {
    /// A key that the format does not know.
    ///
    /// ## What it finds
    ///
    /// A key, or the name of a platform, that means nothing at its place.
    /// Keys of the platforms' own files, such as `terminationGracePeriodSeconds`, are known by name, and the help says what they are called here.
    ///
    /// ## Why it matters
    ///
    /// A misspelt key would otherwise be a setting that silently does not hold: `grace: 60s` leaves the grace period at its default.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    /// platforms:
    ///   kubernetes: { grace: 60s }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// The nearest known key is in the help.
    /// `lifecycle schema` describes them all, and gives them to an editor.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    /// platforms:
    ///   kubernetes: { grace_period: 60s }
    /// ```
    ///
    /// ## When to allow it
    ///
    /// It cannot be allowed: what it was meant to say is not known.
    ///
    /// ## Source
    ///
    /// The format itself: `lifecycle schema`.
    pub UNKNOWN_KEY = "LC003", "unknown-key", Error, High
}

rule! {
    /// A key that must be there is not.
    ///
    /// ## What it finds
    ///
    /// A manifest without `lifecycle`, `service` or resources, a resource without `kind` or `timeout`, a hook that is a command without its `timeout`.
    ///
    /// ## Why it matters
    ///
    /// There is no sensible default for these: a step without a timeout has no place in a budget.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server }
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ## What to write instead
    ///
    /// Add the key that the message names.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ## When to allow it
    ///
    /// It cannot be allowed: no sum can be made without it.
    ///
    /// ## Source
    ///
    /// The format itself: `lifecycle schema`.
    pub MISSING_KEY = "LC004", "missing-key", Error, High
}

rule! {
    /// YAML that a manifest does not use.
    ///
    /// ## What it finds
    ///
    /// Tags, merge keys, keys that are not text, a second document, an alias within its own anchor; or a file beyond all bounds (in size, in depth, in values once its aliases are written out).
    ///
    /// ## Why it matters
    ///
    /// Tags and merge keys hide what holds, and a manifest is read by people in an incident.
    /// The bounds keep a hostile file from taking the machine's memory.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: &server { kind: http-server, timeout: 15s }
    ///   grpc: { <<: *server, kind: grpc-server }
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ## What to write instead
    ///
    /// Plain mappings, lists and scalars.
    /// Anchors and aliases are fine.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: &drain 15s }
    ///   grpc: { kind: grpc-server, timeout: *drain }
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ## When to allow it
    ///
    /// It cannot be allowed.
    ///
    /// ## Source
    ///
    /// Merge keys were never part of YAML 1.2: <https://yaml.org/type/merge.html> belongs to 1.1.
    pub UNSUPPORTED_YAML = "LC009", "unsupported-yaml", Error, High
}

rule! {
    /// A format of the manifest that this version does not know.
    ///
    /// ## What it finds
    ///
    /// A `lifecycle` with another number than this version reads.
    ///
    /// ## Why it matters
    ///
    /// Keys may mean something else in another format; guessing would produce a wrong budget.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 2
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ## What to write instead
    ///
    /// Format 1; or use a newer version of the tool.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ## When to allow it
    ///
    /// It cannot be allowed.
    ///
    /// ## Source
    ///
    /// The format itself: `lifecycle schema`.
    pub UNSUPPORTED_FORMAT = "LC012", "unsupported-format", Error, High
}
