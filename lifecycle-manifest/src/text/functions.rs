//! CloudFormation's functions in their short form.

use granit_parser::Tag;

/// The functions of CloudFormation that have a short form: `!Sub x` is `{ Fn::Sub: x }`, and `!Ref x`
/// is `{ Ref: x }` (template reference, “intrinsic functions”).
const FUNCTIONS: [&str; 17] = [
    "And",
    "Base64",
    "Cidr",
    "Equals",
    "FindInMap",
    "GetAZs",
    "GetAtt",
    "If",
    "ImportValue",
    "Join",
    "Length",
    "Not",
    "Or",
    "Select",
    "Split",
    "Sub",
    "Transform",
];

/// The key that such a tag stands for.
pub(super) fn function(tag: &Tag) -> Option<String> {
    match tag.suffix() {
        _ if tag.handle() != "!" => None,
        "Ref" => Some("Ref".to_owned()),
        name => FUNCTIONS.contains(&name).then(|| format!("Fn::{name}")),
    }
}
