//! The proxy of a service mesh beside the program.

use std::time::Duration;

use super::{FACTS, Kubernetes};
use crate::figure::{Figure, Origin};
use crate::manifest::Written;
use crate::platform::held;
use crate::read::{Table, Zero};
use crate::text::Value;

/// `mesh`.
///
/// ```
/// use lifecycle_manifest::{Analysis, Platform};
/// use lifecycle_manifest::platform::Mesh;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// platforms:
///   kubernetes: { mesh: linkerd }
/// ");
/// let platforms = analysis.resolved.unwrap().manifest.platforms;
/// let kubernetes = platforms.iter().find_map(Platform::kubernetes).unwrap();
/// assert_eq!(kubernetes.mesh.as_ref().map(|it| it.value), Some(Mesh::Linkerd));
/// assert_eq!(kubernetes.proxy_drain().unwrap().value, Mesh::Linkerd.drain());
/// assert_eq!(Mesh::Linkerd.drain().as_secs(), 120);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename_all = "kebab-case"))]
pub enum Mesh {
    /// Istio.
    Istio,
    /// Linkerd.
    Linkerd,
}

impl Mesh {
    const WORDS: [(&'static str, Self); 2] = [
        (Self::Istio.as_str(), Self::Istio),
        (Self::Linkerd.as_str(), Self::Linkerd),
    ];

    /// The name in the manifest.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Istio => "istio",
            Self::Linkerd => "linkerd",
        }
    }

    /// In sentences.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Istio => "Istio",
            Self::Linkerd => "Linkerd",
        }
    }

    /// How long the proxy stays after its signal when nothing is said.
    ///
    /// Istio: `terminationDrainDuration` of the proxy's configuration (istio/istio `pkg/envoy/agent.go`,
    /// `pkg/config/mesh/mesh.go`): it sleeps that long and stops Envoy, whatever is open. Linkerd:
    /// `config.linkerd.io/shutdown-grace-period` (linkerd/website, `tasks/graceful-shutdown.md`).
    pub const fn drain(self) -> Duration {
        match self {
            Self::Istio => Duration::from_secs(5),
            Self::Linkerd => Duration::from_secs(120),
        }
    }
}

/// What `mesh` says of the proxy beside the mesh's name.
///
/// ```
/// use lifecycle_manifest::{Analysis, Platform};
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// platforms:
///   kubernetes: { mesh: { name: istio, native: false, drain: 30s } }
/// ");
/// let platforms = analysis.resolved.unwrap().manifest.platforms;
/// let kubernetes = platforms.iter().find_map(Platform::kubernetes).unwrap();
/// assert_eq!(kubernetes.proxy.native.as_ref().map(|it| it.value), Some(false));
/// assert_eq!(kubernetes.proxy_drain().unwrap().term(), "30s proxy drain");
/// ```
#[derive(Debug, Clone, Default)]
pub struct Proxy {
    /// `native`: the proxy is a native sidecar, which stops after the program. Unset: it is, where the
    /// cluster has native sidecars.
    pub native: Option<Written<bool>>,
    /// `drain`: how long it stays after its signal.
    pub drain: Option<Written<Duration>>,
}

/// `mesh: istio`, or `mesh: { name: istio, native: false, drain: 30s }`.
pub(super) fn read(table: &mut Table<'_, '_>) -> (Option<Written<Mesh>>, Proxy) {
    let Some(entry) = table.entry("mesh") else {
        return (None, Proxy::default());
    };
    let route = table.route().key("mesh");
    if !matches!(entry.value.value, Value::Mapping(_)) {
        let mesh = table.word_of(&entry.value, route, "a mesh", &Mesh::WORDS);
        return (mesh, Proxy::default());
    }
    let Some(mut table) = Table::new(&entry.value, route, table.findings()) else {
        return (None, Proxy::default());
    };
    let mesh = table.word("name", "a mesh", &Mesh::WORDS);
    if mesh.is_none() && entry.value.entry("name").is_none() {
        table.missing("name", "add `name:` with `istio` or `linkerd`");
    }
    let proxy = Proxy {
        native: table.boolean("native"),
        drain: table.duration("drain", Zero::Allowed),
    };
    table.finish();
    (mesh, proxy)
}

impl Kubernetes {
    /// The mesh's proxy stops after the program: it is a native sidecar.
    pub(crate) fn has_native_proxy(&self) -> bool {
        match &self.proxy.native {
            Some(native) => native.value,
            None => self.has_native_sidecars(),
        }
    }

    /// How long the mesh's proxy stays after its signal; `None` without a mesh.
    pub fn proxy_drain(&self) -> Option<Figure> {
        let mesh = self.mesh.as_ref()?.value;
        Some(match &self.proxy.drain {
            Some(written) => held(written, "proxy drain", FACTS.unit),
            None => Figure::new(
                mesh.drain(),
                "proxy drain",
                Origin::PlatformDefault(mesh.name()),
            ),
        })
    }
}

#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(untagged, deny_unknown_fields)]
#[allow(dead_code, reason = "only its shape is read")]
pub(crate) enum MeshSchema {
    /// The mesh, its proxy as it comes.
    Name(Mesh),
    /// The mesh, and what is special about its proxy.
    #[schemars(title = "mesh and proxy")]
    Proxy {
        /// Whose proxy runs beside the program.
        name: Mesh,
        /// The proxy is a native sidecar, which stops after the program. Unset: it is, from Kubernetes 1.29 on. `false`: it gets the signal together with the program.
        native: Option<bool>,
        /// How long the proxy stays after its signal: Istio's `terminationDrainDuration`, Linkerd's `shutdown-grace-period`. Unset: the mesh's own default, 5s and 120s.
        drain: Option<crate::schema::DurationSchema>,
    },
}
