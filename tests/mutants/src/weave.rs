//! One file: where its mutants lie in the syntax, and the text that holds them all.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use anyhow::Result;
use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::{Genre, Mutant, Position};

/// The text with its mutants, and what has become of each of them that is not to be built alone.
pub(crate) fn file(text: &str, mutants: &[&Mutant]) -> Result<(String, Told)> {
    let mut places: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for mutant in mutants {
        places
            .entry((mutant.genre, mutant.span.start))
            .or_default()
            .push(*mutant);
    }
    let parsed = syn::parse_file(text)?;
    let mut weaver = Weaver {
        text,
        places: &places,
        edits: Vec::new(),
        told: Told::default(),
    };
    weaver.visit_file(&parsed);
    let Weaver {
        mut edits, told, ..
    } = weaver;
    // What begins first, and of those that begin together the one around the others; insertions before all.
    // The sort is stable: of two with the same ends, the one that was found first is the outer.
    edits.sort_by_key(|edit| {
        let Range { start, end } = edit.place;
        (start, start != end, std::cmp::Reverse(end))
    });
    let mut woven = String::with_capacity(text.len() * 2);
    render(&mut woven, text, &edits, 0, 0..text.len());
    Ok((woven, told))
}

/// Numbers of mutants.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// They have a place in the text.
    pub(crate) placed: BTreeSet<u32>,
    /// They are no program.
    pub(crate) never: BTreeSet<u32>,
}

/// What stands in the place of a range of the source.
#[derive(Debug)]
struct Edit {
    place: Range<usize>,
    pieces: Vec<Piece>,
}

#[derive(Debug)]
enum Piece {
    Text(String),
    /// A range of the source, with what is woven into it.
    Source(Range<usize>),
}

fn render(woven: &mut String, text: &str, edits: &[Edit], first: usize, range: Range<usize>) {
    let mut at = range.start;
    for (index, edit) in edits.iter().enumerate().skip(first) {
        let Range { start, end } = edit.place;
        if start >= range.end {
            break;
        }
        // Before: what lies in an edit that has been rendered, or before the range.
        if start < at || end > range.end {
            continue;
        }
        woven.push_str(&text[at..start]);
        for piece in &edit.pieces {
            match piece {
                Piece::Text(piece) => woven.push_str(piece),
                Piece::Source(inner) => render(woven, text, edits, index + 1, inner.clone()),
            }
        }
        at = end;
    }
    woven.push_str(&text[at..range.end]);
}

struct Weaver<'a> {
    text: &'a str,
    places: &'a BTreeMap<(Genre, Position), Vec<&'a Mutant>>,
    edits: Vec<Edit>,
    told: Told,
}

/// Whether the mutant of this number is the one that is switched on.
fn on(mutant: &Mutant) -> String {
    format!("crate::mutant({})", mutant.number)
}

/// Text that is a mutant's own: an error within it is one of the mutant.
fn own(mutant: &Mutant, inner: &str) -> String {
    let number = mutant.number;
    format!("/*[{number}*/{inner}/*{number}]*/")
}

fn joined(mutants: &[&Mutant]) -> String {
    mutants
        .iter()
        .map(|it| it.number.to_string())
        .collect::<Vec<_>>()
        .join(",")
}

/// An expression that is of the same value as the source while none of these is switched on.
fn around(mutants: &[&Mutant], pieces: Vec<Piece>) -> Vec<Piece> {
    let numbers = joined(mutants);
    let mut all = vec![Piece::Text(format!("(/*{{{numbers}*/"))];
    all.extend(pieces);
    all.push(Piece::Text(format!("/*{numbers}}}*/)")));
    all
}

fn text(piece: impl Into<String>) -> Piece {
    Piece::Text(piece.into())
}

