use lifecycle::Task;

#[lifecycle::main(manifest = "restart.yaml")]
async fn main() -> anyhow::Result<Resources> {
    Ok(Resources {
        prices: Task::new(|stopping| async move { stopping.requested().await }),
        jobs: Task::restarting(|stopping| async move { stopping.requested().await }),
    })
}
