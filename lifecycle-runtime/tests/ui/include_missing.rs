lifecycle::include_plan!("tests/ui/none.yaml");

fn main() {}
