use super::*;
use serde_json::json;

/// `sample`, an object, and `cases`: each template with what kubectl 1.33 prints for the sample, null where it
/// refuses. A test of the plane asks kubectl again.
const RECORDED: &str = include_str!("../../testdata/jsonpath.json");

fn recorded() -> Value {
    serde_json::from_str(RECORDED).unwrap()
}

fn sample() -> Value {
    recorded()["sample"].clone()
}

fn ours(template: &str) -> Option<String> {
    let path = JsonPath::parse(template).ok()?.allow_missing_keys(true);
    path.render(&sample()).ok()
}

#[test]
fn each_template_prints_what_kubectl_prints() {
    for case in recorded()["cases"].as_array().unwrap() {
        let template = case[0].as_str().unwrap();
        assert_eq!(ours(template).as_deref(), case[1].as_str(), "{template}");
    }
}

#[test]
fn a_path_needs_no_braces() {
    let data = sample();
    for (path, expected) in [
        (".metadata.name", json!("sample")),
        ("metadata.name", json!("sample")),
        ("{.metadata.name}", json!("sample")),
        ("$.metadata.name", json!("sample")),
        (".list[1].port", json!(443)),
        (".list[?(@.name==\"three\")].port", json!(8080)),
    ] {
        let parsed = JsonPath::parse_path(path).unwrap();
        assert_eq!(*parsed.find(&data).unwrap()[0], expected, "{path}");
    }
}

#[test]
fn a_missing_key_is_an_error_unless_allowed() {
    let path = JsonPath::parse_path(".metadata.nope").unwrap();
    assert_eq!(path.find(&sample()), Err(JsonPathError::NotFound("nope".into())));
    assert_eq!(path.allow_missing_keys(true).find(&sample()), Ok(vec![]));
}

#[test]
fn a_parse_error_names_its_position() {
    for (text, at) in
        [("ab{.c", 5), ("{.a[x]}", 4), ("{.a[1,x]}", 6), ("{.a[?(@.b~~1)]}x{foo}", 17), ("x{end}", 1)]
    {
        match JsonPath::parse(text) {
            Err(JsonPathError::Parse { at: found, .. }) => assert_eq!(found, at, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn long_deep_and_costly_expressions_are_refused_and_do_not_hang() {
    assert!(matches!(JsonPath::parse(&"{.a}".repeat(2000)), Err(JsonPathError::Limit(_))));
    let ranges = "{range .a}".repeat(20) + &"{end}".repeat(20);
    assert!(matches!(JsonPath::parse(&ranges), Err(JsonPathError::Limit(_))));
    let mut deep = json!(1);
    for _ in 0..200 {
        deep = json!([deep]);
    }
    let all = JsonPath::parse("{..}").unwrap();
    assert!(matches!(all.find(&deep), Err(JsonPathError::Limit(_))));
    let costly = JsonPath::parse(&format!("{{{}}}", ".a".to_owned() + &"[*,*]".repeat(30))).unwrap();
    let nest = (0..40).fold(json!([1]), |inner, _| json!([inner]));
    assert!(matches!(costly.find(&json!({"a": nest})), Err(JsonPathError::Limit(_))));
    for text in ["[".repeat(4000), "{[?(".repeat(900), "{.a[?(@[?(@[?(@.b)])])]}".into(), "{..".repeat(1000)]
    {
        let _ = JsonPath::parse(&text).map(|path| path.find(&sample()).is_ok());
    }
}

proptest::proptest! {
    #[test]
    fn any_text_parses_or_fails_without_panic(text in "[{}.\\[\\]?()@$*'\",:a-c0-2 =<>!\\\\-]{0,40}") {
        if let Ok(path) = JsonPath::parse(&text) {
            let _ = path.render(&sample());
        }
        let _ = JsonPath::parse_path(&text);
    }
}
