//! Requests a second and processor time a request, beside `axum::serve` without a shutdown.
//!
//! Both servers run at the same time and are loaded in turns: what slows the machine down for a while
//! slows down both. The result is the median of the pairs' ratios.

use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use crate::Choice;
use crate::client::ask_until;
use crate::figures::{Table, median};
use crate::peer::Peer;

const CONNECTIONS: usize = 64;
const TURN: Duration = Duration::from_millis(300);
const BESIDE: &str = "axum";

pub fn throughput(choice: &Choice) -> anyhow::Result<()> {
    // One thread: the client's share of the machine is the same whatever the server does.
    let client = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    Table::begin(
        &format!(
            "Throughput over 64 kept-alive connections, {} interleaved pairs each",
            choice.rounds
        ),
        &[
            "",
            "requests/s",
            "of axum's, median of the pairs",
            "quartiles",
            "processor time a request, µs",
            "of axum's",
        ],
    );
    for name in &choice.peers {
        let servers = [Peer::start(name)?, Peer::start(BESIDE)?];
        let mut rates = [vec![], vec![]];
        let mut costs = [vec![], vec![]];
        for server in &servers {
            load(server, &client)?;
        }
        for pair in 0..choice.rounds {
            // Whoever goes first changes with every pair.
            let order = if pair % 2 == 0 { [0, 1] } else { [1, 0] };
            for index in order {
                let (rate, cost) = load(&servers[index], &client)?;
                rates[index].push(rate);
                costs[index].push(cost);
            }
        }
        let ratios = |values: &[Vec<f64>; 2]| -> Vec<f64> {
            let pairs = values[0].iter().zip(&values[1]);
            pairs.map(|(ours, axum)| ours / axum).collect()
        };
        let mut of_axums = ratios(&rates);
        of_axums.sort_by(f64::total_cmp);
        let quartile = |part: usize| of_axums[(of_axums.len() * part / 4).min(of_axums.len() - 1)];
        Table::row(&[
            name.clone(),
            format!("{:.0}", median(rates[0].clone())),
            format!("{:.3}", median(of_axums.clone())),
            format!("{:.3}–{:.3}", quartile(1), quartile(3)),
            format!("{:.1}", median(costs[0].clone()) / 1e3),
            format!("{:.3}", median(ratios(&costs))),
        ]);
    }
    Ok(())
}

/// One turn: requests a second, and nanoseconds of the server's processor time a request.
fn load(server: &Peer, runtime: &Runtime) -> anyhow::Result<(f64, f64)> {
    let before = processor_time(server.id());
    let begun = Instant::now();
    let requests: u64 = runtime.block_on(async {
        let clients: Vec<_> = (0..CONNECTIONS)
            .map(|_| tokio::spawn(ask_until(server.address, begun + TURN)))
            .collect();
        let mut requests = 0;
        for client in clients {
            requests += client.await??;
        }
        anyhow::Ok(requests)
    })?;
    let spent = processor_time(server.id()) - before;
    let requests = requests as f64;
    Ok((
        requests / begun.elapsed().as_secs_f64(),
        spent as f64 / requests,
    ))
}

/// Nanoseconds that the threads of a process have spent on a processor.
fn processor_time(process: u32) -> u64 {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{process}/task")) else {
        return 0;
    };
    let spent = |task: std::fs::DirEntry| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    };
    tasks.flatten().filter_map(spent).sum()
}