impl<'a> Weaver<'a> {
    fn mutants(&self, genre: Genre, span: Span) -> Vec<&'a Mutant> {
        let start = span.start();
        let position = Position {
            line: start.line,
            column: start.column + 1,
        };
        self.places
            .get(&(genre, position))
            .cloned()
            .unwrap_or_default()
    }

    fn edit(&mut self, mutants: &[&Mutant], place: Range<usize>, pieces: Vec<Piece>) {
        self.told.placed.extend(mutants.iter().map(|it| it.number));
        self.edits.push(Edit { place, pieces });
    }

    /// A function whose body is replaced by a value: it returns that before anything else.
    fn function(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let Some(first) = block.stmts.first() else {
            return;
        };
        let mutants = self.mutants(Genre::FnValue, first.span());
        if mutants.is_empty() {
            return;
        }
        let at = block.brace_token.span.open().byte_range().end;
        // A type that nobody can write down is that of the body's end: another value would be of another.
        if self.text[signature.output.span().byte_range()].contains("impl ") {
            let nothing = mutants
                .iter()
                .find(|it| it.replacement == "::std::iter::empty()");
            if let Some(nothing) = nothing {
                let end = block.brace_token.span.close().byte_range().start;
                let mut pieces = vec![text(format!(
                    "(if {} {{ None }} else {{ Some({{",
                    on(nothing)
                ))];
                pieces.push(Piece::Source(at..end));
                pieces.push(text("}) }).into_iter().flatten()"));
                let pieces = around(&[nothing], pieces);
                self.edit(&[nothing], at..end, pieces);
            }
            return;
        }
        let mut switches = String::new();
        for mutant in &mutants {
            let returned = format!("if {} {{ return {}; }}", on(mutant), mutant.replacement);
            switches.push_str(&own(mutant, &returned));
        }
        self.edit(&mutants, at..at, vec![Piece::Text(switches)]);
    }

    fn binary(&mut self, it: &syn::ExprBinary) {
        use syn::BinOp::{Add, And, BitAnd, BitOr, BitXor, Div, Mul, Or, Rem, Shl, Shr, Sub};
        let mutants = self.mutants(Genre::BinaryOperator, it.op.span());
        if mutants.is_empty() {
            return;
        }
        if holds_let(&it.left) || holds_let(&it.right) {
            // Whoever binds a name is asked before it is used: `||` stands in no such condition.
            self.told.never.extend(mutants.iter().map(|it| it.number));
            return;
        }
        let sides = (it.left.span().byte_range(), it.right.span().byte_range());
        let operator = &self.text[it.op.span().byte_range()];
        let pieces = match (it.op, mutants.as_slice()) {
            (And(_), [mutant]) => lazy(sides, mutant, ("right", "left")),
            (Or(_), [mutant]) => lazy(sides, mutant, ("left", "right")),
            (
                Add(_) | Sub(_) | Mul(_) | Div(_) | Rem(_) | BitAnd(_) | BitOr(_) | BitXor(_)
                | Shl(_) | Shr(_),
                mutants,
            ) => by_value(sides, operator, mutants),
            (_, mutants) => in_place(sides, operator, mutants),
        };
        let pieces = around(&mutants, pieces);
        self.edit(&mutants, it.span().byte_range(), pieces);
    }

    fn unary(&mut self, it: &syn::ExprUnary) {
        let mutants = self.mutants(Genre::UnaryOperator, it.op.span());
        let [mutant] = mutants.as_slice() else { return };
        let operator = &self.text[it.op.span().byte_range()];
        let taken_away = own(mutant, "of");
        let pieces = vec![
            text("{ let of = "),
            Piece::Source(it.expr.span().byte_range()),
            text(format!(
                "; if {} {{ {taken_away} }} else {{ {operator}of }} }}",
                on(mutant)
            )),
        ];
        let pieces = around(&mutants, pieces);
        self.edit(&mutants, it.span().byte_range(), pieces);
    }

    /// An arm that is taken away is one that never fits; a guard that is replaced decides without looking.
    fn arm(&mut self, it: &syn::Arm) {
        let arm = self.mutants(Genre::MatchArm, it.span());
        let guard = match &it.pat {
            syn::Pat::Guard(it) => Some(&it.guard),
            _ => None,
        };
        let guards = guard
            .map(|guard| self.mutants(Genre::MatchArmGuard, guard.span()))
            .unwrap_or_default();
        let mut condition = Vec::new();
        for mutant in &arm {
            condition.push(text(format!("!{}", on(mutant))));
        }
        if let Some(guard) = guard {
            if !condition.is_empty() {
                condition.push(text(" && "));
            }
            condition.push(text("("));
            for mutant in &guards {
                let value = own(mutant, &mutant.replacement);
                condition.push(text(format!("if {} {{ {value} }} else ", on(mutant))));
            }
            if guards.is_empty() {
                condition.push(Piece::Source(guard.span().byte_range()));
            } else {
                condition.extend([
                    text("{"),
                    Piece::Source(guard.span().byte_range()),
                    text("}"),
                ]);
            }
            condition.push(text(")"));
        }
        let mutants: Vec<_> = arm.into_iter().chain(guards).collect();
        if mutants.is_empty() {
            return;
        }
        let place = match guard {
            Some(guard) => guard.span().byte_range(),
            None => {
                let at = it.pat.span().byte_range().end;
                condition.insert(0, text(" if "));
                at..at
            }
        };
        let numbers = joined(&mutants);
        condition.insert(
            usize::from(guard.is_none()),
            text(format!("/*{{{numbers}*/")),
        );
        condition.push(text(format!("/*{numbers}}}*/")));
        self.edit(&mutants, place, condition);
    }

    /// A field that is taken away has the value of the struct that gives the rest.
    fn fields(&mut self, it: &syn::ExprStruct) {
        let Some(rest) = &it.rest else { return };
        for field in &it.fields {
            let mutants = self.mutants(Genre::StructField, field.span());
            let [mutant] = mutants.as_slice() else {
                continue;
            };
            let name = &self.text[field.member.span().byte_range()];
            let place = if field.colon_token.is_some() {
                field.expr.span().byte_range()
            } else {
                field.member.span().byte_range()
            };
            let before = if field.colon_token.is_some() {
                String::new()
            } else {
                format!("{name}: ")
            };
            let number = mutant.number;
            let pieces = vec![
                text(format!(
                    "{before}/*{{{number}*/if {} {{ /*[{number}*/(",
                    on(mutant)
                )),
                Piece::Source(rest.span().byte_range()),
                text(format!(").{name}/*{number}]*/ }} else {{ ")),
                Piece::Source(place.clone()),
                text(format!(" }}/*{number}}}*/")),
            ];
            self.edit(&mutants, place, pieces);
        }
    }
}

