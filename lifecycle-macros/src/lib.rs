//! `#[lifecycle::main]` and `lifecycle::include_plan!`: compile `lifecycle.yaml` into the program.
//!
//! A façade: what a manifest means is known to `lifecycle-manifest`, what the program does with it to
//! the runtime. Here a plan becomes tokens.

mod args;
mod expand;
mod lower;
mod manifest;

use proc_macro::TokenStream;

/// Makes an async `main` that returns `Resources` into a program that stops as `lifecycle.yaml` says.
///
/// The manifest beside `Cargo.toml` is read when the crate is compiled. It becomes a struct
/// `Resources` with one field a resource, typed by the resource's kind, and a constant plan. A
/// resource that is not wired, misspelt or of another kind does not compile, nor does a manifest that
/// `lifecycle check` finds errors in. Editing the manifest rebuilds the crate. `Resources::plan()` is
/// the plan, for the tests in a module of the same file.
///
/// # Options
///
/// - `manifest = "path"`: another file, relative to `Cargo.toml`'s directory, or to the source file.
/// - `flavor = "multi_thread"` (the default) or `"current_thread"`: the tokio runtime.
/// - `worker_threads = N`: for the `multi_thread` flavor; by default one a core.
/// - `wedged_after = "60s"`: how long the runtime may run no task before liveness fails; by default 30 s.
/// - `crate = path`: the runtime's name in this crate, where it cannot be found in `Cargo.toml`.
///
/// # Errors
///
/// Every error of the manifest is a compile error with the code, the words and the line that
/// `lifecycle check` shows.
#[proc_macro_attribute]
pub fn main(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(args.into(), &item.into()).into()
}

/// Generates `Resources` and its plan from `lifecycle.yaml` without a `main`: for a service whose
/// start-up lives in a library, where its tests reach it too.
///
/// ```text
/// // src/lib.rs
/// lifecycle::include_plan!();
///
/// pub async fn start() -> anyhow::Result<Resources> { … }
///
/// // src/main.rs
/// fn main() -> std::process::ExitCode {
///     lifecycle::Runtime::multi_thread().run(shop::Resources::plan(), shop::start)
/// }
/// ```
///
/// `include_plan!("path")` names another file, as `manifest` does for [`macro@main`]; the struct, its
/// fields and `Resources::plan()` are `pub`. `include_plan!("path", crate = path)` names the runtime.
///
/// # Errors
///
/// Every error of the manifest is a compile error, as with [`macro@main`].
#[proc_macro]
pub fn include_plan(args: TokenStream) -> TokenStream {
    expand::include(args.into()).into()
}
