//! A parsed template in which nothing is free: every body that is entered, every value that is written and every function
//! that is called is charged to one budget.
//!
//! The engine bounds loops and recursion, but not their product: named templates that call each other twice, and a
//! variable that is doubled in each round, are short texts with endless work.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use gotmpl::parse::{
    ActionNode, BranchNode, CommandNode, Expr, ListNode, Node, Number, Parser, PipeNode, Pos, SmolStr,
};
use gotmpl::{MissingKey, Template, Value, ValueFunc};

use super::{Limits, Named, ROOT, TemplateError, print, shortened};

/// Charges for a body. No identifier of a text has a space.
const CHARGE: &str = "charge it";
/// Turns a value into what Go prints.
const SHOW: &str = "show it";
/// Go's own functions, but `and` and `or`, which the engine evaluates itself.
const OWN: [&str; 17] = [
    "eq", "ne", "lt", "le", "gt", "ge", "not", "print", "println", "printf", "len", "index", "slice", "call",
    "html", "js", "urlquery",
];

/// What a call costs beside its bytes: about as much as so many nodes.
const CALL_COST: u64 = 100;

/// What is left of a rendering's allowance.
#[derive(Clone)]
pub(super) struct Budget {
    left: Arc<AtomicU64>,
    limits: Limits,
}

impl Budget {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { left: Arc::new(AtomicU64::new(limits.work_max)), limits: *limits }
    }

    /// Nothing is left: the error that this is.
    pub(super) fn overrun(&self) -> Option<TemplateError> {
        let is_spent = self.left.load(Ordering::Relaxed) == 0;
        is_spent.then_some(TemplateError::TooMuch { what: "costs more steps", limit: self.limits.work_max })
    }

    fn charge(&self, cost: u64) -> gotmpl::Result<()> {
        let left = self.left.load(Ordering::Relaxed).saturating_sub(cost);
        self.left.store(left, Ordering::Relaxed);
        if left == 0 { Err(gotmpl::TemplateError::Exec("too many steps".to_owned())) } else { Ok(()) }
    }

    /// For a value of so many bytes that has yet to be made.
    fn room(&self, size: u64) -> gotmpl::Result<()> {
        if (self.limits.output_max as u64) < size {
            self.left.store(0, Ordering::Relaxed);
        }
        self.charge(size)
    }
}

/// Reads a template and puts the charges in.
pub(super) fn guarded(
    text: &str,
    named: &BTreeMap<String, Named>,
    limits: &Limits,
    budget: &Budget,
) -> Result<Template, TemplateError> {
    let malformed = |error: gotmpl::TemplateError| TemplateError::Malformed(shortened(&error.to_string()));
    let parser = Parser::new(text, "{{", "}}").map_err(malformed)?;
    let (root, defines) = parser.parse().map_err(malformed)?;
    let mut template =
        Template::new("template").missing_key(MissingKey::Error).max_range_iters(limits.rounds_max.max(1));
    for (name, function) in functions(named, budget) {
        template = template.func(&name, move |args| function(args));
    }
    let mut seen = BTreeSet::new();
    let mut bodies = vec![(SmolStr::new_static(ROOT), root)];
    // An empty body never takes the place of another.
    bodies.extend(defines.into_iter().map(|define| (define.name, define.body)));
    for (name, mut body) in bodies {
        let is_blank = body.is_empty_tree();
        if name != ROOT && is_blank && seen.contains(&name) {
            continue;
        }
        if !seen.insert(name.clone()) && !is_blank {
            return Err(TemplateError::Malformed(format!("{name:?} is defined more than once")));
        }
        Rewrite { named }.list(&mut body)?;
        template = template.add_parse_tree(&name, body);
    }
    Ok(template)
}

/// The functions of a rendering: Go's own with their price, those of the caller, and ours.
pub(super) fn functions(named: &BTreeMap<String, Named>, budget: &Budget) -> Vec<(String, ValueFunc)> {
    let mut all: Vec<(String, ValueFunc)> = Vec::new();
    // Maps of texts, of which `index` gives the empty text for a key that is not there.
    let mut texts = Vec::new();
    for (name, value) in named {
        let is_texts = matches!(value, Named::Texts(_));
        let value = print::named(value);
        if is_texts {
            texts.push(value.clone());
        }
        let called = name.clone();
        let given = move |args: &[Value]| {
            if args.is_empty() {
                return Ok(value.clone());
            }
            Err(gotmpl::TemplateError::Exec(format!(
                "wrong number of args for {called}: want 0 got {}",
                args.len()
            )))
        };
        all.push((name.clone(), Arc::new(given)));
    }
    for name in OWN {
        let (budget, texts) = (budget.clone(), texts.clone());
        let priced = move |args: &[Value]| {
            budget.charge(CALL_COST + args.iter().map(size).sum::<u64>())?;
            if name == "printf" {
                budget.room(print::printf_size_max(args))?;
            }
            let result = own(name, args, &texts)?;
            budget.room(size(&result))?;
            Ok(result)
        };
        all.push((name.to_owned(), Arc::new(priced)));
    }
    let purse = budget.clone();
    let charge = move |args: &[Value]| {
        purse.charge(args.first().and_then(Value::as_int).unwrap_or(1).unsigned_abs())?;
        Ok(Value::String("".into()))
    };
    all.push((CHARGE.to_owned(), Arc::new(charge)));
    let purse = budget.clone();
    let show = move |args: &[Value]| match args.last() {
        None | Some(Value::Nil) => Ok(Value::Nil),
        Some(value) => {
            purse.charge(1 + size(value))?;
            Ok(Value::String(print::shown(value).into()))
        }
    };
    all.push((SHOW.to_owned(), Arc::new(show)));
    all
}

