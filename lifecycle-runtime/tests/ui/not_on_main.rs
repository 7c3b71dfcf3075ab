use lifecycle::{Database, Task};

#[lifecycle::main(manifest = "shop.yaml")]
async fn start() -> anyhow::Result<Resources> {
    Ok(Resources {
        jobs: Task::new(|stopping| async move { stopping.requested().await }),
        orders_db: Database::new(|| async {}),
    })
}
