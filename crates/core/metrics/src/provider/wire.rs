//! Each provider against a stand-in that takes requests, and answers them, as the server's documentation has it.

use serde_json::{Value, json};
use serin_kernel::{Call, Method, Object};

use super::*;

const NOW: &str = "2026-01-02T03:04:05Z";

/// A conversation: what is measured, and the questions on the way.
fn measured(
    (provider, place, query): (&MetricTemplateProvider, &Place, &str),
    secrets: &[(&str, &str)],
    mut server: impl FnMut(&Question) -> Answer,
) -> (Result<Sample, Error>, Vec<Question>) {
    let texts = secrets.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect();
    let secret = Secret { name: "keys".into(), texts };
    let secret = (!secrets.is_empty()).then_some(&secret);
    let inquiry = Inquiry {
        provider,
        secret,
        place,
        asker: "test/podinfo/m",
        query,
        interval: "1m",
        now: NOW.parse().unwrap(),
    };
    let (mut asked, mut answers) = (Vec::new(), Vec::new());
    loop {
        assert!(asked.len() < 30, "{asked:#?}");
        match measure(&inquiry, &answers) {
            Ok(Step::Done(sample)) => return (Ok(sample), asked),
            Err(error) => return (Err(error), asked),
            Ok(Step::Ask(question) | Step::Share(question)) => {
                answers.push(server(&question));
                asked.push(question);
            }
        }
    }
}

fn provider(kind: &str, address: &str) -> MetricTemplateProvider {
    MetricTemplateProvider { kind: kind.into(), region: String::new(), ..prometheus_at(address) }
}

fn replied(status: u16, body: impl Into<String>) -> Answer {
    Answer::Reply(Reply { status, body: body.into(), attempts: 1, retry_after: None })
}

fn call_of(question: &Question) -> &Call {
    match question {
        Question::Call(call) => call,
        other => panic!("{other:?}"),
    }
}

fn header_of<'a>(call: &'a Call, name: &str) -> &'a str {
    let found = call.headers.iter().find(|(have, _)| have.eq_ignore_ascii_case(name));
    found.map_or("", |(_, value)| value)
}

/// What a server asks of a request: else it answers as servers do that do not know it.
struct Wants<'a> {
    method: Method,
    url: &'a str,
    headers: &'a [(&'a str, &'a str)],
    params: &'a [(&'a str, &'a str)],
}

impl Wants<'_> {
    fn answer(&self, call: &Call, body: impl Into<String>) -> Answer {
        let (url, query) = call.url.split_once('?').unwrap_or((&call.url, ""));
        let params: BTreeMap<String, String> =
            url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        if url != self.url || call.method != self.method {
            return replied(404, format!("no such page: {} {url}", call.url));
        }
        if let Some((name, _)) = self.headers.iter().find(|(name, value)| header_of(call, name) != *value) {
            return replied(401, format!("header {name}: {:?}", call.headers));
        }
        if let Some((name, _)) =
            self.params.iter().find(|(k, v)| params.get(*k).map(String::as_str) != Some(*v))
        {
            return replied(400, format!("parameter {name}: {params:?}"));
        }
        replied(200, body)
    }
}

