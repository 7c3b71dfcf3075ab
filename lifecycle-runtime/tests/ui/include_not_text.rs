lifecycle::include_plan!(shop);

fn main() {}
