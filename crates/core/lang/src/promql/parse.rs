//! The words of a query to what it means: descent by the precedence of the signs.

use super::lex::{Token, lex};
use super::{Expr, MatchOp, Matcher, ParseError, Selector};

/// A query is written by people: a longer one, or a deeper one, is an accident, and would cost the stack.
const CHARS_MAX: usize = 16 << 10;
const DEPTH_MAX: usize = 64;
const AGGREGATES: [&str; 14] = [
    "sum",
    "avg",
    "count",
    "min",
    "max",
    "group",
    "stddev",
    "stdvar",
    "topk",
    "bottomk",
    "count_values",
    "quantile",
    "limitk",
    "limit_ratio",
];
/// The signs with two operands, the weakest first.
const LEVELS: [&[&str]; 6] = [
    &["or"],
    &["and", "unless"],
    &["==", "!=", "<", ">", "<=", ">="],
    &["+", "-"],
    &["*", "/", "%", "atan2"],
    &["^"],
];

struct Parser {
    tokens: Vec<(usize, Token)>,
    at: usize,
    depth: usize,
}

/// Reads a query.
///
/// # Errors
/// [`ParseError`] with the place of what is no part of one.
pub fn parse(text: &str) -> Result<Expr, ParseError> {
    if CHARS_MAX < text.len() {
        return Err(ParseError {
            place: 1,
            what: format!("the query is longer than {CHARS_MAX} characters"),
        });
    }
    let mut parser = Parser { tokens: lex(text)?, at: 0, depth: 0 };
    let expr = parser.binary(0)?;
    match parser.peek() {
        Token::End => Ok(expr),
        _ => Err(parser.wrong("the end of the query, or a sign such as / between two operands")),
    }
}

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens.get(self.at).map_or(&Token::End, |(_, token)| token)
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn wrong(&self, wanted: &str) -> ParseError {
        let last = self.tokens.len().saturating_sub(1);
        let place = self.tokens.get(self.at.min(last)).map_or(1, |(place, _)| *place);
        let have = match self.peek() {
            Token::Word(word) | Token::Number(word) => format!("{word:?}"),
            Token::Text(text) => format!("the text {text:?}"),
            Token::Duration(_) => "a duration".to_owned(),
            Token::Sign(sign) => format!("{sign:?}"),
            Token::End => "the end".to_owned(),
        };
        ParseError { place, what: format!("there is {have}, where {wanted} should be") }
    }

    fn takes(&mut self, sign: &str) -> bool {
        let is_there = match self.peek() {
            Token::Sign(have) => *have == sign,
            Token::Word(word) => word.eq_ignore_ascii_case(sign),
            _ => false,
        };
        self.at += usize::from(is_there);
        is_there
    }

    fn wants(&mut self, sign: &str) -> Result<(), ParseError> {
        if self.takes(sign) { Ok(()) } else { Err(self.wrong(&format!("{sign:?}"))) }
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, ParseError>) -> Result<T, ParseError> {
        if DEPTH_MAX <= self.depth {
            return Err(self.wrong("a query that is less deep than 64 levels"));
        }
        self.depth += 1;
        let done = read(self);
        self.depth -= 1;
        done
    }

    fn binary(&mut self, level: usize) -> Result<Expr, ParseError> {
        let Some(signs) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        while let Some(op) = signs.iter().find(|sign| self.takes(sign)) {
            self.takes("bool");
            if self.takes("on") || self.takes("ignoring") {
                self.labels()?;
                if (self.takes("group_left") || self.takes("group_right")) && *self.peek() == Token::Sign("(")
                {
                    self.labels()?;
                }
            }
            // A power is of what follows.
            let right =
                if *op == "^" { self.deeper(|this| this.binary(level))? } else { self.binary(level + 1)? };
            left = Expr::Binary { op: (*op).to_owned(), left: Box::new(left), right: Box::new(right) };
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expr, ParseError> {
        if self.takes("-") || self.takes("+") {
            return Ok(Expr::Unary(Box::new(self.deeper(Self::unary)?)));
        }
        let mut expr = self.atom()?;
        loop {
            if self.takes("[") {
                expr = self.window(expr)?;
            } else if self.takes("offset") {
                self.takes("-");
                if !matches!(self.next(), Token::Duration(_)) {
                    self.at -= 1;
                    return Err(self.wrong("a duration such as 5m"));
                }
                self.shift(&mut expr)?;
            } else if self.takes("@") {
                match self.next() {
                    Token::Number(_) => {}
                    Token::Word(word) if word == "start" || word == "end" => {
                        self.wants("(")?;
                        self.wants(")")?;
                    }
                    _ => {
                        self.at -= 1;
                        return Err(self.wrong("a time in seconds, start() or end()"));
                    }
                }
                self.shift(&mut expr)?;
            } else {
                return Ok(expr);
            }
        }
    }

    fn shift(&self, expr: &mut Expr) -> Result<(), ParseError> {
        match expr {
            Expr::Selector(Selector { is_shifted, .. }) | Expr::Subquery { is_shifted, .. } => {
                *is_shifted = true;
            }
            _ => return Err(self.wrong("another time only for a selector or a subquery")),
        }
        Ok(())
    }

    fn window(&mut self, expr: Expr) -> Result<Expr, ParseError> {
        let duration = |this: &mut Self| match this.next() {
            Token::Duration(ms) if 0 < ms => Ok(ms),
            _ => {
                this.at -= 1;
                Err(this.wrong("a duration such as 5m"))
            }
        };
        let range = duration(self)?;
        if self.takes(":") {
            let step = if self.takes("]") { None } else { Some(duration(self)?) };
            if step.is_some() {
                self.wants("]")?;
            }
            return Ok(Expr::Subquery { inner: Box::new(expr), range, step, is_shifted: false });
        }
        self.wants("]")?;
        match expr {
            Expr::Selector(selector) if selector.range.is_none() => {
                Ok(Expr::Selector(Selector { range: Some(range), ..selector }))
            }
            _ => Err(self.wrong("a window only behind a selector")),
        }
    }

    fn atom(&mut self) -> Result<Expr, ParseError> {
        match self.next() {
            Token::Number(text) | Token::Text(text) => Ok(Expr::Literal(text)),
            Token::Duration(ms) => Ok(Expr::Literal(format!("{ms}ms"))),
            Token::Sign("(") => {
                let inner = self.deeper(|this| this.binary(0))?;
                self.wants(")")?;
                Ok(inner)
            }
            Token::Sign("{") => self.selector(None),
            Token::Word(word) => {
                let lower = word.to_ascii_lowercase();
                let is_call = *self.peek() == Token::Sign("(");
                let is_grouped =
                    matches!(self.peek(), Token::Word(next) if next == "by" || next == "without");
                if AGGREGATES.contains(&&*lower) && (is_call || is_grouped) {
                    return self.aggregate(lower);
                }
                if is_call {
                    return Ok(Expr::Call { name: word, args: self.arguments()? });
                }
                if ["nan", "inf"].contains(&&*lower) {
                    return Ok(Expr::Literal(word));
                }
                if self.takes("{") { self.selector(Some(word)) } else { Ok(named(word)) }
            }
            _ => {
                self.at -= 1;
                Err(self.wrong("a metric, a function or a number"))
            }
        }
    }

    fn aggregate(&mut self, op: String) -> Result<Expr, ParseError> {
        let mut grouping = self.grouping()?;
        let args = self.arguments()?;
        if grouping.is_none() {
            grouping = self.grouping()?;
        }
        Ok(Expr::Aggregate { op, grouping, args })
    }

    fn grouping(&mut self) -> Result<Option<(bool, Vec<String>)>, ParseError> {
        let is_by = self.takes("by");
        if is_by || self.takes("without") { Ok(Some((is_by, self.labels()?))) } else { Ok(None) }
    }

    fn labels(&mut self) -> Result<Vec<String>, ParseError> {
        self.wants("(")?;
        let mut labels = Vec::new();
        while !self.takes(")") {
            match self.next() {
                Token::Word(label) | Token::Text(label) => labels.push(label),
                _ => {
                    self.at -= 1;
                    return Err(self.wrong("a label"));
                }
            }
            if !self.takes(",") {
                self.wants(")")?;
                break;
            }
        }
        Ok(labels)
    }

    fn arguments(&mut self) -> Result<Vec<Expr>, ParseError> {
        self.wants("(")?;
        let mut args = Vec::new();
        while !self.takes(")") {
            args.push(self.deeper(|this| this.binary(0))?);
            if !self.takes(",") {
                self.wants(")")?;
                break;
            }
        }
        Ok(args)
    }

    /// What stands between { and }.
    fn selector(&mut self, mut name: Option<String>) -> Result<Expr, ParseError> {
        let mut matchers = Vec::new();
        while !self.takes("}") {
            let (label, is_quoted) = match self.next() {
                Token::Word(label) => (label, false),
                Token::Text(label) => (label, true),
                _ => {
                    self.at -= 1;
                    return Err(self.wrong("a label or \"}\""));
                }
            };
            let ops = [
                ("=", MatchOp::Equal),
                ("!=", MatchOp::NotEqual),
                ("=~", MatchOp::Matches),
                ("!~", MatchOp::NotMatches),
            ];
            match ops.into_iter().find(|(sign, _)| self.takes(sign)) {
                Some((_, op)) => {
                    let Token::Text(value) = self.next() else {
                        self.at -= 1;
                        return Err(self.wrong("the label's value in quotes"));
                    };
                    matchers.push(Matcher { label, op, value });
                }
                // The name of a metric in quotes, since Prometheus 3.
                None if is_quoted && name.is_none() => name = Some(label),
                None => return Err(self.wrong("=, !=, =~ or !~")),
            }
            if !self.takes(",") {
                self.wants("}")?;
                break;
            }
        }
        if name.is_none() && matchers.is_empty() {
            return Err(self.wrong("a selector that names a metric or a label"));
        }
        Ok(Expr::Selector(Selector { name, matchers, range: None, is_shifted: false }))
    }
}

fn named(name: String) -> Expr {
    Expr::Selector(Selector { name: Some(name), ..Selector::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A query as signs before operands.
    fn shape(expr: &Expr) -> String {
        let list = |args: &[Expr]| args.iter().map(shape).collect::<Vec<_>>().join(" ");
        match expr {
            Expr::Literal(text) => text.clone(),
            Expr::Selector(selector) => {
                let range = selector.range.map(|ms| format!("[{ms}]")).unwrap_or_default();
                format!("{selector}{range}{}", if selector.is_shifted { "@" } else { "" })
            }
            Expr::Call { name, args } => format!("{name}({})", list(args)),
            Expr::Aggregate { op, grouping, args } => {
                let grouping = grouping.as_ref().map(|(is_by, labels)| {
                    format!(" {} {}", if *is_by { "by" } else { "without" }, labels.join(","))
                });
                format!("{op}({}){}", list(args), grouping.unwrap_or_default())
            }
            Expr::Binary { op, left, right } => format!("({op} {} {})", shape(left), shape(right)),
            Expr::Unary(inner) => format!("-{}", shape(inner)),
            Expr::Subquery { inner, range, step, .. } => {
                format!("{}[{range}:{}]", shape(inner), step.unwrap_or(0))
            }
        }
    }

    #[test]
    fn queries_are_read_as_prometheus_reads_them() {
        for (text, wanted) in [
            ("a", "a"),
            (r#"a{b="c",d=~"e|f",}"#, r#"a{b="c",d=~"e|f"}"#),
            (r#"{__name__="a"}"#, r#"{__name__="a"}"#),
            (r#"{"a.b", c='d\\e'}"#, r#"a.b{c="d\\e"}"#),
            ("ns:job:rate5m", "ns:job:rate5m"),
            ("rate(a[5m])", "rate(a[300000])"),
            ("a[1h30m] offset 5m", "a[5400000]@"),
            ("a @ 1609746000", "a@"),
            ("a @ end() offset -1w", "a@"),
            ("sum by (x, y) (a)", "sum(a) by x,y"),
            ("sum(a) without (x)", "sum(a) without x"),
            ("SUM(a)", "sum(a)"),
            ("sum", "sum"),
            ("topk(5, a)", "topk(5 a)"),
            ("max_over_time(rate(a[1m])[1h:15s])", "max_over_time(rate(a[60000])[3600000:15000])"),
            ("a[1h:]", "a[3600000:0]"),
            ("a + b * c ^ 2 ^ 3", "(+ a (* b (^ c (^ 2 3))))"),
            ("a / on(x) group_left(y) b", "(/ a b)"),
            ("a / ignoring(x) group_left b", "(/ a b)"),
            ("a > bool 1 or b unless c", "(or (> a 1) (unless b c))"),
            ("-a ^ 2", "(^ -a 2)"),
            ("(a - b) - c - 1e3", "(- (- (- a b) c) 1e3)"),
            (
                "histogram_quantile(0.99, sum by (le) (rate(h_bucket[5m])))",
                "histogram_quantile(0.99 sum(rate(h_bucket[300000])) by le)",
            ),
            ("a # comment\n + b", "(+ a b)"),
            ("vector(+Inf)", "vector(-Inf)"),
            ("time()", "time()"),
        ] {
            assert_eq!(parse(text).map(|expr| shape(&expr)), Ok(wanted.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_no_query_is_refused_with_its_place() {
        for (text, wanted) in [
            ("", "at character 1: there is the end, where a metric"),
            ("a b", "at character 3: there is \"b\", where the end"),
            ("a{b}", "at character 4: there is \"}\", where =, !=, =~ or !~"),
            ("a{b=c}", "at character 5: there is \"c\", where the label's value in quotes"),
            ("a{b=\"c}", "at character 5: the text has no end"),
            ("rate(a[$interval])", "at character 8: '$' does not belong into a query: put in"),
            ("rate(a[5])", "a duration such as 5m"),
            ("(a + b)[5m]", "a window only behind a selector"),
            ("sum(a", "\")\""),
            ("{}", "names a metric or a label"),
            ("a{b=\"\\d\"}", "write \\\\d"),
            ("a offset b", "a duration"),
            ("1 offset 5m", "another time only"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }

    #[test]
    fn a_deep_or_long_query_is_refused_and_costs_no_stack() {
        for text in [
            "(".repeat(10_000),
            "-".repeat(10_000),
            "a^".repeat(5_000),
            "f(".repeat(5_000),
            "a+".repeat(9_000),
        ] {
            parse(&text).unwrap_err();
        }
        assert!(parse(&"a+".repeat(60)).is_err());
        assert!(parse(&format!("a{}", "+a".repeat(7_000))).is_ok());
    }
}
