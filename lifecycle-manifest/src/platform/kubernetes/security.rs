//! `security_context`: what the program's container may do on its node. It decides nothing of the
//! shutdown, and is generated with everything else.
//!
//! Source: the Pod Security Standards, <https://kubernetes.io/docs/concepts/security/pod-security-standards/>,
//! and their checks (`k8s.io/pod-security-admission`).

/// `security_context`.
///
/// ```
/// use lifecycle_manifest::{Analysis, Platform};
/// use lifecycle_manifest::platform::SecurityContext;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// platforms:
///   kubernetes: { security_context: writable-root }
/// ");
/// let platforms = analysis.resolved.unwrap().manifest.platforms;
/// let kubernetes = platforms.iter().find_map(Platform::kubernetes).unwrap();
/// assert_eq!(kubernetes.security(), SecurityContext::WritableRoot);
/// assert_eq!(SecurityContext::default().as_str(), "restricted");
/// assert_eq!(SecurityContext::Yours.as_str(), "none");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename_all = "kebab-case"))]
pub enum SecurityContext {
    /// Kubernetes' standard `restricted`, and a root that is only read, with a `/tmp` that can be written.
    #[default]
    Restricted,
    /// The same with a root that can be written.
    WritableRoot,
    /// None is generated: it is yours.
    #[cfg_attr(feature = "schema", schemars(rename = "none"))]
    Yours,
}

impl SecurityContext {
    /// All of them, with their names in the manifest.
    pub const WORDS: &'static [(&'static str, Self)] = &[
        ("restricted", Self::Restricted),
        ("writable-root", Self::WritableRoot),
        ("none", Self::Yours),
    ];

    /// The name in the manifest.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Restricted => "restricted",
            Self::WritableRoot => "writable-root",
            Self::Yours => "none",
        }
    }
}
