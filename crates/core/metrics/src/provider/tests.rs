use proptest::prelude::*;
use serde_json::json;
use serin_kernel::Method;

use super::*;

const KINDS: [&str; 9] = [
    "prometheus",
    "datadog",
    "newrelic",
    "graphite",
    "influxdb",
    "dynatrace",
    "splunk",
    "externalmetrics",
    "unheard-of",
];

fn secret() -> Secret {
    let keys = [
        ("datadog_api_key", "k1"),
        ("datadog_application_key", "k2"),
        ("newrelic_account_id", "51312"),
        ("newrelic_query_key", "q"),
        ("dynatrace_token", "d"),
        ("sf_token_key", "s"),
        ("token", "T0K"),
        ("org", "o"),
        ("username", "u"),
        ("password", "p"),
        ("project", "shop-1"),
    ];
    let texts = keys.into_iter().map(|(key, text)| (key.to_owned(), text.to_owned())).collect();
    Secret { name: "keys".into(), texts }
}

fn provider(kind: &str, address: &str) -> MetricTemplateProvider {
    MetricTemplateProvider { kind: kind.into(), region: "eu-central-1".into(), ..prometheus_at(address) }
}

fn place() -> Place {
    let keys = Keys { id: "AK".into(), secret: "SK".into(), session: "ST".into() };
    let token = Token::Text("own".into());
    let cluster = Cluster { address: "https://10.0.0.1".into(), authority: "PEM".into(), token };
    Place { amazon: Some(Amazon::Keys(keys)), region: String::new(), cluster: Some(cluster) }
}

/// What is measured with the answers given so far.
fn step(provider: &MetricTemplateProvider, query: &str, answers: &[Answer]) -> Result<Step<Sample>, Error> {
    let now: Moment = "2026-01-02T03:04:05Z".parse().unwrap();
    let (secret, place) = (secret(), place());
    let inquiry = Inquiry {
        provider,
        secret: Some(&secret),
        place: &place,
        asker: "test/podinfo/m",
        query,
        interval: "1m",
        now,
    };
    measure(&inquiry, answers)
}

fn asked(step: Result<Step<Sample>, Error>) -> Call {
    match step {
        Ok(Step::Ask(Question::Call(call)) | Step::Share(Question::Call(call))) => call,
        other => panic!("{other:?}"),
    }
}

fn replied(status: u16, body: &str) -> Answer {
    Answer::Reply(Reply::new(status, body))
}

/// The sample in one answer.
fn read(kind: &str, body: &str) -> Result<Sample, Error> {
    match step(&provider(kind, "http://m:1"), "q", &[replied(200, body)]) {
        Ok(Step::Done(sample)) => Ok(sample),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error),
    }
}

#[test]
#[allow(clippy::too_many_lines)] // a table
fn each_provider_is_asked_as_the_specification_says() {
    let at = 1_767_323_045;
    let from = at - 600;
    for (kind, address, query, url, headers) in [
        (
            "prometheus",
            "http://p:9090/sub/?x=1",
            "sum(a)\n  / b",
            "http://p:9090/sub/api/v1/query?query=sum%28a%29+%2F+b".to_owned(),
            "Authorization: Bearer T0K",
        ),
        (
            "datadog",
            "",
            "avg:x{a}",
            format!("https://api.datadoghq.com/api/v1/query?from={from}&query=avg%3Ax%7Ba%7D&to={at}"),
            "DD-API-KEY: k1; DD-APPLICATION-KEY: k2",
        ),
        (
            "newrelic",
            "",
            "SELECT 1",
            "https://insights-api.newrelic.com/v1/accounts/51312/query?nrql=SELECT+1+SINCE+60+seconds+ago"
                .to_owned(),
            "X-Query-Key: q",
        ),
        (
            "graphite",
            "http://g",
            "target=a.b&from=-5min",
            "http://g/render?target=a.b&from=-5min&format=json".to_owned(),
            "Authorization: Basic dTpw",
        ),
        (
            "influxdb",
            "http://i",
            "from(x)",
            "http://i/api/v2/query?org=o".to_owned(),
            "Content-Type: application/vnd.flux; Accept: application/csv; Authorization: Token T0K",
        ),
        (
            "dynatrace",
            "https://d",
            "a:b",
            format!(
                "https://d/api/v2/metrics/query?from={from}000&metricSelector=a%3Ab&resolution=Inf&to={at}000"
            ),
            "Authorization: Api-Token d",
        ),
        (
            "splunk",
            "https://api.us1.signalfx.com",
            "data('x')",
            format!(
                "https://stream.us1.signalfx.com/v2/signalflow/execute?start={from}000&stop={at}000&immediate=true"
            ),
            "X-SF-Token: s; Content-Type: text/plain; Accept: text/event-stream",
        ),
        (
            "externalmetrics",
            "",
            "shop/m?labelSelector=a%3Db",
            "https://10.0.0.1/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/m?labelSelector=a%3Db"
                .to_owned(),
            "Authorization: Bearer T0K",
        ),
        (
            "externalmetrics",
            "http://e",
            "m",
            "http://e/apis/external.metrics.k8s.io/v1beta1/namespaces/default/m".to_owned(),
            "Authorization: Bearer T0K",
        ),
    ] {
        let call = asked(step(&provider(kind, address), query, &[]));
        let have: Vec<String> = call.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        assert_eq!((call.url, have.join("; ")), (url, headers.to_owned()), "{kind}");
    }
}

