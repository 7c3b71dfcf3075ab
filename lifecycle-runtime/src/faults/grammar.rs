//! How faults are written: `orders-db=hang; http=slow:3s; executor=block:5s; report=full`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{Fault, Faults, UnknownFault};
use crate::plan::Plan;

impl Faults {
    /// What `text` asks for. A name is a resource's; `executor` and `report` are the program's own
    /// unless the plan has a resource of that name.
    pub(crate) fn parse(text: &str, plan: &Plan) -> Result<Self, UnknownFault> {
        let mut faults = Self::default();
        for written in text.split(';').map(str::trim).filter(|it| !it.is_empty()) {
            let (name, fault) = written.split_once('=').ok_or_else(|| {
                UnknownFault(format!(
                    "`{written}` is not `RESOURCE=FAULT`, as `orders-db=hang` is"
                ))
            })?;
            let (name, fault) = (name.trim(), fault.trim());
            let a_resource = plan.steps.iter().any(|step| step.name == name);
            match name {
                "executor" if !a_resource => match fault.parse()? {
                    Fault::Block(time) => faults.executor = Some(time),
                    other => {
                        return Err(UnknownFault(format!(
                            "the executor can only `block:TIME`, not `{other}`"
                        )));
                    }
                },
                "report" if !a_resource => match fault {
                    "full" => faults.report_full = true,
                    other => {
                        return Err(UnknownFault(format!(
                            "the report's only fault is `full`, not `{other}`"
                        )));
                    }
                },
                _ => faults.resources.push((name.to_owned(), fault.parse()?)),
            }
        }
        faults.check(plan)?;
        Ok(faults)
    }
}

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(text: &str) -> Result<Self, UnknownFault> {
        let (word, time) = match text.split_once(':') {
            Some((word, time)) => (word.trim(), Some(time.trim())),
            None => (text.trim(), None),
        };
        let timed = || {
            let time =
                time.ok_or_else(|| UnknownFault(format!("`{word}` needs a time: `{word}:3s`")))?;
            duration(time).ok_or_else(|| {
                UnknownFault(format!(
                    "`{time}` is no time; write `3s`, `250ms` or `1m30s`"
                ))
            })
        };
        let fault = match word {
            "slow" => return timed().map(Self::Slow),
            "block" => return timed().map(Self::Block),
            "die" => return timed().map(Self::Die),
            "hang" => Self::Hang,
            "fail" => Self::Fail,
            "panic" => Self::Panic,
            other => {
                return Err(UnknownFault(format!(
                    "there is no fault `{other}`; there are hang, slow:TIME, fail, panic, block:TIME \
                     and die:TIME"
                )));
            }
        };
        match time {
            None => Ok(fault),
            Some(_) => Err(UnknownFault(format!("`{word}` takes no time"))),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, time) = match self {
            Self::Hang => ("hang", None),
            Self::Slow(time) => ("slow", Some(time)),
            Self::Fail => ("fail", None),
            Self::Panic => ("panic", None),
            Self::Block(time) => ("block", Some(time)),
            Self::Die(time) => ("die", Some(time)),
        };
        f.write_str(word)?;
        match time {
            None => Ok(()),
            Some(time) if time.subsec_millis() == 0 => write!(f, ":{}s", time.as_secs()),
            Some(time) => write!(f, ":{}ms", time.as_millis()),
        }
    }
}

/// `1h`, `1m30s`, `250ms`, as the manifest writes them; `None`: it is no time.
fn duration(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|it: char| !it.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest
            .find(|it: char| it.is_ascii_digit())
            .unwrap_or(rest.len());
        let millis = match &rest[..unit] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return None,
        };
        total = total.checked_add(Duration::from_millis(number.checked_mul(millis)?))?;
        rest = &rest[unit..];
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_in_the_manifest() {
        let ms = |text| duration(text).map(|time| time.as_millis());
        assert_eq!(ms("250ms"), Some(250));
        assert_eq!(ms("1h2m3s4ms"), Some(3_723_004));
        assert_eq!(ms("0s"), Some(0));
        for none in [
            "",
            "3",
            "s",
            "3 s",
            "-3s",
            "3s4",
            "1.5s",
            "99999999999999999999s",
            "18446744073709551615h",
        ] {
            assert_eq!(ms(none), None, "{none}");
        }
    }

    #[test]
    fn a_fault_is_read_as_it_is_written() {
        for text in [
            "hang",
            "slow:3s",
            "slow:1500ms",
            "fail",
            "panic",
            "block:5s",
            "die:0s",
        ] {
            assert_eq!(
                text.parse::<Fault>().map(|it| it.to_string()),
                Ok(text.to_owned())
            );
        }
    }

    #[test]
    fn separators_and_space_are_free_and_names_of_resources_come_first() {
        let plan = plan_of(&["orders-db", "report"]);
        let parsed = |text| Faults::parse(text, &plan).map(|it| it.names());
        assert_eq!(parsed("").as_deref(), Ok(&[][..]));
        let names = ["orders-db=hang", "report=fail", "executor=block:5s"].map(str::to_owned);
        let text = ";; orders-db = hang;executor=block: 5s ; report=fail";
        assert_eq!(parsed(text).as_deref(), Ok(&names[..]));
        assert!(parsed("report=full").is_err(), "it is a resource here");
        let plan = plan_of(&[]);
        let full = Faults::parse("report=full", &plan).expect("its own");
        assert!(full.report_full());
    }

    fn plan_of(names: &[&str]) -> Plan {
        let step = |name: &&str| crate::plan::Step {
            name: (*name).to_owned().into(),
            kind: crate::plan::Kind::Custom,
            phase: crate::plan::Phase::Close,
            waits_for: Vec::new().into(),
            best_effort: false,
            lease: None,
            spread: None,
            on_failure: crate::plan::OnFailure::Stop,
        };
        Plan {
            service: "shop".into(),
            digest: "0".into(),
            health: None,
            keep_alive: None,
            drift: crate::plan::Drift::Warn,
            steps: names.iter().map(step).collect(),
            timelines: Vec::new().into(),
            unmanaged: crate::plan::Timeline {
                platform: "unmanaged".into(),
                settle: Duration::ZERO,
                timeouts: vec![Duration::ZERO; names.len()].into(),
                unwind: Duration::ZERO,
                deadline: Duration::ZERO,
                grace: Duration::ZERO,
                kill: Duration::ZERO,
            },
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_fault_or_an_error(text in "[a-z0-9=:; \\PC]{0,40}|\\PC{0,40}") {
            let plan = plan_of(&["a", "b"]);
            if let Ok(faults) = Faults::parse(&text, &plan) {
                let again = Faults::parse(&faults.names().join(";"), &plan);
                proptest::prop_assert_eq!(again, Ok(faults));
            }
        }
    }
}
