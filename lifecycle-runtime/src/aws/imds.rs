//! EC2's instance metadata service, version 2: a token first, then the question.

use super::Interruption;
use super::client::Base;
use super::json::strings;

const IPV4: &str = "http://169.254.169.254";
const IPV6: &str = "http://[fd00:ec2::254]";
/// How long a token is asked for, in seconds: the longest there is.
const TOKEN_LIFE: u32 = 21_600;

pub(super) struct Imds {
    base: Base,
    token: Option<String>,
}

impl Imds {
    /// Where the environment says that it is, in the variables of the SDKs.
    pub(super) fn of_this_instance() -> Result<Self, String> {
        Self::of(|name| std::env::var(name).ok().filter(|it| !it.is_empty()))
    }

    fn of(variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let says = |name, word: &str| {
            variable(name).is_some_and(|value: String| value.eq_ignore_ascii_case(word))
        };
        if says("AWS_EC2_METADATA_DISABLED", "true") {
            return Err("AWS_EC2_METADATA_DISABLED forbids it".to_owned());
        }
        let ipv6 = says("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv6");
        let standard = if ipv6 { IPV6 } else { IPV4 };
        let endpoint = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
        Ok(Self {
            base: Base::parse(endpoint.as_deref().unwrap_or(standard))?,
            token: None,
        })
    }

    /// What EC2 is about to do with the instance.
    pub(super) fn instance_action(&mut self) -> Result<Option<Interruption>, String> {
        let path = "/latest/meta-data/spot/instance-action";
        let mut answer = None;
        for _ in 0..2 {
            let token = self.token()?;
            let header = format!("X-aws-ec2-metadata-token: {token}\r\n");
            let heard = self.base.ask("GET", path, &header)?;
            if heard.status != 401 {
                answer = Some(heard);
                break;
            }
            // The token has run out, or the service has forgotten it.
            self.token = None;
        }
        let answer = answer.ok_or("the token is refused")?;
        match answer.status {
            // Nothing is planned.
            404 => Ok(None),
            200 => notice(&answer.body)
                .map(Some)
                .ok_or_else(|| "the answer is no notice".to_owned()),
            status => Err(format!("the answer is {status}")),
        }
    }

    fn token(&mut self) -> Result<String, String> {
        if let Some(token) = &self.token {
            return Ok(token.clone());
        }
        let header = format!("X-aws-ec2-metadata-token-ttl-seconds: {TOKEN_LIFE}\r\n");
        let answer = self.base.ask("PUT", "/latest/api/token", &header)?;
        let token = answer.body.trim();
        // It goes into a header as it is.
        if answer.status != 200 || token.is_empty() || token.contains(|it: char| it.is_control()) {
            return Err(format!("no token: the answer is {}", answer.status));
        }
        self.token = Some(token.to_owned());
        Ok(token.to_owned())
    }
}

/// `{"action": "terminate", "time": "2026-11-21T08:22:00Z"}`.
fn notice(body: &str) -> Option<Interruption> {
    let members = strings(body)?;
    let of = |name: &str| {
        let found = members.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.chars().take(64).collect())
    };
    Some(Interruption {
        action: of("action")?,
        at: of("time")?,
    })
}
