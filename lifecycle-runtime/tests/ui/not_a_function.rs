#[lifecycle::main(manifest = "shop.yaml")]
struct Main;

fn main() {}
