//! Reading a query before it runs: where it is wrong, and where polars would do something else than
//! it says.

use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Expr, GroupByExpr, Join, JoinConstraint, JoinOperator, Select, SelectItem,
    SetExpr, Spanned, Statement, TableFactor, TableWithJoins, Visit, Visitor,
};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::{Parser, ParserError, ParserOptions};
use sqlparser::tokenizer::{Location, Token, Tokenizer};

use super::error::{Place, QueryError};

/// The one SELECT of a text, if it does what it says.
pub(crate) fn parse(sql: &str) -> Result<sqlparser::ast::Query, QueryError> {
    // As polars reads it.
    let options = ParserOptions { trailing_commas: true, ..ParserOptions::default() };
    let statements = Parser::new(&GenericDialect)
        .with_options(options)
        .try_with_sql(sql)
        .and_then(|mut parser| parser.parse_statements())
        .map_err(|error| syntax(error, sql))?;
    let mut statements = statements.into_iter();
    let query = match (statements.next(), statements.next()) {
        (Some(Statement::Query(query)), None) => query,
        (first, _) => {
            let found = match first {
                None => "nothing".to_owned(),
                Some(Statement::Query(_)) => "several statements".to_owned(),
                Some(other) => excerpt(&other.to_string()),
            };
            let reason = format!("expected one SELECT, found {found}");
            return Err(QueryError::Syntax { place: None, reason });
        }
    };
    match query.visit(&mut Traps) {
        ControlFlow::Break(refusal) => Err(refusal),
        ControlFlow::Continue(()) => Ok(*query),
    }
}

/// Where a text first names one of the words that a message quotes.
pub(crate) fn place_of_quoted(sql: &str, message: &str) -> Option<Place> {
    let tokens = Tokenizer::new(&GenericDialect, sql).tokenize_with_location().ok()?;
    let quoted = message.split(['"', '\'', '`']).skip(1).step_by(2);
    // A name with a dot is that of a column in a table: the column is the wrong part.
    let names = quoted.filter_map(|quoted| quoted.rsplit('.').next());
    let place = |name: &str| {
        // Functions are quoted in lower case, however they are written.
        let named = |token: &Token| matches!(token, Token::Word(word) if word.value.eq_ignore_ascii_case(name));
        let token = tokens.iter().find(|token| named(&token.token))?;
        place(token.span.start)
    };
    names.into_iter().find_map(place)
}

struct Traps;

impl Visitor for Traps {
    type Break = QueryError;

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<QueryError> {
        if let Some(into) = &select.into {
            let reason = "a query writes nothing";
            return refuse(into, reason, into.to_string(), "leave the INTO out");
        }
        aggregates(select)?;
        select.from.iter().try_for_each(joins)
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<QueryError> {
        match factor {
            TableFactor::Table { args: None, sample: None, .. } | TableFactor::Derived { .. } => {
                ControlFlow::Continue(())
            }
            TableFactor::NestedJoin { table_with_joins, .. } => joins(table_with_joins),
            TableFactor::Table { args: None, .. } => refuse(
                factor,
                "a sample would lose events",
                factor.to_string(),
                "use negative_ratio of a [[learner]]",
            ),
            other => refuse(
                other,
                "expected a source by its name",
                other.to_string(),
                "declare the file as a [[source]], so that the run depends on what is in it",
            ),
        }
    }
}

/// polars repeats an aggregate that stands beside columns on every row, as if each knew all the others.
fn aggregates(select: &Select) -> ControlFlow<QueryError> {
    let is_aggregate = |item: &&SelectItem| item.visit(&mut Aggregates).is_break();
    let aggregate = select.projection.iter().find(is_aggregate);
    match aggregate.filter(|_| !is_grouped(select)) {
        Some(aggregate) if !select.projection.iter().all(|item| is_aggregate(&item)) => refuse(
            aggregate,
            "expected no aggregate beside columns without GROUP BY, since it would see events still to \
             come",
            aggregate.to_string(),
            "aggregate another source by GROUP BY and join it, or join what was known with kind = \"asof\"",
        ),
        _ => ControlFlow::Continue(()),
    }
}

fn is_grouped(select: &Select) -> bool {
    !matches!(&select.group_by, GroupByExpr::Expressions(by, _) if by.is_empty())
}

fn joins(table: &TableWithJoins) -> ControlFlow<QueryError> {
    table.joins.iter().try_for_each(join)
}

fn join(join: &Join) -> ControlFlow<QueryError> {
    use JoinOperator as Op;
    let constraint = match &join.join_operator {
        Op::Join(on) | Op::Inner(on) | Op::Left(on) | Op::LeftOuter(on) => on,
        Op::Right(on) | Op::RightOuter(on) | Op::FullOuter(on) | Op::CrossJoin(on) => on,
        Op::Semi(on) | Op::LeftSemi(on) | Op::RightSemi(on) => on,
        Op::Anti(on) | Op::LeftAnti(on) | Op::RightAnti(on) => on,
        _ => {
            let reason = "expected a join with ON or USING";
            return refuse(join, reason, join.to_string(), DECLARE);
        }
    };
    match constraint {
        JoinConstraint::On(condition) => equalities(condition),
        _ => ControlFlow::Continue(()),
    }
}

/// polars runs a join with any other condition as an inner join, whatever it is called, or not at all.
fn equalities(condition: &Expr) -> ControlFlow<QueryError> {
    match condition {
        Expr::Nested(inner) => equalities(inner),
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            equalities(left)?;
            equalities(right)
        }
        Expr::BinaryOp { left, op: BinaryOperator::Eq, right }
            if !matches!((&**left, &**right), (Expr::Value(_), _) | (_, Expr::Value(_))) =>
        {
            ControlFlow::Continue(())
        }
        other => refuse(
            other,
            "expected only columns compared by = and AND in ON, else a LEFT JOIN silently loses rows",
            other.to_string(),
            DECLARE,
        ),
    }
}

