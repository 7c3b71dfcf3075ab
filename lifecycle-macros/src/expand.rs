//! The attribute's output. On an error, as much as can still be said is emitted beside it, so that
//! the error is the only one.

use lifecycle_manifest::duration::millis;
use lifecycle_manifest::rules::shape;
use lifecycle_manifest::{Resolved, Severity, render};
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::{Error, ItemFn, Path, ReturnType, spanned::Spanned as _};

use crate::args::{Args, Flavor, IncludeArgs};
use crate::lower;
use crate::manifest::{self, Manifest};

pub(crate) fn expand(args: TokenStream, item: &TokenStream) -> TokenStream {
    let function = match syn::parse2::<ItemFn>(item.clone()) {
        Ok(function) => function,
        Err(error) => {
            let error = error.into_compile_error();
            return quote!(#error #item);
        }
    };
    if let Err(error) = check(&function) {
        return with_empty_main(&error);
    }
    let (args, wrong) = Args::read(args);
    let how = "#[lifecycle::main(manifest = \"path\")]";
    let manifest = match manifest::read(args.manifest.as_ref(), how) {
        Ok(manifest) => manifest,
        // An option that could not be read may have said where it is.
        Err(error) => return with_empty_main(wrong.as_ref().unwrap_or(&error)),
    };
    let wrong = wrong.map(Error::into_compile_error);
    let errors = wrong.into_iter().chain(errors(&manifest));
    let Some(resolved) = nameable(&manifest) else {
        let watched = watch(&manifest);
        return quote!(#(#errors)* #watched fn main() {});
    };
    let krate = args.krate.clone().unwrap_or_else(runtime_path);
    let resources = lower::resources(resolved, &krate, &TokenStream::new());
    let main = main_function(&args, function, &krate, &watch(&manifest));
    quote!(#(#errors)* #resources #main)
}

/// `include_plan!`: the same `Resources`, without a `main`.
pub(crate) fn include(args: TokenStream) -> TokenStream {
    let args = match syn::parse2::<IncludeArgs>(args) {
        Ok(args) => args,
        Err(error) => return error.into_compile_error(),
    };
    let how = "include_plan!(\"path\")";
    let manifest = match manifest::read(args.manifest.as_ref(), how) {
        Ok(manifest) => manifest,
        Err(error) => return error.into_compile_error(),
    };
    let (errors, watched) = (errors(&manifest), watch(&manifest));
    let krate = args.krate.unwrap_or_else(runtime_path);
    let resources =
        nameable(&manifest).map(|resolved| lower::resources(resolved, &krate, &quote!(pub)));
    quote!(#(#errors)* #watched #resources)
}

/// The plan, if its names can be fields: a name that cannot be a name cannot be a field either.
fn nameable(manifest: &Manifest) -> Option<&Resolved> {
    let findings = &manifest.analysis.findings;
    let nameable = findings
        .iter()
        .all(|finding| finding.rule != &shape::BAD_NAME);
    manifest.analysis.resolved.as_ref().filter(|_| nameable)
}

/// What `main` must look like, in the order a reader would ask.
fn check(function: &ItemFn) -> Result<(), Error> {
    let signature = &function.sig;
    if signature.ident != "main" {
        return Err(Error::new(
            signature.ident.span(),
            "`#[lifecycle::main]` belongs on `main`",
        ));
    }
    if signature.asyncness.is_none() {
        return Err(Error::new(signature.fn_token.span, "write `async fn main`"));
    }
    if let Some(input) = signature.inputs.first() {
        return Err(Error::new(input.span(), "`main` takes no arguments"));
    }
    if !signature.generics.params.is_empty() {
        return Err(Error::new(
            signature.generics.span(),
            "`main` takes no generic parameters",
        ));
    }
    if matches!(signature.output, ReturnType::Default) {
        let message = "`main` returns what must later be stopped: write \
                       `async fn main() -> anyhow::Result<Resources>` and end it with \
                       `Ok(Resources { … })`";
        return Err(Error::new(signature.ident.span(), message));
    }
    Ok(())
}

/// So many errors of a manifest are shown; nobody reads further.
const MOST_SHOWN: usize = 50;

/// One compile error an error of the manifest, in the words of `lifecycle check`.
fn errors(manifest: &Manifest) -> Vec<TokenStream> {
    let analysis = &manifest.analysis;
    let texts = render::Texts::of(analysis, &manifest.shown);
    analysis
        .findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .take(MOST_SHOWN)
        .map(|finding| {
            let text = render::finding(&texts, finding, render::Style::Plain);
            // The compiler says "error" by itself: `error: LC101: …`.
            let code = finding.rule.code;
            let text = match text.strip_prefix(&format!("error[{code}]: ")) {
                Some(rest) => format!("{code}: {rest}"),
                None => text,
            };
            Error::new(Span::call_site(), text.trim_end()).into_compile_error()
        })
        .collect()
}

/// Makes the compiler rebuild the crate when the manifest changes.
fn watch(manifest: &Manifest) -> TokenStream {
    let path = manifest.path.to_string_lossy();
    quote!(
        const _: &[u8] = ::core::include_bytes!(#path);
    )
}

fn runtime_path() -> Path {
    let name = manifest::runtime_name();
    let ident = syn::Ident::new(&name, Span::call_site());
    syn::parse_quote!(::#ident)
}

fn main_function(
    args: &Args,
    function: ItemFn,
    krate: &Path,
    watched: &TokenStream,
) -> TokenStream {
    let ItemFn {
        attrs, sig, block, ..
    } = function;
    let runtime = match args.flavor {
        Flavor::MultiThread => quote!(multi_thread()),
        Flavor::CurrentThread => quote!(current_thread()),
    };
    let workers = args
        .worker_threads
        .as_ref()
        .map(|count| quote!(.worker_threads(#count)));
    let wedged_after = args.wedged_after.map(|limit| {
        let millis = millis(limit);
        quote!(.wedged_after(::core::time::Duration::from_millis(#millis)))
    });
    // A type error in what `main` returns belongs to its signature, not to the attribute.
    let output = sig.output.to_token_stream().span();
    let run = quote_spanned!(output=> .run(Resources::plan(), main));
    quote! {
        fn main() -> ::std::process::ExitCode {
            #watched
            #(#attrs)*
            #sig #block
            #krate::Runtime::#runtime #workers #wedged_after #run
        }
    }
}

/// The error alone, and a `main` so that its absence is not a second one.
fn with_empty_main(error: &Error) -> TokenStream {
    let error = error.to_compile_error();
    quote!(#error fn main() {})
}