#[test]
#[allow(clippy::too_many_lines)] // a table
fn servers_that_are_asked_once() {
    let get = |url, headers, params| Wants { method: Method::Get, url, headers, params };
    let post = |url, headers| Wants { method: Method::Post, url, headers, params: &[] };
    let flux = concat!(
        "#group,false,false,true,true,false,false,true\r\n",
        "#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,dateTime:RFC3339,double,string\r\n",
        "#default,_result,,,,,,\r\n",
        ",result,table,_start,_stop,_time,_value,_measurement\r\n",
        ",,0,2026-01-02T01:04:05Z,2026-01-02T03:04:05Z,2026-01-02T03:04:00Z,12.5,istio_requests_total\r\n\r\n"
    );
    let stream = concat!(
        "event: control-message\ndata: {\ndata:   \"event\" : \"STREAM_START\",\ndata:   \"timestampMs\" : 1767323045000\ndata: }\n\n",
        "event: control-message\ndata: {\"event\":\"JOB_START\",\"handle\":\"AAAA\",\"timestampMs\":1767323045001}\n\n",
        "event: metadata\ndata: {\"properties\":{\"sf_metric\":\"errors\"},\"tsId\":\"AAAAAM\"}\n\n",
        "event: data\ndata: {\ndata:   \"data\" : [ {\ndata:     \"tsId\" : \"AAAAAM\",\ndata:     \"value\" : 2.5\ndata:   } ],\n",
        "data:   \"logicalTimestampMs\" : 1767323040000\ndata: }\n\n",
        "event: control-message\ndata: {\"event\":\"END_OF_CHANNEL\",\"timestampMs\":1767323045002}\n\n"
    );
    for (kind, address, query, secrets, wants, body, wanted) in [
        (
            "prometheus",
            "http://prom:9090/prefix/?ignored=1",
            "sum(\n  up\n)",
            &[("username", "u"), ("password", "p")][..],
            get(
                "http://prom:9090/prefix/api/v1/query",
                &[("Authorization", "Basic dTpw")],
                &[("query", "sum( up )")],
            ),
            r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1767323045.123,"95.5"]}]},"warnings":["w"]}"#,
            95.5,
        ),
        (
            "datadog",
            "",
            "avg:errors{service:podinfo}",
            &[("datadog_api_key", "a\n"), ("datadog_application_key", "b")],
            get(
                "https://api.datadoghq.com/api/v1/query",
                &[("DD-API-KEY", "a"), ("DD-APPLICATION-KEY", "b")],
                &[("query", "avg:errors{service:podinfo}"), ("from", "1767322445"), ("to", "1767323045")],
            ),
            r#"{"error":"","from_date":1767322445000,"group_by":[],"message":"","query":"avg:errors{service:podinfo}","res_type":"time_series","resp_version":1,"series":[{"aggr":"avg","display_name":"errors","end":1767323039000,"expression":"avg:errors{service:podinfo}","interval":60,"length":2,"metric":"errors","pointlist":[[1767322440000.0,0.5],[1767322500000.0,9.0]],"query_index":0,"scope":"service:podinfo","start":1767322440000,"tag_set":[],"unit":null}],"status":"ok","times":[],"to_date":1767323045000,"values":[]}"#,
            0.5,
        ),
        (
            "newrelic",
            "",
            "SELECT average(duration) FROM Transaction",
            &[("newrelic_account_id", "51312"), ("newrelic_query_key", "q")],
            get(
                "https://insights-api.newrelic.com/v1/accounts/51312/query",
                &[("X-Query-Key", "q")],
                &[("nrql", "SELECT average(duration) FROM Transaction SINCE 60 seconds ago")],
            ),
            r#"{"results":[{"result":2.5}],"performanceStats":{"inspectedCount":12},"metadata":{"accounts":[51312],"eventType":"Transaction"}}"#,
            2.5,
        ),
        (
            "graphite",
            "http://graphite.monitoring",
            "target=summarize(\n  a.b,\n  1min,\n  'avg'\n)",
            &[("username", "u"), ("password", "p")],
            get(
                "http://graphite.monitoring/render",
                &[("Authorization", "Basic dTpw")],
                &[("format", "json"), ("target", "summarize(  a.b,  1min,  'avg')")],
            ),
            r#"[{"target":"a.b","tags":{"name":"a.b"},"datapoints":[[90.0,1767322920],[99.5,1767322980],[null,1767323040]]}]"#,
            99.5,
        ),
        (
            "influxdb",
            "http://influxdb:8086",
            "from(bucket: \"default\") |> range(start: -2h)",
            &[("token", "t"), ("org", "my org")],
            Wants {
                method: Method::Post,
                url: "http://influxdb:8086/api/v2/query",
                headers: &[("Authorization", "Token t"), ("Content-Type", "application/vnd.flux")],
                params: &[("org", "my org")],
            },
            flux,
            12.5,
        ),
        (
            "dynatrace",
            "https://x.live.dynatrace.com",
            "builtin:service.response.time:percentile(95)",
            &[("dynatrace_token", "d")],
            get(
                "https://x.live.dynatrace.com/api/v2/metrics/query",
                &[("Authorization", "Api-Token d")],
                &[
                    ("metricSelector", "builtin:service.response.time:percentile(95)"),
                    ("resolution", "Inf"),
                    ("from", "1767322445000"),
                    ("to", "1767323045000"),
                ],
            ),
            r#"{"totalCount":1,"nextPageKey":null,"resolution":"Inf","result":[{"metricId":"builtin:service.response.time:percentile(95)","dataPointCountRatio":4.0E-6,"dimensionCountRatio":2.0E-5,"data":[{"dimensions":[],"dimensionMap":{},"timestamps":[1767323040000],"values":[12500.0]}]}]}"#,
            12500.0,
        ),
        (
            "splunk",
            "https://api.us1.signalfx.com",
            "data('errors').publish()",
            &[("sf_token_key", "s")],
            post(
                "https://stream.us1.signalfx.com/v2/signalflow/execute",
                &[("X-SF-Token", "s"), ("Content-Type", "text/plain")],
            ),
            stream,
            2.5,
        ),
        (
            "externalmetrics",
            "https://metrics.example.com",
            "shop/queue?labelSelector=app%3Dweb",
            &[("token", "t")],
            get(
                "https://metrics.example.com/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/queue",
                &[("Authorization", "Bearer t")],
                &[("labelSelector", "app=web")],
            ),
            r#"{"kind":"ExternalMetricValueList","apiVersion":"external.metrics.k8s.io/v1beta1","metadata":{},"items":[{"metricName":"queue","metricLabels":{"app":"web"},"timestamp":"2026-01-02T03:04:00Z","value":"1500m"}]}"#,
            1.5,
        ),
    ] {
        let provider = provider(kind, address);
        let place = Place::default();
        let server = |question: &Question| wants.answer(call_of(question), body);
        let (sample, asked) = measured((&provider, &place, query), secrets, server);
        assert_eq!(sample, Ok(Sample::Value(wanted)), "{kind}");
        assert_eq!(asked.len(), 1);
        let sent = call_of(&asked[0]).body.text();
        assert!(wants.method == Method::Get || sent == query, "{kind}: {sent}");
        assert_eq!(call_of(&asked[0]).timeout.as_secs(), if kind == "influxdb" { 15 } else { 5 }, "{kind}");
    }
}

