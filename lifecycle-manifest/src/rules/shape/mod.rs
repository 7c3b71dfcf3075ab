//! What is wrong with the file before it means anything: found while it is read.

mod allowances;
mod text;
mod values;

pub use allowances::{BAD_ALLOWANCE, UNKNOWN_RULE, UNUSED_ALLOWANCE};
pub use text::{
    DUPLICATE_KEY, MISSING_KEY, SYNTAX, UNKNOWN_KEY, UNSUPPORTED_FORMAT, UNSUPPORTED_YAML,
};
pub use values::{
    BAD_DURATION, BAD_NAME, KEY_NOT_FOR_KIND, OUT_OF_RANGE, UNKNOWN_RESOURCE, UNKNOWN_VALUE,
    WRONG_TYPE,
};
