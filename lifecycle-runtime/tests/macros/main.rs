//! What `#[lifecycle::main]` takes: each `main` here compiles, and one of them runs.
//!
//! `main` may stand in any module, which keeps all of them in one test.

use std::process::ExitCode;

/// It is the program's `main`: no arguments, an exit code.
fn is_a_main(_: fn() -> ExitCode) {}

/// A whole `main` in a module of its own.
macro_rules! compiles {
    ($name:ident, $($item:item)*) => {
        mod $name {
            $($item)*

            #[test]
            fn compiles() {
                super::is_a_main(main);
            }
        }
    };
}

compiles! { manifest_by_a_path_from_cargo_toml,
    use lifecycle::{Database, Task};

    #[lifecycle::main(manifest = "tests/macros/shop.yaml")]
    async fn main() -> anyhow::Result<Resources> {
        Ok(Resources {
            jobs: Task::new(|stopping| async move { stopping.requested().await }),
            orders_db: Database::new(|| async {}),
        })
    }
}

compiles! { manifest_by_a_path_from_the_source_file,
    use lifecycle::{Database, Task};

    #[lifecycle::main(manifest = "shop.yaml")]
    async fn main() -> anyhow::Result<Resources> {
        Ok(Resources {
            jobs: Task::new(|stopping| async move { stopping.requested().await }),
            orders_db: Database::new(|| async {}),
        })
    }
}

// What the manifest allows, with its reason, is no compile error either.
compiles! { an_error_that_is_allowed,
    use lifecycle::{Database, Task};

    #[lifecycle::main(manifest = "tests/macros/allowed.yaml")]
    async fn main() -> anyhow::Result<Resources> {
        Ok(Resources {
            jobs: Task::new(|stopping| async move { stopping.requested().await }),
            orders_db: Database::new(|| async {}),
        })
    }
}

// The manifest's unused grace is a warning of `lifecycle check`; a build is not the place for it.
compiles! { keywords_as_names_and_a_warning,
    use lifecycle::{Cache, Custom, Database, Task};

    #[lifecycle::main(manifest = "tests/macros/nested/keywords.yaml")]
    async fn main() -> anyhow::Result<Resources> {
        Ok(Resources {
            r#gen: Task::new(|stopping| async move { stopping.requested().await }),
            r#type: Task::new(|stopping| async move { stopping.requested().await }),
            r#match: Database::new(|| async {}),
            r#async: Cache::new(|| async {}),
            nightly_report: Custom::new(|| async {}),
        })
    }
}

compiles! { what_is_started_again_and_what_handlers_hold,
    use lifecycle::{BlockingWork, CriticalSection, QueueConsumer, Schedule, Scheduler, Task};

    const HOUR: std::time::Duration = std::time::Duration::from_secs(3600);

    #[lifecycle::main(manifest = "tests/macros/work.yaml")]
    async fn main() -> anyhow::Result<Resources> {
        let (transfers, thumbnails) = (CriticalSection::new(), BlockingWork::new());
        let (_gate, _work) = (transfers.handle(), thumbnails.handle());
        Ok(Resources {
            prices: Task::restarting(|stopping| async move { stopping.requested().await }),
            emails: QueueConsumer::restarting(|claims| async move { claims.stopping().await }),
            housekeeping: Scheduler::new().job("purge", Schedule::every(HOUR), |_| async {}),
            transfers,
            thumbnails,
        })
    }
}

compiles! { one_thread,
    use lifecycle::{Database, Task};

    #[lifecycle::main(manifest = "tests/macros/shop.yaml", flavor = "current_thread")]
    async fn main() -> anyhow::Result<Resources> {
        Ok(Resources {
            jobs: Task::new(|stopping| async move { stopping.requested().await }),
            orders_db: Database::new(|| async {}),
        })
    }
}

compiles! { some_threads,
    use lifecycle::{Database, Task};

    #[lifecycle::main(manifest = "tests/macros/shop.yaml", flavor = "multi_thread", worker_threads = 2, wedged_after = "1m30s")]
    async fn main() -> anyhow::Result<Resources> {
        Ok(Resources {
            jobs: Task::new(|stopping| async move { stopping.requested().await }),
            orders_db: Database::new(|| async {}),
        })
    }
}

compiles! { the_runtime_by_another_name,
    use lifecycle as shutdown;
    use shutdown::{Database, Task};

    #[shutdown::main(manifest = "tests/macros/shop.yaml", crate = shutdown)]
    async fn main() -> anyhow::Result<Resources> {
        Ok(Resources {
            jobs: Task::new(|stopping| async move { stopping.requested().await }),
            orders_db: Database::new(|| async {}),
        })
    }
}

compiles! { the_runtime_by_a_path,
    mod outer {
        pub(super) mod inner {
            pub(in super::super) use lifecycle::*;
        }
    }
    use outer::inner::{Database, Task};

    #[outer::inner::main(manifest = "tests/macros/shop.yaml", crate = outer::inner)]
    async fn main() -> anyhow::Result<Resources> {
        Ok(Resources {
            jobs: Task::new(|stopping| async move { stopping.requested().await }),
            orders_db: Database::new(|| async {}),
        })
    }
}