#[test]
fn google_cloud_monitoring() {
    let server = |question: &Question| {
        let call = call_of(question);
        if call.url.starts_with("http://metadata.google.internal/") {
            let machine = Wants {
                method: Method::Get,
                url: "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token",
                headers: &[("Metadata-Flavor", "Google")],
                params: &[],
            };
            return machine
                .answer(call, r#"{"access_token":"ya29.x","expires_in":3599,"token_type":"Bearer"}"#);
        }
        assert_eq!(serde_json::from_str::<Value>(call.body.text()).unwrap(), json!({"query": "fetch x"}));
        let monitoring = Wants {
            method: Method::Post,
            url: "https://monitoring.googleapis.com/v3/projects/shop-1/timeSeries:query",
            headers: &[("Authorization", "Bearer ya29.x")],
            params: &[],
        };
        monitoring.answer(call, r#"{"timeSeriesDescriptor":{"pointDescriptors":[{"key":"value.latency","valueType":"DOUBLE","metricKind":"GAUGE"}]},"timeSeriesData":[{"pointData":[{"values":[{"doubleValue":0.5}],"timeInterval":{"startTime":"2026-01-02T03:03:00Z","endTime":"2026-01-02T03:04:00Z"}}]}]}"#)
    };
    let asked = (&provider("stackdriver", ""), &Place::default(), "fetch x");
    assert_eq!(measured(asked, &[("project", "shop-1")], server).0, Ok(Sample::Value(0.5)));
}

const METRICS: &str = r#"{"Messages":[],"MetricDataResults":[{"Id":"e1","Label":"ErrorRate","StatusCode":"Complete","Timestamps":[1.76732298E9,1.76732292E9],"Values":[0.25,9.0]}]}"#;
const KEYS: &str = r#"{"Code":"Success","LastUpdated":"2026-01-02T02:19:43Z","Type":"AWS-HMAC","AccessKeyId":"ASIA1","SecretAccessKey":"s","Token":"session","Expiration":"2026-01-02T08:19:43Z"}"#;

/// `CloudWatch`, which knows the key and the session of the machine's role.
fn cloudwatch(call: &Call, body: &str) -> Answer {
    assert_eq!(call.url, "https://monitoring.eu-west-1.amazonaws.com/");
    let authorization = header_of(call, "Authorization");
    let is_signed = authorization.starts_with(
        "AWS4-HMAC-SHA256 Credential=ASIA1/20260102/eu-west-1/monitoring/aws4_request, SignedHeaders=",
    );
    if !is_signed || header_of(call, "X-Amz-Security-Token") != "session" {
        return replied(400, r#"{"__type":"UnrecognizedClientException"}"#);
    }
    assert_eq!(header_of(call, "X-Amz-Target"), "GraniteServiceVersion20100801.GetMetricData");
    let sent: Value = serde_json::from_str(call.body.text()).unwrap();
    assert_eq!((&sent["StartTime"], &sent["EndTime"]), (&json!(1_767_322_445), &json!(1_767_323_045)));
    replied(200, body)
}

#[test]
fn cloudwatch_with_the_role_of_the_machine() {
    let place = Place {
        amazon: Some(Amazon::Machine { url: "http://169.254.169.254".into() }),
        region: "eu-west-1".into(),
        cluster: None,
    };
    let query = r#"[{"Id":"e1","Expression":"m1 / m2"}]"#;
    let machine = |call: &Call| {
        let path = call.url.strip_prefix("http://169.254.169.254/latest/").unwrap_or_default();
        let has_token = header_of(call, "X-aws-ec2-metadata-token") == "AQAA==";
        match (call.method, path) {
            (Method::Put, "api/token") if header_of(call, "X-aws-ec2-metadata-token-ttl-seconds") == "60" => {
                replied(200, "AQAA==")
            }
            (Method::Get, "meta-data/iam/security-credentials/") if has_token => replied(200, "nodes\n"),
            (Method::Get, "meta-data/iam/security-credentials/nodes") if has_token => replied(200, KEYS),
            _ => replied(401, ""),
        }
    };
    let with = |metrics: &'static str| {
        move |question: &Question| match call_of(question) {
            call if call.url.starts_with("http://169.") => machine(call),
            call => cloudwatch(call, metrics),
        }
    };
    let asked = (&provider("cloudwatch", ""), &place, query);
    let (sample, questions) = measured(asked, &[], with(METRICS));
    assert_eq!((sample, questions.len()), (Ok(Sample::Value(0.25)), 4));
    assert!(
        questions[..3].iter().all(|question| call_of(question).timeout.as_secs() == 1),
        "bounded in time"
    );
    // A result that could not be had is no absence of values.
    let forbidden = r#"{"MetricDataResults":[{"Id":"e1","StatusCode":"Forbidden","Messages":[{"Code":"x","Value":"no"}],"Values":[]}]}"#;
    let error = measured(asked, &[], with(forbidden)).0.unwrap_err().to_string();
    assert!(error.starts_with("error response: Forbidden: "), "{error}");
    // No machine of Amazon's.
    let nobody = |_: &Question| Answer::Failed("no route to host".into());
    let (error, questions) = measured(asked, &[], nobody);
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("its machine gives none (request failed: no route to host): give")
    );
    assert_eq!(questions.len(), 1);
    // A machine without a role says so in its own way.
    let bare = |question: &Question| match call_of(question) {
        call if call.method == Method::Put => replied(200, "AQAA=="),
        _ => replied(200, ""),
    };
    assert!(measured(asked, &[], bare).0.unwrap_err().to_string().contains("the machine has no role"));
    // What the template says of the region comes first.
    let template = MetricTemplateProvider { region: "us-east-2".into(), ..provider("cloudwatch", "") };
    let keys = Some(Amazon::Keys(Keys { id: "A".into(), secret: "S".into(), session: String::new() }));
    let place = Place { amazon: keys, ..place.clone() };
    let (_, questions) = measured((&template, &place, query), &[], nobody);
    assert_eq!(call_of(&questions[0]).url, "https://monitoring.us-east-2.amazonaws.com/");
}

#[test]
fn cloudwatch_with_the_keys_of_an_agent() {
    let agent = Amazon::Agent {
        url: "http://169.254.170.23/v1/credentials".into(),
        token: Some(Token::File("/var/run/secrets/pods.eks.amazonaws.com/token".into())),
    };
    let place = Place { amazon: Some(agent), region: "eu-west-1".into(), cluster: None };
    let server = |question: &Question| match question {
        Question::File(path) if path == "/var/run/secrets/pods.eks.amazonaws.com/token" => {
            Answer::Text("jwt\n".into())
        }
        Question::Call(call) if call.url.starts_with("http://169.254.170.23/") => {
            assert_eq!(header_of(call, "Authorization"), "jwt");
            replied(200, KEYS)
        }
        other => cloudwatch(call_of(other), METRICS),
    };
    let asked = (&provider("cloudwatch", ""), &place, "[]");
    assert_eq!(measured(asked, &[], server).0, Ok(Sample::Value(0.25)));
}

/// An API server as a pod knows it.
fn cluster() -> Place {
    let token = Token::File("/var/run/secrets/kubernetes.io/serviceaccount/token".into());
    let cluster = Cluster { address: "https://10.96.0.1:443".into(), authority: "PEM".into(), token };
    Place { cluster: Some(cluster), ..Place::default() }
}

#[test]
fn external_metrics_of_the_own_cluster() {
    let body = r#"{"kind":"ExternalMetricValueList","items":[{"metricName":"queue","value":"3"}]}"#;
    let server = |token: &'static str| {
        move |question: &Question| match question {
            Question::File(_) => Answer::Text("own\n".into()),
            other => {
                let call = call_of(other);
                assert_eq!(call.authority, "PEM", "the cluster's own authority");
                let wants = Wants {
                    method: Method::Get,
                    url: "https://10.96.0.1/apis/external.metrics.k8s.io/v1beta1/namespaces/default/queue",
                    headers: &[("Authorization", token)],
                    params: &[],
                };
                wants.answer(call, body)
            }
        }
    };
    let (provider, place) = (provider("externalmetrics", ""), cluster());
    let (sample, asked) = measured((&provider, &place, "queue"), &[], server("Bearer own"));
    assert_eq!((sample, asked.len()), (Ok(Sample::Value(3.0)), 2));
    // A token of the template is sent in place of the controller's.
    let (sample, asked) =
        measured((&provider, &place, "queue"), &[("token", "other\n")], server("Bearer other"));
    assert_eq!((sample, asked.len()), (Ok(Sample::Value(3.0)), 1));
    // Another host gets neither the token nor the trust.
    let elsewhere = super::prometheus_at("https://elsewhere");
    let elsewhere = MetricTemplateProvider { kind: "externalmetrics".into(), ..elsewhere };
    let (_, asked) = measured((&elsewhere, &place, "queue"), &[], |_| replied(403, "no"));
    let call = call_of(&asked[0]);
    assert!(call.authority.is_empty() && header_of(call, "Authorization").is_empty(), "{call:?}");
    // That there is no such metric is said by one who is there.
    let inquiry = Inquiry {
        provider: &provider,
        secret: None,
        place: &place,
        asker: "test/podinfo/m",
        query: "",
        interval: "",
        now: NOW.parse().unwrap(),
    };
    let token = Answer::Text("own".into());
    let status = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","reason":"NotFound","code":404}"#;
    assert_eq!(online(&inquiry, &[token.clone(), replied(404, status)]), Ok(Step::Done(())));
    assert!(online(&inquiry, &[token, replied(404, "404 page not found")]).is_err());
}