/// One of Go's own functions.
fn own(name: &'static str, args: &[Value], texts: &[Value]) -> gotmpl::Result<Value> {
    match (name, args) {
        ("print", _) => Ok(Value::String(print::sprint(args).into())),
        ("println", _) => Ok(Value::String(print::sprintln(args).into())),
        ("printf", [Value::String(format), rest @ ..]) => {
            let (format, mended) = print::printf_mended(format, rest);
            let args: Vec<Value> = std::iter::once(Value::String(format.into())).chain(mended).collect();
            engine(name, &args)
        }
        ("index", [Value::Map(map), Value::String(key)]) if !map.contains_key(key) => {
            let is_texts =
                texts.iter().any(|known| matches!(known, Value::Map(known) if Arc::ptr_eq(known, map)));
            Ok(if is_texts { Value::String("".into()) } else { Value::Nil })
        }
        _ => engine(name, args),
    }
}

/// What the engine makes of a call. It does not export its functions, so that a template has to call them.
fn engine(name: &'static str, args: &[Value]) -> gotmpl::Result<Value> {
    let names: Vec<String> = (0..args.len()).map(|at| format!("a{at}")).collect();
    let text = format!("{{{{keep ({name} .{})}}}}", names.join(" ."));
    let text = if args.is_empty() { format!("{{{{keep ({name})}}}}") } else { text };
    let kept = Arc::new(OnceLock::new());
    let keep = Arc::clone(&kept);
    let data = names.into_iter().zip(args).map(|(name, value)| (Arc::from(name), value.clone())).collect();
    let keep = move |args: &[Value]| {
        let _ = keep.set(args.first().cloned().unwrap_or(Value::Nil));
        Ok(Value::String("".into()))
    };
    let template = Template::new("").func("keep", keep).parse(&text)?;
    template.execute_to_string(&Value::Map(Arc::new(data)))?;
    Ok(kept.get().cloned().unwrap_or(Value::Nil))
}

/// About how many bytes a value is when it is written.
fn size(value: &Value) -> u64 {
    match value {
        Value::String(text) => text.len() as u64,
        Value::List(items) => items.iter().map(|item| 1 + size(item)).sum(),
        Value::Map(map) => map.iter().map(|(key, value)| 2 + key.len() as u64 + size(value)).sum(),
        _ => 8,
    }
}

/// Puts charges into a tree.
struct Rewrite<'a> {
    named: &'a BTreeMap<String, Named>,
}

impl Rewrite<'_> {
    fn list(&self, list: &mut ListNode) -> Result<(), TemplateError> {
        let mut cost = 1;
        for node in &mut list.nodes {
            cost += 1 + self.node(node)?;
        }
        let count = Expr::Number(list.pos, Number::Int(cost));
        let pipe = pipe(list.pos, vec![command(list.pos, CHARGE, vec![count])]);
        list.nodes.insert(0, Node::Action(ActionNode { pos: list.pos, pipe }));
        Ok(())
    }

    /// What visiting a node costs, without the bodies in it.
    fn node(&self, node: &mut Node) -> Result<i64, TemplateError> {
        match node {
            Node::Text(_) | Node::Define(_) | Node::Break(_) | Node::Continue(_) => Ok(0),
            Node::List(list) => self.list(list).map(|()| 0),
            Node::Action(action) => {
                let cost = self.pipe(&action.pipe)?;
                if action.pipe.decl.is_empty() {
                    action.pipe.commands.push(command(action.pos, SHOW, Vec::new()));
                }
                Ok(cost)
            }
            Node::If(branch) | Node::Range(branch) | Node::With(branch) => self.branch(branch),
            Node::Template(template) => template.pipe.as_ref().map_or(Ok(0), |pipe| self.pipe(pipe)),
        }
    }

    fn branch(&self, branch: &mut BranchNode) -> Result<i64, TemplateError> {
        self.list(&mut branch.body)?;
        if let Some(body) = &mut branch.else_body {
            self.list(body)?;
        }
        self.pipe(&branch.pipe)
    }

    fn pipe(&self, pipe: &PipeNode) -> Result<i64, TemplateError> {
        let mut cost = 0;
        for arg in pipe.commands.iter().flat_map(|command| &command.args) {
            cost += 1 + self.expr(arg)?;
        }
        Ok(cost)
    }

    fn expr(&self, expr: &Expr) -> Result<i64, TemplateError> {
        match expr {
            Expr::Identifier(_, name) => {
                let is_known = OWN.contains(&name.as_str())
                    || ["and", "or"].contains(&name.as_str())
                    || self.named.contains_key(name.as_str());
                if is_known {
                    return Ok(0);
                }
                let known: Vec<&str> = self.named.keys().map(String::as_str).collect();
                let known = if known.is_empty() { "only Go's own".to_owned() } else { known.join(", ") };
                Err(TemplateError::UnknownFunction { name: shortened(name), known })
            }
            Expr::Pipe(_, pipe) => self.pipe(pipe),
            Expr::Chain(_, inner, _) => self.expr(inner),
            _ => Ok(0),
        }
    }
}

fn command(pos: Pos, name: &'static str, args: Vec<Expr>) -> CommandNode {
    let function = Expr::Identifier(pos, SmolStr::new_static(name));
    CommandNode { pos, args: std::iter::once(function).chain(args).collect() }
}

fn pipe(pos: Pos, commands: Vec<CommandNode>) -> PipeNode {
    PipeNode { pos, decl: Vec::new(), commands, is_assign: false }
}
