//! Faults of levels and allowances.

rule! {
    /// A name that no rule has.
    ///
    /// ## What it finds
    ///
    /// A name or a code under `lints:`, or in a `# lifecycle: allow(…)` comment, that no rule has.
    ///
    /// ## Why it matters
    ///
    /// An allowance for a rule that does not exist allows nothing.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    /// lints:
    ///   unused-grade: deny
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ## What to write instead
    ///
    /// The code or the name of a rule, or `all`; `lifecycle rules` lists them.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    /// lints:
    ///   unused-grace: deny
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ## When to allow it
    ///
    /// It cannot be allowed.
    /// Where an older version of the tool does not know a rule yet, use the newer one there too.
    ///
    /// ## Source
    ///
    /// The catalogue itself: `lifecycle rules`.
    pub UNKNOWN_RULE = "LC014", "unknown-rule", Error, High
}

rule! {
    /// An allowance that cannot be followed.
    ///
    /// ## What it finds
    ///
    /// An allowance without a rule or without a reason, one for all rules in a comment, or a level for a rule whose findings are always errors.
    ///
    /// ## Why it matters
    ///
    /// Whoever meets an allowance next must know whether it still holds, and only the reason says so.
    /// What is wrong with the shape of the file cannot be allowed at all: nothing can be judged behind it.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    /// platforms:
    ///   kubernetes: { grace_period: 10m } # lifecycle: allow(unused-grace)
    /// ```
    ///
    /// ## What to write instead
    ///
    /// A comment behind or above the place, with a reason; or, for the whole file, `RULE: { level: allow, reason: "…" }` under `lints:`.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    /// platforms:
    ///   kubernetes: { grace_period: 10m } # lifecycle: allow(unused-grace) batch imports join this service next month
    /// ```
    ///
    /// ## When to allow it
    ///
    /// It cannot be allowed.
    ///
    /// ## Source
    ///
    /// Clippy's `allow_attributes_without_reason` asks the same of Rust's own attributes.
    pub BAD_ALLOWANCE = "LC015", "bad-allowance", Error, High
}

rule! {
    /// An allowance for something that is not found.
    ///
    /// ## What it finds
    ///
    /// A `# lifecycle: allow(…)` comment, or a level `allow` under `lints:`, for a rule that finds nothing there.
    /// Rules that did not run, because no deployed file was given or the sums could not be made, do not count.
    ///
    /// ## Why it matters
    ///
    /// What was allowed has been mended; the next one that comes to this place would pass unseen.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    /// platforms:
    ///   kubernetes: { grace_period: 40s } # lifecycle: allow(unused-grace) timeouts are about to grow
    /// ```
    ///
    /// ## What to write instead
    ///
    /// Take the allowance away.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    /// platforms:
    ///   kubernetes: { grace_period: 40s }
    /// ```
    ///
    /// ## When to allow it
    ///
    /// While the same manifest is also checked by an older version that still finds something.
    ///
    /// ## Source
    ///
    /// Rust's `unfulfilled_lint_expectations`, ruff's `unused-noqa`: the same idea elsewhere.
    pub UNUSED_ALLOWANCE = "LC016", "unused-allowance", Warning, High
}
