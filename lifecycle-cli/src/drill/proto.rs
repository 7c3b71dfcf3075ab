//! A gRPC message, from JSON and the `.proto` file that describes it.

use std::path::Path;

use anyhow::{Context as _, Result, anyhow, ensure};
use prost_reflect::prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage};

use crate::talk::legible;

/// The encoded message of a call of `path` (`/shop.Quotes/Get`); `json` empty means an empty message.
///
/// Files that this one imports are looked for beside it and in the directories above it that its
/// package names, as its compiler does.
pub(super) fn message(proto: &Path, path: &str, json: &str) -> Result<Vec<u8>> {
    ensure!(
        proto.extension().is_some_and(|it| it == "proto"),
        "{} is no .proto file, by its name",
        legible(proto)
    );
    let file = std::fs::canonicalize(proto)
        .with_context(|| format!("could not find {}", legible(proto)))?;
    let includes: Vec<&Path> = file.ancestors().skip(1).take(4).collect();
    // The deepest directory first: a file is named by its shortest path.
    let compiled = protox::compile([&file], includes)
        .map_err(|error| anyhow!("{error}"))
        .with_context(|| format!("could not read {}", legible(proto)))?;
    let pool = DescriptorPool::from_file_descriptor_set(compiled)
        .with_context(|| format!("could not read {}", legible(proto)))?;
    let (service, method) = path
        .trim_start_matches('/')
        .split_once('/')
        .with_context(|| format!("`{path}` is no method; write `/package.Service/Method`"))?;
    let found = pool.get_service_by_name(service).with_context(|| {
        let services: Vec<_> = pool
            .services()
            .map(|it| it.full_name().to_owned())
            .collect();
        format!(
            "{} has no service `{service}`; it has {}",
            legible(proto),
            listed(&services)
        )
    })?;
    let method = found
        .methods()
        .find(|it| it.name() == method)
        .with_context(|| {
            let methods: Vec<_> = found.methods().map(|it| it.name().to_owned()).collect();
            format!(
                "`{service}` has no method `{method}`; it has {}",
                listed(&methods)
            )
        })?;
    let json = if json.is_empty() { "{}" } else { json };
    let mut reader = serde_json::Deserializer::from_str(json);
    let message = DynamicMessage::deserialize(method.input(), &mut reader)
        .and_then(|message| reader.end().map(|()| message))
        .with_context(|| format!("`{json}` is no {}", method.input().full_name()))?;
    Ok(message.encode_to_vec())
}

fn listed(names: &[String]) -> String {
    match names {
        [] => "none".to_owned(),
        names => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quotes() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/quotes-grpc/proto/quotes.proto")
    }

    #[test]
    fn a_message_is_read_by_its_description() {
        let method = "/quotes.v1.Quotes/GetQuote";
        let encoded = message(&quotes(), method, r#"{"symbol":"ACME"}"#).unwrap();
        // Field 1, with a length, and the text.
        assert_eq!(encoded, b"\x0a\x04ACME");
        assert_eq!(message(&quotes(), method, "").unwrap(), b"");
    }

    #[test]
    fn what_is_wrong_is_said() {
        let said = |path: &str, json: &str| {
            let error = message(&quotes(), path, json).unwrap_err();
            format!("{error:#}")
        };
        let no_service = said("/quotes.Quotes/GetQuote", "");
        assert!(
            no_service.contains("it has quotes.v1.Quotes"),
            "{no_service}"
        );
        let no_method = said("/quotes.v1.Quotes/Get", "");
        assert!(
            no_method.contains("it has GetQuote, WatchQuotes"),
            "{no_method}"
        );
        let no_field = said("/quotes.v1.Quotes/GetQuote", r#"{"simbol":"ACME"}"#);
        assert!(no_field.contains("simbol"), "{no_field}");
        let no_file = message(Path::new("no.proto"), "/a.B/C", "").unwrap_err();
        assert!(format!("{no_file:#}").contains("could not find no.proto"));
        // Nothing of what is no description is told.
        let other = message(Path::new("/etc/passwd"), "/a.B/C", "").unwrap_err();
        assert_eq!(
            format!("{other:#}"),
            "/etc/passwd is no .proto file, by its name"
        );
    }
}