const DECLARE: &str = "declare a [[join]] with kind = \"asof\" (latest row known before the event) or \
                       kind = \"range\" (narrowest matching range), which keep unmatched rows";

fn refuse(
    at: &impl Spanned,
    reason: &'static str,
    found: String,
    advice: &'static str,
) -> ControlFlow<QueryError> {
    let place = place(at.span().start);
    ControlFlow::Break(QueryError::Refused { place, reason, found: excerpt(&found), advice })
}

fn place(location: Location) -> Option<Place> {
    (location.line > 0).then_some(Place { line: location.line, column: location.column })
}

/// The parser's reason, with the place that it writes at its end.
fn syntax(error: ParserError, sql: &str) -> QueryError {
    let reason = match error {
        ParserError::TokenizerError(reason) | ParserError::ParserError(reason) => reason,
        ParserError::RecursionLimitExceeded => "nested too deeply".to_owned(),
    };
    let numbers = |tail: &str| {
        let (line, column) = tail.split_once(", Column: ")?;
        Some(Place { line: line.parse().ok()?, column: column.parse().ok()? })
    };
    let split = reason.rsplit_once(" at Line: ");
    match split.and_then(|(reason, tail)| Some((reason, numbers(tail)?))) {
        Some((reason, place)) => {
            QueryError::Syntax { place: Some(place), reason: lower_first(reason) }
        }
        None => {
            let place = reason.ends_with("found: EOF").then(|| end_of(sql));
            QueryError::Syntax { place, reason: lower_first(&reason) }
        }
    }
}

/// Behind the last character.
fn end_of(sql: &str) -> Place {
    let last = sql.trim_end().lines().last().unwrap_or_default();
    let line = sql.trim_end().lines().count().max(1) as u64;
    Place { line, column: last.chars().count() as u64 + 1 }
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(characters).collect()
}

/// The beginning of a long text.
pub(crate) fn excerpt(text: &str) -> String {
    const LONGEST: usize = 160;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Whether each row of the outermost SELECT is a row of one of these tables, so that a column of the
/// table may be added to it; gives the name by which the SELECT calls the table.
pub(crate) fn plain_select<'q>(
    query: &'q mut sqlparser::ast::Query,
    tables: &[&str],
) -> Option<(&'q mut Select, String)> {
    let SetExpr::Select(select) = &mut *query.body else { return None };
    if is_grouped(select)
        || select.distinct.is_some()
        || select.projection.visit(&mut Aggregates).is_break()
    {
        return None;
    }
    let relations = select.from.iter().flat_map(|table| {
        [&table.relation].into_iter().chain(table.joins.iter().map(|join| &join.relation))
    });
    let called = relations.filter_map(|relation| match relation {
        TableFactor::Table { name, alias, .. } => {
            let own = name.0.last()?.as_ident()?.value.clone();
            let called = alias.as_ref().map_or(own.clone(), |alias| alias.name.value.clone());
            tables.contains(&own.as_str()).then_some(called)
        }
        _ => None,
    });
    let called = called.into_iter().next()?;
    Some((select, called))
}

/// Finds a call that makes one row of many.
struct Aggregates;

impl Visitor for Aggregates {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        const NAMES: [&str; 15] = [
            "array_agg",
            "avg",
            "corr",
            "count",
            "covar",
            "first",
            "last",
            "max",
            "median",
            "min",
            "quantile",
            "stddev",
            "sum",
            "var",
            "variance",
        ];
        match expr {
            Expr::Function(call) if call.over.is_none() => {
                let name = call.name.to_string().to_ascii_lowercase();
                // `stddev_pop` is one, `minute` is none.
                let is = |known: &&str| {
                    name.strip_prefix(*known)
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
                };
                if NAMES.iter().any(is) {
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            }
            _ => ControlFlow::Continue(()),
        }
    }
}
