use lifecycle::{Database, Task};

#[lifecycle::main(manifest = "not_yaml.yaml")]
async fn main() -> anyhow::Result<Resources> {
    Ok(Resources {
        jobs: Task::new(|stopping| async move { stopping.requested().await }),
        orders_db: Database::new(|| async {}),
    })
}
