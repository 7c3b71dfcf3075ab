use lifecycle::{Database, Task};

#[lifecycle::main(manifest = "shop.yaml")]
async fn main() {
}
