//! The worker, with a lease of 60s.

#[lifecycle::main(manifest = "long.yaml")]
async fn main() -> anyhow::Result<Resources> {
    let worker = lifecycle_broker_tests::start().await?;
    Ok(Resources {
        jobs: worker.jobs,
        broker: worker.broker,
    })
}
