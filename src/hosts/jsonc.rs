//! Text to syntax tree: JSON with comments and trailing commas, and nothing looser.

use jsonc_parser::ast::Value;
use jsonc_parser::errors::ParseError;
use jsonc_parser::tokens::Token;
use jsonc_parser::{CollectOptions, ParseOptions, Scanner, parse_to_ast};

use super::error::SyntaxProblem;

/// The parser recurses; this keeps a hostile file from exhausting its stack.
const DEEPEST: usize = 64;

/// The value in `text`, `None` for comments and nothing else; or a byte offset and what is wrong there.
pub(super) fn parse(text: &str) -> Result<Option<Value<'_>>, (usize, SyntaxProblem)> {
    check_tokens(text)?;
    let options = ParseOptions { allow_loose_object_property_names: false, ..ParseOptions::default() };
    parse_to_ast(text, &CollectOptions::default(), &options)
        .map(|parsed| parsed.value)
        .map_err(|e| from_parser(&e))
}

/// Refuses what the parser would accept or not survive: missing commas, single quotes, deep nesting.
fn check_tokens(text: &str) -> Result<(), (usize, SyntaxProblem)> {
    let mut scanner = Scanner::new(text);
    let (mut depth, mut after_value) = (0_usize, false);
    while let Some(token) = scanner.scan().map_err(|e| from_parser(&e))? {
        let (at, inside) = (scanner.token_start(), depth > 0);
        let (starts, ends) = match token {
            Token::CommentLine(_) | Token::CommentBlock(_) => continue,
            Token::Comma | Token::Colon => (false, false),
            Token::OpenBrace | Token::OpenBracket => {
                depth += 1;
                (true, false)
            }
            Token::CloseBrace | Token::CloseBracket => {
                depth = depth.saturating_sub(1);
                (false, true)
            }
            Token::String(_) if text[at..].starts_with('\'') => {
                return Err((at, SyntaxProblem::SingleQuotes));
            }
            Token::String(_) | Token::Word(_) | Token::Boolean(_) | Token::Number(_) | Token::Null => {
                (true, true)
            }
        };
        if depth > DEEPEST {
            return Err((at, SyntaxProblem::TooDeep(DEEPEST)));
        }
        if starts && after_value && inside {
            return Err((at, SyntaxProblem::MissingComma));
        }
        after_value = ends;
    }
    Ok(())
}

fn from_parser(error: &ParseError) -> (usize, SyntaxProblem) {
    (error.range().start, SyntaxProblem::Json(error.kind().clone()))
}
