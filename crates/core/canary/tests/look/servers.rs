//! Web hooks and Prometheus, as tables.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use serin_kernel::{Answer, Call, Question, Reply};

/// What servers answer, and what they were asked.
#[derive(Clone)]
pub(crate) struct Servers {
    /// Statuses of each web hook's answers in order, the last one for good; 200 for hooks that are not here.
    pub(crate) hooks: BTreeMap<String, Vec<u16>>,
    /// How often each hook was asked.
    pub(crate) asked: BTreeMap<String, usize>,
    /// The share of good answers, and how long they took; none for no values.
    pub(crate) rate: Option<f64>,
    pub(crate) duration: Option<f64>,
    /// Names of all metrics, where nobody has the one that is asked for and somebody asks why.
    pub(crate) names: Vec<&'static str>,
    /// Every question to a hook as `name phase -> status`.
    pub(crate) log: Vec<String>,
    /// Questions of all kinds.
    pub(crate) questions: usize,
}

impl Servers {
    pub(crate) fn new() -> Self {
        Self {
            hooks: BTreeMap::new(),
            asked: BTreeMap::new(),
            rate: Some(100.0),
            duration: Some(0.1),
            names: Vec::new(),
            log: Vec::new(),
            questions: 0,
        }
    }

    pub(crate) fn answer(&mut self, question: &Question) -> Answer {
        self.questions += 1;
        let call = match question {
            Question::Call(call) => call,
            Question::File(path) => {
                *self.asked.entry(path.clone()).or_default() += 1;
                return Answer::Text("token".to_owned());
            }
            Question::Read(_) => panic!("{question:?}"),
        };
        if let Some((name, body)) = amazon(call) {
            *self.asked.entry(name.to_owned()).or_default() += 1;
            return Answer::Reply(Reply::new(200, body.to_string()));
        }
        let text = decoded(&call.url) + &decoded(call.body.text());
        let (status, body) =
            if call.url.contains("/hook/") { self.hook(call) } else { (200, self.query(&text)) };
        let attempts = if status < 500 { 1 } else { call.retries + 1 };
        Answer::Reply(Reply { attempts, ..Reply::new(status, body) })
    }

    fn hook(&mut self, call: &Call) -> (u16, String) {
        let name = call.url.rsplit('/').next().unwrap().to_owned();
        let count = self.asked.entry(name.clone()).or_default();
        let answers = self.hooks.get(&name).map_or(&[200][..], Vec::as_slice);
        let status = answers[(*count).min(answers.len() - 1)];
        *count += 1;
        let body: Value = serde_json::from_str(call.body.text()).unwrap();
        self.log.push(told(&name, &body, status));
        let text = match status {
            403 => "Forbidden",
            500 => "boom",
            _ => "",
        };
        (status, text.to_owned())
    }

    fn query(&self, text: &str) -> String {
        if !self.names.is_empty() && text.contains("/label/__name__/values") {
            return json!({"status": "success", "data": self.names}).to_string();
        }
        let value = if text.contains("vector(1)") {
            Some(1.0)
        } else if !self.names.is_empty() && text.contains("serin_selector") {
            None
        } else if text.contains("histogram_quantile") || text.contains("duration_milliseconds") {
            self.duration
        } else if text.contains("\"5") || text.contains("failure") || text.contains("!~\"5") {
            self.rate
        } else if text.contains("duration") {
            self.duration
        } else {
            Some(1.0)
        };
        let result =
            value.map(|value| json!({"metric": {}, "value": [1_545_905_245.458, value.to_string()]}));
        let result: Vec<Value> = result.into_iter().collect();
        json!({"status": "success", "data": {"resultType": "vector", "result": result}}).to_string()
    }
}

/// Amazon's two servers: one gives credentials for a token, one measures.
fn amazon(call: &Call) -> Option<(&'static str, Value)> {
    if call.url.starts_with("https://sts.") {
        let keys = json!({"AccessKeyId": "id", "SecretAccessKey": "secret", "SessionToken": "session"});
        let result = json!({"AssumeRoleWithWebIdentityResult": {"Credentials": keys}});
        return Some(("sts", json!({"AssumeRoleWithWebIdentityResponse": result})));
    }
    let results = json!({"MetricDataResults": [{"Id": "a", "Values": [1.0]}]});
    call.url.starts_with("https://monitoring.").then_some(("cloudwatch", results))
}

/// A question to a hook as logs have it.
pub(crate) fn told(hook: &str, body: &Value, status: u16) -> String {
    format!("{hook} {} -> {status}", body["phase"].as_str().unwrap_or_default())
}

fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.bytes());
    while let Some(byte) = rest.next() {
        let digits = (byte == b'%').then(|| [rest.next(), rest.next()].map(Option::unwrap_or_default));
        let code = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok());
        bytes.push(code.unwrap_or(if byte == b'+' { b' ' } else { byte }));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