type Sides = (Range<usize>, Range<usize>);

/// `&&` and `||`: which side decides where the left one holds, and which where it does not. The mutant is the
/// other way round, and asks the right side as late.
fn lazy((left, right): Sides, mutant: &Mutant, (holds, holds_not): (&str, &str)) -> Vec<Piece> {
    let side = |name| {
        if name == "right" {
            Piece::Source(right.clone())
        } else {
            text("left")
        }
    };
    vec![
        text("{ let left: bool = "),
        Piece::Source(left),
        text(format!("; if left != {} {{", on(mutant))),
        side(holds),
        text("} else {"),
        side(holds_not),
        text("} }"),
    ]
}

/// Sums and the like: long ones hold each other on the left, so that each side may be there only once.
fn by_value((left, right): Sides, operator: &str, mutants: &[&Mutant]) -> Vec<Piece> {
    let alternatives: Vec<_> = mutants
        .iter()
        .map(|mutant| {
            let alternative = own(mutant, &format!("left {} right", mutant.replacement));
            format!("if {} {{ {alternative} }} else ", on(mutant))
        })
        .collect();
    vec![
        text("{ let (left, right) = ("),
        Piece::Source(left),
        text(", "),
        Piece::Source(right),
        text(format!(
            "); {} {{ left {operator} right }} }}",
            alternatives.concat()
        )),
    ]
}

/// Comparisons and assignments: their sides are places, of which nothing is moved.
fn in_place((left, right): Sides, operator: &str, mutants: &[&Mutant]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for mutant in mutants {
        let number = mutant.number;
        pieces.extend([
            text(format!("if {} {{ /*[{number}*/", on(mutant))),
            Piece::Source(left.clone()),
            text(format!(" {} ", mutant.replacement)),
            Piece::Source(right.clone()),
            text(format!("/*{number}]*/ }} else ")),
        ]);
    }
    pieces.extend([
        text("{"),
        Piece::Source(left),
        text(format!(" {operator} ")),
        Piece::Source(right),
        text("}"),
    ]);
    pieces
}

/// A condition that binds names: it holds only where it stands.
fn holds_let(expression: &syn::Expr) -> bool {
    match expression {
        syn::Expr::Let(_) => true,
        syn::Expr::Binary(it) => holds_let(&it.left) || holds_let(&it.right),
        _ => false,
    }
}

impl Weaver<'_> {
    /// What has a switch in it is no `const fn`. Where a constant needs it, the compiler says so.
    fn constness(&mut self, signature: &syn::Signature, edits_before: usize) {
        if let Some(word) = &signature.constness
            && self.edits.len() > edits_before
        {
            let place = word.span().byte_range();
            self.edit(&[], place, Vec::new());
        }
    }
}

impl<'ast> Visit<'ast> for Weaver<'_> {
    fn visit_item_fn(&mut self, it: &'ast syn::ItemFn) {
        let before = self.edits.len();
        self.function(&it.sig, &it.block);
        visit::visit_item_fn(self, it);
        self.constness(&it.sig, before);
    }

    fn visit_impl_item_fn(&mut self, it: &'ast syn::ImplItemFn) {
        let before = self.edits.len();
        self.function(&it.sig, &it.block);
        visit::visit_impl_item_fn(self, it);
        self.constness(&it.sig, before);
    }

    fn visit_trait_item_fn(&mut self, it: &'ast syn::TraitItemFn) {
        if let Some(block) = &it.default {
            self.function(&it.sig, block);
        }
        visit::visit_trait_item_fn(self, it);
    }

    fn visit_expr_binary(&mut self, it: &'ast syn::ExprBinary) {
        self.binary(it);
        visit::visit_expr_binary(self, it);
    }

    fn visit_expr_unary(&mut self, it: &'ast syn::ExprUnary) {
        self.unary(it);
        visit::visit_expr_unary(self, it);
    }

    fn visit_arm(&mut self, it: &'ast syn::Arm) {
        self.arm(it);
        visit::visit_arm(self, it);
    }

    fn visit_expr_struct(&mut self, it: &'ast syn::ExprStruct) {
        self.fields(it);
        visit::visit_expr_struct(self, it);
    }
}
