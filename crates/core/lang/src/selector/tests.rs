use super::*;
use serde_json::json;

#[test]
fn each_text_matches_and_prints_as_in_kubernetes() {
    let labels = json!({"a": "1", "app.kubernetes.io/name": "web", "empty": ""});
    for (text, printed, matches) in [
        ("", "", true),
        ("a=1", "a=1", true),
        ("a==1", "a==1", true),
        ("a = 1 , !b", "a=1,!b", true),
        ("a!=2", "a!=2", true),
        ("b!=2", "b!=2", true),
        ("a", "a", true),
        ("!a", "!a", false),
        ("b,a", "a,b", false),
        ("a in (2,1)", "a in (1,2)", true),
        ("a notin (2,1)", "a notin (1,2)", false),
        ("b notin (2)", "b notin (2)", true),
        ("b in (2)", "b in (2)", false),
        ("a>0", "a>0", true),
        ("a<1", "a<1", false),
        ("empty=", "empty=", true),
        ("empty", "empty", true),
        ("app.kubernetes.io/name=web", "app.kubernetes.io/name=web", true),
        ("a in (1,)", "a in (,1)", true),
        ("in=1", "in=1", false),
    ] {
        let selector = Selector::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(selector.to_string(), printed, "{text}");
        assert_eq!(selector.matches(&labels), matches, "{text}");
        assert_eq!(Selector::parse(printed).unwrap(), selector, "{text} parses back");
    }
}

#[test]
fn broken_text_is_refused() {
    for text in [
        "a=b=c", "a,", ",a", "a in", "a in ()x", "a in (b", "=b", "a!", "!", "a b", "a=b c", "-a=b",
        "a/b/c=d", "A./x=1", "a=b!", "a>x", "a=-", "a in 1", "a=(", "!a=b",
    ] {
        assert!(Selector::parse(text).is_err(), "{text}");
    }
    assert!(Selector::parse(&"a,".repeat(9000)).is_err());
    assert!(matches!(Selector::parse("a=b c=d"), Err(SelectorError::Parse { at: 5, .. })));
}

#[test]
fn broken_text_is_refused_in_the_words_of_kubernetes() {
    let operators = "expected: in, notin, =, ==, !=, gt, lt";
    for (text, words) in [
        (",a", "found ',', expected: !, identifier, or 'end of string'".to_owned()),
        ("a,", "found '', expected: identifier after ','".to_owned()),
        ("a=b,=", "found '=', expected: identifier after ','".to_owned()),
        ("a=b c=d", "found 'c', expected: ',' or 'end of string'".to_owned()),
        ("!a=b", "found '=', expected: ',' or 'end of string'".to_owned()),
        ("!", "unable to parse requirement: found '', expected: identifier".to_owned()),
        ("a b", format!("unable to parse requirement: found 'b', {operators}")),
        ("a!", format!("unable to parse requirement: found '!', {operators}")),
        ("a==(", "unable to parse requirement: found '(', expected: identifier".to_owned()),
        ("a in 1", "unable to parse requirement: found '1' expected: '('".to_owned()),
        ("a in (", "unable to parse requirement: found '', expected: ',', ')' or identifier".to_owned()),
        ("a in (b", "unable to parse requirement: found '', expected: ',' or ')'".to_owned()),
        ("a in (b,", "unable to parse requirement: found '', expected: ',', or identifier".to_owned()),
        (
            "a>x",
            "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value \
             must be an integer"
                .to_owned(),
        ),
    ] {
        assert_eq!(Selector::parse(text).unwrap_err().to_string(), words, "{text}");
    }
    for (text, start) in [
        ("-a", "unable to parse requirement: <nil>: Invalid value: \"-a\": name part must consist of"),
        ("a in (b,-)", "unable to parse requirement: values[0][a]: Invalid value: \"-\": a valid label must"),
        (
            "a in (-,.)",
            "unable to parse requirement: [values[0][a]: Invalid value: \"-\": a valid label must",
        ),
    ] {
        let words = Selector::parse(text).unwrap_err().to_string();
        assert!(words.starts_with(start), "{text}: {words}");
    }
}

#[test]
fn an_object_matches_and_prints_as_in_kubernetes() {
    for (object, printed, matches) in [
        (json!({}), "", true),
        (json!(null), "", false),
        (json!({"matchLabels": {"b": "2", "a": "1"}}), "a=1,b=2", true),
        (
            json!({"matchExpressions": [{"key": "a", "operator": "In", "values": ["3", "1"]}]}),
            "a in (1,3)",
            true,
        ),
        (
            json!({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}),
            "a notin (1)",
            false,
        ),
        (json!({"matchExpressions": [{"key": "a", "operator": "Exists"}]}), "a", true),
        (
            json!({"matchLabels": {"b": "2"}, "matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}),
            "!a,b=2",
            false,
        ),
    ] {
        let selector = Selector::from_object(&object).unwrap();
        assert_eq!(selector.to_string(), printed);
        assert_eq!(selector.matches(&json!({"a": "1", "b": "2"})), matches, "{object}");
    }
}

#[test]
fn a_broken_object_names_its_field() {
    for (object, field) in [
        (json!([]), "selector"),
        (json!({"matchLabels": []}), "matchLabels"),
        (json!({"matchLabels": {"a": 1}}), "matchLabels[a]"),
        (json!({"matchLabels": {"a b": "1"}}), "matchLabels[a b].key"),
        (json!({"matchExpressions": [{"key": "a"}]}), "matchExpressions[0].operator"),
        (json!({"matchExpressions": [{"key": "a", "operator": "Is"}]}), "matchExpressions[0].operator"),
        (json!({"matchExpressions": [{"operator": "In"}]}), "matchExpressions[0].key"),
        (json!({"matchExpressions": [{"key": "a", "operator": "In"}]}), "matchExpressions[0].values"),
        (
            json!({"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["x"]}]}),
            "matchExpressions[0].values",
        ),
    ] {
        match Selector::from_object(&object) {
            Err(SelectorError::Invalid { field: found, .. }) => assert_eq!(found, field),
            other => panic!("{object}: {other:?}"),
        }
    }
}

#[test]
fn field_selectors_compare_dotted_paths() {
    let pod = json!({"metadata": {"name": "p"}, "spec": {"nodeName": "n"}, "status": {"phase": "Running"}});
    for (text, matches) in [
        ("", true),
        ("metadata.name=p", true),
        ("metadata.name==p,status.phase!=Failed", true),
        ("spec.nodeName=", false),
        ("spec.nodeName!=", true),
        ("spec.other=", true),
        ("metadata.name=p,status.phase=Pending", false),
    ] {
        let selector = FieldSelector::parse(text).unwrap();
        assert_eq!(selector.matches(&pod), matches, "{text}");
        assert_eq!(FieldSelector::parse(&selector.to_string()).unwrap(), selector);
    }
    for text in ["metadata.name", "=x", "a=b=c", "!"] {
        assert!(FieldSelector::parse(text).is_err(), "{text}");
    }
    assert_eq!(FieldSelector::parse(r"a=x\,y\=z").unwrap().terms()[0].value, "x,y=z");
}

proptest::proptest! {
    #[test]
    fn any_text_parses_or_fails_and_prints_what_it_is(text in "[ab1 =!<>(),./innotin-]{0,24}") {
        if let Ok(selector) = Selector::parse(&text) {
            proptest::prop_assert_eq!(Selector::parse(&selector.to_string()).unwrap(), selector);
        }
        let _ = FieldSelector::parse(&text);
    }
}