#[test]
fn a_metric_of_keptn() {
    let server = |version: &'static str, value: Value| {
        move |question: &Question| {
            let Question::Read(key) = question else { panic!("{question:?}") };
            assert_eq!((key.namespace.as_str(), key.name.as_str()), ("shop", "response-time"));
            assert_eq!((key.kind.group, key.kind.plural), ("metrics.keptn.sh", "keptnmetrics"));
            let object = json!({
                "apiVersion": format!("metrics.keptn.sh/{version}"), "kind": "KeptnMetric",
                "metadata": {"name": "response-time", "namespace": "shop"},
                "spec": {"provider": {"name": "prometheus"}, "query": "q", "fetchIntervalSeconds": 10},
                "status": {"lastUpdated": "2026-01-02T03:04:00Z", "rawValue": "WzE=", "value": value},
            });
            let found = (key.kind.version == version).then(|| Object::new(key.kind, &object).unwrap());
            Answer::Object(found)
        }
    };
    let of = |server: &dyn Fn(&Question) -> Answer| {
        let asked = (&provider("keptn", ""), &Place::default(), "KeptnMetric/shop/Response-Time\n");
        measured(asked, &[], server).0
    };
    assert_eq!(of(&server("v1", json!("0.0475"))), Ok(Sample::Value(0.0475)));
    assert_eq!(of(&server("v1beta1", json!("3"))), Ok(Sample::Value(3.0)));
    assert_eq!(of(&server("v1", json!(""))), Ok(Sample::none()));
    assert!(of(&server("v1", json!("much"))).is_err());
    let error = of(&server("v0", json!("1"))).unwrap_err().to_string();
    assert_eq!(error, "spec.query: there is no KeptnMetric response-time in shop: create it");
}

