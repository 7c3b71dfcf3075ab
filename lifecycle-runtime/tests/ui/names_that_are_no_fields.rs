#[lifecycle::main(manifest = "names.yaml")]
async fn main() -> anyhow::Result<Resources> {
    unreachable!()
}
