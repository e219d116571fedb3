//! What a trip would do, shown.

use super::context::Context;
use super::heading;
use crate::text::plain;
use crate::trip::{DryRun, Request};
use indicatif::HumanBytes;
use serde_json::json;

/// Shows what a trip would do.
pub(super) fn show(context: &Context, request: &Request, dry: &DryRun) {
    let DryRun { title, messages, bytes, directory, setting, opencode: (version, program), prompt } = dry;
    let (session, issue) = (&request.session, request.issue.as_deref());
    let (host, mode) = (&request.host.name, request.mode.name());
    let (agent, model) = (setting.agent.as_deref(), setting.model.as_ref().map(ToString::to_string));
    let variant = setting.model.as_ref().and_then(|model| model.variant.as_deref());
    let prompt = String::from_utf8_lossy(prompt);
    if context.ui.json {
        return context.ui.document(&json!({
            "session": session, "issue": issue, "title": title, "host": host, "mode": mode, "messages": messages,
            "bytes": bytes, "directory": directory, "agent": agent, "model": model, "variant": variant,
            "opencode": program, "opencode_version": version, "prompt": prompt,
        }));
    }
    let unset = "opencode's default";
    let issue = issue.map(|issue| format!("{} ", heading::short(issue))).unwrap_or_default();
    let text = format!(
        "{issue}{} → {host} ({mode}), nothing done yet\n\
         session    {session}, {messages} messages, {}\n\
         directory  {}\n\
         agent      {}\n\
         model      {}{}\n\
         opencode   {} at {}\n\n{prompt}\n",
        plain(title),
        HumanBytes(*bytes),
        plain(directory),
        agent.map_or(unset.to_owned(), plain),
        model.as_deref().map_or(unset.to_owned(), plain),
        variant.map(|variant| format!(", {}", plain(variant))).unwrap_or_default(),
        plain(version),
        plain(program),
    );
    context.ui.answer(&text);
}
