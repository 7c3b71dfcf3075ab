//! A plan as tokens: constants of the runtime's own types.

use std::time::Duration;

use lifecycle_manifest::duration::millis;

use lifecycle_manifest::{
    Drift, Kind, OnFailure, Phase, Plan, Resolved, Resource, Timeline, unmanaged,
};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};
use syn::Path;

/// The `Plan` constant.
fn plan(resolved: &Resolved, krate: &Path) -> TokenStream {
    let Resolved {
        manifest,
        plan,
        timelines,
        digest,
    } = resolved;
    let service = &plan.service;
    let health = match &plan.health {
        None => quote!(::core::option::Option::None),
        Some(health) => {
            let port = option(health.port.map(|port| quote!(#port)));
            let (ready, live) = (&health.ready, &health.live);
            quote!(::core::option::Option::Some(#krate::plan::Health {
                port: #port,
                ready: ::std::borrow::Cow::Borrowed(#ready),
                live: ::std::borrow::Cow::Borrowed(#live),
            }))
        }
    };
    let keep_alive = manifest
        .traffic
        .keep_alive
        .as_ref()
        .map(|keep_alive| keep_alive.value);
    let keep_alive = option(keep_alive.map(duration));
    let drift = match plan.drift {
        Drift::Warn => quote!(Warn),
        Drift::Refuse => quote!(Refuse),
    };
    let steps = (0..plan.steps.len()).map(|at| step(plan, at, krate));
    let unmanaged = timeline(&unmanaged(manifest, plan), krate);
    let timelines = timelines.iter().map(|line| timeline(line, krate));
    quote! {
        #krate::plan::Plan {
            service: ::std::borrow::Cow::Borrowed(#service),
            digest: ::std::borrow::Cow::Borrowed(#digest),
            health: #health,
            keep_alive: #keep_alive,
            drift: #krate::plan::Drift::#drift,
            steps: ::std::borrow::Cow::Borrowed(&[#(#steps),*]),
            timelines: ::std::borrow::Cow::Borrowed(&[#(#timelines),*]),
            unmanaged: #unmanaged,
        }
    }
}

/// The `Resources` struct, its plan, and how it is handed over. `visibility` is the struct's and its
/// fields'.
pub(crate) fn resources(
    resolved: &Resolved,
    krate: &Path,
    visibility: &TokenStream,
) -> TokenStream {
    let plan = plan(resolved, krate);
    let resources = &resolved.manifest.resources;
    let fields: Vec<Ident> = resources
        .iter()
        .map(|resource| field(&resource.name))
        .collect();
    let names = resources.iter().map(|resource| &resource.name);
    let types = resources.iter().map(|resource| {
        let kind = resource.kind.value;
        let name = format_ident!("{}", kind.runtime_type());
        // What runs only once cannot be started again, so how it is made is a matter of its type.
        let made = restarts(resource) && matches!(kind, Kind::Task | Kind::QueueConsumer);
        let declared = made.then(|| quote!(<#krate::Restarts>));
        quote!(#krate::#name #declared)
    });
    let docs = resources.iter().map(|resource| {
        let timeout = lifecycle_manifest::duration::show(resource.timeout.value);
        let again = if restarts(resource) {
            ", started again when it ends badly"
        } else {
            ""
        };
        format!(
            "`{}`: {}, {timeout}{again}.",
            resource.name,
            resource.kind.value.as_str()
        )
    });
    let title = format!(
        "What `{}` must let go of, as its manifest declares.",
        resolved.plan.service
    );
    quote! {
        #[doc = #title]
        #visibility struct Resources {
            #(#[doc = #docs] #visibility #fields: #types,)*
        }

        #[automatically_derived]
        impl Resources {
            /// How the service stops, as its manifest declares.
            #visibility fn plan() -> &'static #krate::plan::Plan {
                static PLAN: #krate::plan::Plan = #plan;
                &PLAN
            }
        }

        #[automatically_derived]
        impl #krate::Resources for Resources {
            fn wire(self, wiring: &mut #krate::Wiring) {
                #(wiring.add(#names, self.#fields);)*
            }
        }
    }
}

fn restarts(resource: &Resource) -> bool {
    let on_failure = resource.on_failure.as_ref();
    on_failure.is_some_and(|it| it.value == OnFailure::Restart)
}

/// `nightly-report` as `nightly_report`, `type` as `r#type`.
fn field(name: &str) -> Ident {
    let name = name.replace('-', "_");
    match name.as_str() {
        // A keyword since edition 2024, which the parser of an older one takes for a name.
        "gen" => Ident::new_raw(&name, Span::call_site()),
        _ => syn::parse_str(&name).unwrap_or_else(|_| Ident::new_raw(&name, Span::call_site())),
    }
}

fn step(plan: &Plan, at: usize, krate: &Path) -> TokenStream {
    let step = &plan.steps[at];
    let name = &step.name;
    let kind = format_ident!("{}", step.kind.variant());
    let phase = match step.phase {
        Phase::Drain => quote!(Drain),
        Phase::Flush => quote!(Flush),
        Phase::Close => quote!(Close),
    };
    let waits_for = plan.waits_for(at);
    let waits_for = waits_for.iter();
    let best_effort = step.best_effort;
    let lease = option(step.lease.map(duration));
    let spread = option(step.spread.map(duration));
    let on_failure = match step.on_failure {
        OnFailure::Stop => quote!(Stop),
        OnFailure::Restart => quote!(Restart),
    };
    quote! {
        #krate::plan::Step {
            name: ::std::borrow::Cow::Borrowed(#name),
            kind: #krate::plan::Kind::#kind,
            phase: #krate::plan::Phase::#phase,
            waits_for: ::std::borrow::Cow::Borrowed(&[#(#waits_for),*]),
            best_effort: #best_effort,
            lease: #lease,
            spread: #spread,
            on_failure: #krate::plan::OnFailure::#on_failure,
        }
    }
}

fn timeline(line: &Timeline, krate: &Path) -> TokenStream {
    let platform = line.platform();
    let settle = duration(line.app_settle.value);
    let timeouts = line
        .windows
        .iter()
        .map(|window| duration(window.timeout.value));
    let unwind = duration(line.unwind);
    let deadline = duration(line.deadline());
    let grace = duration(line.grace().value);
    let kill = duration(line.grace().value.saturating_sub(line.signal_at()));
    quote! {
        #krate::plan::Timeline {
            platform: ::std::borrow::Cow::Borrowed(#platform),
            settle: #settle,
            timeouts: ::std::borrow::Cow::Borrowed(&[#(#timeouts),*]),
            unwind: #unwind,
            deadline: #deadline,
            grace: #grace,
            kill: #kill,
        }
    }
}

fn duration(duration: Duration) -> TokenStream {
    let millis = millis(duration);
    quote!(::core::time::Duration::from_millis(#millis))
}

fn option(value: Option<TokenStream>) -> TokenStream {
    match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    }
}
