use lifecycle::Task;

#[lifecycle::main(manifest = "shop.yaml")]
async fn main() -> anyhow::Result<Resources> {
    Ok(Resources {
        jobs: Task::new(|stopping| async move { stopping.requested().await }),
    })
}