compiles! { a_boxed_error,
    use lifecycle::{Database, Task};

    #[lifecycle::main(manifest = "tests/macros/shop.yaml")]
    async fn main() -> Result<Resources, Box<dyn std::error::Error>> {
        Ok(Resources {
            jobs: Task::new(|stopping| async move { stopping.requested().await }),
            orders_db: Database::new(|| async {}),
        })
    }
}

compiles! { no_error_at_all,
    use lifecycle::{Database, Task};

    #[lifecycle::main(manifest = "tests/macros/shop.yaml")]
    async fn main() -> Resources {
        Resources {
            jobs: Task::new(|stopping| async move { stopping.requested().await }),
            orders_db: Database::new(|| async {}),
        }
    }
}

// Names that the generated code must not trip over.
compiles! { a_module_with_names_of_the_standard_library,
    use lifecycle::{Database, Task};

    #[allow(dead_code)]
    mod std {}
    #[allow(dead_code)]
    mod core {}
    #[allow(dead_code)]
    struct Option;
    #[allow(dead_code)]
    struct Some;
    #[allow(dead_code)]
    struct None;
    #[allow(dead_code)]
    struct Vec;
    #[allow(dead_code)]
    struct Cow;

    #[lifecycle::main(manifest = "tests/macros/shop.yaml")]
    async fn main() -> anyhow::Result<Resources> {
        Ok(Resources {
            jobs: Task::new(|stopping| async move { stopping.requested().await }),
            orders_db: Database::new(|| async {}),
        })
    }
}

mod strict_lints {
    #![deny(
        warnings,
        missing_docs,
        unreachable_pub,
        unused,
        clippy::all,
        clippy::pedantic
    )]

    use lifecycle::{Database, Task};

    #[lifecycle::main(manifest = "tests/macros/shop.yaml")]
    async fn main() -> anyhow::Result<Resources> {
        Ok(Resources {
            jobs: Task::new(|stopping| async move { stopping.requested().await }),
            orders_db: Database::new(|| async {}),
        })
    }

    #[test]
    fn compiles() {
        super::is_a_main(main);
    }
}

// A `main` that fails: what it says is the exit code's.
mod fails_to_start {
    use std::process::ExitCode;

    #[lifecycle::main(manifest = "tests/macros/shop.yaml")]
    async fn main() -> anyhow::Result<Resources> {
        anyhow::bail!("no database today")
    }

    #[test]
    fn ends_with_its_own_exit_code() {
        assert_eq!(format!("{:?}", main()), format!("{:?}", ExitCode::from(1)));
    }
}

// A test in the file of `main` reaches the plan, and one in a library has it by a macro of its own.
mod in_reach_of_tests {
    use lifecycle::{Database, Task};

    #[allow(dead_code, reason = "the program that these tests belong to")]
    #[lifecycle::main(manifest = "tests/macros/shop.yaml")]
    async fn main() -> anyhow::Result<Resources> {
        wire().await
    }

    async fn wire() -> anyhow::Result<Resources> {
        Ok(Resources {
            jobs: Task::new(|stopping| async move { stopping.requested().await }),
            orders_db: Database::new(|| async {}),
        })
    }

    #[cfg(feature = "testing")]
    mod tests {
        use super::{Resources, wire};
        use lifecycle::testing::Termination;

        #[tokio::test(start_paused = true)]
        async fn the_wiring_stops_as_planned() {
            let termination = Termination::of(Resources::plan());
            let report = termination.platform("kubernetes").start(wire).run().await;
            report.assert_clean();
            report.assert_order(&["jobs", "orders-db"]);
            let grace = std::time::Duration::from_secs(30);
            assert_eq!(report.left_before_kill(), grace);
        }
    }
}

mod included {
    pub(crate) mod library {
        lifecycle::include_plan!("tests/macros/shop.yaml");
    }

    mod renamed {
        use ::lifecycle as runtime;

        lifecycle::include_plan!("tests/macros/shop.yaml", crate = runtime);

        #[test]
        fn compiles() {
            assert_eq!(Resources::plan().service, "shop");
        }
    }

    #[test]
    fn the_plan_is_that_of_the_manifest() {
        let plan = library::Resources::plan();
        let names: Vec<&str> = plan.steps.iter().map(|step| &*step.name).collect();
        assert_eq!(names, ["jobs", "orders-db"]);
    }

    #[cfg(feature = "http")]
    mod served {
        lifecycle::include_plan!("tests/macros/served.yaml");

        #[test]
        fn what_passes_before_the_signal_is_not_left_after_it() {
            let kubernetes = &Resources::plan().timelines[0];
            assert_eq!(kubernetes.grace.as_secs(), 30);
            // The preStop sleep, for routing to notice.
            assert_eq!(kubernetes.kill.as_secs(), 25);
        }
    }
}
