use lifecycle::{Database, Task};

#[lifecycle::main(manifest = "shop.yaml")]
async fn main() -> anyhow::Result<Resources> {
    Ok(Resources {
        jobs: Task::new(|stopping| async move { stopping.requested().await }),
        order_db: Database::new(|| async {}),
    })
}
