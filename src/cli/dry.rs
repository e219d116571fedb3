//! What a trip would do, shown.

use super::context::Context;
use super::heading;
use crate::text::plain;
use crate::trip::{DryRun, Request};
use indicatif::HumanBytes;
use serde::Serialize;

#[derive(Serialize)]
struct Document<'a> {
    session: &'a str,
    issue: Option<&'a str>,
    title: &'a str,
    host: &'a str,
    mode: &'a str,
    messages: u64,
    bytes: u64,
    directory: &'a str,
    agent: Option<&'a str>,
    model: Option<String>,
    variant: Option<&'a str>,
    opencode: &'a str,
    opencode_version: &'a str,
    prompt: String,
}

/// Shows what a trip would do.
pub(super) fn show(context: &Context, request: &Request, dry: &DryRun) {
    let model = dry.setting.model.as_ref();
    let document = Document {
        session: &request.session,
        issue: request.issue.as_deref(),
        title: &dry.title,
        host: &request.host.name,
        mode: request.mode.name(),
        messages: dry.messages,
        bytes: dry.bytes,
        directory: &dry.directory,
        agent: dry.setting.agent.as_deref(),
        model: model.map(ToString::to_string),
        variant: model.and_then(|model| model.variant.as_deref()),
        opencode: &dry.opencode.1,
        opencode_version: &dry.opencode.0,
        prompt: String::from_utf8_lossy(&dry.prompt).into_owned(),
    };
    if context.ui.json {
        return context.ui.document(&document);
    }
    let unset = "opencode's default";
    let issue = document.issue.map(|issue| format!("{} ", heading::short(issue))).unwrap_or_default();
    let text = format!(
        "{}{} → {} ({}), nothing done yet\n\
         session    {}, {} messages, {}\n\
         directory  {}\n\
         agent      {}\n\
         model      {}{}\n\
         opencode   {} at {}\n\n{}\n",
        issue,
        plain(document.title),
        document.host,
        document.mode,
        document.session,
        document.messages,
        HumanBytes(document.bytes),
        plain(document.directory),
        document.agent.map_or(unset.to_owned(), plain),
        document.model.as_deref().map_or(unset.to_owned(), plain),
        document.variant.map(|variant| format!(", {}", plain(variant))).unwrap_or_default(),
        plain(document.opencode_version),
        plain(document.opencode),
        document.prompt,
    );
    context.ui.answer(&text);
}
