use lifecycle::{Database, Task};

#[lifecycle::main(flavor = "single", worker_threads = 0, manifest = "shop.yaml")]
async fn main() -> anyhow::Result<Resources> {
    Ok(Resources {
        jobs: Task::new(|stopping| async move { stopping.requested().await }),
        orders_db: Database::new(|| async {}),
    })
}
