//! The attribute's options: read, each with its span, then checked together.

use std::time::Duration;

use lifecycle_manifest::duration;
use proc_macro2::{Span, TokenStream, TokenTree};
use syn::parse::{Parse, ParseStream, Parser as _};
use syn::{Error, Lit, LitInt, LitStr, Path, Result, Token, ext::IdentExt as _};

/// What was asked for.
#[derive(Default)]
pub(crate) struct Args {
    pub(crate) manifest: Option<LitStr>,
    pub(crate) flavor: Flavor,
    pub(crate) worker_threads: Option<LitInt>,
    pub(crate) wedged_after: Option<Duration>,
    pub(crate) krate: Option<Path>,
}

/// The tokio runtime.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavor {
    #[default]
    MultiThread,
    CurrentThread,
}

const OPTIONS: &str = "`manifest`, `flavor`, `worker_threads`, `wedged_after` and `crate`";

impl Args {
    /// What was asked for, and all that is wrong with it: one wrong option hides neither the others nor
    /// the program.
    pub(crate) fn read(tokens: TokenStream) -> (Self, Option<Error>) {
        let mut args = Self::default();
        let mut wrong = Vec::new();
        let options = |input: ParseStream<'_>| {
            let mut seen = Vec::new();
            while !input.is_empty() {
                if let Err(error) = args.option(&mut seen, input) {
                    wrong.push(error);
                    skip_to_the_next(input)?;
                }
            }
            Ok(())
        };
        let read = options.parse2(tokens);
        wrong.extend(read.err());
        wrong.extend(args.without_workers().err());
        let wrong = wrong.into_iter().reduce(|mut all, error| {
            all.combine(error);
            all
        });
        (args, wrong)
    }

    /// One option, and the comma behind it.
    fn option(&mut self, seen: &mut Vec<String>, input: ParseStream<'_>) -> Result<()> {
        let name = input.call(syn::Ident::parse_any)?;
        let key = name.to_string();
        if seen.contains(&key) {
            return Err(Error::new(name.span(), format!("`{key}` is set twice")));
        }
        if !input.peek(Token![=]) {
            return Err(Error::new(name.span(), bare(&key)));
        }
        input.parse::<Token![=]>()?;
        self.set(&key, name.span(), input)?;
        seen.push(key);
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
        Ok(())
    }

    fn set(&mut self, key: &str, span: Span, input: ParseStream<'_>) -> Result<()> {
        match key {
            "manifest" => self.manifest = Some(text(input, "manifest = \"path/lifecycle.yaml\"")?),
            "flavor" => {
                let flavor = text(input, "flavor = \"current_thread\"")?;
                self.flavor = match flavor.value().as_str() {
                    "multi_thread" => Flavor::MultiThread,
                    "current_thread" => Flavor::CurrentThread,
                    other => {
                        let message = format!(
                            "there is no flavor `{other}`: write `multi_thread` or `current_thread`"
                        );
                        return Err(Error::new(flavor.span(), message));
                    }
                };
            }
            "worker_threads" => match input.parse::<Lit>()? {
                Lit::Int(count) if count.base10_parse::<usize>().is_ok_and(|n| n > 0) => {
                    self.worker_threads = Some(count);
                }
                other => {
                    let message = "write a whole number above zero: `worker_threads = 4`";
                    return Err(Error::new(other.span(), message));
                }
            },
            "wedged_after" => {
                let limit = text(input, "wedged_after = \"60s\"")?;
                match duration::parse(&limit.value()) {
                    Ok(limit) if !limit.is_zero() => self.wedged_after = Some(limit),
                    Ok(_) => {
                        let message = "a runtime that may be silent for no time is wedged at once: \
                                       `wedged_after = \"60s\"`";
                        return Err(Error::new(limit.span(), message));
                    }
                    Err(error) => {
                        let message = format!("{error}: `wedged_after = \"60s\"`");
                        return Err(Error::new(limit.span(), message));
                    }
                }
            }
            "crate" => self.krate = Some(input.call(Path::parse_mod_style)?),
            other => {
                let message = format!("there is no option `{other}`: the options are {OPTIONS}");
                return Err(Error::new(span, message));
            }
        }
        Ok(())
    }

    /// A runtime of one thread has none.
    fn without_workers(&mut self) -> Result<()> {
        match (self.flavor, self.worker_threads.take()) {
            (Flavor::CurrentThread, Some(count)) => Err(Error::new(
                count.span(),
                "a `current_thread` runtime has no workers: take `worker_threads` away, or \
                 `flavor = \"current_thread\"`",
            )),
            (_, count) => {
                self.worker_threads = count;
                Ok(())
            }
        }
    }
}

/// Passes what is left of an option that could not be read.
fn skip_to_the_next(input: ParseStream<'_>) -> Result<()> {
    while !input.is_empty() {
        if let TokenTree::Punct(punct) = input.parse()?
            && punct.as_char() == ','
        {
            break;
        }
    }
    Ok(())
}

/// What `include_plan!` was asked for: `"path/lifecycle.yaml", crate = path`, each of them optional.
#[derive(Default)]
pub(crate) struct IncludeArgs {
    pub(crate) manifest: Option<LitStr>,
    pub(crate) krate: Option<Path>,
}

impl Parse for IncludeArgs {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut args = Self::default();
        if input.peek(LitStr) {
            args.manifest = Some(input.parse()?);
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        if input.peek(Token![crate]) {
            input.parse::<Token![crate]>()?;
            input.parse::<Token![=]>()?;
            args.krate = Some(input.call(Path::parse_mod_style)?);
            input.parse::<Option<Token![,]>>()?;
        }
        match input.is_empty() {
            true => Ok(args),
            false => Err(input.error(
                "write the manifest's path in quotes, or nothing for the `lifecycle.yaml` beside \
                 Cargo.toml: `include_plan!(\"path/lifecycle.yaml\")`",
            )),
        }
    }
}

fn text(input: ParseStream<'_>, example: &str) -> Result<LitStr> {
    match input.parse::<Lit>()? {
        Lit::Str(text) => Ok(text),
        other => Err(Error::new(
            other.span(),
            format!("write text in quotes: `{example}`"),
        )),
    }
}

/// A word without `= value`: what it should have been.
fn bare(key: &str) -> String {
    match key {
        "current_thread" | "multi_thread" => format!("write `flavor = \"{key}\"`"),
        "manifest" | "flavor" | "worker_threads" | "wedged_after" | "crate" => {
            format!("`{key}` needs a value")
        }
        _ => format!("there is no option `{key}`: the options are {OPTIONS}"),
    }
}
