//! What tells a mesh to inject its proxy, and how that one is to stop.

use lifecycle_manifest::duration::seconds_up;
use lifecycle_manifest::platform::{Kubernetes, Mesh};

use super::data::Pair;

/// Labels of the pod.
pub(super) fn labels(kubernetes: &Kubernetes) -> Vec<Pair> {
    match kubernetes.mesh.as_ref().map(|mesh| mesh.value) {
        Some(Mesh::Istio) => vec![Pair::new("sidecar.istio.io/inject", "true")],
        _ => Vec::new(),
    }
}

/// Annotations of the pod: only what the manifest writes, as the rest is the mesh's own default.
pub(super) fn annotations(kubernetes: &Kubernetes) -> Vec<Pair> {
    let mut pairs = Vec::new();
    let Some(mesh) = &kubernetes.mesh else {
        return pairs;
    };
    if mesh.value == Mesh::Linkerd {
        pairs.push(Pair::new("linkerd.io/inject", "enabled"));
    }
    if let Some(native) = &kubernetes.proxy.native {
        let name = match mesh.value {
            Mesh::Istio => "sidecar.istio.io/nativeSidecar",
            Mesh::Linkerd => "config.linkerd.io/proxy-enable-native-sidecar",
        };
        pairs.push(Pair::new(name, native.value.to_string()));
    }
    let written = kubernetes.proxy.drain.as_ref();
    if let Some(drain) = kubernetes.proxy_drain().filter(|_| written.is_some()) {
        let seconds = seconds_up(drain.value);
        pairs.push(match mesh.value {
            Mesh::Istio => Pair::new(
                "proxy.istio.io/config",
                format!("{{ \"terminationDrainDuration\": \"{seconds}s\" }}"),
            ),
            Mesh::Linkerd => Pair::new(
                "config.linkerd.io/shutdown-grace-period",
                format!("{seconds}s"),
            ),
        });
    }
    pairs
}
