lifecycle::include_plan!("unfit.yaml");

fn main() {}
