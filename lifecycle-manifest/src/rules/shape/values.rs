//! Faults of values.

rule! {
    /// A value of another shape than the key takes.
    ///
    /// ## What it finds
    ///
    /// A list where text is expected, text where a number or a mapping is, or nothing at all.
    ///
    /// ## Why it matters
    ///
    /// Such a value has no reading that is surely meant.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 10s, uses: { db: true } }
    ///   db: { kind: database, timeout: 5s }
    /// platforms:
    ///   kubernetes: { replicas: three }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// The message says what the key takes.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 10s, uses: [db] }
    ///   db: { kind: database, timeout: 5s }
    /// platforms:
    ///   kubernetes: { replicas: 3 }
    /// ```
    ///
    /// ## When to allow it
    ///
    /// It cannot be allowed.
    ///
    /// ## Source
    ///
    /// The format itself: `lifecycle schema`.
    pub WRONG_TYPE = "LC005", "wrong-type", Error, High
}

rule! {
    /// A text that is not a duration.
    ///
    /// ## What it finds
    ///
    /// A number without a unit, a unit that is none, a fraction, spaces within, something negative, or more than a week.
    ///
    /// ## Why it matters
    ///
    /// Platforms count in seconds, milliseconds and minutes; a number without a unit is read wrongly by somebody.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 1.5s }
    ///   db: { kind: database, timeout: 5 }
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ## What to write instead
    ///
    /// Hours, minutes, seconds and milliseconds from large to small, each at most once: `15s`, `250ms`, `1m30s`.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 1s500ms }
    ///   db: { kind: database, timeout: 5s }
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ## When to allow it
    ///
    /// It cannot be allowed: no sum can be made without the number.
    ///
    /// ## Source
    ///
    /// PM2 counts in milliseconds, Kubernetes and ECS in seconds, Azure's ingress in minutes.
    pub BAD_DURATION = "LC006", "bad-duration", Error, High
}

rule! {
    /// A word that is not one of those the key takes.
    ///
    /// ## What it finds
    ///
    /// A kind, a phase, a launch type, a level or another word of a fixed set that is not in it; `yes`, `no`, `on` and `off` where `true` or `false` is expected.
    ///
    /// ## Why it matters
    ///
    /// A kind decides when a resource is let go and what its step does; there is no near enough.
    /// YAML 1.1 reads `no` as false, YAML 1.2 as text; writing `false` leaves no doubt.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-sever, timeout: 15s }
    /// platforms:
    ///   ecs: { launch_type: lambda }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// One of the words in the help.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    /// platforms:
    ///   ecs: { launch_type: fargate }
    /// ```
    ///
    /// ## When to allow it
    ///
    /// It cannot be allowed.
    ///
    /// ## Source
    ///
    /// The format itself: `lifecycle schema`.
    pub UNKNOWN_VALUE = "LC007", "unknown-value", Error, High
}

rule! {
    /// A name that no resource has.
    ///
    /// ## What it finds
    ///
    /// A name in `after`, `uses` or `timeouts` that is not an entry of `resources`, or the resource's own.
    ///
    /// ## Why it matters
    ///
    /// An order that names nothing orders nothing, and the step it was meant for begins too early.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 10s, uses: [orders-bd] }
    ///   orders-db: { kind: database, timeout: 5s }
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ## What to write instead
    ///
    /// The name of an entry of `resources`.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 10s, uses: [orders-db] }
    ///   orders-db: { kind: database, timeout: 5s }
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
    pub UNKNOWN_RESOURCE = "LC008", "unknown-resource", Error, High
}

rule! {
    /// A name that some platform, or the program, would refuse.
    ///
    /// ## What it finds
    ///
    /// The name of a service, a resource, a sidecar or a namespace that is not a DNS label, or a resource's that no field of a program can have.
    ///
    /// ## Why it matters
    ///
    /// The service's name becomes the name of Kubernetes objects and ECS families, and a resource's name a field in the program.
    /// Neither would be refused before the deployment or the build.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: Shop_API
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ## What to write instead
    ///
    /// Lower-case letters, digits and `-`, beginning with a letter, ending with a letter or a digit, at most 63.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop-api
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ## When to allow it
    ///
    /// It cannot be allowed: the platform would refuse what is generated.
    ///
    /// ## Source
    ///
    /// RFC 1035 labels, which Kubernetes holds the names of services to: <https://kubernetes.io/docs/concepts/overview/working-with-objects/names/>.
    pub BAD_NAME = "LC010", "bad-name", Error, High
}

rule! {
    /// A number outside of what the key can hold, or zero where zero makes no sense.
    ///
    /// ## What it finds
    ///
    /// A port above 65535, a deregistration delay above an hour, a period of zero; also a path that is none.
    ///
    /// ## Why it matters
    ///
    /// The platform would refuse it, or read it as something else: zero is "never", "at once" or "the default" by turns.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, port: 80800, timeout: 15s }
    /// platforms:
    ///   ecs: { load_balancer: { deregistration_delay: 2h } }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// A value within the bounds that the message names.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, port: 8080, timeout: 15s }
    /// platforms:
    ///   ecs: { load_balancer: { deregistration_delay: 30s } }
    /// ```
    ///
    /// ## When to allow it
    ///
    /// It cannot be allowed.
    ///
    /// ## Source
    ///
    /// Target groups take 0 to 3600 seconds, balancers an idle timeout of 1 to 4000: <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html>.
    pub OUT_OF_RANGE = "LC011", "out-of-range", Error, High
}

rule! {
    /// A key that this kind of resource does not take.
    ///
    /// ## What it finds
    ///
    /// A `lease` on anything but a queue consumer, a `port` on anything but a server.
    ///
    /// ## Why it matters
    ///
    /// It would be a setting without effect, and somebody believes in it.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, port: 8080, timeout: 10s }
    ///   orders-db: { kind: database, port: 5432, timeout: 5s }
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ## What to write instead
    ///
    /// Take the key away, or change the kind.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, port: 8080, timeout: 10s }
    ///   orders-db: { kind: database, timeout: 5s }
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ## When to allow it
    ///
    /// It cannot be allowed: the key has no effect.
    ///
    /// ## Source
    ///
    /// The format itself: `lifecycle schema`.
    pub KEY_NOT_FOR_KIND = "LC013", "key-not-for-kind", Error, High
}