/// What `test/podinfo/m` calls its Analysis.
const ANALYSIS: &str = "response-time-5a9b505396a9";

/// The API server with Keptn's operator, which completes an Analysis in the watch of that number. One that `is_left` is there
/// until it is deleted.
fn keptn(
    question: &Question,
    completes: usize,
    watches: &mut usize,
    passes: bool,
    is_left: &mut bool,
) -> Answer {
    let call = match question {
        Question::File(_) => return Answer::Text("own".into()),
        other => call_of(other),
    };
    assert_eq!((header_of(call, "Authorization"), call.authority.as_str()), ("Bearer own", "PEM"));
    let list = "https://10.96.0.1:443/apis/metrics.keptn.sh/v1beta1/namespaces/shop/analyses";
    let Some(rest) = call.url.strip_prefix(list) else { return replied(404, "404 page not found") };
    let mut object = json!({
        "apiVersion": "metrics.keptn.sh/v1beta1", "kind": "Analysis",
        "metadata": {"name": ANALYSIS, "namespace": "shop"},
        "status": {"state": "Progressing"},
    });
    match (call.method, rest) {
        (Method::Post, "") => {
            let sent: Value = serde_json::from_str(call.body.text()).unwrap();
            assert_eq!(sent["metadata"]["name"], ANALYSIS);
            if *is_left {
                return replied(
                    409,
                    r#"{"kind":"Status","status":"Failure","reason":"AlreadyExists","code":409}"#,
                );
            }
            let spec = json!({
                "analysisDefinition": {"name": "response-time"},
                "args": {"project": "my-project", "stage": "dev"},
                "timeframe": {"recent": "1m"},
            });
            assert_eq!(sent["spec"], spec);
            replied(201, object.to_string())
        }
        (Method::Get, rest) => {
            let watch = "?watch=true&timeoutSeconds=1&fieldSelector=metadata.name%3D";
            assert_eq!(rest.strip_prefix(watch), Some(ANALYSIS));
            *watches += 1;
            let mut events = json!({"type": "ADDED", "object": object}).to_string() + "\n";
            if completes == *watches {
                object["status"] = json!({"state": "Completed", "pass": passes, "raw": "{}"});
                events += &(json!({"type": "MODIFIED", "object": object}).to_string() + "\n");
            }
            replied(200, events)
        }
        (Method::Delete, rest) => {
            assert_eq!(rest.strip_prefix('/'), Some(ANALYSIS));
            *is_left = false;
            replied(200, r#"{"kind":"Status","status":"Success"}"#)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_analysis_of_keptn_is_made_waited_for_and_taken_away() {
    use Method::{Delete, Get, Post};
    let query = "analysis/shop/response-time/1m/project=my-project;stage=dev";
    let (provider, place) = (provider("keptn", ""), cluster());
    for (completes, passes, watched, wanted) in
        [(1, true, 1, Some(1.0)), (3, false, 3, Some(0.0)), (10, true, 10, Some(1.0)), (11, true, 10, None)]
    {
        let mut watches = 0;
        let server = |question: &Question| keptn(question, completes, &mut watches, passes, &mut false);
        let (sample, asked) = measured((&provider, &place, query), &[], server);
        let last = call_of(asked.last().unwrap());
        assert_eq!((watches, last.method), (watched, Method::Delete), "{completes}");
        match wanted {
            Some(wanted) => assert_eq!(sample, Ok(Sample::Value(wanted))),
            None => assert!(sample.unwrap_err().to_string().contains("is not completed after 10 s")),
        }
    }
    // One that a controller left behind says nothing: it goes, and another takes its place.
    let (mut watches, mut is_left) = (0, true);
    let server = |question: &Question| keptn(question, 1, &mut watches, true, &mut is_left);
    let (sample, asked) = measured((&provider, &place, query), &[], server);
    let methods: Vec<Method> = asked.iter().skip(1).map(|question| call_of(question).method).collect();
    assert_eq!((sample, methods), (Ok(Sample::Value(1.0)), [Post, Post, Delete, Post, Get, Delete].to_vec()));
    let nothing = |question: &Question| match question {
        Question::File(_) => Answer::Text("own".into()),
        _ => replied(404, "404 page not found"),
    };
    let error = measured((&provider, &place, query), &[], nothing).0.unwrap_err().to_string();
    assert!(error.contains("install Keptn's metrics operator"), "{error}");
}