#[test]
fn an_answer_is_a_value_or_that_there_is_none() {
    let vector = |items: &str| {
        format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{items}]}}}}"#)
    };
    for (kind, body, wanted) in [
        ("prometheus", vector(r#"{"metric":{},"value":[1,"95.5"]}"#), Some(95.5)),
        ("prometheus", vector(r#"{"metric":{},"value":[1,"+Inf"]}"#), Some(f64::INFINITY)),
        ("prometheus", vector(r#"{"metric":{},"value":[1,"NaN"]}"#), None),
        ("prometheus", vector(""), None),
        (
            "prometheus",
            r#"{"status":"success","data":{"resultType":"scalar","result":[1,"3"]}}"#.into(),
            Some(3.0),
        ),
        ("unheard-of", vector(r#"{"metric":{},"value":[1,"1"]}"#), Some(1.0)),
    ] {
        let wanted = wanted.map_or_else(Sample::none, Sample::Value);
        assert_eq!(read(kind, &body), Ok(wanted), "{kind} {body}");
    }
}

#[test]
fn an_answer_of_others_is_a_value_or_that_there_is_none() {
    let flux = ",result,table,_start,_value\n";
    for (kind, body, wanted) in [
        ("datadog", r#"{"series":[{"pointlist":[[1,0.5],[2,9]]}]}"#.into(), Some(0.5)),
        ("datadog", r#"{"series":[]}"#.into(), None),
        ("datadog", r#"{"series":[{"pointlist":[]}]}"#.into(), None),
        ("datadog", r#"{"series":[{"pointlist":[[1,null]]}]}"#.into(), None),
        ("newrelic", r#"{"results":[{"result":4}]}"#.into(), Some(4.0)),
        ("newrelic", r#"{"results":[]}"#.into(), None),
        ("newrelic", r#"{"results":[{"result":null}]}"#.into(), None),
        ("graphite", r#"[{"target":"a","datapoints":[[1,1],[2,2],[null,3]]}]"#.into(), Some(2.0)),
        ("graphite", r#"[{"target":"a","datapoints":[[null,3]]},{"target":"b","datapoints":[[7,3]]}]"#.into(), Some(7.0)),
        ("graphite", "[]".into(), None),
        ("influxdb", format!("#datatype,string\n{flux},,0,x,1.5\n,,0,x,7\n"), Some(1.5)),
        ("influxdb", flux.into(), None),
        // What stands in a cell makes no header of a row.
        ("influxdb", format!("{flux},,0,error,2.5\n"), Some(2.5)),
        ("influxdb", format!("#datatype,string\r\n{flux},,0,_value,2.5\r\n,,0,error,7\r\n\r\n"), Some(2.5)),
        ("influxdb", format!("{flux},,0,\"error\r\n\r\nreference\",2.5\n\n#group,false\n{flux},,0,x,7\n"), Some(2.5)),
        ("influxdb", ",result,table,error,_value\n,,0,none,2.5\n".into(), Some(2.5)),
        ("influxdb", String::new(), None),
        ("dynatrace", r#"{"result":[{"data":[{"values":[3.5,9]}]}]}"#.into(), Some(3.5)),
        ("dynatrace", r#"{"result":[{"data":[]}]}"#.into(), None),
        ("splunk", "event: metadata\ndata: {\"tsId\":\"A\"}\n\nevent: data\ndata: {\"data\":[{\"tsId\":\"A\",\"value\":1}]}\n\nevent: data\ndata: {\"data\":\ndata: [{\"tsId\":\"A\",\"value\":2}]}\n\n".into(), Some(2.0)),
        ("splunk", "event: control-message\ndata: {}\n\n".into(), None),
        ("externalmetrics", r#"{"items":[{"value":"1500m"}]}"#.into(), Some(1.5)),
        ("externalmetrics", r#"{"items":[]}"#.into(), None),
    ] {
        let wanted = wanted.map_or_else(Sample::none, Sample::Value);
        assert_eq!(read(kind, &body), Ok(wanted), "{kind} {body}");
    }
}

#[test]
fn several_series_must_be_named_and_nothing_be_guessed() {
    let two = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"m","pod":"p0"},"value":[1,"1"]},{"metric":{"pod":"p1"},"value":[1,"999"]}]}}"#;
    for (kind, body, wanted) in [
        ("prometheus", two.to_owned(), r#"query returned 2 series: m{pod="p0"}, {pod="p1"}: make it one"#),
        ("datadog", r#"{"series":[{"scope":"a:1"},{"scope":"a:2"}]}"#.into(), "2 series: a:1, a:2"),
        ("newrelic", r#"{"results":[{"result":1},{"result":2}]}"#.into(), "2 series"),
        (
            "graphite",
            r#"[{"target":"a","datapoints":[[1,1]]},{"target":"b","datapoints":[[1,1]]}]"#.into(),
            "2 series: a, b",
        ),
        ("influxdb", ",result,table,_value\n,,0,1\n,,1,2\n".into(), "2 series: table 0, table 1"),
        (
            "influxdb",
            ",result,table,level,_value\r\n,,0,info,3\r\n,,1,error,900\r\n".into(),
            "2 series: table 0, table 1",
        ),
        (
            "influxdb",
            ",result,table,a,_value\r\n,,0,x,3\r\n\r\n,result,table,error,_value\r\n,,1,x,900\r\n".into(),
            "2 series: table 0, table 1",
        ),
        (
            "dynatrace",
            r#"{"result":[{"data":[{"dimensions":["x"]},{"dimensions":["y"]}]}]}"#.into(),
            r#"2 series: ["x"], ["y"]"#,
        ),
        (
            "splunk",
            "event: data\ndata: {\"data\":[{\"tsId\":\"A\",\"value\":1},{\"tsId\":\"B\",\"value\":1}]}\n\n"
                .into(),
            "2 series: A, B",
        ),
        ("externalmetrics", r#"{"items":[{"value":"1"},{"value":"2"}]}"#.into(), "2 series"),
    ] {
        let error = read(kind, &body).unwrap_err().to_string();
        assert!(error.contains(wanted), "{kind}: {error}");
    }
}

/// The answers of the recorded scenario with the words that its events have; scalars and several series are mended.
#[test]
fn recorded_answers_of_prometheus_have_the_recorded_words() {
    for (status, body, wanted) in [
        (
            500,
            r#"{"status": "error", "errorType": "internal", "error": "oops"}"#,
            r#"error response: Status 500 Internal Server Error: {"status": "error", "errorType": "internal", "error": "oops"}"#,
        ),
        (
            400,
            r#"{"status": "error", "errorType": "bad_data", "error": "parse error"}"#,
            r#"error response: Status 400 Bad Request: {"status": "error", "errorType": "bad_data", "error": "parse error"}"#,
        ),
        (
            200,
            "not json",
            "error unmarshaling result: invalid character 'o' in literal null (expecting 'u'), 'not json'",
        ),
        (
            200,
            r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"1"],[2,"2"]]}]}}"#,
            "query returned multiple values",
        ),
        (
            200,
            r#"{"status":"error","errorType":"execution","error":"too slow"}"#,
            "error response: execution: too slow",
        ),
        (200, "", "error unmarshaling result: unexpected end of JSON input, ''"),
        (
            200,
            "<html>",
            "error unmarshaling result: invalid character '<' looking for beginning of value, '<html>'",
        ),
    ] {
        let error = step(&provider("prometheus", "http://m:1"), "q", &[replied(status, body)]).unwrap_err();
        assert_eq!(error.to_string(), wanted);
    }
}

#[test]
fn a_header_is_sent_once_and_all_of_its_values() {
    let mut provider = provider("prometheus", "http://m:1");
    provider.headers.insert("X-Scope-OrgID".into(), vec!["tenant-a".into(), "tenant-b".into()]);
    provider.headers.insert("authorization".into(), vec!["Basic x".into()]);
    let headers = asked(step(&provider, "q", &[])).headers;
    let wanted =
        [("X-Scope-OrgID", "tenant-a"), ("X-Scope-OrgID", "tenant-b"), ("Authorization", "Bearer T0K")];
    assert_eq!(headers, wanted.map(|(name, value)| (name.to_owned(), value.to_owned())));
    provider.headers.insert("X".into(), vec!["a\nb".into()]);
    assert!(step(&provider, "q", &[]).unwrap_err().to_string().starts_with("spec.provider.headers[X]: "));
}

#[test]
fn what_is_missing_must_be_named_with_a_remedy() {
    let now = Moment::EPOCH;
    let place = Place::default();
    let error = |kind: &str, address: &str, secret: Option<&Secret>, interval: &str, query: &str| {
        let mut provider = provider(kind, address);
        if kind == "cloudwatch" {
            provider.region.clear();
        }
        let inquiry = Inquiry {
            provider: &provider,
            secret,
            place: &place,
            asker: "test/podinfo/m",
            query,
            interval,
            now,
        };
        measure(&inquiry, &[]).unwrap_err().to_string()
    };
    let empty = Secret { name: "keys".into(), ..Secret::default() };
    let full = secret();
    for (kind, address, secret, interval, query, wanted) in [
        ("prometheus", "", None, "", "q", "spec.provider.address: prometheus has no address"),
        ("prometheus", "prom:9090", None, "", "q", "it begins with neither http:// nor https://"),
        ("prometheus", "http://", None, "", "q", "spec.provider.address"),
        ("prometheus", "http://p", Some(&empty), "", "q", "Secret keys: it has neither the key token"),
        (
            "datadog",
            "",
            Some(&full),
            "",
            "q",
            "metrics[].interval: it is empty, and datadog has to be told one",
        ),
        ("newrelic", "", Some(&full), "soon", "q", "metrics[].interval: it is no duration"),
        (
            "dynatrace",
            "https://d",
            None,
            "1m",
            "q",
            "spec.provider.secretRef: dynatrace needs a Secret with the key dynatrace_token",
        ),
        (
            "splunk",
            "https://s",
            Some(&empty),
            "1m",
            "q",
            "Secret keys: splunk needs the key sf_token_key: add it",
        ),
        ("cloudwatch", "", None, "1m", "[]", "spec.provider.region"),
        ("cloudwatch", "", None, "1m", "{", "spec.query: "),
        ("stackdriver", "", Some(&empty), "1m", "q", "Secret keys: stackdriver needs the key project"),
        ("externalmetrics", "http://e", None, "", "a/b/c", "spec.query"),
        ("externalmetrics", "http://e", None, "", "../x", "spec.query"),
        ("keptn", "", None, "", "metric/a/b", "spec.query"),
        ("keptn", "", None, "", "keptnmetric/a/../b", "spec.query"),
        ("keptn", "", None, "", "analysis/ns/a/soon/k=v", "\"soon\" is no duration"),
        ("keptn", "", None, "", "analysis/ns/a/1m/k", "\"k\" is no argument: write key=value"),
        ("keptn", "", None, "", "analysis/ns/a/1m/k=v", "run the controller in a pod, or use keptnmetric"),
    ] {
        let have = error(kind, address, secret, interval, query);
        assert!(have.contains(wanted), "{kind}: {have}");
    }
}

#[test]
fn a_secret_that_is_gone_is_named() {
    let mut provider = provider("prometheus", "http://p");
    provider.secret_ref = Some(serin_api::flagger::SecretRef { name: "gone".into(), ..Default::default() });
    let inquiry = Inquiry {
        provider: &provider,
        secret: None,
        place: &Place::default(),
        asker: "test/podinfo/m",
        query: "q",
        interval: "",
        now: Moment::EPOCH,
    };
    assert!(measure(&inquiry, &[]).unwrap_err().to_string().contains("there is no Secret gone"));
}

#[test]
fn amazon_is_asked_with_a_signature_and_keys_are_fetched_first() {
    let provider = provider("cloudwatch", "");
    let query = r#"[{"Id":"e1","Expression":"m1 / m2"}]"#;
    let call = asked(step(&provider, query, &[]));
    assert_eq!(
        (call.url.as_str(), call.method),
        ("https://monitoring.eu-central-1.amazonaws.com/", Method::Post)
    );
    let body: Value = serde_json::from_str(call.body.text()).unwrap();
    assert_eq!(body["MetricDataQueries"][0]["Expression"], "m1 / m2");
    assert_eq!(body["EndTime"].as_i64().unwrap() - body["StartTime"].as_i64().unwrap(), 600);
    let (_, signature) = call.headers.iter().find(|(name, _)| name == "Authorization").unwrap();
    assert!(
        signature.contains("SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target")
    );
    let answer = replied(200, r#"{"MetricDataResults":[{"Id":"e1","Values":[0.25,9]}]}"#);
    assert_eq!(step(&provider, query, &[answer]), Ok(Step::Done(Sample::Value(0.25))));

    let amazon = Some(Amazon::WebIdentity { role: "arn:r".into(), token: Token::File("/var/token".into()) });
    let place = Place { amazon, ..Place::default() };
    let inquiry = Inquiry {
        provider: &provider,
        secret: None,
        place: &place,
        asker: "test/podinfo/m",
        query,
        interval: "1m",
        now: Moment::EPOCH,
    };
    let file = Question::File("/var/token".into());
    assert_eq!(measure(&inquiry, &[]), Ok(Step::Share(file)), "it is renewed in place");
    let token = Answer::Text("t\n".into());
    let first = asked(measure(&inquiry, std::slice::from_ref(&token)));
    assert_eq!(first.url, "https://sts.eu-central-1.amazonaws.com/");
    assert!(
        first.body.text().contains("RoleArn=arn%3Ar") && first.body.text().ends_with("WebIdentityToken=t"),
        "{:?}",
        first.body
    );
    let keys = r#"{"AssumeRoleWithWebIdentityResponse":{"AssumeRoleWithWebIdentityResult":{"Credentials":{"AccessKeyId":"A","SecretAccessKey":"S","SessionToken":"T"}}}}"#;
    let second = asked(measure(&inquiry, &[token.clone(), replied(200, keys)]));
    assert!(second.headers.contains(&("X-Amz-Security-Token".to_owned(), "T".to_owned())));
    assert!(measure(&inquiry, &[token.clone(), replied(200, "{}")]).is_err());
    let answers =
        |kind: &str| [token.clone(), replied(200, keys), replied(400, &format!(r#"{{"__type":"{kind}"}}"#))];
    assert!(online(&inquiry, &answers("UnrecognizedClientException")).is_err());
    assert_eq!(online(&inquiry, &answers("ValidationError")), Ok(Step::Done(())));
}

#[test]
fn google_is_asked_for_a_token_first() {
    let provider = provider("stackdriver", "");
    let first = asked(step(&provider, "fetch x", &[]));
    assert!(first.url.starts_with("http://metadata.google.internal/"), "{}", first.url);
    let token = replied(200, r#"{"access_token":"tok"}"#);
    let second = asked(step(&provider, "fetch x", std::slice::from_ref(&token)));
    assert_eq!(second.url, "https://monitoring.googleapis.com/v3/projects/shop-1/timeSeries:query");
    assert!(second.headers.contains(&("Authorization".to_owned(), "Bearer tok".to_owned())));
    let answer = replied(200, r#"{"timeSeriesData":[{"pointData":[{"values":[{"int64Value":"7"}]}]}]}"#);
    assert_eq!(step(&provider, "fetch x", &[token, answer]), Ok(Step::Done(Sample::Value(7.0))));

    let mut secret = secret();
    let key = json!({
        "client_email": "a@b", "private_key": include_str!("../../testdata/key.pem"), "private_key_id": "1",
        "token_uri": "https://oauth2.googleapis.com/token",
    });
    secret.texts.insert("serviceAccountKey".into(), key.to_string());
    let place = Place::default();
    let inquiry = Inquiry {
        provider: &provider,
        secret: Some(&secret),
        place: &place,
        asker: "test/podinfo/m",
        query: "",
        interval: "",
        now: Moment::EPOCH,
    };
    let call = asked(measure(&inquiry, &[]));
    assert_eq!(call.url, "https://oauth2.googleapis.com/token");
    assert!(call.body.text().contains("&assertion=ey"), "{:?}", call.body);
}

#[test]
fn whether_a_server_is_there_is_asked_of_each() {
    let (secret, place) = (secret(), place());
    for (kind, path, good, bad) in [
        (
            "prometheus",
            "/api/v1/query?query=vector%281%29",
            r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"1"]}]}}"#,
            "<html>",
        ),
        ("datadog", "/api/v1/validate", "{}", ""),
        ("newrelic", "nrql=SELECT+*+FROM+Metric", "{}", ""),
        ("graphite", "/render?target=test&format=json", "[]", ""),
        ("influxdb", "/api/v2/query?org=o", "", ""),
        ("dynatrace", "/api/v2/metrics?pageSize=1", "{}", ""),
        ("splunk", "/v2/metric?limit=1", "{}", ""),
        (
            "externalmetrics",
            "/namespaces/kube-system/dummy-metric",
            r#"{"kind":"ExternalMetricValueList"}"#,
            "",
        ),
    ] {
        let provider = provider(kind, "http://m:1");
        let inquiry = Inquiry {
            provider: &provider,
            secret: Some(&secret),
            place: &place,
            asker: "test/podinfo/m",
            query: "q",
            interval: "1m",
            now: Moment::EPOCH,
        };
        let Ok(Step::Ask(Question::Call(call)) | Step::Share(Question::Call(call))) = online(&inquiry, &[])
        else {
            panic!("{kind}")
        };
        assert!(call.url.contains(path), "{kind}: {}", call.url);
        assert_eq!(online(&inquiry, &[replied(200, good)]), Ok(Step::Done(())), "{kind}");
        assert!(online(&inquiry, &[replied(403, "no")]).is_err(), "{kind}");
        assert!(online(&inquiry, &[Answer::Failed("refused".into())]).is_err(), "{kind}");
        if !bad.is_empty() {
            assert!(online(&inquiry, &[replied(200, bad)]).is_err(), "{kind}");
        }
    }
}

#[test]
fn influx_tells_errors_in_a_table_of_their_own_also_after_a_value() {
    for body in [
        "error,reference\r\nno such bucket,897\r\n",
        "#datatype,string,string\n#default,,\n,error,reference\n,no such bucket,897\n",
        ",result,table,_value\r\n,,0,1\r\n\r\nerror,reference\r\nno such bucket,897\r\n",
        ",result,table,_value\r\n,,0,1\r\nerror,reference\r\nno such bucket,897\r\n",
    ] {
        let error = read("influxdb", body).unwrap_err().to_string();
        assert!(error.contains("no such bucket"), "{body:?}: {error}");
    }
    let error = read("influxdb", ",result,table,level\n,,0,error\n").unwrap_err().to_string();
    assert!(error.contains("there is no column _value"), "{error}");
}

#[test]
fn a_hostile_answer_must_be_an_error_of_bounded_length() {
    let long = "x".repeat(10 << 20);
    let deep = "[".repeat(100_000);
    let many = format!(
        r#"{{"status":"success","data":{{"resultType":"vector","result":[{}]}}}}"#,
        vec![r#"{"metric":{"pod":"p"},"value":[1,"1"]}"#; 20_000].join(",")
    );
    let bodies = [
        "<html>busy</html>",
        "{\"data\":1}",
        "{\"count\":4}",
        "[1]",
        "null",
        "\"\"",
        "42",
        "{\"result\":{}}",
        &long,
        &deep,
        &many,
    ];
    for kind in KINDS {
        for body in bodies {
            let name: String = body.chars().take(20).collect();
            match read(kind, body) {
                Ok(sample) => panic!("{kind} {name} is {sample:?}"),
                Err(error) => assert!(error.to_string().len() < 1500, "{kind} {name}"),
            }
        }
    }
}

proptest! {
    #[test]
    fn no_answer_makes_it_panic(kind in prop::sample::select(&KINDS[..]), body in "[\\[\\]{}\":,0-9a-z#\n. ]{0,80}") {
        let _ = read(kind, &body);
    }

    #[test]
    fn no_query_makes_it_panic_or_leave_the_server(kind in prop::sample::select(&KINDS[..]), query in ".{0,60}") {
        if let Ok(Step::Ask(Question::Call(call)) | Step::Share(Question::Call(call))) = step(&provider(kind, "http://m:1/p"), &query, &[]) {
            prop_assert!(call.url.starts_with("http://m:1/p/"), "{}", call.url);
        }
    }
}
