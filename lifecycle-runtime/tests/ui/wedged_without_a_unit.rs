use lifecycle::{Database, Task};

#[lifecycle::main(manifest = "shop.yaml", wedged_after = "60")]
async fn main() -> anyhow::Result<Resources> {
    Ok(Resources {
        jobs: Task::new(|stopping| async move { stopping.requested().await }),
        orders_db: Database::new(|| async {}),
    })
}
